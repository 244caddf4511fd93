# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# OCSP answers: read from a file beside the certificate, set by the control
# socket, asked for by ourselves; and what clients that ask for them see. The
# responder is an origin whose first path segment says how it behaves.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Dns;
use Tideway::TLS;
use MIME::Base64;

my $dir = Tideway::Test::temp_dir();
my $log = syslog_udp();
my $responder = origin(name => 'ocsp', respond => sub {
	my ($req, $c, $o) = @_;
	my ($name, $how) = $req->uri =~ m{^(?:http://[^/]+)?/(\w+)\.(\w+)}
	    or return response(404);
	my $der = -e "$dir/der.$name" ? slurp("$dir/der.$name") : '';
	my $type = 'application/ocsp-response';
	return response(500, 'broken') if $how eq 'broken' || $o->is_set('down');
	return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
	    if $how eq 'html';
	return "HTTP/1.1 200 OK\r\nContent-Type: $type\r\nContent-Length: 4\r\n\r\njunk"
	    if $how eq 'junk';
	return "no http\r\n\r\n" if $how eq 'nohttp';
	return join '', "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n",
	    "Transfer-Encoding: chunked\r\n\r\n",
	    (map { sprintf "%x;x=y\r\n%s\r\n", length, $_ } unpack '(a100)*', $der),
	    "0\r\nA: b\r\n\r\n" if $how eq 'chunked';
	$c->send("HTTP/1.1 200 OK\r\nContent-Type: $type\r\n\r\n$der"),
	    $c->close, return undef if $how eq 'close';
	return "HTTP/1.1 200 OK\r\nContent-Type: $type\r\nContent-Length: "
	    . length($der) . "\r\n\r\n$der";
});

my $root = ca('Root');
my $other_ca = ca('Root'); # of the same name, with another key
sub aia { 'authorityInfoAccess = OCSP;URI:http://' . $responder->addr . "/$_[0]\n" }

# a certificate whose responder behaves like that, and knows about it
sub site
{
	my ($name, $how, %opt) = @_;
	my $c = cert("$name.test", ca => $root, file => $name,
	    $how ? (ext => aia("$name.$how")) : ());
	bundle("$name.pem", $c->{crt}, $root->{crt}, $c->{key})
	    unless $opt{no_issuer};
	Tideway::Test::spew("der.$name", slurp(ocsp_response($root, $c)));
	return $c;
}

sub name { $_[0]{cn} =~ s/\.test//r }
sub config
{
	my ($global, @sites) = @_;

	return "global
    log ${\ $log->addr} local0
    stats socket $dir/ctl.sock level admin
    $global
" . defaults('log global') . join '', (map { "frontend $_->{cn}
    bind {BIND:${\ name($_)}} ssl crt $_->{pem}
" } @sites), "frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /
";
}

my $p;
sub ask { return cli_ask("$dir/ctl.sock", $_[0]) =~ s/\n+\z//r }
sub staple
{
	my ($c, %o) = @_;

	return s_client($p->addr(name($c)), ca => $root, ocsp => 1, %o)->{ocsp} // 'none';
}
# one that is newer by a second at least than all that were made before
sub newer
{
	my $made = CORE::time; # openssl's clock, which is a few ms behind the other

	wait_until { CORE::time() > $made };
	return slurp(ocsp_response($root, $_[0], minutes => 90));
}
sub der { return slurp("$dir/der.$_[0]") }
sub set_file { return Tideway::Test::spew("$_[0].pem.ocsp", $_[1]) }
sub b64 { return encode_base64($_[0], '') }
sub warned
{
	my ($c) = @_;

	return check_config(config('', $c) =~ s/\{BIND:[\w.]+\}/127.0.0.1:0/gr);
}

subtest 'the file beside the certificate' => sub {
	my $good = site('good');
	my $revoked = site('revoked');
	my $none = site('none');
	my $empty = site('empty');

	set_file('good', der('good'));
	revoke($root, $revoked);
	set_file('revoked', slurp(ocsp_response($root, $revoked)));
	set_file('empty', '');
	my $r = warned($good);
	is($r->{code}, 0, 'a good one') or diag $r->{all};
	unlike($r->{all}, qr/OCSP/, 'no warning');
	$p = start_proxy(config('', $good, $revoked, $none, $empty));
	is(staple($good, version => 'tls1_2'), 'good', 'TLS 1.2');
	is(staple($good, version => 'tls1_3'), 'good', 'TLS 1.3');
	is(staple($revoked), 'revoked', 'a revoked one is told');
	is(staple($none), 'none', 'no file, no answer');
	is(staple($empty), 'none', 'an empty file');
	like(s_client($p->addr('good'), ca => $root, args => ['-tlsextdebug'])->{out},
	    qr/\A(?!.*"status request")/s, 'not unless a client asks');
	like(ask('show ssl ocsp-response'), qr/\A# Certificate IDs\n(?:Certificate ID key : [0-9a-f]+\nCertificate path : \S+\n Certificate ID:\n   Issuer Name Hash: [0-9A-F]{40}\n   Issuer Key Hash: [0-9A-F]{40}\n   Serial Number: [0-9A-F]+\n?){3}\z/, 'three are known');
	stop_proxy($p);
};

subtest 'files that are no good' => sub {
	my $c = site('bad');
	my $stranger = site('stranger');
	my $forged = "$dir/forged.der";
	openssl('ocsp', '-index', "$root->{dir}/index.txt", '-CA', $root->{crt},
	    '-rsigner', $other_ca->{crt}, '-rkey', $other_ca->{key}, '-issuer',
	    $root->{crt}, '-cert', $c->{crt}, '-no_nonce', '-nmin', 60, '-respout',
	    $forged, '-noverify');
	my %bad = (garbage => [ 'garbage', qr/Unable to parse OCSP response/ ],
	    status => [ "0\003\n\001\001", qr/OCSP response status not successful/ ],
	    other => [ der('stranger'), qr/Certificate ID does not match certificate and issuer/ ],
	    signature => [ slurp($forged), qr/not signed by the certificate's issuer/ ],
	    cut => [ substr(der('bad'), 0, -9), qr/Unable to parse OCSP response/ ]);

	for (sort keys %bad) {
		set_file('bad', $bad{$_}[0]);
		my $r = warned($c);
		is($r->{code}, 0, "$_: a warning");
		like($r->{all}, qr/Loading '\S+bad\.pem\.ocsp': .*$bad{$_}[1].*Content will be ignored\./, 'it says why');
	}
	$p = start_proxy(config('', $c));
	is(staple($c), 'none', 'not sent');
	stop_proxy($p);
	my $alone = cert('alone.test', ca => $root, file => 'alone');
	set_file('alone', 'x');
	my $r = warned($alone);
	is($r->{code}, 1, 'no issuer: an error');
	like($r->{all}, qr/alone\.pem\.ocsp' is present and activates OCSP but it is impossible to compute the OCSP certificate ID/, 'it says so');
	Tideway::Test::spew('alone.pem.issuer', slurp($root->{crt}));
	is(warned($alone)->{code}, 0, 'with a file of its own it is there');
	Tideway::Test::spew('alone.pem.issuer', slurp($c->{crt}));
	$r = warned($alone);
	like($r->{all}, qr/alone\.pem\.issuer' is not the issuer of/, 'another one is not it');
};

subtest 'the control socket' => sub {
	my $c = site('cli');
	my $stranger = site('nobody');

	set_file('cli', '');
	$p = start_proxy(config('', $c));
	is(staple($c), 'none', 'nothing yet');
	like(ask('show ssl ocsp-response ' . "$dir/cli.pem"), qr/no OCSP response/i, 'it says so');
	is(ask('set ssl ocsp-response'),
	    "'set ssl ocsp-response' expects response in base64 encoding.", 'nothing said');
	is(ask('set ssl ocsp-response !!'),
	    "'set ssl ocsp-response' received invalid base64 encoded response.", 'not base64');
	is(ask('set ssl ocsp-response abcd'), 'Unable to parse OCSP response.', 'not OCSP');
	is(ask('set ssl ocsp-response ' . b64(der('nobody'))),
	    'OCSP single response: Certificate ID does not match any certificate or issuer.',
	    'of another certificate');
	is(ask('set ssl ocsp-response ' . b64(der('cli'))), 'OCSP Response updated!', 'set');
	is(staple($c), 'good', 'sent');
	is(ask("set ssl ocsp-response <<\n" . encode_base64(der("cli"))),
	    'OCSP Response updated!', 'in lines');
	my ($id) = ask('show ssl ocsp-response') =~ /key : (\S+)/;
	my $text = openssl('ocsp', '-respin', Tideway::Test::spew('x.der', der('cli')),
	    '-noverify', '-resp_text') =~ s/\n+\z//r =~ s/^$/ /gmr;
	is(ask("show ssl ocsp-response $id"), $text =~ s/^ \n(?=-----END)//mr, 'its text');
	is(ask("show ssl ocsp-response text $dir/cli.pem"), ask("show ssl ocsp-response $id"),
	    'by its path');
	is(ask("show ssl ocsp-response base64 $id"), b64(der('cli')), 'as base64');
	is(ask('show ssl ocsp-response 00'), 'Certificate ID does not match any certificate.',
	    'an unknown one');
	is(ask("update ssl ocsp-response $dir/cli.pem"), 'Certificate has no OCSP uri.',
	    'it names no responder');
	like(ask('update ssl ocsp-response x'), qr/already have a known OCSP response/, 'no such file');
	like(ask('update ssl ocsp-response'), qr/expects a filename/, 'no name');
	my $newer = newer($c);
	is(ask('set ssl ocsp-response ' . b64($newer)), 'OCSP Response updated!', 'a newer one');
	is(ask('set ssl ocsp-response ' . b64(der('cli'))),
	    'OCSP single response: it is older than the one in force, which is still valid.', 'no older one');
	is(ask('set ssl ocsp-response ' . b64($newer)), 'OCSP Response updated!', 'the same again');
	is(ask("show ssl ocsp-response base64 $id"), b64($newer), 'is in force');
	$p->write_config(config('', $c));
	$p->signal('USR2');
	ok($p->wait_output(qr/generation 2|Reloaded/i), 'a reload');
	is(staple($c), 'good', 'keeps it');
	stop_proxy($p);
};

subtest 'automatic update' => sub {
	my %c = map { $_ => site($_, $_) } qw(ok chunked close broken html junk nohttp);

	revoke($root, $c{close});
	Tideway::Test::spew('der.close', slurp(ocsp_response($root, $c{close})));
	$p = start_proxy(config('ocsp-update.mode on', map { $c{$_} } sort keys %c));
	ok(wait_until { staple($c{ok}) eq 'good' }, 'fetched at once');
	ok(wait_until { staple($c{chunked}) eq 'good' }, 'in chunks');
	ok(wait_until { staple($c{close}) eq 'revoked' }, 'until the connection ends');
	my %want = (ok => '1 | 0 | 1 | Update successful', broken => '0 | 1 | 2 | HTTP error',
	    html => '0 | 1 | 3 | Missing "ocsp-response" header', nohttp => '0 | 1 | 2 | HTTP error',
	    junk => '0 | 1 | 4 | OCSP response check failure');
	my $date = qr{\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [-+]\d{4}};
	for (sort keys %want) {
		my $re = qr{^30[0-9a-f]+ \| \S+/$_\.pem \| $date \| (?:-|$date) \| \Q$want{$_}\E$}m;
		ok(wait_until { ask('show ssl ocsp-updates') =~ $re }, "$_: told")
		    or diag ask('show ssl ocsp-updates');
	}
	like(ask('show ssl ocsp-updates'), qr/\AOCSP Certid \| Path \| Next Update \| Last Update \| Successes \| Failures \| Last Update Status \| Last Update Status \(str\)\n/, 'titles');
	is(staple($c{broken}), 'none', 'errors are not sent');
	ok($log->wait_for(qr{<OCSP-UPDATE> \S+/ok\.pem 1 "Update successful" 0 1}), 'a log line')
	    if $log->can('wait_for');
	ok($p->wait_output(qr{<OCSP-UPDATE> \S+/ok\.pem 1 "Update successful" 0 1}), 'a message');
	ok($p->wait_output(qr{<OCSP-UPDATE> \S+/html\.pem 3 "Missing "ocsp-response" header" 1 0}), 'of an error');
	my ($get) = grep { $_->uri =~ /ok\.ok/ } $responder->requests;
	like($get->{raw}, qr{^GET /ok\.ok/[\w%]+ HTTP/1\.1\r\nHost: \Q${\ $responder->addr}\E\r\n}, 'a GET');
	my ($path) = $get->uri =~ m{/ok\.ok/(.*)};
	$path =~ s/%(..)/chr hex $1/ge;
	like(openssl('ocsp', '-reqin', Tideway::Test::spew('q.der', decode_base64($path)),
	    '-req_text'), qr/Serial Number: 0*\Q$c{ok}{serial}\E/i, 'about that certificate');
	my $was = der('ok');
	Tideway::Test::spew('der.ok', newer($c{ok}));
	my $text = ask("update ssl ocsp-response $dir/ok.pem");
	like($text, qr/\AOCSP Response Data:\n.*Cert Status: good/s, 'asked for once more');
	like(ask('show ssl ocsp-updates'), qr{/ok\.pem \| $date \| $date \| 2 \| 0 \| 1}, 'counted');
	like(ask("update ssl ocsp-response $dir/broken.pem"), qr/HTTP error/, 'an error is told');
	Tideway::Test::spew('der.ok', $was);
	like(ask("update ssl ocsp-response $dir/ok.pem"), qr/check failure \(.*older than the one in force/, 'an older one is refused');
	like($p->get('stats', '/')->body, qr{tls_ocsp_older_total</dt><dd>1</dd>}, 'and counted');
	like(ask('show ssl ocsp-updates'), qr{/ok\.pem \| $date \| $date \| 2 \| 1 \| 4}, 'as a failure');
	my $n = $responder->requests;
	$p->write_config(config('ocsp-update.mode on', $c{ok}, $c{broken}));
	$p->signal('USR2');
	ok($p->wait_output(qr/generation 2|Reloaded/i), 'a reload');
	is(staple($c{ok}), 'good', 'keeps what was fetched');
	like(ask('show ssl ocsp-updates'), qr{/ok\.pem \| $date \| $date \| 2 \| 1}, 'and its counts');
	ok(wait_until { ask('show ssl ocsp-updates') !~ m{/html\.pem} }, 'others are gone');
	is(scalar(my @r = $responder->requests), $n, 'nobody was asked again');
	$p->write_config(config("ocsp-update.mode on\n    ocsp-update.disable on", $c{ok}));
	$p->signal('USR2');
	ok(wait_until { ask('show ssl ocsp-updates') !~ /\n/ }, 'disabled');
	stop_proxy($p);
};

subtest 'the delay doubles' => sub {
	my $c = site('slow', 'broken');

	$p = start_proxy(config("ocsp-update.mode on\n    ocsp-update.mindelay 1\n"
	    . '    ocsp-update.maxdelay 2', $c));
	ok(wait_until { ask('show ssl ocsp-updates') =~ m{slow\.pem.* \| 0 \| [3-9] \| 2} }, 'again and again');
	stop_proxy($p);
	$p = start_proxy(config("ocsp-update.mode on\n    tune.ssl.ocsp-update.mindelay 1\n"
	    . '    tune.ssl.ocsp-update.maxdelay 1', $c = site('again', 'ok')));
	ok(wait_until { ask('show ssl ocsp-updates') =~ m{again\.pem.* \| [3-9] \| 0 \| 1} }, 'maxdelay');
	stop_proxy($p);
};

subtest 'a responder by its name' => sub {
	my $host = $responder->addr =~ s/:.*//r;
	my $dns = Tideway::Dns->new(zone => { 'ocsp.test/A' => ["$host"],
	    'ocsp.test/AAAA' => 'empty', 'none.test/A' => 'nx', 'none.test/AAAA' => 'nx' });
	my @c = map {
		my $c = cert("$_.test", ca => $root, file => $_, ext => 'authorityInfoAccess = OCSP;URI:http://'
		    . ($_ eq 'named' ? 'ocsp' : 'none') . '.test:' . $responder->port . "/$_.ok\n");
		bundle("$_.pem", $c->{crt}, $root->{crt}, $c->{key});
		Tideway::Test::spew("der.$_", slurp(ocsp_response($root, $c)));
		$c
	} qw(named lost);

	$p = start_proxy(config('ocsp-update.mode on', @c) . "resolvers default
    nameserver d ${\ $dns->addr}\n");
	ok(wait_until { staple($c[0]) eq 'good' }, 'found by the resolvers section');
	ok($p->wait_output(qr/lost\.pem from http:\S+: the responder's name is not known/), 'one that is not there');
	stop_proxy($p);
};

subtest 'through a proxy' => sub {
	my $c = cert('far.test', ca => $root, file => 'far',
	    ext => "authorityInfoAccess = OCSP;URI:http://ocsp.invalid/far.ok\n");
	bundle('far.pem', $c->{crt}, $root->{crt}, $c->{key});
	Tideway::Test::spew('der.far', slurp(ocsp_response($root, $c)));
	$p = start_proxy(config("ocsp-update.mode on\n    ocsp-update.httpproxy "
	    . $responder->addr, $c));
	ok(wait_until { staple($c) eq 'good' }, 'fetched');
	my ($get) = grep { $_->uri =~ /far/ } $responder->requests;
	like($get->{raw}, qr{^GET http://ocsp\.invalid/far\.ok/\S+ HTTP/1\.1\r\nHost: ocsp\.invalid\r\n}, 'the whole URL');
	stop_proxy($p);
};

subtest 'lines of a crt-list' => sub {
	my ($on, $off) = (site('on', 'ok'), site('off', 'ok'));
	my $list = Tideway::Test::spew('list', "$on->{pem} [ocsp-update on]
$off->{pem} [ocsp-update off alpn http/1.1]
$on->{pem} [ocsp-update on] alias.test\n");
	my $conf = sub { return config($_[0]) . "frontend f
    bind {BIND:f} ssl crt-list $list\n" };
	my $see = sub {
		return s_client($p->addr('f'), sni => $_[0], ocsp => 1)->{ocsp} // 'none';
	};

	for my $mode (qw(off on)) {
		$p = start_proxy($conf->("ocsp-update.mode $mode"));
		ok(wait_until { $see->('on.test') eq 'good' }, "mode $mode: on");
		is($see->('alias.test'), 'good', 'of the same certificate');
		is($see->('off.test'), 'none', 'off');
		unlike(ask('show ssl ocsp-updates'), qr/off\.pem/, 'off, not to be updated');
		stop_proxy($p);
	}
	my $store = sub { return config('ocsp-update.mode on') . "crt-store st
    load crt $on->{crt} key $on->{key} issuer $root->{crt} alias on ocsp-update on
    load crt $off->{crt} key $off->{key} issuer $root->{crt} alias off ocsp-update $_[0]
frontend f
    bind {BIND:f} ssl crt \@st/on crt \@st/off\n" };
	$p = start_proxy($store->('off'));
	ok(wait_until { $see->('on.test') eq 'good' }, 'a load line: on');
	is($see->('off.test'), 'none', 'off');
	like(ask('show ssl ocsp-updates'), qr{ \| \@st/on \| }, 'by its name');
	unlike(ask('show ssl ocsp-updates'), qr{\@st/off}, 'not the other one');
	stop_proxy($p);
	like(check_config($store->('x') =~ s/\{BIND:[\w.]+\}/127.0.0.1:0/gr)->{all},
	    qr/'load' : 'ocsp-update' expects 'on' or 'off', not 'x'/, 'another word');
	my %bad = ("$on->{pem} [ocsp-update on]\n$on->{pem} [ocsp-update off] b.test\n" =>
	    qr/Incompatibilities found in OCSP update mode for certificate \S+on\.pem/,
	    "$on->{pem} [ocsp-update x]\n" => qr/ocsp-update : expects 'on' or 'off', not 'x'/,
	    "$on->{pem} [ocsp-update]\n" => qr/ocsp-update : expects 'on' or 'off', not ''/);
	for (sort keys %bad) {
		Tideway::Test::spew('list', $_);
		my $r = check_config($conf->('') =~ s/\{BIND:[\w.]+\}/127.0.0.1:0/gr);
		is($r->{code}, 1, 'refused');
		like($r->{all}, $bad{$_}, 'it says why');
	}
	my $plain = cert('plain.test', ca => $root);
	Tideway::Test::spew('list', "$plain->{pem} [ocsp-update on]\n");
	my $r = check_config($conf->('') =~ s/\{BIND:[\w.]+\}/127.0.0.1:0/gr, '-V');
	is($r->{code}, 0, 'no responder: nothing to do');
	like($r->{all}, qr/plain|cert\d+\.pem' names no OCSP responder/, 'it says so');
};

subtest 'words' => sub {
	my %bad = ('ocsp-update.mode x' => qr/expects 'on' or 'off', not 'x'/,
	    'ocsp-update.disable' => qr/ocsp-update\.disable/,
	    'ocsp-update.mindelay x' => qr/'x'/, 'ocsp-update.mindelay 0' => qr/at least one second/,
	    'ocsp-update.mindelay 4000' => qr/mindelay' \(4000\) is more than.*\(3600\)/,
	    'ocsp-update.maxdelay 100' => qr/\(300\) is more than.*\(100\)/,
	    'ocsp-update.httpproxy 1.2.3.4:x' => qr/port from 1 to 65535/,
	    'ocsp-update.httpproxy a/b' => qr/more than a host and a port/);

	for (sort keys %bad) {
		my $r = check_config("global\n    $_\n" . defaults()
		    . "frontend f\n    bind 127.0.0.1:0\n");
		is($r->{code}, 1, $_);
		like($r->{all}, $bad{$_}, 'it says why');
	}
};

done_testing();
