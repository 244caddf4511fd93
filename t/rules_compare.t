# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Rules through Debian's haproxy and through tideway: what the server receives,
# what the client gets, what is logged. A case is some rules, each with C in
# place of its condition (which is true for that case alone), and a request.
# Compared is what is the same by contract: not the order of fields of different
# names, not the case of their names, not clocks; not %B, which HAProxy counts
# before it has made the bytes.
# Normalizers that take an option are here with it: behind a condition, 2.6 takes
# another one without.
use Tideway::Test;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
plan(skip_all => 'haproxy is not installed') unless $haproxy;

my $page = spew('page.http', "HTTP/1.0 429 Slow Down\r\nX-Page: 1\r\n"
    . "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nslow\n");
my $no = spew('no.http', "HTTP/1.0 403 Not For You\r\nX-No: 1\r\nContent-Type: text/plain\r\n"
    . "Content-Length: 3\r\n\r\nno\n");
my $file = spew('file.txt', "a file %[src]\n");
my $lf = spew('lf.txt', "you are %[src] at %[path]\n");

my $map = spew('rules.map', "/k old\n/gone here\n");
my $list = spew('rules.lst', "gone\n");

my $get = "GET /a/b.txt?x=1&y=2 HTTP/1.1\r\nHost: www.example.com:81\r\n";
my @cases = (
	# redirect
	(map { ["http-request redirect $_ C"] } 'location /x', 'location http://o/%[path]?%[query]',
	    'scheme https', 'scheme https code 301', 'scheme https code 303 drop-query',
	    'prefix http://o', 'prefix / code 307 drop-query append-slash',
	    'prefix http://o drop-query', 'code 308 location /x',
	    'location / set-cookie SEEN=1', 'location / clear-cookie USER=',
	    'location %[hdr(none)] ignore-empty', 'location %[hdr(x-odd)]',
	    'prefix %[hdr(none)]/p'),
	(map { ["http-request redirect scheme https C", "$_\r\nHost: h\r\n"] }
	    'GET / HTTP/1.1', 'GET /? HTTP/1.1', 'GET http://h/abs?q HTTP/1.1', 'OPTIONS * HTTP/1.1',
	    'HEAD /h HTTP/1.1', 'GET /a%20b/%2f HTTP/1.1'),
	["http-request redirect scheme https C", "GET /x HTTP/1.0\r\n"],
	(map { ["redirect $_ C"] } 'location /x%[path]', 'prefix http://p', 'scheme https code 301',
	    'prefix / set-cookie A=1', 'location /%%'),
	['http-request redirect location /first C', undef, 'redirect location /second C'],
	# deny, return
	(map { ["http-request deny $_ C"] } '', 'deny_status 404', 'status 429', 'status 418',
	    "status 429 errorfile $page", 'status 403 content-type text/plain string "no way"',
	    'content-type text/html lf-string "<p>%[src] %[hdr(x-odd)]</p>"', 'hdr x-a "  %[path] "'),
	(map { ["http-request return $_ C"] } '', 'status 204', 'status 302 hdr location /z',
	    'status 404 default-errorfiles', "status 429 errorfile $page", "content-type text/plain file $file",
	    "content-type text/plain lf-file $lf", 'content-type a/b string "x  y" hdr x-one 1 hdr x-two "%[method] %%"',
	    'status 503'),
	(map { ["http-request $_ C"] } 'deny errorfiles pages', 'deny deny_status 429 errorfiles pages', 'return status 403 errorfiles pages',
	    'deny deny_status 404 errorfiles pages'),
	['http-response deny deny_status 403 errorfiles pages C'], ['http-response return status 429 errorfiles pages C'],
	['http-request return content-type text/plain string body C', "HEAD /h HTTP/1.1\r\nHost: h\r\n"],
	['http-request deny C', "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n", undef, 'abc'],
	['http-request reject C'],
	['http-request auth C'], ['http-request auth realm "my\ place" C'],
	['http-request deny C !{ http_auth(u) }', $get . "Authorization: Basic Ym9iOnNlY3JldA==\r\n"],
	['http-request deny C !{ http_auth(u) }', $get . "Authorization: Basic Ym9iOndyb25n\r\n"],
	['http-request deny C !{ http_auth(u) }', $get . "Authorization: Basic YW5uOmNyeXB0\r\n"],
	['http-request deny C !{ http_auth_group(u) staff }', $get . "Authorization: Basic YW5uOmNyeXB0\r\n"],
	['http-request deny C !{ http_auth_group(u) staff }', $get . "Authorization: Basic Ym9iOnNlY3JldA==\r\n"],
	['http-request deny C !{ http_auth_group(u) boss }', $get . "Authorization: Basic Ym9iOnNlY3JldA==\r\n"],
	['http-request allow C', undef, 'http-request deny C'],
	# fields
	(map { ["http-request $_ C"] } 'set-header X-New "%[src]  %[path]"', 'set-header x-two new',
	    'add-header X-Two third', 'del-header x-two', 'del-header X-T -m beg', 'del-header o -m end',
	    'del-header -odd -m sub', 'del-header ^x-.*o$ -m reg', 'set-header Host other:82',
	    'set-header X-Odd "<%[hdr(x-odd)]>"', 'set-header X-Lit "a  b%%c"',
	    'replace-header Cookie a=([^;]*);(.*) a=\1+%[src];\2', 'replace-header X-Two ^one$ 1',
	    'replace-header x-two o \0\0', 'replace-header None a b', 'replace-value X-List ^b(.*)$ <\1>',
	    'replace-value X-List [ac] x'),
	# the target
	(map { ["http-request $_ C"] } 'set-method PURGE', 'set-path /new', 'set-path /p/%[path]',
	    'set-pathq /new?z', 'set-pathq /new', 'set-query q=%[query]', 'set-uri /u?v',
	    'replace-path ^/a(.*) /A\1', 'replace-path b X', 'replace-path ^/nomatch /x', 'replace-pathq (.*)x=1&(.*) \1\2',
	    'replace-uri ^/([^/]*)/(.*)$ /\2/\1', 'set-path /caf\xc3\xa9'),
	(map { ["http-request $_ C", "GET http://h.com/abs/p?q HTTP/1.1\r\nHost: h.com\r\n"] }
	    'set-path /new', 'set-query n', 'replace-path ^/abs /rel', 'set-pathq /n?m'),
	(map { ["http-request normalize-uri $_ C", "GET /a//b/./c/../d%7e%2f%2e/x%c3%a9?b=2&a=1&b=1&%61=%7E HTTP/1.1\r\nHost: h\r\n"] }
	    'path-merge-slashes', 'path-strip-dot', 'path-strip-dotdot full', 'percent-to-uppercase strict',
	    'percent-decode-unreserved strict', 'query-sort-by-name'),
	(map { ["http-request normalize-uri $_ C", "GET /../../a/.././../b/.. HTTP/1.1\r\nHost: h\r\n"] }
	    'path-strip-dotdot full', 'path-strip-dot'),
	(map { ["http-request normalize-uri $_ C", "GET /a%zz%c HTTP/1.1\r\nHost: h\r\n"] }
	    'percent-to-uppercase strict', 'percent-decode-unreserved strict'),
	# variables
	['http-request set-var(txn.a) path C', undef, 'http-request set-header x-v %[var(txn.a)] C'],
	['http-request set-var(sess.a) int(5) C', undef, 'http-request set-header x-v %[var(sess.a)] C'],
	['http-request set-var(proc.a) src C', undef, 'http-request set-header x-v %[var(proc.a)] C'],
	['http-request set-var-fmt(req.a) "%[path]-%[src]" C', undef, 'http-request set-header x-v %[var(req.a)] C'],
	['http-request set-var(txn.b) str(x) C', undef, 'http-request unset-var(txn.b) C', undef,
	    'http-request set-header x-v "[%[var(txn.b)]]" C'],
	['http-request set-var(txn.c,ifnotset) str(1) C', undef, 'http-request set-var(txn.c,ifnotset) str(2) C', undef,
	    'http-request set-header x-v "[%[var(txn.c)]] %[var(txn.none,dflt)]" C'],
	['http-request set-var(txn.d) int(5) C', undef, 'http-request set-var(txn.d,ifgt) int(7) C', undef,
	    'http-request set-header x-v "[%[var(txn.d)]]" C'],
	['http-request set-var(txn.d) int(5) C', undef, 'http-request set-var(txn.d,iflt) int(7) C', undef,
	    'http-request set-header x-v "[%[var(txn.d)]]" C'],
	['http-request set-var(txn.e,ifnotempty) req.hdr(x-void) C', undef, 'http-request set-header x-v "[%[var(txn.e)]]" C'],
	['http-request set-var(txn.f) path C', undef, 'http-response set-header x-v %[var(txn.f)] C'],
	['http-request set-var(req.f) path C', undef, 'http-response set-header x-v "[%[var(req.f)]]" C'],
	['http-response set-var(res.g) status C', undef, 'http-response set-header x-v "[%[var(res.g)]]" C'],
	# responses
	(map { ["http-response $_ C"] } 'set-header X-New a', 'add-header X-Srv 2', 'del-header x-srv', 'set-status 404',
	    'set-status 299 reason "Quite Fine"', 'replace-header X-Srv (.*) <\1>', 'replace-value X-Srv o 0',
	    'deny', 'deny deny_status 503', 'return status 200 content-type text/plain string mine', 'redirect location /r',
	    'allow'),
	['http-after-response set-header X-After 1 C'], ['http-after-response del-header x-srv C'],
	['http-after-response set-status 418 C'],
	(map { ["http-request $_ C", undef, 'http-after-response set-header X-After %[status] C'] } 'deny', 'redirect location /', 'return'),
	['http-request set-query %[req.hdr(none)] C'],
	['http-request set-method PUT C', "HEAD /h HTTP/1.1\r\nHost: h\r\n"],
	['http-request set-method GET C', "HEAD /h HTTP/1.1\r\nHost: h\r\n"],
	['http-request set-path bare C', undef, 'http-request set-pathq /new?q C'],
	['http-request replace-path /a/(.*) \1 C', undef, 'http-request set-path /new C'],
	['http-request set-path /new C', undef, 'http-request set-header x-was %[capture.req.method]%[capture.req.uri] C'],
	['http-request set-pathq /new?q C', "GET http://h.com/abs/p?q HTTP/1.1\r\nHost: h.com\r\n", 'http-response set-header x-was %[capture.req.uri] C'],
	['http-response set-status 299 C'],
	# lists
	["http-request set-map($map) %[path] %[src] C", undef, "http-request set-header x-v %[path,map($map,none)] C"],
	["http-request set-map($map) /k %[src] C", undef, "http-request set-header x-v %[str(/k),map($map,none)] C"],
	["http-request del-map($map) /gone C", undef, "http-request set-header x-v %[str(/gone),map($map,none)] C"],
	["http-request add-acl($list) %[path]-a C", undef, "http-request set-var-fmt(txn.p) %[path]-a C",
	    "http-request deny C { var(txn.p) -m str -f $list }"],
	["http-request del-acl($list) gone C", undef, "http-request set-var(txn.p) str(gone) C",
	    "http-request deny C { var(txn.p) -m str -f $list }"],
	["http-response set-map($map) /res %[status] C", undef, "http-response set-header x-v %[str(/res),map($map,none)] C"],
	# who, what
	['http-request set-src hdr(x-ip) C', undef, 'http-request set-header x-src %[src] C'],
	['http-request set-src-port int(77) C', undef, 'http-request set-header x-src %[src_port] C'],
	['http-request set-dst ipv4(10.1.2.3) C', undef, 'http-request set-header x-dst %[dst] C'],
	['http-request set-log-level silent C'],
	['http-request set-tos 0x20 C'], ['http-request set-mark 1 C'], ['be: http-request set-timeout server 30s C'],
	['http-request strict-mode off C'], ['http-request wait-for-body time 1s C'],
	['http-request wait-for-body time 3s at-least 2 C', "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n", undef, 'abc'],
	['http-request early-hint Link "</s.css>; rel=preload" C'],
	['tcp-request content reject if { path /a/b.txt } C2'], ['tcp-request content accept C', undef, 'tcp-request content reject C'],
	['be: http-request deny C'], ['be: http-request set-header x-be %[be_name] C'], ['be: redirect location /be C'],
	['be: http-response set-header x-be 1 C'], ['be: http-request return C'], ['be: use-server s2 C'],
	['be: http-request set-path /be%[path] C'], ['be: http-after-response set-header X-Be-After 1 C'],
	['use_backend %[hdr(x-be)] C', $get . "X-Be: other\r\n"], ['use_backend none-%[method] C', undef, 'use_backend other C'],
	['use_backend ot%[str(her)] C'], ['be: use-server s%[str(2)] C'], ['be: use-server s%[str(9)] C', undef, 'be: use-server s2 C'],
	['be: http-response deny C'], ['be: tcp-request content reject C'],
);
# [rules], request head, body: told from each other by how they look
@cases = map {
	my @rules = grep { defined && /^(?:be: )?(?:http-|tcp-|redirect|use-server|use_backend)/ } @$_;
	my ($head) = grep { defined && m{HTTP/1\.\d\r\n} } @$_;
	my ($body) = grep { defined && !/ / } @$_;
	[\@rules, $head // $get, $body // ''];
} grep { $_->[0] !~ /be_name|ipv4\(/ } @cases;

my $crypted = crypt('crypt', '$5$saltsalt$');
my $answer = "HTTP/1.1 200 OK\r\nX-Srv: one, two\r\nContent-Length: 5\r\n\r\nhello";
my $o = origin(name => 's', respond => sub {
	my ($req, $c) = @_;
	$c->send($req->method eq 'HEAD' ? $answer =~ s/hello$//r : $answer);
	return '';
});
my $o2 = origin(name => 's2', respond => sub {
	$_[1]->send($answer);
	return '';
});

# the lines of all cases, frontend's or backend's
sub rules
{
	my ($backend) = @_;
	my %lines;

	for my $i (0 .. $#cases) {
		for my $line (@{ $cases[$i][0] }) {
			my $text = $line;
			next if ($text =~ s/^be: // ? 1 : 0) != $backend;
			my ($set) = $text =~ /^(\S+(?: content)?)/;
			$text =~ s/ C2$/ { req.hdr(x-case) -m str $i }/;
			$text =~ s/ C(?= |$)/ if { var(txn.case) -m str $i }/;
			push @{ $lines{$set} }, "    $text\n";
		}
	}
	return join '', map { @{ $lines{$_} // [] } } 'tcp-request content', 'http-request',
	    'http-response', 'http-after-response', 'redirect', 'use_backend',
	    'use-server';
}

sub config
{
	my ($log, $more) = @_;
	my ($fe, $be) = (rules(0), rules(1));

	return "global\n    log $log->{addr} local0\n$more" . "http-errors pages\n    errorfile 403 $no\n    errorfile 429 $page\n"
	    . "userlist u\n    group staff users ann,bob\n    group boss\n"
	    . "    user bob insecure-password secret\n    user ann password $crypted groups boss\n"
	    . defaults('log global', 'option httplog', 'retries 0') . "
frontend web
    bind {BIND:web}
    tcp-request content set-var(txn.case) req.hdr(x-case)
$fe    default_backend main
backend main
    balance first
$be    server s1 ${\ $o->addr}
    server s2 ${\ $o2->addr} weight 0
backend other
    server o1 ${\ $o2->addr}
" =~ s/balance first/balance roundrobin/r;
}

sub fields
{
	my ($m) = @_;

	return join '', sort map { lc($_->[0]) . ": $_->[1]\n" }
	    grep { $_->[0] !~ /^(?:connection|keep-alive|x-case)$/i } @{ $m->{headers} };
}

sub line
{
	my ($msg) = @_;

	$msg =~ s/^\S+ \[[^\]]*\] //;
	$msg =~ s{ (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/(\+?-?\d+) (-?\d+) \+?\d+ }
	    {' ' . join('/', map { $_ < 0 ? '-' : 't' } $2, $3, $4) . " $6 "}e;
	$msg =~ s{ \d+/\d+/(\d+/\d+/\+?\d+ )}{ c/c/$1};
	return $msg;
}

sub received
{
	my ($before) = @_;

	for my $n (0, 1) {
		my @got = ($o, $o2)[$n]->requests;
		return ($n ? 'second ' : '') . "$got[-1]{start}\n" . fields($got[-1]) . "[$got[-1]{raw_body}]\n"
		    if @got > $before->[$n];
	}
	return "nothing\n";
}

sub run
{
	my ($bin) = @_;
	my $log = syslog_unix();
	my $p = start_proxy(config($log, $bin eq $haproxy
	    ? "    expose-experimental-directives\n" : ''), bin => $bin);
	my @results;

	for my $i (0 .. $#cases) {
		my $before = [scalar $o->requests, scalar $o2->requests];
		my $bytes = $cases[$i][1] . "X-Case: $i\r\nX-Two: one\r\nX-Two: two\r\n"
		    . "Cookie: a=1; b=2\r\nX-Odd: <\"a b\">{|}\\ \xc3\xa9\r\nX-List: a, bc ,\"d,b\", c\r\nX-Ip: 1.2.3.4\r\nX-Void:\r\n\r\n";
		$bytes .= $cases[$i][2];
		my $c = $p->client('web');
		my $r = eval { $c->request($bytes) };
		my $text = "RECEIVED: " . received($before);
		$text .= $r ? "ANSWERED: $r->{start}\n" . fields($r) . '[' . ($r->body // '') . "]\n" : "CLOSED\n";
		$text .= 'INTERIM: ' . join(' ', map { $_->{start} =~ /(\d{3})/ } @{ $r->{interim} // [] }) . "\n" if $r;
		$c->shutdown_write;
		eval { $c->read_all };
		my $l = $cases[$i][0][0] =~ /silent/ ? undef : $log->next_line;
		$text .= 'LOGGED: ' . ($l ? line($l->{msg}) : 'nothing') . "\n";
		push @results, $text;
	}
	stop_proxy($p);
	return \@results;
}

my $want = run($haproxy);
my $got = run(binary());
for my $i (0 .. $#cases) {
	# refused before HTTP is looked at: HAProxy has no request line then
	s/ "[^"]*"$/ "?"/m for grep { $cases[$i][0][0] =~ /content reject/ } $got->[$i], $want->[$i];
	# a reason that only one of the two has a word for
	s{^(ANSWERED: HTTP)\S+( \d+) .*}{$1/1.x$2}m for $got->[$i], $want->[$i];
	is($got->[$i], $want->[$i], "$i: @{ $cases[$i][0] }");
}

done_testing;
