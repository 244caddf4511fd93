/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ring_file.c - rings whose memory is a file: what is in them outlives the
 * process, however that ends.
 *
 * The file is a page that says where messages are, and the ring's bytes; it is
 * mapped, so writing to it costs what writing to memory does. A file that is
 * there already is what a former process has left, and is kept beside as
 * FILE.bak. All blocks are reserved at once: a disk that fills up later must not
 * be met by a signal. The positions that count are the ring's own; those in the
 * page are for readers (contrib/tideway-ring), and lengths in the bytes are
 * looked at twice, for others may write to a file. Control thread, but for
 * tw__ring_file_note. source: HAProxy's manual, 3.9, `backing-file`.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/ring.h"
#include "run/gen.h"

#define PAGE_BYTES 4096u
#define ORDER 0x01020304u

/* The file's first page, in the machine's byte order, which ORDER tells. */
struct tw__ring_page {
	char magic[8]; /* "TWRING1\n" */
	uint32_t order, page_bytes;
	uint64_t size;               /* bytes behind the page */
	_Atomic uint64_t tail, head; /* the oldest message; behind the newest */
	char name[256];              /* the ring's; cut */
};
_Static_assert(sizeof(struct tw__ring_page) <= PAGE_BYTES, "it is one page");

/* Release: who reads the file of a process that was killed finds the bytes that
 * the positions speak of. */
void
tw__ring_file_note(struct tw__ring_page *page, uint64_t tail, uint64_t head)
{
	atomic_store_explicit(&page->tail, tail, memory_order_release);
	atomic_store_explicit(&page->head, head, memory_order_release);
}

/* What was there before is kept, where that is possible. returns: whether the
 * path is free now. */
static bool
keep_former(const char *path)
{
	char backup[4096];
	struct stat st;

	if (lstat(path, &st) != 0)
		return true;
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return false;
	return (size_t)snprintf(backup, sizeof(backup), "%s.bak", path) <
	    sizeof(backup) &&
	    rename(path, backup) == 0;
}

/* Not truncated: somebody may have a file mapped that could not be renamed. */
static int
file_open(const char *path, size_t bytes, struct tw_err *err)
{
	struct stat st;
	const int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return tw_err_set(err, "cannot open '%s': %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return tw_err_set(err, "'%s' is no regular file", path);
	}
	const int error = posix_fallocate(fd, 0, (off_t)bytes);
	if (error == 0)
		return fd;
	close(fd);
	return tw_err_set(err,
	    "cannot give '%s' %zu bytes: %s: make room, or lower the ring's 'size'",
	    path, bytes, strerror(error));
}

struct tw__ring_page *
tw__ring_file_map(
    const char *path, const struct tw__ring *r, uint64_t size, struct tw_err *err)
{
	const size_t bytes = PAGE_BYTES + (size_t)size;

	if (!keep_former(path) && r->page != NULL && strcmp(r->path, path) == 0) {
		tw_err_set(err,
		    "'%s' cannot be renamed, and is in use with another 'size'", path);
		return NULL;
	}
	const int fd = file_open(path, bytes, err);
	if (fd < 0)
		return NULL;
	struct tw__ring_page *const page =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	const int error = errno;
	close(fd);
	if (page == MAP_FAILED) {
		tw_err_set(err, "cannot map '%s': %s", path, strerror(error));
		return NULL;
	}
	page->order = ORDER;
	page->page_bytes = PAGE_BYTES;
	page->size = size;
	snprintf(page->name, sizeof(page->name), "%s", r->name);
	tw__ring_file_note(page, 0, 0);
	memcpy(page->magic, "TWRING1\n", sizeof(page->magic));
	return page;
}

char *
tw__ring_file_bytes(struct tw__ring_page *page)
{
	return (char *)page + PAGE_BYTES;
}

void
tw__ring_file_unmap(struct tw__ring_page **page, uint64_t size)
{
	if (*page != NULL)
		munmap(*page, PAGE_BYTES + (size_t)size);
	*page = NULL;
}

/* ---- generations -------------------------------------------------------- */

static bool
is_same_file(const struct tw__ring *r, const struct tw__ring_conf *c)
{
	return r->page != NULL && r->size == c->size &&
	    strcmp(r->path, c->file_path) == 0;
}

static int
file_prepare(const struct tw__ring_conf *c, struct tw_err *err)
{
	struct tw__ring *const r = tw__ring_get(c->name);
	struct tw_err why = { "" };

	if (is_same_file(r, c))
		return 0;
	r->next_page = tw__ring_file_map(c->file_path, r, c->size, &why);
	r->next_size = c->size;
	if (r->next_page == NULL)
		return tw_err_set(err, "ring '%s' (%s:%d): backing-file: %s", c->name,
		    c->file, c->line, why.text);
	return 0;
}

static void
abandon_one(struct tw__ring *r, void *arg)
{
	(void)arg;
	tw__ring_file_unmap(&r->next_page, r->next_size);
}

void
tw__ring_files_abandon(void)
{
	tw__ring_each(abandon_one, NULL);
}

int
tw__ring_files_open(struct tw_gen *gen, struct tw_err *err)
{
	for (const struct tw__ring_conf *c = gen->rings; c != NULL; c = c->next) {
		if (c->file_path == NULL || file_prepare(c, err) == 0)
			continue;
		tw__ring_files_abandon();
		return -1;
	}
	return 0;
}

void
tw__ring_file_follow(struct tw__ring *r, const struct tw__ring_conf *c)
{
	char *const path = c->file_path != NULL ? strdup(c->file_path) : NULL;

	if (r->size != c->size || (r->page != NULL) != (path != NULL) ||
	    r->next_page != NULL)
		tw__ring_resize(r, c->size, r->next_page);
	r->next_page = NULL;
	free(r->path);
	r->path = path;
}
