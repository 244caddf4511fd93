# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Whole configurations, as people write them, through Debian's haproxy and
# through tideway: what the server receives, what the client gets, what is logged
# (Tideway::Compare says what counts). The last ones are rule sets by chance, as
# long as real ones: tideway compiles them. TW_SEED=N repeats those.
use Tideway::Test;
use Tideway::Compare;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');
my $crypted = crypt('sesame', '$5$saltsalt$');

my %file = (
	down => spew('down.http', "HTTP/1.0 503 Service Unavailable\r\nCache-Control: no-cache\r\n"
	    . "Content-Type: text/html\r\nContent-Length: 13\r\n\r\n<p>Later.</p>"),
	denied => spew('403.http', "HTTP/1.0 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nno.\n"),
	sites => spew('sites.map', "# host backend\nshop.example.com shop\nblog.example.com blog\nexample.org org\n"),
	moved => spew('moved.map', "/old/ /new/\n/old/archive/ /archive/\n/gone /\n"),
	bots => spew('bots.lst', "BadBot\nScraper/1\n# comment\nevil spider\n"),
	maint => spew('maint.html', "<h1>We are back soon</h1>\n"),
	nets2 => spew("nets.map", "10.0.0.0/8 ten\n127.0.0.0/8 local\n"),
	nets => spew('nets.lst', "10.0.0.0/8\n127.0.0.0/8\n2001:db8::/32\n"),
);

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my $body = 'body of ' . ($req->uri =~ s/\?.*//r);
	if (($req->header('Upgrade') // '') =~ /websocket/i) {
		$c->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		    . "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
		return undef;
	}
	my $status = $req->uri =~ m{/status/(\d+)} ? $1 : 200;
	my $more = $req->uri =~ /setcookie/ ? "Set-Cookie: SID=v1; Path=/\r\n" : '';
	$c->send("HTTP/1.1 $status Reason\r\nServer: app/1\r\nX-Powered-By: rocks\r\n${more}Cache-Control: max-age=5\r\nContent-Type: text/plain\r\n"
	    . 'Content-Length: ' . length($body) . "\r\n\r\n" . ($req->method eq 'HEAD' ? '' : $body));
	return '';
});

sub get
{
	my ($path, @fields) = @_;
	my $method = $path =~ s/^([A-Z]+) // ? $1 : 'GET';
	my $host = @fields && $fields[0] !~ /:/ ? shift @fields : 'www.example.com';
	my $body = @fields && $fields[-1] =~ /^body=(.*)/ ? (pop @fields) =~ s/^body=//r : '';

	push @fields, 'Content-Length: ' . length $body if length $body;
	return "$method $path HTTP/1.1\r\nHost: $host\r\n" . join('', map { "$_\r\n" } @fields) . "\r\n$body";
}

# SERVER is the origin, LOG the log's address, {file} one of the files.
my @sites;

