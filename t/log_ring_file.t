# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Rings with a backing-file: what is in them is there after the process, for
# contrib/tideway-ring; and files that are taken, full or written to by others.
use Tideway::Test;
use FindBin;
use IO::Socket::UNIX;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/ctl.sock";
my $file = "$dir/a.ring";
my $o = origin(name => 's');
my $tool = "$FindBin::Bin/../contrib/tideway-ring";

sub cli
{
	my ($line) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $sock) or return 'no socket';

	print $s "$line\n";
	$s->flush;
	return answer($s);
}

sub text
{
	my ($size, $path) = @_;

	return "global\n    stats socket $sock level admin\n
ring mem
    size $size
    maxlen 200
" . ($path ? "    backing-file $path\n" : '') . defaults('log ring@mem local0', 'log-format "%HP"') . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
";
}

sub load
{
	my ($p, @paths) = @_;
	my $c = $p->client('web');

	$c->request("GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n") for @paths;
	wait_until { cli('show events mem') =~ m{/$paths[-1]\n} };
}

sub tool { return run_cmd({ bin => $^X }, $tool, @_) }

subtest 'what is in it outlives the process' => sub {
	my $p = start_proxy(text(2048, $file));
	load($p, 1 .. 3);
	is(sprintf('%o', (stat $file)[2] & 07777), '600', 'for its owner alone');
	is(tool($file)->{out}, "/1\n/2\n/3\n", 'read while it is in use');
	is(tool('-n', $file)->{out}, "mem\n/1\n/2\n/3\n", 'with its name');
	load($p, map { "x$_" } 1 .. 400);
	my $all = tool($file)->{out};
	like($all, qr{^(?:/x\d+\n)+/x400\n\z}, 'around the corner');
	is($all, cli('show events mem') =~ s/\n\n.*/\n/sr, 'as show events has it');
	# a reload keeps it, another size too
	$p->signal('USR2');
	load($p, 'reloaded');
	like(tool($file)->{out}, qr{/x400\n/reloaded\n\z}, 'a reload keeps it');
	$p->write_config(text(4096, $file));
	$p->signal('USR2');
	ok(wait_until { cli('show ring mem') =~ /size=4096/ }, 'another size');
	load($p, 'bigger');
	like(tool($file)->{out}, qr{/x400\n/reloaded\n.*/bigger\n\z}s, 'with what was in it');
	like(tool("$file.bak")->{out}, qr{/reloaded\n\z}, 'the former file is there, too');
	# killed
	$p->signal('KILL');
	$p->wait_exit;
	like(tool($file)->{out}, qr{/bigger\n\z}, 'after it was killed');
	my $q = start_proxy(text(2048, $file));
	load($q, 'again');
	is(tool($file)->{out}, "/again\n", 'a new process begins anew');
	like(tool("$file.bak")->{out}, qr{/bigger\n\z}, 'and keeps what the former has left');
	# without the file
	$q->write_config(text(1024, ''));
	$q->signal('USR2');
	ok(wait_until { cli('show ring mem') =~ /size=1024/ }, 'in memory from now on');
	load($q, 'memory');
	like(cli('show events mem'), qr{/again\n.*/memory\n}s, 'with what was in the file');
	unlike(tool($file)->{out}, qr{/memory}, 'which is left alone');
	stop_proxy($q);
};

subtest 'others write to it' => sub {
	my $p = start_proxy(text(1024, $file));
	load($p, 1 .. 100);
	for my $bytes ("\xff" x 1024, "\0" x 1024, pack('L*', (0x7fffffff) x 256)) {
		open my $fh, '+<:raw', $file or die;
		sysseek $fh, 4096, 0;
		syswrite $fh, $bytes;
		close $fh;
		$p->get('web', "/w$_") for 1 .. 30;
		ok(cli('show ring mem') =~ /^mem: size=1024 used=\d+/m, 'it goes on');
		my $n = 30; # one round later at the latest
		ok(wait_until { $p->get('web', '/w' . ++$n); cli('show events mem') =~ m{/w\d+\n} || $n > 500 },
		    'with what comes then');
		cmp_ok($n, '<', 500, 'soon');
	}
	stop_proxy($p);
};

subtest 'files that cannot be' => sub {
	my $bad = sub {
		my ($text, $re, $what) = @_;
		my $r = run_cmd('-db', '-f', spew('bad.cfg', $text =~ s/\{BIND:web\}/127.0.0.1:0/r));
		isnt($r->{code}, 0, "$what: refused");
		like("$r->{out}$r->{err}", $re, "$what: the reason");
	};
	$bad->(text(2048, "$dir/none/x"), qr{ring 'mem' \(.*bad\.cfg:\d+\): backing-file: cannot open '.*/none/x': No such file}, 'no directory');
	mkdir "$dir/d";
	$bad->(text(2048, "$dir/d"), qr{cannot open '.*/d'}, 'a directory');
	symlink $file, "$dir/link";
	$bad->(text(2048, "$dir/link"), qr{cannot open '.*/link'}, 'a link');
	my $r = check_config("ring a\n    backing-file /x\nring b\n    backing-file /x\n" . defaults());
	like($r->{all}, qr{'/x' is the backing-file of ring 'a' \(.*:1\) already}, 'one file for two rings');
	ok(!-e '/x', 'a check of the configuration makes no file');
	# a reload that cannot have it changes nothing
	my $p = start_proxy(text(2048, $file));
	load($p, 1);
	$p->write_config(text(2048, "$dir/none/x"));
	$p->signal('USR2');
	ok(wait_until { $p->stderr =~ /backing-file: cannot open/ }, 'a reload that cannot have it');
	load($p, 2);
	like(tool($file)->{out}, qr{^/1\n.*/2\n\z}s, 'changes nothing');
	stop_proxy($p);
	for my $junk ('', 'x' x 5000, "TWRING1\n" . 'x' x 5000, "TWRING1\n" . "\4\3\2\1\0\x10\0\0" . "\xff" x 24 . "\0" x 5000) {
		my $r = tool(spew('junk', $junk));
		isnt($r->{code}, 0, 'no ring at all');
		like($r->{err}, qr/not a ring's|damaged/, 'and said so');
	}
};

done_testing;
