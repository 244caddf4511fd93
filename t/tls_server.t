# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Traffic to servers over TLS: whom they are asked for, which connections and
# sessions are used again, what is agreed upon, and what an operator changes.
use Tideway::Test;
use Tideway::TLS;
use Tideway::Cli;

my $ca = ca('Root');
my $cert = cert('a.test', ca => $ca, names => ['a.test', 'b.test']);
my $dir = Tideway::Test::temp_dir();
my %o = map { $_ => tls_origin(cert => $cert, name => $_) }
    qw(sni auto off reuse no again sess pool toggle toggled tmpl dyn moved12);
$o{v12} = tls_origin(cert => $cert, version => 'TLSv1_2');
$o{v13} = tls_origin(cert => $cert, version => 'TLSv1_3');
$o{alpn} = tls_origin(cert => $cert, alpn => ['x-other', 'http/1.1']);
$o{clear} = origin(name => 'clear');
my $garbage = origin(name => 'garbage', raw => 1, greet => sub { $_[0]->send("nonsense\n") });
my @plain = map { origin(name => "plain$_") } 1, 2;

my $sock = "$dir/ctl.sock";
my $conf = "global
    nbthread 1
    stats socket $sock level admin
    ssl-server-verify none
    ssl-default-server-options ssl-max-ver TLSv1.2 no-tls-tickets
    ssl-default-server-ciphers ECDHE+AESGCM
    ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-server-curves P-256
    ssl-default-server-sigalgs ECDSA+SHA256
    ssl-default-server-client-sigalgs ECDSA+SHA256
" . defaults('retries 0', 'http-reuse always') . "
frontend f
    bind {BIND:web}
    use_backend %[path,field(2,/)]
backend sni
    server s ${\ $o{sni}->addr} ssl sni req.hdr(x-sni)
backend auto
    server s ${\ $o{auto}->addr} ssl
backend off
    server s ${\ $o{off}->addr} ssl no-sni-auto
backend pool
    server s ${\ $o{pool}->addr} ssl pool-conn-name str(one)
backend sess
    http-reuse never
    server s ${\ $o{sess}->addr} ssl tls-tickets
backend no
    http-reuse never
    server s ${\ $o{no}->addr} ssl no-ssl-reuse tls-tickets
backend again
    http-reuse never
    default-server no-ssl-reuse
    server s ${\ $o{again}->addr} ssl ssl-reuse tls-tickets
backend v12
    server s ${\ $o{v12}->addr} ssl
backend v13
    server s ${\ $o{v13}->addr} ssl ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.3
backend v13default
    server s ${\ $o{v13}->addr} ssl
backend v12force
    server s ${\ $o{v13}->addr} ssl force-tlsv12
backend ciphers
    server s ${\ $o{v12}->addr} ssl ciphers ECDHE-ECDSA-AES256-GCM-SHA384 no-tlsv13
backend suites
    server s ${\ $o{v13}->addr} ssl force-tlsv13 ciphersuites TLS_CHACHA20_POLY1305_SHA256
backend alpn
    server s ${\ $o{alpn}->addr} ssl alpn h2,http/1.1
backend toggle
    default-server ssl
    balance roundrobin
    server s ${\ $o{toggle}->addr}
    server t ${\ $plain[0]->addr} no-ssl weight 0
    server u ${\ $garbage->addr} no-ssl weight 0
backend toggled
    server s ${\ $plain[1]->addr}
backend tmpl
    server-template s 2 ${\ $o{tmpl}->addr} ssl sni str(tmpl.test)
backend dyn
    balance roundrobin
    server old ${\ $o{clear}->addr} weight 0
";
my $p = start_proxy($conf);

