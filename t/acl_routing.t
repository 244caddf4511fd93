# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# use_backend with acl: path, host, source and method, in their matching forms.
use Tideway::Test;

my $l = origin(name => "all");

# answers which backend was chosen, by the log
my $log = syslog_unix();

sub proxy
{
	my ($rules, @more) = @_;
	my %names = map { $_ => 1 } $rules =~ /use_backend (\w+)/g;

	return start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'option httplog') . "
frontend web
    bind {BIND:web}
$rules
    default_backend main
" . join('', map { "backend $_\n    server s ${\ $l->addr}\n" } 'main', sort keys %names));
}

sub backend
{
	my ($p, $method, $uri, $host, @headers) = @_;

	$p->request('web', "$method $uri HTTP/1.1\r\nHost: $host\r\n"
	    . join('', map { "$_\r\n" } @headers)
	    . ($method eq 'POST' ? "Content-Length: 0\r\n" : '')
	    . "Connection: close\r\n\r\n", method => $method);
	my $h = $log->next_http // {};
	return $h->{backend} // 'none';
}

subtest 'path' => sub {
	my $p = proxy('
    acl exact path /one /two
    acl begins path_beg /img/ /css/
    acl ends path_end .php .cgi
    acl sub path_sub secret
    acl re path_reg ^/n[0-9]+$
    acl dir path_dir lib
    acl nocase path_beg -i /Mixed
    use_backend a if exact
    use_backend b if begins
    use_backend c if ends
    use_backend d if sub
    use_backend e if re
    use_backend f if dir
    use_backend g if nocase
');
	my @cases = (['/one', 'a'], ['/two', 'a'], ['/one?x=/img/', 'a'], ['/one/', 'main'],
	    ['/ONE', 'main'], ['/img/x.png', 'b'], ['/img', 'main'], ['/css/', 'b'],
	    ['/x/img/', 'main'], ['/x.php', 'c'], ['/x.php?q', 'c'], ['/x.phpx', 'main'],
	    ['/a-secret-b', 'd'], ['/?secret', 'main'], ['/n42', 'e'], ['/n42x', 'main'],
	    ['/a/lib/b', 'f'], ['/alib/b', 'main'], ['/mIXED/x', 'g'], ['/', 'main'],
	    ['http://a/one', 'a']);
	for my $case (@cases) {
		is(backend($p, 'GET', $case->[0], 'a'), $case->[1], "path $case->[0]");
	}
	stop_proxy($p);
};

subtest 'host' => sub {
	my $p = proxy('
    acl one hdr(host) -i www.one.example
    acl two hdr_beg(host) -i static.
    acl three hdr_end(host) -i .three.example
    acl dom hdr_dom(host) -i four
    acl ua hdr_sub(user-agent) curl
    acl has hdr(x-flag) -m found
    use_backend a if one
    use_backend b if two
    use_backend c if three
    use_backend d if dom
    use_backend e if ua
    use_backend f if has
');
	my @cases = (['www.one.example', 'a'], ['WWW.ONE.EXAMPLE', 'a'],
	    ['www.one.example:80', 'main'], ['static.x', 'b'], ['x.three.example', 'c'],
	    ['three.example', 'main'], ['a.four.b', 'd'], ['fourx.b', 'main']);
	for my $case (@cases) {
		is(backend($p, 'GET', '/', $case->[0]), $case->[1], "host $case->[0]");
	}
	is(backend($p, 'GET', '/', 'x', 'User-Agent: my-curl/8'), 'e', 'another field');
	is(backend($p, 'GET', '/', 'x', 'X-Flag:'), 'f', 'an empty field is found');
	stop_proxy($p);
};

subtest 'source and method' => sub {
	my $p = proxy('
    acl here src 127.0.0.1
    acl net src 10.0.0.0/8 192.168.0.0/16
    acl get method GET HEAD
    acl meth_post method POST
    acl odd method PATCH
    use_backend a if net
    use_backend b if here meth_post
    use_backend c if here odd
    use_backend d if !get
');
	is(backend($p, 'GET', '/', 'x'), 'main', 'GET from here');
	is(backend($p, 'HEAD', '/', 'x'), 'main', 'HEAD');
	is(backend($p, 'POST', '/', 'x'), 'b', 'POST');
	is(backend($p, 'PATCH', '/', 'x'), 'c', 'PATCH');
	is(backend($p, 'DELETE', '/', 'x'), 'd', 'anything else');
	stop_proxy($p);
};

subtest 'conditions' => sub {
	my $p = proxy('
    acl p1 path_beg /1
    acl p2 path_sub 2
    acl p1 path_beg /one
    use_backend a if p1 p2
    use_backend b if p1 !p2
    use_backend c if { path /c } or { path /cc }
    use_backend d unless { path_beg /x } || { path / }
    use_backend e if { path /xe } METH_GET
    use_backend f if { path /xf } FALSE or { path /xff } TRUE
');
	my @cases = (['/12', 'a'], ['/1', 'b'], ['/one', 'b'], ['/one2', 'a'], ['/c', 'c'],
	    ['/cc', 'c'], ['/other', 'd'], ['/x', 'main'], ['/', 'main'], ['/xe', 'e'],
	    ['/xf', 'main'], ['/xff', 'f']);
	for my $case (@cases) {
		is(backend($p, 'GET', $case->[0], 'a'), $case->[1], $case->[0]);
	}
	stop_proxy($p);
};

subtest 'many' => sub {
	my $n = 300;
	my $rules = join '', map { "    use_backend a if { path_beg /p$_/ }\n" } 1 .. $n;
	$rules .= "    use_backend b if { path /p5/x }\n    use_backend b if { path /q }\n";
	my $p = proxy($rules);
	is(backend($p, 'GET', "/p$_/x", 'a'), 'a', "/p$_/x") for 1, 5, 77, $n;
	is(backend($p, 'GET', '/p301/', 'a'), 'main', 'none of them');
	is(backend($p, 'GET', '/q', 'a'), 'b', 'the order counts');
	stop_proxy($p);

	my $file = spew('hosts.lst', "# comment\n" . join '',
	    map { "host$_.example\n" } 1 .. 1000);
	$p = proxy("    use_backend a if { hdr(host) -i -f $file }\n");
	is(backend($p, 'GET', '/', 'HOST777.example'), 'a', 'a list in a file');
	is(backend($p, 'GET', '/', 'host1001.example'), 'main', 'not in it');
	stop_proxy($p);
};

done_testing;
