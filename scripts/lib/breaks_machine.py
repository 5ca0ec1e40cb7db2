# SPDX-License-Identifier: GPL-2.0
"""Breaks of what the host's machine does to VMs: threads that move, CPUs that
come and go, NMIs, sleep; and of what is counted: see scripts/tests/breaks, which
reads this. Rows as in breaks_module.py.
"""

SLEEP = {"suspend": True}
SLEEP_VMX = {"suspend": True, "machine": "vmx2"}
# it only goes through the motions
MOTIONS = {"kernel": "6.1-amd64"}
VMX = {"machine": "vmx2"}
VMX2 = {"machine": "vmx2", "cpus": 2}

BREAKS = [
    # ---- threads that move
    ("move-svm-host-state", "svm/vcpu.c",
     "	svm->entry.host_state_pa = __sme", "	if (!svm->entry.host_state_pa)\n		svm->entry.host_state_pa = __sme", "storms storm_moving"),
    ("move-with-the-scheduler", "module/load.c",
     "	duet_came_to(vcpu, cpu);\n	duet_ops->vcpu_load(vcpu, cpu);\n}\n\nstatic void duet_sched_out",
     "}\n\nstatic void duet_sched_out", "storms storm_moving"),
    ("move-vmx-host-state", "vmx/cached.c",
     "	vmx_host_cpu_changed(vmx);\n", "", "storms storm_moving", VMX2),
    ("move-vmx-vmclear", "vmx/cached.c",
     "	if (moved)\n		vmx_clear(vmx);\n", "", "storms storm_moving", VMX2),

    # ---- CPUs that come and go
    ("hotplug-on", "module/hardware.c",
     "	if (duet_users) {\n		local_irq_save", "	if (0) {\n		local_irq_save", "storms storm_hotplug"),
    ("hotplug-off", "module/hardware.c",
     "	local_irq_save(flags);\n	duet_cpu_off_local();\n", "	local_irq_save(flags);\n", "storms storm_hotplug"),

    # ---- INIT in an NMI handler
    ("init-unblocks-nmis", "common/reset.c",
     "	s->shadow = 0;\n", "", "init_sipi init_in_nmi"),
    ("init-forgets-nmis", "common/reset.c",
     "	atomic_set(&vcpu->events.nmi_pending, 0);\n", "", "init_sipi init_in_nmi"),

    # ---- ioctls against KVM_RUN
    ("ioctl-waits-for-the-vcpu", "module/ioctl.c",
     "		if (mutex_lock_killable(&vcpu->mutex))\n			return -EINTR;\n", "", "storms sets_race",
     {"also": [("		mutex_unlock(&vcpu->mutex);\n", "")]}),
    ("ioctl-loads-the-vcpu", "module/ioctl.c",
     "		if (lock == DUET_LOCK_VCPU_LOADED)\n			duet_vcpu_load(vcpu);\n", "", "regs sregs",
     {"machine": "vmx2", "also": [("		duet_vcpu_put(vcpu);\n", "")]}),

    # ---- the host's NMIs
    ("nmi-svm-intercept", "svm/vcpu.c",
     "	INTERCEPT_INTR, INTERCEPT_NMI, ", "	INTERCEPT_INTR, ", "nmi spinning"),
    ("nmi-svm-waits", "svm/enter.S",
     ".Lexited:\n	pop	%rax\n", ".Lexited:\n	stgi\n	pop	%rax\n", "nmi spinning"),
    ("nmi-svm-waits-exits", "svm/enter.S",
     ".Lexited:\n	pop	%rax\n", ".Lexited:\n	stgi\n	pop	%rax\n", "nmi exiting"),
    ("nmi-svm-waits-own", "svm/enter.S",
     ".Lexited:\n	pop	%rax\n", ".Lexited:\n	stgi\n	pop	%rax\n", "nmi own_nmis"),
    ("nmi-vmx-is-handed-on", "vmx/run.c",
     "		asm volatile(\"int $2\" : : : \"memory\");\n", "		;\n", "nmi spinning", VMX2),

    # ---- what is counted
    ("stats-few-reads", "vmx/run.c",
     "	if (vcpu->dirty)\n", "	vmx_read(vmx, VMCS_GUEST_CR3);\n	vmx_read(vmx, VMCS_GUEST_RSP);\n	if (vcpu->dirty)\n", "stats accesses", VMX),
    ("stats-few-writes", "vmx/run.c",
     "	if (vcpu->dirty)\n", "	vmx_write(vmx, VMCS_HOST_CR3, vmx->host.cr3);\n	vmx_write(vmx, VMCS_HOST_CR4, vmx->host.cr4);\n	if (vcpu->dirty)\n", "stats accesses", VMX),
    ("stats-count-reads", "vmx/exits.c",
     "	vmx->vcpu.stats.reads += 4;\n", "", "stats accesses", VMX),
    ("stats-count-writes", "vmx/vmx.h",
     "	vmx->vcpu.stats.writes++;\n", "", "stats accesses", VMX),

    # ---- sleep
    ("sleep-on-again", "module/hardware.c",
     "	bool lost = duet_users && duet_cpu_on_local();\n", "	bool lost = false;\n", "suspend ages", SLEEP),
    ("sleep-off", "module/hardware.c",
     "	duet_tsc_at_suspend = rdtsc();\n	duet_cpu_off_local();\n", "	duet_tsc_at_suspend = rdtsc();\n", "suspend ages", SLEEP_VMX),
    ("sleep-is-counted", "common/pvclock.c",
     "	duet_clock_write(vm, c.ns + (m.boot_ns - c.boot_ns), &m);\n", "	duet_clock_write(vm, c.ns, &m);\n", "suspend clock_to_ram", SLEEP),
    ("sleep-is-told", "common/pvclock.c",
     "		duet_clock_stopped(vcpu);\n", "", "suspend clock_to_ram", SLEEP),
    ("sleep-to-idle-is-told", "module/hardware.c",
     "		duet_clock_resume(vm);\n", "		;\n", "suspend clock_to_idle", MOTIONS),
    ("sleep-to-disk-is-told", "module/hardware.c",
     "		duet_clock_resume(vm);\n", "		;\n", "suspend clock_to_disk", MOTIONS),
]
