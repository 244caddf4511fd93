# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Commands about certificates, the same ones to Debian's haproxy and to tideway
# with one configuration: each answer is the same. What a later HAProxy says,
# or what it says wrongly, is listed at its command.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Compare;
use Tideway::TLS;
use MIME::Base64;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');
my $dir = Tideway::Test::temp_dir();
my $root = ca('Root', subject => '/C=DE/O=x, y/CN=Root');
my $a = cert('a.test', ca => $root, file => 'a', names => [qw(a.test b.test)]);
my $rsa = cert('r.test', ca => $root, file => 'r', type => 'rsa');
my $z = cert('z.test', ca => $root, file => 'z', key => fresh_key('ecdsa'));
my $other = ca('Other');
my ($crl, $other_crl) = (crl($root), crl($other));
revoke($root, $z);
my $crl2 = crl($root);
my ($A, $R, $Z, $N) = map { "$dir/$_.pem" } qw(a r z new);

mkdir "$dir/d";
bundle('a.pem', $a->{crt}, $root->{crt}, $a->{key});
bundle('d/x.pem', $rsa->{crt}, $rsa->{key});
Tideway::Test::spew('a.pem.ocsp', slurp(ocsp_response($root, $a)));
Tideway::Test::spew('list', "# lines
$R [verify none ssl-min-ver TLSv1.2] *.z.test !no.z.test
$R z.test

$A
");
my $with_list = is_there('crt-list');
my ($L, $D) = ("$dir/list", "$dir/d");

# words that are not there yet are left out of the comparison
sub is_there
{
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:0 ssl $_[0] $dir/list\n");
	return $r->{code} == 0;
}

sub config
{
	my ($who) = @_;

	return "global
    stats socket $dir/$who.sock level admin
" . defaults() . "
frontend f
    bind {BIND:a} ssl crt $A
    bind {BIND:d} ssl crt $D/
    bind {BIND:c} ssl crt $A ca-file $root->{crt} verify optional
    bind {BIND:e} ssl crt $A crt $R ca-file $root->{crt} crl-file $crl verify optional
" . ($with_list ? "    bind {BIND:l} ssl crt-list $L\n" : '');
}

my $hap = start_proxy(config('hap'), bin => $haproxy);
my $tw = start_proxy(config('tw'));
my $pem = sub { join "\n", grep { length } split /\n/, pem_text(@_) };
my $b64 = sub { encode_base64(slurp($_[0])) =~ s/\n\z//r };

sub ask { return cli_ask("$dir/$_[0].sock", $_[1]) =~ s/^Certificate path : .*\n//mgr }

# one command to both: the same; with => qr//: what ours says instead
sub same
{
	my ($cmd, %o) = @_;
	my ($want, $got) = map { ask($_, $cmd) } qw(hap tw);
	my $name = substr($cmd =~ s/\n.*//sr, 0, 100) =~ s/\Q$dir\E\///gr;

	return like($got, $o{with}, $name) if $o{with};
	is($got, $want, $name);
}

subtest 'show' => sub {
	same('show ssl cert');
	same("show ssl cert $_") for $A, "$D/x.pem", 'none', "*$A", "$A.ocsp",
	    "$D/x.pem.ocsp", 'none.ocsp';
	same('show ssl ocsp-response');
	my ($id) = ask('hap', 'show ssl ocsp-response') =~ /key : (\S+)/;
	same("show ssl ocsp-response $id");
	same('show ssl ocsp-response 1234');
};

subtest 'a transaction' => sub {
	same("set ssl cert");
	same("set ssl cert $A");
	same("set ssl cert none <<\n" . $pem->($z->{pem}) . "\n");
	same("set ssl cert $A <<\nnothing\n");
	same("set ssl cert $A <<\n" . $pem->($z->{crt}, $z->{key}) . "\n");
	same('show ssl cert');
	same("show ssl cert *$A");
	same("set ssl cert $A <<\n" . $pem->($z->{crt}, $z->{key}) . "\n");
	same('commit ssl cert');
	same('commit ssl cert none');
	same("commit ssl cert $A");
	same("show ssl cert $A");
	same("commit ssl cert $A");
	same('abort ssl cert');
	same("abort ssl cert $A");
	same("set ssl cert $A <<\n" . $pem->($a->{pem}) . "\n");
	same('abort ssl cert none');
	same("abort ssl cert $A");
	# one transaction at a time: haproxy 2.6 changes the other one
	same("set ssl cert $A <<\n" . $pem->($a->{pem}) . "\n");
	same("set ssl cert $D/x.pem <<\n" . $pem->($z->{crt}, $z->{key}) . "\n",
	    with => qr{^The ongoing transaction is about '$A' but you are trying to set '$D/x\.pem'\nCan't update $D/x\.pem!});
	same("set ssl cert $A <<\n" . $pem->($a->{pem}) . "\n");
	same("commit ssl cert $A");
	same("show ssl cert $A");
};

subtest 'in parts' => sub {
	same("set ssl cert $A <<\n" . $pem->($a->{crt}) . "\n");
	same("show ssl cert *$A");
	same("commit ssl cert $A");
	same("set ssl cert $A.key <<\n" . $pem->($z->{key}) . "\n");
	same("commit ssl cert $A");
	same("set ssl cert $A.key <<\n" . $pem->($z->{crt}) . "\n");
	same("set ssl cert $A.key <<\n" . $pem->($a->{key}) . "\n");
	same("set ssl cert $A.issuer <<\nnothing\n");
	same("set ssl cert $A.issuer <<\n" . $pem->($root->{crt}) . "\n");
	same("set ssl cert $A.ocsp <<\n!!!\n", with => qr/^Error reading OCSP response in base64 format\nCan't load the payload\nCan't update $A\.ocsp!/);
	same("set ssl cert $A.ocsp <<\n" . $b64->(ocsp_response($root, $a)) . "\n");
	same("show ssl cert *$A");
	same("commit ssl cert $A");
	same("show ssl cert $A");
	same("show ssl cert $A.ocsp");
	same("set ssl cert $A.foo <<\n" . $pem->($a->{key}) . "\n");
};

subtest 'new ones' => sub {
	same('new ssl cert');
	same("new ssl cert $A");
	same("new ssl cert $N");
	same("new ssl cert $N");
	same('show ssl cert');
	same("show ssl cert $N");
	same("commit ssl cert $N");
	same("set ssl cert $N <<\n" . $pem->($z->{crt}, $z->{key}) . "\n");
	same("show ssl cert *$N");
	same("commit ssl cert $N");
	same("show ssl cert $N");
	same("new ssl cert $N");
	same('del ssl cert');
	same('del ssl cert none');
	same("del ssl cert $A");
	same("del ssl cert $N");
	same('show ssl cert');
	same("new ssl cert $N");
	same("del ssl cert $N");
};

subtest 'lists' => sub {
	plan skip_all => 'there is no crt-list' unless $with_list;
	same('show ssl crt-list');
	same("show ssl crt-list $_") for $L, $D, "$D/", "-n $L", '-n', 'none';
	same('add ssl crt-list');
	same("add ssl crt-list $L");
	same("add ssl crt-list none $N");
	same("add ssl crt-list $L $N");
	same("new ssl cert $N");
	same("add ssl crt-list $L $N");
	same("set ssl cert $N <<\n" . $pem->($z->{crt}, $z->{key}) . "\n");
	same("commit ssl cert $N");
	same("add ssl crt-list $L $N");
	same("show ssl cert $N");
	same("add ssl crt-list $L <<\n$N [alpn h2] foo.test !x.foo.test\n");
	same("add ssl crt-list $D <<\n$N [alpn h2] foo.test\n");
	same("add ssl crt-list $D $N");
	same("show ssl crt-list $D");
	# haproxy has a blank before the bracket
	same("show ssl crt-list -n $L", with => qr{^\Q$N\E:7 \[alpn h2\] foo\.test !x\.foo\.test$}m);
	same("del ssl cert $N");
	same('del ssl crt-list');
	same("del ssl crt-list $L");
	same('del ssl crt-list none x');
	same("del ssl crt-list $L none");
	same("del ssl crt-list $L $N");
	same("del ssl crt-list $L $N:99");
	same("del ssl crt-list $L $N:x");
	same("del ssl crt-list $L $N:7");
	same("del ssl crt-list $L $N");
	same("del ssl crt-list $D $N");
	same("show ssl crt-list -n $L");
	same("del ssl cert $N");
};

subtest 'CA files' => sub {
	my ($C, $M) = ($root->{crt}, "$dir/more.crt");
	# the one that HAProxy's own client reads
	my $system = qr/^\@system-ca - .*\n/m;
	my $list = sub {
		is(ask('tw', $_[0]), ask('hap', $_[0]) =~ s/$system//r, $_[0]);
	};

	$list->('show ssl ca-file');
	same("show ssl ca-file $_") for $C, "$C:1", "$C:2", 'none', "*$C";
	same("show ssl ca-file $C:x", with => qr/^wrong CA index after colons in '\Q$C\E:x'!$/m);
	same('set ssl ca-file');
	same("set ssl ca-file $C");
	same("set ssl ca-file none <<\n" . $pem->($C) . "\n");
	same("set ssl ca-file $C <<\nnothing\n");
	same("set ssl ca-file $C <<\n" . $pem->($C, $other->{crt}) . "\n");
	same("set ssl ca-file $C <<\n" . $pem->($other->{crt}, $C) . "\n");
	$list->('show ssl ca-file');
	same("show ssl ca-file *$C");
	same("show ssl ca-file *$C:2");
	same('commit ssl ca-file');
	same('commit ssl ca-file none');
	same("commit ssl ca-file $C");
	same("commit ssl ca-file $C");
	same("show ssl ca-file $C");
	same('abort ssl ca-file');
	same("abort ssl ca-file $C");
	same("set ssl ca-file $C <<\n" . $pem->($C) . "\n");
	same('abort ssl ca-file none');
	same("abort ssl ca-file $C");
	same('new ssl ca-file');
	same("new ssl ca-file $C");
	same("new ssl ca-file $M");
	$list->('show ssl ca-file');
	same("show ssl ca-file $M");
	same("commit ssl ca-file $M");
	same("set ssl ca-file $M <<\n" . $pem->($C) . "\n");
	same("commit ssl ca-file $M");
	same("show ssl ca-file $M");
	same('del ssl ca-file');
	same('del ssl ca-file none');
	same("del ssl ca-file $C");
	same("del ssl ca-file $M");
};

subtest 'CRL files' => sub {
	my ($C, $M) = ($crl, "$dir/more.crl");

	same('show ssl crl-file');
	same("show ssl crl-file $_") for $C, "$C:1", "$C:2", 'none', "*$C", $root->{crt};
	same('set ssl crl-file');
	same("set ssl crl-file none <<\n" . $pem->($C) . "\n");
	same("set ssl crl-file $C <<\nnothing\n");
	same("set ssl crl-file $C <<\n" . $pem->($crl2) . "\n");
	same("set ssl crl-file $C <<\n" . $pem->($crl2, $other_crl) . "\n");
	same('show ssl crl-file');
	same("show ssl crl-file *$C");
	same('commit ssl crl-file', with => qr/^'commit ssl crl-file expects a filename$/m);
	same('commit ssl crl-file none');
	same("commit ssl crl-file $C");
	same("commit ssl crl-file $C");
	same("show ssl crl-file $C");
	same("set ssl crl-file $C <<\n" . $pem->($crl2) . "\n");
	same('abort ssl crl-file none');
	same("abort ssl crl-file $C");
	same("new ssl crl-file $C");
	same("new ssl crl-file $M");
	same('show ssl crl-file');
	same("show ssl crl-file $M");
	same("set ssl crl-file $M <<\n" . $pem->($crl2) . "\n");
	same("commit ssl crl-file $M");
	same("show ssl crl-file $M");
	same('del ssl crl-file');
	same('del ssl crl-file none');
	same("del ssl crl-file $C");
	same("del ssl crl-file $root->{crt}");
	same("del ssl crl-file $M");
};

stop_proxy($_) for $hap, $tw;
done_testing();
