# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=busybox
# Runs in the emulated host: QEMU with /dev/kvm, and the demo's guest in it.
# Started by scripts/qemu.
#
# usage: sh host-qemu.sh duet|kvm IRQCHIP CPUS SECONDS GUEST-COMMAND-LINE

tar -C / -xf qemu.tar && rm qemu.tar || exit 1
case $1 in
duet) insmod /duet/duet.ko device=kvm ;;
kvm) modprobe kvm_amd 2>/dev/null || modprobe kvm_intel ;;
esac || exit 1
echo "qemu: $(qemu-system-x86_64 --version | head -n 1) on $1, irqchip $2"
set -o pipefail
timeout "$4" qemu-system-x86_64 -machine q35 -accel "kvm,kernel-irqchip=$2" \
	-cpu host -smp "$3" -m 256 -nodefaults -no-user-config -display none \
	-serial stdio -no-reboot -kernel /duet/guest/vmlinuz \
	-initrd /duet/guest/initrd -append "$5" </dev/null | tee /tmp/console
status=$?
if [ $status != 0 ] || ! grep -q '^DUET-GUEST: PASS' /tmp/console; then
	dmesg | tail -n 10
	echo "qemu: status $status, and no PASS"
	exit 1
fi
[ "$1" != duet ] || rmmod duet || exit 1
echo "qemu: the guest's verdict is PASS"
