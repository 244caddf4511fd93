# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Lists of patterns that rules change (set-map, del-map, add-acl, del-acl), and
# the patterns of ACL lines, which commands change. What commands answer is
# compared with Debian's haproxy.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Expr qw(haproxy_path);

my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 'l');

# the same for both: entries' addresses and places
sub plain
{
	my ($text) = @_;

	$text =~ s/^0x[0-9a-f]+/REF/mg;
	$text =~ s/^\d+ \(\) acl 'var' file 'httpclient'.*\n//mg;
	$text =~ s/ file '[^']*'/ file 'F'/g;
	$text =~ s/ used by .*? (curr_ver)/ used $1/g;
	# HAProxy 2.6 counts a file's entries once for each user, and a mistake as one less
	$text =~ s/^([35] \(.*entry_cnt=)\d+/$1N/mg;
	$text =~ s/\n+\z/\n/;
	return $text;
}

my @commands = (
	'show acl', 'show map', (map { "show acl #$_" } 0 .. 12, 77), 'add acl #0 /new', 'show acl #0', 'add acl #0 /new',
	'show acl #0', 'del acl #0 /new', 'show acl #0', 'del acl #0 /none', 'clear acl #0', 'show acl #0', 'add acl #1 7',
	'add acl #1 9:12', 'show acl #1', 'add acl #3 x.y/z', 'add acl #3 10.0.0.0/8', 'show acl #3', 'prepare acl #2',
	'add acl @1 #2 /v1', 'show acl #2', 'show acl @1 #2', 'commit acl @1 #2', 'show acl #2', 'add acl #99 a', 'show acl',
);