push @sites, ['many sites, by host', <<'CFG',
global
    log LOG local0 info
    maxconn 2000
defaults
    log global
    mode http
    option httplog
    option dontlognull
    option forwardfor except 192.168.0.0/16
    retries 1
    timeout connect 2s
    timeout client 10s
    timeout server 10s
    timeout http-request 5s
    errorfile 503 {down}
frontend web
    bind {BIND:web}
    acl is_www hdr_beg(host) -i www.
    acl is_shop hdr(host) -i shop.example.com shop.example.com:8080
    acl is_blog hdr_dom(host) -i blog
    acl is_static path_end -i .css .js .png .jpg
    acl is_static path_beg /static/ /media/
    acl is_api path_dir api
    acl is_old hdr(host) -i old.example.com
    acl bad_agent hdr_sub(user-agent) -i -f {bots}
    http-request deny if bad_agent
    http-request set-header X-Forwarded-Proto http unless { req.hdr(x-forwarded-proto) -m found }
    http-request set-header X-Site shop if is_shop
    http-request del-header X-Internal
    http-request redirect prefix http://shop.example.com code 301 drop-query if is_old
    redirect location /index.html code 302 if { path / } is_www
    use_backend static if is_static
    use_backend api if is_api is_shop
    use_backend api if is_api { hdr(host) -i api.example.com }
    use_backend shop if is_shop
    use_backend blog if is_blog !is_api
    use_backend dead if { hdr(host) -i dead.example.com }
    use_backend none if { hdr(host) -i none.example.com }
    default_backend main
backend main
    balance roundrobin
    option httpchk GET /health
    server m1 SERVER
backend static
    http-response set-header Cache-Control "public, max-age=86400"
    server st1 SERVER
backend api
    http-request set-header X-Api-Version %[path,field(3,/)]
    http-response del-header X-Powered-By
    server api1 SERVER weight 10
backend shop
    cookie SRV insert indirect nocache
    server shop1 SERVER cookie s1
backend blog
    http-request set-path /blog%[path]
    server blog1 SERVER
backend dead
    server d1 127.0.0.1:1
backend none
CFG
	get('/'), get('/', 'example.com'), get('/a/b?c=d'), get('/', 'WWW.example.com'), get('/x.CSS'), get('/static/x?y'),
	get('/api/v1/users', 'shop.example.com'), get('/api/v1/users', 'api.example.com'), get('/api/v1', 'blog.example.com'),
	get('/post/1', 'blog.example.com'), get('/post/1', 'my.blog.example.com'), get('/cart', 'shop.example.com:8080'),
	get('/cart', 'SHOP.example.com', 'Cookie: SRV=s1; a=b'), get('/cart', 'shop.example.com', 'Cookie: SRV=other'),
	get('/x?y=z', 'old.example.com'), get('/', 'dead.example.com'), get('/', 'none.example.com'),
	get('/', 'example.com', 'User-Agent: I am a badbot'), get('/', 'example.com', 'User-Agent: Scraper/10'), get('/', 'example.com', 'User-Agent: spider'),
	get('/x', 'X-Internal: secret', 'X-Forwarded-Proto: https'), get('HEAD /x'), get('POST /form', 'Content-Type: text/plain', 'body=a=b'),
	get('/apis', 'shop.example.com'), get('/v/api', 'shop.example.com'),
];

push @sites, ['an interface with rewriting', <<'CFG',
global
    log LOG local0
defaults api
    log global
    mode http
    option httplog
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend web from api
    bind {BIND:web}
    capture request header Host len 20
    capture request header X-Request-Id len 8
    capture response header Server len 10
    acl preflight method OPTIONS
    acl has_origin req.hdr(origin) -m found
    acl write method POST PUT PATCH DELETE
    acl read_only path_beg /v1/public /v2/public
    acl v1 path_beg /v1/
    acl v2 path_beg /v2/
    acl token req.hdr(authorization) -m reg ^Bearer\ [A-Za-z0-9]+$
    acl json req.hdr(content-type) -i -m beg application/json
    acl big req.hdr_val(content-length) gt 10
    http-request return status 204 hdr Access-Control-Allow-Origin %[req.hdr(origin)] hdr Access-Control-Allow-Methods "GET, POST" if preflight has_origin
    http-request deny deny_status 405 if write read_only
    http-request deny deny_status 401 hdr WWW-Authenticate Bearer if write !token
    http-request return status 413 content-type application/json string '{"error":"too big"}' if write big
    http-request return status 415 content-type application/json lf-string '{"error":"%[req.hdr(content-type)]"}' if write !json
    http-request set-var(txn.version) str(one) if v1
    http-request set-var(txn.version) str(two) if v2
    http-request replace-path ^/v([0-9]+)/(.*)$ /\2 if v1 or v2
    http-request set-query version=\%[var(txn.version)]&%[query] if { var(txn.version) -m found } { query -m found }
    http-request set-header X-Version %[var(txn.version)] if { var(txn.version) -m found }
    http-request set-header X-Token %[req.hdr(authorization),word(2,\ )] if token
    http-request del-header Authorization if token
    http-response set-header Access-Control-Allow-Origin * if { capture.req.uri -m beg /v }
    http-response del-header Server
    http-response replace-header Content-Type text/plain(.*) application/json\1
    http-response set-status 299 reason "So Be It" if { status 201 }
    use_backend two if { var(txn.version) -m str two }
    default_backend one
backend one from api
    option http-server-close
    server a SERVER
backend two from api
    http-request set-uri /two%[pathq] if { path_sub ten }
    http-request replace-header X-Version t(.*) T\1
    server b SERVER
CFG
	get('OPTIONS /v1/x', 'Origin: http://a'), get('OPTIONS /v1/x'), get('/v1/things/7'), get('/v2/things?x=1&y=2'), get('/v2/ten'),
	get('/v3/things'), get('POST /v1/public/x', 'body=x'), get('POST /v1/x', 'body=x'), get('POST /v1/x', 'Authorization: Bearer abc', 'body=x'),
	get('POST /v1/x', 'Authorization: Bearer abc', 'Content-Type: application/json', 'body={}'),
	get('PUT /v2/x', 'Authorization: Bearer abc', 'Content-Type: Application/JSON; charset=x', 'body={"a":1}'),
	get('POST /v1/x', 'Authorization: Bearer abc', 'Content-Type: application/json', 'body={"a":1,"b":2}'),
	get('DELETE /v2/x', 'Authorization: Bearer a_b'), get('HEAD /v1/x'), get('/v1/status/201'), get('/status/404'),
	get('/v1/x', 'X-Request-Id: 1234567890', 'Authorization: Bearer zzz'), get('/v1/x?'), get('/v1/%7euser?q=%20'),
];

