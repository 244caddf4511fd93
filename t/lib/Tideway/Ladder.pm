# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# One row for each feature that real configuration files use: the lines it
# stands in, requests, and what must come of them. All rows of a file run in
# one program, each with a frontend and a backend of its own, as in the files
# of users. The origin's answer holds the request as it arrived, so that one
# pattern can look at what was answered and at what was forwarded.
#
# A row: { f => names of features, fe => lines, be => lines, top => sections of
# its own, head => those that stand before the common defaults, ask => [ request, pattern, ... ] or a sub that gets
# the program and the row's number }. In its lines {ME} is that number, {A} and
# {B} are servers' addresses, {DIR} a folder.
package Tideway::Ladder;
use strict;
use warnings;
use Exporter 'import';
use Tideway::Test;
use Time::HiRes ();

our @EXPORT = qw(run_rows get post echo_origin);

sub get
{
	my ($uri, @fields) = @_;
	my $host = grep({ /^Host:/i } @fields) ? '' : "Host: site.example\r\n";

	return "GET $uri HTTP/1.1\r\n$host" . join('', map { "$_\r\n" } @fields) . "\r\n";
}

sub post
{
	my ($uri, $body, @fields) = @_;

	return get($uri, 'Content-Length: ' . length $body, @fields) =~ s/^GET/POST/r . $body;
}

# answers with what it received; X-Reply: adds a field, X-Status: sets the
# status, X-Sleep: waits, X-Size: is a body of so many bytes
sub echo_origin
{
	my ($name, %opt) = @_;

	return origin(name => $name, respond => sub {
		my ($req, $c) = @_;
		my $body = "server $name\n$req->{raw}$req->{raw_body}";
		my ($status) = ($req->all('X-Status'), 200);
		my ($size) = $req->all('X-Size');
		Time::HiRes::sleep($_) for $req->all('X-Sleep');
		$body .= 'x' x $size if $size;
		my $head = "HTTP/1.1 $status Because\r\n" . join('', map { "$_\r\n" } $req->all('X-Reply'))
		    . 'Content-Length: ' . length($body) . "\r\n\r\n";
		return $req->method eq 'HEAD' ? $head : $head . $body;
	}, %opt);
}

sub _ask
{
	my ($p, $name, $bytes) = @_;
	my $c = $p->client($name);

	$c->send($bytes);
	my $r = $c->read_response(method => $bytes =~ /^(\S+)/ ? $1 : 'GET');
	$c->close;
	return $r && $r->{raw} ne '' ? $r->{raw} . $r->{body} : '(closed)';
}

sub _config
{
	my ($rows, $top, $addr) = @_;
	my ($head, $out, $n) = ('', $top, 0);

	for my $row (@$rows) {
		my $me = $n++;
		my $mode = $row->{mode} // 'http';
		my $text = ($row->{top} // '') . "frontend fe$me\n    bind "
		    . ($row->{bind} // "{BIND:fe$me}") . "\n    mode $mode\n"
		    . join('', map { "    $_\n" } split /\n\s*/, $row->{fe} // '')
		    . "    default_backend be$me\nbackend be$me\n    mode $mode\n"
		    . join('', map { "    $_\n" } split /\n\s*/, $row->{be} // 'server a {A}');
		$text =~ s/\{ME\}/$me/g;
		$text =~ s/\{A\}/$addr->{A}/g;
		$text =~ s/\{B\}/$addr->{B}/g;
		$text =~ s/\{C\}/$addr->{C}/g;
		$out .= $text;
		$head .= ($row->{head} // '') =~ s/\{ME\}/$me/gr;
	}
	return $head . $out;
}

# in: global and defaults sections, rows, addresses A, B (and C). One subtest
# for each row, named by its features.
sub run_rows
{
	my ($top, $rows, $addr, %opt) = @_;
	my $p = start_proxy(_config($rows, $top, $addr), %opt);

	for my $n (0 .. $#$rows) {
		my $row = $rows->[$n];
		subtest join(', ', @{ $row->{f} }) => sub {
			return $row->{ask}->($p, "fe$n", $n) if ref $row->{ask} eq 'CODE';
			my @ask = @{ $row->{ask} };
			while (my ($request, $want) = splice @ask, 0, 2) {
				my ($what) = $request =~ /^([^\r\n]*)/;
				like(_ask($p, "fe$n", $request), $want, $what);
			}
		};
	}
	return $p;
}

1;
