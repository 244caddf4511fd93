# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Servers that are added and deleted at run time: what HAProxy answers, which
# options they may have, that they serve, are checked and balanced like others,
# that no request is lost while they come and go, and what a reload makes of them.
use Tideway::Test;
use Tideway::Cli;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes ();

my $dir = Tideway::Test::temp_dir();
my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my @o = map { origin(name => $_) } qw(one two three);
my $sock = "$dir/tw.sock";

sub config
{
	my ($at, $more) = @_;

	return "global
    nbthread 2
    stats socket $at level admin
" . defaults() . "
frontend web
    id 2
    bind {BIND:web}
    use_backend %[path,field(2,/)]
    default_backend b
backend b
    id 4
    balance roundrobin
    server s1 ${\ $o[0]->addr} check inter 1h
    server s2 ${\ $o[0]->addr}
" . ($more // '') . "
backend first
    id 20
    balance first
    server s1 ${\ $o[0]->addr}
backend least
    id 21
    balance leastconn
    server s1 ${\ $o[0]->addr}
backend ring
    id 22
    balance uri
    hash-type consistent
    server s1 ${\ $o[0]->addr} id 10
backend draw
    id 23
    balance random
    server s1 ${\ $o[0]->addr}
backend fixed
    id 24
    balance static-rr
    server s1 ${\ $o[0]->addr}
backend named
    id 25
    server s1 ${\ $o[0]->addr}
    server s2 ${\ $o[0]->addr}
    use-server s2 if { path /x }
backend empty
    id 26
    balance roundrobin
backend cookies
    id 27
    balance roundrobin
    cookie C insert indirect nocache dynamic
    dynamic-cookie-key secret
    server s1 ${\ $o[0]->addr}
";
}

my $p = start_proxy(config($sock));
sub cli { return cli_ask($sock, $_[0]) }

sub column { return cli_stat($sock, @_) }

subtest 'one is added, serves, and goes' => sub {
	my $addr = $o[1]->addr;
	is(cli("add server b/new $addr"), "New server registered.\n\n", 'added');
	is(column('status', 'b/new'), 'MAINT', 'in maintenance');
	my $n = $o[1]->requests;
	$p->get('web', '/') for 1 .. 6;
	is($o[1]->requests, $n, 'it serves nobody');
	is(cli('enable server b/new'), "\n", 'enabled');
	is(column('status', 'b/new'), 'no check', 'shown so');
	is(column('act', 'b/BACKEND'), 3, 'one of three');
	$p->get('web', '/') for 1 .. 6;
	is($o[1]->requests, $n + 2, 'it serves its share');
	is(cli('del server b/new'), 'Only servers in maintenance mode can be deleted.' . "\n",
	    'not while it serves');
	is(cli('disable server b/new'), "\n", 'disabled');
	is(cli('wait 5s srv-removable b/new'), "Done.\n\n", 'waited for');
	is(cli('del server b/new'), "Server deleted.\n", 'deleted');
	is(column('status', 'b/new'), 'no such row', 'gone');
	is(cli('enable server b/new'), "No such server.\n\n", 'for all');
	is($p->get('web', '/')->status, 200, 'the others serve');
};

subtest 'each algorithm' => sub {
	my $addr = $o[1]->addr;
	for my $be (qw(first least ring draw empty cookies)) {
		cli("add server $be/new $addr id 3;enable server $be/new");
		cli("disable server $be/s1") unless $be eq 'empty';
		my $n = $o[1]->requests;
		is($p->get('web', "/$be/$_")->status, 200, "$be: served") for 1 .. 3;
		is($o[1]->requests, $n + 3, "$be: there");
		cli("disable server $be/new;enable server $be/s1");
		is(cli("del server $be/new"), "Server deleted.\n", "$be: deleted");
		is($p->get('web', "/$be/x")->status, $be eq 'empty' ? 503 : 200, "$be: and now");
	}
};

subtest 'idle connections do not keep it, sessions do' => sub {
	my $slow = origin(name => 'slow', respond => sub {
		my ($req, $c, $self) = @_;
		$self->wait_flag('go') if $req->uri =~ /slow/;
		return $self->reply($req);
	});
	cli('add server empty/new ' . $slow->addr . ';enable server empty/new');
	$p->get('web', '/empty/a') for 1 .. 3;
	my $c = $p->client('web');
	$c->send("GET /empty/slow HTTP/1.1\r\nHost: x\r\n\r\n");
	ok(wait_until { column('scur', 'empty/new') eq '1' }, 'a session');
	cli('disable server empty/new');
	is(cli('del server empty/new'), "Server still has connections attached to it, cannot "
	    . "remove it.\n", 'is in the way');
	is(cli('wait 100 srv-removable empty/new'), "Wait delay expired.\n\n", 'for long');
	$slow->set('go');
	is($c->read_response->status, 200, 'it ends well');
	is(cli('wait 10s srv-removable empty/new'), "Done.\n\n", 'then nothing is');
	is(cli('del server empty/new'), "Server deleted.\n", 'deleted');
	is($p->get('web', '/empty/a')->status, 503, 'and gone');
};

