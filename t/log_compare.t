# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Log lines of Debian's haproxy and of tideway for the same traffic, byte by
# byte: a table of frontends, each with its own format and requests. What may
# differ is marked <...> in a format, or is a time, a port, a pid or the tag.
use Tideway::Test;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
plan(skip_all => 'haproxy is not installed') unless $haproxy;

my %answer = (
	plain => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: One\r\nServer: Two\r\nX-A: a|b{c}\r\n\r\nhello",
	cookie => "HTTP/1.1 200 OK\r\nSet-Cookie: OTHER=1\r\nSet-Cookie: APPID=v1; Path=/; HttpOnly\r\nContent-Length: 0\r\n\r\n",
	odd => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: \"#\xc3\xa4\\]\r\n\r\n",
	error => "HTTP/1.1 503 Oops\r\nContent-Length: 4\r\n\r\noops",
	old => "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold",
);
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my ($name) = $req->uri =~ m{/r/(\w+)};
	$c->send($answer{ $name // 'plain' });
	return undef if ($name // '') eq 'old';
	return '';
});

my $H = "Host: www.example.com\r\n";
my $plain = "GET /r/plain?a=b&c=%20 HTTP/1.1\r\n$H\r\n";
my @some = ($plain,
	"GET /r/plain HTTP/1.1\r\n${H}X-One: 1\r\nX-One: 2,3\r\nUser-Agent: a b c\r\n\r\n",
	"POST /r/plain HTTP/1.1\r\n${H}Content-Length: 3\r\nX-One:\r\n\r\nabc",
	"GET http://other.example/r/plain?x HTTP/1.1\r\nHost: other.example\r\n\r\n",
	"GET /q\"u'o[t]e\\s#x HTTP/1.1\r\n$H\r\n" =~ s/#x//r,
	"HEAD / HTTP/1.0\r\n\r\n", "GET /r/error HTTP/1.1\r\n$H\r\n",
	"GET /r/old HTTP/1.1\r\n$H\r\n", "OPTIONS * HTTP/1.1\r\n$H\r\n",
	"bad\r\n\r\n");

# name => { fe => [lines], tcp => 1, requests => [...] }
my @cases = (
	[httplog => { fe => ['option httplog'], requests => \@some }],
	[clf => { fe => ['option httplog clf'], requests => \@some }],
	[default => { fe => [], requests => [$plain] }],
	[tcplog => { fe => ['mode tcp', 'option tcplog'], requests => [$plain] }],
	[default_tcp => { fe => ['mode tcp'], requests => [$plain] }],
	[captures => { fe => ['option httplog', 'capture request header X-One len 5',
	    'capture request header Host len 8', 'capture request header User-Agent len 40',
	    'capture response header server len 20', 'capture response header X-A len 20',
	    'capture response header none len 20'], requests => [@some,
	    "GET /r/odd HTTP/1.1\r\n${H}X-One: \"#{}|\r\n\r\n",
	    "GET /r/odd HTTP/1.1\r\n${H}User-Agent: \xc3\xa4\ttab\\]\r\n\r\n"] }],
	[captures_clf => { fe => ['option httplog clf', 'capture request header X-One len 5',
	    'capture request header Host len 8', 'capture response header server len 20',
	    'capture response header none len 20'], requests => \@some }],
	[captures_flags => { fe => ['log-format "%hr %hrl %{+Q}hr %{+Q}hrl %{+E}hr %{+E,+Q}hsl %hs %hsl"',
	    'capture request header X-One len 5', 'capture request header Host len 8',
	    'capture response header server len 20', 'capture response header none len 20'],
	    requests => [@some, "GET /r/odd HTTP/1.1\r\n${H}\r\n"] }],
	[captures_none => { fe => ['log-format "a %hr %hrl %{+Q}hr %{+Q}hrl %hs %hsl b"'],
	    requests => [$plain] }],
	[captures_slots => { fe => ['option httplog', 'declare capture request len 4',
	    'declare capture response len 4', 'capture request header Host len 3'],
	    requests => [$plain] }],
	[capture_cookie => { fe => ['option httplog', 'capture cookie APP len 12'], requests => [$plain,
	    "GET / HTTP/1.1\r\n${H}Cookie: OTHER=1; APPSESSION=abcdefgh; APP=2\r\n\r\n",
	    "GET / HTTP/1.1\r\n${H}Cookie: OTHER=1\r\nCookie: APP=\r\n\r\n",
	    "GET / HTTP/1.1\r\n${H}Cookie: APP\r\n\r\n",
	    "GET / HTTP/1.1\r\n${H}Cookie: XAPP=1\r\n\r\n",
	    "GET / HTTP/1.1\r\n${H}Cookie: APP=\"a b\"\r\n\r\n",
	    "GET /r/cookie HTTP/1.1\r\n${H}Cookie: APP=1\r\n\r\n"] }],
	[capture_cookie_exact => { fe => ['option httplog', 'capture cookie APPID= len 63'],
	    requests => ["GET /r/cookie HTTP/1.1\r\n${H}Cookie: APPIDX=1; APPID=2\r\n\r\n"] }],
	[capture_fetches => { fe => ['log-format "%[capture.req.hdr(0)] %[capture.req.hdr(7)] %[capture.res.hdr(0)] %[capture.req.method] %[capture.req.uri] %[capture.req.ver] %[capture.res.ver] %{+Q}[capture.req.hdr(0),lower]"',
	    'capture request header Host len 30', 'capture response header Server len 20'],
	    requests => [@some[0 .. 7]] }],
	[variables => { fe => ['log-format "<%B>|%CC|%CS|%HM|%HP|%HPO|%HQ|%HU|%HV|%ID|%ST|%b|%bc|%bq|%ci|%f|%fi|%ft|%lc|%r|%rc|%s|%si|%sq|%bi|%sslc|%sslv|%ts|%tsc|<%U>"'],
	    requests => \@some }],
	[variables_q => { fe => ['log-format "%{+Q}o <%B>|%CC|%CS|%HM|%HP|%HPO|%HQ|%HU|%HV|%ID|%ST|%b|%bc|%bq|%ci|%f|%fi|%ft|%lc|%r|%rc|%s|%si|%sq|%bi|%sslc|%sslv|%ts|%tsc|<%U>"'],
	    requests => \@some }],
	[variables_e => { fe => ['log-format "%{+Q,+E}o <%B>|%CC|%HM|%HP|%HPO|%HQ|%HU|%HV|%ID|%b|%f|%r|%s"'],
	    requests => \@some }],
	[variables_x => { fe => ['log-format "%{+X}o %ci|%fi|%si|%bi|%sslc|%ST|%rc|<%cp>|<%fp>|<%sp>|<%bp>|<%Ts>|<%pid>|<%ms>"'],
	    requests => [$plain] }],
	[volatile => { fe => ['log-format "<%cp>|<%fp>|<%sp>|<%bp>|<%T>|<%Tl>|<%t>|<%tr>|<%trg>|<%trl>|<%ms>|<%Ts>|<%pid>|<%rt>|<%Ta>|<%Tc>|<%Td>|<%Th>|<%Ti>|<%Tq>|<%TR>|<%Tr>|<%Tt>|<%Tu>|<%Tw>|%{+Q}[str(x)]|<%{+Q}t>|<%{+Q}Ts>|<%{+Q}pid>"'],
	    requests => [$plain] }],
	[unique_id => { fe => ['unique-id-format %{+X}o\ <%cp>_%ci:%[method]-%HM', 'unique-id-header X-Id',
	    'log-format "%ID %{+Q}ID %[unique-id] %[unique-id]"'], requests => \@some }],
	[unique_id_tcp => { fe => ['mode tcp', 'unique-id-format %ci_%f', 'log-format "%ID"'], requests => [$plain] }],
	[sd => { log => 'format rfc5424', fe => ['log-format-sd %{+Q,+E}o\ [x@1\ uri=%HU\ b=%b]', 'log-format "m %ST"'],
	    requests => \@some }],
	[rfc5424 => { log => 'format rfc5424', fe => ['log-format "m %ST"'], requests => [$plain] }],
	(map { [$_ => { log => "format $_", fe => ['log-format "m %ST"', 'log-format-sd [a]'], requests => [$plain] }] }
	    qw(rfc3164 local priority short timed iso raw)),
	[logasap => { fe => ['option httplog', 'option logasap'], requests => [@some[0 .. 8]] }],
	[logasap_tcp => { fe => ['mode tcp', 'option tcplog', 'option logasap'], requests => [$plain] }],
	[httpslog => { fe => ['option httpslog'], requests => [@some[0 .. 3]] }],
	[proxy_error => { bind => 'accept-proxy', fe => ['option httplog'], requests => ["GET / HTTP/1.1\r\n\r\n", '',
	    "PROXY T", "PROXY TCP4 a b c d\r\n", "PROXY TCP4 10.1.1.1 10.1.1.2 3 4\r\n$plain" ] }],
	[tcp_values => { fe => ['mode tcp', 'log-format "%ST|%ts|%rc|%ID|%CS|%hr|%sslv|%HM"' =~ s/\|%CS|\|%HM//gr], requests => [$plain] }],
	[proxy_error_named => { bind => 'accept-proxy name bnd', fe => ['option httplog'], requests => ["GET / HTTP/1.1\r\n\r\n"] }],
	[proxy_error_format => { bind => 'accept-proxy', fe => ['option httplog', 'error-log-format "err %ci %f %ST %ac/%fc"'],
	    requests => ["GET / HTTP/1.1\r\n\r\n"] }],
	[proxy_error_level => { bind => 'accept-proxy', fe => ['option httplog', 'option log-separate-errors'],
	    requests => ["GET / HTTP/1.1\r\n\r\n"] }],
	[separate => { fe => ['option httplog', 'option log-separate-errors'], requests => \@some }],
	[tag => { fe => ['option httplog', 'log-tag hap'], requests => [$plain] }],
	[len => { log => 'len 80 format raw', fe => ['log-format "%f ' . 'x' x 100 . '"'], requests => [$plain] }],
	[min_level => { log => '', level => 'info err', fe => ['option httplog'], requests => [$plain] }],
	[expr => { fe => ['log-format "%[src] %[dst] %[int(5)] %{+X}[int(255)] %[bool(true)] 100%% %{+Q}[str(a b)] %[status] %[str(a b)]"'],
	    requests => [@some[0 .. 4]] }],
);

# the same word for what is allowed to differ
sub line
{
	my ($raw) = @_;

	$raw =~ s/\n\z//;
	$raw =~ s{<([^<>]*)>(?!\w{3} |\d )}{'<' . $1 =~ s/\d+/N/gr =~ s/\b[A-Z]\w\w\b/N/gr =~ s/\b(?:N?[A-F]+N?)+\b/N/gr . '>'}ge
	    if $raw =~ s/^(<\d+>)/PRI$1/;
	$raw =~ s/^PRI<(\d+)>/<$1>/;
	$raw =~ s/\w{3} [ \d]\d \d\d:\d\d:\d\d /DATE /;
	$raw =~ s/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d/ISODATE/;
	$raw =~ s/ (?:haproxy|tideway)\[\d+\]: / TAG[PID]: /;
	$raw =~ s/ISODATE (\S+) (?:haproxy|tideway) \d+ /ISODATE $1 TAG PID /;
	$raw =~ s/ hap\[\d+\]: / hap[PID]: /;
	$raw =~ s{\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d(?:\.\d{3}| [+-]\d{4})?}{DAY}g;
	$raw =~ s/127\.0\.0\.1:\d+/127.0.0.1:PORT/g;
	$raw =~ s{ (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/(\+?)(-?\d+) (-?\d+) \+?\d+ }
	    {' ' . join('/', map { $_ < 0 ? '-' : 't' } $1, $2, $3, $4) . "/$5t $7 BYTES "}e;
	$raw =~ s{ (-?\d+)/(-?\d+)/(\+?-?\d+) (\+?)\d+ (--|\w\w) }{ t/t/t $4BYTES $5 };
	$raw =~ s{("\S+ \S+ HTTP/\S+"|"<BADREQ>") (\d+) \d+ "" "" \d+ \d+ (.*?) (-?\d+) (-?\d+) (-?\d+) (-?\d+) \d+ (\S{4}) \d+ \d+ }
	    {"$1 $2 B \"\" \"\" P MS $3 " . join(' ', map { $_ < 0 ? '-' : 't' } $4, $5, $6, $7) . " t $8 c c "}e;
	# the connection before may not be gone yet
	$raw =~ s{ \d+/\d+/(\d+/\d+/\+?\d+ )}{ c/c/$1};
	# with logasap, whether the answer was complete when it was logged is a matter of luck
	$raw =~ s{(/\+t .* c/c/)\d+/\d+/}{$1c/c/};
	return $raw;
}

sub config
{
	my ($log) = @_;
	my $text = "global\n    log $log->{addr} len 8000 local0\n"
	    . defaults('log global', 'retries 0');

	for my $case (@cases) {
		my ($name, $c) = @$case;
		$text .= "frontend $name\n    bind {BIND:$name} " . ($c->{bind} // '') . "\n"
		    . (defined $c->{log} ? "    no log\n    log $log->{addr} $c->{log} local1 " . ($c->{level} // '') . "\n" : '')

		    . join('', map { "    $_\n" } @{ $c->{fe} })
		    . '    default_backend ' . ("@{ $c->{fe} }" =~ /mode tcp/ ? 'tcp' : 'main') . "\n";
	}
	return $text . "backend main\n    server s1 ${\ $o->addr}\n"
	    . "backend tcp\n    mode tcp\n    server s1 ${\ $o->addr}\n";
}

sub run
{
	my ($bin) = @_;
	my $log = syslog_unix();
	my $p = start_proxy(config($log), bin => $bin);
	my %lines;

	for my $case (@cases) {
		my ($name, $c) = @$case;
		for my $bytes (@{ $c->{requests} }) {
			my $client = $p->client($name);
			$client->send($bytes);
			$client->read_until(qr/\r\n\r\n/) if $name !~ /^proxy/;
			$client->shutdown_write;
			$client->read_all;
			$client->close;
			my $l;
			do { $l = $log->next_line } while $l && $l->{raw} =~ /(?:Proxy|Server|Stopping|started)/
			    && $l->{raw} !~ /127\.0\.0\.1/;
			push @{ $lines{$name} }, $l ? line($l->{raw}) : 'nothing';
		}
	}
	stop_proxy($p);
	return \%lines;
}

my $want = run($haproxy);
my $got = run(binary());
for my $case (@cases) {
	my ($name, $c) = @$case;
	for my $i (0 .. $#{ $c->{requests} }) {
		my ($what) = $c->{requests}[$i] =~ /^([^\r]{0,40})/;
		is($got->{$name}[$i], $want->{$name}[$i], "$name: $what");
	}
}
done_testing;
