// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: no argument, no order of calls, no race and no death of the process
 * harms the host: each wrong call has its errno or a defined exit, and the
 * device works afterwards.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "guest.h"
#include "pace.h"
#include "tap.h"

static volatile uint64_t counter;

static void guest_spin(void)
{
	for (;;)
		counter++;
}

static void guest_hello(void)
{
	guest_done();
}

/* The device still makes VMs that run. */
static void still_works(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);

	vcpu_start(v, guest_hello);
	expect_done(v);
	vm_destroy(vm, v);
}

/* KVM_RUN, ended by a signal after @ms if by nothing else. */
static int run_for(struct vcpu *v, unsigned int ms)
{
	int r;

	alarm_ms(ms, 0);
	r = ioctl(v->fd, KVM_RUN, 0);
	alarm_off();		/* KVM_CREATE_VM would be EINTR, too */
	return r;
}

/* KVM_RUN before there is anything to run: an errno or an exit, no hang. */
static void run_too_early(void)
{
	struct vm *vm = vm_create(VM_BARE | VM_NO_CPUID);
	struct vcpu *v = vcpu_create(vm, 0);
	int r;

	r = run_for(v, 200);
	if (r == 0)
		REQUIRE(v->run->exit_reason == KVM_EXIT_MMIO ||
			v->run->exit_reason == KVM_EXIT_INTERNAL_ERROR ||
			v->run->exit_reason == KVM_EXIT_SHUTDOWN,
			"%s", exit_name(v->run->exit_reason));
	else
		REQUIRE(errno == EINTR || errno == EFAULT || errno == EINVAL ||
			errno == ENOSPC, "%s", strerror(errno));
	vm_destroy(vm, v);
	still_works();
}

/* Execution from where there is no memory. */
static void no_code(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	int r;

	vcpu_start(v, (void (*)(void))0x50000000);
	r = run_for(v, 200);
	if (r)
		REQUIRE(errno == EINTR || errno == EFAULT, "%s",
			strerror(errno));
	else
		REQUIRE_EQ(v->run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
	still_works();
}

/* Page tables where there is no memory. */
static void no_tables(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	struct kvm_sregs s;

	vcpu_start(v, guest_hello);
	sregs_get(v, &s);
	s.cr3 = 0x50000000;
	sregs_set(v, &s);
	if (run_for(v, 200))
		REQUIRE(errno == EINTR || errno == EFAULT, "%s",
			strerror(errno));
	else
		REQUIRE(v->run->exit_reason == KVM_EXIT_SHUTDOWN ||
			v->run->exit_reason == KVM_EXIT_INTERNAL_ERROR ||
			v->run->exit_reason == KVM_EXIT_MMIO, "%s",
			exit_name(v->run->exit_reason));
	still_works();
}

/* Segment states that no processor has, taken or refused, then run. */
static void odd_sregs(void)
{
	struct kvm_sregs good, s;
	struct vcpu *v;
	unsigned int i;

	for (i = 0; i < 24; i++) {
		v = vcpu_create(vm_create(0), 0);
		vcpu_start(v, guest_hello);
		sregs_get(v, &good);
		s = good;
		switch (i) {
		case 0: s.cs.type = 3; break;
		case 1: s.cs.present = 0; break;
		case 2: s.cs.unusable = 1; break;
		case 3: s.ss.dpl = 3; break;
		case 4: s.cs.dpl = 3; break;
		case 5: s.tr.type = 3; break;
		case 6: s.tr.unusable = 1; break;
		case 7: s.tr.present = 0; break;
		case 8: s.cs.l = 1; s.cs.db = 1; break;
		case 9: s.ldt.type = 15; s.ldt.unusable = 0; break;
		case 10: s.gdt.base = 0x8000000000000000; break;
		case 11: s.idt.base = 0x8000000000000000; break;
		case 12: s.fs.base = 0x8000000000000000; break;
		case 13: s.tr.base = 0x8000000000000000; break;
		case 14: memset(&s.cs, 0xff, sizeof(s.cs)); break;
		case 15: memset(&s.ss, 0xff, sizeof(s.ss)); break;
		case 16: memset(&s.tr, 0xff, sizeof(s.tr)); break;
		case 17: s.efer |= EFER_SVME; break;
		case 18: s.efer = 0; break;
		case 19: s.cr0 = ~0ull; break;
		case 20: s.cr4 = ~0ull; break;
		case 21: s.cr8 = ~0ull; break;
		case 22: memset(s.interrupt_bitmap, 0xff, 32); break;
		case 23: memset(&s, 0xff, sizeof(s)); break;
		}
		if (!ioctl(v->fd, KVM_SET_SREGS, &s)) {
			run_for(v, 100);
		} else {
			REQUIRE(errno == EINVAL, "state %u: %s", i,
				strerror(errno));
		}
		/* The vCPU can be used again. */
		v->run->cr8 = 0;
		if (!ioctl(v->fd, KVM_SET_SREGS, &good))
			ioctl(v->fd, KVM_GET_SREGS, &s);
		vm_destroy(v->vm, v);
	}
	still_works();
}

static void odd_regs(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	struct kvm_regs r;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		vcpu_start(v, guest_hello);
		regs_get(v, &r);
		if (i == 0)
			r.rip = 0x8000000000000000;
		if (i == 1)
			r.rsp = 0x8000000000000000;
		if (i == 2)
			r.rflags = ~0ull;
		if (i == 3)
			memset(&r, 0xff, sizeof(r));
		if (ioctl(v->fd, KVM_SET_REGS, &r))
			REQUIRE_EQ(errno, EINVAL);
		run_for(v, 100);
	}
	still_works();
}

