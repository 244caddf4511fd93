/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * driver.c - main() for a fuzz target where there is no libFuzzer.
 *
 * Owns a small mutation loop: every file named is run as it is, then varied
 * for a fixed number of rounds from a fixed seed, so that two runs are the
 * same run and a failure comes again. It has no coverage feedback; that is
 * what --enable-fuzzing is for. It takes the libFuzzer options the tests use:
 * -runs=N, -seed=N, -max_len=N; the rest of the words are files and folders.
 * One thread. When the target dies, the input is left in crash-driver.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
/* Optional in a target, as with libFuzzer. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

#define INPUT_BYTES_MAX 65536

struct input {
	uint8_t *data; /* owns */
	size_t len;
};

static struct {
	struct input *inputs; /* owns */
	size_t n_inputs;
	uint64_t seed;
	unsigned long n_runs;
	size_t max_len;
	const uint8_t *now; /* borrow: until the target returns */
	size_t now_len;
} fuzz = { .seed = 1, .n_runs = 0, .max_len = 4096 };

/* xorshift64*, Marsaglia 2003 with Vigna's multiplier: small and repeatable */
static uint64_t
random_next(void)
{
	fuzz.seed ^= fuzz.seed >> 12;
	fuzz.seed ^= fuzz.seed << 25;
	fuzz.seed ^= fuzz.seed >> 27;
	return fuzz.seed * UINT64_C(2685821657736338717);
}

static size_t
random_below(size_t limit)
{
	return limit == 0 ? 0 : (size_t)(random_next() % limit);
}

static void
crash_save(int sig)
{
	int fd = open("crash-driver", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd >= 0 && write(fd, fuzz.now, fuzz.now_len) >= 0)
		close(fd);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* A copy of the exact size: reading past its end is seen by a sanitizer. */
static void
target_run(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	fuzz.now = copy;
	fuzz.now_len = len;
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void
input_add(const char *path)
{
	static uint8_t buf[INPUT_BYTES_MAX];
	FILE *f = fopen(path, "rb");

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	const size_t len = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	struct input *all = realloc(fuzz.inputs, (fuzz.n_inputs + 1) * sizeof(*all));
	uint8_t *data = malloc(len ? len : 1);
	if (all == NULL || data == NULL)
		abort();
	memcpy(data, buf, len);
	fuzz.inputs = all;
	all[fuzz.n_inputs++] = (struct input){ .data = data, .len = len };
}

static void
path_add(const char *path)
{
	struct dirent **names;
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		input_add(path);
		return;
	}
	const int n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char full[4096];
		snprintf(full, sizeof(full), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			input_add(full);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static size_t
mutate_insert(uint8_t *buf, size_t len, const uint8_t *from, size_t n)
{
	const size_t at = random_below(len + 1);

	if (n > fuzz.max_len - len)
		n = fuzz.max_len - len;
	memmove(buf + at + n, buf + at, len - at);
	memcpy(buf + at, from, n);
	return len + n;
}

static size_t
mutate_erase(uint8_t *buf, size_t len)
{
	const size_t at = random_below(len);
	const size_t n = 1 + random_below(len - at < 32 ? len - at : 32);

	memmove(buf + at, buf + at + n, len - at - n);
	return len - n;
}

/* A piece of some input, from anywhere in it. */
static size_t
mutate_splice(uint8_t *buf, size_t len)
{
	const struct input *other = &fuzz.inputs[random_below(fuzz.n_inputs)];
	const size_t at = random_below(other->len);
	const size_t n = random_below(other->len - at + 1);

	return n == 0 ? len : mutate_insert(buf, len, other->data + at, n);
}

static size_t
mutate_once(uint8_t *buf, size_t len)
{
	static const char marks[] = "\r\n\t \"'\\:;,=%#{}()[]0129aAfFxX-+./\0\377";
	const uint8_t byte = (uint8_t)random_next();
	const uint8_t mark = (uint8_t)marks[random_below(sizeof(marks) - 1)];

	if (len == 0)
		return mutate_insert(buf, len, &mark, 1);
	switch (random_below(6)) {
	case 0:
		buf[random_below(len)] ^= (uint8_t)(1u << (byte & 7));
		return len;
	case 1:
		buf[random_below(len)] = mark;
		return len;
	case 2:
		return mutate_erase(buf, len);
	case 3:
		return mutate_insert(buf, len, &mark, 1);
	case 4:
		return mutate_insert(buf, len, &byte, 1);
	default:
		return mutate_splice(buf, len);
	}
}

static void
mutations_run(void)
{
	uint8_t *buf = malloc(fuzz.max_len);

	if (buf == NULL)
		abort();
	for (unsigned long i = 0; i < fuzz.n_runs; i++) {
		const struct input *in = &fuzz.inputs[random_below(fuzz.n_inputs)];
		size_t len = in->len < fuzz.max_len ? in->len : fuzz.max_len;
		memcpy(buf, in->data, len);
		for (size_t k = random_below(8) + 1; k > 0; k--)
			len = mutate_once(buf, len);
		target_run(buf, len);
	}
	free(buf);
}

static void
option_set(const char *arg)
{
	unsigned long long value;
	char name[32];

	if (sscanf(arg, "-%31[a-z_]=%llu", name, &value) != 2)
		return;
	if (strcmp(name, "runs") == 0)
		fuzz.n_runs = (unsigned long)value;
	else if (strcmp(name, "seed") == 0)
		fuzz.seed = value ? value : 1;
	else if (strcmp(name, "max_len") == 0)
		fuzz.max_len = value && value < INPUT_BYTES_MAX ? (size_t)value : 4096;
}

static void
inputs_free(void)
{
	for (size_t i = 0; i < fuzz.n_inputs; i++)
		free(fuzz.inputs[i].data);
	free(fuzz.inputs);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			option_set(argv[i]);
		else
			path_add(argv[i]);
	}
	if (fuzz.n_inputs == 0) {
		fprintf(stderr, "usage: %s [-runs=N] [-seed=N] FILE|DIR...\n", argv[0]);
		return 2;
	}
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	signal(SIGABRT, crash_save);
	signal(SIGSEGV, crash_save);
	signal(SIGBUS, crash_save);
	for (size_t i = 0; i < fuzz.n_inputs; i++)
		target_run(fuzz.inputs[i].data, fuzz.inputs[i].len);
	mutations_run();
	printf("%zu files, %lu variations\n", fuzz.n_inputs, fuzz.n_runs);
	inputs_free();
	return 0;
}
