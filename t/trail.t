# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Trails of live traffic: the keyword `trail`, the commands `trail` and `show
# trail`, and that they tell what `tideway explain` tells.
use Tideway::Test;
use Tideway::Cli;
use JSON::PP ();
use POSIX ();

my $log = syslog_unix();
my $quiet = syslog_unix();
my $o = origin(name => 's1');
my $config = <<"END";
global
    stats socket {DIR}/ctl level admin
    stats socket {DIR}/user level user
    nbthread 1
    log $log->{addr} local0 debug
ring kept
    size 65536
    format raw
${\ defaults('log global') }
frontend web
    bind {BIND:web}
    acl bad path /admin
    acl number hdr_cnt(x) gt 1
    trail if { hdr(x-trail) 1 }
    trail ring kept log unless !{ path /to-ring } or { hdr(x-trail) 0 }
    tcp-request content set-var(txn.c) str(content)
    http-request deny if bad
    http-request set-header X-A b if number
    http-request replace-path /api/(.*) /\\1
    http-request set-var(txn.p) path if { path_beg /v }
    http-request set-var(txn.bytes) hdr(x-bytes) if { path /bytes }
    use_backend told if { path_end .told }
    use_backend other if { path /other }
    default_backend be
backend be
    http-request add-header X-B c
    http-response set-header X-R d if { status 200 }
    server s1 ${\ $o->addr}
backend told
    trail ring kept if { path /ring.told }
    trail
    http-request add-header X-T t
    use-server s2 if { path /2.told }
    server s1 ${\ $o->addr}
    server s2 ${\ $o->addr}
backend other
    balance hdr(x-key)
    cookie SRV insert
    server s1 ${\ $o->addr} cookie one
    server s2 ${\ $o->addr} cookie two
frontend plain
    bind {BIND:plain}
    http-request set-header X-P p
    default_backend be
frontend many
    bind {BIND:many}
    trail
${\ join '', map { "    http-request set-header X-$_ " . ('v' x 60) . "\n" } 1 .. 90 }
${\ join '', map { "    http-request set-header X-$_ " . ('w' x 60) . "\n" } 1 .. 90 }
    default_backend be
defaults both
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
    trail if { path_beg /why }
listen inherits from both
    bind {BIND:inherits}
    http-request set-header X-I i
    server s1 ${\ $o->addr}
frontend raw from both
    mode tcp
    bind {BIND:raw}
    trail if { src 127.0.0.0/8 }
    tcp-request inspect-delay 1s
    tcp-request content accept if { req.payload(0,3) -m str GET }
    default_backend rawbe
backend rawbe from both
    mode tcp
    server s1 ${\ $o->addr}
END
my $p = start_proxy($config, args => ['-W']);

sub ctl { cli_ask("$p->{dir}/ctl", "@_") }
sub get { my ($fe, $uri, @h) = @_; $p->request($fe, join '', map { "$_\r\n" }
    "GET $uri HTTP/1.1", 'Host: a', @h, 'Connection: close', '') }
