# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A module's own table: above the proxies on the statistics page, behind them
# in its JSON, not in its CSV; left out while it has no rows.
use Tideway::Test;
use Tideway::Browser;
use Tideway::Module;
use JSON::PP ();

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'no compiler or no headers') unless can_compile();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};

# Rows come and go with a file, so that the test decides.
my $rows = spew('rows', '');
my $code = <<'EOC';
#include <stdio.h>
#include <string.h>
#include <tideway/stats.h>

static bool
row_fill(struct tw_gen *gen, int i, struct tw_stats_row *row)
{
	FILE *const f = fopen(ROWS, "r");
	char line[600] = "", look[16] = "";
	int n = 0;

	(void)gen;
	while (n <= i && f != NULL && fgets(line, sizeof(line), f) != NULL)
		n++;
	if (f != NULL)
		fclose(f);
	if (n <= i)
		return false;
	sscanf(line, "%15[^,],%63[^,],%63[^,],%63[^,\n]", look, row->cell[0],
	    row->cell[1], row->cell[2]);
	row->look = strcmp(look, "up") == 0 ? TW_STATS_UP
	    : strcmp(look, "down") == 0     ? TW_STATS_DOWN
	    : strcmp(look, "maint") == 0    ? TW_STATS_MAINT
					    : TW_STATS_PLAIN;
	if (strcmp(row->cell[0], "huge") == 0)
		for (int c = 0; c < TW_STATS_COLUMNS; c++)
			memset(row->cell[c], '"', TW_STATS_CELL);
	return true;
}

static bool
row_none(struct tw_gen *gen, int i, struct tw_stats_row *row)
{
	(void)gen, (void)i, (void)row;
	return false;
}

static const struct tw_stats_column columns[] = {
	{ "thing", "Thing", TW_STATS_TEXT },
	{ "state", "State <s>", TW_STATS_STATE },
	{ "sent", "Sent", TW_STATS_NUMBER },
	{ .name = NULL },
};

static const struct tw_stats_table tables[] = {
	{ "empty", "Nothing here", columns, row_none },
	{ "things", "Things & more", columns, row_fill },
	{ .name = NULL },
};
EOC

my $dir = module_dir();
compile_module($dir, 'things', module_source('things', '.stats_tables = tables', $code),
    qq{-DROWS="$rows"});
my $o = origin(name => 's');
my $p = start_proxy(defaults() . "
listen st
    bind {BIND:st}
    stats uri /
backend b
    server alpha ${\ $o->addr}
", env => { TIDEWAY_MODULE_PATH => $dir });

sub page { $p->get('st', '/' . ($_[0] // ''))->body }
sub write_rows { spew('rows', join '', map { "$_\n" } @_) }

subtest 'no rows, no table' => sub {
	unlike(page(), qr/Things|Nothing here/, 'on the page');
	my $json = JSON::PP::decode_json(page(';json'));
	is_deeply([grep { $_->[0]{objType} =~ /Thing/ } @$json], [], 'in the JSON');
};

subtest 'the page' => sub {
	write_rows('up,one,GOOD,12', 'down,two,BAD,3', 'maint,three,OFF,', 'plain,<4>,"?",x');
	my $html = page();
	my ($section) = $html =~ m{(<section class="module" id="t-things">.*?</section>)}s;
	ok($section, 'a section of its own') or diag $html;
	like($section, qr{<h2>Things &amp; more</h2>}, 'its title, escaped');
	like($section, qr{>State &lt;s&gt;</th>}, 'a column\'s');
	my @rows = $section =~ m{<tr data-r="t" (class="\w*" id="[^"]*")>}g;
	is_deeply(\@rows, ['class="up" id="t-things/one"', 'class="down" id="t-things/two"',
	    'class="maint" id="t-things/three"', 'class="" id="t-things/&lt;4&gt;"'],
	    'each row with its look');
	like($section, qr{<span class="st">GOOD</span></td><td>12</td></tr>}, 'cells');
	like($section, qr{<span class="st">&quot;\?&quot;</span>}, 'escaped');
	cmp_ok(index($html, 't-things'), '<', index($html, '<section id="p'), 'above the proxies');
	unlike($html, qr/Nothing here/, 'the other table has no rows');
};

subtest 'JSON and CSV' => sub {
	my $json = JSON::PP::decode_json(page(';json'));
	my @mine = grep { $_->[0]{objType} eq 'Things & more' } @$json;
	is(scalar @mine, 4, 'a row for each');
	is($json->[0][0]{objType}, 'Frontend', 'behind the proxies');
	is_deeply([map { [$_->{field}{name}, $_->{value}{type}, $_->{value}{value}] } @{ $mine[0] }],
	    [['thing', 'str', 'one'], ['state', 'str', 'GOOD'], ['sent', 'u64', 12]],
	    'typed values');
	is_deeply([map { $_->{field}{name} } @{ $mine[2] }], ['thing', 'state'],
	    'an empty cell is left out');
	is($mine[3][2]{value}{type}, 'str', 'what is no number is a text');
	unlike(page(';csv'), qr/things|one,|GOOD/i, 'CSV has HAProxy\'s fields only');
};

subtest 'many rows, full cells' => sub {
	write_rows((map { "up,row$_,GOOD,$_" } 1 .. 2000), 'plain,huge,,');
	my $html = page();
	is(scalar(() = $html =~ /id="t-things\/row/g), 2000, 'all rows');
	is(scalar(() = $html =~ /(?:&quot;){63}/g), 4, 'a cell that is too long ends');
	my $json = JSON::PP::decode_json(page(';json'));
	is(scalar(grep { $_->[0]{objType} eq 'Things & more' } @$json), 2001, 'and in JSON');
};

subtest 'two tables of one name' => sub {
	my $twice = module_dir();
	compile_module($twice, $_, module_source($_, '.stats_tables = tables', $code),
	    qq{-DROWS="$rows"}) for 'things', 'others';
	my $r = with_modules($twice, '-c', '-f', spew('t.cfg', defaults()
	    . "listen a\n    bind 127.0.0.1:1\n"));
	is($r->{code}, 1, 'refused');
	like($r->{all}, qr/'others' and 'things' both bring the statistics table 'empty'/, 'by name');
};

SKIP: {
	my $program = Tideway::Browser::find();
	skip 'chromium is not installed', 1 unless $program;

subtest 'in a browser' => sub {
	write_rows('up,one,GOOD,12', 'down,two,BAD,3');
	my $b = Tideway::Browser->new($program);
	$b->open('http://' . $p->addr('st') . '/');
	my $shown = '[...document.querySelectorAll("section tbody > tr:not(.details)")]'
	    . '.filter(e => !e.hidden && !e.closest("section").hidden)'
	    . '.map(e => e.id).join()';
	my $filter = sub { $b->js("(() => { const f = document.getElementById('filter');"
	    . "f.value = '$_[0]'; f.dispatchEvent(new Event('input')); return $shown; })()") };
	like($b->js($shown), qr{^t-things/one,t-things/two,.*b/alpha}, 'all is shown');
	is($filter->('two bad'), 't-things/two', 'the filter finds rows of a module');
	like($filter->('alpha'), qr{^b/alpha$}, 'and others');
	like($filter->(''), qr{^t-things/one,t-things/two,.*b/alpha}, 'all again');
};
}
stop_proxy($p);
done_testing;
