# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# compression ...: each algorithm decoded by a library or program of somebody
# else, of small and large bodies, in pieces of any size; requests too; what
# passes by; counters and limits. What HAProxy decides is in compression_compare.t.
use Tideway::Test;
use Tideway::Cli;
use Compress::Raw::Zlib;

plan(skip_all => 'HAProxy has no brotli, and other words') unless is_tideway();
my $features = run_cmd('-vv');
plan(skip_all => 'built without zlib') unless $features->{out} =~ /gzip, deflate/;

sub inflate
{
	my ($bits, $in) = @_;
	my $z = Compress::Raw::Zlib::Inflate->new(-WindowBits => $bits, -AppendOutput => 1);
	my $out = '';
	my $rc = $z->inflate($in, $out);
	return wantarray ? ($out, $rc == Z_STREAM_END && $in eq '') : $out;
}

# by a program; undef when there is none
sub filtered
{
	my ($in, @cmd) = @_;
	my ($path) = grep { -x } map { "$_/$cmd[0]" } split /:/, $ENV{PATH};
	return undef unless $path;
	my $file = spew('packed', $in);
	my $r = run_cmd({ bin => '/bin/sh', secs => 60 }, '-c', "exec @cmd <$file");
	return $r->{code} == 0 ? $r->{out} : "broken: $r->{err}";
}

my %decode = (
	gzip => sub { my ($o, $ok) = inflate(WANT_GZIP, $_[0]); $ok ? $o : 'broken' },
	deflate => sub { my ($o, $ok) = inflate(15, $_[0]); $ok ? $o : 'broken' },
	'raw-deflate' => sub { my ($o, $ok) = inflate(-15, $_[0]); $ok ? $o : 'broken' },
	br => sub { filtered($_[0], qw(brotli -dc)) },
	zstd => sub { filtered($_[0], qw(zstd -dcq)) },
	identity => sub { $_[0] },
);
my %token = ('raw-deflate' => 'deflate');
my @algos = grep { $features->{out} =~ /\b\Q$_\E\b/ } qw(gzip deflate raw-deflate br zstd);

srand 7;
my %body = (
	x => 'x',
	text => 'hello ' x 50,
	lines => join('', map { "line $_ " . int(rand 1e6) . "\n" } 1 .. 60_000),
	noise => join('', map { chr int rand 256 } 1 .. 200_000),
	zeros => "\0" x 3_000_000,
	empty => '',
);
sub chunked
{
	my ($body, $most, $trailer) = @_;
	my $out = '';

	for (my $at = 0; $at < length $body;) {
		my $piece = substr $body, $at, 1 + int rand $most;
		$at += length $piece;
		$out .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
	}
	return "${out}0\r\n" . ($trailer // '') . "\r\n";
}

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my $body = $body{ $req->uri =~ m{body=(\w+)} ? $1 : 'text' };
	my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"e\"\r\n";

	return "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno" if $req->uri =~ /none/;
	return $head . "Content-Length: 5\r\n\r\n" if $req->method eq 'HEAD';
	return $head . "Transfer-Encoding: chunked\r\n\r\n" . chunked($body, $1, "X-T: 1\r\n")
	    if $req->uri =~ /chunks=(\d+)/;
	return $head . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
});

sub get
{
	my ($uri, $encoding, @fields) = @_;
	return "GET $uri HTTP/1.1\r\nHost: a\r\n" . ($encoding ? "Accept-Encoding: $encoding\r\n" : '')
	    . join('', map { "$_\r\n" } @fields) . "\r\n";
}

