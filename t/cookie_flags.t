# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The persistence flags of the HTTP log (HAProxy's manual, 8.5): third and
# fourth character of the termination state.
use Tideway::Test;

my $log = syslog_unix();
my @o = map { origin(name => "server$_", respond => sub {
	my ($req, $c, $o) = @_;
	my @set = $req->uri =~ m{^/set/(.*)} ? ("Set-Cookie: $1") : ();
	return $o->reply($req, undef, @set);
}) } 1, 2;

my %cookie = (none => '', insert => 'cookie C insert',
    indirect => 'cookie C insert indirect',
    preserve => 'cookie C insert indirect preserve',
    prefix => 'cookie C prefix', rewrite => 'cookie C rewrite',
    dated => 'cookie C insert maxidle 1h maxlife 1h');
my $text = "global\n    log $log->{addr} local0\n"
    . defaults('log global', 'option httplog', 'option redispatch');
for my $name (sort keys %cookie) {
	$text .= "listen $name
    bind {BIND:$name}
    $cookie{$name}
    server server1 ${\ $o[0]->addr} cookie s1
    server server2 ${\ $o[1]->addr} cookie s2
    server server3 127.0.0.1:1 cookie s3 disabled
";
}
my $p = start_proxy($text);

# as a cookie is dated now; after some seconds it would be dated anew
sub now
{
	my ($now) = $p->get('dated', '/')->header('Set-Cookie') =~ /^C=s\d\|(\S{5})/;
	$log->next_http;
	return $now;
}

my @cases = (
	# listen, cookie, uri, flags, what
	['none', '', '/', '--', 'no cookie configured'],
	['insert', '', '/', 'NI', 'none came, one inserted'],
	['insert', 's1', '/', 'VN', 'a valid one'],
	['insert', 'xx', '/', 'II', 'an unknown server'],
	['insert', 's3', '/', 'DI', 'a server that is down'],
	['indirect', 's1', '/', 'VN', 'a valid one, indirect'],
	['indirect', '', '/set/C=own', 'NI', 'the own one replaces'],
	['preserve', '', '/set/C=own', 'NP', 'preserve: provided'],
	['prefix', '', '/', 'NN', 'prefix: nothing on either side'],
	['prefix', '', '/set/C=v', 'NR', 'prefix: rewritten'],
	['prefix', 's1~v', '/', 'VN', 'prefix: valid'],
	['prefix', 'xx~v', '/', 'IN', 'prefix: unknown server'],
	['prefix', 's1~v', '/set/C=w', 'VR', 'prefix: valid, new value'],
	['rewrite', '', '/set/C=v', 'NR', 'rewrite: rewritten'],
	['rewrite', 's2', '/', 'VN', 'rewrite: valid'],
	['rewrite', '', '/', 'NN', 'rewrite: nothing'],
	['dated', '', '/', 'NI', 'dated: inserted'],
	['dated', 's1|AAAAB|AAAAB', '/', 'OI', 'dated: too old'],
	['dated', "s1|AAAAB|NOW", '/', 'EI', 'dated: idle too long'],
	['dated', "s1|NOW|NOW", '/', 'VN', 'dated: fresh'],
	['dated', 's1', '/', 'VU', 'dated: undated one is updated'],
);

for my $case (@cases) {
	my ($name, $cookie, $uri, $flags, $what) = @$case;
	$cookie =~ s/NOW/now()/ge;
	my $r = $p->get($name, $uri, $cookie ne '' ? "Cookie: C=$cookie" : ());
	my $l = $log->next_http;
	is($l->{flags}, "--$flags", "$what: --$flags") or diag $l->{msg};
	is($r->status, 200, 'served');
}

stop_proxy($p);
done_testing;
