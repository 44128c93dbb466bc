# Scrip "Tidegate: silence". Condition: On Transaction. Action: User Defined. Template: Blank. Stage: Normal.
# This text is its "Custom action preparation code"; its commit code is: 1;
#
# Keeps back every mail about what Tidegate's own user does, also about what RT's other scrips do in answer to it (a reply
# that opens a ticket again). Mails about what people do go out as always. Nobody else's settings are changed: the two
# doors that every mail scrip goes through are watched, from the first transaction that an RT process handles. RT prepares
# all scrips of a transaction before it runs the first, so this one's place in the list does not matter.
my $user = '';    # name of Tidegate's user in RT; empty: nothing is kept back

$RT::Tidegate::User = $user;
unless ($RT::Tidegate::Watching) {
    $RT::Tidegate::Watching = 1;
    require RT::Scrips;
    require RT::Action::SendEmail;
    my $run  = \&RT::Scrips::Commit;
    my $send = \&RT::Action::SendEmail::Commit;
    no warnings 'redefine';
    *RT::Scrips::Commit = sub {
        my $self        = shift;
        my $transaction = $self->{'TransactionObj'};
        my $ours        = $transaction && $transaction->Id && $transaction->CreatorObj->Name eq $RT::Tidegate::User;
        local $RT::Tidegate::Quiet = $RT::Tidegate::Quiet || $ours;
        return $run->( $self, @_ );
    };
    *RT::Action::SendEmail::Commit = sub {
        return 1 if $RT::Tidegate::Quiet;
        return $send->(@_);
    };
}
return 1;
