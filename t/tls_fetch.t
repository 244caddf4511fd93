# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Fetches of TLS from clients: values beside what the client itself knows, those
# that Debian's haproxy has not, each place they are used in, and refusals.
# t/tls_fetch_compare.t has the rest.
use Tideway::Test;
use Tideway::H2;
use Tideway::TLS;

my $ca = ca('Root', subject => '/C=DE/CN=Root CA');
my $mid = ca('Mid', ca => $ca);
my $site = cert('www.example.org', ca => $ca, type => 'rsa');
my $alice = cert('alice', ca => $mid, client => 1,
    names => ['email:alice@example.org', 'alice.example.org', '10.0.0.1']);
my $plain_crt = cert('bob', ca => $ca, client => 1, names => []);
my $old = cert('old', ca => $ca, client => 1, days => -1);
my $GET = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
my $dir = Tideway::Test::temp_dir();
my @secrets = qw(client_early_traffic_secret client_handshake_traffic_secret
    client_traffic_secret_0 early_exporter_secret exporter_secret
    server_handshake_traffic_secret server_traffic_secret_0);

my $o = origin(name => 's');
my $log = syslog_unix();

sub formats
{
	my (@fetches) = @_;

	return spew('f' . @fetches . '.lf', join('', map { "$_ = <%[$_]>\n" }
	    @fetches) . "END\n");
}

