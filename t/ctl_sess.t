# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# `show sess`: which sessions it tells of, and what of each.
use Tideway::Test;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my @o = map { origin(name => $_, respond => sub {
	my ($req, $c, $self) = @_;
	$self->wait_flag('go');
	return $self->reply($req);
}) } qw(a b);
my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
" . defaults('timeout client 40s', 'timeout server 50s', 'timeout queue 30s') . "
frontend one
    bind {BIND:one}
    default_backend x
frontend two
    bind {BIND:two}
    use_backend y if { path_beg /y }
    default_backend x
backend x
    balance roundrobin
    server s1 ${\ $o[0]->addr}
    server s2 ${\ $o[1]->addr}
backend y
    server s1 ${\ $o[0]->addr} maxconn 1
");

sub cli { return cli_ask($sock, $_[0]) }
sub n { return scalar(() = cli($_[0]) =~ /^0x/mg) }

my @c = map {
	my ($port, $uri) = @$_;
	my $c = $p->client($port);
	$c->send("GET $uri HTTP/1.1\r\nHost: h\r\n\r\n");
	$c;
} [one => '/1'], [one => '/2'], [two => '/3'], [two => '/y"\\4'], [two => '/y5'];
ok(wait_until { n('show sess') == 5 && n('show sess backend x') == 3
	&& cli('show servers conn y') =~ m{y/s1 .* 1 1 } }, 'five sessions');
ok(wait_until { cli('show sess') =~ /srv=<none>.* rq\[\S+ax=\d+s\]/ }, 'one waits');

subtest 'which' => sub {
	for (['all', 5], ['frontend one', 2], ['frontend two', 3], ['backend x', 3],
		['backend y', 2], ['server y/s1', 1], ['frontend two backend x', 1],
		['frontend one backend y', 0], ['older 1h', 0], ['older 0', 5],
		['show-uri', 5], ['all older 1h', 0], ['server x/s1 frontend one', undef]) {
		my ($what, $n) = @$_;
		is(n("show sess $what"), $n, $what) if defined $n;
	}
	my $x = n('show sess server x/s1') + n('show sess server x/s2');
	is($x, 3, 'by server');
	for (['frontend nope', qr/^No such frontend/], ['backend nope', qr/^No such backend/],
		['server x/nope', qr/^No such server/], ['server x', qr/^No such server/],
		['older', qr/needs a value/], ['older x', qr/^Invalid age/],
		['nonsense', qr/^Unknown option/], ['susp', qr/^Unknown option/],
		['help', qr/^Usage: show sess/], ['0x7777777', qr/^Session not found/]) {
		like(cli("show sess $_->[0]"), $_->[1], $_->[0]);
	}
};

subtest 'what' => sub {
	my ($line) = grep { /uri="GET \/1 / } split /\n/, cli('show sess show-uri');
	like($line, qr/ fe=one be=x srv=s[12] .* rq\[f=0h,i=0,an=00h,rx=\d*s?,wx=,ax=\] rp\[f=0h,i=0,an=00h,rx=(?:50|4\d)s,/,
	    'the server may take 50s');
	like(cli('show sess show-uri'), qr{uri="GET /y\\x22\\x5C4 HTTP/1\.1"}, 'the line, made plain');
	my ($id) = $line =~ /^(0x\w+)/;
	like(cli("show sess $id"), qr/^$id: .* proto=tcpv4 source=.*frontend=one .*server-timeout=\d+s.*uri="GET \/1 /s,
	    'one, with all');
	unlike(cli("show sess $id"), qr/uri="GET \/2/, 'and no other');
};

$_->set('go') for @o;
is($_->read_response->status, 200, 'served') for @c;
stop_proxy($p);
done_testing;
