# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Session tickets: shared by lines and threads, kept by reloads, rotated; files
# of keys, in HAProxy's format; the commands that show and change them.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Compare;
use Tideway::TLS;
use MIME::Base64;

my $dir = Tideway::Test::temp_dir();
my $cert = cert('localhost');
my %version = (tls1_2 => 'TLS 1.2', tls1_3 => 'TLS 1.3');

sub key { return encode_base64(join('', map { chr rand 256 } 1 .. $_[0]), '') }
sub keys_file { my ($name, @k) = @_; return spew($name, join '', map { "$_\n" } @k) }

# a handshake that keeps its session
sub first
{
	my ($addr, $version, $file) = @_;
	my $f = s_client($addr, version => $version, sess_out => "$dir/$file");

	return $f->{connected} && -s "$dir/$file";
}

sub resumed
{
	my ($addr, $version, $file) = @_;

	return s_client($addr, version => $version, sess_in => "$dir/$file")->{reused};
}

sub reload
{
	my ($p, $sock, $text) = @_;
	my ($n) = cli_ask($sock, 'show info') =~ /^Generation: (\d+)/m;

	$p->write_config($text) if defined $text;
	$p->signal('USR2');
	return wait_until { cli_ask($sock, 'show info') =~ /^Generation: (\d+)/m && $1 > $n };
}

my @k256 = map { key(80) } 1 .. 4;
my @k128 = map { key(48) } 1 .. 3;
my $f256 = keys_file('k256', @k256);
my $f128 = keys_file('k128', @k128);

sub text
{
	my (%o) = @_;

	return "global
    nbthread 4
    stats socket $dir/c.sock level admin
" . ($o{global} // '') . defaults() . "
frontend f
    bind {BIND:a} ssl crt $cert->{pem}
    bind {BIND:b} ssl crt $cert->{pem}
    bind {BIND:none} ssl crt $cert->{pem} no-tls-tickets
    bind {BIND:k256} ssl crt $cert->{pem} tls-ticket-keys $f256
    bind {BIND:k128} ssl crt $cert->{pem} tls-ticket-keys $f128
    bind {BIND:also} ssl crt $cert->{pem} tls-ticket-keys $f256
    http-request return status 200
" . ($o{more} // '');
}

my $p = start_proxy(text());
my $sock = "$dir/c.sock";

for my $v (sort keys %version) {
	subtest "$version{$v}" => sub {
		ok(first($p->addr('a'), $v, "s$v"), 'a ticket');
		is(scalar(grep { resumed($p->addr('a'), $v, "s$v") } 1 .. 12), 12,
		    'whatever thread, it resumes');
		ok(resumed($p->addr('b'), $v, "s$v"), 'so it does at another line');
		is($v eq 'tls1_2' || s_client($p->addr('a'), version => $v,
		    sess_in => "$dir/s$v", sess_out => "$dir/n$v")->{reused}
		    && resumed($p->addr('a'), $v, "n$v"), 1, 'and brings the next one');
		ok(!resumed($p->addr('k256'), $v, "s$v"), 'not where keys are a file\'s');
		ok(first($p->addr('k256'), $v, "f$v"), 'a ticket of that');
		ok(resumed($p->addr('also'), $v, "f$v"), 'resumes where the same file is');
		ok(!resumed($p->addr('k128'), $v, "f$v"), 'nowhere else');
		ok(reload($p, $sock), 'a reload');
		ok(resumed($p->addr('a'), $v, "s$v"), 'the ticket resumes after it');
		ok(resumed($p->addr('k256'), $v, "f$v"), 'with a file, too');
	};
}

subtest 'no-tls-tickets' => sub {
	my $f = s_client($p->addr('none'), version => 'tls1_2', sess_out => "$dir/n");
	ok($f->{connected}, 'a handshake');
	unlike($f->{out}, qr/TLS session ticket:/, 'brings no ticket');
	like(s_client($p->addr('a'), version => 'tls1_2')->{out}, qr/TLS session ticket:/,
	    'without the option it does');
};

