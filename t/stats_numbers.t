# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The numbers and limits by which tools know the rows of the statistics: iid
# and sid with and without `id` lines, slim with and without maxconn lines.
use Tideway::Test;
use JSON::PP ();

my $o = origin(name => 's');
my $addr = $o->addr;
my $p = start_proxy("global\n    nbthread 1\n" . defaults() . "
listen st
    bind {BIND:st}
    stats enable
    stats uri /
    maxconn 95
    server a $addr
    server b $addr id 2
    server c $addr
    server d $addr id 9
    server e $addr
frontend web
    bind {BIND:one} maxconn 7
    bind {BIND:two} id 2
    bind {BIND:three}
    option socket-stats
    default_backend rest
backend b
    id 2
backend full
    fullconn 55
backend rest
    server s $addr
");

my ($head, @lines) = split /\n/, $p->get('st', '/;csv')->body;
my @names = split /,/, $head =~ s/^# //r;
my %row;
for my $line (@lines) {
	my @f = split /,/, $line, -1;
	@{ $row{"$f[0]/$f[1]"} }{@names} = @f;
}

is(join(' ', map { $row{"$_/BACKEND"}{iid} // $row{"$_/FRONTEND"}{iid} }
    qw(st web b full rest)), '1 3 2 5 6',
    'proxies are counted, those with a number too');
is(join(' ', map { $row{"st/$_"}{sid} } qw(a b c d e)), '1 2 3 9 5', 'servers');
is(join(' ', map { $row{"web/sock-$_"}{sid} } 1 .. 3), '1 2 3', 'listeners');
is($row{'st/FRONTEND'}{slim}, 95, 'a frontend: its maxconn');
is($row{'st/BACKEND'}{slim}, 10, 'a backend: a tenth of its frontends\'');
is($row{'full/BACKEND'}{slim}, 55, 'or its fullconn');
is($row{'b/BACKEND'}{slim}, 1, 'one that no frontend knows');
is($row{'rest/BACKEND'}{slim}, int(($row{'web/FRONTEND'}{slim} + 9) / 10),
    'without a maxconn line: the process\'s limit counts');
is($row{'web/sock-1'}{slim}, 7, 'a listener: its maxconn');
is($row{'web/sock-3'}{slim}, 0, 'which is none by default');

# both forms of the report say the same
my $json = JSON::PP->new->decode($p->get('st', '/;json')->body);
my @differ;
for my $r (@$json) {
	my %f = map { $_->{field}{name} => $_ } @$r;
	my $name = "$f{pxname}{value}{value}/$f{svname}{value}{value}";
	for my $field (grep { !/^(?:lastchg|lastsess|.?rate.*|bin|bout|conn_.*|req_.*|scur|smax|stot|hrsp_2xx|intercepted|addr|h1_.*)$/ } keys %f) {
		push @differ, "$name $field" if $f{$field}{value}{value} ne
		    ($row{$name}{$field} // '') =~ s/^"(.*)"$/$1/r;
		push @differ, "$name $field: place" if
		    $names[$f{$field}{field}{pos}] ne $field && $f{$field}{field}{pos} < 99;
	}
}
is(scalar @$json, scalar @lines, 'the JSON has as many rows as the CSV');
is("@differ", '', 'with the same values in the same places');
stop_proxy($p);
done_testing;
