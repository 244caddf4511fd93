# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# option grpc-check: what is asked, what answers and their absence mean, with TLS
# and without it; and servers that break the protocol.
use Tideway::Test;
use Tideway::Checks;
use Tideway::Cli;
use Tideway::H2;
use Tideway::TLS;

plan skip_all => 'it is our own' unless is_tideway();

my $cert = cert('grpc.test', ca => ca('Root'));

# a message with its head
sub message { return pack('CN', 0, length $_[0]) . $_[0] }
sub status { return message("\x08" . chr $_[0]) }

my @type = (headers => [['content-type', 'application/grpc']]);
my $good = [['grpc-status', 0]];

# What a server says of each service. in: HTTP/2, the stream, its number.
my %says = (
	'' => sub { $_[0]->respond($_[2], 200, @type, body => status(1), trailers => $good) },
	serves => sub { $_[0]->respond($_[2], 200, @type, body => status(1), trailers => $good) },
	not => sub { $_[0]->respond($_[2], 200, @type, body => status(2), trailers => $good) },
	unknown => sub { $_[0]->respond($_[2], 200, @type, body => status(3), trailers => $good) },
	odd => sub { $_[0]->respond($_[2], 200, @type, body => status(9), trailers => $good) },
	nothing => sub { $_[0]->respond($_[2], 200, @type, body => message(''), trailers => $good) },
	# other fields behind it
	more => sub { $_[0]->respond($_[2], 200, @type, body => message("\x08\1\x12\1x"), trailers => $good) },
	pieces => sub { $_[0]->respond($_[2], 200, @type, body => status(1), chunk => 1, trailers => $good) },
	open => sub { $_[0]->respond($_[2], 200, @type, body => status(1), open => 1) },
	early => sub { $_[0]->respond($_[2], 200, @type, interim => [[103, ['link', '</a>']]],
	    body => status(1), trailers => $good) },
	padded => sub {
		$_[0]->send_headers($_[2], [[':status', 200], ['content-type', 'application/grpc']], pad => 7);
		$_[0]->send_frame('DATA', 'PADDED', $_[2], "\3" . status(1) . "\0\0\0");
	},
	error => sub { $_[0]->respond($_[2], 200, headers => [@{ $type[1] }, ['grpc-status', 5],
	    ['grpc-message', 'no such service']]) },
	code => sub { $_[0]->respond($_[2], 200, headers => [@{ $type[1] }, ['grpc-status', 12]]) },
	bare => sub { $_[0]->respond($_[2], 200) },
	late => sub { $_[0]->respond($_[2], 200, @type, trailers => [['grpc-status', 5]]) },
	missing => sub { $_[0]->respond($_[2], 404, body => 'there is no such page') },
	broken => sub { $_[0]->respond($_[2], 200, @type, body => substr(status(1), 0, 6)) },
	short => sub { $_[0]->respond($_[2], 200, @type, body => 'abc') },
	packed => sub { $_[0]->respond($_[2], 200, @type, body => "\1" . substr(status(1), 1), open => 1) },
	huge => sub { $_[0]->respond($_[2], 200, @type, body => "\0\xff\xff\xff\xff\x08\1", open => 1) },
	long => sub { $_[0]->respond($_[2], 200, @type, body => "\0\0\1\0\0" . "\x08\1" x 30000) },
	rst => sub { $_[0]->rst($_[2], 'REFUSED_STREAM') },
	half => sub {
		$_[0]->respond($_[2], 200, @type, body => "\0\0\0", open => 1);
		$_[0]->rst($_[2], 'INTERNAL_ERROR');
	},
	goaway => sub { $_[0]->send_goaway(0, 'NO_ERROR') },
	hangup => sub { $_[0]->close },
	frame => sub { $_[0]->send_frame('SETTINGS', 0, 0, 'xx') },
	hangs => sub { },
	headonly => sub { $_[0]->respond($_[2], 200, @type, open => 1) },
	slow => sub {
		my ($h2, undef, $sid) = @_;
		$h2->ping;
		$h2->read_named('PING', 30) // return;
		$h2->respond($sid, 200, @type, body => status(1), trailers => $good);
	},
);

