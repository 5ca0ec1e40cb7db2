#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The mutants: each takes one flush, VMCLEAR, check or barrier out of the code.

Called by the Makefile, which says how to compile and where to.

The text that is replaced must be there exactly once: when the code changes,
this list has to follow, or the mutant is reported as one that lives.
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys

MUTANTS = [
    # ---- svm/asid.c, asid.h: ASIDs and their generations
    ("svm-asid-generation-of-a-cpu-that-comes", "svm/asid.c",
     "	asids->generation++;\n	asids->max", "	asids->max"),
    ("svm-asid-flush-of-a-cpu-that-comes", "svm/asid.c",
     "	asids->next = nr_asids;\n", "	asids->next = 1;\n"),
    ("svm-asid-flush-of-a-new-generation", "svm/asid.c",
     "		flush = TLB_FLUSH_ALL;\n", ""),
    ("svm-asid-new-generation", "svm/asid.c",
     "		asids->generation++;\n		asids->next", "		asids->next"),
    ("svm-asid-new-number", "svm/asid.c",
     "tag->asid = asids->next++;", "tag->asid = 1;"),
    ("svm-asid-flush-of-one", "svm/asid.c",
     "			return TLB_FLUSH_ASID;\n", "			return TLB_NOTHING;\n"),
    ("svm-asid-flush-of-the-tagless", "svm/asid.c",
     "		if (tag->tagless)\n			return TLB_FLUSH_ALL;\n",
     "		if (tag->tagless)\n			return TLB_NOTHING;\n"),
    ("svm-asid-check-of-the-generation", "svm/asid.h",
     "tag->generation != asids->generation || tag->flush", "!tag->generation || tag->flush"),
    ("svm-asid-check-of-the-flush", "svm/asid.h",
     "tag->generation != asids->generation || tag->flush", "tag->generation != asids->generation"),
    ("svm-asid-drop-on-a-move", "svm/asid.h",
     "	tag->generation = 0;\n", ""),
    ("svm-asid-flush-that-was-not-made", "svm/asid.h",
     "	asids->next = asids->max + 1;\n", ""),

    # ---- svm/: TLB_CONTROL, clean bits
    ("svm-tag-before-entry", "svm/svm.h",
     "	if (unlikely(svm_tag_stale(&c->asids, &svm->tag)))\n", "	if (!svm->tag.asid)\n"),
    ("svm-tlb-control", "svm/cached.c",
     "	control->tlb_control = svm_tag_renew(", "	svm_tag_renew("),
    ("svm-flush-request", "svm/cached.c",
     "	to_svm(vcpu)->tag.flush = true;\n", ""),
    ("svm-tag-after-a-failed-entry", "svm/cached.c",
     "	svm_tag_drop(&svm->tag);\n", ""),
    ("svm-asids-after-a-failed-entry", "svm/cached.c",
     "	svm_asids_not_flushed(&this_cpu_ptr(&svm_cpus)->asids);\n", ""),
    ("svm-failed-entry", "svm/exits.c",
     "svm_not_entered(svm);\n", ";\n"),
    ("svm-tag-on-a-move", "svm/svm.h",
     "	svm_tag_drop(&svm->tag);\n", ""),
    ("svm-clean-on-a-move", "svm/svm.h",
     "	svm->vmcb->control.clean = 0;\n	svm_tag_drop", "	svm_tag_drop"),
    ("svm-clean-and-tag-on-a-move", "svm/vcpu.c",
     "	svm_came_to(svm, cpu);\n", ""),
    ("svm-clean-of-the-asid", "svm/cached.c",
     "	svm_dirty(svm, VMCB_CLEAN_ASID);\n", ""),
    ("svm-clean-of-intercepts", "svm/svm.h",
     "	*word = value;\n	svm_dirty(svm, VMCB_CLEAN_I);\n", "	*word = value;\n"),
    ("svm-clean-of-dr-intercepts", "svm/vcpu.c",
     "on ? ~0U : 0;\n	svm_dirty(svm, VMCB_CLEAN_I);\n", "on ? ~0U : 0;\n"),
    ("svm-clean-before-writes", "svm/run.c",
     "	svm_entered(svm);\n	if (unlikely(svm->dr_direct))\n		svm_take_breakpoints(svm);\n",
     "	if (unlikely(svm->dr_direct))\n		svm_take_breakpoints(svm);\n	svm_entered(svm);\n"),
    ("svm-clean-of-control-registers", "svm/state.c",
     "cr4 != s->cr4);\n	svm_dirty(svm, VMCB_CLEAN_CR);\n", "cr4 != s->cr4);\n"),
    ("svm-clean-of-cr3", "svm/state.c",
     "		save->cr3 = s->cr3;\n		svm_dirty(svm, VMCB_CLEAN_CR);\n", "		save->cr3 = s->cr3;\n"),
    ("svm-clean-of-cr2", "svm/state.c",
     "		svm_dirty(svm, VMCB_CLEAN_CR2);\n", ""),
    ("svm-clean-of-tables", "svm/state.c",
     "	svm_dirty(svm, VMCB_CLEAN_DT);\n", ""),
    ("svm-clean-of-dr7", "svm/state.c",
     "		svm_dirty(svm, VMCB_CLEAN_DR);\n", ""),
    ("svm-clean-of-segments", "svm/state.c",
     "	svm_dirty(svm, VMCB_CLEAN_SEG);\n", ""),
    ("svm-clean-of-the-pat", "svm/state.c",
     "		svm_dirty(svm, VMCB_CLEAN_NP);\n", ""),
    ("svm-clean-of-the-tsc-offset", "svm/state.c",
     "		svm_dirty(svm, VMCB_CLEAN_I);\n", ""),
    ("svm-clean-of-v-irq", "svm/events.c",
     "	control->int_vector = vector;\n	svm_dirty(svm, VMCB_CLEAN_TPR);\n", "	control->int_vector = vector;\n"),
    ("svm-clean-of-the-tpr", "svm/events.c",
     "		svm_dirty(svm, VMCB_CLEAN_TPR);\n	}\n", "	}\n"),

    # ---- the host's MSRs around the guest
    ("svm-debugctl-of-the-guest", "svm/run.c",
     "	if (unlikely(svm->debugctl))\n		wrmsrl(MSR_IA32_DEBUGCTLMSR, 0);\n", ""),
    ("svm-debugctl-of-the-host", "svm/run.c",
     "	if (unlikely(svm->debugctl))\n		wrmsrl(MSR_IA32_DEBUGCTLMSR, svm->debugctl);\n", ""),
    ("vmx-debugctl-of-the-host", "vmx/run.c",
     "	if (unlikely(vmx->debugctl))\n		wrmsrl(MSR_IA32_DEBUGCTLMSR, vmx->debugctl);\n", ""),
    ("vmx-perf-of-the-guest", "vmx/run.c",
     "	vmx_perf_load_guest(vmx);\n", ""),
    ("vmx-pebs-of-the-host", "vmx/run.c",
     "	vmx_perf_load_host(vmx);\n", ""),
    ("vmx-pebs-off-in-time", "vmx/perf.c",
     "	wrmsrl(MSR_IA32_PEBS_ENABLE, 0);\n", ""),
    ("vmx-pebs-off-after-an-nmi", "vmx/perf.c",
     "		vmx_entry_list(vmx)[entry++] =", "		if (m->msr != MSR_IA32_PEBS_ENABLE)\n			vmx_entry_list(vmx)[entry++] ="),
    ("vmx-perf-when-it-ends", "vmx/perf.c",
     "	if (entry != vmx->perf.entry)\n", "	if (entry > vmx->perf.entry)\n"),
    ("vmx-counters-of-the-host", "vmx/perf.c",
     "	if (exit != vmx->perf.exit)\n		vmx_write(vmx, VMCS_EXIT_MSR_LOAD_COUNT, exit);\n", ""),

    # ---- vmx/: VMCLEAR, VMPTRLD, launch state
    ("vmx-first-vmclear", "vmx/cached.c",
     "	/* SDM vol. 3, 25.11.3 */\n	vmx_vmclear(page_to_phys(vmx->vmcs));\n", ""),
    ("vmx-vmclear-on-a-move", "vmx/cached.c",
     "	if (moved)\n		vmx_clear(vmx);\n", ""),
    ("vmx-vmclear-before-the-memory-goes", "vmx/vcpu.c",
     "	vmx_clear(vmx);\n", ""),
    ("vmx-vmclear-itself", "vmx/cached.c",
     "		c->current_vmcs = NULL;\n	vmx_vmclear(page_to_phys(vmx->vmcs));\n", "		c->current_vmcs = NULL;\n"),
    ("vmx-launch-state-after-vmclear", "vmx/cached.c",
     "	vmx->entry.launched = 0;\n	list_del", "	list_del"),
    ("vmx-current-after-vmclear", "vmx/cached.c",
     "	if (c->current_vmcs == vmx)\n		c->current_vmcs = NULL;\n", ""),
    ("vmx-cpu-after-vmclear", "vmx/cached.c",
     "	smp_store_release(&vmx->vmcs_cpu, -1);\n}\n\nvoid vmx_clear(", "}\n\nvoid vmx_clear("),
    ("vmx-check-of-the-cpu", "vmx/cached.c",
     "	if (vmx->vmcs_cpu != raw_smp_processor_id())\n		return;\n", ""),
    ("vmx-list-after-vmclear", "vmx/cached.c",
     "	list_del(&vmx->link);\n", ""),
    ("vmx-wait-for-vmclear", "vmx/cached.c",
     "	if (cpu >= 0)\n		smp_call", "	if (cpu == raw_smp_processor_id())\n		smp_call"),
    ("vmx-vmclear-of-a-cpu-that-goes", "vmx/cached.c",
     "		vmx_vmclear(page_to_phys(vmx->vmcs));\n		vmx_ghost", "		vmx_ghost"),
    ("vmx-launch-state-of-a-cpu-that-goes", "vmx/cached.c",
     "		vmx->entry.launched = 0;\n		/*", "		/*"),
    ("vmx-release-by-a-cpu-that-goes", "vmx/cached.c",
     "		smp_store_release(&vmx->vmcs_cpu, -1);\n	}\n", "	}\n"),
    ("vmx-release-after-the-walk", "vmx/cached.c",
     "	list_for_each_entry_safe(vmx, next, &c->vmcss, link) {", "	(void)next;\n	list_for_each_entry(vmx, &c->vmcss, link) {"),
    ("vmx-list-of-the-cpu", "vmx/cached.c",
     "	if (vmx->vmcs_cpu != cpu)\n		list_add(&vmx->link, &c->vmcss);\n", ""),
    ("vmx-vmptrld", "vmx/cached.c",
     "	vmx_vmptrld(page_to_phys(vmx->vmcs));\n", ""),
    ("vmx-current-after-vmptrld", "vmx/cached.c",
     "	c->current_vmcs = vmx;\n", "	c->current_vmcs = c->current_vmcs ?: vmx;\n"),
    ("vmx-check-of-vmx-on", "vmx/cached.c",
     "	if (unlikely(!c->on))\n		return false;\n", ""),
    ("vmx-launched", "vmx/vmx.h",
     "	vmx->entry.launched = 1;\n", ""),

    # ---- vmx/: INVEPT, INVVPID
    ("vmx-flush-on-a-move", "vmx/cached.c",
     "29.4.3.1).\n	 */\n	vmx->flush_all = true;\n", "29.4.3.1).\n	 */\n"),
    ("vmx-invept", "vmx/cached.c",
     "		vmx_invept(vmx);\n", "		;\n"),
    ("vmx-invvpid", "vmx/cached.c",
     "		vmx_invvpid(vmx);\n", "		;\n"),
    ("vmx-flush-before-entry", "vmx/run.c",
     "	vmx_flush_before_entry(vmx);\n", ""),
    ("vmx-flush-all-request", "vmx/cached.c",
     "	if (what == DUET_FLUSH_ALL)\n		vmx->flush_all = true;\n", "	if (what == DUET_FLUSH_ALL)\n		vmx->flush_guest = true;\n"),
    ("vmx-flush-guest-request", "vmx/cached.c",
     "	else\n		vmx->flush_guest = true;\n", ""),
    ("vmx-invept-of-this-root", "vmx/ept.c",
     "			   vmx_eptp(vmx->vcpu.root) : 0, 0))", "			   vmx_eptp(0) : 0, 0))"),
    ("vmx-invept-of-all-where-one-cannot", "vmx/ept.c",
     "cap & CAP_INVEPT_SINGLE ? VMX_INV_SINGLE : VMX_INV_ALL;", "VMX_INV_SINGLE;"),
    ("vmx-vpid-of-its-own", "vmx/vpid.c",
     "		__set_bit(vpid, vmx_vpids);\n", "		;\n"),

    # ---- requests, module/run.c, load.c
    ("request-bit", "common/request.c",
     "		atomic_or(request, &vcpu->requests);\n		smp_mb", "		smp_mb"),
    ("request-barrier", "common/request.c",
     "		smp_mb__after_atomic();	/* pairs with duet_enter_guest_mode() */\n		if (have_mask", "		if (have_mask"),
    ("request-interrupt", "common/request.c",
     "			__cpumask_set_cpu(cpu, mask);\n", "			;\n"),
    ("request-all-without-memory", "common/request.c",
     "have_mask ? mask : cpu_online_mask", "mask"),
    ("request-wait", "common/request.c",
     "	if (wait)\n		smp_call_function_many(", "	if (0)\n		smp_call_function_many("),
    ("request-wait-for-the-interrupt", "common/request.c",
     "				       duet_ack_kick, NULL, true);", "				       duet_ack_kick, NULL, false);"),
    ("entry-barrier", "module/run.c",
     "	smp_mb();	/* pairs with duet_request() and duet_request_all() */\n", ""),
    ("entry-mode", "module/run.c",
     "	WRITE_ONCE(vcpu->mode, DUET_IN_GUEST);\n", ""),
    ("entry-check-of-requests", "module/run.c",
     "	return !(atomic_read(&vcpu->requests) & ~DUET_REQ_EVENT) &&\n", "	return\n"),
    ("entry-flush", "module/run.c",
     "		duet_ops->flush_tlb(vcpu, DUET_FLUSH_ALL);\n", ""),
    ("entry-flush-guest", "module/run.c",
     "		duet_ops->flush_tlb(vcpu, DUET_FLUSH_GUEST);\n", ""),
    ("entry-interrupts-off", "module/run.c",
     "	preempt_disable();\n	local_irq_disable();\n	duet_enter", "	preempt_disable();\n	duet_enter"),
    ("exit-after-the-guest", "module/run.c",
     "	duet_ops->run(vcpu);\n", "	duet_leave_guest_mode(vcpu);\n	duet_ops->run(vcpu);\n"),
    ("load-cpu", "module/load.c",
     "	WRITE_ONCE(vcpu->cpu, cpu);\n", "	if (vcpu->cpu < 0)\n		WRITE_ONCE(vcpu->cpu, cpu);\n"),
    ("load-after-preemption", "module/load.c",
     "	duet_came_to(vcpu, cpu);\n	duet_ops->vcpu_load(vcpu, cpu);\n}\n\nstatic void duet_sched_out", "	duet_came_to(vcpu, cpu);\n}\n\nstatic void duet_sched_out"),

    # ---- the pager
    ("pager-flush-request", "common/pager/pager_internal.h",
     "	duet_request_all(vm, DUET_REQ_FLUSH, true);\n", ""),
    ("pager-flush-wait", "common/pager/pager_internal.h",
     "DUET_REQ_FLUSH, true)", "DUET_REQ_FLUSH, false)"),
    ("pager-flush-of-a-zap", "common/pager/nested.c",
     "	if (flush)\n		duet_pager_flush(vm);\n	spin_unlock(&p->lock);\n	duet_radix_free_list(&unused);\n}\n", "	spin_unlock(&p->lock);\n	duet_radix_free_list(&unused);\n}\n"),
    ("pager-flush-before-tables-go", "common/pager/nested.c",
     "	if (flush)\n		duet_pager_flush(vm);\n	spin_unlock(&p->lock);\n	duet_radix_free_list(&unused);\n}\n",
     "	duet_radix_free_list(&unused);\n	if (flush)\n		duet_pager_flush(vm);\n	spin_unlock(&p->lock);\n}\n"),
    ("pager-flush-under-the-lock", "common/pager/nested.c",
     "	if (flush)\n		duet_pager_flush(vm);\n	spin_unlock(&p->lock);\n	duet_radix_free_list(&unused);\n}\n",
     "	spin_unlock(&p->lock);\n	if (flush)\n		duet_pager_flush(vm);\n	duet_radix_free_list(&unused);\n}\n"),
    ("pager-zap", "common/pager/notifier.c",
     "	vm->pager_ops->zap(vm, start, end, atomic);\n", ""),
    ("pager-invalidating", "common/pager/notifier.c",
     "	if (!p->invalidating++) {", "	if (!p->invalidating) {\n		p->invalidating = 1;"),
    ("pager-widening", "common/pager/notifier.c",
     "		p->inv_end = max(p->inv_end, end);\n", ""),
    ("pager-sequence", "common/pager/notifier.c",
     "	smp_store_release(&p->seq, p->seq + 1);\n", ""),
    ("pager-check-of-invalidating", "common/pager/pager_internal.h",
     "		return true;\n	return p->seq != seq;", "		return false;\n	return p->seq != seq;"),
    ("pager-check-of-the-sequence", "common/pager/pager_internal.h",
     "	return p->seq != seq;", "	return false;"),
    ("pager-check-for-stale", "common/pager/nested.c",
     "	if (!stale) {", "	if (stale)\n		stale = false;\n	if (!stale) {"),
    ("pager-flush-of-a-larger-leaf", "common/pager/nested.c",
     "					   duet_level_pages(f->level), unused))\n				duet_pager_flush(p->vm);\n", "					   duet_level_pages(f->level), unused))\n				;\n"),
    ("pager-tables-below-a-larger-leaf", "common/pager/radix.c",
     "				duet_radix_unlinked(t, duet_radix_child(t, old),\n						    level, unused);\n",
     "				duet_table_free(duet_radix_child(t, old));\n"),
    ("pager-sequence-before-the-lookup", "common/pager/nested.c",
     "	done = duet_nested_install(vcpu, f, seq);", "	seq = duet_notifier_begin(vm->pager);\n	done = duet_nested_install(vcpu, f, seq);"),
    ("pager-end-of-callbacks", "common/pager/notifier.c",
     "	mmu_notifier_unregister(&p->notifier, p->vm->mm);\n", ""),
    ("pager-flush-of-the-aged", "common/pager/nested.c",
     "			flush = true;\n		}\n	}\n	if (flush)\n		duet_pager_flush(vm);\n	spin_unlock(&p->lock);\n	return young;", "		}\n	}\n	(void)flush;\n	spin_unlock(&p->lock);\n	return young;"),
]




