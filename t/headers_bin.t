# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# set-headers-bin, add-headers-bin, del-headers-bin in all three rule sets: what
# req.hdrs_bin and res.hdrs_bin give, prefixes, match methods, and what is no list
# or no field.
use Tideway::Test;

plan(skip_all => 'Debian\'s haproxy has none of these') unless is_tideway();

my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;

	return "HTTP/1.1 200 OK\r\nX-One: 1\r\nX-Two: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Long: "
	    . ('l' x 5000) . "\r\nContent-Length: 2\r\n\r\nok" if $req->uri =~ m{^/res/};
	my $got = join '', map { "$_->[0]: $_->[1]\n" } @{ $req->{headers} };
	return $o->reply($req, $got);
});

# a length as these lists have it
sub varint
{
	my ($n) = @_;
	return chr $n if $n < 240;
	my $out = chr(($n | 240) & 255);

	for ($n = ($n - 240) >> 4; $n >= 128; $n = ($n - 128) >> 7) {
		$out .= chr(($n | 128) & 255);
	}
	return $out . chr $n;
}

sub list { return join '', map { varint(length) . $_ } @_ }
sub hex_of { return unpack 'H*', $_[0] }

my $two = hex_of(list('x-a', 'new', 'X-b', 'also') . "\0\0");
my $twice = hex_of(list('x-a', 'first', 'x-a', 'second') . "\0\0");
my $del2 = hex_of(list('x-a', 'X-C') . "\0\0");
my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.old) req.hdrs_bin
    http-request set-headers-bin bin($two) if { path /set }
    http-request add-headers-bin bin($two) if { path /add }
    http-request set-headers-bin bin($twice) if { path /twice }
    http-request set-headers-bin bin($two) prefix x-B if { path /prefix }
    http-request add-headers-bin bin($two) prefix nope if { path /none }
    http-request set-headers-bin bin(${\ hex_of(list('x-a', 'no end'))}) if { path /noend }
    http-request del-headers-bin bin(${\ hex_of(list('x-a', 'X-C'))}) if { path /del }
    http-request del-headers-bin bin($del2) -m str if { path /del2 }
    http-request del-headers-bin bin(${\ hex_of(list('X-'))}) -m beg if { path /beg }
    http-request del-headers-bin bin(${\ hex_of(list('-A', '-c'))}) -m end if { path /end }
    http-request del-headers-bin bin(${\ hex_of(list('-'))}) -m sub if { path /sub }
    http-request del-header X- -m beg if { path_beg /reset }
    http-request del-header Host if { path_beg /reset }
    http-request set-header X-New 1 if { path_beg /reset }
    http-request set-headers-bin var(txn.old) if { path /reset/set }
    http-request add-headers-bin var(txn.old) if { path /reset/add }
    http-request set-headers-bin var(txn.none) if { path /unset }
    http-request strict-mode off if { path_beg /loose }
    http-request set-headers-bin hdr(X-List),b64dec if { hdr(X-List) -m found }
    http-request add-headers-bin hdr(X-Add),b64dec if { hdr(X-Add) -m found }
    http-request del-headers-bin hdr(X-Del),b64dec if { hdr(X-Del) -m found }
    default_backend b
backend b
    http-response set-var(txn.res) res.hdrs_bin if { var(txn.p) -m found }
    http-request set-var(txn.p) path if { path_beg /res }
    http-response del-header X- -m beg if { var(txn.p) -m found }
    http-response del-header Set-Cookie if { var(txn.p) -m found }
    http-response set-headers-bin var(txn.res) if { var(txn.p) -m str /res/set }
    http-response add-headers-bin var(txn.res) prefix x-t if { var(txn.p) -m str /res/add }
    http-after-response set-headers-bin bin($two) if { var(txn.p) -m str /res/after }
    http-after-response del-headers-bin bin(${\ hex_of(list('Content-L'))}) -m sub if { var(txn.p) -m str /res/never }
    server s ${\ $o->addr}
");

sub sent
{
	my ($uri, @more) = @_;
	my $r = $p->get('web', $uri, 'X-A: old', 'X-C: stays', @more);

	return $r->status if $r->status != 200;
	return join ' ', map { lc } grep { /^(?:x-|host)/i } split /\n/, $r->body =~ s/: /=/gr;
}

