# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A keepalived.conf in the eyes of -c: what is valid, what is told and where,
# the two nodes' files beside each other (--peer), a reload that changes the
# file's name, and the table of keywords.
use Tideway::Test;
use IO::Socket::UNIX;

plan skip_all => 'HAProxy has no VRRP' unless is_tideway();
plan skip_all => 'built without the vrrp module'
    unless !$ENV{TIDEWAY_MODULE_PATH} || -e "$ENV{TIDEWAY_MODULE_PATH}/vrrp.so";

my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 's');

sub instance
{
	my (%with) = (priority => 100, pass => '1111', vrid => 51, more => '', @_);

	return "vrrp_instance VI_1 {
    interface lo
    virtual_router_id $with{vrid}
    priority $with{priority}
    authentication {
        auth_type PASS
        auth_pass $with{pass}
    }
    virtual_ipaddress {
        127.0.0.100
    }
    $with{more}
}
";
}

sub text
{
	my ($file, $more) = @_;

	return "global\n    vrrp-config $file\n    " . ($more // '') . "\n" . defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
";
}

sub check
{
	my ($vrrp, @args) = @_;
	my $file = spew('k.conf', $vrrp);

	return run_cmd('-c', '-f',
	    spew('c.cfg', text($file) =~ s/\{BIND:web\}/127.0.0.1:1/r), @args);
}

subtest 'one file' => sub {
	my $r = check(instance());
	is($r->{code}, 0, 'valid');
	unlike($r->{err}, qr/ALERT/, 'without an error');
	for (
		[instance(more => 'prioritty 3'), qr/k\.conf:12\b.*prioritty.*priority/s,
			'a word that nobody knows, and the nearest'],
		[instance(more => "track_script {\n no_such\n}"), qr/k\.conf:13\b.*no_such/s,
			'a script that is not defined'],
		[instance(vrid => 300), qr/k\.conf:3\b.*300/s, 'a number out of range'],
		["vrrp_instance X {\n", qr/k\.conf:/, 'a block without an end'],
	) {
		my ($vrrp, $re, $what) = @$_;
		my $r = check($vrrp);
		is($r->{code}, 1, "$what: refused");
		like($r->{err}, $re, 'with its place');
	}
	my $r2 = check(instance() . "virtual_server 10.0.0.1 80 {\n    lb_algo rr\n"
	    . "    real_server 10.0.0.2 80 {\n        weight 1\n    }\n}\n");
	is($r2->{code}, 0, 'LVS is skipped');
	like($r2->{err}, qr/k\.conf:14\b.*listen/s, 'with what to write instead');
	$r = check(instance(pass => 'much-too-long'));
	like($r->{err}, qr/k\.conf:7\b.*8/s, 'a password that is cut');
};

subtest 'both files' => sub {
	my $other = spew('other.conf', instance(priority => 90));
	my $r = check(instance(), '--peer', $other);
	is($r->{code}, 0, 'they fit');
	unlike($r->{err}, qr/other\.conf/, 'and nothing is told');
	$r = check(instance(), '--peer', spew('other.conf', instance()));
	like($r->{err}, qr/priorit/, 'equal priorities');
	$r = check(instance(), '--peer',
	    spew('other.conf', instance(priority => 90, pass => '2222')));
	like($r->{err}, qr/auth_pass differs/, 'another password');
	$r = check(instance(), '--peer', spew('other.conf', instance(priority => 90) . '}'));
	is($r->{code}, 1, 'a bad one is an error');
	$r = check(instance(), '--peer');
	is($r->{code}, 1, 'no file');
	like($r->{err}, qr/--peer needs/, 'and why');
};

# In a network namespace with rules of its own.
subtest 'the firewall' => sub {
	my $can = $> == 0 && system('unshare -n nft list ruleset >/dev/null 2>&1') == 0;
	plan skip_all => 'needs root, network namespaces and nft' unless $can;
	my $cfg = spew('c.cfg', text(spew('k.conf', instance()))
	    =~ s/\{BIND:web\}/127.0.0.1:1/r);
	my $check = sub {
		my $rules = spew('rules', "table inet filter {\n    chain input {\n"
		    . "        type filter hook input priority 0; policy drop;\n"
		    . "        $_[0]\n    }\n}\n");
		my $run = "nft -f $rules && exec " . binary() . " -c -f $cfg";
		my $said = qx(unshare -n sh -c '$run' 2>&1);
		is($?, 0, 'valid') or diag($said);
		return $said;
	};

	like($check->('tcp dport 80 accept'),
	    qr/k\.conf:1\].*VI_1.*firewall \(table inet filter\).*protocol 112/,
	    'what drops VRRP is told');
	unlike($check->('ip protocol vrrp accept'), qr/firewall/, 'what lets it in is not');
};

subtest 'the line in global' => sub {
	for (
		["global\n    vrrp-config /no/such\n", qr/no.such/],
		["global\n    vrrp-peer 127.0.0.1 127.0.0.2 key 0123456789abcdef\n",
			qr/needs 'vrrp-config/],
		["global\n    vrrp-config\n", qr/vrrp-config/],
		["global\n    vrrp-lease 3s\n", qr/'vrrp-lease' is 'on' or 'off'/],
	) {
		my ($global, $re) = @$_;
		my $r = check_config($global . defaults() . "listen web\n    bind 127.0.0.1:1\n");
		is($r->{code}, 1, 'refused');
		like($r->{err}, $re, 'with a reason');
	}
};

SKIP: {
	skip 'only root may hold addresses', 1 if $> != 0;
	subtest 'running' => sub {
		my $file = spew('run.conf', instance(more => 'dont_track_primary'));
		my $socket = "stats socket $dir/vrrp.sock level admin";
		my $p = start_proxy(text($file, $socket), args => ['-W', '-db']);
		my $ask = sub {
			my $s = IO::Socket::UNIX->new(Peer => "$dir/vrrp.sock") or return '';
			my $got = '';
			$s->syswrite("$_[0]\n");
			1 while $s->sysread($got, 65536, length $got);
			return $got;
		};
		ok(wait_until { $ask->('show vrrp') =~ /^VI_1\s+lo\s+51\s/m }, 'show vrrp');
		like($ask->('show vrrp VI_1'), qr/51/, 'one of them');
		like($ask->('show vrrp json'), qr/"VI_1"/, 'as JSON');
		like($ask->('show vrrp metrics'), qr/^tideway_vrrp_state\{.*VI_1/m, 'for Prometheus');
		my $table = $ask->('show vrrp keywords');
		like($table, qr/^vrrp_instance: virtual_router_id .*\| works \|/m, 'keywords: works');
		like($table, qr/\| refused \|/, 'refused');
		like($ask->('show vrrp nobody'), qr/no VRRP instance 'nobody'/, 'nobody');
		like($ask->('vrrp yield nobody'), qr/no VRRP instance 'nobody'/, 'nor to yield');
		$p->write_config(text(spew('run2.conf', instance()), $socket));
		$p->signal('USR2');
		ok($p->wait_output(qr/cannot change in a reload/), 'another file needs a restart');
		stop_proxy($p);
	};
}

done_testing;
