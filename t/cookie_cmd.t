# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# enable and disable dynamic-cookie, set dynamic-cookie-key: answers and values
# beside Debian's haproxy, and what clients get.
use Tideway::Test;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my @o = map { origin(name => "s$_") } 1, 2;

sub text
{
	my ($name, $key) = @_;

	return "global
    stats socket $dir/$name.sock level admin
" . defaults() . "
listen web
    bind {BIND:web}
    cookie C insert indirect dynamic
    dynamic-cookie-key $key
    server s1 ${\ $o[0]->addr}
    server s2 ${\ $o[1]->addr} cookie fix
listen plain
    bind {BIND:plain}
    cookie D insert indirect
    server s1 ${\ $o[0]->addr}
    server s2 ${\ $o[1]->addr}
backend nokey
    cookie D insert dynamic
    server s1 ${\ $o[0]->addr}
backend tcp
    mode tcp
    server s1 ${\ $o[0]->addr}
backend none
    server s1 ${\ $o[0]->addr}
frontend fe
    bind {BIND:fe}
    default_backend none
";
}

my %p = map { $_->[0] => start_proxy(text($_->[0], 'abc'), bin => $_->[1]) } [tw => binary()],
    $haproxy && is_tideway() ? [ha => $haproxy] : ();

sub values_of
{
	my ($head, @rows) = grep { /\S/ } split /\n/, cli_ask("$dir/$_[0].sock", 'show stat');
	my @names = split /,/, $head;
	my ($i) = grep { $names[$_] eq 'cookie' } 0 .. $#names;

	return join ' ', map { my @f = split /,/, $_, -1; "$f[0]/$f[1]=$f[$i]" } grep { !/END/ } @rows;
}

# one command: its answer and the values after it
sub told
{
	my ($command, $re, $values) = @_;
	my %got;

	for my $who (sort keys %p) {
		my $said = cli_ask("$dir/$who.sock", $command);
		$got{$who} = ($said =~ s/\s+\z//r =~ s/^Unknown command.*/Unknown command/sr) . ' | ' . values_of($who);
	}
	like($got{tw}, $re, $command);
	like($got{tw}, $values, 'the values then') if $values;
	is($got{tw}, $got{ha}, 'as HAProxy') if $p{ha};
}

my ($first) = values_of('tw') =~ m{web/s1=([0-9a-f]{16}) };
ok($first, 'a value');
told('disable dynamic-cookie backend web', qr/^ \|/, qr{web/s1= web/s2=fix });
told('enable dynamic-cookie backend web', qr/^ \|/, qr{web/s1=$first web/s2=fix });
told('set dynamic-cookie-key backend web xyz', qr/^ \|/, qr{web/s1=(?!$first)[0-9a-f]{16} });
told('disable dynamic-cookie backend web', qr/^ \|/);
told('set dynamic-cookie-key backend web other', qr/^ \|/, qr{web/s1= });
told('enable dynamic-cookie backend web', qr/^ \|/, qr{web/s1=[0-9a-f]{16} });
told('set dynamic-cookie-key backend web abc', qr/^ \|/, qr{web/s1=$first });
told('enable dynamic-cookie backend plain', qr/^ \|/, qr{plain/s1= });
told('set dynamic-cookie-key backend plain abc', qr/^ \|/, qr{plain/s1=$first });
told('set dynamic-cookie-key backend plain ""', qr/^ \|/);
told('enable dynamic-cookie backend nokey', qr/^ \|/, qr{nokey/s1= });
told('set dynamic-cookie-key backend nokey abc', qr/^ \|/, qr{nokey/s1=$first });
for my $backend (qw(tcp none)) {
	told("$_ backend $backend", qr/^ \|/) for 'enable dynamic-cookie', 'disable dynamic-cookie';
	told("set dynamic-cookie-key backend $backend x", qr/^ \|/);
}
for my $bad (['enable dynamic-cookie backend nope', qr/^No such backend\./], ['enable dynamic-cookie backend', qr/^A backend name is expected\./],
    ['enable dynamic-cookie backend fe', qr/^No such backend\./], ['set dynamic-cookie-key backend web', qr/^String value expected\./],
    ['set dynamic-cookie-key backend nope x', qr/^No such backend\./], ['disable dynamic-cookie', qr/^Unknown command/],
    ['set dynamic-cookie-key web x', qr/^Unknown command/]) {
	told(@$bad);
}

# what clients get
my $p = $p{tw};
sub cookie { my $r = $p->get('web', '/', $_[0] ? "Cookie: C=$_[0]" : ()); return (($r->header('Set-Cookie') // '') =~ /C=(\w+)/)[0] // '' }
my %seen = map { $_ => 1 } map { cookie() } 1 .. 4;
is(join(' ', sort keys %seen), join(' ', sort $first, 'fix'), 'both values are given');
is(cookie($first), '', 'one that is known is not given again');
cli_ask("$dir/tw.sock", 'set dynamic-cookie-key backend web zzz');
isnt(cookie($first), '', 'with another key it is not known any more');
my ($new) = values_of('tw') =~ m{web/s1=([0-9a-f]{16}) };
is(cookie($new), '', 'the new one is');
cli_ask("$dir/tw.sock", 'disable dynamic-cookie backend web');
my %now = map { cookie() => 1 } 1 .. 4;
is(join(' ', sort keys %now), ' fix', 'disabled: only the fixed one');
cli_ask("$dir/tw.sock", 'enable dynamic-cookie backend plain');
cli_ask("$dir/tw.sock", 'set dynamic-cookie-key backend plain zzz');
my $r = $p->get('plain', '/');
like($r->header('Set-Cookie') // '', qr/^D=[0-9a-f]{16}/, 'enabled where it was not');

if (is_tideway()) {
	# many changes while requests pass
	cli_ask("$dir/tw.sock", 'enable dynamic-cookie backend web');
	my $c = $p->client('web');
	for my $n (1 .. 100) {
		$c->send("GET / HTTP/1.1\r\nHost: a\r\nCookie: C=$new\r\n\r\n");
		cli_ask("$dir/tw.sock", "set dynamic-cookie-key backend web k$n");
		$c->read_response->status == 200 or fail("request $n");
	}
	pass('keys change while requests pass');
	# the files say anew at a reload
	$p->write_config(text('tw', 'abc'));
	$p->signal('USR2');
	ok(wait_until { values_of('tw') =~ m{web/s1=$first } }, 'a reload: as in the files');
}
stop_proxy($p{tw});
$p{ha}->stop if $p{ha};
done_testing;
