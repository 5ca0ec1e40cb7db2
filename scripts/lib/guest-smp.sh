#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# init of a multiprocessor guest (rdinit=/smp): keeps all of its CPUs busy,
# checks what they computed, takes CPUs away and brings them back, and asks
# the kernel whether it noticed anything. Put into build/guest/initrd by
# image.sh, which fills in what stands between at signs.
#
# Words on the command line: cpus=N (how many must come up), rounds=N,
# want_clock=NAME (the clocksource that must have been chosen), nohotplug.

PATH=/bin:/sbin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp

verdict=PASS
cpus=1 rounds=1 clock= hotplug=1
for word in $(cat /proc/cmdline); do
	case $word in
	cpus=*) cpus=${word#*=} ;;
	rounds=*) rounds=${word#*=} ;;
	want_clock=*) clock=${word#*=} ;;
	nohotplug) hotplug= ;;
	esac
done

# report NAME GOT WANTED
report()
{
	if [ "$2" = "$3" ]; then
		echo "guest: $1: ok ($2)"
	else
		echo "guest: $1: FAILED (got '$2', wanted '$3')"
		verdict=FAIL
	fi
}

online()
{
	grep -c ^processor /proc/cpuinfo
}

# One decompression per CPU and one more, each checked.
decompress()
{
	local i=0

	while [ $i -le "$cpus" ]; do
		(xz -dc /payload/text.xz | sha256sum >/tmp/sum.$i) &
		i=$((i + 1))
	done
}

wrong_sums()
{
	cat /tmp/sum.* | grep -vc '^@SHA256@ '
}

# Processes by the hundred, each with a pipe to another.
storm()
{
	local i=0 sum=0

	while [ $i -lt 60 ]; do
		sum=$((sum + $(echo $i | cat)))
		(exit 3) || sum=$((sum + $?))
		i=$((i + 1))
	done
	echo $sum
}

# A CPU goes and comes while the others work.
hotplug()
{
	local i=0 c

	while [ -n "$hotplug" ] && [ $i -lt 4 ]; do
		c=$((i % (cpus - 1) + 1))
		echo 0 >/sys/devices/system/cpu/cpu$c/online || return 1
		echo 1 >/sys/devices/system/cpu/cpu$c/online || return 1
		i=$((i + 1))
	done
}

echo "guest: $(uname -sr), $(online) processor(s), clock" \
	"$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
report "processors" "$(online)" "$cpus"
[ -z "$clock" ] || report "clocksource" \
	"$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" \
	"$clock"

round=1
while [ $round -le "$rounds" ]; do
	rm -f /tmp/sum.* /tmp/storm.*
	decompress
	i=0
	while [ $i -lt "$cpus" ]; do
		storm >/tmp/storm.$i &
		i=$((i + 1))
	done
	plugged=ok
	[ "$cpus" = 1 ] || hotplug || plugged=no
	wait
	report "round $round: wrong SHA-256 of $((cpus + 1)) texts" \
		"$(wrong_sums)" 0
	report "round $round: processes and pipes" \
		"$(cat /tmp/storm.* | sort -u)" 1950
	report "round $round: CPUs go and come" "$plugged" ok
	round=$((round + 1))
done

# Sleeps on every CPU end, and not early.
i=0
while [ $i -lt "$cpus" ]; do
	taskset $((1 << i)) sh -c 'a=$(cut -d " " -f 1 /proc/uptime)
		sleep 1
		b=$(cut -d " " -f 1 /proc/uptime)
		awk "BEGIN { print ($b - $a >= 0.95) }"' >/tmp/slept.$i &
	i=$((i + 1))
done
wait
report "sleeps" "$(cat /tmp/slept.* | sort -u)" 1

report "processors at the end" "$(online)" "$cpus"
# Linux says so of every AMD processor without an invariant TSC.
report "kernel's complaints" "$(dmesg |
	grep -v 'Marking TSC unstable due to TSCs unsynchronized' | grep -iE 'WARNING: CPU|BUG:|Oops|Call Trace|rcu.*(stall|INFO:)|soft lockup|unstable|clocksource.*(skew|wrong)|TSC.*(warp|unsynchronized)|not responding|no irq handler|blocked for more')" ""
echo "DUET-GUEST: $verdict"
sync
poweroff -f
sleep 60
