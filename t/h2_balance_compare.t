# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# balance uri, and the servers that HAProxy and tideway choose with it for the same
# URIs: over HTTP/2 those are absolute, so that only path-only chooses the same for
# clients of both versions.
use Tideway::Test;
use Tideway::Compare qw(find_haproxy);
use Tideway::H2;

my $haproxy = find_haproxy() or plan skip_all => 'haproxy is not installed';
my $o = origin(respond => sub { response(200, $_[0]->header('x-name') =~ s/s//r) });
my @kinds = ('uri', 'uri path-only', 'uri whole', 'uri depth 4', 'uri len 14', 'uri path-only depth 1');

# the servers of each kind, for HTTP/1 and for HTTP/2
sub chosen
{
	my ($bin) = @_;
	my $p = start_proxy("global\n" . defaults() . join('', map { "
frontend f$_
    bind {BIND:h1_$_}
    bind {BIND:h2_$_} proto h2
    default_backend b$_
backend b$_
    balance $kinds[$_]
    http-send-name-header x-name
" . join('', map { "    server s$_ ${\ $o->addr}\n" } 1 .. 5) } 0 .. $#kinds),
	    $bin ? (bin => $bin) : ());
	my @all;

	for my $kind (0 .. $#kinds) {
		my $c = h2_client($p->addr("h2_$kind"));
		for my $uri (map { ("/$_/a$_?q=$_", "/x$_?a") } 1 .. 8) {
			$all[$kind][0] .= $p->get("h1_$kind", $uri)->body;
			$all[$kind][1] .= $c->get($uri)->body;
		}
		$c->close;
	}
	is($p->stop, '', 'it stops');
	return @all;
}

my @his = chosen($haproxy);
my @ours = chosen();

for my $kind (0 .. $#kinds) {
	is($ours[$kind][0], $his[$kind][0], "$kinds[$kind]: HTTP/1");
	is($ours[$kind][1], $his[$kind][1], "$kinds[$kind]: HTTP/2");
}
is($ours[1][0], $ours[1][1], 'the same for both with path-only');
isnt($ours[0][0], $ours[0][1], 'not without');
done_testing();