sub trails { my (@what) = @_; JSON::PP->new->latin1->decode(ctl('show trail', @what, 'json')) }
# the last one, when it is of this request and not the one with this number
sub last_of
{
	my ($uri, $not) = @_;
	my $t;

	wait_until { $t = (trails())->[-1]; $t && $t->{id} != ($not // -1)
	    && ($t->{request} // '') =~ /^GET \Q$uri\E / };
	return $t;
}
# the text of the last one
sub text_of
{
	my ($uri) = @_;
	my $text;

	wait_until { ($text) = ctl('show trail') =~ /.*^(# trail [^\n]*\nGET \Q$uri\E .*)/ms };
	return $text // '';
}

is(ctl('show trail'), "\n", 'none at first');
get('web', '/to-ring', 'X-Trail: 0');
get('web', '/api/a', 'X-Trail: 1', 'X: 1', 'X: 2');
my $text = text_of('/api/a');
like($text, $_) for qr/^# trail \d+, frontend web, worker 1, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/m,
    qr/^  from 127\.0\.0\.1:\d+, to frontend web \(proxy\.cfg:\d+, bind /m,
    qr/^tcp-request content of frontend web\n  yes   proxy\.cfg:\d+  .*\n +txn\.c +  = "content"$/m,
    qr/^http-request of frontend web\n  no    proxy\.cfg:\d+  http-request deny if bad\n +bad +false  path "\/api\/a" is none of \/admin  \(proxy\.cfg:\d+\)$/m,
    qr/^ +number +true   hdr_cnt\(x\) "2" is gt 1  \(proxy\.cfg:\d+\)\n +X-A +  = "b"$/m,
    qr/^ +target +  "\/api\/a" -> "\/a"$/m,
    qr/^  no    .*use_backend told .*\n +\{ \} +false  path_end "\/a" ends with none of \.told$/m,
    qr/^  backend be  by default_backend  \(proxy\.cfg:\d+\)$/m,
    qr/^http-request of backend be\n  yes   .*\n +X-B +  = "c"$/m,
    qr/^  server s1  by balance roundrobin/m,
    qr/^http-response of backend be\n  yes   .*\n +\{ \} +true   status "200" is 200\n +X-R +  = "d"$/m,
    qr/^  -> be\/s1 \(\Q${\ $o->addr}\E\), status 200, ----, \d+ ms$/m;
is(scalar @{ trails() }, 1, 'one request had a trail, the other none');
is(scalar @{ trails('plain') }, 0, 'show trail of another frontend');
is(scalar @{ trails('web') }, 1, 'and of this one');

# the same as explain says
sub steps { map { my %s = %$_; delete @s{qw(file)}; \%s } @{ $_[0]{steps} } }
for my $case (['/api/a', 'X-Trail: 1', 'X: 1', 'X: 2'], ['/admin', 'X-Trail: 1'], ['/v1', 'X-Trail: 1'],
    ['/other', 'X-Trail: 1', 'X-Key: a'], ['/other', 'X-Trail: 1', 'Cookie: SRV=two'],
    ['/2.told', 'X-Trail: 1'], ['/1.told', 'X-Trail: 1']) {
	my ($uri, @h) = @$case;
	my $before = trails()->[-1]{id};
	my $r = get('web', $uri, @h);
	my $live = last_of($uri, $before);
	my $x = JSON::PP->new->latin1->decode(run_cmd('explain', '-f', $p->{cfg}, '--frontend', 'web',
	    '--src', $live->{src}, '--json', "GET $uri HTTP/1.1", (map { ('-H', $_) } 'Host: a', @h,
	    'Connection: close'), '--response', 'HTTP/1.1 200 OK', '-h', 'Content-Length: 3', '-h', 'X-Server: s1',
	    '--response-body', "s1\n")->{out})->[0];

	is_deeply([ steps($live) ], [ steps($x) ], "$uri: the steps that explain tells");
	is($live->{status}, $r->status, "$uri: its status");
}

get('web', '/by.told', 'X-Trail: 0');
$text = text_of('/by.told');
like($text, qr/^GET .*\n  from .*\n  backend told  by use_backend  \(.*\)\n\nhttp-request of backend told\n/m,
    "a backend's trail begins there");
unlike($text, qr/deny if bad/, 'and not before');
get('web', '/to-ring');
like(text_of('/to-ring'), qr/deny if bad/, 'the second line of two');
my $ring = ctl('show events kept');
like($ring, qr/^trail (\d+): GET \/to-ring HTTP\/1\.1\n(?:trail \1: .*\n)*trail \1: +-> be\/s1 .*status 200/m,
    'to a ring, line by line');
get('web', '/ring.told', 'X-Trail: 1');
last_of('/ring.told');
like(ctl('show events kept'), qr/: GET \/ring\.told /, "a backend's line says where else it goes");
my $line = $log->next_match(qr/^trail \d+: GET /);
like($line->{msg} // '', qr/^trail \d+: GET \/to-ring/, 'to the log, and only what is to go there');
is($line->{pri} // '', 16 * 8 + 7, 'level debug');

# what does not fit
get('many', '/many');
like(text_of('/many'), qr/the rest did not fit into this trail\)\n\n  -> be\/s1 /, 'a trail is bounded');
is(last_of('/many')->{full}, JSON::PP::true(), 'and says so in JSON');

# defaults, listen, tcp
get('inherits', '/why');
like(text_of('/why'), qr/^http-request of listen inherits\n  yes .*\n +X-I +  = "i"$/m, 'a line of a defaults section');
get('inherits', '/not');
unlike(ctl('show trail'), qr/GET \/not /, 'whose condition does not hold');
my $c = $p->client('raw');
$c->send("GET /raw HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
$c->read_message;
$c->close;
ok((wait_until { ctl('show trail raw') =~ /^connection\n.*^tcp-request content of frontend raw\n  last .*\n.*true   req\.payload\(0,3\) "GET" is GET\n.*-> rawbe\/s1/ms }),
    'mode tcp');

# hostile bytes
get('web', '/bytes', 'X-Trail: 1', "X-Bytes: \xc3\xa4 \xff\xc3\"\\");
like(text_of('/bytes'), qr/ txn\.bytes +  = "\xc3\xa4 \\xff\\xc3"\\"$/m, 'bytes that are no text are escaped');
like(JSON::PP->new->encode(trails('web')->[-1]), qr/txn\.bytes/, 'in JSON, too');

# ---- at run time ----

like(ctl('trail'), qr/^Usage: trail <frontend>/, 'trail: its usage');
like(ctl('trail plain'), qr/^Usage: trail/, 'trail: neither on nor off');
like(ctl('trail plain on count'), qr/^Usage: trail/, 'trail: no number');
like(ctl('trail plain on count 0'), qr/^'count' takes a number from 1 to/, 'trail: a bad number');
like(ctl('trail plain off count 3'), qr/^Usage: trail/, 'trail: off counts nothing');
like(ctl('trail nobody on'), qr/^No such frontend: 'nobody'/, 'trail: no such frontend');
like(ctl('trail be on'), qr/^No such frontend: 'be'/, 'trail: a backend');
like(ctl('show trail nobody'), qr/^No such frontend/, 'show trail: no such frontend');
like(ctl('show trail a b'), qr/^Usage: show trail/, 'show trail: too many words');
like(cli_ask("$p->{dir}/user", 'show trail'), qr/^Permission denied/, 'show trail is not for everyone');
like(cli_ask("$p->{dir}/user", 'trail plain on'), qr/^Permission denied/, 'nor is trail');

get('plain', '/p0');
is(ctl('trail plain on count 2'), "\n", 'two of them');
get('plain', "/p$_") for 1 .. 4;
wait_until { @{ trails('plain') } >= 2 };
is(join(' ', map { $_->{request} =~ /(\/p\d)/ } @{ trails('plain') }), '/p1 /p2', 'the next two have a trail');
ctl('trail plain on');
get('plain', "/q$_") for 1 .. 3;
wait_until { @{ trails('plain') } >= 5 };
ctl('trail plain off');
get('plain', '/r');
get('web', '/end', 'X-Trail: 1');
last_of('/end');
is(join(' ', map { $_->{request} =~ /(\/\w\d?) / } @{ trails('plain') }), '/p1 /p2 /q1 /q2 /q3', 'on until off');
ctl('trail plain on');
get('plain', "/s$_") for 10 .. 50;
ok((wait_until { trails()->[-1]{request} =~ /s50/ }), 'the newest is there');
ok(@{ trails() } <= 16, 'the last few are kept');
my $n = @{ trails() };

# a reload
$p->write_config($config =~ s/set-header X-P p/set-header X-P q/r);
kill 'USR2', $p->pid;
ok((wait_until { my $r = get('plain', '/t') && trails()->[-1]; $r && "@{[ map { $_->{text} // '' } @{ $r->{steps} } ]}" =~ /X-P q/ }),
    'trails follow a reload, and what was switched on stays so');
cmp_ok(scalar @{ trails() }, '>=', $n - 1, 'those from before are still there');
stop_proxy($p);

# ---- many at once ----

$p = start_proxy("global\n    stats socket {DIR}/ctl level admin\n    nbthread 3\n" . defaults() . "
frontend web
    bind {BIND:web}
    trail if { path_end 0 5 }
    http-request set-header X-P a if { path_end 5 }
    default_backend be
frontend plain
    bind {BIND:plain}
    default_backend be
backend be
    server s1 ${\ $o->addr}
");
my @clients = map {
	my $k = $_;
	my $pid = fork // die;

	if ($pid == 0) {
		my $ok = 1;

		for my $i (1 .. 40) {
			my $r = get($k % 2 ? 'web' : 'plain', "/$k-$i");
			$ok &&= $r && $r->status == 200;
		}
		POSIX::_exit($ok ? 0 : 1);
	}
	$pid;
} 1 .. 4;
my $bad = 0;
for my $pid (@clients) {
	while (waitpid($pid, POSIX::WNOHANG()) == 0) {
		ctl('trail plain on count 3');
		JSON::PP->new->latin1->decode(ctl('show trail json'));
		ctl('trail plain off');
	}
	$bad++ if $?;
}
is($bad, 0, 'trails while they are switched and shown');
ok(@{ trails() } > 0, 'some were kept');
stop_proxy($p);

# ---- what is refused ----

my $fe = defaults() . "frontend f\n    bind 127.0.0.1:0\n    default_backend b\n    ";
my $be = "\nbackend b\n    server s 127.0.0.1:1\nring r\n    size 4096\n";
for my $case (['trail somewhere', qr/'trail' expects 'log', 'ring <name>', or 'if' or 'unless' followed by a condition, not 'somewhere'/],
    ['trail ring', qr/the name of a ring is expected after 'ring'/],
    ['trail ring nowhere', qr/there is no ring 'nowhere', which a 'trail' line names/],
    ['trail ring r ring r', qr/a trail goes to one ring only/],
    ['trail if', qr/an ACL is expected after 'if'/],
    ['trail if nobody', qr/no such ACL: 'nobody'/]) {
	my ($line, $re) = @$case;
	my $r = check_config($fe . $line . $be);

	isnt($r->{code}, 0, "$line: refused");
	like($r->{all}, $re, "$line: and why");
}
is(check_config($fe . $_ . $be)->{code}, 0, "$_: fine") for 'trail', 'trail log', 'trail ring r log if TRUE', 'trail unless { path / }';

done_testing;
