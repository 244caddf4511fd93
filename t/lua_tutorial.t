# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# lua/TUTORIAL.md: its files are written down, its commands say what it says.
use Cwd qw(getcwd);
use Tideway::Test;

plan(skip_all => 'HAProxy has no such scripts') unless is_tideway();

my $text = slurp(test_dir() . '/../lua/TUTORIAL.md');
my $dir = Tideway::Test::temp_dir() . '/tutorial';
my $back = getcwd();
my ($files, $commands) = (0, 0);
my $checked = '';

mkdir $dir;
chdir $dir or die "$dir: $!";
while ($text =~ /<!-- (file|run)(?:: (\S+))? -->\n```\w*\n(.*?)```\n(?:<!-- says: (.*?) -->)?/gs) {
	my ($what, $name, $body, $says) = ($1, $2, $3, $4);

	if ($what eq 'file') {
		spew("$dir/$name", $body);
		$files++;
		next if $name !~ /\.lua$/ || $name =~ /_test/;
		my $r = run_cmd('-c', '-f', 'web.cfg');
		is($r->{code}, 0, "$name: valid") or diag($r->{err});
		unlike($r->{err} . $r->{out}, qr/\Q$name\E:/, "$name: no notice");
		next;
	}
	chomp $body;
	my ($program, @args) = words($body);
	is($program, 'tideway', 'it runs tideway');
	my $r = run_cmd(@args);
	is($r->{code}, 0, $body) or diag($r->{out}, $r->{err});
	like($r->{out}, qr/\Q$says\E/, 'what it says') if defined $says;
	$commands++;
}
chdir $back;
cmp_ok($files, '>=', 5, 'there are files');
cmp_ok($commands, '>=', 2, 'and commands');

# words of a command, with single quotes
sub words
{
	my ($line) = @_;
	my @w;

	push @w, $1 // $2 while $line =~ /\G\s*(?:'([^']*)'|(\S+))/g;
	return @w;
}

done_testing();