subtest 'checks begin when they are enabled' => sub {
	my $addr = $o[1]->addr;
	my $n = $o[1]->n_connections;
	cli("add server b/chk $addr check inter 50 fall 1 rise 1");
	like(cli('show servers state b'), qr/ chk \S+ 0 1 1 1 \d+ 1 0 0 (?:2|10) /, 'not yet');
	cli('enable health b/chk;enable server b/chk');
	ok(wait_until { column('check_status', 'b/chk') eq 'L4OK' }, 'checked');
	$o[1]->stop;
	ok(wait_until { column('status', 'b/chk') eq 'DOWN' }, 'down');
	$o[1]->restart;
	ok(wait_until { column('status', 'b/chk') eq 'UP' }, 'up');
	cli('add server b/follower ' . $o[0]->addr . ' track s1;enable server b/follower');
	like(column('tracked', 'b/follower'), qr{^b/s1$}, 'another follows');
	is(cli('disable server b/s1;del server b/s1') =~ s/^\n//r, 'This server cannot be removed at '
	    . "runtime due to other configuration elements pointing to it.\n", 'whom it follows stays');
	cli('enable server b/s1;disable server b/follower;del server b/follower');
	cli('add server b/ag ' . $o[0]->addr . ' agent-check agent-port 1 agent-inter 50');
	like(cli('show servers state b'), qr{ ag .* 18 \d 0 - }, 'an agent');
	cli('disable server b/chk;del server b/chk;del server b/ag');
	is(column('status', 'b/chk'), 'no such row', 'gone');
};

subtest 'a cookie leads there' => sub {
	cli('add server cookies/new ' . $o[1]->addr . ';enable server cookies/new');
	my ($seen) = grep { defined } map {
		my $n = $o[1]->requests;
		my $r = $p->get('web', '/cookies/');
		$o[1]->requests > $n ? ($r->header('Set-Cookie') // '') =~ /^C=(\w+)/ : undef;
	} 1 .. 4;
	ok($seen, 'has a value');
	my $n = $o[1]->requests;
	$p->request('web', "GET /cookies/ HTTP/1.1\r\nHost: x\r\nCookie: C=$seen\r\n\r\n") for 1 .. 3;
	is($o[1]->requests, $n + 3, 'leads there');
	cli('disable server cookies/new;del server cookies/new');
	is($p->request('web', "GET /cookies/ HTTP/1.1\r\nHost: x\r\nCookie: C=$seen\r\n\r\n")->status,
	    200, 'then to another');
	is($o[1]->requests, $n + 3, 'who is there');
};

subtest 'no request is lost while they come and go' => sub {
	my $end = time + 4;
	my @pid = map {
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			my ($good, $bad) = (0, 0);
			my $be = (qw(b first least ring draw cookies))[$_];
			my $c = $p->client('web');
			while (time < $end) {
				$c->send("GET /$be/$good HTTP/1.1\r\nHost: x\r\n\r\n");
				my $r = eval { $c->read_response };
				if ($r && $r->status == 200) { $good++ } else { $bad++; $c = $p->client('web') }
			}
			spew("count$_", "$good $bad");
			POSIX::_exit(0);
		}
		$pid;
	} 0 .. 5;
	my ($rounds, $failed) = (0, '');
	while (time < $end) {
		for my $be (qw(b first least ring draw cookies)) {
			my $i = $rounds % 2;
			$failed .= cli("add server $be/x$i " . $o[1 + $i]->addr . ' check inter 50 weight 3')
			    =~ s/New server registered.\s*//r;
			cli("enable health $be/x$i;enable server $be/x$i");
		}
		Time::HiRes::sleep(0.01);
		for my $be (qw(b first least ring draw cookies)) {
			my $i = $rounds % 2;
			cli("disable server $be/x$i");
			$failed .= cli("wait 5s srv-removable $be/x$i;del server $be/x$i")
			    =~ s/Done\.\s+Server deleted\.\s*//r;
		}
		$rounds++;
	}
	waitpid $_, 0 for @pid;
	is($failed, '', "$rounds rounds, all answers as they should be");
	for (0 .. 5) {
		my ($good, $bad) = split / /, slurp("$dir/count$_");
		is($bad, 0, "$good requests, none lost");
	}
	is(scalar(() = cli('show servers state') =~ / x\d 127/g), 0, 'all are gone');
	is($p->get('web', '/')->status, 200, 'it goes on');
};

subtest 'a tunnel that has to do with another one is left alone' => sub {
	cli('add server b/late ' . $o[1]->addr);
	cli('del server b/late') for 1 .. 2;
	is(cli('add server b/late ' . $o[1]->addr), "New server registered.\n\n", 'the name is free');
	cli('del server b/late');
};

