// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: an eventfd can stand for an interrupt (KVM_IRQFD) and a guest's write
 * for an eventfd (KVM_IOEVENTFD); none is lost or counted twice, also while
 * they come and go.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "apic.h"
#include "tap.h"

#define GSI_MSI		30
#define GSI_LEVEL	20
#define VEC_EDGE	0x40
#define VEC_LEVEL	0x41

static volatile uint64_t hits[256];
static volatile bool stop;

/* By turns the EOI that never leaves the fast path, and an emulated one. */
static void guest_count(struct trap *t)
{
	void *eoi = (void *)(APIC_BASE + APIC_EOI);

	if (++hits[t->vector] & 1)
		apic_eoi();
	else
		asm volatile("stosl" : "+D" (eoi) : "a" (0) : "memory");
}

static struct vcpu *start(void (*fn)(void))
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[2];
	} r = {
		.head.nr = 2,
		.e[0] = { .gsi = GSI_MSI, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = 0xfee00000,
				     .data = VEC_EDGE } },
		.e[1] = { .gsi = GSI_LEVEL, .type = KVM_IRQ_ROUTING_IRQCHIP,
			  .u.irqchip = { KVM_IRQCHIP_IOAPIC, GSI_LEVEL } },
	};
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);

	guest_handlers[VEC_EDGE] = guest_count;
	guest_handlers[VEC_LEVEL] = guest_count;
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	vcpu_start(v, fn);
	return v;
}

static void notify(int fd)
{
	uint64_t one = 1;

	REQUIRE_EQ(write(fd, &one, sizeof(one)), sizeof(one));
}

/* The counter, 0 if nothing came within @ms. */
static uint64_t take(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n = 0;

	if (poll(&p, 1, ms) == 1)
		REQUIRE_EQ(read(fd, &n, sizeof(n)), sizeof(n));
	return n;
}

static void irqfd(struct vcpu *v, int fd, int resample, uint32_t gsi,
		  uint32_t flags)
{
	struct kvm_irqfd f = { .fd = fd, .gsi = gsi, .flags = flags,
			       .resamplefd = resample };

	must(v->vm->fd, KVM_IRQFD, &f);
}

/* Interrupts are on; the guest goes to its host now and then. */
static void guest_open(void)
{
	uint64_t i;

	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(GSI_LEVEL, VEC_LEVEL | 1u << 15);
	sti();
	for (i = 1;; i++)
		guest_sync(i);
}

static void edge(void)
{
	struct vcpu *v = start(guest_open);
	struct kvm_irq_level l = { .irq = GSI_MSI, .level = 1 };
	struct kvm_irqfd f = { .gsi = GSI_MSI };
	int fd = eventfd(0, EFD_NONBLOCK);
	unsigned int i;

	f.fd = fd;
	expect_sync(v, 1);
	irqfd(v, fd, 0, GSI_MSI, 0);
	must_fail(v->vm->fd, KVM_IRQFD, &f, EBUSY);
	for (i = 1; i <= 50; i++) {
		notify(fd);
		expect_sync(v, i + 1);
		REQUIRE_EQ(hits[VEC_EDGE], i);
	}
	/* It was consumed each time. */
	REQUIRE_EQ(take(fd, 0), 0);
	/* A message is sent as the line rises, and not as it falls. */
	must(v->vm->fd, KVM_IRQ_LINE, &l);
	expect_sync(v, 52);
	REQUIRE_EQ(hits[VEC_EDGE], 51);
	l.level = 0;
	must(v->vm->fd, KVM_IRQ_LINE, &l);
	expect_sync(v, 53);
	REQUIRE_EQ(hits[VEC_EDGE], 51);
	irqfd(v, fd, 0, GSI_MSI, KVM_IRQFD_FLAG_DEASSIGN);
	notify(fd);
	expect_sync(v, 54);
	REQUIRE_EQ(hits[VEC_EDGE], 51);
	REQUIRE_EQ(take(fd, 0), 1);
	f.fd = -1;
	must_fail(v->vm->fd, KVM_IRQFD, &f, EBADF);
}

/* What was written before the irqfd was there comes with it. */
static void edge_early(void)
{
	struct vcpu *v = start(guest_open);
	int fd = eventfd(1, EFD_NONBLOCK);

	expect_sync(v, 1);
	irqfd(v, fd, 0, GSI_MSI, 0);
	usleep(5000);		/* KVM leaves it to a worker */
	expect_sync(v, 2);
	REQUIRE_EQ(hits[VEC_EDGE], 1);
}

