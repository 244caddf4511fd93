# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Where log lines go and what rules them: targets, facilities, levels, length,
# log-format and its variables, no log, dontlognull, a receiver that is stuck.
use Tideway::Test;

my $log = syslog_unix();
my $udp = syslog_udp();
my $o = origin(name => 's');

sub proxy
{
	my ($global, $more, %opt) = @_;

	return start_proxy("global\n    " . join("\n    ", @$global) . "\n"
	    . defaults('log global', 'option httplog') . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
" . join('', map { "    $_\n" } @$more), %opt);
}

subtest 'facility, level and UDP' => sub {
	my %num = (local0 => 16, local7 => 23, daemon => 3, user => 1);
	for my $f (sort keys %num) {
		my $p = proxy(["log ${\ $udp->addr} $f"], []);
		$p->get('web', "/$f");
		my $l = $udp->next_match(qr{/$f });
		is($l->{pri}, 8 * $num{$f} + 6, "$f.info");
		stop_proxy($p);
	}
	my $p = proxy(["log $log->{addr} local0 notice",
	    "log ${\ $udp->addr} local1 info"], []);
	$p->get('web', '/lev');
	ok($udp->next_match(qr{/lev }), 'info where info is wanted');
	ok(!$log->next_match(qr{/lev }, 0.1), 'none where notice is');
	stop_proxy($p);

	$p = proxy(["log ${\ $udp->addr} local0 debug debug"], []);
	$p->get('web', '/min');
	is($udp->next_match(qr{/min })->{pri}, 8 * 16 + 7, 'a level that is lowered');
	stop_proxy($p);
};

subtest 'stdout, stderr, fd@' => sub {
	for my $to ('stdout', 'stderr', 'fd@1', 'fd@2') {
		my $p = proxy(["log $to format raw local0"], []);
		$p->get('web', '/here');
		ok($p->wait_output(qr{^127\.0\.0\.1:\d+ \[.*"GET /here HTTP/1\.1"$}m),
		    "$to, raw");
		stop_proxy($p);
	}
	my $p = proxy(['log stdout format short local0'], []);
	$p->get('web', '/here');
	ok($p->wait_output(qr{^<6>127\.0\.0\.1:\d+ .*/here}m), 'format short');
	stop_proxy($p);
	$p = proxy(["log ${\ $udp->addr} format rfc5424 local0"], []);
	$p->get('web', '/new');
	like($udp->next_match(qr{/new })->{raw},
	    qr{^<134>1 \d{4}-\d\d-\d\dT[\d:.]+\S+ \S+ \S+ \d+ - - 127},
	    'format rfc5424');
	stop_proxy($p);
};

subtest 'len' => sub {
	my $p = proxy(["log ${\ $udp->addr} len 128 local0"], []);
	$p->get('web', '/' . ('x' x 500));
	my $raw = $udp->next_raw;
	cmp_ok(length($raw =~ s/\n\z//r), '<=', 128, 'no longer than asked for');
	cmp_ok(length $raw, '>=', 100, 'and no shorter than it can be');
	stop_proxy($p);
	$p = proxy(["log ${\ $udp->addr} len 4096 local0"], []);
	$p->get('web', '/' . ('x' x 950));
	like($udp->next_raw, qr{x{950} HTTP/1\.1"}, 'longer lines when allowed');
	stop_proxy($p);
	$p = proxy(["log ${\ $udp->addr} local0"], []);
	$p->get('web', '/' . ('x' x 950));
	cmp_ok(length($udp->next_raw =~ s/\n\z//r), '<=', 1024, '1024 by default');
	stop_proxy($p);
};

subtest 'no log, log global, own log' => sub {
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog') . "
listen quiet
    bind {BIND:quiet}
    no log
listen own
    bind {BIND:own}
    no log
    log ${\ $udp->addr} local3
listen loud
    bind {BIND:loud}
");
	$p->get($_, "/$_") for qw(quiet own loud);
	like($log->next_line->{msg}, qr{/loud}, 'only one goes there');
	is($udp->next_line->{pri}, 8 * 19 + 6, 'one goes elsewhere');
	stop_proxy($p);
};

subtest 'dontlognull' => sub {
	for my $on (0, 1) {
		my $p = proxy(["log $log->{addr} local0"], [$on ? 'option dontlognull' : ()]);
		$p->client('web')->close;
		$p->get('web', '/marker');
		# two threads' lines may come in either order
		my $all = join "\n", map { $_->{msg} // () } $log->next_line,
		    $log->next_line($on ? 0.05 : 5) // {};
		like($all, qr{/marker}, 'a request is logged');
		my $null = qr{ 400 0 - - CR-- .*"<BADREQ>"$}m;
		if ($on) {
			unlike($all, $null, 'an empty connection is left out');
		} else {
			like($all, $null, 'an empty connection too');
		}
		stop_proxy($p);
	}
};

subtest 'log-format' => sub {
	my %want = (
	'%ci' => '127\.0\.0\.1', '%fi' => '127\.0\.0\.1', '%ft' => 'web',
	'%b' => 'web', '%s' => 's', '%f' => 'web', '%ST' => '200',
	'%si' => '127\.[\d.]+', '%sp' => $o->port, '%HM' => 'GET',
	'%HU' => '/p\?q=1', '%HP' => '/p', '%HQ' => '\?q=1', '%HV' => 'HTTP/1\.1',
	'%r' => 'GET /p\?q=1 HTTP/1\.1', '%{+Q}r' => '"GET /p\?q=1 HTTP/1\.1"',
	'%ts' => '--', '%tsc' => '----', '%CC' => '-', '%CS' => '-',
	'%ac/%fc/%bc/%sc/%rc' => '1/1/0/0/0', '%sq/%bq' => '0/0',
	'%TR/%Tw/%Tc/%Tr/%Ta' => '\d+/\d+/\d+/\d+/\d+', '%Tt' => '\d+',
	'%Th' => '\d+', '%Ti' => '\d+', '%Tq' => '\d+', '%Td' => '\d+',
	'%tr' => '\d\d/\w{3}/\d{4}:[\d:.]+', '%t' => '\d\d/\w{3}/\d{4}:[\d:.]+',
	'%T' => '\d\d/\w{3}/\d{4}:[\d:]+ \+0000', '%Tl' => '\d\d/\w{3}/\d{4}:[\d:]+ [+-]\d{4}',
	'%Ts' => '\d{10}', '%ms' => '\d{3}', '%B' => '\d+', '%U' => '\d+',
	'%pid' => '\d+', '%H' => '\S+', '%lc' => '\d*', '%rt' => '\d+',
	'a%%b' => 'a%b', 'plain\ text' => 'plain text',
	);
	my @vars = sort grep { $_ ne '%lc' } keys %want;
	my $p = proxy(["log $log->{addr} len 8192 local0"],
	    ['log-format "' . join('\t', @vars) =~ s/\\ / /gr . '"'],);
	$p->get('web', '/p?q=1');
	my $l = $log->next_line;
	ok($l, 'a line came') or return stop_proxy($p);
	my @got = split /\t|\\t|#09/, $l->{msg};
	for my $i (0 .. $#vars) {
		like($got[$i] // '', qr{^(?:$want{ $vars[$i] })$}, $vars[$i]);
	}
	stop_proxy($p);
	my $r = check_config(defaults()
	    . "listen a\n    bind 127.0.0.1:1\n    log-format \%nonsense\n");
	is($r->{code}, 1, 'an unknown variable is an error');
	like($r->{all}, qr/nonsense/, 'that names it');
};

subtest 'a receiver that is stuck' => sub {
	my $p = proxy(["log $log->{addr} local0"], []);
	my $c = $p->client('web');
	$log->hold;
	my $start = time;
	for my $n (1 .. 300) {
		my $r = $c->request("GET /$n HTTP/1.1\r\nHost: a\r\n\r\n");
		$r->status == 200 or die;
	}
	cmp_ok(time - $start, '<', 3, 'costs lines, not time');
	$log->release;
	ok($log->next_http, 'the first lines arrive');
	$c->request("GET /after HTTP/1.1\r\nHost: a\r\n\r\n") for 1 .. 2;
	ok($log->next_match(qr{/after }), 'and later ones again');
	stop_proxy($p);
};

subtest 'bad log lines' => sub {
	for my $bad ('log', 'log /dev/log', 'log /dev/log nonsense',
	    'log /dev/log local0 nonsense', 'log stdout format nonsense local0',
	    'log /dev/log len local0') {
		my $r = check_config("global\n    $bad\n" . defaults());
		is($r->{code}, 1, "'$bad' is refused");
		like($r->{all}, qr/check\.cfg:2\b/, 'with its line');
	}
};

done_testing;
