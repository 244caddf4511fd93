# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Limits of TLS connections, and their numbers in show info.
use Tideway::Test;
use Tideway::Cli;
use Tideway::TLS;
use Tideway::TLSSessions;

my $sock = Tideway::Test::temp_dir() . '/c.sock';

my @plain = (['a', ''], ['b', 'alpn h2,http/1.1']);
my $p = start_proxy(text('', @plain));

subtest 'show info' => sub {
	my ($lookups, $misses) = map { info("SslCache$_") } qw(Lookups Misses);
	first($p->addr('a'), 'tls1_2', 'i');
	resumed($p->addr('a'), 'tls1_2', 'i');
	is(info('SslCacheLookups') - $lookups, 1, 'a lookup');
	is(info('SslCacheMisses') - $misses, 0, 'found');
	reload($p, text("    tune.ssl.cachesize 0\n", @plain));
	reload($p, text('', @plain));
	ok(!resumed($p->addr('a'), 'tls1_2', 'i'), 'a size of 0 empties it');
	is(info('SslCacheLookups') - $lookups, 2, 'a lookup');
	is(info('SslCacheMisses') - $misses, 1, 'not found');
	my $ever = info('CumSslConns');
	my $c = tls_client($p->addr('a'));
	is(info('CurrSslConns'), 1, 'one is connected');
	is(info('CumSslConns') - $ever, 1, 'it was counted');
	$c->close;
	ok(wait_until { info('CurrSslConns') == 0 }, 'none');
	cmp_ok(info('MaxSslRate'), '>', 0, 'MaxSslRate');
	cmp_ok(info('SslFrontendMaxKeyRate'), '>', 0, 'SslFrontendMaxKeyRate');
	ok(wait_until { first($p->addr('a'), 'tls1_2', 'i'); info('SslRate') > 0
	    && info('SslFrontendKeyRate') > 0 }, 'SslRate, SslFrontendKeyRate');
	ok(wait_until { resumed($p->addr('a'), 'tls1_2', 'i')
	    && info('SslFrontendSessionReuse_pct') > 0 }, 'SslFrontendSessionReuse_pct');
	is(info($_), 0, $_) for qw(MaxSslConns SslRateLimit);
};
stop_proxy($p);

subtest 'maxsslconn' => sub {
	my $q = start_proxy(text("    maxsslconn 2\n", @plain)
	    . "listen plain\n    bind {BIND:plain}\n    http-request return status 200\n");
	is(info('MaxSslConns'), 2, 'show info');
	my @c = map { tls_client($q->addr('a')) } 1 .. 2;
	is(scalar(grep { defined } @c), 2, 'two');
	my $third = raw_client($q->addr('b'), hello(sni => 'a', groups => 1,
	    points => [0], ciphers => [0xc02b, 0xc02f]));
	is($q->get('plain', '/')->status, 200, 'clear text goes on');
	is(info('CurrSslConns'), 2, 'the third waits');
	(shift @c)->close;
	is(ord $third->read_bytes(1), 22, 'until there is room');
	reload($q, text('', @plain));
	is(info('MaxSslConns'), 0, 'no more limit');
	push @c, tls_client($q->addr('a')) for 1 .. 3;
	is(scalar(grep { defined } @c), 4, 'so more come');
	stop_proxy($q);
};

subtest 'maxsslrate' => sub {
	my $q = start_proxy(text("    maxsslrate 3\n", @plain));
	is(info('SslRateLimit'), 3, 'show info');
	first($q->addr('a'), 'tls1_2', 'm') for 1 .. 7;
	cmp_ok(info('MaxSslRate'), '<=', 3, 'no more than that come in');
	is(cli_ask($sock, 'set rate-limit ssl-sessions global 5'), "\n", 'by hand');
	is(info('SslRateLimit'), 5, 'is in force');
	reload($q);
	is(info('SslRateLimit'), 5, 'and stays, until');
	reload($q, text("    maxsslrate 4\n", @plain));
	is(info('SslRateLimit'), 4, 'the configured one changes');
	for (['set rate-limit ssl-sessions', qr/only supports/],
	    ['set rate-limit ssl-sessions local 1', qr/only supports/],
	    ['set rate-limit ssl-sessions global', qr/integer/],
	    ['set rate-limit ssl-sessions global x', qr/integer/],
	    ['operator ; set rate-limit ssl-sessions global 1', qr/Permission denied/]) {
		like(cli_ask($sock, $_->[0]), $_->[1], $_->[0]);
	}
	is(cli_ask($sock, 'set rate-limit ssl-sessions global 0'), "\n", 'no limit');
	is(info('SslRateLimit'), 0, 'show info');
	stop_proxy($q);
};

subtest 'bad arguments' => sub {
	for my $bad ('maxsslconn', 'maxsslconn x', 'maxsslconn -1', 'maxsslconn 1 2',
	    'maxsslrate', 'maxsslrate -1', 'maxsslrate 99999999999') {
		my $r = check_config("global\n    $bad\n" . defaults());
		is($r->{code}, 1, $bad);
		like($r->{err}, qr/'?maxssl/, 'it says so');
	}
};

done_testing();
