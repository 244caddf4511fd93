# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# `show errors`: the bytes of the last bad message, and which of them was wrong.
# Positions are compared with HAProxy's.
use Tideway::Test;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $o = origin(name => 's', raw => 1, greet => sub {
	my ($c) = @_;
	my $head = $c->read_until(qr/\r\n\r\n/) // return;
	my ($hex) = $head =~ m{^GET /(\w+)};
	$c->send(pack 'H*', $hex // '');
});

sub config
{
	return "global
    stats socket $dir/$_[0].sock level admin
" . defaults() . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s ${\ $o->addr}
";
}

my %p = map { $_->[0] => start_proxy(config($_->[0]), bin => $_->[1]) } [tw => binary()],
    $haproxy && is_tideway() ? [ha => $haproxy] : ();

# position and dump of the last one
sub shown
{
	my ($who, $kind) = @_;
	my $text = cli_ask("$dir/$who.sock", "show errors -1 $kind");
	my ($at) = $text =~ /error at position (\d+)/;
	my $dump = join '', grep { /^  \d{5}[ +] / } map { "$_\n" } split /\n/, $text;

	return ($at, $dump);
}

sub same
{
	my ($what, $kind, $at, $send) = @_;
	my %got;

	for my $who (sort keys %p) {
		my $c = $p{$who}->client('web');
		$c->send($send);
		$c->read_response;
		$got{$who} = [shown($who, $kind)];
	}
	is($got{tw}[0], $at, "$what: position $at");
	return unless $p{ha};
	is($got{tw}[0], $got{ha}[0], "$what: HAProxy's position");
	is($got{tw}[1], $got{ha}[1], "$what: HAProxy's dump");
}

my $H = "GET / HTTP/1.1\r\nHost: a\r\n";
subtest 'requests' => sub {
	same('a blank in a name', 'request', 26, "${H}X y: b\r\n\r\n");
	same('a method', 'request', 1, "G\@T / HTTP/1.1\r\nHost: a\r\n\r\n");
	same('a target', 'request', 5, "GET /\x01a HTTP/1.1\r\nHost: a\r\n\r\n");
	same('a version', 'request', 13, "GET / HTTP/1.x\r\nHost: a\r\n\r\n");
	same('no name', 'request', 25, "${H}: b\r\n\r\n");
	same('a bare CR', 'request', 30, "${H}X: b\rc\r\n\r\n");
	same('a length', 'request', 41, "${H}Content-Length: x\r\n\r\n");
	same('far behind', 'request', 1031, "${H}Y: " . 'y' x 1000
	    . "\r\nZ z: \xff\t\x1b\\\r\n\r\n");
};

subtest 'responses' => sub {
	for (['a name', 18, "HTTP/1.1 200 OK\r\nX y: b\r\n\r\n"],
		['a status', 10, "HTTP/1.1 2x0 OK\r\n\r\n"]) {
		my ($what, $at, $answer) = @$_;
		my $c = $p{tw}->client('web');
		$c->send('GET /' . unpack('H*', $answer) . " HTTP/1.1\r\nHost: a\r\n\r\n");
		is($c->read_response->status, 502, $what);
		my ($is, $dump) = shown('tw', 'response');
		like($dump, qr/^  00000  HTTP\/1\.1 2/, "$what: its bytes");
		is($is, $at, "$what: position $at");
	}
};

subtest 'heads that leave no room' => sub {
	plan(skip_all => 'what is kept of them is ours') unless is_tideway();
	my $l = listener();
	my $q = start_proxy("global\n    tune.bufsize 4096\n    tune.maxrewrite 1024\n    stats socket $dir/room.sock level admin\n"
	    . defaults() . "listen web\n    bind {BIND:web}\n    server s ${\ $l->addr}\n");
	my $c = $q->client('web');
	$c->send("${H}X: " . 'y' x 3500 . "\r\n\r\n");
	is($c->read_response->status, 431, 'a request');
	like(cli_ask("$dir/room.sock", 'show errors -1 request'), qr/00000  GET \/.*\n/, 'is kept');
	$c = $q->client('web');
	$c->send("$H\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send("HTTP/1.1 200 OK\r\nX: " . 'y' x 3500 . "\r\nContent-Length: 0\r\n\r\n");
	is($c->read_response->status, 502, 'an answer');
	my $text = cli_ask("$dir/room.sock", 'show errors -1 response');
	like($text, qr/backend web \(#\d+\): invalid response/, 'is kept, too');
	like($text, qr/00000  HTTP\/1\.1 200 OK/, 'with its bytes');
	$_->close for $c, $s;
	stop_proxy($q);
};

stop_proxy($p{tw});
$p{ha}->stop if $p{ha};
done_testing;
