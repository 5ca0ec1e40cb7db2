// SPDX-License-Identifier: GPL-2.0
/*
 * init of the emulated host: runs one command on a pseudo terminal, copies its
 * output to port 0xe9, looks for kernel warnings, reports the command's status
 * and ends the machine. Started by the kernel; built by scripts/lib/image.sh.
 *
 * Port 0xe9 is a debug port of both emulators. Unlike a UART it has no speed
 * and no FIFO, so that nothing is lost and little is spent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CONSOLE_PORT	0xe9
#define QEMU_EXIT_PORT	0xf4
#define BOCHS_EXIT_PORT	0x8900

/* What the host's kernel says when it is not well. */
static const char * const bad_signs[] = {
	"WARNING:", "BUG:", "kernel BUG at", "Oops", "Call Trace", "cut here",
	"general protection fault", "refcount_t:", "rcu: INFO:", "blocked for more",
	"scheduling while atomic", "sleeping function called", "UBSAN:",
	"unchecked MSR access", "leaked", "still has locks held",
	"soft lockup", "hard LOCKUP", "Bad page", "bad: scheduling",
	NULL
};

#define __printf(fmt, args)	__attribute__((format(printf, fmt, args)))
#define __noreturn		__attribute__((noreturn))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

static char last_char = '\n';

static void console_write(const char *buf, size_t len)
{
	if (!len)
		return;
	last_char = buf[len - 1];
	asm volatile("rep outsb" : "+S"(buf), "+c"(len) : "d"(CONSOLE_PORT)
		     : "memory");
}

static void __printf(1, 2) say(const char *fmt, ...)
{
	char buf[4096];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (len >= (int)sizeof(buf))
		len = sizeof(buf) - 1;
	console_write(buf, len);
}

static void __noreturn end_machine(void)
{
	const char *word = "Shutdown";

	sync();
	/* Bochs stops at the word, QEMU at any write to its own port */
	while (*word)
		outb(*word++, BOCHS_EXIT_PORT);
	outb(0, QEMU_EXIT_PORT);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void mount_all(void)
{
	static const struct {
		const char *type, *where;
	} table[] = {
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "devtmpfs", "/dev" },
		{ "devpts", "/dev/pts" },
		{ "tmpfs", "/dev/shm" },
		{ "tmpfs", "/tmp" },
		{ "tmpfs", "/run" },
		{ "debugfs", "/sys/kernel/debug" },
		{ "tracefs", "/sys/kernel/tracing" },
		{ "cgroup2", "/sys/fs/cgroup" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		mkdir(table[i].where, 0755);
		/* what this kernel does not have, the command may miss */
		mount(table[i].type, table[i].where, table[i].type, 0, NULL);
	}
	symlink("/proc/self/fd", "/dev/fd");
}

/* value_of - the value of NAME= on the kernel's command line, or "" */
static const char *value_of(const char *name)
{
	static char line[4096];
	static char value[256];
	size_t len = strlen(name);
	ssize_t n = 0;
	char *p;
	int fd;

	fd = open("/proc/cmdline", O_RDONLY);
	if (fd >= 0) {
		n = read(fd, line, sizeof(line) - 1);
		close(fd);
	}
	line[n > 0 ? n : 0] = 0;
	for (p = strtok(line, "\n "); p; p = strtok(NULL, "\n ")) {
		if (!strncmp(p, name, len) && p[len] == '=') {
			snprintf(value, sizeof(value), "%s", p + len + 1);
			return value;
		}
	}
	return "";
}

static int open_terminal(char *name, size_t size)
{
	struct termios t;
	int master;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, size)) {
		say("init: no pseudo terminal: %s\n", strerror(errno));
		return -1;
	}
	/* the bytes as they are: no carriage returns, no echo */
	if (!tcgetattr(master, &t)) {
		cfmakeraw(&t);
		t.c_lflag |= ISIG;
		tcsetattr(master, TCSANOW, &t);
	}
	return master;
}

static void __noreturn exec_command(const char *terminal, bool interactive)
{
	int out, in;

	setsid();
	out = open(terminal, O_RDWR);
	if (out < 0)
		_exit(126);
	ioctl(out, TIOCSCTTY, 0);
	in = interactive ? out : open("/dev/null", O_RDONLY);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	if (out > 2)
		close(out);
	if (in > 2 && in != out)
		close(in);
	setenv("PATH", "/duet:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", interactive ? "vt100" : "dumb", 1);
	setenv("PS1", "duet-host# ", 1);
	if (chdir("/root"))
		_exit(126);
	if (interactive)
		execl("/bin/sh", "-sh", NULL);
	else
		execl("/bin/sh", "sh", "/host/command", NULL);
	_exit(127);
}

