# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# force-persist, ignore-persist, option persist and dynamic cookies: the same
# answers, the same letters in the log. Each part runs against tideway and,
# where Debian's haproxy is installed, against that, so that what is expected is
# what HAProxy does.
use Tideway::Test;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $o = origin(host => '0.0.0.0', respond => sub {
	my ($req, $c) = @_;
	my ($n) = $c->sock->sockhost =~ /(\d+)$/;
	return response(200, "s$n " . ($req->header('Cookie') // '-'));
});
sub at { "127.0.3.$_[0]:${\ $o->port}" }

# [server and what it was told, Set-Cookie, termination letters]
sub ask
{
	my ($p, $log, $name, @headers) = @_;
	my $r = $p->get($name, '/x', @headers);
	my $l = $log->next_line;
	my ($letters) = ($l ? $l->{msg} : '') =~ m{ (\S{4}) \d+/\d+/\d+/};

	return [$r->status == 200 ? $r->body : $r->status,
	    $r->header('Set-Cookie') // '-', $letters // '?'];
}

for my $bin (binary(), $haproxy ? $haproxy : ()) {
	my $who = $bin eq binary() ? 'tideway' : 'haproxy';

	subtest "$who: rules on persistence" => sub {
		my $log = syslog_unix();
		my $p = start_proxy("global\n    log $log->{addr} local0\n"
		    . defaults('log global', 'option httplog', 'retries 1',
			'cookie SRV insert indirect') . "
listen rules
    bind {BIND:rules}
    acl forced req.hdr(X-Force) -m found
    acl ignored req.hdr(X-Ignore) -m found
    ignore-persist if ignored
    force-persist if forced
    server s1 ${\ at(1)} cookie c1
    server s2 ${\ at(2)} cookie c2 disabled
    server s3 127.0.0.1:1 cookie c3 disabled
listen unless
    bind {BIND:unless}
    force-persist unless { req.hdr(X-No) -m found }
    option redispatch 1
    server s1 ${\ at(1)} cookie c1
    server s2 ${\ at(2)} cookie c2 disabled
    server s3 127.0.0.1:1 cookie c3 disabled
listen persist
    bind {BIND:persist}
    option persist
    server s1 ${\ at(1)} cookie c1
    server s2 ${\ at(2)} cookie c2 disabled
", bin => $bin);
		my $set = 'SRV=c1; path=/';
		is_deeply(ask($p, $log, 'rules', 'Cookie: SRV=c1'),
		    ['s1 -', '-', '--VN'], 'a cookie as usual');
		is_deeply(ask($p, $log, 'rules', 'Cookie: SRV=c2'),
		    ['s1 -', $set, '--DI'], 'to a server in maintenance: not there');
		is_deeply(ask($p, $log, 'rules', 'Cookie: SRV=c2', 'X-Force: 1'),
		    ['s2 -', '-', '--DN'], 'forced: there');
		is_deeply(ask($p, $log, 'rules', 'Cookie: SRV=c3', 'X-Force: 1'),
		    [503, '-', 'SCDN'], 'forced to one that is dead: no other instead');
		is_deeply(ask($p, $log, 'rules', 'X-Force: 1'), ['s1 -', $set, '--NI'],
		    'forced without a cookie: balanced');
		is_deeply(ask($p, $log, 'rules', 'Cookie: SRV=c1', 'X-Ignore: 1'),
		    ['s1 -', '-', '--UN'], 'ignored: no new cookie either');
		is_deeply(ask($p, $log, 'rules', 'Cookie: SRV=c2', 'X-Ignore: 1',
		    'X-Force: 1'), ['s1 -', '-', '--UN'], 'the first rule wins');
		is_deeply(ask($p, $log, 'rules', 'X-Ignore: 1'), ['s1 -', '-', '--NN'],
		    'ignored without a cookie');
		is_deeply(ask($p, $log, 'unless', 'Cookie: SRV=c2'),
		    ['s2 -', '-', '--DN'], 'unless');
		is_deeply(ask($p, $log, 'unless', 'Cookie: SRV=c2', 'X-No: 1'),
		    ['s1 -', $set, '--DI'], 'unless, and it is so');
		is_deeply(ask($p, $log, 'unless', 'Cookie: SRV=c3'),
		    [503, '-', 'SCDN'], 'option redispatch does not change it');
		is_deeply(ask($p, $log, 'persist', 'Cookie: SRV=c2'),
		    ['s2 -', '-', '--DN'], 'option persist');
		stop_proxy($p);
	};

	subtest "$who: dynamic cookies" => sub {
		my $log = syslog_unix();
		my $p = start_proxy("global\n    log $log->{addr} local0\n"
		    . defaults('log global', 'option httplog',
			'dynamic-cookie-key abc') . "
listen dyn
    bind {BIND:dyn}
    cookie SRV insert indirect dynamic
    server s1 ${\ at(1)}
    server s2 ${\ at(2)}
    server s3 ${\ at(3)} cookie own
listen long
    bind {BIND:long}
    dynamic-cookie-key a-key-of-more-than-thirty-two-characters-for-the-long-way
    cookie SRV insert dynamic
    server s1 ${\ at(4)}
listen six
    bind {BIND:six}
    cookie SRV insert dynamic
    server s1 [::ffff:127.0.3.5]:${\ $o->port}
listen plain
    bind {BIND:plain}
    cookie SRV insert
    server s1 ${\ at(1)}
", bin => $bin);
		my %cookie;
		for (1 .. 3) {
			my $r = ask($p, $log, 'dyn');
			my ($s) = $r->[0] =~ /^(s\d)/;
			($cookie{$s}) = $r->[1] =~ /^SRV=([^;]+); path=\/$/;
		}
		like($cookie{s1}, qr/^[0-9a-f]{16}$/, 'made of sixteen digits');
		isnt($cookie{s1}, $cookie{s2}, 'each server has its own');
		is($cookie{s3}, 'own', 'a server\'s own cookie counts');
		for my $s (sort keys %cookie) {
			is_deeply(ask($p, $log, 'dyn', "Cookie: SRV=$cookie{$s}"),
			    ["$s -", '-', '--VN'], "$s is found by it");
		}
		unlike(ask($p, $log, 'plain')->[1], qr/SRV=\w/,
		    'none without the word dynamic');
		$main::made{$who} = [@cookie{qw(s1 s2)},
		    map { ask($p, $log, $_)->[1] } qw(long six)];
		stop_proxy($p);
	};
}

SKIP: {
	skip 'haproxy is not installed', 1 unless $haproxy;
	is_deeply($main::made{tideway}, $main::made{haproxy},
	    'tideway and haproxy make the same cookies');
}

subtest 'a reload keeps them' => sub {
	my $text = defaults() . "
listen dyn
    bind {BIND:dyn}
    cookie SRV insert indirect dynamic
    dynamic-cookie-key %s
    server s1 ${\ at(1)}
    server s2 ${\ at(2)}
";
	my $p = start_proxy(sprintf($text, 'k1'));
	my ($c) = $p->get('dyn', '/')->header('Set-Cookie') =~ /SRV=(\w+)/;
	$p->write_config(sprintf $text, 'k2');
	$p->signal('HUP');
	ok(wait_until {
		my $set = $p->get('dyn', '/', "Cookie: SRV=$c")->header('Set-Cookie');
		$set && $set !~ /SRV=\Q$c\E/;
	}, 'another key makes other cookies');
	$p->write_config(sprintf $text, 'k1');
	$p->signal('HUP');
	ok(wait_until { !$p->get('dyn', '/', "Cookie: SRV=$c")->header('Set-Cookie') },
	    'the first key makes the first ones again');
	stop_proxy($p);
};

subtest 'what is wrong' => sub {
	my $head = defaults() . "listen a\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n";
	for (['force-persist', qr/requires either 'if' or 'unless'/],
	    ['ignore-persist always', qr/requires either 'if' or 'unless'/],
	    ['ignore-persist if', qr/condition|ACL/i],
	    ['force-persist if nosuch', qr/nosuch/],
	    ['dynamic-cookie-key', qr/dynamic-cookie-key/],
	    ['dynamic-cookie-key a b', qr/'b'/]) {
		my $r = check_config("$head    $_->[0]\n");
		is($r->{code}, 1, $_->[0]);
		like($r->{all}, $_->[1], 'with the reason');
	}
	like(check_config("$head    cookie S insert dynamic\n")->{all},
	    qr/makes no cookies without a key/, 'no key: a warning');
	like(check_config($head . "frontend f\n    bind 127.0.0.1:3\n"
	    . "    force-persist if TRUE\n")->{all}, qr/no backend capability/,
	    'in a frontend: a warning');
};

done_testing;
