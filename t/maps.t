# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Pattern files: maps of every kind, ACLs with -f, and the commands that change
# them while requests go on. Values are compared with Debian's haproxy.
use Tideway::Test;
use Tideway::Expr;
use Tideway::Cli;
use IO::Socket::UNIX;

my $dir = Tideway::Test::temp_dir();
my %file = (
	str => "# a comment\n\n  one   first value  \ntwo second\none again\nnum 12\nip 10.0.0.1\nempty\ncase C\n",
	beg => "/ root\n/a a\n/a/b/ deep\n/a/b nodeep\n/a twice\n",
	end => ".php p\nx.php xp\n.html h\n.p.html ph\n",
	sub => "bar one\nfoo two\nfoobar three\nz four\n",
	dir => "img pictures\nimg/big large\ncss style\n/js/ script\n",
	dom => "example.org ex\nwww wild\norg top\n",
	reg => "^/a(.*)b\$ ab\\1\n^/a one\n[0-9]+ digits\n^/x/([a-z]+)/([0-9]+) \\2-\\1\n",
	int => "1:9 small\n5 five\n100: large\n",
	int_apart => "1:9 small\n20 twenty\n100: large\n",
	ip => "10.0.0.0/8 ten\n10.1.0.0/16 tenone\n10.1.2.3 host\n0.0.0.0/0 any\n192.168.0.0/16 home\n2001:db8::/32 doc\n2001:db8:1::/48 docone\n",
	num => "one 1\ntwo 2\nminus -7\n",
	addr => "a 192.0.2.1\nb 2001:db8::9\n",
);
my %path = map { $_ => spew("$_.map", $file{$_}) } keys %file;
my @many = map { "key$_ value$_\n" } 1 .. 3000;
$path{many} = spew('many.map', join '', @many);
my @many_dom = map { "host$_.example.net d$_\n" } 1 .. 2000;
$path{many_dom} = spew('many_dom.map', join '', @many_dom);

sub rows
{
	my ($conv, $file, @keys) = @_;

	return map { my $k = $_; ("str('$k'),$conv($path{$file})", "str('$k'),$conv($path{$file},dflt)") } @keys;
}

my @rows = (
	rows('map', 'str', qw(one two none num empty case Case), ''), rows('map_str', 'str', 'one', 'x'),
	rows('map_beg', 'beg', '/', '/a', '/ab', '/a/b', '/a/b/', '/a/b/c', 'x', ''),
	rows('map_end', 'end', 'a.php', 'x.php', 'a.html', 'a.p.html', 'php', ''),
	rows('map_sub', 'sub', 'foobar', 'xfoox', 'barfoo', 'z', 'none'),
	rows('map_dir', 'dir', '/img/x', '/a/img', '/img/big/x', '/imgs', '/a/css/b?img', '/js', '/x/js/y'),
	rows('map_dom', 'dom', 'example.org', 'www.example.org', 'www.x', 'a.org', 'example.organ', 'forge', 'notexample.org'),
	rows('map_reg', 'reg', '/axb', '/ax', '/9', 'none'),
	rows('map_regm', 'reg', '/axyzb', '/x/abc/42', 'none'),
	(map { my $n = $_; map { "int($n),map_int($path{$_})" } qw(int int_apart) } 0, 1, 5, 9, 10, 20, 99, 100, 5000),
	(map { "ipv4($_),map_ip($path{ip})" } qw(10.9.9.9 10.1.9.9 10.1.2.3 10.1.2.4 11.0.0.1 192.168.3.4 255.255.255.255 0.0.0.0)),
	(map { "ipv6($_),map_ip($path{ip})" } qw(2001:db8::1 2001:db8:1::1 2001:db9::1 ::ffff:10.1.2.3)),
	(map { "str($_),map_ip($path{ip},none)" } qw(10.1.2.3 2001:db8::1)),
	(map { ("str($_),map_str_int($path{num})", "str($_),map_str_int($path{num},5)") } qw(one two minus none)),
	"str(one),map_str_int($path{num}),add(1)",
	["str(/a/b/c),map_beg_key($path{beg})", '/a/b/'], ["str(10.1.9.9),map_ip_key($path{ip})", '10.1.0.0/16'],
	["int(5),map_int_key($path{int})", '1:9'], ["str(two),map_str_key($path{str})", 'two'], ["str(none),map_str_key($path{str})", ''],
	["str(/axb),map_reg_key($path{reg}),length", 9], ["str(www.x),map_dom_key($path{dom})", 'www'],
	(map { ("str($_),map_str_ip($path{addr})", "str($_),map_str_ip($path{addr},198.51.100.7)") } qw(a b none)),
	(map { "str($_),map($path{many})" } qw(key1 key1500 key3000 key3001)),
	(map { "str($_),map_dom($path{many_dom},no)" } qw(host1.example.net a.host77.example.net.b host2000.example.net host2001.example.net)),
	(map { "str($_),map_sub($path{many},no)" } qw(xkey2999x key0 kkey17)),
	(map { "str($_),map_beg($path{many},no)" } qw(key2999x key0 key17)),
	(map { "str($_),map_end($path{many},no)" } qw(xkey2999 key0 key17)),
	["str(x),map(opt\@$dir/none.map,d)", 'd'], ["str(one),map(opt\@$path{str})", 'first value'], ['str(x),map(virt@v,d)', 'd'],
	["str(one),map(file\@$path{str})", 'first value'],
);
subtest 'values' => sub { compare_rows(\@rows) };

