# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
# Runs in the emulated host: loads the hypervisor, boots the guest, and says
# what came of it. Started by scripts/demo.
#
# usage: sh host-demo.sh duet|kvm SECONDS GUEST-COMMAND-LINE

device=$1
seconds=$2
append=$3

say()
{
	echo "demo: $*"
}

load()
{
	case $device in
	duet) insmod /duet/duet.ko ;;
	kvm) modprobe kvm_amd 2>/dev/null || modprobe kvm_intel ;;
	esac
}

say "host $(uname -r), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
if ! load; then
	dmesg | tail -n 10
	say "cannot load $device"
	exit 1
fi
say "$device is loaded; booting the guest"
set -o pipefail
duet run --device "/dev/$device" --kernel /duet/guest/vmlinuz \
	--initrd /duet/guest/initrd --memory 256M --append "$append" --stats \
	--timeout "$seconds" </dev/null | tee /tmp/console
status=$?
if [ $status != 0 ]; then
	dmesg | tail -n 10
	say "the launcher failed with status $status"
	exit 1
fi
if ! grep -q '^DUET-GUEST: PASS' /tmp/console; then
	say "the guest did not say PASS"
	exit 1
fi
if [ "$device" = duet ] && ! rmmod duet; then
	say "duet.ko does not unload"
	exit 1
fi
say "the guest's verdict is PASS"
