# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The certificates that are shown to servers, changed on the control socket:
# new connections have the new one, and neither idle ones nor sessions of before
# are used again. The same when other authorities are trusted.
use Tideway::Test;
use Tideway::Cli;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my ($one, $two) = (ca('One'), ca('Two'));
my $site = cert('a.test', ca => $one);
my $old = cert('old', ca => $one, client => 1, file => 'client');
my $new = cert('new', ca => $one, client => 1);
my $rsa = cert('rsa', ca => $one, client => 1, type => 'rsa');
my $C = $old->{pem};
my $ca_file = bundle('trusted.crt', $one->{crt});
my $crl_file = bundle('crl.pem', crl($one));
my %o = map { $_ => tls_origin(cert => $site, ca => $one, name => $_) } qw(s sess other trust crl twice);
my $p = start_proxy("global
    nbthread 1
    stats socket {DIR}/ctl.sock level admin
" . defaults('retries 0', 'http-reuse always') . "
frontend f
    bind {BIND:web}
    use_backend %[path,field(2,/)]
backend s
    balance roundrobin
    server s ${\ $o{s}->addr} ssl verify none crt $C
backend sess
    http-reuse never
    server s ${\ $o{sess}->addr} ssl verify none crt $C
backend other
    server s ${\ $o{other}->addr} ssl verify none crt $new->{pem}
backend trust
    server s ${\ $o{trust}->addr} ssl crt $new->{pem} ca-file $ca_file sni str(a.test)
backend twice
    server s ${\ $o{twice}->addr} ssl verify none crt $new->{pem} ca-file $ca_file
backend crl
    server s ${\ $o{crl}->addr} ssl crt $new->{pem} ca-file $site->{ca}{crt} crl-file $crl_file sni str(a.test)
");

sub ask { return cli_ask("$p->{dir}/ctl.sock", $_[0]) =~ s/\n+\z//r }
sub pem { return join '', grep { /\S/ } map { "$_\n" } split /\n/, pem_text(@_) }
sub get { return $p->client("web")->request("GET /$_[0] HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n") }
sub who { return (get($_[0])->header('X-TLS-Subject') // 'nobody') =~ s/.*CN ?= ?//r }
sub n { return scalar $o{ $_[0] }->events('tls') }

sub change
{
	my ($what, $file, @of) = @_;

	ask("set ssl $what $file <<\n" . pem(@of));
	return ask("commit ssl $what $file");
}

subtest 'what is there' => sub {
	my $all = ask('show ssl cert');

	like($all, qr/^\Q$_->{pem}\E$/m, "$_->{cn}") for $old, $new;
	like(ask("show ssl cert $C"), qr/^Status: Used\n.*CN=old/ms, 'its facts');
	like(ask("del ssl cert $C"), qr/in use, can't be deleted/, 'it is used');
};

is(who('s'), 'old', 'the one of the file') for 1, 2;
is(n('s'), 1, 'over one connection');
is(who('sess'), 'old', 'without reuse') for 1, 2;
is(($o{sess}->handshakes)[-1]{reused}, 1, 'a session is resumed');
is(who('other'), 'new', 'another file');

is(change('cert', $C, $new->{pem}), "Committing $C..\nSuccess!", 'committed for two servers');
is(who('s'), 'new', 'the new one') for 1, 2;
is(n('s'), 2, 'over one new connection');
is(who('sess'), 'new', 'sessions of before are not resumed');
is(who('sess'), 'new', 'a next one');
is(($o{sess}->handshakes)[-1]{reused}, 1, 'is resumed');
is(n('other'), 1, 'another file is not concerned');
is(change('cert', $C, $rsa->{pem}), "Committing $C..\nSuccess!", 'another type of key');
is(who($_), 'rsa', "$_: which is shown") for qw(s sess);

like(change('cert', $C, $new->{crt}), qr/must contain at least/, 'half of one');
is(ask("abort ssl cert $C"), "Transaction aborted for certificate '$C'!", 'given up');
is(who('s'), 'rsa', 'as it was');

subtest 'whom they trust' => sub {
	for my $be (qw(trust crl twice)) {
		is(get($be)->status, 200, "$be: trusted") for 1, 2;
		is(n($be), 1, 'over one connection');
	}
	like(change('ca-file', $ca_file, $two->{crt}), qr/Success/, 'other authorities');
	is(get('trust')->status, 503, 'the idle connection is not used');
	is(get('twice')->status, 200, 'where nothing is verified');
	is(n('twice'), 1, 'it is');
	is(get('crl')->status, 200, 'where the file is another one');
	is(n('crl'), 1, 'it is');
	like(change('ca-file', $ca_file, $one->{crt}), qr/Success/, 'the former ones');
	is(get('trust')->status, 200, 'trusted again');
	revoke($one, $site);
	like(change('crl-file', $crl_file, crl($one)), qr/Success/, 'a list in which it is revoked');
	is(get('crl')->status, 503, 'the idle connection is not used');
	is(get('trust')->status, 200, 'where there is no list');
};

subtest 'servers that come and go' => sub {
	my $c = cert('added', ca => $one, client => 1);

	like(ask("add server s/t ${\ $o{s}->addr} ssl verify none crt $c->{pem}"), qr/registered/, 'one comes');
	like(ask("show ssl cert $c->{pem}"), qr/^Status: Used$/m, 'with its certificate');
	like(change('cert', $c->{pem}, $old->{pem}), qr/Success/, 'which is changed');
	ask("set server s/s state maint");
	ask('enable server s/t');
	is(who('s'), 'old', 'and shown');
	ask('disable server s/t');
	ask('shutdown sessions server s/t');
	ok(wait_until { ask('del server s/t') =~ /deleted/ }, 'it goes');
	ok(wait_until { ask("show ssl cert $c->{pem}") =~ /^Status: Unused$/m }, 'nobody uses it');
	like(ask("del ssl cert $c->{pem}"), qr/deleted!/, 'it can be deleted');
	like(ask("add server s/t ${\ $o{s}->addr} ssl verify none crt \@none/x"), qr/no crt-store loads it/, 'no such store');
	ask('set server s/s state ready');
};

# its context goes with it, and nothing else
subtest 'whom a server trusted that has gone' => sub {
	my $f = bundle("gone.crt", $one->{crt});

	for (1, 2) {
		like(ask("add server s/t ${\ $o{s}->addr} ssl ca-file $f"), qr/registered/, 'one comes');
		like(ask("show ssl ca-file $f"), qr/^Status: Used$/m, 'its authorities are used');
		ok(wait_until { ask('del server s/t') =~ /deleted/ }, 'it goes');
		ok(wait_until { ask("show ssl ca-file $f") =~ /^Status: Unused$/m }, 'they stay, unused');
	}
	like(ask("del ssl ca-file $f"), qr/deleted!/, 'until they are deleted');
};

subtest 'a reload' => sub {
	$p->signal('USR2');
	ok(wait_until { who('s') eq 'old' }, 'files count again');
};

subtest 'checks alone' => sub {
	my $cfg = sub { defaults() . "listen b\n    bind 127.0.0.1:0\n    server s 127.0.0.1:1 check check-ssl verify none crt $_[0]\n" };

	is(check_config($cfg->($C))->{code}, 0, 'a server that is not TLS');
	like(check_config($cfg->('@none/x'))->{all}, qr/no crt-store loads it/, 'no such store');
};

stop_proxy($p);
done_testing;