/* copy - what can be read now from FD to the console; false when it is over */
static bool copy(int fd)
{
	static char buf[16384];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		console_write(buf, n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static volatile sig_atomic_t child_changed;

static void on_child(int sig)
{
	child_changed = sig;
}

/*
 * reap - collect what has died, as process 1 must.
 * Returns true, with *status, once CHILD is among it.
 */
static bool reap(pid_t child, int *status)
{
	bool found = false;
	pid_t pid;
	int s;

	while ((pid = waitpid(-1, &s, WNOHANG)) > 0) {
		if (pid == child) {
			*status = s;
			found = true;
		}
	}
	return found;
}

static int run_command(bool interactive)
{
	sigset_t block, old;
	char terminal[64] = "/dev/ttyS0";
	struct pollfd pfd;
	int master = -1;
	int status = 0;
	pid_t child;

	if (!interactive) {
		master = open_terminal(terminal, sizeof(terminal));
		if (master < 0)
			return 126;
		fcntl(master, F_SETFL, O_NONBLOCK);
	}
	signal(SIGCHLD, on_child);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &old);
	child = fork();
	if (!child) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		signal(SIGCHLD, SIG_DFL);
		exec_command(terminal, interactive);
	}
	if (child < 0) {
		say("init: fork: %s\n", strerror(errno));
		return 126;
	}

	pfd.fd = master;
	pfd.events = POLLIN;
	while (!reap(child, &status)) {
		/* SIGCHLD arrives here only, so that none is missed */
		if (ppoll(&pfd, 1, NULL, &old) <= 0)
			continue;
		/* no writer is left, but the child may live on without one */
		if (!copy(master) || (pfd.revents & POLLHUP))
			pfd.fd = -1;
	}
	/* what is still in the terminal's buffer */
	if (master >= 0) {
		pfd.fd = master;
		while (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN))
			if (!copy(master))
				break;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool bad(const char *text)
{
	const char * const *sign;

	for (sign = bad_signs; *sign; sign++)
		if (strstr(text, *sign))
			return true;
	return false;
}

/*
 * read_record - the text of the next kernel message, NULL after the last;
 * in *USEC when it was said
 */
static char *read_record(int fd, unsigned long long *usec)
{
	static char buf[8192];
	char *text, *end;
	ssize_t n;

	do {
		n = read(fd, buf, sizeof(buf) - 1);
	} while (n < 0 && (errno == EPIPE || errno == EINTR));
	if (n <= 0)
		return NULL;
	buf[n] = 0;
	if (sscanf(buf, "%*u,%*u,%llu", usec) != 1)
		*usec = 0;
	text = strchr(buf, ';');
	text = text ? text + 1 : buf;
	end = strchr(text, '\n');
	if (end)
		*end = 0;
	return text;
}

/*
 * kernel_complained - look through the kernel's messages for a warning or
 * worse, except in the first SKIP, which are from the boot. Prints them from
 * the first such line on; all of them if ALL is set.
 */
static bool kernel_complained(int fd, int skip, bool all)
{
	unsigned long long usec;
	bool found = false;
	int lines = 0;
	char *text;

	while ((text = read_record(fd, &usec))) {
		if (skip-- <= 0 && bad(text))
			found = true;
		if (all || (found && lines++ < 300))
			say("[kernel %llu.%06llu] %s\n", usec / 1000000,
			    usec % 1000000, text);
	}
	return found;
}

/* open_kernel_log - at its end, or at its start with *OLD messages before now */
static int open_kernel_log(bool all, int *old)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned long long usec;

	*old = 0;
	if (fd < 0)
		return fd;
	if (!all) {
		lseek(fd, 0, SEEK_END);
		return fd;
	}
	while (read_record(fd, &usec))
		(*old)++;
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int main(void)
{
	struct rlimit no_core = { 0, 0 };
	bool interactive, allow, all;
	int status, kmsg, old;

	mount_all();
	if (ioperm(CONSOLE_PORT, 1, 1) || ioperm(QEMU_EXIT_PORT, 1, 1) ||
	    iopl(3))
		return 1;
	setrlimit(RLIMIT_CORE, &no_core);
	interactive = !strcmp(value_of("duet.mode"), "shell");
	allow = !strcmp(value_of("duet.warnings"), "allow");
	all = !strcmp(value_of("duet.dmesg"), "all");
	kmsg = open_kernel_log(all, &old);

	say("DUET-HOST-START: %s\n", value_of("duet.token"));
	status = run_command(interactive);
	if (last_char != '\n')
		say("\n");
	if (kmsg >= 0 && kernel_complained(kmsg, old, all) && !allow) {
		say("DUET-HOST-WARNING: the host's kernel complained; the command's status was %d\n",
		    status);
		status = 97;
	}
	say("DUET-HOST-EXIT: %d %s\n", status, value_of("duet.token"));
	end_machine();
}
