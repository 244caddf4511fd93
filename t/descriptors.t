# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Out of descriptors: accepting pauses, who is connected is served, and it
# resumes when there is room again.
use Tideway::Test;

my $o = origin(name => 's');
my $p = start_proxy((is_tideway() ? '' : "global\n    maxconn 40\n    fd-hard-limit 128\n") . defaults() . "
frontend web
    bind {BIND:web}
    maxconn 2000
    default_backend b
backend b
    server s ${\ $o->addr}
", prlimit => ['--nofile=128:128']);

my $GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
my $first = $p->client('web');
is($first->request($GET)->status, 200, 'served with few connections');

my @c = map { $p->client('web') } 1 .. 150;
$_->send($GET) for @c;
my $served = 0;
for my $c (@c) {
	last unless defined $c->fill(0.3);
	$served++;
}
cmp_ok($served, '<', 150, 'not all can be served at once');
cmp_ok($served, '>', 5, 'some are');
ok(!defined $p->wait_exit(0), 'it is alive');

# busy waiting would show in the CPU time
sub cpu
{
	my @f = split ' ', slurp('/proc/' . $p->pid . '/stat') =~ s/^.*\) //r;
	return $f[11] + $f[12];
}
my $before = cpu();
$first->is_quiet(1);
cmp_ok(cpu() - $before, '<', 50, 'and does not spin');

$_->close for splice @c, 0, 130;
my $rest = 0;
for my $c (@c) {
	my $r = $c->read_response(secs => 3);
	$rest++ if $r->status == 200 || $c->state ne 'open';
}
is($rest, scalar @c, 'those who waited are served when others leave');
$_->close for @c;
is($p->get('web', '/')->status, 200, 'a new one is served');
stop_proxy($p);
done_testing;