push @sites, ['who may come in', <<"USERS" . <<'CFG',
userlist staff
    group admins users root
    group readers users ann,bob
    user root password $crypted
    user ann insecure-password apple
    user bob insecure-password "pear tree"
USERS
global
    log LOG local0
defaults
    log global
    mode http
    option httplog
    timeout connect 2s
    timeout client 10s
    timeout server 10s
    errorfile 403 {denied}
frontend web
    bind {BIND:web}
    acl admin path_beg /admin
    acl office src -f {nets}
    acl elsewhere req.hdr_ip(x-real-ip) -m found
    acl inside req.hdr_ip(x-real-ip) 10.0.0.0/8 192.168.1.0/24
    acl known http_auth(staff)
    acl is_admin http_auth_group(staff) admins
    acl open path /login /favicon.ico
    acl open path_beg /public/
    http-request allow if open
    http-request deny if elsewhere !inside
    http-request auth realm Staff unless known
    http-request deny if admin !is_admin
    http-request set-header X-User %[http_auth_user] if known
    http-request set-header X-Admin yes if known is_admin office
    http-request del-header Authorization
    default_backend app
backend app
    server a SERVER
CFG
	get('/login'), get('/public/x'), get('/x'), get('/x', 'Authorization: Basic YW5uOmFwcGxl'), get('/x', 'Authorization: Basic Ym9iOnBlYXIgdHJlZQ=='),
	get('/x', 'Authorization: Basic cm9vdDpzZXNhbWU='), get('/admin/x', 'Authorization: Basic cm9vdDpzZXNhbWU='), get('/admin', 'Authorization: Basic YW5uOmFwcGxl'),
	get('/x', 'Authorization: Basic YW5uOnBlYXI='), get('/x', 'Authorization: Basic !!!'), get('/x', 'Authorization: Digest x'),
	get('/x', 'X-Real-Ip: 10.1.2.3', 'Authorization: Basic YW5uOmFwcGxl'), get('/x', 'X-Real-Ip: 11.1.2.3', 'Authorization: Basic YW5uOmFwcGxl'),
	get('/public/y', 'X-Real-Ip: 11.1.2.3'), get('/x', 'X-Real-Ip: junk', 'Authorization: Basic YW5uOmFwcGxl'),
];