sub service { return length $_[0] > 5 ? substr $_[0], 7 : '' }

my %opt = (trace => 1, respond => sub {
	my ($s, $h2) = @_;
	my $says = $says{ service($s->body) } // return;

	$says->($h2, $s, $s->{sid});
	return 1;
});
my $clear = h2_origin(%opt);
my $small = h2_origin(%opt, settings => { INITIAL_WINDOW_SIZE => 3, MAX_FRAME_SIZE => 20000 });
my $tls = h2_origin(%opt, cert => $cert);
my $asks = tls_origin(cert => $cert, alpn => ['h2', 'http/1.1']);
my $http1 = origin();
my $mute = origin(raw => 1, greet => sub { $_[0]->read_all });
my $resets = origin(raw => 1, greet => sub { $_[0]->read_until(qr/SM/); $_[0]->reset });

# service, status, check_status, code, last_chk; a server in place of that one; its words
my @case = (
	['', 'UP', 'L7OK', 1, 'SERVING'],
	(map { [$_, 'UP', 'L7OK', 1, 'SERVING'] } qw(serves more pieces open early padded slow)),
	[not => 'DOWN', 'L7STS', 2, 'NOT_SERVING'],
	[unknown => 'DOWN', 'L7STS', 3, 'SERVICE_UNKNOWN'],
	[odd => 'DOWN', 'L7STS', 9, 'unknown status'],
	[nothing => 'DOWN', 'L7STS', 0, 'UNKNOWN'],
	[error => 'DOWN', 'L7STS', 0, 'grpc-status 5: no such service'],
	[code => 'DOWN', 'L7STS', 0, 'grpc-status 12'],
	(map { [$_ => 'DOWN', 'L7STS', 0, 'an error instead of a message'] } qw(bare late)),
	[missing => 'DOWN', 'L7STS', 404, 'no gRPC: the status is not 200'],
	(map { [$_ => 'DOWN', 'L7RSP', '', 'broken gRPC message'] } qw(broken short packed huge long half)),
	[rst => 'DOWN', 'L7RSP', '', 'HTTP/2 stream reset REFUSED_STREAM'],
	(map { [$_ => 'DOWN', 'L7RSP', '', 'empty response'] } qw(goaway hangup)),
	[frame => 'DOWN', 'L7RSP', '', 'HTTP/2 connection error FRAME_SIZE_ERROR: wrong length of SETTINGS'],
	(map { [$_ => 'DOWN', 'L7TOUT', '', ''] } qw(hangs headonly)),
	[serves => 'UP', 'L7OK', 1, 'SERVING', $small, 'proto h2'],
	[serves => 'UP', 'L7OK', 1, 'SERVING', $tls, 'ssl verify none'],
	[not => 'DOWN', 'L7STS', 2, 'NOT_SERVING', $tls, 'ssl verify none alpn h2'],
	[serves => 'UP', 'L7OK', 1, 'SERVING', $tls, 'check-ssl verify none check-alpn h2'],
	[serves => 'DOWN', 'L7RSP', '', 'HTTP/2 connection error', $http1, ''],
	[serves => 'DOWN', 'L7RSP', '', 'HTTP/2 connection error', $asks, 'ssl verify none'],
	[serves => 'DOWN', 'L7TOUT', '', '', $mute, ''],
	[serves => 'DOWN', 'SOCKERR', '', 'Connection reset by peer', $resets, ''],
	[serves => 'DOWN', 'L4CON', '', 'Connection refused', '127.0.0.1:1', ''],
);

