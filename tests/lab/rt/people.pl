# A helpdesk as a team has one: queues, fields, two agents, customers who may write. For rt-setup-database.
use strict;
use warnings;

our ( @Queues, @CustomFields, @Users, @ACL );

@Queues = map { { Name => $_, CorrespondAddress => lc($_) . '@rt.lab', CommentAddress => lc($_) . '-comment@rt.lab' } }
    qw(Support Billing Migrated);
my @everywhere = ( Queue => [qw(Support Billing Migrated)], Disabled => 0 );

@CustomFields = (
    { Name => 'Severity', Type => 'SelectSingle',     @everywhere, Values => [ map { { Name => $_ } } qw(low normal high critical) ] },
    { Name => 'Products', Type => 'SelectMultiple',   @everywhere, Values => [ map { { Name => $_ } } qw(alpha beta gamma) ] },
    { Name => 'Tags',     Type => 'FreeformMultiple', @everywhere },
    { Name => 'Details',  Type => 'Text',             @everywhere },
    { Name => 'Renewal',  Type => 'DateTimeSingle',   @everywhere },
    { Name => 'Delivery', Type => 'DateSingle',       @everywhere },
    { Name => 'Only Support', Type => 'FreeformSingle', Queue => ['Support'], Disabled => 0 },
);

@Users = map { { Name => lc $_, RealName => "$_ Agent", EmailAddress => lc($_) . '@rt.lab', Password => 'tidegate-lab', Privileged => 1 } }
    qw(Alice Bob);

my @agent = qw(
    SeeQueue ShowTicket ShowTicketComments ShowOutgoingEmail CreateTicket CommentOnTicket ReplyToTicket ModifyTicket OwnTicket
    TakeTicket StealTicket ReassignTicket DeleteTicket SeeCustomField ModifyCustomField Watch WatchAsAdminCc ManageAuthTokens ModifySelf
);
for my $name (qw(alice bob)) {
    push @ACL, map { { UserId => $name, Right => $_ } } @agent;
}
push @ACL, map { { GroupDomain => 'SystemInternal', GroupType => 'Everyone', Right => $_ } } qw(CreateTicket ReplyToTicket);
1;
