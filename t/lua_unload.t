# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# lua-script: on_unload, what the state of each thread hands to the one that replaces
# it, at `lua reload` and with a new configuration.
use Tideway::Test;
use Tideway::Cli;

plan(skip_all => 'ours') unless is_tideway();
my $sock = Tideway::Test::temp_dir() . '/admin.sock';

sub script
{
	my ($version, $unload) = @_;

	return spew('u.lua', "local VERSION = '$version'\n" . ($unload // 'function on_unload(worker)
	assert(worker == tw.worker or worker == 0)
	local out = { version = VERSION, worker = worker, n = n, list = { 1, 2.5, true, false, "a\0b", { deep = { "x" } } }, [3] = 1 / 0, [-1] = math.mininteger, [true] = "t" }
	n = n + 1000
	return out
end
') . <<'END');
n = 0
local old
function on_init(worker, from)
	old = from
	n = type(old) == "table" and old.n or 0
end
local function text(v)
	if type(v) ~= "table" then return (tostring(v):gsub("%z", "0")) end
	local keys, out = {}, {}
	for k in pairs(v) do keys[#keys + 1] = k end
	table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
	for _, k in ipairs(keys) do if k ~= "worker" and k ~= "n" then out[#out + 1] = tostring(k) .. "=" .. text(v[k]) end end
	return "{" .. table.concat(out, ",") .. "}"
end
function on_request(req)
	if req.path == "/count" then n = n + 1 end
	local mine = type(old) ~= "table" or old.worker == nil or old.worker == tw.worker
	req:reply(200, VERSION .. " " .. text(old) .. " " .. tostring(mine), { ["x-n"] = n, ["x-worker"] = tw.worker })
end
END
}

my $conf = "global
    nbthread 2
    stats socket $sock level admin
    lua-script u file " . script('v1') . "
" . defaults() . "
frontend web
    bind {BIND:web}
";
my $p = start_proxy($conf);
my $data = '{-1=' . -(2 ** 62) * 2 . ',3=inf,list={1=1,2=2.5,3=true,4=false,5=a0b,6={deep={1=x}}},true=t,version=%s}';
$data =~ s/-9\.22337203685478e\+18/-9223372036854775808/;

# the count of each thread
sub counts
{
	my %n;

	wait_until {
		my $r = $p->get('web', '/');
		$n{ $r->header('x-worker') } = $r->header('x-n');
		return keys %n == 2;
	};
	return join ' ', map { "$_=" . ($n{$_} // '-') } 1, 2;
}
sub body { $p->get('web', '/')->body }
sub said { return sprintf $data, $_[0] }

is(body(), 'v1 nil true', 'nobody was there before');
$p->get('web', '/count') for 1 .. 20;
my $before = counts();
script('v2');
like(cli_ask($sock, 'lua reload u'), qr/generation 2/, 'lua reload');
is(body(), 'v2 ' . said('v1') . ' true', 'what the old one has said');
is(counts(), $before, 'each thread its own');
script('v3', "error('not good')\n");
like(cli_ask($sock, 'lua reload u'), qr/stays as it was .* not good/, 'a file that fails');
is(counts(), $before, 'on_unload was not called');
like(cli_ask($sock, 'lua rollback u'), qr/generation/, 'lua rollback');
is(body(), 'v1 ' . said('v2') . ' true', 'hands it over, too');
is(counts(), $before, 'the counts');

script('v4');
$p->signal('USR2');
ok(wait_until { body() =~ /^v4/ }, 'a new configuration');
is(body(), 'v4 ' . said('v1') . ' true', 'hands it over');
is(counts(), $before, 'each thread its own');

my %bad = (
	'function() return print end' => qr/there is a function in it/,
	'function() return { { coroutine.create(print) } } end' => qr/there is a thread in it/,
	'function() return { [print] = 1 } end' => qr/there is a function in it/,
	'function() local t = {} t[1] = t return t end' => qr/tables in tables, more than 32 deep/,
	'function() return ("x"):rep(1 << 21) end' => qr/more than 1048576 bytes/,
	'function() error("so not") end' => qr/so not/,
	'function() tw.sleep(1) end' => qr/yield not allowed/,
	'function() coroutine.yield() end' => undef,
	'function() while true do end end' => qr/too long|time/,
	'function() return tw.backend end' => qr/there is a function in it/,
);
for my $code (sort keys %bad) {
	script('bad', "on_unload = $code\n");
	like(cli_ask($sock, 'lua reload u'), qr/generation/, "a script with $code");
	script('next');
	like(cli_ask($sock, 'lua reload u'), qr/generation/, 'is replaced');
	is(body(), 'next nil true', 'it leaves nothing');
	ok($p->wait_output($bad{$code}), 'told') if $bad{$code};
}
for (['nil', 'nil'], ['"text"', 'text'], ['-0.5', '-0.5'], ['{}', '{}'], ['false', 'false'], ['""', ''], ['("x"):rep(1 << 19):len()', 1 << 19]) {
	script('a', "function on_unload() return $_->[0] end\n");
	cli_ask($sock, 'lua reload u');
	script('b');
	cli_ask($sock, 'lua reload u');
	is(body(), "b $_->[1] true", "it returns $_->[0]");
}
ok(wait_until(sub { cli_ask($sock, 'show lua') =~ /replaced=0/ }), 'the old ones are freed');
stop_proxy($p);
done_testing();
