// SPDX-License-Identifier: GPL-2.0
/*
 * kvmclock (Documentation/virt/kvm/x86/msr.rst): a page of the guest says
 * what the clock was at one value of the TSC, and how fast the TSC counts;
 * the guest does the rest without an exit. Called by msr.c, tsc.c, the run
 * loop and the clock's ioctls; writes guest memory.
 *
 * With a host TSC that is the same on all CPUs there is one pair (TSC, clock)
 * for the whole VM, changed by KVM_SET_CLOCK alone: all vCPUs read the same
 * line, and no vCPU sees time go back. Without one, a vCPU gets a pair of the
 * CPU it is on whenever it comes to another one.
 */
#include <linux/kernel.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/timekeeping.h>
#include <asm/cpufeature.h>
#include <asm/pvclock-abi.h>
#include <asm/pvclock.h>
#include <asm/tsc.h>
#include "common/memslot.h"
#include "common/pvclock.h"
#include "common/vcpu.h"

/* One moment, by three clocks. */
struct moment {
	u64 tsc, boot_ns, real_ns;
};

/*
 * The kernel has no function that reads them together: read one between the
 * other two, and believe the closest of a few attempts.
 */
static struct moment duet_now(void)
{
	struct moment m = { }, best = { };
	u64 after, width, narrowest = ~0ULL;
	unsigned long flags;
	int i;

	for (i = 0; i < 3; i++) {
		local_irq_save(flags);
		m.tsc = rdtsc_ordered();
		m.boot_ns = ktime_get_boottime_ns();
		m.real_ns = ktime_get_real_ns();
		after = rdtsc_ordered();
		local_irq_restore(flags);
		width = after - m.tsc;
		if (width < narrowest) {
			narrowest = width;
			best = m;
		}
	}
	return best;
}

/* ns = ((ticks << shift) * mul) >> 32; a negative shift is to the right. */
struct duet_rate {
	u32 mul;
	s8 shift;
};

static struct duet_rate duet_tsc_rate(void)
{
	u64 hz = 1000ULL * tsc_khz;
	struct duet_rate rate = { };

	/* As many bits of mul as there are: hz between 1 and 2 GHz. */
	for (; hz > 2ULL * NSEC_PER_SEC; hz >>= 1)
		rate.shift--;
	for (; hz <= NSEC_PER_SEC; hz <<= 1)
		rate.shift++;
	rate.mul = div64_u64((u64)NSEC_PER_SEC << 32, hz);
	return rate;
}

bool duet_clock_usable(void)
{
	/* The rate has to stay what the guest was told. */
	return tsc_khz && (!check_tsc_unstable() ||
			   boot_cpu_has(X86_FEATURE_CONSTANT_TSC));
}

/* What the VM's clock is at @m: by the TSC if that is good, as guests do it. */
static u64 duet_clock_at(const struct duet_clock *c, const struct moment *m)
{
	struct duet_rate rate = duet_tsc_rate();

	if (check_tsc_unstable())
		return c->ns + (m->boot_ns - c->boot_ns);
	return c->ns + pvclock_scale_delta(m->tsc - c->tsc, rate.mul,
					   rate.shift);
}

static struct duet_clock *duet_clock_of(struct duet_vm *vm)
{
	lockdep_assert_held(&vm->tsc_lock);
	return &vm->clock;
}

static struct duet_clock duet_clock_read(struct duet_vm *vm)
{
	struct duet_clock c;
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	c = *duet_clock_of(vm);
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
	return c;
}

static void duet_clock_write(struct duet_vm *vm, u64 ns, const struct moment *m)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	*duet_clock_of(vm) = (struct duet_clock) {
		.ns = ns, .tsc = m->tsc, .boot_ns = m->boot_ns,
	};
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
}

void duet_clock_init(struct duet_vm *vm)
{
	struct moment m = duet_now();

	duet_clock_write(vm, 0, &m);
}

/*
 * May one vCPU use another's pair? Only if all their TSCs agree; Linux's vDSO
 * does so when it sees PVCLOCK_TSC_STABLE_BIT.
 */
static bool duet_clock_one_line(struct duet_vm *vm)
{
	struct duet_vcpu *vcpu;
	u64 offset;
	u32 i;

	if (check_tsc_unstable() || !duet_nr_vcpus(vm))
		return false;
	offset = READ_ONCE(vm->vcpus[0]->tsc_offset);
	duet_for_each_vcpu(i, vcpu, vm)
		if (READ_ONCE(vcpu->tsc_offset) != offset)
			return false;
	return true;
}

void duet_clock_get(struct duet_vm *vm, struct kvm_clock_data *data)
{
	struct duet_clock c = duet_clock_read(vm);
	struct moment m = duet_now();

	memset(data, 0, sizeof(*data));
	data->clock = duet_clock_at(&c, &m);
	data->realtime = m.real_ns;
	data->flags = KVM_CLOCK_REALTIME;
	if (check_tsc_unstable())
		return;
	data->host_tsc = m.tsc;
	data->flags |= KVM_CLOCK_HOST_TSC;
	if (duet_clock_one_line(vm))
		data->flags |= KVM_CLOCK_TSC_STABLE;
}

int duet_clock_set(struct duet_vm *vm, const struct kvm_clock_data *data)
{
	struct moment m;
	u64 ns = data->clock;

	if (data->flags & ~DUET_CLOCK_FLAGS)
		return -EINVAL;
	m = duet_now();
	/* The time between GET on one host and SET on another has passed. */
	if ((data->flags & KVM_CLOCK_REALTIME) && m.real_ns > data->realtime)
		ns += m.real_ns - data->realtime;
	duet_clock_write(vm, ns, &m);
	duet_request_all(vm, DUET_REQ_CLOCK, false);
	return 0;
}

