# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The pair of t/seed, as its administrator wrote it for HAProxy and
# keepalived: interface, paths and web servers are mapped to the laboratory,
# nothing else. Then what that administrator could not have: the same without
# a script.
use Tideway::Test;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing(qw(bash curl));
plan(skip_all => $missing) if $missing;
alarm 150 * ($ENV{TW_TIME_SCALE} || 1);

my $VIP = $Tideway::Lab::Conf::VIP;
my $lab = Tideway::Lab->new;
my ($a, $b) = $lab->nodes;

sub seed { slurp(test_dir() . "/seed/$_[0]") }

sub proxy_text
{
	my $text = seed('haproxy.cfg');

	$text =~ s{/dev/log}{127.0.0.1:514};
	$text =~ s/maxconn 50000/maxconn 5000/ unless Tideway::Lab::is_ours();
	$text =~ s/web[12]\.example\.com:\d+/127.0.0.1:8001/g;
	return $text;
}

# the check writes to a file of its own at each node
sub vrrp_text
{
	my ($file, $node) = @_;
	my $script = seed('http_check.sh');
	my $text = seed($file);

	$script =~ s{/tmp/}{$node->{dir}/}g;
	chmod 0755, $lab->write("$node->{dir}/http_check.sh", $script);
	$text =~ s{/usr/local/bin/}{$node->{dir}/};
	$text =~ s/enp0s8/eth0/;
	return $text;
}

# the files again, with a line in the place of the script
sub without_script
{
	my ($text) = @_;

	$text =~ s/^vrrp_script .*?^}\n//ms or die;
	$text =~ s/^    track_script \{.*?\}\n/    track_backend web_servers\n/ms or die;
	return $text;
}

sub start_pair
{
	my ($edit) = @_;

	$a->start('tideway', $edit->(vrrp_text('keepalived-master.conf', $a)),
	    proxy => proxy_text());
	$b->start('tideway', $edit->(vrrp_text('keepalived-backup.conf', $b)),
	    proxy => proxy_text());
}

sub serves
{
	my ($client, $name, $what) = @_;
	my $since = time;

	ok($lab->wait_owners($VIP, $name, 30), "$what: $name has the address")
	    or diag($lab->logs);
	ok($client->wait_first($since, $name), "$what: the client is with $name");
	$_->log_mark for $a, $b;
}

# these lines come, each in its node's log: [node, text, ...]
sub says
{
	my ($node, @texts) = @_;

	for my $text (@texts) {
		ok($node->wait_log(qr/\Q$text\E/), "$node->{name} says $text")
		    or diag($node->log);
	}
}

SKIP: {
	skip 'keepalived stands in', 1 unless Tideway::Lab::is_ours();
	subtest '-c says it is valid' => sub {
		for my $f (qw(keepalived-master.conf keepalived-backup.conf)) {
			my $path = spew($f, vrrp_text($f, $a) =~ s/eth0/lo/r);
			my $r = check_config("global\n    vrrp-config $path\n"
			    . proxy_text() =~ s/:(?:80|8404)$/:0/mgr);
			is($r->{code}, 0, $f) or diag($r->{all});
		}
	};
}

subtest 'point 4: a script decides' => sub {
	start_pair(sub { $_[0] });
	my $client = $lab->prober($VIP);
	ok($lab->wait_owners($VIP, 'a', 30), 'the master has the address');
	says($a, '(VI_1) Entering BACKUP STATE (init)', 'VRRP_Script(my_chk) succeeded',
	    '(VI_1) Changing effective priority from 100 to 110',
	    '(VI_1) Entering MASTER STATE');
	says($b, '(VI_1) Changing effective priority from 99 to 109');
	serves($client, 'a', 'at first');

	$a->web_down;
	ok($lab->wait_owners($VIP, 'b', 30), 'two failures later');
	says($a, 'VRRP_Script(my_chk) failed (exited with status 1)',
	    '(VI_1) Changing effective priority from 110 to 100',
	    'Script `my_chk` now returning 1',
	    '(VI_1) Master received advert from 192.168.2.2 with higher priority 109, ours 100',
	    '(VI_1) Entering BACKUP STATE');
	says($b, '(VI_1) received lower priority (100) advert from 192.168.2.1 - discarding',
	    '(VI_1) Entering MASTER STATE');
	serves($client, 'b', 'while it fails');

	$a->web_up;
	ok($lab->wait_owners($VIP, 'a', 30), 'after recovery');
	says($a, 'VRRP_Script(my_chk) succeeded', 'Script `my_chk` now returning 0',
	    '(VI_1) Changing effective priority from 100 to 110',
	    '(VI_1) Entering MASTER STATE');
	says($b, '(VI_1) Master received advert from 192.168.2.1 with higher priority 110, ours 109');
	serves($client, 'a', 'at last');
	$client->stop;
	is($_->halt, '', "$_->{name} ends well") for $a, $b;
	is($lab->owners($VIP), '', 'nobody keeps the address');
};

SKIP: {
	skip 'keepalived stands in', 1 unless Tideway::Lab::is_ours();
	subtest 'point 5: the proxy itself decides' => sub {
		start_pair(\&without_script);
		my $client = $lab->prober($VIP);
		serves($client, 'a', 'at first');
		$a->web_down;
		my $since = time;
		serves($client, 'b', 'no server left');
		my $took = $client->first($since, 'b')->[0] - $since;
		diag(sprintf 'b answered after %.0f ms', 1000 * $took)
		    if $ENV{TW_MEASURE};
		$a->web_up;
		serves($client, 'a', 'a server is back');
		$client->stop;
		is($_->halt, '', "$_->{name} ends well") for $a, $b;
	};
}

done_testing;
