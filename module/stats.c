// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_STATS_FD: a vCPU's counters in KVM's binary format. A row per neutral
 * exit reason stands in it from the first exit on; names and descriptions come
 * from common/exit.h.
 */
#include "module/duet.h"
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define DUET_STAT_NAME	48

/*
 * struct kvm_stats_desc with its name behind it. Kernels differ on whether the
 * name is part of theirs.
 */
struct duet_stat_desc {
	u32 flags;
	s16 exponent;
	u16 size;
	u32 offset;
	u32 bucket_size;
	char name[DUET_STAT_NAME];
};
static_assert(offsetof(struct duet_stat_desc, name) ==
	      offsetof(struct kvm_stats_desc, name));

enum duet_stat_unit { COUNT, NS };

/*
 * Counters that are no exit reasons: member of struct duet_stats, name, unit.
 */
#define DUET_COUNTERS(X)					\
	X(entries, "entries", COUNT)			\
	X(fast_exits, "fast_exits", COUNT)		\
	X(user_exits, "user_exits", COUNT)		\
	X(signal_exits, "signal_exits", COUNT)		\
	X(injections, "injections", COUNT)		\
	X(tlb_flushes, "tlb_flush", COUNT)		\
	X(emulated, "insn_emulated", COUNT)		\
	X(halts, "halt_exits", COUNT)			\
	X(wakeups, "halt_wakeups", COUNT)		\
	X(polls, "halt_attempted_poll", COUNT)		\
	X(polls_won, "halt_successful_poll", COUNT)	\
	X(poll_won_ns, "halt_poll_success_ns", NS)	\
	X(poll_lost_ns, "halt_poll_fail_ns", NS)	\
	X(wait_ns, "halt_wait_ns", NS)			\
	X(faults_fixed, "fault_fixed", COUNT)		\
	X(faults_mmio, "fault_mmio", COUNT)		\
	X(reads, "control_reads", COUNT)		\
	X(writes, "control_writes", COUNT)

enum {
#define X(member, name, unit) DUET_COUNTER_##member,
	DUET_COUNTERS(X)
#undef X
	DUET_NR_COUNTERS
};

#define DUET_NR_STATS		(DUET_NR_EXITS + DUET_NR_COUNTERS)

/* The file's content, but for the data, is the same for every vCPU. */
struct duet_stats_file {
	struct kvm_stats_header header;
	char id[DUET_STAT_NAME];
	struct duet_stat_desc desc[DUET_NR_STATS];
	u64 data[DUET_NR_STATS];
};

static void duet_describe(struct duet_stat_desc *d, unsigned int i,
			  const char *prefix, const char *name,
			  enum duet_stat_unit unit)
{
	d->flags = KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_BASE_POW10 |
		(unit == NS ? KVM_STATS_UNIT_SECONDS : KVM_STATS_UNIT_NONE);
	d->exponent = unit == NS ? -9 : 0;
	d->size = 1;
	d->offset = i * sizeof(u64);
	snprintf(d->name, sizeof(d->name), "%s%s", prefix, name);
}

static void duet_fill_stats(struct duet_stats_file *f, struct duet_vcpu *vcpu)
{
	unsigned int i;

	f->header.name_size = DUET_STAT_NAME;
	f->header.num_desc = vcpu ? DUET_NR_STATS : 0;
	f->header.id_offset = offsetof(struct duet_stats_file, id);
	f->header.desc_offset = offsetof(struct duet_stats_file, desc);
	f->header.data_offset = offsetof(struct duet_stats_file, data);
	if (!vcpu)
		return;

	for (i = 0; i < DUET_NR_EXITS; i++) {
		duet_describe(&f->desc[i], i, "exit_", duet_exit_names[i],
			      COUNT);
		f->data[i] = READ_ONCE(vcpu->stats.exits[i]);
	}
#define X(member, name, unit)						\
	duet_describe(&f->desc[i], i, "", name, unit);			\
	f->data[i++] = READ_ONCE(vcpu->stats.member);
	DUET_COUNTERS(X)
#undef X
}

static ssize_t duet_stats_read(struct duet_vcpu *vcpu, const char *name, u32 id,
			       char __user *buf, size_t size, loff_t *pos)
{
	struct duet_stats_file *f;
	size_t total = vcpu ? sizeof(*f) :
		offsetof(struct duet_stats_file, desc);
	ssize_t r;

	f = kvzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	duet_fill_stats(f, vcpu);
	snprintf(f->id, sizeof(f->id), "duet-%d/%s-%u",
		 task_tgid_nr(current), name, id);
	if (!vcpu)
		f->header.data_offset = total;
	r = simple_read_from_buffer(buf, size, pos, f, total);
	kvfree(f);
	return r;
}

static ssize_t duet_vcpu_stats_read(struct file *file, char __user *buf,
				    size_t size, loff_t *pos)
{
	struct duet_vcpu *vcpu = file->private_data;

	return duet_stats_read(vcpu, "vcpu", vcpu->id, buf, size, pos);
}

static int duet_vcpu_stats_release(struct inode *inode, struct file *file)
{
	struct duet_vcpu *vcpu = file->private_data;

	duet_vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations duet_vcpu_stats_fops = {
	.owner = THIS_MODULE,
	.read = duet_vcpu_stats_read,
	.release = duet_vcpu_stats_release,
	.llseek = default_llseek,
};

/* A VM has no counters of its own yet: a header that says so. */
static ssize_t duet_vm_stats_read(struct file *file, char __user *buf,
				  size_t size, loff_t *pos)
{
	return duet_stats_read(NULL, "vm", 0, buf, size, pos);
}

static int duet_vm_stats_release(struct inode *inode, struct file *file)
{
	duet_vm_put(file->private_data);
	return 0;
}

static const struct file_operations duet_vm_stats_fops = {
	.owner = THIS_MODULE,
	.read = duet_vm_stats_read,
	.release = duet_vm_stats_release,
	.llseek = default_llseek,
};

static int duet_stats_fd(struct duet_vm *vm, const char *name,
			 const struct file_operations *fops, void *data)
{
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, data, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_mode |= FMODE_PREAD;
	duet_vm_get(vm);
	fd_install(fd, file);
	return fd;
}

int duet_vcpu_stats_fd(struct duet_vcpu *vcpu)
{
	return duet_stats_fd(vcpu->vm, "duet-vcpu-stats",
			     &duet_vcpu_stats_fops, vcpu);
}

int duet_vm_stats_fd(struct duet_vm *vm)
{
	return duet_stats_fd(vm, "duet-vm-stats", &duet_vm_stats_fops, vm);
}
