# Scrip "Tidegate: webhook". Condition: On Transaction. Action: User Defined. Template: Blank. Stage: Batch.
# This text is its "Custom action commit code"; its preparation code is: 1;
#
# Tells Tidegate which ticket changed, signed with HMAC-SHA256. Tidegate asks RT for the ticket itself afterwards, so
# a lost call loses nothing: Tidegate's poll finds the change a little later.
my %tidegate = (
    url     => '',    # https://tidegate.example.com/hooks/... as `tidegate status` shows it; empty: tells nobody
    secret  => '',    # the mirror's webhook secret
    timeout => 3,     # seconds that a person waits at most when Tidegate is away
);
return 1 unless length $tidegate{url};

my $ticket = $self->TicketObj;
my @transactions = @{ $ticket->TransactionBatch || [] };
@transactions = ($self->TransactionObj) unless @transactions;
my $utc = sub { $_[0]->W3CDTF( Timezone => 'UTC' ) };
my @told = map {
    {   id        => $_->Id + 0,
        type      => $_->Type,
        field     => $_->Field,
        old_value => $_->OldValue,
        new_value => $_->NewValue,
        creator   => $_->CreatorObj->Name,
        created   => $utc->( $_->CreatedObj ),
        ticket_id => $_->ObjectId + 0,
    }
} grep { $_->Type !~ /EmailRecord$/ } @transactions;
return 1 unless @told;

require Data::GUID;
require Digest::SHA;
require HTTP::Request;
require JSON;
require LWP::UserAgent;
my $body = JSON->new->utf8->canonical->encode(
    {   event        => ( $told[0]{type} eq 'Create' ? 'ticket.created' : 'ticket.updated' ),
        stage        => 'TransactionBatch',
        organization => RT->Config->Get('Organization'),
        sent_at      => time,
        ticket       => {
            id           => $ticket->Id + 0,
            queue        => $ticket->QueueObj->Name,
            status       => $ticket->Status,
            subject      => $ticket->Subject,
            last_updated => $utc->( $ticket->LastUpdatedObj ),
            url          => RT->Config->Get('WebBaseURL') . RT->Config->Get('WebPath') . '/REST/2.0/ticket/' . $ticket->Id,
        },
        transactions => \@told,
    }
);
my $time      = time;
my $delivery  = lc( Data::GUID->new->as_string );
my $signature = Digest::SHA::hmac_sha256_hex( "$time.$body", $tidegate{secret} );
my $request   = HTTP::Request->new(
    POST => $tidegate{url},
    [   'Content-Type'   => 'application/json',
        'X-RT-Delivery'  => $delivery,
        'X-RT-Timestamp' => $time,
        'X-RT-Signature' => "sha256=$signature",
    ],
    $body
);
my $answer = LWP::UserAgent->new( timeout => $tidegate{timeout}, agent => 'tidegate-scrip/1' )->request($request);
RT->Logger->warning( "Tidegate did not take delivery $delivery for ticket " . $ticket->Id . ': ' . $answer->status_line )
    unless $answer->is_success;
return 1;
