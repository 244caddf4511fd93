# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Many clients at once, over several threads: every one gets its own answers,
# and none is lost, while servers close, queue, and limits bite.
use Tideway::Test;
use IO::Select;

my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	my ($id, $size) = $req->uri =~ m{/(\d+)/(\d+)};
	my $body = "$id:" . ('x' x $size) . ':' . $req->body;
	return $o->reply($req, $body, $id % 7 == 0 ? 'Connection: close' : "X-Id: $id");
}) } 1 .. 3;

my $p = start_proxy("global\n    nbthread 4\n" . defaults('timeout queue 10s',
    'option redispatch') . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    balance leastconn
    http-reuse always
    default-server maxconn 4 check inter 100ms
    server s1 ${\ $o[0]->addr}
    server s2 ${\ $o[1]->addr}
    server s3 ${\ $o[2]->addr}
");

# each client: a list of requests, sent one after the other
my $n_clients = 40;
my $per_client = 12;
my ($good, @bad, %client, $id);
my $select = IO::Select->new;

sub next_request
{
	my ($c) = @_;
	my $n = ++$id;
	my $size = (37 * $n) % 3000 + ($n % 25 == 0 ? 200_000 : 0);
	my $method = $n % 3 ? 'GET' : 'POST';
	my $body = $method eq 'POST' ? "body$n" : '';

	$c->{want} = "$n:" . ('x' x $size) . ":$body";
	$c->{peer}->send("$method /$n/$size HTTP/1.1\r\nHost: a\r\n"
	    . ($body ne '' ? 'Content-Length: ' . length($body) . "\r\n" : '')
	    . "\r\n$body");
}

for my $n (1 .. $n_clients) {
	my $peer = $p->client('web');
	my $c = $client{ $peer->sock } = { peer => $peer, left => $per_client };
	$select->add($peer->sock);
	next_request($c);
}

my $end = time + 30;
while ($select->count && time < $end) {
	for my $sock ($select->can_read(1)) {
		my $c = $client{$sock};
		my $r = $c->{peer}->read_response(secs => 5);
		if ($r->status == 200 && $r->body eq $c->{want}) {
			$good++;
		} else {
			push @bad, 'status ' . $r->status . ', wanted '
			    . substr($c->{want}, 0, 20) . ' got ' . substr $r->body, 0, 20;
		}
		if (--$c->{left} == 0 || $r->status != 200) {
			$select->remove($sock);
			$c->{peer}->close;
			next;
		}
		next_request($c);
	}
}

is($good, $n_clients * $per_client, 'every request got its own answer');
is(scalar @bad, 0, 'and no other') or diag join "\n", @bad[0 .. ($#bad > 5 ? 5 : $#bad)];
my %seen;
$seen{ $_->{raw} =~ /^(?:GET|POST) (\S+)/ ? $1 : 'check' }++ for map { $_->requests } @o;
delete $seen{check};
is(scalar(grep { $_ > 1 } values %seen), 0, 'no request was sent twice');

# a crowd that connects and leaves at once
for my $round (1 .. 5) {
	my @crowd = map { $p->client('web') } 1 .. 60;
	$_->send("GET /1/10 HTTP/1.1\r\nHost: a\r\n\r\n") for @crowd[0 .. 29];
	$_->reset for @crowd[0 .. 14];
	$_->close for @crowd[15 .. 59];
}
is($p->get('web', '/1/1')->status, 200, 'those who leave in a hurry harm nobody');
stop_proxy($p);
done_testing;
