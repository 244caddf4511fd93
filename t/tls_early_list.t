# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# allow-0rtt of a crt-list's line: for the names that choose it, and no others. Beside
# Debian's haproxy, where it is there.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Compare;
use Tideway::TLS;

plan(skip_all => 'it is for tideway') unless is_tideway();
my $dir = Tideway::Test::temp_dir();
my $haproxy = find_haproxy();
my $o = origin(respond => sub {
	my ($req) = @_;
	return response(200, 'seen=' . ($req->header('Early-Data') // 'none') . " end\n");
});
for my $n (qw(a b c)) {
	my $c = cert($n, names => ["$n.test"]);
	spew("$n.pem", pem_text($c->{pem}));
}
spew('some.list', "a.pem [allow-0rtt] a.test\nb.pem b.test\n"
    . "c.pem [allow-0rtt alpn http/1.1 ssl-min-ver TLSv1.3] c.test\n");
spew('none.list', "a.pem a.test\nb.pem [alpn http/1.1] b.test\n");

sub config
{
	my ($more) = @_;

	return "global\n    crt-base $dir\n" . ($more // '') . defaults() . "frontend f
    bind {BIND:some} ssl crt-list $dir/some.list
    bind {BIND:none} ssl crt-list $dir/none.list
    bind {BIND:all} ssl allow-0rtt crt-list $dir/none.list
    default_backend s
frontend n
    bind {BIND:later} ssl crt-list $dir/none.list
    default_backend s
backend s
    server s ${\ $o->addr}
";
}

my $p = start_proxy(config("    stats socket $dir/c.sock level admin\n    nbthread 2\n"));
my $h = $haproxy ? start_proxy(config(), bin => $haproxy) : undef;

sub get { return "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" }

# in: from, the name that the session was made for; to, used for
sub early
{
	my ($proxy, $bind, $from, $to) = @_;

	s_client($proxy->addr($bind), version => 'tls1_3', sni => $from,
	    sess_out => "$dir/sess", alpn => 'http/1.1');
	spew('early.txt', get());
	my $f = s_client($proxy->addr($bind), version => 'tls1_3', sni => $to,
	    sess_in => "$dir/sess", early => "$dir/early.txt", alpn => 'http/1.1',
	    until => qr/ end\n|Early data was (?:not sent|rejected).*?^---$/ms);
	return $f;
}

# haproxy 2.6 takes none unless the bind line says so, too
my @cases = (
	['some', 'a.test', 'a.test', 'accepted', 'not sent'],
	['some', 'c.test', 'c.test', 'accepted', 'not sent'],
	['some', 'b.test', 'b.test', 'not sent'],
	['some', undef, undef, 'accepted', 'not sent'], # the first one is the default
	['some', undef, 'b.test', 'rejected', 'not sent'],
	['none', 'a.test', 'a.test', 'not sent'],
	['all', 'a.test', 'a.test', 'accepted'],
	['all', 'b.test', 'b.test', 'accepted'],
);

for my $c (@cases) {
	my ($bind, $from, $to, $is, $theirs) = @$c;
	my $name = join ' ', $bind, map { $_ // 'nobody' } $from, $to;
	my $f = early($p, $bind, $from, $to);

	is($f->{early}, $is, "$name: $is") or diag $f->{out};
	like($f->{out}, qr/seen=1 end/, 'the server is told') if $is eq 'accepted';
	is($f->{reused}, 1, 'resumed') if $is eq 'rejected';
	next unless $h;
	is(early($h, $bind, $from, $to)->{early}, $theirs // $is, 'haproxy');
}

subtest 'what is not early' => sub {
	for my $name (qw(a.test b.test)) {
		my $m = https_get($p->addr('some'), sni => $name, close => 1);
		like($m->body, qr/seen=none end/, $name);
		$m = https_get($p->addr('some'), sni => $name, close => 1,
		    SSL_version => 'TLSv1_2');
		like($m->body, qr/seen=none end/, "$name, TLS 1.2");
	}
};

sub ask { return cli_ask("$dir/c.sock", $_[0]) }

subtest 'at run time' => sub {
	my $add = "add ssl crt-list $dir/%s.list <<\n%s.pem [%s] new.test\n\n";

	like(ask(sprintf $add, 'some', "$dir/b", 'allow-0rtt'), qr/Success/, 'one more');
	is(early($p, 'some', 'new.test', 'new.test')->{early}, 'accepted', 'accepted');
	like(ask(sprintf $add, 'none', "$dir/b", 'allow-0rtt'),
	    qr/'allow-0rtt' : neither the bind line nor its crt-list had it when it began; add it to the file and reload/,
	    'not where no line had it');
	is(early($p, 'none', 'a.test', 'a.test')->{early}, 'not sent', 'nothing has changed');
	like(ask("del ssl crt-list $dir/some.list $dir/b.pem:4"), qr/deleted/, 'removed');
	is(early($p, 'some', 'b.test', 'b.test')->{early}, 'not sent', 'b.test: as before');
};

subtest 'after a reload' => sub {
	spew('some.list', "a.pem a.test\nb.pem [allow-0rtt] b.test\n");
	$p->signal('USR2');
	wait_until { $p->stderr =~ /Reloaded/ };
	is(early($p, 'some', 'a.test', 'a.test')->{early}, 'not sent', 'not any more');
	is(early($p, 'some', 'b.test', 'b.test')->{early}, 'accepted', 'but another one');
};

stop_proxy($p);
$h->stop if $h;
done_testing;
