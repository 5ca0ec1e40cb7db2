// SPDX-License-Identifier: GPL-2.0
/*
 * What the host's kernel offers and who else uses the hardware. Calls check.c;
 * called by check_machine().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "compiler.h"

/* Options that the module cannot be without. */
static const char *const options[] = {
	"CONFIG_MODULES",
	"CONFIG_PREEMPT_NOTIFIERS",
	"CONFIG_MMU_NOTIFIER",
	"CONFIG_EVENTFD",
	"CONFIG_X86_LOCAL_APIC",
};

#define NR_OPTIONS	ARRAY_SIZE(options)

static FILE *open_config(char *path, size_t size)
{
	struct utsname u;

	if (uname(&u))
		return NULL;
	snprintf(path, size, "/boot/config-%s", u.release);
	return fopen(path, "re");
}

static void check_config(struct check *c)
{
	bool found[NR_OPTIONS] = { false };
	char path[512], line[512];
	bool piped = false;
	FILE *f;
	size_t i;

	f = open_config(path, sizeof(path));
	if (!f && !access("/proc/config.gz", R_OK)) {
		snprintf(path, sizeof(path), "/proc/config.gz");
		f = popen("zcat /proc/config.gz", "re");
		piped = true;
	}
	if (!f) {
		check_line("kernel options",
			   "unknown: neither /boot/config-* of this kernel nor /proc/config.gz is here");
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		for (i = 0; i < NR_OPTIONS; i++) {
			size_t len = strlen(options[i]);

			if (!strncmp(line, options[i], len) &&
			    line[len] == '=' && line[len + 1] == 'y')
				found[i] = true;
		}
	}
	if (piped ? pclose(f) : fclose(f)) {
		check_line("kernel options", "unknown: %s cannot be read",
			   path);
		return;
	}
	for (i = 0; i < NR_OPTIONS; i++) {
		if (found[i])
			continue;
		/* PREEMPT_NOTIFIERS can only be had by building KVM, too. */
		check_stop(c, "the kernel was built without %s%s", options[i],
			   strstr(options[i], "NOTIFIER") ?
			   "; building it with CONFIG_KVM selects it" : "");
	}
	check_line("kernel options", "read from %s", path);
}

/* Use count of a loaded module; -1: not loaded. */
static int module_users(const char *name)
{
	char line[512], mod[64];
	int users = -1, n;
	FILE *f = fopen("/proc/modules", "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %*s %d", mod, &n) == 2 &&
		    !strcmp(mod, name)) {
			users = n;
			break;
		}
	}
	fclose(f);
	return users;
}

static bool read_flag(const char *path)
{
	FILE *f = fopen(path, "re");
	int ch;

	if (!f)
		return false;
	ch = fgetc(f);
	fclose(f);
	return ch == 'Y' || ch == '1';
}

static void check_other_hypervisors(struct check *c)
{
	static const char *const modules[] = { "kvm_amd", "kvm_intel" };
	static const char *const others[] = { "vboxdrv", "vmmon" };
	bool at_load = read_flag("/sys/module/kvm/parameters/enable_virt_at_load");
	bool any = false;
	unsigned int i;
	int users;

	for (i = 0; i < 2; i++) {
		users = module_users(modules[i]);
		if (users < 0)
			continue;
		any = true;
		if (users > 0)
			check_stop(c,
				   "%s runs VMs (use count %d): end them first",
				   modules[i], users);
		else if (at_load)
			check_stop(c,
				   "%s holds the hardware from its load on: unload it, or boot with kvm.enable_virt_at_load=0",
				   modules[i]);
		else
			check_line("beside it",
				   "%s is loaded and idle: no obstacle while it has no VM",
				   modules[i]);
	}
	for (i = 0; i < 2; i++) {
		if (module_users(others[i]) < 0)
			continue;
		any = true;
		check_line("beside it",
			   "%s is loaded: its VMs and Duet's cannot run at the same time",
			   others[i]);
	}
	if (!any)
		check_line("beside it", "no other hypervisor is loaded");
}

static void check_node(struct check *c, const char *device)
{
	bool loaded = module_users("duet") >= 0;
	struct stat st;
	int fd, version;

	fd = open(device, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		version = ioctl(fd, KVM_GET_API_VERSION, 0UL);
		if (version == KVM_API_VERSION)
			check_line("device", "%s answers (KVM API version %d)",
				   device, version);
		else
			check_stop(c, "%s does not speak the KVM API, version %d",
				   device, KVM_API_VERSION);
		close(fd);
		return;
	}
	if (errno == EACCES || errno == EPERM) {
		if (stat(device, &st))
			memset(&st, 0, sizeof(st));
		check_stop(c,
			   "no permission on %s (mode %04o, owner %u, group %u): be root, or let the udev rule give your group access",
			   device, st.st_mode & 07777, st.st_uid, st.st_gid);
	} else if (loaded) {
		check_stop(c, "the module is loaded, but %s: %s", device,
			   strerror(errno));
	} else {
		check_line("next step",
			   "the module is not loaded: insmod duet.ko");
	}
}

void check_host(struct check *c, const char *device)
{
	struct utsname u;

	if (!uname(&u))
		check_line("kernel", "%s %s", u.sysname, u.release);
	check_config(c);
	check_other_hypervisors(c);
	check_node(c, device);
}