/* mmap of a vCPU: beyond the end, private, executable, by bytes. */
static void mmap_odd(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	static const uint64_t offsets[] = { 1, 3, 16, 64, 1024, 1ull << 40 };
	unsigned int i;
	volatile char *p;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
			 offsets[i] * PAGE);
		if (p == MAP_FAILED)
			continue;
		/* It may be mapped, but beyond the end is no page. */
		pid = fork();
		if (!pid) {
			signal(SIGBUS, SIG_DFL);
			p[0] = 1;
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (offsets[i] * PAGE >= v->run_size)
			REQUIRE(WIFSIGNALED(status), "page %llu exists",
				(unsigned long long)offsets[i]);
		munmap((void *)p, PAGE);
	}
	REQUIRE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, v->fd, 7) ==
		MAP_FAILED);
	/* More than there is. */
	p = mmap(NULL, v->run_size + 64 * PAGE, PROT_READ, MAP_SHARED, v->fd,
		 0);
	if (p != MAP_FAILED) {
		pid = fork();
		if (!pid)
			_exit(p[v->run_size + 63 * PAGE] & 0);
		waitpid(pid, &status, 0);
		REQUIRE(WIFSIGNALED(status));
	}
	vcpu_start(v, guest_hello);
	expect_done(v);
}

/* The user fills all of kvm_run with rubbish between two entries. */
static void run_page(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	unsigned int i, n = v->run_size / 4, seed = 12345;
	uint32_t *p = (uint32_t *)v->run;

	for (i = 0; i < 50; i++) {
		unsigned int j;

		vcpu_start(v, guest_hello);
		memset(v->run, 0, v->run_size);
		for (j = 0; j < n; j++)
			p[j] = seed = seed * 1664525 + 1013904223;
		v->run->immediate_exit = 0;
		v->run->cr8 = i & 15;
		v->run->kvm_valid_regs = 0;
		v->run->kvm_dirty_regs = 0;
		run_for(v, 100);
	}
	still_works();
}

/* kvm_run changed between an I/O exit and its completion. */
static void guest_ins(void)
{
	static uint8_t buffer[64];
	uint64_t p = (uintptr_t)buffer, n = 16;

	asm volatile("rep insb" : "+D" (p), "+c" (n) : "d" (0x99) : "memory");
	(void)inl(0x99);
	(void)*(volatile uint64_t *)0x50000ffc;
	guest_done();
}

