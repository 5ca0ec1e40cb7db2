# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
# Runs in the emulated host: the selftests named as arguments, on /dev/duet
# with the module loaded and then on /dev/kvm with the module gone. Started by
# scripts/lib/runtests.py, which reads the marker lines printed here.
#
# usage: sh host-tests.sh DEVICES SECONDS REFUSE NAME...
# DEVICES are some of duet, refused and kvm, in that order; "refused" is /dev/duet
# again, with VMs that refuse all hardware features of the mask REFUSE. SECONDS is
# each program's limit.

# of the debug kernel alone, and of the one that looks for races
kmemleak=/sys/kernel/debug/kmemleak
owners=/sys/kernel/debug/page_owner
kcsan=/sys/kernel/debug/kcsan
if [ -e $kmemleak ] || [ -e $kcsan ]; then
	export DUET_SLOWNESS=10		# selftests/lib/pace.h
fi
# a machine that survives it (scripts/host run --suspend)
! grep -qw duet.suspend /proc/cmdline || export DUET_SUSPEND=mem
devices=$1
seconds=$2
refuse=$3
shift 3

signs='WARNING:|BUG:|kernel BUG at|Oops|Call Trace|cut here|refcount_t:'
signs="$signs|general protection fault|rcu: INFO:|blocked for more|UBSAN:"
signs="$signs|scheduling while atomic|unchecked MSR access|Bad page|lockup"

begin()
{
	dmesg -c >/dev/null
	echo "DUET-TEST-BEGIN $1 $2"
}

# finish DEVICE NAME STATUS: closes a program's output; what the kernel said
# meanwhile is held against the program.
finish()
{
	echo
	# that there is no memory, when a test wants it so, is no complaint
	dmesg | sed '/vmalloc error: size/,/<\/TASK>/d' >/tmp/kernel-log
	if [ "$1" != kvm ] &&
		grep -qE "$signs" /tmp/kernel-log; then
		grep -nE -m 1 "$signs" /tmp/kernel-log | cut -d : -f 1 >/tmp/line
		echo "DUET-TEST-KERNEL $1 $2"
		tail -n "+$(cat /tmp/line)" /tmp/kernel-log | head -n 80 |
			sed 's/^/# kernel: /'
	fi
	echo "DUET-TEST-END $1 $2 $3"
}

# step DEVICE NAME RULE COMMAND...: one command as a program of one test.
step()
{
	local device=$1 name=$2 rule=$3 status=0

	shift 3
	begin "$device" "$name"
	echo 1..1
	"$@" >/tmp/step 2>&1 || status=$?
	if [ $status = 0 ]; then
		echo "ok 1 - $rule"
	else
		sed 's/^/# /' /tmp/step
		dmesg | tail -n 5 | sed 's/^/# kernel: /'
		echo "not ok 1 - $rule"
	fi
	finish "$device" "$name" $status
	return $status
}

load_duet()
{
	insmod /duet/duet.ko && [ -c /dev/duet ]
}

load_kvm()
{
	if grep -q '\bsvm\b' /proc/cpuinfo; then
		modprobe kvm_amd
	else
		modprobe kvm_intel
	fi && [ -c /dev/kvm ]
}

unload_kvm()
{
	rmmod kvm_amd 2>/dev/null || rmmod kvm_intel && rmmod kvm
}

# jiffies: the clock by which kmemleak says when an object was allocated.
jiffies()
{
	sed -n 's/^jiffies: //p' /proc/timer_list | head -n 1
}

# no_leaks SINCE: nothing that was allocated since the jiffies SINCE has lost its
# last pointer. kmemleak suspects what is 5 s old and the same in two scans.
no_leaks()
{
	sleep 6
	echo scan >$kmemleak && echo scan >$kmemleak || return
	awk -v since="$1" '
		/^unreferenced object/ { object = $0; new = 0; next }
		/^  comm / {
			sub(/.*jiffies /, "")
			new = $1 + 0 >= since + 0
			if (new)
				print object
			found += new
		}
		new
		END { exit found > 0 }' $kmemleak
}

