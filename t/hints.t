# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What -c says of a configuration beside its errors: HAProxy's warnings for the
# same mistakes at the same lines, and notices of what has no effect.
use Tideway::Test;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);

my $D = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n";
my $T = $D =~ s/http/tcp/r;
my $F = "frontend f\n bind 127.0.0.1:1\n";
my $B = "backend b\n server s 127.0.0.1:2\n";

# The lines of one level: "LINE text".
sub said
{
	my ($out, $level) = @_;

	return map { /\[[^\]]*\.cfg:(\d+)\]\s*:\s*(.*)/ ? "$1 $2" : "- $_" }
	    grep { /^\[$level\]/ && !/Some warnings were found/ } split /\n/, $out;
}

# Hints: each a line number of the text that follows the head, and words.
sub hints
{
	my ($what, $text, @want) = @_;
	my $head = $D . $F; # 7 lines
	my $r = check_config($head . $text);
	my @got = said($r->{all}, 'NOTICE');
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(@got, @want / 2, "$what: so many") or diag $r->{all};
	while (my ($line, $re) = splice(@want, 0, 2)) {
		my $at = $line + 7;
		ok((grep { /^$at / && $_ =~ $re } @got), "$what: line $line, $re") or diag $r->{all};
	}
	is($r->{code}, 0, "$what: it is valid");
}

subtest 'rules that never match' => sub {
	my $by = sub { qr/can never match: '$_[0]' of line @{[$_[1] + 7]} applies whenever/ };
	hints('the same condition',
	    " acl bad path_beg /x\n http-request deny if bad\n http-request deny deny_status 404 if bad\n default_backend b\n$B",
	    3, $by->('http-request deny', 2));
	hints('more conditions',
	    " http-request deny if { path /x }\n http-request return status 200 if { path /x } { src 10.0.0.0/8 }\n default_backend b\n$B",
	    2, $by->('http-request deny', 1));
	hints('some of the patterns, prefixes',
	    " http-request deny if { path_beg /x /y }\n http-request deny if { path_beg /x/z }\n"
	    . " http-request deny if { path /y/1 /x }\n http-request deny if { path_beg / }\n default_backend b\n$B",
	    2, $by->('http-request deny', 1), 3, $by->('http-request deny', 1));
	hints('one of several',
	    " acl a path /a\n acl b hdr(x) b\n http-request deny if a or b\n http-request set-var(txn.a) str(x) if b\n default_backend b\n$B",
	    4, $by->('http-request deny', 3));
	hints('an edit between',
	    " http-request deny if { path /x }\n http-request set-path /x\n http-request deny if { path /x }\n default_backend b\n$B");
	hints('a field that the condition does not read',
	    " http-request deny if { path /x }\n http-request set-header A b\n http-request deny if { path /x }\n"
	    . " http-request deny if { hdr(a) x }\n http-request del-header A\n http-request deny if { hdr(a) x }\n default_backend b\n$B",
	    3, $by->('http-request deny', 1));
	hints('chance, and what goes on',
	    " http-request deny if { rand(2) 1 }\n http-request deny if { rand(2) 1 }\n"
	    . " http-request set-var(txn.a) str(x) if { path /x }\n http-request deny if { path /x }\n default_backend b\n$B");
	hints('constants',
	    " http-request deny if FALSE\n http-request deny if { str(a),upper -m str a }\n http-request deny unless { int(1) eq 1 }\n"
	    . " tcp-request content accept if TRUE\n tcp-request content reject if { src 1.2.3.4 }\n default_backend b\n$B",
	    1, qr/never holds/, 2, qr/never holds/, 3, qr/never holds/, 5, qr/of line 11 always applies/);
	hints('use_backend',
	    " acl a hdr(host) a\n use_backend b if a\n use_backend b if a { path /x }\n use_backend c if { hdr(host) b }\n"
	    . " use_backend c\n use_backend b if { src 1.2.3.4 }\n default_backend b\n${B}backend c\n server s 127.0.0.1:3\n",
	    3, qr/'use_backend' of line 9 applies whenever/, 6, qr/'use_backend' of line 12 always applies/,
	    7, qr/'default_backend b' is never used/);
};

subtest 'parts that nobody uses' => sub {
	hints('an ACL', " acl used path /a\n acl unused path /b\n acl unused path /c\n use_backend b if used\n$B",
	    2, qr/acl 'unused' is declared/);
	hints('a backend', " default_backend b\n${B}backend lost\n server s 127.0.0.1:3\nbackend empty\n",
	    4, qr/no frontend leads to backend 'lost'/);
	hints('a name that is made', " use_backend %[hdr(host)]\n default_backend b\n${B}backend some\n server s 127.0.0.1:3\n");
	hints('a backend that is asked about', " http-request deny if { nbsrv(other) 0 }\n default_backend b\n${B}backend other\n server s 127.0.0.1:3\n");
	hints('cookie values', " default_backend b\nbackend b\n cookie A insert\n server s 127.0.0.1:2 cookie s\n server t 127.0.0.1:3\n",
	    3, qr/1 of the 2 servers of 'b' have no cookie value/);
	hints('a cookie without a name', " default_backend b\nbackend b\n server s 127.0.0.1:2 cookie s\n",
	    2, qr/no 'cookie' line/);
};

