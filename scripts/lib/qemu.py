# SPDX-License-Identifier: GPL-2.0
"""The machine "tcg": QEMU's own AMD-V. Called by machine.py."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

from build import build

# One CPU model; what is left out was never seen to make a difference but time.
CPU = "max,la57=off"


HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.abspath(os.environ.get("DUET_BUILD") or
                      os.path.join(HERE, "..", "..", "build"))


def program(args):
    """The emulator, and whether its -icount is fair to all processors.

    Until 8.1 the first one gets all of the time (scripts/lib/setup-qemu.sh).
    """
    if args.cpus == 1 and not args.mend_eventinj:
        return "qemu-system-x86_64", True
    own = os.path.join(OUT, "qemu", "qemu-system-x86_64")
    name = own if os.access(own, os.X_OK) else "qemu-system-x86_64"
    said = subprocess.run([name, "--version"], stdout=subprocess.PIPE,
                          check=True).stdout.decode()
    version = re.search(r"version (\d+)\.(\d+)", said)
    return name, tuple(map(int, version.groups())) >= (8, 1)


def mend(name):
    """What the emulator NAME needs in its environment for --mend-eventinj."""
    path = build(os.path.join(HERE, "qemu-eventinj.c"),
                 os.path.join(OUT, "qemu-eventinj.so"),
                 ["gcc-12", "-O2", "-Wall", "-Werror", "-shared", "-fPIC"])
    mended = {"LD_PRELOAD": path}
    tried = subprocess.run([name, "--version"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, env={**os.environ, **mended})
    if tried.returncode:
        raise SystemExit("machine.py: " + tried.stderr.decode().strip())
    return mended


# The host's own clock counts whole seconds, and is to have seen one.
ASLEEP = 1.2


def wake(directory):
    """Wakes the machine up a while after it went to sleep, each time.

    Its own alarm would have to be set before, and be over too early on a machine
    that is slow to fall asleep.
    """
    # a socket's path has to be short
    fd = os.open(directory, os.O_PATH)
    monitor = socket.socket(socket.AF_UNIX)
    while True:
        try:
            monitor.connect(f"/proc/self/fd/{fd}/monitor")
            break
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.1)
    with contextlib.suppress(OSError), monitor.makefile("rw") as f:
        f.write('{"execute": "qmp_capabilities"}\n')
        f.flush()
        for said in f:
            if json.loads(said).get("event") == "SUSPEND":
                time.sleep(ASLEEP)
                f.write('{"execute": "system_wakeup"}\n')
                f.flush()


def prepare(args, line, serial):
    """The command to run, and its environment."""
    name, fair = program(args)
    env = dict(os.environ)
    if args.mend_eventinj:
        env.update(mend(name))
    # What QEMU itself lays out in memory, it lays out again when the machine
    # wakes up: over the kernel that sleeps there. A bzImage is fetched by code
    # in the machine, and takes a second or two to unpack itself.
    kernel = args.vmlinuz if args.suspend else args.kernel
    argv = [name, "-nodefaults", "-no-user-config",
            "-machine", "q35,hpet=off,i8042=off,smm=off",
            "-cpu", CPU, "-m", str(args.memory), "-smp", str(args.cpus),
            "-display", "none", "-no-reboot",
            "-kernel", kernel, "-initrd", args.initrd, "-append", line,
            "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    if args.suspend:
        argv += ["-qmp", "unix:monitor,server=on,wait=off"]
        threading.Thread(target=wake, args=(args.work,), daemon=True).start()
    if args.shell:
        argv += ["-serial", "mon:stdio"]
    else:
        # a file and not stdio, which would touch the terminal's settings
        argv += ["-serial", "file:" + serial,
                 "-chardev", "file,id=debug,path=/dev/stdout",
                 "-device", "isa-debugcon,iobase=0xe9,chardev=debug"]
    if args.deterministic and not fair:
        raise SystemExit("machine.py: several processors and --deterministic "
                         "want QEMU 8.1; 'scripts/host setup' gets it")
    if args.deterministic:
        # icount: the time stamp counter counts instructions, one per ns
        argv += ["-accel", "tcg,thread=single",
                 "-icount", "shift=0,sleep=off",
                 "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
    elif os.environ.get("DUET_TCG_THREAD", "single") == "multi":
        # the emulator's own threads' races: for stress on demand
        argv += ["-accel", "tcg,thread=multi"]
    elif not fair:
        argv += ["-accel", "tcg,thread=single"]
    else:
        # With icount the timers are the processors' own thread's, too: VMRUN
        # and #VMEXIT change interrupt_request without the lock, and a timer's
        # interrupt of another thread that comes just then is lost
        # (docs/errata-emulators.md). 8 ns for an instruction is about real
        # time; nobody waits while the processors are idle.
        argv += ["-accel", "tcg,thread=single", "-icount",
                 "shift=3,sleep=" + ("on" if args.shell else "off")]
    return argv + args.emulator_option, env


def interactive(args, argv, env):
    subprocess.run(argv, env=env, cwd=args.work)
    return 0


def failure(args, why, code):
    """Tells the emulator's own fault from the host's; prints what it knows."""
    with open(os.path.join(args.work, "emulator.err"),
              errors="replace") as f:
        text = f.read().strip()
    if text:
        print("[qemu]", text, file=sys.stderr)
    if why != "end":
        return False
    # QEMU is ended by a host that resets itself, with status 0
    if code:
        print(f"qemu ended by itself, with status {code}", file=sys.stderr)
    return code != 0
