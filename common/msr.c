// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers that no vendor owns: one table, looked up by
 * index; what is not in it goes to the backend. Called by the RDMSR and WRMSR
 * exits and by KVM_GET_MSRS/KVM_SET_MSRS.
 */
#include <linux/bsearch.h>
#include <linux/kvm_para.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/mce.h>
#include <asm/mtrr.h>
#include "common/compat.h"
#include "common/irqchip.h"
#include "common/steal.h"
#include "common/vcpu.h"

#define X2APIC_LAST	(APIC_BASE_MSR + 0xff)

/* 0, or 1: #GP. @host: an ioctl asks. */
typedef int (*msr_get_fn)(struct duet_vcpu *vcpu, u32 index, u64 *value,
			  bool host);
typedef int (*msr_set_fn)(struct duet_vcpu *vcpu, u32 index, u64 value,
			  bool host);

/*
 * struct msr_row - a register or a range of them
 * @get: NULL: reads as @value
 * @set: NULL: #GP
 * @slow: @get may take locks
 */
struct msr_row {
	u32 first, last;
	msr_get_fn get;
	msr_set_fn set;
	u64 value;
	bool slow;
};

static bool canonical(u64 address)
{
	return sign_extend64(address, 47) == address;	/* no LA57 */
}

/*
 * Writes without an effect
 */

static int ignore(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	return 0;
}

static int only_zero(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	return value != 0;
}

/* Registers that do not exist for the guest, and are 0 for an ioctl. */
static int host_zero_get(struct duet_vcpu *vcpu, u32 index, u64 *value,
			 bool host)
{
	*value = 0;
	return !host;
}

static int host_zero_set(struct duet_vcpu *vcpu, u32 index, u64 value,
			 bool host)
{
	return !host || value;
}

/*
 * Registers of the control structure
 */

static int efer_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = duet_efer(vcpu);
	return 0;
}

static int efer_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	/* LMA is not written: CR0.PG and LME make it (SDM vol. 3, 9.8.5). */
	value &= ~(u64)EFER_LMA;
	value |= duet_efer(vcpu) & EFER_LMA;
	return duet_set_efer(vcpu, value, host);
}

static u64 *state_msr(struct duet_vcpu *vcpu, u32 index)
{
	struct duet_state *s = &vcpu->state;

	switch (index) {
	case MSR_IA32_SYSENTER_CS:
		return &s->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return &s->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return &s->sysenter_eip;
	case MSR_IA32_CR_PAT:
		return &s->pat;
	case MSR_STAR:
		return &s->star;
	case MSR_LSTAR:
		return &s->lstar;
	case MSR_CSTAR:
		return &s->cstar;
	case MSR_SYSCALL_MASK:
		return &s->sfmask;
	default:
		return &s->kernel_gs_base;
	}
}

static int state_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	duet_need(vcpu, DUET_ST_MSRS);
	*value = *state_msr(vcpu, index);
	return 0;
}

static int state_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	switch (index) {
	case MSR_IA32_SYSENTER_CS:
		value = (u32)value;
		break;
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		/* Intel: #GP, AMD: truncated. Here: made canonical. */
		value = sign_extend64(value, 47);
		break;
	case MSR_IA32_CR_PAT:
		if (!duet_pat_valid(value))
			return 1;
		break;
	case MSR_SYSCALL_MASK:
		/* Intel: 63:32 are reserved; AMD: ignored */
		if (value >> 32 && !vcpu->cpuid.amd)
			return 1;
		value = (u32)value;
		break;
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
		if (!canonical(value))
			return 1;
		break;
	}
	duet_need(vcpu, DUET_ST_MSRS);
	*state_msr(vcpu, index) = value;
	duet_wrote(vcpu, DUET_ST_MSRS);
	return 0;
}

static enum duet_seg base_segment(u32 index)
{
	return index == MSR_FS_BASE ? DUET_FS : DUET_GS;
}

static int base_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = duet_segment(vcpu, base_segment(index))->base;
	return 0;
}

static int base_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	enum duet_seg n = base_segment(index);

	if (!canonical(value))
		return 1;
	duet_segment(vcpu, n)->base = value;
	duet_wrote(vcpu, DUET_ST_SEG(n));
	return 0;
}

/*
 * Time and the local APIC
 */

static int tsc_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = duet_guest_tsc(vcpu);
	return 0;
}

static int tsc_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	duet_set_guest_tsc(vcpu, value, host);
	return 0;
}