subtest 'show tls-keys, set ssl tls-key' => sub {
	my $list = cli_ask($sock, 'show tls-keys');
	is($list, "# id (file)\n0 ($f128)\n1 ($f256)\n\n", 'the files') or diag $list;
	is(cli_ask($sock, "show tls-keys $f256"), "# id secret\n# 1 ($f256)\n"
	    . join('', map { "1.$_ $k256[$_ + 1]\n" } 0 .. 2) . "\n", 'keys: the last three');
	is(cli_ask($sock, 'show tls-keys #0'), "# id secret\n# 0 ($f128)\n"
	    . join('', map { "0.$_ $k128[$_]\n" } 0 .. 2) . "\n", 'by number');
	like(cli_ask($sock, 'show tls-keys *'), qr/^1\.2.*\n\n\z/m, 'all');
	like(cli_ask($sock, 'user ; show tls-keys *'), qr/^Permission denied/m, 'not for all');
	for my $bad (['show tls-keys x', qr/unable to locate referenced filename/],
	    ['set ssl tls-key', qr/expects a filename and the new TLS key/],
	    ["set ssl tls-key #9 $k256[0]", qr/unable to locate referenced filename/],
	    ["set ssl tls-key $f256 !!", qr/invalid base64 encoded TLS key/],
	    ["set ssl tls-key $f256 $k128[0]", qr/wrong size/],
	    ["operator ; set ssl tls-key $f256 $k256[0]", qr/Permission denied/]) {
		like(cli_ask($sock, $bad->[0]), $bad->[1], $bad->[0]);
	}
	ok(first($p->addr('k256'), 'tls1_2', 'c0'), 'a ticket');
	my @new = map { key(80) } 1 .. 2;
	is(cli_ask($sock, "set ssl tls-key $f256 $new[0]"), "TLS ticket key updated!\n\n",
	    'a new key');
	ok(resumed($p->addr('k256'), 'tls1_2', 'c0'), 'the older one decrypts');
	ok(first($p->addr('k256'), 'tls1_2', 'c1'), 'a ticket of the second');
	ok(reload($p, $sock), 'a reload, the file as it was');
	like(cli_ask($sock, "show tls-keys $f256"), qr/^1\.2 \Q$new[0]\E$/m, 'keeps the key');
	cli_ask($sock, "set ssl tls-key #1 $new[1]");
	ok(!resumed($p->addr('k256'), 'tls1_2', 'c0'), 'the oldest is gone');
	ok(resumed($p->addr('k256'), 'tls1_2', 'c1'), 'the other one is there');
	my @next = (@k256[2, 3], key(80));
	keys_file('k256', @next);
	ok(reload($p, $sock), 'a reload with another file');
	like(cli_ask($sock, "show tls-keys $f256"), qr/^1\.2 \Q$next[2]\E$/m, 'takes it');
	keys_file('k256', @k256);
};

stop_proxy($p);

# The first resumption may meet the new key at work: only that it ends counts.
subtest 'tune.ssl.ticket-rotation' => sub {
	my $q = start_proxy(text(global => "    tune.ssl.ticket-rotation 2s\n"));
	for my $v (sort keys %version) {
		ok(first($q->addr('a'), $v, "r$v"), "a ticket, $version{$v}");
		ok(wait_until { !resumed($q->addr('a'), $v, "r$v") }, 'it ends');
		ok((grep { first($q->addr('a'), $v, "r$v") && resumed($q->addr('b'), $v, "r$v") }
		    1 .. 5), 'another one resumes');
	}
	stop_proxy($q);
};

subtest 'files that are refused' => sub {
	my @bad = (['two lines', [@k256[0, 1]], qr/at least 3 keys in the tls-tickets-file/],
	    ['none', [], qr/at least 3 keys/],
	    ['a short key', [@k256[0, 1], key(30), $k256[2]], qr/wrong sized key on line 3/],
	    ['two sizes', [@k256[0, 1], $k128[0]], qr/wrong sized key on line 3/],
	    ['an empty line', [@k256, ''], qr/wrong sized key on line 5/],
	    ['no Base64', [@k128, '!!!'], qr/unable to decode base64 key on line 4/],
	    ['a long line', [$k256[0], 'A' x 3000, @k256], qr/line 2/]);
	my $conf = sub { defaults() . "frontend f\n    bind 127.0.0.1:0 ssl crt $cert->{pem} tls-ticket-keys $_[0]\n" };

	for (@bad) {
		my ($what, $lines, $re) = @$_;
		my $r = check_config($conf->(keys_file('bad', @$lines)));
		is($r->{code}, 1, $what);
		like($r->{err}, $re, 'it says so');
	}
	my $r = check_config($conf->("$dir/nowhere"));
	like($r->{err}, qr/unable to load ssl tickets keys file '\Q$dir\E\/nowhere'.*No such file/,
	    'no file');
	like(check_config("global\n    tune.ssl.ticket-rotation 10ms\n" . $conf->($f256))->{err},
	    qr/at least one second/, 'a short rotation');
};

subtest 'the same file at haproxy' => sub {
	my $haproxy = find_haproxy() or plan skip_all => 'haproxy is not installed';
	my $text = text() =~ s/c\.sock/h.sock/r;
	my $h = start_proxy($text, bin => $haproxy);
	my $t = start_proxy(text());
	for my $v (sort keys %version) {
		for my $bind (qw(k256 k128)) {
			for my $way ([$h, $t, 'its ticket here'], [$t, $h, 'our ticket there']) {
				ok(first($way->[0]->addr($bind), $v, 'x'), "a ticket, $bind, $v");
				ok(resumed($way->[1]->addr($bind), $v, 'x'), $way->[2]);
			}
		}
	}
	for my $cmd ('show tls-keys', 'show tls-keys *', "show tls-keys $f128",
	    'show tls-keys #1', 'show tls-keys 1', 'set ssl tls-key', "set ssl tls-key $f256 ab",
	    "set ssl tls-key $f256 $k128[0]", "set ssl tls-key #1 $k256[0]",
	    'show tls-keys *') {
		is(cli_ask($sock, $cmd), cli_ask("$dir/h.sock", $cmd), $cmd);
	}
	stop_proxy($t);
	is($h->stop, '', 'haproxy ends');
};

done_testing();
