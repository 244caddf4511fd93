# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The statistics page in a browser: a server that dies turns red, one that
# comes back turns green, and the page refreshes without losing the place.
use Tideway::Test;
use Tideway::Browser;

my $program = Tideway::Browser::find();
plan(skip_all => 'chromium is not installed') unless $program;

my @o = map { origin(name => "web$_") } 1, 2;
my $p = start_proxy(defaults() . "
listen stats
    bind {BIND:st}
    stats enable
    stats uri /monitor
    stats refresh 1s
    stats admin if TRUE
listen site
    bind {BIND:web}
    default-server check inter 50ms fall 1 rise 1
    server alpha1 ${\ $o[0]->addr}
    server alpha2 ${\ $o[1]->addr}
" . join '', map { "backend filler$_\n    server f$_ ${\ $o[0]->addr} check\n" } 1 .. 20);
my $b = Tideway::Browser->new($program);
my $url = 'http://' . $p->addr('st') . '/monitor';

# The colour of a server's row: of its background or of what is written there,
# whatever is strongest.
my $colour = <<'EOJ';
(function (name) {
	var rows = [...document.querySelectorAll('tr, [role=row], li, section div')]
	    .filter(e => e.textContent.includes(name));
	if (!rows.length)
		return 'missing';
	var row = rows.reduce((a, b) => b.textContent.length < a.textContent.length ? b : a);
	var best = ['none', 24];
	for (var e of [row, ...row.querySelectorAll('*')]) {
		var s = getComputedStyle(e);
		for (var c of [s.backgroundColor, s.color, s.borderLeftColor]) {
			var m = c.match(/^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?/);
			if (!m || m[4] === '0')
				continue;
			var [r, g, b] = [+m[1], +m[2], +m[3]];
			if (r - Math.max(g, b) > best[1])
				best = ['red', r - Math.max(g, b)];
			if (g - Math.max(r, b) > best[1])
				best = ['green', g - Math.max(r, b)];
		}
	}
	return best[0];
})('NAME')
EOJ

sub colour { return $b->js($colour =~ s/NAME/$_[0]/r) }

# HAProxy's page is loaded anew by the browser itself
sub turns
{
	my ($name, $want, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my $is = wait_until { (colour($name) // '') eq $want } 10;
	ok($is, $what)
	    or diag "it is " . (colour($name) // 'undefined');
}

$b->open($url);
like($b->js('document.title'), qr/\S/, 'the page has a title');
turns('alpha1', 'green', 'a server that is up is green');
turns('alpha2', 'green', 'the other too');
if (is_tideway()) {
	$b->js('window.marker = 1; window.scrollTo(0, 150); 1');
	my $y = $b->js('window.scrollY');
	my $text = $b->js('document.body.innerText');
	$p->get('web', '/') for 1 .. 3;
	$o[0]->stop;
	turns('alpha1', 'red', 'a server that dies turns red, by itself');
	is($b->js('window.marker'), 1, 'without loading the page anew');
	is($b->js('window.scrollY'), $y, 'and without losing the place');
} else {
	$o[0]->stop;
	turns('alpha1', 'red', 'a server that dies turns red');
}
turns('alpha2', 'green', 'the other stays green');
like($b->js('document.body.innerText'), qr/DOWN/, 'the word is there too');
$o[0]->restart;
turns('alpha1', 'green', 'it comes back green');

if (is_tideway()) {
	my @foreign = grep { !/^(?:\Q$url\E|data:|about:|http:\/\/\Q${\ $p->addr('st')}\E)/ }
	    $b->requested;
	is("@foreign", '', 'nothing is loaded from elsewhere');
	is(join(' ', $b->errors), '', 'no error in its scripts');

	for my $scheme (qw(light dark)) {
		$b->call('Emulation.setEmulatedMedia', { features =>
		    [{ name => 'prefers-color-scheme', value => $scheme }] });
		my $bg = $b->js('getComputedStyle(document.body).backgroundColor'
		    . ' + getComputedStyle(document.documentElement).backgroundColor');
		my ($c) = $bg =~ /rgb\((\d+)/;
		$c //= 255;
		ok($scheme eq 'dark' ? $c < 100 : $c > 155, "$scheme: background") or diag $bg;
	}
	$b->call('Emulation.setDeviceMetricsOverride', { width => 380, height => 700,
	    deviceScaleFactor => 2, mobile => JSON::PP::true() });
	cmp_ok($b->js('document.documentElement.scrollWidth'), '<=', 400,
	    'on a phone nothing sticks out');
}

$b->stop;
stop_proxy($p);
done_testing;
