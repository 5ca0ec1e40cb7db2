# SPDX-License-Identifier: GPL-2.0
"""The machines in Bochs: both vendors, both generations. Called by machine.py.

Bochs cannot be handed a kernel, so that this lays one out on a disk, with a
boot sector that loads it, in about a second. (A boot loader takes ten.)
"""

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import tty

import vmlinux
from build import build

BOOT_MARK = b"DUET-BOOT\n"

# The processor of each machine. MWAIT would sleep for ever on the Ryzen.
MACHINES = {
    "svm1": "model=turion64_tyler",
    "svm2": "model=ryzen, mwait_is_nop=1",
    "vmx1": "model=core2_penryn_t9600",
    "vmx2": "model=corei7_haswell_4770",
}

# XSAVEC and XSAVES put the AVX registers at 416, over the image's header, and
# XRSTOR looks for them at 576 (SDM vol. 1, 13.4.3): the host's threads would
# get each other's registers. Of these models the Ryzen alone has them.
KERNEL_ARGUMENTS = {
    "svm2": ["clearcpuid=xsavec,xsaves"],
}

BIOS = "/usr/share/bochs/BIOS-bochs-latest"
# The firmware's RDMSR of IA32_FEATURE_CONTROL; OR EAX, 5: VMXON outside SMX,
# and the lock (SDM vol. 3, 24.7). With 1 in its place it is the lock alone.
ALLOWS_VMX = re.compile(rb"(\xb9\x3a\0\0\0\x0f\x32(?:\x66)?\x83\xc8)\x05")

# Where things go in the emulated host's memory.
BOOT_PARAMS, COMMAND_LINE, PAGE_TABLES = 0x10000, 0x11000, 0x70000
ACPI_SIZE = 0x10000     # of its tables, which the BIOS puts at the top
SECTOR = 512
CYLINDER = 16 * 63 * SECTOR

# With AMD-V a guest's triple fault is the VMM's to see, but Bochs looks for the
# SHUTDOWN intercept only where it would not reset the machine, and after a
# panic; the debugger stops there too. A virtual-8086 guest's exit passes a
# state that it takes for a panic as well. So its CPU does not stop for one.
# How many triple faults a run may have:
STOPS = 1000
DEAD = b"Any simulation after this point is completely bogus"

CONFIG = """\
cpu: {cpu}, count={cpus}, ips=50000000, reset_on_triple_fault={reset}, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file={bios}, options=fastboot
vgaromimage: file=/usr/share/vgabios/vgabios.bin
display_library: rfb, options="timeout=0,hideIPS"
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path=disk.img, mode=flat, cylinders=0, heads=16, spt=63
ata1: enabled=0
boot: disk
clock: sync=none, time0={time0}
port_e9_hack: enabled=1
{com1}
parport1: enabled=0
sound: driver=dummy
speaker: enabled=0
log: bochs.log
logprefix: %t%e%d
panic: action=fatal{panic}
error: action=report
info: action=ignore
debug: action=ignore
"""


def boot_sector(out):
    here = os.path.dirname(os.path.abspath(__file__))
    target = build(
        os.path.join(here, "bochs-boot.S"), os.path.join(out, "bochs-boot"),
        ["gcc-12", "-nostdlib", "-static", "-Wl,--build-id=none",
         "-Wl,-Ttext=0x7c00", "-Wl,--oformat=binary", "-Wl,-z,noexecstack",
         "-Wl,-no-pie", "-fno-pie"])
    with open(target, "rb") as f:
        data = f.read()
    if len(data) != SECTOR or data[510:] != b"\x55\xaa":
        raise ValueError(f"{target} is not a boot sector")
    return data


def page_tables():
    """Identity mapping of 4 GiB by 2 MiB pages: PML4, PDPT, four PDs."""
    pages = [struct.pack("<Q", PAGE_TABLES + 0x1000 | 3).ljust(4096, b"\0")]
    pages.append(b"".join(
        struct.pack("<Q", PAGE_TABLES + 0x2000 + 0x1000 * i | 3)
        for i in range(4)).ljust(4096, b"\0"))
    for i in range(2048):
        pages.append(struct.pack("<Q", i << 21 | 0x83))
    return b"".join(pages)


