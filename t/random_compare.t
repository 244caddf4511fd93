# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Configurations made at random, out of fetches, converters, conditions and
# rules, through Debian's haproxy and through tideway: the same requests, also
# made at random, must be answered and forwarded in the same way. The seeds are
# fixed; TW_SEED and TW_COUNT look at others.
#
# Not made, because both differ there on purpose: spaces in targets (tideway
# writes %20), "*" with a method other than OPTIONS (400), set-method (a method of
# a rule is what `method` says after it), numbers read from what is no number,
# converters that fail on one of several values of a field (tideway looks at the
# others too), binary data with NUL bytes as a string (not cut), numbers below
# zero less a number (HAProxy 2.6 gives the greatest there is).
use Tideway::Test;
use Tideway::Compare;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');
my ($seed, $count) = ($ENV{TW_SEED} // 1, $ENV{TW_COUNT} // 25);
my $dir = Tideway::Test::temp_dir();

spew('m.str', "one 1\ntwo 2\n/a A\n/a/b AB\nwww.a.example site\n5 five\n");
spew('m.int', "5 five\n3 three\n10 ten\n");
spew('m.ip', "10.0.0.0/8 ten\n127.0.0.0/8 lo\n192.168.1.1 one\n");
spew('m.reg', "^/a/.* sub\n^o.e\$ one\n[0-9]+ num\n");

# answers with the request as it arrived
my $o = origin(name => 'o', respond => sub {
	my ($req) = @_;
	my $body = $req->{raw} . $req->{raw_body};
	my $head = "HTTP/1.1 200 OK\r\nX-Up: one, two\r\nSet-Cookie: s=1; path=/\r\n"
	    . "Content-Type: text/plain; charset=x\r\nContent-Length: " . length($body) . "\r\n\r\n";
	return $req->method eq 'HEAD' ? $head : $head . $body;
});

# --- the generator ---

sub one { return $_[ int rand @_ ] }
sub maybe { my ($p, $text) = @_; return rand() < $p ? $text : '' }
sub num { my ($lo, $hi) = @_; return $lo + int rand($hi - $lo + 1) }

my @STRINGS = ('path', 'path', 'pathq', 'url', 'query', 'method', 'hdr(host)', 'hdr(x-a)', 'req.hdr(x-b)',
    'req.hdr(x-b,-1)', 'req.hdr(x-b,2)', 'req.fhdr(x-a)', 'url_param(a)', 'urlp(b)', 'url_param(a,;)', 'cook(c)',
    'req.cook(d)', 'base', 'req.ver', 'var(txn.v)', 'var(req.w)', 'var(sess.s)', 'str(abc)', 'str("-x-y-")',
    'req.hdr_names', 'urlp(A,,i)', 'hdr(none)', 'capture.req.method', 'capture.req.uri', 'capture.req.ver',
    'req.body', 'env(HOME)', 'fe_name', 'src', 'dst');
my @NUMBERS = ('hdr_cnt(x-a)', 'req.hdr_cnt(x-b)', 'int(3)', 'int(7)', 'req.cook_cnt(c)', 'req.body_len',
    'req.body_size', 'req.hdr_cnt(none)', 'req.fhdr_cnt(x-b)', 'bool(true)', 'bool(false)', 'nbsrv(b1)', 'int(12)',
    'int(255)', 'always_true', 'http_first_req', 'path,length', 'req.hdr(x-a),length');

sub string_converter
{
	my $n = one(1, 2, 3, -1, -2);
	return one('lower', 'upper', "field($n,/)", "field($n,.," . num(1, 3) . ')', "word($n,/)", 'word(1,=)', 'regsub(a,X)',
	    'regsub(a,X,g)', 'regsub(A,y,gi)', 'bytes(' . num(0, 5) . ')', 'bytes(' . num(0, 4) . ',' . num(1, 6) . ')', 'hex',
	    'base64', 'ltrim(/)', 'ltrim(o)', 'rtrim(o)', 'url_dec', 'url_dec(1)', 'url_enc', 'concat(-,txn.v,+)', 'concat(=)',
	    'sha1,hex', 'md5,hex', 'json(utf8s)', 'json', 'ub64enc', 'b64dec', 'hex,lower', 'bytes(1),length',
	    'digest(sha256),hex', 'hmac(sha1,a2V5),hex', 'djb2', 'djb2(1)', 'crc32', 'crc32(1)', 'crc32c', 'sdbm', 'sdbm(1)',
	    'strcmp(txn.v)', 'secure_memcmp(txn.v)', 'length', 'ipmask(24)', "map_ip($dir/m.ip)", "map_ip($dir/m.ip,noip)",
	    "map_reg($dir/m.reg)", "map_reg($dir/m.reg,rd)", map { ("map_$_($dir/m.str)", "map_$_($dir/m.str,dflt)") }
	    qw(str beg end sub dir dom));
}

sub number_converter
{
	my $n = num(-4, 9);
	return one("add($n)", "mul($n)", 'div(' . ($n || 2) . ')', 'mod(' . ($n || 3) . ')', 'and(' . abs($n) . ')',
	    'or(' . abs($n) . ')', 'xor(' . abs($n) . ')', 'neg', 'cpl', 'not', 'bool', 'even', 'odd', 'hex', 'add(txn.n)',
	    'mul(txn.n)', "map_int($dir/m.int,zero)", "map_int($dir/m.int)", 'iif(yes,no)', 'length');
}

sub expression
{
	my ($kind) = @_;
	my $strings = $kind // (rand() < 0.75 ? 1 : 0);
	my $e = one($strings ? @STRINGS : @NUMBERS);

	$e .= ',' . ($strings || rand() < 0.1 ? string_converter() : number_converter()) for 1 .. one(0, 0, 1, 1, 2, 3);
	$e =~ s/,bytes\([^)]*\)//g if $e =~ /length|crc32|djb2|sdbm|cmp|ip|src|dst|cnt|bool|int|nbsrv|first|true|_len|size/; # NUL bytes
	return $e;
}

