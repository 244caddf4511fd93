# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Out of tree: the tree is installed to a scratch root, the skeleton is built
# there from what was installed and nothing else, dropped in, and works; so are
# the modules for TLS and HTTP/2, which are what a stranger's would be.
use Tideway::Test;
use Tideway::Module;

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
my $build = $ENV{builddir} // '.';
my $src = $ENV{srcdir} // test_dir() . '/..';
plan(skip_all => 'not run by make check') unless -f "$build/Makefile";
plan(skip_all => 'no pkg-config') unless
    run_cmd({ bin => '/bin/sh' }, '-c', 'pkg-config --version')->{code} == 0;

my $root = Tideway::Test::temp_dir() . '/root';
my $make = $ENV{MAKE} || 'make';
my $r = run_cmd({ bin => '/bin/sh', secs => 60 }, '-c',
    "cd '$build' && MAKEFLAGS= $make install DESTDIR='$root'");
is($r->{code}, 0, 'make install') or BAIL_OUT(substr $r->{err}, -2000);

my ($pc) = split /\n/, `find '$root' -name tideway.pc`;
ok($pc, 'tideway.pc is installed') or do { done_testing; exit 0 };
(my $pcdir = $pc) =~ s{/[^/]+$}{};
my $pkg = "PKG_CONFIG_PATH='$pcdir' PKG_CONFIG_SYSROOT_DIR='$root' pkg-config";
chomp(my $cflags = `$pkg --cflags tideway`);
chomp(my $moduledir = `$pkg --variable=moduledir tideway`);
like($cflags, qr/-I\S+/, 'it says where the headers are');
like($moduledir, qr{/modules$}, 'and where modules belong');
$moduledir = "$root$moduledir" unless $moduledir =~ /^\Q$root\E/;
my @modules = glob "$moduledir/*.so";
cmp_ok(scalar @modules, '>=', 5, 'the modules are there');
is_deeply([grep { !/\.so$/ } glob "$moduledir/*"], [], 'and nothing else');
my ($program) = grep { -x } split /\n/, `find '$root' -path '*/sbin/tideway'`;
ok($program, 'the program is installed');

my @c = glob "$src/modules/skeleton/*.c";
ok(scalar @c, 'there is a skeleton') or do { done_testing; exit 0 };
my $dir = Tideway::Test::temp_dir() . '/oot';
mkdir $dir;
system 'cp', glob("$src/modules/skeleton/*"), "$dir/";
$r = run_cmd({ bin => '/bin/sh' }, '-c', "cd '$dir' && "
    . ($ENV{CC} || 'cc') . " $cflags -Wall -Wextra -Werror -shared -fPIC -o skeleton.so *.c");
is($r->{code}, 0, 'the skeleton builds from what is installed') or diag $r->{err};
unlink "$moduledir/skeleton.so";
system 'cp', "$dir/skeleton.so", $moduledir;

sub installed { run_cmd({ bin => $program, env => { TIDEWAY_MODULE_PATH => $moduledir } }, @_) }

like(installed('-vv')->{out}, qr/\bskeleton\b/, 'dropped in, -vv knows it');
my ($word) = slurp("$dir/" . ($c[0] =~ s{.*/}{}r)) =~ /\.word = "([^"]+)"/;
ok($word, 'it has a keyword') or do { done_testing; exit 0 };
like(installed('-K')->{out}, qr/\Q$word\E/, 'which is in the manual');
my $cfg = spew('oot.cfg', defaults() . "listen a\n    bind 127.0.0.1:1\n");
like(installed('-T', '-f', $cfg)->{out}, qr/skeleton/, 'its hook is in the chains');
unlink "$moduledir/skeleton.so";
unlike(installed('-vv')->{out}, qr/\bskeleton\b/, 'taken away, it is gone');

# --- large ones ---

# the module of that name, built in a folder of its own; config.h is its own
# matter, and there is none
sub rebuild
{
	my ($name, $lib) = @_;
	my $own = Tideway::Test::temp_dir() . "/$name";

	mkdir $own;
	system 'cp', glob("$src/modules/$name/*.[ch] $src/modules/$name/*.def"), "$own/";
	Tideway::Test::spew("$name/config.h", "#define PACKAGE_VERSION \"oot\"\n");
	my $built = run_cmd({ bin => '/bin/sh', secs => 120 }, '-c', "cd '$own' && "
	    . ($ENV{CC} || 'cc') . " \$(pkg-config --cflags $lib) $cflags -std=gnu11"
	    . " -D_GNU_SOURCE -Wall -Wextra -Werror -shared -fPIC -o $name.so *.c"
	    . " \$(pkg-config --libs $lib)");
	is($built->{code}, 0, "$name builds from what is installed") or diag $built->{err};
	unlink "$moduledir/$name.so";
	system 'cp', "$own/$name.so", $moduledir;
	like(installed('-vv')->{out}, qr/\b\Q$name\E\b/, 'and is loaded');
}

subtest 'TLS and HTTP/2' => sub {
	plan skip_all => 'not built here' if grep { !-e "$moduledir/$_.so" } qw(tls h2);
	plan skip_all => 'no IO::Socket::SSL' unless eval { require Tideway::H2; 1 };
	rebuild('tls', 'openssl');
	rebuild('h2', 'libnghttp2');
	my $cert = Tideway::TLS::cert('localhost');
	my $o = Tideway::H2::h2_origin(cert => $cert);
	local $ENV{TIDEWAY_MODULE_PATH} = $moduledir;
	my $p = start_proxy(defaults() . "listen a
    bind {BIND:a} ssl crt $cert->{pem} alpn h2
    server s ${\ $o->addr} ssl verify none alpn h2\n", bin => $program);
	my $c = Tideway::H2::h2_client($p->addr('a'), tls => { sni => 'a' });
	is($c->get('/')->body, "h2\n", 'a request through both');
	stop_proxy($p);
};

done_testing;
