//! Mail, in and out.
//!
//! As documented by Zendesk ("How are incoming emails threaded to tickets?"): an incoming mail belongs to the ticket whose mail it refers to in
//! `In-Reply-To` or `References`, whose encoded id stands in its text in square brackets (`[1G7EOR-0Q2J]`; every notification has it), or to
//! whose own address it was sent (`support+id1G7EOR-0Q2J@...`). As documented under "Understanding when email replies become public or private
//! comments": who is neither the requester nor a CC writes a private comment where an encoded id tells the ticket, and is suspended where
//! only the headers do. What stands below the delimiter is quoted and cut off.

use std::collections::BTreeMap;

use super::store::Store;
use super::ticket::Ticket;
use crate::sim::snapshot::{Incoming, Letter};
use crate::sim::stage::{Action, Done, Text};

const DELIMITER: &str = "##- Please type your reply above this line -##";
const DOMAIN: &str = "sim.zendesk.example";
const DIGITS: u32 = 36;

/// A notification about a ticket.
pub fn letter(store: &mut Store, ticket: &Ticket, words: &str) -> Letter {
    let encoded = encoded(ticket.id);
    let message_id = format!("<{}_{encoded}@{DOMAIN}>", store.token(12));
    store.message_ids.insert(message_id.clone(), ticket.id);
    Letter {
        message_id,
        subject: format!("[{}]", ticket.subject),
        reply_to: format!("support+id{encoded}@{DOMAIN}"),
        body: format!("{DELIMITER}\n\n{words}\n\n[{encoded}]"),
    }
}

/// What a mail asks for. Errors: it is suspended.
pub fn sort(store: &mut Store, mail: &Incoming) -> Result<Action, String> {
    let text = Text { body: above(&mail.body), ..Text::default() };
    let by_address = mail.to.split_once("+id").and_then(|(_, rest)| decoded(rest.split('@').next()?));
    let by_text = || bracketed(&mail.body).find_map(decoded);
    let encoded = by_address.or_else(by_text).filter(|id| store.tickets.contains_key(id));
    let by_header = mail.in_reply_to.iter().chain(&mail.references).find_map(|id| store.message_ids.get(id)).copied();
    let Some(id) = encoded.or(by_header) else {
        let (subject, group) = (mail.subject.clone(), "Support".to_string());
        return Ok(Action::Open { subject, group, text, fields: BTreeMap::new(), tags: Vec::new() });
    };
    let ticket = id.to_string();
    if takes_part(store, id, &mail.from) {
        Ok(Action::Reply { ticket, text })
    } else if encoded.is_some() {
        Ok(Action::Note { ticket, text })
    } else {
        Err("suspended: the sender takes no part in the ticket".to_string())
    }
}

/// Answers to this mail belong to the same ticket.
pub fn keep(store: &mut Store, mail: &Incoming, done: &Done) {
    if let Ok(id) = done.ticket.parse() {
        store.message_ids.insert(mail.message_id.clone(), id);
    }
}

fn takes_part(store: &Store, id: u64, from: &str) -> bool {
    let (Some(user), Some(ticket)) = (store.people.by_email(from), store.tickets.get(&id)) else { return false };
    user.is_staff() || user.id == ticket.requester || ticket.email_ccs.contains(&user.id)
}

fn above(body: &str) -> String {
    let lines = body.lines().take_while(|line| !line.contains(DELIMITER));
    lines.collect::<Vec<_>>().join("\n").trim().to_string()
}

fn bracketed(text: &str) -> impl Iterator<Item = &str> {
    text.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(inner, _)| inner)
}

/// Six digits and four that have to fit them.
fn encoded(id: u64) -> String {
    let (mut number, mut digits) = (id, Vec::new());
    while digits.len() < 6 {
        digits.push(char::from_digit(u32::try_from(number % u64::from(DIGITS)).unwrap_or(0), DIGITS).unwrap_or('0'));
        number /= u64::from(DIGITS);
    }
    let number: String = digits.iter().rev().collect::<String>().to_uppercase();
    format!("{number}-{:04}", id.wrapping_mul(7919) % 10_000)
}

fn decoded(text: &str) -> Option<u64> {
    let id = u64::from_str_radix(text.split_once('-')?.0, DIGITS).ok()?;
    (encoded(id) == text.to_uppercase()).then_some(id)
}
