/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_x509.c - OpenSSL's names of what verifying a certificate gave: its numbers
 * are not the same in all versions. Any thread. source: HAProxy's manual, 7.3.1.
 */
#include <openssl/x509_vfy.h>

#include "fetch.h"

static const struct {
	const char *name;
	int code;
} names[] = {
#define X(code) { #code, code },
#include "x509_err.def"
#undef X
};

int
tls__x509_code(const char *name)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++)
		if (strcasecmp(name, names[i].name) == 0)
			return names[i].code;
	return -1;
}

/* A number without a name stays one. */
static bool
conv_x509_v_err_str(
    struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s)
{
	char digits[24];
	struct tw_out o = tw_out_of(digits, sizeof(digits));

	(void)args;
	for (size_t i = 0; i < TW_N_ELEMENTS(names); i++)
		if (names[i].code == s->u.n)
			return tls__give_z(s, names[i].name);
	tw_out_i64(&o, s->u.n);
	s->type = TW_STRING;
	s->u.str = tw_req_copy(req, (struct tw_str){ digits, (size_t)(o.p - digits) });
	return s->u.str.p != NULL;
}

const struct tw_conv tls_convs[] = {
	{ "x509_v_err_str", "", TW_SINT, TW_STRING, conv_x509_v_err_str, NULL,
	    "The name of what verifying a certificate gave: X509_V_ERR_..." },
	{ .name = NULL },
};
