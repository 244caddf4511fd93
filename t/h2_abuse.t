# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HTTP/2 as attackers speak it: each flood ends its connection, is counted and
# logged, leaves memory as it was, and is not felt by others. Bans by glitches.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H2;

plan(skip_all => 'abuse is bounded otherwise elsewhere') unless is_tideway();

my $slow = listener();
my $big = origin(respond => sub { return response(200, 'x' x 300_000) });
my $log = syslog_unix();
my $p = start_proxy("global
    log ${\ $log->addr} local0
" . defaults('log global', 'option httplog') . "
listen web
    bind {BIND:web} proto h2
    timeout client 60s
    http-request return status 200 content-type text/plain string ok if { path /own }
    http-request set-log-level silent
    server s ${\ $slow->addr}

listen queue
    bind {BIND:queue} proto h2
    timeout queue 20s
    timeout client 60s
    http-request set-log-level silent
    server s ${\ $slow->addr} maxconn 1

listen short
    bind {BIND:short} proto h2
    timeout client 300ms
    timeout http-request 300ms
    server s ${\ $big->addr}

listen banned
    bind {BIND:banned} proto h2
    stick-table type ip size 1k expire 1m store glitch_cnt,glitch_rate(1m)
    tcp-request connection reject if { src_glitch_rate gt 3 }
    tcp-request connection track-sc0 src
    http-request return status 200 hdr c %[sc0_glitch_cnt] hdr r %[sc0_glitch_rate] hdr f %[fc_glitches]

listen stats
    bind {BIND:stats}
    stats enable
    stats uri /s
");
my $is_sanitized = `ldd @{[Tideway::Test::binary()]}` =~ /lib[at]san/;
my $other = h2_client($p->addr('web'));

sub client { return h2_client($p->addr($_[0] // 'web')) }

# bytes in many writes, as far as they are taken
sub flood
{
	my ($c, $n, $frames) = @_;

	for my $i (1 .. $n) {
		local $SIG{PIPE} = 'IGNORE';
		last if ($c->state // '') =~ /eof|reset|err/;
		eval { $c->send_raw($frames->($i)); 1 } or last;
	}
	return $c->ended;
}

sub head_of { return $_[0]{out}->encode([':method', 'GET'], [':scheme', 'http'], [':path', $_[1]], [':authority', 'a'], @_[2 .. $#_]) }

sub counter
{
	my ($name) = @_;

	return $p->get('stats', '/s')->body =~ m{\Q$name\E</dt><dd>(\d+)</dd>} ? $1 : undef;
}

sub memory
{
	my $sum = 0;

	for my $pid ($p->pids) {
		$sum += $1 if (Tideway::Test::slurp("/proc/$pid/status") // '') =~ /^VmRSS:\s+(\d+)/m;
	}
	return $sum;
}

# what is sent, by its round; how it is named in the log and in the counters
my %floods = (
	'rapid reset' => ['too many RST_STREAM', 'rapid_reset', 1000, sub {
		my ($c, $i) = @_;
		my $sid = 2 * $i - 1;
		return h2_frame('HEADERS', 'END_STREAM|END_HEADERS', $sid, head_of($c, '/slow'))
		    . h2_frame('RST_STREAM', 0, $sid, pack 'N', 8);
	}],
	'MadeYouReset' => ['had to be reset', 'made_you_reset', 1000, sub {
		my ($c, $i) = @_;
		my $sid = 2 * $i - 1;
		return h2_frame('HEADERS', 'END_STREAM|END_HEADERS', $sid, head_of($c, '/slow'))
		    . h2_frame('WINDOW_UPDATE', 0, $sid, pack 'N', 0);
	}],
	'CONTINUATION' => ['CONTINUATION', 'continuation', 100, sub {
		my ($c, $i) = @_;
		return $i == 1 ? h2_frame('HEADERS', 0, 1, head_of($c, '/slow'))
		    : h2_frame('CONTINUATION', 0, 1, $c->{out}->encode(["x$i", 'y']));
	}],
	'SETTINGS' => ['SETTINGS', 'settings', 1000, sub {
		return h2_frame('SETTINGS', 0, 0, h2_settings(INITIAL_WINDOW_SIZE => 1000 + $_[1] % 2));
	}],
	'PING' => ['PING', 'ping', 1000, sub { return h2_frame('PING', 0, 0, '12345678') }],
	'empty DATA' => ['empty frames', 'empty_frames', 1000, sub {
		my ($c, $i) = @_;
		return ($i == 1 ? h2_frame('HEADERS', 'END_HEADERS', 1, head_of($c, '/slow')) : '')
		    . h2_frame('DATA', 0, 1, '');
	}],
	'PRIORITY' => ['PRIORITY', 'priority', 3000, sub {
		return h2_frame('PRIORITY', 0, 1, pack 'NC', 3, 1);
	}],
	'WINDOW_UPDATE' => ['WINDOW_UPDATE', 'window_update', 20000, sub {
		return h2_frame('WINDOW_UPDATE', 0, 0, pack 'N', 1);
	}],
);

for my $name (sort keys %floods) {
	my ($text, $word, $n, $frames) = @{ $floods{$name} };
	subtest $name => sub {
		my $c = client();
		my $r = flood($c, $n, sub { $frames->($c, $_[0]) });


		isnt($r->{state}, 'open', 'the connection ended');
		is($r->{code}, 'ENHANCE_YOUR_CALM', 'and GOAWAY says why') if defined $r->{code};
		my $line = $log->next_match(qr/ENHANCE_YOUR_CALM/);
		like($line->{msg}, qr/'web': client 127\.0\.0\.1:\d+: .*ENHANCE_YOUR_CALM: .*\Q$text\E/,
		    'a log line');
		is(counter("h2_abuse_${word}_total"), 1, 'a counter');
		is($other->get('/own')->status, 200, 'others are served');
	};
}

subtest 'memory' => sub {
	my @c;
	my $before;
	for my $round (1 .. 6) {
		for my $name (sort keys %floods) {
			my (undef, undef, $n, $frames) = @{ $floods{$name} };
			my $c = client();
			flood($c, $n, sub { $frames->($c, $_[0]) });
		}
		$before = memory() if $round == 2;
	}
	cmp_ok(memory() - $before, '<', 16 << 10, 'does not grow with attacks')
	    if !$is_sanitized;
	is($other->get('/own')->status, 200, 'others are served');
};

# an octet of payload must not cost many of memory while its request is queued
subtest 'bodies in tiny frames' => sub {
	my $before = memory();
	my $c = h2_client($p->addr('queue'), auto => 0);

	$c->request(path => '/');
	for my $i (1 .. 20) {
		my $sid = $c->request(method => 'POST', open => 1);
		$c->peer->send(h2_frame('DATA', 0, $sid, 'x') x 60_000, 30);
	}
	$c->ping;
	ok($c->read_named('PING', 30), 'all was taken');
	cmp_ok(memory() - $before, '<', 16 << 10, 'memory') if !$is_sanitized;
	$c->close;
	is($other->get('/own')->status, 200, 'others are served');
};

subtest 'HPACK bomb' => sub {
	my $c = client();
	my $block = head_of($c, '/own');

	# 4000 bytes into the table, then an octet for each copy of them
	$block .= "\x40\x01x" . "\x7f\xa1\x1e" . 'y' x 4000;
	$c->send_frame('HEADERS', 'END_STREAM', 1, $block);
	$c->send_frame('CONTINUATION', 'END_HEADERS', 1, "\xbe" x 10_000);
	is($c->response(1)->status, 431, 'is too large');
	is(client()->get('/own')->status, 200, 'another connection');
};

subtest 'a window that stays shut' => sub {
	my $c = h2_client($p->addr('short'), settings => { INITIAL_WINDOW_SIZE => 0 }, auto => 0);
	my $sid = $c->request(path => '/big');
	$c->read_named('SETTINGS');
	$c->send_frame('SETTINGS', 'ACK', 0);
	my $line = $log->next_match(qr{/big});
	like($line->{msg}, qr/ cD-- /, 'its stream is timed out, and logged');
	ok(defined $c->reset_code($sid, 5) || $c->state ne 'open', 'it is reset');
};

subtest 'a connection window that stays shut' => sub {
	my $c = h2_client($p->addr('short'), settings => { INITIAL_WINDOW_SIZE => 1 << 30 },
	    hold => 1);
	my @sid = map { $c->request(path => "/big$_") } 1 .. 3;
	for (@sid) {
		my $line = $log->next_match(qr{/big\d});
		like($line->{msg}, qr/ cD-- /, 'each of its streams is timed out');
	}
	$c->close;
};

# its windows are open, but its kernel's buffers fill
subtest 'a peer that does not read' => sub {
	my $c = h2_client($p->addr('short'), auto => 0,
	    settings => { INITIAL_WINDOW_SIZE => 1 << 30 }, window => 1 << 30);
	$c->request(path => "/unread$_") for 1 .. 60;
	my %how;
	for (1 .. 60) {
		my $line = $log->next_match(qr{/unread\d}) // last;
		$how{$1}++ if $line->{msg} =~ / ([\w-]{4}) \d+\/\d+\/\d+\/\d+\/\d+ /;
	}
	ok((grep { /^c/i } keys %how), 'it is timed out') or diag(explain(\%how));
	is(client()->get('/own')->status, 200, 'others are served');
	$c->close;
};

subtest 'who begins and does not go on' => sub {
	for my $bytes ('', substr(h2_preface(), 0, 10), h2_preface(),
	    h2_preface() . h2_frame('SETTINGS', 0, 0, ''),
	    h2_preface() . h2_frame('SETTINGS', 0, 0, '') . h2_frame('HEADERS', 0, 1, "\x82"),
	    h2_preface() . h2_frame('SETTINGS', 0, 0, '') . substr h2_frame('HEADERS', 0, 1, "\x82"), 0, 5) {
		my $c = h2_client($p->addr('short'), raw => 1, auto => 0);
		$c->send_raw($bytes) if $bytes ne '';
		isnt($c->ended->{state}, 'open', length($bytes) . ' octets');
	}
};

subtest 'a ban' => sub {
	my $c = client('banned');
	my $bad = sub { return $c->request(fields => [[':method', 'GET'], [':scheme', 'http'], [':path', 'x']]) };
	for (1 .. 3) {
		is($c->reset_code($bad->()), 'PROTOCOL_ERROR', "glitch $_");
	}
	my $r = $c->get('/');
	is_deeply([map { $r->header($_) } qw(c r f)], [3, 3, 3], 'are counted for the connection');
	is(client('banned')->get('/')->status, 200, 'so far others are let in');
	$c->reset_code($bad->());
	ok(wait_until { my $new = eval { client('banned') } or return 1;
		(eval { $new->get('/')->status } // 0) != 200 }, 'one more, and they are not');
	is($c->get('/')->header('c'), 4, 'who was there goes on');
};

# whatever the abuse, its client is banned by what stick tables count
subtest 'bans' => sub {
	my $sock = Tideway::Test::temp_dir() . '/ban.sock';
	my $q = start_proxy("global
    stats socket $sock level admin
" . defaults() . "
listen web
    bind {BIND:web} proto h2
    timeout client 60s
    stick-table type ip size 1k expire 1m store glitch_cnt
    tcp-request connection reject if { src_glitch_cnt gt 0 }
    tcp-request connection track-sc0 src
    server s ${\ $slow->addr}
");
	my $block = sub { head_of($_[0], '/own') . "\x40\x01x" . "\x7f\xa1\x1e" . 'y' x 4000 };
	my %more = (%floods, 'HPACK bomb' => [undef, undef, 1, sub {
		return h2_frame('HEADERS', 'END_STREAM', 1, $block->($_[0]))
		    . h2_frame('CONTINUATION', 'END_HEADERS', 1, "\xbe" x 10_000)
		    . h2_frame('GOAWAY', 0, 0, pack 'NN', 0, 0);
	}]);
	my $count = sub { cli_ask($sock, 'show table web') =~ /glitch_cnt=(\d+)/ ? $1 : 0 };

	for my $name (sort keys %more) {
		my (undef, undef, $n, $frames) = @{ $more{$name} };
		my $c;

		# the one before may be counted while it ends
		ok((wait_until {
			cli_ask($sock, 'clear table web');
			$c = eval { h2_client($q->addr('web')) } or return 0;
			eval { $c->ping; ($c->read_named('PING', 5) // {})->{ack} };
		}), "$name: let in");
		flood($c, $n, sub { $frames->($c, $_[0]) });
		ok((wait_until { $count->() > 0 } 5), 'counted');
		my $new = eval { h2_client($q->addr('web')) };
		eval { $new->ping };
		ok(!$new || !eval { ($new->read_named('PING', 5) // {})->{ack} }, 'not let in again');
	}
	stop_proxy($q);
};

subtest 'reports' => sub {
	cmp_ok(counter('h2_connections_total'), '>', 50, 'connections');
	cmp_ok(counter('h2_streams_total'), '>', 100, 'streams');
	cmp_ok(counter('h2_glitches_total'), '>', 4, 'glitches');
	my $page = $p->get('stats', '/s')->body;
	like($page, qr/HTTP\/2/, 'a table on the page');
	like($p->get('stats', '/s;json')->body,
	    qr/"HTTP\/2".*"rapid_reset".*"value":\{"type":"u64","value":7\}/, 'and in JSON');
};

stop_proxy($p);
done_testing();
