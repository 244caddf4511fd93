# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What tests of sessions and limits of TLS listeners share: a configuration with
# several lines and a control socket, reloads, and handshakes that keep or take up
# a session.
package Tideway::TLSSessions;
use strict;
use warnings;
use Exporter 'import';
use Tideway::Cli;
use Tideway::TLS;
use Tideway::Test ();

our @EXPORT = qw(first resumed info reload text);

my $cert;

sub temp_dir { return Tideway::Test::temp_dir() }

# a handshake that keeps its session
sub first
{
	my ($addr, $version, $file, %o) = @_;
	my $f = s_client($addr, version => $version, sess_out => "@{[ temp_dir() ]}/$file", %o);

	return $f->{connected} && -s temp_dir() . "/$file";
}

sub resumed
{
	my ($addr, $version, $file, %o) = @_;

	return s_client($addr, version => $version, sess_in => "@{[ temp_dir() ]}/$file", %o)->{reused};
}

sub info
{
	my ($name) = @_;

	return cli_ask(temp_dir() . "/c.sock", 'show info') =~ /^\Q$name\E: (\d+)/m ? $1 : 'none';
}

sub reload
{
	my ($p, $text) = @_;
	my $n = info('Generation');

	$p->write_config($text) if defined $text;
	$p->signal('USR2');
	return Tideway::Test::wait_until { info('Generation') > $n };
}

sub text
{
	my ($global, @binds) = @_;
	my $pem = ($cert //= cert('localhost'))->{pem};

	return "global
    nbthread 4
    stats socket @{[ temp_dir() ]}/c.sock level admin
$global" . Tideway::Test::defaults() . "
frontend f
" . join('', map { "    bind {BIND:$_->[0]} ssl crt $pem no-tls-tickets $_->[1]\n" } @binds)
	    . "    http-request return status 200\n";
}

1;
