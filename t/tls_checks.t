# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Health checks over TLS: when they are, under which name, and what is said of
# servers that are not what they should be; as Debian's haproxy says it.
use Tideway::Test;
use Tideway::Checks;
use Tideway::TLS;
use Tideway::Cli;

my $ca = ca('Root');
my $cert = cert('good.test', ca => $ca);
my $alien = cert('good.test', ca => ca('Other'));
my @keep;

sub tls { push @keep, tls_origin(cert => $cert, @_); return $keep[-1] }


package Talking;
our @ISA = ('Tideway::TLS::Origin');
sub _connection
{
	my ($self, $c) = @_;

	if ($self->{header}) { # a PROXY header
		my $line = '';
		sysread $c->sock, $line, 1, length $line until $line =~ /\n/;
		$self->record('header', $line);
	}
	my $peer = $self->handshake($c) // return;
	return $self->{talk}->($peer) if $self->{talk};
	$self->Tideway::Origin::_connection($peer);
}
package main;

sub talking
{
	push @keep, Talking->new(dir => Tideway::Test::temp_dir(), cert => $cert, @_);
	return $keep[-1];
}

sub raw { push @keep, origin(raw => 1, greet => $_[0]); return $keep[-1] }

my $good = tls();
my $other = tls();
my $named = tls();
my $auto = tls();
my $v12 = tls(version => 'TLSv1_2');
my $foreign = tls_origin(cert => $alien);
my $greets = talking(talk => sub { $_[0]->send("220 hello\r\n"); $_[0]->read_all });
my $header = talking(header => 1);
my $long = talking(talk => sub {
	$_[0]->read_until(qr/\r\n\r\n/);
	$_[0]->send("HTTP/1.0 200 OK\r\n\r\n" . 'x' x 12000 . 'end');
});
my $clear = raw(sub { $_[0]->send("HTTP/1.0 400 Bad\r\n\r\n") if defined $_[0]->fill; $_[0]->close });
my $closes = raw(sub { $_[0]->close });
my $hears = raw(sub { $_[0]->fill; $_[0]->close });
my $mute = raw(sub { $_[0]->read_all });
my $http = raw(sub { $_[0]->read_until(qr/\r\n\r\n/); $_[0]->send("HTTP/1.0 200 OK\r\n\r\n"); $_[0]->close });

my $vn = 'ssl verify none';
my $vr = "ssl verify required ca-file $ca->{crt}";
my $dead = '127.0.0.1:1';

