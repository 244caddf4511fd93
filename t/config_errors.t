# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What is wrong in a configuration is said, all of it, in one run: with file
# and line, the word at fault, and what to write instead.
use Tideway::Test;

my $HEAD = "defaults\n    mode http\n    timeout client 1s\n"
    . "    timeout server 1s\n    timeout connect 1s\n";
my $LISTEN = "listen a\n    bind 127.0.0.1:1\n";
my $N = 7;

sub bad
{
	my ($text, $line, $re, $what) = @_;
	my $r = check_config($text);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($r->{code}, 1, "$what: exit code 1") or diag $r->{all};
	like($r->{all}, qr/\[[^\]]*check\.cfg:$line\]/, "$what: line $line")
	    if $line;
	like($r->{all}, $re, "$what: the reason");
	return $r;
}

subtest 'unknown words' => sub {
	my $r = bad("$HEAD$LISTEN    servre x 127.0.0.1:80\n", 8,
	    qr/unknown keyword 'servre'.*'server'/, 'a misspelt keyword');
	like($r->{all}, qr/^ +servre.*\n^ +\^/m, 'with a caret') if is_tideway();
	bad("$HEAD$LISTEN    tmieout client 1s\n", 8, qr/'timeout/, 'another');
	bad("$HEAD${LISTEN}frontnd b\n", 8, qr/'frontnd'/, 'a section');
	bad("word\n", 1, qr/'word'/, 'outside a section');
	bad("global\n    maxcon 5\n$HEAD$LISTEN", 2, qr/'maxconn'/, 'in global');
	bad("$HEAD$LISTEN    server s 127.0.0.1:1 chekc\n", 8, qr/'chekc'.*'check'/,
	    'a server word');
	bad("$HEAD$LISTEN    option htplog\n", 8, qr/htplog'/, 'an option');
	bad("$HEAD$LISTEN    timeout cleint 1s\n", 8, qr/client'/, 'a timeout');
	bad("$HEAD$LISTEN    balance rondrobin\n", 8, qr/balance|rondrobin/, 'an algorithm');
	bad("$HEAD$LISTEN    bind 127.0.0.1:2 accpt-proxy\n", 8, qr/accpt-proxy/,
	    'a bind word');
};

subtest 'all errors in one run' => sub {
	my $r = check_config("global\n    bogus1\n$HEAD$LISTEN    bogus2\n"
	    . "    timeout client 5q\n    bogus3\nbackend b\n    bogus4\n");
	is($r->{code}, 1, 'refused');
	like($r->{all}, qr/bogus$_/, "bogus$_") for 1 .. 4;
	like($r->{all}, qr/'q'/, 'and the time in between');
};

subtest 'dead forms' => sub {
	my @dead = (
	    ["${LISTEN}    contimeout 5s\n", 8, qr/timeout connect/],
	    ["${LISTEN}    clitimeout 5s\n", 8, qr/timeout client/],
	    ["${LISTEN}    srvtimeout 5s\n", 8, qr/timeout server/],
	    ["${LISTEN}    option forceclose\n", 8, qr/httpclose/],
	    ["${LISTEN}    reqadd X-A:\\ 1\n", 8, qr/http-request add-header/],
	    ["${LISTEN}    rspadd X-A:\\ 1\n", 8, qr/http-response add-header/],
	    ["${LISTEN}    reqidel ^X-A\n", 8, qr/http-request del-header/],
	    ["${LISTEN}    rspdel ^X-A\n", 8, qr/http-response del-header/],
	    ["${LISTEN}    reqrep ^a b\n", 8, qr/http-request/],
	    ["${LISTEN}    block if TRUE\n", 8, qr/http-request deny/],
	    ["${LISTEN}    redispatch\n", 8, qr/option redispatch/],
	);
	for my $d (@dead) {
		my ($word) = (split ' ', (split /\n/, $d->[0])[2]);
		bad($HEAD . $d->[0], $d->[1], $d->[2], $word);
	}
	bad("global\n    nbproc 4\n$HEAD$LISTEN", 2, qr/nbproc.*(?:nbthread|hread)/s, 'nbproc');
	my $r = check_config("${HEAD}listen x :80\n    bind 127.0.0.1:1\n");
	isnt($r->{code}, 0, 'listen x :80') if is_tideway();
	like($r->{all}, qr/'?bind/, 'names bind');
	SKIP: {
		skip 'HAProxy does not print the line', 5 unless is_tideway();
		like($r->{all}, qr/bind :80/, 'the very line to write');
		bad("global\n    debug\n$HEAD$LISTEN", 2, qr/-d\b/, 'debug');
		$r = check_config("$HEAD$LISTEN    clitimeout 50000\n");
		like($r->{all}, qr/timeout client 50000/, 'clitimeout: the line');
	}
};

subtest 'known to HAProxy, not here' => sub {
	plan(skip_all => 'HAProxy has them') unless is_tideway();
	for my $kw ('filter spoe engine x', 'http-request cache-use x', 'use-fcgi-app x',
	    'server s 127.0.0.1:1 check-via-socks4', 'server s 127.0.0.1:1 socks4 127.0.0.1:2') {
		my $r = check_config("$HEAD$LISTEN    $kw\n");
		my ($word) = $kw =~ / (check-via-socks4|socks4)\b/ ? $1 : (split ' ', $kw)[0];
		is($r->{code}, 1, "$word: refused");
		like($r->{all}, qr/check\.cfg:8\b.*'$word\b.*known to HAProxy 3\.4 but not supported by tideway yet/,
		    "$word: in these words");
		unlike($r->{all}, qr/unknown keyword/, 'not unknown');
	}
	my $r = check_config("peers x\n    peer a 127.0.0.1:1\n$HEAD$LISTEN");
	like($r->{all}, qr/section 'peers' is known to HAProxy 3\.4/, 'a section');
	unlike($r->{all}, qr/'peer'/, 'whose lines are not blamed');
};

subtest 'values' => sub {
	my @bad = (['timeout client 5q', qr/'q'/], ['timeout client', qr/expects/],
	    ['timeout client 5s 6s', qr/'6s'/], ['maxconn x', qr/maxconn/, 1],
	    ['maxconn', qr/maxconn/, 1], ['mode xyz', qr/xyz|mode/], ['retries x',
	    qr/retries/, 1],
	    ['bind 127.0.0.1', qr/port/], ['bind', qr/bind/], ['bind 300.1.2.3:80', qr/300/],
	    ['bind 127.0.0.1:70000', qr/70000/], ['bind 127.0.0.1:9-8', qr/range|9-8/],
	    ['acl a nonsense x', qr/nonsense/], ['acl a', qr/acl|missing/i],
	    ['use_backend x if undefined_acl', qr/undefined_acl/],
	    ['use_backend x', qr/x/, 1], ['default_backend nowhere', qr/nowhere/],
	    ['errorfile 999 /dev/null', qr/999/], ['balance random(0)', qr/draws/],
	    ['stats uri', qr/uri/], ['option', qr/option/],
	    ['timeout client 99999999999s', qr/timeout/],
	    ['http-reuse sometimes', qr/http-reuse/],
	    ['option forwardfor nonsense', qr/forwardfor/]);
	for my $b (@bad) {
		next if $b->[2] && !is_tideway();
		my $r = check_config("$HEAD$LISTEN    $b->[0]\n");
		is($r->{code}, 1, "$b->[0]: refused") or diag $r->{all};
		like($r->{all}, $b->[1], 'with the reason');
	}
};

subtest 'sections' => sub {
	bad("$HEAD$LISTEN${LISTEN}", 0, qr/'a'/, 'a name twice');
	bad("listen b from nowhere\n    bind 127.0.0.1:2\n", 1, qr/nowhere/, 'from nowhere');
	bad("${HEAD}frontend\n", 6, qr/frontend|name/, 'no name');
	bad("${HEAD}frontend a/b\n", 6, qr{/}, 'a bad name');
	my $r = check_config("defaults one\n    mode http\n    timeout client 1s\n    timeout connect 1s\n    timeout server 1s\n"
	    . "defaults two from one\n    maxconn 5\nlisten x from two\n    bind 127.0.0.1:1\nlisten y from one\n    bind 127.0.0.1:2\n");
	is($r->{code}, 0, 'named defaults, one from the other') or diag $r->{all};
	$r = check_config("${HEAD}backend only\n");
	is($r->{code}, 2, 'no listener: exit code 2');
	like($r->{all}, qr/no listener/, 'and it says so');
	is(check_config('')->{code}, 2, 'an empty file: the same');
};

subtest 'warnings' => sub {
	my $r = check_config("listen a\n    mode http\n    bind 127.0.0.1:1\n");
	is($r->{code}, 0, 'missing timeouts are no error');
	like($r->{err}, qr/\[WARNING\].*'a'/s, 'but a warning that names the proxy');
	like($r->{err}, qr/timeout/, 'and says what is missing');
	like($r->{out}, qr/^Warnings were found\.$/m, 'and so is the end');
	is(check_config("listen a\n    mode http\n    bind 127.0.0.1:1\n", '-dW')->{code}, 1,
	    '-dW makes it one');
};

subtest 'a large configuration' => sub {
	my $text = "$HEAD$LISTEN";
	for my $b (1 .. 500) {
		$text .= "backend b$b\n    balance leastconn\n    option httpchk\n"
		    . join '', map { "    server s$_ 127.0.0.1:$_ check weight $_\n" } 1 .. 10;
	}
	my $start = time;
	my $r = check_config($text);
	is($r->{code}, 0, '5000 servers in 500 backends') or diag substr $r->{all}, 0, 500;
	cmp_ok(time - $start, '<', 2 * ($ENV{TW_TIME_SCALE} || 1), 'in no time');
};

subtest 'byte soup' => sub {
	my @vocabulary = qw(global defaults listen frontend backend server bind
	    acl use_backend option httplog cookie insert balance timeout client
	    stats uri log if unless { } ! \\ " ' ${ } $ [*] -- -f :80 1s .if
	    .else .endif default-server check errorfile);
	push @vocabulary, '#', "\0", "\xff", "\t";
	srand 42;
	my $bad = 0;
	for my $round (1 .. 60) {
		my $text = '';
		if ($round % 3 == 0) {
			$text .= chr int rand 256 for 1 .. 400;
		} elsif ($round % 3 == 1) {
			$text .= $vocabulary[rand @vocabulary]
			    . (rand() < 0.25 ? "\n" : ' ') for 1 .. 200;
		} else {
			$text = "global\n    maxconn 10\n$HEAD$LISTEN"
			    . "    server s 127.0.0.1:1 check cookie c weight 5\n"
			    . "    acl a path_beg /x\n    use_backend a if a\n";
			substr($text, int rand length $text, 1) =
			    chr int rand 256 for 1 .. 3;
		}
		my $r = check_config($text);
		next if !$r->{signal} && $r->{code} <= 2
		    && $r->{all} !~ /Sanitizer|runtime error:/;
		$bad++;
		diag "round $round: code $r->{code} signal $r->{signal}";
		spew("/tmp/tideway-soup-$$-$round.cfg", $text);
	}
	is($bad, 0, '60 soups, no crash');
};

done_testing;
