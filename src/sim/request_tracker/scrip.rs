//! RT's stock scrips: the mails that a transaction causes, and the opening of tickets on correspondence.
//!
//! A mail goes to everybody in the scrip's roles but whoever caused it (the autoreply goes to them too), the disabled and
//! those squelched for the ticket; RT keeps a copy as an `EmailRecord` (`CommentEmailRecord`) of its own user.

use super::mailgate;
use super::mime::Message;
use super::status;
use super::store::{NOBODY, RT_SYSTEM, Role, Transaction};
use super::work::{Draft, Work};
use crate::sim::snapshot::Mail;

/// A scrip that sends mail.
struct Notification {
    /// The scrip's own, which is in the Message-ID of its mails.
    number: u16,
    description: &'static str,
    /// What the template puts in front of the subject.
    prefix: &'static str,
    /// Recipients, in the order in which the mail names them.
    to: &'static [Recipients],
    /// Whoever caused it gets it too.
    actor_too: bool,
    comment: bool,
}

#[derive(Clone, Copy)]
enum Recipients {
    Owner,
    Members(Role),
}

const AUTOREPLY: Notification = Notification {
    number: 7,
    description: "On Create Autoreply To Requestors",
    prefix: "AutoReply: ",
    to: &[Recipients::Members(Role::Requestor)],
    actor_too: true,
    comment: false,
};
const CREATE_OWNER: Notification = Notification {
    number: 8,
    description: "On Create Notify Owner and AdminCcs",
    prefix: "",
    to: &[Recipients::Owner, Recipients::Members(Role::AdminCc)],
    actor_too: false,
    comment: false,
};
const CREATE_CCS: Notification = Notification {
    number: 9,
    description: "On Create Notify Ccs",
    prefix: "",
    to: &[Recipients::Members(Role::Cc)],
    actor_too: false,
    comment: false,
};
const CORRESPOND_OWNER: Notification = Notification {
    number: 3,
    description: "On Correspond Notify Owner and AdminCcs",
    prefix: "",
    to: &[Recipients::Owner, Recipients::Members(Role::AdminCc)],
    actor_too: false,
    comment: false,
};
const CORRESPOND_REQUESTORS: Notification = Notification {
    number: 5,
    description: "On Correspond Notify Requestors and Ccs",
    prefix: "",
    to: &[Recipients::Members(Role::Requestor), Recipients::Members(Role::Cc)],
    actor_too: false,
    comment: false,
};
const COMMENT_ADMIN: Notification = Notification {
    number: 1,
    description: "On Comment Notify AdminCcs as Comment",
    prefix: "[Comment] ",
    to: &[Recipients::Members(Role::AdminCc)],
    actor_too: false,
    comment: true,
};
const OWNER_CHANGE: Notification = Notification {
    number: 11,
    description: "On Owner Change Notify Owner",
    prefix: "",
    to: &[Recipients::Owner],
    actor_too: false,
    comment: false,
};
const RESOLVE: Notification = Notification {
    number: 12,
    description: "On Resolve Notify Requestors",
    prefix: "Resolved: ",
    to: &[Recipients::Members(Role::Requestor)],
    actor_too: false,
    comment: false,
};

/// The notifications of a transaction, in RT's order.
fn notifications(row: &Transaction) -> &'static [Notification] {
    const CREATE: [Notification; 3] = [AUTOREPLY, CREATE_OWNER, CREATE_CCS];
    const CORRESPOND: [Notification; 2] = [CORRESPOND_OWNER, CORRESPOND_REQUESTORS];
    const COMMENT: [Notification; 1] = [COMMENT_ADMIN];
    const OWNER: [Notification; 1] = [OWNER_CHANGE];
    const RESOLVED: [Notification; 1] = [RESOLVE];
    match (row.kind.as_str(), row.field.as_deref()) {
        ("Create", _) => &CREATE,
        ("Correspond", _) => &CORRESPOND,
        ("Comment", _) => &COMMENT,
        ("Set", Some("Owner")) => &OWNER,
        ("Status", _) if row.new.as_deref() == Some("resolved") => &RESOLVED,
        _ => &[],
    }
}

