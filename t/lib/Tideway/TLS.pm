# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# TLS from both ends, with the certificates of Tideway::Certs and the first
# bytes of Tideway::Hello (both are exported too). An address is "host:port",
# as addr() of a proxy or an origin gives it, or a port of 127.0.0.1.
#
#   s_client($addr, sni => 'a', alpn => 'h2', args => [...], input => bytes)
#   my $peer = tls_client($addr, sni => 'a', ca => $ca->{crt});
#   my $m = https_get($addr, path => '/', host => 'a', conn => $peer);
#   my $o = tls_origin(cert => $c, ca => $ca, verify => 1, alpn => ['h2']);
#   my $peer = raw_client($addr, hello(sni => 'a')); tls_records($peer->read_all)
package Tideway::TLS;
use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use IPC::Open3 qw(open3);
use POSIX qw(WNOHANG);
use Symbol qw(gensym);
use Test::More ();
use Time::HiRes qw(time);
use Tideway::Certs;
use Tideway::Hello;
use Tideway::Origin;
use Tideway::Peer;

BEGIN {
	eval { require IO::Socket::SSL; 1 } or Test::More::plan(
	    skip_all => 'IO::Socket::SSL is not installed');
	grep { -x "$_/openssl" } split /:/, $ENV{PATH} or Test::More::plan(
	    skip_all => 'openssl is not installed');
}

our @EXPORT = (@Tideway::Certs::EXPORT, @Tideway::Hello::EXPORT, qw(s_client
    tls_client tls_context tls_error https_get tls_origin raw_client
    tls_records));

my $error = '';

sub _addr { return $_[0] =~ /:/ ? $_[0] : "127.0.0.1:$_[0]" }
sub _file { return ref $_[0] ? $_[0]{ $_[1] } : $_[0] }

# --- the openssl command ---

