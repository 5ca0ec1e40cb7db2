/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's side of a test: virtual machines and vCPUs through the KVM API.
 *
 * The test's own binary is mapped into each guest at guest-physical = virtual
 * = the host's own address. So a guest function is a C function of the test,
 * globals are shared between host and guest, and a pointer means the same on
 * both sides. Guest-physical 0 to 1 MiB (LOW_SIZE) is ordinary memory for
 * code that has to stand low.
 */
#ifndef SELFTESTS_VM_H
#define SELFTESTS_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_VCPUS	4
#define LOW_SIZE	0x100000ul
#define PAGE		4096ul

#define SLOT_LOW	0
#define SLOT_IMAGE	1
#define SLOT_FREE	2	/* the first that tests may use */

#define VM_BARE		1u	/* no memory at all */
#define VM_IRQCHIP	2u	/* PIC, IOAPIC, local APIC */
#define VM_PIT		4u	/* and the PIT */
#define VM_NO_CPUID	8u	/* vCPUs get no CPUID table */
#define VM_SPLIT	16u	/* local APICs alone, 24 GSIs are an IOAPIC's */

struct vm {
	int kvm;
	int fd;
	uint8_t *low;
	unsigned int flags;
};

struct vcpu {
	struct vm *vm;
	int fd;
	unsigned int id;
	struct kvm_run *run;
	size_t run_size;
};

/* $DUET_DEVICE, /dev/duet without it. */
const char *device_path(void);
/* The device is Duet and not KVM. */
bool device_is_duet(void);

/* VMMCALL is the hypercall and not VMCALL; the guest's CPUID says the same. */
bool on_amd(void);

/*
 * The host is QEMU's TCG, some of whose deviations a test has to know: it
 * ignores the interrupt shadow in the VMCB at VMRUN.
 */
bool host_is_tcg(void);
/*
 * TCG's VMRUN delivers some of the device's interrupts twice: KVM's, unless
 * the emulator was mended (scripts/host run --mend-eventinj). Duet avoids it.
 */
bool interrupts_go_twice(void);

/*
 * The host is Bochs with AMD-V, which resets at a guest's triple fault instead
 * of making the SHUTDOWN exit, and keeps a single-step trap pending across
 * #VMEXIT: it hits the host, whose GS is not its own yet.
 */
bool host_is_bochs_svm(void);
bool host_is_bochs(void);

int device_open(void);
struct vm *vm_create(unsigned int flags);
struct vcpu *vcpu_create(struct vm *vm, unsigned int id);
/* Closes everything and frees what vm_create() and vcpu_create() made. */
void vm_destroy(struct vm *vm, struct vcpu *vcpu);

/* Shared anonymous memory (with children), zeroed. */
void *shared_alloc(size_t size);
/* Private anonymous memory, zeroed, aligned to @align. */
void *mem_alloc(size_t size, size_t align);

int slot_try(struct vm *vm, unsigned int slot, unsigned int flags,
	     uint64_t gpa, uint64_t size, void *hva);
void slot_set(struct vm *vm, unsigned int slot, unsigned int flags,
	      uint64_t gpa, uint64_t size, void *hva);

/* ioctl that has to succeed; its result. */
long must_at(const char *file, int line, const char *what, int fd,
	     unsigned long req, unsigned long arg);
