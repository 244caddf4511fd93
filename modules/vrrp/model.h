/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * model.h - what a keepalived.conf says, once it is understood.
 *
 * Made by conf_*.c, read-only afterwards; everything hangs off one struct
 * vr_conf and its arena. Defaults are filled in: who reads the model asks no
 * further. Times are microseconds. source: keepalived.conf(5) of 2.2.7.
 */
#ifndef TW_VRRP_MODEL_H
#define TW_VRRP_MODEL_H

#include <net/if.h>
#include <sys/types.h>

#include <tideway/arena.h>
#include <tideway/err.h>

#define VR_MAX_PASSWORD 8
#define VR_FOR_EVER UINT32_MAX /* a lifetime, as the kernel says it */
#define VR_MAX_VIPS 255 /* what an advertisement can count */
#define VR_OWNER 255    /* priority of who owns the addresses */

/* Where something was written. */
struct vr_where {
	const char *file; /* gen */
	int line;
};

struct vr_ip {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t bytes[16];
};

/* A line of virtual_ipaddress or virtual_ipaddress_excluded. */
struct vr_vip {
	struct vr_ip ip;
	struct vr_ip broadcast; /* family 0: none */
	struct vr_ip peer;      /* point to point; family 0: none */
	uint8_t prefix;         /* bits; 32 or 128 unless given */
	uint8_t scope;          /* RT_SCOPE_... */
	uint32_t flags;         /* IFA_F_NODAD, IFA_F_HOMEADDRESS, ...; VR_VIP_... */
	uint32_t preferred_s;   /* preferred lifetime; VR_FOR_EVER */
	const char *dev;        /* gen; the instance's interface unless given */
	const char *label;      /* gen; NULL: none */
	bool excluded;          /* held, but not in advertisements */
	bool no_track;
	struct vr_where where;
};

struct vr_hop {
	struct vr_ip via;
	const char *dev; /* gen; NULL */
	uint8_t weight;
	bool onlink;
};

/* A line of virtual_routes. */
struct vr_route {
	uint8_t family, type; /* RTN_UNICAST, RTN_BLACKHOLE, ... */
	struct vr_ip to, src; /* src: preferred source; family 0: none */
	uint8_t to_prefix, tos, scope, protocol;
	bool has_scope;
	uint32_t table, metric, mtu, advmss, window;
	struct vr_hop *hop; /* gen; none: a directly reached or blocking one */
	unsigned n_hops;
	bool no_track;
	struct vr_where where;
};

/* A line of virtual_rules. */
struct vr_rule {
	uint8_t family, action; /* FR_ACT_TO_TBL, FR_ACT_BLACKHOLE, ... */
	struct vr_ip from, to;  /* family 0: any */
	uint8_t from_prefix, to_prefix, tos;
	bool invert, has_priority, no_track;
	const char *iif, *oif; /* gen; NULL: any */
	uint32_t table, priority, fwmark, fwmask, goto_priority;
	struct vr_where where;
};

/* A program to run: split at blanks as keepalived does, no shell. */
struct vr_command {
	char *const *argv; /* gen; NULL-terminated; NULL: none */
	const char *text;  /* gen; as written, for messages */
	uid_t uid;
	gid_t gid;
	bool has_user;     /* else: whoever the process is */
	bool is_check;     /* vrrp_script: its result counts */
};

struct vr_script {
	const char *name; /* gen */
	struct vr_command run;
	uint64_t interval_us, timeout_us;
	unsigned rise, fall; /* results in a row, at least 1 */
	int weight;          /* -253..253; 0: a failure is FAULT */
	bool reverse, init_fail;
	struct vr_where where;
};

struct vr_track_process {
	const char *name;
	const char *command;     /* gen; its base name or path */
	const char *param;       /* gen; its arguments; NULL: any */
	bool param_initial;      /* only the beginning is compared */
	bool full_command;
	uint32_t quorum, quorum_max; /* running at least, at most (0: no limit) */
	uint64_t fork_delay_us, terminate_delay_us;
	int weight;
	bool reverse;
	struct vr_where where;
};

