# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# gRPC end to end, with TLS and without it on both sides: calls with one answer,
# with many and with both at once, statuses in trailers and alone, metadata, large
# messages, cancellation, deadlines, and nghttp in place of a client of our own.
use Tideway::Test;
use Tideway::Certs;
use Tideway::H2;
use Tideway::H2Origin;
use Tideway::TLS;

my $ca = ca('Root');
my $site = cert('grpc.test', ca => $ca);

# a message with its head (gRPC over HTTP/2, Length-Prefixed-Message)
sub message { return pack('CN', 0, length $_[0]) . $_[0] }

sub messages
{
	my ($bytes) = @_;
	my @m;

	while (length $bytes >= 5) {
		my $n = unpack 'xN', $bytes;
		push @m, substr $bytes, 5, $n;
		substr $bytes, 0, 5 + $n, '';
	}
	return @m;
}

package Service;
our @ISA = ('Tideway::H2Origin');

# answers message by message
sub _take
{
	my ($self, $h2, $f, $s) = @_;
	my $sid = $s->{sid};

	return $self->SUPER::_take($h2, $f, $s) unless $s->path =~ m{^/svc/};
	if (!$s->{begun}++) {
		$self->_record_request($s);
		if ($s->path eq '/svc/Missing') {
			$h2->respond($sid, 200, headers => [['content-type', 'application/grpc'],
			    ['grpc-status', 12], ['grpc-message', 'no such method']]);
			return ();
		}
		$h2->respond($sid, 200, open => 1, headers => [
		    ['content-type', 'application/grpc+proto'], ['x-initial', 'abc'],
		    ['x-bin-bin', 'AAEC']]);
		return () if $s->path =~ m{/(?:Hangs|Missing)$};
	}
	if ($s->path eq '/svc/Many') {
		$h2->send_data($sid, join('', map { main::message("answer $_") } 1 .. 200),
		    trailers => [['grpc-status', 0]]) if $s->{ended} && !$s->{done}++;
		return ();
	}
	return () if $s->path =~ m{/(?:Hangs|Missing)$};
	my $new = substr $s->body, $s->{seen} // 0;
	$s->{seen} = length $s->body;
	if ($s->{ended} && !$s->{done}++) {
		$h2->send_data($sid, $new, trailers => [['grpc-status', 0],
		    ['grpc-message', 'fine'], ['x-trailing', $s->header('x-meta') // 'none'],
		    ['grpc-status-details-bin', 'CAUSA2JhZA']]);
	} elsif (length $new) {
		$h2->send_data($sid, $new);
	}
	return ();
}
package main;

my %o = map { $_->[0] => Service->new(dir => Tideway::Test::temp_dir(), @{$_}[1 .. $#$_]) }
    ['tls', cert => $site], ['clear'];
my $log = syslog_unix();
my $ssl = "ssl verify required ca-file $ca->{crt} sni str(grpc.test) alpn h2";
my $p = start_proxy("global
    nbthread 2
    log $log->{addr} local0
" . defaults('log global', 'option httplog', 'option http-ignore-probes') . join '', map { my $s = $_; "
frontend to_$s
    bind {BIND:tls_$s} ssl crt $site->{pem} alpn h2
    bind {BIND:clear_$s} proto h2
    http-response set-var(txn.type) res.hdr(content-type)
    log-format \"%HP %ST %ts %B %[var(txn.type)]\"
    default_backend $s
backend $s
    timeout server 60s
    server s ${\ $o{$s}->addr} " . ($s eq 'tls' ? $ssl : 'proto h2') . "
" } sort keys %o);

my @GRPC = (['content-type', 'application/grpc'], ['te', 'trailers'],
    ['grpc-timeout', '10S'], ['x-meta', 'data'], ['user-agent', 'grpc-test/1']);

sub client
{
	my ($bind) = @_;

	return h2_client($p->addr($bind), tls => $bind =~ /^tls_/ ? { sni => 'grpc.test', ca => $ca } : 0);
}

sub call
{
	my ($c, $method, %q) = @_;

	return $c->request(method => 'POST', scheme => 'https', authority => 'grpc.test',
	    path => "/svc/$method", headers => \@GRPC, %q);
}

for my $bind (map { ("tls_$_", "clear_$_") } sort keys %o) {
	my $origin = $o{ $bind =~ s/.*_//r };

	subtest $bind => sub {
		my $c = client($bind);
		my $r = $c->response(call($c, 'Echo', body => message('hello')));
		is_deeply([messages($r->body)], ['hello'], 'one message');
		is($r->header('content-type'), 'application/grpc+proto', 'its type');
		is($r->header('x-bin-bin'), 'AAEC', 'metadata');
		is_deeply([map { $r->trailer($_) } qw(grpc-status grpc-message x-trailing
		    grpc-status-details-bin)], [0, 'fine', 'data', 'CAUSA2JhZA'], 'the status');
		is($r->header('grpc-status'), undef, 'which is no header field');
		my ($seen) = grep { $_->path eq '/svc/Echo' } $origin->requests;
		is($seen->header($_->[0]), $_->[1], "the server has $_->[0]") for @GRPC;
		is($seen->header(':scheme'), $bind =~ /_tls/ ? 'https' : $seen->header(':scheme'), 'scheme');

		$r = $c->response(call($c, 'Missing', body => message('x')));
		is_deeply([$r->status, $r->header('grpc-status'), $r->header('grpc-message'), $r->{trailers}, $r->body],
		    [200, 12, 'no such method', undef, ''], 'a status alone');
		$r = $c->response(call($c, 'Many', body => message('')));
		is_deeply([messages($r->body)], [map { "answer $_" } 1 .. 200], 'many answers');
		is($r->trailer('grpc-status'), 0, 'and the status');
		my @big = map { chr(96 + $_) x 300_000 } 1 .. 3;
		$r = $c->response(call($c, 'Echo', body => join '', map { message($_) } @big));
		ok(join('', messages($r->body)) eq join('', @big), 'large ones');

		my $sid = call($c, 'Chat', open => 1);
		$r = $c->response($sid, early => 1);
		is($r->status, 200, 'both at once: the head comes first');
		for my $i (1 .. 20) {
			$c->send_data($sid, message("say $i"));
			$c->wait_for(sub { scalar(my @m = messages($r->body)) == $i });
		}
		is_deeply([messages($r->body)], [map { "say $_" } 1 .. 20], 'one by one');
		ok(!$r->{ended}, 'it is open');
		$c->send_data($sid, '', end => 1);
		$c->response($sid);
		is_deeply([$r->trailer('grpc-status'), $r->{complete}], [0, 1], 'the end');

		$sid = call($c, 'Hangs', body => message('x'));
		$c->response($sid, early => 1);
		my $before = $origin->events('rst');
		$c->rst($sid, 'CANCEL');
		ok((wait_until { ($origin->events('rst')) > $before }), 'what the client cancels is cancelled');
		like(($origin->events('rst'))[-1][2], qr/ CANCEL$/, 'with that code');
		is($c->response(call($c, 'Echo', body => message('on')))->trailer('grpc-status'), 0, 'others go on');
		is_deeply([$c->violations], [], 'nothing was wrong');
		$c->close;
	};
}

subtest 'many at once' => sub {
	my $c = client('tls_tls');
	$c->response(call($c, 'Echo', body => message('first'))); # its worker has one now
	my $n = $o{tls}->n_connections;
	my @sid = map { call($c, 'Echo', body => message("call $_")) } 1 .. 80;

	is(join(' ', map { (messages($c->response($_)->body))[0] } @sid),
	    join(' ', map { "call $_" } 1 .. 80), 'each has its own');
	is(scalar(grep { ($c->stream($_)->trailer('grpc-status') // '') eq '0' } @sid), 80, 'and its status');
	cmp_ok($o{tls}->n_connections - $n, '<=', 2, 'on the connections that are there');
};

subtest 'the log' => sub {
	my $l = $log->next_match(qr{^\S*/svc/Echo });
	like($l->{msg}, qr{/svc/Echo 200 -- \d+ application/grpc\+proto}, 'a line');
	ok($log->next_match(qr{/svc/Hangs 200 CD }), 'and of what was cancelled');
};

subtest 'nghttp' => sub {
	my ($nghttp) = grep { -x } map { "$_/nghttp" } split /:/, $ENV{PATH};
	plan skip_all => 'not installed' unless $nghttp;
	my $file = spew('message', message('from nghttp'));
	for my $s (sort keys %o) {
		my $r = run_cmd({ bin => $nghttp }, '-v', '-d', $file, '-H', 'content-type: application/grpc',
		    '-H', 'te: trailers', 'https://' . $p->addr("tls_$s") . '/svc/Echo');
		like($r->{out}, qr/:status: 200.*from nghttp.*grpc-status: 0.*grpc-message: fine/s, "to $s")
		    or diag $r->{out}, $r->{err};
	}
};

is(scalar(my @wrong = map { $_->events('violation') } values %o), 0, 'servers saw nothing wrong');
stop_proxy($p);
done_testing();
