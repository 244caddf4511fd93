# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The same commands to Debian's haproxy and to tideway, with the same
# configuration: answers are equal, byte by byte, but for what is a clock, a
# port, a version or a number of the process.
use Tideway::Test;
use Tideway::Cli;
use JSON::PP ();

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
plan(skip_all => 'haproxy is not installed') unless $haproxy && is_tideway();

my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 's');
my $addr = $o->addr;

sub both
{
	my ($make) = @_;
	my @p = map { start_proxy($make->($_->[0]), bin => $_->[1]) }
	    (['ha', $haproxy], ['tw', binary()]);

	return @p;
}

sub config
{
	my ($who) = @_;

	return "global
    nbthread 2
    maxconn 100
    stats socket $dir/$who.sock level admin
    stats socket $dir/$who-op.sock level operator
    stats socket $dir/$who-user.sock level user
" . defaults() . "
frontend fe
    id 11
    bind {BIND:web}
    default_backend be
listen li
    id 13
    mode tcp
    bind {BIND:li}
    server a 127.0.0.1:1 check inter 100
backend be
    id 12
    balance roundrobin
    server s1 $addr weight 5 check inter 100
    server s2 127.0.0.1:1 backup maxconn 5
    server s3 $addr disabled id 9
    server s4 127.0.0.1:1 check inter 100 rise 3 fall 1 port 1 addr 127.0.0.2
";
}

my ($ha, $tw) = both(\&config);

sub ask { my ($who, $line) = @_; return cli_ask("$dir/$who.sock", $line) }

# both have come to rest
for my $who (qw(ha tw)) {
	ok(wait_until {
		my $s = ask($who, 'show servers state');
		$s =~ /^13 li 1 a \S+ 0 0/m && $s =~ /^12 be 1 s1 \S+ 2 0 \d+ \d+ \d+ 6 3 4 6/m
		    && $s =~ /^12 be \d+ s4 \S+ 0 0/m;
	}, "$who: checks are done");
}

# what may differ
sub plain
{
	my ($text, $line) = @_;

	if ($line =~ /^show servers state/) { # seconds since the last change
		$text =~ s/^((?:\S+ ){9})\d+ /${1}T /gm;
		# HAProxy forgets the last result when a check begins, and has none
		# until it ends: what the status stands for is compared then
		$text =~ s/^((?:\S+ ){10})(6|8) 0 /"$1$2 " . ($2 == 6 ? 3 : 2) . ' '/gem;
		$text =~ s/^((?:\S+ ){13})(\d+) /$1 . ($2 & ~1) . ' '/gem; # under way
		# how many checks have passed since
		$text =~ s/^((?:\S+ ){12})(\d+) /$1 . ($2 < 2 ? $2 : 'up') . ' '/gem;
	}
	# a check's connection counts there, and is not kept here
	$text =~ s/ - 5000 \d+ \d+ \d+ / - 5000 u m n /g if $line =~ /^show servers conn/;
	$text =~ s/^(Total events captured on )\[.*\]/$1\[now]/ if $line =~ /^show errors/;
	return $text;
}

sub same
{
	my ($line, $level) = @_;
	my $suffix = $level ? "-$level" : '';

	is(plain(cli_ask("$dir/tw$suffix.sock", $line), $line),
	    plain(cli_ask("$dir/ha$suffix.sock", $line), $line),
	    ($level ? "$level: " : '') . $line);
}

subtest 'what is shown' => sub {
	same($_) for 'show backend', 'show servers state', 'show servers state be',
	    'show servers state nope', 'show servers conn', 'show servers conn li',
	    'show servers conn nope', 'get weight be/s1', 'get weight be', 'get weight be/x',
	    'get weight x/y', 'get weight', 'get weight #12/#9', 'show stat nope 1 1',
	    'show stat domain foo', 'show errors', 'show errors nope';
	my @schema = map { JSON::PP->new->decode(ask($_, 'show schema json')) } qw(tw ha);
	is_deeply($schema[0], $schema[1], 'show schema json');
};

