# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What is read for a certificate: companions, chains, DH parameters, crt-store
# sections; which ones stop -c and which are warned about; many of them.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Compare;
use Tideway::TLS;
use File::Path qw(make_path);

my $dir = Tideway::Test::temp_dir();
my $haproxy = find_haproxy();
my $root = ca('Root');
my $mid = ca('Mid', ca => $root);

# a file of the named parts (crt, key, chain) of a certificate
sub put
{
	my ($file, $c, @parts) = @_;

	return Tideway::Test::spew($file, pem_text(map { $c->{$_} } @parts));
}

sub front
{
	my ($binds, $global) = @_;

	return "global\n    crt-base $dir\n" . ($global // '') . defaults() . "frontend f\n"
	    . join('', map { "    bind {BIND:$_} ssl $binds->{$_}\n" } sort keys %$binds)
	    . "    http-request return status 200 content-type text/plain string seen\n";
}

sub shown
{
	my ($p, $bind, $name, %opt) = @_;
	my $s = IO::Socket::SSL->new(PeerAddr => $p->addr($bind), Timeout => 30,
	    SSL_verify_mode => 0, SSL_hostname => $name // '', %opt);

	return $s ? $s->peer_certificate('commonName') : 'none';
}

sub chain
{
	my ($p, $bind, @args) = @_;

	return join ' ', map { s/^CN = //r } @{ s_client($p->addr($bind), args => \@args)->{chain} };
}

sub scts
{
	my ($p, $bind, $version) = @_;
	my ($n) = s_client($p->addr($bind), args => ['-ct', '-ctlogfile',
		"$dir/logs", "-$version"], until => qr/SCTs present \(\d+\)/)->{out} =~ /SCTs present \((\d+)\)/;

	return $n;
}

sub check
{
	my ($bind, $global, $more) = @_;

	return check_config("global\n" . ($global // '') . defaults() . ($more // '')
	    . "frontend f\n    bind 127.0.0.1:1 ssl $bind\n", '-V');
}

my $leaf = cert('leaf.test', ca => $mid, type => 'rsa');
my $old = cert('old', ca => $root, names => ['leaf.test', 'old.test'], type => 'rsa', days => -3);
my $early = cert('early', ca => $root, names => ['early.test'], start => '20600101000000Z', end => '20700101000000Z');

put('whole.pem', $leaf, qw(crt chain key));
put('order.pem', $leaf, qw(key crt chain));
put('apart.pem', $leaf, qw(crt));
put('apart.pem.key', $leaf, qw(key));
put('del.crt', $leaf, qw(crt));
put('del.key', $leaf, qw(key));
Tideway::Test::spew('dh.pem', pem_text(map { $leaf->{$_} } qw(crt key))
    . openssl(qw(genpkey -genparam -algorithm DH -pkeyopt group:ffdhe3072)));
put('old.pem', $old, qw(crt key));
put('early.pem', $early, qw(crt key));
put('sct.pem', $leaf, qw(crt key));
Tideway::Test::spew('logs', "enabled_logs=\n");
# a list with one timestamp of an unknown log: RFC 6962, section 3.2 and 3.3
my $sct = pack('C', 0) . 'l' x 32 . "\0" x 8 . "\0\0\4\3" . pack 'n/a', 's' x 70;
Tideway::Test::spew('sct.pem.sctl', pack 'n/a', pack 'n/a', $sct);
make_path("$dir/issuers", "$dir/keys", "$dir/crts");
put('issuers/mid.pem', $mid, qw(crt));
put('issuers/two.pem', $root, qw(crt));
put('bare.pem', $leaf, qw(crt key));
put('own.pem', $root, qw(crt key));
Tideway::Test::spew('full.pem', pem_text($leaf->{crt}, $mid->{crt}, $root->{crt}, $leaf->{key}));
my $direct = cert('direct.test', ca => $root);
Tideway::Test::spew('direct.pem', pem_text($direct->{crt}, $root->{crt}, $direct->{key}));

# keys as programs write them that are older than PKCS #8
for my $type (qw(rsa ecdsa)) {
	my $c = cert("$type.old", ca => $root, type => $type);
	my $key = openssl($type eq 'rsa' ? 'rsa' : 'ec', '-in', $c->{key},
	    $type eq 'rsa' ? '-traditional' : ());
	Tideway::Test::spew("$type.trad.pem", pem_text($c->{crt}) . ($type eq 'ecdsa'
	    ? openssl('ecparam', '-name', 'prime256v1') : '') . $key);
}

subtest 'files and companions' => sub {
	my %binds = (whole => 'crt whole.pem', order => 'crt order.pem', apart => 'crt apart.pem',
	    dh => 'crt dh.pem ssl-max-ver TLSv1.2 ciphers DHE-RSA-AES128-GCM-SHA256',
	    valid => 'crt old.pem crt whole.pem', default => 'crt old.pem crt apart.pem',
	    said => 'crt whole.pem default-crt direct.pem', sct => 'crt sct.pem', old => 'crt old.pem',
	    trad => 'crt rsa.trad.pem crt ecdsa.trad.pem');
	my $p = start_proxy(front(\%binds));
	is(chain($p, 'whole'), 'leaf.test Mid', 'a whole file');
	is(chain($p, 'order'), 'leaf.test Mid', 'in any order');
	is(chain($p, 'apart'), 'leaf.test', 'the key in a file of its own');
	like(s_client($p->addr('dh'), args => ['-tls1_2'])->{out},
	    qr/Server Temp Key: DH, 3072 bits/, 'DH parameters');
	is(shown($p, 'valid', 'leaf.test'), 'leaf.test', 'a valid one before an expired one');
	is(shown($p, 'valid', 'old.test'), 'old', 'which is shown if there is no other');
	is(shown($p, 'valid'), 'old', 'and by default');
	is(shown($p, 'trad', "$_.old"), "$_.old", "a traditional key: $_") for qw(rsa ecdsa);
	is(shown($p, 'said'), 'direct.test', 'default-crt');
	is(shown($p, 'said', 'leaf.test'), 'leaf.test', 'with others');
	for my $v (qw(tls1_2 tls1_3)) {
		is(scts($p, 'sct', $v), 1, "timestamps, $v");
		is(scts($p, 'whole', $v), 0, 'or none');
	}
	like($p->stderr, qr/\[WARNING\].*the certificate in '$dir\/old\.pem' has expired on \d{4}-\d\d-\d\d [\d:]+ UTC/,
	    'expired: it starts and warns');
	is($p->stop, '', 'it ends');
};

subtest 'global' => sub {
	my $binds = { bare => 'crt bare.pem', full => 'crt full.pem', direct => 'crt direct.pem',
	    whole => 'crt whole.pem' };
	my $p = start_proxy(front($binds, "    issuers-chain-path $dir/issuers\n    ssl-skip-self-issued-ca\n"));
	is(chain($p, 'bare'), 'leaf.test Mid', 'issuers-chain-path');
	is(chain($p, 'whole'), 'leaf.test Mid', 'a chain of its own stays');
	is(chain($p, 'direct'), 'direct.test', 'ssl-skip-self-issued-ca');
	is(chain($p, 'full'), 'leaf.test Mid', 'behind others, too');
	is($p->stop, '', 'it ends');
	$p = start_proxy(front($binds));
	is(chain($p, 'bare'), 'leaf.test', 'else there is no chain');
	is(chain($p, 'direct'), 'direct.test Root', 'and the root is sent');
	is($p->stop, '', 'it ends');
	$p = start_proxy(front({ del => 'crt del.crt' }, "    ssl-load-extra-del-ext\n"));
	is(shown($p, 'del'), 'leaf.test', 'ssl-load-extra-del-ext');
	is($p->stop, '', 'it ends');

	like(check("crt $dir/del.crt")->{all}, qr/No Private Key found in '$dir\/del\.crt'/, 'else not');
	for my $none ('none', 'ocsp sctl', 'bundle') {
		like(check("crt $dir/apart.pem", "ssl-load-extra-files $none\n")->{all},
		    qr/No Private Key found/, "ssl-load-extra-files $none: no key");
	}
	is(check("crt $dir/apart.pem", "ssl-load-extra-files $_\n")->{code}, 0,
	    "ssl-load-extra-files $_: a key") for 'all', 'key', 'bundle key';
	put('b.pem.rsa', $leaf, qw(crt key));
	is(check("crt $dir/b.pem", "ssl-load-extra-files bundle\n")->{code}, 0, 'bundles');
	like(check("crt $dir/b.pem", "ssl-load-extra-files key\n")->{all},
	    qr/unable to stat SSL certificate from file '$dir\/b\.pem'/, 'or none');
	my %wrong = ('ssl-load-extra-files' => "'ssl-load-extra-files' expects",
	    'ssl-load-extra-files kay' => "unknown word 'kay'",
	    'ssl-load-extra-files none key' => "'none' stands alone",
	    'issuers-chain-path' => "'issuers-chain-path' expects",
	    'issuers-chain-path /none' => "unable to load chain from '/none': No such file",
	    'ssl-skip-self-issued-ca x' => "unexpected argument 'x'",
	    'ssl-load-extra-del-ext x' => "unexpected argument 'x'");
	for my $line (sort keys %wrong) {
		my $r = check("crt $dir/whole.pem", "$line\n");
		is($r->{code}, 1, $line);
		like($r->{all}, qr/\Q$wrong{$line}/, 'says why');
	}
};

subtest 'crt-store' => sub {
	put('crts/a.crt', $leaf, qw(crt chain));
	put('keys/a.key', $leaf, qw(key));
	put('crts/b.pem', $direct, qw(crt key));
	put('crts/own.pem', $direct, qw(crt key));
	put('keys/other.key', $direct, qw(key));
	Tideway::Test::spew('crts/ct', pack 'n/a', pack 'n/a', $sct);
	my $store = "crt-store web
    crt-base $dir/crts
    key-base $dir/keys
    load crt a.crt key a.key alias a sctl ct
    load crt b.pem
crt-store
    load crt $dir/crts/own.pem key $dir/keys/other.key
    load crt $dir/crts/own.pem alias again\n";
	put('list', $leaf);
	Tideway::Test::spew('list', "\@web/b.pem x.test\n\@web/a [alpn foo] y.test\n");
	my $binds = { a => 'crt @web/a', b => 'crt @web/b.pem crt @web/a', own => "crt $dir/crts/own.pem",
	    again => 'crt @/again', list => "crt-list $dir/list" };
	my $p = start_proxy(front($binds) . $store);
	is(chain($p, 'a'), 'leaf.test Mid', 'alias, key');
	is(scts($p, 'a', 'tls1_3'), 1, 'sctl');
	is(shown($p, 'b'), 'direct.test', 'by file');
	is(shown($p, 'b', 'leaf.test'), 'leaf.test', 'among others');
	is(shown($p, 'own'), 'direct.test', 'a file of a store without a name');
	is(shown($p, 'again'), 'direct.test', 'an alias there');
	is(shown($p, 'list', 'y.test'), 'leaf.test', 'in a crt-list');
	is($p->stop, '', 'it ends');

	my %wrong = ("load crt a.crt" => 'unable to stat', "load key a.key" => "'load' expects 'crt <file>'",
	    "load crt $dir/crts/b.pem key $dir/keys/a.key" => 'inconsistencies between private key and certificate',
	    "load crt $dir/crts/a.crt key $dir/none" => "unable to read '$dir/none': No such file",
	    "load crt $dir/crts/b.pem sctl $dir/none" => "'$dir/none' is present but cannot be read",
	    "load crt $dir/crts/b.pem issuer $dir/none" => "unable to load issuer certificate from '$dir/none'",
	    "load crt $dir/crts/b.pem issuer $leaf->{crt}" => 'is not the issuer of',
	    "load crt $dir/crts/b.pem ocsp $dir/none" => "unable to read '$dir/none'",
	    "load crt x crt y" => "'crt' is there twice", "load crt x alias a/b" => "an alias must not contain '/'",
	    "load crt x fog y" => "unknown word 'fog'", "load crt x alias" => "'alias' expects a value",
	    "load crt x acme y" => "'acme' is not supported yet", 'crt-base' => "'crt-base' expects",
	    "load crt $dir/crts/b.pem alias q\n    load crt $dir/whole.pem alias q" => "'\@s/q' is already loaded at",
	    "crt-base a\n    crt-base b" => "'crt-base' already specified");
	for my $line (sort keys %wrong) {
		my $r = check("crt $dir/whole.pem", undef, "crt-store s\n    $line\n");
		is($r->{code}, 1, $line);
		like($r->{all}, qr/check\.cfg:\d+\].*\Q$wrong{$line}/, 'says why');
	}
	like(check('crt @s/x')->{all}, qr/unable to find the certificate '\@s\/x': no crt-store loads it/, 'a wrong name');
	like(check("crt $dir/whole.pem", undef, "crt-store a/b\n")->{all}, qr/must not contain '\/'/, "a wrong store's");
};

subtest 'default-path' => sub {
	make_path("$dir/there");
	put("there/site.pem", $leaf, qw(crt chain key));
	put("there/ca.pem", $root, qw(crt));
	Tideway::Test::spew('there/list', "site.pem\n\@s/a\n");
	my $text = "global\n    default-path config\n" . defaults() . "crt-store s
    load crt site.pem alias a
frontend f
    bind 127.0.0.1:1 ssl crt site.pem crt \@s/a ca-file ca.pem verify required
    bind 127.0.0.1:2 ssl crt-list list
backend b
    server s 127.0.0.1:3 ssl verify none crt site.pem\n";
	my $r = run_cmd('-c', '-f', Tideway::Test::spew('there/x.cfg', $text));
	is($r->{code}, 0, 'names begin there') or diag $r->{err};
	$r = run_cmd('-c', '-f', Tideway::Test::spew('there/x.cfg', $text =~ s/default-path config/crt-base none/r));
	is($r->{code}, 1, 'or not');
};

subtest 'what stops -c' => sub {
	make_path("$dir/empty", "$dir/mixed");
	put('mixed/a.pem', $leaf, qw(crt key));
	Tideway::Test::spew('mixed/b.pem', 'nonsense');
	put('other.pem', $direct, qw(crt));
	Tideway::Test::spew('other.pem', pem_text($direct->{crt}, $leaf->{key}));
	Tideway::Test::spew('enc.pem', pem_text($leaf->{crt}, encrypted_key($leaf, 'x')));
	Tideway::Test::spew('broken.pem', pem_text($leaf->{crt}, $leaf->{key}) =~ s/.{30}\n-----END CERT/\n-----END CERT/r);
	Tideway::Test::spew('cut.pem', substr pem_text($leaf->{key}, $leaf->{crt}), 0, -100);
	put('nokey.pem', $leaf, qw(crt));
	put('nocrt.pem', $leaf, qw(key));
	Tideway::Test::spew('badsct.pem', pem_text($leaf->{crt}, $leaf->{key}));
	Tideway::Test::spew('badsct.pem.sctl', "\0\5x");
	put('badissuer.pem', $leaf, qw(crt key));
	put('badissuer.pem.issuer', $root, qw(crt));
	system('mkfifo', "$dir/fifo.pem") == 0 or die;
	my %wrong = ('other.pem' => "inconsistencies between private key and certificate loaded '$dir/other.pem'",
	    'enc.pem' => "the private key in '$dir/enc.pem' is encrypted", 'broken.pem' => "unable to load certificate",
	    'cut.pem' => 'unable to load certificate', 'nokey.pem' => "No Private Key found in '$dir/nokey.pem'",
	    'nocrt.pem' => "unable to load certificate from file '$dir/nocrt.pem'",
	    'none.pem' => "unable to stat SSL certificate from file '$dir/none.pem' : No such file or directory",
	    'empty' => "there is no certificate in the directory '$dir/empty'",
	    'mixed' => "unable to load certificate from file '$dir/mixed/b.pem'",
	    'badsct.pem' => "'$dir/badsct.pem.sctl' is present but cannot be read or parsed",
	    'badissuer.pem' => "'$dir/badissuer.pem.issuer' is not the issuer", 'fifo.pem' => "unable to load certificate from file '$dir/fifo.pem'");
	for my $f (sort keys %wrong) {
		my $r = check("crt $dir/$f");
		is($r->{code}, 1, $f);
		like($r->{all}, qr/\[ALERT\].*check\.cfg:\d+\] : Proxy 'f': bind .*'crt' : .*\Q$wrong{$f}/, 'file and reason');
	}
	SKIP: {
		skip 'root reads everything', 1 if $> == 0;
		chmod 0, put('secret.pem', $leaf, qw(crt key));
		like(check("crt $dir/secret.pem")->{all}, qr/secret\.pem': Permission denied/, 'not readable');
	}
	like(check('')->{all}, qr/no SSL certificate specified/, 'none at all');
	is(check('strict-sni')->{code}, 0, 'with strict-sni it is well');
	is(check("strict-sni crt $dir/empty")->{code}, 0, 'with an empty directory, too');
	is(check('', "ssl-default-bind-options strict-sni\n")->{code}, 0, 'which may be the default');
	is(check('no-strict-sni', "ssl-default-bind-options strict-sni\n")->{code}, 1, 'but not here');
	like(check("crt ''")->{all}, qr/'crt' : missing certificate location/, 'an empty name');
	my $r = check("crt $dir/old.pem crt $dir/early.pem");
	is($r->{code}, 1, 'expired: -c says so');
	like($r->{all}, qr/\[ALERT\].*check\.cfg:\d+\] : the certificate in '$dir\/old\.pem' has expired on \d{4}/, 'with file, line and day');
	like($r->{all}, qr/\[WARNING\].*'$dir\/early\.pem' is not valid before 2060-01-01 00:00:00 UTC/, 'too early: a warning');
	is(check("crt $dir/early.pem")->{code}, 0, 'which is well');
	$r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt $dir/old.pem\n", '--expired-ok');
	is($r->{code}, 0, 'it is for who has to start or reload');
	like($r->{all}, qr/\[WARNING\].*old\.pem' has expired/, 'who hears of it');
	is(check("crt $dir/early.pem", "zero-warning\n")->{code}, 1, 'but not with zero-warning');
	my @twice = check("crt $dir/old.pem crt $dir/old.pem")->{all} =~ /has expired/g;
	is(@twice, 1, 'a file that is named twice is read once');
};

subtest 'dates of what servers are shown' => sub {
	my @servers = ("server s 127.0.0.1:1 ssl verify none crt $dir/old.pem",
	    "default-server ssl verify none crt $dir/old.pem\n    server s 127.0.0.1:1",
	    "server s 127.0.0.1:1 check check-ssl verify none crt $dir/old.pem",
	    "server-template s 1-3 127.0.0.1:1 ssl verify none crt $dir/old.pem");
	my $backend = sub { return defaults() . "frontend f\n    bind 127.0.0.1:0\n    default_backend b\nbackend b\n"
	    . join '', map { "    $_\n" } @_ };

	for my $s (@servers) {
		my $r = check_config($backend->($s));
		is($r->{code}, 1, $s =~ s/ .*//sr . ': -c says so');
		my @told = $r->{all} =~ /\[ALERT\].*check\.cfg:(\d+)\] : the certificate in '$dir\/old\.pem' has expired on \d{4}/g;
		is(@told, 1, 'once, with file and line') or diag $r->{all};
		$r = check_config($backend->($s), '--expired-ok');
		is($r->{code}, 0, 'or it is well');
		like($r->{all}, qr/\[WARNING\].*old\.pem' has expired/, 'and a warning');
	}
	my $r = check_config($backend->("server s 127.0.0.1:1 ssl verify none crt $dir/early.pem"));
	is($r->{code}, 0, 'too early');
	like($r->{all}, qr/\[WARNING\].*check\.cfg:\d+\] : .*'$dir\/early\.pem' is not valid before/, 'a warning');
	my @twice = check_config($backend->(map { $servers[0] =~ s/ s / s$_ /r } 1, 2)
	    . "listen g\n    bind 127.0.0.1:1 ssl crt $dir/old.pem\n")->{all} =~ /has expired/g;
	is(@twice, 1, 'a file is told of once');
	@twice = check_config("crt-store\n    load crt $dir/old.pem\n"
	    . $backend->($servers[0]))->{all} =~ /has expired/g;
	is(@twice, 1, 'that of a crt-store, too');

	my $p = start_proxy("global\n    stats socket {DIR}/ctl.sock level admin\n" . defaults()
	    . "listen f\n    bind {BIND:f}\n    balance roundrobin\n"
	    . "    server s 127.0.0.1:1 ssl verify none crt $dir/old.pem\n");
	my $ask = sub { return cli_ask("$p->{dir}/ctl.sock", $_[0]) };
	my $expired = qr/the certificate in '\S+' has expired on [\d-]+ [\d:]+ UTC; [^\n]+/;

	like($p->stderr, qr/\[WARNING\].*: the certificate in '$dir\/old\.pem' has expired/, 'it starts and warns');
	is($ask->("add server f/one 127.0.0.1:1 ssl verify none crt $dir/old.pem"), "New server registered.\n\n",
	    'a server comes: it was told');
	put('old2.pem', $old, qw(crt key));
	like($ask->("add server f/two 127.0.0.1:1 ssl verify none crt $dir/old2.pem"),
	    qr/\A$expired\nNew server registered\.\n\n\z/, 'with another: it is told');
	ok((wait_until { $p->stderr =~ m{CLI : 'server f/two' : $expired} }), 'and logged');
	is($ask->("add server f/two 127.0.0.1:1 ssl verify none crt $dir/early.pem"),
	    "Already exists a server with the same name in backend.\n\n", 'errors are told alone');
	like($ask->("add server f/three 127.0.0.1:1 ssl verify none crt $dir/early.pem"),
	    qr/\Athe certificate in .* is not valid before .*\nNew server registered/, 'too early');
	my $pem = join '', grep { /\S/ } map { "$_\n" } split /\n/, pem_text(map { $old->{$_} } qw(crt key));
	$ask->("set ssl cert $dir/early.pem <<\n$pem\n");
	is($ask->("commit ssl cert $dir/early.pem"), "Committing $dir/early.pem.\nSuccess!\n\n",
	    'what an operator commits is his');
	is($p->stop, '', 'it ends');
};

subtest 'lists of revoked ones' => sub {
	my ($late, $early, $good) = (crl($root, days => -3), crl($root, days => 70), crl($root));
	my $other = crl(ca('Other'));
	my $with = sub { return "crt $dir/whole.pem verify required ca-file $root->{crt} crl-file $_[0]" };
	my $told = qr/'crl-file' : the list of '\S*Root' in/;

	my $r = check($with->($late));
	is($r->{code}, 0, 'out of date');
	like($r->{all}, qr/\[WARNING\].*$told '$late' has been out of date since \d{4}-[^\n]* UTC; no certificate/, 'a warning');
	like(check($with->($early))->{all}, qr/$told '$early' is not valid before \d{4}-/, 'of the future');
	unlike(check($with->($good))->{all}, qr/crl-file/, 'of today');
	Tideway::Test::spew('lists.pem', slurp($other) . slurp($late));
	like(check($with->("$dir/lists.pem"))->{all}, qr/$told '$dir\/lists\.pem' has been/, 'one of several');
	Tideway::Test::spew('lists.pem', slurp($good) . slurp($late));
	unlike(check($with->("$dir/lists.pem"))->{all}, qr/crl-file/, 'with a newer one');
	unlike(check($with->($late) . ' crt-ignore-err 12')->{all}, qr/$told/, 'which is ignored');
	my $server = "backend b\n    server s 127.0.0.1:1 ssl ca-file $root->{crt} crl-file $late\n"
	    . "    server t 127.0.0.1:1 ssl ca-file $root->{crt} crl-file $late\n";
	my @told = check($with->($late), '', $server)->{all} =~ /$told/g;
	is(@told, 1, 'a file is told of once');
	@told = check("crt $dir/whole.pem", '', $server)->{all} =~ /$told/g;
	is(@told, 1, 'that of servers, too');
	Tideway::Test::spew('list', "$dir/whole.pem [verify optional ca-file $root->{crt} crl-file $late]\n");
	like(check("crt-list $dir/list")->{all}, qr/$told/, 'that of a line of a crt-list');

	my $p = start_proxy("global\n    stats socket {DIR}/ctl.sock level admin\n" . defaults()
	    . "listen f\n    bind {BIND:f} ssl crt-list $dir/list\n    balance roundrobin\n");
	my $ask = sub { return cli_ask("$p->{dir}/ctl.sock", $_[0]) };
	like($p->stderr, qr/\[WARNING\].*$told/, 'it starts and warns');
	Tideway::Test::spew('late.crl', slurp($late));
	like($ask->("add server f/s 127.0.0.1:1 ssl ca-file $root->{crt} crl-file $dir/late.crl"),
	    qr/\A$told '$dir\/late\.crl' .*\nNew server registered/, 'a server comes');
	Tideway::Test::spew('later.crl', slurp($late));
	like($ask->("add ssl crt-list $dir/list <<\n$dir/whole.pem [verify required ca-file $root->{crt} "
	    . "crl-file $dir/later.crl] x.test\n\n"), qr/Success/, 'a line of a crt-list comes');
	ok((wait_until { $p->stderr =~ /\[WARNING\].*$told '$dir\/later\.crl'/ }), 'which is logged');
	is($p->stop, '', 'it ends');
};

subtest 'addresses of one line' => sub {
	my @told = check_config(defaults() . "frontend f
    bind 127.0.0.1:1,127.0.0.1:2 ssl crt $dir/none.pem\n")->{all} =~ /unable to stat SSL certificate/g;
	is(@told, 1, 'what is wrong is told once');
	my $p = start_proxy("global\n    nbthread 2\n" . defaults() . "frontend f
    bind {BIND:a},{BIND:b} ssl crt $dir/whole.pem crt $dir/direct.pem
    bind {BIND:c} ssl crt $dir/whole.pem
    http-request return status 200 content-type text/plain string seen\n");
	for my $v (qw(tls1_2 tls1_3)) {
		my %o = (version => $v, sni => 'direct.test', until => qr/seen/,
		    input => "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		s_client($p->addr('a'), %o, sess_out => "$dir/$v");
		my $f = s_client($p->addr('b'), %o, sess_in => "$dir/$v");
		is_deeply([@$f{qw(connected reused)}], [1, 1], "$v: a session resumes on the other");
	}
	is(shown($p, 'b', 'direct.test'), 'direct.test', 'the same certificates');
	is($p->stop, '', 'it ends');
};

subtest 'many' => sub {
	my @names = map { "h$_.example" } 1 .. 500;
	many_certs($root, "$dir/many", @names);
	my $p = start_proxy(front({ a => "crt $dir/many", b => "crt $dir/many strict-sni" }));
	for my $n (1, 2, 77, 250, 499, 500) {
		is(shown($p, 'a', "h$n.example"), "h$n.example", "h$n");
		is(shown($p, 'b', "h$n.example"), "h$n.example", 'on the other line');
	}
	is(shown($p, 'a', 'h501.example'), 'h1.example', 'the first by bytes');
	$p->signal('USR2');
	is(shown($p, 'a', 'h333.example'), 'h333.example', 'during a reload') for 1 .. 20;
	is($p->stop, '', 'it ends');
};

done_testing();
