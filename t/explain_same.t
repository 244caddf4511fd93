# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tideway explain: what it says a server and a client would get is, byte by
# byte, what the running program sends for the same bytes from the same place.
use Tideway::Test;
use JSON::PP ();

alarm 240 * ($ENV{TW_TIME_SCALE} || 1); # many runs of the program

my $log = syslog_unix();
my @origins = map {
	origin(name => "o$_", respond => sub {
		my ($req) = @_;
		my $r = response(200, "hi\n", 'X-Origin: 1');

		$r =~ s/hi\n\z// if $req->method eq 'HEAD';
		return $r;
	});
} 1 .. 3;
my ($o1, $o2, $o3) = @origins;
my @answer = ('--response', 'HTTP/1.1 200 X', '-h', 'X-Origin: 1', '-h',
    'Content-Length: 3', '--response-body', "hi\n");

my %servers = ('{S1}' => $o1->addr, '{S2}' => $o2->addr, '{S3}' => $o3->addr);

sub mapped
{
	my ($text) = @_;

	$text =~ s/(\{S\d\})/$servers{$1}/g;
	return $text;
}

spew('hosts.lst', "# hosts\nmap.example\nother.example\n");
spew('be.map', "map.example b2\nother.example b3\n");
spew('503.http', "HTTP/1.0 503 Own\r\nContent-Length: 4\r\n\r\nown\n");
spew('path.map', "/a /alpha\n/b /beta\n");
my $dir = $o1->{dir} =~ s{/[^/]*\z}{}r;

my $rules = start_proxy(mapped(<<"END"));
global
    log $log->{addr} local0
userlist people
    user joe insecure-password secret
${\ defaults() }
    option forwardfor except 10.0.0.0/8

frontend main
    bind {BIND:main}
    acl is_api path_beg /api /v2
    acl bad path /admin /root
    acl bad hdr(x-evil) -m found
    acl listed hdr(host) -i -f $dir/hosts.lst
    capture request header Host len 20
    http-request deny if bad
    http-request deny deny_status 429 if { path /slow }
    http-request return status 200 content-type text/plain string "here %[path]" hdr X-Y z if { path_beg /here }
    http-request redirect location https://%[hdr(host)]/new code 301 if { path /old }
    http-request redirect scheme https if { path_dir secure }
    http-request auth realm People if { path_beg /private } !{ http_auth(people) }
    http-request set-var(txn.who) hdr(host),lower
    http-request set-var(req.n) int(3),add(4)
    http-request set-header X-Who %[var(txn.who)] if is_api
    http-request set-header X-N %[var(req.n)] unless is_api
    http-request add-header X-List a if { method POST }
    http-request add-header X-List b if { method POST }
    http-request del-header X-Secret
    http-request del-header x-tmp- -m beg
    http-request replace-header User-Agent (.*)/(.*) \\2/\\1
    http-request replace-value Accept ^text/(.*) \\1/text
    http-request replace-path /api/(.*) /\\1 if is_api
    http-request set-path %[path,map($dir/path.map)] if { path /a /b }
    http-request set-query x=1 if { path /q }
    http-request set-method PUT if { path /put }
    http-request set-uri /whole?u=1 if { path /uri }
    http-request normalize-uri path-merge-slashes
    http-request normalize-uri path-strip-dotdot
    http-request set-src hdr(x-src) if { hdr(x-src) -m found }
    http-request wait-for-body time 1s if { method POST }
    http-request set-header X-Body %[req.body] if { method POST }
    http-request set-header X-Listed yes if listed
    redirect prefix https://moved.example code 303 if { path_beg /moved }
    use_backend b3 if { src 203.0.113.0/24 }
    use_backend %[hdr(host),lower,map($dir/be.map)] if { hdr(host),lower,map($dir/be.map) -m found }
    use_backend b1 if { path_end .png .jpg } or { path_reg ^/img/[0-9]+\$ }
    use_backend b2 if { path_sub two }
    use_backend none if { path /none }
    use_backend stick if { path_beg /stick }
    use_backend byuri if { path_beg /u/ }
    use_backend chosen if { path_beg /use }
    use_backend prefixed if { path_beg /pre }
    default_backend b1
backend b1
    http-request set-header X-Backend b1
    http-response set-header X-By b1
    http-response set-status 203 if { status 200 } { res.hdr(x-origin) 1 }
    server s1 {S1}
backend b2
    server s2 {S2}
backend b3
    http-request deny deny_status 418 if { path /tea }
    server s3 {S3}
backend none
    errorfile 503 $dir/503.http
    server off 127.0.0.1:1 disabled
