/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_check.c - bytes that claim to be an OCSP answer.
 *
 * They come from a file, the control socket or a responder, and are sent to
 * clients only when all of this holds: one answer about one certificate, which
 * the responder knows, valid at this time, signed by the certificate's issuer
 * or whom that has appointed. RFC 6960, sections 3.2 and 4.2.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "ocsp.h"

#define SKEW_S 300 /* clocks may differ that much */

bool
tls__ocsp_key(OCSP_CERTID *id, struct tls_ocsp_key *key)
{
	const int len = i2d_OCSP_CERTID(id, NULL);
	unsigned char *p = key->der;

	if (len <= 0 || len > TLS_OCSP_KEY_MAX)
		return false;
	memset(key, 0, sizeof(*key));
	key->len = (size_t)i2d_OCSP_CERTID(id, &p);
	return true;
}

static time_t
time_of(const ASN1_GENERALIZEDTIME *t)
{
	struct tm tm;

	return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : (time_t)-1;
}

static int
read_dates(
    OCSP_SINGLERESP *single, time_t now, struct tls_staple *s, struct tw_err *err)
{
	ASN1_GENERALIZEDTIME *revoked, *this, *next;
	int reason;
	const int status =
	    OCSP_single_get0_status(single, &reason, &revoked, &this, &next);

	if (status != V_OCSP_CERTSTATUS_GOOD && status != V_OCSP_CERTSTATUS_REVOKED)
		return tw_err_set(
		    err, "OCSP single response: certificate status is unknown");
	if (next == NULL)
		return tw_err_set(err, "OCSP single response: missing nextupdate");
	s->this_update = time_of(this);
	s->next_update = time_of(next);
	if (s->this_update == -1 || s->next_update == -1)
		return tw_err_set(err, "OCSP single response: invalid time");
	if (s->this_update > now + SKEW_S)
		return tw_err_set(err, "OCSP single response: not yet valid");
	if (s->next_update <= now - SKEW_S)
		return tw_err_set(err, "OCSP single response: no longer valid");
	return 0;
}

static int
read_single(OCSP_BASICRESP *basic, time_t now, struct tls_staple *s,
    struct tls_ocsp_key *key, struct tw_err *err)
{
	OCSP_SINGLERESP *single;

	if (OCSP_resp_count(basic) != 1)
		return tw_err_set(err,
		    "OCSP response ignored because contains multiple single "
		    "responses (%d)",
		    OCSP_resp_count(basic));
	single = OCSP_resp_get0(basic, 0);
	if (single == NULL)
		return tw_err_set(err, "Failed to get OCSP single response");
	if (!tls__ocsp_key(
		(OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single), key))
		return tw_err_set(err,
		    "OCSP single response: Certificate ID too long or unable to "
		    "encode it");
	return read_dates(single, now, s, err);
}

static OCSP_RESPONSE *
response_of(const unsigned char *p, size_t len)
{
	const unsigned char *at = p;
	OCSP_RESPONSE *const r = d2i_OCSP_RESPONSE(NULL, &at, (long)len);

	ERR_clear_error();
	return r;
}

static int
read_response(struct tw_str der, time_t now, struct tls_staple *s,
    struct tls_ocsp_key *key, struct tw_err *err)
{
	OCSP_RESPONSE *const resp = response_of((const unsigned char *)der.p, der.len);
	OCSP_BASICRESP *basic = NULL;
	int rc;

	if (resp == NULL)
		return tw_err_set(err, "Unable to parse OCSP response");
	if (OCSP_response_status(resp) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		rc = tw_err_set(err, "OCSP response status not successful");
	else if ((basic = OCSP_response_get1_basic(resp)) == NULL)
		rc = tw_err_set(err, "Failed to get basic response from OCSP Response");
	else
		rc = read_single(basic, now, s, key, err);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(resp);
	ERR_clear_error();
	return rc;
}

struct tls_staple *
tls__ocsp_read(
    struct tw_str der, time_t now, struct tls_ocsp_key *key, struct tw_err *err)
{
	struct tls_staple *s;

	if (der.len == 0 || der.len > TLS_OCSP_DER_MAX) {
		tw_err_set(err, "Unable to parse OCSP response");
		return NULL;
	}
	s = malloc(sizeof(*s) + der.len);
	if (s == NULL) {
		tw_err_set(err, "out of memory");
		return NULL;
	}
	s->len = der.len;
	memcpy(s->der, der.p, der.len);
	if (read_response(der, now, s, key, err) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

/* The issuer is trusted, whoever may have signed itself. */
static bool
is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *const trust = X509_STORE_new();
	STACK_OF(X509) *const certs = sk_X509_new_null();
	bool ok = false;

	if (trust != NULL && certs != NULL && X509_STORE_add_cert(trust, issuer) &&
	    X509_STORE_set_flags(trust, X509_V_FLAG_PARTIAL_CHAIN) &&
	    sk_X509_push(certs, issuer) > 0)
		ok = OCSP_basic_verify(basic, certs, trust, 0) == 1;
	sk_X509_free(certs);
	X509_STORE_free(trust);
	return ok;
}

int
tls__ocsp_verify(const struct tls_staple *s, X509 *issuer, struct tw_err *err)
{
	OCSP_RESPONSE *const resp = response_of(s->der, s->len);
	OCSP_BASICRESP *const basic =
	    resp == NULL ? NULL : OCSP_response_get1_basic(resp);
	const bool ok = basic != NULL && is_signed(basic, issuer);

	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(resp);
	ERR_clear_error();
	if (ok)
		return 0;
	return tw_err_set(err, "OCSP response: not signed by the certificate's issuer");
}
