# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Rules of checks: one backend for each set, against servers that answer well,
# badly, slowly or too much. What the report says of each must be what is
# listed here, and what HAProxy says where it is installed.
use Tideway::Test;
use Tideway::Checks;

my @keep;

# A server that does what `how` says with each connection.
sub server
{
	my ($how) = @_;

	push @keep, origin(name => 's', raw => 1, greet => sub { $how->($_[0]); });
	return $keep[-1]->addr;
}

# Answers each thing that comes as the list says; then waits.
sub talk
{
	my (@pairs) = @_;

	return server(sub {
		my ($c) = @_;
		while (my ($q, $a) = splice @pairs, 0, 2) {
			$c->read_until($q) // return if $q;
			$c->send($a);
		}
		$c->read_all;
	});
}

# Answers every question, in any order, until the peer goes.
sub answer
{
	my (%of) = @_;

	return server(sub {
		my ($c) = @_;
		while (defined $c->fill) {
			last if $c->state ne 'open';
			for my $q (keys %of) {
				$c->send($of{$q}) if $c->{buf} =~ s/\Q$q\E//;
			}
		}
	});
}

sub http
{
	my ($status, $body, @headers) = @_;

	return server(sub {
		my ($c) = @_;
		$c->read_until(qr/\r\n\r\n/) // return;
		$c->send(response($status, $body, @headers));
		$c->read_all;
	});
}

my $banner = talk(undef, "+OK POP3 ready\r\n");
my $redis = answer("PING\r\n" => "+PONG\r\n", "info\r\n" => "role:slave\r\n");
my $close = server(sub { $_[0]->close });
my $mute = server(sub { $_[0]->read_all });
my $endless = server(sub { 1 while $_[0]->send('x' x 65536); });
my $drip = server(sub {
	my ($c) = @_;
	$c->read_until(qr/\r\n\r\n/) // return;
	for my $byte (split //, "HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nGood") {
		$c->send($byte);
		select undef, undef, undef, 0.002;
	}
	$c->close;
});
my $http200 = http(200, 'Good', 'X-A: foo, bar');
my $http404 = http(404, '');
my $http503 = http(503, 'Bad');
my $junk = talk(undef, "junk\r\n");
my $smtp = talk(undef, "220 hi\r\n", qr/EHLO x\.org\r\n/, "250-a\r\n250 ok\r\n",
    qr/QUIT\r\n/, "221 bye\r\n");
my $smtp_bad = talk(undef, "421 busy\r\n");
my $pg = talk(qr/user\0joe\0\0/, "R\0\0\0\x08\0\0\0\0");
my $pg_bad = talk(qr/user\0joe\0\0/, "E\0\0\0\x0eSFATAL\0\0\0\0");
my $hello = "\x0a" . "5.5.5-10.11-MariaDB\0" . 'x' x 46;
my $my_hello = substr(pack('V', length $hello), 0, 3) . "\0$hello";
my $my_ok = talk(undef, $my_hello, qr/joe\0\0\x01\0\0\0\x01/s, "\x07\0\0\2\0\0\0\2\0\0\0");
my $denied = "\xff\x15\x04#28000Access denied";
my $my_denied = substr(pack('V', length $denied), 0, 3) . "\0$denied";
my $my_bad = talk(undef, $my_denied);
my $ldap = talk(qr/\x60\x07\x02\x01\x03\x04\0\x80\0/, "\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0");
my $ldap_bad = talk(qr/\x80\0/, "\x30\x0c\2\1\1\x61\7\x0a\1\x31\4\0\4\0");
my $ssl = talk(qr/SSLCHK/, "\x16\3\0\0\x2a\2");
my $agent_hello = "\x65\0\0\0\1\0\0\x07version\x08\x032.0"
    . "\x0emax-frame-size\x03\xfc\xf0\x06\x0ccapabilities\x08\0";
my $spop = talk(qr/healthcheck/, pack('N/a', $agent_hello));