static int adjust_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->msrs.tsc_adjust;
	return !host && !vcpu->cpuid.has_tsc_adjust;
}

static int adjust_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (!host && !vcpu->cpuid.has_tsc_adjust)
		return 1;
	duet_set_tsc_adjust(vcpu, value, host);
	return 0;
}

static int aux_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->msrs.tsc_aux;
	return !host && !vcpu->cpuid.has_rdtscp;
}

static int aux_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (!host && !vcpu->cpuid.has_rdtscp)
		return 1;
	/* Intel: 63:32 are reserved; AMD: ignored */
	if (value >> 32 && !vcpu->cpuid.amd)
		return 1;
	vcpu->msrs.tsc_aux = (u32)value;
	duet_request_self(vcpu, DUET_REQ_UPDATE);
	return 0;
}

static int deadline_get(struct duet_vcpu *vcpu, u32 index, u64 *value,
			bool host)
{
	if (!host && !vcpu->cpuid.has_tsc_deadline)
		return 1;
	*value = 0;
	return vcpu->lapic ? duet_lapic_msr_read(vcpu, index, value) : 0;
}

static int deadline_set(struct duet_vcpu *vcpu, u32 index, u64 value,
			bool host)
{
	if (!host && !vcpu->cpuid.has_tsc_deadline)
		return 1;
	return vcpu->lapic ? duet_lapic_msr_write(vcpu, index, value) : 0;
}

static int x2apic_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	return vcpu->lapic ? duet_lapic_msr_read(vcpu, index, value) : 1;
}

static int x2apic_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	return vcpu->lapic ? duet_lapic_msr_write(vcpu, index, value) : 1;
}

static int apic_base_get(struct duet_vcpu *vcpu, u32 index, u64 *value,
			 bool host)
{
	*value = vcpu->msrs.apic_base;
	return 0;
}

static int apic_base_set(struct duet_vcpu *vcpu, u32 index, u64 value,
			 bool host)
{
	return duet_lapic_set_base(vcpu, value, host);
}

/*
 * Identification and control
 */

#define MISC_ENABLE_RO	(MSR_IA32_MISC_ENABLE_EMON |			\
			 MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |		\
			 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL)

static int misc_enable_get(struct duet_vcpu *vcpu, u32 index, u64 *value,
			   bool host)
{
	*value = vcpu->msrs.misc_enable;
	return 0;
}

static int misc_enable_set(struct duet_vcpu *vcpu, u32 index, u64 value,
			   bool host)
{
	u64 *reg = &vcpu->msrs.misc_enable;

	if (!host) {
		if ((value ^ *reg) & (MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |
				      MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL))
			return 1;
		value = (value & ~MISC_ENABLE_RO) | (*reg & MISC_ENABLE_RO);
	}
	*reg = value;
	return 0;
}

static int ucode_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->msrs.microcode;
	return 0;
}

static int ucode_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (host)
		vcpu->msrs.microcode = value;
	return 0;	/* guests write 0 before they read it */
}

static int arch_cap_get(struct duet_vcpu *vcpu, u32 index, u64 *value,
			bool host)
{
	*value = vcpu->msrs.arch_capabilities;
	return !host && !vcpu->cpuid.has_arch_capabilities;
}

static int arch_cap_set(struct duet_vcpu *vcpu, u32 index, u64 value,
			bool host)
{
	if (!host)
		return 1;
	vcpu->msrs.arch_capabilities = value;
	return 0;
}

/* Indirect branch prediction barrier (SDM vol. 4; APM vol. 2, 3.2.9) */
static int pred_cmd_set(struct duet_vcpu *vcpu, u32 index, u64 value,
			bool host)
{
	if (!host && !vcpu->cpuid.has_ibpb)
		return 1;
	if ((value & ~PRED_CMD_IBPB) || !boot_cpu_has(X86_FEATURE_IBPB))
		return 1;
	if (value)
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	return 0;
}

int duet_set_spec_ctrl(struct duet_vcpu *vcpu, u64 value, bool host)
{
	u64 bits = 0;

	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return !host || value;
	if (!host && !vcpu->cpuid.has_spec_ctrl)
		return 1;
	/* Those that this CPU lacks would fault in the world switch. */
	if (boot_cpu_has(X86_FEATURE_IBRS))
		bits |= SPEC_CTRL_IBRS;
	if (boot_cpu_has(X86_FEATURE_STIBP))
		bits |= SPEC_CTRL_STIBP;
	if (boot_cpu_has(X86_FEATURE_SPEC_CTRL_SSBD) ||
	    boot_cpu_has(X86_FEATURE_AMD_SSBD))
		bits |= SPEC_CTRL_SSBD;
	if (value & ~bits)
		return 1;
	vcpu->msrs.spec_ctrl = value;
	return 0;
}

