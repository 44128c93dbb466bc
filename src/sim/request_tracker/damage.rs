//! What a script on the database does to a message: no transaction tells of it.

use super::store::{Attachment, Object, Store, Transaction};
use crate::sim::stage::Damage;

/// Does it. Errors: there is no such ticket, message, file or person.
pub fn damage(store: &mut Store, ticket: &str, message: &str, damage: Damage) -> Result<(), String> {
    let ticket: u64 = ticket.parse().map_err(|_| "a ticket has a number".to_owned())?;
    let id: u64 = message.parse().map_err(|_| "a transaction has a number".to_owned())?;
    let row = store.transactions.get(&id).filter(|row| row.object == Object::Ticket(ticket)).ok_or("there is no such message")?;
    let row = row.clone();
    match damage {
        Damage::Lose => {
            store.transactions.remove(&id);
            store.ticket_mut(ticket).transactions.retain(|kept| *kept != id);
        }
        Damage::Move { to } => {
            let to: u64 = to.parse().map_err(|_| "a ticket has a number".to_owned())?;
            store.ticket_mut(ticket).transactions.retain(|kept| *kept != id);
            let other = store.ticket_mut(to);
            other.transactions.push(id);
            other.transactions.sort_unstable();
            row_mut(store, id).object = Object::Ticket(to);
        }
        Damage::Double => double(store, ticket, row),
        Damage::Author(email) => {
            let author = *store.emails.get(&email.to_lowercase()).ok_or("nobody has this address")?;
            row_mut(store, id).creator = author;
        }
        Damage::At(at) => row_mut(store, id).created = at,
        Damage::Public(public) => row_mut(store, id).kind = if public { "Correspond" } else { "Comment" }.to_owned(),
        Damage::Reword { from, to } => reword(store, &row, &from, &to)?,
        change => change_file(store, &row, change)?,
    }
    Ok(())
}

fn row_mut(store: &mut Store, id: u64) -> &mut Transaction {
    store.transactions.get_mut(&id).expect("it was looked up")
}

fn double(store: &mut Store, ticket: u64, row: Transaction) {
    store.last.transaction += 1;
    let mut twin = Transaction { id: store.last.transaction, attachments: Vec::new(), ..row.clone() };
    let mut renamed = std::collections::BTreeMap::new();
    for id in &row.attachments {
        let Some(part) = store.attachments.get(id).cloned() else { continue };
        store.last.attachment += 1;
        let number = store.last.attachment;
        renamed.insert(*id, number);
        let parent = renamed.get(&part.parent).copied().unwrap_or(0);
        store.attachments.insert(number, Attachment { id: number, transaction: twin.id, parent, ..part });
        twin.attachments.push(number);
    }
    store.ticket_mut(ticket).transactions.push(twin.id);
    store.transactions.insert(twin.id, twin);
}

fn reword(store: &mut Store, row: &Transaction, from: &str, to: &str) -> Result<(), String> {
    let mut found = false;
    for id in &row.attachments {
        let Some(part) = store.attachments.get_mut(id).filter(|part| part.file_name.is_none()) else { continue };
        let Some(text) = part.content.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()) else { continue };
        found |= text.contains(from);
        part.content = Some(text.replace(from, to).into_bytes());
    }
    if found { Ok(()) } else { Err("these words are not in it".to_owned()) }
}

fn change_file(store: &mut Store, row: &Transaction, damage: Damage) -> Result<(), String> {
    let is_file = |id: &&u64| store.attachments.get(id).is_some_and(|part| part.file_name.is_some());
    let files: Vec<u64> = row.attachments.iter().filter(is_file).copied().collect();
    let file = |at: usize| files.get(at).copied().ok_or("there is no such file".to_owned());
    match damage {
        Damage::Bytes { file: at, bytes } => part_mut(store, file(at)?).content = Some(bytes),
        Damage::Rename { file: at, name } => {
            let part = part_mut(store, file(at)?);
            let old = part.file_name.replace(name.clone()).unwrap_or_default();
            part.headers = part.headers.replace(&old, &name);
        }
        Damage::LoseFile(at) => {
            let gone = file(at)?;
            row_mut(store, row.id).attachments.retain(|id| *id != gone);
            store.attachments.remove(&gone);
        }
        Damage::DoubleFile(at) => {
            let part = part_mut(store, file(at)?).clone();
            store.last.attachment += 1;
            let id = store.last.attachment;
            store.attachments.insert(id, Attachment { id, ..part });
            row_mut(store, row.id).attachments.push(id);
        }
        Damage::TurnFiles => {
            let parts: Vec<Attachment> = files.iter().map(|id| store.attachments[id].clone()).collect();
            for (id, part) in files.iter().zip(parts.into_iter().rev()) {
                store.attachments.insert(*id, Attachment { id: *id, ..part });
            }
        }
        _ => {}
    }
    Ok(())
}

fn part_mut(store: &mut Store, id: u64) -> &mut Attachment {
    store.attachments.get_mut(&id).expect("it was looked up")
}