static void resample(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), again = eventfd(0, EFD_NONBLOCK);
	struct vcpu *v = start(guest_open);
	unsigned int i;

	expect_sync(v, 1);
	irqfd(v, fd, again, GSI_LEVEL, KVM_IRQFD_FLAG_RESAMPLE);
	for (i = 1; i <= 20; i++) {
		REQUIRE_EQ(take(again, 0), 0);
		notify(fd);
		expect_sync(v, i + 1);
		/* The EOI lowered the line: once, until it is raised again. */
		REQUIRE_EQ(hits[VEC_LEVEL], i);
		REQUIRE_EQ(take(again, 1000), 1);
	}
	irqfd(v, fd, again, GSI_LEVEL, KVM_IRQFD_FLAG_DEASSIGN);
}

/* Nothing is left of it once it is gone: the line that it held up is down. */
static bool line_is_up(struct vcpu *v)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(v->vm->fd, KVM_GET_IRQCHIP, &c);
	return c.chip.ioapic.irr >> GSI_LEVEL & 1;
}

static void resample_gone(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), again = eventfd(0, EFD_NONBLOCK);
	struct vcpu *v = start(guest_open);
	unsigned int i, ms;

	for (i = 0; i < 5; i++) {
		irqfd(v, fd, again, GSI_LEVEL, KVM_IRQFD_FLAG_RESAMPLE);
		REQUIRE(!line_is_up(v));
		notify(fd);
		/* KVM leaves it to a worker */
		for (ms = 0; ms < 1000 && !line_is_up(v); ms++)
			usleep(1000);
		REQUIRE(line_is_up(v));
		irqfd(v, fd, again, GSI_LEVEL, KVM_IRQFD_FLAG_DEASSIGN);
		REQUIRE(!line_is_up(v));
		notify(fd);
		REQUIRE_EQ(take(fd, 0), 1);
		REQUIRE(!line_is_up(v));
	}
}

/* A guest that sleeps is woken, each time. */
#define WAKES	100

static void guest_sleeps(void)
{
	apic_enable();
	guest_sync(1);
	while (hits[VEC_EDGE] < WAKES) {
		cli();
		if (hits[VEC_EDGE] < WAKES)
			safe_halt();
		sti();
	}
	guest_done();
}

static void *wake(void *arg)
{
	int fd = *(int *)arg;
	unsigned int i;

	for (i = 0; i < WAKES; i++) {
		while (hits[VEC_EDGE] != i)
			usleep(200);
		notify(fd);
	}
	return NULL;
}

static void wakes(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vcpu *v;
	pthread_t t;

	if (!device_is_duet() && host_is_tcg())
		skip("QEMU's TCG ignores the interrupt shadow, see svm/quirk.c");
	v = start(guest_sleeps);
	expect_sync(v, 1);
	irqfd(v, fd, 0, GSI_MSI, 0);
	pthread_create(&t, NULL, wake, &fd);
	expect_done(v);
	pthread_join(t, NULL);
}

/* It goes and comes while somebody writes. */
static volatile unsigned int written;

static void *write_always(void *arg)
{
	while (!stop) {
		notify(*(int *)arg);
		written++;
	}
	return NULL;
}

static void wait_for_writes(void)
{
	unsigned int before = written;

	while (written - before < 2)
		sched_yield();
}

static void irqfd_comes_and_goes(void)
{
	struct vcpu *v = start(guest_open);
	int fd = eventfd(0, EFD_NONBLOCK);
	unsigned int i, n = 0;
	uint64_t before;
	pthread_t t;

	pthread_create(&t, NULL, write_always, &fd);
	for (i = 0; i < 60; i++) {
		irqfd(v, fd, 0, GSI_MSI, 0);
		wait_for_writes();
		expect_sync(v, ++n);
		irqfd(v, fd, 0, GSI_MSI, KVM_IRQFD_FLAG_DEASSIGN);
		/* One may still be in the local APIC; then no more. */
		expect_sync(v, ++n);
		before = hits[VEC_EDGE];
		expect_sync(v, ++n);
		REQUIRE_EQ(hits[VEC_EDGE], before);
	}
	stop = true;
	pthread_join(t, NULL);
	REQUIRE(hits[VEC_EDGE] > 30, "%llu",
		(unsigned long long)hits[VEC_EDGE]);
}

/* ioeventfd */
#define PORT		0x500
#define MMIO		0xd0000000ul

static int ioeventfd_try(struct vcpu *v, int fd, uint64_t addr, uint32_t len,
			 uint32_t flags, uint64_t match)
{
	struct kvm_ioeventfd e = { .fd = fd, .addr = addr, .len = len,
				   .flags = flags, .datamatch = match };

	return ioctl(v->vm->fd, KVM_IOEVENTFD, &e) ? -errno : 0;
}

