# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What reaches into the HTTP/1 codec: tune.http.maxhdr, cookielen and logurilen,
# h1-case-adjust with its file and options, and what is tolerated with
# accept-unsafe-violations-in-http-request and -response.
use Tideway::Test;
use Tideway::Cli;

my $log = syslog_unix();
my $l = listener();
my $dir = Tideway::Test::temp_dir();

# sends bytes, returns what the server got (undef: nothing) and the status
sub ask
{
	my ($p, $fe, $bytes, $answer) = @_;
	my $c = $p->client($fe);

	$c->send($bytes);
	my ($s, $r, $head);
	wait_until { ($s = $l->accept(0.05)) || !$c->is_quiet(0.01) };
	if ($s) {
		$head = $s->read_until("\r\n\r\n");
		$s->send($answer // response(200, 'x'));
	}
	$r = $c->read_response;
	return ($head, $r ? $r->status : 0, $r);
}

sub fields { return "GET / HTTP/1.1\r\nHost: a\r\n" . join('', map { "X-$_: 1\r\n" } 1 .. $_[0] - 1) . "\r\n" }

subtest 'tune.http.maxhdr' => sub {
	my $too_many = is_tideway() ? 431 : 400;
	my $text = "global\n    tune.http.maxhdr {N}\n" . defaults('http-reuse never') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
";
	my $p = start_proxy($text =~ s/\{N\}/11/r);
	is((ask($p, 'web', fields(10)))[1], 200, 'a first line and ten fields');
	my ($head, $status) = ask($p, 'web', fields(11));
	is($status, $too_many, 'one more');
	is($head, undef, 'is not passed on');
	my $answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" . join('', map { "X-$_: 1\r\n" } 2 .. 11) . "\r\n";
	is((ask($p, 'web', fields(2), $answer))[1], 502, 'nor is such a response');
	if (is_tideway()) {
		$p->write_config($text =~ s/\{N\}/12/r);
		$p->signal('HUP');
		ok(wait_until { (ask($p, 'web', fields(11)))[1] == 200 }, 'a reload allows it');
	}
	stop_proxy($p);
};

subtest 'tune.http.logurilen, cookielen' => sub {
	my $p = start_proxy("global\n    log $log->{addr} len 8192 local0\n    tune.http.logurilen 31\n"
	    . "    tune.http.cookielen 100\n" . defaults('log global', 'option httplog', 'http-reuse never') . "
frontend web
    bind {BIND:web}
    capture cookie C len 200
    log-format {%CC}\\ %{+Q}r
    default_backend b
frontend uri
    bind {BIND:uri}
    log-format %HM\\ %HU
    default_backend b
backend b
    server s ${\ $l->addr}
");
	like($p->stderr, qr/200.*(?:cut|truncat).*\b100\b/i, 'capture cookie: more is not allowed') if is_tideway();
	my $c = 'C=' . 'v' x 150;
	ask($p, 'web', 'GET /' . 'u' x 100 . " HTTP/1.1\r\nHost: a\r\nCookie: $c\r\n\r\n");
	my $m = $log->next_match(qr/\{C=/)->{msg};
	like($m, qr/\{C=v{98}\}/, 'cookielen: so many bytes of a cookie');
	like($m, qr/"GET \/u{26}"/, 'logurilen: so many of the first line');
	stop_proxy($p);
};

subtest 'h1-case-adjust' => sub {
	spew('cases2', "x-file X-FILE\ncontent-length Content-LENGTH\n");
	my $p = start_proxy("global\n    h1-case-adjust x-line X-LiNe\n    h1-case-adjust-file $dir/cases2\n"
	    . defaults('http-reuse never') . "
listen plain
    bind {BIND:plain}
    http-request set-header x-file 1
    server s ${\ $l->addr}
listen server
    bind {BIND:server}
    option h1-case-adjust-bogus-server
    http-request set-header x-file 1
    server s ${\ $l->addr}
listen client
    bind {BIND:client}
    option h1-case-adjust-bogus-client
    http-response set-header x-file 1
    http-request return status 200 hdr x-line v if { path /own }
    server s ${\ $l->addr}
");
	my $req = "GET / HTTP/1.1\r\nHost: a\r\nx-line: Value\r\nX-Other: x\r\n\r\n";
	my ($head) = ask($p, 'plain', $req);
	like($head, qr/^x-file: 1\r$/m, 'nothing is adjusted without an option');
	($head) = ask($p, 'server', $req);
	like($head, qr/^X-FILE: 1\r$/m, 'towards a server: a field of our own');
	like($head, qr/^X-LiNe: Value\r$/m, 'and one of the client');
	like($head, qr/^x-other: x\r$/mi, 'but no other');
	my (undef, $status, $r) = ask($p, 'client', $req, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx-line: y\r\n\r\nx");
	is($status, 200, 'an answer');
	my $c = $p->client('client');
	$c->send("GET /own HTTP/1.1\r\nHost: a\r\n\r\n");
	my $raw = $c->read_until("\r\n\r\n");
	like($raw, qr/^X-LiNe: v\r$/m, 'an answer of the proxy itself');
	like($raw, qr/^Content-LENGTH: 0\r$/m, 'with its length');
	$c = $p->client('client');
	$c->send($req);
	my $s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx-line: y\r\n\r\nx");
	$raw = $c->read_until("\r\n\r\n");
	like($raw, qr/^X-FILE: 1\r$/m, 'an answer of a server: a field that was added');
	like($raw, qr/^X-LiNe: y\r$/m, 'and one that came');
	stop_proxy($p);
};

# [name, request, what the server gets]
my @requests = (
	['a space in a name', "GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n", qr/^X Y: 1\r$/mi],
	['odd bytes in a name', "GET / HTTP/1.1\r\nHost: a\r\nX(\x01\xffY: 1\r\n\r\n", qr/^X\(\x01\xffY: 1\r$/mi],
	['a target that should be encoded', "GET /a\"<>\\^`{|}\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", qr/^GET \/a"<>\\\^`\{\|\}\xe9 /],
	['a fragment', "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", qr/^GET \/a#b /],
	['no version', "GET /old\r\nX-A: 1\r\n\r\n", qr/^GET \/old HTTP\/1\.0\r/],
	['digits', "GET /d HTTP/01.010\r\nHost: a\r\n\r\n", qr/^GET \/d HTTP\/(?:1\.1|01\.010)\r/],
);
my @ours = (
	['NUL in a name', "GET / HTTP/1.1\r\nHost: a\r\nX\0Y: 1\r\n\r\n", qr/^X\0Y: 1\r$/m],
	['NUL in a value', "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", qr/^X: a\0b\r$/m],
	['a Host that differs', "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", qr/^Host: a\r$/m],
	['a Host that is none', "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", qr/^Host: a b\r$/m],
	['no Host', "GET / HTTP/1.1\r\nX-A: 1\r\n\r\n", qr/^X-A: 1\r$/m],
);
my @never = (
	['a folded line', "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n"],
	['a blank before the colon', "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"],
	['an empty name', "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"],
	['no colon', "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"],
	['a bare CR', "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"],
	['a bare LF', "GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n"],
	['two lengths', "POST / HTTP/1.1\r\nHost: a\r\nX(: 1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
	['a length and chunks', "POST / HTTP/1.1\r\nHost: a\r\nX(: 1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
	['two hosts', "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
	['a control byte in a target', "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"],
	['a POST without a version', "POST /\r\n\r\n"],
	['a new major version', "GET / HTTP/2.0\r\nHost: a\r\n\r\n"],
	['another protocol', "GET / RTSP/1.0\r\nHost: a\r\n\r\n"],
);

sub loose_proxy
{
	my ($request, $response) = @_;

	return start_proxy("global\n    stats socket $dir/ctl level admin\n" . defaults('http-reuse never') . "
listen strict
    bind {BIND:strict}
    server s ${\ $l->addr}
listen loose
    bind {BIND:loose}
    option $request
    option $response
    server s ${\ $l->addr}
");
}

subtest 'requests' => sub {
	my $p = loose_proxy(is_tideway() ? ('accept-unsafe-violations-in-http-request', 'accept-unsafe-violations-in-http-response')
	    : ('accept-invalid-http-request', 'accept-invalid-http-response'));
	for my $t (@requests, is_tideway() ? @ours : ()) {
		my ($name, $bytes, $want) = @$t;
		my ($head, $status) = ask($p, 'strict', $bytes);
		is($status, 400, "$name: refused");
		($head, $status) = ask($p, 'loose', $bytes);
		is($status, 200, 'tolerated with the option');
		like($head // '', $want, 'and passed on as it is');
	}
	if (is_tideway()) {
		like(cli_ask("$dir/ctl", 'show errors'), qr/loose/, 'show errors has what was tolerated');
		like($p->stderr, qr/'option accept-unsafe-violations-in-http-request' lets requests pass that others may read in another way/,
		    'a warning says what it means');
		for my $t (@never) {
			my ($name, $bytes) = @$t;
			my ($head, $status) = ask($p, 'loose', $bytes);
			like($status, qr/^(?:400|505)$/, "$name: refused as ever");
			is($head, undef, 'nothing is passed on');
		}
		# byte by byte
		my $c = $p->client('loose');
		$c->send($_) for split //, "GET /\"x HTTP/1.1\r\nHost: a\r\n\r\n";
		my $s = $l->accept;
		ok($s && $s->read_until("\r\n\r\n") =~ /^GET \/"x /, 'it may come in pieces');
		$s->send(response(200, 'x'));
		is($c->read_response->status, 200, 'and the connection goes on');
		$c->send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
		ok($s && $s->read_until("\r\n\r\n") =~ /^GET \/next /, 'with the next request');
		$s->send(response(200, 'x'));
		is($c->read_response->status, 200, 'which is answered');
	}
	stop_proxy($p);
};

subtest 'responses' => sub {
	my $p = loose_proxy('accept-invalid-http-request', 'accept-invalid-http-response');
	my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	for my $t (['a space in a name', "HTTP/1.1 200 OK\r\nX Y: 1\r\nContent-Length: 0\r\n\r\n"],
	    is_tideway() ? (['digits', "HTTP/01.01 200 OK\r\nContent-Length: 0\r\n\r\n"],
		['NUL in a value', "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"],
		['an empty Transfer-Encoding', "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\nContent-Length: 2\r\n\r\nab"],
		['chunked twice', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"]) : ()) {
		my ($name, $bytes) = @$t;
		next if $name eq 'an empty Transfer-Encoding'; # below
		is((ask($p, 'strict', $get, $bytes))[1], 502, "$name: refused");
		is((ask($p, 'loose', $get, $bytes))[1], 200, 'tolerated with the option');
	}
	for my $bad ("HTTP/1.1 200 OK\r\nX : 1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nX(: 1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n") {
		last unless is_tideway();
		is((ask($p, 'loose', $get, $bad))[1], 502, 'not everything is');
	}
	if (is_tideway()) {
		like($p->stderr, qr/'option accept-invalid-http-request' is deprecated; its name is 'option accept-unsafe-violations-in-http-request'/,
		    'the former name is told');
		like($p->stderr, qr/'option accept-invalid-http-response' lets responses pass/, 'and what it means');
	}
	stop_proxy($p);
};

subtest 'defaults and no' => sub {
	my $p = start_proxy(defaults('http-reuse never', is_tideway() ? 'option accept-unsafe-violations-in-http-request'
	    : 'option accept-invalid-http-request') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
listen no
    bind {BIND:no}
    no option accept-${\ (is_tideway() ? 'unsafe-violations-in' : 'invalid')}-http-request
    server s ${\ $l->addr}
");
	my $bytes = "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n";
	is((ask($p, 'web', $bytes))[1], 200, 'from defaults');
	is((ask($p, 'no', $bytes))[1], 400, 'no option');
	stop_proxy($p);
};

subtest 'errors' => sub {
	my $cases = sub { 'h1-case-adjust-file ' . spew("bad$_[0]", $_[1]) };
	for my $c (['tune.http.maxhdr 0', qr/maxhdr/], ['tune.http.maxhdr 32768', qr/maxhdr/],
	    ['tune.http.maxhdr 130', qr/at most 129/, 1], ['tune.http.cookielen 0', qr/cookielen/, 1],
	    ['tune.http.logurilen x', qr/logurilen/, 1],
	    ['h1-case-adjust x-a', qr/h1-case-adjust/], ['h1-case-adjust X-a x-A', qr/'X-a' must be in lower case/, 1],
	    ['h1-case-adjust x-a x-b', qr/'x-a' and its replacement differ in more than case/, 1],
	    ['h1-case-adjust x: x:', qr/'x:' is not a name/, 1],
	    ["h1-case-adjust x-a X-a\n    h1-case-adjust x-a X-A", qr/'x-a' is adjusted already/, 1],
	    ['h1-case-adjust-file /no/such', qr{cannot open '/no/such'}, 1],
	    [$cases->(1, "# x\nx-a\n"), qr/bad1:2: 'x-a' expects two names/, 1],
	    [$cases->(2, "x-a X-A\nx-a x-A\n"), qr/bad2:2: 'x-a' is adjusted already/, 1],
	    [$cases->(3, "x-a X-A more\n"), qr/bad3:1: 'x-a' expects two names/, 1]) {
		next if $c->[2] && !is_tideway();
		my $r = check_config("global\n    $c->[0]\n" . defaults() . "listen a\n    bind 127.0.0.1:1\n");
		is($r->{code}, 1, "$c->[0]: refused") or diag $r->{all};
		like($r->{all}, $c->[1], 'for that reason');
	}
	for my $w (['frontend f', 'option accept-unsafe-violations-in-http-response'], ['backend b', 'option h1-case-adjust-bogus-client']) {
		my $r = check_config(defaults() . "$w->[0]\n    $w->[1]\n");
		like($r->{all}, qr/ignored because/, "$w->[1] in a $w->[0]: a warning") if is_tideway();
	}
};

done_testing;