sub fields
{
	my ($who, $line) = @_;
	my %of;

	for (split /\n/, ask($who, $line)) {
		my ($key, $type, $value) = /^(\w\.\d+\.\d+\.\d+\.\w+)\.1:(\w+:\w+):(.*)/ or next;
		$of{$key} = "$type $value" unless $key =~ /\.(?:h[12]|ssl)_/;
	}
	return \%of;
}

subtest 'show stat' => sub {
	my ($t, $h) = map { fields($_, 'show stat typed') } qw(tw ha);
	# counters of checks and clocks; a check's connection of just now; what HAProxy
	# 3.4 has no more
	my $skip = qr/\.(?:lastchg|downtime|addr|check_duration|chkdown|chkfail|act|bck|
	    agg_\w+|need_conn_est|used_conn_cur|last_chk|check_status|check_desc)$/x;
	for my $key (sort keys %$h) {
		next if $key =~ $skip;
		is($t->{$key}, $h->{$key}, $key) or last;
	}
	for my $key (sort keys %$h) {
		ok(exists $t->{$key}, "$key: there") or last;
	}
	my ($csv_t, $csv_h) = map { (ask($_, 'show stat'))[0] } qw(tw ha);
	is((split /\n/, $csv_t)[0], (split /\n/, $csv_h)[0], 'columns of the CSV');
	is(scalar(() = $csv_t =~ /\n/g), scalar(() = $csv_h =~ /\n/g), 'lines');
	for my $what ('be 4 -1', '12 4 9', '-1 1 -1', 'be 2 0', 'be 2 -1', 'li 7 -1',
		'up', 'no-maint', '99 -1 -1', 'domain proxy', 'be', 'be 2') {
		my ($names_t, $names_h) = map {
			join ' ', map { /^(\w+,\w+),/ ? $1 : () }
			    split /\n/, ask($_, "show stat $what")
		} qw(tw ha);
		is($names_t, $names_h, "show stat $what: $names_h");
	}
	my ($json_t, $json_h) = map { JSON::PP->new->decode(ask($_, 'show stat json')) }
	    qw(tw ha);
	is(scalar @$json_t, scalar @$json_h, 'rows of the JSON');
	is_deeply([sort keys %{ $json_t->[0][0] }], [sort keys %{ $json_h->[0][0] }], 'shape');
	like(ask('tw', 'show stat typed desc'), qr/^F\.11\.0\.4\.scur\.1:MGP:u32:0:"\w.*"$/m,
	    'desc');
};

