# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Options of the command line and words of the global section by what they do
# to the process: limits, threads, files in their order, what -dC, -T and -K
# print, and what is refused.
use Tideway::Test;

my $dir = Tideway::Test::temp_dir();
my $HOST = $Tideway::Listener::ADDR;
my $web = defaults() . "listen web\n    bind {BIND:web}\n";
my $cfg = spew('a.cfg', defaults() . "listen a\n    bind $HOST:17501\n");

sub cli
{
	my $r = run_cmd(@_);

	$r->{all} = $r->{out} . $r->{err};
	return $r;
}

sub limit_of
{
	my ($p, $what) = @_;
	my ($pid) = reverse $p->pids;

	return slurp("/proc/$pid/limits") =~ /^Max \Q$what\E\s+(\S+)/m ? $1 : '?';
}

subtest '-m' => sub {
	plan(skip_all => 'a sanitizer needs its memory') if $ENV{TW_SANITIZER};
	my $p = start_proxy($web, args => ['-db', '-m', '300']);
	my @limits = map { limit_of($p, $_) } 'data size', 'address space';
	ok(scalar(grep { $_ eq 300 << 20 } @limits), '300 MiB, and no more')
	    or diag "@limits";
	is($p->get('web', '/')->status, 503, 'is enough');
	stop_proxy($p);
	for my $bad (['-m'], ['-m', 'x'], ['-n'], ['-n', 'x'], ['-N', 'x'], ['-p'],
	    ['-L'], ['-C'], ['-f']) {
		next if !is_tideway() && @$bad == 2;
		is(cli('-c', '-f', $cfg, @$bad)->{code}, 1, "'@$bad' is refused");
	}
};

