# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Evaluates many expressions with one request, in tideway by a log line (what
# reads a response: by a rule that the line then tells of) and in Debian's haproxy by an answer made of them (its logs have no request any
# more). What gives nothing is '' in both.
package Tideway::Expr;
use strict;
use warnings;
use Exporter qw(import);
use Tideway::Test;

our @EXPORT = qw(haproxy_path in_tideway in_haproxy compare_rows);

my $PER_PROXY = 24;

sub haproxy_path
{
	my ($path) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);

	return $path;
}

sub _format
{
	my (@exprs) = @_;

	return join '', map { "\@\@$_\@%[$exprs[$_]]" } 0 .. $#exprs;
}

# the values by the text that _format made
sub _values
{
	my ($text) = @_;
	my (undef, @values) = split /\@\@\d+\@/, $text, -1;

	s/\s+\z// for $values[-1] // ();
	return map { $_ eq '-' ? '' : $_ } @values;
}

# one frontend for each so many rows
sub _chunks
{
	my (@exprs) = @_;
	my @chunks;

	push @chunks, [splice @exprs, 0, $PER_PROXY] while @exprs;
	return @chunks;
}

# HAProxy's logs write some bytes as #XX
sub _unlog { return $_[0] =~ s/#([0-9A-F]{2})/chr hex $1/ger }

sub _ask
{
	my ($p, $name, $request) = @_;
	my $c = $p->client($name);
	my $r = $c->request($request);

	$c->shutdown_write;
	$c->read_all;
	return $r;
}

sub in_tideway
{
	my ($exprs, %opt) = @_;
	my $o = $opt{origin} // origin(name => 'expr');
	my $log = syslog_unix();
	my ($n, @got) = (0);
	my $text = "global\n    log $log->{addr} len 60000 local0\n"
	    . ($opt{global} // '') . defaults('log global', @{ $opt{defaults} // [] });

	for my $chunk (_chunks(@$exprs)) {
		my @vars = map { "var(txn.r$_)" } 0 .. $#$chunk;
		my $format = _format($opt{response} ? @vars : @$chunk) =~ s/'/'\\''/gr;
		$text .= "frontend web$n\n    bind {BIND:web$n}$opt{bind}\n"
		    . join('', map { "    http-response set-$vars[$_] $chunk->[$_]\n" }
		    $opt{response} ? 0 .. $#vars : ())
		    . "    log-format '$format'\n    default_backend be\n";
		$n++;
	}
	$text .= "backend be\n    server s1 ${\ $o->addr}\n" . ($opt{more} // '');
	my $p = start_proxy($text, %{ $opt{proxy} // {} });
	for my $i (0 .. $n - 1) {
		_ask($p, "web$i", $opt{request});
		my $l = $log->next_line;
		push @got, map { _unlog($_) } _values($l ? $l->{msg} : '');
	}
	stop_proxy($p);
	return @got;
}

sub in_haproxy
{
	my ($exprs, %opt) = @_;
	my ($n, @got) = (0);
	my $text = ($opt{global} ? "global\n$opt{global}" : '')
	    . defaults(@{ $opt{defaults} // [] });

	for my $chunk (_chunks(@$exprs)) {
		my $file = spew("expr$n.lf", _format(@$chunk) . "\n");
		my $rule = ($opt{rule} // 'http-request return status 200'
		    . ' content-type text/plain') . " lf-file $file";
		$text .= "frontend web$n\n    bind {BIND:web$n}$opt{bind}\n"
		    . "    $rule\n    default_backend be\n";
		$n++;
	}
	my $o = $opt{origin};
	$text .= "backend be\n" . ($o ? "    server s1 ${\ $o->addr}\n" : '')
	    . ($opt{more} // '');
	my $p = start_proxy($text, bin => haproxy_path(), %{ $opt{proxy} // {} });
	for my $i (0 .. $n - 1) {
		push @got, _values(_ask($p, "web$i", $opt{request})->body);
	}
	$p->stop;
	return @got;
}

# rows: an expression that both know, or [expression, value] where the value is
# as documented
sub compare_rows
{
	my ($rows, %opt) = @_;
	my @exprs = map { ref ? $_->[0] : $_ } @$rows;
	my @same = grep { !ref } @$rows;
	my (%want, @names);

	$opt{bind} //= '';
	$opt{request} //= "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	my @got = in_tideway(\@exprs, %opt);
	@want{@same} = in_haproxy(\@same, %opt) if haproxy_path() && @same;
	for my $i (0 .. $#exprs) {
		my $want = ref $rows->[$i] ? $rows->[$i][1] : $want{ $exprs[$i] };
		next if !defined $want; # no haproxy here
		my $test = ref $want ? \&like : \&is;
		$test->($got[$i], $want, $exprs[$i]);
	}
	is(scalar @got, scalar @exprs, 'each has a value');
	return;
}

1;