/* Locked, and nothing is enabled: there is no VMX in the guest. */
static int feat_ctl_get(struct duet_vcpu *vcpu, u32 index, u64 *value,
			bool host)
{
	*value = FEAT_CTL_LOCKED;
	return !host && vcpu->cpuid.amd;
}

static int feat_ctl_set(struct duet_vcpu *vcpu, u32 index, u64 value,
			bool host)
{
	return !host || (value & ~(u64)FEAT_CTL_LOCKED);
}

/* The bits are for old CPUs' errata, or have no effect on a guest. */
#define HWCR_IGNORED	(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))
#define HWCR_ALLOWED	(BIT_ULL(18) | BIT_ULL(24))  /* McStatusWrEn, TscFreqSel */

static int hwcr_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->msrs.hwcr;
	return 0;
}

static int hwcr_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	value &= ~HWCR_IGNORED;
	if (value & ~HWCR_ALLOWED)
		return 1;
	vcpu->msrs.hwcr = value;
	return 0;
}

/* The old pair of numbers and the new one are two features. */
static bool has_clock(struct duet_vcpu *vcpu, u32 index)
{
	bool old = index == MSR_KVM_WALL_CLOCK || index == MSR_KVM_SYSTEM_TIME;

	return vcpu->cpuid.pv_features &
		(old ? BIT(KVM_FEATURE_CLOCKSOURCE) :
		       BIT(KVM_FEATURE_CLOCKSOURCE2));
}

static bool is_wall_clock(u32 index)
{
	return index == MSR_KVM_WALL_CLOCK || index == MSR_KVM_WALL_CLOCK_NEW;
}

static int clock_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = is_wall_clock(index) ? vcpu->msrs.kvm_wall_clock :
		vcpu->msrs.kvm_system_time;
	return !host && !has_clock(vcpu, index);
}

static int clock_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (!host && !has_clock(vcpu, index))
		return 1;
	if (is_wall_clock(index))
		duet_clock_wall(vcpu, value);
	else
		duet_clock_enable(vcpu, value);
	return 0;
}

static int steal_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->msrs.kvm_steal_time;
	return !host &&
		!(vcpu->cpuid.pv_features & BIT(KVM_FEATURE_STEAL_TIME));
}

static int steal_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (!host && !(vcpu->cpuid.pv_features & BIT(KVM_FEATURE_STEAL_TIME)))
		return 1;
	return duet_steal_enable(vcpu, value);
}

static int pv_eoi_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->msrs.kvm_pv_eoi;
	return !host && !(vcpu->cpuid.pv_features & BIT(KVM_FEATURE_PV_EOI));
}

static int pv_eoi_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (!host && !(vcpu->cpuid.pv_features & BIT(KVM_FEATURE_PV_EOI)))
		return 1;
	return duet_pv_eoi_enable(vcpu, value);
}

/*
 * The table, sorted by index. "0 ..." rows are registers that guests touch
 * without asking CPUID first; they have the values of a machine on which the
 * function behind them is absent or off.
 */
#define ONE(i)		.first = (i), .last = (i)
#define RANGE(a, b)	.first = (a), .last = (b)
#define RW(name)	.get = name##_get, .set = name##_set

