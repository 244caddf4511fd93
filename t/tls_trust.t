# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Who is trusted changes on the control socket: sessions of before are not
# resumed, with clients and with servers, as nobody would look at the certificate
# again. And a client that changes its mind within a handshake.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Hello;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my ($one, $two) = (ca('One'), ca('Two'));
my $alice = cert('alice', ca => $one, client => 1);
my $site = cert('www.test', ca => $one);
my $p;

sub ask { return cli_ask("$p->{dir}/ctl.sock", $_[0]) =~ s/\n+\z//r }
sub pem { return join '', grep { /\S/ } map { "$_\n" } split /\n/, pem_text(@_) }

sub change
{
	my ($what, @files) = @_;

	ask("set ssl $what <<\n" . pem(@files));
	return like(ask("commit ssl $what"), qr/Success!/, "$what: committed");
}

sub config
{
	return "global\n    nbthread 1\n    stats socket {DIR}/ctl.sock level admin\n"
	    . defaults('retries 0') . $_[0];
}

sub shake
{
	my ($bind, %o) = @_;

	return s_client($p->addr($bind), cert => $alice, ca => $one, %o);
}

my $ca_file = bundle('one.crt', $one->{crt});
my $crl = crl($one);
my $kept = bundle('crl.pem', $crl);
my $list = Tideway::Test::spew('list', "$site->{pem}\n");

$p = start_proxy(config("frontend f
    bind {BIND:ca} ssl crt $site->{pem} ca-file $ca_file verify required
    bind {BIND:id} ssl crt $site->{pem} ca-file $ca_file verify required no-tls-tickets
    bind {BIND:crl} ssl crt $site->{pem} ca-file $one->{crt} crl-file $kept verify required
    bind {BIND:list} ssl crt-list $list
    http-request return status 200
"));

my @binds = qw(ca id crl);
my @versions = qw(tls1_2 tls1_3);
for my $bind (@binds) {
	for my $v (@versions) {
		my $file = "$dir/$bind.$v";
		ok(shake($bind, version => $v, sess_out => $file)->{connected} && -s $file, "$bind, $v: a session");
		ok(shake($bind, version => $v, sess_in => $file)->{reused}, 'which is resumed');
	}
}

sub none_resumes
{
	my ($why, @of) = @_;

	for my $bind (@of) {
		ok(!shake($bind, version => $_, sess_in => "$dir/$bind.$_")->{reused}, "$bind, $_: $why") for @versions;
	}
}

change("ca-file $ca_file", $two->{crt});
none_resumes('not when another authority is trusted', qw(ca id));
ok(shake('crl', version => $_, sess_in => "$dir/crl.$_")->{reused}, "crl, $_: it is not concerned") for @versions;
revoke($one, $alice);
change("crl-file $kept", crl($one));
none_resumes('not when it is revoked', 'crl');
change("ca-file $ca_file", $one->{crt});
ok(shake('ca', version => $_, sess_in => "$dir/ca.$_")->{reused}, "$_: when the same is trusted again") for @versions;

subtest 'files that were never read' => sub {
	for my $l (['x.test', 'new-one', $one], ['y.test', 'new-two', $two]) {
		my $c = cert($l->[0], ca => $one);
		ask("new ssl ca-file $l->[1]");
		change("ca-file $l->[1]", $l->[2]{crt});
		ask("new ssl cert $c->{pem}");
		ask("set ssl cert $c->{pem} <<\n" . pem($c->{pem}));
		like(ask("commit ssl cert $c->{pem}"), qr/Success!/, 'its certificate');
		like(ask("add ssl crt-list $list <<\n$c->{pem} [ca-file $l->[1] verify required]\n"),
		    qr/Success!/, "$l->[0]: added");
	}
	for my $v (@versions) {
		my $file = "$dir/x.$v";
		ok(shake('list', version => $v, sni => 'x.test', sess_out => $file)->{connected} && -s $file,
		    "$v: a session");
		ok(shake('list', version => $v, sni => 'x.test', sess_in => $file)->{reused}, 'is resumed');
		ok(!shake('list', version => $v, sni => 'y.test', sess_in => $file)->{reused},
		    'not where others are trusted');
	}
};

subtest 'a file that could not be read' => sub {
	my $file = Tideway::Test::spew('late.crt', "nothing\n");
	my $c = cert('z.test', ca => $one);
	my $add = sub { ask("add ssl crt-list $list <<\n$c->{pem} [ca-file $file verify required]\n") };

	ask("new ssl cert $c->{pem}");
	ask("set ssl cert $c->{pem} <<\n" . pem($c->{pem}));
	ask("commit ssl cert $c->{pem}");
	like($add->(), qr/unable to load CA file/, 'is refused');
	unlike(ask('show ssl ca-file'), qr/late/, 'and not known');
	Tideway::Test::spew('late.crt', pem_text($one->{crt}));
	like($add->(), qr/Success!/, 'once it can be');
	like(ask('show ssl ca-file'), qr/late\.crt - 1 certificate/, 'it is');
};

# RFC 8446, 4.1.2: behind a HelloRetryRequest the hello is the same but for the key
subtest 'another name in the second hello' => sub {
	my %o = (groups => [29, 23], versions => [0x304], sigalgs => [0x403, 0x804], ciphers => [0x1301]);
	my $record = sub {
		my $head = $_[0]->read_bytes(5);
		return (tls_records($head . $_[0]->read_bytes(unpack 'x3n', $head)))[0];
	};
	my $alert = sub {
		my ($first, $second) = @_;
		my $peer = raw_client($p->addr('list'),
		    hello(%o, sni => $first, extensions => [[51, "\0\0"]]));
		is($record->($peer)->{type}, 22, 'asked for a key');
		$peer->send(hello(%o, sni => $second, key_share => 1));
		my $r = $record->($peer);
		return ($r->{type} == 20 ? $record->($peer) : $r)->{alert};
	};
	is($alert->('www.test', 'y.test'), 47, 'is an illegal parameter');
	is($alert->('y.test', 'www.test'), 47, 'one way and the other');
	isnt($alert->('y.test', 'y.test'), 47, 'the same one is not');
};
stop_proxy($p);

subtest 'sessions with servers' => sub {
	my $file = bundle('srv.crt', $one->{crt});
	my $s = tls_origin(cert => cert('o.test', ca => $one));

	$p = start_proxy(config("listen l\n    bind {BIND:l}\n    http-reuse never\n"
	    . "    server s ${\ $s->addr} ssl verify required ca-file $file tls-tickets sni str(o.test)\n"));
	my $get = sub { $p->get('l', '/') };
	is($get->()->header('X-TLS-Reused'), $_, "reused $_") for 0, 1;
	change("ca-file $file", $two->{crt});
	is($get->()->status, 503, 'not trusted any more');
	change("ca-file $file", $one->{crt}, $two->{crt});
	is($get->()->header('X-TLS-Reused'), $_, "again, reused $_") for 0, 1;
	stop_proxy($p);
};
done_testing();
