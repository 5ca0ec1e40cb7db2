// SPDX-License-Identifier: GPL-2.0
/*
 * What the processor offers, from CPUID and, where readable, MSRs. Calls
 * check.c; called by check_machine().
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "compiler.h"

#define MSR_FEATURE_CONTROL	0x3a		/* SDM vol. 4, table 2-2 */
#define FEATURE_LOCKED		(1ULL << 0)
#define FEATURE_VMX		(1ULL << 2)	/* VMX outside SMX */
#define MSR_VMX_PROC		0x482		/* SDM vol. 3, A.3.2 */
#define MSR_VMX_PROC2		0x48b		/* A.3.3 */
#define MSR_VMX_EPT_VPID	0x48c		/* A.10 */
#define MSR_VM_CR		0xc0010114	/* APM vol. 2, 15.30.1 */
#define VM_CR_LOCK		(1ULL << 3)
#define VM_CR_SVMDIS		(1ULL << 4)

struct feature {
	unsigned int bit;
	const char *name;
	const char *meaning;
};

/* CPUID Fn8000_000A_EDX: APM vol. 3, appendix E.4.9 */
static const struct feature svm_features[] = {
	{ 0, "NPT", "nested page tables" },
	{ 1, "LBRV", "last-branch records kept per guest" },
	{ 3, "NRIPS", "next instruction's address saved at an exit" },
	{ 4, "TSC scaling", "the guest's TSC rate is free" },
	{ 5, "clean bits", "unchanged VMCB fields stay cached" },
	{ 6, "flush by ASID", "one guest's TLB entries flushed" },
	{ 7, "decode assists", "instruction bytes saved at an exit" },
	{ 10, "pause filter", "spinning guests exit" },
	{ 13, "AVIC", "interrupts delivered by hardware" },
	{ 16, "VGIF", "virtual global interrupt flag" },
};

/* Secondary processor-based controls: SDM vol. 3, table 25-7 */
static const struct feature vmx_features[] = {
	{ 1, "EPT", "extended page tables" },
	{ 5, "VPID", "TLB entries tagged per vCPU" },
	{ 7, "unrestricted guest", "real mode without emulation" },
	{ 8, "APIC-register virtualization", "" },
	{ 9, "virtual-interrupt delivery", "" },
	{ 0, "virtualize APIC accesses", "" },
	{ 14, "VMCS shadowing", "" },
	{ 25, "TSC scaling", "the guest's TSC rate is free" },
};

/* Two lines: what there is, and what there is not. */
static void print_features(const struct feature *f, size_t n, uint32_t bits)
{
	char have[512] = "", lack[512] = "";
	size_t i;

	for (i = 0; i < n; i++) {
		char *s = bits & 1U << f[i].bit ? have : lack;
		size_t len = strlen(s);

		snprintf(s + len, sizeof(have) - len, "%s%s", len ? ", " : "",
			 f[i].name);
	}
	check_line("has", "%s", *have ? have : "no extras");
	if (*lack)
		check_line("lacks", "%s (done in software)", lack);
}

/*
 * Whether the kernel lists a word in a line of /proc/cpuinfo: 1, 0, or -1 if
 * there is no such line. Anybody may read it, unlike MSRs.
 */
static int cpuinfo_has(const char *label, const char *word)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[8192], *tok, *save;
	int found = -1;

	if (!f)
		return -1;
	while (found < 0 && fgets(line, sizeof(line), f)) {
		if (strncmp(line, label, strlen(label)) ||
		    !strchr("\t :", line[strlen(label)]))
			continue;
		found = 0;
		for (tok = strtok_r(line, " \t\n:", &save); tok;
		     tok = strtok_r(NULL, " \t\n:", &save))
			found |= !strcmp(tok, word);
	}
	fclose(f);
	return found;
}

/* The kernel hides the feature when it found it switched off by firmware. */
static void check_firmware_unread(struct check *c, const char *flag,
				  const char *what, const char *msr)
{
	if (cpuinfo_has("flags", flag) == 0)
		check_stop(c,
			   "firmware has switched %s off, says the kernel (no %s in /proc/cpuinfo); look for \"virtualization\" in its setup",
			   what, flag);
	else
		check_line("firmware",
			   "%s is not readable here (be root, modprobe msr); the kernel has no complaint",
			   msr);
}

static void explain_generation(bool second, const char *table,
			       const char *tag)
{
	if (second)
		check_line("generation", "second: nested paging (%s)", table);
	else
		check_line("generation",
			   "first: no nested paging; Duet uses shadow page tables%s",
			   tag);
}

static void no_virtualization(struct check *c, const char *what)
{
	uint32_t eax, ebx, ecx, edx;
	char name[13];

	__cpuid(1, eax, ebx, ecx, edx);
	if (ecx & 1U << 31) {
		__cpuid(0x40000000, eax, ebx, ecx, edx);
		memcpy(name, &ebx, 4);
		memcpy(name + 4, &ecx, 4);
		memcpy(name + 8, &edx, 4);
		name[12] = 0;
		check_stop(c,
			   "no %s: this machine is itself a virtual one (%s); its host has to offer nested virtualization",
			   what, *name ? name : "hypervisor without a name");
		return;
	}
	check_stop(c, "this CPU has no %s, or firmware hides it", what);
}

