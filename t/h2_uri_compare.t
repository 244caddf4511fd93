# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What the URI of a request is, through Debian's haproxy and through tideway: in what
# form it came (HTTP/2 with and without :authority, HTTP/1), what fetches and log
# variables say of it before and after an action on it, and what a server of either
# version is sent. The same configuration is in both.
use Tideway::Test;
use Tideway::Compare qw(find_haproxy);
use Tideway::H2;

my $haproxy = find_haproxy() or plan skip_all => 'haproxy is not installed';

my $only = $ENV{TW_ONLY} // '.*'; # names of requests

sub told { return join '', map { lc($_->[0]) . ": $_->[1]\n" } @_ }

# both tell what they received
my $o1 = origin(respond => sub {
	my ($m, $peer) = @_;
	my $text = $m->start . "\n" . told(@{ $m->{headers} });
	return "HTTP/1.1 200 OK\r\n\r\n$text" =~ s/OK\r\n/OK\r\nConnection: close\r\n/r
	    if $m->method eq 'CONNECT';
	return response(200, $m->method eq 'HEAD' ? '' : $text);
});
my $o2 = h2_origin(respond => sub {
	my ($s, $h2) = @_;
	$h2->respond($s->{sid}, 200, body => told(@{ $s->{headers} }));
	return 1;
}, tunnel => sub {
	my ($s, $h2) = @_;
	$h2->respond($s->{sid}, 200, body => told(@{ $s->{headers} })) unless $s->{told}++;
	return 1;
}, settings => { ENABLE_CONNECT_PROTOCOL => 1 });

my @actions = (
	'set-header x-none 1', 'set-uri http://user:pw@other.test/u',
	'set-uri /new?n=1', 'set-uri http://other.test/abs?n=1', 'set-uri https://other.test:8443/s',
	'set-uri http://other.test', 'set-uri http://other.test?n=1', 'set-uri *', 'set-uri %[url]', 'set-uri %[pathq]',
	'set-uri http://other.test:80/', 'set-uri https://other.test:443/', 'set-uri //other.test/x',
	'set-uri http://%[req.hdr(host)]%[path]', 'set-uri ftp://other.test/x', 'set-uri new',
	'replace-uri ^http://(.*) https://\1', 'replace-uri ([^/:]*://[^/]*)?(.*) \1/foo\2',
	'replace-uri ^https?://[^/]+(/.*)? \1', 'replace-uri ^/(.*) /x/\1', 'replace-uri (.*)://[^/]*(.*) \1://b.test:81\2',
	'set-path /p', 'set-path p', 'set-pathq /p?q=2', 'set-query q=3', 'replace-path ^/(.*) /r/\1',
	'replace-pathq ^/(.*) /r/\1', 'set-header host changed.test', 'set-header host changed.test:80',
	'del-header host', 'replace-header host (.*) r.\1', 'add-header host added.test', 'set-method POST',
	'redirect location http://r.test%[pathq]', 'redirect scheme https', 'redirect scheme http', 'redirect prefix http://p.test',
	'redirect prefix /p', 'redirect prefix / drop-query', 'redirect location %[url]',
	'return status 200 content-type text/plain lf-string "%[url] %[path] %HM %[base] %[query]"',
	'normalize-uri path-merge-slashes', 'normalize-uri path-strip-dotdot full',
	'normalize-uri query-sort-by-name', 'normalize-uri percent-to-uppercase strict',
);

