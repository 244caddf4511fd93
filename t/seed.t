# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The scenario of t/seed, as an administrator wrote it for HAProxy, end to
# end: only host names, ports and the log socket are mapped to this machine.
use Tideway::Test;

my %map;
my $log = syslog_unix();

sub up_or_500
{
	my ($req, $c, $o) = @_;

	if ($req->uri eq '/' && $req->method eq 'HEAD' && $o->is_set('down')) {
		return response(500);
	}
	$o->record('cookie', $req->header('Cookie') // '-')
	    if $req->method eq 'GET';
	return $o->reply($req, undef,
	    "Set-Cookie: JSESSIONID=id$o->{name}; Path=/",
	    'Cache-Control: max-age=60');
}

my $web1 = origin(name => 'server1', respond => \&up_or_500);
my $web2 = origin(name => 'server2', respond => \&up_or_500);

# the seed file with another backend section when given, mapped
sub seed_config
{
	my ($backend) = @_;
	my $text = slurp(test_dir() . '/seed/haproxy.cfg');

	if (defined $backend) {
		my $new = slurp(test_dir() . "/seed/$backend");
		$text =~ s/^backend .*//ms;
		$text .= $new;
	}
	# HAProxy does not start where it may not have 100,000 descriptors
	$text =~ s/maxconn 50000/maxconn 5000/ unless is_tideway();
	$text =~ s{/dev/log}{$log->{addr}}g;
	$text =~ s/web1\.example\.com:80\b/$web1->addr/ge;
	$text =~ s/web2\.example\.com:8080\b/$web2->addr/ge;
	$text =~ s/bind \*:8404/bind {BIND:stats}/;
	$text =~ s/bind \*:80\b/bind {BIND:web}/;
	return $text;
}

sub csv_status
{
	my ($p) = @_;
	my %status;

	for my $line (split /\n/, $p->get('stats', '/monitor;csv')->body) {
		my @f = split /,/, $line;
		$status{"$f[0]/$f[1]"} = $f[17] if @f > 17;
	}
	return \%status;
}

subtest 'point 1: -c says it is valid' => sub {
	my $text = seed_config();
	$text =~ s/\{BIND:\w+\}/127.0.0.1:0/g;
	$text =~ s/:0$/:18080/mg;
	my $r = check_config($text);
	is($r->{code}, 0, 'exit code 0') or diag $r->{all};
	like($r->{out}, qr/^Configuration file is valid$/m, 'it says so');
	for my $f (qw(insert prefix)) {
		$text = seed_config("backend-cookie-$f.cfg");
		$text =~ s/\{BIND:\w+\}/127.0.0.1:18080/g;
		is(check_config($text)->{code}, 0, "backend-cookie-$f.cfg");
	}
};

subtest 'point 1: balancing, log, statistics' => sub {
	my $p = start_proxy(seed_config());
	my (@seen, @log);

	for my $n (1 .. 6) {
		push @seen, $p->get('web', "/page$n")->header('X-Server');
	}
	is("@seen", 'server1 server2 server1 server2 server1 server2',
	    'requests alternate');

	# each thread sends its own lines, so two may come in another order
	my @lines = map { $log->next_match(qr/page\d /) } 1 .. 6;
	@lines = sort { ($a->{msg} =~ /page(\d)/)[0] <=> ($b->{msg} =~ /page(\d)/)[0] }
	    grep { defined } @lines;
	is(scalar(grep { $_->{pri} == 128 + 6 } @lines), 6, 'six lines, local0.info');
	@log = map { Tideway::Syslog::parse_http($_->{msg}) } @lines;
	is("@{[map { $_->{server} } @log]}", "@seen", 'the log names them');
	is($log[0]{request}, 'GET /page1 HTTP/1.1', 'the request line');
	is($log[0]{frontend}, 'haproxy_web', 'the frontend');
	is($log[0]{backend}, 'web_servers', 'the backend');
	is($log[0]{status}, 200, 'the status');
	is($log[0]{flags}, '----', 'the flags');

	my $page = $p->get('stats', '/monitor');
	is($page->status, 200, '/monitor is there');
	like($page->header('Content-Type'), qr{^text/html}, 'as HTML');
	is($page->header('Refresh'), 5, 'refreshed every 5 s');
	like($page->body, qr/server1/, 'with server1');
	like($page->body, qr/server2/, 'and server2');
	is($p->get('stats', '/other')->status, 503, 'nothing elsewhere');
	stop_proxy($p);
};

subtest 'point 1: a dead server leaves and comes back' => sub {
	my $text = seed_config();
	# the same file, only faster: the default interval is two seconds
	$text =~ s/default-server maxconn 20/$& inter 50ms/;
	my $p = start_proxy($text);

	ok(wait_until { csv_status($p)->{'web_servers/server1'} eq 'UP' },
	    'server1 is up');
	$web1->set('down');
	ok(wait_until { csv_status($p)->{'web_servers/server1'} eq 'DOWN' },
	    'server1 is down');
	like($p->get('stats', '/monitor')->body, qr/DOWN/, 'the page says so');
	ok($log->next_match(qr{Server web_servers/server1 is DOWN}),
	    'the log says so');
	my %seen;
	$seen{ $p->get('web', '/')->header('X-Server') }++ for 1 .. 6;
	is_deeply(\%seen, { server2 => 6 }, 'it gets no traffic');
	$web1->unset('down');
	ok(wait_until { csv_status($p)->{'web_servers/server1'} eq 'UP' },
	    'server1 is back by itself');
	ok($log->next_match(qr{Server web_servers/server1 is UP}),
	    'the log says so');
	%seen = ();
	$seen{ $p->get('web', '/')->header('X-Server') }++ for 1 .. 6;
	is_deeply(\%seen, { server1 => 3, server2 => 3 }, 'with its share');
	stop_proxy($p);
};

subtest 'point 2: cookie insert' => sub {
	my $p = start_proxy(seed_config('backend-cookie-insert.cfg'));
	my $r = $p->get('web', '/');
	my ($own) = grep { /SERVERUSED/ } $r->all('Set-Cookie');

	is($own, 'SERVERUSED=server1; path=/', 'the client gets the cookie');
	like($r->header('Cache-Control'), qr/\bprivate\b/,
	    'caches are told not to keep it');
	for my $name (qw(server2 server2 server1 server2)) {
		$r = $p->get('web', '/', "Cookie: a=1; SERVERUSED=$name; b=2");
		is($r->header('X-Server'), $name, "stays on $name");
		ok(!grep({ /SERVERUSED/ } $r->all('Set-Cookie')),
		    'and gets no new cookie');
	}
	my @cookies = map { $_->[2] } $web2->events('cookie');
	is($cookies[-1], 'a=1; b=2', 'the server never sees the cookie');
	stop_proxy($p);
};

subtest 'point 3: cookie prefix' => sub {
	my $p = start_proxy(seed_config('backend-cookie-prefix.cfg'));

	$p->get('web', '/');
	my $r = $p->get('web', '/');
	is($r->header('Set-Cookie'),
	    'JSESSIONID=server2~idserver2; Path=/', 'the prefix is added');
	$r = $p->get('web', '/', 'Cookie: JSESSIONID=server2~idserver2')
	    for 1 .. 2;
	is($r->header('X-Server'), 'server2', 'the client stays');
	my @cookies = map { $_->[2] } $web2->events('cookie');
	is($cookies[-1], 'JSESSIONID=idserver2',
	    'the server gets its own value back');
	stop_proxy($p);
};

done_testing;
