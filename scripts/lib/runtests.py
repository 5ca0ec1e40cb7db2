#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The test runner behind scripts/test; see its header for the usage.

Each machine is a thread that boots the emulated host, follows what comes out
of scripts/lib/host-tests.sh, and boots again for the rest when a program took
the host down with it.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time

import tap

SCRIPTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("DUET_BUILD",
                       os.path.join(os.path.dirname(SCRIPTS), "build"))
HOST = os.path.join(SCRIPTS, "host")
EMULATOR_STATUS = 126
MACHINES = ("tcg", "svm1", "svm2", "vmx1", "vmx2")
# What a boot, the loading and unloading may take, on a busy machine.
BOOT_SECONDS = 120
# What says more with two processors than with one.
SMP_PROGRAMS = ("smp", "storms", "init_sipi", "nmi", "eventfd", "suspend")


class Report:
    """TAP of everything, one numbered line per verdict, from all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.results = []
        self.emulator = 0

    def add(self, where, result, diagnosis=()):
        verdict, rule, why = result
        with self.lock:
            self.results.append(result)
            line = "not ok" if verdict == tap.FAIL else "ok"
            line += f" {len(self.results)} - {where}: {rule}"
            if verdict == tap.SKIP:
                line += f" # SKIP {why}"
            elif why:
                line += f" # {why}"
            print("\n".join([line, *diagnosis]), flush=True)

    def note(self, text):
        with self.lock:
            print("# " + text, flush=True)

    def add_emulator(self, where):
        """A verdict of its own: neither a pass nor a failure of what ran."""
        self.note(f"{where}: EMULATOR: the emulator died of its own fault")
        with self.lock:
            self.emulator += 1

    def close(self):
        passed, failed, skipped = tap.count(self.results)
        print(f"1..{len(self.results)}")
        if self.emulator:
            print(f"{self.emulator} ended by the emulator's own fault")
        if not self.results:
            print("# nothing was run: that is no pass")
        print(tap.closing_line(passed, failed, skipped), flush=True)
        return 1 if failed or self.emulator or not self.results else 0


def names_in(directory):
    path = os.path.join(BUILD, "selftests", directory)
    try:
        found = sorted(os.listdir(path))
    except OSError:
        return []
    return [n for n in found if os.path.isfile(os.path.join(path, n)) and
            os.access(os.path.join(path, n), os.X_OK)]


def log_file(name):
    directory = os.path.join(BUILD, "test")
    os.makedirs(directory, exist_ok=True)
    return open(os.path.join(directory, name), "w", errors="replace")


class Follower:
    """Sorts the output of one program into verdicts, and reports them."""

    def __init__(self, report, where, name, quiet=False):
        self.report, self.where, self.quiet = report, where, quiet
        self.program = tap.Program(name)
        self.diagnosis = []
        self.warned = False

    def feed(self, line):
        result = self.program.feed(line)
        if result:
            self._tell(result)
        elif line.strip() and not line.startswith(("TAP version", "1..")):
            self.diagnosis.append(
                line if line.startswith("#") else "# " + line)

    def _tell(self, result):
        if not self.quiet:
            self.report.add(self.where, result,
                            self.diagnosis[-100:] if result[0] == tap.FAIL
                            else ())
        self.diagnosis = []

    def kernel_warned(self):
        self.warned = True
        self.diagnosis = []

    def finish(self, status):
        for result in self.program.finish(status):
            self._tell(result)
        if self.warned:
            # about this node alone, so no part of what is compared
            self._tell((tap.FAIL, "the kernel has no complaint", ""))
        return self.program.results


def run_here(report, options):
    """The programs that need no emulated host."""
    here = [(n, [os.path.join(BUILD, "selftests", "host", n)])
            for n in names_in("host")]
    tests = os.path.join(SCRIPTS, "tests")
    # each break is a build and a run: on demand
    on_demand = ("breaks",)
    here += [("scripts-" + n, [os.path.join(tests, n)])
             for n in sorted(os.listdir(tests))
             if os.access(os.path.join(tests, n), os.X_OK) and
             n not in on_demand]
    if options.full:
        here.append(("scripts-module-vmx2",
                     [os.path.join(tests, "module"), "vmx2"]))
    for name, argv in here:
        if options.only and name not in options.only:
            continue
        follower = Follower(report, f"here {name}", name)
        status = None
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=options.limit or 600)
            status, text = done.returncode, done.stdout
        except subprocess.TimeoutExpired as e:
            text = e.stdout or b""
        except OSError as e:
            text = f"{argv[0]}: {e.strerror}".encode()
        text = text.decode(errors="replace")
        with log_file(f"here-{name}.log") as log:
            log.write(text)
        for line in text.splitlines():
            follower.feed(line)
        follower.finish(status)


class Machine:
    """All that is to be run on one machine."""

    def __init__(self, report, options, name, cpus=None):
        self.report, self.options, self.name = report, options, name
        self.cpus = cpus or options.cpus
        self.label = name if self.cpus == 1 else f"{name}-{self.cpus}cpus"
        self.verdicts = {}      # (device, program) -> {rule: verdict}
        self.emulator_died = set()      # in these (device, program)
        self.limit = options.limit or (120 if name == "tcg" else 300)
        thorough = options.full or name == "tcg"
        self.compared = not options.no_kvm and thorough
        self.refused = not options.no_refused and thorough and not cpus

    def boot(self, devices, programs, log):
        """One boot; returns (status, program it ended in or None, done)."""
        budget = BOOT_SECONDS + self.limit * len(programs) * len(devices)
        argv = [HOST, "run", "--machine", self.name,
                "--kernel", self.options.kernel,
                "--cpus", str(self.cpus),
                *(a for w in self.options.append for a in ("--append", w)),
                "--timeout", str(min(budget, self.options.boot_limit)),
                "--allow-warnings", "--suspend",
                "--file", os.path.join(SCRIPTS, "lib", "host-tests.sh"),
                "--", "sh", "host-tests.sh", " ".join(devices),
                str(self.limit), self.options.refuse, *programs]
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        follower, current, done, stray = None, None, set(), []
        for raw in proc.stdout:
            line = raw.decode(errors="replace").rstrip("\r\n")
            log.write(line + "\n")
            log.flush()
            words = line.split()
            mark = words[0] if words else ""
            if mark == "DUET-TEST-BEGIN" and len(words) == 3:
                current = (words[1], words[2])
                follower = Follower(self.report,
                                    f"{self.label} {words[1]} {words[2]}",
                                    words[2],
                                    quiet=words[1] == "kvm")
            elif mark == "DUET-TEST-KERNEL" and follower:
                follower.kernel_warned()
            elif mark == "DUET-TEST-END" and current and len(words) == 4:
                self.keep(current, follower.finish(int(words[3])))
                done.add(current)
                follower = current = None
            elif follower:
                follower.feed(line)
            else:
                stray.append("# " + line)
        status = proc.wait()
        if status and status != EMULATOR_STATUS:
            if follower:
                self.keep(current, follower.finish(None))
                done.add(current)
            else:
                self.report.add(
                    self.label,
                    (tap.FAIL, "the emulated host runs the tests",
                     f"status {status}"), stray[-50:])
        return status, current, done

    def keep(self, key, results):
        self.verdicts[key] = {rule: verdict for verdict, rule, _ in results}

    def run_programs(self, programs):
        """Boots until every program has had its turn."""
        devices = (["duet"] + ["refused"] * self.refused +
                   ["kvm"] * self.compared)
        left = {d: list(programs) for d in devices}
        boots = 0
        with log_file(f"{self.label}.log") as log:
            while devices and boots < 4 + 2 * len(programs):
                boots += 1
                # programs of the first device; the next has all of its own
                batch = left[devices[0]]
                turn = devices if batch == programs else devices[:1]
                status, at, done = self.boot(turn, batch, log)
                for device, name in done:
                    if name in left[device]:
                        left[device].remove(name)
                if status == EMULATOR_STATUS:
                    # counted each time; what it died in is not tried again
                    self.report.add_emulator(
                        " ".join((self.label,) + (at or ())))
                    if at is None or at[1] not in left[at[0]]:
                        self.emulator_died |= {
                            (d, n) for d in devices for n in left[d]}
                        return
                    left[at[0]].remove(at[1])
                    self.emulator_died.add(at)
                if at is None:
                    # it came to its end, or could not even start
                    ended = turn
                else:
                    # those before it had their turn, it has the rest of its
                    ended = turn[:turn.index(at[0])]
                    if not left[at[0]] or at[1] in ("load", "unload"):
                        ended.append(at[0])
                devices = [d for d in devices if d not in ended]
        if devices:
            self.report.add(self.label, (
                tap.FAIL, "the emulated host survives the tests",
                "too many boots; not run: " +
                " ".join(n for d in devices for n in left[d])))

    def compare(self, programs):
        """Duet's verdicts against KVM's, a line for each program."""
        known = known_differences(self.name)
        for name in programs:
            ours = self.verdicts.get(("duet", name))
            theirs = self.verdicts.get(("kvm", name))
            if ours is None or ("kvm", name) in self.emulator_died:
                continue        # its absence has been reported
            if theirs is None:
                self.report.add(f"{self.label} kvm {name}",
                                (tap.FAIL, "runs on /dev/kvm", ""))
                continue
            diagnosis, bad = [], False
            for rule in {**ours, **theirs}:
                a, b = ours.get(rule, "absent"), theirs.get(rule, "absent")
                if a == b:
                    continue
                reason = known.get((name, rule))
                # one may offer what the other lacks: that is no contradiction
                if tap.SKIP not in (a, b):
                    bad |= reason is None
                diagnosis.append(f"# {rule}: duet {a}, kvm {b}"
                                 + (f" (known: {reason})" if reason else ""))
            self.report.add(
                f"{self.label} duet+kvm {name}",
                (tap.FAIL if bad else tap.PASS,
                 "the same verdicts on /dev/duet and /dev/kvm", ""), diagnosis)

    def run_script(self, name, rule, *more):
        """A guest of Linux; NAME is one of scripts/."""
        argv = [os.path.join(SCRIPTS, name), "--machine", self.name,
                "--kernel", self.options.kernel, *more]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        text = done.stdout.decode(errors="replace")
        with log_file(f"{self.label}-{name}.log") as log:
            log.write(text)
        if done.returncode == EMULATOR_STATUS:
            self.report.add_emulator(f"{self.label} {name}")
            return
        self.report.add(
            f"{self.label} {name}",
            (tap.FAIL if done.returncode else tap.PASS, rule,
             f"status {done.returncode}" if done.returncode else ""),
            ["# " + l for l in text.splitlines()[-60:]]
            if done.returncode else ())

    def run_demo(self):
        self.run_script("demo", "a Linux guest boots, works and powers off",
                        "--cpus", str(self.cpus), "--quiet")

    def run(self):
        started = time.monotonic()
        programs = [n for n in names_in("run")
                    if not self.options.only or n in self.options.only]
        if programs:
            self.run_programs(programs)
            if self.compared:
                self.compare(programs)
        elif not self.options.only:
            self.report.add(self.label, (tap.FAIL, "there are selftests",
                                         "build/selftests/run is empty"))
        if not self.options.no_demo and not self.options.only:
            self.run_demo()
        self.report.note(f"{self.label}: {time.monotonic() - started:.0f} s")


class SmpMachine(Machine):
    """The part that wants two processors, on a host that has two."""

    def __init__(self, report, options, name):
        super().__init__(report, options, name, 2)

    def run(self):
        started = time.monotonic()
        programs = [n for n in names_in("run") if n in SMP_PROGRAMS and
                    (not self.options.only or n in self.options.only)]
        if programs:
            self.run_programs(programs)
            if self.compared:
                self.compare(programs)
        if not self.options.no_demo and not self.options.only:
            self.run_script("smp", "a Linux guest with two vCPUs, both at work",
                            "--quiet")
        self.report.note(f"{self.label}: {time.monotonic() - started:.0f} s")


def known_differences(machine):
    """(program, rule) -> reason, for the lines that speak of MACHINE."""
    found = {}
    try:
        with open(os.path.join(SCRIPTS, "lib", "kvm-differences")) as f:
            for line in f:
                m = re.match(r"(\S+)\s+(\S+)\s+\"([^\"]+)\"\s+(.+)", line)
                if m and (m.group(1) == "*" or
                          machine in m.group(1).split(",")):
                    found[m.group(2), m.group(3)] = m.group(4)
    except OSError:
        pass
    return found


def parse():
    p = argparse.ArgumentParser(prog="test", add_help=False,
                                usage="see scripts/test --help")
    p.add_argument("--machine", action="append", choices=MACHINES)
    p.add_argument("--kernel", default="6.1")
    p.add_argument("--only", action="append")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--limit", type=int)
    p.add_argument("--boot-limit", type=int, default=900)
    p.add_argument("--cpus", type=int, default=1)
    p.add_argument("--append", action="append", default=[])
    p.add_argument("--full", action="store_true")
    p.add_argument("--refuse", default="-1")
    for flag in ("kvm", "demo", "here", "machines", "refused", "smp"):
        p.add_argument(f"--no-{flag}", action="store_true")
    options = p.parse_args()
    options.machine = options.machine or ["tcg", "svm2", "vmx2"]
    return options


def main():
    options = parse()
    report = Report()
    print("TAP version 13", flush=True)
    if not options.no_here:
        run_here(report, options)
    if not options.no_machines:
        waiting = [Machine(report, options, m)
                   for m in dict.fromkeys(options.machine)]
        if "tcg" in options.machine and options.cpus == 1 and \
                not options.no_smp:
            waiting.insert(1, SmpMachine(report, options, "tcg"))

        def work():
            while True:
                with report.lock:
                    if not waiting:
                        return
                    machine = waiting.pop(0)
                try:
                    machine.run()
                except Exception as e:      # a thread must not die in silence
                    report.add(machine.name,
                               (tap.FAIL, "the runner works", repr(e)))

        threads = [threading.Thread(target=work, daemon=True)
                   for _ in range(max(1, options.jobs))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
