# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Stick tables as another module sees them (tideway/table.h): found by name,
# described, looked up by text and by samples, changed, pinned, walked over with
# conditions. One small module, compiled here, does what the query of a request
# says and answers with what it saw.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Module;

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};
plan(skip_all => 'no compiler or no headers') unless can_compile();

my $code = do { local $/; <DATA> };
my $dir = module_dir();
my $source = module_source('probe', '.size_of = { [TW_IN_REQ] = sizeof(struct state) },'
    . '.hooks = hooks, .load = load', $code);
compile_module($dir, 'probe', $source, '-Wall', '-Wno-unused-parameter');

my $sock = Tideway::Test::temp_dir() . '/ctl.sock';

sub config
{
	my ($ips) = @_;

	return "global
    nbthread 1
    stats socket $sock level admin
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request return status 500
backend ips
    stick-table type ip size 100 expire 1m store $ips
backend six
    stick-table type ipv6 size 100 store gpc0
backend nums
    stick-table type integer size 1m nopurge store gpt0
backend texts
    stick-table type string len 8 size 10 store server_key
backend bins
    stick-table type binary len 4 size 10 store gpc0
backend bytes
    stick-table type ip size 10 brates-factor 100 store bytes_in_rate(1h)
backend none
"
}

my $p = start_proxy(config('conn_cnt,http_req_rate(10s),gpc(3),gpt(2)'),
    env => { TIDEWAY_MODULE_PATH => $dir });

# "words of a request" => the answer's lines, sorted when they are several
sub ask
{
	my ($words) = @_;
	my $body = $p->get('web', '/', "X-Do: $words")->body;

	return join "\n", sort split /\n/, $body;
}

sub cli { cli_ask($sock, @_) }

is(ask('info ips'), 'ips ip type=3 len=4 expire=60000 purge size=100 used=0', 'info');
is(ask('info nums'), 'nums integer type=2 len=4 expire=0 nopurge size=1048576 used=0',
    'of another one');
is(ask('info texts'), 'texts string type=5 len=8 expire=0 purge size=10 used=0', 'a third');
is(ask("info $_"), 'no table', "'$_' has no table") for qw(none web nope);

is(ask('data ips'), "conn_cnt count n=1 period=0\ngpc count[] n=3 period=0\n"
    . "gpt count[] n=2 period=0\nhttp_req_rate rate n=1 period=10000", 'what is stored');
is(ask('data texts'), 'server_key text n=1 period=0', 'a text');

is(ask("slot ips $_->[0]"), $_->[1], "slot $_->[0]")
    for ['conn_cnt', 'yes 0'], ['gpc[2]', 'yes 2'], ['gpc0', 'yes 0'], ['gpc1', 'yes 1'],
    ['gpc[3]', 'no'], ['gpc[x]', 'no'], ['gpc', 'yes 0'], ['gpc0_rate', 'no'], ['nope', 'no'],
    ['conn_cnt[0]', 'no'], ['bytes_in_cnt', 'no'], ['gpc[', 'no'], ['gpc[1', 'no'];

is(ask('get ips 10.0.0.1 conn_cnt'), 'no entry', 'looking makes no entry');
is(ask('info ips'), 'ips ip type=3 len=4 expire=60000 purge size=100 used=0', 'indeed');
cli("set table ips key 10.0.0.$_ data.conn_cnt $_ data.gpc[1] " . 2 * $_) for 1 .. 5;
is(ask('get ips 10.0.0.3 conn_cnt'), '3', 'an entry found by text');
is(ask('get ips 10.0.0.3 gpc[1]'), '6', 'an element of an array');
is(ask('get ips 10.0.0.3 gpc1'), '6', 'by its older name');
is(ask('get ips 10.0.0.256 conn_cnt'), 'no entry', 'what is no address');
is(ask('get ips ' . '1' x 200 . ' conn_cnt'), 'no entry', 'nor is this');
is(ask('get ips @ conn_cnt'), 'no entry', 'a sample: 127.0.0.1 is not there');
cli('set table ips key 127.0.0.1 data.conn_cnt 77');
is(ask('get ips @ conn_cnt'), '77', 'a sample');
cli('set table six key ::ffff:127.0.0.1 data.gpc0 6');
is(ask('get six @ gpc0'), '6', 'an IPv4 sample in a table of IPv6');
cli('set table nums key 4000000000 data.gpt0 1');
is(ask('get nums 4000000000 gpt0'), '1', 'a number');
is(ask("get nums $_ gpt0"), 'no entry', "no number: $_") for '-1', 'x', '4294967296', '1x';
cli('set table texts key longer-than-8');
is(ask('get texts longer-than-that server_key'), '0', 'a text, cut as the table cuts it');
is(ask('text texts longer-t server_key'), '-', 'no text yet');
is(ask('get texts long server_key'), 'no entry', 'a shorter one');

