# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tideway lua-types: type files for editors that name all there is.
use Tideway::Test;

plan(skip_all => 'HAProxy has no such command') unless is_tideway();

my $dir = Tideway::Test::temp_dir() . '/types';
my $r = run_cmd('lua-types', $dir);

is($r->{code}, 0, 'the exit status') or diag($r->{err});
my $text = slurp("$dir/tideway.lua");
my $expr = slurp("$dir/expressions.lua");
like($text, qr/^---\@param name string\n---\@param value any\n---\@param ifexist\? boolean\n---\@return boolean\nfunction TXN:set_var\(name, value, ifexist\) end$/m,
	'a method');
like($text, qr/^---\@field f Fetches$/m, 'a field');
like($expr, qr/^---\@param arg1\? string\|integer\n---\@param arg2\? integer\n---\@return string\nfunction Fetches:req_fhdr\(arg1, arg2\) end$/m,
	'a fetch');
like($expr, qr/^---\@return boolean\|integer\nfunction Fetches:ssl_fc\(\) end$/m, 'a boolean');
like($expr, qr/^function ConvertersText:upper\(input\) end$/m, 'a converter');

# each function of the global tables has its line, and the files are Lua
my $script = spew('names.lua', <<'END');
for _, file in ipairs { ... } do
	assert(loadfile(file))
end
local function walk(name, t)
	for k, v in pairs(t) do
		if type(v) == "function" then
			print("NAME " .. name .. "." .. k)
		end
	end
end
walk("core", core)
END
my $c = check_config("global
    lua-load $script $dir/tideway.lua $dir/expressions.lua
" . defaults() . "
frontend f
    bind 127.0.0.1:0
");
is($c->{code}, 0, 'the files are Lua') or diag($c->{all});
my @names = $c->{all} =~ /^NAME (\S+)$/mg;
ok(@names > 10, 'there are names');
my @missing = grep { $text !~ /^function \Q$_\E\(/m } @names;
is("@missing", '', 'each of them has its line');

is(run_cmd('lua-types')->{code}, 2, 'no directory');
is(run_cmd('lua-types', '/nowhere/at/all')->{code}, 1, 'one that cannot be made');

done_testing();
