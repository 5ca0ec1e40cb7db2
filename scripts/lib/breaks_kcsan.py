# SPDX-License-Identifier: GPL-2.0
"""Breaks that the kernel "kcsan" has to notice: a word that two threads share,
without the mark that says so, or published without a barrier. Part of
scripts/tests/breaks, which describes a row.

KCSAN looks at one access in some hundreds: the test has to make many. A missing
full barrier between marked accesses is no data race; that is the model's
(selftests/model/mutate.py).
"""

KCSAN = {"kernel": "kcsan", "cpus": 2}
IRQ = "common/irq/"

BREAKS = [
    # ---- whom to kick
    ("plain-read-of-mode", "common/request.c",
     "READ_ONCE(vcpu->mode) ==", "vcpu->mode ==", "smp ping_spinning", KCSAN),
    ("plain-write-of-mode-at-entry", "module/run.c",
     "	WRITE_ONCE(vcpu->mode, DUET_IN_GUEST);", "	vcpu->mode = DUET_IN_GUEST;",
     "smp ping_spinning", KCSAN),
    ("plain-write-of-mode-at-exit", "module/run.c",
     "	smp_store_release(&vcpu->mode, DUET_OUTSIDE);",
     "	vcpu->mode = DUET_OUTSIDE;", "smp ping_spinning", KCSAN),
    ("plain-read-of-cpu", "common/request.c",
     "	*cpu = READ_ONCE(vcpu->cpu);", "	*cpu = vcpu->cpu;",
     "storms storm_moving", KCSAN),
    ("plain-write-of-cpu", "module/load.c",
     "	WRITE_ONCE(vcpu->cpu, cpu);", "	vcpu->cpu = cpu;",
     "storms storm_moving", KCSAN),

    # ---- interrupts
    ("plain-read-of-irr-hint", IRQ + "lapic.c",
     "	if (!READ_ONCE(l->irr_maybe) ||", "	if (!l->irr_maybe ||",
     "smp ping_spinning", KCSAN),
    ("plain-write-of-irr-hint", IRQ + "lapic_ipi.c",
     "	WRITE_ONCE(l->irr_maybe, true);", "	l->irr_maybe = true;",
     "smp ping_spinning", KCSAN),
    ("plain-write-of-pic-output", IRQ + "pic.c",
     "	WRITE_ONCE(pic->output, output);", "	pic->output = output;",
     "storms all_sides", KCSAN),
    ("plain-write-of-eoi-vectors", IRQ + "ioapic.c",
     "		WRITE_ONCE(chip->eoi_vectors[pin], vectors[pin]);",
     "		chip->eoi_vectors[pin] = vectors[pin];", "storms all_sides",
     KCSAN),
    ("plain-write-of-routes", IRQ + "ioapic.c",
     "	rcu_assign_pointer(chip->routes, routes);",
     "	*(struct duet_routes **)&chip->routes = routes;", "storms all_sides",
     KCSAN),

    # ---- clocks
    ("plain-write-of-tsc-offset", "common/tsc.c",
     "	WRITE_ONCE(vcpu->tsc_offset, offset);", "	vcpu->tsc_offset = offset;",
     "storms sets_race", KCSAN),

    # ---- memory
    ("plain-write-of-slots", "common/memslot.c",
     "	slots->generation = old->generation + 1;\n	rcu_assign_pointer(vm->memslots, slots);",
     "	slots->generation = old->generation + 1;\n	*(struct duet_memslots **)&vm->memslots = slots;",
     "memslots delete_running", KCSAN),
    ("plain-write-of-bus", "common/bus.c",
     "	rcu_assign_pointer(vm->bus[id], bus);",
     "	*(struct duet_bus **)&vm->bus[id] = bus;",
     "eventfd ioeventfd_comes_and_goes", KCSAN),
    ("plain-write-of-notifier-seq", "common/pager/notifier.c",
     "	smp_store_release(&p->seq, p->seq + 1);", "	p->seq++;",
     "memslots discard_running", KCSAN),
    ("plain-write-of-slot-hint", "common/memslot.c",
     "		WRITE_ONCE(slots->hint, i);", "		slots->hint = i;",
     "smp moving", KCSAN),
]
