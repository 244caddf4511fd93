/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf.h - from lines of words to the model. Private to conf_*.c.
 *
 * Each kind of block is one table: keyword, arguments, setter, help. A keyword
 * of keepalived's that does nothing here is in the table too, with the reason:
 * so the program and its manual cannot differ. Blocks are read in the order
 * global_defs, instances, all others; names are resolved afterwards, so that
 * the order in the file does not matter.
 */
#ifndef TW_VRRP_CONF_H
#define TW_VRRP_CONF_H

#include <tideway/assert.h>

#include "tree.h"

enum vr_kw_status {
	VR_KW_WORKS,
	VR_KW_QUIET,   /* no effect, and nothing is missing: need not be said */
	VR_KW_NOTED,   /* no effect; a warning says why */
	VR_KW_REFUSED, /* an error says why */
};

enum vr_kw_block { VR_NO_BLOCK, VR_BLOCK, VR_MAY_BLOCK };

struct vr_reader;
struct vr_kw;
/* in: to, the struct that the block fills; l, the line, its arguments counted. */
typedef void vr_setter(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw);

struct vr_kw {
	const char *word;
	const char *usage; /* its arguments, for people */
	enum vr_kw_status status;
	uint8_t min, max; /* arguments; max VR_ANY: any number */
	uint8_t block;    /* enum vr_kw_block */
	vr_setter *set;
	size_t offset, size; /* where ready-made setters write */
	int64_t low, high;   /* their limits */
	const char *help;    /* what it does; why it does not */
};
#define VR_ANY 255
#define VR_NOT_GIVEN UINT64_MAX /* a time, until its default is known */
#define VR_AT(type, field) \
	.offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

/* Rows that instances and groups have alike. AT: VR_AT of the one or the other. */
#define VR_TRACK_KW(name, args, kind, text)                                      \
	{                                                                        \
		name, args, VR_KW_WORKS, 0, VR_ANY, VR_MAY_BLOCK, vr_set_tracks, \
		    .low = (kind), .help = (text)                                \
	}
#define VR_TRACK_KWS                                                                  \
	VR_TRACK_KW("track_script", "NAME [weight N] [reverse]", VR_TRACK_SCRIPT,     \
	    "a vrrp_script; of a group: for all members"),                            \
	    VR_TRACK_KW("track_interface", "NAME [weight N] [reverse]",               \
		VR_TRACK_INTERFACE, "an interface's state"),                          \
	    VR_TRACK_KW("track_process", "NAME [weight N] [reverse]",                 \
		VR_TRACK_PROCESS, "a vrrp_track_process"),                            \
	    VR_TRACK_KW("track_file", "NAME [weight N] [reverse]", VR_TRACK_FILE,     \
		"a track_file"),                                                      \
	    VR_TRACK_KW("track_frontend", "NAME [weight N] [reverse]",                \
		VR_TRACK_FRONTEND, "tideway's own: a frontend accepts connections"),  \
	    VR_TRACK_KW("track_backend", "NAME [min-servers N] [weight N] [reverse]", \
		VR_TRACK_BACKEND, "tideway's own: as many servers are usable; 1"),    \
	    VR_TRACK_KW("track_worker", "[weight N]", VR_TRACK_WORKER,                \
		"tideway's own: the balancer lives and is not stuck"),                \
	{                                                                             \
		"track_bfd", "NAME", VR_KW_REFUSED, .block = VR_MAY_BLOCK,            \
						    .help = "BFD; use track_script"   \
	}
#define VR_NOTIFY_KW(AT, name, field, text)                                           \
	{                                                                             \
		name, "COMMAND [USER [GROUP]]", VR_KW_WORKS, 1, 3, 0, vr_set_command, \
		    AT(notify.field), .help = (text)                                  \
	}
#define VR_NOTIFY_KWS(AT)                                                             \
	VR_NOTIFY_KW(AT, "notify_master", master, "runs when it becomes master"),     \
	    VR_NOTIFY_KW(AT, "notify_backup", backup, "runs when it becomes backup"), \
	    VR_NOTIFY_KW(AT, "notify_fault", fault, "runs when it becomes faulty"),   \
	    VR_NOTIFY_KW(AT, "notify_stop", stop, "runs when the program stops"),     \
	    { "notify_deleted", "[COMMAND [USER [GROUP]]]", VR_KW_WORKS, 0, 3, 0,     \
		    vr_set_deleted, AT(notify),                                       \
		    .help = "DELETED, not FAULT, is told when a reload removes it" }, \
	    VR_NOTIFY_KW(AT, "notify", any,                                           \
		"runs on each change, with type, name, state, priority"),             \
	{                                                                             \
		"notify_priority_changes", "[BOOL]", VR_KW_WORKS, 0, 1, 0,            \
		    vr_set_flag, AT(notify.priority_changes),                         \
		    .help = "FIFOs are told of changed priorities, too"               \
	}

