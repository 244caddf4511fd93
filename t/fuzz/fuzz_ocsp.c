/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/* An OCSP responder's answer, in HTTP and within; its address. */
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "../../modules/tls/ocsp.h"
#include "../../modules/tls/ocsp_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
address(const uint8_t *data, size_t size)
{
	char *const text = strndup((const char *)data, size);
	struct tls_url url;
	struct tw_err err;
	size_t n;

	if (tls__url_parse(text, false, &url, &err) == 0 ||
	    tls__url_parse(text, true, &url, &err) == 0) {
		char *const req = tls__http_request(
		    &url, (struct tw_str){ (const char *)data, size }, size % 2, &n);
		TW_ASSERT(req != NULL && n > 20 && url.port != 0);
		free(req);
	}
	free(text);
}

static void
answer(const uint8_t *data, size_t size, bool eof)
{
	char *const copy = malloc(size + 1);
	struct tls_http_answer a;
	enum tw_io io;

	memcpy(copy, data, size);
	io = tls__http_answer(copy, size, eof, &a);
	TW_ASSERT(!eof || io != TW_IO_AGAIN);
	TW_ASSERT(io != TW_IO_OK || a.status != 200 || a.body.len <= size);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_ocsp_key key;
	struct tw_err err;
	struct tls_staple *s;

	answer(data, size, false);
	answer(data, size, true);
	address(data, size);
	s = tls__ocsp_read(
	    (struct tw_str){ (const char *)data, size }, 1800000000, &key, &err);
	TW_ASSERT(s == NULL || (key.len > 0 && s->len == size));
	free(s);
	return 0;
}
