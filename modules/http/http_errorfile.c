/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_errorfile.c - reading an answer from a file, at configuration time.
 *
 * The file holds a whole response. It is parsed with the codec that peers'
 * responses go through, so that it cannot break a client's framing; line ends
 * of its head may be bare LF, as editors write them. An empty file (/dev/null)
 * closes without an answer. Start and control thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <tideway/assert.h>

#include "h1.h"
#include "http.h"

#define FILE_BYTES_MAX 65536

static ssize_t
read_all(int fd, char *mem, size_t size)
{
	size_t len = 0;

	while (len < size) {
		const ssize_t n = read(fd, mem + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Copies with CRLF where the head has bare LF. out: at least 2 * len bytes. */
static size_t
with_crlf(const char *p, size_t len, char *out)
{
	size_t n = 0, i = 0, line = 0;

	while (i < len) {
		const char c = p[i++];

		if (c == '\r' && i < len && p[i] == '\n')
			continue;
		if (c != '\n') {
			out[n++] = c;
			line++;
			continue;
		}
		out[n++] = '\r';
		out[n++] = '\n';
		if (line == 0)
			break;
		line = 0;
	}
	memcpy(out + n, p + i, len - i);
	return n + len - i;
}

static int
check(char *p, size_t len, const char *path, struct tw_err *err)
{
	struct tw_msg *msg = calloc(1, sizeof(*msg));
	const struct tw_msg request = { .method = TW_M_GET, .major = 1, .minor = 1 };
	struct tw_buf buf = { p, (uint32_t)len + 1, 0, (uint32_t)len };
	struct tw_stream st = { 0 };
	int r = 0;

	TW_ASSERT(msg != NULL);
	if (tw__h1_read_head(&st, &buf, msg, &request, true) != TW_IO_OK)
		r = tw_err_set(err, "'%s' does not hold an HTTP response: %s", path,
		    st.why ? st.why : "no head");
	else if (st.body == TW_BODY_CHUNKED || st.body == TW_BODY_TUNNEL)
		r = tw_err_set(err, "'%s': the body must not be encoded", path);
	else if (st.body != TW_BODY_CLOSE && st.left != len - buf.head)
		r = tw_err_set(err,
		    "'%s': the body is %u bytes long but its Content-Length "
		    "says %llu; correct or remove that field",
		    path, (unsigned)(len - buf.head), (unsigned long long)st.left);
	free(msg);
	return r;
}

struct tw_str
tw__http_errorfile(struct tw_arena *arena, const char *path, struct tw_err *err)
{
	struct tw_str text = { NULL, 0 };
	char *raw = malloc(FILE_BYTES_MAX + 1);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	TW_ASSERT(raw != NULL);
	const ssize_t n = fd >= 0 ? read_all(fd, raw, FILE_BYTES_MAX + 1) : -1;

	if (n < 0) {
		tw_err_errno(err, "cannot read the file '%s'", path);
	} else if (n > FILE_BYTES_MAX) {
		tw_err_set(err, "'%s' is longer than %d bytes", path, FILE_BYTES_MAX);
	} else if (n == 0) {
		text = (struct tw_str){ "", 0 };
	} else {
		char *p = tw_arena_alloc(arena, (size_t)n * 2);
		const size_t len = with_crlf(raw, (size_t)n, p);

		if (check(p, len, path, err) == 0)
			text = (struct tw_str){ p, len };
	}
	if (fd >= 0)
		close(fd);
	free(raw);
	return text;
}
