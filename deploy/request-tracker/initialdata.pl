# Everything that Tidegate needs in RT 5, for rt-setup-database. It may be run again: what is there is brought up to date.
#
#   TIDEGATE_RT_USER=tidegate TIDEGATE_HOOK_URL=https://... TIDEGATE_HOOK_SECRET=... \
#       rt-setup-database-5 --action insert --skip-create --datafile /full/path/initialdata.pl
#
# TIDEGATE_RT_USER      name of Tidegate's user; made if it is not there (default: tidegate)
# TIDEGATE_HOOK_URL     where changes are told; empty: the webhook is installed and tells nobody
# TIDEGATE_HOOK_SECRET  the mirror's webhook secret
# TIDEGATE_SILENCE=0    leaves mails about Tidegate's writes alone (for an RT that is a source only)
use strict;
use warnings;

our @Final;

my ($here) = __FILE__ =~ m{^(.*)/[^/]*$};
$here //= '.';
my $user_name = length( $ENV{TIDEGATE_RT_USER} // '' ) ? $ENV{TIDEGATE_RT_USER} : 'tidegate';
my $silent    = ( $ENV{TIDEGATE_SILENCE} // 1 ) ne '0';

# The text of a scrip with its settings filled in: lines of the form `name => '',` and `my $name = '';`.
my $code = sub {
    my ( $file, %values ) = @_;
    open( my $in, '<:encoding(UTF-8)', "$here/$file" ) or die "cannot read $here/$file: $!";
    my $text = do { local $/; <$in> };
    for my $name ( keys %values ) {
        ( my $value = $values{$name} // '' ) =~ s/([\\'])/\\$1/g;
        $text =~ s/^(\s*\Q$name\E\s*=>\s*)''/$1'$value'/m or $text =~ s/^(my \$\Q$name\E\s*=\s*)''/$1'$value'/m
            or die "$file has no setting $name";
    }
    return $text;
};

my $ok = sub {
    my ( $done, $said ) = @_;
    die "Tidegate: $said\n" unless $done;
};

push @Final, sub {
    my $user = RT::User->new( RT->SystemUser );
    $user->Load($user_name);
    if ( !$user->Id ) {
        $ok->( $user->Create( Name => $user_name, RealName => 'Tidegate', Privileged => 1 ) );
    }
    $ok->( $user->SetPrivileged(1) ) unless $user->Privileged;
    # RT stores dates of custom fields as if they were told in its user's time zone.
    $ok->( $user->SetTimezone('UTC') ) if ( $user->Timezone // '' ) ne 'UTC';
    my @rights = qw(
        SeeQueue ShowTicket ShowTicketComments ShowOutgoingEmail CreateTicket CommentOnTicket ReplyToTicket ModifyTicket
        OwnTicket TakeTicket StealTicket ReassignTicket DeleteTicket SeeCustomField ModifyCustomField SetInitialCustomField
        Watch WatchAsAdminCc AdminUsers SeeGroup ShowUserHistory ManageAuthTokens ModifySelf
    );
    for my $right (@rights) {
        next if $user->PrincipalObj->HasRight( Right => $right, Object => RT->System );
        $ok->( $user->PrincipalObj->GrantRight( Right => $right, Object => RT->System ) );
    }
};

my @fields = (
    { Name => 'Tidegate key',         LookupType => 'RT::Queue-RT::Ticket', Description => 'Which ticket of the other desk this is; written by Tidegate' },
    { Name => 'Tidegate number',      LookupType => 'RT::Queue-RT::Ticket', Description => 'Number of the ticket in the other desk' },
    { Name => 'Tidegate message key', LookupType => 'RT::Queue-RT::Ticket-RT::Transaction', Description => 'Which message of the other desk this is; written by Tidegate' },
);
push @Final, sub {
    for my $wanted (@fields) {
        my $field = RT::CustomField->new( RT->SystemUser );
        $field->LoadByName( Name => $wanted->{Name}, LookupType => $wanted->{LookupType}, IncludeGlobal => 1 );
        if ( !$field->Id ) {
            $ok->( $field->Create( %$wanted, Type => 'Freeform', MaxValues => 1 ) );
        }
        # On every queue.
        $ok->( $field->AddToObject( RT::Queue->new( RT->SystemUser ) ) ) unless $field->IsGlobal;
    }
};

my @scrips = (
    {   Description => 'Tidegate: silence',
        Stage       => 'TransactionCreate',
        Prepare     => $code->( 'silence.pl', user => $silent ? $user_name : '' ),
        Commit      => '1;',
    },
    {   Description => 'Tidegate: images',
        Stage       => 'TransactionCreate',
        Prepare     => '1;',
        Commit      => $code->( 'images.pl', user => $user_name ),
    },
    {   Description => 'Tidegate: webhook',
        Stage       => 'TransactionBatch',
        Prepare     => '1;',
        Commit      => $code->( 'webhook.pl', url => $ENV{TIDEGATE_HOOK_URL}, secret => $ENV{TIDEGATE_HOOK_SECRET} ),
    },
);
push @Final, sub {
    for my $wanted (@scrips) {
        my $scrip = RT::Scrip->new( RT->SystemUser );
        $scrip->LoadByCols( Description => $wanted->{Description} );
        if ( $scrip->Id ) {
            for my $part (qw(Prepare Commit)) {
                my ( $get, $set ) = ( "Custom${part}Code", "SetCustom${part}Code" );
                $ok->( $scrip->$set( $wanted->{$part} ) ) if ( $scrip->$get // '' ) ne $wanted->{$part};
            }
            next;
        }
        $ok->( $scrip->Create(
            Description       => $wanted->{Description},
            Queue             => 0,
            Stage             => $wanted->{Stage},
            ScripCondition    => 'On Transaction',
            ScripAction       => 'User Defined',
            Template          => 'Blank',
            CustomPrepareCode => $wanted->{Prepare},
            CustomCommitCode  => $wanted->{Commit},
        ) );
    }
};
1;
