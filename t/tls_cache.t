# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Sessions without tickets: shared by threads, lines and reloads, bounded, ended
# by time; never resumed where clients are verified otherwise.
use Tideway::Test;
use Tideway::TLS;
use Tideway::TLSSessions;

my $dir = Tideway::Test::temp_dir();
my ($ca, $other) = map { ca($_) } qw(A B);
my $alice = cert('alice', ca => $ca, client => 1);
my $bob = cert('bob', ca => $other, client => 1);
my @versions = qw(tls1_2 tls1_3);

my @plain = (['a', ''], ['b', 'alpn h2,http/1.1']);
my $p = start_proxy(text('', @plain));

for my $v (@versions) {
	subtest $v => sub {
		ok(first($p->addr('a'), $v, $v), 'a session');
		is(scalar(grep { resumed($p->addr('a'), $v, $v) } 1 .. 12), 12,
		    'whatever thread, it resumes');
		ok(resumed($p->addr('b'), $v, $v), 'so it does at another line');
		ok(reload($p), 'a reload');
		ok(resumed($p->addr('a'), $v, $v), 'it resumes after that');
		ok(reload($p, text("    tune.ssl.cachesize 1000\n", @plain)), 'another size');
		ok(resumed($p->addr('a'), $v, $v), 'keeps it');
		reload($p, text('', @plain));
	};
}

stop_proxy($p);

subtest 'tune.ssl.cachesize' => sub {
	my $q = start_proxy(text("    tune.ssl.cachesize 32\n", @plain));
	for my $v (@versions) {
		ok(first($q->addr('a'), $v, 'e'), 'a session');
		ok(resumed($q->addr('a'), $v, 'e'), 'resumes');
		tls_client($q->addr('a'), version => $v eq 'tls1_2' ? 'TLSv1_2' : 'TLSv1_3',
		    )->close for 1 .. 250;
		ok(!resumed($q->addr('a'), $v, 'e'), 'others push it out');
	}
	reload($q, text("    tune.ssl.cachesize 0\n", @plain));
	for my $v (@versions) {
		s_client($q->addr('a'), version => $v, sess_out => "$dir/z", secs => 3);
		ok(!-s "$dir/z" || !resumed($q->addr('a'), $v, 'z'), "none, $v");
	}
	stop_proxy($q);
};

subtest 'tune.ssl.lifetime' => sub {
	my $q = start_proxy(text("    tune.ssl.lifetime 2s\n", @plain));
	for my $v (@versions) {
		ok(first($q->addr('a'), $v, 'l'), 'a session');
		ok(wait_until { !resumed($q->addr('a'), $v, 'l') }, "ends, $v");
	}
	stop_proxy($q);
};

subtest 'clients that are verified' => sub {
	revoke($other, $bob);
	my $none = crl($ca);
	my $crl = spew('a.crl', slurp($none));
	my @lines = (['none', ''],
	    ['opt', "verify optional ca-file $ca->{crt}"],
	    ['req', "verify required ca-file $ca->{crt}"],
	    ['too', "verify required ca-file $ca->{crt}"],
	    ['other', "verify required ca-file $other->{crt}"],
	    ['crl', "verify required ca-file $ca->{crt} crl-file $crl"],
	    ['ign', "verify required ca-file $ca->{crt} crt-ignore-err all ca-ignore-err all"]);
	for my $kind ('sessions', 'tickets') {
		my $conf = text('', @lines);
		$conf =~ s/ no-tls-tickets//g if $kind eq 'tickets';
		my $q = start_proxy($conf);
		for my $v (@versions) {
			my @me = (cert => $alice);
			ok(first($q->addr('req'), $v, 'v', @me), "$kind, $v: a session");
			ok(resumed($q->addr('req'), $v, 'v', @me), 'resumes');
			ok(resumed($q->addr('too'), $v, 'v', @me), 'with the same authority, too');
			ok(!resumed($q->addr($_), $v, 'v', @me), "not with other terms: $_")
			    for qw(none opt other crl ign);
			ok(first($q->addr('opt'), $v, 'v'), 'without a certificate');
			ok(!resumed($q->addr('req'), $v, 'v'), 'it is not taken for one');
			ok(first($q->addr('ign'), $v, 'v', cert => $bob), 'of another authority');
			ok(!resumed($q->addr('req'), $v, 'v', cert => $bob), 'nor is that');
		}
		ok(first($q->addr('crl'), 'tls1_2', 'r', cert => $alice), "$kind: not revoked");
		ok(resumed($q->addr('crl'), 'tls1_2', 'r', cert => $alice), 'resumes');
		if ($kind eq 'tickets') {
			revoke($ca, $alice);
			spew('a.crl', slurp(crl($ca)));
			reload($q);
			my $f = s_client($q->addr('crl'), version => 'tls1_2', cert => $alice,
			    sess_in => "$dir/r");
			is_deeply([@$f{qw(reused alert)}], [0, 44],
			    'revoked: not even with its session') or diag $f->{out};
		}
		stop_proxy($q);
	}
};

done_testing();
