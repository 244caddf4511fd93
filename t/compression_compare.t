# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Which messages are compressed, and what their heads say then: through Debian's
# haproxy and through tideway. The body is compared after decoding.
use Tideway::Test;
use Tideway::Compare;
use Compress::Raw::Zlib;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');
plan(skip_all => 'built without zlib')
    if is_tideway() && run_cmd('-vv')->{out} !~ /gzip, deflate/;
my $text = 'hello ' x 50;

# the fields and status of an answer by its number in the target
my @answers;
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my ($i) = $req->uri =~ m{/(\d+)} or return $o->reply($req);
	return $answers[$i];
});

sub decoded
{
	my ($r) = @_;
	my $how = $r->header('Content-Encoding') // '';
	return $r->body unless $r->body ne '' && $how =~ /^(?:gzip|deflate)$/ && $r->body ne $text;
	my $z = Compress::Raw::Zlib::Inflate->new(-WindowBits => $how eq 'gzip' ? WANT_GZIP : 15);
	my ($in, $out) = ($r->body);
	return $z->inflate($in, $out) == Z_STREAM_END ? $out : 'broken';
}

# [name, fields of the request, the answer, start of the request]
my @asks;
sub ask
{
	my ($name, $fields, $answer, $start) = @_;

	push @answers, $answer // answer();
	push @asks, [$name, ($start // 'GET') . " /$#answers " . "HTTP/1.1\r\nHost: x\r\n"
	    . $fields . "\r\n"];
}

sub answer
{
	my ($fields, %opt) = @_;
	my $body = $opt{body} // $text;
	my $head = 'HTTP/1.1 ' . ($opt{status} // '200 OK') . "\r\n"
	    . ($fields // "Content-Type: text/plain\r\n");

	return $opt{chunked}
	    ? $head . "Transfer-Encoding: chunked\r\n\r\n" . sprintf("%x", length $body)
		. "\r\n$body\r\n0\r\n\r\n"
	    : $head . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

sub run
{
	my ($bin, $conf) = @_;
	my $p = start_proxy(defaults() . "listen web\n    bind {BIND:web}\n    $conf
    server s ${\ $o->addr}\n", bin => $bin);
	my @results;

	for my $ask (@asks) {
		my $c = $p->client('web');
		my $n = $o->requests;
		my $r = $c->request($ask->[1]);
		my $seen = ($o->requests)[$n];
		push @results, join "\n", $r->status,
		    (sort map { lc($_->[0]) . ": $_->[1]" }
			grep { $_->[0] !~ /^connection$/i } @{ $r->{headers} }),
		    'body: ' . decoded($r), $r->{complete} ? 'whole' : 'cut',
		    'server saw: ' . join ',', $seen ? $seen->all('Accept-Encoding') : 'nothing';
	}
	stop_proxy($p);
	return \@results;
}

sub compare
{
	my ($conf) = @_;
	my ($want, $got) = (run($haproxy, $conf), run(binary(), $conf));

	is($got->[$_], $want->[$_], $asks[$_][0]) for 0 .. $#asks;
	@asks = @answers = ();
}

# origins are forked: what they answer has to be known before
sub plan_asks
{
	my ($sub) = @_;

	@asks = @answers = ();
	$sub->();
	$o->stop;
	$o->restart;
}

# not 'gzip;q=0, *': '*' is what is not named (RFC 9110, 12.5.3), which HAProxy
# does not look at
my @encodings = ('gzip', 'deflate', 'gzip, deflate', 'deflate, gzip',
    'gzip;q=0.5, deflate', 'gzip;q=0', 'gzip;q=0.0', '*', '*;q=0', 'identity',
    'x-gzip', 'GZIP', 'gzip ; q=1', 'gzip;q=abc', 'gzip;q=1.5',
    ',,gzip', 'identity;q=0', 'br, gzip', 'gzipx', 'gzip;level=3;q=0', 'gzip;q=0.001',
    'deflate;q=0.7,gzip;q=0.7', 'identity;q=1, gzip;q=0.5', '', 'gzip;q=0.5;x',
    'gzip;x;q=0.5');

for my $conf ('compression algo gzip deflate', 'compression algo deflate gzip',
    "compression algo gzip\n    compression algo deflate", 'compression algo raw-deflate deflate',
    'compression algo identity', 'compression algo identity gzip',
    "compression algo gzip deflate\n    compression offload") {
	subtest $conf =~ s/\n\s*/ + /gr => sub {
		plan_asks(sub {
			ask($_, "Accept-Encoding: $_\r\n") for @encodings;
			ask('none', '');
			ask('two', "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n");
		});
		compare($conf);
	};
}

my $gzip = "Accept-Encoding: gzip\r\n";
for my $conf ("compression algo gzip\n    compression type text/ application/json",
    'compression algo gzip') {
	subtest $conf =~ s/\n\s*/ + /gr => sub {
		plan_asks(sub {
			ask($_, $gzip, answer("Content-Type: $_\r\n")) for 'text/plain',
			    'TEXT/html; charset=x', 'application/json', 'application/jsonx',
			    'image/png', 'multipart/mixed', 'MULTIPART/x', 'xmultipart/',
			    'text/plain, multipart/x';
			ask('none', $gzip, answer(''));
			ask('two', $gzip, answer("Content-Type: text/a\r\nContent-Type: image/x\r\n"));
		});
		compare($conf);
	};
}

subtest 'messages' => sub {
	plan_asks(sub {
		ask($_, $gzip, answer(undef, status => $_)) for '200 OK', '201 C', '202 A',
		    '203 N', '206 P', '404 N', '500 E', '302 F';
		ask('no content', $gzip, "HTTP/1.1 204 N\r\n\r\n");
		ask('not modified', $gzip, "HTTP/1.1 304 N\r\nETag: \"a\"\r\n\r\n");
		ask('chunked', $gzip, answer(undef, chunked => 1));
		ask('empty', $gzip, answer(undef, body => ''));
		ask('HEAD', $gzip, "HTTP/1.1 200 OK\r\nContent-Length: 300\r\nETag: \"x\"\r\n\r\n",
		    'HEAD');
		ask('POST', "${gzip}Content-Length: 0\r\n", undef, 'POST');
		for my $f ('Cache-Control: no-transform', 'Cache-Control: max-age=1, no-transform',
		    'cache-control: NO-TRANSFORM', 'Cache-Control: xno-transform',
		    "Cache-Control: a\r\nCache-Control: no-transform", 'Content-Encoding: gzip',
		    'Content-Encoding: identity', 'ETag: "abc"', 'ETag: W/"abc"', 'ETag: abc',
		    'ETag: w/"abc"', 'ETag: "abc', "ETag: \"a\"\r\nETag: \"b\"", 'Vary: Origin',
		    'Vary: *', 'Accept-Ranges: bytes', 'Content-MD5: abc', 'Warning: 1',
		    "Content-Encoding:", 'ETag:') {
			ask($f =~ s/\r\n/ + /r, $gzip, answer("$f\r\n"));
		}
		for my $ua ('Mozilla/4.0', 'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)',
		    'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)',
		    'Mozilla/4.0 (compatible; MSIE 7.0)', 'Mozilla/4.0 (compatible; MSIE 5.5)',
		    'Mozilla/5.0', 'Opera/9 Mozilla/4', 'Mozilla/4', 'mozilla/4.0',
		    'xMozilla/4.0 MSIE 6.0') {
			ask($ua, "${gzip}User-Agent: $ua\r\n");
		}
	});
	for my $ask (@asks) { # and one of an old client
		next unless $ask->[0] eq '200 OK';
		push @asks, ['HTTP/1.0', $ask->[1] =~ s{HTTP/1\.1}{HTTP/1.0}r];
		last;
	}
	compare('compression algo gzip deflate');
};

# Our own answers: those of services and of the statistics are compressed, the
# others are not; http-response rules see those of services.
sub own_answers
{
	my ($bin) = @_;
	my $log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n" . defaults('log global', 'option httplog') . "
frontend web
    bind {BIND:web}
    compression algo gzip
    compression type text/plain text/html text/csv application/json
    stats uri /stats
    http-response set-header X-Response 1
    http-after-response set-header X-After 1
    http-request return status 200 content-type text/plain string \"$text\" if { path /return }
    http-request deny deny_status 403 content-type text/plain string \"$text\" if { path /deny }
    http-request redirect location /x if { path /redirect }
    http-request use-service prometheus-exporter if { path /metrics }
    default_backend b
backend b
    http-response set-header X-Backend 1
    http-request use-service prometheus-exporter
", bin => $bin);
	my @got;
	for my $uri ('/return', '/deny', '/redirect', '/metrics', '/backend', '/stats', '/stats;csv', '/stats?none', '/metrics?scope=nope') {
		for my $start ("GET $uri HTTP/1.1", "HEAD $uri HTTP/1.1", "GET $uri HTTP/1.0") {
			my $c = $p->client('web');
			my ($method) = $start =~ /^(\w+)/;
			$c->send("$start\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
			my $r = $c->read_response(method => $method);
			my $l = $log->next_match(qr/"\Q$start\E"/);
			my ($who, $times, $term) = $l->{msg} =~ m{ web (\S+) (\S+) \d+ \d+ - - (\S+)};
			$times =~ s{\d+$}{n};
			push @got, "$start: " . join ' ', $r->status, $who, $times =~ s/\d+/n/gr, $term,
			    length decoded($r) > 0 ? 'body' : 'empty',
			    map { "$_=" . ($r->header($_) // '-') } qw(Content-Encoding Vary X-Response X-After X-Backend),
			    # HAProxy's answer to HTTP/1.0 names a coding that it does not use
			    $start =~ /^GET.*1\.1$/ ? 'Transfer-Encoding' : ();
			$c->close;
		}
	}
	$p->stop;
	return @got;
}

subtest 'our own answers' => sub {
	my @ours = own_answers(binary());
	my @theirs = own_answers($haproxy);
	is($ours[$_], $theirs[$_], $theirs[$_]) for 0 .. $#theirs;
};

done_testing;