/* An interface, script, ... that a block wants to watch; not resolved yet. */
struct vr_tracked {
	struct vr_track track;
	bool has_weight; /* given here; else the thing's own counts */
	bool no_reverse; /* whatever the thing's own says */
};

/* What is known of an instance or a group only while the file is read. */
struct vr_draft {
	struct vr_tracked *tracked;
	unsigned n_tracked;
	const struct vr_line *members; /* of a group */
	bool has_version, has_priority, has_auth_type, has_password;
	bool wants_unicast, no_peer_is_fault;
	unsigned mac_len; /* bytes given of use_vmac's; 0: none */
	struct vr_where auth_at, unicast_at, strict_at,
	    nopreempt_at; /* file NULL: none */
};

struct vr_reader {
	struct vr_conf *conf;
	struct tw_arena *arena;
	struct vr_report *rep;
	bool blind;                  /* look at no users, programs, networks */
	struct vr_instance defaults; /* what global_defs says about instances */
	struct vr_ip mcast_group4, mcast_group6;
	const char *vmac_prefix;
	const struct vr_line **garp_group; /* blocks; applied at the end */
	unsigned n_garp_groups;
	struct vr_draft *draft; /* of instances, in their order */
	struct vr_draft *group_draft;
	struct vr_draft *now;        /* of the block that is being read */
	bool root_said;              /* that scripts run as root */
	uint32_t rule_priority;      /* the next one for rules without */
	const struct vr_line *lines; /* of the file */
};

extern const struct vr_kw vr_kw_top[], vr_kw_global[], vr_kw_instance[], vr_kw_auth[],
    vr_kw_group[], vr_kw_script[], vr_kw_process[], vr_kw_file[], vr_kw_garp[],
    vr_kw_vip[], vr_kw_route[], vr_kw_rule[];

/* conf_kw.c */
/** vr_grow - an array with room for one more, which is zeroed. in: n, of those
 * it has. returns: arena. */
void *vr_grow(struct vr_reader *r, void *array, unsigned n, size_t size);
/** vr_block_read - all lines of a block, by its table. in: what, the block's
 * name for messages; to, what the setters fill. */
void vr_block_read(struct vr_reader *r, const struct vr_kw *table, const char *what,
    const struct vr_line *first, void *to);
/** vr_kw_apply - one line. */
void vr_kw_apply(struct vr_reader *r, const struct vr_kw *table, const char *what,
    const struct vr_line *l, void *to);
/** vr_option_read - a keyword within a line, as `dev eth0`. in: i, its word.
 * returns: words taken with it; 0: it is no keyword. */
unsigned vr_option_read(struct vr_reader *r, const struct vr_kw *table,
    const struct vr_line *l, unsigned i, void *to);
const struct vr_kw *vr_kw_find(const struct vr_kw *table, const char *word);
/** vr_kw_state - says what is to be said of a keyword that does not work here.
 * returns: true: it works. */
bool vr_kw_state(struct vr_reader *r, const struct vr_kw *kw, const struct vr_line *l);
/** vr_kw_unknown - says so, with the keyword that was probably meant. */
void vr_kw_unknown(struct vr_reader *r, const struct vr_kw *table, const char *what,
    const struct vr_line *l, const char *word);
/** vr_nearest - the name that was probably meant. in: name(arg, i), NULL after
 * the last. returns: NULL: none is near. */
const char *vr_nearest(const char *word,
    const char *(*name)(const void *arg, unsigned i), const void *arg);

/* conf_value.c: words as values. They report what is wrong and return -1. */
int vr_get_int(struct vr_reader *r, const struct vr_line *l, const char *word,
    int64_t low, int64_t high, int64_t *out);
int vr_get_us(struct vr_reader *r, const struct vr_line *l, const char *word,
    int64_t low, int64_t high, uint64_t *out);