#define PIO	KVM_IOEVENTFD_FLAG_PIO
#define MATCH	KVM_IOEVENTFD_FLAG_DATAMATCH
#define DROP	KVM_IOEVENTFD_FLAG_DEASSIGN

static void guest_writes(void)
{
	outl(PORT, 7);			/* the first's */
	outl(PORT, 8);			/* nobody's: an exit */
	outw(PORT, 7);			/* nor another length */
	outb(PORT + 8, 1);		/* any length, any value */
	outl(PORT + 8, 2);
	*(volatile uint32_t *)MMIO = 5;
	*(volatile uint64_t *)(MMIO + 8) = 0x123456789abcdef0;
	*(volatile uint32_t *)(MMIO + 8) = 1;	/* nobody's */
	inl(PORT + 8);			/* a read never is */
	guest_done();
}

static void ioeventfds(void)
{
	struct vcpu *v = start(guest_writes);
	int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK),
	    c = eventfd(0, EFD_NONBLOCK), d = eventfd(0, EFD_NONBLOCK);

	REQUIRE_EQ(ioeventfd_try(v, a, PORT, 4, PIO | MATCH, 7), 0);
	REQUIRE_EQ(ioeventfd_try(v, a, PORT, 4, PIO | MATCH, 7), -EEXIST);
	REQUIRE_EQ(ioeventfd_try(v, b, PORT + 8, 0, PIO, 0), 0);
	REQUIRE_EQ(ioeventfd_try(v, c, MMIO, 4, 0, 0), 0);
	REQUIRE_EQ(ioeventfd_try(v, d, MMIO + 8, 8, MATCH, 0x123456789abcdef0),
		   0);
	REQUIRE_EQ(ioeventfd_try(v, d, MMIO, 3, 0, 0), -EINVAL);
	REQUIRE_EQ(ioeventfd_try(v, d, MMIO, 4, 1u << 20, 0), -EINVAL);
	REQUIRE_EQ(ioeventfd_try(v, d, ~0ull, 4, 0, 0), -EINVAL);
	REQUIRE_EQ(ioeventfd_try(v, d, MMIO, 0, MATCH, 0), -EINVAL);

	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, PORT);
	REQUIRE_EQ(v->run->io.size, 4);
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.size, 2);
	vcpu_expect(v, KVM_EXIT_MMIO);
	REQUIRE_EQ(v->run->mmio.phys_addr, MMIO + 8);
	REQUIRE_EQ(v->run->mmio.len, 4);
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.direction, KVM_EXIT_IO_IN);
	expect_done(v);
	REQUIRE_EQ(take(a, 0), 1);
	REQUIRE_EQ(take(b, 0), 2);
	REQUIRE_EQ(take(c, 0), 1);
	REQUIRE_EQ(take(d, 0), 1);
	REQUIRE_EQ(ioeventfd_try(v, a, PORT, 4, PIO | MATCH | DROP, 8),
		   -ENOENT);
	REQUIRE_EQ(ioeventfd_try(v, a, PORT, 4, PIO | MATCH | DROP, 7), 0);
	REQUIRE_EQ(ioeventfd_try(v, a, PORT, 4, PIO | MATCH | DROP, 7),
		   -ENOENT);
}

/* Each write is an exit or a count, while the ioeventfd comes and goes. */
#define WRITES	4000

static void guest_hammers(void)
{
	unsigned int i;

	for (i = 0; i < WRITES; i++)
		outw(PORT, i);
	guest_done();
}

static void *come_and_go(void *arg)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t sum = 0;

	while (!stop) {
		REQUIRE_EQ(ioeventfd_try(arg, fd, PORT, 2, PIO, 0), 0);
		usleep(300);
		REQUIRE_EQ(ioeventfd_try(arg, fd, PORT, 2, PIO | DROP, 0), 0);
		sum += take(fd, 0);
		usleep(100);
	}
	return (void *)sum;
}

static void ioeventfd_comes_and_goes(void)
{
	struct vcpu *v = start(guest_hammers);
	uint64_t exits = 0;
	pthread_t t;
	void *sum;

	pthread_create(&t, NULL, come_and_go, v);
	for (;;) {
		vcpu_expect(v, KVM_EXIT_IO);
		if (v->run->io.port != PORT)
			break;
		exits++;
	}
	REQUIRE(ucall_get(v));
	stop = true;
	pthread_join(t, &sum);
	note("%llu exits, %llu counts", (unsigned long long)exits,
	     (unsigned long long)(uintptr_t)sum);
	REQUIRE_EQ(exits + (uintptr_t)sum, WRITES);
}