subtest 'reloads' => sub {
	plan skip_all => 'HAProxy reloads in another way' unless is_tideway();
	my $addr = $o[1]->addr;
	cli("add server b/kept $addr;enable server b/kept;add server b/lost $addr guid g1");
	like(cli("add server b/again $addr guid g1"), qr/'g1' is the guid of/, 'a guid, once');
	my $n = $o[1]->requests;
	$p->get('web', '/') for 1 .. 3;
	is($o[1]->requests, $n + 1, 'serves');
	cli('disable server b/s2;del server b/s2');
	$p->write_config(config($sock, "    server kept $addr\n"));
	$p->signal('USR2');
	ok($p->wait_output(qr/configuration 2 is in force/), 'reloaded');
	is(column('status', 'b/lost'), 'no such row', 'what no file has is lost');
	is(column('status', 'b/kept'), 'no check', 'what a file has goes on');
	is(column('lbtot', 'b/kept'), 1, 'with its counters');
	is(column('status', 'b/s2'), 'no check', 'what was deleted from it is back');
	is(cli("add server b/lost $addr guid g1"), "New server registered.\n\n", 'added again');
	is(column('lbtot', 'b/lost'), 0, 'anew');
};

subtest 'wait' => sub {
	is(cli('wait 1'), "Done.\n\n", 'so long');
	like(cli('wait -h'), qr/^Usage: wait /, 'help');
	like(cli($_), qr/^(?:Expects|Invalid|Missing)/, $_) for 'wait', 'wait x', 'wait 1 foo',
	    'wait 1 srv-removable';
	is(cli('wait 1s srv-removable b/nope'), "No such server.\n", 'nobody');
	cli('disable server b/s2');
	my @left = map { my $s = IO::Socket::UNIX->new(Peer => $sock);
		$s->syswrite("$_\n"); $s } 'wait 1h', 'wait 1h srv-removable b/s2',
	    'wait 1h srv-removable b/s1', 'del server b/s2';
	$_->close for @left;
	ok(wait_until { column('status', 'b/s2') eq 'no such row' }, 'who leaves need not wait');
	is(cli('wait 1s srv-removable b/s1'),
	    "Only servers in maintenance mode can be deleted.\n", 'one that serves');
};
stop_proxy($p);

subtest 'as HAProxy answers' => sub {
	plan skip_all => 'haproxy is not installed' unless $haproxy && is_tideway();
	my %p = map { $_->[0] => start_proxy(config("$dir/$_->[0].sock"), bin => $_->[1]) }
	    ([ha => $haproxy], [tw => binary()]);
	my $a = $o[1]->addr;
	my $plain = sub {
		return $_[0] =~ s/^((?:\S+ ){9})\d+ /${1}T /gmr =~ s/^((?:\S+ ){10})(6) 0 /$1$2 3 /gmr
		    =~ s/^((?:\S+ ){13})(\d+) /$1 . ($2 & ~9) . ' '/gemr
		    =~ s/^((?:\S+ ){10}1 0) \d /$1 h /gmr; # of who is not checked
	};
	for my $line ('add server', 'add server b', 'add server b/', 'add server b/n1',
		"add server x/n1 $a", "add server web/n1 $a", "add server b/s1 $a", "add server b/n1 $a",
		"add server b/n1 $a", "add server fixed/n1 $a", "add server ring/n1 $a",
		"add server b/n2 $a id 100 weight 3 maxconn 9 backup", "add server b/n3 $a disabled",
		"add server b/n4 $a slowstart 3s", "add server b/n5 $a track s1",
		"add server b/n6 $a track s2", "add server b/n6 $a track n1",
		"add server b/n6 $a track nosuch", "add server b/n6 $a track nb/x",
		"add server b/n6 $a agent-check agent-port 4", "add server b/n7 $a agent-check",
		"add server b/n7 127.0.0.1 check", "add server b/n7 $a cookie a",
		"add server b/n7 $a resolvers r", "add server b/n7 $a init-addr none",
		"add server b/n7 $a redir /x", "add server b/n7 $a no-check",
		"add server b/n7 $a non-stick", "add server b/n7 $a namespace x",
		"add server b/n7 $a tcp-ut 3s", "add server b/n7 $a check inter 1h fall 2 rise 4",
		"add server b/n8 $a send-proxy-v2 proxy-v2-options crc32c source 127.0.0.1",
		"add server b/n9 $a pool-max-conn 3 pool-purge-delay 3s pool-low-conn 1 minconn 3",
		"add server b/n10 $a on-marked-down shutdown-sessions error-limit 3",
		"add server b/n11 $a addr 127.0.0.1 port 3", "add server b/n12 localhost:1",
		"add server #20/n13 $a", 'show servers state', 'enable health b/n1',
		'enable agent b/n1', 'enable health b/n7', 'enable agent b/n6', 'enable server b/n1',
		'show servers state', 'del server', 'del server b', 'del server b/zz', 'del server x/y',
		'del server b/n1', 'disable server b/n1', 'del server b/n1', 'del server b/n1',
		'del server b/n2', 'del server b/s1', 'disable server named/s2', 'del server named/s2',
		'disable server fixed/s1', 'del server fixed/s1', "add server b/n14 $a",
		'show servers state') {
		is($plain->(cli_ask("$dir/tw.sock", $line)), $plain->(cli_ask("$dir/ha.sock", $line)), $line);
	}
	stop_proxy($p{tw});
	$p{ha}->stop;
};

done_testing;
