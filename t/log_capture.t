# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Captures, unique ids, log-format-sd, error-log-format, logasap, samples: what
# t/log_compare.t cannot show with one backend, and what is refused.
use Tideway::Test;

my $udp = syslog_udp();
my $l = listener();
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	return response(200, 'x', 'Set-Cookie: APP=1', 'X-Who: server') if $req->uri =~ /cookie/;
	return $o->reply($req);
});

sub proxy
{
	my ($fe, %opt) = @_;

	return start_proxy("global\n    log ${\ $udp->addr} len 2000 local0\n"
	    . defaults('log global', 'option httplog', @{ $opt{defaults} // [] }) . "
frontend web
    bind {BIND:web} $opt{bind}
" . join('', map { "    $_\n" } @$fe) . "    default_backend be
backend be
    cookie SRV insert
    server s ${\ $o->addr} cookie c
frontend plain
    bind {BIND:plain}
    default_backend be
");
}

subtest 'what peers sent, not what a backend makes of it' => sub {
	my $p = proxy(['capture response header Set-Cookie len 30',
	    'capture request header Cookie len 30', 'capture cookie SRV len 30',
	    'capture response header X-Who len 4'], bind => '');
	my $c = $p->client('web');
	$c->request("GET /cookie HTTP/1.1\r\nHost: a\r\nCookie: SRV=none\r\n\r\n");
	like($udp->next_match(qr{/cookie })->{msg}, qr/ SRV=none - --\w\w .* \{SRV=none\} \{APP=1\|serv\} "GET/,
	    'the response before the cookie is added') or diag $udp->{file};
	$c->request("GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
	like($udp->next_match(qr{/none })->{msg}, qr/ - - .* \{\} \{\|\} "GET/,
	    'the next request begins with empty slots');
	$p->get('plain', '/cookie');
	like($udp->next_match(qr{/cookie })->{msg}, qr{ \d/\d "GET}, 'a frontend without captures');
	stop_proxy($p);
};

subtest 'capture-req, capture-res' => sub {
	my $p = proxy(['declare capture request len 4', 'declare capture response len 8',
	    'acl a path,capture-req(0) -m found', 'acl b path,capture-req(9) -m found',
	    'use_backend be if a b', 'log-format "%hr %hs %[capture.req.hdr(0)] %[path,capture-res(0)] %hs"'],
	    bind => '');
	$p->get('web', '/abcdefghi');
	is($udp->next_line->{msg}, '{/abc} {} /abc /abcdefghi {/abcdefg}', 'slots filled by converters');
	stop_proxy($p);
};

subtest 'unique-id' => sub {
	my $p = proxy(['unique-id-format %rt-%HM', 'log-format "%ID %[unique-id]"'],
	    defaults => ['unique-id-header X-Id', 'unique-id-format lost'], bind => '');
	$p->get('web', '/id');
	my $id = ($o->requests)[-1]->header('X-Id');
	like($id, qr/^\d+-GET$/, 'told to the server');
	is($udp->next_line->{msg}, "$id $id", 'and logged');
	$p->get('plain', '/id');
	is(($o->requests)[-1]->header('X-Id'), 'lost', 'as the defaults say');
	stop_proxy($p);
	$p = proxy(['unique-id-format a%ID-b', 'log-format "%ID"'], bind => '');
	$p->get('web', '/id');
	is($udp->next_match(qr/^a/)->{msg}, 'a--b', 'a format that names itself ends');
	stop_proxy($p);
};

subtest 'logasap' => sub {
	my $p = start_proxy("global\n    log ${\ $udp->addr} local0\n" . defaults('log global',
	    'option httplog', 'option logasap') . "
listen web
    bind {BIND:web}
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	$c->send("GET /asap HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	like($udp->next_match(qr{/asap })->{msg}, qr{/\+\d+ 200 \+\d+ - - ---- }, 'before the body');
	$s->send('hello');
	is($c->read_response->body, 'hello', 'which follows');
	$c->send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
	$s->read_head;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	like($udp->next_line->{msg}, qr{/second }, 'one line each');
	$c->read_response;
	$s->close;
	$c->close;
	stop_proxy($p);
};

subtest 'sample' => sub {
	my $p = start_proxy("global\n    log ${\ $udp->addr} sample 1,3-4:5 local0\n"
	    . defaults('log global', 'log-format "%HP"') . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
");
	# what the program says of itself counts, too: find the first that is logged
	$p->get('web', "/$_") for 0 .. 19;
	my %seen;
	while (my $line = $udp->next_line(0.3)) {
		$seen{$1} = 1 if ($line->{msg} // '') =~ m{^/(\d+)$};
	}
	is(scalar(keys %seen), 12, 'three of five');
	my @gaps = sort { $a <=> $b } keys %seen;
	my $pattern = join '', map { $seen{$_} ? 'x' : '.' } 0 .. 19;
	like($pattern . $pattern, qr/x\.xx\.x\.xx\./, 'the first, third and fourth');
	stop_proxy($p);
};

subtest 'OG, bi, bp' => sub {
	my $p = proxy(['log-format "%OG %bi:%bp"'], bind => '');
	$p->get('web', '/');
	like($udp->next_line->{msg}, qr/^txn_close 127\.0\.0\.1:\d+$/, 'the address towards the server');
	stop_proxy($p);
	$p = proxy(['error-log-format "%OG %ci"'], bind => 'accept-proxy');
	my $c = $p->client('web');
	$c->send("nonsense\r\n");
	$c->read_all;
	is($udp->next_line->{msg}, 'sess_error 127.0.0.1', 'error-log-format');
	stop_proxy($p);
};

my @bad = (
	['capture request header Host', qr/expects/i],
	['capture request header Host length 5', qr/'len'/],
	['capture request header Host len 0', qr/0/],
	['capture request header Host len 5 6', qr/unexpected|argument/],
	['capture request headers Host len 5', qr/'header'/],
	['capture request header H@st len 5', qr/name of a field/],
	['capture cookie A len x', qr/x/],
	["capture cookie A len 5\n    capture cookie B len 5", qr/declared already/],
	['declare capture both len 5', qr/'request' or 'response'/],
	['declare capture request length 5', qr/'len'/],
	['log-format %[res.hdr(x)]', qr/no value when a line is logged/],
	['log-format a b', qr/quotes/], ['log-format-sd a b', qr/quotes/],
	['error-log-format', qr/expects|missing|argument/i],
	['unique-id-header a:b', qr/name of a field/],
	['log 127.0.0.1 sample 1 local0', qr/sample/], ['log 127.0.0.1 sample 2-1:3 local0', qr/sample/],
	['log 127.0.0.1 sample 1,1:3 local0', qr/sample/], ['log 127.0.0.1 sample 1:0 local0', qr/sample/],
	['log 127.0.0.1 sample 0:3 local0', qr/sample/], ['log 127.0.0.1 sample 4:3 local0', qr/sample/],
	['log 127.0.0.1 sample local0', qr/sample|facility/],
	["mode tcp\n    unique-id-format %HM", qr/reserved for HTTP mode/],
	["mode tcp\n    log-format-sd %HM", qr/reserved for HTTP mode/],
);
for my $bad (@bad) {
	my ($line, $why) = @$bad;
	my $r = check_config(defaults('log global') . "frontend web\n    bind 127.0.0.1:0\n    $line\n");
	like($r->{all}, $why, "refused: $line" =~ s/\n\s+/; /r);
}
for my $line ('capture request header A len 5', 'capture cookie A len 5', 'declare capture request len 5') {
	my $r = check_config(defaults($line));
	isnt($r->{code}, 0, "not in defaults: $line");
}

done_testing;
