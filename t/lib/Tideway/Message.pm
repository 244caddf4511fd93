# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# One HTTP/1 message as it was seen on the wire by a test: the exact bytes of
# the head and of the body, and the parsed view of both. It is lenient on
# purpose: a test must be able to look at what a strict parser would refuse.
package Tideway::Message;
use strict;
use warnings;

sub parse_head
{
	my ($class, $raw) = @_;
	my $self = bless { raw => $raw, body => '', raw_body => '',
	    headers => [], trailers => [], ended_by => 'none' }, $class;
	my ($start, @lines) = split /\r?\n/, $raw;

	$self->{start} = $start // '';
	if ($self->{start} =~ m{^(HTTP/\d\.\d) (\d{3}) ?(.*)$}) {
		@$self{qw(version status reason)} = ($1, $2, $3);
	} elsif ($self->{start} =~ m{^(\S+) (\S+)(?: (HTTP/\d\.\d))?$}) {
		@$self{qw(method uri version)} = ($1, $2, $3 // 'HTTP/0.9');
	}
	$self->{headers} = parse_fields(@lines);
	return $self;
}

sub parse_fields
{
	my @fields;

	for my $line (@_) {
		next if $line eq '';
		my ($n, $v) = $line =~ /^([^:]*):[ \t]*(.*?)[ \t]*$/ or next;
		push @fields, [$n, $v];
	}
	return \@fields;
}

sub status { $_[0]{status} // 0 }
sub method { $_[0]{method} // '' }
sub uri { $_[0]{uri} // '' }
sub body { $_[0]{body} }
sub start { $_[0]{start} }

# every value of one field, in the order of arrival
sub all
{
	my ($self, $name) = @_;

	return map { $_->[1] } grep { lc $_->[0] eq lc $name }
	    @{ $self->{headers} };
}

sub header
{
	my ($self, $name) = @_;
	my @v = $self->all($name);

	return @v ? join(', ', @v) : undef;
}

sub has { defined $_[0]->header($_[1]) }

sub trailer
{
	my ($self, $name) = @_;
	my @v = map { $_->[1] } grep { lc $_->[0] eq lc $name }
	    @{ $self->{trailers} };

	return @v ? join(', ', @v) : undef;
}

# how the body of this message ends: none, length, chunked or close
sub framing
{
	my ($self, $to_method) = @_;
	my $te = $self->header('Transfer-Encoding');
	my $cl = $self->header('Content-Length');

	if (defined $self->{status}) {
		return 'none' if $self->{status} =~ /^(?:1..|204|304)$/;
		return 'none' if ($to_method // '') eq 'HEAD';
	}
	return 'chunked' if defined $te && $te =~ /chunked/i;
	return 'length' if defined $cl;
	return defined $self->{status} ? 'close' : 'none';
}

1;
