# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Modules: what the tree's own look like from outside, how one is dropped in,
# and what is refused, with which words.
use Tideway::Test;
use Tideway::Module;

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};

my $cfg = spew('m.cfg', defaults() . "listen a\n    bind 127.0.0.1:1\n");

sub refused
{
	my ($dir, $re, $what) = @_;
	my $r = with_modules($dir, '-c', '-f', $cfg);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($r->{code}, 1, "$what: refused") or diag $r->{all};
	is($r->{signal}, 0, "$what: calmly");
	like($r->{err}, $re, "$what: with the reason");
}

subtest 'what the tree has' => sub {
	my @so = glob "$ENV{TIDEWAY_MODULE_PATH}/*.so";
	cmp_ok(scalar @so, '>=', 5, 'http, balance, cookie, healthcheck and stats');
	for my $so (@so) {
		my ($name) = $so =~ m{([^/]+)\.so$};
		my $r = run_cmd({ bin => '/usr/bin/nm' }, '-D', '--defined-only', $so);
		my @symbols = grep { !/ [AN] / && !/__(?:asan|ubsan|tsan|odr)|sancov/ }
		    split /\n/, $r->{out};
		is(scalar @symbols, 1, "$name exports one symbol") or diag $r->{out};
		like($symbols[0] // '', qr/ tideway_module$/, "$name: tideway_module");
	}
	my $r = run_cmd('-vv');
	for my $name (map { m{([^/]+)\.so$} } @so) {
		like($r->{out}, qr/^\s*\W*\Q$name\E\b/m, "-vv lists $name");
	}
};

subtest 'files that are no modules' => sub {
	my ($http) = glob "$ENV{TIDEWAY_MODULE_PATH}/http.so";
	my $dir = module_dir();
	spew("$dir/broken.so", substr slurp($http), 0, 3000);
	refused($dir, qr/broken\.so.*truncated/, 'truncated');
	spew("$dir/broken.so", substr slurp($http), 0, (-s $http) - 100);
	refused($dir, qr/broken\.so/, 'truncated at the end');
	spew("$dir/broken.so", '');
	refused($dir, qr/broken\.so/, 'empty');
	spew("$dir/broken.so", "#!/bin/sh\n");
	refused($dir, qr/broken\.so.*not a shared object/, 'text');
	spew("$dir/broken.so", slurp('/bin/ls'));
	refused($dir, qr/broken\.so/, 'a program');
	unlink "$dir/broken.so";
	mkdir "$dir/broken.so";
	refused($dir, qr/broken\.so/, 'a directory');
	rmdir "$dir/broken.so";
	symlink '/nowhere', "$dir/broken.so";
	refused($dir, qr/broken\.so/, 'a link to nowhere');
	unlink "$dir/broken.so";
	spew("$dir/notes.txt", 'x');
	spew("$dir/.hidden.so", 'x');
	is(with_modules($dir, '-c', '-f', $cfg)->{code}, 0, 'other files are no matter');
	refused('/nowhere', qr{/nowhere}, 'no such directory');
};

SKIP: {
	skip 'no compiler or no headers', 1 unless can_compile();

subtest 'descriptors that do not fit' => sub {
	my ($major) = run_cmd('-v')->{out} =~ /ABI (\d+)\./;
	my $newer = $major + 1;
	my @cases = (
	    ['major', '.abi_major = TW_ABI_MAJOR + 1', qr/ABI $newer\.\d+.*$major\.\d+/],
	    ['minor', '.abi_minor = TW_ABI_MINOR + 1', qr/ABI.*this core has/],
	    ['magic', '.magic = 1', qr/magic/],
	    ['size', '.size = 8', qr/bytes/],
	    ['huge', '.size = 1 << 20', qr/bytes/],
	    ['noname', '.name = ""', qr/name/],
	);
	for my $case (@cases) {
		my ($name, $field, $re) = @$case;
		my $dir = module_dir();
		compile_module($dir, $name, module_source($name, $field),
		    '-Wno-override-init', '-w');
		refused($dir, qr/$name\.so.*$re/s, $name);
	}
	my $dir = module_dir();
	compile_module($dir, 'foreign', "int foreign(void) { return 1; }\n");
	refused($dir, qr/foreign\.so.*tideway_module/, 'foreign');

	$dir = module_dir();
	compile_module($dir, 'short', module_source('short',
	    '.size = offsetof(struct tw_module, lua_open)'), '-w');
	is(with_modules($dir, '-c', '-f', $cfg)->{code}, 0, 'a missing tail reads as zero');
};

subtest 'needs and order' => sub {
	my $dir = module_dir();
	compile_module($dir, 'needy', module_source('needy',
	    '.requires = (const char *const[]){ "absent", NULL }'));
	refused($dir, qr/needy.*absent/, 'what it requires is missing');

	$dir = module_dir();
	my $hook = "static enum tw_verdict f(struct tw_req *r, void *s)\n"
	    . "{ (void)r; (void)s; return TW_NEXT; }\n"
	    . "static const struct tw_hook h[] = {{ TW_ON_REQUEST, f, \"x\", NULL }, { .fn = NULL }};\n";
	for my $m (['aa', 'bb'], ['bb', 'aa']) {
		compile_module($dir, $m->[0], module_source($m->[0],
		    ".before = (const char *const[]){ \"$m->[1]\", NULL }, .hooks = h", $hook));
	}
	refused($dir, qr/'aa'.*'bb'|'bb'.*'aa'/, 'a cycle names both');

	$dir = module_dir();
	compile_module($dir, $_->[0], module_source($_->[0], "$_->[1] .hooks = h",
	    $hook =~ s/"x"/"$_->[0]_on_request"/r)) for ['first', ''],
	    ['zlast', '.before = (const char *const[]){ "first", NULL },'];
	my $r = with_modules($dir, '-T', '-f', $cfg);
	is($r->{code}, 0, '-T') or diag $r->{all};
	like($r->{out}, qr/zlast_on_request.*first_on_request/s, 'before[] is obeyed');
};

subtest 'one keyword, one owner' => sub {
	my $code = "#include <tideway/conf.h>\nstatic const struct tw_kw k[] = {"
	    . "{ .word = \"WORD\", .scopes = TW_SC_GLOBAL | TW_SC_BE, .min_args = 1, .max_args = 1,"
	    . " .set = tw_set_str, .usage = \"<x>\", .help = \"A test.\" }, { .word = NULL } };\n";
	my $dir = module_dir();
	compile_module($dir, 'mine', module_source('mine',
	    '.size_of = { [TW_IN_GEN] = 8, [TW_IN_PROXY] = 8 }, .keywords = k',
	    $code =~ s/WORD/my-own-word/r));
	my $own = spew('own.cfg', "global\n    my-own-word x\n" . slurp($cfg));
	my $r = with_modules($dir, '-c', '-f', $own);
	is($r->{code}, 0, 'a new word, dropped in') or diag $r->{all};
	$r = run_cmd('-c', '-f', $own);
	is($r->{code}, 1, 'unknown without the module');
	$r = with_modules($dir, '-K');
	like($r->{out}, qr/my-own-word/, 'in the manual');
	compile_module($dir, 'thine', module_source('thine',
	    '.size_of = { [TW_IN_GEN] = 8, [TW_IN_PROXY] = 8 }, .keywords = k',
	    $code =~ s/WORD/my-own-word/r));
	refused($dir, qr/my-own-word.*(?:mine.*thine|thine.*mine)|(?:mine|thine).*my-own-word/s,
	    'claimed twice');
	$dir = module_dir();
	compile_module($dir, 'thief', module_source('thief',
	    '.size_of = { [TW_IN_GEN] = 8, [TW_IN_PROXY] = 8 }, .keywords = k',
	    $code =~ s/WORD/balance/r));
	refused($dir, qr/balance/, 'a word of the tree');
	$dir = module_dir();
	compile_module($dir, $_, module_source('same', '')) for qw(one two);
	refused($dir, qr/same/, 'one name twice');
};
}

subtest 'module-path and module-load' => sub {
	my $dir = module_dir();
	spew("$dir/broken.so", 'x');
	my @names = map { m{([^/]+)\.so$} } glob "$ENV{TIDEWAY_MODULE_PATH}/*.so";
	my $text = "global\n    module-path $dir\n"
	    . join('', map { "    module-load $_\n" } @names) . slurp($cfg);
	my $r = run_cmd('-c', '-f', spew('ml.cfg', $text));
	is($r->{code}, 0, 'only those named are loaded') or diag $r->{err};
	$r = run_cmd('-c', '-f', spew('ml.cfg', "global\n    module-path $dir\n"
	    . slurp($cfg)));
	is($r->{code}, 1, 'else all of them');
	$r = run_cmd('-c', '-f', spew('ml.cfg',
	    "global\n    module-path $dir\n    module-load absent\n" . slurp($cfg)));
	like($r->{err}, qr/absent/, 'a name that is not there');
};

done_testing;
