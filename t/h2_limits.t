# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tune.h2.* and its like: what of it clients see on the wire, what a reload
# changes of it, and what is refused.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H2;

plan(skip_all => 'some words are younger than the HAProxy at hand')
    unless is_tideway();

my $l = listener();
my $log = syslog_unix();

sub conf
{
	my (@words) = @_;

	return join("\n    ", 'global', 'log ' . $log->addr . ' local0', @words) . "\n"
	    . defaults('option http-ignore-probes', 'log global') . "
listen web
    bind {BIND:web} proto h2
    http-request return status 200 content-type text/plain string ok if { path /own }
    http-request return status 200 hdr n %[fc_nb_streams] hdr l %[fc_settings_streams_limit] hdr g %[fc_glitches] hdr m %[fc_http_major] if { path /fc }
    server s ${\ $l->addr}
";
}

# a client that has read SETTINGS
sub connected
{
	my ($p, %o) = @_;
	my $c = h2_client($p->addr('web'), %o);

	$c->read_named('SETTINGS');
	return $c;
}

# what the connection's window was opened by
sub first_update
{
	my ($c) = @_;
	my $f = $c->read_named('WINDOW_UPDATE');

	return $f ? $f->{increment} : undef;
}

subtest 'defaults' => sub {
	my $p = start_proxy(conf());
	my $c = connected($p);
	my $s = $c->theirs;

	is($s->{HEADER_TABLE_SIZE}, 4096, 'the table');
	is($s->{INITIAL_WINDOW_SIZE}, 65536, 'the window');
	is($s->{MAX_CONCURRENT_STREAMS}, 100, 'streams');
	is($s->{MAX_FRAME_SIZE}, 16384, 'frames');
	is($s->{ENABLE_CONNECT_PROTOCOL}, 1, 'WebSocket');
	is(first_update($c), 1600 * 1024 - 65535, 'all streams together');
	my $r = $c->get('/fc');
	is($r->header('l'), 100, 'fc_settings_streams_limit');
	is($r->header('g'), 0, 'fc_glitches');
	is($r->header('n'), 1, 'fc_nb_streams');
	is($r->header('m'), 2, 'fc_http_major');
	stop_proxy($p);
};

subtest 'show sess' => sub {
	my $sock = Tideway::Test::temp_dir() . '/cli';
	my $p = start_proxy(conf("stats socket $sock level admin"));
	my $c = connected($p);

	$c->request(path => '/slow') for 1 .. 2;
	my @o = map { $l->accept } 1 .. 2;
	ok($_->read_head, 'a request is at the server') for @o;
	my @id = cli_ask($sock, 'show sess') =~ /^(0x\w+): .* fe=web /mg;
	is(scalar @id, 2, 'a line for each stream');
	like(cli_ask($sock, "show sess $id[0]"), qr{scf=\[fd=\d+ mux=h2 streams=2/100 glitches=0\]},
	    'and what carries it');
	$c->close;
	stop_proxy($p);
};

subtest 'each is announced' => sub {
	my $p = start_proxy(conf('tune.h2.header-table-size 8192',
	    'tune.h2.initial-window-size 70000', 'tune.h2.max-concurrent-streams 7',
	    'tune.bufsize 32768', 'tune.h2.max-frame-size 20000', 'tune.h2.fe.rxbuf 100k',
	    'h2-workaround-bogus-websocket-clients', 'tune.h2.zero-copy-fwd-send off'));
	my $c = connected($p);
	my $s = $c->theirs;

	is($s->{HEADER_TABLE_SIZE}, 8192, 'header-table-size');
	is($s->{INITIAL_WINDOW_SIZE}, 70000, 'initial-window-size');
	is($s->{MAX_CONCURRENT_STREAMS}, 7, 'max-concurrent-streams');
	is($s->{MAX_FRAME_SIZE}, 20000, 'max-frame-size');
	is($s->{ENABLE_CONNECT_PROTOCOL}, undef, 'no WebSocket');
	is(first_update($c), 4 * 32768 - 65535, 'rxbuf, in whole buffers');
	is($c->get('/fc')->header('l'), 7, 'fc_settings_streams_limit');
	is($c->get('/fc', headers => [['x', 'y' x 20000]])->status, 200,
	    'a head above the default limit');
	is_deeply([$c->violations], [], 'nothing is wrong');
	stop_proxy($p);
};