void duet_clock_enable(struct duet_vcpu *vcpu, u64 value)
{
	WRITE_ONCE(vcpu->msrs.kvm_system_time, value);
	/* One vCPU more: do all TSCs still agree? */
	duet_request_self(vcpu, DUET_REQ_CLOCK);
	duet_request_all(vcpu->vm, DUET_REQ_CLOCK, false);
}

void duet_clock_wall(struct duet_vcpu *vcpu, gpa_t gpa)
{
	struct duet_vm *vm = vcpu->vm;
	struct duet_clock c = duet_clock_read(vm);
	struct moment m = duet_now();
	struct pvclock_wall_clock wall;
	u32 nsec, version;
	u64 ns;
	int idx;

	vcpu->msrs.kvm_wall_clock = gpa;
	if (!gpa)
		return;
	ns = m.real_ns - duet_clock_at(&c, &m);
	idx = srcu_read_lock(&vm->srcu);
	if (duet_read_guest(vm, gpa, &version, sizeof(version)))
		goto out;
	version = (version + 1) | 1;
	if (duet_write_guest(vm, gpa, &version, sizeof(version)))
		goto out;
	smp_wmb();	/* odd while it changes */
	wall.sec = div_u64_rem(ns, NSEC_PER_SEC, &nsec);
	wall.nsec = nsec;
	if (duet_write_guest(vm, gpa + offsetof(typeof(wall), sec), &wall.sec,
			     sizeof(wall.sec) + sizeof(wall.nsec)))
		goto out;
	smp_wmb();	/* even when it is done */
	version++;
	duet_write_guest(vm, gpa, &version, sizeof(version));
out:
	srcu_read_unlock(&vm->srcu, idx);
}

/* The pair for this vCPU on this CPU. */
static void duet_clock_pair(struct duet_vcpu *vcpu,
			    struct pvclock_vcpu_time_info *info)
{
	struct duet_clock c = duet_clock_read(vcpu->vm);
	struct duet_rate rate = duet_tsc_rate();
	struct moment m;

	if (check_tsc_unstable()) {
		/* The offset is that of this CPU's counter. */
		preempt_disable();
		m = duet_now();
		preempt_enable();
		c.ns = duet_clock_at(&c, &m);
		c.tsc = m.tsc;
	}
	info->tsc_timestamp = c.tsc + vcpu->tsc_offset;
	info->system_time = c.ns;
	info->tsc_to_system_mul = rate.mul;
	info->tsc_shift = rate.shift;
	if (duet_clock_one_line(vcpu->vm))
		info->flags |= PVCLOCK_TSC_STABLE_BIT;
}

void duet_clock_update(struct duet_vcpu *vcpu)
{
	const size_t body = offsetof(struct pvclock_vcpu_time_info,
				     tsc_timestamp);
	gpa_t gpa = vcpu->msrs.kvm_system_time & ~1ULL;
	struct duet_vm *vm = vcpu->vm;
	struct pvclock_vcpu_time_info info;
	int idx;

	if (!(vcpu->msrs.kvm_system_time & KVM_MSR_ENABLED))
		return;
	idx = srcu_read_lock(&vm->srcu);
	if (duet_read_guest(vm, gpa, &info, sizeof(info)))
		goto out;
	/* It is the guest that takes this one back. */
	info.flags &= PVCLOCK_GUEST_STOPPED;
	if (xchg(&vcpu->clock_stopped, false))
		info.flags |= PVCLOCK_GUEST_STOPPED;
	duet_clock_pair(vcpu, &info);

	info.version = (info.version + 1) | 1;
	if (duet_write_guest(vm, gpa, &info.version, sizeof(info.version)))
		goto out;
	smp_wmb();	/* odd while it changes */
	if (duet_write_guest(vm, gpa + body, (void *)&info + body,
			     sizeof(info) - body))
		goto out;
	smp_wmb();	/* even when it is done */
	info.version++;
	duet_write_guest(vm, gpa, &info.version, sizeof(info.version));
out:
	srcu_read_unlock(&vm->srcu, idx);
}

void duet_clock_moved(struct duet_vcpu *vcpu)
{
	if (unlikely(check_tsc_unstable()) &&
	    (READ_ONCE(vcpu->msrs.kvm_system_time) & KVM_MSR_ENABLED))
		duet_request_self(vcpu, DUET_REQ_CLOCK);
}

void duet_clock_suspend(struct duet_vm *vm)
{
	struct duet_clock c = duet_clock_read(vm);
	struct moment m = duet_now();

	duet_clock_write(vm, duet_clock_at(&c, &m), &m);
}

/*
 * The pair is that of the suspend. The clock went on, by the host's clock that
 * counts suspended time, whatever the TSC did. A guest that is told it was
 * stopped spares its watchdogs. The host's timers stood still: if the TSC did
 * not, deadlines came closer.
 */
void duet_clock_resume(struct duet_vm *vm)
{
	struct duet_clock c = duet_clock_read(vm);
	struct moment m = duet_now();
	struct duet_vcpu *vcpu;
	u32 i;

	duet_clock_write(vm, c.ns + (m.boot_ns - c.boot_ns), &m);
	duet_for_each_vcpu(i, vcpu, vm) {
		duet_clock_stopped(vcpu);
		duet_request(vcpu, DUET_REQ_TIMER);
	}
}

int duet_clock_stopped(struct duet_vcpu *vcpu)
{
	if (!(vcpu->msrs.kvm_system_time & KVM_MSR_ENABLED))
		return -EINVAL;
	WRITE_ONCE(vcpu->clock_stopped, true);
	duet_request_self(vcpu, DUET_REQ_CLOCK);
	return 0;
}