/* A line that user space holds up as well stays up when the resampler falls. */
static void guest_shared(struct trap *t)
{
	if (++hits[t->vector] == 2)
		guest_sync(100);
	apic_eoi();
}

static void resample_and_line(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), again = eventfd(0, EFD_NONBLOCK);
	struct kvm_irq_level l = { .irq = GSI_LEVEL, .level = 1 };
	struct vcpu *v = start(guest_open);

	guest_handlers[VEC_LEVEL] = guest_shared;
	expect_sync(v, 1);
	irqfd(v, fd, again, GSI_LEVEL, KVM_IRQFD_FLAG_RESAMPLE);
	must(v->vm->fd, KVM_IRQ_LINE, &l);
	notify(fd);
	expect_sync(v, 100);
	l.level = 0;
	must(v->vm->fd, KVM_IRQ_LINE, &l);
	expect_sync(v, 2);
	REQUIRE_EQ(hits[VEC_LEVEL], 2);
	REQUIRE(take(again, 1000));
}

/* Each EOI asks them all: there is an end to their number. */
static void resample_limit(void)
{
	struct kvm_irqfd f = { .gsi = GSI_LEVEL,
			       .flags = KVM_IRQFD_FLAG_RESAMPLE };
	int again = eventfd(0, EFD_NONBLOCK), fds[256];
	struct vcpu *v = start(guest_open);
	unsigned int i;

	if (!device_is_duet())
		skip("KVM takes any number");
	expect_sync(v, 1);
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK);
		irqfd(v, fds[i], again, GSI_LEVEL, f.flags);
	}
	f.fd = eventfd(0, EFD_NONBLOCK);
	f.resamplefd = again;
	must_fail(v->vm->fd, KVM_IRQFD, &f, ENOSPC);
	irqfd(v, f.fd, 0, GSI_MSI, 0);	/* another kind */
	irqfd(v, f.fd, 0, GSI_MSI, KVM_IRQFD_FLAG_DEASSIGN);
	irqfd(v, fds[7], 0, GSI_LEVEL, KVM_IRQFD_FLAG_DEASSIGN);
	must(v->vm->fd, KVM_IRQFD, &f);
	notify(fds[9]);
	expect_sync(v, 2);
	REQUIRE_EQ(hits[VEC_LEVEL], 1);
	REQUIRE_EQ(take(again, 1000), ARRAY_SIZE(fds));
}

/* It ends with the VM's descriptor, although the vCPU's is open. */
static void outlived(void)
{
	struct vcpu *v = start(guest_open);
	int fd = eventfd(0, EFD_NONBLOCK);

	expect_sync(v, 1);
	irqfd(v, fd, 0, GSI_MSI, 0);
	notify(fd);
	REQUIRE_EQ(take(fd, 0), 0);
	close(v->vm->fd);
	notify(fd);
	REQUIRE_EQ(take(fd, 0), 1);
	expect_sync(v, 2);
	REQUIRE_EQ(hits[VEC_EDGE], 1);
}

/* The eventfd's last descriptor ends it as well. */
static void closed(void)
{
	struct vcpu *v = start(guest_open);
	unsigned int i;
	int fd;

	expect_sync(v, 1);
	for (i = 1; i <= 20; i++) {
		fd = eventfd(0, EFD_NONBLOCK);
		irqfd(v, fd, 0, GSI_MSI, 0);
		notify(fd);
		close(fd);
		expect_sync(v, i + 1);
		REQUIRE_EQ(hits[VEC_EDGE], i);
	}
}

static const struct test tests[] = {
	{ "irqfd: each write an interrupt, until it is gone", edge },
	{ "irqfd: what was written before it was there", edge_early },
	{ "irqfd with resample: the EOI lowers the line and says so", resample },
	{ "irqfd with resample leaves no line up behind it", resample_gone },
	{ "irqfd wakes a halted vCPU, each time", wakes },
	{ "irqfd comes and goes while somebody writes", irqfd_comes_and_goes },
	{ "ioeventfd: ports, memory, length, value, refusals", ioeventfds },
	{ "ioeventfd comes and goes: no write is lost",
	  ioeventfd_comes_and_goes },
	{ "irqfd with resample on a line that user space drives, too",
	  resample_and_line },
	{ "irqfd with resample: so many and no more", resample_limit },
	{ "irqfd ends with the VM's descriptor", outlived },
	{ "irqfd ends with the eventfd's last descriptor", closed },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 15);
}