static void io_tampered(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	unsigned int i;

	for (i = 0; i < 40; i++) {
		vcpu_start(v, guest_ins);
		run_for(v, 100);
		v->run->io.count = i & 1 ? ~0u : 0;
		v->run->io.data_offset = i & 2 ? ~0ull : 0;
		v->run->io.size = 255;
		v->run->io.direction = i & 3;
		v->run->exit_reason = i;
		run_for(v, 100);
		v->run->mmio.len = 0xffffffff;
		v->run->mmio.is_write = i & 1;
		run_for(v, 100);
		v->run->mmio.len = 0xffffffff;
		run_for(v, 100);
	}
	still_works();
}

/* kill -9 of a process whose vCPU runs. */
static void killed(void)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < 8; i++) {
		pid = fork();
		if (!pid) {
			struct vcpu *v = vcpu_create(vm_create(0), 0);

			vcpu_start(v, guest_spin);
			vcpu_open(v);
			(void)!ioctl(v->fd, KVM_RUN, 0);
			_exit(1);
		}
		sleep_ms(5 + 10 * i);
		REQUIRE(!kill(pid, SIGKILL));
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		REQUIRE(WIFSIGNALED(status));
	}
	still_works();
}

static void *run_thread(void *arg)
{
	struct vcpu *v = arg;
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (ioctl(v->fd, KVM_RUN, 0) && errno != EINTR)
			break;
	return (void *)(long)errno;
}

/* VM and system fds closed, memory unmapped, while the vCPU runs. */
static void close_running(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	pthread_t thread;
	uint64_t before;

	vcpu_start(v, guest_spin);
	vcpu_open(v);
	pthread_create(&thread, NULL, run_thread, v);
	sleep_ms(20);
	close(v->vm->fd);
	close(v->vm->kvm);
	munmap(v->vm->low, LOW_SIZE);
	before = counter;
	sleep_ms(20);
	REQUIRE(counter > before, "the vCPU holds its VM");
	v->run->immediate_exit = 1;
	alarm_ms(1, 1);
	/* the alarm's would go to this thread */
	pthread_kill(thread, SIGALRM);
	pthread_join(thread, NULL);
	close(v->fd);
	munmap(v->run, v->run_size);
	alarm_off();
	still_works();
}

/* The vCPU's own fd is closed, and its page unmapped, while it runs. */
static void close_vcpu_running(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct vcpu *v = vcpu_create(vm_create(0), 0);
		pthread_t thread;

		vcpu_start(v, guest_spin);
		vcpu_open(v);
		pthread_create(&thread, NULL, run_thread, v);
		sleep_ms(20);
		close(v->fd);
		munmap(v->run, v->run_size);
		sleep_ms(20);
		_exit(0);	/* kills the thread in KVM_RUN */
	}
	waitpid(pid, &status, 0);
	REQUIRE_EQ(status, 0);
	still_works();
}

/* All of the guest's memory, with its tables and its code, goes at once. */
static void unmap_running(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	uint8_t *mem = mem_alloc(16 * PAGE, PAGE);
	pthread_t thread;
	void *result;

	/* A spinning guest in memory of its own: jmp to itself. */
	memcpy(mem, "\xeb\xfe", 2);
	slot_set(vm, SLOT_FREE, 0, 0x40000000, 16 * PAGE, mem);
	vcpu_start_prot32(v, 0x40000000, 0x8000);
	vcpu_open(v);
	pthread_create(&thread, NULL, run_thread, v);
	sleep_ms(20);
	munmap(mem, 16 * PAGE);
	pthread_join(thread, &result);
	REQUIRE_EQ((long)result, EFAULT);
	still_works();
}

/* A second KVM_RUN, and every other vCPU ioctl, against a running vCPU. */
static struct vcpu *shared;
static volatile bool stop;

