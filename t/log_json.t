# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Log lines for programs: option jsonlog, %{+json} and %{+cbor}.
use Tideway::Test;
use JSON::PP qw(decode_json);

my $udp = syslog_udp();
my $o = origin(name => 's');

sub proxy
{
	my ($text, $how) = @_;

	return start_proxy("global\n    log ${\ $udp->addr} len 8000 format "
	    . ($how // 'raw') . " local0\n" . defaults('log global', 'retries 0') . $text);
}

# the next line that is an object (or begins so)
sub object
{
	my ($re) = @_;

	while (my $l = $udp->next_line) {
		my $text = $l->{msg} // $l->{raw};
		return $text =~ s/\n\z//r if $text =~ ($re // qr/^\{/);
	}
	return '{}';
}

my @common = qw(time client_ip client_port frontend backend server bytes_out bytes_in
	connections frontend_connections backend_sessions server_sessions retries
	server_queue backend_queue unique_id time_queue time_connect time_total state);
my @http = qw(method uri version status time_request time_response request_cookie
	response_cookie request_headers response_headers);

subtest 'option jsonlog' => sub {
	my $p = proxy("
frontend web
    bind {BIND:web}
    option jsonlog
    capture request header User-Agent len 60
    capture cookie A len 20
    unique-id-format %rt-x
    default_backend be
backend be
    server s1 ${\ $o->addr}
listen px
    bind {BIND:px} accept-proxy
    option jsonlog
listen tcp
    mode tcp
    option jsonlog
    bind {BIND:tcp}
    server s1 ${\ $o->addr}
");
	my $c = $p->client('web');
	$c->request("GET /a?\"b\\c HTTP/1.1\r\nHost: a\r\nUser-Agent: \"x\\y|\xe2\x82\xac\xc0\x80\r\nCookie: A=1\"2\r\n\r\n");
	my $text = object();
	my $j = eval { decode_json($text) } // {};
	is(join(' ', sort keys %$j), join(' ', sort @common, @http), 'the fields') or diag $text;
	is($j->{client_port}, $c->local_port, 'a number');
	like($text, qr/"status": 200, /, 'written as such');
	is($j->{uri}, "/a?\"b\\c", 'text, whole');
	is($j->{request_headers}, "{\"x\\y|\x{20ac}\x{fffd}\x{fffd}}", 'captured text, too');
	is($j->{request_cookie}, 'A=1"2', 'a cookie');
	is($j->{response_cookie}, undef, 'null');
	like($j->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/, 'time');
	like($j->{unique_id}, qr/^\d+-x$/, 'unique id');
	is("$j->{frontend} $j->{backend} $j->{server} $j->{method} $j->{version} $j->{state}",
	    'web be s1 GET HTTP/1.1 ----', 'names');
	$p->get('web', '/' . 'long' x 3000);
	$j = eval { decode_json($text = object()) } // {};
	is(join(' ', sort keys %$j), join(' ', sort @common, @http), 'a long request') or diag $text;
	is($j->{uri}, undef, 'what does not fit is null');
	is($j->{status}, 200, 'the rest is there');
	$c = $p->client('web');
	$c->send("bad\r\n\r\n");
	$c->read_all;
	$j = eval { decode_json($text = object()) } // {};
	is(join(' ', sort keys %$j), join(' ', sort @common, @http), 'the same of a bad request')
	    or diag $text;
	is("$j->{status} $j->{state} $j->{time_request}", '400 PR-- -1', 'which is told');
	$c = $p->client('px');
	$c->send("bad\r\n\r\n");
	$c->read_all;
	$j = eval { decode_json($text = object()) } // {};
	is("$j->{status} $j->{state} $j->{frontend}", '0 PR-- px', 'of a connection that fails') or diag $text;
	$p->get('tcp', '/');
	$j = eval { decode_json($text = object()) } // {};
	is(join(' ', sort keys %$j), join(' ', sort @common), 'mode tcp') or diag $text;
	stop_proxy($p);
};

subtest 'json' => sub {
	my $p = proxy(q(
defaults
    mode http
    log global
    timeout client 5s
    timeout server 5s
    timeout connect 5s
listen web
    bind {BIND:web}
    log-format "%{+json}o this is not shown %(request)r %ci %(port:str)cp %(expr)[str(custom)] %(n)[int(-5)] %(s:str)[int(7)] %(t)[bool(true)] %(i:sint)[bool(true)] %(b:bool)[int(3)] %(bad:sint)[str(x)] %(none)[req.hdr(none)] %(num:sint)[str(12)] %(ip)[src] %(:str)B %(hex){+X}ci"
    server s1 ) . $o->addr . q(
listen one
    bind {BIND:one}
    log-format "text %{+json}HM and %(:str){+json}ST %ST %{+json}[req.hdr(none)] %(name)ci"
    server s1 ) . $o->addr . q(
));
	$p->get('web', '/j');
	my $port = qr/"\d+"/;
	like(object(), qr/^\{"request": "GET \/j HTTP\/1\.1", "port": $port, "expr": "custom", "n": -5, "s": "7", "t": true, "i": 1, "b": true, "bad": null, "none": null, "num": 12, "ip": "127\.0\.0\.1", "hex": "7F000001"\}$/,
	    'named items alone, each of its type');
	$p->get('one', '/');
	is(object(qr/^text/), 'text "GET" and "200" 200 null 127.0.0.1', 'one item at a time');
	stop_proxy($p);
};

sub cbor
{
	my ($hex) = @_;
	my $s = ref $hex ? $$hex : pack 'H*', $hex;
	my $i = 0;
	my $value;
	$value = sub {
		my $b = ord substr $s, $i++, 1;
		my ($major, $low) = ($b >> 5, $b & 31);
		if ($b == 0xbf) {
			my %map;
			while (ord(substr $s, $i, 1) != 0xff) {
				my $key = $value->();
				$map{$key} = $value->();
			}
			$i++;
			return \%map;
		}
		return { 20 => 'false', 21 => 'true', 22 => undef }->{$low} if $major == 7;
		my $n = $low;
		if ($low >= 24) {
			my $len = 1 << $low - 24;
			$n = hex unpack 'H*', substr $s, $i, $len;
			$i += $len;
		}
		return $n if $major == 0;
		return -1 - $n if $major == 1;
		my $text = substr $s, $i, $n;
		$i += $n;
		return $text;
	};
	my $v = $value->();
	return $i == length $s ? $v : "rubbish at the end: $i of " . length $s;
}

subtest 'cbor' => sub {
	my $items = '%(request)r %(n)[int(-500)] %(big)[int(70000)] %(small)[int(23)] %(byte)[int(255)] %(t)[bool(true)] %(none)[req.hdr(none)] %(long)[url]';
	my $p = proxy(qq(
defaults
    mode http
    log global
    timeout client 5s
    timeout server 5s
    timeout connect 5s
listen web
    bind {BIND:web}
    log-format "%{+cbor}o $items"
    server s1 ${\ $o->addr}
listen bin
    bind {BIND:bin}
    log-format "%{+cbor,+bin}o $items"
    server s1 ${\ $o->addr}
));
	my $url = '/' . 'u' x 300;
	my %want = (request => "GET $url HTTP/1.1", n => -500, big => 70000, small => 23, byte => 255,
	    t => 'true', none => undef, long => $url);
	$p->get('web', $url);
	is_deeply(cbor(object(qr/^BF/)), \%want, 'in hexadecimal digits');
	$p->get('bin', $url);
	my $raw = object(qr/^\xbf/);
	is_deeply(cbor(\$raw), \%want, 'binary');
	stop_proxy($p);
};

for my $bad (['%(a{+json}ci', qr/missing '\)'/], ['%(a:int)ci', qr/unknown type 'int'/],
    ['%{+json,+cbor}o', qr/exclude each other/], ['%{+jsn}o', qr/unknown flag 'j'/]) {
	my $r = check_config(defaults('log global') . "frontend web\n    bind 127.0.0.1:0\n    log-format \"$bad->[0]\"\n");
	like($r->{all}, $bad->[1], "refused: $bad->[0]");
}

done_testing;
