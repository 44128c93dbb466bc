#!/usr/bin/perl
# Makes an auth token of an RT user and prints it; RT keeps only a digest and cannot show it again.
#   perl token.pl USER [LIBRARY]      LIBRARY: RT's lib directory, /usr/share/request-tracker5/lib on Debian
use strict;
use warnings;

my ( $name, $library ) = @ARGV;
die "usage: token.pl USER [LIBRARY]\n" unless $name;
unshift @INC, $library || '/usr/share/request-tracker5/lib';
require RT;
RT->LoadConfig;
RT->Init;
my $user = RT::User->new( RT->SystemUser );
$user->Load($name);
die "RT has no user $name\n" unless $user->Id;
my $token = RT::AuthToken->new( RT->SystemUser );
my ( $id, $said, $text ) = $token->Create( Owner => $user->Id, Description => 'Tidegate' );
die "$said\n" unless $id;
print "$text\n";
