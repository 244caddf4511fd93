/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * peer_kw.c - the module's words in `global`: vrrp-config, vrrp-peer, vrrp-lease.
 *
 * vrrp-config only stores where the file is: check() reads it. vrrp-peer is
 * complete when its line is; a second one of either is an error. Start and
 * control thread.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tideway/conf.h>

#include "vrrp.h"

#define MS 1000u
#define INTERVAL_MIN_US (10 * MS)
#define INTERVAL_MAX_US (10000 * MS)
#define DEAD_AFTER_MAX_US (60000 * MS)

static struct vr_where
where_of(const struct tw_line *ln)
{
	return (struct vr_where){ .file = ln->file, .line = ln->number };
}

static int
twice(const struct tw_line *ln, const struct vr_where *first)
{
	return tw_line_fail(ln, -1,
	    "a second '%s'; the first is at %s:%d, and there can be only one: "
	    "remove one of them",
	    ln->kw->word, first->file, first->line);
}

static int
vrrp_set_config(struct tw_line *ln)
{
	struct vr_gen *const g = ln->state;

	if (g->path != NULL)
		return twice(ln, &g->where);
	if (tw_arg(ln, 0)[0] == '\0')
		return tw_line_fail(
		    ln, 0, "the name of a file is missing: 'vrrp-config <file>'");
	g->path = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	g->where = where_of(ln);
	return 0;
}

/* --- addresses --- */

static int
port_parse(const char *word, uint16_t *port)
{
	uint64_t n;

	if (tw_parse_uint(word, 1, 65535, &n, NULL) != 0)
		return -1;
	*port = (uint16_t)n;
	return 0;
}

/* Cuts "host", "host:port", "[host]:port" in place; a bare IPv6 address has no
 * port. out: port, "" when there is none. returns: NULL: it is none of these. */
static const char *
host_cut(char *word, const char **port)
{
	char *const colon = strchr(word, ':');
	char *end;

	*port = "";
	if (word[0] == '[') {
		end = strchr(word, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return NULL;
		*port = end[1] == ':' ? end + 2 : "";
		*end = '\0';
		return word + 1;
	}
	if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		*port = colon + 1;
		*colon = '\0';
	}
	return word;
}

/* One machine's own: no wildcard, no group, no broadcast. */
static bool
is_one_machine(const struct vr_ip *ip)
{
	static const uint8_t zero[16];
	const size_t len = ip->family == AF_INET6 ? 16 : 4;

	if (memcmp(ip->bytes, zero, len) == 0)
		return false;
	return ip->family == AF_INET6 ? ip->bytes[0] != 0xff : ip->bytes[0] < 0xe0;
}

static bool
is_link_local(const struct vr_ip *ip)
{
	return ip->family == AF_INET6 && ip->bytes[0] == 0xfe &&
	    (ip->bytes[1] & 0xc0) == 0x80;
}

static int
address_set(struct tw_line *ln, int i, struct vr_ip *ip, uint16_t *port)
{
	char copy[80];
	const char *const word = tw_arg(ln, i);
	const char *port_word = "";

	copy[0] = '\0';
	if (strlen(word) < sizeof(copy))
		strcpy(copy, word);
	const char *const host = host_cut(copy, &port_word);
	if (host == NULL || vr_ip_parse(host, ip) != 0)
		return tw_line_fail(ln, i,
		    "'%s' is no IP address; write it as 192.0.2.1, 192.0.2.1:%d, "
		    "2001:db8::1 or [2001:db8::1]:%d",
		    word, VR_PEER_PORT, VR_PEER_PORT);
	*port = VR_PEER_PORT;
	if (port_word[0] != '\0' && port_parse(port_word, port) != 0)
		return tw_line_fail(
		    ln, i, "'%s' is no UDP port; write 1 to 65535", port_word);
	if (!is_one_machine(ip))
		return tw_line_fail(ln, i,
		    "'%s' does not belong to one machine; write the address of the "
		    "interface that leads to the peer",
		    word);
	if (is_link_local(ip))
		return tw_line_fail(ln, i,
		    "'%s' is a link-local address; write a global or unique local "
		    "one",
		    word);
	return 0;
}

