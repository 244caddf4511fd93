# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a proxy takes from its defaults section and how it parts with it:
# several of them, named ones, `no`, error pages, `disabled`.
use Tideway::Test;

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	return $o->reply($req, ($req->header('X-Forwarded-For') // '-') . ' '
	    . ($req->header('Connection') // '-'));
});
my $TIMEOUTS = "    timeout connect 5s\n    timeout client 5s\n"
    . "    timeout server 5s\n";

sub body_of { $_[0]->get($_[1], '/')->body }

subtest 'the last defaults before a proxy' => sub {
	my $p = start_proxy("
defaults
    mode http
    option forwardfor
$TIMEOUTS
listen one
    bind {BIND:one}
    server s ${\ $o->addr}
defaults
    mode http
$TIMEOUTS
listen two
    bind {BIND:two}
    server s ${\ $o->addr}
");
	like(body_of($p, 'one'), qr/^127\./, 'the first proxy has the option');
	like(body_of($p, 'two'), qr/^- /, 'the second has not');
	stop_proxy($p);
};

subtest 'named, and one from another' => sub {
	my $p = start_proxy("
defaults base
    mode http
$TIMEOUTS
defaults fwd from base
    option forwardfor
defaults close from fwd
    no option http-keep-alive
    option httpclose
defaults open from close
    no option httpclose
listen a from base
    bind {BIND:a}
    server s ${\ $o->addr}
listen b from fwd
    bind {BIND:b}
    server s ${\ $o->addr}
listen c from close
    bind {BIND:c}
    server s ${\ $o->addr}
listen d from open
    bind {BIND:d}
    server s ${\ $o->addr}
");
	like(body_of($p, 'a'), qr/^- /, 'base');
	like(body_of($p, 'b'), qr/^127\./, 'from base, and more');
	like(body_of($p, 'c'), qr/^127\S+ close/i, 'from that, and more');
	like(body_of($p, 'd'), qr/^127\S+ -/i, 'from that, and less');
	stop_proxy($p);
};

subtest 'no option' => sub {
	my $p = start_proxy(defaults('option http-server-close', 'option httplog',
	    'option redispatch', 'option dontlognull', 'option http-keep-alive',
	    'no option httpclose', 'option httpclose') . "
listen on
    bind {BIND:on}
    server s ${\ $o->addr}
listen off
    bind {BIND:off}
    no option httpclose
    no option http-server-close
    no option redispatch
    no option dontlognull
    server s ${\ $o->addr}
");
	my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	my $c = $p->client('on');
	is(lc($c->request($get)->header('Connection') // ''), 'close', 'inherited');
	$c = $p->client('off');
	is($c->request($get)->header('Connection'), undef, 'undone');
	is($c->request($get)->status, 200, 'so a second request follows');
	stop_proxy($p);
	for my $bad ('no mode http', 'no nonsense', 'no', 'no option',
	    'no option nonsense', 'no bind 127.0.0.1:2') {
		my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $bad\n");
		is($r->{code}, 1, "'$bad' is refused") or diag $r->{all};
		like($r->{all}, qr/check\.cfg:9\b/, 'with its line');
	}
};

sub page
{
	my ($text) = @_;

	return spew("page-$text", "HTTP/1.0 503 Gone\r\nContent-Type: text/plain\r\n"
	    . "\r\n$text");
}

subtest 'errorfile' => sub {
	my ($def, $fe, $be) = map { page($_) } qw(defaults frontend backend);
	my $p = start_proxy(defaults("errorfile 503 $def") . "
frontend f1
    bind {BIND:f1}
frontend f2
    bind {BIND:f2}
    errorfile 503 $fe
frontend f3
    bind {BIND:f3}
    errorfile 503 $fe
    default_backend b3
frontend f4
    bind {BIND:f4}
    default_backend b4
backend b3
    errorfile 503 $be
backend b4
");
	like(body_of($p, 'f1'), qr/defaults/, 'from defaults');
	like(body_of($p, 'f2'), qr/frontend/, 'the frontend\'s own');
	like(body_of($p, 'f3'), qr/backend/, 'the backend\'s comes first');
	like(body_of($p, 'f4'), qr/defaults/, 'defaults of the backend');
	stop_proxy($p);
	my $r = check_config(defaults("errorfile 503 /no/such/file")
	    . "listen a\n    bind 127.0.0.1:1\n");
	is($r->{code}, 1, 'a file that is missing');
	like($r->{all}, qr{/no/such/file}, 'is named');
};

subtest 'disabled and enabled' => sub {
	my $p = start_proxy(defaults() . "
listen on
    bind {BIND:on}
    server s ${\ $o->addr}
listen off
    bind {BIND:off}
    disabled
    server s ${\ $o->addr}
");
	like(body_of($p, 'on'), qr/^- /, 'one runs');
	unlike($p->stderr, qr/ALERT/, 'the other is no error');
	stop_proxy($p);
};

done_testing;
