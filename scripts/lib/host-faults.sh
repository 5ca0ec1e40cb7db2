# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
# Runs in the emulated host, on the debug kernel: plants one fault for each
# sanitizer (fault.ko, from selftests/debug/) and expects the report. TAP.
# Started by scripts/test-debug.
#
# usage: sh host-faults.sh FAULT...

leaks=/sys/kernel/debug/kmemleak
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
	leak) echo '^unreferenced object.*size 1024' ;;
	free_armed_timer) echo 'ODEBUG: free active .*timer_list' ;;
	list_corruption) echo 'list_del corruption' ;;
	none) echo 'BUG|WARNING|UBSAN|ODEBUG|cut here|unreferenced' ;;
	esac
}

# said: what the kernel has said since the fault was planted.
said()
{
	dmesg
	if [ "$1" = leak ] || [ "$1" = none ]; then
		# an object is suspected once it is 5 s old, unchanged
		sleep 6
		echo scan >$leaks
		echo scan >$leaks
		cat $leaks
		echo clear >$leaks
	fi
}

echo "TAP version 13"
echo "1..$#"
# What the boot has left is not of interest here. A first scan suspects nobody:
# it notes what there is.
case " $* " in
*' leak '*)
	echo scan >$leaks
	echo scan >$leaks
	echo clear >$leaks
	;;
esac
for fault; do
	number=$((number + 1))
	dmesg -c >/dev/null
	insmod fault.ko fault="$fault" && rmmod fault
	said "$fault" >/tmp/said
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
		sed 's/^/# /' /tmp/said
		echo "not ok $number - $rule"
	fi
done
exit $failed