backend stick
    cookie SRV insert indirect
    server s1 {S1} cookie a
    server s2 {S2} cookie b
backend prefixed
    cookie JS prefix
    server s1 {S1} cookie a
    server s2 {S2} cookie b
backend byuri
    balance uri
    server s1 {S1}
    server s2 {S2}
    server s3 {S3}
backend chosen
    balance first
    use-server s3 if { hdr(x-server) 3 }
    use-server s2 if { path_end /2 }
    server s1 {S1}
    server s2 {S2}
    server s3 {S3}

frontend runs
    bind {BIND:runs}
    http-after-response set-header X-After %[status]
${\ join '', map { "    use_backend b${\ ($_ % 3 + 1) } if { hdr(host) -i h$_.example }\n" } 0 .. 19 }
    default_backend b1

frontend raw
    mode tcp
    bind {BIND:raw}
    tcp-request connection set-var(sess.c) src
    tcp-request inspect-delay 2s
    tcp-request content reject if { req.payload(0,4) -m str "EVIL" }
    tcp-request content accept if { req.payload(0,3) -m str "GET" }
    use_backend t2 if { req.payload(4,3) -m str "/t2" }
    default_backend t1
backend t1
    mode tcp
    server s1 {S1}
backend t2
    mode tcp
    server s2 {S2}
END
sub lines { join('', map { "$_\r\n" } @_) . "\r\n" }
sub get { my ($uri, @fields) = @_; lines("GET $uri HTTP/1.1", 'Host: a.example', @fields) }
sub post { my ($uri, $body, @fields) = @_; lines("POST $uri HTTP/1.1", 'Host: a.example',
    'Content-Length: ' . length $body, @fields) . $body }

# what an origin has got so far, but for health checks
sub got { grep { $_->[2] !~ m{\A(?:GET|HEAD|OPTIONS) / HTTP/1\.0\r\n} } $_[0]->events('request') }
sub counts { map { scalar(() = got($_)) } @_ }