subtest 'of clients only' => sub {
	my $p = start_proxy(conf('tune.h2.fe.initial-window-size 1234',
	    'tune.h2.initial-window-size 70000', 'tune.h2.be.initial-window-size 99999',
	    'tune.h2.fe.max-concurrent-streams 3', 'tune.h2.max-concurrent-streams 0',
	    'tune.h2.be.max-concurrent-streams 9', 'tune.h2.max-frame-size 100000',
	    'tune.h2.be.rxbuf 64k', 'tune.h2.be.glitches-threshold 1',
	    'h2-workaround-bogus-websocket-clients',
	    'no h2-workaround-bogus-websocket-clients'));
	my $c = connected($p);
	my $s = $c->theirs;

	is($s->{INITIAL_WINDOW_SIZE}, 1234, 'fe.initial-window-size');
	is($s->{MAX_CONCURRENT_STREAMS}, 3, 'fe.max-concurrent-streams');
	is($s->{MAX_FRAME_SIZE}, 16384, 'no frames above tune.bufsize');
	is($s->{ENABLE_CONNECT_PROTOCOL}, 1, 'no h2-workaround');
	my @sid = map { $c->request(path => '/slow') } 1 .. 4;
	is($c->reset_code($sid[3]), 'REFUSED_STREAM', 'one stream too many');
	for (1 .. 3) {
		my $o = $l->accept;
		ok($o && $o->read_head, 'another came through');
		$o->send(response(200, 'slow'));
	}
	is($c->response($_)->status, 200, 'and is answered') for @sid[0 .. 2];
	is($c->get('/own')->status, 200, 'then there is room again');
	$c->close;
	stop_proxy($p);
};