sub backend
{
	my ($n, $service, $want, $addr, $words) = @_;
	# what is to end in time must not be late, what is not must not wait
	my $secs = $want =~ /TOUT/ ? '1s' : '60s';

	$addr //= $clear;
	return "backend b$n\n    timeout connect $secs\n    timeout check $secs\n    option grpc-check"
	    . (length $service ? " service $service authority grpc.test" : '') . "\n    server s "
	    . (ref $addr ? $addr->addr : $addr) . " check inter 1s rise 1 fall 1 " . ($words // '') . "\n";
}

alarm 240 * ($ENV{TW_TIME_SCALE} || 1);
my $dir = Tideway::Test::temp_dir();
my $text = "global\n    stats socket $dir/ctl level admin\n    max-spread-checks 100\n" . defaults() . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
" . join '', map { backend($_, @{ $case[$_] }[0, 2, 5, 6]) } 0 .. $#case;
my $p = start_proxy($text);
my %ours = check_reports($p, scalar @case);

for my $n (0 .. $#case) {
	my ($service, @want) = @{ $case[$n] }[0 .. 4];
	my $want = join ' | ', @want;

	like($ours{"b$n"}, $want =~ /connection error$/ ? qr/^\Q$want\E/ : qr/^\Q$want\E$/, "b$n $service");
}

my ($r) = grep { service($_->body) eq 'serves' } $clear->requests;
is(join(' ', map { "$_->[0]=$_->[1]" } @{ $r->{headers} }), ':method=POST :scheme=http '
    . ':authority=grpc.test :path=/grpc.health.v1.Health/Check content-type=application/grpc '
    . 'te=trailers user-agent=tideway-grpc-check content-length=13', 'what is asked');
is($r->body, message("\x0a\x06serves"), 'of a service');
($r) = grep { service($_->body) eq '' } $clear->requests;
is_deeply([$r->body, $r->header(':authority')], [message(''), 'localhost'], 'of the server');
is(($tls->requests)[0]->header(':scheme'), 'https', 'over TLS');
is(($tls->events('tls'))[0] ? 1 : 0, 1, 'with its handshake');
is_deeply([map { $_->[2] } map { $_->events('violation') } $clear, $small, $tls], [], 'no violations');
ok((wait_until { grep { $_->[2] =~ /^SETTINGS 0 1 / } $clear->events('frame') }), 'SETTINGS are acknowledged');
ok((wait_until { grep { $_->[2] eq 'NO_ERROR' } $clear->events('goaway') }), 'and the end is told');

# --- a reload, defaults, sections, servers that are added ---

$p->write_config("global\n    stats socket $dir/ctl level admin\n" . defaults() . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
healthcheck named
    type grpc-check service not
defaults more
    timeout connect 60s
    timeout check 60s
    option grpc-check
    default-server inter 100ms rise 1 fall 1
backend inherits from more
    balance roundrobin
    server s ${\ $clear->addr} check
backend section from more
    server s ${\ $clear->addr} check healthcheck named
" . backend(0, 'serves', 'UP'));
$p->signal('USR2');
my %row;
ok((wait_until { %row = check_rows($p); ($row{section} // '') =~ /^DOWN/ && $row{inherits} }),
    'after a reload');
is($row{section}, 'DOWN | L7STS | 2 | NOT_SERVING', 'a section');
is($row{inherits}, 'UP | L7OK | 1 | SERVING', 'defaults');
like(cli_ask("$dir/ctl", "add server inherits/new ${\ $tls->addr} ssl verify none check inter 100ms"),
    qr/registered/, 'a server comes');
cli_ask("$dir/ctl", $_) for 'enable health inherits/new', 'enable server inherits/new';
ok((wait_until { $p->get('stats', '/s;csv')->body =~ /^inherits,new,.*L7OK,1,/m }), 'and is checked');
is($p->stop, '', 'it ends');

# --- what is refused ---

like(check_config(defaults() . "backend b\n    option grpc-check $_->[0]\n")->{all}, qr/$_->[1]/, $_->[0])
    for ['service', qr/'service' needs a value after it/], ['host x', qr/takes 'service <name>' and/],
    ['service ' . 'x' x 101, qr/up to 100 characters/], ["service 'a b'", qr/without blanks/];

done_testing;
