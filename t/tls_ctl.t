# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Certificates are changed through the control socket, as the hooks of acme.sh
# and certbot do, and clients see the new ones; connections that are open go on.
use Tideway::Test;
use Tideway::Cli;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my $root = ca('Root');
my $o = origin(name => 's');

sub config
{
	my ($binds, %o) = @_;

	return 'global
    stats socket {DIR}/ctl.sock level admin
    stats socket {DIR}/user.sock level user
' . ($o{global} // '') . defaults() . "frontend f\n" . join('', map { "    bind $_\n" } @$binds)
	    . "    default_backend b\nbackend b\n    server s ${\ $o->addr}\n";
}

my $p;
sub ask { return cli_ask("$p->{dir}/ctl.sock", $_[0]) =~ s/\n+\z//r }
# as a hook sends it: no empty line within, one at the end
sub pem { return join '', grep { /\S/ } map { "$_\n" } split /\n/, pem_text(@_) }
sub payload { return ask("$_[0] <<\n" . $_[1]) }
sub names { return s_client($p->addr($_[0]), sni => $_[1], ca => $root)->{subject} // 'none' }
sub serial { return s_client($p->addr($_[0]), sni => $_[1], ca => $root)->{serial} // 'none' }

my $old = cert('www.test', ca => $root, file => 'www');
my $next = cert('www.test', ca => $root, key => fresh_key('ecdsa'));
my $fresh = cert('new.test', ca => $root, key => fresh_key('ecdsa'));
my $rsa = cert('www.test', ca => $root, type => 'rsa');
mkdir "$dir/dir";
bundle('dir/first.pem', cert('first.test', ca => $root)->{pem});
my $W = $old->{pem};

$p = start_proxy(config([ "{BIND:a} ssl crt $W", "{BIND:b} ssl crt $dir/dir crt $W" ]));

# what acme.sh's haproxy hook sends with DEPLOY_HAPROXY_HOT_UPDATE: what is there
# is looked up, then set and committed; answers are searched for words
subtest 'a renewal as acme.sh does it' => sub {
	my $keep = https_get($p->addr('a'), sni => 'www.test', ca => $root);

	is($keep->status, 200, 'a connection is open');
	is(serial('a', 'www.test'), $old->{serial}, 'the old one');
	like(ask('show ssl cert'), qr/^\Q$W\E$/m, 'it is known');
	like(payload("set ssl cert $W", pem($next->{pem})),
	    qr/\ATransaction created for certificate \Q$W\E!\z/, 'set');
	is(serial('a', 'www.test'), $old->{serial}, 'not in force yet');
	like(ask("commit ssl cert $W"), qr/\ACommitting \Q$W\E\.\.\nSuccess!\z/, 'committed');
	is(serial($_, 'www.test'), $next->{serial}, "in force on $_") for qw(a b);
	like(ask("show ssl cert $W"), qr/^Serial: 0*\Q$next->{serial}\E$/m, 'shown');
	is(https_get($p->addr('a'), conn => $keep->{conn})->status, 200, 'the open one goes on');
};

subtest 'a first certificate as acme.sh does it' => sub {
	my $n = "$dir/dir/new.test.pem";

	unlike(ask('show ssl cert'), qr/^\Q$n\E$/m, 'it is not known');
	is(names('b', 'new.test'), 'CN = first.test', 'another one answers');
	is(ask("new ssl cert $n"), "New empty certificate store '$n'!", 'new');
	like(payload("set ssl cert $n", pem($fresh->{pem})), qr/\ATransaction created/, 'set');
	is(ask("commit ssl cert $n"), "Committing $n\nSuccess!", 'committed');
	is(names('b', 'new.test'), 'CN = first.test', 'nobody shows it yet');
	like(ask("show ssl cert $n"), qr/^Status: Unused$/m, 'unused');
	is(ask("add ssl crt-list $dir/dir $n"),
	    "Inserting certificate '$n' in crt-list '$dir/dir'.\nSuccess!", 'added');
	is(names('b', 'new.test'), 'CN = new.test', 'shown');
	like(ask("show ssl cert $n"), qr/^Status: Used$/m, 'used');
	like(ask("del ssl cert $n"), qr/in use, can't be deleted!/, 'not to be deleted');
	like(ask("del ssl crt-list $dir/dir $n"), qr/deleted in crtlist/, 'out of the list');
	is(names('b', 'new.test'), 'CN = first.test', 'not shown any more');
	is(ask("del ssl cert $n"), "Certificate '$n' deleted!", 'deleted');
	unlike(ask('show ssl cert'), qr/new\.test/, 'not there');
};

# how often the text is in the process's own memory; undef: it cannot be read
sub found
{
	my ($pid, $text) = @_;
	my $n = 0;

	open my $maps, '<', "/proc/$pid/maps" or return;
	open my $mem, '<:raw', "/proc/$pid/mem" or return;
	for (<$maps>) {
		my ($from, $to) = /^(\w+)-(\w+) rw-p \w+ 00:00 0/ or next;
		no warnings 'portable';
		my ($at, $len) = (hex $from, hex($to) - hex $from);
		next if $len > 256 << 20; # a sanitizer's
		sysseek $mem, $at, 0 or next;
		sysread $mem, my $bytes, $len or next;
		$n += () = $bytes =~ /\Q$text\E/g;
	}
	return $n;
}

subtest 'a key does not stay in memory as it was said' => sub {
	plan skip_all => 'freed memory is kept' if ($ENV{TW_SANITIZER} // 'no') ne 'no';
	my $c = cert('secret.test', ca => $root, key => fresh_key('rsa'));
	my $pem = pem($c->{pem});
	my ($line) = pem($c->{key}) =~ /\n([\w+\/]{60,})\n/;

	ask("new ssl cert secret");
	ask("set ssl cert secret <<\n$pem") for 1, 2;
	like(ask("commit ssl cert secret"), qr/Success/, 'set and committed');
	ask("set ssl cert secret.key <<\n" . pem($c->{key}));
	ask('abort ssl cert secret');
	my $peer = Tideway::Peer->new(IO::Socket::UNIX->new(Peer => "$p->{dir}/ctl.sock"));
	$peer->send("set ssl cert secret <<\n" . pem($c->{key}) . "$line");
	$peer->close;
	ask('show info');
	my $n = found($p->pid, $line) // plan skip_all => 'memory cannot be read';
	is($n, 0, 'it is nowhere');
	cmp_ok(found($p->pid, $W), '>', 0, 'other text is found');
};

# certbot's hooks keep certificate and key apart
subtest 'in parts' => sub {
	like(payload("set ssl cert $W", pem($rsa->{crt}, $rsa->{chain})), qr/created/, 'no key');
	like(ask("commit ssl cert $W"), qr/must contain at least a certificate and a private key!\nCan't commit/, 'not complete');
	like(payload("set ssl cert $W.key", pem($fresh->{key})), qr/updated/, "another one's key");
	like(ask("commit ssl cert $W"), qr/inconsistencies between private key and certificate/, 'it does not fit');
	is(serial('a', 'www.test'), $next->{serial}, 'nothing has changed');
	like(payload("set ssl cert $W.key", pem($rsa->{key})), qr/updated/, 'its key');
	like(ask("commit ssl cert $W"), qr/Success!/, 'committed');
	is(serial('b', 'www.test'), $rsa->{serial}, 'another type of key');
	like(ask("dump ssl cert $W"), qr/\A-----BEGIN PRIVATE KEY-----.*BEGIN CERTIFICATE.*END CERTIFICATE-----\z/s, 'as PEM');
	is(Tideway::Test::spew('x.pem', ask("dump ssl cert $W") . "\n"), "$dir/x.pem", 'kept');
	like(openssl('x509', '-in', "$dir/x.pem", '-noout', '-serial'), qr/=\Q$rsa->{serial}\E/, 'it is the same');
	like(ask("dump ssl cert none"), qr/Not found/, 'of nothing');
};

subtest 'no good' => sub {
	my $enc = slurp($rsa->{crt}) . slurp(encrypted_key($rsa, 'x'));

	for ([ 'an encrypted key', $enc ], [ 'nothing', "x\n" ],
	    [ 'half a certificate', substr(pem($rsa->{crt}), 0, 300) . "\n" ],
	    [ 'a cut chain', pem($rsa->{pem}) . "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n" ]) {
		like(payload("set ssl cert $W", $_->[1]), qr/Can't load the payload\nCan't update/, $_->[0]);
	}
	is(ask("abort ssl cert $W"), 'No ongoing transaction!', 'none began');
	is(cli_ask("$p->{dir}/user.sock", "$_") =~ s/\n+\z//r, 'Permission denied', "$_: not for users")
	    for 'new ssl cert x', 'show ssl cert', "dump ssl cert $W", 'show ssl crt-list', 'set ssl ocsp-response x';
	is(serial('a', 'www.test'), $rsa->{serial}, 'as before');
};

subtest 'a reload' => sub {
	payload("set ssl cert $W", pem($next->{pem}));
	ask('new ssl cert x');
	$p->write_config(config([ "{BIND:a} ssl crt $W", "{BIND:b} ssl crt $dir/dir crt $W" ]));
	$p->signal('USR2');
	ok(wait_until { serial('a', 'www.test') eq $old->{serial} }, 'files count again');
	is(ask("commit ssl cert $W"), "No ongoing transaction! !\nCan't commit $W!", 'no transaction');
	unlike(ask('show ssl cert'), qr/^x$/m, 'nor empty names');
};

subtest 'server names' => sub {
	my @rows = map { [ split /\t/ ] } split /\n/, ask('show ssl sni');

	is(join('|', @{ $rows[0] }), '# Frontend/Bind|SNI|Negative Filter|Type|Filename|NotAfter|NotBefore', 'titles');
	my ($www) = grep { $_->[1] eq 'www.test' && $_->[4] eq $W } @rows;
	like($www->[0], qr{^f/\S+:\d+$}, 'frontend and line');
	is($www->[3], 'ecdsa', 'type');
	like($_, qr/^\w{3} [ \d]\d [\d:]{8} \d{4} GMT$/, 'a date') for @$www[5, 6];
	is(scalar(grep { $_->[1] eq '*' } @rows), 2, 'a default for each line');
	is(ask('show ssl sni -f f'), ask('show ssl sni'), 'of a frontend');
	like(ask('show ssl sni -f'), qr/'-f' needs the name of a frontend/, 'of whom?');
	like(ask('show ssl sni -t'), qr/'-t' needs a time/, 'when?');
	is(ask('show ssl sni -f x'), "There is no frontend 'x'!", 'of none');
	like(ask('show ssl sni -A'), qr/\A# [^\n]*\z/, 'none is expired');
	is(scalar(split /\n/, ask('show ssl sni -A -t 400d')), scalar(@rows), 'in 400 days all are');
	like(ask('show ssl sni x'), qr/^'x' is unknown/, 'a word too many');
	like(ask('show ssl sni -t x'), qr/x/, 'no time');
};
stop_proxy($p);

subtest 'lines of a crt-list' => sub {
	my $list = Tideway::Test::spew('list', "$W\n");
	my $n = "$dir/new.pem";
	my $ca2 = ca('Other');
	my $alice = cert('alice', ca => $ca2, client => 1);

	$p = start_proxy(config([ "{BIND:l} ssl crt-list $list", "{BIND:k} ssl crt-list $list" ]));
	my $client = sub {
		my $m = https_get($p->addr('l'), sni => $_[0], $_[1] ? (cert => $_[1]) : (), close => 1);
		return $m->status;
	};
	is(ask("new ssl cert $n"), "New empty certificate store '$n'!", 'new');
	payload("set ssl cert $n", pem($fresh->{pem}));
	like(ask("commit ssl cert $n"), qr/Success!/, 'committed');
	is(payload("add ssl crt-list $list", "$n [alpn http/1.1 ssl-min-ver TLSv1.3] *.new.test !no.new.test\n"),
	    "Inserting certificate '$n' in crt-list '$list'..\nSuccess!", 'added with options and filters');
	is(names($_, 'a.new.test'), 'CN = new.test', "shown on $_") for qw(l k);
	is(names('l', 'no.new.test'), 'CN = www.test', 'not for a name left out');
	is(s_client($p->addr('l'), sni => 'a.new.test', version => 'tls1_2')->{connected}, 0, 'its versions hold');
	like(payload("add ssl crt-list $list", "$n [nonsense] x.test\n"), qr/\ACan't edit the crt-list: .*nonsense/, 'a bad option');
	like(ask("show ssl crt-list -n $list"), qr/^\Q$n\E:2 \[alpn http\/1\.1 ssl-min-ver TLSv1\.3\] \*\.new\.test !no\.new\.test\z/m, 'shown, the bad one is not');
	like(ask('show ssl sni'), qr/\t\*\.new\.test\t!no\.new\.test\tecdsa\t\Q$n\E\t/, 'and its names');
	# a CA file that was never on the disk
	is(ask('new ssl ca-file live.crt'), "New CA file created 'live.crt'!", 'a new CA file');
	is(payload('set ssl ca-file live.crt', pem($ca2->{crt})), 'transaction created for CA live.crt!', 'set');
	is(ask('commit ssl ca-file live.crt'), "Committing live.crt\nSuccess!", 'committed');
	like(payload("add ssl crt-list $list", "$n [ca-file live.crt verify required] m.test\n"), qr/Success!/, 'a line asks for certificates');
	is($client->('m.test', $alice), 200, 'of that authority');
	is($client->('m.test'), 0, 'not without one');
	is($client->('www.test'), 200, 'other names need none');
	like(ask('show ssl ca-file live.crt'), qr/^Status: Used$/m, 'used');
	like(ask('del ssl ca-file live.crt'), qr/in use, can't be deleted/, 'not to be deleted');
	stop_proxy($p);
};

subtest 'CA and CRL files' => sub {
	my ($one, $two) = (ca('One'), ca('Two'));
	my $a = cert('alice', ca => $one, client => 1);
	my $b = cert('bob', ca => $two, client => 1);
	my $crl = crl($one);
	my $file = bundle('one.crt', $one->{crt});

	$p = start_proxy(config([ "{BIND:r} ssl crt $W ca-file $file verify required",
	    "{BIND:c} ssl crt $W ca-file $file crl-file $crl verify required" ]));
	my $may = sub {
		my ($bind, $who) = @_;
		return https_get($p->addr($bind), sni => 'www.test', cert => $who, close => 1)->status == 200;
	};
	my $open = https_get($p->addr('r'), sni => 'www.test', cert => $a);
	ok($may->('r', $a) && $may->('c', $a), 'one may');
	ok(!$may->('r', $b) && !$may->('c', $b), 'the other may not');
	my $cas = sub { join '|', sort @{ s_client($p->addr('r'), sni => 'www.test')->{client_cas} } };
	is($cas->(), 'CN = One', 'asked for');
	payload("set ssl ca-file $file", pem($two->{crt}));
	ok($may->('r', $a), 'not in force yet');
	is(ask("commit ssl ca-file $file"), "Committing $file..\nSuccess!", 'committed');
	ok(!$may->('r', $a) && $may->('r', $b), 'now the other one');
	is($cas->(), 'CN = Two', 'asked for');
	is(https_get($p->addr('r'), conn => $open->{conn})->status, 200, 'an open connection goes on');
	is(payload("add ssl ca-file $file", pem($one->{crt})), "transaction created for CA $file!", 'one is added');
	like(ask("show ssl ca-file *$file"), qr/Certificate #2:/, 'both');
	like(ask("commit ssl ca-file $file"), qr/Success!/, 'committed');
	ok($may->('r', $a) && $may->('r', $b), 'both may');
	is($cas->(), 'CN = One|CN = Two', 'both are asked for');
	revoke($one, $a);
	payload("set ssl crl-file $crl", pem(crl($one), crl($two)));
	ok($may->('c', $a), 'not in force yet');
	is(ask("commit ssl crl-file $crl"), "Committing $crl.\nSuccess!", 'committed');
	ok(!$may->('c', $a) && $may->('c', $b), 'revoked');
	ok($may->('r', $a), 'where there is no list it is not');
	$p->signal('USR2');
	ok(wait_until { $may->('r', $a) && !$may->('r', $b) }, 'after a reload files count again');
	stop_proxy($p);
};

subtest 'CA files of servers' => sub {
	my ($one, $two) = (ca('One'), ca('Two'));
	my $file = bundle('srv.crt', $one->{crt});
	my $s = tls_origin(cert => cert('o.test', ca => $one));

	$p = start_proxy("global\n    stats socket {DIR}/ctl.sock level admin\n" . defaults('retries 0')
	    . "listen l\n    bind {BIND:l}\n    http-reuse never\n"
	    . "    server s ${\ $s->addr} ssl verify required ca-file $file no-ssl-reuse sni str(o.test)\n");
	is($p->get('l', '/')->status, 200, 'trusted');
	like(ask("show ssl ca-file $file"), qr/^Status: Used$/m, 'used');
	payload("set ssl ca-file $file", pem($two->{crt}));
	like(ask("commit ssl ca-file $file"), qr/Success!/, 'another authority');
	is($p->get('l', '/')->status, 503, 'not trusted any more');
	payload("add ssl ca-file $file", pem($one->{crt}));
	ask("commit ssl ca-file $file");
	is($p->get('l', '/')->status, 200, 'both are');
	stop_proxy($p);
};

subtest 'when they expire' => sub {
	my $soon = cert('soon.test', ca => $root, days => 3);
	my $late = cert('late.test', ca => $root, days => -2);
	my $long = cert('long.test', ca => $root, file => 'l' x 80);

	$p = start_proxy(config([ "{BIND:a} ssl crt $W crt $soon->{pem} crt $late->{pem} crt $long->{pem}",
	    "{BIND:s}\n    mode http\n    stats enable\n    http-request use-service prometheus-exporter if { path /metrics }" ]));
	my $get = sub { $p->get('s', $_[0])->body };
	my $m = $get->('/metrics?scope=certificate');
	my %end = $m =~ /^haproxy_certificate_not_after_timestamp_seconds\{.*?serial="(\w+)"\} (\d+)$/mg;
	is(keys %end, 4, 'metrics of four');
	my ($days) = map { int(($end{ $soon->{serial} } - time) / 86400) } 1;
	ok($days == 2 || $days == 3, 'in days') or diag $days;
	cmp_ok($end{ $late->{serial} }, '<', time, 'expired');
	like($m, qr/^# TYPE haproxy_certificate_not_before_timestamp_seconds gauge$/m, 'begins');
	like($m, qr/not_after_timestamp_seconds\{name="\Q$W\E",subject="www\.test",serial="\Q$old->{serial}\E"\}/, 'labels');
	like($m, qr/name="l+\.pem",subject="long\.test"/, 'the end of a long name');
	my $page = $get->('/haproxy?stats');
	like($page, qr/Certificates.*?late\.test.*?expired.*?soon\.test.*?valid.*?www\.test/s, 'on the page, what ends first in front');
	ok($get->('/haproxy?stats;json') =~ /"objType":"Certificates"/, 'in JSON');
	payload("set ssl cert $late->{pem}", pem($next->{pem}));
	ask("commit ssl cert $late->{pem}");
	like($get->('/metrics?scope=certificate'), qr/serial="\Q$next->{serial}\E"/, 'the new one');
	unlike($get->('/metrics?scope=certificate'), qr/serial="\Q$late->{serial}\E"/, 'not the old one');
	stop_proxy($p);
};

subtest 'without TLS' => sub {
	$p = start_proxy(config(['{BIND:a}']));
	is(ask('show ssl cert'), '# filename', 'no certificate');
	like(payload('set ssl cert x', "x\n"), qr/not referenced/, 'none can be set');
	is(ask('show ssl crt-list'), '', 'no list');
	like(ask('show ssl sni'), qr/\A# [^\n]*\z/, 'no name');
	stop_proxy($p);
};

done_testing();
