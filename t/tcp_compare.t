# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Configurations of mode tcp through Debian's haproxy and through tideway: which
# server is chosen and what it receives (it says so in its answer), how the
# connection ends, what is logged.
use Tideway::Test;
use Tideway::Hello;
use Tideway::Compare;
use IO::Socket::INET;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');

# ---- servers: each answers with its name and what it was sent ------------

# A server process. how: 'echo' answers once bytes came, 'first' speaks first,
# 'redis' answers PING, too, 'close' hangs up.
sub server
{
	my ($name, $how) = @_;
	my $l = IO::Socket::INET->new(Listen => 32, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "listen: $!";
	my $pid = fork // die "fork: $!";

	return { addr => '127.0.0.1:' . $l->sockport, pid => $pid } if $pid;
	$SIG{PIPE} = 'IGNORE';
	$SIG{TERM} = 'DEFAULT';
	while (my $c = $l->accept) {
		my $bytes = '';
		if (fork // 1) {
			waitpid -1, 1;
			next;
		}
		alarm 20;
		syswrite $c, "220 $name\r\n" if $how eq 'first';
		exit 0 if $how eq 'close';
		while (sysread $c, $bytes, 65536, length $bytes) {
			next if $bytes !~ /END$/ && $how ne 'redis';
			syswrite($c, "+PONG\r\n"), $bytes = '', next if $how eq 'redis' && $bytes =~ /^PING\r\n/;
			last if $bytes =~ /END$/;
		}
		syswrite $c, "$name got " . unpack('H*', $bytes) . "\n" if length $bytes;
		POSIX::_exit(0);
	}
	POSIX::_exit(0);
}

use POSIX ();
my %server = map { $_ => server($_, $_ =~ /^redis/ ? 'redis' : $_ eq 'smtp' ? 'first' : $_ eq 'hangup' ? 'close' : 'echo') }
    qw(one two three redis1 smtp hangup);
my $owner = $$;
END {
	if (defined $owner && $$ == $owner) {
		my $status = $?;
		kill 'TERM', map { $_->{pid} } values %server;
		$? = $status;
	}
}

my @configs = (
['TLS by name, passed through', <<'CFG',
defaults
    log global
    mode tcp
    option tcplog
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend web
    bind {BIND:web}
    tcp-request inspect-delay 500ms
    acl is_tls req.ssl_hello_type 1
    acl is_http req.proto_http
    acl named req.ssl_sni -m found
    acl h2 req.ssl_alpn h2
    acl bad req.ssl_sni -i blocked.example.com
    acl bad req.ssl_sni -m end .blocked.example.com
    tcp-request content capture req.ssl_sni len 30
    tcp-request content reject if is_tls bad
    tcp-request content accept if is_tls or is_http
    tcp-request content reject if { req.len gt 0 } !is_http !{ req.payload(0,3) -m str raw }
    log-format "%ci %ft %b/%s %ts {%[capture.req.hdr(0)]} %B"
    use_backend two if { req.ssl_sni -i shop.example.com www.shop.example.com }
    use_backend two if { req.ssl_sni -m dom -i shop }
    use_backend three if { req.ssl_sni -i blog.example.com } h2
    use_backend one if { req.ssl_sni -i blog.example.com }
    use_backend two if { req.ssl_sni -i old.example.com }
    use_backend two if { req.ssl_sni -m beg a. }
    use_backend three if is_http
    use_backend one if is_tls !named
    default_backend raw
backend one
    server s one
backend two
    server s two
backend three
    server s three
backend raw
    server s three
CFG
	hello(sni => 'shop.example.com') . 'END', hello(sni => 'WWW.SHOP.example.com') . 'END', hello(sni => 'x.shop.org') . 'END', hello(sni => 'blog.example.com') . 'END',
	hello(sni => 'blog.example.com', alpn => ['h2', 'http/1.1']) . 'END', hello(sni => 'blocked.example.com') . 'END', hello(sni => 'x.Blocked.example.com') . 'END',
	hello(sni => 'y.blocked.example.com') . 'END', hello(sni => 'a.example.com') . 'END', hello(sni => 'none.example.com') . 'END', hello() . 'END',
	"GET / HTTP/1.1\r\nHost: a\r\n\r\nEND", 'raw bytes END', 'other bytes END'],
['one port for several, by source and content', <<'CFG',
defaults
    log global
    mode tcp
    option tcplog
    retries 0
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend web
    bind {BIND:web}
    acl local src 127.0.0.0/8 ::1
    acl far src 10.0.0.0/8
    tcp-request connection reject if far !local
    tcp-request connection set-var(sess.kind) str(local) if local
    tcp-request inspect-delay 200ms
    tcp-request content set-var(sess.first) req.payload(0,4) if { req.len ge 4 }
    tcp-request content accept if { req.len ge 4 }
    use_backend one if { var(sess.first) -m str SSH- }
    use_backend two if { var(sess.first) -m str PING } { var(sess.kind) -m str local }
    use_backend three if { req.payload(0,2) -m bin 0103 }
    use_backend three if { req.payload(0,0) -m sub needle }
    use_backend dead if { var(sess.first) -m beg DEA }
    default_backend other
backend one
    server s one
backend two
    server s two
backend three
    server s three
backend dead
    server s 127.0.0.1:1
backend other
    tcp-response content accept
    server s one
CFG
	'SSH-2.0-x END', 'PING me END', "\1\3\0\0\0END", 'a needle in END', 'DEAD END', 'unknown END'],
['a database and a cache', <<'CFG',
defaults
    log global
    mode tcp
    option tcplog
    option tcpka
    timeout connect 2s
    timeout client 10s
    timeout server 10s
    timeout check 2s
listen web
    bind {BIND:web}
    option tcp-check
    tcp-check connect
    tcp-check send PING\r\n
    tcp-check expect string +PONG
    balance first
    default-server inter 200ms fall 1 rise 1
    server bad hangup check
    server good redis1 check
CFG
	'GET key END', 'SET key END', ('x' x 3000) . 'END'],
['a server that speaks first', <<'CFG',
defaults
    log global
    mode tcp
    option tcplog
    timeout connect 2s
    timeout client 10s
    timeout server 10s
listen web
    bind {BIND:web}
    balance source
    maxconn 100
    server s smtp maxconn 10
CFG
	'HELO me END', 'QUIT END'],
);

sub line
{
	my ($msg) = @_;

	$msg =~ s/^\S+ \[[^\]]*\] //;
	$msg =~ s{ (-?\d+)/(-?\d+)/(\+?-?\d+) (\d+) }{' ' . join('/', map { $_ < 0 ? '-' : 't' } $1, $2) . " $4 "}e;
	$msg =~ s{ \d+/\d+/(\d+/\d+/\+?\d+ )}{ c/c/$1};
	return $msg;
}