is(ask('add ips 10.0.0.3 conn_cnt 5'), '0', 'adding');
is(ask('get ips 10.0.0.3 conn_cnt'), '8', '3 and 5');
is(ask('add ips 10.0.0.3 conn_cnt -20'), '0', 'taking away');
is(ask('get ips 10.0.0.3 conn_cnt'), '0', 'never less than 0');
is(ask('set ips 10.0.0.3 gpc[2] 12'), 'ok', 'setting');
is(ask('get ips 10.0.0.3 gpc[2]'), '12', 'that is it');
is(ask('add ips 10.0.0.3 http_req_rate 1000'), '0', 'a rate');
like(ask('get ips 10.0.0.3 http_req_rate'), qr/^1000$/, 'of this moment');
like(ask('wait ips 10.0.0.3 http_req_rate 1000'), qr/^0$/, 'it is not above');
like(ask('wait ips 10.0.0.3 http_req_rate 100'), qr/^1[0-9]{4}$/, 'when it has sunk');
is(ask('wait ips 10.0.0.3 gpc[2] 1'), '0', 'what is no rate does not sink');
cli('set table bytes key 10.0.0.1');
is(ask('add bytes 10.0.0.1 bytes_in_rate 250'), '50', 'a block of 100 bytes: 50 are over');
is(ask('get bytes 10.0.0.1 bytes_in_rate'), '200', '200 are counted');

is(ask('walk ips'), join("\n", (map { "10.0.0.$_ uses=0" } 1 .. 5), '127.0.0.1 uses=0'),
    'a walk');
is(ask('walk ips conn_cnt gt 3'), "10.0.0.4 uses=0\n10.0.0.5 uses=0\n127.0.0.1 uses=0",
    'with a condition');
is(ask('walk ips conn_cnt le 4 gpc[1] ge 4'), join("\n", map { "10.0.0.$_ uses=0" } 2, 3, 4),
    'with two');
is(ask('walk ips conn_cnt eq 2'), '10.0.0.2 uses=0', 'eq');
is(ask('walk ips conn_cnt ne 77 conn_cnt lt 1'), '10.0.0.3 uses=0', 'ne, lt');
is(ask('walk ips conn_cnt xx 2'), 'no operator', 'no such operator');
is(ask('walk nums'), '4000000000 uses=0', 'numbers');
is(ask('walk texts'), 'longer-t uses=0', 'texts');

cli("set table texts key t$_") for 1 .. 30;
is(scalar(my @all = split /\n/, ask('walk texts')), 10, 'a table that is full');

# a request holds an entry until it ends
is(ask('pin ips 10.0.0.9'), '10.0.0.9 uses=1', 'a pin makes the entry and tracks it');
ok(wait_until { ask('walk ips conn_cnt eq 0') =~ /^10\.0\.0\.9 uses=0$/m } , 'it is let go');
is(ask('pin ips nonsense'), 'no pin', 'no key, no pin');
like(cli('show table ips key 10.0.0.9'), qr/use=0 exp=[1-9]/, 'it lives on from there');
is(ask('remove ips conn_cnt eq 0'), "10.0.0.3 uses=0\n10.0.0.9 uses=0", 'a walk that removes');
is(ask('get ips 10.0.0.9 conn_cnt'), 'no entry', 'it is gone');

# the rest of a request's life is the former table's
my $c = $p->client('web');
$c->send("GET / HTTP/1.1\r\nHost: a\r\nX-Do: hold ips 10.0.0.5\r\n\r\n");
ok(wait_until { cli('show table ips key 10.0.0.5') =~ /use=1/ } , 'held');
$p->write_config(config('conn_cnt,gpc0'));
$p->signal('USR2');
ok(wait_until { ask('data ips') eq "conn_cnt count n=1 period=0\ngpc0 count n=1 period=0" } ,
    'a reload: it stores other things') or diag ask('data ips');
