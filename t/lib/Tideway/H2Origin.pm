# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# An HTTP/2 origin: prior knowledge over plain TCP, or TLS with cert (and the
# other options of tls_origin). What it answers is in the path:
#   /                the name
#   /echo            the body of the request, its fields as x-in-NAME
#   /trailers        a body, then x-check and x-end
#   /early           103 with link, then 200; /two 100 and 103
#   /big?N           N octets
#   /empty, /empty?S no body, with status S
#   /slow            the head now, the body when the flag go is set
#   /wait            nothing before the flag go is set
#   /rst?CODE        RST_STREAM; /rst-mid?CODE after the head and some octets
#   /goaway          an answer, then GOAWAY; /goaway-now: GOAWAY without it
#   /close           the connection ends in the middle of a body
#   /grpc            the messages of the request, then grpc-status 0
#   /grpc-error      only a header section, with grpc-status 5
# CONNECT, also the extended one, is answered 200 and octets come back.
# Options: respond => sub (stream, conn, origin), true when it has answered; tunnel =>
# the same, for each frame of a CONNECT; settings,
# window, huffman (of Tideway::H2), hold => 1 (windows stay shut until the flag
# open is set), trace => 1 (each frame is recorded as event "frame": "NAME sid
# flags length").
package Tideway::H2Origin;
use strict;
use warnings;
use JSON::PP ();
use Tideway::H2;
use Tideway::TLS;

our @ISA = ('Tideway::TLS::Origin');

my $json = JSON::PP->new->ascii->canonical;

sub new
{
	my ($class, %o) = @_;

	%o = (name => 'h2', %o);
	return $o{cert} || $o{certs}
	    ? $class->SUPER::new(alpn => ['h2'], tls => 1, %o)
	    : $class->Tideway::Origin::new(%o);
}

sub _connection
{
	my ($self, $c) = @_;
	my $peer = $self->{tls} ? $self->handshake($c) : $c;
	return unless $peer;
	my $h2 = Tideway::H2->new($peer, server => 1,
	    map { $_ => $self->{$_} } grep { defined $self->{$_} }
	    qw(settings window huffman hold));

	$h2->{trace} = sub {
		my ($f) = @_;
		$self->record('frame', "$f->{name} $f->{sid} $f->{flags} "
		    . length $f->{payload}) if $self->{trace};
		$self->record('rst', "$f->{sid} $f->{code}")
		    if $f->{name} eq 'RST_STREAM';
		$self->record('goaway', $f->{code}) if $f->{name} eq 'GOAWAY';
	};
	unless ($h2->read_preface(30)) {
		$self->record('bad-preface', '');
		return;
	}
	$h2->start;
	$self->_loop($h2);
	$self->record('violation', $_) for $h2->violations;
	$self->record('close', $h2->state);
}

sub _loop
{
	my ($self, $h2) = @_;
	my @later;

	while ($h2->state eq 'open') {
		my $f = $h2->read_frame(@later || $h2->{hold} ? 0.01 : 3600);
		$self->_open_windows($h2) if $h2->{hold} && $self->is_set('open');
		if ($f && $f->{sid} && $h2->{streams}{ $f->{sid} }) {
			push @later, $self->_take($h2, $f,
			    $h2->stream($f->{sid}));
		}
		@later = map { $self->is_set('go') ? do { $_->(); () } : $_ } @later;
	}
}

# what came while windows were held
sub _open_windows
{
	my ($self, $h2) = @_;
	my $sum = 0;

	$h2->{hold} = 0;
	for my $s (values %{ $h2->{streams} }) {
		$sum += length $s->{body};
		$h2->window($s->{sid}, length $s->{body})
		    if length $s->{body} && !$s->{ended};
	}
	$h2->window(0, $sum) if $sum;
}

# one frame of a stream: what is to be done when the flag go is set
sub _take
{
	my ($self, $h2, $f, $s) = @_;

	if ($s->{headers} && $s->method eq 'CONNECT') {
		$self->_tunnel($h2, $f, $s);
		return ();
	}
	return () if !$s->{ended} || $s->{answered}++;
	$self->_record_request($s);
	return () if $self->{respond} && $self->{respond}->($s, $h2, $self);
	return $self->_answer($h2, $s);
}

sub _record_request
{
	my ($self, $s) = @_;

	$self->record('h2', $json->encode({ map { $_ => $s->{$_} }
	    qw(sid headers body trailers) }));
}

