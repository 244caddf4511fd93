# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# parse-resolv-conf: name servers as /etc/resolv.conf has them. The test moves
# into a mount namespace, where a file of its own lies over that one, and into a
# network namespace, where port 53 is nobody else's; both end with it.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Dns;
use Tideway::Expr qw(haproxy_path);
use Tideway::Netns;

plan(skip_all => 'needs root') if $>;

use constant { SYS_unshare => 272, CLONE_NEWNS => 0x20000 };

my $why = netns_enter();
is($why, '', 'a network of its own') or BAIL_OUT('no network namespace');
my $conf = spew('resolv.conf', '');
is(syscall(SYS_unshare, CLONE_NEWNS), 0, 'mounts of its own') or do { done_testing; exit 1 };
ok(sh('mount --make-rprivate /'), 'that nobody else sees');
my $outside = slurp('/etc/resolv.conf');
ok(sh("mount --bind $conf /etc/resolv.conf"), 'a file of its own in the place of resolv.conf')
    or do { done_testing; exit 1 };
END { sh('umount /etc/resolv.conf') if defined $outside && $$ == $main::OWNER }
our $OWNER = $$;

my @dns = map { Tideway::Dns->new(host => "127.0.0.$_", port => 53) } 1 .. 3;
my $o = origin(name => 'o1', host => '127.0.1.1');
my $sock = Tideway::Test::temp_dir() . '/ctl.sock';

# in place: the file is mounted
sub resolv
{
	my ($text) = @_;

	open my $fh, '>', $conf or die "$conf: $!";
	print $fh $text;
	close $fh or die;
	is(slurp('/etc/resolv.conf'), $text, 'resolv.conf is as written');
}

sub config
{
	my ($more, $servers) = @_;

	return "global\n    stats socket $sock level admin\n" . defaults() . "
resolvers dns
    timeout resolve 100ms
    timeout retry 100ms
    hold valid 100ms
    parse-resolv-conf
    $more
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s a.test:$o->{port} resolvers dns init-addr none resolve-prefer ipv4
"
}

sub name_servers
{
	return join ' ', cli_ask($sock, 'show resolvers dns') =~ /^\s*nameserver (\S+?):$/mg;
}

sub asked { return scalar(my @all = $dns[ $_[0] - 1 ]->asked) }

my $text = "# comment\nsearch test\n;nameserver 127.0.0.9\nnameserver 127.0.0.1\n\toptions ndots:1\n"
    . "nameserver\t127.0.0.2 # more\nnameserver 127.0.0.1\nnameserver not.an.address\nnameserver ::1\nnameserver\n";
$_->zone('a.test/A' => ['127.0.1.1']) for @dns;
resolv($text);
my $p = start_proxy(config(''));
ok(wait_until { ($p->get('web', '/')->header('X-Server') // '') eq 'o1' } , 'a name is resolved');
is(name_servers(), '127.0.0.1 127.0.0.2 ::1', 'each of its name servers once');
ok(wait_until { asked(1) && asked(2) } , 'both are asked');
is(asked(3), 0, 'nobody else is');

subtest 'a reload reads it again' => sub {
	resolv("nameserver 127.0.0.3\n");
	$p->write_config(config(''));
	$p->signal('USR2');
	ok(wait_until { name_servers() eq '127.0.0.3' } , 'another one');
	ok(wait_until { asked(3) > 0 } , 'is asked');
	like($p->get('web', '/')->header('X-Server'), qr/^o1$/, 'servers are what they were');
	my $n = asked(1);
	my $more = asked(3) + 3;
	ok(wait_until { asked(3) >= $more } , 'again and again');
	cmp_ok(asked(1), '<=', $n + 1, 'the former one is not');
};

subtest 'beside nameserver lines' => sub {
	resolv("nameserver 127.0.0.3\nnameserver 127.0.0.2\n");
	$p->write_config(config('nameserver own 127.0.0.1:53'));
	$p->signal('USR2');
	ok(wait_until { name_servers() eq '127.0.0.3 127.0.0.2 own' } , 'all of them') or diag name_servers();
};
stop_proxy($p);

subtest 'no name server in it' => sub {
	resolv("search test\nnameserver nonsense\n");
	my $r = check_config(config('') =~ s/\{BIND:web\}/127.0.0.1:1/r);
	is($r->{code}, 0, 'is no error') or diag $r->{all};
	like($r->{all}, qr{'parse-resolv-conf' : no name server in /etc/resolv\.conf}, 'but a warning');
};

subtest 'as Debian\'s haproxy has it' => sub {
	my $haproxy = haproxy_path() or plan(skip_all => 'no haproxy');
	resolv($text);
	my @got = map {
		my $q = start_proxy(config(''), bin => $_);
		wait_until { name_servers() };
		my $names = name_servers();
		$_ eq binary() ? stop_proxy($q) : $q->stop;
		$names;
	} binary(), $haproxy;
	is($got[0], $got[1], 'the same name servers');
};

$_->stop for @dns;
ok(sh('umount /etc/resolv.conf'), 'taken away');
is(slurp('/etc/resolv.conf'), $outside, 'the system\'s is as it was');
undef $outside;

done_testing;