static void *poke_thread(void *arg)
{
	struct kvm_userspace_memory_region m = { .slot = SLOT_FREE,
		.guest_phys_addr = 0x40000000, .memory_size = 16 * PAGE };
	struct kvm_irq_level line = { .irq = 5 };
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events e;
	struct kvm_sregs s;
	struct kvm_regs r;
	unsigned int i = (long)arg;

	m.userspace_addr = (uintptr_t)mem_alloc(16 * PAGE, PAGE);
	while (!stop) {
		switch (i++ % 10) {
		case 0: ioctl(shared->fd, KVM_GET_REGS, &r); break;
		case 1: ioctl(shared->fd, KVM_GET_SREGS, &s); break;
		case 2: ioctl(shared->fd, KVM_GET_VCPU_EVENTS, &e); break;
		case 3: ioctl(shared->fd, KVM_GET_LAPIC, &lapic); break;
		case 4: ioctl(shared->fd, KVM_NMI, 0); break;
		case 5:
			m.memory_size = 16 * PAGE;
			ioctl(shared->vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
			break;
		case 6:
			m.memory_size = 0;
			ioctl(shared->vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
			break;
		case 7:
			line.level = i & 1;
			ioctl(shared->vm->fd, KVM_IRQ_LINE, &line);
			break;
		case 8: close(ioctl(shared->vm->fd, KVM_CREATE_VCPU, 1));
			break;
		case 9: close(ioctl(shared->vm->kvm, KVM_CREATE_VM, 0)); break;
		}
	}
	return NULL;
}

static void guest_nmis(struct trap *t)
{
}

static void guest_busy(void)
{
	guest_handlers[VEC_NMI] = guest_nmis;
	for (;;) {
		counter++;
		if (!(counter & 0x3fff))
			outb(0x99, 0);
	}
}

static void concurrent(void)
{
	pthread_t threads[3];
	uint64_t end = now_ms() + slowly(1000);
	unsigned int i;

	shared = vcpu_create(vm_create(VM_IRQCHIP), 0);
	vcpu_start(shared, guest_busy);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, poke_thread, (void *)(long)i);
	alarm_ms(20, 20);
	while (now_ms() < end) {
		int r = ioctl(shared->fd, KVM_RUN, 0);

		if (r && errno != EINTR)
			fail("KVM_RUN: %s", strerror(errno));
		if (!r && shared->run->exit_reason != KVM_EXIT_IO)
			exit_unexpected(__FILE__, __LINE__, shared);
	}
	stop = true;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	alarm_off();
	REQUIRE(counter > 0);
	still_works();
}

/* Random ioctls with random arguments, the same in each run of one $DUET_SEED. */
static uint32_t seed = 2463534242u;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/*
 * A vCPU that may go astray. In low memory it finds HLT: a sea of zeros is
 * "add [bx+si], al", code that writes over itself, and an emulated host takes
 * minutes for a millisecond of it.
 */
static struct vcpu *stray_vcpu(unsigned int flags)
{
	struct vm *vm = vm_create(flags);
	struct vcpu *v = vcpu_create(vm, 0);

	memset(vm->low, 0xf4, LOW_SIZE);
	vcpu_start(v, guest_busy);
	return v;
}

static void fuzz_child(uint64_t end)
{
	static uint64_t buffer[1024];
	struct vcpu *v = stray_vcpu(rnd() & 1 ? VM_PIT : 0);
	struct vm *vm = v->vm;
	unsigned int i, j, n = 0;

	alarm_ms(5, 5);
	while (now_ms() < end && n++ < 3000) {
		unsigned int nr = rnd() & 0xff, size;
		int fds[3] = { vm->kvm, vm->fd, v->fd };
		int fd = fds[rnd() % 3];
		unsigned long req, arg;
		int r;

		/* Half of them with a size that is known to exist. */
		switch (rnd() % 4) {
		case 0: size = 0; break;
		case 1: size = rnd() & 0x3fff; break;
		case 2: size = 8 << rnd() % 7; break;
		default: size = (unsigned int[]) { 4, 8, 16, 24, 32, 64, 72, 144,
			312, 416, 512, 520, 1024, 4096 }[rnd() % 14];
		}
		req = _IOC(rnd() & 3, KVMIO, nr, size);
		/* Not a signal mask that closes the fuzzer's own way out. */
		if (nr == 0x8b)
			continue;
		for (i = 0; i < ARRAY_SIZE(buffer); i++)
			buffer[i] = rnd() & 3 ? rnd() & 0xf :
				    (uint64_t)rnd() << 32 | rnd();
		switch (rnd() & 3) {
		case 0: arg = rnd(); break;
		case 1: arg = rnd() & 7; break;
		default: arg = (unsigned long)buffer;
		}
		r = ioctl(fd, req, arg);
		if (r > 2) {	/* perhaps a new descriptor */
			for (j = 0; j < 3; j++)
				if (r == fds[j])
					break;
			if (j == 3)
				close(r);
		}
		if (!(n & 15))
			(void)!ioctl(v->fd, KVM_RUN, 0);
	}
	_exit(0);
}

static void fuzz(void)
{
	uint64_t end = now_ms() + slowly(2500);
	int status;
	pid_t pid;

	while (now_ms() < end) {
		rnd();
		pid = fork();
		if (!pid)
			fuzz_child(end);
		waitpid(pid, &status, 0);
		/* The child's own memory may be hit, by GET_ ioctls. */
		REQUIRE(WIFEXITED(status) || WIFSIGNALED(status));
	}
	still_works();
}

/* The known ioctls with random content. */
static void fuzz_known(void)
{
	static const unsigned long reqs[] = {
		KVM_SET_REGS, KVM_SET_SREGS, KVM_SET_FPU, KVM_SET_XSAVE,
		KVM_SET_XCRS, KVM_SET_DEBUGREGS, KVM_SET_VCPU_EVENTS,
		KVM_SET_MP_STATE, KVM_SET_LAPIC, KVM_SET_MSRS, KVM_SET_CPUID2,
		KVM_INTERRUPT, KVM_NMI, KVM_RUN,
	};
	static const unsigned long vm_reqs[] = {
		KVM_SET_IRQCHIP, KVM_SET_PIT2, KVM_SET_GSI_ROUTING,
		KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS, KVM_ENABLE_CAP,
		KVM_SET_IDENTITY_MAP_ADDR, KVM_CREATE_PIT2,
	};
	static uint64_t buffer[2048];
	uint64_t end = now_ms() + slowly(2000);
	struct vcpu *v = NULL;
	unsigned int i, n;

	if (host_is_bochs_svm() || (host_is_bochs() && !device_is_duet()))
		skip("this emulator's host survives neither any TF nor any IF");
	for (n = 0; now_ms() < end; n++) {
		if (!(n % 64)) {
			alarm_off();	/* KVM_CREATE_VM may be EINTR */
			if (v)
				vm_destroy(v->vm, v);
			v = stray_vcpu(n & 64 ? VM_PIT : 0);
			alarm_ms(5, 5);
		}
		/* Mostly what was there, with a few words changed. */
		i = rnd() % ARRAY_SIZE(reqs);
		memset(buffer, 0, sizeof(buffer));
		if (i < 9)
			ioctl(v->fd, (unsigned long[]) { KVM_GET_REGS,
				KVM_GET_SREGS, KVM_GET_FPU, KVM_GET_XSAVE,
				KVM_GET_XCRS, KVM_GET_DEBUGREGS,
				KVM_GET_VCPU_EVENTS, KVM_GET_MP_STATE,
				KVM_GET_LAPIC }[i], buffer);
		else
			((uint32_t *)buffer)[0] = rnd() & 15;
		do {
			buffer[rnd() % (rnd() & 1 ? 64 : 8)] =
				rnd() & 1 ? rnd() & 0xff :
				(uint64_t)rnd() << 32 | rnd();
		} while (rnd() & 3);
		/* QEMU ends itself when it needs a TSS that is not present. */
		if (reqs[i] == KVM_SET_SREGS && host_is_tcg())
			((struct kvm_sregs *)buffer)->tr.present = 1;
		ioctl(v->fd, reqs[i],
		      reqs[i] == KVM_RUN || reqs[i] == KVM_NMI ? 0 :
		      (unsigned long)buffer);
		if (!(rnd() & 3))
			ioctl(v->vm->fd, vm_reqs[rnd() % ARRAY_SIZE(vm_reqs)],
			      buffer);
		(void)!ioctl(v->fd, KVM_RUN, 0);
	}
	alarm_off();
	note("%u states", n);
	still_works();
}

/* The host's own MSRs are not for sale. */
static void host_msrs(void)
{
	static const uint32_t secret[] = {
		0xc0010015,	/* HWCR: may be emulated */
		0xc0010117,	/* VM_HSAVE_PA */
		0x480, 0x48d,	/* VMX capabilities */
		0x1d9, 0x79, 0xc0010020, 0x12345678,
	};
	struct vm *vm = vm_create(VM_NO_CPUID);
	struct vcpu *v = vcpu_create(vm, 0);
	uint64_t hsave = 0, value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(secret); i++)
		msr_try_get(v, secret[i], &value);
	/* Real addresses of the host are never among them. */
	if (msr_try_get(v, 0xc0010117, &hsave) == 1)
		REQUIRE_EQ(hsave, 0);
	REQUIRE_EQ(msr_try_get(v, 0x12345678, &value), 0);
	/* LSTAR is the guest's zero, not the kernel's entry point. */
	REQUIRE_EQ(msr_get(v, MSR_LSTAR), 0);
	REQUIRE_EQ(msr_get(v, MSR_KERNEL_GS_BASE), 0);
}

