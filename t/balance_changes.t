# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Servers that come and go, many at once: all changes of a moment are one look
# at the servers of a backend, and yet no request goes where it must not from
# the moment on that the change is told. sticky stays; a ring moves the keys of
# the server that is gone and no others.
use Tideway::Test;

plan(skip_all => 'the admin page is answered by a script here') unless is_tideway();

my $N = 120;
my $o = origin(host => '0.0.0.0', respond => sub {
	my ($req, $c) = @_;
	return response(200, 's' . ($c->sock->sockhost =~ /(\d+)$/)[0]);
});
my @algos = ('roundrobin', 'static-rr', 'leastconn', 'first', 'sticky', 'random', 'p2c',
    'peak-ewma', 'uri', "uri\n    hash-type consistent");
my $log = syslog_unix();
my $p = start_proxy("global\n    log $log->{addr} local0\n" . defaults('http-reuse always')
    . "listen st\n    bind {BIND:st}\n    stats enable\n    stats admin if TRUE\n"
    . join('', map { my $i = $_; "
listen b$i
    bind {BIND:b$i}
    balance $algos[$i]
" . join('', map { "    server s$_ 127.0.5.$_:${\ $o->port}\n" } 1 .. $N) } 0 .. $#algos) . "
listen told
    bind {BIND:told}
    log global
    option dontlog-normal
" . join('', map { "    server s$_ 127.0.5.$_:${\ $o->port}\n" } 1 .. 6));

sub admin
{
	my ($b, $action, @servers) = @_;
	my $form = join('&', (map { "s=s$_" } @servers), "action=$action", "b=$b");
	my $r = $p->request('st', "POST /haproxy?stats HTTP/1.1\r\nHost: a\r\n"
	    . "User-Agent: curl/8\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	    . 'Content-Length: ' . length($form) . "\r\n\r\n$form");

	return $r->status;
}

sub ask
{
	my ($b, $n) = @_;
	my $c = $p->client($b);

	return map { $c->request("GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n")->body } 1 .. $n;
}

for my $i (0 .. $#algos) {
	my ($name) = $algos[$i] =~ s/\n\s*/ /r;

	subtest $name => sub {
		my $b = "b$i";
		my %before;
		@before{ 1 .. 60 } = ask($b, 60);
		for my $left (7, 99) {
			my @others = grep { $_ != $left } 1 .. $N;
			is(admin($b, 'maint', @others), 303, 'all but one in maintenance');
			is_deeply([ask($b, 4)], [("s$left") x 4], 'that one is used at once');
			is(admin($b, 'maint', $left), 303, 'and that one, too');
			is($p->get($b, '/')->status, 503, 'nobody is left, at once');
			is(admin($b, 'ready', 1 .. $N), 303, 'all are back');
			is($p->get($b, '/')->status, 200, 'and used at once');
		}
		if ($name =~ /consistent/) {
			my $gone = $before{1} =~ s/s//r;
			admin($b, 'maint', $gone);
			my %after;
			@after{ 1 .. 60 } = ask($b, 60);
			my @wrong = grep { $before{$_} ne "s$gone" && $before{$_} ne $after{$_} }
			    1 .. 60;
			is(scalar @wrong, 0, 'no key of another server has moved');
			isnt($after{1}, $before{1}, 'its own have');
			admin($b, 'ready', $gone);
			ok(wait_until { "@{[ask($b, 60)]}" eq "@before{ 1 .. 60 }" },
			    'and are back');
		} elsif ($name eq 'sticky') {
			my ($first) = ask($b, 1);
			admin($b, 'maint', $first =~ s/s//r);
			my ($next) = ask($b, 1);
			isnt($next, $first, 'the next one');
			admin($b, 'ready', $first =~ s/s//r);
			is((ask($b, 1))[0], $next, 'the first is back: nothing moves');
		}
	};
}

subtest 'what is told' => sub {
	is(admin('told', 'maint', 1 .. 6), 303, 'all at once');
	my (@left, $none);
	while (!$none) {
		my $l = $log->next_line or last;
		push @left, $1 if $l->{msg} =~ /going DOWN.* (\d+) active and 0 backup/;
		$none = $l->{msg} =~ /told has no server available/;
	}
	is_deeply(\@left, [5, 4, 3, 2, 1, 0],
	    'each line has the number that is left then');
	ok($none, 'and the last one says so');
};

stop_proxy($p);

# the same servers in another order, under load, across a reload
subtest 'a reload' => sub {
	my $text = defaults('http-reuse always') . "
listen ring
    bind {BIND:ring}
    balance uri
    hash-type consistent
%s
listen stays
    bind {BIND:stays}
    balance sticky
%s
listen mark
    bind {BIND:mark}
    server m 127.0.5.%d:${\ $o->port}
";
	my @s = map { "    server s$_ 127.0.5.$_:${\ $o->port} id $_\n" } 1 .. 6;
	$p = start_proxy(sprintf $text, join('', @s), join('', @s), 1);
	my @before = ask('ring', 50);
	my ($one) = ask('stays', 1);
	@s = reverse @s;
	$p->write_config(sprintf $text, join('', @s), join('', @s), 2);
	$p->signal('HUP');
	ok(wait_until { (ask('mark', 1))[0] eq 's2' }, 'reloaded');
	is_deeply([ask('ring', 50)], \@before, 'keys stay where they are');
	is((ask('stays', 1))[0], $one, 'sticky stays');
	stop_proxy($p);
};

done_testing;
