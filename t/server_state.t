# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Server-state files: what another process knew of the servers is taken on at
# the start, as HAProxy does with the same file, and a running process does not
# forget what it knows for it.
use Tideway::Test;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my $o = origin(name => 's');
my $HEAD = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state "
    . "srv_uweight srv_iweight srv_time_since_last_change srv_check_status "
    . "srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id "
    . "srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
    . "srv_check_addr srv_agent_addr srv_agent_port\n";
my $REST = '0 0 0 - 17911 - 0 0 - - 0';

sub config
{
	my ($where, $backend, $at) = @_;

	return "global\n    stats socket " . ($at // $sock) . " level admin\n    $where\n"
	    . defaults() . "
frontend web
    bind {BIND:web}
    default_backend be
backend be
    $backend
    server down 127.0.0.1:17911 check inter 1h
    server forced 127.0.0.1:17911
    server enabled 127.0.0.1:17911 disabled
    server weight 127.0.0.1:17911 weight 7
    server disabled 127.0.0.1:17911 disabled
    server maint 127.0.0.1:17911 weight 2
    server nolb 127.0.0.1:17911 check inter 1h
    server plain 127.0.0.1:17911
backend other
    server down 127.0.0.1:17911 check inter 1h
";
}

my $state = $HEAD . join '', map { "2 be $_ $REST\n" } '1 down 127.0.0.1 0 0 1 1 100 8 2 0 6',
    '2 forced 127.0.0.1 0 0 1 1 100 8 2 0 6', '3 enabled 127.0.0.1 2 4 1 1 100 8 2 0 6',
    '4 weight 127.0.0.1 2 8 3 7 100 8 2 0 6', '5 disabled 127.0.0.1 2 0 3 1 100 8 2 0 6',
    '6 maint 127.0.0.1 0 1 3 1 100 8 2 0 6', '7 nolb 127.0.0.1 3 0 1 1 100 8 2 4 6',
    '9 gone 127.0.0.1 0 0 1 1 100 8 2 4 6';
$state .= "7 none 1 s 127.0.0.1 0 0 1 1 100 8 2 0 6 $REST\n3 other 1 down 127.0.0.1 0 0 1 1 "
    . "55 8 2 0 6 $REST\n";
my $file = spew('state', $state);

# name => op state, admin state, weight in force, as shown
sub states
{
	my ($path) = @_;
	my %of;

	for (split /\n/, cli_ask($path // $sock, 'show servers state')) {
		my @f = split / /;
		$of{"$f[1]/$f[3]"} = "@f[5, 6, 7]" if @f > 20 && $f[0] ne '#';
	}
	return \%of;
}

my %want = ('be/down' => '0 0 1', 'be/forced' => '0 0 1', 'be/enabled' => '2 4 1',
	'be/weight' => '2 8 3', 'be/disabled' => '0 5 3', 'be/maint' => '0 1 2',
	'be/nolb' => '3 0 1', 'be/plain' => '2 0 1');
my %fresh = ('be/forced' => '2 0 1', 'be/enabled' => '0 5 1', 'be/weight' => '2 0 7',
	'be/disabled' => '0 5 1', 'be/maint' => '2 0 2', 'be/plain' => '2 0 1');

sub take
{
	my ($what, $global, $backend, $want) = @_;

	subtest $what => sub {
		my $p = start_proxy(config($global, $backend));
		my $got = states();
		is($got->{$_}, $want->{$_}, $_) for sort keys %$want;
		if (is_tideway() && $want == \%want) {
			like(cli_ask($sock, 'show servers state'),
			    qr/^\d+ be 1 down \S+ 0 0 1 1 1\d\d 8 2 0 /m, 'since when, and why');
		}
		stop_proxy($p);
	};
}

take('the global file', "server-state-file $file", 'load-server-state-from-file global',
    \%want);
take('not asked for', "server-state-file $file", '', \%fresh);
take('not wanted', "server-state-file $file", 'load-server-state-from-file none', \%fresh);
take('below a base', "server-state-base $dir\n    server-state-file state",
    'load-server-state-from-file global', \%want);
take('a file of its own', '', "load-server-state-from-file local\n    "
    . "server-state-file-name $file", \%want);
spew('be', $state);
take('of its name', "server-state-base $dir", 'load-server-state-from-file local', \%want);
take('of its name, said', "server-state-base $dir", "load-server-state-from-file local\n"
    . "    server-state-file-name use-backend-name", \%want);
take('of a name', "server-state-base $dir", "load-server-state-from-file local\n"
    . "    server-state-file-name state", \%want);

subtest 'bad files' => sub {
	plan skip_all => 'our words' unless is_tideway();
	for (["7\n$state", qr/'\S+bad': its first line must be the version 1, not '7'/],
		[$HEAD . "2 be 1 down\n2 be x\n", qr/line 3: not the state of a server/],
		['', undef], ["1\n", undef], [undef, qr/bad' is not loaded: No such file/],
		[$HEAD . "\0\xff\n" . ('x ' x 5000) . "\n", qr/line 4/]) {
		my ($text, $re) = @$_;
		unlink "$dir/bad";
		spew('bad', $text) if defined $text;
		my $p = start_proxy(config("server-state-file $dir/bad",
		    'load-server-state-from-file global'));
		my $got = states();
		is($got->{$_}, $fresh{$_}, $_) for sort keys %fresh;
		ok($p->wait_output($re), 'told') if $re;
		stop_proxy($p);
	}
};

subtest 'what is alive knows better' => sub {
	plan skip_all => 'HAProxy reloads in another way' unless is_tideway();
	my $cfg = config("server-state-file $file", 'load-server-state-from-file global');
	my $p = start_proxy($cfg);
	cli_ask($sock, 'set server be/maint state ready;set weight be/weight 5');
	cli_ask($sock, 'set server be/forced health up;set server be/plain state drain');
	$p->write_config("$cfg    server gone 127.0.0.1:17911\nbackend none\n    load-server-"
	    . "state-from-file global\n    server s 127.0.0.1:17911\n");
	$p->signal('USR2');
	ok($p->wait_output(qr/configuration 2 is in force/), 'reloaded');
	my $got = states();
	is($got->{$_->[0]}, $_->[1], $_->[0]) for ['be/maint', '2 0 2'], ['be/weight', '2 8 5'],
	    ['be/forced', '2 0 1'], ['be/plain', '2 8 1'], ['be/down', '0 0 1'],
	    ['none/s', '0 0 1'];
	stop_proxy($p);
};

subtest 'bad lines' => sub {
	for ('load-server-state-from-file', 'load-server-state-from-file here',
		'server-state-file-name a b') {
		my $r = check_config(config('', $_) =~ s/\{BIND:web\}/127.0.0.1:1/r);
		is($r->{code}, 1, "$_: refused");
	}
};

my ($haproxy) = grep { -x } '/usr/sbin/haproxy';
SKIP: {
	skip 'no haproxy to compare with', 1 unless $haproxy && is_tideway();
	subtest 'as HAProxy' => sub {
		my $g = "server-state-file $file";
		my @p = (start_proxy(config($g, 'load-server-state-from-file global')),
			start_proxy(config($g, 'load-server-state-from-file global',
			    "$dir/ha.sock"), bin => $haproxy));
		is_deeply(states(), states("$dir/ha.sock"), 'the same file, the same states');
		# what one writes the other reads
		cli_ask("$dir/ha.sock", 'set server be/plain state maint;set weight be/weight 6');
		my $saved = spew('saved', cli_ask("$dir/ha.sock", 'show servers state'));
		my $ha = states("$dir/ha.sock");
		$_->stop for @p;
		my $q = start_proxy(config("server-state-file $saved",
		    'load-server-state-from-file global'));
		is_deeply(states(), $ha, 'ours reads HAProxy\'s');
		$saved = spew('saved', cli_ask($sock, 'show servers state'));
		stop_proxy($q);
		$q = start_proxy(config("server-state-file $saved",
		    'load-server-state-from-file global', "$dir/ha.sock"), bin => $haproxy);
		is_deeply(states("$dir/ha.sock"), $ha, 'and HAProxy ours');
		$q->stop;
	};
}

done_testing;
