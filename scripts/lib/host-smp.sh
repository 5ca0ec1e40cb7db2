# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
# Runs in the emulated host: multiprocessor guests under stress. Started by
# scripts/smp.
#
# usage: sh host-smp.sh MODE DEVICE CPUS SECONDS WORDS
#
# SECONDS is when a guest is given up, WORDS is for its command line.
#
# boot     one guest with CPUS vCPUs
# many     eight guests at once with one or two vCPUs; three are killed
# migrate  one guest, its threads moved between the host's CPUs all the time
# hotplug  one guest while the host's CPU 1 goes and comes all the time
# suspend  one guest while the host is suspended to RAM again and again

mode=$1 device=$2 cpus=$3 seconds=$4 words=$5

say()
{
	echo "smp: $*"
}

load()
{
	case $device in
	duet) insmod /duet/duet.ko ;;
	kvm) modprobe kvm_amd 2>/dev/null || modprobe kvm_intel ;;
	esac
}

# guest CPUS MEMORY WORD...: boots one, in the foreground
guest()
{
	local n=$1 memory=$2

	shift 2
	exec duet run --device "/dev/$device" --cpus "$n" --memory "$memory" \
		--kernel /duet/guest/vmlinuz --initrd /tmp/initrd \
		--timeout "$seconds" --append "console=ttyS0 panic=-1 \
cryptomgr.notests rdinit=/smp cpus=$n $words $*" </dev/null
}

# passed FILE: shows a console; did its guest pass?
passed()
{
	grep -a '^DUET-GUEST: PASS' "$1" >/dev/null
}

one()
{
	guest "$cpus" 192M >/tmp/console 2>&1 &
	pid=$!
	"$1" $pid &
	helper=$!
	tail -f /tmp/console &
	tail=$!
	wait $pid
	status=$?
	kill $helper 2>/dev/null
	wait $helper 2>/dev/null
	sleep 1
	kill $tail
	wait $tail 2>/dev/null
	[ $status = 0 ] && passed /tmp/console
}

nothing()
{
	:
}

# Every thread of process $1 to one CPU and then to the other.
migrate()
{
	local cpu=0 task n=0

	trap 'say "$n moves"; exit' TERM
	while [ -d "/proc/$1" ]; do
		for task in /proc/$1/task/*; do
			taskset -p $((1 << cpu)) "${task##*/}" >/dev/null 2>&1
			n=$((n + 1))
			cpu=$((1 - cpu))
		done
		cpu=$((1 - cpu))
		usleep 3000
	done
}

hotplug()
{
	local n=0

	trap 'echo 1 >/sys/devices/system/cpu/cpu1/online; \
		say "CPU 1 went and came $n times"; exit' TERM
	while [ -d "/proc/$1" ]; do
		echo 0 >/sys/devices/system/cpu/cpu1/online || say "offline failed"
		usleep 50000
		echo 1 >/sys/devices/system/cpu/cpu1/online || say "online failed"
		usleep 200000
		n=$((n + 1))
	done
}

# It wakes up by itself.
suspend()
{
	local n=0

	trap 'say "slept $n times"; exit' TERM
	while [ -d "/proc/$1" ]; do
		if echo mem >/sys/power/state; then
			n=$((n + 1))
		else
			say "suspend failed"
		fi
		sleep 2
	done
}

many()
{
	local i=0 pids='' failed=0 status

	while [ $i -lt 8 ]; do
		guest $((i % 2 + 1)) 112M quiet >/tmp/console.$i 2>&1 &
		eval "pid$i=$!"
		i=$((i + 1))
	done
	# three of them, at moments that are not foreseen
	for i in 5 2 6; do
		sleep $((3 + $(od -An -tu1 -N1 /dev/urandom) % 8))
		eval "kill -KILL \$pid$i" && say "killed guest $i"
	done
	for i in 0 1 3 4 7; do
		eval "wait \$pid$i"
		status=$?
		sed "s/^/$i: /" /tmp/console.$i | grep -a -e guest: -e DUET
		if [ $status != 0 ] || ! passed /tmp/console.$i; then
			say "guest $i failed (status $status)"
			tail -n 30 /tmp/console.$i
			failed=1
		fi
	done
	return $failed
}

if ! load; then
	dmesg | tail -n 10
	say "cannot load $device"
	exit 1
fi
cat /duet/guest/initrd /duet/guest/smp.cpio >/tmp/initrd
case $mode in
boot) one nothing ;;
migrate) one migrate ;;
hotplug) one hotplug ;;
suspend) one suspend ;;
many) many ;;
esac || {
	dmesg | tail -n 10
	say "FAILED: $mode, $cpus vCPUs"
	exit 1
}
if [ "$device" = duet ] && ! rmmod duet; then
	say "duet.ko does not unload"
	exit 1
fi
say "passed: $mode, $cpus vCPUs"
