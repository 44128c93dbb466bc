//! What people do by hand in Zendesk at a switch. The names of pages are those of the Admin Center.

use crate::desk::capability::{ByHand, Channel};

/// When the account begins to lead.
pub const BEGINS: &[ByHand] = &[
    ByHand {
        name: "mail-forwarding",
        what: "at your mail provider, forward the address to this account; Admin Center, Channels > Talk and email > Email \
               shows the address to forward to, and whether it arrives",
        channel: Some(Channel::Mail),
    },
    ByHand {
        name: "widgets",
        what: "on your web sites, put this account's Web Widget and contact form in place of the old desk's (Admin Center, Channels > \
               Messaging and social)",
        channel: Some(Channel::Web),
    },
    ByHand {
        name: "channels",
        what: "Admin Center, Channels: connect voice, chat and social channels to this account and disconnect them from the old desk",
        // Nobody writes a subject there.
        channel: None,
    },
    ByHand {
        name: "invitations",
        what: "Admin Center, People > Team members: let the agents sign in here, and tell them that they work here from now on",
        channel: None,
    },
    ByHand {
        name: "rules-on",
        what: "Admin Center, Objects and rules > Business rules: switch triggers and automations on again that were off for the copy. Leave \
               their condition on the silent tag: Tidegate takes the tag off the tickets by itself, open ones first (`tidegate status` \
               counts them), and needs it for late mails from the old desk",
        channel: None,
    },
];

/// When it no longer leads.
pub const ENDS: &[ByHand] = &[
    ByHand {
        name: "old-automations-off",
        what: "Admin Center of the account that no longer leads, Objects and rules > Business rules: switch off the triggers and \
               automations that mail customers; both desks would write to them",
        channel: None,
    },
    ByHand {
        name: "old-agents",
        what: "tell the agents of the account that no longer leads to work in the other desk; Admin Center, People > Team members can \
               make them light agents",
        channel: None,
    },
];
