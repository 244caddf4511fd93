# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What runs programs: check scripts with their weights, times and counts,
# tracked files and processes, notify scripts and FIFOs.
use Tideway::Test;
use Fcntl qw(O_NONBLOCK O_RDWR);
use POSIX qw(mkfifo);
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing;
plan(skip_all => $missing) if $missing;
alarm 180 * ($ENV{TW_TIME_SCALE} || 1);

my $VIP = $Tideway::Lab::Conf::VIP;
my $OURS = Tideway::Lab::is_ours();
my $lab = Tideway::Lab->new;
my ($a) = $lab->nodes;
my $DIR = $a->{dir};
my $n_vrids = 0;

sub program
{
	my ($name, $body) = @_;

	chmod 0755, $lab->write("$DIR/$name", "#!/bin/sh\n$body");
	return "$DIR/$name";
}

# exits as told by a file; a second one at the same time is written down
my $CHECK = program('check', <<'END');
mkdir "$1.lock" || echo twice >>"$1.twice"
echo run >>"$1.runs"
. "$1"
rmdir "$1.lock"
exit $status
END

# what a check does from now on
sub set
{
	my ($name, $status, $more) = @_;

	$lab->write("$DIR/$name.state", "status=$status\n" . ($more // ''));
}

# in: name; lines of the vrrp_script
sub script
{
	my ($name, @lines) = @_;

	return join("\n    ", "vrrp_script $name {",
	    qq{script "$CHECK $DIR/$name.state"}, 'interval 1', @lines) . "\n}\n";
}

# an instance that tracks one thing
sub tracks
{
	my ($what, $name, %opt) = @_;

	return instance(name => "I_$name", vrid => 50 + ++$n_vrids, version => 3,
	    advert => 0.2, addresses => [ address($name) ],
	    lines => ["$what {\n        $name\n    }"], %opt);
}

my %address;
sub address { $address{ $_[0] } //= '192.168.2.' . (100 + keys %address) }

sub priority_is
{
	my ($name, $from, $to, $what) = @_;

	ok($a->wait_log(
	    qr/\(I_$name\) Changing effective priority from $from to $to\b/m),
	    "$what: from $from to $to") or diag($a->log);
}

# owner or not: the address tells
sub has
{
	my ($name, $wanted, $what) = @_;

	ok($lab->wait_owners(address($name), $wanted ? 'a' : ''), $what)
	    or diag($a->log);
}

sub start { $a->start('tideway', "global_defs {\n    script_user root\n}\n" . join '', @_) }

sub runs { scalar(() = slurp("$DIR/$_[0].state.runs") =~ /run/g) }

subtest 'weights' => sub {
	set($_, 0) for qw(plus minus zero);
	start(script('plus', 'weight 20', 'fall 2', 'rise 2'), tracks('track_script', 'plus'),
	    script('minus', 'weight -30'), tracks('track_script', 'minus'),
	    script('zero'), tracks('track_script', 'zero'));
	has($_, 1, "$_: good") for qw(plus minus zero);
	priority_is('plus', 100, 120, 'a good one adds');
	unlike($a->log, qr/\(I_minus\) Changing/, 'a good one does not take away');

	$a->log_mark;
	set($_, 7) for qw(plus minus zero);
	my $before = runs('plus');
	priority_is('plus', 120, 100, 'a bad one adds nothing');
	cmp_ok(runs('plus') - $before, '>=', 2, 'after `fall` times');
	priority_is('minus', 100, 70, 'a bad one takes away');
	has('zero', 0, 'weight 0: gives its addresses up');
	ok($a->wait_log(qr/\(I_zero\) Entering FAULT STATE/), 'and says so');
	has($_, 1, "$_: goes on") for qw(plus minus);
	for my $name (qw(plus minus zero)) {
		ok($a->wait_log(qr/VRRP_Script\($name\) failed \(exited with status 7\)/),
		    "$name: the status") or diag($a->log);
	}

	$a->log_mark;
	set($_, 0) for qw(plus minus zero);
	$before = runs('plus');
	priority_is('plus', 100, 120, 'good again');
	cmp_ok(runs('plus') - $before, '>=', 2, 'after `rise` times');
	priority_is('minus', 70, 100, 'good again');
	has('zero', 1, 'weight 0: takes them again');
	ok($a->wait_log(qr/VRRP_Script\($_\) succeeded/), "$_: succeeded")
	    for qw(plus minus zero);
	is($a->stop, '', 'it ends well');
};

subtest 'scripts that take too long' => sub {
	set('slow', 0, 'sleep 61.237');
	set('late', 0, "until [ -e $DIR/go ]; do sleep 0.1; done");
	start(script('slow', 'timeout 1'), tracks('track_script', 'slow'),
	    script('late', 'timeout 30', 'init_fail'), tracks('track_script', 'late'));
	ok($a->wait_log(qr/VRRP_Script\(slow\).*(?:timed|time).?out/i), 'is stopped')
	    or diag($a->log);
	has('slow', 0, 'and counts as bad');
	ok($lab->stays(address('late'), '', 1.5), 'init_fail: bad until it is good');
	spew("$DIR/go", '');
	has('late', 1, 'it is');
	rmdir "$DIR/slow.state.lock";
	set('slow', 0);
	ok(wait_until(sub {
		rmdir "$DIR/slow.state.lock";
		$lab->owners(address('slow')) eq 'a';
	}, 10), 'fast enough again') or diag($a->log);
	is(slurp("$DIR/late.state.twice"), '', 'never two at once') if $OURS;
	is(scalar grep({ slurp($_) =~ /\bsleep\0.*61\.237/s } glob '/proc/[0-9]*/cmdline'),
	    0, 'nothing of it is left') if $OURS;
	is($a->stop, '', 'it ends well');
};

SKIP: {
	skip 'keepalived lets them pass', 1 unless $OURS;
	subtest 'checks never fail open' => sub {
		set('gone', 0);
		my $own = program('own', "exit 0\n");
		start(script('gone'), tracks('track_script', 'gone'),
		    "vrrp_script own {\n    script $own\n    interval 1\n}\n",
		    tracks('track_script', 'own'));
		has($_, 1, "$_: good") for qw(gone own);
		chmod 0644, $own;
		set('gone', 127);
		has($_, 0, "$_: cannot run: bad") for qw(gone own);
		chmod 0755, $own;
		set('gone', 0);
		has($_, 1, "$_: good again") for qw(gone own);
		is($a->stop, '', 'it ends well');
		unlink $own;
		my $r = check_config("global\n    vrrp-config "
		    . spew('gone.conf', "vrrp_script own {\n    script $own\n}\n"
		    . tracks('track_script', 'own', interface => 'lo')) . "\n");
		isnt($r->{code}, 0, '-c: a script that is not there');
		like($r->{all}, qr/gone\.conf:\d+.*\Q$own\E/, 'it says where');
	};
}

subtest 'a file' => sub {
	$lab->write("$DIR/value", "0\n");
	start("vrrp_track_file number {\n    file $DIR/value\n    weight 2\n}\n",
	    tracks('track_file', 'number'));
	has('number', 1, 'zero');
	spew("$DIR/value", "10\n");
	priority_is('number', 100, 120, 'its number counts');
	spew("$DIR/value", "-20\n");
	priority_is('number', 120, 60, 'a negative one takes away');
	$lab->write("$DIR/value", "1\n");
	priority_is('number', 60, 102, 'another file of that name');
	unlink "$DIR/value";
	priority_is('number', 102, 100, 'no file: zero');
	is($a->stop, '', 'it ends well');
};

SKIP: {
	skip 'keepalived sees processes in the first network namespace only', 1
	    unless $OURS;
	subtest 'a process' => sub {
		my $program = program('labsleeper', '');
		system('cp', '/bin/sleep', $program) == 0 or die;
		start("vrrp_track_process sleeper {\n    process labsleeper\n    weight 0\n}\n",
		    tracks('track_process', 'sleeper'));
		ok($a->wait_log(qr/FAULT STATE/i), 'it does not run: FAULT') or diag($a->log);
		my $pid = $lab->spawn_in('a', '/dev/null', $program, 600);
		has('sleeper', 1, 'it runs');
		$lab->end_pid($pid);
		has('sleeper', 0, 'it has ended');
		is($a->stop, '', 'it ends well');
	};
}

# Everything writes a line; BACKUP's takes longest, and is still first.
subtest 'notify' => sub {
	my $tell = program('tell', <<"END");
case "\$*" in *BACKUP*) sleep 0.5 ;; esac
echo "\$*" >>$DIR/told
END
	my @notify = map { "notify_$_ \"$tell $_\"" } qw(master backup fault stop);
	my $fifo = "$DIR/fifo";
	mkfifo($fifo, 0600) or die "mkfifo: $!";
	sysopen my $reader, $fifo, O_RDWR | O_NONBLOCK or die "$fifo: $!";
	my $got = '';
	my $fifo_has = sub {
		my ($line) = @_;
		return wait_until { sysread $reader, $got, 65536, length $got;
			$got =~ /^\Q$line\E$/m };
	};
	my $told = sub { [ split /\n/, slurp("$DIR/told") ] };
	my $is_told = sub { my ($line) = @_;
		wait_until { grep { $_ eq $line } @{ $told->() } } };

	set('state', 0);
	start("global_defs {\n    vrrp_notify_fifo $fifo\n}\n",
	    "vrrp_sync_group PAIR {\n    group {\n        I_state\n    }\n"
	    . "    notify $tell\n}\n", script('state'),
	    tracks('track_script', 'state', priority => 110, lines => [
		"track_script {\n state\n }", @notify, "notify $tell" ]));
	for my $line ('INSTANCE I_state BACKUP 110', 'backup',
	    'INSTANCE I_state MASTER 110', 'master', 'GROUP PAIR MASTER 0') {
		ok($is_told->($line), "at start: $line") or diag(explain($told->()));
	}
	ok($fifo_has->($_), "FIFO: $_") or diag($got)
	    for 'INSTANCE "I_state" MASTER 110', 'GROUP "PAIR" MASTER 0';
	set('state', 1);
	ok($is_told->($_), "it fails: $_") or diag(explain($told->()))
	    for 'INSTANCE I_state FAULT 110', 'fault', 'GROUP PAIR FAULT 0';
	ok($fifo_has->('INSTANCE "I_state" FAULT 110'), 'FIFO: FAULT') or diag($got);
	set('state', 0);
	ok(wait_until(sub { 2 <= grep { /INSTANCE.*MASTER/ } @{ $told->() } }), 'again');
	is($a->stop, '', 'it ends well');
	ok($is_told->($_), "at stop: $_") or diag(explain($told->()))
	    for 'INSTANCE I_state STOP 110', 'stop';
	ok($fifo_has->('INSTANCE "I_state" STOP 110'), 'FIFO: STOP') or diag($got);
	my @states = map { /"I_state" (\w+)/ ? $1 : () } split /\n/, $got;
	like("@states", qr/^(?:BACKUP )?MASTER FAULT BACKUP MASTER STOP$/, 'FIFO: in order');
	if ($OURS) {
		my @order = map { /^INSTANCE \S+ (\w+)/ ? $1 : () } @{ $told->() };
		is("@order", "BACKUP MASTER FAULT BACKUP MASTER STOP", 'scripts: in order');
	}
};

# A reload that does not know an instance any more tells FAULT, and DELETED where
# that was asked for; not STOP.
subtest 'notify_deleted' => sub {
	my $fifo = "$DIR/gone";
	mkfifo($fifo, 0600) or die "mkfifo: $!";
	sysopen my $reader, $fifo, O_RDWR | O_NONBLOCK or die "$fifo: $!";
	my $got = '';
	my $global = "global_defs {\n    notify_fifo $fifo\n}\n";
	my @all = map { instance(name => "D_$_->[0]", vrid => 80 + $_->[1], version => 3,
		advert => 0.2, addresses => [ address("D_$_->[0]") ],
		lines => [ $_->[2] // () ]) }
	    [ stays => 0 ], [ silent => 1 ], [ told => 2, 'notify_deleted' ];
	my $group = "vrrp_sync_group G {\n    group {\n        D_silent\n    }\n"
	    . "    notify_deleted\n}\n";

	start($global, $group, @all);
	ok($lab->wait_owners(address("D_$_"), 'a', 15), "$_ is master")
	    for qw(stays silent told);
	$a->reload($global . $all[0]);
	ok(wait_until(sub { sysread $reader, $got, 65536, length $got;
		$got =~ /FAULT/ && 2 == (() = $got =~ /DELETED/g) }), 'they are told')
	    or diag($got);
	like($got, qr/^INSTANCE "D_silent" FAULT 100$/m, 'FAULT');
	like($got, qr/^INSTANCE "D_told" DELETED 100$/m, 'DELETED');
	like($got, qr/^GROUP "G" DELETED 0$/m, 'a group') if $OURS;
	unlike($got, qr/STOP/, 'none stopped');
	is($a->stop, '', 'it ends well');
};

is($a->halt, '', 'all ends well');

done_testing;