# name, address, options, lines, status, check_status, code, last_chk; a last 1:
# haproxy 2.6 says otherwise, or has not the words
my @case = (
	[connect => $good, "$vn check", [], 'UP', 'L6OK', '', ''],
	[verified => $good, "$vr check", [], 'UP', 'L6OK', '', ''],
	[alien => $foreign, "$vr check", [], 'DOWN', 'L6RSP', '', 'SSL handshake failure'],
	[clear => $clear, "$vn check", [], 'DOWN', 'L6RSP', '', 'SSL handshake failure'],
	[hears => $hears, "$vn check", [], 'DOWN', 'L6RSP', '',
	    'SSL handshake failure'],
	[mute => $mute, "$vn check", [], 'DOWN', 'L6TOUT', '', ''],
	[plain => $http, 'check no-check-ssl', ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[off => $http, "$vn check no-check-ssl", ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[elsewhere => $good, "$vn check port " . $http->port . ' addr ' . $http->{host},
	    ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[forced => $good, 'verify none check check-ssl port ' . $other->port,
	    ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[only => $good, 'verify none check check-ssl', [], 'UP', 'L6OK', '', ''],
	[onlyalien => $foreign, "verify required ca-file $ca->{crt} check check-ssl", [],
	    'DOWN', 'L6RSP', '', 'SSL handshake failure'],
	[http => $good, "$vn check", ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[http12 => $v12, "$vn check", ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[sni => $named, "$vn check check-sni sni.test", ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[right => $good, "$vr check check-sni good.test", [], 'UP', 'L6OK', '', ''],
	[wrong => $good, "$vr check check-sni bad.test", [], 'DOWN', 'L6RSP', '',
	    'Server presented an SSL certificate different from the expected one'],
	[host => $good, "$vr check verifyhost good.test", [], 'UP', 'L6OK', '', ''],
	[nohost => $good, "$vr check verifyhost bad.test", [], 'DOWN', 'L6RSP', '',
	    'Server presented an SSL certificate different from the configured one'],
	[sniover => $good, "$vr check verifyhost bad.test check-sni good.test", [], 'UP', 'L6OK', '', ''],
	[rule => $good, 'verify none check', ['option tcp-check', 'tcp-check connect ssl sni rule.test'],
	    'UP', 'L6OK', '', '(tcp-check)'],
	[ruleport => $dead, 'verify none check', ['option tcp-check',
	    'tcp-check connect ssl addr ' . $good->{host} . ' port ' . $good->port],
	    'UP', 'L6OK', '', '(tcp-check)'],
	[rulefails => $clear, 'verify none check', ['option tcp-check', 'tcp-check connect ssl comment why'],
	    'DOWN', 'L6RSP', '', "SSL handshake failure at step 1 of tcp-check (connect) comment: 'why'"],
	[ruletout => $mute, 'verify none check', ['option tcp-check', 'tcp-check connect ssl'],
	    'DOWN', 'L6TOUT', '', ' at step 1 of tcp-check (connect)'],
	[ruleplain => $http, "$vn check", ['option httpchk', 'http-check connect'],
	    'UP', 'L7OK', 200, ''],
	[ruledefault => $good, "$vn check", ['option httpchk', 'http-check connect default'],
	    'UP', 'L7OK', 200, ''],
	[rulehttp => $good, 'verify none check', ['option httpchk', 'http-check connect ssl alpn http/1.1'],
	    'UP', 'L7OK', 200, ''],
	[greets => $greets, "$vn check", ['option tcp-check', 'tcp-check expect rstring ^220'],
	    'UP', 'L7OK', 0, '(tcp-check)'],
	[expects => $greets, "$vn check", ['option tcp-check', 'tcp-check expect string odd'],
	    'DOWN', 'L7TOUT', '', " at step 1 of tcp-check (expect string 'odd')"],
	[twice => $greets, "$vn check", ['option tcp-check', 'tcp-check connect default',
	    'tcp-check expect string 220', 'tcp-check connect default', 'tcp-check expect string hello'],
	    'UP', 'L7OK', 0, '(tcp-check)'],
	[long => $long, "$vn check", ['option httpchk', 'http-check expect rstring xend$'],
	    'UP', 'L7OK', 200, '', 1],
	[header => $header, "$vn check send-proxy", ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[headeragain => $header, "$vn check check-send-proxy", ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[ruleheader => $header, 'verify none check', ['option httpchk', 'http-check connect ssl send-proxy'],
	    'UP', 'L7OK', 200, ''],
	[closes => $closes, "$vn check", [], 'DOWN', 'L6RSP', '', 'SSL handshake failure'],
	[refuses => '127.0.0.1:1', "$vn check", [], 'DOWN', 'L4CON', '', 'Connection refused'],
	[auto => $auto, "$vn check", ['option httpchk', 'http-check send ver HTTP/1.1 hdr host auto.test:8080'],
	    'UP', 'L7OK', 200, ''],
	[autooff => $other, "$vn check no-check-sni-auto", ['option httpchk',
	    'http-check send ver HTTP/1.1 hdr host off.test'], 'UP', 'L7OK', 200, '', 1],
);

my $sock = Tideway::Test::temp_dir() . '/ctl';
sub text
{
	my ($all) = @_;
	my $text = "global\n    stats socket $sock level admin\n" . defaults() . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
";
	for my $c (grep { $all || !$_->[8] } @case) {
		my $addr = ref $c->[1] ? $c->[1]->addr : $c->[1];
		# what is to end in time must not be late, what is not must not wait
		my ($secs, $inter) = $c->[5] =~ /TOUT/ ? ('1s', '1s') : ('60s', '10s');
		$text .= "backend $c->[0]\n    timeout connect $secs\n    timeout check $secs\n"
		    . join('', map { "    $_\n" } @{ $c->[3] })
		    . "    server s $addr $c->[2] inter $inter rise 1 fall 1\n";
	}
	return $text . "backend up
    timeout check 60s
    balance roundrobin
    server old $dead
";
}

sub n_servers { return scalar(() = $_[0] =~ /^    server s/mg) }

alarm 240 * ($ENV{TW_TIME_SCALE} || 1); # two programs, and checks that end in time
my $p = start_proxy(text(is_tideway()));
my %ours = check_reports($p, n_servers(text(is_tideway())));
for my $c (@case) {
	next if !is_tideway() && $c->[8];
	my $want = join ' | ', @$c[4 .. 7];
	is($ours{ $c->[0] }, $want, $c->[0]);
}
like(($named->handshakes)[0]{sni}, qr/^sni\.test$/, 'check-sni was asked for');
if (is_tideway()) {
	is(($auto->handshakes)[0]{sni}, 'auto.test', 'check-sni-auto: the host of the request');
	is(($_->handshakes)[0]{sni} // '', '', 'no name') for $v12;
	ok(!grep({ ($_->{sni} // '') eq 'off.test' } $other->handshakes), 'no-check-sni-auto');
}
like(($header->events('header'))[0][2], qr/^PROXY TCP4/, 'the PROXY header goes before TLS');

# --- servers added at run time ---

if (is_tideway()) {
	like(cli_ask($sock, "add server up/new ${\ $good->addr} ssl verify none check inter 1s rise 1"),
	    qr/registered/, 'add server ssl check');
	cli_ask($sock, 'enable health up/new; enable server up/new');
	ok((wait_until { $p->get('stats', '/s;csv')->body =~ /^up,new,.*L6OK/m }), 'its checks are TLS');
	like(cli_ask($sock, "add server up/two ${\ $good->addr} verify none check check-ssl inter 1s"),
	    qr/registered/, 'add server check-ssl');
	cli_ask($sock, 'enable health up/two; enable server up/two');
	ok((wait_until { $p->get('stats', '/s;csv')->body =~ /^up,two,.*L6OK/m }), 'and its');
	like(cli_ask($sock, "add server up/three ${\ $good->addr} check check-ssl"),
	    qr/no CA file/, 'what is missing is said');
	cli_ask($sock, 'disable server up/new');
	ok((wait_until { cli_ask($sock, 'del server up/new') =~ /deleted/ }), 'deleted');
}
stop_proxy($p);

if (is_tideway() && -x '/usr/sbin/haproxy') {
	my $h = start_proxy(text(0), bin => '/usr/sbin/haproxy');
	my %theirs = check_reports($h, n_servers(text(0)));
	is($ours{ $_->[0] }, $theirs{ $_->[0] } =~ s/(failure) \(.*\)$/$1/r, "$_->[0]: as haproxy")
	    for grep { !$_->[8] } @case;
	stop_proxy($h);
}

# --- what is wrong ---

sub says { return check_config(defaults() . "backend b\n$_[0]\n")->{all} }

if (is_tideway()) {
	my $s = '    server s 127.0.0.1:1 check verify none check-ssl';
	like(says('    server s 127.0.0.1:1 check check-ssl'), qr/'?server 'b\/s': .*no CA file/, 'no authorities');
	like(says("    option tcp-check\n    tcp-check connect ssl\n    server s 127.0.0.1:1 check"),
	    qr/no CA file/, 'of a rule, too');
	unlike(says("    option tcp-check\n    tcp-check connect ssl\n    server s 127.0.0.1:1"),
	    qr/ALERT/, 'not when it is not checked');
	like(says("$s check-sni"), qr/'check-sni'/, 'check-sni without a name');
	like(says("$s check-alpn ,"), qr/no list of protocols/, 'check-alpn');
	unlike(says("$s check-alpn h2\n    option httpchk"), qr/ALERT/, 'check-alpn h2');
	unlike(says("$s check-alpn h2"), qr/ALERT/, 'check-alpn h2 of a connection alone');
	like(says("    tcp-check connect sni"), qr/'sni' needs a value/, 'sni');
	like(says("    http-check connect ssl alpn h3"), qr/do not speak 'h3'/, 'alpn h3');
	like(says("    tcp-check connect ssl alpn"), qr/'alpn' needs a value/, 'alpn');
}
done_testing();
