# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Log profiles, and log-steps.
use Tideway::Test;

my $udp = syslog_udp();
my $other = syslog_udp();
my $l = listener();
my $o = origin(name => 's');

sub lines
{
	my ($from, $n) = @_;
	my @got;

	for (1 .. $n) {
		my $line = $from->next_line(5) or last;
		my $raw = $line->{raw} =~ s/\n\z//r;
		redo if $raw =~ /Connect from|Proxy|tarted|Stopping|running|Reload/;
		push @got, $raw;
	}
	return @got;
}

subtest 'profiles' => sub {
	my $p = start_proxy("
log-profile short
    log-tag prof
    on error format \"err %ci\"
    on close format \"p %HP\"
    on any sd \"[any]\"
global
    log ${\ $udp->addr} format local local0 info info
log-profile quiet
    on close drop
    on error format late
" . defaults('log global', 'log-format "%HM %HP"', 'log-format-sd [plain]') . "
frontend web
    bind {BIND:web}
    log ${\ $other->addr} format rfc5424 profile short local1 info info
    log ${\ $other->addr} format raw profile quiet local1 info info
    log ${\ $other->addr} format rfc5424 local1 info info
    default_backend be
frontend px
    bind {BIND:px} accept-proxy
    log ${\ $other->addr} format raw profile short local1 info info
    log ${\ $other->addr} format raw profile quiet local1 info info
    default_backend be
backend be
    server s ${\ $o->addr}
");
	$p->get('web', '/one');
	my @got = sort map { s/^(<\d+>1) \S+ (\S+) (\S+) \d+ /$1 TIME $2 $3 PID /r } lines($other, 2);
	is_deeply(\@got, [sort '<142>1 TIME - prof PID - [plain] p /one', '<142>1 TIME - tideway PID - [plain] GET /one'],
	    'one with the profile, one without') if is_tideway();
	like((lines($udp, 1))[0], qr/ tideway\[\d+\]: GET \/one$/, 'others are as ever');
	my $c = $p->client('px');
	$c->send("bad\r\n");
	$c->read_all;
	is_deeply([sort +lines($other, 2)], ['err 127.0.0.1', 'late'], 'errors');
	stop_proxy($p);
};

subtest 'log-steps' => sub {
	my $udp = syslog_udp();
	my $p = start_proxy("global\n    log ${\ $udp->addr} format raw local0 info info\n"
	    . defaults('log global', 'log-format "%OG %ST %B %Ta"') . "
frontend all
    bind {BIND:all}
    log-steps all
    default_backend be
frontend some
    bind {BIND:some}
    log-steps accept,close
    option logasap
    default_backend be
frontend early
    bind {BIND:early}
    log-steps request
    default_backend be
backend be
    server s ${\ $o->addr}
listen tcp
    mode tcp
    log-format \"%OG\"
    log-steps all
    bind {BIND:tcp}
    server s ${\ $l->addr}
");
	$p->get('all', '/');
	my @got = lines($udp, 5);
	is(join(' ', map { /^(\w+)/ } @got), 'txn_accept txn_request txn_connect txn_response txn_close', 'all');
	like($got[0], qr/^txn_accept -1 \+0 \+0$/, 'what is known at accept');
	like($got[3], qr/^txn_response 200 \+[1-9]\d* \+\d+$/, 'at the response');
	like($got[4], qr/^txn_close 200 [1-9]\d* \d+$/, 'at the end');
	$p->get('some', '/');
	is(join(' ', map { /^(\w+)/ } lines($udp, 2)), 'txn_accept txn_close', 'some');
	$p->get('early', '/');
	is(join(' ', map { /^(\w+)/ } lines($udp, 1)), 'txn_request', 'one');
	my $c = $p->client('tcp');
	my $s = $l->accept;
	$s->close;
	$c->read_all;
	$c->close;
	is(join(' ', map { /^(\w+)/ } lines($udp, 4)), 'txn_accept txn_request txn_connect txn_close', 'mode tcp');
	stop_proxy($p);
};

for my $bad (["log-profile\n", qr/expects a name/], ["log-profile a b\n", qr/nothing else/],
    ["log-profile a\nlog-profile a\n", qr/declared already/],
    ["log-profile a\n    on never drop\n", qr/unknown step 'never'/],
    ["log-profile a\n    on any fmt x\n", qr/unexpected 'fmt'/],
    ["log-profile a\n    on any format\n", qr/needs an argument/],
    ["log-profile a\n    on any format %nope\n", qr/no such format variable/],
    ["global\n    log 127.0.0.1 profile nope local0\n", qr/unknown log-profile 'nope'/],
    ["frontend f\n    bind 127.0.0.1:0\n    log-steps never\n", qr/unknown step 'never'/],
    ["frontend f\n    bind 127.0.0.1:0\n    log-steps error\n", qr/unknown step 'error'/],
    ["log-profile h\n    on any format %HM\nfrontend f\n    bind 127.0.0.1:0\n    mode tcp\n    log 127.0.0.1 profile h local0\n",
    qr/reserved for HTTP mode/]) {
	my $r = check_config(defaults() . $bad->[0]);
	like($r->{all}, $bad->[1], 'refused: ' . $bad->[0] =~ s/\n\s*/; /gr);
}

done_testing;
