# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The skeleton at work: dropped in, its keyword makes its hook add a field to
# each request and its counter count, over all threads and across a reload.
use Tideway::Test;
use Tideway::Module;
use IO::Socket::UNIX;

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'no compiler or no headers') unless can_compile();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};

my ($source) = glob(($ENV{srcdir} // test_dir() . '/..') . '/modules/skeleton/*_mod.c');
my $text = slurp($source);
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	return $o->reply($req, $req->header('X-Skeleton') // 'none');
});

my $dir = module_dir();
compile_module($dir, 'skeleton', $text);

# The same with the counter's sum sent along: what another reader would see.
my $probe = $text =~ s/tw_count\(self, 0, 1\);/tw_count(self, 0, 1);
	tw_msg_add(tw_req_request(req), TW_STR("X-Sum"),
	    tw_str_of(tw_arena_printf(tw_req_arena(req), "%llu",
	    (unsigned long long)tw_count_sum(self, 0))));/r;
my $probe_dir = module_dir();
compile_module($probe_dir, 'skeleton', "#include <tideway/arena.h>\n$probe");

my $cfg = "global\n    nbthread 2\n" . defaults() . "
frontend web
    bind {BIND:web}
    skeleton-tag \"hello there\"
    default_backend b
frontend plain
    bind {BIND:plain}
    default_backend b
listen st
    bind {BIND:st}
    stats enable
    stats uri /
backend b
    server s ${\ $o->addr}
";
my $p = start_proxy($cfg, env => { TIDEWAY_MODULE_PATH => $dir });
is($p->get('web', '/')->body, 'hello there', 'the field arrives');
is($p->get('plain', '/')->body, 'none', 'and not where nobody asked for it');
like($p->get('st', '/')->body, qr{skeleton_requests_total</dt><dd>1</dd>},
    'the counter is on the statistics page');
stop_proxy($p);

$p = start_proxy($cfg, env => { TIDEWAY_MODULE_PATH => $probe_dir });
$p->get('web', '/') for 1 .. 9;
$p->get('plain', '/') for 1 .. 3;
my $sum = sub { ($o->requests)[-1]->header('X-Sum') };
$p->get('web', '/');
is($sum->(), 10, 'the counter has all threads\' requests, and no others');
$p->write_config($cfg =~ s/hello there/new words/r);
kill 'USR2', $p->pid;
ok(wait_until { $p->get('web', '/')->body eq 'new words' }, 'a reload changes the text');
cmp_ok($sum->(), '>', 10, 'and the counter goes on');
stop_proxy($p);

my $r = with_modules($dir, '-c', '-f', spew('bad.cfg', defaults()
    . "backend b\n    skeleton-tag x\nlisten a\n    bind 127.0.0.1:1\n    skeleton-tag\n"));
is($r->{code}, 1, 'in the wrong section, or without its word: refused');
like($r->{all}, qr/bad\.cfg:8\b.*skeleton-tag/, 'the section');
like($r->{all}, qr/bad\.cfg:11\b.*skeleton-tag/, 'the word');

subtest 'its command' => sub {
	my $sock = Tideway::Test::temp_dir() . '/skeleton.sock';
	my $p = start_proxy($cfg =~ s/nbthread 2/nbthread 2\n    stats socket $sock/r,
	    env => { TIDEWAY_MODULE_PATH => $dir });
	my $s = IO::Socket::UNIX->new(Peer => $sock) or die "connect: $!";

	$p->get('web', '/') for 1 .. 3;
	$s->syswrite("show skeleton\n");
	my $got = '';
	1 while $s->sysread($got, 4096, length $got);
	is($got, "requests: 3\n\n", 'show skeleton');
	stop_proxy($p);
};

done_testing;
