# Gives Tidegate's user LAB_RIGHT field by field, for all custom fields but LAB_BUT; or, where that is empty, for the whole RT again, as it
# is installed. For rt-setup-database.
use strict;
use warnings;

our @Final;

push @Final, sub {
    my $user = RT::User->new( RT->SystemUser );
    $user->Load('tidegate');
    my ( $right, $but, $who ) = ( $ENV{LAB_RIGHT}, $ENV{LAB_BUT} // '', $user->PrincipalObj );
    my $fields = RT::CustomFields->new( RT->SystemUser );
    $fields->UnLimit;
    while ( my $field = $fields->Next ) {
        my $has = length $but && $field->Name ne $but;
        my $change = $has ? 'GrantRight' : 'RevokeRight';
        # What is so already is no mistake.
        $who->$change( Right => $right, Object => $field );
    }
    my $all = length $but ? 'RevokeRight' : 'GrantRight';
    $who->$all( Right => $right, Object => RT->System );
};
1;
