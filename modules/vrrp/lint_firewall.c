/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * lint_firewall.c - a hint where the firewall looks as if it drops VRRP.
 *
 * Two masters are what a firewall that drops protocol 112 looks like. Rules
 * are only read as text: a table that drops what no rule lets in, and in which
 * no rule names the protocol or lets all of the interface in, is worth a
 * warning, not more. Only for -c, by who may read the rules. source: nft(8),
 * iptables(8).
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/conf.h>

#include "lint.h"

#define LINE_BYTES 2048
#define RULES_MAX (4u << 20) /* bytes; what is longer is not looked at */

/* The table that is being read; iptables has one. */
struct scan {
	const char *interface;
	uint8_t family;
	char *table; /* out: the first that drops */
	size_t size;
	bool found;
	char name[128];
	bool concerns; /* packets of the family */
	bool in_input; /* the lines are those of an input filter */
	bool drops;    /* an input filter drops what is left at its end */
	bool knows;    /* a rule lets VRRP in, or all */
};

static bool
has_word(const char *line, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = line; (at = strstr(at, word)) != NULL; at += len) {
		const bool begins = at == line || !isalnum((unsigned char)at[-1]);

		if (begins && !isalnum((unsigned char)at[len]))
			return true;
	}
	return false;
}

static bool
has_any(const char *line, const char *const *word)
{
	for (; *word != NULL; word++) {
		if (has_word(line, *word))
			return true;
	}
	return false;
}

static bool
names_vrrp(const char *line)
{
	static const char *const before[] = { "protocol", "l4proto", "nexthdr", "-p",
		NULL };
	static const char *const port[] = { "dport", "sport", NULL };

	if (has_word(line, "vrrp"))
		return true;
	return has_word(line, "112") && has_any(line, before) && !has_any(line, port);
}

/* All that comes in there, whatever it is. */
static bool
lets_all_in(const char *line, const char *interface)
{
	static const char *const accept[] = { "accept", "ACCEPT", NULL };
	static const char *const narrower[] = { "dport", "sport", "protocol", "l4proto",
		"nexthdr", "state", "ctstate", "-p", NULL };

	return has_word(line, interface) && has_any(line, accept) &&
	    !has_any(line, narrower);
}

/* A rule that catches whatever is left. */
static bool
is_last_drop(const char *line)
{
	int counter = 0;

	sscanf(line, "counter packets %*u bytes %*u %n", &counter);
	line += counter;
	return strncmp(line, "drop", 4) == 0 || strncmp(line, "reject", 6) == 0;
}

static void
table_end(struct scan *s)
{
	if (!s->found && s->concerns && s->drops && !s->knows) {
		s->found = true;
		snprintf(s->table, s->size, "%s", s->name);
	}
	s->concerns = s->in_input = s->drops = s->knows = false;
}

static void
table_begin(struct scan *s, const char *name)
{
	const char *const other = s->family == AF_INET6 ? "ip " : "ip6 ";

	table_end(s);
	s->concerns = strncmp(name, other, strlen(other)) != 0;
	snprintf(s->name, sizeof(s->name), "%.*s", (int)strcspn(name, "{") - 1, name);
}

/* Of `nft list ruleset`. */
static void
nft_line(struct scan *s, const char *line)
{
	if (strncmp(line, "chain ", 6) == 0)
		s->in_input = false;
	else if (strncmp(line, "type ", 5) == 0)
		s->in_input = strncmp(line, "type filter hook input", 22) == 0;
	if (s->in_input && (strstr(line, "policy drop") != NULL || is_last_drop(line)))
		s->drops = true;
}

/* Of `iptables -S`. */
static void
iptables_line(struct scan *s, const char *line)
{
	if (!s->concerns)
		snprintf(s->name, sizeof(s->name), "of iptables");
	s->concerns = true;
	if (strcmp(line, "-P INPUT DROP") == 0 ||
	    strncmp(line, "-A INPUT -j DROP", 16) == 0 ||
	    strncmp(line, "-A INPUT -j REJECT", 18) == 0)
		s->drops = true;
}

static void
line_take(struct scan *s, const char *line)
{
	if (strncmp(line, "table ", 6) == 0) {
		table_begin(s, line + 6);
		return;
	}
	if (line[0] == '-')
		iptables_line(s, line);
	else
		nft_line(s, line);
	s->knows |= names_vrrp(line) || lets_all_in(line, s->interface);
}

bool
vr_firewall_drops(
    const char *rules, const struct vr_instance *in, char *table, size_t size)
{
	struct scan s = { .interface = in->interface,
		.family = in->family,
		.table = table,
		.size = size };

	while (*rules != '\0') {
		char line[LINE_BYTES];

		rules += strspn(rules, " \t");
		const size_t len = strcspn(rules, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, rules);
		line_take(&s, line);
		rules += len + (rules[len] == '\n');
	}
	table_end(&s);
	return s.found;
}

/* returns: owned: what it printed; NULL: it does not exist, or may not. */
static char *
output_of(const char *command)
{
	FILE *const from = popen(command, "re");
	char *const text = from != NULL ? malloc(RULES_MAX) : NULL;

	if (text == NULL) {
		if (from != NULL)
			pclose(from);
		return NULL;
	}
	text[fread(text, 1, RULES_MAX - 1, from)] = '\0';
	if (pclose(from) == 0)
		return text;
	free(text);
	return NULL;
}

static char *
rules_now(uint8_t family)
{
	char *const text = output_of("nft list ruleset 2>/dev/null");

	if (text != NULL)
		return text;
	return output_of(family == AF_INET6 ? "ip6tables -S 2>/dev/null"
					    : "iptables -S 2>/dev/null");
}

void
vr_lint_firewall(const struct vr_conf *conf, struct vr_report *rep)
{
	if (!tw_is_check() || geteuid() != 0)
		return;
	for (unsigned i = 0; i < conf->n_instances; i++) {
		const struct vr_instance *const in = &conf->instance[i];
		char *const rules = rules_now(in->family);
		char table[128];

		if (rules != NULL && vr_firewall_drops(rules, in, table, sizeof(table)))
			vr_warn(rep, &in->where,
			    "'%s': the firewall (table %s) drops what no rule lets in, "
			    "and no rule names protocol 112: both nodes may become master; "
			    "let it in, as with 'ip protocol vrrp accept' in nftables",
			    in->name, table);
		free(rules);
	}
}
