#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs one emulated host to its end and reports the verdict from inside.

usage: machine.py --machine M --kernel VMLINUX --vmlinuz VMLINUZ --initrd FILE
                  --work DIR [options]

Prints what the command in the emulated host prints and nothing else on
standard output. The exit status is the command's, or 124 (time is up),
125 (the host died), 126 (the emulator died). Called by scripts/host.
"""

import argparse
import os
import select
import signal
import subprocess
import sys
import time

import bochs
import qemu

START = b"DUET-HOST-START: "
EXIT = b"DUET-HOST-EXIT: "
STATUS_TIMEOUT, STATUS_HOST_DIED, STATUS_EMULATOR = 124, 125, 126

KERNEL_ARGUMENTS = (
    "console=ttyS0,115200 quiet loglevel=4 panic=-1 oops=panic nokaslr "
    "tsc=reliable no_timer_check cryptomgr.notests audit=0 rdinit=/init")
BARE_ARGUMENTS = "mitigations=off security=none init_on_alloc=0 norandmaps"


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__, add_help=False)
    p.add_argument("--machine", required=True)
    p.add_argument("--kernel", required=True)
    p.add_argument("--vmlinuz", required=True)
    p.add_argument("--initrd", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--cpus", type=int, default=1)
    p.add_argument("--memory", type=int, default=1024)
    p.add_argument("--timeout", type=float, default=300)
    p.add_argument("--append", action="append", default=[])
    p.add_argument("--deterministic", action="store_true")
    p.add_argument("--firmware-off", action="store_true")
    p.add_argument("--mitigations", action="store_true")
    p.add_argument("--suspend", action="store_true")
    p.add_argument("--allow-warnings", action="store_true")
    p.add_argument("--dmesg", action="store_true")
    p.add_argument("--shell", action="store_true")
    p.add_argument("--time", action="store_true")
    p.add_argument("--mend-eventinj", action="store_true")
    p.add_argument("--emulator-option", action="append", default=[])
    return p.parse_args(argv)


def command_line(args, token):
    line = [KERNEL_ARGUMENTS, "duet.token=" + token]
    if not args.mitigations:
        line.append(BARE_ARGUMENTS)
    if args.allow_warnings:
        line.append("duet.warnings=allow")
    if args.dmesg:
        line.append("duet.dmesg=all")
    if args.shell:
        line.append("duet.mode=shell")
    if args.mend_eventinj:
        # for the selftests: see interrupts_go_twice()
        line.append("duet.eventinj=mended")
    if args.suspend or args.machine in bochs.MACHINES:
        line.append("duet.suspend")
    line += bochs.KERNEL_ARGUMENTS.get(args.machine, [])
    return " ".join(line + args.append)


class Output:
    """The console's stream: what stands between the two marker lines."""

    def __init__(self, token):
        self.start = START + token.encode() + b"\n"
        self.exit = EXIT
        self.token = token.encode()
        self.held = b""
        self.started = False
        self.status = None
        self.boots = 0

    def write(self, data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def feed(self, data):
        self.held += data
        if not self.started:
            self.boots = self.held.count(bochs.BOOT_MARK)
            at = self.held.find(self.start)
            if at < 0:
                return
            self.started = True
            self.held = self.held[at + len(self.start):]
        self.boots += self.held.count(bochs.BOOT_MARK)
        while b"\n" in self.held and self.status is None:
            line, self.held = self.held.split(b"\n", 1)
            if line.startswith(self.exit):
                fields = line[len(self.exit):].split()
                if len(fields) == 2 and fields[1] == self.token:
                    self.status = int(fields[0])
                    return
            if not bochs.CHATTER.match(line):
                self.write(line + b"\n")
        # a prompt or a progress line need not wait for its end
        if self.status is None and not self.exit.startswith(
                self.held[:len(self.exit)]):
            self.write(self.held)
            self.held = b""

    def finish(self):
        if self.started and self.status is None and self.held:
            self.write(self.held + b"\n")
            self.held = b""


def end_process(proc):
    """Ends the emulator and waits for it; its files are then closed."""
    if proc.poll() is None:
        try:
            proc.terminate()
            proc.wait(2)
        except subprocess.TimeoutExpired:
            proc.kill()
    return proc.wait()


def set_signals(handler):
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, handler)


def stop(signum, frame):
    """One signal is enough: run() ends the emulator on its way out. Another
    that came while it waits for that (timeout sends two) would wait, in here,
    for a lock that the interrupted wait holds.
    """
    set_signals(signal.SIG_IGN)
    sys.exit(128 + signum)


def serial_text(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def watch(proc, output, serial, deadline, dead):
    """Copies output until the machine's end; says what ended it."""
    fd = proc.stdout.fileno()
    panic_at, heard = None, time.time()
    while True:
        now = time.monotonic()
        if time.time() >= heard + 20 and dead(heard):
            return "shutdown"
        if now >= deadline:
            return "timeout"
        if panic_at is not None and now >= panic_at:
            return "panic"
        ready, _, _ = select.select([fd], [], [], min(0.5, deadline - now))
        if ready:
            data = os.read(fd, 65536)
            if not data:
                return "end"
            heard = time.time()
            output.feed(data)
            if output.status is not None:
                return "exit"
            if output.boots > 1:
                return "reboot"
        elif panic_at is None and b"Kernel panic" in serial_text(serial):
            # its last words may still be under way
            panic_at = now + 1.5


def run(args):
    token = ("0" * 16 if args.deterministic else os.urandom(8).hex())
    machine = bochs if args.machine in bochs.MACHINES else qemu
    if args.mend_eventinj and machine is not qemu:
        raise SystemExit("machine.py: --mend-eventinj is for tcg")
    serial = os.path.join(args.work, "serial.log")
    line = command_line(args, token)
    argv, env = machine.prepare(args, line, serial)
    if args.shell:
        return machine.interactive(args, argv, env)

    started = time.monotonic()
    output = Output(token)
    errors = open(os.path.join(args.work, "emulator.err"), "wb")
    proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=errors, env=env,
                            cwd=args.work)

    set_signals(stop)
    try:
        try:
            why = watch(proc, output, serial, started + args.timeout,
                        lambda t: machine is bochs and bochs.dead(args, t))
            if output.status is not None:
                proc.wait(1)
        except subprocess.TimeoutExpired:
            pass
        finally:
            set_signals(signal.SIG_IGN)
    finally:
        code = end_process(proc)
    errors.close()
    output.finish()
    sys.stdout.flush()
    if args.time:
        print(f"DUET-HOST-TIME: {time.monotonic() - started:.1f} s",
              file=sys.stderr)
    if output.status is not None:
        return output.status

    for text in serial_text(serial).decode(errors="replace").splitlines()[-150:]:
        print("[serial]", text.rstrip("\r"), file=sys.stderr)
    sys.stderr.flush()
    if machine.failure(args, why, code):
        print("EMULATOR", flush=True)
        return STATUS_EMULATOR
    if why == "timeout":
        print(f"DUET-HOST-TIMEOUT: no verdict within {args.timeout:g} s",
              flush=True)
        return STATUS_TIMEOUT
    print(f"DUET-HOST-DIED: no verdict ({why})", flush=True)
    return STATUS_HOST_DIED


if __name__ == "__main__":
    sys.exit(run(parse(sys.argv[1:])))
