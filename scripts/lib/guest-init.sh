#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# init of the demo's guest: does some real work, says how it went, powers off.
# Started by the guest's kernel; put into build/guest/initrd by image.sh, which
# fills in what stands between at signs.

PATH=/bin:/sbin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp

verdict=PASS

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

# hundredths of a second since the boot, by the kernel's clock
uptime_cs()
{
	read -r up rest </proc/uptime
	echo "${up%.*}${up#*.}"
}

echo "guest: $(uname -sr), $(grep -c ^processor /proc/cpuinfo) processor(s)"
echo "guest: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
report "memory" "$(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) > 65536))" 1

# A file is decompressed, and is the file that went in.
report "decompress @SIZE@ bytes" \
	"$(xz -dc /payload/text.xz | tee /tmp/text | wc -c)" "@SIZE@"
report "SHA-256" "$(sha256sum </tmp/text | cut -d ' ' -f 1)" "@SHA256@"

# Processes come, return what they should, and go.
i=0
sum=0
while [ $i -lt 300 ]; do
	(exit $((i % 7))) &
	wait $!
	sum=$((sum + $?))
	i=$((i + 1))
done
report "300 processes" "$sum" 897

# Floating point keeps its registers while others use theirs.
# The sum tends to pi squared over 6; then e, and the root of 2.
float='BEGIN {
	for (i = 1; i <= 20000; i++)
		s += 1 / (i * i)
	for (t = e = i = 1; i < 25; i++)
		e += t /= i
	for (r = i = 1; i < 9; i++)
		r = (r + 2 / r) / 2
	printf "%.9f %.12f %.12f\n", s, e, r
}'
awk "$float" >/tmp/float.1 &
awk "$float" >/tmp/float.2 &
wait
report "floating point" "$(cat /tmp/float.1)" \
	"1.644884068 2.718281828459 1.414213562373"
report "floating point, concurrently" "$(cat /tmp/float.2)" \
	"$(cat /tmp/float.1)"

# The timer wakes a sleeper, and the clock has moved by about as much.
before=$(uptime_cs)
date_before=$(date +%s)
sleep 2
slept=$(($(uptime_cs) - before))
echo "guest: slept $((slept / 100)).$((slept / 10 % 10)) s of 2"
report "sleep" "$((slept >= 195 && slept < 1500))" 1
report "clock" "$(($(date +%s) - date_before >= 1))" 1

report "interrupts of the timer" \
	"$(grep -Eq '^ *(0|LOC):.*[1-9]' /proc/interrupts && echo some)" some
report "kernel warnings" \
	"$(dmesg | grep -E 'WARNING: CPU|BUG:|Oops|Call Trace')" ""

echo "DUET-GUEST: $verdict"
sync
poweroff -f
sleep 60