static int
addresses_set(struct tw_line *ln, struct vr_peer_conf *peer)
{
	if (address_set(ln, 0, &peer->local, &peer->local_port) != 0 ||
	    address_set(ln, 1, &peer->remote, &peer->remote_port) != 0)
		return -1;
	if (peer->local.family != peer->remote.family)
		return tw_line_fail(ln, 1,
		    "'%s' is of another IP version than '%s'; both must be IPv4 or "
		    "both IPv6",
		    tw_arg(ln, 1), tw_arg(ln, 0));
	if (vr_ip_cmp(&peer->local, &peer->remote) == 0)
		return tw_line_fail(ln, 1,
		    "'%s' is this node's own address; write first this node's, then "
		    "the peer's",
		    tw_arg(ln, 1));
	return 0;
}

/* --- options --- */

static int
key_take(struct tw_line *ln, int i, const char *key, size_t len)
{
	struct vr_gen *const g = ln->state;

	if (len < VR_PEER_KEY_MIN || len > VR_PEER_KEY_MAX)
		return tw_line_fail(ln, i,
		    "the key has %zu bytes; it must have %d to %d: 'openssl rand "
		    "-hex 32' makes a good one",
		    len, VR_PEER_KEY_MIN, VR_PEER_KEY_MAX);
	memcpy(g->peer.key, key, len);
	g->peer.key_len = (uint32_t)len;
	return 0;
}

static int
option_key(struct tw_line *ln, int i)
{
	return key_take(ln, i, tw_arg(ln, i), strlen(tw_arg(ln, i)));
}

/* returns: bytes read; -1: errno. out: everybody_reads, by its mode. */
static ssize_t
file_read(const char *path, char *buf, size_t size, bool *everybody_reads)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -1;
	*everybody_reads = fstat(fd, &st) == 0 && (st.st_mode & S_IROTH) != 0;
	const ssize_t len = read(fd, buf, size);
	const int saved = errno;
	close(fd);
	errno = saved;
	return len;
}

/* The key is the file's first line. */
static int
option_key_file(struct tw_line *ln, int i)
{
	char buf[VR_PEER_KEY_MAX + 2];
	const char *const path = tw_arg(ln, i);
	bool everybody_reads = false;
	const ssize_t n = file_read(path, buf, sizeof(buf), &everybody_reads);
	size_t len = 0;

	if (n < 0)
		return tw_line_fail(
		    ln, i, "cannot read the key file '%s': %s", path, strerror(errno));
	if (everybody_reads)
		tw_line_warn(ln, i,
		    "everybody on this machine can read the key file '%s'; "
		    "'chmod o= %s' changes that",
		    path, path);
	while (len < (size_t)n && buf[len] != '\n' && buf[len] != '\r')
		len++;
	const int rc = key_take(ln, i, buf, len);
	explicit_bzero(buf, sizeof(buf));
	return rc;
}

static int
time_set(struct tw_line *ln, int i, uint64_t min_us, uint64_t max_us, uint64_t *us)
{
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, i), MS, &ms, &err) != 0)
		return tw_line_fail(ln, i, "%s", err.text);
	*us = (uint64_t)ms * MS;
	if (*us < min_us || *us > max_us)
		return tw_line_fail(ln, i, "'%s' is out of range; write %u to %u ms",
		    tw_arg(ln, i), (unsigned)(min_us / MS), (unsigned)(max_us / MS));
	return 0;
}

static int
option_interval(struct tw_line *ln, int i)
{
	struct vr_gen *const g = ln->state;

	return time_set(ln, i, INTERVAL_MIN_US, INTERVAL_MAX_US, &g->peer.interval_us);
}

static int
option_dead_after(struct tw_line *ln, int i)
{
	struct vr_gen *const g = ln->state;

	return time_set(
	    ln, i, 2 * INTERVAL_MIN_US, DEAD_AFTER_MAX_US, &g->peer.dead_after_us);
}