push @sites, ['closed for maintenance', <<'CFG',
global
    log LOG local0
defaults
    log global
    mode http
    option httplog
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    retries 0
    option redispatch
frontend web
    bind {BIND:web}
    monitor-uri /alive
    acl site_down nbsrv(main) lt 1
    acl shop_down nbsrv(shop) lt 1
    acl team req.cook(team) -m str yes
    acl maint_path path_beg /shop /checkout
    acl asset path_end .css .png
    monitor fail if site_down
    http-request return status 503 content-type text/html file {maint} hdr Retry-After 60 if maint_path shop_down !team !asset
    http-request return status 200 content-type text/plain lf-string "%[req.hdr(host)] %[path] %[nbsrv(main)]/%[nbsrv(shop)]" if { path /debug } team
    use_backend shop if maint_path
    use_backend fallback if { path_beg /fb }
    use_backend backup if { path_beg /bk }
    default_backend main
backend main
    default-server inter 60s fall 3
    server m1 SERVER
    server m2 SERVER backup
backend shop
    errorfile 503 {down}
    server s1 127.0.0.1:1 disabled
backend fallback
    http-request return status 404 default-errorfiles if { path_end .map }
    http-request deny deny_status 410 if { path_end .gone }
    errorloc302 503 http://sorry.example.com/
    server f1 127.0.0.1:1
backend backup
    option allbackups
    server b1 127.0.0.1:1 disabled
    server b2 SERVER backup
CFG
	get('/alive'), get('/'), get('/shop'), get('/shop/x.css'), get('/shop', 'Cookie: team=yes'), get('/checkout?x', 'Cookie: a=b; team=no'),
	get('/debug', 'Cookie: team=yes'), get('/debug'), get('/fb'), get('/fb/a.map'), get('/fb/a.gone'), get('/bk/x'), get('HEAD /shop'), get('HEAD /alive'),
];

push @sites, ['maps', <<'CFG',
global
    log LOG local0
defaults
    log global
    mode http
    option httplog
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend web
    bind {BIND:web}
    http-request set-header X-Key %[req.hdr(host),lower,map_str({sites},none)]
    http-request set-var(txn.moved) path,map_beg({moved})
    http-request redirect location %[var(txn.moved)] code 301 if { var(txn.moved) -m found }
    http-request set-header X-Net %[src,map_ip({nets2},x)] if { src -f {nets} }
    use_backend %[req.hdr(host),lower,map_str({sites})] if { req.hdr(host),lower,map_str({sites}) -m found }
    use_backend org if { req.hdr(host),map_dom({sites}) org }
    use_backend %[str(no),concat(-such)] if { path /nowhere }
    default_backend other
backend shop
    server s1 SERVER
backend blog
    server s1 SERVER
backend org
    server s1 SERVER
backend other
    server s1 SERVER
CFG
	get('/', 'shop.example.com'), get('/', 'Blog.Example.com'), get('/', 'example.org'), get('/', 'www.example.org'), get('/', 'example.net'), get('/nowhere'),
	get('/old/a'), get('/old/archive/a'), get('/gone'), get('/gonelong'), get('/older'), get("/old/x?y", 'shop.example.com'),
];

push @sites, ['blue and green', <<'CFG',
global
    log LOG local0
defaults
    log global
    mode http
    option httplog
    option http-keep-alive
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend web
    bind {BIND:web}
    capture cookie color len 20
    acl wants_green req.cook(color) green
    acl forced_blue url_param(color) -i blue
    acl forced_green url_param(color) -i green
    acl beta hdr(x-beta) 1 true yes
    http-request set-var(txn.color) str(blue)
    http-request set-var(txn.color) str(green) if wants_green or beta
    http-request set-var(txn.color) str(green) if forced_green
    http-request set-var(txn.color) str(blue) if forced_blue
    http-request set-header X-Color %[var(txn.color)]
    http-response set-header X-Served-By %[var(txn.color)]/%s
    http-response add-header Set-Cookie color=%[var(txn.color)];\ path=/ if forced_blue or forced_green
    default_backend pool
backend pool
    balance roundrobin
    cookie STICK insert indirect nocache httponly
    use-server blue1 if { var(txn.color) -m str blue }
    use-server green1 if { var(txn.color) -m beg gr } { path_beg / }
    server blue1 SERVER cookie b
    server green1 SERVER cookie g
CFG
	get('/'), get('/', 'Cookie: color=green'), get('/?color=GREEN'), get('/?color=blue', 'Cookie: color=green'), get('/?x&color=green&color=blue'),
	get('/', 'X-Beta: yes'), get('/', 'X-Beta: maybe, true'), get('/', 'Cookie: STICK=g'), get('/', 'Cookie: STICK=b; color=green'),
	get('/setcookie', 'X-Beta: 1'), get('/status/500', 'X-Beta: 1'), get('/status/304'),
];