/* Descriptors of one kind used as another, closed twice, dup()ed. */
static void descriptors(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	int d = dup(v->fd), null = open("/dev/null", O_RDWR);

	close(v->fd);
	v->fd = d;
	vcpu_start(v, guest_hello);
	expect_done(v);
	must_fail(null, KVM_RUN, 0, ENOTTY);
	must_fail(-1, KVM_RUN, 0, EBADF);
	close(v->fd);
	must_fail(d, KVM_RUN, 0, EBADF);
	still_works();
}

/* Many vCPUs and no memory for them. */
static void many_vcpus(void)
{
	struct vm *vm = vm_create(0);
	long max = check_extension(vm->kvm, KVM_CAP_NR_VCPUS), i;

	for (i = 0; i < max && i < 64; i++)
		must(vm->fd, KVM_CREATE_VCPU, i);
	close(vm->fd);
	for (i = 3; i < 200; i++)
		close(i);
	still_works();
}

static const struct test tests[] = {
	{ "KVM_RUN before memory and CPUID", run_too_early },
	{ "execution where there is no memory", no_code },
	{ "page tables where there is no memory", no_tables },
	{ "segment and control states that no processor has", odd_sregs },
	{ "register values that no processor has", odd_regs },
	{ "mmap of a vCPU at odd places", mmap_odd },
	{ "rubbish in all of kvm_run", run_page },
	{ "kvm_run changed before an exit is completed", io_tampered },
	{ "kill -9 in KVM_RUN", killed },
	{ "VM and memory closed while the vCPU runs", close_running },
	{ "the vCPU closed while it runs", close_vcpu_running },
	{ "memory unmapped under a running guest is EFAULT", unmap_running },
	{ "concurrent ioctls on a running vCPU", concurrent },
	{ "random ioctl numbers and arguments", fuzz },
	{ "known ioctls with random content", fuzz_known },
	{ "host MSRs do not leak", host_msrs },
	{ "descriptors: dup, wrong kind, closed", descriptors },
	{ "many vCPUs", many_vcpus },
};

int main(void)
{
	if (getenv("DUET_SEED"))
		seed = strtoul(getenv("DUET_SEED"), NULL, 0) | 1;
	return tap_main(tests, ARRAY_SIZE(tests), 15);
}
