/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_dn.c - names and times of certificates as text. Pure; any thread.
 * source: HAProxy's manual, 7.3.4; RFC 2253; RFC 5280, 4.1.2.5.
 */
#include <openssl/x509.h>

#include "fetch.h"

/* args: [0] entry, [1] occurrence, [2] format. */
int
tls__check_dn(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	if (args[2].type == TW_ANY || strcmp(args[2].str.p, "rfc2253") == 0)
		return 0;
	return tw_err_set(
	    err, "format '%s' is unknown: write rfc2253, or nothing", args[2].str.p);
}

/* A short name, or numbers and dots of what has none. */
static struct tw_str
entry_name(const X509_NAME_ENTRY *e, char *mem, int room)
{
	const ASN1_OBJECT *const obj = X509_NAME_ENTRY_get_object(e);
	const int nid = OBJ_obj2nid(obj);
	const char *const name = nid == NID_undef ? NULL : OBJ_nid2sn(nid);
	int len;

	if (name != NULL)
		return tw_str_of(name);
	len = OBJ_obj2txt(mem, room, obj, 1);
	return (
	    struct tw_str){ mem, len < 0 ? 0 : (size_t)(len < room ? len : room - 1) };
}

static struct tw_str
entry_value(const X509_NAME_ENTRY *e)
{
	const ASN1_STRING *const s = X509_NAME_ENTRY_get_data(e);

	return (struct tw_str){ (const char *)ASN1_STRING_get0_data(s),
		(size_t)ASN1_STRING_length(s) };
}

/* in: at, from 1 on the at-th of that name, or from -1 on backwards; 0: none. */
static void
find_out(const X509_NAME *name, struct tw_str want, int64_t at, struct tw_out *o)
{
	const int n = X509_NAME_entry_count(name);
	int64_t left = at < 0 ? -at : at;
	char mem[80];

	for (int i = 0; at != 0 && i < n; i++) {
		const X509_NAME_ENTRY *const e =
		    X509_NAME_get_entry(name, at < 0 ? n - 1 - i : i);

		if (!tw_str_ieq(entry_name(e, mem, sizeof(mem)), want) || --left > 0)
			continue;
		tw_out_str(o, entry_value(e));
		return;
	}
	o->over = true;
}

/* "/C=DE/CN=x" */
static void
slashes_out(const X509_NAME *name, struct tw_out *o)
{
	const int n = X509_NAME_entry_count(name);
	char mem[80];

	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *const e = X509_NAME_get_entry(name, i);

		tw_out_char(o, '/');
		tw_out_str(o, entry_name(e, mem, sizeof(mem)));
		tw_out_char(o, '=');
		tw_out_str(o, entry_value(e));
	}
}

static void
rfc2253_out(const X509_NAME *name, struct tw_out *o)
{
	BIO *const bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long len = 0;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &p);
	if (len > 0)
		tw_out_mem(o, p, (size_t)len);
	else
		o->over = true;
	BIO_free(bio);
}

int
tls__dn_out(
    const X509_NAME *name, const struct tw_arg_val *args, char *mem, size_t room)
{
	struct tw_out o = tw_out_of(mem, room);

	if (name == NULL || X509_NAME_entry_count(name) <= 0)
		return -1;
	if (args[0].type != TW_ANY && args[0].str.len > 0)
		find_out(name, args[0].str, args[1].type != TW_ANY ? args[1].n : 1, &o);
	else if (args[2].type != TW_ANY)
		rfc2253_out(name, &o);
	else
		slashes_out(name, &o);
	return o.over ? -1 : (int)(o.p - mem);
}

bool
tls__time_text(const ASN1_TIME *t, struct tw_str *out)
{
	struct tw_str s;

	if (t == NULL)
		return false;
	s = (struct tw_str){ (const char *)ASN1_STRING_get0_data(t),
		(size_t)ASN1_STRING_length(t) };
	if (ASN1_STRING_type(t) == V_ASN1_GENERALIZEDTIME) {
		if (s.len < 12 || memcmp(s.p, "20", 2) != 0)
			return false;
		s = (struct tw_str){ s.p + 2, s.len - 2 };
	}
	*out = s;
	return s.len >= 10;
}