push @sites, ['logs of our own, names, websockets', <<'CFG',
global
    log LOG local0
    node lb1
defaults base
    log global
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
    timeout tunnel 10s
defaults web from base
    option httplog
    option forwardfor header X-Client if-none
    unique-id-format %{+X}o\ %[path,length]-%[req.hdr(host),length]
    unique-id-header X-Id
frontend web from web
    bind {BIND:web}
    log-format "%ci %ft %b/%s %ST %tsc {%[capture.req.hdr(0)]|%[capture.req.hdr(1)]} %{+Q}r %ID %[var(txn.kind)] %HM %HP %HQ %hrl"
    declare capture request len 12
    acl ws hdr(Upgrade) -i WebSocket
    acl ws_conn hdr(Connection) -i Upgrade
    acl long url_len gt 20
    acl many url_param(a) -m found
    http-request capture req.hdr(user-agent),upper id 0
    http-request capture path,hex len 10
    http-request set-var(txn.kind) str(socket) if ws ws_conn
    http-request set-var(txn.kind) str(long) if long !ws
    http-request set-var(txn.kind,ifnotexists) str(plain)
    http-request set-var-fmt(txn.all) "%[var(txn.kind)] %[url_param(a)] %[src_port,mul(0)]"
    http-request set-header X-All "%[var(txn.all)]" if many
    http-request set-log-level silent if { path /quiet/but/long }
    use_backend sockets if ws ws_conn
    default_backend pages
backend sockets from base
    server w SERVER
backend pages from base
    compression-less off
    server p SERVER
CFG
	get('/chat', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='), get('/', 'User-Agent: me'),
	get('/a/rather/long/path/indeed'), get('/?a=1&b=2'), get('/?a=%41', 'X-Client: 9.9.9.9'), get('/status/404', 'User-Agent: a-very-long-name'),
];
$sites[-1][1] =~ s/^    compression-less off\n//m;

# ---- by chance ----------------------------------------------------------

my $seed = $ENV{TW_SEED} // int time;
srand $seed;
note "TW_SEED=$seed";

sub one_of { $_[rand @_] }

my @hosts = map { ("$_.example.com", "$_.example.org") } qw(a b c shop www);
my @paths = map { ("/$_", "/$_/x", "/$_/y.css") } qw(a b api shop);

sub chance_criterion
{
	my $i = one_of('', '', ' -i');

	return one_of(
	    sub { "hdr(host)$i " . one_of(@hosts) }, sub { "hdr(host)$i " . one_of(@hosts) . ' ' . one_of(@hosts) },
	    sub { "hdr_beg(host)$i " . one_of('a.', 'shop', 'w') }, sub { "hdr_end(host)$i " . one_of('.org', 'b.example.com') },
	    sub { "hdr_dom(host)$i " . one_of('example', 'shop', 'com') },
	    sub { 'path' . one_of('', '_beg', '_beg') . "$i " . one_of(@paths) . ' ' . one_of(@paths) },
	    sub { "path_end$i .css" }, sub { "path_dir$i " . one_of('api', 'x') }, sub { "path_sub$i " . one_of('sho', '/x') },
	    sub { 'path,lower -m ' . one_of('str', 'beg') . ' ' . one_of(@paths) }, sub { 'path_reg ^/[ab]/' },
	    sub { 'url_param(p) ' . one_of(qw(1 2)) }, sub { 'method ' . one_of('GET', 'POST', 'HEAD') },
	    sub { 'src ' . one_of('127.0.0.0/8', '10.0.0.0/8') }, sub { 'req.hdr(x-set) ' . one_of(qw(1 2 3)) },
	    sub { 'var(txn.v) -m str ' . one_of(qw(1 2 3)) }, sub { 'req.cook(c) -m found' },
	    sub { one_of('always_true', 'always_false', 'str(a) -m str a', 'str(b),upper -m str b', 'int(3) gt 2') })->();
}

sub chance_condition
{
	my $n = one_of(1, 1, 1, 2, 2, 3);
	my @terms = map { one_of('', '', '', '', '!') . one_of('{ ' . chance_criterion() . ' }', '{ ' . chance_criterion() . ' }', "acl" . int rand 8) } 1 .. $n;

	s/^!\{/!{/ for @terms;
	return one_of('if', 'if', 'if', 'if', 'unless') . ' ' . join(one_of(' ', ' ', ' or '), @terms);
}

# Rules of one kind stand together, as people write them.
sub chance_config
{
	my $acls = join '', map { "    acl acl$_ " . chance_criterion() . "\n" } 0 .. 7, 2, 5;
	my @actions = map { ("set-header X-R$_ %[path]") x 4, "set-header X-Set " . one_of(1 .. 3),
	    'set-var(txn.v) str(' . one_of(1 .. 3) . ')', "add-header X-Many $_", 'del-header X-Set' } 1 .. 40;
	my @rules = map { my $action = one_of(@actions); "http-request $action " . chance_condition() } 1 .. 34;
	# what ends or changes the request is rarer, so that the others have their turn
	for my $action ((map { "deny deny_status $_" } 400, 404, 429), (map { "set-path $_" } one_of(@paths), one_of(@paths))) {
		splice @rules, rand @rules, 0, "http-request $action if { " . chance_criterion() . ' } { ' . chance_criterion() . ' } { method GET }';
	}
	my @same = map { "http-request deny deny_status 403 if { hdr(host) -i no$_.example.com }" } 1 .. 10;
	my @use = map { 'use_backend b' . int(rand 5) . ' ' . chance_condition() } 1 .. 20;

	splice @rules, 20, 0, @same;
	return "global\n    log LOG local0\n" . defaults('log global', 'option httplog', 'retries 0')
	    . "frontend web\n    bind {BIND:web}\n$acls" . join('', map { "    $_\n" } @rules, @use) . "    default_backend b0\n"
	    . join '', map { "backend b$_\n    server s SERVER\n" } 0 .. 4;
}

for my $n (1 .. 6) {
	push @sites, ["by chance, $n", chance_config(), map { get(one_of('', '', '', 'POST ', 'HEAD ') . one_of(@paths) . one_of('', '', '?p=1', '?p=2&q'),
	    one_of(@hosts, 'no3.example.com', 'NO7.example.com', 'none'), one_of('X-A: b', 'Cookie: c=1', 'X-Set: 1')) } 1 .. 20];
}

# ---- both ---------------------------------------------------------------

sub run
{
	my ($bin, $text, @requests) = @_;

	$text =~ s/\{(\w+)\}/$file{$1} \/\/ "{$1}"/ge;
	$text =~ s/\bSERVER\b/$o->addr/ge;
	# with one thread, lines come in the order of the requests
	$text =~ s{^global\n}{global\n    nbthread 1\n}m;
	$text .= defaults('log global', 'option httplog') . "frontend mark\n    bind {BIND:mark}\n    http-request deny\n";
	return run_traffic(bin => $bin, origin => $o, requests => \@requests, whole => 1, marks => 1,
	    config => sub { my ($log) = @_; $text =~ s/\bLOG\b/$log->{addr}/r });
}

for my $site (@sites) {
	my ($what, $text, @requests) = @$site;
	subtest $what => sub {
		my $want = run($haproxy, $text, @requests);
		my $got = run(binary(), $text, @requests);
		for my $i (0 .. $#requests) {
			# a reason that only one of the two has a word for
			s{^((?:ANSWERED: )HTTP)\S+( \d+) .*}{$1/1.x$2}m for $got->[$i], $want->[$i];
			is($got->[$i], $want->[$i], "$i: " . what_is($requests[$i])) or $what !~ /chance/ or diag "TW_SEED=$seed\n$text";
		}
	};
}

done_testing;