subtest 'mistakes' => sub {
	my $bad_int = spew('bad_int.map', "one 1\ntwo x\n");
	my $bad_re = spew('bad_re.map', "a 1\n\n([ 2\n");
	my @cases = (
		["map($dir/none)", qr/'map': cannot open the pattern file '\Q$dir\E\/none': No such file/],
		["map_str_int($bad_int)", qr/the value 'x' is not a number, at line 2 of file '\Q$bad_int\E'/],
		["map_reg($bad_re)", qr/regular expression '\(\[' is not valid: .*, at line 3 of file/],
		["map_str_int($path{num},x)", qr/'x' is not a number/],
		["map_str_ip($path{addr},x)", qr/the default 'x' is not an address/],
		['map', qr/'map' needs a string as argument 1/],
		["map($path{str},a,b)", qr/takes no more arguments/],
		["map_beg_bin($path{str})", qr/unknown converter 'map_beg_bin'/],
	);
	for my $case (@cases) {
		my $r = check_config("global\n    log 127.0.0.1 local0\n" . defaults('log global')
		    . "frontend f\n    bind 127.0.0.1:1\n    log-format '%[str(a),$case->[0]]'\n");
		like($r->{all}, $case->[1], $case->[0]);
		is($r->{code}, 1, 'refused');
	}
};

