# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What came on one stream of Tideway::H2: a request or an answer. {headers} and
# {trailers} are fields as Hpack decodes them, pseudo-fields among them; {interim}
# are the answers 1xx before, each a list of fields; {reset} is the code it was
# reset with.
package Tideway::H2Stream;
use strict;
use warnings;

sub new
{
	my ($class, $sid, $send_window, $recv_window) = @_;

	return bless { sid => $sid, body => '', interim => [],
	    send_window => $send_window, recv_window => $recv_window }, $class;
}

sub _field
{
	my ($fields, $name) = @_;
	my @v = map { $_->[1] } grep { $_->[0] eq $name } @{ $fields // [] };

	return @v ? join(', ', @v) : undef;
}

sub sid { $_[0]{sid} }
sub body { $_[0]{body} }
sub is_reset { $_[0]{reset} }
sub header { return _field($_[0]{headers}, $_[1]) }
sub trailer { return _field($_[0]{trailers}, $_[1]) }
sub status { return $_[0]->header(':status') // 0 }
sub method { return $_[0]->header(':method') // '' }
sub path { return $_[0]->header(':path') // '' }
sub interim { return map { _field($_, ':status') } @{ $_[0]{interim} } }

# a header section that came
sub take
{
	my ($self, $fields, $end) = @_;

	$self->{ended} = 1 if $end;
	if ($self->{headers}) {
		$self->{trailers} = $fields;
	} elsif ((_field($fields, ':status') // '') =~ /^1\d\d$/) {
		push @{ $self->{interim} }, $fields;
	} else {
		$self->{headers} = $fields;
	}
}

1;