subtest 'show info' => sub {
	my %line;
	for my $who (qw(tw ha)) {
		for (split /\n/, ask($who, 'show info typed')) {
			my ($name, $type) = /^(\d+\.[^:]+\.1):(\w+:\w+):/ or next;
			$line{$who}{$name} = $type;
		}
	}
	is_deeply({ map { $_ => $line{tw}{$_} } keys %{ $line{ha} } }, $line{ha},
	    'names, positions, tags and types');
	my ($t, $h) = map { join '', map { /^([^:]+: )/ ? $1 : () } split /\n/,
	    ask($_, 'show info') } qw(tw ha);
	is($t =~ s/Generation: $//r, $h, 'lines in their order');
	for my $same (qw(Nbthread Maxconn Hard_maxconn node Stopping Listeners)) {
		my ($a, $b) = map { ask($_, 'show info') =~ /^\Q$same\E: (.*)/m } qw(tw ha);
		next if $same eq 'Listeners'; # HAProxy counts its sockets
		is($a, $b, $same);
	}
	like(ask('tw', 'show info float'), qr/^Uptime_sec: \d+\.\d{6}$/m, 'float');
	like(ask('tw', 'show info desc'), qr/^Pid: \d+:".+"$/m, 'desc');
	my $json = JSON::PP->new->decode(ask('tw', 'show info json'));
	is($json->[6]{field}{name}, 'Pid', 'json');
	is($json->[6]{value}{value}, $tw->pid, 'its value');
};

subtest 'answers of what changes' => sub {
	same($_) for 'disable server be/s1', 'disable server be/s1', 'disable server',
	    'disable server be', 'disable server x/y', 'disable server be/y',
	    'show servers state be', 'enable server be/s1', 'set server be/s1 state drain',
	    'show servers state be', 'disable server be/s1', 'enable server be/s1',
	    'set server be/s1 state foo', 'set server be/s1 state', 'set server',
	    'set server be/s1', 'set server be/s1 foo', 'set server be/s1 weight',
	    'set server be/s1 weight 300', 'set server be/s1 weight 50%', 'get weight be/s1',
	    'set server be/s1 weight 100%', 'get weight be/s1', 'set weight be/s1 3',
	    'get weight be/s1', 'set weight be/s1 abc', 'set weight be/s1',
	    'set weight be/s1 3%x', 'set weight be/s1 257', 'set server be/s1 state ready',
	    'set server be/s1 health', 'set server be/s1 health x',
	    'set server be/s1 agent up', 'set server be/s1 agent-addr 127.0.0.1',
	    'enable agent be/s1', 'disable agent be/s1', 'enable health be/s2',
	    'disable health be/s2', 'disable health be/s4', 'show servers state be',
	    'enable health be/s4', 'set server be/s4 addr', 'set server be/s4 addr foo',
	    'set server be/s4 addr 127.0.0.3', 'set server be/s4 addr 127.0.0.3',
	    'set server be/s4 addr 127.0.0.4 port 7', 'set server be/s4 addr 127.0.0.4 port 9',
	    'show servers state be', 'shutdown sessions server be/s1',
	    'shutdown sessions server be', 'set maxconn server be/s2 7',
	    'set maxconn server be/s2', 'set maxconn server be/s2 x',
	    'set maxconn server be/x 4', 'set maxconn global 50', 'set maxconn global 500',
	    'set maxconn global', 'set maxconn frontend fe 50', 'set maxconn frontend fe',
	    'set maxconn frontend be 3', 'set rate-limit connections global',
	    'set rate-limit connections global 1000', 'set rate-limit sessions global 1000',
	    'disable frontend fe', 'disable frontend fe', 'disable frontend be',
	    'disable frontend', 'enable frontend fe', 'enable frontend fe',
	    'shutdown frontend fe', 'shutdown frontend fe', 'enable frontend fe',
	    'disable frontend fe', 'clear counters', 'clear counters all',
	    'clear counters foo', 'set timeout', 'set timeout foo 3', 'set severity-output',
	    'set severity-output foo', 'shutdown session', 'shutdown session abc',
	    'shutdown session 0x1234', 'show sess 0x1234';
	for my $line ('get weight be/x', 'disable server be/x', 'show cli level', 'expert-mode',
		'set timeout cli x', 'show env NO_SUCH', 'get weight be/s1', 'show servers state x',
		'disable frontend fe', 'set rate-limit connections global') {
		same("set severity-output $_;$line") for qw(number string none);
	}
};

subtest 'levels' => sub {
	for my $level (qw(op user)) {
		same($_, $level) for 'disable server be/x', 'enable server be/x',
		    'set server be/x state ready', 'set weight be/x 1', 'get weight be/x',
		    'set maxconn server be/x 1', 'set maxconn frontend x 1',
		    'set maxconn global x5', 'set rate-limit connections global',
		    'clear counters', 'clear counters all', 'disable frontend x',
		    'enable frontend x', 'shutdown frontend x', 'disable health be/x',
		    'enable health be/x', 'disable agent be/x', 'enable agent be/x',
		    'shutdown sessions server be/x', 'shutdown session 0x123', 'show backend';
	}
};

stop_proxy($tw);
$ha->stop;
done_testing;
