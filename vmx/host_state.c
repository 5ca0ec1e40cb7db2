// SPDX-License-Identifier: GPL-2.0
/*
 * The host's state around the guest: the host-state area of the VMCS, which
 * VM exits load, and what they leave alone or spoil, which is switched at
 * vcpu_put(). Called by vcpu.c and run.c; calls the kernel only.
 */
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/debugreg.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include "vmx/vmx.h"

static const u32 vmx_syscall_msrs[VMX_NR_MSRS] = {
	[VMX_STAR] = MSR_STAR,
	[VMX_LSTAR] = MSR_LSTAR,
	[VMX_CSTAR] = MSR_CSTAR,
	[VMX_SFMASK] = MSR_SYSCALL_MASK,
};

void vmx_host_read_syscall(struct vmx_cpu *c)
{
	unsigned int i;

	for (i = 0; i < VMX_NR_MSRS; i++)
		rdmsrl(vmx_syscall_msrs[i], c->host_syscall[i]);
}

void vmx_host_init(struct vmx_vcpu *vmx)
{
	struct desc_ptr idt;
	u64 value;

	/* A task switched out may have TS set: not so in the kernel's loop. */
	vmx_write(vmx, VMCS_HOST_CR0, read_cr0() & ~(u64)X86_CR0_TS);
	vmx->host.cr3 = 0;
	vmx->host.cr4 = 0;
	vmx->host.fs_base = 0;
	vmx_write(vmx, VMCS_HOST_FS_BASE, 0);

	/*
	 * User space's selectors have RPL 3, which the VMCS refuses (27.2.3):
	 * null here, and reloaded at vcpu_put() if they were not.
	 */
	vmx_write(vmx, VMCS_HOST_CS_SELECTOR, __KERNEL_CS);
	vmx_write(vmx, VMCS_HOST_SS_SELECTOR, __KERNEL_DS);
	vmx_write(vmx, VMCS_HOST_DS_SELECTOR, 0);
	vmx_write(vmx, VMCS_HOST_ES_SELECTOR, 0);
	vmx_write(vmx, VMCS_HOST_FS_SELECTOR, 0);
	vmx_write(vmx, VMCS_HOST_GS_SELECTOR, 0);
	vmx_write(vmx, VMCS_HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);

	store_idt(&idt);
	vmx_write(vmx, VMCS_HOST_IDTR_BASE, idt.address);
	vmx_write(vmx, VMCS_HOST_RIP, (unsigned long)vmx_exit);

	rdmsrl(MSR_IA32_SYSENTER_CS, value);
	vmx_write(vmx, VMCS_HOST_SYSENTER_CS, (u32)value);
	rdmsrl(MSR_IA32_SYSENTER_EIP, value);
	vmx_write(vmx, VMCS_HOST_SYSENTER_EIP, value);
	rdmsrl(MSR_IA32_CR_PAT, value);
	vmx_write(vmx, VMCS_HOST_PAT, value);
	rdmsrl(MSR_EFER, value);
	vmx_write(vmx, VMCS_HOST_EFER, value);
}

/* The base of the TSS that TR was loaded with. */
static u64 vmx_tss_base(const struct desc_ptr *gdt)
{
	const struct ldttss_desc *tss = (void *)(gdt->address +
						 GDT_ENTRY_TSS * 8);

	return tss->base0 | (u64)tss->base1 << 16 | (u64)tss->base2 << 24 |
		(u64)tss->base3 << 32;
}

void vmx_host_cpu_changed(struct vmx_vcpu *vmx)
{
	struct desc_ptr gdt;
	u64 value;

	native_store_gdt(&gdt);
	vmx_write(vmx, VMCS_HOST_GDTR_BASE, gdt.address);
	vmx_write(vmx, VMCS_HOST_TR_BASE, vmx_tss_base(&gdt));
	rdmsrl(MSR_GS_BASE, value);
	vmx_write(vmx, VMCS_HOST_GS_BASE, value);
	rdmsrl(MSR_IA32_SYSENTER_ESP, value);
	vmx_write(vmx, VMCS_HOST_SYSENTER_ESP, value);
}

/* CR3 and CR4 of this moment: another mm, another PCID, a flag set since. */
static inline void vmx_host_paging(struct vmx_vcpu *vmx)
{
	struct vmx_host *host = &vmx->host;
	u64 cr3 = __get_current_cr3_fast(), cr4 = cr4_read_shadow();

	if (unlikely(cr3 != host->cr3)) {
		host->cr3 = cr3;
		vmx_write(vmx, VMCS_HOST_CR3, cr3);
	}
	if (unlikely(cr4 != host->cr4)) {
		host->cr4 = cr4;
		vmx_write(vmx, VMCS_HOST_CR4, cr4);
		/* The guest's has the host's CR4.MCE. */
		duet_need(&vmx->vcpu, DUET_ST_CR4);
		duet_wrote(&vmx->vcpu, DUET_ST_CR4);
	}
}