static void check_svm(struct check *c)
{
	uint32_t eax, ebx, ecx, edx;
	uint64_t vm_cr;
	int ret;

	if (!__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) ||
	    !(ecx & 1U << 2) ||
	    !__get_cpuid(0x8000000a, &eax, &ebx, &ecx, &edx)) {
		no_virtualization(c, "AMD-V (SVM)");
		return;
	}
	check_line("technology", "AMD-V (SVM), revision %u", eax & 0xff);
	explain_generation(edx & 1, "NPT", "");
	check_line("tags", "%u ASIDs: TLB entries tagged per vCPU", ebx);
	print_features(svm_features,
		       ARRAY_SIZE(svm_features), edx);

	ret = check_msr(MSR_VM_CR, &vm_cr);
	if (ret == -EACCES || ret == -ENOENT)
		check_firmware_unread(c, "svm", "SVM", "VM_CR");
	else if (ret)
		check_line("firmware", "VM_CR does not exist on this CPU");
	else if (vm_cr & VM_CR_SVMDIS)
		check_stop(c,
			   "firmware has switched SVM off (VM_CR.SVMDIS)%s; look for \"SVM\" or \"virtualization\" in its setup",
			   vm_cr & VM_CR_LOCK ? " and locked it" : "");
	else
		check_line("firmware", "leaves SVM on");
}

/* Secondary controls by the kernel's names for them; false: not known. */
static bool vmx_bits_from_kernel(uint32_t *bits)
{
	static const struct feature names[] = {
		{ 0, "flexpriority", "" },
		{ 1, "ept", "" },
		{ 5, "vpid", "" },
		{ 7, "unrestricted_guest", "" },
		{ 8, "apicv", "" },
		{ 9, "apicv", "" },
		{ 14, "shadow_vmcs", "" },
		{ 25, "tsc_scaling", "" },
	};
	size_t i;

	*bits = 0;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		int has = cpuinfo_has("vmx flags", names[i].name);

		if (has < 0)
			return false;
		*bits |= (uint32_t)has << names[i].bit;
	}
	return true;
}

static bool vmx_bits(uint32_t *bits)
{
	uint64_t proc = 0, proc2 = 0;

	if (check_msr(MSR_VMX_PROC, &proc))
		return vmx_bits_from_kernel(bits);
	/* The upper half holds what may be 1; bit 31: secondary controls. */
	if (proc >> 63)
		check_msr(MSR_VMX_PROC2, &proc2);
	*bits = proc2 >> 32;
	return true;
}

static void check_vmx_features(void)
{
	uint64_t ept = 0;
	uint32_t bits;

	if (!vmx_bits(&bits)) {
		check_line("generation",
			   "unknown: VMX capability MSRs are not readable here (be root, modprobe msr)");
		return;
	}
	explain_generation(bits & 1U << 1, "EPT",
			   bits & 1U << 5 ? "" : ", and no TLB tags");
	print_features(vmx_features,
		       ARRAY_SIZE(vmx_features), bits);
	if (bits & (1U << 1 | 1U << 5) && !check_msr(MSR_VMX_EPT_VPID, &ept))
		check_line("EPT", "large pages: %s%s; accessed and dirty flags: %s",
			   ept & 1U << 16 ? "2 MiB" : "none",
			   ept & 1U << 17 ? ", 1 GiB" : "",
			   ept & 1U << 21 ? "yes" : "no");
}

static void check_vmx(struct check *c)
{
	uint32_t eax, ebx, ecx, edx;
	uint64_t control;
	int ret;

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & 1U << 5)) {
		no_virtualization(c, "VT-x (VMX)");
		return;
	}
	check_line("technology", "Intel VT-x (VMX)");
	check_vmx_features();

	ret = check_msr(MSR_FEATURE_CONTROL, &control);
	if (ret)
		check_firmware_unread(c, "vmx", "VMX", "IA32_FEATURE_CONTROL");
	else if (control & FEATURE_LOCKED && !(control & FEATURE_VMX))
		check_stop(c,
			   "firmware has locked VMX off (IA32_FEATURE_CONTROL); look for \"VT-x\" in its setup");
	else
		check_line("firmware", control & FEATURE_LOCKED ?
			   "leaves VMX on" : "has not decided: Duet switches VMX on");
}

/* "AuthenticAMD", and the name with its runs of blanks made one. */
static void print_names(char *vendor)
{
	uint32_t r[12] = { 0 };
	uint32_t eax, ebx, ecx, edx;
	char name[49], *from, *to;
	unsigned int i;

	__cpuid(0, eax, ebx, ecx, edx);
	memcpy(vendor, &ebx, 4);
	memcpy(vendor + 4, &edx, 4);
	memcpy(vendor + 8, &ecx, 4);
	vendor[12] = 0;

	for (i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1],
			    &r[4 * i + 2], &r[4 * i + 3]);
	memcpy(name, r, 48);
	name[48] = 0;
	for (from = to = name; *from; from++)
		if (*from != ' ' || (to > name && to[-1] != ' '))
			*to++ = *from;
	*to = 0;
	check_line("processor", "%s (%s)", *name ? name : "without a name",
		   vendor);
}

void check_cpu(struct check *c)
{
	uint32_t eax, ebx, ecx, edx;
	char vendor[13];

	print_names(vendor);
	__cpuid(1, eax, ebx, ecx, edx);
	/* The bit decides, not the vendor: others implement both, too. */
	if (ecx & 1U << 5)
		check_vmx(c);
	else if (!strcmp(vendor, "GenuineIntel") ||
		 !strcmp(vendor, "CentaurHauls") ||
		 !strcmp(vendor, "  Shanghai  "))
		check_vmx(c);
	else
		check_svm(c);
}