my $file = formats(split(' ', 'ssl_fc_client_random,hex ssl_fc_server_random,hex
    ssl_fc_session_key,hex ssl_fc_session_id,hex ssl_fc_unique_id,hex
    ssl_fc_is_resumed ssl_fc_curve ssl_c_san ssl_c_r_dn ssl_c_r_dn(CN)
    ssl_c_r_dn(,0,rfc2253) ssl_fc_crtname ssl_f_s_dn ssl_fc_early_rcvd ssl_fc_has_early ssl_fc_err'),
    map { "ssl_fc_$_" } @secrets);
my $map = spew('sni.map', "mapped.example by_map\n");
my $named = cert('named.example', ca => $ca, type => 'rsa');
my $opt = "ssl crt $site->{pem} crt $named->{pem} ca-file $ca->{crt}";
my $text = "global
    log $log->{addr} len 4000 local0
" . defaults('log global') . "
frontend web
    bind {BIND:web} $opt verify optional
    bind {BIND:ign} $opt verify optional ca-ignore-err all crt-ignore-err all
    bind {BIND:plain}
    http-request return status 200 content-type text/plain lf-file $file
";
my $p = start_proxy($text);
my $with_keys = start_proxy($text =~ s/global\n/global\n    tune.ssl.keylog on\n/r);

sub ask
{
	my ($proxy, $bind, %o) = @_;
	my $f = s_client($proxy->addr($bind), input => $GET, until => qr/^END/m, %o);

	$f->{is} = { $f->{out} =~ /^(\S+?) = <(.*?)>$/msg };
	return $f;
}

# the client's log of keys: label => [random, secret]
sub keys_of
{
	return { map { /^([A-Z]\w+) (\w+) (\w+)/ ? ($1 => [uc $2, uc $3]) : () }
	    split /\n/, Tideway::Test::slurp("$dir/keys") };
}

subtest 'what the client knows, TLS 1.2' => sub {
	my $f = ask($p, 'web', version => 'tls1_2', args => [-keylogfile => "$dir/keys"]);
	my ($random, $key) = @{ keys_of()->{CLIENT_RANDOM} };

	is($f->{is}{'ssl_fc_client_random,hex'}, $random, 'its random bytes');
	is($f->{is}{'ssl_fc_session_key,hex'}, $key, 'the master key');
	unlink "$dir/keys";
};

subtest 'what the client knows, TLS 1.3' => sub {
	my $f = ask($with_keys, 'web', version => 'tls1_3', args => [-keylogfile => "$dir/keys"]);
	my $keys = keys_of();
	my ($random) = @{ $keys->{CLIENT_TRAFFIC_SECRET_0} };

	is($f->{is}{'ssl_fc_client_random,hex'}, $random, 'its random bytes');
	for my $name (@secrets) {
		my $want = $keys->{ uc $name } // ['', ''];
		is(uc $f->{is}{"ssl_fc_$name"}, $want->[1], $name);
	}
	ok((grep { $f->{is}{"ssl_fc_$_"} ne '' } @secrets) >= 5, 'nearly all');
	$f = ask($p, 'web', version => 'tls1_3');
	is((join '', map { $f->{is}{"ssl_fc_$_"} } @secrets), '', 'none unless asked for');
	$f = ask($with_keys, 'web', version => 'tls1_2');
	is((join '', map { $f->{is}{"ssl_fc_$_"} } @secrets), '', 'none in TLS 1.2');
};

subtest 'sessions, TLS 1.2' => sub {
	my $ctx = tls_context(version => 'TLSv1_2');
	my (@got, @peers);

	for my $i (0 .. 1) {
		my $peer = tls_client($p->addr('web'), reuse => $ctx, sni => 'x');
		my $ssl = $peer->sock->_get_ssl_object;
		my $m = $peer->request($GET =~ s/Connection.*?\n//r);
		my %is = $m->body =~ /^(\S+?) = <(.*?)>$/mg;
		my $id = '';
		$i ? Net::SSLeay::get_peer_finished($ssl, $id)
		    : Net::SSLeay::get_finished($ssl, $id);
		is($is{'ssl_fc_is_resumed'}, $i, $i ? 'resumed' : 'new');
		is($is{'ssl_fc_unique_id,hex'}, uc unpack('H*', $id), 'tls-unique');
		like($is{'ssl_fc_server_random,hex'}, qr/^[0-9A-F]{64}$/, 'random bytes');
		push @got, \%is;
		push @peers, $peer; # a session that was closed is not resumed
	}
	is($got[0]{'ssl_fc_session_key,hex'}, $got[1]{'ssl_fc_session_key,hex'}, 'one key');
	isnt($got[0]{'ssl_fc_client_random,hex'}, $got[1]{'ssl_fc_client_random,hex'}, 'others');
};

subtest 'groups' => sub {
	for my $g (['X25519', 'X25519'], ['P-384', 'P-384'], ['P-256', 'P-256']) {
		for my $v (qw(tls1_2 tls1_3)) {
			my $f = ask($p, 'web', version => $v, args => [-curves => $g->[0]]);
			is($f->{is}{ssl_fc_curve}, $g->[1], "$g->[0] $v");
		}
	}
};

subtest 'certificates' => sub {
	my $f = ask($p, 'web', cert => $alice)->{is};

	is($f->{ssl_c_san},
	    'email:alice@example.org, DNS:alice.example.org, IP Address:10.0.0.1', 'names');
	is($f->{ssl_c_r_dn}, '/C=DE/CN=Root CA', 'the root');
	is($f->{'ssl_c_r_dn(CN)'}, 'Root CA', 'its CN');
	is($f->{'ssl_c_r_dn(,0,rfc2253)'}, 'CN=Root CA,C=DE', 'RFC 2253');
	$f = ask($p, 'web', cert => $plain_crt)->{is};
	is($f->{ssl_c_san}, '', 'no names');
	$f = ask($p, 'web')->{is};
	is("$f->{ssl_c_san}$f->{ssl_c_r_dn}", '', 'no certificate');
	is("$f->{ssl_fc_early_rcvd}$f->{ssl_fc_has_early}$f->{ssl_fc_err}", '000', 'nothing early');
};

subtest 'certificates of ours' => sub {
	for my $c (['named.example', $named], ['none', $site], [undef, $site]) {
		my $f = ask($p, 'web', sni => $c->[0])->{is};
		is($f->{ssl_fc_crtname}, $c->[1]{pem}, 'its file');
		is($f->{ssl_f_s_dn}, "/CN=$c->[1]{cn}", 'whose it is');
	}
};

subtest 'clear text' => sub {
	my $body = $p->request('plain', $GET)->body;
	my %is = $body =~ /^(\S+?) = <(.*?)>$/mg;

	is($is{ssl_fc_early_rcvd}, 0, 'no');
	is(join('', map { $is{$_} } grep { !/early_rcvd|is_resumed/ } keys %is), '',
	    'the others have no value');
};
stop_proxy($p);
stop_proxy($with_keys);

# --- where they are used ---

my $lua = spew('t.lua', 'core.register_fetches("mine", function(txn)
	return txn.f:ssl_fc_sni() .. "/" .. txn.f:ssl_c_s_dn("CN") .. "/"
	    .. tostring(txn.f:ssl_fc())
end)
');
$p = start_proxy("global
    log $log->{addr} len 4000 local0
    lua-load $lua
" . defaults('log global', 'option httplog') . "
frontend web
    bind {BIND:web} $opt verify optional
    bind {BIND:ign} $opt verify optional crt-ignore-err X509_V_ERR_CERT_HAS_EXPIRED
    bind {BIND:plain}
    acl clear hdr(host) -m beg clear
    http-request redirect scheme https if !{ ssl_fc } !clear
    http-request set-header X-SSL %[ssl_fc]
    http-request set-header X-SSL-Client-CN %{+Q}[ssl_c_s_dn(cn)] if { ssl_c_used }
    http-request set-header X-SSL-Protocol %sslv
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-SNI %[ssl_fc_sni,lower]
    http-request set-header X-Lua %[lua.mine]
    http-request set-var(txn.c) ssl_fc_cipher
    acl expired ssl_c_verify,x509_v_err_str -m str X509_V_ERR_CERT_HAS_EXPIRED
    http-request deny deny_status 410 if expired
    http-request deny deny_status 429 if { path /admin } !{ ssl_c_verify 0 } or { path /admin } !{ ssl_c_used }
    http-response set-header X-Var %[var(txn.c)]
    http-response set-header X-Now %[ssl_fc_protocol],%[ssl_fc_sni]
    http-request set-header X-Verify %[ssl_c_verify,x509_v_err_str]
    http-request set-header X-Names %[int(10),x509_v_err_str],%[int(999),x509_v_err_str],%[int(-3),x509_v_err_str]
    use_backend by_name if { ssl_fc_sni -i named.example }
    use_backend by_end if { ssl_fc_sni_end .end.example }
    use_backend by_reg if { ssl_fc_sni_reg -i ^re[0-9]+\\.example\$ }
    use_backend by_alg if { path /strong } { ssl_fc_use_keysize ge 128 } { ssl_fc_protocol TLSv1.2 TLSv1.3 }
    use_backend %[ssl_fc_sni,lower,map($map)] if { ssl_fc_has_sni } { ssl_fc_sni,map($map) -m found }
    default_backend other
frontend refuse
    bind {BIND:session} $opt
    tcp-request session reject if { ssl_fc_sni bad.example }
    tcp-request session reject unless { ssl_fc }
    default_backend other
frontend content
    mode tcp
    bind {BIND:content} $opt verify optional
    tcp-request inspect-delay 5s
    tcp-request content reject if { ssl_fc_sni bad.example }
    tcp-request content set-var(sess.cn) ssl_c_s_dn(CN)
    log-format \"raw %[var(sess.cn)] %[ssl_fc_sni] %sslv\"
    use_backend raw_named if { ssl_fc_sni named.example }
    default_backend raw
frontend early
    bind {BIND:early} $opt
    tcp-request connection reject if { ssl_fc_has_sni }
    default_backend other
" . join('', map { "backend $_
    http-request set-header X-Backend $_
    server s ${\ $o->addr}
" } qw(by_name by_end by_reg by_map by_alg))
    . "backend other
    http-request set-header X-Backend other
    balance hash ssl_fc_sni
    stick-table type binary len 20 size 100 expire 1m store http_req_cnt
    stick on ssl_c_sha1
    http-request track-sc0 ssl_c_sha1
    http-request set-header X-Count %[sc0_http_req_cnt]
    use-server t if { ssl_fc_sni -m beg second. }
    server s ${\ $o->addr}
    server t ${\ $o->addr}
backend raw
    mode tcp
    server s ${\ $o->addr}
backend raw_named
    mode tcp
    server named ${\ $o->addr}
");

# the fields of the request that the server saw; the answer's beside them
sub fields
{
	my (%o) = @_;
	my $m = https_get($p->addr('web'), close => 1, host => 'a', %o);
	my $r = ($o->requests)[-1];

	return ($m, sub { $r->header($_[0]) });
}

subtest 'backends' => sub {
	my %want = ('NAMED.example' => 'by_name', 'a.end.example' => 'by_end',
	    'RE12.example' => 'by_reg', 'mapped.example' => 'by_map', 'x.example' => 'other');
	for my $sni (sort keys %want) {
		my ($m, $h) = fields(sni => $sni);
		is($h->('X-Backend'), $want{$sni}, $sni);
	}
	my ($m, $h) = fields(path => '/strong');
	is($h->('X-Backend'), 'by_alg', 'numbers and versions');
	fields(sni => 'second.example');
	ok($log->next_match(qr{ other/t }), 'use-server');
};

subtest 'header fields' => sub {
	my ($m, $h) = fields(sni => 'Www.Example', cert => $alice, version => 'TLSv1_2');

	is($h->('X-SSL'), 1, 'ssl_fc');
	is($h->('X-SSL-Client-CN'), '"alice"', 'quoted');
	is($h->('X-SSL-Protocol'), 'TLSv1.2', '%sslv');
	is($h->('X-Forwarded-Proto'), 'https', 'set');
	is($h->('X-SNI'), 'www.example', 'lower');
	is($h->('X-Lua'), 'Www.Example/alice/1', 'from Lua');
	like($m->header('X-Var'), qr/^ECDHE-/, 'a variable');
	is($m->header('X-Now'), 'TLSv1.2,Www.Example', 'in the response');
	($m, $h) = fields(sni => 'a.example', cert => $alice);
	is($h->('X-Count'), 2, 'a key of a stick table');
	is($h->('X-Verify'), 'X509_V_OK', 'x509_v_err_str');
	is($h->('X-Names'), 'X509_V_ERR_CERT_HAS_EXPIRED,999,-3', 'of numbers');
	($m, $h) = fields(sni => 'a.example');
	is($h->('X-SSL-Client-CN'), undef, 'no certificate');
	is($h->('X-Count'), '', 'no key');
};

subtest 'clear text' => sub {
	my $m = $p->request('plain', "GET /p?q HTTP/1.1\r\nHost: there\r\n\r\n");
	is($m->status, 302, 'redirected');
	is($m->header('Location'), 'https://there/p?q', 'to https');
	$p->request('plain', "GET /p HTTP/1.1\r\nHost: clear\r\n\r\n");
	my $r = ($o->requests)[-1];
	is($r->header('X-SSL'), 0, 'ssl_fc');
	is($r->header('X-SSL-Protocol'), '', 'no version');
};

subtest 'access' => sub {
	my ($m) = fields(path => '/admin');
	is($m->status, 429, 'without a certificate');
	($m) = fields(path => '/admin', cert => $alice);
	is($m->status, 200, 'with one');
	is(https_get($p->addr('ign'), cert => $old)->status, 410, 'out of date');
};

subtest 'rules of connections' => sub {
	is(https_get($p->addr('session'), sni => 'bad.example')->status, 0, 'session');
	is(https_get($p->addr('session'), sni => 'good.example')->status, 200, 'another');
	is(https_get($p->addr('content'), sni => 'bad.example')->status, 0, 'content');
	is(https_get($p->addr('early'), sni => 'bad.example')->status, 200,
	    'before the handshake nothing is known');
	is(https_get($p->addr('content'), sni => 'named.example', cert => $alice,
	    version => 'TLSv1_3', close => 1)->status, 200, 'mode tcp');
	ok($log->next_match(qr/raw alice named.example TLSv1\.3/), 'its log line');
};

subtest 'HTTP/2' => sub {
	my $c = h2_client($p->addr('web'), tls => { sni => 'b.end.example', cert => $alice });
	my $r = $c->get('/x');
	my $h = ($o->requests)[-1];

	is($c->alpn, 'h2', 'agreed upon');
	is($r->header('x-now'), 'TLSv1.3,b.end.example', 'in the response');
	is($h->header('X-Backend'), 'by_end', 'routed');
	is($h->header('X-SSL-Client-CN'), '"alice"', 'the certificate');
	is($h->header('X-Lua'), 'b.end.example/alice/1', 'from Lua');
	$c->close;
} if Tideway::Test::run_cmd('-vv')->{out} =~ /\bh2\b/;

subtest 'a reload' => sub {
	my $peer = tls_client($p->addr('web'), sni => 'named.example', cert => $alice);
	my $get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

	$peer->request($get);
	my $n = $o->requests;
	$p->signal('HUP');
	my $m = https_get($p->addr('web'), sni => 'named.example', close => 1);
	is($m->status, 200, 'a new connection');
	my $r = $peer->request($get);
	SKIP: {
		skip('it was closed', 1) unless $r->status;
		is(($o->requests)[-1]->header('X-SSL-Client-CN'), '"alice"', 'an old one');
	}
};
stop_proxy($p);

# --- refusals ---

sub refused
{
	my ($line, $want) = @_;
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    $line\n");

	is($r->{code}, 1, $line);
	like($r->{all}, $want, 'why');
}

refused('use_backend x if { ssl_fc_npn -i h2 }', qr/ssl_fc_npn.*NPN is obsolete.*ALPN/);
refused('http-response set-header X %[ssl_bc_npn]', qr/NPN is obsolete/);
refused('http-request set-header X %[ssl_c_s_dn(CN,1,ldap)]', qr/'ldap' is unknown: write rfc2253/);
refused('http-request set-header X %[ssl_c_s_dn(CN,x)]', qr/takes a number, not 'x'/);
refused('http-request set-header X %[ssl_c_s_dn(CN,1,rfc2253,x)]', qr/no more arguments/);
refused('http-request set-header X %[ssl_fc_sni(x)]', qr/takes no argument/);
refused('http-request set-header X %[ssl_fc_cipherlist_bin(2),hex]', qr/filter 2 is unknown: write 0 .* or 1/);
refused('http-request set-header X %[ssl_fc_nothing]', qr/unknown fetch 'ssl_fc_nothing'/);
for my $g (['tune.ssl.keylog yes', qr/'on' or 'off'/], ['tune.ssl.keylog', qr/keylog/],
    ['tune.ssl.capture-buffer-size x', qr/capture-buffer-size/],
    ['tune.ssl.capture-buffer-size -1', qr/capture-buffer-size/],
    ['tune.ssl.capture-buffer-size 1 2', qr/capture-buffer-size/],
    ['tune.ssl.capture-cipherlist-size 100000', qr/65536/]) {
	my $r = check_config("global\n    $g->[0]\n" . defaults()
	    . "frontend f\n    bind 127.0.0.1:1\n");
	is($r->{code}, 1, $g->[0]);
	like($r->{all}, $g->[1], 'why');
}

done_testing();
