//! What a script on the database does to a comment: no audit tells of it.

use std::sync::Arc;

use super::store::Store;
use super::ticket::{Comment, Event, Ticket};
use crate::sim::stage::Damage;

/// Does it. Errors: there is no such ticket, comment, file or person.
pub fn damage(store: &mut Store, ticket: &str, message: &str, damage: Damage) -> Result<(), String> {
    let id: u64 = ticket.parse().map_err(|_| "a ticket has a number".to_owned())?;
    let mut ticket = store.tickets.get(&id).ok_or("there is no such ticket")?.clone();
    let place = ticket.comments.iter().position(|one| one.id.to_string() == message).ok_or("there is no such comment")?;
    let mut comment = (*ticket.comments[place]).clone();
    match damage {
        Damage::Lose => lose(&mut ticket, comment.id),
        Damage::Move { to } => {
            let mut other = store.tickets.get(&to.parse().unwrap_or(0)).ok_or("there is no other ticket")?.clone();
            adopt(&ticket, &mut other, comment.clone());
            lose(&mut ticket, comment.id);
            store.put_ticket(other);
        }
        Damage::Double => {
            comment.id = store.next_id();
            ticket.comments.insert(place + 1, Arc::new(comment));
        }
        change => {
            change_comment(store, &mut comment, change)?;
            ticket.comments[place] = Arc::new(comment);
        }
    }
    store.put_ticket(ticket);
    Ok(())
}

/// The audit that made it stays, and does not name it.
fn lose(ticket: &mut Ticket, comment: u64) {
    ticket.comments.retain(|one| one.id != comment);
    for audit in &mut ticket.audits {
        let mut changed = (**audit).clone();
        changed.events.retain(|event| !matches!(event, Event::Comment(id) if *id == comment));
        *audit = Arc::new(changed);
    }
}

/// With the audit that holds its key.
fn adopt(from: &Ticket, to: &mut Ticket, comment: Comment) {
    let audit = from.audits.iter().find(|audit| audit.id == comment.audit).map(|audit| (**audit).clone());
    if let Some(mut audit) = audit {
        audit.ticket = to.id;
        audit.events.retain(|event| matches!(event, Event::Comment(_)));
        to.audits.push(Arc::new(audit));
        to.audits.sort_by_key(|audit| audit.id);
    }
    to.comments.push(Arc::new(comment));
}

fn change_comment(store: &mut Store, comment: &mut Comment, damage: Damage) -> Result<(), String> {
    let file = |at: usize| comment.attachments.get(at).copied().ok_or("there is no such file".to_owned());
    match damage {
        Damage::Reword { from, to } => {
            if !comment.html.contains(&from) {
                return Err(format!("these words are not in it: {}", comment.html));
            }
            comment.html = comment.html.replace(&from, &to);
            comment.plain = comment.plain.replace(&from, &to);
        }
        Damage::Author(email) => comment.author = store.people.by_email(&email).ok_or("nobody has this address")?.id,
        Damage::At(at) => comment.at = at,
        Damage::Public(public) => comment.public = public,
        Damage::Bytes { file: at, bytes } => {
            let file = store.files.by_id.get_mut(&file(at)?).ok_or("the file is gone")?;
            file.sha256 = super::files::digest(&bytes);
            file.bytes = bytes.into();
        }
        Damage::Rename { file: at, name } => store.files.by_id.get_mut(&file(at)?).ok_or("the file is gone")?.name = name,
        Damage::LoseFile(at) => {
            file(at)?;
            comment.attachments.remove(at);
        }
        Damage::DoubleFile(at) => {
            let mut twin = store.files.by_id.get(&file(at)?).ok_or("the file is gone")?.clone();
            (twin.id, twin.token) = (store.next_id(), store.token(32));
            comment.attachments.push(twin.id);
            store.files.put(twin);
        }
        Damage::TurnFiles => comment.attachments.reverse(),
        Damage::Lose | Damage::Double | Damage::Move { .. } => {}
    }
    Ok(())
}
