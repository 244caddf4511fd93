# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The same requests of HTTP/2 through Debian's haproxy and through tideway: what the
# server receives, what the client gets, what is logged. Not here: what differs by
# intent (a field that Connection names does not pass, a request without authority or
# with two lengths is refused). h2_uri_compare.t has more of the URI.
use Tideway::Test;
use Tideway::Compare qw(find_haproxy);
use Tideway::H1Origin;
use Tideway::H2;

my $haproxy = find_haproxy() or plan skip_all => 'haproxy is not installed';
my $o = h1_origin(name => 's');
my $conf = "global
    log LOG local0
" . defaults('log global', 'retries 0') . "
frontend web
    bind {BIND:web} proto h2
    log-format '%HV %HM %HU %HP <%HPO> %HQ %ST %tsc {%hrl} %{+Q}r'
    capture request header Host len 40
    option forwardfor
    http-request set-header x-path %[path]
    http-request set-header x-pathq %[pathq]
    http-request set-header x-base %[base]
    http-request set-header x-baseq %[baseq]
    http-request set-header x-url %[url]
    http-request set-header x-url32 %[url32]
    http-request set-header x-url-ip %[url_ip] if { url_ip 127.0.0.0/8 }
    http-request set-header x-dom 1 if { url_dom test }
    http-request set-header x-star 1 if HTTP_URL_STAR
    http-request set-header x-abs 1 if HTTP_URL_ABS
    http-request set-header host other.test if { path /set-host }
    http-request set-header x-url-then %[url] unless { path /set-uri }
    http-request set-header x-ver %[req.ver]
    http-request set-header x-method %[method]
    http-request deny if { path_beg /deny }
    http-request return status 418 content-type text/plain string tea if { path /tea }
    http-request redirect location /x code 303 if { path /redirect }
    http-request redirect prefix http://other if { path /prefix }
    http-request redirect scheme https if { path /scheme }
    http-request set-path /len if { path /set-path }
    http-request set-query a=b if { path /set-query }
    http-request set-uri /echo?of=uri if { path /set-uri }
    http-request replace-path /replaced/(.*) /echo/\\1 if { path_beg /replaced }
    http-request set-method POST if { path /set-method }
    http-request wait-for-body time 1s if { path /wait }
    use_backend gone if { path /gone }
    use_backend empty if { path /empty }
    default_backend b
backend b
    server s ${\ $o->addr}
backend gone
    server s 127.0.0.1:1
backend empty
";

