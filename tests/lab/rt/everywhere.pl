# Applies the custom field LAB_FIELD to every queue, as an admin does on RT's pages. For rt-setup-database.
use strict;
use warnings;

our @Final;

push @Final, sub {
    my $field = RT::CustomField->new( RT->SystemUser );
    $field->LoadByName( Name => $ENV{LAB_FIELD}, LookupType => 'RT::Queue-RT::Ticket', IncludeGlobal => 1 );
    die "RT has no custom field $ENV{LAB_FIELD}\n" unless $field->Id;
    my $queues = RT::Queues->new( RT->SystemUser );
    $queues->UnLimit;
    while ( my $queue = $queues->Next ) {
        $field->AddToObject($queue) unless $field->IsAdded( $queue->Id );
    }
};
1;
