// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs of the host's that must not go on in a guest, and have to be there
 * again before interrupts go on: DEBUGCTL, the counters of perf, PEBS, which is
 * not off at once. Calls nothing; called by the code under test, the processors
 * and the engine.
 */
#include "world.h"

#define HOST_DEBUGCTL	BIT_ULL(2)	/* #DB on bus locks */
#define COUNTERS	7ULL
#define HOST_ONLY	6ULL		/* of them */
#define HOST_PEBS	4ULL

enum { DEBUGCTL, PEBS, GLOBAL, NR_MODEL_MSRS };

static struct {
	u64 msr[NR_MODEL_MSRS];
	bool nmi;		/* perf was here since interrupts went off */
	struct perf_guest_switch_msr list[2];
} hw[MODEL_CPUS];

/* perf is in use on every second CPU. */
static u64 perf_of(int cpu, u64 bits)
{
	return cpu & 1 ? 0 : bits;
}

void msrs_reset(void)
{
	int cpu;

	memset(hw, 0, sizeof(hw));
	for (cpu = 0; cpu < MODEL_CPUS; cpu++) {
		hw[cpu].msr[DEBUGCTL] = HOST_DEBUGCTL;
		hw[cpu].msr[PEBS] = perf_of(cpu, HOST_PEBS);
		hw[cpu].msr[GLOBAL] = COUNTERS;
	}
}

static u64 *msr_at(u32 msr)
{
	switch (msr) {
	case MSR_IA32_DEBUGCTLMSR:
		return &hw[model_cpu()].msr[DEBUGCTL];
	case MSR_IA32_PEBS_ENABLE:
		return &hw[model_cpu()].msr[PEBS];
	case MSR_CORE_PERF_GLOBAL_CTRL:
		return &hw[model_cpu()].msr[GLOBAL];
	}
	return NULL;
}

u64 model_rdmsr(u32 msr)
{
	u64 *at = msr_at(msr);

	return at ? *at : 0;
}

void model_wrmsr(u32 msr, u64 value)
{
	u64 *at = msr_at(msr);

	if (at)
		*at = value;
}

struct perf_guest_switch_msr *perf_guest_get_msrs(int *nr, void *data)
{
	int cpu = model_cpu();

	hw[cpu].list[0] = (struct perf_guest_switch_msr) {
		.msr = MSR_CORE_PERF_GLOBAL_CTRL,
		.host = COUNTERS,
		.guest = COUNTERS & ~perf_of(cpu, HOST_ONLY),
	};
	hw[cpu].list[1] = (struct perf_guest_switch_msr) {
		.msr = MSR_IA32_PEBS_ENABLE, .host = perf_of(cpu, HOST_PEBS),
	};
	*nr = 2;
	return hw[cpu].list;
}

void msrs_before_entry(void)
{
	int cpu = model_cpu();

	/* An NMI of perf's, which looks at its counters anew. */
	if (chance(8)) {
		hw[cpu].msr[PEBS] = perf_of(cpu, HOST_PEBS);
		hw[cpu].nmi = true;
	}
	if (hw[cpu].msr[PEBS] && !hw[cpu].nmi)
		model_fail("CPU %d: PEBS goes off right before the guest", cpu);
}

void msrs_in_guest(bool debugctl_loaded)
{
	int cpu = model_cpu();

	if (!debugctl_loaded && hw[cpu].msr[DEBUGCTL])
		model_fail("CPU %d: the guest has the host's DEBUGCTL", cpu);
	if (!debugctl_loaded)
		return;
	/* VMX: entries load 0, and exits clear it. */
	hw[cpu].msr[DEBUGCTL] = 0;
	if (hw[cpu].msr[PEBS])
		model_fail("CPU %d: PEBS is on in the guest", cpu);
	if (hw[cpu].msr[GLOBAL] != (COUNTERS & ~perf_of(cpu, HOST_ONLY)))
		model_fail("CPU %d has the wrong counters in the guest", cpu);
}

void msrs_in_host(int cpu)
{
	hw[cpu].nmi = false;
	if (hw[cpu].msr[DEBUGCTL] != HOST_DEBUGCTL)
		model_fail("CPU %d: the host lost its DEBUGCTL", cpu);
	if (hw[cpu].msr[PEBS] != perf_of(cpu, HOST_PEBS) ||
	    hw[cpu].msr[GLOBAL] != COUNTERS)
		model_fail("CPU %d: the host lost its counters", cpu);
}