struct vr_track_file {
	const char *name, *path; /* gen */
	int weight;              /* multiplies the number in the file */
	bool reverse;
	bool has_init, init_overwrite;
	int init_value;
	struct vr_where where;
};

enum vr_track_kind {
	VR_TRACK_SCRIPT,
	VR_TRACK_INTERFACE,
	VR_TRACK_PROCESS,
	VR_TRACK_FILE,
	VR_TRACK_FRONTEND, /* ours: a proxy listens */
	VR_TRACK_BACKEND,  /* ours: enough servers are usable */
	VR_TRACK_WORKER,   /* ours: the traffic process lives and moves */
	VR_N_TRACK_KINDS
};

/* An instance's or a group's interest in something. */
struct vr_track {
	enum vr_track_kind kind;
	const char *name;     /* gen; interface, script, ... */
	unsigned index;       /* in conf's scripts, processes, files */
	int weight;           /* the tracked thing's unless given here */
	bool reverse;         /* good counts as bad */
	uint32_t min_servers; /* VR_TRACK_BACKEND; default 1 */
	struct vr_where where;
};

/* What to run when the state changes; argv NULL: nothing. */
struct vr_notify {
	struct vr_command master, backup, fault, stop, deleted, any;
	struct vr_command master_rx_lower_pri;
	bool priority_changes;
	bool tells_deleted; /* notify_deleted: DELETED instead of FAULT */
};

struct vr_garp {
	uint64_t delay_us;          /* until the second burst; 0: none */
	unsigned repeat;            /* announcements in a burst; default 5 */
	uint64_t refresh_us;        /* 0: never again */
	unsigned refresh_repeat;
	uint64_t keep_us;           /* between announcements of one address each,
	                             * beside advertisements; 0: none */
	uint64_t lower_prio_delay_us;
	unsigned lower_prio_repeat;
	uint64_t interval_us;       /* pause between ARPs of one interface */
	uint64_t na_interval_us;
	bool extra_if;              /* garp_extra_if and its like */
};

enum vr_auth { VR_AUTH_NONE, VR_AUTH_PASS = 1, VR_AUTH_AH = 2 };

struct vr_peer_addr {
	struct vr_ip ip;
	uint8_t min_ttl, max_ttl; /* 0, 255: any */
};

struct vr_instance {
	const char *name;      /* gen */
	struct vr_where where;
	const char *interface; /* gen */
	uint8_t family;        /* AF_INET, AF_INET6 */
	uint8_t version;       /* 2, 3 */
	uint8_t vrid;
	uint8_t priority;      /* base; 1..255 */
	bool wants_master;     /* `state MASTER` */
	uint64_t advert_us;
	enum vr_auth auth;
	uint8_t password[VR_MAX_PASSWORD]; /* zero-padded */

	struct vr_vip *vip;    /* gen; advertised ones first */
	unsigned n_vips, n_advertised;
	struct vr_route *route;
	unsigned n_routes;
	struct vr_rule *rule;
	unsigned n_rules;

	struct vr_ip mcast_group;         /* 224.0.0.18 or ff02::12 unless given */
	struct vr_ip source;              /* mcast_src_ip, unicast_src_ip; none: primary */
	struct vr_peer_addr *peer;        /* gen; unicast_peer */
	unsigned n_peers;                 /* 0: multicast */
	uint8_t unicast_ttl;
	bool track_source;                /* track_src_ip */

	bool nopreempt, dont_track_primary, linkbeat;
	uint64_t preempt_delay_us;        /* 0: none */
	bool lower_prio_no_advert, higher_prio_send_advert;
	bool skip_check_adv_addr, strict, accept, native_ipv6, debug;
	bool promote_secondaries;
	bool use_vmac, vmac_xmit_base;
	char vmac_name[IF_NAMESIZE];      /* "vrrp.51" unless given */
	uint8_t vmac_mac[6];              /* 00-00-5e-00-01-VRID (02 for IPv6) */
	struct vr_garp garp;
	uint64_t down_timer_adverts;      /* 3 */

	struct vr_track *track;           /* gen; resolved */
	unsigned n_tracks;
	struct vr_notify notify;
	int group;                        /* index in conf's groups; -1 */
};

