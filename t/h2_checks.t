# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HTTP health checks over HTTP/2: which connections speak it, what is asked and
# what answers mean, those of servers that break the protocol, too; as Debian's
# haproxy says it.
use Tideway::Test;
use Tideway::Checks;
use Tideway::Cli;
use Tideway::Compare;
use Tideway::H2;
use Tideway::TLS;

my $cert = cert('good.test', ca => ca('Root'));
my @keep;

sub raw { push @keep, origin(raw => 1, greet => $_[0]); return $keep[-1] }
sub hp { return Tideway::Hpack->new->encode(@_) }
sub head { return h2_frame('HEADERS', $_[0], 1, hp(@_[1 .. $#_])) }

my $settings = h2_frame('SETTINGS', 0, 0, '');
my $ok = [':status', 200];

# A server that says that much when a request has come. close => 1; settings =>
# octets in place of its own
sub says
{
	my ($bytes, %o) = @_;

	return raw(sub {
		my ($peer) = @_;
		my $h2 = Tideway::H2->new($peer, server => 1, auto => 0);
		$peer->send($o{settings} // $settings);
		$h2->read_preface(30);
		$h2->wait_for(sub { $h2->stream(1)->{ended} }, 30);
		$peer->send($bytes);
		shutdown $peer->sock, 1 if $o{close}; # what comes is read, so that it is no reset
		$peer->read_all;
	});
}

sub mem
{
	my ($s) = @_;

	return join ' ', map { "$_->[0]=$_->[1]" } @{ $s->{headers} };
}

my $h2 = h2_origin(trace => 1);
my $small = h2_origin(settings => { INITIAL_WINDOW_SIZE => 5 });
my $tls = h2_origin(cert => $cert);
my $both = h2_origin(cert => $cert, alpn => ['h2', 'http/1.1']);
my $old = tls_origin(cert => $cert, alpn => ['http/1.1']);
my $http1 = origin();
my $sick = raw(sub {
	my ($peer) = @_;
	$peer->read_until(qr/\r\n\r\n/);
	$peer->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
	$peer->read_all;
});
my $hangsup = says('', close => 1);
my $drips = raw(sub {
	my ($peer) = @_;
	$peer->send($_) for split //, $settings;
	my $h2 = Tideway::H2->new($peer, server => 1, auto => 0);
	$h2->read_preface(30);
	$h2->wait_for(sub { $h2->stream(1)->{ended} }, 30);
	$peer->send($_) for split //, head(4, $ok, ['x-long', 'v' x 100])
	    . join '', map { h2_frame('DATA', $_ == 9, 1, "part $_") } 1 .. 9;
	$peer->read_all;
});
my $header = raw(sub {
	my ($peer, $origin) = @_;
	$origin->record('header', $peer->read_until(qr/\r\n/));
	my $h2 = Tideway::H2->new($peer, server => 1);
	$h2->start;
	$h2->read_preface(30);
	$h2->wait_for(sub { $h2->stream(1)->{ended} }, 30);
	$h2->respond(1, 200);
	$h2->ended(30);
});
my $mute = raw(sub { $_[0]->read_all });

my $vn = 'ssl verify none';
my $c = 'check check-proto h2';
my $get = 'option httpchk GET /';

# name, address, options, lines, status, check_status, code, last_chk; a last 1:
# haproxy 2.6 says otherwise
my @case = (
	# --- which connections ---
	[plain => $h2, $c, ['option httpchk'], 'UP', 'L7OK', 200, ''],
	[traffic => $h2, 'check proto h2', [$get], 'UP', 'L7OK', 200, ''],
	[traffich1 => $http1, 'check proto h2 check-proto h1', [$get], 'UP', 'L7OK', 200, ''],
	[rule => $h2, 'check', [$get, 'http-check connect proto h2'], 'UP', 'L7OK', 200, ''],
	[ruleh1 => $http1, $c, [$get, 'http-check connect default proto h1'], 'UP', 'L7OK', 200, ''],
	[rulebare => $http1, $c, [$get, 'http-check connect'], 'UP', 'L7OK', 200, ''],
	[ruledefault => $h2, $c, [$get, 'http-check connect default'], 'UP', 'L7OK', 200, ''],
	[twice => $h2, $c, ['option httpchk', 'http-check connect default',
	    'http-check send meth GET uri /', 'http-check expect status 200',
	    'http-check connect default', 'http-check send meth GET uri /empty?404',
	    'http-check expect status 404'], 'UP', 'L7OK', 404, ''],
	[alpn => $tls, "$vn check check-alpn h2", [$get], 'UP', 'L7OK', 200, ''],
	[offersboth => $both, "$vn check check-alpn h2,http/1.1", [$get], 'UP', 'L7OK', 200, ''],
	[agreedold => $old, "$vn check check-alpn h2,http/1.1", [$get], 'UP', 'L7OK', 200, ''],
	[rulealpn => $tls, 'verify none check', [$get, 'http-check connect ssl alpn h2'],
	    'UP', 'L7OK', 200, ''],
	[server => $tls, "$vn alpn h2,http/1.1 check", [$get], 'UP', 'L7OK', 200, '', 1],
	[serverold => $old, "$vn alpn h2,http/1.1 check", [$get], 'UP', 'L7OK', 200, ''],
	[forced => $tls, "$vn check check-proto h2", [$get], 'UP', 'L7OK', 200, '', 1],
	[header => $header, "$c send-proxy", [$get], 'UP', 'L7OK', 200, ''],
	[lingers => $h2, 'check', [$get, 'http-check connect proto h2 linger'], 'UP', 'L7OK', 200, ''],
	# --- what is expected ---
	[status => $h2, $c, ['option httpchk GET /empty?404'], 'DOWN', 'L7STS', 404, ''],
	[statusok => $h2, $c, ['option httpchk GET /empty?404', 'http-check expect status 404'],
	    'UP', 'L7OK', 404, ''],
	[rstatus => $h2, $c, ['option httpchk GET /empty?418', 'http-check expect rstatus ^41'],
	    'UP', 'L7OK', 418, ''],
	[string => $h2, $c, ['option httpchk GET /big?12000', 'http-check expect string 0001000'],
	    'UP', 'L7OK', 200, ''],
	[rstring => $h2, $c, ['option httpchk GET /trailers', 'http-check expect rstring ^with.*rs$'],
	    'UP', 'L7OK', 200, ''],
	[nostring => $h2, $c, ['option httpchk GET /', 'http-check expect string odd'],
	    'DOWN', 'L7RSP', '', 'HTTP content check did not match'],
	[notstring => $h2, $c, ['option httpchk GET /', 'http-check expect ! string h2'],
	    'DOWN', 'L7RSP', '', 'HTTP check matched unwanted content'],
	[hdr => $h2, $c, [$get, 'http-check expect hdr name x-server value h2'],
	    'UP', 'L7OK', 200, ''],
	[nohdr => $h2, $c, [$get, 'http-check expect hdr name x-server value h3'],
	    'DOWN', 'L7STS', 200, ''],
	[fhdr => $h2, $c, [$get, 'http-check expect fhdr name x-server value -m sub 2'],
	    'UP', 'L7OK', 200, ''],
	[much => $h2, $c, ['option httpchk GET /big?200000', 'http-check expect rstring nope'],
	    'DOWN', 'L7RSP', '', 'HTTP content check did not match'],
	[muchtls => $tls, "$vn check check-alpn h2", ['option httpchk GET /big?200000',
	    'http-check expect rstring nope'], 'DOWN', 'L7RSP', '', 'HTTP content check did not match'],
	[drips => $drips, $c, [$get, 'http-check expect rstring ^part.1.*part.9$'],
	    'UP', 'L7OK', 200, '', 1],
	[maint => $h2, $c, ['option httpchk GET /empty?404', 'http-check disable-on-404'],
	    'NOLB', 'L7OKC', 404, ''],
	[sends => $h2, $c, ['option httpchk', 'http-check send-state', 'http-check send meth POST '
	    . 'uri /echo?x ver HTTP/1.1 hdr Host a.test hdr X-A b body hello',
	    'http-check expect string hello'], 'UP', 'L7OK', 200, ''],
	[headonly => $h2, $c, ['option httpchk HEAD /'], 'UP', 'L7OK', 200, ''],
	[early => $h2, $c, ['option httpchk GET /two'], 'UP', 'L7OK', 200, '', 1],
	[absolute => $h2, $c, ['option httpchk GET http://abs.test/echo?q'], 'UP', 'L7OK', 200, ''],
	[window => $small, $c, ['option httpchk', 'http-check send meth POST uri /echo body '
	    . 'x' x 3000, 'http-check expect rstring x{3000}'], 'UP', 'L7OK', 200, ''],
	# --- answers that are none ---
	[http1 => $sick, $c, [$get], 'DOWN', 'SOCKERR', '',
	    'HTTP/2 connection error PROTOCOL_ERROR: the first frame is not SETTINGS', 1],
	[mute => $mute, $c, [$get], 'DOWN', 'L7TOUT', '', ''],
	[slow => $h2, $c, ['option httpchk GET /slow', 'http-check expect string slow'],
	    'DOWN', 'L7TOUT', '', ''],
	[slowok => $h2, $c, ['option httpchk GET /slow'], 'UP', 'L7OK', 200, ''],
	[wait => $h2, $c, ['option httpchk GET /wait'], 'DOWN', 'L7TOUT', '', ''],
	[rst => $h2, $c, ['option httpchk GET /rst?REFUSED_STREAM'], 'DOWN', 'SOCKERR', '',
	    'HTTP/2 stream reset REFUSED_STREAM', 1],
	[rstmid => $h2, $c, ['option httpchk GET /rst-mid', 'http-check expect string odd'],
	    'DOWN', 'L7RSP', '', 'HTTP content check did not match'],
	[rsthalf => $h2, $c, ['option httpchk GET /rst-mid', 'http-check expect string half'],
	    'UP', 'L7OK', 200, ''],
	[closed => says(head(4, $ok) . h2_frame('DATA', 0, 1, 'half'), close => 1), $c,
	    [$get, 'http-check expect string odd'], 'DOWN', 'L7RSP', '',
	    'HTTP content check did not match'],
	[closedreset => $h2, $c, ['option httpchk GET /close', 'http-check expect string odd'],
	    'DOWN', 'L7RSP', '', 'HTTP content check did not match', 1],
	[goaway => $h2, $c, ['option httpchk GET /goaway'], 'UP', 'L7OK', 200, ''],
	[goawaynow => $h2, $c, ['option httpchk GET /goaway-now'], 'DOWN', 'L7RSP', '',
	    'TCPCHK got an empty response at step 2', 1],
	[goawayerror => says(h2_frame('GOAWAY', 0, 0, pack 'NN', 0, 11), close => 1), $c, [$get],
	    'DOWN', 'L7RSP', '', 'TCPCHK got an empty response at step 2'],
	(map { [$_->[0] => $hangsup, $c, ['option httpchk', map { "http-check $_" } @{ $_->[1] }],
	    'DOWN', $_->[3] // 'L7RSP', $_->[3] ? 0 : '', "TCPCHK got an empty response at step $_->[2]"] }
	    [hangsup => [], 2],
	    [step1 => ['expect status 200'], 1],
	    [step2 => ['send uri /', 'expect status 200'], 2],
	    [step3 => ['connect default'], 3],
	    [step4 => ['connect default', 'comment no', 'send uri /', 'comment why', 'expect status 200'],
		"3 comment: 'why'"],
	    [step5 => ['set-var(check.x) int(1)', 'connect default', 'send uri /',
		'expect status 200 error-status L7STS comment this'], "2 comment: 'this'", 'L7STS'],
	    [step6 => ['expect status 200 on-error words'], 1]),
	[continued => says(h2_frame('HEADERS', 1, 1, hp($ok))
	    . h2_frame('CONTINUATION', 4, 1, hp(['a', 'b']))), $c,
	    [$get, 'http-check expect hdr name a value b'], 'UP', 'L7OK', 200, ''],
	[interrupted => says(h2_frame('HEADERS', 0, 1, hp($ok)) . h2_frame('DATA', 1, 1, 'x')), $c,
	    [$get], 'DOWN', 'SOCKERR', '', 'HTTP/2 connection error', 1],
	[unfinished => says(h2_frame('HEADERS', 0, 1, hp($ok))), $c, [$get], 'DOWN', 'L7TOUT', '', ''],
	[nobody => says(head(5, [':status', 204])), $c, [$get, 'http-check expect string x'],
	    'DOWN', 'L7RSP', '', 'HTTP content check could not find a response body'],
	[short => says(head(4, $ok, ['content-length', 10]) . h2_frame('DATA', 1, 1, 'abc')), $c,
	    [$get, 'http-check expect string abc'], 'DOWN', 'L7RSP', '',
	    'HTTP content check could not find a response body', 1],
	[padded => says(head(4, $ok) . h2_frame('DATA', 'PADDED|END_STREAM', 1, "\3abc\0\0\0")), $c,
	    [$get, 'http-check expect rstring ^abc$'], 'UP', 'L7OK', 200, ''],
	[pings => says(join('', h2_frame('PING', 0, 0, '12345678') x 5) . head(5, $ok)), $c, [$get],
	    'UP', 'L7OK', 200, ''],
	[pingflood => says(join('', h2_frame('PING', 0, 0, '12345678') x 3000)), $c, [$get],
	    'DOWN', 'SOCKERR', '', 'HTTP/2 connection error ENHANCE_YOUR_CALM', 1],
	[nostreams => says(head(5, $ok), settings => h2_frame('SETTINGS', 0, 0,
	    h2_settings(MAX_CONCURRENT_STREAMS => 0))), $c, [$get], 'UP', 'L7OK', 200, ''],
	[odd => says(head(5, [':status', 600])), $c, [$get], 'DOWN', 'L7STS', 600, ''],
	(map { [$_->[0] => says($_->[1]), $c, [$get], 'DOWN', 'SOCKERR', '', "HTTP/2 $_->[2]", 1] }
	    [settings => h2_frame('SETTINGS', 0, 0, 'xx'), 'connection error FRAME_SIZE_ERROR'],
	    [toolong => h2_frame('DATA', 0, 1, 'x', length => 100000), 'connection error FRAME_SIZE_ERROR'],
	    [hpack => h2_frame('HEADERS', 5, 1, "\xff" x 7), 'connection error COMPRESSION_ERROR'],
	    [upper => head(5, $ok, ['X-A', 'b']), 'stream reset PROTOCOL_ERROR'],
	    [nostatus => head(5, ['x-a', 'b']), 'stream reset PROTOCOL_ERROR'],
	    [newline => head(5, $ok, ['x-a', "b\r\nc: d"]), 'stream reset PROTOCOL_ERROR'],
	    [letters => head(5, [':status', 'abc']), 'stream reset PROTOCOL_ERROR'],
	    [chunked => head(5, $ok, ['transfer-encoding', 'chunked']), 'stream reset PROTOCOL_ERROR'],
	    [pushed => h2_frame('PUSH_PROMISE', 4, 1, pack('N', 2) . hp($ok)),
		'connection error PROTOCOL_ERROR']),
	[bighead => says(h2_frame('HEADERS', 1, 1, hp($ok)) . join('', map { h2_frame('CONTINUATION',
	    $_ == 3 ? 4 : 0, 1, hp(["x-$_", 'v' x 9000])) } 1 .. 3)), $c, [$get],
	    'DOWN', 'SOCKERR', '', 'HTTP/2 stream reset CANCEL: a head that is too large', 1],
	# it kills haproxy 2.6
	[bodyonly => says(h2_frame('DATA', 1, 1, 'x')), $c, [$get], 'DOWN', 'SOCKERR', '',
	    'HTTP/2 ', 1],
	[refused => '127.0.0.1:1', $c, [$get], 'DOWN', 'L4CON', '', 'Connection refused'],
);

my $sock = Tideway::Test::temp_dir() . '/ctl';

sub backend
{
	my ($n, $addr, $options, $lines, @want) = @{ $_[0] };
	# what is to end in time must not be late, what is not must not wait
	my ($secs, $inter) = $want[1] =~ /TOUT/ ? ('1s', '1s') : ('60s', '10s');

	return "backend $n\n    timeout connect $secs\n    timeout check $secs\n"
	    . join('', map { "    $_\n" } @$lines)
	    . '    server s ' . (ref $addr ? $addr->addr : $addr)
	    . " $options inter $inter rise 1 fall 1\n";
}

sub text
{
	my (@cases) = @_;

	return "global\n    stats socket $sock level admin\n    max-spread-checks 100\n"
	    . defaults() . "    mode http
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
" . join('', map { backend($_) } @cases) . "backend up
    timeout check 60s
    balance roundrobin
    option httpchk GET /dynamic
    server old 127.0.0.1:1
";
}

alarm 240 * ($ENV{TW_TIME_SCALE} || 1); # two programs, and checks that end in time
my @these = grep { is_tideway() || !$_->[8] } @case;
my $p = start_proxy(text(@these));
my %ours = check_reports($p, scalar @these);

for my $case (@these) {
	my $want = join ' | ', @$case[4 .. 7];
	like($ours{ $case->[0] }, $case->[7] =~ /^HTTP/ ? qr/^\Q$want\E/ : qr/^\Q$want\E$/, $case->[0]);
}

# --- what is asked ---

if (is_tideway()) {
	my %asked = map { $_->path => $_ } $h2->requests;
	my ($plain) = grep { $_->method eq 'OPTIONS' } $h2->requests;
	is(mem($plain), ":method=OPTIONS :scheme=http :authority=${\ $h2->addr} :path=/",
	    'a request without a host: its server');
	like(mem($asked{'/echo?x'}), qr{^:method=POST :scheme=http :authority=a\.test :path=/echo\?x x-a=b x-haproxy-server-state=UP; address=.* content-length=5$},
	    'what http-check send says');
	is($asked{'/echo?x'}->body, 'hello', 'its body');
	is(mem($asked{'/echo?q'}), ':method=GET :scheme=http :authority=abs.test :path=/echo?q',
	    'an absolute target');
	my ($over) = grep { mem($_) =~ /scheme=https/ } $tls->requests;
	is(mem($over), ":method=GET :scheme=https :authority=${\ $tls->addr} :path=/", 'over TLS');
	ok(!$_->events('violation'), "no violations: $_->{name}") or diag explain [$_->events('violation')]
	    for $h2, $small, $tls, $both;
	like(($header->events('header'))[0][2], qr/^PROXY TCP4/, 'the PROXY header goes before');
	ok(scalar(grep { $_->[2] =~ /^SETTINGS 0 1 / } $h2->events('frame')), 'SETTINGS are acknowledged');
	ok(scalar(grep { $_->[2] =~ /^GOAWAY / } $h2->events('frame')), 'and the end is told');
	is(scalar(grep { ($_->[2] // '') !~ /^NO_ERROR$/ } $h2->events('goaway')), 0, 'without an error');
	is(scalar($both->requests), 1, 'what both sides speak');
	ok(scalar($old->events('request')), 'and the other');
}

# --- a reload; servers added at run time ---

if (is_tideway()) {
	my $n = $h2->requests;
	my $one = [one => $h2, "$c", ['option httpchk GET /wait'], 'UP', 'L7OK', 200, ''];
	my $changed = [plain => $h2, $c, ['option httpchk GET /after'], 'UP', 'L7OK', 200, ''];
	$p->write_config(text($one, $changed) =~ s/inter 10s/inter 50ms/gr . "
healthcheck named
    type httpchk GET /named
    http-check connect proto h2
defaults more
    mode http
    timeout connect 60s
    timeout check 60s
    option httpchk GET /inherited
    http-check connect default proto h2
    default-server inter 100ms rise 1
backend inherits from more
    server s ${\ $h2->addr} check
backend template from more
    http-check connect default
    http-check send meth GET uri /template
    default-server check-proto h2
    server-template s 2 ${\ $h2->addr} check
");
	$p->signal('USR2');
	ok((wait_until { grep { $_->path eq '/after' } $h2->requests } 60), 'after a reload as it says now');
	ok((wait_until { grep { $_->path eq '/wait' } ($h2->requests)[$n .. $h2->requests - 1] }),
	    'a check is under way');
	for my $path (qw(inherited template)) {
		ok((wait_until { grep { $_->path eq "/$path" } $h2->requests }), "$path: asked");
	}
	ok((wait_until { (() = $p->get('stats', '/s;csv')->body =~ /^(?:inherits|template),s\d?,.*L7OK,200/mg) == 3 }),
	    'rules and words of defaults');
	my %row = check_rows($p);
	like($row{plain}, qr/^UP \| L7OK/, 'who was up stays so');
	$p->signal('USR2'); # in the middle of it
	my $seen = grep { $_->path eq '/after' } $h2->requests;
	ok((wait_until { grep({ $_->path eq '/after' } $h2->requests) > $seen + 3 }), 'on and on');

	for my $add (['new', $h2->addr . ' check-proto h2'],
	    ['named', $h2->addr . ' healthcheck named'],
	    ['sec', $tls->addr . " $vn check-ssl check-alpn h2"]) {
		like(cli_ask($sock, "add server up/$add->[0] $add->[1] check inter 100ms rise 1"),
		    qr/registered/, "add server: $add->[0]");
		cli_ask($sock, "enable health up/$add->[0]; enable server up/$add->[0]");
		ok((wait_until { $p->get('stats', '/s;csv')->body =~ /^up,$add->[0],.*L7OK,200/m }),
		    'is checked');
		cli_ask($sock, "disable server up/$add->[0]");
		ok((wait_until { cli_ask($sock, "del server up/$add->[0]") =~ /deleted/ }), 'and deleted');
	}
}
stop_proxy($p);

# --- as haproxy ---

if (is_tideway() && find_haproxy()) {
	my @same = grep { !$_->[8] } @case;
	my $h = start_proxy(text(@same), bin => find_haproxy());
	my %theirs = check_reports($h, scalar @same);
	is($ours{ $_->[0] }, $theirs{ $_->[0] }, "$_->[0]: as haproxy") for @same;
	stop_proxy($h);
}

# --- what is wrong ---

sub wrong { return check_config(defaults() . "backend b\n$_[0]\n", @_[1 .. $#_])->{all} }

if (is_tideway()) {
	my $s = "    mode http\n    option httpchk\n    server s 127.0.0.1:1 check";
	unlike(wrong("$s check-proto h2"), qr/ALERT/, 'check-proto h2');
	unlike(wrong("    default-server check-proto h2\n$s"), qr/ALERT/, 'of default-server');
	unlike(wrong("    http-check connect proto h2\n$s"), qr/ALERT/, 'proto h2');
	unlike(wrong("    option tcp-check\n    tcp-check connect proto none\n    server s 127.0.0.1:1 check"),
	    qr/ALERT/, 'proto none of tcp-check');
	like(wrong("$s check-proto"), qr/'check-proto' expects/, 'check-proto without a name');
	like(wrong("$s check-proto odd"), qr/'check-proto' does not know 'odd'; write h1, h2 or none/, 'an odd one');
	like(wrong("$s check-proto fcgi"), qr/'check-proto fcgi' is known to HAProxy 3\.4 but not supported/, 'fcgi');
	like(wrong("    http-check connect proto"), qr/'proto' needs a value/, 'proto without a name');
	like(wrong("    http-check connect proto none"), qr/'proto none' does not go with 'http-check connect': write h1 or h2/, 'none');
	like(wrong("    tcp-check connect proto h2"), qr/'proto h2' does not go with 'tcp-check connect': write none/, 'h2 of tcp-check');
	like(wrong("    server s 127.0.0.1:1 check check-proto h2"), qr/'check-proto h2' does not go with its checks, which do not speak HTTP/, 'no HTTP checks');
	like(wrong("$s check-alpn h2,h3"), qr/'check-alpn' : HTTP checks do not speak 'h3'; write h2, http\/1\.1/, 'check-alpn h3');
	like(wrong("    http-check connect ssl alpn odd"), qr/'alpn' : HTTP checks do not speak 'odd'/, 'alpn');

	my @names = grep { $_ ne 'h2' } map { m{([^/]+)\.so$} } glob "$ENV{TIDEWAY_MODULE_PATH}/*.so";
	my $without = "global\n" . join '', map { "    module-load $_\n" } @names;
	my $all = sub { check_config($without . defaults() . "backend b\n$_[0]\n")->{all} };
	unlike($all->($s), qr/ALERT/, 'without the module h2: the others');
	like($all->("$s check-proto h2"), qr/'check-proto h2' needs the module h2: add 'module-load h2'/, 'check-proto');
	like($all->("$s check-alpn h2"), qr/speak 'h2' only with the module h2: add 'module-load h2'/, 'check-alpn');
	like($all->("    http-check connect proto h2"), qr/'proto h2' needs the module h2/, 'proto');
	like($all->("    option grpc-check"), qr/'option grpc-check' needs the module h2: add 'module-load h2'/, 'grpc-check');
	like($all->("    http-check connect ssl alpn h2"), qr/'alpn' : .* module h2/, 'alpn');
}
done_testing();
