/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * count.c - counts a process's allocations, for t/resources.t.
 *
 * Preloaded, it stands before glibc's allocator and counts into the file that
 * TW_COUNT_FILE names, which the test reads at any time: the main thread (the
 * control thread) and all others apart. While the test has set `watch`, the
 * callers' addresses are noted, too. Only processes that the variable reaches
 * count; whoever forks without exec shares the counters.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_SITES 64
#define API __attribute__((visibility("default"), used))

/* The test unpacks these as 64-bit numbers, in this order. */
struct counts {
	_Atomic uint64_t allocs[2]; /* by the main thread; by others */
	_Atomic uint64_t frees[2];
	_Atomic int64_t live_bytes;
	_Atomic uint64_t watch; /* set by the test */
	_Atomic uint64_t n_sites;
	_Atomic uint64_t site[N_SITES]; /* who called, others only */
};

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static struct counts before, *counts = &before;

__attribute__((constructor)) static void
counts_map(void)
{
	const char *const path = getenv("TW_COUNT_FILE");
	const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *const p = mmap(
	    NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	counts = p;
	counts->live_bytes = before.live_bytes;
	unsetenv("TW_COUNT_FILE");
}

static int
is_other(void)
{
	static _Thread_local int other = -1;

	if (other < 0)
		other = gettid() != getpid();
	return other;
}

static void *
counted(void *p, void *caller)
{
	const int other = is_other();

	if (p == NULL)
		return NULL;
	counts->allocs[other]++;
	counts->live_bytes += (int64_t)malloc_usable_size(p);
	if (other && counts->watch != 0) {
		const uint64_t i = counts->n_sites++;
		if (i < N_SITES)
			counts->site[i] = (uint64_t)(uintptr_t)caller;
	}
	return p;
}

static void
uncounted(void *p)
{
	if (p == NULL)
		return;
	counts->frees[is_other()]++;
	counts->live_bytes -= (int64_t)malloc_usable_size(p);
}

API void *
malloc(size_t size)
{
	return counted(__libc_malloc(size), __builtin_return_address(0));
}

API void *
calloc(size_t n, size_t size)
{
	return counted(__libc_calloc(n, size), __builtin_return_address(0));
}

API void *
realloc(void *old, size_t size)
{
	const size_t old_size = old != NULL ? malloc_usable_size(old) : 0;
	void *const p = __libc_realloc(old, size);

	if (p == NULL && size != 0)
		return NULL;
	if (old != NULL) {
		counts->frees[is_other()]++;
		counts->live_bytes -= (int64_t)old_size;
	}
	return counted(p, __builtin_return_address(0));
}

API void *
reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

API void *
memalign(size_t align, size_t size)
{
	return counted(__libc_memalign(align, size), __builtin_return_address(0));
}

API void *
aligned_alloc(size_t align, size_t size)
{
	return counted(__libc_memalign(align, size), __builtin_return_address(0));
}

API int
posix_memalign(void **out, size_t align, size_t size)
{
	void *const p = __libc_memalign(align, size);

	if (p == NULL)
		return ENOMEM;
	*out = counted(p, __builtin_return_address(0));
	return 0;
}

API void
free(void *p)
{
	uncounted(p);
	__libc_free(p);
}
