/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dns.c - names that scripts connect to: evdns on the worker's own base.
 *
 * Made when a name is first asked for, one for each set of name servers: those
 * of a `resolvers` section, or of /etc/resolv.conf. /etc/hosts comes first.
 */
#include "net.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX 1024

struct lu_dns {
	struct lu_dns *next;
	struct evdns_base *base; /* owns */
	char key[KEY_MAX];       /* its servers; "": the system's */
};

/* An open question: evdns calls back in any case, later. */
struct lu_asking {
	struct lu_ask *ask; /* borrow; NULL: nobody waits any more */
	struct evdns_getaddrinfo_request *request;
	bool in_call;
};

static void
key_of(const struct tw_nameservers *servers, char *key)
{
	struct tw_out o = tw_out_of(key, KEY_MAX - 1);

	for (int i = 0; servers != NULL && i < servers->n; i++) {
		tw_addr_port_out(&o, &servers->addr[i]);
		tw_out_char(&o, ' ');
	}
	if (servers != NULL)
		tw_out_printf(&o, "%u %u", servers->retry_ms, servers->retries);
	*o.p = '\0';
}

static void
fill(struct evdns_base *base, const struct tw_nameservers *servers)
{
	char text[32];

	for (int i = 0; i < servers->n; i++) {
		struct sockaddr_storage ss;
		const socklen_t len = tw_addr_to_sockaddr(&servers->addr[i], &ss);
		evdns_base_nameserver_sockaddr_add(
		    base, (struct sockaddr *)&ss, len, 0);
	}
	snprintf(text, sizeof(text), "%u.%03u", servers->retry_ms / 1000,
	    servers->retry_ms % 1000);
	evdns_base_set_option(base, "timeout:", text);
	snprintf(text, sizeof(text), "%u", servers->retries > 0 ? servers->retries : 1);
	evdns_base_set_option(base, "attempts:", text);
	evdns_base_load_hosts(base, "/etc/hosts");
}

static struct lu_dns *
dns_new(const struct tw_nameservers *servers, const char *key)
{
	struct event_base *const loop = tw_worker_base(tw_worker_self());
	const int flags = EVDNS_BASE_DISABLE_WHEN_INACTIVE;
	struct lu_dns *const d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	strcpy(d->key, key);
	d->base = evdns_base_new(
	    loop, servers != NULL ? flags : flags | EVDNS_BASE_INITIALIZE_NAMESERVERS);
	if (d->base == NULL && servers == NULL) /* no readable resolv.conf */
		d->base = evdns_base_new(loop, flags);
	if (d->base == NULL) {
		free(d);
		return NULL;
	}
	if (servers != NULL)
		fill(d->base, servers);
	return d;
}

static struct lu_dns *
dns_of(const struct tw_nameservers *servers)
{
	struct lu_net *const net = lu_net_here();
	char key[KEY_MAX];
	struct lu_dns *d = net->dns;

	key_of(servers, key);
	while (d != NULL && strcmp(d->key, key) != 0)
		d = d->next;
	if (d != NULL)
		return d;
	d = dns_new(servers, key);
	if (d == NULL)
		return NULL;
	d->next = net->dns;
	net->dns = d;
	return d;
}

static void
answered(int error, struct evutil_addrinfo *found, void *arg)
{
	struct lu_asking *const a = arg;
	struct lu_ask *const ask = a->ask;

	a->request = NULL;
	if (!a->in_call)
		free(a);
	if (ask == NULL) {
		if (found != NULL)
			evutil_freeaddrinfo(found);
		return;
	}
	ask->asking = NULL;
	ask->found = found;
	ask->done(ask, found == NULL && error == 0 ? EVUTIL_EAI_NODATA : error);
}

void
lu_ask(struct lu_ask *ask, const struct tw_nameservers *servers, const char *host,
    uint16_t port, int family)
{
	const struct lu_dns *const dns = dns_of(servers);
	struct lu_asking *const a = calloc(1, sizeof(*a));
	struct evutil_addrinfo hints = { .ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = EVUTIL_AI_NUMERICSERV };
	char service[8];

	if (dns == NULL || a == NULL) {
		free(a);
		ask->done(ask, EVUTIL_EAI_MEMORY);
		return;
	}
	a->ask = ask;
	a->in_call = true;
	ask->asking = a;
	snprintf(service, sizeof(service), "%u", port);
	/* Its callback may have run when it returns, with NULL. */
	struct evdns_getaddrinfo_request *const request =
	    evdns_getaddrinfo(dns->base, host, service, &hints, answered, a);
	a->in_call = false;
	a->request = request;
	if (request == NULL)
		free(a);
}

void
lu_ask_stop(struct lu_ask *ask)
{
	struct lu_asking *const a = ask->asking;

	ask->asking = NULL;
	if (a != NULL) {
		a->ask = NULL;
		if (a->request != NULL)
			evdns_getaddrinfo_cancel(a->request);
	}
	if (ask->found != NULL)
		evutil_freeaddrinfo(ask->found);
	ask->found = NULL;
}

const char *
lu_ask_error(int error)
{
	switch (error) {
	case EVUTIL_EAI_NONAME:
	case EVUTIL_EAI_NODATA:
	case EVUTIL_EAI_ADDRFAMILY:
		return "name not found";
	case EVUTIL_EAI_AGAIN:
		return "name servers do not answer";
	case EVUTIL_EAI_MEMORY:
		return "out of memory";
	default:
		return "name servers failed";
	}
}

void
lu_dns_fini(struct lu_dns **list)
{
	while (*list != NULL) {
		struct lu_dns *const d = *list;
		*list = d->next;
		evdns_base_free(d->base, 1);
		free(d);
	}
}
