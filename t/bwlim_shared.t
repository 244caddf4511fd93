# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Bandwidth limits that streams share: filter bwlim-in, bwlim-out with limit, key
# and table. Times are looked at from below only, and the table tells the rest:
# how much has passed in its period, and who has a part of it.
use Tideway::Test;
use Tideway::Cli;
use Time::HiRes qw(time);

plan(skip_all => 'Debian\'s haproxy has no such filters') unless is_tideway();

my $KB = 1024;
my $big = join '', map { chr(65 + $_ % 26) x 97 } 1 .. 1100; # some 104 KB
my $sock = Tideway::Test::temp_dir() . '/ctl.sock';
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;

	return $o->reply($req, $big) if $req->uri =~ /big/;
	return $o->reply($req, length($req->{body} // ''));
});

sub cli { cli_ask($sock, @_) }
sub get { "GET $_[0] HTTP/1.1\r\nHost: a\r\n" . ($_[1] // '') . "\r\n" }
sub post { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " . length($_[0]) . "\r\n\r\n$_[0]" }

sub start
{
	my ($text, @defaults) = @_;

	return start_proxy("global\n    stats socket $sock level admin\n"
	    . defaults(@defaults) . $text);
}

# seconds that so many bytes take at least, at 50k in 200 ms
sub least { ($_[0] / (50 * $KB) - 1) * 0.2 - 0.05 }

# what an entry says of itself: (use, rate)
sub entry
{
	my ($table, $rate, $key) = @_;
	my ($use, $n) = cli("show table $table" . ($key ? " key $key" : ''))
	    =~ / use=(\d+) .*\b$rate\(\d+\)=(\d+)/ or return (-1, -1);

	return ($use, $n);
}

subtest 'two streams of a client' => sub {
	my $p = start("
listen web
    bind {BIND:web}
    filter bwlim-out down limit 50k key src table t min-size 2k
    http-request set-bandwidth-limit down if { path_beg /req }
    http-response set-bandwidth-limit down if { var(txn.how) -m str res }
    http-request set-var(txn.how) str(res) if { path_beg /res }
    server s ${\ $o->addr}
backend t
    stick-table type ip size 10 expire 1m store bytes_out_rate(200ms),conn_cnt
");
	for my $uri ('/req/big', '/res/big') {
		my $start = time;
		my @c = map { $p->client('web') } 1, 2;
		$_->send(get($uri)) for @c;
		ok(wait_until { (entry('t', 'bytes_out_rate'))[0] == 2 }, "$uri: they share");
		my ($most, $seen) = (0, 0);
		while (1) {
			my ($use, $n) = entry('t', 'bytes_out_rate');
			$most = $n if $n > $most;
			last if $use != 2 || ++$seen > 20;
		}
		cmp_ok($most, '<=', 50 * $KB, 'never above the limit');
		ok($_->read_response(secs => 20)->body eq $big, 'all of it') for @c;
		cmp_ok(time - $start, '>', least(2 * length $big), 'both together took their time');
		ok(wait_until { (entry('t', 'bytes_out_rate'))[0] == 0 }, 'nobody has a part any more');
		is($c[0]->request(get('/x'))->body, 0, 'the connection is of use');
	}
	like(cli('show table t'), qr/conn_cnt=0/, 'that is no tracking');
	my $c = $p->client('web');
	$c->send(get('/req/big') x 2);
	ok($c->read_response(secs => 20)->body eq $big, "pipelined: $_") for 1, 2;
	$c->send(get('/req/big'));
	$c->read_bytes(1000);
	$c->reset;
	ok(wait_until { (entry('t', 'bytes_out_rate'))[0] == 0 }, 'who goes away gives up its part');
	stop_proxy($p);
};

subtest 'each has its part' => sub {
	my $p = start("
listen web
    bind {BIND:web}
    filter bwlim-out down limit 20k key str(all) table t
    http-request set-bandwidth-limit down
    server s ${\ $o->addr}
backend t
    stick-table type string size 10 store bytes_out_rate(1s)
");
	my ($c, $d) = map { $p->client('web') } 1, 2;
	$c->send(get('/big'));
	$c->read_bytes(5000, 20);
	$d->send(get('/big'));
	is(length $d->read_bytes(8000, 20), 8000, 'the second one does not wait for the first');
	is((entry('t', 'bytes_out_rate'))[0], 2, 'which is still there');
	$_->reset for $c, $d;
	ok(wait_until { (entry('t', 'bytes_out_rate'))[0] == 0 }, 'and then is not');
	stop_proxy($p);
};

subtest 'keys' => sub {
	my $p = start("
frontend web
    bind {BIND:web}
    stick-table type string len 16 size 10 brates-factor 64 store bytes_out_rate(1m)
    filter bwlim-out down limit 100m key req.hdr(X-Key),lower
    http-request set-bandwidth-limit down
    http-request set-bandwidth-limit down if { path_beg /twice }
    http-request deny if { path_beg /deny }
    http-request set-header X-Key c if { path_beg /twice }
    http-request set-bandwidth-limit down if { path_beg /twice }
    use_backend b
backend b
    filter bwlim-out down limit 40k key req.hdr(X-Key) table web
    http-request set-bandwidth-limit down if { path_beg /slow }
    server s ${\ $o->addr}
");
	my $rate = sub { (entry('web', 'bytes_out_rate', $_[0]))[1] };
	is($p->get('web', '/big')->body, $big, 'no key');
	unlike(cli('show table web'), qr/key=/, 'no entry');
	is($p->get('web', '/big', 'X-Key: A')->body, $big, 'a key');
	is($rate->('a'), int(length($big) / 64) * 64, 'its bytes are counted, in blocks');
	is($p->get('web', '/big', 'X-Key: b')->body, $big, 'another one');
	is($rate->('a'), int(length($big) / 64) * 64, 'the first did not pay for it');
	is($p->get('web', '/twice/big', 'X-Key: e')->body, $big, 'the rule again');
	is_deeply([entry('web', 'bytes_out_rate', 'e')], [0, 0], 'the first key is let go');
	cmp_ok($rate->('c'), '>', 0, 'the last one counts');
	is($p->get('web', '/deny', 'X-Key: d')->status, 403, 'a stream that is not to be');
	is_deeply([entry('web', 'bytes_out_rate', 'd')], [0, 0], 'has given up its part');
	my $c = $p->client('web');
	$c->send(get('/slow/big', "X-Key: z\r\n"));
	$c->read_bytes(10000, 20);
	ok(wait_until { $rate->('z') > 0 }, 'a frontend\'s and a backend\'s limit');
	is((entry('web', 'bytes_out_rate', 'z'))[0], 2, 'both have the entry');
	$c->reset;
	ok(wait_until { (entry('web', 'bytes_out_rate', 'z'))[0] == 0 }, 'and let go of it');
	stop_proxy($p);
};

subtest 'bwlim-in, beside a limit of each stream' => sub {
	my $p = start("
listen web
    bind {BIND:web}
    stick-table type integer size 10 store bytes_in_rate(200ms)
    filter bwlim-in all limit 50k key int(1)
    filter bwlim-in one default-limit 10m default-period 1s
    http-request set-bandwidth-limit all
    http-request set-bandwidth-limit one
    server s ${\ $o->addr}
");
	my $start = time;
	my @c = map { $p->client('web') } 1, 2;
	$_->send(post($big), 20) for @c;
	is($_->read_response(secs => 20)->body, length $big, 'all of it arrives') for @c;
	cmp_ok(time - $start, '>', least(2 * length $big), 'it took its time');
	stop_proxy($p);
};

subtest 'mode tcp, a reload' => sub {
	my $l = listener();
	my $text = sub {
		my ($store) = @_;

		return "
listen t
    bind {BIND:t}
    stick-table type ip size 10 store $store
    filter bwlim-in up limit 50k key src
    filter bwlim-out down limit 50k key src
    tcp-request content set-bandwidth-limit up
    tcp-response content set-bandwidth-limit down
    server s ${\ $l->addr}
";
	};
	my $store = 'bytes_in_rate(200ms),bytes_out_rate(200ms)';
	my $p = start($text->($store), 'mode tcp');
	my $c = $p->client('t');
	my $start = time;
	$c->send('x');
	my $s = $l->accept;
	$s->send('y');
	is($s->read_bytes(1), 'x', 'to the server');
	is($c->read_bytes(1), 'y', 'and back');
	$s->send($big, 10);
	ok($c->read_bytes(length $big, 20) eq $big, 'to the client');
	cmp_ok(time - $start, '>', least(length $big), 'limited');
	$p->write_config("global\n    stats socket $sock level admin\n" . defaults('mode tcp')
	    . $text->("$store,gpc0"));
	$p->signal('USR2');
	ok(wait_until { cli('show table t') =~ /gpc0=/ }, 'a table that stores more');
	$start = time;
	$c->send($big, 10);
	ok($s->read_bytes(length $big, 20) eq $big, 'from the client');
	cmp_ok(time - $start, '>', least(length $big), 'the old stream is limited still');
	my $d = $p->client('t');
	$d->send('x');
	my $e = $l->accept;
	is($e->read_bytes(1), 'x', 'a new stream');
	is((entry('t', 'bytes_in_rate'))[0], 2, 'has the new entry, for both directions');
	$_->close for $c, $d, $s, $e;
	ok(wait_until { (entry('t', 'bytes_in_rate'))[0] == 0 }, 'until it ends');
	stop_proxy($p);
};

subtest 'what is refused' => sub {
	my $t = 'stick-table type ip size 10 store bytes_in_rate(1s)';
	my $f = 'filter bwlim-in a limit 1k key src';
	for my $case (
	    ['filter bwlim-in a limit 1k', qr/expects both 'limit <size>' and 'key <expression>'/],
	    ['filter bwlim-in a key src', qr/expects both/], ['filter bwlim-in a table t', qr/expects both/],
	    ['filter bwlim-in a limit 0 key src', qr/at least 1 byte/],
	    ['filter bwlim-in a limit 1k key', qr/'key' expects an expression/],
	    ['filter bwlim-in a limit 1k key src table', qr/'table' expects the name of a table/],
	    ['filter bwlim-in a limit 1k key nonsense', qr/nonsense/],
	    ["$f default-period 1s", qr/'default-period' and 'key' do not go together/],
	    ['filter bwlim-in a default-limit 1k limit 1k', qr/do not go together/],
	    ["$f min-size", qr/expects a size/],
	    [$f, qr/there is no table 'a': add 'stick-table \.\.\.'/],
	    ["$f table nope", qr/there is no table 'nope'/],
	    ["$t\n    " . $f =~ s/-in/-out/r, qr/add 'store bytes_out_rate\(1s\)'/],
	    ["$t\n    filter bwlim-in a limit 1k key method", qr/no key of the table 'a', whose type is ip/],
	    ["$t\n    $f\n    http-request set-bandwidth-limit a limit 5", qr/is shared.*remove 'limit'/],
	    ["$t\n    $f\n    http-request set-bandwidth-limit a period 5s", qr/is shared/],
	    ["$t\n    filter bwlim-in a limit 1k key res.hdr_ip(x)\n    http-request set-bandwidth-limit a",
		qr/the key of the bandwidth limit 'a' \(.*:\d+\) has no value here/]) {
		my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $case->[0]\n");
		is($r->{code}, 1, $case->[0] =~ s/\n\s*/ + /gr . ': refused');
		like($r->{all}, $case->[1], 'with its word');
	}
};

done_testing;