sub pattern { one(qw(/a /a/b one two a b abc GET POST www.a.example a.example 5 1.1 x 10.1.2.3 e A /api .txt example)) }
sub patterns { join ' ', map { pattern() } 1 .. one(1, 1, 2, 4) }
sub range { one('3', 'eq 5', 'gt 2', 'le 4', '1:4', 'ge 0', 'lt 1', '12 255') }

# a fetch whose name says how it matches
sub named_match
{
	my ($f) = one(map { my $m = $_; map { s/\@/$m/r } 'path@', 'hdr@(x-a)', 'url@', 'urlp@(a)', 'base@' }
	    qw(_beg _end _sub _dir _dom _reg));
	my $f2 = one($f, $f, 'path', 'url', 'hdr(host)', 'urlp(a)', 'cook(c)', 'method', 'cook_beg(c)', 'cook_sub(c)');

	return one('src 10.0.0.0/8', 'src 127.0.0.1', 'src 127.0.0.0/255.0.0.0', 'hdr_ip(x-a) 10.1.2.3 9.9.9.9',
	    'hdr_ip(x-a) 10.0.0.0/8') if rand() < 0.1;
	return one('path_len', 'hdr_cnt(x-b)', 'hdr_len(x-a)', 'urlp_len(a)', 'url_len') . ' ' . range() if rand() < 0.15;
	return "$f2 " . maybe(0.3, '-i ') . one('^/a', 'o.e$', '[0-9]', '^$', '(a|b)', 'EXAMPLE') if $f2 =~ /_reg/;
	return "$f2 " . maybe(0.3, '-i ') . patterns();
}

sub match
{
	return named_match() if rand() < 0.3;
	my $strings = rand() < 0.7 ? 1 : 0;
	my $e = expression($strings);
	$e =~ s/^((?:req\.)?f?hdr)\((x-a|x-b|host)\)/$1($2,1)/ if $e =~ /,/;
	my $m = one(qw(str beg end sub reg dir dom len found int ip bool));
	return "$e -m $m" if $m eq 'found' || $m eq 'bool';
	return "$e -m $m " . range() if $m eq 'int' || $m eq 'len';
	return "$e -m ip " . one('10.0.0.0/8', '127.0.0.1', '10.1.2.3') if $m eq 'ip';
	return "$e -m reg " . maybe(0.3, '-i ') . one('^/a', 'o.e$', '[0-9]', '^$', '(a|b)', '^.{3}$') if $m eq 'reg';
	return "$e -m $m " . maybe(0.3, '-i ') . patterns();
}