static const struct peer_option {
	const char *word;
	int (*set)(struct tw_line *ln, int i); /* in: i, of its argument */
} peer_options[] = {
	{ "key", option_key },
	{ "key-file", option_key_file },
	{ "interval", option_interval },
	{ "dead-after", option_dead_after },
};

static int
option_set(struct tw_line *ln, int i)
{
	const char *const word = tw_arg(ln, i);

	for (size_t k = 0; k < TW_N_ELEMENTS(peer_options); k++) {
		if (strcmp(word, peer_options[k].word) != 0)
			continue;
		if (tw_arg(ln, i + 1) == NULL)
			return tw_line_fail(ln, i, "'%s' needs an argument", word);
		return peer_options[k].set(ln, i + 1);
	}
	return tw_line_fail(ln, i,
	    "unknown option '%s'; 'vrrp-peer' has key, key-file, interval and "
	    "dead-after",
	    word);
}

/* What the options say together. */
static int
peer_complete(struct tw_line *ln, struct vr_peer_conf *peer)
{
	if (peer->key_len == 0)
		return tw_line_fail(ln, -1,
		    "'vrrp-peer' needs a key, the same on both nodes: add "
		    "'key <secret>' or 'key-file <path>'");
	if (peer->dead_after_us == 0)
		peer->dead_after_us = 3 * peer->interval_us;
	if (peer->dead_after_us < 2 * peer->interval_us)
		return tw_line_fail(ln, -1,
		    "'dead-after' is %llu ms and must be at least twice the interval "
		    "of %llu ms, or one lost datagram looks like a dead peer",
		    (unsigned long long)(peer->dead_after_us / MS),
		    (unsigned long long)(peer->interval_us / MS));
	peer->where = where_of(ln);
	return 0;
}

static int
vrrp_set_peer(struct tw_line *ln)
{
	struct vr_gen *const g = ln->state;
	struct vr_peer_conf *const peer = &g->peer;

	if (peer->where.file != NULL)
		return twice(ln, &peer->where);
	if (addresses_set(ln, peer) != 0)
		return -1;
	peer->interval_us = 50 * MS;
	peer->dead_after_us = 0;
	for (int i = 2; i < ln->n_args; i += 2)
		if (option_set(ln, i) != 0)
			return -1;
	return peer_complete(ln, peer);
}

static int
vrrp_set_lease(struct tw_line *ln)
{
	struct vr_gen *const g = ln->state;
	const char *const word = tw_arg(ln, 0);

	if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		return tw_line_fail(ln, 0, "'vrrp-lease' is 'on' or 'off'");
	g->no_lease = strcmp(word, "off") == 0;
	return 0;
}

const struct tw_kw vr_peer_keywords[] = {
	{
	    .word = "vrrp-config",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = vrrp_set_config,
	    .usage = "<file>",
	    .help =
		"Takes part in VRRP as a keepalived.conf says, read unchanged: this "
		"program holds the virtual addresses, and keepalived is not needed.",
	},
	{
	    .word = "vrrp-peer",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 2,
	    .max_args = -1,
	    .set = vrrp_set_peer,
	    .usage = "<local>[:port] <remote>[:port] {key <secret>|key-file <path>} "
		     "[interval <time>] [dead-after <time>]",
	    .help =
		"A second path to the other node, best on another network: signed UDP "
		"heartbeats say who is master, so that neither takes over while the "
		"other lives. Firewalls must let UDP to this port (default 1112) "
		"through from the peer's every address, on both networks.",
	    .def = "interval 50ms, dead-after three intervals",
	},
	{
	    .word = "vrrp-lease",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = vrrp_set_lease,
	    .usage = "{on|off}",
	    .help =
		"Gives virtual addresses to the kernel for one advertisement interval "
		"(three less a second where there is no vrrp-peer) and again in time: "
		"when every process of the program is killed, the kernel removes them "
		"and the node is no second owner. Off where other programs are "
		"disturbed by an event for each address several times a second.",
	    .def = "on",
	},
	{ .word = NULL },
};
