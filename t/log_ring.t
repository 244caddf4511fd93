# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Rings: sections, log servers over TCP and unix streams, receivers that are
# slow, full, absent or rude, and what the control socket shows of them.
use Tideway::Test;
use IO::Socket::UNIX;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/ctl.sock";
my $o = origin(name => 's');

sub text
{
	my ($global, $rest) = @_;

	return "global\n    stats socket $sock level admin\n"
	    . join('', map { "    $_\n" } @$global) . $rest
	    . defaults('log global', 'log-format "%HP"') . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
";
}

sub cli
{
	my ($line) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $sock) or return 'no socket';

	print $s "$line\n";
	$s->flush;
	return answer($s);
}

# requests /1, /2, ...
sub load
{
	my ($p, $from, $to) = @_;
	my $c = $p->client('web');

	$c->request("GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n") for $from .. $to;
}

sub events
{
	my ($ring, $want) = @_;
	my $got;

	wait_until { ($got = cli("show events $ring")) =~ $want };
	return $got;
}

subtest 'a ring in memory' => sub {
	my $p = start_proxy(text(['log ring@mem len 200 local0 info'], "
ring mem
    description \"In memory\"
    format short
    maxlen 64
    size 512
"));
	load($p, 1, 3);
	like(events('mem', qr{/3}), qr{^<6>/1\n<6>/2\n<6>/3\n\n}m, 'its messages, in its format');
	like(cli('show events'), qr/^Supported events sinks are listed below\. Add -w\(wait\), -n\(new\)\. Any key to stop\n.*^    mem        : type=buffer, 0 dropped, In memory\n/ms,
	    'listed as HAProxy does');
	like(cli('show events nope'), qr/^No such event sink\n/, 'one there is not');
	like(cli('show events mem -x'), qr/unknown option '-x'/, 'an option there is not');
	like(cli('show events mem -n'), qr/^\n/, 'nothing new');
	load($p, 4, 4);
	$p->get('web', '/long' . 'x' x 100);
	like(events('mem', qr{/long}), qr{^<6>/longx{56}\n}m, 'cut to maxlen');
	load($p, 10, 60);
	my $got = events('mem', qr{/60\n});
	unlike($got, qr{/1\n}, 'old messages make room');
	like(cli('show ring mem'), qr/^mem: size=512 used=\d+ messages=\d+ total=\d+ dropped=0 maxlen=64 \(In memory\)$/m, 'show ring');
	# a watcher
	my $w = IO::Socket::UNIX->new(Peer => $sock);
	print $w "show events mem -wn\n";
	$w->flush;
	ok(wait_until { return cli('show ring mem') }, 'others are served meanwhile');
	my $seen = '';
	ok(wait_until {
		load($p, 77, 77);
		($seen .= answer($w, qr{/77\n})) =~ m{/77\n};
	}, 'who waits gets what is new');
	print $w "\n";
	$w->flush;
	like(answer($w), qr/\[end\]$/, 'until a key is pressed');
	# it survives a reload
	load($p, 80, 80);
	events('mem', qr{/80\n});
	$p->signal('USR2');
	like(events('mem', qr{/80\n}), qr{/80\n}, 'and stays in memory');
	stop_proxy($p);
};

sub tcp_server
{
	my ($l, $extra, $n) = @_;

	return "
ring fwd
    format raw
    maxlen 200
    size 4096
    timeout connect 1s
    timeout server 1s
    server one ${\ $l->addr} $extra
";
}

subtest 'servers' => sub {
	for my $proto ('', 'log-proto octet-count') {
		my $l = listener();
		my $p = start_proxy(text(['log ring@fwd local0 info info'], tcp_server($l, $proto)));
		load($p, 1, 2);
		my $c = $l->accept;
		my $want = $proto ? qr{2 /12 /2} : qr{/1\n/2\n};
		my $got = $c->read_until($want);
		like($got, $want, $proto || 'legacy');
		like(cli('show ring fwd'), qr/^  server one ${\ $l->addr}: connected sent=[2-9] failures=0$/m, 'seen by show ring');
		# the server goes, and comes back
		$c->close;
		ok(wait_until { return cli('show ring fwd') =~ /failures=[1-9]/ }, 'it goes');
		load($p, 3, 3);
		$c = $l->accept;
		like($c->read_until(qr{/3}), qr{/3}, 'it comes back to what it missed');
		# one that resets
		$c->reset;
		ok(wait_until { return cli('show ring fwd') =~ /failures=[2-9]/ }, 'it resets');
		load($p, 4, 4);
		$c = $l->accept;
		like($c->read_until(qr{/4}), qr{/4}, 'and comes back again');
		# one that talks
		$c->send("220 hello\r\n" x 100);
		load($p, 5, 5);
		like($c->read_until(qr{/5}), qr{/5}, 'one that talks is not minded');
		stop_proxy($p);
	}
};

subtest 'a server that takes nothing' => sub {
	my $l = listener(backlog => 1);
	my $p = start_proxy(text(['log ring@fwd local0 info info'], "
ring fwd
    maxlen 2000
    size 4096
    server one ${\ $l->addr}
"));
	my $url = 'x' x 900;
	my $n = 0;
	my $c;
	# the connection's buffers fill, then the ring
	ok((wait_until {
		$p->get('web', "/$url" . $n++) for 1 .. 50;
		$c //= $l->accept(0.01);
		return cli('show ring fwd') =~ /dropped=[1-9]/;
	} 60), 'what does not fit is dropped and counted');
	is($p->get('web', '/fine')->status, 200, 'nobody waits for it');
	my ($dropped) = cli('show ring fwd') =~ /dropped=(\d+)/;
	like(cli('show events'), qr/fwd        : type=buffer, \d+ dropped/, 'show events tells');
	like(cli('show log'), qr/^ring\@fwd ring up \d+ [1-9]\d*$/m, 'show log, too');
	ok($c->read_until(qr/\n/), 'what it took before is whole') if $c;
	stop_proxy($p);
};

subtest 'log tcp@, uxst@' => sub {
	my $l = listener();
	my $p = start_proxy(text(["log tcp\@${\ $l->addr} format raw local0 info info"], ''));
	load($p, 1, 1);
	my $c = $l->accept;
	like($c->read_until(qr{/1\n}), qr{^/1\n}m, 'tcp@: a stream of lines');
	like(cli('show events'), qr/^    tcp\@${\ $l->addr} : type=buffer, 0 dropped, created from logserver declared into /m, 'an implicit ring');
	stop_proxy($p);

	my $u = IO::Socket::UNIX->new(Listen => 5, Local => "$dir/log.sock") or die;
	$p = start_proxy(text(["log uxst\@$dir/log.sock format raw local0 info info"], ''));
	load($p, 1, 1);
	$c = Tideway::Peer->new($u->accept);
	like($c->read_until(qr{/1\n}), qr{^/1\n}m, 'uxst@: the same');
	stop_proxy($p);
};

subtest 'a server that is absent at first' => sub {
	my $l = listener();
	my ($host, $port) = split /:/, $l->addr;
	$l->close;
	my $p = start_proxy(text(["log tcp\@$host:$port format raw local0 info info"], ''));
	load($p, 1, 3);
	ok(wait_until { return cli('show ring') =~ /failures=[1-9]/ }, 'refused');
	$l = listener(host => $host, port => $port);
	my $c = $l->accept(20);
	like($c ? $c->read_until(qr{/3\n}) : '', qr{/1\n/2\n/3\n}, 'what was said meanwhile comes late');
	stop_proxy($p);
};

subtest 'a reload' => sub {
	my $l = listener();
	my $two = listener();
	my $p = start_proxy(text(['log ring@fwd local0 info info'], tcp_server($l, '')));
	load($p, 1, 1);
	my $c = $l->accept;
	$c->read_until(qr{/1\n});
	my $again = sub {
		my ($rest) = @_;
		$p->write_config(text(['log ring@fwd local0 info info'], $rest));
		$p->signal('USR2');
	};
	SKIP: {
		skip('no reload here', 1) unless is_tideway();
		$again->(tcp_server($l, '') =~ s/size 4096/size 8192/r);
		ok(wait_until { return cli('show ring fwd') =~ /size=8192/ }, 'a new size');
		load($p, 2, 2);
		like($c->read_until(qr{/2\n}), qr{/2\n}, 'the connection is kept');
		$again->(tcp_server($two, ''));
		my $d = $two->accept;
		like($d->read_until(qr{/2\n}), qr{/1\n.*/2\n}s, 'a new server gets what is in memory');
		$c->read_all;
		isnt($c->state, 'open', 'the old one is let go');
	}
	stop_proxy($p);
};

my @bad = (
	["global\n    log ring\@nope local0\n", qr/unknown ring 'nope'/],
	["global\n    log ring\@ local0\n", qr/needs the name/],
	["ring\n", qr/expects a name/], ["ring a\nring a\n", qr/declared already/],
	["ring a b\n", qr/nothing else/], ["ring a\n    size 10\n", qr/between/],
	["ring a\n    size 1000\n    maxlen 2000\n", qr/has room for/],
	["ring a\n    maxlen x\n", qr/x/], ["ring a\n    format odd\n", qr/unknown log format/],
	["ring a\n    server s 127.0.0.1\n", qr/port/],
	["ring a\n    server s 127.0.0.1:1 log-proto odd\n", qr/legacy/],
	["ring a\n    server s 127.0.0.1:1 ssl\n", qr/'ssl' is not supported/],
	["ring a\n    server s 127.0.0.1:1\n    server s 127.0.0.1:2\n", qr/already/],
	["ring a\n    timeout connect x\n", qr/x/], ["ring a\n    backing-file\n", qr/backing-file/],
	["ring a\n    odd\n", qr/odd/], ["global\n    log sockpair\@x local0\n", qr/not supported yet/],
);
for my $bad (@bad) {
	my ($text, $why) = @$bad;
	my $r = check_config($text . defaults());
	like($r->{all}, $why, "refused: " . $text =~ s/\n\s*/; /gr);
	isnt($r->{code}, 0, 'an error');
}

done_testing;
