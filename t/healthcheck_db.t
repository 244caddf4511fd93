# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# mysql-check, pgsql-check and redis-check against MariaDB, PostgreSQL and Redis
# themselves, each started here with a data folder of its own on a free port as
# an unprivileged user; skipped where the package is not installed. And
# grpc-check against HTTP/2 as somebody else speaks it.
use Tideway::Test;
use IO::Socket::INET;
use POSIX ();

my $scale = $ENV{TW_TIME_SCALE} || 1;
alarm 240 * $scale;

my $user = $> == 0 ? 'nobody' : undef;
my ($uid, $gid) = $user ? (getpwnam $user)[2, 3] : ($>, $) + 0);
my @running;

# A program as that user, in a process group of its own.
sub start
{
	my ($dir, @cmd) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		setpgrp 0, 0;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/out";
		open STDERR, '>&', \*STDOUT;
		if ($user) {
			$) = "$gid $gid";
			POSIX::setgid($gid);
			POSIX::setuid($uid);
		}
		chdir $dir;
		$ENV{HOME} = $dir;
		exec { $cmd[0] } @cmd or POSIX::_exit(127);
	}
	return $pid;
}

sub run
{
	my ($dir, @cmd) = @_;

	waitpid start($dir, @cmd), 0;
	return $? == 0;
}

sub serve
{
	my ($dir, @cmd) = @_;

	push @running, start($dir, @cmd);
	return $running[-1];
}

END {
	my $status = $?;
	for my $pid (grep { defined && kill 0, $_ } @running) {
		kill 'KILL', -$pid;
		waitpid $pid, 0;
	}
	$? = $status;
}

sub folder
{
	my ($name) = @_;
	my $dir = Tideway::Test::temp_dir() . "/$name";

	mkdir $dir or die "mkdir: $!";
	chown $uid, $gid, $dir;
	chmod 0700, $dir;
	return $dir;
}

# These servers cannot bind port 0 and say which: a port that was free a moment
# ago, on an address that no other test uses.
sub free_port
{
	my $l = listener();
	my $port = $l->port;

	$l->close;
	return ($Tideway::Listener::ADDR, $port);
}