subtest 'uploads go on through a small window' => sub {
	my $p = start_proxy(conf('tune.h2.fe.initial-window-size 1', 'tune.h2.fe.rxbuf 1'));
	my $c = connected($p);
	my $sid = $c->request(method => 'POST', body => 'x' x 50);
	my ($o, $m);

	$c->wait_for(sub { $o //= $l->accept(0.01) });
	$c->wait_for(sub { $c->is_flushed });
	$m = $o->read_message;
	is($m->body, 'x' x 50, 'all of it, byte by byte');
	$o->send(response(200, 'y'));
	is($c->response($sid)->body, 'y', 'the answer');
	stop_proxy($p);
};

# what a server was told comes back as fields
my $h2 = h2_origin(respond => sub {
	my ($s, $c) = @_;

	if ($s->path eq '/bad') {
		$c->send_headers($s->sid, [['x', 'no status']], end => 1);
		return 1;
	}
	$c->respond($s->sid, 200, headers => [map { ["x-$_", $c->theirs->{uc $_} // '-'] }
	    qw(initial_window_size header_table_size max_frame_size)],
	    body => $c->{send_window});
	return 1;
});

sub towards
{
	my (@words) = @_;

	return conf(@words) =~ s/server s .*/server s ${\ $h2->addr} proto h2/r;
}

subtest 'towards servers' => sub {
	my $p = start_proxy(towards('tune.h2.be.initial-window-size 1234',
	    'tune.h2.initial-window-size 70000', 'tune.h2.fe.initial-window-size 80000',
	    'tune.h2.header-table-size 2048', 'tune.h2.be.rxbuf 100k',
	    'tune.h2.be.glitches-threshold 2', 'tune.h2.be.max-concurrent-streams 7'));
	my $c = connected($p);
	my $r = $c->get('/x');

	is($r->header('x-initial_window_size'), 1234, 'be.initial-window-size');
	is($r->header('x-header_table_size'), 2048, 'header-table-size');
	is($r->header('x-max_frame_size'), 16384, 'max-frame-size');
	is($r->body, 7 * 16384, 'be.rxbuf');
	is($c->get('/bad')->status, 502, 'a glitch');
	is($c->get('/bad')->status, 502, 'another one');
	my $line = $log->next_match(qr/Server/);
	like($line->{msg}, qr/Server ${\ $h2->addr}: HTTP\/2 connection ended: ENHANCE_YOUR_CALM: too many glitches/,
	    'be.glitches-threshold');
	is($c->get('/x')->status, 200, 'by another connection');
	stop_proxy($p);
};

subtest 'frames at once' => sub {
	my $p = start_proxy(towards('tune.h2.fe.max-frames-at-once 1',
	    'tune.h2.be.max-frames-at-once 2', 'tune.h2.fe.max-rst-at-once 1'));
	my $c = connected($p);
	my @sid = map { $c->request(path => '/own') } 1 .. 50;

	is(scalar(grep { $c->response($_)->status == 200 } @sid), 50,
	    'what came together is answered, one after the other');
	$c->send_raw(join '', map { h2_frame('HEADERS', 'END_STREAM|END_HEADERS', $_,
	    $c->{out}->encode([':method', 'GET'], [':scheme', 'http'], [':path', '/x'],
	    [':authority', 'a'])) . h2_frame('RST_STREAM', 0, $_, pack 'N', 8) }
	    map { 101 + 2 * $_ } 0 .. 49);
	$c->{next} = 301;
	is($c->get('/x')->status, 200, 'behind resets, too');
	my $gone = connected($p);
	$gone->send_raw(join '', map { h2_frame('PING', 0, 0, '12345678') } 1 .. 20);
	$gone->peer->shutdown_write;
	is(scalar(grep { ($gone->read_named('PING') // {})->{ack} } 1 .. 20), 20,
	    'what came before the end is answered');
	stop_proxy($p);
};

subtest 'no limit of streams' => sub {
	my $p = start_proxy(conf('tune.h2.max-concurrent-streams 0'));
	my $c = connected($p);

	is($c->theirs->{MAX_CONCURRENT_STREAMS}, undef, 'none is announced');
	my @sid = map { $c->request(path => '/own') } 1 .. 150;
	is(scalar(grep { $c->response($_)->status == 200 } @sid), 150, 'all are answered');
	stop_proxy($p);
};

subtest 'max-total-streams' => sub {
	my $p = start_proxy(conf('tune.h2.fe.max-total-streams 3'));
	my $c = connected($p);

	is($c->get('/own')->status, 200, "request $_") for 1 .. 3;
	my $r = $c->ended;
	is($r->{code}, 'NO_ERROR', 'GOAWAY');
	is($c->goaway->{last}, 5, 'of the last one');
	is(connected($p)->get('/own')->status, 200, 'another connection');
	stop_proxy($p);
};

# a request whose head is wrong
sub glitch
{
	my ($c) = @_;

	return $c->request(fields => [[':method', 'GET'], [':scheme', 'http'],
	    [':path', 'x'], [':authority', 'a']]);
}

subtest 'glitches-threshold' => sub {
	my $p = start_proxy(conf('tune.h2.fe.glitches-threshold 3'));
	my $c = connected($p);

	is($c->reset_code(glitch($c)), 'PROTOCOL_ERROR', "glitch $_") for 1 .. 2;
	is($c->get('/fc')->header('g'), 2, 'fc_glitches');
	glitch($c);
	is($c->ended->{code}, 'ENHANCE_YOUR_CALM', 'one too many');
	like(($log->next_match(qr/glitches/) // {})->{msg},
	    qr/'web'.*127\.0\.0\.1:\d+.*ENHANCE_YOUR_CALM.*too many glitches/, 'is logged');
	stop_proxy($p);
};

subtest 'tune.glitches.kill.cpu-usage' => sub {
	my $p = start_proxy(conf('tune.h2.fe.glitches-threshold 1',
	    'tune.glitches.kill.cpu-usage 100'));
	my $c = connected($p);

	is($c->reset_code(glitch($c)), 'PROTOCOL_ERROR', 'a glitch') for 1 .. 2;
	is($c->get('/own')->status, 200, 'is forgiven while there is nothing to do');
	stop_proxy($p);
};

subtest 'tune.h2.log-errors' => sub {
	my $p = start_proxy(conf('tune.h2.log-errors stream'));
	my $c = connected($p);

	$c->reset_code(glitch($c));
	like(($log->next_match(qr/stream error/) // {})->{msg},
	    qr/127\.0\.0\.1:\d+: HTTP\/2 stream error: PROTOCOL_ERROR: a wrong :path/,
	    'stream');
	stop_proxy($p);
	$p = start_proxy(conf());
	$c = connected($p);
	$c->reset_code(glitch($c));
	$c->send_frame('DATA', 0, 0, 'x');
	$c->ended;
	my $line = $log->next_match(qr/HTTP\/2/);
	like($line->{msg}, qr/connection ended: PROTOCOL_ERROR: DATA on stream 0/, 'connection');
	stop_proxy($p);
	$p = start_proxy(conf('tune.h2.log-errors none'));
	$c = connected($p);
	$c->send_frame('DATA', 0, 0, 'x');
	$c->ended;
	is(connected($p)->get('/own')->status, 200, 'a request, whose line comes later');
	$line = $log->next_match(qr/HTTP\/2/);
	unlike($line->{msg}, qr/connection ended/, 'none');
	stop_proxy($p);
};

subtest 'a reload' => sub {
	my $p = start_proxy(conf('tune.h2.max-concurrent-streams 5'));
	my $old = connected($p);

	$p->write_config(conf('tune.h2.max-concurrent-streams 6'));
	$p->signal('HUP');
	ok(wait_until { connected($p)->theirs->{MAX_CONCURRENT_STREAMS} == 6 },
	    'new connections have the new limits');
	my $r = $old->get('/fc');
	is($r->status == 200 ? $r->header('l') : 5, 5, 'old ones what they were told');
	stop_proxy($p);
};

subtest 'refused' => sub {
	for (['tune.h2.header-table-size 65537', qr/65536/],
	    ['tune.h2.header-table-size', qr/expects|argument/],
	    ['tune.h2.initial-window-size 0', qr/initial-window-size.*1/],
	    ['tune.h2.initial-window-size 2147483648', qr/2147483647/],
	    ['tune.h2.fe.initial-window-size x', qr/'x'/],
	    ['tune.h2.be.initial-window-size -1', qr/'-1'/],
	    ['tune.h2.max-concurrent-streams many', qr/'many'/],
	    ['tune.h2.max-frame-size 16383', qr/16384/],
	    ['tune.h2.max-frame-size 16777216', qr/16777215/],
	    ['tune.h2.fe.max-total-streams 1 2', qr/argument|'2'/],
	    ['tune.h2.fe.max-frames-at-once -1', qr/'-1'/],
	    ['tune.h2.be.max-frames-at-once z', qr/'z'/],
	    ['tune.h2.fe.max-rst-at-once', qr/expects|argument/],
	    ['tune.h2.fe.rxbuf 3g', qr/2147483647/],
	    ['tune.h2.be.rxbuf big', qr/'big'/],
	    ['tune.h2.fe.glitches-threshold -1', qr/'-1'/],
	    ['tune.h2.be.glitches-threshold y', qr/'y'/],
	    ['tune.glitches.kill.cpu-usage 101', qr/100/],
	    ['tune.h2.log-errors all', qr/'none', 'connection' or 'stream', not 'all'/],
	    ['tune.h2.zero-copy-fwd-send maybe', qr/'on' or 'off', not 'maybe'/],
	    ['h2-workaround-bogus-websocket-clients 1', qr/argument|'1'/]) {
		my ($line, $why) = @$_;
		my $r = check_config(conf($line) =~ s/\{BIND:web\}/127.0.0.1:1/r);
		is($r->{code}, 1, $line);
		like($r->{all}, $why, 'says why');
	}
};

done_testing();