/*
 * VM exits clear LDTR (SDM vol. 3, 28.5.2). Another thread's modify_ldt() may
 * load it at any time by an interrupt.
 */
static inline void vmx_host_ldt(struct vmx_host *host)
{
	u16 ldt;

	store_ldt(ldt);
	if (unlikely(ldt))
		host->ldt = ldt;
}

/* User space's FS and GS are still in the CPU; the VM exit loads FS's base. */
static void vmx_host_save(struct vmx_vcpu *vmx)
{
	struct vmx_host *host = &vmx->host;
	u64 fs_base;

	savesegment(ds, host->ds);
	savesegment(es, host->es);
	savesegment(fs, host->fs);
	savesegment(gs, host->gs);
	host->ldt = 0;

	rdmsrl(MSR_FS_BASE, fs_base);
	if (fs_base != host->fs_base) {
		host->fs_base = fs_base;
		vmx_write(vmx, VMCS_HOST_FS_BASE, fs_base);
	}
	rdmsrl(MSR_KERNEL_GS_BASE, host->kernel_gs_base);
	if (vmx->kernel_gs_base != host->kernel_gs_base)
		wrmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	host->saved = true;
	host->syscall = false;
}

static void vmx_load_syscall(struct vmx_vcpu *vmx)
{
	const struct duet_state *s = &vmx->vcpu.state;

	wrmsrl(MSR_STAR, s->star);
	wrmsrl(MSR_LSTAR, s->lstar);
	wrmsrl(MSR_CSTAR, s->cstar);
	wrmsrl(MSR_SYSCALL_MASK, s->sfmask);
	vmx->host.syscall = true;
}

void vmx_syscall_changed(struct vmx_vcpu *vmx)
{
	/* Not in the CPU: they get there with the next vmx_host_prepare(). */
	if (vmx->host.syscall)
		vmx_load_syscall(vmx);
}

void vmx_host_prepare(struct vmx_vcpu *vmx)
{
	vmx_host_paging(vmx);
	if (unlikely(!vmx->host.saved))
		vmx_host_save(vmx);
	vmx_host_ldt(&vmx->host);
	/* SYSCALL does nothing but #UD without both (SDM vol. 2). */
	if (unlikely(!vmx->host.syscall) &&
	    (vmx->vcpu.state.efer & EFER_SCE) &&
	    (vmx->vcpu.state.efer & EFER_LMA))
		vmx_load_syscall(vmx);
}

static void vmx_restore_syscall(struct vmx_vcpu *vmx)
{
	const u64 *value = this_cpu_ptr(&vmx_cpus)->host_syscall;
	unsigned int i;

	for (i = 0; i < VMX_NR_MSRS; i++)
		wrmsrl(vmx_syscall_msrs[i], value[i]);
	vmx->host.syscall = false;
}

/* 32-bit processes have them. GS has to be loaded before its base. */
static void vmx_restore_segments(const struct vmx_host *host)
{
	if (host->ds | host->es) {
		loadsegment(ds, host->ds);
		loadsegment(es, host->es);
	}
	if (host->fs) {
		loadsegment(fs, host->fs);
		wrmsrl(MSR_FS_BASE, host->fs_base);
	}
	if (host->gs)
		load_gs_index(host->gs);
	if (host->ldt)
		asm volatile("lldt %0" : : "m" (host->ldt));
}

void vmx_host_restore(struct vmx_vcpu *vmx)
{
	struct vmx_host *host = &vmx->host;

	if (!host->saved)
		return;
	host->saved = false;
	/* The guest writes it without an exit. */
	rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);

	vmx_host_ldt(host);
	if (unlikely(host->ds | host->es | host->fs | host->gs | host->ldt))
		vmx_restore_segments(host);
	wrmsrl(MSR_KERNEL_GS_BASE, host->kernel_gs_base);
	if (host->syscall)
		vmx_restore_syscall(vmx);
	/*
	 * A VM exit sets the limits of TSS and GDT to 67h and FFFFh (SDM
	 * vol. 3, 28.5.2): user space must not load what is behind the GDT,
	 * nor lose its I/O permission map.
	 */
	invalidate_tss_limit();
	load_fixmap_gdt(raw_smp_processor_id());
}

u64 vmx_get_kernel_gs_base(struct vmx_vcpu *vmx)
{
	preempt_disable();
	if (vmx->host.saved)
		rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	preempt_enable();
	return vmx->kernel_gs_base;
}

void vmx_set_kernel_gs_base(struct vmx_vcpu *vmx, u64 value)
{
	preempt_disable();
	vmx->kernel_gs_base = value;
	if (vmx->host.saved)
		wrmsrl(MSR_KERNEL_GS_BASE, value);
	preempt_enable();
}