my $o = origin(name => 'm');
my $hosts = spew('hosts.lst', "# hosts\none.example\n  two.example\n");
my $nets = spew('nets.lst', "127.0.0.0/8\n");
my $keys = spew('keys.map', "/k1 v1\n/k2 v2\n");
my $routes = spew('routes.map', "/a a\n/b b\n");
my $log = syslog_unix();
my $sock = "$dir/maps.sock";
my $p = start_proxy("global\n    log $log->{addr} local0\n    stats socket $sock level admin\n"
    . defaults('log global') . "
frontend web
    bind {BIND:web}
    log-format 'to=%b map=%[path,map_beg($routes,none)] virt=%[path,map(virt\@live,none)]'
    acl host hdr(host) -f $hosts three.example
    acl net src -f $nets
    acl key path -M -f $keys
    acl nocase hdr(host) -i -f $hosts
    acl live path -f virt\@paths
    use_backend hosts if host net
    use_backend keys if key
    use_backend nocase if nocase
    use_backend live if live
    default_backend main
" . join '', map { "backend $_\n    server s ${\ $o->addr}\n" } qw(main hosts keys nocase live));

sub ask
{
	my ($path, $host) = @_;

	$p->request('web', "GET $path HTTP/1.1\r\nHost: " . ($host // 'x') . "\r\nConnection: close\r\n\r\n");
	return $log->next_line->{msg} =~ s/\s+\z//r;
}

sub command
{
	my $s = IO::Socket::UNIX->new(Peer => $sock) or return 'no connection';

	$s->syswrite("$_[0]\n");
	return answer($s) =~ s/\[end\]\z//r;
}

subtest 'files of ACLs' => sub {
	like(ask('/', 'one.example'), qr/^to=hosts /, 'first line');
	like(ask('/', 'two.example'), qr/^to=hosts /, 'blanks before a pattern');
	like(ask('/', 'three.example'), qr/^to=hosts /, 'a pattern in the line');
	like(ask('/', 'TWO.example'), qr/^to=nocase /, '-i');
	like(ask('/k2', 'x'), qr/^to=keys /, '-M: the first word');
	like(ask('/v2', 'x'), qr/^to=main /, 'not the value');
};

subtest 'commands' => sub {
	my $list = command('show map');
	like($list, qr/^# id \(file\) description\n/, 'head');
	like($list, qr/^(\d+) \(\Q$routes\E\) pattern loaded from file '\Q$routes\E' used by map at file '.*' line \d+\. curr_ver=0 next_ver=0 entry_cnt=2$/m, 'a map');
	like(command('show acl'), qr/\(\Q$hosts\E\).* used by acl .*entry_cnt=2/, 'an ACL');
	like(command("show map $routes"), qr/^0x[0-9a-f]+ \/a a\n0x[0-9a-f]+ \/b b\n/, 'entries');
	like(ask('/c'), qr/map=none/, 'not there');
	is(command("add map $routes /c c"), "\n", 'add');
	like(ask('/c'), qr/map=c /, 'there');
	is(command("set map $routes /c other"), "\n", 'set');
	like(ask('/c'), qr/map=other /, 'changed');
	like(command("get map $routes /c"), qr/^type=beg, case=sensitive, match=yes, key="\/c", value="other"$/m, 'get');
	is(command("del map $routes /c"), "\n", 'del');
	like(ask('/c'), qr/map=none/, 'gone');
	like(command("del map $routes /c"), qr/^Key not found\.$/m, 'no such key');
	like(command('show map none'), qr/^Unknown map identifier\. Please use #<id> or <file>\.$/m, 'no such map');
	my ($id) = $list =~ /^(\d+) \(\Q$routes\E\)/m;
	is(command("add map #$id <<\n/d d1\n/e e 1\n"), "\n", 'many lines');
	like(ask('/d'), qr/map=d1 /, 'the first');
	like(ask('/e'), qr/map=e\\? 1 |map=e 1 /, 'the second, with a blank');
	my ($ref) = command("show map #$id") =~ /^(0x\S+) \/d /m;
	is(command("del map #$id #$ref"), "\n", 'by reference');
	like(ask('/d'), qr/map=none/, 'gone');
	is(command('add map virt@live /new yes'), "\n", 'a virtual map');
	like(ask('/new'), qr/virt=yes/, 'has the entry');
	is(command('add acl virt@paths /live'), "\n", 'a virtual ACL');
	like(ask('/live'), qr/^to=live /, 'matches');
	like(command("add acl $nets x.y/z"), qr/'x\.y\/z' is not a valid IPv4 or IPv6 address/, 'a bad pattern');
	like(ask('/', 'one.example'), qr/^to=hosts /, 'changed nothing');
	is(command("clear acl $hosts"), "\n", 'clear');
	like(ask('/', 'one.example'), qr/^to=main /, 'matches no more, and nowhere');
	like(ask('/', 'three.example'), qr/^to=hosts /, 'but what stands in the line');
};

subtest 'transactions' => sub {
	like(command("prepare map $routes"), qr/^New version created: 1$/m, 'prepare');
	is(command("add map \@1 $routes /n new"), "\n", 'add to it');
	like(ask('/n'), qr/map=none/, 'not in force');
	like(ask('/a'), qr/map=a /, 'the old one is');
	like(command("show map \@1 $routes"), qr/\/n new/, 'shown');
	is(command("commit map \@1 $routes"), "\n", 'commit');
	like(ask('/n'), qr/map=new /, 'in force');
	like(ask('/a'), qr/map=none/, 'the old one is gone');
	like(command("commit map \@9 $routes"), qr/^Version number out of range\.$/m, 'no such version');
};

subtest 'while requests go on' => sub {
	my $pid = fork // die;

	if ($pid == 0) {
		command("add map virt\@live /r$_ x$_") for 1 .. 60;
		command("clear map virt\@live") for 1 .. 5;
		POSIX::_exit(0);
	}
	for my $i (1 .. 60) {
		my $got = ask("/r$i");
		$got =~ /virt=(none|x$i)$/ or fail("request $i: $got");
	}
	waitpid $pid, 0;
	is($?, 0, 'all changes were made');
};
stop_proxy($p);

done_testing;