#define must(fd, req, arg) \
	must_at(__FILE__, __LINE__, #req, fd, req, (unsigned long)(arg))

/* ioctl that has to fail with this errno. */
void must_fail_at(const char *file, int line, const char *what, int fd,
		  unsigned long req, unsigned long arg, int err);
#define must_fail(fd, req, arg, err) \
	must_fail_at(__FILE__, __LINE__, #req, fd, req, (unsigned long)(arg), err)

long check_extension(int fd, long cap);

/* CPUID that this device supports; freed by the caller. */
struct kvm_cpuid2 *supported_cpuid(int kvm);
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t leaf,
				    uint32_t index);

uint64_t msr_get(struct vcpu *v, uint32_t index);
void msr_set(struct vcpu *v, uint32_t index, uint64_t value);
/* The ioctl's result: 1 accepted, 0 refused. */
int msr_try_set(struct vcpu *v, uint32_t index, uint64_t value);
int msr_try_get(struct vcpu *v, uint32_t index, uint64_t *value);

void regs_get(struct vcpu *v, struct kvm_regs *r);
void regs_set(struct vcpu *v, const struct kvm_regs *r);
void sregs_get(struct vcpu *v, struct kvm_sregs *s);
void sregs_set(struct vcpu *v, const struct kvm_sregs *s);

/* A register of the local APIC by its offset. */
uint32_t lapic_get(struct vcpu *v, unsigned int reg);
void lapic_put(struct vcpu *v, unsigned int reg, uint32_t value);

/*
 * A device's message, with these bits below 20 of its address: the destination
 * from bit 12 on (0: APIC 0), MSI_LOGICAL, MSI_HINT. How many have taken it.
 */
long msi_send(struct vm *vm, uint32_t address, uint32_t data);

/* A counter of KVM_GET_STATS_FD by its name. */
uint64_t stat_get(struct vcpu *v, const char *name);

/* Ready to run @fn in long mode at CPL 0, with an IDT and a stack. */
void vcpu_start(struct vcpu *v, void (*fn)(void));
/*
 * After a start, for a guest that spins: with RFLAGS.IF set where nothing else
 * lets the host's interrupts end it (Bochs, docs/errata-emulators.md).
 * True if so: the guest must leave IF alone.
 */
bool vcpu_open(struct vcpu *v);
/* Flat protected mode, 32-bit, no paging, interrupts off, no IDT. */
void vcpu_start_prot32(struct vcpu *v, uint32_t eip, uint32_t esp);
/* Real mode at @segment:@offset, stack at 0:0x7000. */
void vcpu_start_real(struct vcpu *v, uint16_t segment, uint16_t offset);
/* Copies code between two labels to low memory. */
void low_copy(struct vm *vm, uint32_t gpa, const char *from, const char *to);

/* KVM_RUN; the exit reason. An error fails the test, -EINTR is returned. */
int vcpu_run(struct vcpu *v);
/* KVM_RUN, and this exit reason or a failure that describes the other one. */
void vcpu_expect_at(const char *file, int line, struct vcpu *v, int reason);
#define vcpu_expect(v, reason) vcpu_expect_at(__FILE__, __LINE__, v, reason)
/* Ends the exit that is in kvm_run; the guest executes nothing. */
void vcpu_complete(struct vcpu *v);
/* Fails with a description of the exit that is in kvm_run. */
void exit_unexpected(const char *file, int line, struct vcpu *v)
	__attribute__((noreturn));
const char *exit_name(unsigned int reason);

/* What a guest says to its host: guest_sync() and friends, see guest.h. */
enum ucall_cmd { UCALL_NONE, UCALL_SYNC, UCALL_DONE, UCALL_ASSERT, UCALL_TRAP };

#define UCALL_PORT	0x0dd0

struct ucall {
	uint64_t cmd;
	const char *text;
	const char *file;
	uint64_t line;
	uint64_t args[4];
};

/* The exit in kvm_run as a ucall, or NULL. Guest assertions fail the test. */
struct ucall *ucall_get(struct vcpu *v);
/* The exit in kvm_run is a failed assertion or a stray exception. */
bool ucall_failed(struct vcpu *v);
/* Runs to the next ucall; any other exit fails the test. */
struct ucall *ucall_next(struct vcpu *v);
/* Runs to the next guest_sync() and checks its stage. */
void expect_sync_at(const char *file, int line, struct vcpu *v,
		    uint64_t stage);
#define expect_sync(v, stage) expect_sync_at(__FILE__, __LINE__, v, stage)
void expect_done(struct vcpu *v);

#endif
