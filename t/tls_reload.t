# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Reloads while TLS clients work: no request is lost, connections stay, and new
# ones get the certificate that is on disk now.
use Tideway::Test;
use Tideway::H2;
use Tideway::TLS;

plan(skip_all => 'it is for tideway') unless is_tideway();

my $CLIENTS = 4;
my $RELOADS = 8;
my $dir = Tideway::Test::temp_dir();
my $ca = ca('root');
my $o = origin();
my $file = "$dir/site.pem";
my @certs = map { cert("a.test", ca => $ca, file => "site$_") } 1, 2;

sub install { Tideway::Test::spew($file, pem_text($_[0]{pem})) }
sub serial { return tls_client($_[0], sni => 'a.test', ca => $ca)->sock->get_fingerprint }

install($certs[0]);
my $p = start_proxy("global\n    nbthread 2\n" . defaults() . "listen web
    bind {BIND:web} ssl crt $file alpn h2,http/1.1
    server s ${\ $o->addr}
");
my $addr = $p->addr('web');

# new connections and a kept one in turn, until the flag is there
sub http1_client
{
	my ($n, $failed) = (0, 0);
	my $kept = tls_client($addr, sni => 'a.test', ca => $ca);

	until ($o->is_set('stop')) {
		my $m = https_get($addr, sni => "a.test", ca => $ca);
		$failed++ unless $m && $m->status == 200;
		$m = https_get($addr, host => 'a.test', conn => $kept);
		$failed++ unless $m && $m->status == 200;
		# the last answer before a listener moves may say so
		$kept = tls_client($addr, sni => 'a.test', ca => $ca)
		    if !$m || ($m->header('Connection') // '') =~ /close/;
		$n += 2;
	}
	return ($n, $failed);
}

sub http2_client
{
	my ($n, $failed) = (0, 0);
	my $c = h2_client($addr, tls => { sni => 'a.test', ca => $ca });

	until ($o->is_set('stop')) {
		$c = h2_client($addr, tls => { sni => 'a.test', ca => $ca }) if $c->goaway;
		my @sid = map { $c->request(path => "/$_", authority => 'a.test',
			scheme => 'https') } 1 .. 3;
		for my $s (map { $c->response($_) } @sid) {
			$failed++ unless $s->status == 200 && $s->{complete};
			$n++;
		}
	}
	return ($n, $failed);
}

sub start_client
{
	my ($i) = @_;
	my $pid = fork // die "fork: $!";

	return $pid if $pid;
	my ($n, $failed) = eval { $i % 2 ? http1_client() : http2_client() };
	$failed = "died: $@" unless defined $n;
	Tideway::Test::spew("$dir/client$i", ($n // 0) . " $failed");
	POSIX::_exit(0);
}

my @pids = map { start_client($_) } 1 .. $CLIENTS;
wait_until { $o->requests >= 20 };
my $first = serial($addr);

for my $i (1 .. $RELOADS) {
	my $before = $o->requests;

	install($certs[ $i % 2 ]);
	$p->signal('USR2');
	wait_until { (() = $p->stderr =~ /Reloaded/g) >= $i };
	my $now = serial($addr);
	is($now eq $first, $i % 2 == 0, "reload $i: the certificate that is there now");
	wait_until { $o->requests > $before + 10 };
}
$o->set('stop');
waitpid $_, 0 for @pids;
my @told = map { Tideway::Test::slurp($_) } glob "$dir/client*";
is(scalar(@told), $CLIENTS, 'all clients came to their end');
for my $t (@told) {
	my ($n, $failed) = split / /, $t, 2;

	cmp_ok($n, '>', 10, "$n requests");
	is($failed, 0, 'none was lost');
}
stop_proxy($p);
done_testing;
