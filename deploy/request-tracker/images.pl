# Scrip "Tidegate: images". Condition: On Transaction. Action: User Defined. Template: Blank. Stage: Normal.
# This text is its "Custom action commit code"; its preparation code is: 1;
#
# RT's REST interface cannot say which file of a message is an image inside its text. Tidegate writes such an image as
# <img src="cid:tidegate-2">, the second file of the message. This gives that file the Content-ID that the text names, and
# the message the MIME type under which RT's pages look for it. Only messages of Tidegate's own user are touched.
my $user = '';    # name of Tidegate's user in RT; empty: does nothing

my $transaction = $self->TransactionObj;
return 1 unless length $user and $transaction->CreatorObj->Name eq $user;
return 1 unless $transaction->Type =~ /^(?:Create|Correspond|Comment)$/;

my ( $top, $html, @files );
my $parts = RT::Attachments->new( RT->SystemUser );
$parts->Limit( FIELD => 'TransactionId', VALUE => $transaction->Id );
$parts->OrderBy( FIELD => 'id', ORDER => 'ASC' );
while ( my $part = $parts->Next ) {
    if    ( $part->ContentType =~ m{^multipart/}i )               { $top ||= $part }
    elsif ( !$html and $part->ContentType eq 'text/html' and !length( $part->Filename // '' ) ) { $html = $part }
    else                                                           { push @files, $part }
}
return 1 unless $top and $html;

my $found = 0;
my $text  = $html->Content;
while ( $text =~ /cid:tidegate-(\d+)/g ) {
    my $file = $1 > 0 ? $files[ $1 - 1 ] : undef;
    next unless $file;
    $file->SetHeader( 'Content-ID', "<tidegate-$1>" );
    $found = 1;
}
if ($found) {
    $top->SetHeader( 'Content-Type', 'multipart/related' );
    $top->__Set( Field => 'ContentType', Value => 'multipart/related' );
}
return 1;