sub proxy
{
	my ($conf, $global, $defaults) = @_;
	return start_proxy("global\n    stats socket {DIR}/sock level admin\n    nbthread 2\n"
	    . ($global // '') . defaults($defaults // ()) . "
listen web
    bind {BIND:web}
    $conf
    server s ${\ $o->addr}
");
}

for my $algo (@algos) {
	subtest $algo => sub {
		plan(skip_all => "no program that decodes $algo")
		    unless defined $decode{$algo}->('');
		my $p = proxy("compression algo $algo", "    tune.comp.maxlevel 3\n");
		my $c = $p->client('web');
		for my $uri ((map { "/?body=$_" } qw(x text lines noise zeros)),
		    (map { "/?body=lines&chunks=$_" } 1000, 50_000),
		    '/?body=text&chunks=1', '/?body=zeros&chunks=100000') {
			my ($name) = $uri =~ /body=(\w+)/;
			my $r = $c->request(get($uri, $token{$algo} // $algo), secs => 60);
			is($r->header('Content-Encoding'), $token{$algo} // $algo, $uri);
			is($r->header('Content-Length'), undef, 'no length');
			is($r->header('ETag'), 'W/"e"', 'a weak entity tag');
			ok($decode{$algo}->($r->body) eq $body{$name}, 'decoded');
			is($r->trailer('X-T'), 1, 'the trailer') if $uri =~ /chunks/;
			cmp_ok(length $r->body, '<', length($body{$name}) / 2, 'shorter')
			    if $name =~ /lines|zeros/;
		}
		is($o->n_connections, scalar(() = $o->events('connect')), 'connections are kept');
		stop_proxy($p);
	};
}

subtest 'what is there is not kept back' => sub {
	my $l = listener();
	for my $algo (@algos, 'identity') {
		next unless defined $decode{$algo}->('');
		my $p = start_proxy(defaults() . "listen web\n    bind {BIND:web}
    compression algo $algo\n    server s ${\ $l->addr}\n");
		my $c = $p->client('web');
		$c->send(get('/', $token{$algo} // $algo));
		my $s = $l->accept;
		$s->read_message;
		$s->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		ok($c->read_head, "$algo: the head");
		my ($sent, $got) = ('', '');
		for my $i (1 .. 3) {
			my $piece = "event $i\n" x 10;
			$sent .= $piece;
			$s->send(sprintf "%x\r\n%s\r\n", length $piece, $piece);
			while (my $line = $c->read_until(qr/\r\n/, 2)) {
				$got .= $c->read_bytes(hex $line =~ s/\r\n//r);
				$c->read_bytes(2);
				last if $algo !~ /deflate|gzip/;
				last if inflate($algo eq 'gzip' ? WANT_GZIP
				    : $algo eq 'deflate' ? 15 : -15, $got) eq $sent;
			}
			ok($algo !~ /deflate|gzip/ || inflate($algo eq 'gzip' ? WANT_GZIP
				: $algo eq 'deflate' ? 15 : -15, $got) eq $sent,
			    "$algo: piece $i can be decoded");
		}
		$s->send("0\r\n\r\n");
		my $m = { body => '', raw_body => '' };
		$c->_read_chunks($m, 5);
		ok($decode{$algo}->($got . $m->{body}) eq $sent, "$algo: all of it");
		stop_proxy($p);
	}
};

subtest 'many on one connection, pipelined' => sub {
	my $p = proxy("compression algo gzip\n    compression type text/plain");
	my $c = $p->client('web');
	my @uris = map { ("/?body=text&n=$_", "/none?n=$_", "/?body=lines&chunks=3000",
	    "/?body=empty") } 1 .. 5;
	$c->send(join '', map { get($_, 'gzip'), get('/', 'gzip') =~ s/GET/HEAD/r,
	    get($_) } @uris);
	for my $uri (@uris) {
		my $r = $c->read_response(secs => 20);
		my $want = $uri =~ /none/ ? 'no' : $body{ $uri =~ /body=(\w+)/ ? $1 : die };
		my $got = $r->has('Content-Encoding') ? $decode{gzip}->($r->body) : $r->body;
		ok($got eq $want, $uri);
		is($r->has('Content-Encoding'), $uri =~ /text|lines/ ? 1 : '', 'compressed or not');
		$r = $c->read_response(method => 'HEAD');
		is($r->header('Content-Length'), 5, 'HEAD: as it came');
		is($r->header('ETag'), '"e"', 'its entity tag, too');
		ok($c->read_response(secs => 20)->body eq $want, 'and without Accept-Encoding');
	}
	stop_proxy($p);
};

subtest 'slow readers' => sub {
	my $p = proxy('compression algo gzip');
	my @c = map { $p->client('web') } 1 .. 8;
	$_->send(get('/?body=noise&chunks=9999', 'gzip') x 10) for @c;
	for my $i (1 .. 10) { # in turns, some bytes each
		for my $c (@c) {
			my $r = $c->read_response(secs => 30);
			ok($decode{gzip}->($r->body) eq $body{noise}, "response $i");
		}
	}
	stop_proxy($p);
};

subtest 'those who go away' => sub {
	my $l = listener();
	my $p = start_proxy(defaults() . "listen web\n    bind {BIND:web}
    compression algo gzip deflate\n    server s ${\ $l->addr}\n");
	for my $how (qw(close reset)) {
		for my $te ('Content-Length: 100000', 'Transfer-Encoding: chunked') {
			my $c = $p->client('web');
			$c->send(get('/', 'gzip'));
			my $s = $l->accept;
			$s->read_message;
			$s->send("HTTP/1.1 200 OK\r\n$te\r\n\r\n"
			    . ($te =~ /chunked/ ? "bb8\r\n" : '') . 'b' x 3000);
			ok($c->read_head, "a server that goes ($how, $te): the head");
			$s->$how;
			my $m = { body => '', raw_body => '' };
			ok(!$c->_read_chunks($m, 5), 'no end');
			isnt($c->state, 'open', 'closed');
		}
		my $c = $p->client('web');
		$c->send(get('/', 'deflate'));
		my $s = $l->accept;
		$s->read_message;
		$s->send("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" . $body{noise});
		$c->read_bytes(1000);
		$c->$how;
		for (1 .. 240) {
			last if $s->send($body{noise}, 1) < length $body{noise};
		}
		$s->read_all;
		isnt($s->state, 'open', "a client that goes ($how): the server is let go");
	}
	stop_proxy($p);
};

subtest 'requests' => sub {
	my $l = listener();
	my $p = start_proxy(defaults('retry-on empty-response') . "
listen web
    bind {BIND:web}
    compression direction both
    compression algo-req gzip
    compression type-req text/
    compression minsize-req 100
    compression algo gzip
    server s ${\ $l->addr}
listen res
    bind {BIND:res}
    compression algo-req gzip
    server s ${\ $l->addr}
");
	my $post = sub {
		my ($body, @fields) = @_;
		return "POST / HTTP/1.1\r\nHost: a\r\n" . join('', map { "$_\r\n" } @fields)
		    . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
	};
	for my $case (['text', 1, 'Content-Type: text/plain'],
	    ['lines', 1, 'Content-Type: text/plain', 'Expect: 100-continue'],
	    ['text', 0, 'Content-Type: image/png'], ['x', 0, 'Content-Type: text/plain'],
	    ['text', 0, 'Content-Type: text/plain', 'Content-Encoding: br'],
	    ['text', 0, 'Content-Type: text/plain', 'Cache-Control: no-transform'],
	    ['text', 0]) {
		my ($name, $packed, @fields) = @$case;
		my $c = $p->client('web');
		$c->send($post->($body{$name}, @fields, 'Accept-Encoding: gzip'), 10);
		my $s = $l->accept;
		my $m = $s->read_message(secs => 10);
		is($m->header('Content-Encoding') // '-', $packed ? 'gzip' : $fields[1] && $fields[1] =~ /br/ ? 'br' : '-',
		    "$name @fields");
		is($m->header('Transfer-Encoding') // '-', $packed ? 'chunked' : '-', 'framing');
		ok(($packed ? $decode{gzip}->($m->{body}) : $m->{body}) eq $body{$name}, 'the body');
		$s->send(response(200, $body{text}));
		my $r = $c->read_response;
		ok($decode{gzip}->($r->body) eq $body{text}, 'the answer, too');
	}
	my $c = $p->client('web'); # sent twice, from its beginning
	$c->send($post->($body{text}, 'Content-Type: text/plain'));
	$l->accept->close for 1;
	my $s = $l->accept;
	my $m = $s->read_message;
	ok($decode{gzip}->($m->{body}) eq $body{text}, 'a retry begins anew');
	is(scalar($m->all('Content-Encoding')), 1, 'and says so once');
	$s->send(response(200, 'x'));
	is($c->read_response->body, 'x', 'answered');
	$c = $p->client('res');
	$c->send($post->($body{text}, 'Content-Type: text/plain'));
	$m = $l->accept->read_message;
	ok($m->{body} eq $body{text}, 'direction response is the default');
	stop_proxy($p);
};

subtest 'settings' => sub {
	my $p = start_proxy(defaults('compression algo deflate', 'compression type text/') . "
frontend web
    bind {BIND:web}
    compression algo gzip
    use_backend own if { path_beg /own }
    use_backend off if { path_beg /off }
    default_backend b
backend b
    no-such if { always_false }
    server s ${\ $o->addr}
backend own
    compression algo br gzip
    compression minsize-res 301
    server s ${\ $o->addr}
backend off
    compression offload
    compression direction request
    server s ${\ $o->addr}
" =~ s/^\s+no-such.*\n//mr);
	my $c = $p->client('web');
	is($c->request(get('/', '*'))->header('Content-Encoding'), 'deflate',
	    'the backend comes before the frontend');
	is($c->request(get('/own?body=lines', '*'))->header('Content-Encoding'), 'gzip',
	    'a proxy adds to what its defaults section has');
	is($c->request(get('/own?body=text', '*'))->header('Content-Encoding'), undef,
	    'minsize-res');
	is($c->request(get('/own?body=lines', 'gzip;q=0, br;q=0, *'))->header('Content-Encoding'),
	    'deflate', "'*' is what is not named");
	is($c->request(get('/off', 'gzip'))->header('Content-Encoding'), undef,
	    'direction request: no responses');
	my ($seen) = ($o->requests)[-1];
	is($seen->header('Accept-Encoding'), 'gzip', 'so nothing is taken away');
	stop_proxy($p);

	for my $case (['compression algo lzma', qr/'lzma' is not a supported algorithm/],
	    ['compression algo', qr/'compression algo' expects/],
	    ['compression algo-req gzip deflate', qr/compression algo-req/],
	    ['compression direction up', qr/expects 'request', 'response', or 'both'/],
	    ['compression minsize-res x', qr/size 'x'/], ['compression type', qr/expects/],
	    ['compression nothing', qr/nothing/],
	    ["filter trace\n    compression algo gzip", qr/needs a line 'filter compression'/],
	    ['filter compression x', qr/unknown keyword 'x'/]) {
		my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $case->[0]\n");
		is($r->{code}, 1, "$case->[0]: refused");
		like($r->{all}, $case->[1], 'with its word');
	}
	for my $word ('maxcompcpuusage 101', 'tune.comp.maxlevel 10', 'tune.comp.maxlevel 0',
	    'tune.zlib.memlevel 0', 'tune.zlib.windowsize 16', 'maxcomprate x', 'maxzlibmem -1') {
		my $r = check_config("global\n    $word\n");
		like($r->{all}, qr/expects an integer argument between/, "$word: refused");
	}
	my $r = check_config(defaults('compression offload', 'compression algo gzip')
	    . "listen a\n    bind 127.0.0.1:1\n");
	like($r->{all}, qr/'offload' ignored in 'defaults' section/, 'offload in defaults');
	for my $filters ("filter trace\n    filter compression", 'filter comp-res', 'filter comp-req') {
		$r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $filters
    compression algo gzip\n");
		is($r->{code}, 0, "$filters: taken") or diag($r->{all});
	}
};

subtest 'tuning zlib' => sub {
	for my $tune ("tune.zlib.memlevel 1\n    tune.zlib.windowsize 8", 'tune.zlib.windowsize 9',
	    "tune.zlib.memlevel 9\n    tune.comp.maxlevel 9", 'maxzlibmem 100',
	    "maxcomprate 1000000\n    maxcompcpuusage 90") {
		my $p = proxy('compression algo gzip deflate raw-deflate', "    $tune\n");
		for my $algo ('gzip', 'raw-deflate') {
			my $r = $p->client('web')->request(get('/?body=lines',
			    $token{$algo} // $algo), secs => 30);
			ok($decode{$algo}->($r->body) eq $body{lines}, "$algo: $tune");
		}
		stop_proxy($p);
	}
};

subtest 'counters and limits' => sub {
	my $log = syslog_unix();
	my $p = start_proxy("global\n    stats socket {DIR}/sock level admin\n    log $log->{addr} local0
    maxcomprate 100000\n" . defaults('log global') . "
frontend web
    bind {BIND:web}
    log-format \"%[res.comp] %[res.comp_algo] %ST\"
    compression algo gzip
    stats enable
    stats uri /stats
    http-request use-service prometheus-exporter if { path /metrics }
    default_backend b
backend b
    server s ${\ $o->addr}
");
	my $cli = sub { cli_ask("$p->{dir}/sock", $_[0]) };
	my $fields = sub {
		my ($head, @rows) = grep { /\S/ } split /\n/, $cli->('show stat');
		my @names = split /,/, $head =~ s/^# //r;
		my %row;
		for (@rows) {
			my @v = split /,/, $_, -1;
			my %f; @f{@names} = @v;
			$row{"$f{pxname}/$f{svname}"} = join ' ', @f{qw(comp_in comp_out comp_byp comp_rsp)};
		}
		return \%row;
	};
	my $c = $p->client('web');
	my $r = $c->request(get('/?body=lines', 'gzip'));
	is($log->next_line->{msg}, '1 gzip 200', 'the log knows');
	my $packed = length $r->body;
	$c->request(get('/?body=lines', 'br'));
	is($log->next_line->{msg}, '0 - 200', 'and knows when not');
	my $n = length $body{lines};
	is($fields->()->{"$_"}, "$n $packed 0 1", "$_: its counters") for 'web/FRONTEND', 'b/BACKEND';
	is($fields->()->{'b/s'}, '   ', 'a server has none');
	my $savings = int(($n - $packed) * 100 / $n);
	my $page = $p->get('web', '/stats')->body;
	is(scalar(() = $page =~ m{<dt>Savings</dt><dd>$savings%</dd>}g), 2, 'on the page');
	$log->next_line;
	my $metrics = $p->get('web', '/metrics')->body;
	like($metrics, qr/^haproxy_process_http_comp_bytes_in_total $n$/m, 'the exporter');
	like($metrics, qr/^haproxy_frontend_http_comp_bytes_out_total\{proxy="web"\} $packed$/m,
	    'and of a frontend');
	like($metrics, qr/^haproxy_process_limit_http_comp 102400000$/m, 'the limit');
	$log->next_line;

	like($cli->('show info'), qr/CompressBpsRateLim: 102400000\n/, 'the limit, in bytes');
	is($cli->('set rate-limit http-compression global 1'), "\n", 'another limit');
	like($cli->('show info'), qr/CompressBpsRateLim: 1024\n/, 'is in force');
	my $by = 0;
	wait_until { # the limit looks at one second
		$r = $c->request(get('/?body=lines', 'gzip'));
		$by += $n unless $r->has('Content-Encoding');
		return $by > 0;
	};
	ok($r->body eq $body{lines}, 'above the limit: as it came');
	is($r->header('Content-Length'), $n, 'with its length');
	$r = $c->request(get('/?body=lines&chunks=9000', 'gzip'));
	ok($r->body eq $body{lines}, 'chunks, too') unless $r->has('Content-Encoding');
	$by += $n unless $r->has('Content-Encoding');
	like($fields->()->{'web/FRONTEND'}, qr/^\d+ \d+ $by \d+$/, 'counted as passed by');
	is($cli->('set rate-limit http-compression global 0'), "\n", 'no limit');
	$r = $c->request(get('/?body=lines', 'gzip'));
	is($r->header('Content-Encoding'), 'gzip', 'compressed again');
	like($cli->('set rate-limit http-compression global x'), qr/integer/, 'no number');
	like($cli->('set rate-limit http-compression'), qr/http-compression global/, 'usage');
	stop_proxy($p);
};

subtest 'a reload in the middle' => sub {
	my $l = listener();
	my $conf = "global\n    MORE" . defaults() . "listen web\n    bind {BIND:web}
    compression algo gzip\n    server s ${\ $l->addr}\n";
	my $p = start_proxy($conf =~ s/MORE/\n/r);
	my $c = $p->client('web');
	$c->send(get('/', 'gzip'));
	my $s = $l->accept;
	$s->read_message;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: " . length($body{lines}) . "\r\n\r\n"
	    . substr $body{lines}, 0, 5000);
	$c->read_head;
	$p->write_config($conf =~ s/MORE/tune.zlib.memlevel 2\n/r);
	$p->signal('USR2');
	$p->wait_output(qr/reload|generation/i);
	my $two = $p->client('web');
	$two->send(get('/', 'gzip'));
	my $s2 = $l->accept;
	$s2->read_message;
	$s2->send(response(200, $body{text}));
	ok($decode{gzip}->($two->read_response->body) eq $body{text}, 'a new one');
	$s->send(substr($body{lines}, 5000), 10);
	my $m = { body => '', raw_body => '' };
	$c->_read_chunks($m, 10);
	ok($decode{gzip}->($m->{body}) eq $body{lines}, 'the old one ends as it began');
	stop_proxy($p);
};

done_testing;