sub commands
{
	my ($bin) = @_;
	my $sock = "$dir/" . ($bin eq binary() ? 't' : 'h') . '.sock';
	my $list = spew('cmd.lst', "/f1\n/f2\n");
	my $map = spew('cmd.map', "/k v\n");
	my $p = start_proxy("global\n    stats socket $sock level admin\n" . defaults() . "
frontend web
    bind {BIND:web}
    acl a path /x /y
    acl b req.hdr_cnt(x) gt 5 le 2
    acl a path_beg -i /Z \"/b c\"
    acl c src 127.0.0.0/8 ::1
    acl d src -u 77 10.1.2.3
    acl e path -m reg ^/e ^/f
    acl f path -f $list
    acl g path -i -f $list /own
    acl h path -m found
    acl i method GET POST
    acl j req.ver 1.0
    acl k path,map($map) v
    http-request set-header x-f 1 if a or b or c or d or e or f or g or h or i or j or k
    http-request deny if METH_CONNECT { path /anon } { path,map($map) -m str w }
    default_backend be
backend be
    server s ${\ $o->addr}\n", bin => $bin);
	my $log = join '', map { "> $_\n" . plain(cli_ask($sock, $_)) } @commands;

	stop_proxy($p);
	return $log;
}

subtest 'commands for lines, compared' => sub {
	plan(skip_all => 'haproxy is not installed') unless haproxy_path();
	my $want = commands(haproxy_path());
	my $got = commands(binary());

	my @want = split /^(?=> )/m, $want;
	my @got = split /^(?=> )/m, $got;
	is($got[$_], $want[$_], $commands[$_]) for 0 .. $#commands;
};

my $sock = "$dir/lists.sock";
my $keys = spew('keys.map', "/k0 v0\n");
my $nets = spew('nets.lst', "192.0.2.0/24\n");
my $paths = spew('paths.lst', "/p0\n");
my $p = start_proxy("global\n    nbthread 2\n    stats socket $sock level admin\n" . defaults() . "
frontend web
    bind {BIND:web}
    acl line path /line
    acl other path /o1
    acl other path /o2
    acl beg path_beg /beg
    acl num req.hdr_cnt(x) gt 1
    acl net hdr_ip(ip) 192.0.2.0/24
    acl listed path -f $paths
    acl netted hdr_ip(ip) -f $nets
    http-request set-map($keys) %[path] %[hdr(set)] if { hdr(set) -m found }
    http-request del-map($keys) %[path] if { hdr(del) -m found }
    http-request add-acl($paths) %[hdr(addacl)] if { hdr(addacl) -m found }
    http-request del-acl($paths) %[hdr(delacl)] if { hdr(delacl) -m found }
    http-request add-acl($nets) %[hdr(addnet)] if { hdr(addnet) -m found }
    http-request set-map(virt\@int) %[hdr(setint)] %[hdr(val)] if { hdr(setint) -m found }
    http-after-response set-map(virt\@after) %[status] seen
    http-response set-map(virt\@res) k%[status] seen
    http-response add-acl(virt\@resacl) s%[status]
    http-response del-map(virt\@res) k201
    http-request return status 200 hdr map \"%[path,map($keys,-)]\" hdr line \"%[path,map(virt\@after,-)]\" hdr acls \"%[var(txn.a)]\" hdr int \"%[hdr(val),map_str_int(virt\@int,0)]\" hdr after \"%[str(200),map(virt\@after,-)]\" hdr res \"%[str(k200),map(virt\@res,-)]\" if !{ path_beg /pass } !{ path_beg /acl }
    http-request set-var-fmt(txn.acls) 'line' if line
    http-request set-var-fmt(txn.acls) '%[var(txn.acls)] other' if other
    http-request set-var-fmt(txn.acls) '%[var(txn.acls)] beg' if beg
    use_backend be
backend be
    http-request return status 204 if { path -f virt\@resacl }
    server s ${\ $o->addr}
frontend acls
    bind {BIND:acls}
    acl line path /line
    acl other path /o1
    acl other path /o2
    acl beg path_beg /beg
    acl num req.hdr_cnt(x) gt 1
    acl net hdr_ip(ip) 192.0.2.0/24
    acl listed path -f $paths
    acl netted hdr_ip(ip) -f $nets
    http-request set-var-fmt(txn.a) ' line' if line
    http-request set-var-fmt(txn.a) '%[var(txn.a)] other' if other
    http-request set-var-fmt(txn.a) '%[var(txn.a)] beg' if beg
    http-request set-var-fmt(txn.a) '%[var(txn.a)] num' if num
    http-request set-var-fmt(txn.a) '%[var(txn.a)] net' if net
    http-request set-var-fmt(txn.a) '%[var(txn.a)] listed' if listed
    http-request set-var-fmt(txn.a) '%[var(txn.a)] netted' if netted
    http-request return status 200 hdr acls \"%[var(txn.a)]\"
frontend runs
    bind {BIND:runs}
" . join('', map { "    use_backend b$_ if { path /r$_ }\n" } 1 .. 6) . "    default_backend b6\n"
    . join '', map { "backend b$_\n    http-request return status 200 hdr to b$_\n" } 1 .. 6);

sub ask
{
	my ($name, $path, %field) = @_;
	my $r = $p->request($name, "GET $path HTTP/1.1\r\nHost: x\r\n"
	    . join('', map { "$_: $field{$_}\r\n" } sort keys %field) . "Connection: close\r\n\r\n");

	return $r;
}

sub field { return ask(@_[1 .. $#_])->header($_[0]) // '' }

sub id_of
{
	my ($text) = @_;
	my $line = 0;
	my ($n) = cli_ask($sock, 'show acl') =~ /^(\d+) \(\) acl '\Q$text\E'/m;

	return "#$n";
}

subtest 'maps' => sub {
	is(field('map', 'web', '/k0'), 'v0', 'of the file');
	is(field('map', 'web', '/new', set => 'n1'), 'n1', 'set: the next rule of the same request sees it');
	is(field('map', 'web', '/new'), 'n1', 'so does the next request');
	is(field('map', 'web', '/k0', set => 'changed'), 'changed', 'another value');
	is(field('map', 'web', '/k0', set => 'changed'), 'changed', 'the same again');
	like(cli_ask($sock, "show map $keys"), qr/^0x\S+ \/k0 changed\n0x\S+ \/new n1\n/, 'as commands show it');
	is(field('map', 'web', '/k0', del => 1), '-', 'del-map');
	is(field('map', 'web', '/k0', del => 1), '-', 'what is gone is deleted in vain');
	is(cli_ask($sock, "add map $keys /cli c"), "\n", 'a command');
	is(field('map', 'web', '/cli', set => 'r'), 'r', 'what a command made, a rule changes');
	is(field('int', 'web', '/', setint => 'a', val => '17'), '0', 'a map of numbers: looks for 17');
	is(field('int', 'web', '/', val => 'a'), '17', 'and the number is there');
	is(field('int', 'web', '/', setint => 'a', val => 'junk'), '0', 'what is no number is not taken');
	is(field('int', 'web', '/', val => 'a'), '17', 'the number stays');
	is(field('after', 'web', '/'), 'seen', 'http-after-response set-map');
	is(ask('web', '/pass')->status, 200, 'through the server');
	is(field('res', 'web', '/'), 'seen', 'http-response set-map');
};

subtest 'ACLs' => sub {
	is(field('acls', 'acls', '/p0'), 'listed', 'of the file');
	is(field('acls', 'acls', '/p1'), '', 'not there');
	ask('web', '/', addacl => '/p1');
	is(field('acls', 'acls', '/p1'), 'listed', 'add-acl');
	ask('web', '/', addacl => '/p1');
	is(scalar(() = cli_ask($sock, "show acl $paths") =~ m{ /p1$}mg), 1, 'only once');
	ask('web', '/', delacl => '/p0');
	is(field('acls', 'acls', '/p0'), '', 'del-acl');
	ask('web', '/', addnet => '198.51.100.0/24');
	is(field('acls', 'acls', '/', ip => '198.51.100.9'), 'netted', 'a network');
	ask('web', '/', addnet => 'junk');
	is(field('acls', 'acls', '/', ip => '198.51.100.9'), 'netted', 'junk is not taken');
	is(field('acls', 'acls', '/', ip => '192.0.2.1'), 'net netted', 'the others stay');
};

subtest 'patterns of lines' => sub {
	my @ids = cli_ask($sock, 'show acl') =~ /^(\d+) \(\) acl 'path' file '[^']*' line \d+\. curr_ver=0 next_ver=0 entry_cnt=1$/mg;
	my ($fe) = grep { cli_ask($sock, "show acl #$_") =~ m{ /line$}m } reverse @ids;
	my ($run) = grep { cli_ask($sock, "show acl #$_") =~ m{ /r3$}m } @ids;

	is(field('acls', 'acls', '/line'), 'line', 'as written');
	is(cli_ask($sock, "add acl #$fe /more"), "\n", 'add');
	is(field('acls', 'acls', '/more'), 'line', 'matches');
	is(field('acls', 'acls', '/line'), 'line', 'the first still does');
	is(cli_ask($sock, "del acl #$fe /line"), "\n", 'del');
	is(field('acls', 'acls', '/line'), '', 'matches no more');
	is(cli_ask($sock, "clear acl #$fe"), "\n", 'clear');
	is(field('acls', 'acls', '/more'), '', 'nothing matches');
	is(field('acls', 'acls', '/o2'), 'other', 'another ACL is as it was');
	is(field('to', 'runs', '/r3'), 'b3', 'use_backend, many rules');
	is(cli_ask($sock, "add acl #$run /also"), "\n", 'one of them gets a pattern');
	is(field('to', 'runs', '/also'), 'b3', 'which counts');
	is(field('to', 'runs', '/r5'), 'b5', 'the others are as they were');
	is(cli_ask($sock, "del acl #$run /r3"), "\n", 'and loses one');
	is(field('to', 'runs', '/r3'), 'b6', 'which counts, too');
};

subtest 'while others read' => sub {
	my @pids;

	for my $n (1 .. 3) {
		my $pid = fork // die;
		if ($pid == 0) {
			for my $i (1 .. 40) {
				ask('web', "/w$n-$i", set => "x$i", addacl => "/a$n-$i");
				ask('web', "/w$n-$i", del => 1, delacl => "/a$n-$i") if $i % 2;
				cli_ask($sock, "add map $keys /c$n-$i v") if $i % 5 == 0;
			}
			POSIX::_exit(0);
		}
		push @pids, $pid;
	}
	for my $i (1 .. 60) {
		my $got = field('map', 'web', '/w1-2');
		$got =~ /^(-|x2)$/ or fail("'$got'");
		field('acls', 'acls', '/a1-2');
	}
	for (@pids) {
		waitpid $_, 0;
		is($?, 0, 'done');
	}
	for my $n (1 .. 3) {
		is(field('map', 'web', "/w$n-40"), 'x40', 'set');
		is(field('map', 'web', "/w$n-39"), '-', 'deleted');
		is(field('acls', 'acls', "/a$n-40"), 'listed', 'added');
		is(field('acls', 'acls', "/a$n-39"), '', 'taken out');
	}
};
stop_proxy($p);

subtest 'mistakes' => sub {
	my @cases = (
		['http-request set-map %[path] x', qr/'set-map' needs its arguments in parentheses: write 'set-map\(\.\.\.\)'/, 1],
		['http-request set-map() %[path] x', qr/'set-map\(\)' expects the name of a file of patterns/, 1],
		["http-request set-map($keys)", qr/'http-request set-map\(\S+ expects a log-format for the key/, 1],
		["http-request set-map($keys) a", qr/expects a log-format for the value, behind the key's/, 1],
		["http-request set-map($keys) a if TRUE", qr/expects a log-format for the value/, 1],
		["http-request del-map($keys) a b", qr/expects 'if' or 'unless'/, 1],
		["http-request add-acl($keys) %[none]", qr/unknown fetch|none/, 1],
		["http-request set-map($keys) a b", qr/no map uses '\Q$keys\E', so this rule does nothing/, 0],
		["http-request add-acl(none) a", qr/no ACL uses 'none', so this rule does nothing/, 0],
		["http-after-response add-acl($keys) a", qr/'http-after-response add-acl.*not supported by tideway in this place/, 1],
		["tcp-request content set-map($keys) a b", qr/not supported by tideway in this place/, 1],
		["acl a path -u 3 /a\n    acl b path -u 3 /b\n    http-request deny if a b", qr/-u 3 is the number of the patterns at /, 1],
	);
	for my $case (@cases) {
		my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    $case->[0]\n    http-request deny\n");
		like($r->{all}, $case->[1], $case->[0]);
		is($r->{code}, $case->[2], 'code');
	}
};

done_testing;
