# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Every keyword of -K, as its table has it (-Kt), wherever it may stand, with
# too few arguments, too many, out of range, with `no` where that means
# nothing, and with bytes that nobody expects: each time the error names file,
# line and word. The lines of one kind are read in one run, as all errors are
# told at once.
use Tideway::Test;

plan(skip_all => 'HAProxy has no such table') unless is_tideway();

my %section = (g => 'global', d => 'defaults', f => 'frontend f', l => 'listen l',
    b => 'backend b');
my $r = run_cmd('-Kt');
my @kw = map {
	my %k;
	@k{qw(places word min max kind least most flags owner usage)} = split /\t/, $_, -1;
	\%k;
} split /\n/, $r->{out};
is($r->{code}, 0, '-Kt');
cmp_ok(scalar @kw, '>', 200, 'the table');
is(scalar(grep { $_->{usage} =~ /\t/ || $_->{word} eq '' } @kw), 0, 'has whole lines');

# { place => [[keyword, its arguments as text, what must be named], ...] }
sub lines_for
{
	my ($make) = @_;
	my %lines;

	for my $k (@kw) {
		next if $k->{word} =~ /^module-/; # looked for before all others
		my @places = $k->{places} =~ /^[gdflbBS]+$/ ? split //, $k->{places}
		    : $k->{places};
		for my $place (@places) {
			my @l = map { [$k, @$_] } $make->($k, $place);
			push @{ $lines{$place} }, @l if @l;
		}
	}
	return \%lines;
}

