# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Words of a keepalived.conf by what the program then does: the file's own
# language, how addresses look, who may take over and when, what is tracked, what
# the process is like, and its dumps.
use Tideway::Test;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing;
plan(skip_all => $missing) if $missing;
plan(skip_all => 'these look for what tideway does') unless Tideway::Lab::is_ours();
alarm 180 * ($ENV{TW_TIME_SCALE} || 1);

my $lab = Tideway::Lab->new;
my ($a, $b) = $lab->nodes;
my @V3 = (version => 3, advert => 0.2);
sub ip { "192.168.2.$_[0]" }

sub owned
{
	my ($address, $who, $what) = @_;

	ok($lab->wait_owners($address, $who, 20), $what) or diag($a->log);
}

# runs a alone with a file
sub alone
{
	my ($what, $text, $body) = @_;

	subtest $what => sub {
		$a->start('tideway', $text);
		$body->();
		is($a->halt, '', 'it ends well');
	};
}

$lab->write("$a->{dir}/more.conf", instance(name => 'INCLUDED', vrid => 61, @V3,
    addresses => [ ip(111) ]));
alone('include, variables, ~SEQ', "include $a->{dir}/more.conf\n\$WHERE=eth0\n"
    . instance(name => 'VARS', vrid => 62, @V3, interface => '$WHERE',
	addresses => [ '~SEQ(N, 112, 114) 192.168.2.$N' ]), sub {
	owned(ip($_), 'a', ip($_)) for 111 .. 114;
});

alone('label, scope, prefix, excluded', instance(vrid => 63, @V3, addresses =>
    [ ip(115) . '/28 brd 192.168.2.127 dev eth0 scope link label eth0:vip' ],
    lines => [ "virtual_ipaddress_excluded {\n        " . ip(116) . "\n    }" ]), sub {
	owned(ip($_), 'a', ip($_)) for 115, 116;
	like($lab->read_in('a', qw(ip address show dev eth0)),
	    qr{inet 192\.168\.2\.115/28 brd 192\.168\.2\.127 scope link .*eth0:vip}, 'as written');
});

alone('priority 255', instance(name => 'OWNER', vrid => 64, @V3, priority => 255,
    addresses => [ ip(117) ]), sub {
	owned(ip(117), 'a', 'the owner is master');
	unlike($a->log, qr/\(OWNER\) Entering BACKUP STATE/, 'at once');
});

alone('dumps', instance(name => 'DUMPED', vrid => 65, @V3, addresses => [ ip(118) ]), sub {
	owned(ip(118), 'a', 'master');
	my %dump = (USR1 => [ 'data', qr/VRRP Instance = DUMPED/ ],
	    USR2 => [ 'stats', qr/VRRP Instance: DUMPED/ ],
	    NUM36 => [ 'json', qr/"iname":"DUMPED"/ ]);
	for my $signal (sort keys %dump) {
		my ($file, $re) = ("/tmp/keepalived.$dump{$signal}[0]", $dump{$signal}[1]);
		unlink $file;
		kill $signal, $a->vrrp_pid;
		ok(wait_until(sub { -e $file && slurp($file) =~ $re }), $file)
		    or diag(-e $file ? slurp($file) : 'not there');
		unlink $file;
	}
});

alone('the process', "global_defs {\n    vrrp_rt_priority 10\n}\n"
    . instance(vrid => 66, @V3, addresses => [ ip(119) ]), sub {
	my $pid = $a->vrrp_pid;
	like(slurp("/proc/$pid/status"), qr/^VmLck:\s+[1-9]/m, 'memory is locked');
	is((split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //sr)[37], 10, 'real-time priority')
	    if ($ENV{TW_SANITIZER} // 'no') eq 'no';
});

alone('track_interface, track_frontend', instance(name => 'IFACE', vrid => 67, @V3,
    addresses => [ ip(120) ], lines => [ "track_interface {\n        eth1\n    }" ])
    . instance(name => 'FRONT', vrid => 68, @V3, addresses => [ ip(121) ],
	lines => ['track_frontend web']), sub {
	owned(ip($_), 'a', ip($_)) for 120, 121;
	$lab->unplug('a', 'path');
	owned(ip(120), '', 'the link is cut: FAULT');
	$lab->plug('a', 'path');
	owned(ip(120), 'a', 'and there again');
	$a->control('disable frontend web');
	owned(ip(121), '', 'the frontend pauses: FAULT');
	$a->control('enable frontend web');
	owned(ip(121), 'a', 'and accepts again');
});

# what a killed predecessor left is not a second owner's
subtest 'leftovers, preempt_delay' => sub {
	$b->start('tideway', instance(vrid => 69, @V3, priority => 100, addresses => [ ip(122) ]));
	owned(ip(122), 'b', 'b is master');
	$lab->ip('a', 'address add ' . ip(122) . '/32 dev eth0');
	my $since = time;
	$a->start('tideway', instance(vrid => 69, @V3, priority => 110, addresses => [ ip(122) ],
	    lines => [ 'preempt_delay 3' ]));
	owned(ip(122), 'b', 'the leftover is removed');
	owned(ip(122), 'a', 'then it preempts');
	cmp_ok(time - $since, '>', 2.9, 'after the delay');
	is($_->halt, '', "$_->{name} ends well") for $a, $b;
};

$lab->end;
done_testing;
