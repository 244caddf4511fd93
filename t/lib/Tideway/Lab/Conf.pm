# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Texts for the nodes of a laboratory: instances of keepalived.conf, and how
# each kind of node knows that its proxy serves.
package Tideway::Lab::Conf;
use strict;
use warnings;
use Exporter 'import';
use Tideway::Lab::Node;

our @EXPORT = qw(instance health);
our $VIP = '192.168.2.100';

# opt: name, interface, vrid, priority, advert, version, addresses => [...],
# lines => [...]
sub instance
{
	my (%opt) = @_;
	my %of = (name => 'VI_1', interface => 'eth0', vrid => 51, priority => 100,
	    advert => 1, version => 2, addresses => [$VIP], lines => [], %opt);

	return join "\n    ", "vrrp_instance $of{name} {", 'state BACKUP',
	    "interface $of{interface}", "virtual_router_id $of{vrid}",
	    "priority $of{priority}", "version $of{version}",
	    "advert_int $of{advert}", @{ $of{lines} }, 'virtual_ipaddress {',
	    (map { "    $_" } @{ $of{addresses} }), "}\n}\n";
}

# what makes an instance depend on the proxy: (text before it, lines in it).
# in: kind; what, worker or backend; opt for keepalived's script
# (with weight 0 the node gives up at once, like tideway)
sub health
{
	my ($kind, $what, %opt) = @_;
	my %of = (interval => 2, fall => 2, rise => 2, weight => 10, %opt);

	$kind = $Tideway::Lab::Node::OURS if $kind eq 'tideway';
	if ($kind eq 'tideway') {
		return ('', $what eq 'worker' ? 'track_worker'
		    : 'track_backend app min-servers 1');
	}
	return (<<"END", "track_script {\n        web\n    }");
global_defs {
    script_user root
}

vrrp_script web {
    script "/usr/bin/curl -sf -m 1 -o /dev/null http://localhost/"
    interval $of{interval}
    fall $of{fall}
    rise $of{rise}
    weight $of{weight}
}

END
}

1;