# name => options of request()
sub get { return { path => $_[0], @_[1 .. $#_] } }
sub post { return { method => 'POST', path => $_[0], @_[1 .. $#_] } }

my @table = (
	[plain => get('/')], [query => get('/len?5')], [odd => get('/a%20b/../c?x=%00&y=?z')],
	[delete => get('/', method => 'DELETE')], [lower => get('/', method => 'get')],
	[own => get('/', method => 'PROPFIND')], [head => get('/len?9', method => 'HEAD')],
	[options => get('*', method => 'OPTIONS')], [port => get('/', authority => 'a.example:8080')],
	[upper => get('/', authority => 'A.Example')], [v6 => get('/', authority => '[::1]:80')],
	[https => get('/', scheme => 'https')],
	[host => get('/', headers => [['host', 'test']])],
	[cookies => get('/', headers => [['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2']])],
	[te => get('/', headers => [['te', 'trailers']])],
	[same => get('/', headers => [['x-a', 1], ['x-b', 2], ['x-a', 3]])],
	[empty => get('/', headers => [['x-a', '']])],
	[latin => get('/', headers => [['x-a', "\xe4"]])],
	[xff => get('/', headers => [['x-forwarded-for', '192.0.2.1']])],
	[post => post('/echo', body => 'abc')], [length => post('/echo', body => 'abc',
	    headers => [['content-length', 3]])],
	[none => post('/echo')], [zero => post('/echo', headers => [['content-length', 0]])],
	[put => post('/echo', method => 'PUT', body => 'x' x 40_000)],
	[getbody => get('/echo', body => 'q')],
	[trailers => post('/echo', body => 'abc', trailers => [['x-t', 1]])],
	[expect => post('/echo', body => 'abc', headers => [['expect', '100-continue']])],
	[chunked => get('/chunked?6000')], [close => get('/close?6000')], [nothing => get('/empty')],
	[modified => get('/same')], [grpc => get('/trailers', headers => [['te', 'trailers']])],
	[early => get('/early')],
	[deny => get('/deny')], [tea => get('/tea')], [redirect => get('/redirect')],
	[prefix => get('/prefix?a')], [scheme => get('/scheme')], [spath => get('/set-path?7')],
	[squery => get('/set-query')], [suri => get('/set-uri')], [rpath => get('/replaced/a?b')],
	[smethod => get('/set-method')], [shost => get('/set-host?a=1')],
	[ip => get('/', authority => '127.0.0.1:81')],
	[wait => post('/wait', body => 'abc')], [gone => get('/gone')], [noserver => get('/empty')],
	[bad_path => get('a')], [blank => get('/a b')],
	[nomethod => { fields => [[':scheme', 'http'], [':path', '/'], [':authority', 'a']] }],
	[connection => get('/', headers => [['connection', 'close']])],
	[chunks => post('/', body => 'a', headers => [['transfer-encoding', 'chunked']])],
	[upper_name => get('/', headers => [['X-Up', 1]])],
	[newline => get('/', headers => [['x', "a\nb"]])],
	[nul => get('/', headers => [['x', "a\0b"]])],
);

sub fields_of
{
	my ($r) = @_;

	return join '', sort map { "    $_->[0]: $_->[1]\n" }
	    grep { $_->[0] !~ /^(?::|x-in-|date$|cache-control)/ } @{ $r->{headers} // [] };
}

sub received
{
	my ($m) = @_;
	my @f = map { [lc $_->[0], $_->[1]] } grep { lc $_->[0] ne 'connection' }
	    @{ $m->{headers} };

	return "    " . $m->start . "\n" . join('', map { "    $_->[0]: $_->[1]\n" }
	    sort { $a->[0] cmp $b->[0] } @f) . '    ' . ($m->framing =~ /chunked/
	    ? $m->{raw_body} =~ s/(?:^|\r\n)[0-9a-f]+\r\n(?=.)//grsi =~ s/\r\n//gr : $m->{raw_body}) . "\n";
}

sub answer
{
	my ($r) = @_;

	return "    reset\n" if defined $r->is_reset && !$r->status;
	return '    ' . $r->status . ' ' . (defined $r->is_reset ? 'cut' : 'whole') . "\n" . fields_of($r)
	    . ($r->status =~ /^(?:[45]|303)/ && !$r->header('x-server') ? '' : '    ' . $r->body . "\n")
	    . join('', map { "    trailer $_->[0]: $_->[1]\n" } @{ $r->{trailers} // [] })
	    . '    interim ' . join(',', $r->interim) . "\n";
}

# everything of one program, by the name of the request
sub run
{
	my ($bin) = @_;
	my $log = syslog_udp();
	my $p = start_proxy($conf =~ s/LOG/$log->addr/er, $bin ? (bin => $bin) : ());
	my %all;

	for my $t (@table) {
		my ($name, $q) = @$t;
		my $n = $o->requests;
		my $c = h2_client($p->addr('web'));
		my $r = $c->response($c->request(%$q));
		my @got = $o->requests;
		my $answer = answer($r);
		my $line = $r->status ? ($log->next_match(qr{HTTP/2}, 5) // {})->{msg} : '';
		$all{$name} = "answer:\n$answer" . "received:\n"
		    . join('', map { received($_) } @got[$n .. $#got]) . "log: " . ($line // 'none') . "\n";
		$c->close;
	}
	is($p->stop, '', 'it stops');
	return \%all;
}

my ($his, $ours) = (run($haproxy), run());

for my $t (@table) {
	is($ours->{ $t->[0] }, $his->{ $t->[0] }, $t->[0]);
}
done_testing();
