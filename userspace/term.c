// SPDX-License-Identifier: GPL-2.0
/*
 * Raw terminal mode, put back on return, exit() and fatal signals. Calls libc
 * only; called from run.c and err.c. SIGKILL cannot be caught: "stty sane".
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "compiler.h"
#include "term.h"

static struct termios saved;
static volatile sig_atomic_t have_saved;
static volatile sig_atomic_t raw;

static const int fatal_signals[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGSEGV, SIGBUS, SIGILL, SIGFPE,
	SIGABRT, SIGSYS, SIGXCPU, SIGALRM, SIGUSR2, SIGVTALRM, SIGPROF,
};

void term_restore(void)
{
	int saved_errno = errno;

	if (raw) {
		/*
		 * TCSANOW: to wait for pending output could hang here. SIGTTOU
		 * would stop a process that was moved to the background.
		 */
		signal(SIGTTOU, SIG_IGN);
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
		raw = 0;
	}
	errno = saved_errno;
}

static void on_fatal_signal(int sig)
{
	term_restore();
	/* SA_RESETHAND made the default action current again. */
	raise(sig);
}

void term_init(void)
{
	struct sigaction sa = {
		.sa_handler = on_fatal_signal,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	size_t i;

	if (have_saved || tcgetattr(STDIN_FILENO, &saved))
		return;
	have_saved = 1;
	atexit(term_restore);
	for (i = 0; i < ARRAY_SIZE(fatal_signals); i++) {
		struct sigaction old;

		sigaction(fatal_signals[i], NULL, &old);
		if (old.sa_handler == SIG_DFL)
			sigaction(fatal_signals[i], &sa, NULL);
	}
}

void term_raw(void)
{
	struct termios t = saved;

	if (!have_saved || raw || tcgetpgrp(STDIN_FILENO) != getpgrp())
		return;
	cfmakeraw(&t);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	/* Set first: a signal between the two must find something to undo. */
	raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t))
		raw = 0;
}

bool term_is_raw(void)
{
	return raw;
}
