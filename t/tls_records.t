# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Records as they are on the wire: tune.ssl.maxrecord, tune.ssl.hard-maxrecord
# and tune.idletimer; a head and its body in one; what an answer costs.
use Tideway::Test;
use IO::Select;
use Tideway::TLS;
use Tideway::TLSWire;

my $BIG = 500_000;
my $o = origin(respond => sub {
	my ($req) = @_;
	return response(200, 'x' x ($req->uri =~ m{/(\d+)} ? $1 : 5));
});
my $pem = cert('localhost')->{pem};

sub start
{
	return start_proxy(join("\n    ", 'global', @_) . "\n" . defaults() . "
listen web
    bind {BIND:web} ssl crt $pem
    server s ${\ $o->addr}
");
}

# payload of each record of one answer, without the tag and TLS 1.3's type
sub sizes
{
	my ($w, $len) = @_;

	$w->{seen} = '';
	$w->push($w->seal("GET /$len HTTP/1.1\r\nHost: a\r\n\r\n"));
	$w->read(qr/\r\n\r\n/);
	$w->read($len);
	return map { length($_->{data}) - 17 } grep { $_->{type} == 23 }
	    tls_records($w->{seen});
}

# what is behind the tickets
sub wire
{
	my ($p) = @_;
	my $w = tls_wire($p->addr('web'), version => 'TLSv1_3');

	sizes($w, 5);
	return $w;
}

sub most { return (sort { $b <=> $a } @_)[0] }
sub sum { my $n = 0; $n += $_ for @_; return $n }

my $p = start();
my @s = sizes(wire($p), 100);
is(scalar(@s), 1, 'a head and its body are one record');
@s = sizes(wire($p), $BIG);
cmp_ok(most(@s), '>', 8000, 'large ones otherwise');
cmp_ok(most(@s), '<=', 16384, 'but none that is too large');
stop_proxy($p);

$p = start('tune.ssl.hard-maxrecord 2000');
@s = sizes(wire($p), $BIG);
is(most(@s), 2000, 'hard-maxrecord: none is larger');
cmp_ok(sum(@s), '>', $BIG, 'and nothing is missing');
stop_proxy($p);

$p = start('tune.ssl.hard-maxrecord 0');
cmp_ok(most(sizes(wire($p), $BIG)), '>', 8000, 'hard-maxrecord 0: no limit');
stop_proxy($p);

# the kernel may give a part of a buffer: a record may be smaller
$p = start('tune.ssl.maxrecord 1419', 'tune.idletimer 100ms');
my $w = wire($p);
@s = sizes($w, $BIG);
is(most(@s[0 .. 19]), 1419, 'maxrecord: small ones first');
cmp_ok(most(@s), '>', 8000, 'then large ones');
my @again;
ok(wait_until {
	@again = sizes($w, 3000);
	return $again[0] == 1419 if most(@again) <= 1419;
	$w->{sock}->blocking(0);
	IO::Select->new($w->{sock})->can_read(0.15);
	return 0;
}, 'and small ones after a pause');
stop_proxy($p);

$p = start('tune.ssl.maxrecord 1419', 'tune.ssl.hard-maxrecord 4000',
    'tune.idletimer 0');
$w = wire($p);
@s = sizes($w, $BIG);
is(most(@s[0 .. 19]), 1419, 'both: small ones first');
is(most(@s), 4000, 'then up to hard-maxrecord');
IO::Select->new($w->{sock})->can_read(0.2);
is(most(sizes($w, 10_000)), 4000, 'idletimer 0: no pause is one');
stop_proxy($p);

for my $bad (['tune.ssl.maxrecord -1', qr/maxrecord/], ['tune.ssl.maxrecord x', qr/maxrecord/],
    ['tune.ssl.hard-maxrecord', qr/hard-maxrecord/], ['tune.idletimer 70s', qr/65535/],
    ['tune.idletimer x', qr/idletimer/]) {
	my $r = check_config("global\n    $bad->[0]\n" . defaults() . "frontend f\n    bind :0\n");

	ok($r->{sane} && $r->{code} == 1, "$bad->[0]: refused");
	like($r->{all}, $bad->[1], 'with a word on it');
}
done_testing();
