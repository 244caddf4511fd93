# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The statistics page and what tools read from it: CSV and JSON with HAProxy's
# fields, authentication, refresh, and the admin actions.
use Tideway::Test;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

my @FIELDS = qw(
	pxname svname qcur qmax scur smax slim stot bin bout dreq dresp ereq
	econ eresp wretr wredis status weight act bck chkfail chkdown lastchg
	downtime qlimit pid iid sid throttle lbtot tracked type rate rate_lim
	rate_max check_status check_code check_duration hrsp_1xx hrsp_2xx
	hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other hanafail req_rate req_rate_max
	req_tot cli_abrt srv_abrt comp_in comp_out comp_byp comp_rsp lastsess
	last_chk last_agt qtime ctime rtime ttime agent_status agent_code
	agent_duration check_desc agent_desc check_rise check_fall
	check_health agent_rise agent_fall agent_health addr cookie mode algo
	conn_rate conn_rate_max conn_tot intercepted dcon dses wrew connect
	reuse cache_lookups cache_hits srv_icur src_ilim qtime_max ctime_max
	rtime_max ttime_max eint idle_conn_cur safe_conn_cur used_conn_cur
	need_conn_est uweight agg_server_status agg_server_check_status
	agg_check_status
);

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	return response($1, 'x' x 10) if $req->uri =~ m{^/(\d{3})$};
	$o->wait_flag('go') if $req->uri eq '/wait';
	return $o->reply($req);
});

sub proxy
{
	my (@stats) = @_;

	return start_proxy(defaults() . "
listen stats
    bind {BIND:st}
    stats enable
" . join('', map { "    stats $_\n" } @stats) . "
frontend web
    bind {BIND:web}
    default_backend b
    maxconn 77
backend b
    balance leastconn
    option httpchk
    cookie C insert
    server s1 ${\ $o->addr} check inter 100ms weight 7 cookie c1 maxconn 5
    server s2 ${\ $o->addr} backup
    server dead 127.0.0.1:1 check inter 50ms fall 1
");
}

# the CSV as { "px/sv" => { field => value } }
sub csv
{
	my ($p, $uri) = @_;
	my %rows;
	my ($head, @lines) = split /\n/, $p->get('st', $uri // '/haproxy?stats;csv')->body;
	my @names = split /,/, $head =~ s/^# //r;

	for my $line (@lines) {
		my @f;
		push @f, defined $1 ? $1 =~ s/""/"/gr : $2
		    while $line =~ /\G(?:"((?:[^"]|"")*)"|([^,]*)),/gc;
		my %row;
		@row{@names} = @f;
		$rows{"$f[0]/$f[1]"} = \%row;
	}
	return \%rows;
}