subtest 'nbthread by default' => sub {
	my ($mine) = slurp('/proc/self/status') =~ /^Cpus_allowed_list:\s+(\S+)/m;
	my $cpus = 0;
	for (split /,/, $mine) {
		my ($from, $to) = split /-/;
		$cpus += ($to // $from) - $from + 1;
	}
	my $threads = sub {
		my ($p) = @_;
		my ($pid) = reverse $p->pids;
		return slurp("/proc/$pid/status") =~ /^Threads:\s+(\d+)/m ? $1 : 0;
	};
	my $p = start_proxy($web);
	my $all = 0; # they start one after the other
	wait_until {
		my $before = $all;
		$all = $threads->($p);
		$all > $cpus && $all == $before;
	};
	cmp_ok($all, '>', $cpus, "one for each of $cpus CPUs, and one for control");
	stop_proxy($p);
	plan(skip_all => 'one CPU') if $cpus < 2;
	my ($first) = $mine =~ /^(\d+)/;
	$p = start_proxy($web, prlimit => ['taskset', '-c', $first]);
	ok(wait_until(sub { $threads->($p) == $all - $cpus + 1 }), 'one when only one is usable')
	    if ($ENV{TW_SANITIZER} // 'no') ne 'thread'; # it has a thread of its own
	stop_proxy($p);
};

subtest 'files in their order' => sub {
	mkdir "$dir/d";
	my $one = spew('1.cfg', "global\n    node one\n");
	my $two = spew('2.cfg', "global\n    node two\n" . defaults());
	my $three = spew('3.cfg', "listen st\n    bind {BIND:st}\n    stats enable\n"
	    . "    stats uri /\n    stats show-node\n");
	my $node = sub {
		my $p = start_proxy(slurp($three), args => ['-db', @_]);
		my ($n) = $p->get('st', '/')->body =~ /\b(one|two)\b/;
		stop_proxy($p);
		return $n;
	};
	is($node->('-f', $one, '-f', $two), 'two', 'the later word counts');
	rename $one, "$dir/d/2.cfg";
	rename $two, "$dir/d/10.cfg";
	is($node->('-f', "$dir/d"), 'one', 'a directory: by name, 10 before 2');
	# what a file begins does not go on in the next
	my $part = spew('part.cfg', "global\n    node x\n");
	my $rest = spew('rest.cfg', "    maxconn 10\n");
	my $r = cli('-c', '-f', $part, '-f', $rest, '-f', $cfg);
	is($r->{code}, 1, 'a file begins outside of a section') or diag $r->{all};
	like($r->{all}, qr/rest\.cfg:1\b/, 'and its first line is at fault');
	mkdir "$dir/empty";
	$r = cli('-c', '-f', "$dir/empty", '-f', $cfg);
	is($r->{code}, 0, 'an empty directory is nothing') or diag $r->{all};
};

subtest '-C is for what the files name, too' => sub {
	spew('503.http', "HTTP/1.0 503 X\r\n\r\nfrom the directory\n");
	my $p = start_proxy(defaults('errorfile 503 503.http')
	    . "listen web\n    bind {BIND:web}\n", args => ['-db', '-C', $dir]);
	like($p->get('web', '/')->body, qr/from the directory/, 'a relative path');
	stop_proxy($p);
};

SKIP: {
	skip 'HAProxy has other options', 1 unless is_tideway();

subtest '-dC' => sub {
	local $ENV{TW_NAME} = 'from-env';
	my $f = spew('dump.cfg', "# a comment\nglobal\n    maxconn 100 # more\n"
	    . "    node \"\$TW_NAME\"\n.if 0\n    bogus\n.else\n    description 'two words'\n.endif\n"
	    . defaults() . "listen a\n    bind $HOST:17501\n");
	my $r = cli('-c', '-dC', '-f', $f);
	is($r->{code}, 0, 'valid');
	like($r->{out}, qr/^global$/m, 'sections');
	like($r->{out}, qr/^\s+maxconn 100\s*$/m, 'words, without comments');
	like($r->{out}, qr/^\s+node from-env$/m, 'variables have their value');
	like($r->{out}, qr/^\s+description .*two.+words/m, 'a word with a space');
	unlike($r->{out}, qr/bogus|\.if|\.else/, 'without what conditions leave out');
	my $again = spew('again.cfg', $r->{out} =~ s/^Configuration file is valid\n//mr);
	my $r2 = cli('-c', '-dC', '-f', $again);
	is($r2->{code}, 0, 'which is a configuration') or diag $r2->{all};
	is($r2->{out}, $r->{out}, 'that means the same');
};

subtest '-T' => sub {
	my $f = spew('t.cfg', defaults() . "listen a\n    bind $HOST:17501\n"
	    . "    stats enable\n    cookie C insert\n    server s $HOST:1 cookie x\n"
	    . "listen b\n    bind $HOST:17502\n    mode tcp\n");
	my $r = cli('-T', '-f', $f);
	is($r->{code}, 0, 'exit code 0');
	like($r->{out}, qr/^\s*\Q$_\E\b/m, "the point $_")
	    for qw(CONN TLS_HELLO REQUEST ROUTE PICK CONNECT_FAIL SEND RESPONSE LOG
	    RESET CLOSE);
	like($r->{out}, qr/^\s+\Q$_\E\s.*\n\s+\S+\.so/m, "module $_ and its file")
	    for qw(http balance cookie healthcheck stats);
	my ($a) = $r->{out} =~ /^listen a\b.*\n((?:\s+\S.*\n)*)/m;
	like($a // '', qr/PICK.*cookie/, 'a proxy: the hooks it uses');
	my ($b) = $r->{out} =~ /^listen b\b.*\n((?:\s+\S.*\n)*)/m;
	unlike($b // '', qr/cookie|http_/, 'and not those it does not');
	is(cli('-T', '-f', spew('bad.cfg', "bogus\n"))->{code}, 1, 'a bad file: 1');
};

subtest '-K' => sub {
	my $r = cli('-K');
	like($r->{out}, qr/^Section global$/m, 'sections');
	like($r->{out}, qr/^timeout queue <time>\n    \S.*\n    May be used in 'defaults', 'listen' and 'backend'/m,
	    'usage, help and places of a keyword');
	like($r->{out}, qr/^cookie <name>.*\n(?:    .*\n)*    .*module\s+cookie/m,
	    'and whose it is');
	my $one = cli('-K', 'http-reuse');
	is($one->{code}, 0, '-K WORD');
	like($one->{out}, qr/^http-reuse /m, 'has the word');
	unlike($one->{out}, qr/^timeout /m, 'and no others');
	$r = cli('-K', 'nonsense');
	is($r->{code}, 1, 'a word nobody knows');
	like($r->{err}, qr/nonsense/, 'is named');
};

subtest 'refused by name' => sub {
	for my $opt (['-de'], ['-dM']) {
		my $r = cli('-db', '-f', $cfg, @$opt);
		is($r->{code}, 1, "$opt->[0]: exit code 1");
		like($r->{err}, qr/\Q$opt->[0]\E.*not supported/, 'and why');
	}
};

subtest '-x' => sub {
	my $r = cli('-db', '-f', $cfg, '-x');
	is($r->{code}, 1, 'without a path: exit code 1');
	like($r->{err}, qr/-x needs the path/, 'and why');
	$r = cli('-c', '-f', $cfg, '-x', '/no/such', '-x', '/no/such/either');
	is($r->{code}, 0, '-c asks nobody');
	like($r->{err}, qr{-x was given before.*/no/such/either}, 'twice: the last one');
};
}

done_testing;