sub condition
{
	return '' if rand() < 0.25;
	my @terms;
	for my $i (1 .. one(1, 1, 2, 3)) {
		push @terms, one('||', 'or') if $i > 1 && rand() < 0.4;
		push @terms, maybe(0.3, '!') . one('{ ' . match() . ' }', '{ ' . match() . ' }', 'acl' . num(0, 4),
		    one(qw(TRUE FALSE METH_GET HTTP_1.1 LOCALHOST METH_POST HTTP_URL_ABS)));
	}
	return ' ' . one('if', 'if', 'unless') . " @terms";
}

sub text { '"' . one('', 'p', 'xy') . '%[' . expression() . ']' . one('', '/%[' . expression() . ']', '%%', '-%ci') . '"' }

sub rule
{
	my ($i) = @_;
	return "set-header X-R$i " . text() if rand() < 0.3;
	return one("add-header X-R$i " . text(), 'del-header X-A', 'del-header X-B', "replace-header X-A (.*) \\1-$i",
	    'replace-header X-B ^(o)(.*)$ \2\1', 'replace-value X-B (.)(.*) \2\1', 'set-path /p%[path]',
	    'set-path ' . (text() =~ s/^"/"\//r), 'set-query ' . one('q=1', '%[query,lower]', 'a=%[path]'),
	    'replace-path ^/a(.*) /z\1', 'set-uri ' . one('/u?x', '/%[path]'), 'set-pathq /pq?z=1', 'set-var(txn.v) ' . expression(),
	    'set-var(txn.n) ' . expression(0), 'set-var(req.w) ' . expression(1), 'set-var(sess.s) ' . expression(1),
	    'unset-var(txn.v)', 'set-var-fmt(txn.v) ' . text(), 'deny deny_status ' . one(400, 403, 404, 429, 503),
	    'return status 200 content-type text/plain lf-string ' . text(), 'redirect location ' . (text() =~ s/^"/"\//r),
	    'redirect scheme https', 'redirect prefix http://h code 301', 'allow', 'reject', "set-header X-C$i \"%[var(txn.v)]\"");
}

sub response_rules
{
	my @r;
	for my $i (1 .. num(0, 3)) {
		push @r, 'http-response ' . one("set-header X-S$i \"%[status]%[res.hdr(x-up)]\"", "add-header X-S$i \"%[res.hdr(x-up,2),upper]\"",
		    'del-header X-Up', 'replace-value X-Up o 0', 'set-status 299', "set-header X-V$i \"%[var(txn.v),hex]\"")
		    . one('', ' if { status 200 }', ' if { res.hdr(x-up) -m sub tw }', ' unless { var(txn.v) -m found }', ' if { res.cook(s) 1 }');
	}
	for my $i (1 .. num(0, 2)) {
		push @r, 'http-after-response ' . one("set-header X-AR$i \"%[status]%[var(txn.v),hex]\"", "add-header X-AR$i \"%[res.hdr(x-up)]\"",
		    'del-header Content-Type') . one('', ' if { status 200 }', ' if { status ge 400 }');
	}
	return @r;
}

sub configuration
{
	my @fe;

	for my $i (0 .. 4) {
		push @fe, "acl acl$i " . match() for 1 .. one(1, 1, 2);
	}
	for my $i (0 .. num(2, 9)) {
		my ($r, $c) = (rule($i), condition());
		push @fe, "http-request $r$c" unless $r =~ /^(?:deny|return|redirect|allow|reject)/ && ($c eq '' || rand() < 0.5);
	}
	push @fe, response_rules();
	push @fe, "use_backend b$_" . (condition() || ' if { path /zz }') for 0 .. 2;
	my $out = "global\n    nbthread 1\n" . defaults('option http-buffer-request') . "frontend f\n    bind {BIND:web}\n"
	    . join('', map { "    $_\n" } @fe) . "    default_backend b9\n";
	for my $b (0, 1, 2, 9) {
		$out .= "backend b$b\n    http-request set-header X-Be b$b\n    server s ${\ $o->addr}\n"
		    . maybe(0.3, '    http-request set-header X-BR ' . text() . "\n");
	}
	return $out;
}

sub ask
{
	my $m = one('GET', 'GET', 'GET', 'POST', 'HEAD', 'PUT', 'DELETE');
	my $u = one('/a', '/a/b', '/', '/A/b.txt', '/img/x.png?a=1&b=two', '/api/v1?a=one', '/a/b?b=5&a=x%20y&A=2', '/a//b/../c',
	    '/%61?a=', 'http://www.a.example/a?a=1', '/api?;a=3', '/x', '/caf%c3%a9?x');
	my @h = 'Host: ' . ($u =~ /^http/ ? 'www.a.example'
	    : one('a.example', 'www.a.example', 'WWW.A.example:8080', '10.0.0.1', 'b.example'));
	for my $n (qw(X-A X-B X-B X-A)) {
		push @h, "$n: " . one('one', 'two,three', '5', '10.1.2.3', '', 'a=b', 'one,,two', '-7', '0x10', 'abc', 'ONE', 'sp') if rand() < 0.55;
	}
	push @h, 'Cookie: ' . one('c=1', 'c=one; d=two', 'd=5', 'c=x; c=y') if rand() < 0.4;
	my $body = $m =~ /^P/ ? one('', 'a=b', 'hello') : '';
	push @h, 'Content-Length: ' . length $body if $m =~ /^P/;
	return "$m $u HTTP/1.1\r\n" . join('', map { "$_\r\n" } @h) . "\r\n$body";
}

# --- both programs ---

# fields sorted, names in lower case; lengths and connections apart
sub plain
{
	my ($head) = @_;
	my ($start, @lines) = split /\r\n/, $head;

	return join "\n", $start // '', sort grep { !/^(?:connection|content-length|cache-control):/ }
	    map { s/^([^:]*)/lc $1/er } @lines;
}

sub outcome
{
	my ($p, $request) = @_;
	my $c = $p->client('web');

	$c->send($request);
	my $r = $c->read_response(method => $request =~ /^(\S+)/ ? $1 : '');
	$c->close;
	return '(closed)' if !$r || $r->{raw} eq '';
	my ($head, $rest) = $r->body =~ /\A(\S+ \S+ HTTP.*?\r\n)\r\n(.*)\z/s;
	return plain($r->{raw}) . "\n\n" . (defined $head ? plain($head) . "\n\n$rest" : $r->body);
}


# exit code of -c
sub run_cmd_of
{
	my ($bin, $text) = @_;
	my $file = spew('check.cfg', $text =~ s/\{BIND:web\}/127.0.0.1:1/r);

	return system("$bin -c -f $file >$dir/check.out 2>&1") >> 8;
}

my ($n, $bad) = (0, 0);
for (my $s = $seed; $count > 0; $s++) {
	srand $s;
	my $text = configuration();
	my @asks = map { ask() } 1 .. 20;
	next if run_cmd_of($haproxy, $text) != 0; # what it refuses we may take
	$count--;
	is(run_cmd_of(Tideway::Test::binary(), $text), 0, "seed $s: accepted") or do {
		diag slurp("$dir/check.out");
		next;
	};
	my ($h, $t) = (start_proxy($text, bin => $haproxy), start_proxy($text));
	my $differ = 0;
	for my $request (@asks) {
		my ($want, $got) = (outcome($h, $request), outcome($t, $request));
		$n++;
		next if $want eq $got || $differ++;
		diag "$text\n$request\nhaproxy: $want\ntideway: $got";
	}
	is($differ, 0, "seed $s: the same");
	is($t->stop, '', "seed $s: ends well");
	$h->stop;
}
note "$n requests compared";
done_testing;
