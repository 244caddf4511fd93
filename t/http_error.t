# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# http-error: error pages that the configuration describes, with formats and
# without, in each section that may have them; and as Debian's haproxy has them.
use Tideway::Test;

my $dir = Tideway::Test::temp_dir();
my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $page = spew('page.http', "HTTP/1.1 503 Own\r\nContent-Type: text/plain\r\nX-Page: file\r\n\r\nfrom a file");
my $body = spew('body.txt', "body of a file\n");
my $fmt = spew('body.fmt', "path %[path]\n");

my $CONFIG = defaults('http-error status 503 content-type text/plain string "of defaults"') . "
frontend web
    bind {BIND:web}
    http-request deny deny_status 403 if { path /403 }
    http-request deny deny_status 404 if { path /404 }
    http-request deny deny_status 400 if { path /400 }
    http-error status 403 content-type \"text/plain; charset=utf-8\" string \"no 100% for you\" hdr X-Fixed yes
    http-error status 404 content-type text/html lf-string \"%[path] of %[req.hdr(host)] is not here\" hdr X-Path %[path] hdr X-Two 2
    http-error status 400 hdr X-Empty yes
    use_backend %[path,field(2,/)] if { path_beg /b }
    default_backend bdefault
backend bdefault
backend bfile
    http-error status 503 errorfile $page
backend bbody
    http-error status 503 content-type text/x file $body
backend bformat
    http-error status 503 content-type text/x lf-file $fmt hdr X-Mixed \"a %[method] b\"
backend bsection
    http-error status 503 errorfiles pages
backend bmissing
    http-error status 503 errorfiles others
backend breset
    http-error status 503 default-errorfiles
backend blast
    http-error status 503 content-type text/x lf-string \"%[path]\"
    errorfile 503 $page
backend blast2
    errorfile 503 $page
    http-error status 503 content-type text/x lf-string \"last %[path]\"
backend bquiet
    http-error status 503 errorfile /dev/null
http-errors pages
    errorfile 503 $page
http-errors others
    errorfile 502 $page
";

# status, body, and the fields that count
sub seen
{
	my ($p, $uri, @fields) = @_;
	my $r = $p->get('web', $uri);

	return join '|', $r->status, (map { $r->header($_) // '-' } 'Content-Type', @fields), $r->body;
}

my @cases = (
	['/403', '403|text/plain; charset=utf-8|yes|no 100% for you', 'X-Fixed'],
	['/404', '404|text/html|/404|2|/404 of test is not here', 'X-Path', 'X-Two'],
	['/400', '400|-|yes|', 'X-Empty'],
	['/', '503|text/plain|of defaults'],
	['/bfile', '503|text/plain|file|from a file', 'X-Page'],
	['/bbody', "503|text/x|body of a file\n"],
	['/bformat', "503|text/x|a GET b|path /bformat\n", 'X-Mixed'],
	['/bsection', '503|text/plain|file|from a file', 'X-Page'],
	['/bmissing', '503|text/plain|of defaults'],
	['/breset', '503|text/plain|of defaults'],
	['/blast', '503|text/plain|file|from a file', 'X-Page'],
	['/blast2', '503|text/x|last /blast2'],
);

sub run
{
	my ($bin, $what) = @_;
	my $p = start_proxy($CONFIG, bin => $bin);

	is(seen($p, $_->[0], @$_[2 .. $#$_]), $_->[1], "$what: $_->[0]") for @cases;
	my $c = $p->client('web');
	$c->send("GET /bquiet HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($c->is_closed, "$what: an empty errorfile: not a word");
	$c = $p->client('web');
	$c->send("HEAD /blast2 HTTP/1.1\r\nHost: a\r\n\r\n");
	like($c->read_all, qr{^HTTP/1.1 503 .*content-length: 12\r\n.*\r\n\r\n\z}si, "$what: HEAD, without the body");
	stop_proxy($p);
}

run(binary(), 'tideway');
SKIP: {
	skip('haproxy is not installed', 14) unless $haproxy;
	run($haproxy, 'haproxy');
}

subtest 'where no request is' => sub {
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    timeout http-request 100ms
    http-error status 400 content-type text/plain lf-string \"bad %[path] of %[src]\"
    http-error status 408 content-type text/plain lf-string \"late %[path] %[method]\" hdr X-Src %[src]
    http-error status 200 content-type text/plain lf-string \"fine %[path]\" hdr X-M %[method]
    http-error status 503 content-type text/plain lf-string \"%[req.hdr(big)]%[req.hdr(big)]%[req.hdr(big)]\"
    monitor-uri /monitor
");
	my $c = $p->client('web');
	$c->send("GET /x HTTP/1.1\r\n bad\r\n\r\n");
	like($c->read_all, qr{^HTTP/1.1 400 .*\r\n\r\nbad .* of 127}s, 'a head that is broken');
	$c = $p->client('web');
	$c->send("GET /half");
	like($c->read_all, qr{^HTTP/1.1 408 .*x-src: 127.*\r\n\r\nlate }si, 'one that is not whole');
	my $r = $p->get('web', '/monitor');
	is(join('|', $r->status, $r->header('X-M'), $r->body), '200|GET|fine /monitor', 'monitor-uri');
	$c = $p->client('web');
	$r = $c->request("GET /big HTTP/1.1\r\nHost: a\r\nbig: " . 'x' x 7000 . "\r\n\r\n");
	is($r->status, 503, 'a page that would be too long');
	like($r->body, qr/No server is available/, 'gives way to the built-in one');
	# a reload changes pages
	$p->write_config(defaults() . "\nlisten web\n    bind {BIND:web}\n    http-error status 503 content-type text/plain lf-string \"new %[path]\"\n");
	$p->signal('USR2');
	ok(wait_until { $p->get('web', '/y')->body eq 'new /y' }, 'after a reload');
	stop_proxy($p);
};

my $L = "listen a\n    bind 127.0.0.1:1\n    http-error ";
for my $bad (
	['status', qr/'http-error status' expects <code>/], ['status 299', qr/status code '299' not handled; write one of: 200 400/],
	['status 503 string x', qr/needs a 'content-type'/], ['status 503 content-type', qr/'content-type' expects a type/],
	['status 503 content-type a string', qr/'string' expects an argument/],
	['status 503 odd', qr/expects 'content-type', .* not 'odd'/],
	['status 503 content-type a string b file c', qr/has a content already: 'string' or 'file'/],
	['status 503 errorfile /none/x', qr{'/none/x'}], ['status 503 content-type a file /none/x', qr{cannot read '/none/x': No such}],
	['status 503 hdr a', qr/'a' expects a value/], ['status 503 hdr "a b" c', qr/'a b' is no name of a field/],
	['status 503 hdr content-length 5', qr/made by the proxy itself/],
	['status 503 errorfiles none', qr/unknown http-errors section 'none'/],
	['status 503 content-type a lf-string %[odd]', qr/unknown fetch 'odd'/],
	['code 503', qr/http-error/],
) {
	my $r = check_config(defaults() . "$L$bad->[0]\n");
	isnt($r->{code}, 0, "refused: $bad->[0]");
	like($r->{all}, $bad->[1], 'and why');
}
like(check_config(defaults() . "${L}status 503 content-type a\n")->{all}, qr/'content-type' is ignored/, 'a type of nothing: a warning');
like(check_config(defaults() . "${L}status 503 errorfile $page hdr a b\n")->{all}, qr/'hdr' is ignored beside 'errorfile'/, 'hdr beside a file: a warning');

done_testing;