static const struct msr_row msr_table[] = {
	{ RANGE(MSR_IA32_P5_MC_ADDR, MSR_IA32_P5_MC_TYPE) },
	{ ONE(MSR_IA32_TSC), RW(tsc) },
	{ RANGE(MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME), RW(clock) },
	{ ONE(MSR_IA32_PLATFORM_ID) },
	{ ONE(MSR_IA32_APICBASE), .get = apic_base_get, .set = apic_base_set,
	  .slow = true },
	{ ONE(MSR_IA32_EBL_CR_POWERON) },
	/* bus ratio 1: nobody divides by it */
	{ ONE(MSR_EBC_FREQUENCY_ID), .value = 1 << 24 },
	{ ONE(MSR_SMI_COUNT), .set = host_zero_set },
	{ ONE(MSR_IA32_FEAT_CTL), RW(feat_ctl) },
	{ ONE(MSR_IA32_TSC_ADJUST), RW(adjust) },
	{ ONE(MSR_IA32_PRED_CMD), .get = host_zero_get, .set = pred_cmd_set },
	{ ONE(MSR_IA32_UCODE_WRITE), .get = host_zero_get, .set = ignore },
	{ ONE(MSR_IA32_UCODE_REV), RW(ucode) },
	{ RANGE(MSR_P6_PERFCTR0, MSR_P6_PERFCTR1), .set = ignore },
	{ ONE(MSR_FSB_FREQ), .value = 3 },
	{ ONE(MSR_PLATFORM_INFO), .set = host_zero_set },
	{ ONE(MSR_MTRRcap), .get = duet_mtrr_get },
	{ ONE(MSR_IA32_ARCH_CAPABILITIES), RW(arch_cap) },
	{ ONE(MSR_IA32_BBL_CR_CTL3), .set = ignore, .value = 0xbe702111 },
	{ ONE(MSR_MISC_FEATURES_ENABLES), .set = only_zero },
	{ RANGE(MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_EIP), RW(state) },
	{ RANGE(MSR_IA32_MCG_CAP, MSR_IA32_MCG_CTL), RW(duet_mce) },
	{ RANGE(MSR_P6_EVNTSEL0, MSR_P6_EVNTSEL1), .set = ignore },
	/* TSC ticks, multiplier 4 */
	{ ONE(MSR_IA32_PERF_STATUS), .value = 1000ULL | 4ULL << 40 },
	{ ONE(MSR_IA32_PERF_CTL) },
	{ ONE(MSR_IA32_MISC_ENABLE), RW(misc_enable) },
	{ ONE(MSR_IA32_DEBUGCTLMSR), .set = only_zero },
	{ RANGE(MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTINTTOIP) },
	{ RANGE(0x200, 0x276), RW(duet_mtrr) },
	{ ONE(MSR_IA32_CR_PAT), RW(state) },
	{ RANGE(0x278, 0x27f), RW(duet_mtrr) },
	{ RANGE(MSR_IA32_MC0_CTL2, MSR_IA32_MC0_CTL2 + 31), RW(duet_mce) },
	{ RANGE(0x2a0, 0x2ff), RW(duet_mtrr) },
	{ RANGE(MSR_IA32_MC0_CTL, MSR_IA32_MC0_CTL + 127), RW(duet_mce) },
	{ ONE(MSR_RAPL_POWER_UNIT) },
	{ ONE(MSR_PKG_ENERGY_STATUS) },
	{ ONE(MSR_DRAM_ENERGY_STATUS) },
	{ ONE(MSR_PP0_ENERGY_STATUS) },
	{ ONE(MSR_PP1_ENERGY_STATUS) },
	{ ONE(MSR_IA32_TSC_DEADLINE), RW(deadline), .slow = true },
	{ RANGE(APIC_BASE_MSR, X2APIC_LAST), RW(x2apic), .slow = true },
	{ ONE(MSR_IA32_XSS), RW(host_zero) },
	{ RANGE(MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW), RW(clock) },
	{ ONE(MSR_KVM_STEAL_TIME), RW(steal) },
	{ ONE(MSR_KVM_PV_EOI_EN), RW(pv_eoi) },
	{ ONE(MSR_EFER), RW(efer) },
	{ RANGE(MSR_STAR, MSR_SYSCALL_MASK), RW(state) },
	{ RANGE(MSR_FS_BASE, MSR_GS_BASE), RW(base) },
	{ ONE(MSR_KERNEL_GS_BASE), RW(state) },
	{ ONE(MSR_TSC_AUX), RW(aux) },
	{ RANGE(MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3), .set = ignore },
	{ ONE(MSR_AMD64_SYSCFG) },
	{ ONE(MSR_K7_HWCR), RW(hwcr) },
	{ ONE(MSR_K7_CLK_CTL), .set = ignore, .value = 0x20000000 },
	{ ONE(MSR_AMD64_NB_CFG), .set = ignore },
	{ ONE(MSR_AMD64_PATCH_LOADER), .get = host_zero_get, .set = ignore },
	{ ONE(MSR_K8_INT_PENDING_MSG) },
	{ ONE(MSR_FAM10H_MMIO_CONF_BASE), .set = only_zero },
	{ RANGE(MSR_K8_TSEG_ADDR, MSR_K8_TSEG_MASK) },
	{ ONE(MSR_AMD64_DC_CFG), .set = ignore },
	{ ONE(MSR_AMD64_TW_CFG), .set = ignore },
	{ ONE(MSR_AMD64_BU_CFG2), .set = ignore },
	{ ONE(MSR_F15H_EX_CFG), .set = ignore },
};

