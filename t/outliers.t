# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# outlier-detection: who is ejected, for how long, how many at most, what the
# report says of it, and what a reload does to it.
use Tideway::Test;

plan(skip_all => 'HAProxy has none') unless is_tideway();

my $log;
my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	my $status = slurp("$o->{dir}/status") || 200;
	return undef if $status eq 'close';
	return response($status, 'x', "X-Server: $o->{name}");
}) } 1 .. 3;

sub status { spew("$o[$_[0] - 1]{dir}/status", $_[1]) }

sub proxy
{
	my ($line, $servers, $mode) = @_;

	$log = syslog_unix();
	return start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'retries 0') . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
listen web
    bind {BIND:web}
    mode ${\ ($mode // 'http')}
    $line
" . join '', map { "    $_\n" } @$servers);
}

my @S = map { "server s$_ ${\ $o[$_ - 1]->addr}" } 1 .. 3;

# how many of n requests each server answered
sub asked
{
	my ($p, $n) = @_;
	my %by;

	$by{ $p->get('web', '/')->header('X-Server') // '-' }++ for 1 .. $n;
	return join ' ', map { "$_=$by{$_}" } sort keys %by;
}

sub wait_log
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $l = $log->next_match($what);

	ok($l, "logged: $what");
	return $l ? $l->{msg} : '';
}

subtest 'ejected, and back' => sub {
	my $p = proxy('outlier-detection consecutive-5xx 3 base-ejection-time 300ms', [@S]);
	status(1, 500);
	asked($p, 9);
	like(wait_log(qr/web\/s1 is ejected/),
	    qr/reason: 3 consecutive 5xx; for 300ms\. 2 active/, 'with the reason');
	is(asked($p, 6), 's2=3 s3=3', 'it gets nothing');
	my $json = $p->get('stats', '/s;json')->body;
	ok($json =~ /"Ejected servers"/, 'the table is in the report');
	ok($json =~ /"web\/s1"}.*"ejected"}/s, 'with the server');
	like($p->get('stats', '/s')->body, qr/Ejected servers/, 'and on the page');
	status(1, 200);
	wait_log(qr/web\/s1 is back in balancing/);
	is(asked($p, 6), 's1=2 s2=2 s3=2', 'and takes part again');
	status(1, 503);
	asked($p, 9);
	like(wait_log(qr/web\/s1 is ejected/), qr/for (?:300|600)ms/, 'longer the next time');
	status(1, 200);
	stop_proxy($p);
};

subtest 'in a row' => sub {
	my $p = proxy('outlier-detection consecutive-5xx 3', [@S[0, 1]]);
	for (1 .. 4) {
		status(1, 500);
		asked($p, 4);
		status(1, 404);
		asked($p, 2);
	}
	status(1, 200);
	is(asked($p, 4), 's1=2 s2=2', 'errors that are not in a row');
	stop_proxy($p);
};

subtest 'gateway failures' => sub {
	my $p = proxy('outlier-detection consecutive-5xx 0 consecutive-gateway-failure 2', [@S]);
	status(1, 500);
	status(2, 'close');
	asked($p, 9);
	like(wait_log(qr/is ejected/), qr/web\/s2 .*2 consecutive gateway failures/, 'no answer');
	status($_, 200) for 1, 2;
	like(asked($p, 4), qr/^s1=2 s3=2/, 'a 500 is none');
	stop_proxy($p);
};

subtest 'how many' => sub {
	my $p = proxy('outlier-detection consecutive-5xx 1 max-ejection-percent 100', [@S]);
	status($_, 500) for 1 .. 3;
	asked($p, 12);
	wait_log(qr/is ejected/) for 1, 2;
	status($_, 200) for 1 .. 3;
	like(asked($p, 3), qr/^s\d=3$/, 'one is always left');
	stop_proxy($p);
	$p = proxy('outlier-detection consecutive-5xx 1 max-ejection-percent 50', [@S]);
	status($_, 500) for 1 .. 3;
	asked($p, 12);
	wait_log(qr/is ejected/);
	status($_, 200) for 1 .. 3;
	like(asked($p, 4), qr/^s\d=2 s\d=2$/, 'no more than that part');
	stop_proxy($p);
};

subtest 'mode tcp' => sub {
	my $gone = origin(name => 'gone');
	my $addr = $gone->addr;
	$gone->stop;
	my $p = proxy('outlier-detection consecutive-5xx 2', [@S[0, 1], "server s9 $addr"], 'tcp');
	$p->client('web')->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") for 1 .. 9;
	like(wait_log(qr/is ejected/), qr/web\/s9 /, 'a server that takes no connections');
	stop_proxy($p);
};

subtest 'a reload' => sub {
	my $p = proxy('outlier-detection consecutive-5xx 2', [@S]);
	status(1, 500);
	asked($p, 6);
	wait_log(qr/web\/s1 is ejected/);
	status(1, 200);
	$p->write_config($p->config =~ s/(server s3 .*)/$1 maxconn 77/r);
	$p->signal('HUP');
	ok(wait_until { $p->get('stats', '/s;csv')->body =~ /^web,s3,[\d,]*,77,/m }, 'reloaded');
	is(asked($p, 4), 's2=2 s3=2', 'it is still out');
	$p->write_config($p->config =~ s/outlier-detection.*//r);
	$p->signal('HUP');
	wait_log(qr/web\/s1 is back in balancing.*no outlier detection now/);
	is(asked($p, 6), 's1=2 s2=2 s3=2', 'and back without it');
	stop_proxy($p);
};

subtest 'lines' => sub {
	my $head = defaults() . "backend b\n    server s 127.0.0.1:1\n    ";
	my %bad = (
		'outlier-detection foo 3' => qr/takes consecutive-5xx.*not 'foo'/,
		'outlier-detection consecutive-5xx' => qr/'consecutive-5xx' needs a value/,
		'outlier-detection consecutive-5xx x' => qr/consecutive-5xx/,
		'outlier-detection consecutive-5xx 0' => qr/nothing is ever ejected/,
		'outlier-detection base-ejection-time 0' => qr/above 0/,
		'outlier-detection max-ejection-percent 101' => qr/max-ejection-percent/,
	);
	for my $line (sort keys %bad) {
		my $r = check_config("$head$line\n");
		ok($r->{code} == 1 && $r->{all} =~ $bad{$line}, $line) or diag($r->{all});
	}
	my $p = start_proxy(defaults('outlier-detection consecutive-5xx 1') . "
listen web
    bind {BIND:web}
    no outlier-detection
    $S[0]
    $S[1]
");
	status(1, 500);
	$p->get('web', '/') for 1 .. 4;
	status(1, 200);
	is(asked($p, 4), 's1=2 s2=2', "'no' undoes what defaults have");
	stop_proxy($p);
};

done_testing;