sub get
{
	my ($path, %opt) = @_;
	my $host = $opt{host} // 'a.test';
	my $c = $opt{client} // $p->client('web');

	return $c->request("GET /$path HTTP/1.1\r\nHost: $host\r\n"
	    . join('', map { "$_\r\n" } @{ $opt{headers} // [] }) . "\r\n");
}

sub fact { my ($m, $what) = @_; return $m->header("X-TLS-$what") // 'none' }

# --- names and the pool ---

my $m = get('sni', headers => ['X-Sni: one.test']);
is($m->status, 200, 'through TLS');
is(fact($m, 'Sni'), 'one.test', 'sni');
is(fact(get('sni', headers => ['X-Sni: two.test']), 'Sni'), 'two.test', 'another');
is(fact(get('sni'), 'Sni'), '', 'none');
is(fact(get('sni', headers => ['X-Sni: one.test']), 'Sni'), 'one.test', 'the first again');
is($o{sni}->n_connections, 3, 'one connection for each name');
is(fact(get('auto', host => 'h.test:8443'), 'Sni'), 'h.test', 'the host, without a word');
is(fact(get('auto', host => 'h.test'), 'Sni'), 'h.test', 'the same host');
is($o{auto}->n_connections, 1, 'on the same connection');
is(fact(get('auto', host => '127.0.0.1:80'), 'Sni'), '', 'an address is no name');
is(fact(get('auto', host => '[::1]:80'), 'Sni'), '', 'nor is one of IPv6');
is(fact(get('off', host => $_), 'Sni'), '', 'no-sni-auto') for qw(a.test b.test);
is($o{off}->n_connections, 1, 'one connection for all');
is(fact(get('pool', host => $_), 'Sni'), 'a.test', 'pool-conn-name goes before the name')
    for qw(a.test b.test);
is(fact(get('tmpl'), 'Sni'), 'tmpl.test', 'server-template');

# --- sessions ---

is(fact(get('sess', client => $p->client('web')), 'Reused'), $_, "session, reused $_")
    for 0, 1, 1;
is(fact(get('sess', host => 'b.test'), 'Reused'), 0, 'not for another name');
is(fact(get('sess', host => 'b.test'), 'Reused'), 1, 'but for that one, too');
is(fact(get('sess'), 'Reused'), 1, 'each has its own');
is(fact(get('no'), 'Reused'), 0, 'no-ssl-reuse') for 1, 2;
is(fact(get('again'), 'Reused'), $_, "ssl-reuse, $_") for 0, 1;
is(fact(get('v13'), 'Reused'), 0, 'TLS 1.3: the first');

# --- versions, ciphers, protocols ---

is(fact(get('v12'), 'Protocol'), 'TLSv1_2', 'ssl-default-server-options: TLS 1.2');
like(fact(get('v12'), 'Cipher'), qr/^ECDHE-ECDSA-AES\d+-GCM/, 'ssl-default-server-ciphers');
is(fact(get('v13'), 'Protocol'), 'TLSv1_3', 'ssl-min-ver');
is(fact(get('v13'), 'Cipher'), 'TLS_AES_128_GCM_SHA256', 'ssl-default-server-ciphersuites');
is(get('v13default')->status, 503, 'ssl-max-ver of the defaults');
is(get('v12force')->status, 503, 'force-tlsv12');
is(fact(get('ciphers'), 'Cipher'), 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ciphers');
is(fact(get('suites'), 'Cipher'), 'TLS_CHACHA20_POLY1305_SHA256', 'ciphersuites');
is(fact(get('alpn'), 'Alpn'), 'http/1.1', 'alpn');

# --- an operator ---

sub cli { return cli_ask($sock, @_) }

is(get('toggle')->header('X-Server'), 'toggle', 'default-server ssl');
like(cli('show servers state toggle'), qr/ toggle 1 s .* 1 0 - - 0$/m, 'srv_use_ssl');
like(cli('show servers state toggle'), qr/ toggle 2 t .* 0 0 - - 0$/m, 'not of no-ssl');
like(cli('set server toggle/s ssl off'), qr/ssl setting updated/, 'set server ssl off');
like(cli('show servers state toggle'), qr/ toggle 1 s .* 0 0 - - 0$/m, 'srv_use_ssl is off');
like(cli('set server toggle/s ssl on'), qr/ssl setting updated/, 'set server ssl on');
is(get('toggle')->header('X-Server'), 'toggle', 'TLS again');
cli("set server toggle/s weight 0");
cli("set server toggle/t weight 1");
is(get('toggle')->header('X-Server'), 'plain1', 'no-ssl');
cli("set server toggle/t weight 0");
cli("set server toggle/u weight 1");
like(cli('set server toggle/u ssl on'), qr/ssl setting updated/, 'switched on for no-ssl');
is(get('toggle')->status, 503, 'a handshake with a clear text server fails');
like(cli('set server toggle/u ssl off'), qr/ssl setting updated/, 'and off');
like(cli('set server toggled/s ssl on'), qr/default-server should define/, 'nothing to switch');
like(cli('set server toggle/s ssl maybe'), qr/expects 'on' or 'off'/, 'neither');
like(cli('set server toggle/s ssl'), qr/expects 'on' or 'off'/, 'nothing');

my ($host, $port) = split /:/, $o{moved12}->addr;
like(cli("set server sess/s addr $host port $port"), qr/changed/, 'moved');
is(fact(get('sess'), 'Reused'), 0, 'a session of another address is not offered');
is(fact(get('sess'), 'Reused'), 1, 'the new one is');

like(cli("add server dyn/new ${\ $o{dyn}->addr} ssl verify required ca-file $ca->{crt} sni str(a.test)"),
    qr/New server registered/, 'add server ssl');
cli('enable server dyn/new');
is(fact(get('dyn'), 'Sni'), 'a.test', 'its traffic is TLS');
like(cli("add server dyn/bad ${\ $o{dyn}->addr} ssl verify required"),
    qr/no CA file specified/, 'one without authorities');
like(cli("add server dyn/bad ${\ $o{dyn}->addr} ssl ciphers NONE"), qr/NONE/, 'bad ciphers');
cli('disable server dyn/new');
like(cli('del server dyn/new'), qr/deleted/, 'deleted');

# --- a reload ---

my $kept = $p->client('web');
is(fact(get('auto', client => $kept), 'Sni'), 'a.test', 'before a reload');
$p->write_config($conf =~ s/(backend auto\n.*) ssl\n/$1 ssl sni str(reloaded.test)\n/r);
$p->signal('HUP');
ok(wait_until { fact(get('auto'), 'Sni') eq 'reloaded.test' }, 'a reload changes the name');
is(fact(get('auto', client => $kept), 'Sni'), 'reloaded.test',
    'for clients that were there, too');
is(fact(get('sess'), 'Reused'), $_, "sessions begin anew: $_") for 0, 1;
stop_proxy($p);

# --- what is wrong with a line ---

sub server_says { return check_config(defaults() . "backend b\n    server s 127.0.0.1:1 $_[0]\n")->{all} }
sub global_says { return check_config("global\n    $_[0]\n" . defaults())->{all} }

Tideway::Test::spew('no.pem', "nothing\n");
for my $case (['ssl', qr/check\.cfg:\d+.*'server b\/s' : verify is enabled by default but no CA file/],
    ['ssl verify required', qr/no CA file specified/],
    ['ssl verify optional', qr/unknown verify method 'optional', only 'none' and 'required'/],
    ['ssl verify', qr/'verify'/], ['ssl ca-file', qr/'ca-file'/],
    ['ssl ca-file /none', qr/'ca-file' : unable to load \/none/],
    ["ssl ca-file $dir/no.pem", qr/unable to load CA file '.*no\.pem'/],
    ["ssl ca-file $dir", qr/no \.pem, \.crt, \.cer or \.crl/, -1],
    ["ssl verify none crt /none", qr/\/none/],
    ["ssl verify none crt $cert->{crt}", qr/key/i, -1],
    ["ssl ca-file $ca->{crt} crl-file /none", qr/'crl-file' : unable to load/],
    ["ssl ca-file $ca->{crt} crl-file $ca->{crt}", qr/unable to load CRL file/],
    ['ssl verify none sni', qr/'sni'/], ['ssl verify none sni foo', qr/foo/],
    ['ssl verify none sni res.hdr(x)', qr/res\.hdr/],
    ['ssl verify none alpn', qr/'alpn'/], ['ssl verify none alpn ,', qr/empty protocol/],
    ['ssl verify none alpn x', qr/no module is loaded that speaks one of these/],
    ['ssl verify none ciphers FOO', qr/unable to set SSL cipher list to 'FOO'/],
    ['ssl verify none ciphersuites FOO', qr/unable to set TLS 1.3 cipher suites to 'FOO'/],
    ['ssl verify none curves FOO', qr/'FOO'/], ['ssl verify none sigalgs FOO', qr/'FOO'/],
    ['ssl verify none client-sigalgs FOO', qr/'FOO'/],
    ['ssl verify none ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2', qr/all versions of TLS are excluded/],
    ['ssl verify none ssl-min-ver 7', qr/unknown version '7'/],
    ['ssl verify none force-sslv3', qr/SSLv3 is not supported/],
    ['ssl verify none prefer-client-ciphers', qr/unknown keyword 'prefer-client-ciphers'|'prefer-client-ciphers'/],
    ['ssl verify none strict-sni', qr/'strict-sni'/],
    ['ssl verify none verifyhost', qr/'verifyhost'/], ['ssl verify none crt', qr/'crt'/]) {
	next if ($case->[2] // '') eq '-1';
	like(server_says($case->[0]), $case->[1], $case->[0]);
}
unlike(server_says($_), qr/ALERT/, "$_: well") for 'verify none', 'sni req.hdr(host)',
    "ssl ca-file \@system-ca", "ssl verify none ca-file $ca->{crt} verifyhost x",
    'ssl verify none no-ssl', 'ssl verify none sni req.ssl_sni no-sni-auto ssl-reuse';
like(global_says('ssl-server-verify maybe'), qr/expects 'none' or 'required'/, 'ssl-server-verify');
like(global_says("ssl-default-server-options $_"), qr/unknown option '$_'/, "$_: an option of listeners")
    for qw(prefer-client-ciphers strict-sni);
like(global_says('ssl-default-server-options ssl-min-ver'), qr/version/, 'half an option');
like(check_config("global\n    ssl-server-verify none\n" . defaults()
    . "backend b\n    server s 127.0.0.1:1 ssl verify required\n")->{all},
    qr/verify is enabled but no CA file/, 'required after all');
done_testing();