sub _s_client_args
{
	my ($addr, %o) = @_;

	return ('-connect', _addr($addr),
	    defined $o{sni} ? ('-servername', $o{sni}) : '-noservername',
	    $o{alpn} ? ('-alpn', ref $o{alpn} ? join(',', @{ $o{alpn} }) : $o{alpn}) : (),
	    $o{ca} ? ('-CAfile', _file($o{ca}, 'crt')) : (),
	    $o{cert} ? ('-cert', $o{cert}{crt}, '-key', $o{cert}{key},
		'-cert_chain', $o{cert}{pem}) : (),
	    $o{version} ? "-$o{version}" : (),
	    $o{ciphers} ? ('-cipher', $o{ciphers}) : (),
	    $o{sess_in} ? ('-sess_in', $o{sess_in}) : (),
	    $o{sess_out} ? ('-sess_out', $o{sess_out}) : (),
	    $o{early} ? ('-early_data', $o{early}) : (),
	    $o{ocsp} ? '-status' : (), '-showcerts', @{ $o{args} // [] });
}

# Nothing more is to come: s_client ends when its input does, so that it stays
# open until then. TLS 1.3 sends its tickets after the handshake: the file is
# looked at, s_client keeps what it says of them in its buffer.
sub _is_done
{
	my ($out, %o) = @_;

	return $out =~ $o{until} if $o{until};
	return -s $o{sess_out} && Tideway::Test::slurp($o{sess_out}) =~ /-----END/
	    if $o{sess_out} && $out =~ /, TLSv1\.3,/;
	return $out =~ /^ *Verify return code:.*?^---$/ms
	    || $out =~ /Early data was.*?^---$/ms;
}

sub _talk
{
	my ($o, @cmd) = @_;
	my $end = time + ($o->{secs} // 2 * $Tideway::Peer::DEADLINE);
	my ($out, $late) = ('', 1);

	unlink $o->{sess_out} if $o->{sess_out};
	my $pid = open3(my $in, my $from, undef, @cmd);
	my $select = IO::Select->new($from);

	local $SIG{PIPE} = 'IGNORE';
	syswrite $in, $o->{input} if defined $o->{input};
	while ((my $left = $end - time) > 0) {
		if ($in && _is_done($out, %$o)) {
			close $in;
			undef $in;
		}
		$select->can_read($o->{sess_out} && $in ? 0.02 : $left) or next;
		next if sysread $from, $out, 65536, length $out;
		$late = 0;
		last;
	}
	kill 'KILL', $pid if $late;
	waitpid $pid, 0;
	return ($out, $late ? 'late' : $? >> 8);
}

sub _facts
{
	my ($out) = @_;
	my %f = (out => $out);
	my %re = (subject => qr/^subject=(.*)/m, issuer => qr/^issuer=(.*)/m,
	    alpn => qr/^ALPN protocol: (.*)/m,
	    verify => qr/Verify return code: (\d+)/,
	    verify_text => qr/Verify return code: \d+ \((.*)\)/,
	    early => qr/^Early data was (.*)/m,
	    group => qr/^Server Temp Key: ([^,\n]+)/m,
	    ocsp => qr/^\s*Cert Status: (\w+)/m,
	    alert => qr/SSL alert number (\d+)/,
	    session_id => qr/^\s*Session-ID: ([0-9A-F]+)/m,
	    sigalg => qr/^Peer signature type: (.*)/m);

	@f{qw(new protocol cipher)} = $out
	    =~ /^(New|Reused), ((?:TLS|SSL)v[\d.]+|\(NONE\)), Cipher is (\S+)/m;
	# the line above names what the cipher came with, not what is spoken
	$f{protocol} = $1 if $out =~ /^\s*Protocol\s*: (\S+)/m;
	($f{$_}) = $out =~ $re{$_} for keys %re;
	$f{connected} = ($f{cipher} // '(NONE)') ne '(NONE)' ? 1 : 0;
	$f{reused} = ($f{new} // '') eq 'Reused' ? 1 : 0;
	$f{chain} = [$out =~ /^ *\d+ s:(.*)/mg];
	$f{client_cas} = [$out =~ /^Acceptable client certificate CA names\n((?:(?!Requested|---|Client|Peer).*\n)*)/m
	    ? split /\n/, $1 : ()];
	return \%f;
}

# What openssl's client saw, as a hash: connected, protocol, cipher, alpn,
# subject, issuer, serial, chain, reused, verify (0 is well), ocsp, early, group,
# sigalg, alert, client_cas, exit ('late' when it had to be killed), out (all of
# it). Options: sni, alpn, ca, cert (of a client), version ('tls1_2'), ciphers,
# sess_in, sess_out, early (files), ocsp => 1, args, input, until => qr//
# (the answer that ends it; else the handshake does, or with sess_out the ticket,
# for which it waits until secs are over), secs.
sub s_client
{
	my ($addr, %o) = @_;
	my ($out, $exit) = _talk(\%o, 'openssl', 's_client',
	    _s_client_args($addr, %o));
	my $f = _facts($out);

	$f->{exit} = $exit;
	if ($out =~ /(-----BEGIN CERT.*?-----END CERT[^\n]*\n)/s) {
		my $pem = Tideway::Test::spew('s_client.pem', $1);
		($f->{serial}) = openssl('x509', '-in', $pem, '-noout',
		    '-serial') =~ /=(\S+)/;
	}
	return $f;
}

# --- a client in the test itself ---

# what clients that resume have in common: reuse => of tls_client
sub tls_context
{
	my (%o) = @_;

	return IO::Socket::SSL::SSL_Context->new(_client_ssl(%o),
	    SSL_session_cache_size => 20) // die $IO::Socket::SSL::SSL_ERROR;
}

sub tls_error { return $error }

sub _client_ssl
{
	my (%o) = @_;

	return (SSL_verify_mode => $o{ca} ? 1 : 0,
	    $o{ca} ? (SSL_ca_file => _file($o{ca}, 'crt')) : (),
	    SSL_verifycn_scheme => $o{verify_name} ? 'http' : 'none',
	    $o{verify_name} ? (SSL_verifycn_name => $o{verify_name}) : (),
	    $o{cert} ? (SSL_cert_file => $o{cert}{pem},
		SSL_key_file => $o{cert}{key}) : (),
	    $o{alpn} ? (SSL_alpn_protocols => $o{alpn}) : (),
	    $o{version} ? (SSL_version => $o{version}) : (),
	    $o{suites} ? (SSL_ciphersuites => $o{suites}) : (),
	    $o{ciphers} ? (SSL_cipher_list => $o{ciphers}) : ());
}

# A Peer over TLS, undef when there is none (tls_error() says why). Options: sni,
# ca (nothing is verified without), verify_name, cert, alpn => [..], version
# ('TLSv1_2'), ciphers, suites (of TLS 1.3), reuse => a tls_context, secs. {sock}
# is the IO::Socket::SSL.
sub tls_client
{
	my ($addr, %o) = @_;
	my $sock = IO::Socket::SSL->new(PeerAddr => _addr($addr),
	    Timeout => $o{secs} // 2 * $Tideway::Peer::DEADLINE,
	    SSL_hostname => $o{sni} // '', $o{reuse} ? (SSL_reuse_ctx =>
		$o{reuse}, SSL_session_key => $o{sni} // 'x') : (),
	    _client_ssl(%o));

	$error = $sock ? '' : "$IO::Socket::SSL::SSL_ERROR";
	return $sock ? Tideway::Peer->new($sock) : undef;
}

sub peer_facts
{
	my ($sock) = @_;

	return { protocol => $sock->get_sslversion, cipher => $sock->get_cipher,
	    alpn => $sock->alpn_selected, reused => $sock->get_session_reused ? 1 : 0,
	    subject => scalar $sock->peer_certificate('commonName'),
	    issuer => scalar $sock->peer_certificate('authority') };
}

# One answer as a Message with {tls} and {conn}, the connection, for the next
# request: conn => $m->{conn}. Options: path, host, method, headers => ['A: b'],
# body, close => 1 (with close_notify: TLS 1.2 resumes no other session), and
# those of tls_client. Status 0 when there is none.
sub https_get
{
	my ($addr, %o) = @_;
	my $host = $o{host} // $o{sni} // 'test';
	my $peer = $o{conn} // tls_client($addr, sni => $host, %o)
	    // return Tideway::Message->parse_head('');
	my $method = $o{method} // 'GET';
	my @head = ("Host: $host", @{ $o{headers} // [] });

	push @head, 'Connection: close' if $o{close};
	push @head, 'Content-Length: ' . length $o{body} if defined $o{body};
	my $m = $peer->request(join("\r\n", "$method " . ($o{path} // '/')
	    . ' HTTP/1.1', @head, '', '') . ($o{body} // ''),
	    method => $method, secs => $o{secs});
	@$m{qw(conn tls)} = ($peer, peer_facts($peer->sock));
	$peer->close if $o{close};
	return $m;
}

# --- bytes ---

# a Peer over TCP that has sent the bytes
sub raw_client
{
	my ($addr, $bytes) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => _addr($addr))
	    or die "connect $addr: $@";
	my $peer = Tideway::Peer->new($sock);

	$peer->send($bytes) if defined $bytes;
	return $peer;
}

# records as { type, version, data, and alert => number }
sub tls_records
{
	my ($bytes) = @_;
	my @r;

	while ($bytes =~ /\G(.)(..)(..)/gcs) {
		my ($type, $v, $len) = (ord $1, unpack('n', $2), unpack 'n', $3);
		my $data = substr $bytes, pos $bytes, $len;
		pos($bytes) += length $data;
		push @r, { type => $type, version => $v, data => $data,
		    alert => $type == 21 ? ord substr $data, 1 : undef };
	}
	return @r;
}

# --- an origin ---

sub tls_origin
{
	return Tideway::TLS::Origin->new(dir => Tideway::Test::temp_dir(), @_);
}

# As Tideway::Origin, behind TLS. Options: cert (one of cert()) or certs =>
# { name => cert, '' => default }, ca => authorities that clients are verified
# with, verify => 1 (a certificate must come) or 0 (may), alpn => [..],
# version, ciphers. Without respond, an answer says in X-TLS-* what was seen;
# events('tls') have "sni=a alpn=h2 ..." of each connection, events('tlserror')
# why there was none.
package Tideway::TLS::Origin;
our @ISA = ('Tideway::Origin');

sub new
{
	my ($class, %o) = @_;
	my $certs = $o{certs} // { '' => $o{cert} };
	my $verify = !$o{ca} ? 0 : $o{verify} // 1 ? 3 : 1;

	$o{ctx} = IO::Socket::SSL::SSL_Context->new(SSL_server => 1,
	    SSL_cert_file => { map { $_ => $certs->{$_}{pem} } keys %$certs },
	    SSL_key_file => { map { $_ => $certs->{$_}{key} } keys %$certs },
	    SSL_verify_mode => $verify, SSL_session_id_context => 'tideway',
	    $o{ca} ? (SSL_ca_file => ref $o{ca} ? $o{ca}{crt} : $o{ca}) : (),
	    $o{alpn} ? (SSL_alpn_protocols => $o{alpn}) : (),
	    $o{version} ? (SSL_version => $o{version}) : (),
	    $o{ciphers} ? (SSL_cipher_list => $o{ciphers}) : ())
	    or die $IO::Socket::SSL::SSL_ERROR;
	return $class->SUPER::new(name => 'tls', %o);
}

# in the process of one connection: a Peer over TLS, or none
sub handshake
{
	my ($self, $c) = @_;
	my $sock = $c->sock;

	$sock->blocking(1);
	$sock = IO::Socket::SSL->start_SSL($sock, SSL_server => 1,
	    SSL_reuse_ctx => $self->{ctx}, Timeout => 30);
	unless ($sock) {
		$self->record('tlserror', "$IO::Socket::SSL::SSL_ERROR");
		return undef;
	}
	my $f = $self->{facts} = { sni => $sock->get_servername,
	    %{ Tideway::TLS::peer_facts($sock) } };
	$self->record('tls', join ' ', map { "$_=" . ($f->{$_} // '') }
	    qw(sni alpn protocol cipher subject reused));
	return Tideway::Peer->new($sock);
}

sub _connection
{
	my ($self, $c) = @_;
	my $peer = $self->handshake($c) // return;

	$self->SUPER::_connection($peer);
	$peer->close;
}

sub reply
{
	my ($self, $req, $body, @headers) = @_;
	my $f = $self->{facts};

	return $self->SUPER::reply($req, $body, @headers,
	    map { "X-TLS-\u$_: " . ($f->{$_} // '') } sort keys %$f);
}

# what each connection said, as hashes
sub handshakes
{
	my ($self) = @_;

	return map { +{ $_->[2] =~ /(\w+)=((?:(?! \w+=).)*)/g } }
	    $self->events('tls');
}

1;