# the same through the running program: which origin got what, and the answer
sub live
{
	my ($p, $fe, $bytes) = @_;
	my @before = counts(@origins);
	my $c = $p->client($fe);
	my $src = $c->local_port;

	$c->send($bytes);
	my $r = $c->read_message;
	my $answer = $r ? $r->{raw} . ($r->{raw_body} // '') : '';
	my %got = (src => "127.0.0.1:$src", answer => $answer, to => undef, sent => '');
	my @after = counts(@origins);
	for my $i (0 .. $#origins) {
		next if $after[$i] == $before[$i];
		$got{to} = $origins[$i]->addr;
		$got{sent} = (got($origins[$i]))[-1][2];
	}
	$c->close;
	return \%got;
}

sub ask
{
	my (@args) = @_;

	return run_cmd('explain', @args);
}

sub explained
{
	my ($p, $fe, $bytes, $src, @more) = @_;
	my $file = spew('request.bin', $bytes);
	my $r = ask('-f', $p->{cfg}, '--frontend', $fe, '--payload', "\@$file",
	    '--src', $src, '--dst', $p->addr($fe), '--json', @answer, @more);
	my $x = eval { JSON::PP->new->latin1->decode($r->{out}) };

	diag("code $r->{code}: $r->{out}$r->{err}") unless $x;
	return $x ? $x->[0] : {};
}

sub agree
{
	my ($p, $fe, $bytes, $what) = @_;
	my $live = live($p, $fe, $bytes);
	my $x = explained($p, $fe, $bytes, $live->{src});
	my $name = "$fe: " . ($what // $bytes =~ s/\r.*//sr);

	is($x->{forwarded} ? $x->{address} : undef, $live->{to}, "$name: the same server");
	is($x->{sent}, $live->{sent}, "$name: it gets the same bytes");
	is($x->{answer}, $live->{answer}, "$name: the client gets the same bytes");
	return $x;
}

my @same = (
	get('/'), get('/api/x'), get('/v2/y?z=1'), get('/api/'), get('/admin'), get('/root'),
	get('/x', 'X-Evil: 1'), get('/slow'), get('/here/1'), get('/old'), get('/a/secure/b'),
	get('/private'), get('/private', 'Authorization: Basic am9lOnNlY3JldA=='),
	get('/private', 'Authorization: Basic am9lOndyb25n'),
	get('/x', 'X-Secret: s', 'X-Tmp-A: 1', 'x-tmp-b: 2', 'X-Other: 3'),
	get('/x', 'User-Agent: curl/7.1'), get('/x', 'Accept: text/html, text/plain, a/b'),
	get('/a'), get('/b'), get('/q'), get('/q?y=2'), get('/put'), get('/uri'),
	get('//x///y'), get('/x/../y/./z'), get('/x', 'X-Src: 203.0.113.5'),
	get('/x', 'X-Src: 10.1.2.3'), post('/x', 'some body'), post('/x', ''),
	lines('GET /x HTTP/1.1', 'Host: MAP.example'), lines('GET /tea HTTP/1.1', 'Host: other.example'),
	lines('GET /x HTTP/1.1', 'Host: other.example', 'X-Src: 203.0.113.5'),
	get('/moved/here?a=b'), get('/x.png'), get('/img/12'), get('/img/x'), get('/two'),
	get('/stick', 'Cookie: SRV=b'), get('/stick', 'Cookie: q=1; SRV=a; r=2'),
	get('/pre', 'Cookie: JS=b~abc'), get('/pre', 'Cookie: JS=a~x; z=1'),
	map({ get("/u/$_") } 1 .. 6), get('/use'), get('/use/2'), get('/use', 'X-Server: 3'),
	lines('GET http://abs.example/p HTTP/1.1', 'Host: abs.example'),
	lines('HEAD /x HTTP/1.1', 'Host: a'), lines('GET /x HTTP/1.0'), lines('GET /x HTTP/1.0', 'Connection: keep-alive'),
	lines('OPTIONS * HTTP/1.1', 'Host: a'), lines('GET /x HTTP/1.1', 'Host: a', 'Connection: close'),
	"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	get('/x', 'X-Forwarded-For: 1.2.3.4'),
);
agree($rules, 'main', $_) for @same;
agree($rules, 'main', get('/none'), 'no server, own page');
agree($rules, 'main', "GARBAGE\r\n\r\n", 'no request');
agree($rules, 'main', "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 'a bad byte');
agree($rules, 'main', "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 'a bad length');
agree($rules, 'runs', lines('GET /x HTTP/1.1', "Host: $_"))
    for qw(h0.example H7.EXAMPLE h19.example h20.example);
agree($rules, 'raw', lines("GET $_ HTTP/1.0")) for qw(/t1 /t2);
agree($rules, 'raw', 'EVIL bytes', 'rejected bytes');
stop_proxy($rules);

# ---- configurations as they are in use ----

sub seed
{
	my ($backend) = @_;
	my $text = slurp(test_dir() . '/seed/haproxy.cfg');

	if (defined $backend) {
		my $new = slurp(test_dir() . "/seed/$backend");
		$text =~ s/^backend .*//ms;
		$text .= $new;
	}
	$text =~ s/web1\.example\.com:80\b/$o1->addr/ge;
	$text =~ s/web2\.example\.com:8080\b/$o2->addr/ge;
	$text =~ s/bind \*:8404/bind {BIND:stats}/;
	$text =~ s/bind \*:80\b/bind {BIND:haproxy_web}/;
	return $text;
}

sub conf
{
	my ($name) = @_;
	my $text = slurp(test_dir() . "/../conf/$name");
	my $n = 0;

	$text =~ s/^((?:listen|frontend) (\w+)\n(?:(?!\n\w).)*?\n?\s+bind )\S+/$1\{BIND:$2}/gms;
	$text =~ s/^(\s+server \S+ )127\.0\.0\.1:\d+/$1 . $origins[$n++ % 3]->addr/gme;
	return $text;
}

sub run_conf
{
	my ($text, @cases) = @_;

	$text =~ s{/dev/log}{$log->{addr}}g;
	$text =~ s/maxconn 50000|maxconn 10000/maxconn 1000/g;
	my $p = start_proxy($text);
	agree($p, @$_) for @cases;
	stop_proxy($p);
}

run_conf(seed('backend-cookie-insert.cfg'),
    ['haproxy_web', get('/x', 'Cookie: SERVERUSED=server2')],
    ['haproxy_web', get('/x', 'Cookie: a=b; SERVERUSED=server1; c=d')]);
run_conf(seed('backend-cookie-prefix.cfg'),
    ['haproxy_web', get('/x', 'Cookie: JSESSIONID=server2~77')]);
run_conf(seed(), ['haproxy_web', get('/first')]);
run_conf(conf('http-basic.cfg'), ['web', get('/static/a')], ['web', get('/css')]);
run_conf(conf('sticky-cookie.cfg'), ['web', get('/x', 'Cookie: SERVERUSED=server2')],
    ['web', get('/app/1', 'Cookie: JSESSIONID=server2~9')]);
run_conf(conf('tcp-passthrough.cfg'), ['database', get('/db')]);

done_testing;
