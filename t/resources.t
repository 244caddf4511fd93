# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a request and a connection cost. In steady state a keep-alive request
# allocates nothing: everything comes from the worker's free lists. An idle
# keep-alive client connection costs at most 1 KiB of process memory, which
# comes back once it is closed. Both are counted by a preloaded library,
# t/preload/count.c.
use Tideway::Test;
use POSIX qw(_SC_OPEN_MAX);

plan skip_all => 'a sanitizer has its own allocator'
    if ($ENV{TW_SANITIZER} // 'no') ne 'no'
    || run_cmd('-vv')->{out} =~ /\+SANITIZER/
    || slurp(binary()) =~ /__[at]san_init/;
my $lib = Tideway::Test::temp_dir() . '/count.so';
my $cc = run_cmd({ bin => '/bin/sh', secs => 60 }, '-c',
    "exec \${CC:-cc} -D_GNU_SOURCE -O2 -shared -fPIC -fno-builtin -o $lib "
    . test_dir() . '/preload/count.c');
plan skip_all => "no compiler: $cc->{err}" if $cc->{code} == 127;
is($cc->{code}, 0, 'the counting library compiles') or diag $cc->{err};

my $N = 2000;
my $CLIENTS = 4;
my $o = origin(name => 's1');

# the proxy with the library before its allocator
sub start_counted
{
	my ($text) = @_;
	my $file = spew('counts' . ++$Tideway::Proxy::N, "\0" x 4096);
	my $p = start_proxy($text, env => { LD_PRELOAD => $lib,
	    TW_COUNT_FILE => $file });

	$p->{counts} = $file;
	return $p;
}

sub counts
{
	my ($p) = @_;
	my @n = unpack 'Q4qQQQ64', slurp($p->{counts});

	return { main => $n[0], workers => $n[1], frees => $n[2] + $n[3],
	    live => $n[4], sites => [ grep { $_ } @n[7 .. 70] ] };
}

sub watch
{
	my ($p, $on) = @_;

	open my $fh, '+<:raw', $p->{counts} or die;
	seek $fh, 40, 0;
	print $fh pack 'Q', $on;
	close $fh;
}

# the addresses as file+offset, to be given to addr2line
sub who
{
	my ($p, @sites) = @_;
	my $text = slurp("/proc/${\ $p->pid}/maps");
	my (%n, @maps);
	no warnings 'portable';

	while ($text =~
	    /^(\w+)-(\w+) r\S+ (\w+) \S+ \d+\s+(\/\S+)$/mg) {
		push @maps, [ hex $1, hex $2, hex $3, $4 ];
	}
	for my $at (@sites) {
		my ($m) = grep { $at >= $_->[0] && $at < $_->[1] } @maps;
		$n{ $m ? sprintf '%s+0x%x', $m->[3], $at - $m->[0] + $m->[2]
		    : sprintf '0x%x', $at }++;
	}
	return map { "$n{$_} from $_" } sort keys %n;
}

sub requests
{
	my ($n, $text, @clients) = @_;
	my $bad = 0;

	for my $i (1 .. $n) {
		my $r = $clients[$i % @clients]->request($text);
		$bad++ if $r->status ne '200';
	}
	return $bad;
}

# warm, then count
sub is_free_of_allocations
{
	my ($p, $text, $what) = @_;
	my @clients = map { $p->client('web') } 1 .. $CLIENTS;

	is(requests($N / 4, $text, @clients), 0, "$what: warm");
	watch($p, 1);
	my $before = counts($p);
	is(requests($N, $text, @clients), 0, "$what: $N requests");
	my $after = counts($p);
	is($after->{workers} - $before->{workers}, 0, "$what: not one allocation")
	    or diag join "\n", who($p, @{ $after->{sites} });
	return ($before, $after);
}

my $log = syslog_unix();
my $head = "global\n    nbthread 1\n    log $log->{addr} local0\n";
my $get = "GET /some/path?q=1 HTTP/1.1\r\nHost: www.example.org\r\n"
    . "User-Agent: test\r\nAccept: */*\r\n";

subtest 'it counts' => sub {
	my $p = start_counted($head . defaults() . "listen web\n    bind {BIND:web}\n"
	    . "    server s1 ${\ $o->addr}\n");
	my $c = counts($p);
	ok($c->{main} > 100, 'the main thread allocates at the start')
	    or diag $c->{main};
	ok($c->{live} > 10_000, 'and keeps some') or diag $c->{live};
	watch($p, 1);
	is(requests(8, "$get\r\n", $p->client('web')), 0, 'the first requests');
	$c = counts($p);
	ok($c->{workers} > 0, 'make a worker allocate');
	ok(scalar who($p, @{ $c->{sites} }), 'and it is known where');
	stop_proxy($p);
};

subtest 'mode http with httplog' => sub {
	my $p = start_counted($head . defaults('log global', 'option httplog') . "
frontend web
    bind {BIND:web}
    option forwardfor
    acl some path_beg /some
    use_backend be if some
    default_backend none
backend be
    balance leastconn
    cookie SRV insert indirect nocache
    server s1 ${\ $o->addr} cookie one
backend none
");
	is_free_of_allocations($p, "$get\r\n", 'a cookie is inserted');
	is_free_of_allocations($p, "${get}Cookie: a=b; SRV=one\r\n\r\n",
	    'a cookie chooses');
	is_free_of_allocations($p, "POST /some HTTP/1.1\r\nHost: a\r\n"
	    . "Content-Length: 5\r\n\r\nabcde", 'with a body');
	ok($log->next_http, 'they were logged');
	stop_proxy($p);
};

subtest 'mode tcp' => sub {
	my $p = start_counted($head . defaults('log global', 'option tcplog')
	    =~ s/mode http/mode tcp/r . "
listen web
    bind {BIND:web}
    server s1 ${\ $o->addr}
");
	is_free_of_allocations($p, "$get\r\n", 'a tunnel');
	stop_proxy($p);
};

# --- memory ---

run_cmd({ bin => 'prlimit' }, '--pid', $$, '--nofile=4096:');
my $IDLE = 2000;
$IDLE = POSIX::sysconf(_SC_OPEN_MAX) - 200
    if $IDLE > POSIX::sysconf(_SC_OPEN_MAX) - 200;

# what the kernel counts as this process's own
sub private
{
	my ($p) = @_;
	my ($kib) = slurp("/proc/${\ $p->pid}/smaps_rollup")
	    =~ /^Private_Dirty:\s+(\d+)/m;

	return $kib * 1024;
}

sub n_fds { scalar(() = glob "/proc/${\ $_[0]->pid}/fd/*") }

my $memory_text = $head . defaults('log global', 'option httplog',
    'timeout client 60s') . "
listen web
    bind {BIND:web}
    server s1 ${\ $o->addr}
";

# bytes freed again, as soon as less than a quarter of the growth is left
sub comes_back
{
	my ($p, $before, $top, $n_fds, $what) = @_;

	ok(wait_until(sub { n_fds($p) <= $n_fds }), "$what: closed");
	ok(wait_until(sub {
		counts($p)->{live} - $before < ($top - $before) / 4;
	}, 30), "$what: the memory comes back")
	    or diag "$before, $top, ", counts($p)->{live};
}

subtest 'idle connections' => sub {
	my $p = start_counted($memory_text);
	my @warm = map { $p->client('web') } 1 .. 8;
	is(requests(100, "$get\r\n", @warm), 0, 'warm');
	my ($live, $private, $n_fds) = (counts($p)->{live}, private($p), n_fds($p));
	my @idle;
	for (1 .. $IDLE) {
		push @idle, my $c = $p->client('web');
		$c->request("$get\r\n")->status eq '200' or last;
	}
	is(scalar @idle, $IDLE, "$IDLE connections, a request on each");
	my $top = counts($p)->{live};
	cmp_ok(($top - $live) / $IDLE, '<=', 1024, 'allocated for each');
	cmp_ok((private($p) - $private) / $IDLE, '<=', 1024, 'process memory');
	@idle = ();
	comes_back($p, $live, $top, $n_fds, 'idle ones');
	stop_proxy($p);
};

subtest 'busy connections' => sub {
	my $p = start_counted($memory_text);
	my @warm = map { $p->client('web') } 1 .. 8;
	is(requests(100, "$get\r\n", @warm), 0, 'warm');
	my ($live, $n_fds) = (counts($p)->{live}, n_fds($p));
	my @busy = map { $p->client('web') } 1 .. $IDLE / 2;
	$_->send("GET / HTTP/1.1\r\nHo") for @busy;
	my $top = 0;
	ok(wait_until(sub {
		$top = counts($p)->{live};
		return $top - $live > @busy * 16384;
	}), 'half a request holds a buffer');
	my $bad = grep { $_->request("st: a\r\n\r\n")->status ne '200' } @busy;
	is($bad, 0, 'the other half');
	@busy = ();
	comes_back($p, $live, $top, $n_fds, 'busy ones');
	is(requests(100, "$get\r\n", @warm), 0, 'and all goes on');
	stop_proxy($p);
};

done_testing;
