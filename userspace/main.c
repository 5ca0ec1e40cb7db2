// SPDX-License-Identifier: GPL-2.0
/*
 * The launcher's command line: the only file that prints errors and exits.
 * Calls run.c and check.c.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "err.h"
#include "run.h"

#ifndef DUET_VERSION
#define DUET_VERSION	"0.1"
#endif

#define EXIT_ERROR	1
#define EXIT_USAGE	2

static const char usage_text[] =
"Usage: duet COMMAND [OPTIONS]\n"
"\n"
"Runs virtual machines through the KVM API of /dev/duet, or of /dev/kvm.\n"
"\n"
"Commands:\n"
"  run       boot a Linux kernel, or run a flat binary; see duet run --help\n"
"  check     what this machine's CPU offers, and what stops Duet here;\n"
"            exit status 0 if it could run VMs (the module may still have\n"
"            to be loaded: the text says so), 1 if something stops it;\n"
"            --device NODE looks at another node than /dev/duet\n"
"  version   print the version\n"
"\n"
"Example:\n"
"  duet run --kernel /boot/vmlinuz --initrd initrd.img --memory 512M\n";

static const char run_text[] =
"Usage: duet run --kernel FILE [OPTIONS]\n"
"       duet run --raw FILE [OPTIONS]\n"
"\n"
"  --kernel FILE    a bzImage (boot protocol 2.06 or later) or an ELF vmlinux\n"
"  --initrd FILE    initial ramdisk\n"
"  --append TEXT    kernel command line; default: console=ttyS0\n"
"  --memory SIZE    guest memory: 256M, 2G, ...; a bare number is MiB;\n"
"                   default: 256M\n"
"  --cpus N         number of vCPUs; default: 1\n"
"  --device NODE    /dev/duet (default), /dev/kvm\n"
"  --irqchip WHERE  kernel: PIC, IOAPIC, local APICs and PIT in the kernel\n"
"                   (default); none: no interrupt hardware (--raw only, its\n"
"                   default)\n"
"  --stats          at the end, print how many exits of each kind there were\n"
"  --timeout S      end the run after S seconds\n"
"  --raw FILE       instead of a kernel: a flat binary of at most 636 KiB is\n"
"                   loaded at 0x1000 and entered there in real mode, with\n"
"                   CS = DS = ES = SS = 0, SP = 0x1000, interrupts off. HLT\n"
"                   ends it (without interrupt hardware), as does power-off\n"
"\n"
"The guest has a serial port (ttyS0) on the terminal, a real-time clock, ACPI\n"
"power-off and reset, and debug ports 0xe9 and 0x402, which write to stderr.\n"
"It has no PCI bus and no disk. Ctrl-a x ends it, Ctrl-a b sends a break,\n"
"Ctrl-a a sends Ctrl-a. Input from a pipe waits until the guest's driver asks\n"
"for it.\n"
"\n"
"Exit status:\n"
"  0    the guest powered off (or, raw, halted)\n"
"  1    error: the message says which\n"
"  2    wrong usage\n"
"  10   the guest asked for a reset (a panic with panic=-1 does, too)\n"
"  11   triple fault\n"
"  12   --timeout\n"
"  13   Ctrl-a x\n"
"  14   the guest reported a crash through the hypervisor\n"
"  128+N  ended by signal N\n";

/*
 * With a standard fd closed, the first open would take its number, and guest
 * output would go into a device node.
 */
static int open_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -1;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

static int print_error(int status)
{
	fprintf(stderr, "duet: %s\n", err_msg());
	return status;
}

static int cmd_run(int argc, char **argv)
{
	struct run_opts opts;
	int ret;

	if (args_parse_run(argc, argv, &opts))
		return print_error(EXIT_USAGE);
	if (opts.help) {
		fputs(run_text, stdout);
		return 0;
	}
	ret = run_vm(&opts);
	return ret < 0 ? print_error(EXIT_ERROR) : ret;
}

static int cmd_check(int argc, char **argv)
{
	const char *device = "/dev/duet";

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--device"))
		device = argv[2];
	else if (argc != 1) {
		err_set(0, "duet check takes only --device NODE");
		return print_error(EXIT_USAGE);
	}
	return check_machine(device);
}

static int cmd_version(void)
{
	printf("duet %s, KVM API version %d\n", DUET_VERSION, KVM_API_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";

	if (open_std_fds()) {
		fputs("duet: /dev/null cannot be opened\n", stderr);
		return EXIT_ERROR;
	}
	if (!strcmp(cmd, "run"))
		return cmd_run(argc - 1, argv + 1);
	if (!strcmp(cmd, "check"))
		return cmd_check(argc - 1, argv + 1);
	if (!strcmp(cmd, "version") || !strcmp(cmd, "--version"))
		return cmd_version();
	if (!strcmp(cmd, "help") || !strcmp(cmd, "--help") ||
	    !strcmp(cmd, "-h")) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (*cmd)
		fprintf(stderr, "duet: unknown command \"%s\"\n\n", cmd);
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}
