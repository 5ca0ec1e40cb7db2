# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
# Runs in the emulated host, on the kernels debug and kcsan: plants one fault for each
# sanitizer (fault.ko, from selftests/debug/) and expects the report. TAP.
# Started by scripts/test-debug.
#
# usage: sh host-faults.sh FAULT...

leaks=/sys/kernel/debug/kmemleak
owners=/sys/kernel/debug/page_owner
number=0 failed=0

# report_of FAULT: what its report says.
report_of()
{
	case $1 in
	use_after_free) echo 'KASAN: (slab-)?use-after-free in use_after_free' ;;
	out_of_bounds) echo 'KASAN: slab-out-of-bounds in out_of_bounds' ;;
	lock_inversion) echo 'possible circular locking dependency detected' ;;
	irq_unsafe_lock) echo 'inconsistent lock state' ;;
	sleep_in_atomic) echo 'sleeping function called from invalid context' ;;
	preemptible_cpu_id) echo 'using smp_processor_id\(\) in preemptible' ;;
	rcu_misuse) echo 'suspicious RCU usage' ;;
	shift_out_of_bounds) echo 'UBSAN: shift-out-of-bounds' ;;
	index_out_of_bounds) echo 'UBSAN: array-index-out-of-bounds' ;;
	leak) echo 'leaked on purpos' ;;
	free_armed_timer) echo 'ODEBUG: free active .*timer_list' ;;
	list_corruption) echo 'list_del corruption' ;;
	lost_page) echo '\[fault\]' ;;
	refcount_underflow) echo 'refcount_t: (underflow|decrement hit 0)' ;;
	irqs_already_on) echo 'raw_local_irq_restore\(\) called with IRQs enabled' ;;
	fpu_not_begun) echo 'WARNING: .*kernel_fpu_end' ;;
	racing_count) echo 'KCSAN: data-race in count \[fault\]' ;;
	missing_barrier) echo 'write \(reordered\) to' ;;
	# boot has left unreferenced objects, and insmod would have these
	none) echo 'BUG|WARNING|UBSAN|ODEBUG|cut here|\[fault\]|comm "insmod"' ;;
	esac
}

# load FAULT: and what the kernel can say only while the module is there.
load()
{
	insmod fault.ko fault="$1"
	case $1 in
	lost_page | none) [ ! -e $owners ] || grep -F '[fault]' $owners ;;
	esac
	rmmod fault
}

# said FAULT: what the kernel has said since the fault was planted.
said()
{
	dmesg
	[ -e $leaks ] || return
	case $1 in
	leak | none)
		# It suspects what is 5 s old and the same in two scans.
		sleep 6
		echo scan >$leaks
		echo scan >$leaks
		cat $leaks
		echo clear >$leaks
		;;
	esac
}

echo "TAP version 13"
echo "1..$#"
for fault; do
	number=$((number + 1))
	dmesg -c >/dev/null
	load "$fault" >/tmp/said
	said "$fault" >>/tmp/said
	grep -qE "$(report_of "$fault")" /tmp/said
	found=$?
	case $fault in
	none) rule="no report without a fault" want=1 ;;
	*) rule="the fault $fault is reported" want=0 ;;
	esac
	if [ $found = $want ]; then
		echo "ok $number - $rule"
	else
		failed=1
		tail -n 100 /tmp/said | sed 's/^/# /'
		echo "not ok $number - $rule"
	fi
done
exit $failed
