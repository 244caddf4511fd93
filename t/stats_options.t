# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Each `stats` line by itself: where the page is, what it shows or hides, who
# may see it and who may act on it; in frontends, backends and defaults.
use Tideway::Test;
use MIME::Base64 qw(encode_base64);

my $o = origin(name => 's');

# a page of its own, made of these lines, beside a backend with one server
sub proxy
{
	my ($lines, %opt) = @_;

	return start_proxy("global\n    node globalnode\n"
	    . defaults(@{ $opt{defaults} // [] }) . "
frontend st
    bind {BIND:st}
" . join('', map { "    $_\n" } @$lines) . ($opt{more} // '') . "
backend b
    balance leastconn
    cookie C insert
    server s1 ${\ $o->addr} cookie kv1
");
}

sub page { $_[0]->get('st', $_[1] // '/haproxy?stats', @_[2 .. $#_]) }
sub login { 'Authorization: Basic ' . encode_base64($_[0], '') }

subtest 'enable and uri' => sub {
	my $p = proxy(['stats enable']);
	is(page($p)->status, 200, 'at the place it has by default');
	is(page($p, '/haproxy?stats&x')->status, 200, 'the uri is a prefix');
	is(page($p, '/')->status, 503, 'not elsewhere');
	stop_proxy($p);
	$p = proxy(['stats uri /here']);
	is(page($p, '/here')->status, 200, 'stats uri alone enables it');
	is(page($p)->status, 503, 'and no longer there');
	stop_proxy($p);
	$p = proxy([], defaults => ['stats enable', 'stats uri /inherited']);
	is(page($p, '/inherited')->status, 200, 'from defaults');
	stop_proxy($p);
	$p = proxy(['default_backend page'], more => "
backend page
    stats enable
    stats uri /behind
    server s ${\ $o->addr}
");
	is(page($p, '/behind')->header('X-Server'), undef, 'in a backend');
	is(page($p, '/else')->header('X-Server'), 's', 'whose server has the rest');
	stop_proxy($p);
	for my $mode ("frontend st\n    bind {BIND:st}", "listen st\n    bind {BIND:st}") {
		$p = start_proxy(defaults() . "$mode\n    stats enable\n");
		is(page($p)->status, 200, (split ' ', $mode)[0]);
		stop_proxy($p);
	}
};

subtest 'refresh' => sub {
	for my $case (['7', 7], ['5s', 5], ['1m', 60], ['3000ms', 3]) {
		my ($time, $secs) = @$case;
		my $p = proxy(['stats enable', "stats refresh $time"]);
		is(page($p)->header('Refresh'), $secs, "refresh $time");
		is(page($p, '/haproxy?stats;norefresh')->header('Refresh'), undef,
		    ';norefresh');
		stop_proxy($p);
	}
	my $p = proxy(['stats enable']);
	is(page($p)->header('Refresh'), undef, 'none unless asked for');
	stop_proxy($p);
};

subtest 'auth and realm' => sub {
	my $p = proxy(['stats enable', 'stats auth u:p']);
	my $r = page($p);
	is($r->status, 401, 'auth: asked for');
	is($r->header('WWW-Authenticate'), 'Basic realm="HAProxy Statistics"',
	    'the realm by default');
	is(page($p, undef, login('u:p'))->status, 200, 'and let in');
	stop_proxy($p);
	$p = proxy(['stats enable', 'stats auth u:p', 'stats realm My\ Realm',
	    'stats auth v:q']);
	is(page($p)->header('WWW-Authenticate'), 'Basic realm="My Realm"', 'realm');
	is(page($p, undef, login($_))->status, 200, $_) for 'u:p', 'v:q';
	is(page($p, undef, login($_))->status, 401, $_) for 'u:q', 'v:', 'x:p';
	is($p->get('st', '/haproxy?stats;json')->status, 401, 'the JSON too');
	stop_proxy($p);
	# the same login for all that is inherited
	$p = proxy([], defaults => ['stats enable', 'stats auth u:p']);
	is(page($p)->status, 401, 'auth from defaults');
	stop_proxy($p);
};

subtest 'what it shows' => sub {
	my $p = proxy(['stats enable']);
	my $r = page($p)->body;
	like($r, qr/version \d/, 'the version, by default');
	unlike($r, qr/globalnode/, 'no node');
	unlike($r, qr/kv1/, 'no cookies');
	unlike($r, qr/\Q${\ $o->addr}\E/, 'no addresses');
	stop_proxy($p);
	$p = proxy(['stats enable', 'stats hide-version', 'stats show-node',
	    'stats show-legends', 'stats show-desc Some\ words']);
	$r = page($p)->body;
	unlike($r, qr/version \d/, 'hide-version');
	like($r, qr/globalnode/, 'show-node: the node of global');
	like($r, qr/kv1/, 'show-legends: cookies');
	like($r, qr/\Q${\ $o->addr}\E/, 'show-legends: addresses');
	like($r, qr/leastconn/, 'show-legends: the algorithm');
	like($r, qr/Some words/, 'show-desc');
	stop_proxy($p);
	$p = proxy(['stats enable', 'stats show-node mynode']);
	like(page($p)->body, qr/mynode/, 'show-node with a name');
	stop_proxy($p);
};

# tries to stop the server; true when that worked
sub can_stop
{
	my ($p, @headers) = @_;
	my $form = 's=s1&action=maint&b=b';
	my $r = $p->request('st', "POST /haproxy?stats HTTP/1.1\r\nHost: "
	    . $p->addr('st') . "\r\n" . join('', map { "$_\r\n" } @headers)
	    . "Content-Type: application/x-www-form-urlencoded\r\n"
	    . 'Content-Length: ' . length($form) . "\r\n\r\n$form");
	my ($line) = $p->get('st', '/haproxy?stats;csv', @headers)->body
	    =~ /^b,s1,(.*)$/m;
	return $line =~ /MAINT/ ? 1 : 0;
}

subtest 'admin' => sub {
	my @cases = (['', 0, 'without a line'], ['if TRUE', 1], ['if FALSE', 0],
	    ['unless TRUE', 0], ['unless FALSE', 1],
	    ['if { src 127.0.0.0/8 }', 1], ['if { src 10.0.0.0/8 }', 0],
	    ['unless { src 127.0.0.1 }', 0], ['if local', 1], ['if !local', 0]);
	for my $case (@cases) {
		my ($cond, $want, $what) = @$case;
		my $p = proxy(['acl local src 127.0.0.1', 'stats enable',
		    $cond ? "stats admin $cond" : ()]);
		is(can_stop($p), $want, $what // "admin $cond");
		stop_proxy($p);
	}
	my $p = proxy(['stats enable', 'stats admin if FALSE', 'stats admin if TRUE']);
	is(can_stop($p), 1, 'the first condition that holds');
	stop_proxy($p);
	$p = proxy(['stats enable', 'stats auth u:p', 'stats admin if TRUE']);
	is(can_stop($p, login('u:p')), 1, 'with a login');
	stop_proxy($p);
	for my $bad ('stats admin', 'stats admin if', 'stats admin if nosuchacl',
	    'stats admin maybe TRUE', 'stats auth', 'stats refresh', 'stats refresh x',
	    'stats nonsense', 'stats') {
		next if $bad =~ /if$/ && !is_tideway();
		my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $bad\n");
		is($r->{code}, 1, "'$bad' is refused") or diag $r->{all};
		like($r->{all}, qr/check\.cfg:9\b/, 'with its line');
	}
};

subtest 'scope' => sub {
	my $names = sub { join ' ', map { /^(\w+),(?:FRONT|BACK)END/ ? $1 : () }
	    split /\n/, page($_[0], '/haproxy?stats;csv')->body };
	my $more = "\nlisten elsewhere\n    bind {BIND:elsewhere}\n";
	for (['', 'st elsewhere b'], ['stats scope .', 'st'], ['stats scope b', 'b'],
		["stats scope .\n    stats scope b", 'st b'], ['stats scope nobody', '']) {
		my ($line, $want) = @$_;
		my $p = proxy(['stats enable', $line], more => $more);
		is($names->($p) =~ s/\b(\w+) \1\b/$1/r, $want, $line || 'without a line');
		unlike(page($p)->body, qr/>elsewhere</, 'nor on the page') if $line;
		stop_proxy($p);
	}
	my $p = proxy(['stats uri /in'], more => $more, defaults => ['stats scope b']);
	is((page($p, '/in;csv')->body =~ /^(\w+),/m)[0], 'b', 'from defaults');
	stop_proxy($p);
	$p = proxy(['stats enable', 'stats scope .', 'stats admin if TRUE'], more => '');
	my ($token) = page($p)->body =~ /name=["']?t["']? value=["']?(\w+)/;
	my $form = 's=s1&action=maint&b=b' . ($token ? "&t=$token" : '');
	my $r = $p->request('st', "POST /haproxy?stats HTTP/1.1\r\nHost: " . $p->addr('st')
	    . "\r\nContent-Length: " . length($form) . "\r\n\r\n$form");
	like($r->header('Location') // '', qr/;st=DENY/, 'no hand on what is hidden')
	    if is_tideway();
	stop_proxy($p);
};

subtest 'http-request' => sub {
	my $yes = login('u:p');
	for ([['stats http-request deny'], 403], [['stats http-request allow'], 200],
		[['stats http-request auth'], 401],
		[['stats http-request deny if { src 10.0.0.0/8 }'], 200],
		[['stats http-request deny unless { src 10.0.0.0/8 }'], 403],
		[['stats http-request allow if { src 127.0.0.0/8 }', 'stats http-request deny'],
		    200],
		[['stats http-request auth if { src 10.0.0.0/8 }', 'stats http-request deny'],
		    403]) {
		my ($lines, $want) = @$_;
		my $p = proxy($lines);
		is(page($p)->status, $want, join '; ', @$lines);
		is($p->get('st', '/')->status, 503, 'only the page');
		stop_proxy($p);
	}
	my $p = proxy(['stats http-request auth realm Mine']);
	is(page($p)->header('WWW-Authenticate'), 'Basic realm="Mine"', 'realm');
	stop_proxy($p);
	for my $bad ('stats http-request', 'stats http-request maybe',
	    'stats http-request deny if', 'stats http-request auth realm',
	    'stats http-request deny when x', 'stats scope') {
		next if $bad =~ /if$/ && !is_tideway();
		my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $bad\n");
		is($r->{code}, 1, "'$bad' is refused") or diag $r->{all};
	}
	my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n"
	    . "    stats auth u:p\n    stats http-request allow\n");
	is($r->{code}, 0, 'beside stats auth');
	like($r->{all}, qr/can't be used at the same time/, 'a warning');
};

subtest 'show-version' => sub {
	plan skip_all => 'HAProxy 3.4 has it' unless is_tideway();
	my $p = proxy(['stats show-version'], defaults => ['stats hide-version',
	    'stats enable']);
	like(page($p)->body, qr/version/i, 'shown again');
	stop_proxy($p);
};

done_testing;
