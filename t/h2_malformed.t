# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What is no request in HTTP/2 is reset, counted and logged; whoever sends very
# many on one connection does not fill the log.
use Tideway::Test;
use Tideway::H2;

my $log = syslog_unix();
my $o = origin(name => 's');
my $p = start_proxy("global\n    nbthread 1\n"
    . defaults("log $log->{addr} local0", 'option httplog') . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
listen st
    bind {BIND:st}
    no log
    stats enable
    stats uri /st
");

sub good { return [':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'a'] }

my $c = h2_client($p->addr('web'));
my %bad = (
	'a capital letter' => [good(), ['Bad', '1']],
	'no :scheme' => [[':method', 'GET'], [':path', '/'], [':authority', 'a']],
	'te' => [good(), ['te', 'gzip']],
	'connection' => [good(), ['connection', 'close']],
	'a bad length' => [good(), ['content-length', 'x']],
	'a line end' => [good(), ['x', "a\nb"]],
);
for my $name (sort keys %bad) {
	is($c->reset_code($c->request(fields => $bad{$name})), 'PROTOCOL_ERROR', $name);
	# as HAProxy has it
	like($log->next_line->{msg}, qr{\A127\.0\.0\.1:\d+\ \[[^]]+\]\ web\ web/<NOSRV>
	    \ -1/-1/-1/-1/0\ 0\ 0\ -\ -\ PR--\ 1/1/0/0/0\ 0/0\ "<BADREQ>"\z}x, 'logged');
}
is($c->get('/')->status, 200, 'the connection goes on');
$log->next_match(qr{GET});
my @s = map { $c->request(fields => $bad{te}) } 1 .. 20;
is($c->reset_code($_), 'PROTOCOL_ERROR', 'one of many') for @s;
is($c->get('/last')->status, 200, 'it still goes on');
my $n = 0;
while (my $l = $log->next_line) {
	last if $l->{msg} =~ m{/last};
	$n++ if $l->{msg} =~ /<BADREQ>/;
}
is($n, 10 - keys %bad, 'ten lines in all');
if (is_tideway()) {
	my ($line) = grep { /^web,FRONTEND/ } split /\n/, $p->get('st', '/st;csv')->body;
	is((split /,/, $line)[12], 26, 'all are counted');
}
stop_proxy($p);
done_testing();
