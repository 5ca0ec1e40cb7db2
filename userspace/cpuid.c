// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUID table of a vCPU: what the device supports, with this vCPU's
 * identity and a plain topology written into it. Called by vcpu.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "args.h"
#include "err.h"
#include "vcpu.h"
#include "vm.h"

#define CPUID_MAX_ENTRIES	4096	/* a bound for the growing loop */

/* CPUID.1: SDM vol. 2, CPUID; APM vol. 3, appendix E */
#define C1_ECX_TSC_DEADLINE	(1U << 24)
#define C1_ECX_HYPERVISOR	(1U << 31)
#define C1_EDX_HTT		(1U << 28)

/* The smallest n with 2^n >= @count: the width of an id field. */
static unsigned int id_bits(unsigned int count)
{
	unsigned int bits = 0;

	while (1U << bits < count)
		bits++;
	return bits;
}

/* CPUID.0BH and 1FH: one thread per core, all cores in one package. */
static void patch_topology(struct kvm_cpuid_entry2 *e, unsigned int id,
			   unsigned int nr)
{
	e->ecx = e->index & 0xff;
	e->edx = id;
	switch (e->index) {
	case 0:		/* SMT level: type 1 */
		e->eax = 0;
		e->ebx = 1;
		e->ecx |= 1 << 8;
		break;
	case 1:		/* core level: type 2 */
		e->eax = id_bits(nr);
		e->ebx = nr;
		e->ecx |= 2 << 8;
		break;
	default:	/* no such level: type 0 */
		e->eax = 0;
		e->ebx = 0;
		break;
	}
}

static void patch_entry(struct kvm_cpuid_entry2 *e, unsigned int id,
			unsigned int nr, bool deadline)
{
	switch (e->function) {
	case 1:
		e->ebx &= 0x0000ffff;
		e->ebx |= id << 24 | nr << 16;
		e->ecx |= C1_ECX_HYPERVISOR;
		if (deadline)
			e->ecx |= C1_ECX_TSC_DEADLINE;
		if (nr > 1)
			e->edx |= C1_EDX_HTT;
		else
			e->edx &= ~C1_EDX_HTT;
		break;
	case 4:		/* EAX[31:26]: core ids; [25:14]: ids sharing a cache */
		if (e->eax & 0x1f) {
			e->eax &= 0x00003fff;
			e->eax |= ((1U << id_bits(nr)) - 1) << 26;
		}
		break;
	case 0xb:
	case 0x1f:
		patch_topology(e, id, nr);
		break;
	case 0x80000008:	/* ECX: id width and number of cores less one */
		e->ecx &= ~0xf0ffU;
		e->ecx |= id_bits(nr) << 12 | (nr - 1);
		break;
	case 0x8000001d:	/* EAX[25:14]: ids sharing a cache */
		e->eax &= 0x00003fff;
		break;
	case 0x8000001e:	/* AMD: extended APIC id, core id, node id */
		e->eax = id;
		e->ebx = id;
		e->ecx = 0;
		break;
	}
}

void vcpu_patch_cpuid(struct kvm_cpuid2 *table, unsigned int id,
		      unsigned int nr, bool deadline)
{
	unsigned int i;

	for (i = 0; i < table->nent; i++)
		patch_entry(&table->entries[i], id, nr, deadline);
}

static struct kvm_cpuid2 *get_supported(struct vm *vm)
{
	struct kvm_cpuid2 *table = NULL;
	unsigned int nent;

	/* The count is unknown beforehand; E2BIG asks for more room. */
	for (nent = 64; nent <= CPUID_MAX_ENTRIES; nent *= 2) {
		free(table);
		table = calloc(1, sizeof(*table) +
				  nent * sizeof(table->entries[0]));
		if (!table) {
			err_set(ENOMEM, "no memory for the CPUID table");
			return NULL;
		}
		table->nent = nent;
		if (!ioctl(vm->sys_fd, KVM_GET_SUPPORTED_CPUID, table)) {
			if (table->nent <= nent)
				return table;
			break;
		}
		if (errno != E2BIG)
			break;
	}
	err_set(errno ? errno : EPROTO, "KVM_GET_SUPPORTED_CPUID: %s",
		strerror(errno));
	free(table);
	return NULL;
}

int vcpu_set_cpuid(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct kvm_cpuid2 *table = get_supported(vm);
	bool deadline;
	int ret = 0;

	if (!table)
		return errno ? -errno : -EPROTO;
	/* TSC-deadline mode is the kernel's local APIC's: api.rst 4.46. */
	deadline = vm->opts->kernel_irqchip &&
		   vm_cap(vm, KVM_CAP_TSC_DEADLINE_TIMER);
	vcpu_patch_cpuid(table, vcpu->id, vm->opts->cpus, deadline);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, table))
		ret = err_set(errno, "vCPU %u: KVM_SET_CPUID2: %s", vcpu->id,
			      strerror(errno));
	free(table);
	return ret;
}