subtest 'they are no warnings' => sub {
	my $text = "global\n zero-warning\n$D$F acl unused path /x\n default_backend b\n$B";
	my $r = check_config($text);
	is($r->{code}, 0, 'zero-warning does not count them');
	is(said($r->{all}, 'NOTICE'), 1, 'one is told');
	$r = check_config($text =~ s/default_backend b/use_backend b if TRUE\n http-request deny if { src 1.2.3.4 }/r);
	is($r->{code}, 1, 'it counts warnings');
};

# HAProxy's warnings: where it names a line, it is the same one here, and the
# words after it begin alike; where it names none, the words are there.
my @same = (
	(map { my $o = $_; map { "$D$F $o if FALSE\n $_\n default_backend b\n$B" }
	    'http-request deny if FALSE', 'tcp-request content accept', 'tcp-request connection accept', 'tcp-request session accept', 'redirect location / if FALSE' }
	    'use_backend b', 'http-request deny', 'tcp-request content accept', 'redirect location /'),
	"$D$F default_backend b\n$B use-server s if TRUE\n http-request deny if FALSE\n redirect location / if FALSE\n",
	(map { "$D$F $_\n http-request deny if { src 1.2.3.4 }\n default_backend b\n$B" } 'http-request deny', 'http-request redirect location /', 'http-request return'),
	"$D$F http-response deny\n http-response set-header a b\n default_backend b\n$B",
	($T =~ s/ timeout.*\n//gr) . "$F default_backend b\n$B",
	($D =~ s/ timeout (?:server|connect).*\n//gr) . "$F default_backend b\n$B",
	"listen l\n bind 127.0.0.1:1\n server s 127.0.0.1:2\n",
	"$D$F timeout server 2s\n timeout connect 2s\n default_backend b\n$B timeout client 3s\n",
	"$T option httplog\n$F log 127.0.0.1 local0\n option forwardfor\n option originalto\n option http-buffer-request\n default_backend b\n$B",
	"$T$F http-request deny if FALSE\n http-response set-header a b\n redirect location /\n monitor-uri /x\n capture request header a len 3\n default_backend b\nbackend b\n cookie A insert\n option checkcache\n server s 127.0.0.1:2 cookie x\n",
	"${T}listen l\n bind 127.0.0.1:1\n stats enable\n balance uri\n option http-pretend-keepalive\n server s 127.0.0.1:2\n",
	(map { "$D$F $_\n default_backend b\n$B" } 'log-format %ci', 'option httplog', "log global\n option httplog", 'log-format-sd %ci'),
	"$D option httplog\n$F default_backend b\n$B",
	"$D$F default_backend b\nbackend b\n http-check expect status 200\n server s 127.0.0.1:2 check\n",
	"${D}frontend f\n default_backend b\n${B}listen l\n server s 127.0.0.1:2\n" . $F =~ s/ f/ g/r,
	(map { "$D$F $_\n default_backend b\n$B" } 'balance roundrobin', 'fullconn 3', 'retries 3', 'cookie A insert', 'http-reuse safe',
	    'timeout queue 1s', 'timeout check 1s', map { "option $_" } qw(httpchk tcp-check redis-check ldap-check abortonclose
	    allbackups persist redispatch prefer-last-server srvtcpka tcp-smart-connect log-health-checks)),
	(map { "$D$F default_backend b\n$B $_\n" } 'maxconn 10', 'backlog 3', 'bind 127.0.0.1:5', 'monitor-uri /x', 'monitor fail if TRUE', 'rate-limit sessions 3',
	    'capture request header a len 3', 'capture cookie a len 3', map { "option $_" } qw(dontlognull clitcpka tcp-smart-accept
	    log-separate-errors dontlog-normal logasap contstats socket-stats http-ignore-probes)),
	"$D$F acl a path\n acl b src\n use_backend b if a || b\n default_backend b\n$B",
	"$D$F http-request deny if { res.hdr(a) x }\n http-response deny if { path /x }\n use_backend b if { status 200 }\n default_backend b\n$B",
);

# What of a message tells its meaning, whatever stands around it.
my @meanings = (qr/will still be processed before/, qr/action is final and has no condition/, qr/missing timeouts for \w+ '\w+'/,
    qr/ignored because \w+ '\w+' has no \w+ capability/, qr/not usable with \w+ '\w+'/, qr/'[^']+' (?:rules |statement )?ignored for \w+ '\w+' as/,
    qr/cookie will be ignored for \w+ '\w+'/, qr/ignoring cookie for server '\w+'/, qr/Layer 7 hash not possible/, qr/log format ignored for \w+ '\w+'/,
    qr/has no 'bind' directive/, qr/without 'option httpchk'/, qr/no pattern to match|acl keyword '\w+'/, qr/will never match/);

sub meaning
{
	my ($said) = @_;

	return 'monitor-uri' if $said =~ /monitor-uri.*ignored for/;
	for my $i (0 .. $#meanings) {
		return $i == 12 || $i == 13 ? "never $i" : $& if $said =~ $meanings[$i];
	}
	return $said;
}

SKIP: {
	skip 'haproxy is not installed', 1 unless $haproxy;
	subtest 'the same warnings as HAProxy' => sub {
		for my $text (@same) {
			my $file = spew('warn.cfg', $text);
			my ($h, $t) = map { run_cmd({ bin => $_ }, "-c", "-f", $file) } $haproxy, binary();
			$_->{all} = $_->{out} . $_->{err} for $h, $t;
			my @want = said($h->{all}, 'WARNING');
			my @got = said($t->{all}, 'WARNING');
			my @name = grep { !/^(?:defaults| mode| timeout| bind| server| default_backend|frontend|backend)/ } split /\n/, $text;
			my $name = join ';', @name ? @name : $text =~ s/\n/;/gr;

			is($t->{code}, $h->{code}, "$name: exit status");
			is_deeply([sort map { meaning($_) } @got], [sort map { meaning($_) } @want], "$name: what") or diag "$t->{all}\n$h->{all}";
			my @lines = grep { /^\d/ } map { s/ .*//r } @want;
			my %here = map { s/ .*//r => 1 } @got;
			ok(!(grep { !$here{$_} } @lines), "$name: where") or diag "$t->{all}\n$h->{all}";
		}
	};
}

subtest 'a small number without a unit' => sub {
	my $r = check_config($D =~ s/client 1s/client 30/r . "$F default_backend b\n$B");
	is($r->{code}, 0, 'valid');
	like($r->{all}, qr/check\.cfg:3\].*'30' is suspiciously small.*'30s'.*'30ms'/, 'a warning');
	like($r->{all}, qr/^ +timeout client 30\n +\^$/m, 'with a caret');
	$r = check_config($D =~ s/client 1s/client 30ms/r . "$F default_backend b\n$B");
	unlike($r->{all}, qr/suspicious/, 'not with a unit');
};

subtest 'a named defaults section that is also the last one' => sub {
	my $named = $D =~ s/defaults/defaults d/r;
	my $r = check_config("$named$F default_backend b\nbackend b from d\n server s 127.0.0.1:2\n");
	is($r->{code}, 0, 'valid');
	like($r->{all}, qr/check\.cfg:9\].*'d' .*explicitly referenced by another proxy and implicitly used/, 'a warning');
	$r = check_config("$named\n" . ($F =~ s/ f/ f from d/r) . " default_backend b\nbackend b from d\n server s 127.0.0.1:2\n");
	unlike($r->{all}, qr/implicitly/, 'not when all name it');
};

subtest 'ten mistakes, told at once' => sub {
	my @text = map { "$_\n" } split /\n/, <<'CFG';
global
 maxconn many
defaults
 mode http
 timeout client 5q
 timeout server 1s
 timeout connect 1s
frontend f
 bind 127.0.0.1:99999
 acl a path_bge /x
 http-request denyy if a
 http-request deny if nope
 use_backend nowhere if { path /x
 http-request set-path
 default_backend b
backend b
 balance rondrobin
 server s 127.0.0.1:2 chekc
 server s2 127.0.0.1:2 weight 300
 bogus
CFG
	my %at = (2 => 'many', 5 => 'q', 9 => '99999', 10 => 'path_bge', 11 => 'denyy', 12 => 'nope', 13 => 'closing',
	    14 => 'set-path', 17 => 'rondrobin', 18 => 'chekc', 19 => '300', 20 => 'bogus');
	my $r = check_config(join '', @text);
	is($r->{code}, 1, 'refused');
	for my $line (sort { $a <=> $b } keys %at) {
		my ($shown) = map { quotemeta } $text[$line - 1] =~ /^ *(.*)/;
		like($r->{all}, qr/check\.cfg:$line\] : .*$at{$line}.*\n(?:   .*\n)?  $shown\n +\^\n/, "line $line, with a caret");
	}
};

done_testing;
