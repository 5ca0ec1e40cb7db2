# SPDX-License-Identifier: GPL-2.0
"""Breaks that the debug kernel has to notice: a lock that is not taken, a read
side of RCU or SRCU that is not entered, locks in another order. Part of
scripts/tests/breaks, which describes a row.

What is written is the rule of docs/locking.md; lockdep and RCU's own checks
know it from lockdep_assert_held(), srcu_dereference() and the like.
"""
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DEBUG = {"kernel": "debug"}

# What is left of a section without its lock: whatever else the lock did.
DROPPED = (
    (r"raw_spin_lock_irqsave\(&%s, (\w+)\)", r"local_irq_save(\1)"),
    (r"raw_spin_unlock_irqrestore\(&%s, (\w+)\)", r"local_irq_restore(\1)"),
    (r"spin_lock_irqsave\(&%s, (\w+)\)", r"local_irq_save(\1)"),
    (r"spin_unlock_irqrestore\(&%s, (\w+)\)", r"local_irq_restore(\1)"),
    (r"spin_lock_irq\(&%s\)", "local_irq_disable()"),
    (r"spin_unlock_irq\(&%s\)", "local_irq_enable()"),
    (r"\bspin_lock\(&%s\)", "preempt_disable()"),
    (r"\bspin_unlock\(&%s\)", "preempt_enable()"),
    (r"mutex_lock\(&%s\)", "(void)0"),
    (r"mutex_unlock\(&%s\)", "(void)0"),
    (r"srcu_read_lock\(&%s\)", "0"),
    (r"srcu_read_unlock\(&%s, idx\)", "(void)idx"),
    (r"rcu_read_(un)?lock\(%s\)", "(void)0"),
)


def function(path, name):
    """The text of a function, or None."""
    try:
        with open(os.path.join(TOP, path)) as f:
            text = f.read()
    except FileNotFoundError:
        return None
    m = re.search(rf"^[a-z][^\n;]*\b{name}\((?:[^;{{]*)\n{{\n.*?^}}\n", text,
                  re.M | re.S)
    return m.group(0) if m else None


def without(lock, path, where, test, **options):
    """The row for function @where without @lock."""
    old = function(path, where)
    new = old or ""
    for pattern, left in DROPPED:
        new = re.sub(pattern % re.escape(lock), left, new)
    name = "no-{}-in-{}".format(re.sub(r"\W+", "-", lock).strip("-") or "rcu",
                                where.replace("duet_", "").replace("_", "-"))
    # one that is not there is told as a text that is not in its file
    if new == old or not old:
        old = f"{where}() with {lock}"
    return name, path, old, new, test, {**DEBUG, **options}


def row(path, command, lock, test):
    """The row for an ioctl whose table names too little of a lock."""
    with open(os.path.join(TOP, path)) as f:
        m = re.search(rf"(ROW|RAW)\({command}, \w+, ", f.read())
    old = m.group(0) if m else command + " in a table"
    return (f"{command.lower().replace('_', '-')}-locks-{lock.lower()}", path,
            old, re.sub(r", \w+, ", f", {lock}, ", old), test, DEBUG)


CHIP, PIT, PAGER = "chip->lock", "pit->lock", "p->lock"
SRCU, VCPU_SRCU = "vm->srcu", "vcpu->vm->srcu"
IRQ, VM = "common/irq/", "module/vm.c"