int vr_get_bool(
    struct vr_reader *r, const struct vr_line *l, const char *word, bool *out);
int vr_get_ip(
    struct vr_reader *r, const struct vr_line *l, const char *word, struct vr_ip *out);
/** vr_get_net - "10.0.0.1/24", "default", "any", "all". in: family, 0: any that
 * fits. out: prefix; the whole address unless given. */
int vr_get_net(struct vr_reader *r, const struct vr_line *l, const char *word,
    uint8_t family, struct vr_ip *ip, uint8_t *prefix);
/** vr_get_dev - an interface's name, valid as one. */
int vr_get_dev(
    struct vr_reader *r, const struct vr_line *l, const char *word, const char **out);
/** vr_expected - says that a word is no name out of a few. returns: -1. */
int vr_expected(
    struct vr_reader *r, const struct vr_line *l, const char *word, const char *list);

/* conf_set.c: ready-made setters; offset, size and limits are in the keyword */
vr_setter vr_set_flag;    /* true, or the <BOOL> that is given */
vr_setter vr_set_int;     /* an unsigned or signed number of any size */
vr_setter vr_set_seconds; /* TIMER as microseconds */
vr_setter vr_set_name;    /* a string */
vr_setter vr_set_ip;
vr_setter vr_set_elsewhere; /* done already, or later */
vr_setter vr_set_command;   /* COMMAND [USER [GROUP]] */
vr_setter vr_set_deleted;   /* notify_deleted, of a struct vr_notify */

/* conf_command.c */
/** vr_command_read - COMMAND [USER [GROUP]] behind the line's keyword, checked. */
void vr_command_read(
    struct vr_reader *r, const struct vr_line *l, struct vr_command *c);
/** vr_command_split - fills in argv and text. returns: 0; -1, said. */
int vr_command_split(struct vr_reader *r, const struct vr_line *l, const char *text,
    struct vr_command *c);
/** vr_user_read - USER [GROUP] at a word of the line. returns: 0; -1, said. */
int vr_user_read(struct vr_reader *r, const struct vr_line *l, unsigned first,
    uid_t *uid, gid_t *gid);
/** vr_command_user - the default user for a command without one. */
void vr_command_user(
    struct vr_reader *r, const struct vr_where *at, struct vr_command *c);
/** vr_command_check - it exists, its user may run it, script security. */
void vr_command_check(
    struct vr_reader *r, const struct vr_where *at, struct vr_command *c);

/* conf_track.c */
vr_setter vr_set_tracks; /* track_KIND NAME ..., or a block of such lines */
/** vr_tracks_resolve - a draft's list as the model's. */
void vr_tracks_resolve(
    struct vr_reader *r, const struct vr_draft *d, struct vr_track **out, unsigned *n);

/* conf_vip.c, conf_route.c, conf_rule.c */
vr_setter vr_set_vips, vr_set_excluded, vr_set_routes, vr_set_rules;
/** vr_get_table - a routing table's number or name. */
int vr_get_table(
    struct vr_reader *r, const struct vr_line *l, const char *word, uint32_t *out);
int vr_get_scope(
    struct vr_reader *r, const struct vr_line *l, const char *word, uint8_t *out);

/* conf_global.c, conf_instance.c, conf_script.c, conf_group.c, conf_lvs.c */
/** vr_globals_read - all global_defs blocks; first what they may leave out. */
void vr_globals_read(struct vr_reader *r);
vr_setter vr_set_instance, vr_set_group, vr_set_script, vr_set_process, vr_set_file;
vr_setter vr_set_garp_group, vr_set_lvs;
/** vr_set_group_address - a multicast address. */
vr_setter vr_set_group_address;
/** vr_instance_finish - what depends on more than one of its lines. */
void vr_instance_finish(struct vr_reader *r, struct vr_instance *in);
/** vr_strict_apply - strict_mode: what it forbids. */
void vr_strict_apply(struct vr_reader *r, struct vr_instance *in);
/** vr_instances_compare - what two of them must not share. */
void vr_instances_compare(struct vr_reader *r);
/** vr_groups_resolve - members by name; what that changes for them. */
void vr_groups_resolve(struct vr_reader *r);
/** vr_garp_groups_apply - to the instances on their interfaces. */
void vr_garp_groups_apply(struct vr_reader *r);

#endif
