# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The lexer of the configuration language, by HAProxy's manual, section 2:
# quoting, escapes, comments, environment variables and the dot directives.
# setenv takes a word and .warning shows what became of it.
use Tideway::Test;

my $LISTEN = "defaults\n    mode http\n    timeout client 1s\n"
    . "    timeout server 1s\n    timeout connect 1s\n"
    . "listen a\n    bind 127.0.0.1:1\n";

# what one word of the configuration text reads as
sub word
{
	my ($text) = @_;
	my $r = check_config("global\n    setenv V $text\n"
	    . ".warning \"\$V\"\n$LISTEN");

	return $r->{err} =~ /'(.*)'\.$/m ? $1 : "rejected: $r->{err}";
}

$ENV{TW_A} = 'one';
$ENV{TW_SPACE} = 'two words';
delete $ENV{TW_NONE};

my @words = (
	['plain', 'plain'],
	['a\ b', 'a b', 'escaped space'],
	['a\#b', 'a#b', 'escaped hash'],
	['a#b', 'a', 'hash within a word'],
	['a # b', 'a', 'comment'],
	['a\\\\b', 'a\\b', 'escaped backslash'],
	['a\x41b', 'aAb', 'hexadecimal'],
	['a\"b', 'a"b', 'escaped quote'],
	["a\\'b", "a'b", 'escaped apostrophe'],
	['"a b"', 'a b', 'weak quotes'],
	["'a b'", 'a b', 'strong quotes'],
	['"a#b"', 'a#b', 'hash in weak quotes'],
	["'a#b'", 'a#b', 'hash in strong quotes'],
	['"a\"b"', 'a"b', 'quote in weak quotes'],
	['"a\\\\b"', 'a\\b', 'backslash in weak quotes'],
	["'a\\b'", 'a\\b', 'backslash in strong quotes'],
	["'a\"b'", 'a"b', 'weak in strong'],
	['"a\'b"', "a'b", 'strong in weak'],
	['a"b c"d', 'ab cd', 'quotes within a word'],
	['a"b"\'c\'d', 'abcd', 'quotes side by side'],
	['""', '', 'empty word'],
	['"$TW_A"', 'one', 'variable'],
	['"${TW_A}x"', 'onex', 'variable in braces'],
	['"$TW_A-x"', 'one-x', 'a variable ends at a dash'],
	['"x$TW_NONE"', 'x', 'undefined variable'],
	['"$TW_SPACE"', 'two words', 'a value with a space stays one word'],
	["'\$TW_A'", '$TW_A', 'none in strong quotes'],
	['$TW_A', '$TW_A', 'none without quotes'],
	['"\$TW_A"', '$TW_A', 'escaped dollar'],
);

