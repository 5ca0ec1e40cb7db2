# SPDX-License-Identifier: GPL-2.0
"""Reads TAP (kselftest's habits), adds it up. Used by tap-summary and test.

A program that promised more tests than it gave verdicts on, or that failed
without saying so, has failed: silence is not a pass.
"""

import re

RESULT = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:- )?\s*(.*)")
PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*(.*))?$")
DIRECTIVE = re.compile(r"#\s*(SKIP|TODO)\b\s*(.*)", re.I)

PASS, FAIL, SKIP = "pass", "fail", "skip"
KSFT_SKIP = 4


class Program:
    """One program's TAP: results are (verdict, rule, why)."""

    def __init__(self, name):
        self.name = name
        self.plan = None
        self.plan_note = ""
        self.results = []
        self.emulator = False

    def feed(self, line):
        """Takes one line; returns the result in it, if there is one."""
        line = line.rstrip("\r\n")
        if line == "EMULATOR":
            self.emulator = True
            return None
        m = PLAN.match(line)
        if m:
            self.plan = int(m.group(1))
            self.plan_note = m.group(2) or ""
            return None
        m = RESULT.match(line)
        if not m:
            return None
        bad, number, rule = m.groups()
        why = ""
        d = DIRECTIVE.search(rule)
        if d:
            why = d.group(2)
            rule = rule[:d.start()].rstrip()
        else:
            # a remark, which may be another one next time
            rule, _, why = rule.partition(" # ")
        verdict = FAIL if bad else PASS
        if d and d.group(1).upper() == "SKIP" and not bad:
            verdict = SKIP
        rule = rule or f"test {number or len(self.results) + 1}"
        return self._add(verdict, rule, why)

    def _add(self, verdict, rule, why=""):
        self.results.append((verdict, rule, why))
        return self.results[-1]

    def finish(self, status=0):
        """The program ended with STATUS (None: it did not end by itself).

        Returns the results that had to be added to tell the truth.
        """
        added = []
        if self.emulator:
            return added
        given = len(self.results)
        if self.plan == 0 and not given:
            added.append(self._add(SKIP, self.name,
                                   re.sub(r"^SKIP\s*", "", self.plan_note)))
            return added
        if self.plan is None:
            if status == KSFT_SKIP and not given:
                added.append(self._add(SKIP, self.name, "exit status 4"))
                return added
            added.append(self._add(FAIL, "gives a plan", "no 1..N line"))
        elif given != self.plan:
            added.append(self._add(
                FAIL, "completes its plan",
                f"{given} verdicts of {self.plan}"))
        failed = any(v == FAIL for v, _, _ in self.results)
        if status is None:
            added.append(self._add(FAIL, "ends by itself",
                                   "it, or the host under it, died"))
        elif status not in (0, KSFT_SKIP) and not failed:
            added.append(self._add(FAIL, "exit status", f"was {status}"))
        return added


def count(results):
    verdicts = [v for v, _, _ in results]
    return tuple(verdicts.count(v) for v in (PASS, FAIL, SKIP))


def closing_line(passed, failed, skipped):
    return f"{passed} passed, {failed} failed, {skipped} skipped"