impl Work<'_> {
    /// Runs the stock scrips on a transaction.
    pub fn run_scrips(&mut self, ticket: u64, id: u64) {
        let row = self.store.transactions[&id].clone();
        for notification in notifications(&row) {
            self.notify(ticket, notification, row.creator);
        }
        if row.kind == "Correspond" && self.store.settings.auto_open {
            self.open_inactive(ticket);
        }
    }

    fn notify(&mut self, ticket: u64, notification: &Notification, actor: u64) {
        let silent = self.store.settings.silent_creator.as_deref() == Some(self.store.user_name(actor));
        if self.quiet || silent || !self.store.settings.notifications {
            return;
        }
        let named = self.recipients(ticket, notification, actor);
        if named.is_empty() {
            return;
        }
        let actor = self.store.users[&actor].email.clone();
        self.store.last.message += 1;
        let (version, count, scrip) = (super::VERSION, self.store.last.message, notification.number);
        let message_id = format!("<rt-{version}-{count}-{}-0.{ticket}-{scrip}-0@{}>", self.at.timestamp(), super::ORGANIZATION);
        let subject = format!("{}{}", notification.prefix, self.store.ticket(ticket).subject.as_deref().unwrap_or(""));
        if self.store.settings.records_mail {
            self.keep_copy((ticket, &message_id, &subject), notification, &named, &actor);
        }
        let to = named.into_iter().map(|(_, address)| address).collect();
        let because = notification.description.to_owned();
        let letter = mailgate::letter(message_id, ticket, &subject, &because);
        self.store.outbox.push(Mail { to, ticket: ticket.to_string(), because, actor, at: self.at, letter });
    }

    /// Under which header each address stands: as seen on RT 5.0.3, `AdminCc`s are blind copies.
    fn recipients(&self, ticket: u64, notification: &Notification, actor: u64) -> Vec<(&'static str, String)> {
        let ticket = self.store.ticket(ticket);
        let mut people: Vec<(&'static str, u64)> = Vec::new();
        for recipients in notification.to {
            match recipients {
                Recipients::Owner if ticket.owner != NOBODY => people.push(("To", ticket.owner)),
                Recipients::Owner => {}
                Recipients::Members(role) => {
                    let header = match role {
                        Role::AdminCc => "BCC",
                        Role::Cc => "CC",
                        Role::Requestor => "To",
                    };
                    people.extend(ticket.role(*role).iter().map(|id| (header, *id)));
                }
            }
        }
        let mut to: Vec<(&'static str, String)> = Vec::new();
        for (header, user) in people.iter().filter_map(|(header, id)| Some((*header, self.store.users.get(id)?))) {
            let wanted = !user.disabled && !user.email.is_empty() && (notification.actor_too || user.id != actor);
            let known = to.iter().any(|(_, address)| *address == user.email);
            if wanted && !ticket.squelched.contains(&user.email.to_lowercase()) && !known {
                to.push((header, user.email.clone()));
            }
        }
        to
    }

    fn keep_copy(
        &mut self,
        (ticket, message_id, subject): (u64, &str, &str),
        notification: &Notification,
        named: &[(&'static str, String)],
        originator: &str,
    ) {
        let mut headers = Vec::new();
        for header in ["To", "CC", "BCC"] {
            let addresses: Vec<&str> =
                named.iter().filter(|(name, _)| *name == header).map(|(_, address)| address.as_str()).collect();
            if !addresses.is_empty() {
                headers.push(format!("{header}: {}", addresses.join(", ")));
            }
        }
        if !originator.is_empty() {
            headers.push(format!("X-RT-Originator: {originator}"));
        }
        let message = Message::outgoing(ticket, subject, notification.description, headers);
        let kind = if notification.comment { "CommentEmailRecord" } else { "EmailRecord" };
        let draft = Draft { kind, data: Some(message_id.to_owned()), message: Some(message), ..Draft::default() };
        self.record_silently(ticket, draft, RT_SYSTEM);
    }

    /// "On Correspond Open Inactive Tickets": new tickets too.
    fn open_inactive(&mut self, ticket: u64) {
        let old = self.store.ticket(ticket).status.clone();
        if status::is_active(&old) {
            return;
        }
        self.apply_status(ticket, "open");
        let draft = Draft::change("Status", "Status", Some(old), Some("open".to_owned()));
        self.record_by_scrip(ticket, draft, RT_SYSTEM);
    }
}
