# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The clients that people have: socat, hatop, and the master's socket in
# between.
use Tideway::Test;
use Tideway::Cli;
use IO::Socket::UNIX;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my $o = origin(name => 's');
my $N = 1500;
my $text = "global\n    stats socket $sock level admin\n" . defaults() . "
frontend web
    bind {BIND:web}
    default_backend pool
backend pool
    server one ${\ $o->addr}
    server two 127.0.0.1:1 check inter 100
backend many
" . join '', map { "    server m$_ ${\ $o->addr}\n" } 1 .. $N;

sub tool { return (grep { -x } map { "$_/$_[0]" } split /:/, $ENV{PATH})[0] }

subtest 'socat' => sub {
	my $socat = tool('socat') or plan skip_all => 'socat is not installed';
	my $p = start_proxy($text);
	my $run = sub { return `printf '$_[0]' | '$socat' - 'UNIX-CONNECT:$sock' 2>&1` };

	like($run->('show info\n'), qr/^Name: tideway\n.*^Pid: @{[ $p->pid ]}\n.*\n\n\z/ms,
	    'show info');
	is(scalar(() = $run->('show stat many 4 -1\n') =~ /^many,m\d+,/mg), $N,
	    'a long answer');
	is($run->('disable server pool/one;show stat pool 4 1 typed\n') =~
	    /status\.1:SGP:str:(\w+)/ && $1, 'MAINT', 'two commands');
	is($run->('set weight pool/one 7\nget weight pool/one\n'), "\n7 (initial 1)\n\n",
	    'two lines');
	is($run->('get weight pool/one'), '', 'half a line');
	stop_proxy($p);
};

subtest 'hatop' => sub {
	my ($hatop, $script) = (tool('hatop'), tool('script'));
	plan skip_all => 'hatop is not installed' unless $hatop && $script;
	my $p = start_proxy($text =~ s/backend many.*//sr);
	local $ENV{TERM} = 'xterm';
	# script repeats the screen on its own standard output
	my $pid = open my $keys, '|-', "exec '$script' -qfc \"stty cols 150 rows 40; "
	    . "exec '$hatop' -s '$sock' -i 1\" '$dir/screen' >/dev/null";
	my $screen = sub { slurp("$dir/screen") =~ s/\e(?:\[[0-9;?]*[A-Za-z]|\(B)/ /gr };

	ok($pid, 'it is started');
	ok(wait_until { -e "$dir/screen" && $screen->() =~ /pool.*one.*two.*BACKEND/s },
	    'it shows the servers') or diag($screen->());
	like($screen->(), qr/tideway\s+Version:/, 'and the process');
	ok(wait_until { $screen->() =~ /two\s+\d+\s+DOWN\s+L4CON/ }, 'and their health');
	$keys->syswrite('q');
	close $keys;
	is($?, 0, 'it ends well');
	stop_proxy($p);
};

subtest 'through the master' => sub {
	plan skip_all => 'our words' unless is_tideway();
	my $p = start_proxy($text, args => ['-W', '-S', "$dir/master.sock"]);
	my $m = "$dir/master.sock";
	ok(wait_until { -S $m && cli_ask($m, '@1 show info', 1) =~ /^Name: tideway/ }, 'up');
	like(cli_ask($m, 'show proc', 1), qr/^\d+ +worker /m, 'show proc');
	is(scalar(() = cli_ask($m, '@1 show stat', 1) =~ /^many,m\d+,/mg), $N, 'a long answer');
	cli_ask($m, '@1 disable server pool/one', 1);
	like(cli_ask($m, '@1 show servers state pool', 1), qr/ one \S+ 0 1 /, 'a change');
	like(cli_ask($m, 'reload', 1), qr/^Success=1/, 'reload');
	like(cli_ask($m, '@1 show servers state pool', 1), qr/ one \S+ 0 1 /, 'which it survives');
	stop_proxy($p);
};

done_testing;
