// SPDX-License-Identifier: GPL-2.0
/*
 * The model's test program. Without arguments: every scenario, at random and
 * exhaustively, then every mutant (programs built with one line of the code
 * changed, see mutate.py), which must fail. TAP on standard output.
 *
 *   model SCENARIO SEED    one random run, to look at a failure
 *   model --fail-fast      as mutants are called: no TAP, the first rule that
 *                          was broken, and exit status 1
 */
#include <dirent.h>
#include <libgen.h>
#include <setjmp.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "uapi/duet.h"
#include "world.h"

/* ---- scenarios ---- */

static const struct scenario random_scenarios[] = {
	{ .name = "svm", .ops = &svm_ops, .cpus = 3, .vms = 2, .vcpus = 2,
	  .changes = ~0U, .hotplugs = ~0U, .lives = ~0U, .asids = 3,
	  .single = true, .accessed = true },
	{ .name = "svm, no flush by ASID, a VM without tags", .ops = &svm_ops,
	  .cpus = 2, .vms = 2, .vcpus = 2, .changes = ~0U, .hotplugs = ~0U,
	  .lives = ~0U, .asids = 4, .refuse = DUET_REFUSE_TAGS },
	{ .name = "vmx", .ops = &vmx_ops, .cpus = 3, .vms = 2, .vcpus = 2,
	  .changes = ~0U, .hotplugs = ~0U, .lives = ~0U, .single = true,
	  .accessed = true },
	{ .name = "vmx, all-context flushes, a VM without tags", .ops = &vmx_ops,
	  .cpus = 2, .vms = 2, .vcpus = 2, .changes = ~0U, .hotplugs = ~0U,
	  .lives = ~0U, .refuse = DUET_REFUSE_TAGS },
};

static const struct scenario small_scenarios[] = {
	{ .name = "svm: a page goes under a vCPU", .ops = &svm_ops, .cpus = 2,
	  .vms = 1, .vcpus = 1, .turns = 2, .changes = 1, .asids = 3,
	  .single = true },
	{ .name = "svm: two vCPUs move", .ops = &svm_ops, .cpus = 2, .vms = 1,
	  .vcpus = 2, .turns = 1, .asids = 2 },
	{ .name = "vmx: a page goes under a vCPU", .ops = &vmx_ops, .cpus = 2,
	  .vms = 1, .vcpus = 1, .turns = 2, .changes = 1, .single = true },
	{ .name = "vmx: two vCPUs move", .ops = &vmx_ops, .cpus = 2, .vms = 1,
	  .vcpus = 2, .turns = 1, .single = true },
	{ .name = "vmx: a CPU goes while vCPUs move", .ops = &vmx_ops, .cpus = 2,
	  .vms = 1, .vcpus = 2, .turns = 1, .hotplugs = 1, .single = true },
};

#define RANDOM_STEPS	20000
#define RANDOM_RUNS	60
#define EXHAUSTIVE_RUNS	40000

/* ---- failures ---- */

static char failure[256];
static jmp_buf failed;

void model_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(failure, sizeof(failure), fmt, ap);
	va_end(ap);
	longjmp(failed, 1);
}

/* Stacks of threads are left as they are: the next run makes new ones. */
static bool run(const struct scenario *s)
{
	if (setjmp(failed))
		return false;
	scenario_run(s);
	return true;
}

static unsigned long total_steps;

static bool run_random(const struct scenario *s, u64 seed)
{
	bool ok;

	config = (struct engine_config) { .seed = seed, .steps = RANDOM_STEPS };
	ok = run(s);
	total_steps += engine_steps;
	return ok;
}

static bool run_all_random(const struct scenario *s, u64 *seed)
{
	for (*seed = 1; *seed <= RANDOM_RUNS; ++*seed)
		if (!run_random(s, *seed))
			return false;
	return true;
}

/* With one deviation, then with two, as long as there is time. */
static bool run_all(const struct scenario *s, unsigned long *runs,
		    unsigned int *bound)
{
	unsigned int n;

	*runs = 0;
	*bound = 0;
	for (n = 1; n <= 3; n++) {
		config = (struct engine_config) { .bound = n, .steps = ~0U };
		engine_first();
		do {
			if (!run(s))
				return false;
			total_steps += engine_steps;
			if (++*runs == EXHAUSTIVE_RUNS)
				return true;
		} while (engine_next());
		*bound = n;
	}
	return true;
}