# pages: those that the module has asked for, a record each, but for what the
# kernel keeps for others: slabs, per-CPU chunks, its own tables, saved stacks.
# A record is read as a whole or not at all, so not in awk's small portions.
pages()
{
	dd if=$owners bs=64k 2>/dev/null | awk '
		/^Page allocated/ { record = ""; ours = kept = 0 }
		{ record = record $0 "\n" }
		/\[duet\]/ { ours = 1 }
		/slab_alloc|pcpu_|stack_depot|p[gumt][de]_alloc/ { kept = 1 }
		/^$/ && ours && !kept { print record }
		/^$/ { record = ""; ours = kept = 0 }'
}

# no_lost_pages COUNT: no more than at load, now that there is no VM.
no_lost_pages()
{
	[ "$1" -gt 0 ] && [ "$(pages | grep -c '^Page allocated')" -le "$1" ] &&
		return
	pages
	return 1
}

# lockdep is off after its first report, or when it runs out of memory
lockdep_is_awake()
{
	cat /proc/lockdep_stats
	grep -q 'debug_locks: *1$' /proc/lockdep_stats
}

# and did it look? Some thousand times for each program.
kcsan_is_awake()
{
	cat $kcsan
	awk '/^enabled: 1$/ { on = 1 } /^setup_watchpoints:/ { looks = $2 }
		END { exit !(on && looks > 10000) }' $kcsan
}

programs()
{
	local device=$1 node=$1 mask= name status

	shift
	if [ "$device" = refused ]; then
		node=duet
		mask=$refuse
	fi
	for name; do
		status=0
		begin "$device" "$name"
		DUET_REFUSE=$mask DUET_DEVICE=/dev/$node timeout -s KILL "$seconds" \
			"/duet/selftests/$name" || status=$?
		finish "$device" "$name" $status
	done
}

# hooks: the program entry once more, on the module that was built for it.
hooks()
{
	local status=0

	if [ ! -e /duet/duet-hooks.ko ]; then
		begin duet entry-hooks
		echo "1..0 # SKIP there is no module with hooks (make module HOOKS=y)"
		finish duet entry-hooks 0
		return
	fi
	step duet load-hooks "duet.ko with hooks loads" \
		insmod /duet/duet-hooks.ko || return
	begin duet entry-hooks
	DUET_DEVICE=/dev/duet timeout -s KILL "$seconds" /duet/selftests/entry ||
		status=$?
	finish duet entry-hooks $status
	step duet unload-hooks "duet.ko with hooks unloads" rmmod duet
}

for device in $devices; do
	case $device in
	duet)
		[ ! -e $kmemleak ] || before=$(jiffies)
		step duet load "duet.ko loads and makes its node" load_duet || continue
		[ ! -e $kmemleak ] || loaded=$(pages | grep -c '^Page allocated')
		programs duet "$@"
		if [ -e $kmemleak ]; then
			step duet kmemleak "no VM or vCPU has left memory behind" \
				no_leaks "$before"
			step duet page_owner "nor pages" no_lost_pages "$loaded"
		fi
		if [ -e $kcsan ]; then
			step duet kcsan "KCSAN looked for races to the end" \
				kcsan_is_awake
		fi
		step duet unload "duet.ko unloads" rmmod duet
		if [ -e $kmemleak ]; then
			step duet kmemleak "nor has the module" \
				no_leaks "$before"
			step duet lockdep "lockdep watched to the end" \
				lockdep_is_awake
		fi
		case " $* " in
		*" entry "*) hooks ;;
		esac
		;;
	refused)
		step refused load "duet.ko loads again" load_duet || continue
		programs refused "$@"
		step refused unload "duet.ko unloads again" rmmod duet
		;;
	kvm)
		step kvm load "KVM loads" load_kvm || continue
		programs kvm "$@"
		step kvm unload "KVM unloads" unload_kvm
		;;
	esac
done
echo "DUET-TEST-DONE"