sub get { return { path => $_[0], @_[1 .. $#_] } }
sub pseudo { return { fields => [map { [@$_] } @_] } }

my @get = ([':method', 'GET'], [':scheme', 'http']);
my @options = ([':method', 'OPTIONS'], [':scheme', 'http'], [':path', '*']);

# name => options of request(), or the request line with its host
my @requests = (
	[plain => get('/a/b?a=1&b=2')], [root => get('/')], [query => get('/?a=1')], [odd => get('/a//b/../c?b=%2f&a=%e4')],
	[https => get('/a', scheme => 'https')], [port => get('/a', authority => 'a.test:8080')],
	[port80 => get('/a', authority => 'a.test:80')], [port443 => get('/a', authority => 'a.test:443', scheme => 'https')],
	[port443h => get('/a', authority => 'a.test:443')], [port80s => get('/a', authority => 'a.test:80', scheme => 'https')],
	[upper => get('/a', authority => 'A.Test')], [v6 => get('/a', authority => '[2001:db8::1]:81')],
	[v6plain => get('/a', authority => '[::1]')], [v4 => get('/a', authority => '192.0.2.1:82')], [v4plain => get('/a', authority => '192.0.2.1')],
	[host_only => pseudo(@get, [':path', '/a?a=1'], ['host', 'h.test'])],
	[host_port => pseudo(@get, [':path', '/a?a=1'], ['host', 'h.test:80'])],
	[both => get('/a', headers => [['host', 'test']])],
	[host_https => pseudo([':method', 'GET'], [':scheme', 'https'], [':path', '/a'], ['host', 'h.test'])],
	[star => pseudo(@options, [':authority', 'test'])], [star_port => pseudo(@options, [':authority', 'test:81'])],
	[star_host => pseudo(@options, ['host', 'h.test'])],
	[options => get('/a', method => 'OPTIONS')],
	[url_in_query => get('/a?u=http://q.test/z')], [url_in_path => get('/http://q.test/z?a=1')],
	[scheme => get('/a', scheme => 'HTTP')], [own_scheme => get('/a', scheme => 'ftp')],
	[connect => pseudo([':method', 'CONNECT'], [':authority', 'c.test:443'])],
	[ws => pseudo([':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':path', '/ws?a=1'], [':authority', 'w.test'])],
	[h1 => "GET /a/b?a=1&b=2 HTTP/1.1\nHost: test"], [h1_abs => "GET http://test/a?a=1 HTTP/1.1\nHost: test"],
	[h1_port => "GET http://test:81/a?a=1 HTTP/1.1\nHost: test:81"], [h1_empty => "GET http://test HTTP/1.1\nHost: test"],
	[h1_question => "GET http://test?a=1 HTTP/1.1\nHost: test"], [h1_v6 => "GET http://[::1]:81/a HTTP/1.1\nHost: [::1]:81"],
	[h1_https => "GET https://192.0.2.1/a HTTP/1.1\nHost: 192.0.2.1"], [h1_star => "OPTIONS * HTTP/1.1\nHost: test"],
	[h1_port80 => "GET http://test:80/a HTTP/1.1\nHost: test:80"],
	[h1_port443 => "GET https://test:443/a HTTP/1.1\nHost: test"],
	[h1_port80h => "GET http://test/a HTTP/1.1\nHost: test:80"], [h1_port80s => "GET https://test:80/a HTTP/1.1\nHost: test:80"],
	[h1_port80f => "GET ftp://test:80/a HTTP/1.1\nHost: test:80"], [h1_port0 => "GET HTTP://test:/?x HTTP/1.1\nHost: test:"],
	[h1_port6 => "GET http://[::1]:80 HTTP/1.1\nHost: [::1]:80"],
	[h1_connect => "CONNECT c.test:443 HTTP/1.1\nHost: c.test:443"], [h1_10 => "GET /a HTTP/1.0"],
);

my @fetches = qw(url path pathq query base url32 base32 url_ip url_port url_param(a) urlp(b) method req.hdr(host) baseq);

my $conf = "global
    log LOG local0
    expose-experimental-directives
" . defaults('log global', 'retries 0') . "
frontend web
    bind {BIND:h2} proto h2
    bind {BIND:h1}
    http-request set-var(txn.id) req.hdr(x-id)
    log-format 'id=%[var(txn.id)] <%HM> <%HU> <%HP> <%HPO> <%HQ> <%r> <%{+Q}r> %ST'
" . join('', map { "    http-request set-header x-0-$_ %[$_]\n" } map { $_ } @fetches)
    . join('', map { "    http-request $actions[$_] if { req.hdr(x-do) -m str $_ }\n" } 0 .. $#actions)
    . join('', map { "    http-request set-header x-1-$_ %[$_]\n" } @fetches) . "
    use_backend two if { req.hdr(x-to) 2 }
    default_backend one
backend one
    server s ${\ $o1->addr}
backend two
    server s ${\ $o2->addr} proto h2
";
$conf =~ s/x-([01])-(\S+)\((\w+)\)/x-$1-$2-$3/g;

sub answer_text
{
	my ($status, $fields, $body) = @_;

	# neither is of the URI
	my %seen;
	$body =~ s{^(.*) HTTP/1\.[01]$}{$1 HTTP/1.x}m; # tideway gives its own
	my @lines = sort grep { !/^(?:connection|sec-websocket-|x-do|x-to|x-id|content-length|te|upgrade)/ } split /\n/, $body;
	return "$status " . told(grep { $_->[0] =~ /^location$/i } @$fields) . "\n" . join('', map { "$_\n" } @lines);
}

sub h1_answer
{
	my ($p, $q, $do, $to, $id) = @_;
	my $c = $p->client('h1');
	my $r = $c->request(($q =~ s/\n/\r\n/gr) . "\r\nX-Do: $do\r\nX-To: $to\r\nX-Id: $id\r\n"
	    . ($q =~ /^CONNECT/ ? "\r\n" : "Connection: close\r\n\r\n"));

	my $rest = $q =~ /^CONNECT/ && $r->status == 200 ? do { $c->shutdown_write; $c->read_all } : '';
	return answer_text($r->status, $r->{headers}, $r->body . $rest);
}

sub h2_answer
{
	my ($p, $q, $do, $to, $id) = @_;
	my $c = h2_client($p->addr('h2'));
	my @own = (['x-do', $do], ['x-to', $to], ['x-id', $id]);
	my %q = %$q;
	$q{ $q{fields} ? 'fields' : 'headers' } = [@{ $q{fields} // $q{headers} // [] }, @own];
	my $r = $c->response($c->request(%q, open => ($q{fields} // [['', '']])->[0][1] eq 'CONNECT'), secs => 5);
	$c->close;
	return "reset\n" if defined $r->is_reset && !$r->status;
	return answer_text($r->status, $r->{headers}, $r->body);
}

sub run
{
	my ($bin) = @_;
	my $log = syslog_udp();
	my $p = start_proxy($conf =~ s/LOG/$log->addr/er, $bin ? (bin => $bin) : ());
	my (%all, %name_of);
	my $id = 0;

	for my $r (grep { $_->[0] =~ /^(?:$only)$/ } @requests) {
		my ($name, $q) = @$r;
		for my $to (1, 2) {
			for my $do (0 .. $#actions) {
				my $ask = ref $q ? \&h2_answer : \&h1_answer;
				# a tunnel to be one no more: tideway refuses it, 2.6 hangs
				next if $name =~ /connect/ && $actions[$do] =~ /set-method|set-uri %.pathq/;
				$name_of{ ++$id } = "$name to $to: $actions[$do]";
				my $text = $all{ $name_of{$id} } = $ask->($p, $q, $do, $to, $id);
				delete $name_of{$id} if $text =~ /^(?:reset|400)/; # not logged by that name
			}
		}
	}
	while (%name_of) {
		my $line = $log->next_match(qr/^id=\d/, 5) // last;
		$line->{msg} =~ s/^id=(\d+) //;
		$all{ delete $name_of{$1} } .= "log: $line->{msg}\n" if $name_of{$1};
	}
	is($p->stop, '', 'it stops');
	return \%all;
}

my ($his, $ours) = (run($haproxy), run());

# What differs by intent: requests, actions, lines of it, why.
my @intended = (
	[qr/./, qr/set-uri http:..other.test.n=1/, qr/^/,
	    '2.6 takes "?" for a part of the authority; RFC 3986, 3.2: it ends there'],
	[qr/h1_question/, qr/./, qr/^/, 'the same: it answers 400'],
	[qr/./, qr/set-uri new/, qr/^/, 'it takes all without a slash for an authority, '
	    . 'which is the form of CONNECT alone (RFC 9112, 3.2.3)'],
	[qr/./, qr/set-path p$/, qr/^/, 'it glues a path without a slash to the authority'],
	[qr/./, qr/set-method/, qr/^x-1-method: /, 'the method of a rule is what `method` says after it'],
	[qr/^star/, qr/set-method/, qr/^x-1-(?:path|pathq|url|base|baseq|url32|base32): /,
	    'the path that servers get is one here'],
	[qr/star|connect/, qr/set-(?:path|pathq|query) /, qr/^/, 'what has no path keeps its target: '
	    . '"*?q=3" and "a.test:443?q=3" are none (RFC 9112, 3.2)'],
	[qr/connect/, qr/set-uri (?:http|ftp|\/\/)|replace-uri \(/, qr/^/, '2.6 puts a whole URI in the place '
	    . 'of the authority'],
	[qr/./, qr/set-uri %.pathq|replace-uri .https/, qr/^/, 'an empty URI is a rewrite error; 2.6 sends it',
	    sub { $_[0] =~ /^500/ }],
	[qr/h1_(?:empty|port6)/, qr/set-(?:path|pathq|query) /, qr/^/, 'an absolute URI without a path stays '
	    . 'absolute; and its query is one'],
	[qr/./, qr/./, qr/^x-\d-url_port: /, 'it looks names up, and has no port without an address; '
	    . '3.4: "port 80 is assumed"', sub { $_[0] !~ m{^x-1-url: \w+://[\d.]+[:/]}m }],
	[qr/v6|port6/, qr/./, qr/^x-\d-url_(?:ip|port): /, '2.6 has no IPv6 there'],
	[qr/^h1|^host_https/, qr/./, qr/^:scheme: /, 'a request that says no scheme has that of the connection '
	    . 'to its server; 2.6: https, encrypted or not'],
	[qr/scheme/, qr/set-uri [^hf]/, qr/^:scheme: /, 'the one that the client said stays as it is'],
	[qr/./, qr/user:pw/, qr/^:authority: /, 'in :authority no user is allowed (RFC 9113, 8.3.1)'],
	[qr/^(?:host_|star_host$|h1$|h1_star$|h1_10$)/, qr/add-header host/, qr/^:authority: /, 'of two Host fields it sends '
	    . 'two; :authority is one: the last that was said'],
	[qr/h1_connect/, qr/./, qr/host|base|url32|redirect|c\.test/, 'in the form of CONNECT no port is implied: Host keeps it'],
);

sub is_intended
{
	my ($name, $do, $line, $own) = @_;

	for my $i (@intended) {
		next if $name !~ $i->[0] || $do !~ $i->[1] || $line !~ $i->[2]
		    || $i->[4] && !$i->[4]->($own);
		$i->[5]++;
		return 1;
	}
	return 0;
}

# the lines that differ
sub difference
{
	my ($name, $do, $theirs, $own) = @_;
	# it names no :authority where it made no absolute URI, though it should (its
	# issue 2592; RFC 9113, 8.3.1)
	$theirs =~ s/^host: /:authority: /mg if $theirs =~ /^:path: /m && $theirs !~ /^:authority: /m;
	my (%in_his, %in_ours);
	my @his = split /\n/, $theirs;
	my @ours = split /\n/, $own;
	@in_his{@his} = @in_ours{@ours} = ();

	return join '', (map { "  haproxy: $_\n" } grep { !exists $in_ours{$_}
	    && !is_intended($name, $do, $_, $own) } @his),
	    map { "  tideway: $_\n" } grep { !exists $in_his{$_} && !is_intended($name, $do, $_, $own) } @ours;
}

for my $name (map { $_->[0] } @requests) {
	for my $to (1, 2) {
		my $text = '';
		for my $do (@actions) {
			my $key = "$name to $to: $do";
			my $d = difference($name, $do, $his->{$key} // next, $ours->{$key});
			$text .= "$do\n$d" if $d ne '';
		}
		is($text, '', "$name to HTTP/$to");
	}
}
is(join("\n", map { $_->[3] } grep { !$_->[5] } @intended), '', 'nothing is listed that is the same')
    if $only eq '.*';
done_testing();