static int compare(const void *key, const void *element)
{
	const struct msr_row *row = element;
	u32 index = *(const u32 *)key;

	return index < row->first ? -1 : index > row->last;
}

static const struct msr_row *find_row(u32 index)
{
	return __inline_bsearch(&index, msr_table, ARRAY_SIZE(msr_table),
				sizeof(msr_table[0]), compare);
}

static int row_get(struct duet_vcpu *vcpu, const struct msr_row *row,
		   u32 index, u64 *value, bool host)
{
	*value = row->value;
	return row->get ? row->get(vcpu, index, value, host) : 0;
}

int duet_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	const struct msr_row *row = find_row(index);

	*value = 0;
	if (!row)
		return duet_ops->get_msr(vcpu, index, value);
	return row_get(vcpu, row, index, value, host);
}

int duet_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	const struct msr_row *row = find_row(index);

	if (!row)
		return duet_ops->set_msr(vcpu, index, value, host);
	return row->set ? row->set(vcpu, index, value, host) : 1;
}

bool duet_fast_rdmsr(struct duet_vcpu *vcpu, u32 index, u64 *value)
{
	const struct msr_row *row;

	switch (index) {
	case MSR_IA32_APICBASE:
		*value = vcpu->msrs.apic_base;
		return true;
	case MSR_IA32_TSC:
		*value = duet_guest_tsc(vcpu);
		return true;
	case MSR_IA32_MISC_ENABLE:
		*value = vcpu->msrs.misc_enable;
		return true;
	}
	row = find_row(index);
	return row && !row->slow && !row_get(vcpu, row, index, value, false);
}

bool duet_fast_wrmsr(struct duet_vcpu *vcpu, u32 index, u64 value)
{
	if (!vcpu->lapic)
		return false;
	if (index >= APIC_BASE_MSR && index <= X2APIC_LAST)
		return duet_lapic_msr_write_fast(vcpu, index, value);
	if (index == MSR_IA32_TSC_DEADLINE && vcpu->cpuid.has_tsc_deadline)
		return duet_lapic_msr_write_fast(vcpu, index, value);
	return false;
}

/*
 * Power-up
 */

#define PAT_RESET	0x0007040600070406ULL	/* SDM vol. 3, 12.12.4 */

static void reset_state_msrs(struct duet_vcpu *vcpu)
{
	struct duet_state *s = &vcpu->state;

	s->sysenter_cs = 0;
	s->sysenter_esp = 0;
	s->sysenter_eip = 0;
	s->star = 0;
	s->lstar = 0;
	s->cstar = 0;
	s->sfmask = 0;
	s->kernel_gs_base = 0;
	s->pat = PAT_RESET;
	duet_wrote(vcpu, DUET_ST_MSRS);
}

void duet_msrs_reset(struct duet_vcpu *vcpu, bool init)
{
	struct duet_msrs *m = &vcpu->msrs;

	/* INIT keeps MTRRs, PAT, the TSC and machine checks. */
	m->spec_ctrl = 0;
	m->virt_spec_ctrl = 0;
	m->xss = 0;
	/* What a new kernel has not asked for is not written to its memory. */
	WRITE_ONCE(m->kvm_system_time, 0);
	WRITE_ONCE(m->kvm_steal_time, 0);
	if (init)
		return;

	duet_cpuid_init(vcpu);
	memset(m, 0, sizeof(*m));
	m->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE;
	if (vcpu->id == vcpu->vm->bsp_id)
		m->apic_base |= MSR_IA32_APICBASE_BSP;
	m->misc_enable = MSR_IA32_MISC_ENABLE_FAST_STRING |
		MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |
		MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL;
	duet_feature_msr(MSR_IA32_ARCH_CAPABILITIES, &m->arch_capabilities);
	duet_setup_mce(vcpu, DUET_MCG_CAP_SUPPORTED | 10);
	reset_state_msrs(vcpu);
	vcpu->xcr0 = XFEATURE_MASK_FP;
	duet_msrs_after_cpuid(vcpu);
	duet_set_guest_tsc(vcpu, 0, true);
}

void duet_msrs_after_cpuid(struct duet_vcpu *vcpu)
{
	/* A revision that every guest takes for recent enough. */
	static const u64 amd = 0x01000065, intel = 1ULL << 32;
	u64 *rev = &vcpu->msrs.microcode;

	if (!*rev || *rev == amd || *rev == intel)
		*rev = vcpu->cpuid.amd ? amd : intel;
}
