# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# halog, the analyser that comes with HAProxy, must read our lines right.
use Tideway::Test;

my ($halog) = grep { -x } qw(/usr/bin/halog /usr/sbin/halog);
plan(skip_all => 'halog is not installed') unless $halog;

my $log = syslog_unix();
my $gone = listener();
my $gone_addr = $gone->addr;
$gone->close;
my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	return response($1) if $req->uri =~ m{^/status/(\d+)};
	return $o->reply($req);
}) } 1, 2;
my $p = start_proxy("global\n    log $log->{addr} local0\n"
    . defaults('log global', 'option httplog', 'retries 0') . "
frontend web
    bind {BIND:web}
    default_backend b
    use_backend gone if { path_beg /gone }
backend b
    cookie SRV insert
    server s1 ${\ $o[0]->addr} cookie s1
    server s2 ${\ $o[1]->addr} cookie s2
backend gone
    server g $gone_addr
");

my @uris = ((map { "/page$_" } 1 .. 6), '/status/404', '/status/404',
    '/status/500', '/gone/1', '/gone/2');
$p->get('web', $_) for @uris;
my @lines;
for (@uris) {
	my $l = $log->next_line or last;
	# what rsyslog writes to a file
	push @lines, "$l->{date} host $l->{tag}\[$l->{pid}]: $l->{msg}\n";
}
is(scalar @lines, scalar @uris, 'one line a request');
my $file = spew('log.txt', join '', @lines);

sub halog
{
	my $r = run_cmd({ bin => $halog, stdin => slurp($file) }, @_);

	return $r->{out};
}

like(halog('-c', '-q'), qr/^11$/m, 'counts the lines');
my %st = map { split ' ' } split /\n/, halog('-st', '-q');
is_deeply(\%st, { 200 => 6, 404 => 2, 500 => 1, 503 => 2 }, 'status codes');
my %tc = map { split ' ' } split /\n/, halog('-tc', '-q');
is_deeply(\%tc, { '--' => 9, 'SC' => 2 }, 'termination codes') or
    diag explain \%tc;
my $srv = halog('-srv', '-q');
like($srv, qr{^b/s1 .*}m, 'servers: s1');
like($srv, qr{^b/s2 .*}m, 'servers: s2');
like($srv, qr{^gone/(?:g|<NOSRV>) }m, 'servers: the dead one');
like(halog('-u', '-q'), qr{ /page3$}m, 'by URL');
is(scalar(() = halog('-e', '-q', '-H') =~ /\n/g), 3, 'errors');
like(halog('-pct', '-q'), qr/^100\.0 /m, 'percentiles');
unlike(halog('-v'), qr/parse error/i, 'nothing it cannot read');

stop_proxy($p);
done_testing;