struct vr_group {
	const char *name;
	struct vr_where where;
	unsigned *member; /* gen; indices of instances */
	unsigned n_members;
	struct vr_track *track;
	unsigned n_tracks;
	bool tracking_weight; /* weights may change priorities */
	struct vr_notify notify;
};

struct vr_fifo_conf {
	const char *path; /* gen; NULL: none */
	bool has_owner;   /* else its script's user, else whoever the process is */
	uid_t uid;
	gid_t gid;
	struct vr_command script; /* argv NULL: none */
};

struct vr_globals {
	const char *router_id; /* the host's name unless given */
	struct vr_fifo_conf notify_fifo, vrrp_fifo; /* all events go to both */
	struct vr_command startup_script, shutdown_script;
	uint64_t startup_script_timeout_us, shutdown_script_timeout_us;
	uint64_t startup_delay_us; /* vrrp_startup_delay */
	bool script_security, has_script_user;
	uid_t script_uid;
	gid_t script_gid;
	uint8_t version;
	int process_priority;    /* nice; 0: unchanged */
	int rt_priority;         /* SCHED_RR; 0: not real-time */
	uint64_t rlimit_rttime_us;
	bool no_swap;
	bool skip_check_adv_addr, strict;
	unsigned long rx_bufs;   /* bytes; 0: the system's */
};

struct vr_conf {
	struct tw_arena *arena; /* owns: all of this */
	const char *path;
	struct vr_globals global;
	struct vr_instance *instance;
	unsigned n_instances;
	struct vr_group *group;
	unsigned n_groups;
	struct vr_script *script;
	unsigned n_scripts;
	struct vr_track_process *process;
	unsigned n_processes;
	struct vr_track_file *file;
	unsigned n_files;
};

/* Where messages about a file go. */
struct vr_report {
	/* in: is_error; else a warning. text: what is wrong, and the remedy */
	void (*say)(void *arg, bool is_error, const struct vr_where *at,
	    const char *text);
	void *arg;
	unsigned n_errors, n_warnings;
};
void vr_fail(struct vr_report *rep, const struct vr_where *at, const char *fmt, ...)
    TW_PRINTF(3, 4);
void vr_warn(struct vr_report *rep, const struct vr_where *at, const char *fmt, ...)
    TW_PRINTF(3, 4);

/** vr_conf_read - reads a file and what it includes, resolves names, fills in
 * defaults; all errors are reported. returns: owned; NULL when there was an
 * error. context: any thread. */
struct vr_conf *vr_conf_read(const char *path, struct vr_report *rep);

/* How a file is read; all zero: as vr_conf_read does. */
struct vr_source {
	const char *config_id; /* for @ID lines; NULL: the host's name up to its
				* first dot. "tideway" matches always */
	const char *text;      /* NULL; else read instead of the file, without a
				* look at other files, users or programs */
	size_t text_len;
	unsigned max_lines;    /* after expansion; 0: 1 million */
};
/** vr_conf_read_from - the same, in another way. in: path, for messages when
 * the source has a text. */
struct vr_conf *vr_conf_read_from(const char *path, const struct vr_source *from,
    struct vr_report *rep);
void vr_conf_free(struct vr_conf **conf);

/** vr_conf_manual - tells every keyword that is known: one line for each, as
 * "block: keyword arguments | works, no effect or refused | what it does, or why
 * not". */
void vr_conf_manual(void (*line)(void *arg, const char *text), void *arg);

/** vr_lint - warns about what is valid but hardly meant: weights that cannot
 * change the election, equal priorities, a missing script user, ...
 * in: peer, the other node's file; NULL: only what one file shows. */
void vr_lint(const struct vr_conf *conf, const struct vr_conf *peer,
    struct vr_report *rep);

/** vr_ip_out - as text. in: buf of at least 46 bytes. returns: buf. */
const char *vr_ip_out(const struct vr_ip *ip, char *buf, size_t size);
/** vr_ip_parse - "192.168.2.100", "fe80::1". returns: 0; -1: is none. */
int vr_ip_parse(const char *word, struct vr_ip *ip);
/** vr_ip_cmp - as numbers, in network order; of one family. */
int vr_ip_cmp(const struct vr_ip *a, const struct vr_ip *b);

#endif