sub run
{
	my ($bin, $text, @said) = @_;
	my $log = syslog_unix();

	$text =~ s/(server \w+) (\w+)(?=\s)/"$1 " . ($server{$2} ? $server{$2}{addr} : $2)/ge;
	my $p = start_proxy("global\n    log $log->{addr} local0\n    nbthread 1\n$text", bin => $bin);
	# the checks have told the good one from the bad one
	if ($text =~ /tcp-check/) {
		wait_until {
			my $c = $p->client('web');
			$c->send('END');
			my $ok = $c->read_all =~ /redis1/;
			$c->close;
			$ok;
		};
		select undef, undef, undef, 0 while $log->next_line(0.5);
	}
	my @results;
	for my $bytes (@said) {
		my $c = $p->client('web');
		$c->send($bytes);
		my $answer = $c->read_all;
		my $state = $c->state;
		$c->close;
		my $l = $log->next_line;
		push @results, "ANSWERED: $answer\nLOGGED: " . ($l ? line($l->{msg}) : 'nothing') . "\n";
	}
	stop_proxy($p);
	return \@results;
}

for my $config (@configs) {
	my ($what, $text, @said) = @$config;
	subtest $what => sub {
		my $want = run($haproxy, $text, @said);
		my $got = run(binary(), $text, @said);
		for my $i (0 .. $#said) {
			my $name = $said[$i] =~ s/[^ -~]+/./gr;
			is($got->[$i], $want->[$i], "$i: " . substr $name, 0, 40);
		}
	};
}

done_testing;
