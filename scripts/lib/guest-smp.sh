#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# init of a multiprocessor guest (rdinit=/smp): keeps all of its CPUs busy,
# checks what they computed, takes CPUs away and brings them back, and asks
# the kernel whether it noticed anything. Put into build/guest/smp.cpio by
# image.sh, which fills in what stands between at signs.
#
# Words on the command line: cpus=N (how many must come up), rounds=N or
# seconds=N (how long), want_clock=NAME (the clocksource that must have been
# chosen), nohotplug.

PATH=/bin:/sbin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp

verdict=PASS
cpus=1 rounds=1 seconds=0 clock= hotplug=1
for word in $(cat /proc/cmdline); do
	case $word in
	cpus=*) cpus=${word#*=} ;;
	rounds=*) rounds=${word#*=} ;;
	seconds=*) seconds=${word#*=} ;;
	want_clock=*) clock=${word#*=} ;;
	nohotplug) hotplug= ;;
	esac
done
[ "$cpus" != 1 ] || hotplug=

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

uptime_seconds()
{
	cut -d . -f 1 /proc/uptime
}

# One decompression per CPU, each checked.
decompress()
{
	local i=0

	while [ $i -lt "$cpus" ]; do
		xz -dc /payload/text.xz | sha256sum >/tmp/sum.$i &
		i=$((i + 1))
	done
	wait
}

# The text, by threads: what they make of it and what that is in the end.
compress()
{
	/usr/bin/xz -1 "-T$((cpus > 1 ? cpus : 2))" --block-size=256KiB \
		-c /tmp/text >/tmp/packed
	sha256sum </tmp/packed >/tmp/packed.sum
	xz -dc /tmp/packed | sha256sum >/tmp/sum.packed
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

storms()
{
	local i=0

	while [ $i -lt "$cpus" ]; do
		storm >/tmp/storm.$i &
		i=$((i + 1))
	done
	wait
}

# CPUs go and come while the others work; at least four times.
hotplug()
{
	local i=0 c

	while [ $i -lt 4 ] || [ ! -e /tmp/over ]; do
		c=$((i % (cpus - 1) + 1))
		echo 0 >/sys/devices/system/cpu/cpu$c/online || return 1
		echo 1 >/sys/devices/system/cpu/cpu$c/online || return 1
		i=$((i + 1))
		echo $i >/tmp/plugs
		usleep 100000
	done
}

# Sleeps on every CPU end, and not early.
sleeps()
{
	local i=0

	while [ $i -lt "$cpus" ]; do
		taskset $((1 << i)) sh -c 'a=$(cut -d " " -f 1 /proc/uptime)
			sleep 1
			b=$(cut -d " " -f 1 /proc/uptime)
			awk "BEGIN { print ($b - $a >= 0.95) }"' >/tmp/slept.$i &
		i=$((i + 1))
	done
	wait
}

# What the kernel said since it was asked last. After the boot, any word of
# these is too much; before, they are in the names of what it sets up.
bad='WARNING: CPU|BUG:|Oops|Call Trace|rcu.*(stall|INFO:)|soft lockup|unstable'
bad="$bad|clocksource.*(skew|wrong)|TSC.*(warp|unsynchronized)|not responding"
bad="$bad|no irq handler|blocked for more"

complaints_of_boot()
{
	# Linux says so of every AMD processor without an invariant TSC.
	dmesg -c | grep -v 'Marking TSC unstable due to TSCs unsynchronized' |
		grep -iE "$bad"
}

complaints()
{
	dmesg -c | grep -v -e 'clocksource: tsc: mask' \
		-e 'Switched to clocksource' |
		grep -iE "$bad|rcu:|rcu_|stall|clocksource|watchdog|lockup|BUG|WARNING"
}

# One of everything at a time; three lines of verdicts.
round()
{
	local plugged=ok pids

	rm -f /tmp/sum.* /tmp/storm.* /tmp/packed* /tmp/over /tmp/plugs
	decompress &
	pids=$!
	compress &
	pids="$pids $!"
	storms &
	pids="$pids $!"
	if [ -n "$hotplug" ]; then
		hotplug &
		plugger=$!
	fi
	# shellcheck disable=SC2086
	wait $pids
	: >/tmp/over
	[ -z "$hotplug" ] || wait $plugger || plugged=no
	report "round $1: wrong SHA-256 of $((cpus + 1)) texts" \
		"$(wrong_sums)" 0
	report "round $1: SHA-256 of what threads packed" \
		"$(cut -d ' ' -f 1 /tmp/packed.sum)" @PACKED@
	report "round $1: processes and pipes" \
		"$(cat /tmp/storm.* | sort -u)" 1950
	[ -z "$hotplug" ] ||
		report "round $1: CPUs go and come" "$plugged" ok
	report "round $1: kernel's complaints" "$(complaints)" ""
	plugs=$((plugs + $(cat /tmp/plugs 2>/dev/null || echo 0)))
}

echo "guest: $(uname -sr), $(online) processor(s), clock" \
	"$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
report "processors" "$(online)" "$cpus"
[ -z "$clock" ] || report "clocksource" \
	"$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" \
	"$clock"
report "kernel's complaints at boot" "$(complaints_of_boot)" ""

xz -dc /payload/text.xz >/tmp/text
n=0 plugs=0 start=$(uptime_seconds)
while [ $n -lt "$rounds" ] ||
	[ $(($(uptime_seconds) - start)) -lt "$seconds" ]; do
	n=$((n + 1))
	round $n
	[ $verdict = PASS ] || break
done
sleeps
report "sleeps" "$(cat /tmp/slept.* | sort -u)" 1
report "processors at the end" "$(online)" "$cpus"
report "kernel's complaints at the end" "$(complaints)" ""
echo "guest: $n round(s) in $(($(uptime_seconds) - start)) seconds," \
	"$plugs times a CPU went and came"
echo "DUET-GUEST: $verdict"
sync
poweroff -f
sleep 60
