# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HTTP/2 clients that come and go: some reset streams, some close their side or
# reset the connection, while hooks, services, filters, queues and servers of
# either protocol are at work. At the end nothing is held any more.
use Tideway::Test;
use Tideway::H2;
use Tideway::Cli;
use Tideway::TLS;

my $CLIENTS = 4;
my $ROUNDS = 40;
my $STREAMS = 15;
my @paths = qw(/wait /service /tarpit /resolve /body /res /late /h2 /plain);

my $script = spew('hooks.lua', <<'END');
core.register_action("wait", {"http-req"}, function(txn)
	core.msleep(20)
	txn:set_var("txn.waited", "yes")
end)
core.register_action("waitres", {"http-res"}, function(txn) core.msleep(20) end)
core.register_service("slow", "http", function(applet)
	applet:set_status(200)
	applet:start_response()
	for i = 1, 50 do
		applet:send(string.rep("x", 1000))
		core.msleep(2)
	end
end)
END
my $o = origin(name => 'quick', respond => sub {
	my ($req) = @_;

	select undef, undef, undef, 0.01 if $req->uri =~ /late/;
	return response(200, 'x' x 5000);
});
my $h2 = h2_origin();
my $cert = cert('localhost');
my $p = start_proxy("global
    nbthread 4
    lua-load $script
    stats socket {DIR}/sock level admin
" . defaults('timeout client 60s', 'timeout tarpit 30ms', 'timeout queue 20s', 'retries 2') . "
resolvers default
    nameserver d 127.0.0.1:1
    timeout retry 50ms
    resolve_retries 1
listen web
    bind {BIND:web}
    bind {BIND:tls} ssl crt $cert->{pem} alpn h2
    stick-table type ip size 1k store conn_cur,http_req_cnt,glitch_cnt
    http-request track-sc0 src
    http-request lua.wait if { path_beg /wait }
    http-request use-service lua.slow if { path_beg /service }
    http-request tarpit if { path_beg /tarpit }
    http-request do-resolve(txn.x,default,ipv4) str(a.invalid) if { path_beg /resolve }
    http-request wait-for-body time 1s if { path_beg /body }
    http-response lua.waitres if { path_beg /res }
    http-request set-path /late if { path_beg /late }
    compression algo gzip
    compression type text/plain
    use_backend h2 if { path_beg /h2 }
    server s ${\ $o->addr} maxconn 3
    server dead 127.0.0.1:1 weight 1
    option redispatch 1
backend h2
    http-request set-path /big?20000
    server s ${\ $h2->addr} proto h2 maxconn 5
");

sub frames { my ($c, $most) = @_; $c->read_frame(rand 0.03) for 1 .. rand $most }

# one connection; whatever becomes of it is well
sub visit
{
	my ($c) = @_;
	my @sid = map {
		$c->request(path => $paths[rand @paths] . "/$_",
		    rand() < 0.3 ? (method => 'POST', open => 1, body => 'abc') : ())
	} 1 .. $STREAMS;

	frames($c, 10);
	$c->rst($_, 'CANCEL') for grep { rand() < 0.4 } @sid;
	frames($c, 10);
	$c->peer->shutdown_write if rand() < 0.2;
	frames($c, 10);
}

sub visitor
{
	my ($n) = @_;
	my @how = $n % 2 ? ('web') : ('tls', { verify => 0 });

	srand $n;
	for (1 .. $ROUNDS) {
		my $c = eval { h2_client($p->addr($how[0]), tls => $how[1] // 0) } or next;
		eval { visit($c) };
		rand() < 0.5 ? eval { $c->peer->reset } : $c->close;
	}
}

my @pids = map {
	my $n = $_;
	my $pid = fork // die "fork: $!";

	unless ($pid) {
		visitor($n);
		POSIX::_exit(0);
	}
	$pid;
} 1 .. $CLIENTS;
waitpid $_, 0 for @pids;

sub ask { cli_ask("$p->{dir}/sock", $_[0]) }

sub column
{
	my ($row, $name) = @_;
	my ($names, @rows) = split /\n/, ask('show stat') =~ s/^# //r;
	my ($found) = grep { /^\Q$row\E,/ } @rows;
	my %v;

	@v{ split /,/, $names } = split /,/, $found, -1;
	return $v{$name};
}

for my $row ('web,s', 'web,dead', 'h2,s', 'web,BACKEND', 'h2,BACKEND') {
	ok((wait_until { column($row, 'scur') == 0 && column($row, 'qcur') == 0 } 30),
	    "$row: nothing is held") or diag ask('show sess all');
}
is(h2_client($p->addr('web'))->get('/plain')->status, 200, 'the next one is answered');
like(ask('show table web'), qr/conn_cur=0/, 'no client is counted');
stop_proxy($p);
done_testing;
