# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Options of bind lines: who may use a unix socket, names and numbers as the
# statistics show them, limits, and lines with several addresses.
use Tideway::Test;
use IO::Socket::INET;
use IO::Socket::UNIX;

my $dir = Tideway::Test::temp_dir();
my $HOST = $Tideway::Listener::ADDR;
my $o = origin(name => 's');
my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

sub status_at
{
	my ($sock) = @_;

	return 'refused' unless $sock;
	return Tideway::Peer->new($sock)->request($get)->status;
}

sub inet { IO::Socket::INET->new(PeerHost => $_[0], PeerPort => $_[1]) }

subtest 'unix sockets' => sub {
	my $root = $> == 0;
	my $own = $root ? 'user nobody group nogroup' : '';
	my $num = $root ? 'uid 65534 gid 65534' : '';
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind $dir/a mode 640 $own
    bind unix\@$dir/b mode 0606 $num name bee
    bind $dir/c,$dir/d
    server s ${\ $o->addr}
");
	for my $s (qw(a b c d)) {
		is(status_at(IO::Socket::UNIX->new(Peer => "$dir/$s")), 200,
		    "socket $s");
	}
	is((stat "$dir/a")[2] & 0777, 0640, 'mode 640');
	is((stat "$dir/b")[2] & 0777, 0606, 'mode 0606');
	SKIP: {
		skip 'only root gives files away', 2 unless $root;
		my ($uid, $gid) = (scalar getpwnam 'nobody', scalar getgrnam 'nogroup');
		is(join('/', (stat "$dir/a")[4, 5]), "$uid/$gid", 'user and group');
		is(join('/', (stat "$dir/b")[4, 5]), '65534/65534', 'uid and gid');
	}
	stop_proxy($p);

	# what an earlier program left behind is no obstacle
	ok(-S "$dir/a" || !-e "$dir/a", 'it may stay behind');
	$p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind $dir/a
    server s ${\ $o->addr}
");
	is(status_at(IO::Socket::UNIX->new(Peer => "$dir/a")), 200, 'bound again');
	stop_proxy($p);
	for my $bad ('mode', 'mode 9x', 'user no-such-user', 'group no-such-group') {
		my $r = check_config(defaults() . "listen a\n    bind $dir/x $bad\n");
		next if $bad eq 'mode 9x' && !is_tideway();
		is($r->{code}, 1, "$bad: refused") or diag $r->{all};
		like($r->{all}, qr/check\.cfg:8\b/, 'with its line');
	}
};

subtest 'lists and ranges' => sub {
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind $HOST:18101-18103,$HOST:18105,ipv4\@$HOST:18107-18108
    server s ${\ $o->addr}
");
	is(status_at(inet($HOST, $_)), 200, "port $_")
	    for 18101 .. 18103, 18105, 18107, 18108;
	is(status_at(inet($HOST, $_)), 'refused', "not $_") for 18104, 18106, 18109;
	stop_proxy($p);
};

# the lines of the CSV as { "px/sv" => { field => value } }
sub csv
{
	my ($p) = @_;
	my %rows;
	my ($head, @lines) = split /\n/, $p->get('st', '/;csv')->body;
	my @names = split /,/, $head =~ s/^# //r;

	for my $line (@lines) {
		my @f = split /,/, $line, -1;
		my %row;
		@row{@names} = @f;
		$rows{"$f[0]/$f[1]"} = \%row;
	}
	return \%rows;
}

subtest 'name and id' => sub {
	my $p = start_proxy(defaults() . "
listen st
    bind {BIND:st}
    stats enable
    stats uri /
frontend web
    bind {BIND:one} name one id 7
    bind {BIND:two}
    option socket-stats
    default_backend b
backend b
    server s ${\ $o->addr}
");
	is($p->get($_, '/')->status, 200, $_) for qw(one one two);
	my $c = csv($p);
	is($c->{'web/one'}{sid}, 7, 'the listener has its name and number');
	is($c->{'web/one'}{stot}, 2, 'and counts for itself');
	is($c->{'web/one'}{type}, 3, 'a socket');
	is($c->{'web/sock-2'}{stot} // $c->{'web/sock-1'}{stot}, 1,
	    'one without a name gets one');
	stop_proxy($p);
};

subtest 'maxconn of a bind line' => sub {
	my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:few} maxconn 2
    bind {BIND:many}
    default_backend b
backend b
    server s ${\ $o->addr}
");
	my @c = map { $p->client('few') } 1 .. 3;
	is($c[$_]->request($get)->status, 200, "client $_") for 0, 1;
	$c[2]->send($get);
	ok($c[2]->is_quiet(0.2), 'one too many waits');
	is($p->get('many', '/')->status, 200, 'the other line goes on');
	$c[0]->close;
	is($c[2]->read_response->status, 200, 'until one leaves');
	stop_proxy($p);
};

# a name is filled up with zeros, as HAProxy does, or is not
subtest 'abstract names and prefixes' => sub {
	my $name = "tw-bind-$$";
	my $port = IO::Socket::INET->new(Listen => 1, LocalAddr => $HOST)->sockport;
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    bind abns\@$name
    bind uxst\@$dir/uxst
    bind tcp\@$HOST:$port
    server s ${\ $o->addr}
listen more
    bind {BIND:more}
    bind abnsz\@$name
    server s abns\@$name
listen tight
    bind {BIND:tight}
    server s abnsz\@$name
");
	is(status_at(IO::Socket::UNIX->new(Peer => "$dir/uxst")), 200, 'uxst@');
	is(status_at(inet($HOST, $port)), 200, 'tcp@');
	is($p->get('more', '/')->status, 200, 'a server at abns@');
	is($p->get('tight', '/')->status, 200, 'a server at abnsz@');
	my @listed = grep { /tw-bind-$$/ } split /\n/, slurp('/proc/net/unix');
	is(scalar(grep { /\@$name$/ } @listed) > 0, 1, 'one as it is');
	is(scalar(grep { /\@$name\@+$/ } @listed) > 0, 1, 'and one filled up');
	stop_proxy($p);
	for my $prefix (qw(quic4 udp rhttp sockpair)) {
		my $r = check_config(defaults() . "listen l\n bind $prefix\@:1\n server s 127.0.0.1:1\n");
		like($r->{all}, qr/'$prefix\@' addresses are known to HAProxy 3.4 but not supported/, "$prefix\@");
	}
};

subtest 'where Multipath TCP is not possible' => sub {
	for my $l ("backend b\n    source mptcp\@127.0.0.1", "backend b\n    server s 127.0.0.1:1 addr mptcp\@127.0.0.1",
	    "backend b\n    server s mptcp5\@127.0.0.1:1") {
		is(check_config(defaults() . "$l\n")->{code}, 1, $l =~ s/\n\s*/: /r);
	}
};

done_testing;
