# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Variables of the process: the global section's set-var and set-var-fmt, the
# commands `get var` and `set var`, experimental-mode. Compared with Debian's
# haproxy.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Expr qw(haproxy_path);

my $dir = Tideway::Test::temp_dir();
$ENV{TW_PROC_VAR} = 'from the environment';

my @commands = (map({ "get var proc.$_" } qw(s i ip six b v e f none)), 'get var txn.x', 'get var',
    'set var proc.s str(no)', 'get var proc.s',
    map({ "experimental-mode on; $_" } 'set var proc.s str(a); get var proc.s', 'set var proc.s fmt %[int(4)]x; get var proc.s',
	'set var proc.i expr int(4),add(1); get var proc.i', 'set var proc.new int(1); get var proc.new',
	'set var proc.copy var(proc.new); get var proc.copy'), 'get var proc.new');

sub config
{
	my ($sock, $i) = @_;

	return "global
    stats socket $sock level admin
    set-var proc.s str(hello),upper
    set-var proc.i int($i),add(2)
    set-var proc.ip ipv4(1.2.3.4)
    set-var proc.six ipv6(2001:db8::1)
    set-var proc.b bool(true)
    set-var proc.v var(proc.i),mul(3)
    set-var proc.e env(TW_PROC_VAR)
    set-var-fmt proc.f \"x %[var(proc.i)] y\"
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(proc.seen) path if { path_beg /set }
    http-request return status 200 hdr x \"%[var(proc.f)] %[var(proc.i)] %[var(proc.s)]\"
";
}

sub answers
{
	my ($bin) = @_;
	my $sock = "$dir/" . ($bin eq binary() ? 't' : 'h') . '.sock';
	my $p = start_proxy(config($sock, 5), bin => $bin);
	my @got = map { "> $_\n" . cli_ask($sock, $_) =~ s/\n+/\n/gr =~ s/(experimental mode only)[^\n]*/$1/r } @commands;

	push @got, $p->get('web', '/')->header('x');
	stop_proxy($p);
	return @got;
}

subtest 'compared' => sub {
	my @got = answers(binary());
	my @want = haproxy_path() ? answers(haproxy_path()) : ();

	for my $i (0 .. $#got) {
		s/\A(> [^\n]*\n)\n/$1/ for $got[$i], $want[$i] // ();
		s/(only\.?)\n\z/only\n/ for $got[$i], $want[$i] // ();
		@want ? is($got[$i], $want[$i], $commands[$i] // 'a request') : ok($got[$i], $commands[$i]);
	}
	is($got[-1], 'x 7 y 5 4x', 'what a request sees');
};

subtest 'a reload' => sub {
	my $sock = "$dir/r.sock";
	my $p = start_proxy(config($sock, 5));
	$p->get('web', '/set/me');
	like(cli_ask($sock, 'get var proc.seen'), qr/type=str value=<\/set\/me>/, 'set by a rule');
	cli_ask($sock, 'experimental-mode on; set var proc.i int(99)');
	like(cli_ask($sock, 'get var proc.i'), qr/<99>/, 'set by a command');
	kill 'HUP', $p->{pid};
	ok(wait_until { cli_ask($sock, 'get var proc.i') =~ /<7>/ }, 'the lines are carried out again');
	like(cli_ask($sock, 'get var proc.seen'), qr/<\/set\/me>/, 'others stay');
	is(cli_ask($sock, 'experimental-mode') =~ s/\n+\z//r, 'experimental-mode is OFF', 'off by default');
	like(cli_ask($sock, 'experimental-mode on; set var proc.x src'), qr/'src'/, 'no request here');
	like(cli_ask($sock, 'experimental-mode on; set var proc.x fmt %ci'), qr/'ci'|'%ci'/, 'nor in a format');
	like(cli_ask($sock, 'experimental-mode on; set var txn.x int(1)'), qr/cannot set variable 'txn.x', only scope 'proc' is permitted here/, 'scope');
	like(cli_ask($sock, 'experimental-mode on; set var proc.x'), qr/Missing either 'expr', 'fmt' or expression/, 'missing');
	like(cli_ask($sock, 'experimental-mode on; set var proc.x none(1)'), qr/unknown fetch 'none'/, 'unknown');
	like(cli_ask($sock, 'experimental-mode on; set var proc.x var(bad)'), qr/'var': invalid variable name 'bad'/, 'a bad argument');
	stop_proxy($p);
};

subtest 'mistakes' => sub {
	for my $case (['set-var proc.a', qr/set-var/], ['set-var txn.a int(1)', qr/cannot set variable 'txn.a', only scope 'proc' is permitted in the global section/],
	    ['set-var proc.a src', qr/'src'/], ['set-var proc.a be_name', qr/'be_name'/], ['set-var proc.a hdr(x)', qr/'hdr/],
	    ['set-var proc.a str(b),nbsrv', qr/'nbsrv' has no value here/], ['set-var proc.a be_conn(x)', qr/'be_conn'/],
	    ['set-var-fmt proc.f %[src]', qr/'src'/], ['set-var-fmt proc.f %ci', qr/ci/], ['set-var proc.a str(a)b', qr/unexpected 'b'/],
	    ['set-var proc.a! int(1)', qr/invalid variable name/], ['set-var proc.a int(1) int(2)', qr/set-var/]) {
		my $r = check_config("global\n    $case->[0]\n" . defaults() . "frontend f\n    bind 127.0.0.1:1\n    http-request deny\n");
		like($r->{all}, $case->[1], $case->[0]);
		is($r->{code}, 1, 'refused');
	}
};

done_testing;