BREAKS = [
    # ---- irqchip->lock, pit->lock
    without(CHIP, IRQ + "ioapic.c", "duet_ioapic_refresh", "irq pit_read"),
    without(CHIP, IRQ + "ioapic.c", "duet_ioapic_rerouted", "irq routing"),
    without(CHIP, IRQ + "ioapic.c", "duet_ioapic_forget", "regs lapic"),
    without(CHIP, IRQ + "ioapic.c", "duet_ioapic_eoi", "irq ioapic"),
    without(CHIP, IRQ + "ioapic.c", "ioapic_read", "irq ioapic"),
    without(CHIP, IRQ + "ioapic.c", "ioapic_write", "irq ioapic"),
    without(CHIP, IRQ + "pic.c", "pic_read", "irq pic_mask"),
    without(CHIP, IRQ + "pic.c", "pic_write", "irq pic"),
    without(CHIP, IRQ + "lapic.c", "ack_pic", "irq pic"),
    without(CHIP, IRQ + "irqchip.c", "duet_irqchip_get", "regs irqchip"),
    without(CHIP, IRQ + "irqchip.c", "duet_irqchip_set", "regs irqchip"),
    without(CHIP, IRQ + "routing.c", "set_route", "irq pic"),
    without(PIT, IRQ + "pit.c", "pit_read", "irq pit_read"),
    without(PIT, IRQ + "pit.c", "pit_write", "irq pit_read"),
    without(PIT, IRQ + "pit.c", "speaker_read", "irq pit_read"),
    without(PIT, IRQ + "pit.c", "speaker_write", "irq pit_read"),
    without(PIT, IRQ + "pit.c", "duet_pit_get", "regs pit"),
    without(PIT, IRQ + "pit.c", "duet_pit_set", "regs pit"),

    # ---- irqfds
    without("chip->irqfd_mutex", IRQ + "eventfd.c", "irqfd_shutdown",
            "eventfd resample"),
    without("chip->irqfd_mutex", IRQ + "eventfd.c", "irqfd_assign",
            "eventfd edge"),
    without("chip->irqfd_lock", IRQ + "eventfd.c", "irqfd_activate",
            "eventfd edge"),
    without("chip->irqfd_lock", IRQ + "eventfd.c", "irqfd_detach",
            "eventfd edge"),
    without("chip->irqfd_lock", IRQ + "eventfd.c", "irqfd_wakeup",
            "eventfd closed"),
    without("", IRQ + "eventfd.c", "duet_irqfd_acked", "eventfd resample"),

    # ---- vm->tsc_lock
    without("vm->tsc_lock", "common/tsc.c", "synchronized_offset",
            "clock offsets"),
    without("vm->tsc_lock", "common/tsc.c", "duet_set_tsc_offset",
            "clock offsets"),
    without("vm->tsc_lock", "common/pvclock.c", "duet_clock_read",
            "clock told"),
    without("vm->tsc_lock", "common/pvclock.c", "duet_clock_write",
            "clock told"),

    # ---- pager->lock
    without(PAGER, "common/pager/nested.c", "duet_nested_install",
            "memslots create_delete"),
    without(PAGER, "common/pager/nested.c", "duet_nested_zap",
            "memslots create_delete"),
    without(PAGER, "common/pager/nested.c", "duet_nested_write_protect",
            "memslots dirty_log"),
    without(PAGER, "common/pager/notifier.c", "duet_invalidate_start",
            "memslots madvise_new_content"),
    without(PAGER, "common/pager/notifier.c", "duet_invalidate_end",
            "memslots madvise_new_content"),

    # ---- vm->srcu, irqchip->srcu
    without(SRCU, "common/pager/notifier.c", "duet_walk_user_range",
            "memslots madvise_new_content"),
    without(VCPU_SRCU, "module/run.c", "duet_run_guest",
            "memslots create_delete"),
    without(VCPU_SRCU, "module/regs.c", "load_pdptes", "modes sregs_modes"),
    without(VCPU_SRCU, "module/regs.c", "duet_translate", "regs translate"),
    without(VCPU_SRCU, "common/emulator.c", "duet_emu_resume",
            "mmio crossing"),
    without(VCPU_SRCU, "common/fast.c", "fast_io", "pio out_forms"),
    without(VCPU_SRCU, "common/mmio.c", "duet_fast_mmio", "mmio mov"),
    without(VCPU_SRCU, "common/skip.c", "duet_find_len", "stats accesses"),
    without(SRCU, "common/steal.c", "duet_steal_update", "pv steals"),
    without(SRCU, "common/pvclock.c", "duet_clock_update", "clock told"),
    without(SRCU, IRQ + "vapic.c", "duet_vapic_set", "vapic arguments"),
    without(SRCU, IRQ + "vapic.c", "duet_vapic_publish",
            "vapic shared_word"),
    without(SRCU, IRQ + "vapic.c", "duet_vapic_sync", "vapic shared_word"),
    without(SRCU, IRQ + "pv_eoi.c", "duet_pv_eoi_offer", "pv skips"),
    without(SRCU, IRQ + "pv_eoi.c", "duet_pv_eoi_sync", "pv skips"),
    without(SRCU, IRQ + "pv_eoi.c", "duet_pv_eoi_enable", "pv state"),
    without("chip->srcu", IRQ + "routing.c", "duet_gsi_set", "irq pic"),
    without("chip->srcu", IRQ + "routing.c", "duet_gsi_of_pin", "irq pic"),
    without("chip->srcu", IRQ + "split.c", "is_routed", "split shared"),

    # ---- vm->lock, vm->slots_lock, vcpu->mutex: what the tables say
    row(VM, "KVM_CREATE_VCPU", "NONE", "api vcpu_ids"),
    row(VM, "KVM_CREATE_IRQCHIP", "SLOTS", "api irqchip_order"),
    row(VM, "KVM_CREATE_PIT2", "SLOTS", "api irqchip_order"),
    row(VM, "KVM_SET_GSI_ROUTING", "NONE", "irq routing"),
    row(VM, "KVM_ENABLE_CAP", "NONE", "split errors"),
    row(VM, "KVM_SET_USER_MEMORY_REGION", "NONE", "memslots create_delete"),
    row(VM, "KVM_GET_DIRTY_LOG", "NONE", "memslots dirty_log"),
    row(VM, "KVM_IOEVENTFD", "NONE", "eventfd ioeventfds"),
    without("vm->slots_lock", IRQ + "irqchip.c", "duet_irqchip_destroy",
            "irq pic"),
    ("no-vcpu-mutex-in-ioctls", "module/ioctl.c",
     "		if (mutex_lock_killable(&vcpu->mutex))\n			return -EINTR;\n",
     "", "api run_argument",
     {**DEBUG, "also": [("		mutex_unlock(&vcpu->mutex);\n", "")]}),

    # ---- duet_hardware_lock
    without("duet_hardware_lock", "module/hardware.c", "duet_hardware_get",
            "api vm_types"),
    without("duet_hardware_lock", "module/hardware.c", "duet_hardware_put",
            "api vm_types"),
    without("duet_hardware_lock", "module/hardware.c", "duet_hardware_list",
            "api vm_types"),
    without("duet_hardware_lock", "module/hardware.c", "duet_sleep",
            "suspend clock_to_idle"),
    without("duet_hardware_lock", "module/hardware.c", "duet_wake",
            "suspend clock_to_idle"),

    # ---- interrupts and preemption off
    ("interrupts-on-at-entry", "module/run.c",
     "	preempt_disable();\n	local_irq_disable();\n	duet_enter",
     "	preempt_disable();\n	duet_enter", "pio out_forms", DEBUG),
    ("interrupts-on-under-irqchip-lock", IRQ + "ioapic.c",
     "	raw_spin_lock_irqsave(&chip->lock, flags);\n"
     "	update_eoi_vectors(chip);\n"
     "	raw_spin_unlock_irqrestore(&chip->lock, flags);\n",
     "	raw_spin_lock(&chip->lock);\n	update_eoi_vectors(chip);\n"
     "	raw_spin_unlock(&chip->lock);\n", "irq pit", DEBUG),
    ("interrupts-off-under-pager-lock", "common/pager/nested.c",
     "	spin_lock(&p->lock);\n	while (start < end) {\n		gfn_t next",
     "	spin_lock_irq(&p->lock);\n	while (start < end) {\n		gfn_t next",
     "memslots create_delete", DEBUG),

    # ---- the order
    ("order-vm-lock-inside-vcpu-mutex", "module/ioctl.c",
     "		if (lock == DUET_LOCK_VCPU_LOADED)\n			duet_vcpu_load",
     "		mutex_lock(&vm->lock);\n		mutex_unlock(&vm->lock);\n"
     "		if (lock == DUET_LOCK_VCPU_LOADED)\n			duet_vcpu_load",
     "api run_argument", DEBUG),
    ("order-vcpu-mutex-inside-slots-lock", VM,
     "	return duet_set_memory_region(object, data);",
     "	struct duet_vm *vm = object;\n\n	if (vm->nr_vcpus) {\n"
     "		mutex_lock(&vm->vcpus[0]->mutex);\n"
     "		mutex_unlock(&vm->vcpus[0]->mutex);\n	}\n"
     "	return duet_set_memory_region(object, data);",
     "memslots create_delete", DEBUG),
    ("order-hotplug-inside-hardware-lock", "module/hardware.c",
     "	cpus_read_lock();\n	mutex_lock(&duet_hardware_lock);\n	if (!duet_users)",
     "	mutex_lock(&duet_hardware_lock);\n	cpus_read_lock();\n	if (!duet_users)",
     "api vm_types", DEBUG),
    ("order-slots-waited-for-by-a-reader", "common/bus.c",
     "	synchronize_srcu_expedited(&vm->srcu);\n",
     "	{\n		int idx = srcu_read_lock(&vm->srcu);\n\n"
     "		synchronize_srcu_expedited(&vm->srcu);\n"
     "		srcu_read_unlock(&vm->srcu, idx);\n	}\n",
     "eventfd ioeventfds", DEBUG),
    ("order-eoi-told-under-irqchip-lock", IRQ + "pic.c",
     "		write_byte(chip, addr + i, byte[i], &acked);\n"
     "	raw_spin_unlock_irqrestore(&chip->lock, flags);\n"
     "	duet_irq_acked(chip, false, acked);\n",
     "		write_byte(chip, addr + i, byte[i], &acked);\n"
     "	duet_irq_acked(chip, false, acked);\n"
     "	raw_spin_unlock_irqrestore(&chip->lock, flags);\n", "irq pic", DEBUG),
    ("order-irqchip-lock-inside-pit-lock", IRQ + "pit.c",
     "		write_count(pit, n, val);\n	raw_spin",
     "		write_count(pit, n, val);\n	inject(pit);\n	raw_spin",
     "irq pit_read", DEBUG),
    ("order-tables-allocated-under-pager-lock", "common/pager/nested.c",
     "	r = duet_table_cache_fill(&vm->pager->cache[vcpu->index]);\n"
     "	if (r)\n		return r;\n", "", "memslots create_delete",
     {**DEBUG, "also": [
         ("	spin_lock(&p->lock);\n	stale =",
          "	spin_lock(&p->lock);\n"
          "	duet_table_cache_fill(&p->cache[vcpu->index]);\n	stale =")]}),
    ("order-user-memory-under-pager-lock", "common/pager/notifier.c",
     "	duet_invalidating(p, range->start, range->end);\n",
     "	duet_invalidating(p, range->start, range->end);\n"
     "	might_fault();\n", "memslots madvise_new_content", DEBUG),
]
