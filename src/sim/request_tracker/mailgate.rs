//! Mail, in and out.
//!
//! As in RT's own source (lib/RT/Interface/Email.pm, `ExtractTicketId` and `ParseTicketId`): the ticket that a mail belongs to is told by
//! `[rtname #number]` in its subject and by nothing else; neither `In-Reply-To` nor `References` is looked at. RT's name in subjects is here
//! its organisation. Who writes is found by address, or made. Nothing of the text is cut off.

use std::collections::BTreeMap;

use super::ORGANIZATION;
use crate::sim::snapshot::{Incoming, Letter};
use crate::sim::stage::{Action, Text};

/// A mail of a scrip about a ticket.
pub fn letter(message_id: String, ticket: u64, subject: &str, words: &str) -> Letter {
    Letter {
        message_id,
        subject: format!("[{ORGANIZATION} #{ticket}] {subject}"),
        reply_to: format!("support@{ORGANIZATION}"),
        body: words.to_owned(),
    }
}

/// What a mail to a queue's address asks for; `there`: the numbers that are tickets.
pub fn sort(mail: &Incoming, there: impl Fn(u64) -> bool) -> Action {
    let text = Text { body: mail.body.clone(), ..Text::default() };
    match number(&mail.subject).filter(|id| there(*id)) {
        Some(id) => Action::Reply { ticket: id.to_string(), text },
        None => Action::Open {
            subject: mail.subject.clone(),
            group: "Support".to_owned(),
            text,
            fields: BTreeMap::new(),
            tags: Vec::new(),
        },
    }
}

fn number(subject: &str) -> Option<u64> {
    let tags = subject.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    tags.filter_map(|(tag, _)| tag.split_once('#')).find_map(|(name, number)| {
        let ours = name.ends_with(char::is_whitespace) && name.trim().eq_ignore_ascii_case(ORGANIZATION);
        number.trim().parse().ok().filter(|_| ours)
    })
}