def boot_params(image, memory, initrd, initrd_size):
    """struct boot_params, Documentation/x86/zero-page.rst."""
    params = bytearray(4096)
    end = 0x202 + image[0x201]
    params[0x1f1:end] = image[0x1f1:end]
    params[0x210] = 0xff                # type_of_loader: none assigned
    struct.pack_into("<II", params, 0x218, initrd, initrd_size)
    struct.pack_into("<I", params, 0x228, COMMAND_LINE)
    top = memory << 20
    e820 = ((0, 0x9f000, 1), (0xf0000, 0x10000, 2),
            (0x100000, top - ACPI_SIZE - 0x100000, 1),
            (top - ACPI_SIZE, ACPI_SIZE, 3))
    params[0x1e8] = len(e820)
    for i, entry in enumerate(e820):
        struct.pack_into("<QQI", params, 0x2d0 + 20 * i, *entry)
    return bytes(params)


def make_disk(args, line, path, out):
    with open(args.vmlinuz, "rb") as f:
        image = f.read(4096)
    with open(args.kernel, "rb") as f:
        entry, pieces = vmlinux.segments(f.read())
    with open(args.initrd, "rb") as f:
        initrd = f.read()
    kernel_end = max(paddr + size for paddr, _, size in pieces)
    initrd_at = ((args.memory << 20) - ACPI_SIZE - len(initrd)) & ~0x1fffff
    if initrd_at < kernel_end + (64 << 20):
        raise ValueError(f"{args.memory} MiB of memory is not enough")
    # memory is zero at the start, so that trailing zeros need no loading
    loads = [(paddr, content.rstrip(b"\0")) for paddr, content, _ in pieces]
    loads += [(initrd_at, initrd),
              (BOOT_PARAMS, boot_params(image, args.memory, initrd_at,
                                        len(initrd))),
              (COMMAND_LINE, line.encode() + b"\0"),
              (PAGE_TABLES, page_tables())]
    table, lba = b"", 2
    with open(path, "wb") as disk:
        for paddr, content in loads:
            sectors = -(-len(content) // SECTOR)
            if not sectors:
                continue
            table += struct.pack("<III", lba, sectors, paddr)
            disk.seek(lba * SECTOR)
            disk.write(content)
            lba += sectors
        disk.truncate(-(-lba * SECTOR // CYLINDER) * CYLINDER)
        disk.seek(0)
        disk.write(boot_sector(out))
        disk.write(table.ljust(496, b"\0") +
                   struct.pack("<QII", entry, BOOT_PARAMS, PAGE_TABLES))


def firmware(args):
    """The BIOS, or a copy of it that locks VT-x off."""
    if not args.firmware_off:
        return BIOS
    with open(BIOS, "rb") as f:
        content, count = ALLOWS_VMX.subn(lambda m: m[1] + b"\1", f.read())
    if not count or not args.machine.startswith("vmx"):
        raise SystemExit("machine.py: --firmware-off is for VT-x and a BIOS "
                         "that would switch it on")
    path = os.path.join(args.work, "bios")
    with open(path, "wb") as f:
        f.write(content)
    return path


def prepare(args, line, serial):
    """The command to run, and its environment."""
    out = os.path.dirname(os.path.dirname(os.path.abspath(args.kernel)))
    if args.memory > 2048:
        raise SystemExit("machine.py: Bochs machines have at most 2048 MiB")
    make_disk(args, line, os.path.join(args.work, "disk.img"), out)
    env = dict(os.environ)
    time0 = "utc"
    if args.deterministic:
        here = os.path.dirname(os.path.abspath(__file__))
        env["LD_PRELOAD"] = build(
            os.path.join(here, "bochs-time.c"),
            os.path.join(out, "bochs-time.so"),
            ["gcc-12", "-O2", "-shared", "-fPIC"])
        time0 = "1767225600"
    com1 = f"com1: enabled=1, mode=file, dev={serial}"
    if args.shell:
        args.terminal, slave = pty.openpty()
        com1 = f"com1: enabled=1, mode=term, dev={os.ttyname(slave)}"
    amd = args.machine.startswith("svm")
    lenient = "".join(f", cpu{i}=report" for i in range(args.cpus) if amd)
    with open(os.path.join(args.work, "bochsrc"), "w") as f:
        f.write(CONFIG.format(bios=firmware(args), cpu=MACHINES[args.machine],
                              cpus=args.cpus, reset=0 if amd else 1,
                              panic=lenient, memory=args.memory,
                              time0=time0, com1=com1))
        for option in args.emulator_option:
            f.write(option + "\n")
    with open(os.path.join(args.work, "commands"), "w") as f:
        f.write("continue\n" * (STOPS if amd else 1))
    return (["bochs", "-q", "-f", "bochsrc", "-rc", "commands"], env)


def relay(proc, terminal):
    """This terminal to the emulated UART and back, until Ctrl-A X."""
    escape = False
    while proc.poll() is None:
        ready, _, _ = select.select([0, terminal], [], [], 0.5)
        if terminal in ready:
            os.write(1, os.read(terminal, 4096))
        if 0 in ready:
            data = os.read(0, 1024)
            if not data or escape and data[:1] in b"xX":
                return
            escape = data == b"\x01"
            if not escape:
                os.write(terminal, data)


def interactive(args, argv, env):
    """A shell on this terminal; it is given back as it was."""
    saved = termios.tcgetattr(0) if os.isatty(0) else None
    with open(os.path.join(args.work, "emulator.err"), "wb") as err:
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=err,
                                stderr=err, env=env, cwd=args.work,
                                start_new_session=True)
    print("Booting takes about ten seconds; Ctrl-A X ends it.", flush=True)
    try:
        if saved:
            tty.setraw(0)
        relay(proc, args.terminal)
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSAFLUSH, saved)
        proc.terminate()
        proc.wait()
    return 0


# What Bochs logs as an error and is none: unknown MSRs, every port exit.
NOISE = re.compile(r"(RD|WR)MSR|SVM VMEXIT|PIC|reading from port|IPS =")


def logged(args):
    """The last words of Bochs' log, without what it says all the time."""
    try:
        with open(os.path.join(args.work, "bochs.log"), "rb") as f:
            f.seek(max(0, os.path.getsize(f.name) - (4 << 20)))
            text = f.read().decode(errors="replace")
    except OSError:
        return []
    return [l for l in text.splitlines() if not NOISE.search(l)]


# What the debugger says when it stops for a triple fault.
CHATTER = re.compile(rb"\(\d+\)\.\[\d+\] |Next at t=\d+$|\(\d+\) \[0x")


def dead(args, heard):
    """Is a triple fault the last thing that happened since HEARD (in seconds
    of time())? Then it was the host's: a guest's is an exit, and life goes on.
    """
    try:
        if os.path.getmtime(os.path.join(args.work, "bochs.log")) < heard:
            return False
        with open(os.path.join(args.work, "bochs.log"), "rb") as f:
            f.seek(max(0, os.path.getsize(f.name) - 1000))
            lines = f.read().splitlines()
    except OSError:
        return False
    return bool(lines) and DEAD in lines[-1]


def failure(args, why, code):
    """Tells the emulator's own fault from the host's; prints what it knows.

    True if Bochs gave up by itself: a panic, an assertion, a signal. A triple
    fault is the host's; this build of Bochs ends with it.
    """
    lines = logged(args)
    for line in lines[-15:]:
        print("[bochs]", line, file=sys.stderr)
    if why not in ("end", "shutdown"):
        return False
    if any("3rd (" in l and "exception" in l for l in lines[-5:]):
        print("the emulated host's processor took a triple fault",
              file=sys.stderr)
        return False
    with open(os.path.join(args.work, "emulator.err"),
              errors="replace") as f:
        for line in f.read().splitlines()[-5:]:
            print("[bochs]", line, file=sys.stderr)
    print(f"bochs ended by itself, with status {code}", file=sys.stderr)
    return True