/* A mutant's name begins with the vendor whose code it is, if any. */
static bool concerns(const struct scenario *s, const char *mutant)
{
	const char *other = s->ops == &svm_ops ? "vmx-" : "svm-";

	return strncmp(mutant, other, 4);
}

static int fail_fast(const char *name)
{
	unsigned long runs;
	unsigned int i, bound;
	u64 seed;

	for (seed = 1; seed <= RANDOM_RUNS; seed++)
		for (i = 0; i < ARRAY_SIZE(random_scenarios); i++) {
			const struct scenario *s = &random_scenarios[i];

			if (!concerns(s, name) || run_random(s, seed))
				continue;
			printf("%s, seed %llu: %s\n", s->name, seed, failure);
			return 1;
		}
	for (i = 0; i < ARRAY_SIZE(small_scenarios); i++) {
		const struct scenario *s = &small_scenarios[i];

		if (!concerns(s, name) || run_all(s, &runs, &bound))
			continue;
		printf("%s: %s\n", s->name, failure);
		return 1;
	}
	return 0;
}

/* ---- TAP ---- */

static int tests, failures;

static void result(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d - ", ok ? "ok" : "not ok", ++tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	failures += !ok;
}

static void test_scenarios(void)
{
	unsigned long runs;
	unsigned int i, bound;
	u64 seed;

	for (i = 0; i < ARRAY_SIZE(random_scenarios); i++) {
		const struct scenario *s = &random_scenarios[i];
		bool ok = run_all_random(s, &seed);

		if (!ok)
			printf("# seed %llu: %s\n", seed, failure);
		result(ok, "%s: %d random runs", s->name, RANDOM_RUNS);
	}
	for (i = 0; i < ARRAY_SIZE(small_scenarios); i++) {
		const struct scenario *s = &small_scenarios[i];
		bool ok = run_all(s, &runs, &bound);

		if (!ok)
			printf("# run %lu: %s\n", runs, failure);
		printf("# %lu runs; all with up to %u deviations\n", runs,
		       bound);
		result(ok, "%s: every order of events", s->name);
	}
	printf("# %lu steps\n", total_steps);
}

/* ---- mutants ---- */

/* Standard output's first line; the exit status. */
static int call(const char *program, char *line, size_t size)
{
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(fd))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(fd[1], 1);
		execl(program, program, "--fail-fast", NULL);
		_exit(127);
	}
	close(fd[1]);
	n = read(fd[0], line, size - 1);
	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	close(fd[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void test_mutants(const char *directory)
{
	struct dirent **names;
	int n = scandir(directory, &names, no_dots, alphasort), i;

	result(n > 0, "there are mutants in %s", directory);
	for (i = 0; i < n; i++) {
		char path[4096], line[256];
		int status;

		snprintf(path, sizeof(path), "%s/%s", directory,
			 names[i]->d_name);
		status = call(path, line, sizeof(line));
		printf("# %s\n", line);
		result(status == 1 && *line, "without %s the model fails",
		       names[i]->d_name);
	}
}

int main(int argc, char **argv)
{
	char path[4096];
	ssize_t n;

	if (argc == 2 && !strcmp(argv[1], "--fail-fast"))
		return fail_fast(basename(argv[0]));
	if (argc == 3) {
		unsigned int i = atoi(argv[1]);

		if (i >= ARRAY_SIZE(random_scenarios))
			return 2;
		if (run_random(&random_scenarios[i], atoll(argv[2])))
			return 0;
		printf("%s\n", failure);
		return 1;
	}
	printf("TAP version 13\n");
	test_scenarios();
#ifdef CONFIG_DUET_DEBUG
	/* The same with ghost state: its assertions hold. */
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
#endif
	n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	if (n < 0)
		return 2;
	path[n] = 0;
	test_mutants(strcat(dirname(path), "/../mutants"));
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
}