for my $w (@words) {
	my ($text, $want, $what) = @$w;
	is(word($text), $want, ($what // 'word') . ": $text");
}

subtest 'lexer errors' => sub {
	my %bad = ("'open" => qr/unmatched quote/, '"open' => qr/unmatched quote/,
	    '"${TW_A"' => qr/brace|unmatched|variable/i, '\xZZ' => qr/hexa|\\x|escape/i,
	    '"${}"' => qr/variable/i, '"a$"' => qr/variable/i);
	for my $text (sort keys %bad) {
		my $r = check_config("$LISTEN    description $text\n");
		is($r->{code}, 1, "$text is an error");
		like($r->{all}, qr/check\.cfg:8\]?/, 'with its line');
		like($r->{all}, $bad{$text}, 'and the reason');
		like($r->{all}, qr/^ *\^ *$/m, 'and a caret') if $text =~ /open/;
	}
	my $r = check_config("$LISTEN    mode http");
	is($r->{code}, 1, 'a last line without its end is an error');
	like($r->{all}, qr/LF/, 'that says so');
	$r = check_config($LISTEN =~ s/\n/\r\n/gr);
	is($r->{code}, 0, 'lines may end in CRLF') or diag $r->{all};
	$r = check_config($LISTEN . "    description " . ('x' x 3000) . "\n");
	ok($r->{sane}, 'a long line');
	$r = check_config("# only\n\n   \t \n$LISTEN");
	is($r->{code}, 0, 'empty lines and comments');
};

subtest 'setenv and its kin' => sub {
	my $r = check_config("global\n    setenv TW_B two\n    presetenv TW_B three\n"
	    . "    presetenv TW_C four\n    unsetenv TW_A\n"
	    . ".warning \"B=\$TW_B C=\$TW_C A=\$TW_A.\"\n$LISTEN");
	like($r->{err}, qr/'B=two C=four A=\.'/, 'setenv, presetenv, unsetenv');
	$r = check_config("global\n    resetenv TW_A PATH\n"
	    . ".warning \"A=\$TW_A S=\$TW_SPACE.\"\n$LISTEN");
	like($r->{err}, qr/'A=one S=\.'/, 'resetenv keeps what it is given');
};

# which branches of the text are read: the names of the .warning lines
sub branches
{
	my ($text) = @_;
	my $r = check_config("$text$LISTEN");

	return join ' ', $r->{err} =~ /'(\w+)'\.$/mg;
}

subtest 'conditions' => sub {
	my %true = ('1' => 1, '0' => 0, '' => 0, '!0' => 1, '!1' => 0,
	    'defined(TW_A)' => 1, 'defined(TW_NONE)' => 0,
	    'streq("$TW_A",one)' => 1, 'streq("$TW_A",two)' => 0,
	    'strneq("$TW_A",two)' => 1,
	    'version_atleast(2.0)' => 1, 'version_before(2.0)' => 0,
	    'feature(NOSUCHTHING)' => 0,
	    'defined(TW_A) && defined(TW_NONE)' => 0,
	    'defined(TW_A) || defined(TW_NONE)' => 1,
	    '!defined(TW_NONE) && (0 || 1)' => 1, '0 && 0 || 1' => 1,
	    '1 || 0 && 0' => 1, '!(0 || 1)' => 0);
	for my $cond (sort keys %true) {
		is(branches(".if $cond\n.warning yes\n.else\n.warning no\n.endif\n"),
		    $true{$cond} ? 'yes' : 'no', ".if $cond");
		my $r = run_cmd('-cc', $cond);
		is($r->{code}, $true{$cond} ? 0 : 1, "-cc '$cond'")
		    if $cond !~ /\$/;
	}
	is(branches(".if 0\n.warning a\n.elif 1\n.warning b\n.elif 1\n.warning c\n.else\n.warning d\n.endif\n"),
	    'b', '.elif: the first that is true');
	is(branches(".if 0\n.if 1\n.warning a\n.else\n.warning b\n.endif\n.else\n.warning c\n.endif\n.warning d\n"),
	    'c d', 'nested within what is skipped');
	is(branches(".if 1\n.if 0\n.warning a\n.elif 1\n.warning b\n.endif\n.warning c\n.else\n.warning d\n.endif\n"),
	    'b c', 'nested within what is read');
	is(check_config(".if 0\n    total 'nonsense\nwithout end\n.endif\n$LISTEN")->{sane},
	    1, 'what is skipped is not parsed');
	for my $bad (".else\n", ".endif\n", ".if 1\n", ".elif 1\n",
	    ".if 1\n.else\n.else\n.endif\n", ".if 1\n.else\n.elif 1\n.endif\n",
	    ".if nonsense\n.endif\n", ".if streq(a\n.endif\n", ".nonsense\n",
	    ".if 1 &&\n.endif\n") {
		my $r = check_config("$bad$LISTEN");
		is($r->{code}, 1, 'refused: ' . $bad =~ s/\n/; /gr);
		like($r->{all}, qr/check\.cfg/, 'with the file') or diag $r->{all};
	}
	is(run_cmd('-cc', 'nonsense(')->{code}, 2, '-cc: 2 for nonsense');
};

subtest '.notice, .warning, .alert, .diag' => sub {
	my $r = check_config(".notice \"a note\"\n.warning \"a warning\"\n$LISTEN");
	is($r->{code}, 0, 'notes and warnings do no harm');
	like($r->{err}, qr/WARNING.*check\.cfg:2\].*'a warning'/, '.warning');
	$r = check_config(".alert \"an alert\"\n$LISTEN");
	is($r->{code}, 1, '.alert ends it');
	like($r->{err}, qr/ALERT.*check\.cfg:1\].*'an alert'/, 'with its text');
	$r = check_config(".warning w\n$LISTEN", '-dW');
	is($r->{code}, 1, '-dW makes warnings fatal');
};

done_testing;
