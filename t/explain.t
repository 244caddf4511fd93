# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tideway explain: what it says of the way of a request, and of bad command
# lines. That it says what the program does: t/explain_same.t.
use Tideway::Test;
use JSON::PP ();

alarm 240 * ($ENV{TW_TIME_SCALE} || 1); # many runs of the program

my $dir = spew('here', '') =~ s{/[^/]*\z}{}r;

sub ask
{
	my (@args) = @_;

	return run_cmd('explain', @args);
}

sub lines { join('', map { "$_\r\n" } @_) . "\r\n" }
sub get { my ($uri, @fields) = @_; lines("GET $uri HTTP/1.1", 'Host: a.example', @fields) }
sub post { my ($uri, $body, @fields) = @_; lines("POST $uri HTTP/1.1", 'Host: a.example',
    'Content-Length: ' . length $body, @fields) . $body }

# ---- the way there ----

my $cfg = spew('e.cfg', <<"END");
${\ defaults() }
    timeout client 10s
frontend web
    bind :8080
    acl bad path /admin "/a b"
    acl listed path -f $dir/paths.lst
    acl number hdr_cnt(x) gt 2
    http-request deny if bad
    http-request set-var(txn.a) str(one)
    http-request set-header X-A "two words" if { path_beg /api /v2 } !{ src 10.0.0.0/8 }
    http-request replace-path /api/(.*) /\\1 if { path_beg /api }
    http-request del-header Cookie if { hdr(x-none) -m found } or { hdr(cookie) -m beg a= }
    http-request set-header X-L 1 if listed
    http-request set-header X-N 1 if number
    http-request tarpit if { path /tar }
    http-request set-priority-class int(-5)
    http-request deny if { path /last }
    http-request set-header X-1 1
    http-request set-header X-2 1
    http-request set-header X-3 1
    http-request set-header X-4 1
    use_backend b2 if { path /two }
    use_backend b%[path,field(3,/)] if { path_beg /dyn }
    default_backend b1
backend b1
    http-request set-timeout server 3s
    server s1 127.0.0.1:81
    server s2 127.0.0.1:82 check
backend b2
    balance hdr(host)
    cookie C insert
    force-persist if { hdr(force) 1 }
    use-server s2 if { hdr(u) 1 }
    server s1 127.0.0.1:83 cookie x
    server s2 127.0.0.1:84 cookie y
backend b3
    balance random
    server s1 127.0.0.1:85
END
spew('paths.lst', "/one\n/listed\n");

# one request line and its fields; what must be in the text
sub says
{
	my ($args, @res) = @_;
	my $what = join ' ', grep { !/\A-/ } @$args;
	my $r = ask('-f', $cfg, @$args);

	is($r->{code}, 0, "$what: explained") or diag($r->{err});
	like($r->{out}, $_, "$what: says $_") for @res;
	is($r->{err}, '', "$what: nothing else");
	return $r->{out};
}