is(sent('/plain'), 'host=test x-a=old x-c=stays', 'as it is');
is(sent('/set'), 'host=test x-c=stays x-a=new x-b=also', 'set: in place of the old one');
is(sent('/add'), 'host=test x-a=old x-c=stays x-a=new x-b=also', 'add: besides it');
is(sent('/twice'), 'host=test x-c=stays x-a=first x-a=second', 'a name that is there twice');
is(sent('/prefix'), 'host=test x-a=old x-c=stays x-b=also', 'those with a prefix');
is(sent('/none'), 'host=test x-a=old x-c=stays', 'a prefix that none has');
is(sent('/noend'), 'host=test x-c=stays x-a=no end', 'a list without its end');
is(sent($_), 'host=test', "del: $_") for '/del', '/del2', '/beg', '/end';
is(sent('/sub', 'X-Z: 1'), 'host=test', 'del: -m sub');
is(sent('/reset/set'), 'x-new=1 host=test x-a=old x-c=stays', 'all as it came');
is(sent('/reset/add'), 'x-new=1 host=test x-a=old x-c=stays', 'added again');
is(sent('/unset'), 'host=test x-a=old x-c=stays', 'without a value nothing happens');

use MIME::Base64;
my $bad = sub { my ($uri, $h, $list) = @_; return sent($uri, "$h: " . encode_base64($list, '')) };
my $long = 'v' x 3000;
like($bad->('/', 'X-List', list('x-a', $long)), qr/ x-a=$long$/, 'a long value');
is($bad->('/', 'X-List', list('x-a', '')) =~ s/x-list=\S+ //r, 'host=test x-c=stays x-a=', 'an empty one');
for my $list (['a length that is not there', list('x-a', 'v') . chr(200)], ['half a field', list('x-q')],
    ['an endless length', "\xff" x 20], ['a line break in a value', list('x-q', "a\r\nb: c")],
    ['a NUL', list('x-q', "a\0b")], ['a colon in a name', list('x-q: 1', 'v')],
    ['a line break in a name', list("x-q\r\nx", 'v')], ['no name', list('', 'v')], ['a blank', list('x q', 'v')]) {
	is($bad->('/', 'X-List', $list->[1]), 500, "$list->[0]: refused");
	unlike($bad->('/loose', 'X-List', $list->[1]), qr/x-q=|500/, 'or nothing is touched');
	is($bad->('/', 'X-Add', $list->[1]), 500, 'the same when it is added');
}
is($bad->('/', 'X-Del', "\xff\xff"), 500, 'names that are no list');
is($bad->('/', 'X-Del', list('x-a', 'x-del')), 'host=test x-c=stays', 'names of a request\'s own');
is($bad->('/', 'X-Add', join '', map { list("x-n$_", 1) } 1 .. 600), 500, 'more than a head may have');

my $r = $p->get('web', '/res/set');
is($r->header('X-One'), 1, 'http-response set-headers-bin');
is(length $r->header('X-Long'), 5000, 'a long one');
is(scalar(my @c = grep { lc $_->[0] eq 'set-cookie' } @{ $r->{headers} }), 2, 'both cookies');
is($r->body, 'ok', 'and the body');
$r = $p->get('web', '/res/add');
is($r->header('X-Two'), 2, 'http-response add-headers-bin');
is($r->header('X-One'), undef, 'by prefix');
$r = $p->get('web', '/res/after');
is($r->header('X-b'), 'also', 'http-after-response set-headers-bin');
stop_proxy($p);

for my $case (['set-headers-bin', qr/an expression that gives header fields/],
    ['add-headers-bin nonsense', qr/nonsense/], ['set-headers-bin req.hdrs_bin prefix', qr/beginning of a name after 'prefix'/],
    ['del-headers-bin req.hdrs_bin -m', qr/'str', 'beg', 'end' or 'sub'/],
    ['del-headers-bin req.hdrs_bin -m reg', qr/'str', 'beg', 'end' or 'sub'/],
    ['del-headers-bin req.hdrs_bin prefix x', qr/prefix/], ['set-headers-bin req.hdrs_bin -m beg', qr/-m/]) {
	for my $set ('http-request', 'http-response', 'http-after-response') {
		my ($words, $like) = @$case;
		$words =~ s/req\./res./ if $set ne 'http-request';
		$r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $set $words\n");
		isnt($r->{code}, 0, "$set $words: refused");
		like($r->{all}, $like, 'with its word');
	}
}

done_testing;
