#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A kvm-amd.ko whose vCPUs begin with a 32-bit TSS in TR, for Bochs.

usage: kvm-tr.py KVM-AMD.KO OUT

After a reset KVM has TR as the APM has it, a busy 16-bit TSS (type 3), and
Bochs refuses long mode with such a one (docs/errata-emulators.md): a vCPU that
another one starts dies in Linux's trampoline. The one constant is changed in
Debian's module, as it was compiled for 6.1, to type 11. Called by scripts/smp.
"""

import subprocess
import sys

# MOVABS $imm64, %rax, stored over the end of the VMCB's IDTR and the begin of
# its TR (APM vol. 2, table B-2): selector 0, attributes present and type 3
OLD = bytes.fromhex("48b8" "000000000000" "8300")
NEW = bytes.fromhex("48b8" "000000000000" "8b00")


def main():
    source, target = sys.argv[1:]
    with open(source, "rb") as f:
        module = f.read()
    if module.count(OLD) != 1:
        raise SystemExit(f"kvm-tr.py: {source} is compiled otherwise")
    with open(target, "wb") as f:
        f.write(module.replace(OLD, NEW))
    # its signature is no longer right; without one it is loaded
    subprocess.run(["strip", "--strip-unneeded", target], check=True)


main()