# name, server, lines, status, check_status, check_code, last_chk; `!`: HAProxy
# takes longer to come to it, or says it less precisely
my $T = 'option tcp-check';
my $H = 'option httpchk';
my @cases = (
	['only', $redis, [], 'UP', 'L4OK', '', ''],
	['conn', $redis, [$T, 'tcp-check connect'], 'UP', 'L4OK', '', '(tcp-check)'],
	['ban', $banner, [$T, 'tcp-check expect string +OK'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['bad', $banner, [$T, 'tcp-check expect min-recv 0 string -ERR comment "pop"'],
	    'DOWN', 'L7RSP', '', q{TCPCHK did not match content '-ERR' at step 1 comment: pop}],
	['neg', $banner, [$T, 'tcp-check expect ! string +OK'],
	    'DOWN', 'L7RSP', '', q{TCPCHK matched unwanted content '+OK' at step 1}],
	['wait', $banner, [$T, 'tcp-check expect rstring ^-ERR'],
	    'DOWN', 'L7TOUT', '', ' at step 1 of tcp-check (expect regex)'],
	['re', $banner, [$T, 'tcp-check expect rstring ^.OK'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['rebad', $banner, [$T, 'tcp-check expect min-recv 4 rstring ^-ERR'],
	    'DOWN', 'L7RSP', '', 'TCPCHK did not match content (regex) at step 1'],
	['bin', $banner, [$T, 'tcp-check expect binary 2b4f4B'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['rbin', $banner, [$T, 'tcp-check expect rbinary ^2B4F4B'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['rbinbad', $banner, [$T, 'tcp-check expect min-recv 3 rbinary ^2D'],
	    'DOWN', 'L7RSP', '', 'TCPCHK did not match content (binary regex) at step 1'],
	['sendonly', $redis, [$T, 'tcp-check send QUIT\r\n'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['talk', $redis, [$T, 'tcp-check send PING\r\n', 'tcp-check expect string +PONG',
	    'tcp-check send info\r\n', 'tcp-check expect string role:slave'],
	    'UP', 'L7OK', 0, '(tcp-check)'],
	['sendbin', $redis, [$T, 'tcp-check send-binary 50494E470d0a', 'tcp-check expect string +PONG'],
	    'UP', 'L7OK', 0, '(tcp-check)'],
	['same', $redis, [$T, 'tcp-check send PING\r\n', 'tcp-check expect string +PONG',
	    'tcp-check expect string PON'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['master', $redis, [$T, 'tcp-check send info\r\n', 'tcp-check comment "must be master"',
	    'tcp-check expect string role:master'], 'DOWN', 'L7TOUT', '',
	    q{ at step 3 of tcp-check (expect string 'role:master') comment: 'must be master'}],
	['lf', $redis, [$T, 'tcp-check set-var(check.q) str(PING)',
	    'tcp-check set-var-fmt(check.a) "%[str(PO)]NG"', 'tcp-check send-lf "%[var(check.q)]\r\n"',
	    'tcp-check expect string-lf "+%[var(check.a)]"'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['blf', $redis, [$T, 'tcp-check set-var(check.q) str(47)',
	    'tcp-check send-binary-lf "50494e%[var(check.q)]0d0a"',
	    'tcp-check expect binary-lf "2b504f4e%[var(check.q)]"'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['proc', $redis, [$T, 'tcp-check set-var(proc.q) str(PING)', 'tcp-check send-lf "%[var(proc.q)]\r\n"',
	    'tcp-check expect string +PONG'], 'UP', 'L7OK', 0, '(tcp-check)'],
	['unset', $redis, [$T, 'tcp-check set-var(check.q) str(47)', 'tcp-check unset-var(check.q)',
	    'tcp-check send-binary-lf "50494e%[var(check.q)]0"'], 'DOWN', 'L7RSP', '',
	    'tcp-check send : failed to build log-format string at step 3'],
	['ifs', $redis, [$T, 'tcp-check set-var(check.n) int(5)', 'tcp-check set-var(check.n,ifgt) int(7)',
	    'tcp-check set-var(check.n,iflt) int(6)', 'tcp-check set-var(check.n,ifnotexists) int(8)',
	    'tcp-check send "PING\r\n"',
	    'tcp-check expect status-code "var(check.n)" on-success "%[var(check.n)] it is" string PONG'],
	    'UP', 'L7OK', 6, '6 it is'],
	['two', $banner, [$T, 'tcp-check connect linger', 'tcp-check expect string +OK',
	    'tcp-check connect addr {REDIS}', 'tcp-check send PING\r\n',
	    'tcp-check expect string +PONG'], 'UP', 'L7OK', 0, '(tcp-check)', '!'],
	['port', $banner, [$T, 'tcp-check connect port 1 comment "first"'], 'DOWN', 'L4CON', '',
	    q{Connection refused at step 1 of tcp-check (connect port 1) comment: 'first'}],
	['portlf', $banner, [$T, 'tcp-check connect port "int(1)"'], 'DOWN', 'L4CON', '',
	    q{Connection refused at step 1 of tcp-check (connect)}],
	['nolb', $banner, [$T, 'tcp-check expect ok-status L7OKC on-success "soft" status-code int(42) string +OK'],
	    'NOLB', 'L7OKC', 42, 'soft'],
	['errst', $banner, [$T, 'tcp-check expect min-recv 0 error-status L7STS on-error "no %H" status-code int(43) string -ERR'],
	    'DOWN', 'L7STS', 43, 'no {HOST}'],
	['tout', $mute, [$T, 'tcp-check expect tout-status L4TOUT string -ERR'], 'DOWN', 'L4TOUT', '',
	    q{ at step 1 of tcp-check (expect string '-ERR')}],
	['empty', $close, [$T, 'tcp-check connect', 'tcp-check comment "first"', 'tcp-check expect string foo'],
	    'DOWN', 'L7RSP', '', q{TCPCHK got an empty response at step 3 comment: 'first'}],
	['endless', $endless, [$T, 'tcp-check expect string foo'],
	    'DOWN', 'L7RSP', '', q{TCPCHK did not match content 'foo' at step 1}],
	['proxy', $redis, [$T, 'tcp-check connect send-proxy', 'tcp-check send PING\r\n',
	    'tcp-check expect string +PONG'], 'UP', 'L7OK', 0, '(tcp-check)'],

	['h200', $http200, [$H], 'UP', 'L7OK', 200, ''],
	['h503', $http503, [$H], 'DOWN', 'L7STS', 503, 'X'],
	['hdrip', $drip, [$H, 'http-check expect string Good'], 'UP', 'L7OK', 200, '', '!'],
	['hdr', $http200, [$H, 'http-check expect hdr name X-A value -m sub ba'], 'UP', 'L7OK', 200, ''],
	['hdrn', $http200, [$H, 'http-check expect hdr name -m beg x- value bar'], 'UP', 'L7OK', 200, ''],
	['hdrlf', $http200, [$H, 'http-check expect hdr name-lf "X-%[str(A)]" value-lf "%[str(foo)]"'],
	    'UP', 'L7OK', 200, ''],
	['hdrbad', $http200, [$H, 'http-check expect hdr name X-A value baz comment "hd"'],
	    'DOWN', 'L7STS', 200, 'X comment: hd'],
	['fhdr', $http200, [$H, 'http-check expect fhdr name X-A value "foo, bar"'], 'UP', 'L7OK', 200, ''],
	['str', $http200, [$H, 'http-check expect string Bad comment "nope"'],
	    'DOWN', 'L7RSP', '', 'HTTP content check did not match comment: nope'],
	['strneg', $http200, [$H, 'http-check expect ! string Good'],
	    'DOWN', 'L7RSP', '', 'HTTP check matched unwanted content'],
	['hvar', $http200, [$H, 'http-check set-var(check.q) str(Go)', 'http-check set-var-fmt(check.r) "%[var(check.q)]od"',
	    'http-check unset-var(check.q)', 'http-check send', 'http-check expect string-lf "%[var(check.q)]%[var(check.r)]"'],
	    'UP', 'L7OK', 200, ''],
	['hvarbad', $http200, [$H, 'http-check set-var(check.q) str(Worse)', 'http-check send',
	    'http-check expect string-lf "%[var(check.q)]"'], 'DOWN', 'L7RSP', '', 'HTTP content check did not match'],
	['strlf', $http200, [$H, 'http-check expect string-lf "G%[str(oo)]d"'], 'UP', 'L7OK', 200, ''],
	['rstr', $http200, [$H, 'http-check expect rstring ^G..d$'], 'UP', 'L7OK', 200, ''],
	['rstat', $http200, [$H, 'http-check expect ! rstatus ^2'], 'DOWN', 'L7STS', 200, 'X'],
	['twice', $http200, [$H, 'http-check expect status 200', 'http-check expect string Good'],
	    'UP', 'L7OK', 200, ''],
	['h404', $http404, [$H, 'http-check disable-on-404', 'http-check expect status 500'],
	    'NOLB', 'L7OKC', 404, ''],
	['hjunk', $junk, [$H], 'DOWN', 'L7RSP', '', ''],
	['hmute', $mute, [$H], 'DOWN', 'L7TOUT', '', ''],
	['two-http', $http503, [$H, 'http-check connect', 'http-check send meth GET uri /a',
	    'http-check expect status 503', 'http-check connect addr {HTTP200}',
	    'http-check send meth GET uri /b', 'http-check expect status 200'], 'UP', 'L7OK', 200, '', '!'],

	['smtp', $smtp, ['option smtpchk EHLO x.org'], 'UP', 'L7OK', 221, 'bye'],
	['smtpbad', $smtp_bad, ['option smtpchk'], 'DOWN', 'L7STS', 421, 'busy'],
	['pg', $pg, ['option pgsql-check user joe'], 'UP', 'L7OK', 0, 'PostgreSQL server is ok'],
	['pgbad', $pg_bad, ['option pgsql-check user joe'], 'DOWN', 'L7RSP', '', 'FATAL'],
	['my', $my_ok, ['option mysql-check user joe'], 'UP', 'L7OK', 0, ''],
	['my0', $my_ok, ['option mysql-check'], 'UP', 'L7OK', 0, ''],
	['mybad', $my_bad, ['option mysql-check user joe'],
	    'DOWN', 'L7STS', 1045, '#28000Access denied'],
	['ldap', $ldap, ['option ldap-check'], 'UP', 'L7OK', 0, ''],
	['ldapbad', $ldap_bad, ['option ldap-check'], 'DOWN', 'L7STS', 49,
	    'See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9'],
	['ldapjunk', $junk, ['option ldap-check'], 'DOWN', 'L7RSP', '', 'Not LDAPv3 protocol', '!'],
	['redis', $redis, ['option redis-check'], 'UP', 'L7OK', 0, 'Redis server is ok'],
	['redisbad', talk(qr/PING/, "-NOAUTH login first\r\n"), ['option redis-check'],
	    'DOWN', 'L7STS', 0, '-NOAUTH login first', '!'],
	['ssl', $ssl, ['option ssl-hello-chk'], 'UP', 'L6OK', '', ''],
	['spop', $spop, ['option spop-check'], 'UP', 'L7OK', 0, ''],
);

chomp(my $host = `uname -n`);
my $text = "global\n    max-spread-checks 100\n" . defaults() . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
";
for my $case (@cases) {
	my ($name, $addr, $lines, undef, $check) = @$case;
	# what is to end in time must not be late, what is not must not wait
	my ($secs, $inter) = $check =~ /TOUT/ ? ('1s', '1s') : ('60s', '10s');
	my $l = join '', map { "    $_\n" } @$lines;

	$l =~ s/\{REDIS\}/$redis/;
	$l =~ s/\{HTTP200\}/$http200/;
	$text .= "backend $name\n    timeout check $secs\n${l}    server s $addr check inter $inter rise 1 fall 1\n";
	s/\{HOST\}/$host/ for @$case[6];
}

sub reports
{
	my ($text, %opt) = @_;
	my $p = start_proxy($text, %opt);
	my %of = check_reports($p, scalar(() = $text =~ /^backend/mg));

	stop_proxy($p);
	return %of;
}

my %ours = reports($text);
my $peer = is_tideway() && -x '/usr/sbin/haproxy';
my %theirs = $peer ? reports($text, bin => '/usr/sbin/haproxy') : ();

for my $case (@cases) {
	my ($name, undef, undef, $status, $check, $code, $last, $differs) = @$case;
	my $want = join ' | ', $status, $check, $code, $last;

	next if !is_tideway() && $differs;
	is($ours{$name}, $want, $name);
	is($theirs{$name}, $want, "$name: as HAProxy")
	    if $peer && !$differs;
}

done_testing;
