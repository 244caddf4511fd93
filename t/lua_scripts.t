# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The ready scripts of lua/scripts: their own tests, arguments that are refused,
# the pages' configurations, and each through real sockets with two threads.
use Tideway::Test;
use Tideway::Cli;
use Cwd qw(abs_path);

plan(skip_all => 'HAProxy has no such scripts') unless is_tideway();

my $scripts = abs_path(test_dir() . '/../lua/scripts');
$ENV{TIDEWAY_LUA_PATH} = $scripts;

my $tmp = Tideway::Test::temp_dir();
my %o = map { my $name = $_; $name => origin(name => $name, respond => sub {
	my ($req, $c, $o) = @_;
	return response(500, '') if $req->uri =~ m{^/fail};
	return $o->reply($req, "$name\n$req->{raw}$req->{raw_body}");
}) } qw(old new);
my $asked = 0;
my $auth = origin(name => 'auth', respond => sub {
	my ($req) = @_;
	my $who = $req->header('Cookie') // '';
	return response(200, '', 'X-User: ann') if $who eq 'id=ann';
	return response(302, 'to the login', 'Location: /login', 'Set-Cookie: a=1', 'Set-Cookie: b=2') if $who eq '';
	return response(503, '') if $who eq 'id=ill';
	return response(403, $req->{raw});
});

sub sh { system('sh', '-c', $_[0]) == 0 or die "$_[0]: $?" }
sh("cd $tmp && openssl genrsa -out k.pem 2048 2>/dev/null && openssl rsa -in k.pem -pubout -out id.pem 2>/dev/null");
spew('routes.txt', "new host=n.example path=/api/*\n");
spew('networks.map', "127.0.0.0/8 new\n");

# What must be given, for each.
my %given = (
	canary => 'stable=old canary=new',
	blue_green => 'blue=old green=new',
	router => "file=$tmp/routes.txt",
	geo => "map=$tmp/networks.map",
	maintenance => '',
	rate_limit => 'rate=1',
	jwt => "alg=RS256 key=$tmp/id.pem",
	forward_auth => 'url=http://' . $auth->addr . '/check',
	cors => 'origins=https://a.example',
	experiment => 'variants=a:1,b:1',
	shadow => 'url=http://' . $auth->addr,
	circuit_breaker => '',
	trace => '',
);

