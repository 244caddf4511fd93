# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Each option of a proxy, by table, through Debian's haproxy and through
# tideway: the same requests, the same bytes to the server and the client, the
# same lines of the log, the same counters.
use Tideway::Test;
use Tideway::Compare;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	return $o->reply($req) if $req->uri !~ /chunked/;
	$c->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	return '';
});
my $own = spew('own.http', "HTTP/1.1 503 Mine\r\nContent-Length: 3\r\nX-Own: 1\r\n\r\nown");

my $H = "Host: www.example.com\r\n";
my @requests = (
	"GET /x HTTP/1.1\r\n$H\r\n",
	"GET /x HTTP/1.1\r\n${H}Connection: close\r\n\r\n",
	"GET /x HTTP/1.0\r\n$H\r\n",
	"GET /x HTTP/1.0\r\n${H}Connection: keep-alive\r\n\r\n",
	"GET /chunked HTTP/1.1\r\n$H\r\n",
	"HEAD /x HTTP/1.1\r\n$H\r\n",
	"POST /x HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc",
	"POST /x HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}X_Odd: 1\r\nX-Good: 2\r\n\r\n",
	"GET /x HTTP/1.1\r\n${H}X-Forwarded-For: 1.2.3.4\r\nX-Original-To: 5.6.7.8\r\n\r\n",
	"GET /mon HTTP/1.1\r\n$H\r\n",
	"GET /mon HTTP/1.1\r\n${H}X-Sick: 1\r\n\r\n",
	"GET /dead HTTP/1.1\r\n$H\r\n",
	"HEAD /dead HTTP/1.1\r\n$H\r\n",
	"GET /none HTTP/1.1\r\n$H\r\n",
	"GET /x HTTP/1.1\r\nHost : bad\r\n\r\n",
	"nonsense\r\n\r\n",
);

# name, lines of the frontend, lines of the backends
my @cases = (
	['nothing'],
	['option http-server-close', 'option http-server-close'],
	['option httpclose', '', 'option httpclose'],
	['option http-keep-alive', 'option http-keep-alive', 'option http-keep-alive'],
	['option http-pretend-keepalive', '',
	    'option http-server-close', 'option http-pretend-keepalive'],
	(map { ["http-reuse $_", '', "http-reuse $_"] } qw(never safe aggressive always)),
	['option originalto', 'option originalto'],
	['option originalto header', '', 'option originalto header X-Dst'],
	['option originalto except', 'option originalto except 127.0.0.0/8'],
	['option forwardfor', 'option forwardfor header X-Client', 'option forwardfor if-none'],
	['option http-restrict-req-hdr-names delete', 'option http-restrict-req-hdr-names delete'],
	['option http-restrict-req-hdr-names reject', 'option http-restrict-req-hdr-names reject'],
	['the same, backend', '', 'option http-restrict-req-hdr-names reject'],
	['monitor-uri', "monitor-uri /mon\n    monitor fail if { hdr(x-sick) 1 }"],
	['errorloc', 'errorloc 503 /sorry', ''],
	['errorloc303', "errorloc303 503 http://h/sorry\n    errorloc302 403 /bad"],
	['errorloc, backend', 'errorloc 503 /fe', 'errorloc 503 /be'],
	['errorfiles', 'errorfiles pages', ''],
	['errorfile', "errorfile 503 $own", 'errorloc 503 /be'],
	['option http-buffer-request', 'option http-buffer-request'],
	['option http-no-delay', 'option http-no-delay', 'option http-no-delay'],
	['option http-ignore-probes', 'option http-ignore-probes'],
	['option contstats', 'option contstats'],
	['option socket-stats', 'option socket-stats'],
	['option independent-streams', 'option independent-streams', 'option independent-streams'],
	['option idle-close-on-response', 'option idle-close-on-response'],
	['option http-use-proxy-header', 'option http-use-proxy-header'],
	['option disable-h2-upgrade', 'option disable-h2-upgrade'],
	['option abortonclose', '', 'option abortonclose'],
	['option redispatch', '', "option redispatch"],
	['option dontlognull', 'option dontlognull'],
	['option dontlog-normal', 'option dontlog-normal'],
	['option log-separate-errors', 'option log-separate-errors'],
	['option checkcache', '', 'option checkcache'],
	['rate-limit sessions', 'rate-limit sessions 1000'],
	['max-session-srv-conns', 'max-session-srv-conns 3'],
	['backlog', 'backlog 100'],
	['maxconn', 'maxconn 50', 'fullconn 100'],
	['description, id', "description of it\n    id 77"],
);

sub config
{
	my ($log, $fe, @be) = @_;
	my @defaults;

	if (ref $fe) {
		@be = @{ $fe->{be} // [] };
		@defaults = @{ $fe->{defaults} };
		$fe = join "\n    ", @{ $fe->{fe} // [] };
	}
	my $be = join "\n    ", @be;

	return "global\n    log $log->{addr} local0\n    nbthread 1\n"
	    . defaults('log global', 'option httplog', 'retries 0', @defaults) . "
http-errors pages
    errorfile 503 $own
frontend web
    bind {BIND:web}
    $fe
    use_backend none if { path /none }
    use_backend dead if { path /dead }
    default_backend main
frontend mark
    bind {BIND:mark}
    errorfile 503 $own
    use_backend nowhere if FALSE
    default_backend mark
listen stats
    no log
    bind {BIND:stats}
    stats enable
    stats uri /
backend main
    $be
    server s1 ${\ $o->addr}
backend none
    $be
backend dead
    $be
    server d1 127.0.0.1:1
backend mark
backend nowhere
";
}

# what defaults say reaches all, and `no` undoes it
my @everything = ('option httpclose', 'option originalto', 'option http-restrict-req-hdr-names delete',
    'monitor-uri /mon', 'errorloc 503 /sorry', 'errorfiles pages', 'option http-buffer-request',
    'option http-no-delay', 'option http-ignore-probes', 'option contstats', 'option checkcache',
    'option independent-streams', 'option idle-close-on-response', 'option http-pretend-keepalive',
    'option disable-h2-upgrade', 'rate-limit sessions 1000', 'max-session-srv-conns 2',
    'http-send-name-header X-Srv');
my @undone = map { /^(option (?:http(?!-restrict)|cont|check|indep|idle|dis).*)/ ? "no $1" : () }
    @everything;
push @cases, ['all in defaults', { defaults => \@everything }],
    ['all undone', { defaults => \@everything, fe => [grep { !/checkcache|pretend/ } @undone],
	be => [grep { !/ignore|contstats|idle|disable/ } @undone] }],
    ['http-send-name-header', '', 'http-send-name-header X-Good'];

for my $case (@cases) {
	my ($name, $fe, @be) = @$case;
	alarm 90 * ($ENV{TW_TIME_SCALE} || 1); # for each
	subtest $name => sub {
		my @got = map {
			run_traffic(bin => $_, origin => $o, requests => \@requests, whole => 1,
			    marks => 1, connection => 1, csv => [qw(web main none dead)],
			    config => sub { config($_[0], $fe // '', @be) })
		} $haproxy, binary();
		for my $i (0 .. $#requests) {
			is($got[1][$i], $got[0][$i], what_is($requests[$i]));
		}
		is($got[1][-1], $got[0][-1], 'the counters');
	};
}

done_testing;
