# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Which server gets which key: Debian's haproxy and tideway side by side, the
# same servers, weights and keys. Every way to find a key, every function,
# map and ring, must agree on each of 200 keys, so that a pair of the two can
# stand before the same caches. static-rr must serve in the same order.
use Tideway::Test;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
plan(skip_all => 'haproxy is not installed') unless $haproxy;

# A server is an address of the loopback network; the origin says which.
my $o = origin(host => '0.0.0.0', respond => sub {
	my ($req, $c) = @_;
	return response(200, $c->sock->sockhost);
});
my @weights = ([1, 1, 1, 1, 1], [3, 2, 1, 7], [10, 20, 30], [1, 1, 1, 1, 1, 1, 4]);

sub servers
{
	my ($w, %opt) = @_;
	my $n = 0;

	return join '', map {
		$n++;
		my $id = $opt{ids} ? ' id ' . (7 * $n + $opt{ids}) : '';
		"    server s$n 127.0.2.$n:${\ $o->port} weight $_$id\n";
	} @$w;
}

# name => [balance and hash-type, weights, options]
my (%case, @order);
sub add
{
	my ($name, $lines, $w, %opt) = @_;

	push @order, $name;
	$case{$name} = { lines => $lines, w => $w, %opt };
}

add('uri', 'balance uri', $weights[0]);
add('uri_len', 'balance uri len 9', $weights[0]);
add('uri_depth', 'balance uri depth 2', $weights[0]);
add('uri_both', 'balance uri len 12 depth 2', $weights[0]);
add('uri_whole', 'balance uri whole', $weights[1]);
add('uri_path', 'balance uri path-only', $weights[1]);
add('uri_ring', "balance uri\n    hash-type consistent", $weights[1]);
add('hdr', 'balance hdr(X-Key)', $weights[1]);
add('hdr_host', 'balance hdr(host) use_domain_only', $weights[0]);
add('param', 'balance url_param id', $weights[2]);
add('param_ring', "balance url_param id\n    hash-type consistent", $weights[2]);
for my $f (qw(sdbm djb2 crc32)) {
	add("map_$f", "balance hdr(X-Key)\n    hash-type map-based $f", $weights[1]);
	add("map_${f}_av", "balance hdr(X-Key)\n    hash-type map-based $f avalanche",
	    $weights[3]);
	add("ring_$f", "balance hdr(X-Key)\n    hash-type consistent $f", $weights[0]);
	add("ring_${f}_av", "balance hdr(X-Key)\n    hash-type consistent $f avalanche",
	    $weights[3], ids => 1);
}
add('expr', 'balance hash req.hdr(X-Key)', $weights[1]);
add('expr_int', "balance hash req.hdr_val(X-Number)\n    hash-type consistent djb2 avalanche",
    $weights[0]);
add('expr_src', "balance hash src\n    hash-type map-based crc32", $weights[0], src => 1);
add('source', 'balance source', $weights[1], src => 1);
add('source_ring', "balance source\n    hash-type consistent", $weights[0], src => 1,
    ids => 1000);
add('source_av', "balance source\n    hash-type map-based sdbm avalanche", $weights[3],
    src => 1);
add('source_djb2', "balance source\n    hash-type consistent djb2", $weights[3], src => 1);

sub config
{
	my $text = defaults('http-reuse always');

	for my $n (@order) {
		my $proxy = $case{$n}{src} ? ' accept-proxy' : '';
		$text .= "listen $n\n    bind {BIND:$n}$proxy\n    $case{$n}{lines}\n"
		    . servers($case{$n}{w}, %{ $case{$n} });
	}
	for my $i (0 .. $#weights) {
		$text .= "listen rr$i\n    bind {BIND:rr$i}\n    balance static-rr\n"
		    . servers($weights[$i]);
	}
	return $text;
}

# what the i-th key is, everywhere at once
sub request_of
{
	my ($i) = @_;
	my @dirs = map { sprintf '%x', ($i * 7919 + $_ * 104729) % 4093 } 1 .. 1 + $i % 4;
	my $uri = '/' . join('/', @dirs) . ($i % 3 ? "?a=b/c&id=u$i&x=$i" : "?id=$i");
	# two dots at least: haproxy 2.6 looks before the value when there is one
	my $host = ('www', 'a.b', 'x')[$i % 3] . ".site$i.org" . ($i % 4 == 2 ? ':80' : '');

	$uri = "http://$host$uri" if $i % 10 == 9;
	return "GET $uri HTTP/1.1\r\nHost: $host\r\nX-Key: "
	    . ($i % 5 ? "key-$i" : "k$i, second") . "\r\nX-Number: " . ($i * 65537)
	    . "\r\n\r\n";
}

sub source_of
{
	my ($i) = @_;

	return sprintf "PROXY TCP4 10.%d.%d.%d 127.0.0.1 %d 80\r\n", $i * 31 % 256,
	    $i * 7 % 256, $i, 1024 + $i unless $i % 2;
	return sprintf "PROXY TCP6 2001:db8:%x::%x ::1 %d 80\r\n", $i * 977 % 65536,
	    $i * 31, 1024 + $i;
}

sub ask
{
	my ($p, $n) = @_;
	my $c = $case{$n}{src} ? undef : $p->client($n);

	return [map {
		my $conn = $c // $p->client($n);
		$conn->send(source_of($_)) unless $c;
		$conn->request(request_of($_))->body;
	} 1 .. 200];
}

sub run
{
	my ($bin) = @_;
	my $p = start_proxy(config(), bin => $bin);
	my %got = map { $_ => ask($p, $_) } @order;

	for my $i (0 .. $#weights) {
		my $c = $p->client("rr$i");
		$got{"rr$i"} = [map { $c->request(request_of($_))->body } 1 .. 150];
	}
	stop_proxy($p);
	return \%got;
}

my $want = run($haproxy);
my $got = run(binary());
for my $n (@order, map { "rr$_" } 0 .. $#weights) {
	my @differ = grep { $want->{$n}[$_] ne $got->{$n}[$_] } 0 .. $#{ $want->{$n} };
	my %used = map { $_ => 1 } @{ $got->{$n} };

	is(scalar @differ, 0, "$n: each of " . @{ $got->{$n} } . ' where haproxy has it')
	    or diag(map { "$_: haproxy $want->{$n}[$_], tideway $got->{$n}[$_]\n" }
	    @differ[0 .. ($#differ < 5 ? $#differ : 5)]);
	cmp_ok(scalar keys %used, '>', 1, "$n: not all on one server");
}

done_testing;