sub _tunnel
{
	my ($self, $h2, $f, $s) = @_;

	my $first = !$s->{answered}++;
	$self->_record_request($s) if $first;
	return if $self->{tunnel} && $self->{tunnel}->($s, $h2, $self);
	if ($first) {
		$h2->respond($s->{sid}, 200, open => 1);
	}
	$h2->send_data($s->{sid}, $f->{name} eq 'DATA' ? $f->{data} : '',
	    end => $s->{ended}) if $f->{name} eq 'DATA' || $s->{ended};
}

my %answers;

sub _answer
{
	my ($self, $h2, $s) = @_;
	my ($path, $arg) = $s->path =~ m{^/([\w-]*)(?:\?(.*))?};
	my $sub = $answers{ $path // '' };

	return $sub->($self, $h2, $s, $arg) if $sub;
	$self->_plain($h2, $s);
	return ();
}

sub _plain
{
	my ($self, $h2, $s, %o) = @_;
	my $body = $o{body} // "$self->{name}\n";

	$h2->respond($s->{sid}, 200, %o, headers => [['x-server', $self->{name}],
	    ['content-length', length $body], @{ $o{headers} // [] }],
	    body => $s->method eq 'HEAD' ? '' : $body);
}

# octets of which each place can be told
sub _octets
{
	my ($n) = @_;
	my $block = join '', map { sprintf "%07d\n", $_ } 0 .. $n / 8;

	return substr $block, 0, $n;
}

%answers = (
	echo => sub {
		my ($self, $h2, $s) = @_;
		my @in = map { my $n = $_->[0] =~ s/^://r; ["x-in-$n", $_->[1]] }
		    @{ $s->{headers} }, @{ $s->{trailers} // [] };
		$self->_plain($h2, $s, body => $s->body, headers => \@in);
		return ();
	},
	trailers => sub {
		my ($self, $h2, $s) = @_;
		$h2->respond($s->{sid}, 200, headers => [['trailer', 'x-check, x-end']],
		    body => "with trailers\n",
		    trailers => [['x-check', 'abc'], ['x-end', '1']]);
		return ();
	},
	early => sub {
		my ($self, $h2, $s) = @_;
		$self->_plain($h2, $s, interim => [[103, ['link', '</a.css>']]]);
		return ();
	},
	two => sub {
		my ($self, $h2, $s) = @_;
		$self->_plain($h2, $s, interim => [[100], [103, ['link', '</b>']]]);
		return ();
	},
	big => sub {
		my ($self, $h2, $s, $n) = @_;
		$self->_plain($h2, $s, body => _octets($n));
		return ();
	},
	empty => sub {
		my ($self, $h2, $s, $status) = @_;
		$h2->respond($s->{sid}, $status // 204);
		return ();
	},
	slow => sub {
		my ($self, $h2, $s) = @_;
		$h2->respond($s->{sid}, 200, open => 1);
		return sub { $h2->send_data($s->{sid}, "slow\n", end => 1) };
	},
	wait => sub {
		my ($self, $h2, $s) = @_;
		return sub { $self->_plain($h2, $s) };
	},
	rst => sub {
		my ($self, $h2, $s, $code) = @_;
		$h2->rst($s->{sid}, $code // 'CANCEL');
		return ();
	},
	'rst-mid' => sub {
		my ($self, $h2, $s, $code) = @_;
		$h2->respond($s->{sid}, 200, open => 1, body => 'half');
		$h2->rst($s->{sid}, $code // 'CANCEL');
		return ();
	},
	goaway => sub {
		my ($self, $h2, $s) = @_;
		$self->_plain($h2, $s);
		$h2->send_goaway($s->{sid});
		return ();
	},
	'goaway-now' => sub {
		my ($self, $h2, $s) = @_;
		$h2->send_goaway($s->{sid} > 2 ? $s->{sid} - 2 : 0);
		return ();
	},
	close => sub {
		my ($self, $h2, $s) = @_;
		$h2->respond($s->{sid}, 200, open => 1, body => 'half');
		$h2->close;
		return ();
	},
	grpc => sub {
		my ($self, $h2, $s) = @_;
		$h2->respond($s->{sid}, 200, body => $s->body,
		    headers => [['content-type', 'application/grpc']],
		    trailers => [['grpc-status', '0'], ['grpc-message', '']]);
		return ();
	},
	'grpc-error' => sub {
		my ($self, $h2, $s) = @_;
		$h2->respond($s->{sid}, 200, headers => [['content-type',
		    'application/grpc'], ['grpc-status', '5'],
		    ['grpc-message', 'not found']]);
		return ();
	},
);

# what came, as streams with {conn}
sub requests
{
	my ($self) = @_;

	return map {
		bless { %{ $json->decode($_->[2]) }, conn => $_->[0] },
		    'Tideway::H2Stream'
	} $self->events('h2');
}

1;