sub conf
{
	my ($name, $args, %opt) = @_;
	my $arg = $args ne '' ? "arg $args" : '';

	return "global\n    nbthread 2\n    lua-shared breaker 64k\n    stats socket {DIR}/sock level admin\n"
	    . "    lua-script my_$name file $name.lua $arg\n" . ($opt{global} // '')
	    . defaults('log stdout format raw local0') . "
frontend web
    bind {BIND:web}
    log-format \"LOG %ST %b/%s " . ($opt{log} // '') . " .\"
    default_backend old
backend old
    server a @{[$o{old}->addr]}
backend new
    server b @{[$o{new}->addr]}
";
}

sub check
{
	my ($name, $args) = @_;

	return check_config(conf($name, $args) =~ s/\{BIND:web\}/127.0.0.1:0/r =~ s/\{DIR\}/$tmp/gr);
}

# kinds of arguments, as the script has them: name => [kind, rest of the line]
sub spec
{
	my ($name) = @_;
	my $text = slurp("$scripts/$name.lua");

	return { $text =~ /^\t(\w+) = \{ ("\w+".*)/mg };
}

subtest 'their own tests' => sub {
	my $r = run_cmd({ secs => 60 }, 'lua-test', '--coverage', '90', $scripts);
	is($r->{code}, 0, 'all pass, and nearly all lines are run') or diag($r->{out}, $r->{err});
	like($r->{out}, qr/^# coverage $_\.lua: /m, $_) for sort keys %given;
};

subtest 'arguments' => sub {
	for my $name (sort keys %given) {
		my $spec = spec($name);
		my $r = check($name, $given{$name});
		is($r->{code}, 0, "$name: what must be given") or diag($r->{all});
		my $page = slurp("$scripts/$name.md");
		my %told = map { $_ => 1 } $page =~ /^\| `(\w+)` \|/mg;
		is(join(' ', sort keys %$spec), join(' ', sort keys %told), 'the page has all of them');
		$r = check($name, "$given{$name} nonsense=1");
		ok($r->{sane} && $r->{code} == 1, 'an unknown one');
		like($r->{all}, qr/my_$name: argument 'nonsense' is unknown: it takes /, 'and which are known');
		for my $arg (sort keys %$spec) {
			my $others = $given{$name} =~ s/\b$arg=\S+//r =~ s/^ +| +$//gr;
			$r = check($name, "$others $arg=");
			ok($r->{sane} && $r->{code} == 1, "$arg=");
			like($r->{all}, qr/my_$name: argument '$arg' is ''/, 'is refused');
			if ($spec->{$arg} !~ /^"string"/) {
				$r = check($name, "$others $arg=,");
				like($r->{all}, qr/my_$name: argument '$arg' is ','/, "$arg: no $spec->{$arg}");
			}
			next if $given{$name} !~ /\b$arg=/;
			$r = check($name, $others);
			like($r->{all}, qr/my_$name: argument '$arg' is missing/, "without $arg");
		}
	}
};

subtest 'configurations of the pages' => sub {
	for my $name (sort keys %given) {
		my ($conf) = slurp("$scripts/$name.md") =~ /^## A configuration\n\n```\n(.*?)^```/ms;
		$conf =~ s{/etc/tideway/|/run/}{$tmp/}g;
		spew('networks.map', "192.0.2.0/24 eu\n") if $name eq 'geo';
		spew('routes.txt', "shop host=a path=/cart/*\nbeta query.debug=* min_up=1 else_to=web\n") if $name eq 'router';
		my $r = check_config($conf);
		is($r->{code}, 0, $name) or diag($r->{all});
		unlike($r->{all}, qr/WARNING/, 'without a warning');
	}
	spew('routes.txt', "new host=n.example path=/api/*\n");
	spew('networks.map', "127.0.0.0/8 new\n");
};

sub up
{
	my ($name, $args, %opt) = @_;

	return start_proxy(conf($name, "$given{$name} $args" =~ s/^ +| +$//gr, %opt));
}

sub ask
{
	my ($p, $head, $body) = @_;

	$head = "GET $head" unless $head =~ /^[A-Z]+ /;
	my ($line, @fields) = split /\n/, $head;
	push @fields, 'Host: h' unless grep { /^Host:/i } @fields;
	return $p->request('web', join("\r\n", "$line HTTP/1.1", @fields) . "\r\n\r\n" . ($body // ''));
}

# which backend answered
sub by { return (ask(@_)->body // '') =~ /^(old|new)\n/ ? $1 : 'none' }

sub logged
{
	my ($p, $re, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($p->wait_output(qr/LOG $re \./), $what // 'the log') or diag($p->stdout);
}

# what an operator says
sub operate { return cli_ask("$_[0]{dir}/sock", "expert-mode on; experimental-mode on; $_[1]") }

subtest 'canary' => sub {
	my $p = up('canary', 'share=50', log => '%[var(txn.log.canary)]');
	my %seen;
	for (1 .. 60) {
		my $r = ask($p, '/');
		my ($cookie) = ($r->header('Set-Cookie') // '') =~ /^(canary=\w+); /;
		my ($who) = $r->body =~ /^(\w+)/;
		$seen{$who} = $cookie;
		is(by($p, "/\nCookie: $cookie"), $who, 'it stays') if keys %seen == 2 && $_ % 10 == 0;
	}
	is_deeply(\%seen, { old => 'canary=stable', new => 'canary=canary' }, 'both were chosen');
	is(by($p, "/\nX-Canary: yes"), 'new', 'forced');
	logged($p, '200 new/b canary');
	stop_proxy($p);
};

subtest 'blue_green' => sub {
	my $p = up('blue_green', '', log => '%[var(txn.log.colour)]');
	is(by($p, '/'), 'old', 'as the arguments say');
	operate($p, 'set var proc.live str(green)');
	is(by($p, '/'), 'new', 'the switch');
	cli_ask("$p->{dir}/sock", 'set server new/b state maint');
	is(by($p, '/'), 'old', 'nobody there');
	logged($p, '200 old/a blue instead of green');
	cli_ask("$p->{dir}/sock", 'set server new/b state ready');
	is(by($p, '/'), 'new', 'somebody there');
	stop_proxy($p);
};

subtest 'router' => sub {
	my $p = up('router', '');
	is(by($p, "/api/x\nHost: n.example"), 'new', 'a route');
	is(by($p, "/x\nHost: n.example"), 'old', 'none');
	stop_proxy($p);
};

subtest 'geo' => sub {
	my $p = up('geo', 'header=x-region', log => '%[var(txn.log.region)]');
	like(ask($p, '/')->body, qr/^new\n.*^x-region: new\r$/msi, 'by the network');
	operate($p, "set map $tmp/networks.map 127.0.0.0/8 old");
	is(by($p, '/'), 'old', 'a map that was changed');
	logged($p, '200 new/b new');
	stop_proxy($p);
};

subtest 'maintenance' => sub {
	my $p = up('maintenance', 'retry=1m', log => '%[var(txn.log.maintenance)]');
	is(ask($p, '/')->status, 200, 'off');
	operate($p, 'set var proc.maintenance bool(true)');
	my $r = ask($p, '/');
	is(join(' ', $r->status, $r->header('Retry-After'), $r->header('Content-Type')),
		'503 60 text/html; charset=utf-8', 'on');
	operate($p, 'set var proc.maintenance bool(false)');
	is(ask($p, '/')->status, 200, 'off again');
	logged($p, '503 old/<NOSRV> 1|LOG 503 \S+ 1');
	stop_proxy($p);
	$p = up('maintenance', 'allow=192.0.2.0/24,127.0.0.1');
	operate($p, 'set var proc.maintenance bool(true)');
	is(ask($p, '/')->status, 200, 'who is allowed');
	stop_proxy($p);
};

subtest 'rate_limit' => sub {
	my $p = up('rate_limit', 'per=1h burst=3 key=header:x-key', log => '%[var(txn.log.limited)]');
	my @got = map { ask($p, "/\nX-Key: k") } 1 .. 6;
	is(join(' ', map { $_->status } @got), '200 200 200 200 429 429', 'over both threads');
	is(join(' ', map { $_->header('RateLimit-Remaining') } @got), '3 2 1 0 0 0', 'what is left');
	cmp_ok($got[4]->header('Retry-After'), '>', 3500, 'Retry-After');
	is(ask($p, "/\nX-Key: other")->status, 200, 'another key');
	logged($p, '429 \S+ my_rate_limit');
	stop_proxy($p);
};

# a token that openssl has signed
sub token
{
	my ($payload) = @_;

	spew('head', '{"alg":"RS256","typ":"JWT"}');
	spew('payload', $payload);
	sh("cd $tmp && b() { base64 -w0 | tr '+/' '-_' | tr -d =; } && printf %s.%s \$(b < head) \$(b < payload) > m"
	    . " && printf %s.%s \$(cat m) \$(openssl dgst -sha256 -sign k.pem m | b) > token");
	return slurp("$tmp/token");
}

subtest 'jwt' => sub {
	my $p = up('jwt', 'aud=shop claims=sub:x-user', log => '%[var(txn.log.jwt)]');
	my $exp = time() + 600;
	my $good = token(qq({"sub":"ann","aud":"shop","exp":$exp})) =~ s/\.\d+}/}/r;
	$exp = int $exp;
	$good = token(qq({"sub":"ann","aud":"shop","exp":$exp}));
	my $r = ask($p, "/\nAuthorization: Bearer $good\nX-User: admin");
	is($r->status, 200, 'a good one');
	like($r->body, qr/^x-user: ann\r$/mi, 'its claim');
	unlike($r->body, qr/admin/, "not the client's");
	$r = ask($p, '/');
	is($r->status . $r->header('WWW-Authenticate'), '401Bearer realm="api"', 'none');
	my ($head, undef, $sig) = split /\./, $good;
	my (undef, $other) = split /\./, token(qq({"sub":"bob","aud":"shop","exp":$exp}));
	is(ask($p, "/\nAuthorization: Bearer $head.$other.$sig")->status, 401, 'one that was changed');
	is(ask($p, "/\nAuthorization: Bearer " . token('{"aud":"shop","exp":1}'))->status, 401, 'an old one');
	logged($p, '200 old/a ok');
	logged($p, '401 \S+ the token has expired');
	stop_proxy($p);
};

subtest 'forward_auth' => sub {
	my $p = up('forward_auth', 'copy=x-user timeout=3s', log => '%[var(txn.log.auth)]');
	my $r = ask($p, "/a?b\nCookie: id=ann\nX-User: admin");
	like($r->body, qr/^old\n.*^x-user: ann\r$/msi, 'it passes, with what the server says');
	unlike($r->body, qr/admin/, "not the client's");
	$r = ask($p, '/');
	is(join(' ', $r->status, $r->header('Location'), $r->all('Set-Cookie'), $r->body),
		'302 /login a=1 b=2 to the login', 'a redirect');
	$r = ask($p, "/a?b\nCookie: id=x");
	is($r->status, 403, 'no');
	like($r->body, qr/^$_\r$/mi, $_) for 'x-forwarded-uri: /a\?b', 'x-forwarded-method: GET', 'x-forwarded-for: 127\.0\.0\.1';
	is(ask($p, "/\nCookie: id=ill")->status, 503, 'it is ill');
	$auth->stop;
	is(ask($p, "/\nCookie: id=ann")->status, 503, 'nobody there: nobody passes');
	$auth->restart;
	is(ask($p, "/\nCookie: id=ann")->status, 200, 'somebody there');
	logged($p, '503 \S+ failed');
	stop_proxy($p);
};

subtest 'cors' => sub {
	my $p = up('cors', 'methods=GET,PUT');
	my $r = ask($p, "OPTIONS /\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT");
	is(join(' ', $r->status, map { $r->header("Access-Control-Allow-$_") } qw(Origin Methods)),
		'204 https://a.example GET, PUT', 'a preflight');
	is(ask($p, "OPTIONS /\nOrigin: https://b.example\nAccess-Control-Request-Method: PUT")->status, 403, 'another origin');
	$r = ask($p, "/\nOrigin: https://a.example");
	is($r->header('Access-Control-Allow-Origin') . $r->header('Vary'), 'https://a.exampleOrigin', 'an answer');
	ok(!ask($p, "/\nOrigin: https://b.example")->has('Access-Control-Allow-Origin'), 'not to others');
	stop_proxy($p);
};

subtest 'experiment' => sub {
	my $p = up('experiment', 'name=x', log => '%[var(txn.log.ab)]');
	my %seen;
	for (1 .. 40) {
		my $r = ask($p, '/');
		my ($v) = $r->body =~ /^x-ab-x: (\w)\r$/mi;
		$seen{$v}++ if $r->header('Set-Cookie') =~ /^ab_x=$v; /;
	}
	is(join(' ', sort keys %seen), 'a b', 'both, with their cookies');
	my $r = ask($p, "/\nCookie: ab_x=b");
	ok(!$r->has('Set-Cookie') && $r->body =~ /^x-ab-x: b\r$/mi, 'it stays');
	logged($p, '200 old/a x=b');
	stop_proxy($p);
};

subtest 'shadow' => sub {
	my $n = 0;
	my $shadow = origin(name => 'shadow', respond => sub {
		my ($req, $c, $o) = @_;
		$o->wait_flag('go') if $req->uri =~ /slow/;
		return response(500, 'nobody sees it');
	});
	$given{shadow} = 'url=http://' . $shadow->addr;
	my $p = up('shadow', 'methods=GET,POST max=1 body=10 timeout=20s', log => '%[var(txn.log.shadow)]');
	is(by($p, "/x?y=1\nX-One: 1"), 'old', 'the request is answered by its server');
	ok(wait_until { scalar($shadow->requests) }, 'and the other one is asked');
	my ($copy) = $shadow->requests;
	like($copy->{raw}, qr{^GET /x\?y=1 HTTP/1\.1\r\n}, 'what was asked');
	like($copy->{raw}, qr/^$_\r$/mi, $_) for 'x-one: 1', 'x-shadow: my_shadow', 'host: h';
	is(by($p, "POST /post\nContent-Length: 5", 'hello'), 'old', 'a body');
	ok(wait_until { grep { ($_->{raw_body} // '') eq 'hello' } $shadow->requests }, 'is copied');
	is(by($p, "POST /long\nContent-Length: 11", 'hello world'), 'old', 'a long one');
	logged($p, '200 old/a too long', 'is not');
	is(by($p, '/slow'), 'old', 'nobody waits') for 1 .. 8;
	logged($p, '200 old/a busy', 'nor are there too many');
	$shadow->set('go');
	stop_proxy($p);
};

subtest 'circuit_breaker' => sub {
	my $p = up('circuit_breaker', 'failures=4 open=1s', log => '%[var(txn.log.breaker)]');
	is(ask($p, '/fail')->status, 500, 'a failure') for 1 .. 4;
	ok($p->wait_output(qr/backend old failed 4 times/), 'is told');
	my $r = ask($p, '/');
	is($r->status . $r->header('Retry-After'), '5031', 'open');
	logged($p, '503 \S+ open old');
	ok(wait_until { ask($p, '/')->status == 200 }, 'one tries');
	ok($p->wait_output(qr/backend old is used again/), 'closed');
	is(ask($p, '/')->status, 200, 'for all');
	stop_proxy($p);
	$p = up('circuit_breaker', 'failures=1 open=1h fallback=new');
	ask($p, '/fail');
	ok($p->wait_output(qr/backend old failed 1 times/), 'open');
	is(by($p, '/'), 'new', 'another backend');
	stop_proxy($p);
};

subtest 'trace' => sub {
	my $p = up('trace', 'trust=on', log => '%[var(txn.log.request_id)] %[var(txn.log.trace)]');
	my $r = ask($p, '/');
	my ($trace) = $r->body =~ /^traceparent: 00-(\w{32})-\w{16}-01\r$/mi;
	is($r->header('X-Request-Id'), $trace, 'a new one');
	logged($p, "200 old/a $trace $trace");
	my $known = '0af7651916cd43dd8448eb211c80319c';
	$r = ask($p, "/\ntraceparent: 00-$known-b7ad6b7169203331-00\ntracestate: a=b\nX-Request-Id: id-5");
	like($r->body, qr/^traceparent: 00-$known-(?!b7ad)\w{16}-00\r$/mi, 'one goes on');
	like($r->body, qr/^tracestate: a=b\r$/mi, 'its state, too');
	is($r->header('X-Request-Id'), 'id-5', "the client's id");
	logged($p, "200 old/a id-5 $known");
	stop_proxy($p);
};

done_testing();
