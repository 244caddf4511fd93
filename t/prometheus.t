# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The service prometheus-exporter: HAProxy's names, types and labels, our
# histograms, a format that promtool likes; and `http-request use-service`.
use Tideway::Test;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 's');
my $addr = $o->addr;

sub config
{
	my ($who) = @_;

	return "global\n    nbthread 2\n    maxconn 100\n    stats socket $dir/$who.sock "
	    . "level admin\n" . defaults() . "
frontend web
    bind {BIND:web}
    http-request use-service prometheus-exporter if { path /metrics }
    default_backend be
backend be
    server s1 $addr check inter 100 weight 5
    server s2 127.0.0.1:1 backup maxconn 5
    server s3 $addr disabled
listen t
    mode tcp
    option socket-stats
    bind {BIND:t} name first
    server a 127.0.0.1:1 check inter 100
listen only
    bind {BIND:only}
    stats enable
    stats uri /
    http-request use-service prometheus-exporter unless { path /page }
";
}

my $p = start_proxy(config('tw'));

sub metrics { return $_[0]->get('web', '/metrics' . ($_[1] // ''))->body }

subtest 'the answer' => sub {
	is($p->get('web', '/')->status, 200, 'what is not asked for goes to the server')
	    for 1 .. 3;
	my $r = $p->get('web', '/metrics');
	is($r->status, 200, 'a metric or two');
	is($r->header('content-type'), 'text/plain; version=0.0.4', 'of that type');
	is($r->header('cache-control'), 'no-cache', 'never kept');
	my $text = $r->body;
	for my $line ('haproxy_frontend_status{proxy="web",state="UP"} 1',
		'haproxy_backend_http_responses_total{proxy="be",code="2xx"} 3',
		'haproxy_server_http_responses_total{proxy="be",server="s1",code="2xx"} 3',
		'haproxy_server_limit_sessions{proxy="be",server="s2"} 5',
		'haproxy_server_limit_sessions{proxy="be",server="s1"} NaN',
		'haproxy_server_status{proxy="be",server="s3",state="MAINT"} 1',
		'haproxy_backend_agg_server_status{proxy="be",state="MAINT"} 1',
		'haproxy_listener_status{proxy="t",listener="first",state="OPEN"} 1',
		'haproxy_process_nbthread 2', 'haproxy_process_max_connections 100') {
		like($text, qr/^\Q$line\E$/m, $line);
	}
	unlike($text, qr/^haproxy_\w+_http_\w+\{proxy="t"/m, 'mode tcp: no HTTP');
	unlike($text, qr/^haproxy_listener_\w+\{proxy="web"/m, 'listeners where wanted');
	is($p->get('only', '/')->status, 200, 'before the statistics page');
	like($p->get('only', '/x')->body, qr/^# HELP haproxy_process_/, 'it answers all');
	is($p->get('only', '/page')->status, 200, 'but what its rule leaves');
	like($p->request('web', "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n")->body // '',
	    qr/^$/, 'HEAD');
};

subtest 'histograms' => sub {
	my $text = metrics($p, '?scope=frontend&scope=backend&scope=server');
	for my $of ('frontend_latency_seconds', 'backend_latency_seconds',
		'server_latency_seconds') {
		my %le = $text =~ /^haproxy_${of}_bucket\{proxy="(?:be|web)"(?:,server="s1")?,le="([^"]+)"\} (\d+)$/mg;
		is(scalar keys %le, 14, "$of: buckets");
		my ($n) = $text =~ /^haproxy_${of}_count\{proxy="(?:be|web)"(?:,server="s1")?\} (\d+)$/m;
		cmp_ok($n, '>=', 3, 'all requests');
		is($le{'+Inf'}, $n, 'the last bucket has them all');
		my $before = 0;
		my $grows = !grep { my $less = $le{$_} < $before; $before = $le{$_}; $less }
		    sort { ($a eq '+Inf') <=> ($b eq '+Inf') || $a <=> $b } keys %le;
		ok($grows, 'each has those before');
		like($text, qr/^haproxy_${of}_sum\{proxy="(?:be|web)"[^}]*\} \d+\.\d{3}$/m, 'sum');
	}
};

subtest 'scopes' => sub {
	my $kinds = sub { my %k = map { $_ => 1 } metrics($p, $_[0]) =~ /^haproxy_([a-z]+)_/mg;
		join ' ', sort keys %k };
	is($kinds->(''), 'backend frontend listener process server', 'all');
	is($kinds->('?scope=global'), 'process', 'one');
	is($kinds->('?scope=frontend&scope=server'), 'frontend server', 'two');
	is($kinds->('?scope=*'), 'backend frontend listener process server', 'the star');
	is($kinds->('?scope='), '', 'none');
	is($kinds->('?scope=sticktable'), '', 'what there is none of');
	is($p->get('web', '/metrics?scope=nope')->status, 400, 'what there is not');
	unlike(metrics($p, '?no-maint'), qr/server="s3"/, 'no-maint');
};

subtest 'what modules count' => sub {
	plan skip_all => 'HAProxy has none' unless is_tideway();
	my $text = metrics($p, '?scope=global');

	for my $name (qw(h2_streams_total h2_abuse_ping_total)) {
		like($text, qr/^# HELP haproxy_process_$name \S.*\n# TYPE haproxy_process_$name counter\nhaproxy_process_$name \d+$/m, $name);
	}
	unlike(metrics($p, '?scope=server'), qr/process_h2/, 'not of another scope');
	my (%n, @odd);
	for (split /\n/, metrics($p)) {
		$n{$1}++ if /^# TYPE (\S+)/;
		push @odd, $_ unless /^# (?:HELP|TYPE) haproxy_[a-z0-9_]+ \S|^haproxy_[a-z0-9_]+(?:\{[^{}]+\})? (?:-?[\d.]+|NaN)$/;
	}
	is(join(' ', grep { $n{$_} > 1 } sort keys %n), '', 'each has one type');
	is("@odd", '', 'and all lines their form');
};

subtest 'promtool' => sub {
	my ($tool) = grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH};
	plan skip_all => 'promtool is not installed' unless $tool;
	my $file = spew('metrics', metrics($p));
	my $out = `'$tool' check metrics < '$file' 2>&1`;
	# HAProxy's name, and so ours
	my @ours = grep { !/^haproxy_process_failed_resolutions / } split /\n/, $out;
	is(join("\n", @ours), '', 'nothing to complain about') or diag($out);
	unlike($out, qr/error|parse/i, 'it can be read');
};

my ($haproxy) = grep { -x } '/usr/sbin/haproxy';
SKIP: {
	skip 'no haproxy to compare with', 1 unless $haproxy && is_tideway();
	subtest 'as HAProxy' => sub {
		my $ha = start_proxy(config('ha'), bin => $haproxy);
		skip 'its exporter is not built', 1 if $ha->get('web', '/metrics')->status != 200;
		for my $who ($p, $ha) {
			ok(wait_until { 2 == (() = metrics($who) =~
			    /^haproxy_server_check_duration_seconds/mg) }, 'checks are made');
		}
		my ($t, $h) = map { [metrics($_) =~ /^# TYPE (\S+ \S+)$/mg] } $p, $ha;
		my %ours = map { $_ => 1 } @$t;
		is(join("\n", grep { !$ours{$_} && !/listener/ } @$h), '', 'all of its metrics');
		my %its = map { $_ => 1 } @$h;
		is(join(' ', grep { !$its{$_} && !/_latency_seconds |configurations_total |listener|process_(?:tls|h2|lua|skeleton)_/ }
		    @$t), '', 'and only ours besides');
		is(join("\n", grep { $its{$_} && !/listener/ } @$t),
		    join("\n", grep { !/listener/ } @$h), 'in its order');
		my @labels = map { my %l = map { s/ \S+$//r => 1 }
			grep { !/^#|_latency_seconds|configurations_total|build_info|^haproxy_listener|process_(?:tls|h2|lua|skeleton)_/ }
			split /\n/, metrics($_); \%l } $p, $ha;
		is_deeply([sort keys %{ $labels[0] }], [sort keys %{ $labels[1] }], 'labels');
		$ha->stop;
	};
}

subtest 'asked for by a reload' => sub {
	plan skip_all => 'HAProxy reloads in another way' unless is_tideway();
	my $with = config('r');
	my $without = $with =~ s/^ *http-request use-service.*\n//mgr;
	my $q = start_proxy($without);
	is($q->get('web', '/metrics')->header('X-Server'), 's', 'nobody asks');
	$q->write_config($with);
	$q->signal('USR2');
	ok($q->wait_output(qr/configuration 2 is in force/), 'somebody does');
	$q->get('web', '/') for 1 .. 2;
	ok(wait_until { metrics($q) =~
	    /^haproxy_server_latency_seconds_count\{proxy="be",server="s1"\} 2$/m },
	    'histograms begin');
	cli_ask("$dir/r.sock", 'clear counters all');
	ok(wait_until { metrics($q) =~
	    /^haproxy_server_latency_seconds_count\{proxy="be",server="s1"\} 0$/m },
	    'and begin again');
	$q->write_config($without);
	$q->signal('USR2');
	ok($q->wait_output(qr/configuration 3 is in force/), 'nobody again');
	is($q->get('web', '/metrics')->header('X-Server'), 's', 'and it is gone');
	stop_proxy($q);
};

subtest 'bad lines' => sub {
	for (['use-service', qr/name of a service/], ['use-service nope', qr/there is no service 'nope'/],
		['use-service prometheus-exporter when x', qr/if/]) {
		my ($line, $re) = @$_;
		my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    "
		    . "http-request $line\n");
		is($r->{code}, 1, "$line: refused");
		like($r->{err}, $re, 'with a reason') if is_tideway();
	}
};

stop_proxy($p);
done_testing;