is(ask('get ips 10.0.0.5 conn_cnt'), '5', 'what it had is kept');
is(ask('get ips 10.0.0.5 gpc[0]'), 'no slot', 'and asked for as it is now');
undef $c;
stop_proxy($p);

# two that keep tables; none
my $both = module_dir();
compile_module($both, 'second', module_source('second', '.table_ops = ops', '
#include <tideway/table.h>
static const struct tw_table_ops ops[] = { { .name = "stick-table" }, { .name = NULL } };'));
my $r = with_modules($both, '-c', '-f', spew('both.cfg', defaults()));
isnt($r->{code}, 0, 'two keepers of tables');
like($r->{all}, qr/modules 'second' and 'table' both bring the tables 'stick-table'/,
    'are refused');

my $without = module_dir('table');
compile_module($without, 'probe', $source, '-Wno-unused-parameter');
$p = start_proxy("global\n    nbthread 1\n" . defaults() . "
frontend web\n    bind {BIND:web}\n    http-request return status 500\n",
    env => { TIDEWAY_MODULE_PATH => $without });
is(ask('info web'), 'no table', 'without the module there is no table');
stop_proxy($p);

done_testing;
__DATA__
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/table.h>
#include <tideway/worker.h>

#define WORDS 12

struct state {
	struct tw_table_pin pin;
	bool held;
};

static const struct tw_self *self;
static const struct tw_origin origin = { .who = "probe" };

/* What a request's words are, while they are carried out. */
struct job {
	struct tw_req *req;
	struct tw_table *t;
	const char *word[WORDS];
	struct tw_table_slot slot;
	long long n;
	char out[4096];
};

static int
load(const struct tw_self *me, struct tw_err *err)
{
	self = me;
	return 0;
}

static void
say(struct job *j, const char *fmt, ...)
{
	const size_t len = strlen(j->out);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->out + len, sizeof(j->out) - len, fmt, ap);
	va_end(ap);
}

static void
show(struct job *j, const struct tw_table_entry *e)
{
	struct tw_table_entry_info i;
	char text[INET6_ADDRSTRLEN];

	tw_table_entry_info(e, &i);
	if (i.key.type == TW_SINT)
		say(j, "%lld", (long long)i.key.u.n);
	else if (i.key.type == TW_STRING || i.key.type == TW_BINARY)
		say(j, "%.*s", (int)i.key.u.str.len, i.key.u.str.p);
	else
		say(j, "%s", inet_ntop(i.key.type == TW_IPV4 ? AF_INET : AF_INET6,
				 i.key.u.ip, text, sizeof(text)));
	say(j, " uses=%u\n", i.uses);
}

static void
info(struct job *j)
{
	struct tw_table_info i;

	tw_table_info(j->t, &i);
	say(j, "%s %s type=%d len=%u expire=%u %s size=%llu used=%llu", i.name, i.type,
	    i.key, i.key_len, i.expire_ms, i.nopurge ? "nopurge" : "purge",
	    (unsigned long long)i.size, (unsigned long long)i.used);
}

static void
data(struct job *j)
{
	static const char *const kinds[] = { "count", "rate", "text" };
	struct tw_table_data d;

	for (int i = 0; tw_table_data(j->t, i, &d); i++)
		say(j, "%s %s%s n=%u period=%u\n", d.word, kinds[d.kind],
		    d.is_array ? "[]" : "", d.n, d.period_ms);
}

static void
slot(struct job *j)
{
	if (tw_table_slot(j->t, j->word[2], &j->slot))
		say(j, "yes %u", j->slot.i);
	else
		say(j, "no");
}

static void
at_entry(struct tw_table_entry *e, void *arg)
{
	struct job *const j = arg;
	const struct tw_str text = tw_table_text(e, j->slot);

	if (strcmp(j->word[0], "get") == 0)
		say(j, "%llu", (unsigned long long)tw_table_get(e, j->slot));
	else if (strcmp(j->word[0], "text") == 0)
		say(j, "%.*s", text.p ? (int)text.len : 1, text.p ? text.p : "-");
	else if (strcmp(j->word[0], "add") == 0)
		say(j, "%u", tw_table_add(e, j->slot, j->n));
	else if (strcmp(j->word[0], "wait") == 0)
		say(j, "%u", tw_table_wait_ms(e, j->slot, (uint64_t)j->n));
	else if (strcmp(j->word[0], "set") == 0) {
		tw_table_set(e, j->slot, (uint64_t)j->n);
		say(j, "ok");
	} else
		show(j, e);
}

static struct tw_table_key
key_of(struct job *j, struct tw_sample *s)
{
	struct tw_table_key key = { .req = j->req, .text = tw_str_of(j->word[2]) };

	if (strcmp(j->word[2], "@") != 0)
		return key;
	memset(s, 0, sizeof(*s));
	s->type = TW_IPV4;
	memcpy(s->u.ip, "\177\0\0\1", 4);
	key.sample = s;
	return key;
}

static void
entry(struct job *j)
{
	struct tw_sample s;
	const struct tw_table_key key = key_of(j, &s);

	if (!tw_table_slot(j->t, j->word[3], &j->slot))
		say(j, "no slot");
	else if (!tw_table_look(j->t, &key, at_entry, j))
		say(j, "no entry");
}

static void
pin(struct job *j)
{
	struct state *const st = tw_req_block(j->req, self);
	struct tw_sample s;
	const struct tw_table_key key = key_of(j, &s);

	if (tw_table_pin(j->t, &key, &st->pin))
		tw_table_with(&st->pin, at_entry, j);
	else
		say(j, "no pin");
}

static bool
walked(struct tw_table_entry *e, void *arg)
{
	struct job *const j = arg;

	show(j, e);
	return strcmp(j->word[0], "remove") == 0;
}

static void
walk(struct job *j)
{
	struct tw_table_cond conds[3];
	struct tw_table_walk w = { .conds = conds };

	for (int i = 2; j->word[i] != NULL; i += 3) {
		struct tw_table_cond *const c = &conds[w.n_conds++];
		if (!tw_table_slot(j->t, j->word[i], &c->slot))
			say(j, "no slot");
		if (!tw_table_cmp(j->word[i + 1], &c->cmp)) {
			say(j, "no operator");
			return;
		}
		c->value = atoll(j->word[i + 2]);
	}
	while (tw_table_walk(j->t, &w, walked, j))
		;
}

static void
run(struct job *j)
{
	const char *const what = j->word[0];

	if (strcmp(what, "info") == 0)
		info(j);
	else if (strcmp(what, "data") == 0)
		data(j);
	else if (strcmp(what, "slot") == 0)
		slot(j);
	else if (strcmp(what, "pin") == 0 || strcmp(what, "hold") == 0)
		pin(j);
	else if (strcmp(what, "walk") == 0 || strcmp(what, "remove") == 0)
		walk(j);
	else
		entry(j);
}

static enum tw_verdict
on_request(struct tw_req *req, void *state)
{
	struct state *const st = state;
	static struct job j; /* one worker */
	static char text[1024];
	const struct tw_hdr *h =
	    tw_msg_find(tw_req_request(req), TW_STR("X-Do"), NULL);

	if (h == NULL || st->held)
		return TW_NEXT;
	snprintf(text, sizeof(text), "%.*s", (int)h->value_len, h->value);
	memset(&j, 0, sizeof(j));
	j.req = req;
	int n = 0;
	for (char *w = strtok(text, " "); w != NULL && n < WORDS - 1; w = strtok(NULL, " "))
		j.word[n++] = w;
	j.t = tw_table_find(tw_req_gen(req), j.word[1]);
	j.n = j.word[3] != NULL && j.word[4] != NULL ? atoll(j.word[4]) : 0;
	if (j.t != NULL)
		run(&j);
	else
		say(&j, "no table");
	if (strcmp(j.word[0], "hold") == 0) {
		st->held = true;
		tw_req_deadline(req, 20000);
		return TW_WAIT;
	}
	const struct tw_reply r = { .status = 200, .body = tw_str_of(j.out) };
	return tw_req_reply(req, &r, &origin);
}

static enum tw_verdict
on_reset(struct tw_req *req, void *state)
{
	struct state *const st = state;

	tw_table_unpin(&st->pin);
	return TW_NEXT;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, on_request, "probe_on_request", NULL },
	{ TW_ON_RESET, on_reset, "probe_on_reset", NULL },
	{ .fn = NULL },
};
