//! What people do by hand in Request Tracker at a switch. RT gets its mail from a mail server, which no API of RT shows.

use crate::desk::capability::{ByHand, Channel};

/// When RT begins to lead.
pub const BEGINS: &[ByHand] = &[
    ByHand {
        name: "mail-forwarding",
        what: "on the mail server, have the address delivered to `rt-mailgate --queue QUEUE --action correspond` of this RT",
        channel: Some(Channel::Mail),
    },
    ByHand {
        name: "widgets",
        what: "on your web sites, let contact forms write to the address or to the self service of this RT",
        channel: Some(Channel::Web),
    },
    ByHand {
        name: "invitations",
        what: "RT, Admin > Users: let the agents sign in (password or single sign-on), and tell them that they work here from now on",
        channel: None,
    },
    ByHand {
        name: "rules-on",
        what: "RT, Admin > Scrips: enable the scrips again that were disabled for the copy; `Tidegate: silence` stays until the mirror is \
               retired",
        channel: None,
    },
    ByHand {
        name: "cron-on",
        what: "start rt-crontool jobs (reminders, escalations) and rt-email-dashboards of this RT again",
        channel: None,
    },
];

/// When it no longer leads.
pub const ENDS: &[ByHand] = &[
    ByHand {
        name: "old-cron-off",
        what: "stop rt-crontool jobs (reminders, escalations) of the RT that no longer leads; both desks would write to customers",
        channel: None,
    },
    ByHand {
        name: "old-agents",
        what: "tell the agents of the RT that no longer leads to work in the other desk; RT, Admin > Queues > Group rights can take \
               ReplyToTicket away from them",
        channel: None,
    },
];