sub row
{
	my ($p) = @_;
	my @l = split /\n/, $p->get('stats', '/s;csv')->body;
	my @names = split /,/, shift(@l) =~ s/^# //r;

	for (@l) {
		my @v = split /,/, $_, -1;
		return { map { $names[$_] => $v[$_] } 0 .. $#names } if $v[1] eq 's';
	}
	return {};
}

sub check_is
{
	my ($lines, $addr, $want, $what) = @_;
	my $p = start_proxy(defaults('timeout check 3s') . "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
backend b
    $lines
    server s $addr check inter 100ms rise 1 fall 1
");
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $r;
	my $good = wait_until {
		$r = row($p);
		join(' ', @$r{qw(status check_status check_code last_chk)}) =~ $want;
	} 15 * $scale;
	ok($good, $what) or diag(join ' ', @$r{qw(status check_status check_code last_chk)});
	stop_proxy($p);
}

sub tail { join '', map { "$_\n" } grep { defined } (split /\n/, slurp("$_[0]/out"))[-8 .. -1] }

subtest 'Redis' => sub {
	my ($bin) = grep { -x } qw(/usr/bin/redis-server /usr/local/bin/redis-server);
	plan(skip_all => 'redis-server is not installed') unless $bin;
	my $dir = folder('redis');
	my ($host, $port) = free_port();
	my $pid = serve($dir, $bin, '--bind', $host, '--port', $port, '--save', '',
	    '--dir', $dir, '--protected-mode', 'no');
	check_is('option redis-check', "$host:$port", qr/^UP L7OK 0 Redis server is ok/, 'redis-check');
	check_is("option tcp-check\n    tcp-check send PING\\r\\n\n    tcp-check expect string +PONG\n"
	    . "    tcp-check send info\\ replication\\r\\n\n    tcp-check expect string role:master\n"
	    . "    tcp-check send QUIT\\r\\n\n    tcp-check expect string +OK", "$host:$port",
	    qr/^UP L7OK 0 \(tcp-check\)/, "the manual's example");
	kill 'KILL', $pid;
	waitpid $pid, 0;
	($host, $port) = free_port();
	serve($dir, $bin, '--bind', $host, '--port', $port, '--save', '',
	    '--dir', $dir, '--requirepass', 'secret');
	check_is('option redis-check', "$host:$port", qr/^DOWN L7STS 0 -NOAUTH/, 'one that wants a password');
};

subtest 'PostgreSQL' => sub {
	my ($bin) = map { s{/postgres$}{}r } grep { -x } sort glob '/usr/lib/postgresql/*/bin/postgres';
	plan(skip_all => 'postgresql is not installed') unless $bin;
	my $dir = folder('pg');
	my ($host, $port) = free_port();
	ok(run($dir, "$bin/initdb", '-D', "$dir/data", '-U', 'joe', '-A', 'trust', '-N'), 'initdb')
	    or diag(tail($dir));
	Tideway::Test::spew("$dir/data/pg_hba.conf", "host all joe 0.0.0.0/0 trust\n");
	serve($dir, "$bin/postgres", '-D', "$dir/data", '-h', $host, '-p', $port, '-k', $dir,
	    '-c', 'fsync=off');
	check_is('option pgsql-check user joe', "$host:$port",
	    qr/^UP L7OK 0 PostgreSQL server is ok/, 'a user that may log in');
	check_is('option pgsql-check user nobody', "$host:$port", qr/^DOWN L7RSP  FATAL/,
	    'a user that there is not');
};

subtest 'MariaDB' => sub {
	my ($bin) = grep { -x } qw(/usr/sbin/mariadbd /usr/sbin/mysqld);
	my ($install) = grep { -x } qw(/usr/bin/mariadb-install-db /usr/bin/mysql_install_db);
	plan(skip_all => 'mariadb-server is not installed') unless $bin && $install;
	my $dir = folder('my');
	my ($host, $port) = free_port();
	ok(run($dir, $install, '--no-defaults', "--datadir=$dir/data", '--skip-test-db',
	    '--auth-root-authentication-method=normal'), 'install-db') or diag(tail($dir));
	my $init = Tideway::Test::spew('init.sql', "CREATE USER joe;\n");
	chmod 0644, $init;
	serve($dir, $bin, '--no-defaults', "--datadir=$dir/data", "--bind-address=$host",
	    "--port=$port", "--socket=$dir/sock", "--pid-file=$dir/pid", "--init-file=$init",
	    '--innodb-buffer-pool-size=8M', '--innodb-flush-log-at-trx-commit=0');
	check_is('option mysql-check user joe', "$host:$port", qr/^UP L7OK 0/, 'a user that may log in');
	check_is('option mysql-check user joe pre-41', "$host:$port", qr/^(?:UP L7OK 0|DOWN L7STS \d+)/,
	    'the old handshake');
	check_is('option mysql-check', "$host:$port", qr/^UP L7OK 0/, 'no user');
	check_is('option mysql-check user nobody', "$host:$port", qr/^DOWN L7STS 1045 .*Access denied/,
	    'a user that there is not');
};

# No gRPC server is at hand, but another HTTP/2 implementation is: it has to
# understand the request, and to answer it with the message.
subtest 'HTTP/2' => sub {
	plan(skip_all => 'haproxy is not installed') unless -x '/usr/sbin/haproxy' && is_tideway();
	my %file = map { $_ => spew("answer$_", "\0" . pack('N/a', "\x08" . chr $_)) } 1, 2;
	my $h2 = start_proxy(defaults() . "
frontend grpc
    bind {BIND:h2} proto h2
    http-request return status 200 content-type application/grpc file $file{2} if { path /grpc.health.v1.Health/Check } METH_POST { req.hdr(te) trailers } { req.hdr(host) drain }
    http-request return status 200 content-type application/grpc file $file{1} if { path /grpc.health.v1.Health/Check } METH_POST { req.hdr(te) trailers }
    http-request return status 404
", bin => '/usr/sbin/haproxy');
	check_is('option grpc-check', $h2->addr('h2'), qr/^UP L7OK 1 SERVING/, 'grpc-check');
	check_is('option grpc-check authority drain service x', $h2->addr('h2'),
	    qr/^DOWN L7STS 2 NOT_SERVING/, 'a service that does not serve');
	stop_proxy($h2);
};

done_testing;