subtest 'CSV' => sub {
	my $p = proxy('show-legends');
	ok(wait_until { csv($p)->{'b/dead'}{status} =~ /^DOWN/ }, 'dead is DOWN');
	$p->get('web', "/$_") for qw(200 200 301 404 500);
	ok(wait_until { csv($p)->{'b/s1'}{check_status} =~ /^L7/ }, 'a check was made');
	my $r = $p->get('st', '/haproxy?stats;csv');
	like($r->header('Content-Type'), qr{^text/(?:plain|csv)}, 'type');
	my ($head, @lines) = split /\n/, $r->body;
	like($head, qr/^# pxname,svname,/, 'the header line starts as it must');
	my @names = split /,/, $head =~ s/^# //r;
	is_deeply([@names[0 .. $#FIELDS]], \@FIELDS, 'every field in order');
	my $n = () = $head =~ /,/g;
	is_deeply([grep { (() = s/"[^"]*"//gr =~ /,/g) != $n } @lines], [],
	    'as many in every line');
	is(join(' ', map { join '/', (split /,/)[0, 1] } @lines),
	    'stats/FRONTEND stats/BACKEND web/FRONTEND b/s1 b/s2 b/dead b/BACKEND',
	    'lines in order');
	my $c = csv($p);
	my ($f, $b, $s) = @$c{'web/FRONTEND', 'b/BACKEND', 'b/s1'};
	is($f->{status}, 'OPEN', 'frontend: status');
	is($f->{slim}, 77, 'frontend: slim');
	is($f->{req_tot}, 5, 'frontend: req_tot');
	is($f->{stot}, 5, 'frontend: stot');
	is("@$f{qw(hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx)}", '2 1 1 1', 'frontend: answers');
	cmp_ok($f->{bin}, '>', 100, 'frontend: bin');
	cmp_ok($f->{bout}, '>', 100, 'frontend: bout');
	is("@$_{qw(type)}", $_ == $f ? 0 : $_ == $b ? 1 : 2, 'type') for $f, $b, $s;
	is($s->{status}, 'UP', 'server: status');
	is($s->{weight}, 7, 'server: weight');
	is($s->{slim}, 5, 'server: slim');
	is($s->{lbtot}, 5, 'server: lbtot');
	is($s->{stot}, 5, 'server: stot');
	is("$s->{act}$s->{bck}", '10', 'server: active');
	is("$c->{'b/s2'}{act}$c->{'b/s2'}{bck}", '01', 'server: backup');
	is($c->{'b/s2'}{status}, 'no check', 'server: no check');
	is($s->{check_status}, 'L7OK', 'server: check_status');
	is($s->{check_code}, 200, 'server: check_code');
	is($s->{addr}, $o->addr, 'server: addr');
	is($s->{cookie}, 'c1', 'server: cookie');
	is($s->{pid}, 1, 'server: pid');
	is($s->{mode}, 'http', 'server: mode');
	is($b->{algo}, 'leastconn', 'backend: algo');
	is($b->{status}, 'UP', 'backend: status');
	is($b->{act}, 1, 'backend: act');
	is($b->{bck}, 1, 'backend: bck');
	my $d = $c->{'b/dead'};
	is($d->{chkdown}, 1, 'dead: chkdown');
	cmp_ok($d->{chkfail}, '>=', 1, 'dead: chkfail');
	is($d->{check_status}, 'L4CON', 'dead: check_status');
	is($d->{last_chk} =~ /refused/i ? 1 : 0, 1, 'dead: last_chk');
	stop_proxy($p);
};

subtest 'gauges' => sub {
	my $p = proxy();
	wait_until { csv($p)->{'b/dead'}{status} =~ /^DOWN/ };
	my @c = map { my $c = $p->client('web');
	    $c->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"); $c } 1 .. 7;
	ok(wait_until { csv($p)->{'b/s1'}{qcur} == 2 || csv($p)->{'b/BACKEND'}{qcur} == 2 },
	    'two wait in the queue');
	my $c = csv($p);
	is($c->{'b/s1'}{scur}, 5, 'five are at the server');
	is($c->{'web/FRONTEND'}{scur}, 7, 'seven at the frontend');
	$o->set('go');
	$_->read_response for @c;
	$_->close for @c;
	ok(wait_until { csv($p)->{'web/FRONTEND'}{scur} == 0 }, 'back to none');
	$c = csv($p);
	is($c->{'web/FRONTEND'}{smax}, 7, 'smax remembers');
	is($c->{'b/s1'}{scur}, 0, 'server: none');
	stop_proxy($p);
};

subtest 'JSON' => sub {
	my $p = proxy();
	$p->get('web', '/200');
	my $r = $p->get('st', '/haproxy?stats;json');
	like($r->header('Content-Type'), qr{^application/json}, 'type');
	my $j = eval { JSON::PP->new->decode($r->body) };
	ok(ref $j eq 'ARRAY', 'it is JSON') or return stop_proxy($p);
	my %by;
	for my $row (@$j) {
		my %f = map { $_->{field}{name} => $_ } @$row;
		$by{"$f{pxname}{value}{value}/$f{svname}{value}{value}"} = \%f;
	}
	my $s = $by{'b/s1'};
	is_deeply($s->{stot}, { objType => 'Server', proxyId => $s->{stot}{proxyId},
	    id => 1, field => { pos => 7, name => 'stot' }, processNum => 1,
	    tags => { origin => 'Metric', nature => 'Counter', scope => 'Process' },
	    value => { type => 'u64', value => 1 } }, 'a field, in full')
	    or diag explain $s->{stot};
	is($by{'web/FRONTEND'}{status}{value}{value}, 'OPEN', 'a frontend');
	is($by{'b/BACKEND'}{stot}{objType}, 'Backend', 'a backend');
	stop_proxy($p);
};

subtest 'the page' => sub {
	my $p = proxy('uri /monitor', 'refresh 7s', 'show-legends',
	    'show-node edge9', 'show-desc the desc');
	my $r = $p->get('st', '/monitor');
	is($r->status, 200, 'is there');
	is($r->header('Refresh'), 7, 'refresh') or diag $r->{raw};
	like($r->header('Cache-Control') // '', qr/no-(?:cache|store)/, 'never cached');
	like($r->body, qr/$_/, "shows $_") for qw(web b s1 dead edge9 leastconn);
	like($r->body, qr/the desc/, 'shows the description');
	is($p->get('st', '/monitor;norefresh')->header('Refresh'), undef, ';norefresh');
	is($p->get('st', '/other')->status, 503, 'nothing elsewhere');
	is($p->get('st', '/haproxy?stats')->status, 503, 'not at the default place');
	unlike($r->body, qr{(?:src|href)\s*=\s*["']?(?:https?:)?//(?!www\.haproxy)}, 'loads nothing from elsewhere');
	my $head = $p->request('st', "HEAD /monitor HTTP/1.1\r\nHost: a\r\n\r\n");
	is($head->status, 200, 'HEAD') if is_tideway();
	is($p->request('st', "PUT /monitor HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")->status =~ /^[45]/ ? 1 : 0,
	    1, 'PUT is none of its methods') if is_tideway();
	stop_proxy($p);

	$p = proxy('hide-version');
	unlike($p->get('st', '/haproxy?stats')->body, qr/version \d/, 'hide-version');
	stop_proxy($p);
};

subtest 'authentication' => sub {
	my $p = proxy('auth admin:secret', 'auth guest:x:y', 'realm The\ Realm');
	my $r = $p->get('st', '/haproxy?stats');
	is($r->status, 401, 'asked for');
	is($r->header('WWW-Authenticate'), 'Basic realm="The Realm"', 'with the realm');
	my %try = ('admin:secret' => 200, 'guest:x:y' => 200, 'admin:wrong' => 401,
	    'admin:' => 401, ':' => 401, 'admin:secret2' => 401, 'nobody:secret' => 401);
	for my $cred (sort keys %try) {
		is($p->get('st', '/haproxy?stats', 'Authorization: Basic '
		    . encode_base64($cred, ''))->status, $try{$cred}, $cred);
	}
	is($p->get('st', '/haproxy?stats', "Authorization: $_")->status, 401, "'$_'")
	    for 'Basic', 'Basic !!!', 'Bearer x', 'Basic ' . ('A' x 5000);
	is($p->get('st', '/haproxy?stats;csv')->status, 401, 'the CSV too');
	stop_proxy($p);
};

# posts the form as a browser would, from the page itself
sub post
{
	my ($p, $form, @headers) = @_;
	my $page = $p->get('st', '/haproxy?stats')->body;
	my ($part) = $page =~ m{(<form[^>]*post.*?name=["']?b["']?.*?</form>)}is;
	my $origin = 'http://' . $p->addr('st');

	for my $in (($part // '') =~ /(<input[^>]*hidden[^>]*>)/gi) {
		my ($n) = $in =~ /name=["']?([^"'\s>]+)/;
		my ($v) = $in =~ /value=["']([^"']*)/;
		$form .= "&$n=$v" if defined $n && $n ne 'b' && defined $v
		    && $form !~ /\b$n=/;
	}
	@headers = ("Origin: $origin", 'Sec-Fetch-Site: same-origin') unless @headers;
	return $p->request('st', "POST /haproxy?stats HTTP/1.1\r\nHost: "
	    . $p->addr('st') . "\r\n" . join('', map { "$_\r\n" } @headers)
	    . "Content-Type: application/x-www-form-urlencoded\r\n"
	    . 'Content-Length: ' . length($form) . "\r\n\r\n$form");
}

subtest 'admin actions' => sub {
	my $p = proxy('admin if TRUE');
	my %st = (maint => 'MAINT', ready => 'UP', drain => 'DRAIN');
	for my $action (qw(maint ready drain ready)) {
		my $r = post($p, "s=s1&action=$action&b=b");
		is($r->status, 303, "$action: 303") or diag $r->body;
		like($r->header('Location') // '', qr/;st=DONE/, 'done');
		like(csv($p)->{'b/s1'}{status}, qr/^$st{$action}/, 'and it is so');
	}
	like(post($p, 's=nobody&action=maint&b=b')->header('Location') // '',
	    qr/;st=(?:ERRP|NONE|PART|UNKN)/, 'an unknown server');
	like(post($p, 's=s1&action=explode&b=b')->header('Location') // '',
	    qr/;st=(?:ERRP|NONE|UNKN)/, 'an unknown action');
	post($p, 's=s1&s=s2&action=maint&b=b');
	is($p->get('web', '/')->status, 503, 'two at once, and none left');
	if (is_tideway()) {
		post($p, 's=s1&action=ready&b=b');
		my $r = post($p, 's=s1&action=maint&b=b', 'Origin: http://evil.example',
		    'Sec-Fetch-Site: cross-site');
		like(csv($p)->{'b/s1'}{status}, qr/^UP/, 'a cross-site request changes nothing');
		$r = post($p, 's=s1&action=maint&b=b', 'User-Agent: curl/8');
		like(csv($p)->{'b/s1'}{status}, qr/^MAINT/, 'a script needs no page');
	}
	stop_proxy($p);

	$p = proxy();
	like(post($p, 's=s1&action=maint&b=b')->header('Location') // 'none',
	    qr/none|st=DENY/, 'not allowed without stats admin');
	is(csv($p)->{'b/s1'}{status} =~ /^UP/ ? 1 : 0, 1, 'and nothing changed');
	stop_proxy($p);
};

done_testing;
