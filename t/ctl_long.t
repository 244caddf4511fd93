# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Long answers: ten thousand servers. They go out in pieces, at the pace of who
# reads, while others are answered and the configuration is reloaded.
use Tideway::Test;
use Tideway::Cli;
use IO::Socket::UNIX;

my $N = ($ENV{TW_SANITIZER} // 'no') =~ /address|thread/ ? 2000 : 10000;
my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my $o = origin(name => 's');
my $text = "global\n    stats socket $sock level admin\n    stats timeout 60s\n"
    . defaults() . "
listen web
    bind {BIND:web}
" . join('', map { "    server s$_ ${\ $o->addr} cookie c$_\n" } 1 .. $N)
    . "    cookie SRV insert\n";
my $p = start_proxy($text);

sub session
{
	my ($line) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $sock) or die "connect: $!";

	$s->syswrite("$line\n");
	return $s;
}

my %rows = ('show stat' => $N + 4, 'show servers state' => $N + 3,
	'show servers conn' => $N + 2, 'show stat web 4 -1' => $N + 2);
for my $line (sort keys %rows) {
	my $got = cli_ask($sock, $line);
	is(scalar(() = $got =~ /\n/g), $rows{$line}, "$line: every row");
	ok($got =~ /[ ,\/]s$N[ ,].*\n\n\z/s, 'to the end');
}
ok(cli_ask($sock, 'show stat typed') =~ /^S\.\d+\.$N\.1\.svname\.1:KNS:str:s$N$/m, 'typed');

subtest 'who does not read' => sub {
	my @slow = map { session($_) } ('show stat', 'show stat json', 'show servers state',
	    'show stat typed');
	is(cli_ask($sock, 'show cli level'), "admin\n\n", 'others are answered');
	is($p->get('web', '/')->status, 200, 'clients are served');
	if (is_tideway()) {
		$p->write_config($text =~ s/server s1 .*\n//r);
		$p->signal('USR2');
		ok($p->wait_output(qr/configuration 2 is in force/), 'reloaded meanwhile');
		ok(cli_ask($sock, 'show servers state') !~ / s1 /, 'what is new');
	}
	is(scalar(() = answer($slow[0]) =~ /\n/g), $N + 4, 'what was begun is told to its end');
	ok(answer($slow[1]) =~ /"s1".*"s$N".*\]\n\n\[end\]$/s, 'in any form');
	$slow[2]->close;
	undef $slow[3];
	ok(wait_until { cli_ask($sock, 'show cli level') eq "admin\n\n" }, 'who leaves is let go');
};

subtest 'one after the other' => sub {
	my $s = session("prompt");
	answer($s, qr/> $/);
	$s->syswrite("show stat;show servers state;show cli level\n");
	my $got = answer($s, qr/admin\n\n> $/);
	ok($got =~ /web,FRONTEND.*\n\n(?:> )?1\n# be_id.*\n\n(?:> )?admin\n\n> $/s,
	    'in their order');
	$s->syswrite("show stat\nquit\n");
	ok(answer($s) =~ /^# pxname.*web,BACKEND.*\n\n> \[end\]$/s, 'and the end');
};

# an answer and a walk over the workers are under way when it ends
my @open = map { session($_) } ('show stat', 'show servers state', 'show sess',
    'show stat json');
stop_proxy($p);
done_testing;
