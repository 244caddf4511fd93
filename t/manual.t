# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# -K prints the manual from the tables: keywords, actions, fetches, converters,
# algorithms, filters, services, predefined ACLs, log variables and commands;
# each entry says what it is for.
use Tideway::Test;

plan(skip_all => 'ours only') unless is_tideway();

my $text = run_cmd('-K')->{out};
my (%chapter, $title, @mute);
for my $block (split /\n\n+/, $text) {
	if ($block =~ /^(.+)\n=+$/m) {
		$title = $1;
		next;
	}
	my ($head, @lines) = split /\n/, $block;
	push @{ $chapter{$title} }, $head;
	push @mute, "$title: $head" unless @lines && $lines[0] !~ /^    (?:May be used in |From (?:the core|module) |Gives an? |Takes .*, gives |Level \w+\.|In (?:http|tcp)-)/
	    || $title eq 'ACLs that are there';
}
is("@mute", '', 'each entry says what it is for');
my %want = (
	'Section global' => qr/^maxconn/, 'Options of bind lines' => qr/^accept-proxy/,
	'Options of server and default-server lines' => qr/^weight/, 'Actions of rules' => qr/^set-header/,
	'Algorithms of balance' => qr/^peak-ewma/, 'Filters' => qr/^bwlim-in/, 'Services of use-service' => qr/^prometheus-exporter/,
	'Fetches' => qr/^req\.hdr\(/, 'Converters' => qr/^regsub\(<text>,<text>\[,<text>\]\)$/, 'ACLs that are there' => qr/^METH_GET/,
	'Variables of log-formats, behind %' => qr/^ci$/, 'Commands of control sockets' => qr/^show servers state/,
	'Section resolvers (module resolvers)' => qr/^hold/);
for my $t (sort keys %want) {
	ok((grep { $_ =~ $want{$t} } @{ $chapter{$t} // [] }), $t) or diag join ', ', @{ $chapter{$t} // [] };
	my @names = map { /^(?:\[no\] )?([^\s(]+)/ } @{ $chapter{$t} // [] };
	is("@names", join(' ', sort @names), "$t: in order") if $t =~ /^(?:Fetches|Converters|Comm)/;
}
like(run_cmd('-K', 'ipmask')->{out}, qr/\AConverters\n=+\n\nipmask\(.*\n\n\z/s, 'one word: what has it');
is(run_cmd('-K', 'no-such-word')->{code}, 1, 'what nothing has');

done_testing;