def mutate(name, tree, out):
    """Write the changed file into the directory @out; its path in there, or
    None: the code is not as MUTANTS has it."""
    path, old, new = next(m[1:] for m in MUTANTS if m[0] == name)
    with open(os.path.join(tree, path)) as f:
        text = f.read()
    if text.count(old) != 1:
        return None
    changed = os.path.join(out, path)
    os.makedirs(os.path.dirname(changed), exist_ok=True)
    with open(changed, "w") as f:
        f.write(text.replace(old, new))
    return path


def build(name, a):
    """Compile what the change concerns, link it with the rest."""
    out = os.path.join(a.objects, "mutants", name)
    path = mutate(name, a.tree, out)
    if not path:
        to = os.path.join(a.to, name)
        with open(to, "w") as f:
            f.write("#!/bin/sh\n"
                    "echo what it takes away is not in the code once\n")
        os.chmod(to, 0o755)
        return
    if path.endswith(".c"):
        sources = [path]
    else:
        # A header: everything of its directory.
        sources = [s for s in a.real
                   if os.path.dirname(s) == os.path.dirname(path)]
    link = []
    for source in a.real:
        if source not in sources:
            link.append(os.path.join(a.objects, "real", source[:-2] + ".o"))
            continue
        top = out if source == path else a.tree
        target = os.path.join(out, source[:-2] + ".o")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(a.cc + ["-I" + out] + a.flags +
                       ["-w", "-c", "-o", target, os.path.join(top, source)],
                       check=True)
        link.append(target)
    link += [os.path.join(a.objects, m[:-2] + ".o") for m in a.model]
    subprocess.run(a.cc + ["-no-pie", "-s", "-o", os.path.join(a.to, name)] +
                   link, check=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tree")
    p.add_argument("--objects")
    p.add_argument("--to")
    p.add_argument("--cc", type=str.split)
    p.add_argument("--real", type=str.split)
    p.add_argument("--model", type=str.split)
    p.add_argument("--flags", type=str.split)
    p.add_argument("only", nargs="*")
    a = p.parse_args()
    shutil.rmtree(a.to, ignore_errors=True)
    os.makedirs(a.to)
    names = a.only or [m[0] for m in MUTANTS]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(build, n, a) for n in names]:
            done.result()


main()
