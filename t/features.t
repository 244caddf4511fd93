# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What -vv lists and what feature(...) answers are the same, name by name; the
# names are HAProxy's, so that one configuration can ask either program.
use Tideway::Test;

my $out = run_cmd('-vv')->{out};
my ($list) = $out =~ /^Feature list ?: (.*)$/m;
my %has = map { /^([+-])(\w+)$/ ? ($2 => $1 eq '+') : () }
    split ' ', $list // '';

sub feature
{
	my ($name) = @_;

	return run_cmd('-cc', "feature($name)")->{code};
}

ok(keys %has > 20, '-vv: a list of features') or diag $out;
is(join(' ', map { "+$_" } grep { !$has{$_} }
    qw(ACCEPT4 BACKTRACE DL EPOLL GETADDRINFO LINUX_SPLICE PCRE2 THREAD)), '',
    'has what every build has');
my $modules = $ENV{TIDEWAY_MODULE_PATH};
my %of = (OPENSSL => 'tls', LUA => 'lua');
is($has{$_} ? 1 : 0, -e "$modules/$of{$_}.so" ? 1 : 0, "$_: when its module is there") for sort keys %of;
my @wrong = grep { feature($_) != ($has{$_} ? 0 : 1) } sort keys %has;
is("@wrong", '', 'feature(...) says what -vv says');
is(feature('NOSUCHTHING'), 1, 'an unknown name is absent');
is(feature(lc 'EPOLL'), 1, 'names have their case');

subtest 'in a configuration' => sub {
	my $r = check_config(".if feature(THREAD) && !feature(51DEGREES)\n"
	    . ".notice \"threads\"\n.else\n.alert \"none\"\n.endif\n"
	    . defaults() . "listen a\n    bind 127.0.0.1:17001\n");
	is($r->{code}, 0, 'accepted') or diag $r->{all};
	like($r->{all}, qr/threads/, 'the first branch was taken');
};

subtest 'libraries' => sub {
	plan skip_all => 'ours only' unless is_tideway();
	my ($jit) = $out =~ /PCRE2: .*JIT: (yes|no)/;
	is($has{PCRE2_JIT} ? 'yes' : 'no', $jit, 'the JIT is PCRE2\'s word');
	like($out, qr/libevent: built with \d\S*, running on \d/, 'libevent');
	like($out, qr/PCRE2: built with \d+\.\d+, running on \d+\.\d/, 'PCRE2');
	is($out =~ /xxhash: built in, \d+\.\d+/ ? 1 : 0, $has{XXHASH} ? 1 : 0,
	    'xxhash: its version when it is here');
	is($out =~ /sanitizer: \w+/ ? 1 : 0, $has{SANITIZER} ? 1 : 0,
	    'and a sanitizer');
};

done_testing;
