# SPDX-License-Identifier: GPL-2.0
"""Breaks that the kernel "kcsan" has to notice: a word that two threads share,
without the mark that says so. Part of scripts/tests/breaks, which describes a
row.

KCSAN looks at one access in some hundreds: the test has to make many, and what
it makes seldom may pass by. A full barrier that is missing between marked
accesses is no data race; that is the model's (selftests/model/mutate.py).
"""

KCSAN = {"kernel": "kcsan", "cpus": 2}

BREAKS = [
    ("plain-read-of-mode", "common/request.c",
     "READ_ONCE(vcpu->mode) ==", "vcpu->mode ==", "smp ping_spinning", KCSAN),
    ("plain-write-of-mode-at-exit", "module/run.c",
     "	smp_store_release(&vcpu->mode, DUET_OUTSIDE);",
     "	vcpu->mode = DUET_OUTSIDE;", "smp ping_spinning", KCSAN),
    ("plain-write-of-bus", "common/bus.c",
     "	rcu_assign_pointer(vm->bus[id], bus);",
     "	*(struct duet_bus **)&vm->bus[id] = bus;",
     "eventfd ioeventfd_comes_and_goes", KCSAN),
]