my @host = ('-H', 'Host: a');
my $text = says(['GET /api/x?q=1', @host, '-H', 'Cookie: a=b'],
    qr/^GET \/api\/x\?q=1 HTTP\/1\.1\n  from 127\.0\.0\.1:50000, to frontend web \(e\.cfg:\d+, bind /,
    qr/^http-request of frontend web$/m,
    qr/^  no    e\.cfg:\d+  http-request deny if bad$/m,
    qr/^ +bad +false  path "\/api\/x" is none of \/admin \/a b  \(e\.cfg:\d+\)$/m,
    qr/^  yes   e\.cfg:\d+  http-request set-var\(txn\.a\) str\(one\)\n +txn\.a +  = "one"$/m,
    qr/^  yes   \S+  http-request set-header X-A 'two words' if /m,
    qr/^ +\{ \} +true   path_beg "\/api\/x" begins with \/api\n +! \{ \} +false  src "127\.0\.0\.1" is in none of 10\.0\.0\.0\/8\n +X-A +  = "two words"$/m,
    qr/^ +target +  "\/api\/x\?q=1" -> "\/x\?q=1"$/m,
    qr/^ +Cookie +  "a=b" is removed$/m,
    qr/^ +listed +false  path "\/x" is none of the 2 entries of \S+paths\.lst/m,
    qr/^ +number +false  hdr_cnt\(x\) "0" is none of gt 2/m,
    qr/^ +timeout server \(ms\)  = "3000"$/m,
    qr/^ +priority-class  "0" -> "-5"$/m,
    qr/^use_backend of frontend web$/m,
    qr/^  backend b1  by default_backend  \(e\.cfg:\d+\)$/m,
    qr/^  server s1  by balance roundrobin \(its turn\)/m,
    qr/^-> server b1\/s1 at 127\.0\.0\.1:81, which would get\n     GET \/x\?q=1 HTTP\/1\.1\n     Host: a\n     X-A: two words\n/m,
    qr/servers count as configured/);
unlike($text, qr/\033/, 'no colour into a file');
unlike($text, qr/Cookie: a=b$/m, 'what is removed is not sent');

says(['GET /listed', @host], qr/ path "\/listed" is \/listed \(\S+paths\.lst:2\)/);
says(['GET /x', @host, map { ('-H', "x: $_") } 1 .. 3], qr/hdr_cnt\(x\) "3" is gt 2  \(/);
says(['GET /last', @host],
    qr/^  last  e\.cfg:\d+  http-request deny if \{ path \/last \}$/m,
    qr/^  -     e\.cfg:\d+  http-request set-header X-1 1  \(not reached\)$/m,
    qr/^  -     e\.cfg:\d+  and 3 more up to here  \(not reached\)$/m,
    qr/^-> the client is answered; no server is asked\n     HTTP\/1\.1 403 Forbidden$/m);
says(['--all', 'GET /last', @host], map { qr/X-$_ 1  \(not reached\)$/m } 1 .. 4);
says(['GET /tar', @host], qr/answered by http-request tarpit/, qr/after \d\.\d+ s of waiting/,
    qr/HTTP\/1\.1 500/);
says(['GET /two', @host, '-H', 'Cookie: C=y'], qr/cookie C names a server: s2/,
    qr/server s2  by cookie  \(e\.cfg:\d+\)/, qr/-> server b2\/s2 at 127\.0\.0\.1:84/,
    qr/^  no    \S+  use-server s2 if/m);
says(['GET /two', @host, '-H', 'Cookie: C=y', '--down', 'b2/s2'],
    qr/cookie C names a server that is down/, qr/the hash of its key is [0-9a-f]{8}/,
    qr/server s1  by balance hdr/, qr/^   out of balancing: s2 \(DOWN\)$/m);
says(['GET /two', @host, '-H', 'Cookie: C=y', '-H', 'Force: 1', '--down', 'b2/s2'],
    qr/^force-persist of backend b2\n  last  \S+  force-persist if /m, qr/-> server b2\/s2/);
says(['GET /two', @host, '-H', 'u: 1', '--down', 'b2/s2'],
    qr/server s2 is not used: it is down/, qr/-> server b2\/s1/);
says(['GET /two', @host, '--down', 'b2/*'], qr/no server is available; no server is asked/,
    qr/HTTP\/1\.1 503/);
says(['GET /dyn', @host], qr/^ +there is no backend of that name and mode: default_backend\n  backend b1  by default_backend/m);
says(['GET /dyn/3', @host], qr/^ +the name is b3\n  backend b3  by use_backend/m, qr/balance random \(at random:/);
says(['GET /x'], qr/no Host field; no server is asked \(add -H 'Host: NAME'\)/);
says(['GET /3', @host, '--frontend', 'web'], qr/-> server b1/);
says(['GET /x', @host, '--src', '10.1.2.3:99', '--dst', '192.0.2.1:8080'],
    qr/from 10\.1\.2\.3:99, to frontend web/);
says(['GET /x', @host], qr/-> server b1\/s1/);
says(['POST /x', @host, '--body', 'abc'], qr/Content-Length: 3$/m, qr/^     abc$/m);
says(['GET /x', @host, '--response', 'HTTP/1.1 404 Not Found', '-h', 'X: y', '--response-body', 'gone'],
    qr/^-> the client would get\n     HTTP\/1\.1 404 Not Found\n     X: y\n/m, qr/^     gone$/m);
unlike(says(['GET /x', @host]), qr/the client would get/, 'without --response nothing of it');
like(says(["GET /\x1b[31m", @host]), qr/\\x1b\[31m/, 'a terminal is not told to do things');

my $many = spew('many.txt', get('/one') . post('/two', 'xyz') . get('/admin') . get('/x'));
$text = says(['--file', $many]);
is(scalar(() = $text =~ /^ {2}from /mg), 4, 'a file of four requests');
like($text, qr/b1\/s1.*b2\/s\d.*403 Forbidden.*b1\//s, 'in their order, on one connection');

my $six = spew('six.txt', join '', (get('/two'), get('/x')) x 3);
$text = says(['--file', $six, '--response', 'HTTP/1.1 200 OK']);
is(scalar(() = $text =~ /^-> the client would get\n {5}HTTP\/1\.1 200/mg), 6, 'six requests, six answers');
my $cut = ask('-f', $cfg, '--file', spew('cut.txt', get('/one', 'Connection: close') . get('/two')));
like($cut->{err}, qr/the connection was closed: the last 38 bytes were not looked at/, 'what comes behind the end');
unlike($cut->{out}, qr/^GET \/two/m, 'is not explained');
my $big = spew('big', 'x' x 3000000);
like(says(['POST /x', @host, '--body', "\@$big", '--response', 'HTTP/1.1 200 OK', '--response-body', "\@$big"]),
    qr/\(3000000 bytes of body\).*\(3000000 bytes of body\)/s, 'long bodies both ways');
for my $tunnel (['CONNECT a:443', 'HTTP/1.1 200 OK'], ['GET /ws', 'HTTP/1.1 101 Switching', '-H', 'Connection: upgrade',
    '-H', 'Upgrade: websocket', '-h', 'Connection: upgrade', '-h', 'Upgrade: websocket']) {
	my ($line, $answer, @more) = @$tunnel;

	says([$line, @host, '--response', $answer, @more], qr/^-> the client would get\n {5}\Q$answer\E$/m);
}
says(['POST /x', @host, '-H', 'Content-Length: 9', '--body', 'abc'], qr/tarpit|waiting|-> server/);

my $r = ask('-f', $cfg, '--json', 'GET /two', @host, '-H', 'Cookie: C=x');
my $x = JSON::PP->new->decode($r->{out})->[0];
is("$x->{frontend} $x->{backend} $x->{server} $x->{address}", 'web b2 s1 127.0.0.1:83', 'JSON: where to');
my ($rule) = grep { $_->{kind} eq 'rule' && $_->{text} =~ /deny if bad/ } @{ $x->{steps} };
is($rule->{result}, 'no', 'JSON: a rule');
like($rule->{file}, qr/e\.cfg\z/, 'JSON: its file');
ok($rule->{line} > 3, 'JSON: its line');
is(JSON::PP->new->decode(ask('-f', $cfg, '--json', '--file', $many)->{out})->[2]{status}, 403,
    'JSON: the third of four');

my $tcp = spew('t.cfg', "defaults\n    mode tcp\n    timeout client 9s\n    timeout server 9s\n"
    . "    timeout connect 1s\nfrontend t\n    bind :9000\n    tcp-request connection reject if { src 10.0.0.0/8 }\n"
    . "    tcp-request inspect-delay 5s\n    tcp-request content set-var(sess.a) str(x)\n"
    . "    tcp-request content accept if { req.payload(0,3) -m str abc }\n"
    . "    tcp-request content reject if { req.len gt 5 }\n    default_backend b\nbackend b\n    balance source\n    server s 127.0.0.1:1\n");
$r = ask('-f', $tcp, '--payload', 'ab');
like($r->{out}, qr/sess\.a +  = "x"/, 'tcp: what a rule did that was run again is told once more');
like($r->{out}, qr/req\.payload\(0,3\) has no value\n/, 'tcp: too few bytes');
like($r->{out}, qr/-> server b\/s at 127\.0\.0\.1:1, which would get\n     ab\n     \(2 bytes\)/, 'tcp: they pass');
like(ask('-f', $tcp, '--payload', 'hex:616263')->{out}, qr/last .* accept if .*\n.*"abc" is abc\n.*not reached/,
    'tcp: hex');
like(ask('-f', $tcp, '--payload', 'xyzxyz')->{out}, qr/closed without an answer: rejected by a rule/,
    'tcp: refused');
like(ask('-f', $tcp, '--payload', 'abc', '--src', '10.0.0.1')->{out},
    qr/tcp-request connection of frontend t\n  last .*\n.*is in 10\.0\.0\.0\/8/, 'tcp: refused before');

# ---- a client that comes through TLS ----

my $tls = spew('tls.cfg', defaults() . "frontend f
    bind :80
    http-request redirect scheme https code 301 unless { ssl_fc }
    http-request set-header X-Forwarded-Proto https
    default_backend b
backend b
    server s 127.0.0.1:1
frontend t
    bind :443
    mode tcp
    tcp-request content reject if !{ ssl_fc }
    default_backend tb
backend tb
    mode tcp
    server s 127.0.0.1:2
");
like(ask('-f', $tls, '--frontend', 'f', 'GET /x', @host)->{out}, qr{location: https://\S+/x}i, 'without --tls');
like(ask('-f', $tls, '--frontend', 'f', 'GET /x', @host, '--tls')->{out},
    qr/-> server b\/s at .*\n     GET \/x HTTP\/1\.1\n(?:     .*\n)*     X-Forwarded-Proto: https\n/, 'with --tls');
like(ask('-f', $tls, '--frontend', 'f', 'POST /x', @host, '--tls', '--body', 'a' x 40_000)->{out},
    qr/\(40000 bytes of body\)/, 'with a long body');
like(ask('-f', $tls, '--frontend', 't', '--payload', 'abc')->{out}, qr/rejected by a rule/, 'mode tcp without');
like(ask('-f', $tls, '--frontend', 't', '--payload', 'abc', '--tls')->{out}, qr/-> server tb\/s/, 'mode tcp with it');

my $run = spew('run.cfg', defaults() . "frontend f\n    bind :80\n"
    . join('', map { "    use_backend b$_ if { hdr(host) -i h$_.example }\n" } 0 .. 9) . "    default_backend b0\n"
    . join('', map { "backend b$_\n    server s 127.0.0.1:80$_\n" } 0 .. 9));
like(ask('-f', $run, 'GET /', '-H', 'Host: H7.example')->{out}, qr/^  no    \S+ +use_backend b0 if .*
 +and the next 6, to line \d+, asked at once
 +\{ \} +false  hdr\(host\) "H7\.example" is none of their texts
  last  \S+  use_backend b7 if .*\n +\{ \} +true   hdr\(host\) "H7\.example" is h7\.example\n/m,
    'rules that are looked up at once');
like(ask('-f', $run, 'GET /', '-H', 'Host: none')->{out}, qr/and the next 9, to line .*\n.*\n  backend b0  by default_backend/,
    'and when none of them applies');

# ---- the manual page's example ----

my $man = slurp(test_dir() . '/../contrib/man/tideway-explain.1');
my ($lines, $shown) = $man =~ /^\.Bd -literal -offset indent\n(defaults\n.*?)\.Ed\n.*?^\.Bd -literal -offset indent\n(.*?)\.Ed\n/ms;
s/\\e/\\/g for $lines, $shown;
is(ask('-f', spew('web.cfg', $lines), 'GET /api/x', @host)->{out}, $shown, 'the example in the manual');

# ---- bad command lines ----

my $two = spew('two.cfg', defaults() . "frontend a\n    bind :8081\n    default_backend z\n"
    . "frontend b\n    bind :8082\n    default_backend z\nbackend z\n    server s 127.0.0.1:1\n");
for my $case (
	[1, qr/unknown keyword 'nonsense'/, '-f', spew('bad.cfg', "nonsense\n"), 'GET /'],
	[2, qr/-f FILE/, 'GET /'],
	[2, qr/a request is missing/, '-f', $cfg],
	[2, qr/-H needs an argument/, '-f', $cfg, 'GET /', '-H'],
	[2, qr/'Host' is no header field/, '-f', $cfg, 'GET /', '-H', 'Host'],
	[2, qr/--nope is no option/, '-f', $cfg, 'GET /', '--nope'],
	[2, qr/one request line is enough/, '-f', $cfg, 'GET /', 'GET /2'],
	[2, qr/exclude each other/, '-f', $cfg, 'GET /', '--file', $many],
	[2, qr/belong to --response/, '-f', $cfg, 'GET /', '-h', 'X: y'],
	[2, qr/belong to a request line/, '-f', $cfg, '--file', $many, '-H', 'X: y'],
	[2, qr/--src was given twice/, '-f', $cfg, 'GET /', '--src', '::1', '--src', '::1'],
	[2, qr/several frontends.*\n  a .*:8081.*\n  b .*:8082/, '-f', $two, 'GET /'],
	[2, qr/no bind line has the port.*\n  a /, '-f', $two, 'GET /', '--dst', ':99'],
	[2, qr/there is no frontend 'c', but:\n  a /, '-f', $two, 'GET /', '--frontend', 'c'],
	[2, qr/--src '1\.2\.3': /, '-f', $cfg, 'GET /', '--src', '1.2.3'],
	[2, qr/--dst '99999': /, '-f', $cfg, 'GET /', '--dst', '99999'],
	[2, qr/no such server/, '-f', $cfg, 'GET /', '--down', 'b1/s9'],
	[2, qr/no such backend/, '-f', $cfg, 'GET /', '--down', 'q/s9'],
	[2, qr/--down needs BACKEND\/SERVER/, '-f', $cfg, 'GET /', '--down', 'b1'],
	[2, qr/cannot open '\/nowhere'/, '-f', $cfg, '--file', '/nowhere'],
	[2, qr/even number of digits/, '-f', $cfg, '--payload', 'hex:123'],
	[2, qr/'zz' is no hex byte/, '-f', $cfg, '--payload', 'hex:zz']) {
	my ($code, $re, @args) = @$case;
	my $r = ask(@args);

	is($r->{code}, $code, "explain @args[0 .. ($#args > 3 ? 3 : $#args)]: exit status $code");
	like($r->{err}, $re, "and says $re");
	is($r->{signal}, 0, 'and does not crash');
}
like(ask('-f', $two, 'GET /', '--dst', '8082')->{out}, qr/to frontend b /, '--dst finds a frontend');
like(ask('--help')->{out}, qr/^Usage: tideway explain/, 'explain --help');
like(run_cmd('-h')->{err}, qr/explain/, 'the usage names it');

done_testing;