# One file with all of them. returns: for each line its messages.
sub check_all
{
	my ($place, $lines, $name) = @_;
	my $head = $section{$place} // ($place eq 'B' ? 'listen l' : $place eq 'S' ? 'backend b'
	    : "$place s");
	my $text = "$head\n";

	for my $l (@$lines) {
		my ($k, $args) = @$l;
		my $before = $place eq 'B' ? 'bind 127.0.0.1:1 ' : $place eq 'S'
		    ? 'server s 127.0.0.1:1 ' : '';
		my $no = $args =~ s/^NO // ? 'no ' : '';
		$text .= "    $no$before$k->{word} $args\n";
	}
	my $r = check_config($text);
	ok($r->{sane} || $r->{code} == 2, "$name in '$place': it lives") or diag substr $r->{all}, -2000;
	my %said;
	push @{ $said{$2} }, [$1, $3]
	    while $r->{all} =~ /\[(ALERT|WARNING)\].*check\.cfg:(\d+)\] : (.*)/g;
	return [map { $said{ 2 + $_ } // [] } 0 .. $#$lines];
}

sub refused
{
	my ($name, $make) = @_;

	subtest $name => sub {
		my $lines = lines_for($make);
		for my $place (sort keys %$lines) {
			my $said = check_all($place, $lines->{$place}, $name);
			my @silent;
			for my $i (0 .. $#$said) {
				my ($k, $args, @named) = @{ $lines->{$place}[$i] };
				my @errors = map { $_->[1] } grep { $_->[0] eq 'ALERT' } @{ $said->[$i] };
				my ($last) = $k->{word} =~ /(\S+)$/;
				my $ok = grep { my $e = $_; grep { index($e, $_) >= 0 } $last, @named } @errors;
				push @silent, "$k->{word} $args: " . join ' / ', 'said', @errors unless $ok;
			}
			is(join("\n", @silent), '', scalar(@$said) . " lines in '$place' are refused by name");
		}
	};
}

# something that is right for most
sub plain
{
	my ($k, $n) = @_;

	return join ' ', map { $k->{kind} eq 'time' ? '5s' : '7' } 1 .. $n;
}

refused('an argument is missing', sub {
	my ($k) = @_;
	return $k->{min} > 0 ? [plain($k, $k->{min} - 1)] : ();
});

refused('an argument too many', sub {
	my ($k, $place) = @_;
	return () if $k->{max} < 0 || $place =~ /^[BS]$/; # the next option of the line
	my $n = plain($k, $k->{max});
	return ["$n surplus", 'surplus'];
});

refused('no where it means nothing', sub {
	my ($k, $place) = @_;
	return () if $k->{flags} =~ /n/ || $place =~ /^[BS]$/;
	return ['NO ' . plain($k, $k->{min})];
});

refused('numbers', sub {
	my ($k) = @_;
	return () unless $k->{kind} eq 'number';
	my @bad = ('x', '-1', '1x', '0x10', '99999999999999999999', '""', '1.5');
	push @bad, $k->{most} + 1 if $k->{most};
	push @bad, $k->{least} - 1 if $k->{least} > 0;
	return map { [$_] } @bad;
});

refused('times', sub {
	my ($k) = @_;
	return () unless $k->{kind} eq 'time';
	return map { [$_] } 'x', '-1', '5q', '5ss', '99999999999s', '25d', '""', '1.5s';
});

refused('sizes', sub {
	my ($k) = @_;
	return () unless $k->{kind} eq 'size' || $k->{usage} eq '<size>';
	return map { [$_] } 'x', '-1', '5q', '5kb', '99999999999999999999', '99999999999g', '""';
});

subtest 'the least and the greatest number are taken' => sub {
	my $lines = lines_for(sub {
		my ($k) = @_;
		return () unless $k->{kind} eq 'number' && $k->{most};
		return map { [$_] } @$k{qw(least most)};
	});
	for my $place (sort keys %$lines) {
		my $said = check_all($place, $lines->{$place}, 'numbers');
		my @bad;
		for my $i (0 .. $#$said) {
			my ($k, $args) = @{ $lines->{$place}[$i] };
			push @bad, "$k->{word} $args: $_->[1]"
			    for grep { $_->[0] eq 'ALERT' && $_->[1] =~ /out of range|too large/ } @{ $said->[$i] };
		}
		is(join("\n", @bad), '', scalar(@$said) . " lines in '$place'");
	}
};

# What HAProxy knows and nobody here takes is refused by name, wherever HAProxy
# takes it.
subtest 'known words that nobody takes' => sub {
	my %of = (GLOBAL => 'g', DEFAULTS => 'd', FRONTEND => 'f', LISTEN => 'l', BACKEND => 'b',
	    PROXY => 'dflb', DFLB => 'dflb', FL => 'fl', LB => 'lb', DFL => 'dfl', DLB => 'dlb', FLB => 'flb');
	my %taken = map { $_ => 1 } map { $_->{word}, $_->{word} =~ /^(\S+) / ? $1 : () } @kw;
	my $table = slurp(test_dir() . '/../core/tbl/known_keywords.h');
	my %lines;
	while ($table =~ /X\(([^,]+), "([^"]+)", "([^"]*)"\)/g) {
		my ($where, $word, $second) = ($1, $2, $3);
		my ($first) = split ' ', $word;
		my $two = $word =~ / / ? $word : "$word $second";
		next if $taken{$two} || $taken{$word} || $taken{$first} && $second eq '' && $word !~ / /;
		next if $taken{$first} && $first !~ /^(?:option|timeout|http-request|tune)/;
		my %p = map { $_ => 1 } map { split //, $of{$_} // '' } $where =~ /TW_KN_(\w+)/g;
		push @{ $lines{$_} }, [{ word => $word }, "$second x"] for keys %p;
	}
	cmp_ok(scalar(keys %lines), '==', 5, 'the table is read');
	for my $place (sort keys %lines) {
		my @l = @{ $lines{$place} };
		my $said = check_all($place, \@l, 'known words');
		my @silent;
		for my $i (0 .. $#l) {
			my $word = $l[$i][0]{word};
			push @silent, "$word: " . join ' / ', map { $_->[1] } @{ $said->[$i] }
			    unless grep { $_->[0] eq 'ALERT' && $_->[1] =~ /\Q$word\E/ } @{ $said->[$i] };
		}
		is(join("\n", @silent), '', scalar(@l) . " words in '$place' are refused by name");
	}
};

# Nothing is asked of these but that they do no harm, and that an error says
# where.
subtest 'odd bytes' => sub {
	my @odd = ('""', "'%s%s%n'", 'x' x 3000, "\xff\xfe\x01", '{', '}', '-', '%[', '"%[src"', ':',
	    '/', '@', '-f', 'if', 'if {', 'unless', '1-', ',', '..', '"a b"', '$', '"${"', '0', "\\");
	my $lines = lines_for(sub {
		my ($k) = @_;
		return () if $k->{max} == 0 || $k->{word} =~ /env$/;
		return map { my $o = $_; my $n = $k->{min} || 1; [join ' ', ($o) x $n] } @odd;
	});
	for my $place (sort keys %$lines) {
		my @l = @{ $lines->{$place} };
		my $n = 0;
		while (my @some = splice @l, 0, 400) {
			my $said = check_all($place, \@some, 'odd bytes');
			$n += grep { @$_ } @$said;
		}
		cmp_ok($n, '>', 0, "in '$place': $n lines are complained of");
	}
};

done_testing;
