# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every command with arguments that nobody would write: each line gets an
# answer that ends, and the process lives on.
use Tideway::Test;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my $o = origin(name => 's');
my $p = start_proxy("global\n    stats socket $sock level admin\n    stats maxconn 50\n"
    . defaults() . "
frontend web
    bind {BIND:web}
    default_backend be
backend be
    server a ${\ $o->addr} check inter 100
    server b ${\ $o->addr} maxconn 3
");

my @commands = map { /^  ((?:[a-z]\S*(?: |$))+?)(?= *[\[<:]|$)/ ? $1 =~ s/ +$//r : () }
    split /\n/, cli_ask($sock, 'expert-mode on;help');
@commands = grep { !/^(?:quit|help|prompt|user|operator|expert-mode|_getsocks|show env)/ } @commands;
cmp_ok(scalar @commands, '>', 30, 'the commands');

my @words = ('be/a', 'be/b', 'be/', '/a', '/', 'be/nope', 'x/y', '#1/#2', '#', '#/#', 'web',
	'be', '-1', '0', '1', '99999999999999999999', '4294967296', '2147483648', '-', '%', '5%',
	'%s%n%d', '0x0', '0x1', '0xffffffffffffffffffff', '0x-1', 'all', 'global', 'up', 'state',
	'ready', 'weight', 'health', 'addr', '127.0.0.1', 'typed', 'json', 'older', '1s', 'a' x 5000,
	"\xc3\xa4\xff", '\\ ', '\\\\', '"', 'request', 'domain', 'proxy', 'on', 'connections',
	'number', 'agent', 'check-port', 'fqdn', 'server', 'frontend');
srand(4711);
my ($n, $bad) = (0, 0);
for my $command (@commands) {
	for my $args (0 .. 5, 3, 3, 2, 2, 1, 1, 1) {
		my $line = join ' ', $command, map { $words[rand @words] } 1 .. $args;
		my $got = cli_ask($sock, $line);
		$n++;
		next if $got =~ /\n\z/;
		$bad++ < 3 and diag("$line: '$got'");
	}
}
is($bad, 0, "$n lines are answered");
is($p->get('web', '/')->status =~ /^(?:200|503)$/ && 1, 1, 'clients are, too')
    if cli_ask($sock, 'set maxconn global 100;enable frontend web') !~ /shut down/;
like(cli_ask($sock, 'show info'), qr/^Pid: @{[ $p->pid ]}$/m, 'by the same process');
stop_proxy($p);
done_testing;
