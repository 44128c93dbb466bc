//! A naive copy that does everything right, one whole comparison at a time.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::sim::judge::Lost;
use tidegate::sim::judge::rules::Rules;
use tidegate::sim::snapshot::{MessageView, TicketState, TicketView};
use tidegate::sim::stage::Stage;

use super::memory::{MemoryDesk, State, blank, set};

/// The naive copy: follows the source three-way, keeps what the target's agents did, and says whom it quotes.
#[derive(Default)]
pub struct Copyist {
    pub tickets: BTreeMap<String, String>,
    messages: BTreeMap<String, String>,
    fields: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    tags: BTreeMap<String, BTreeSet<String>>,
    pub lost: Vec<Lost>,
}

impl Copyist {
    pub fn sync(&mut self, source: &MemoryDesk, target: &MemoryDesk, rules: &Rules) {
        let (views, mut target) = (source.tickets(), target.state());
        for view in views.iter().filter(|view| view.state != TicketState::Deleted) {
            if !self.tickets.contains_key(&view.id) {
                let id = target.next();
                let ticket = TicketView { external_id: Some(rules.key(&view.id)), ..blank(&id, view.created_at) };
                target.tickets.insert(id.clone(), TicketView { tags: BTreeSet::from(["tidegate".to_string()]), ..ticket });
                self.tickets.insert(view.id.clone(), id);
            }
        }
        for view in &views {
            if let Some(id) = self.tickets.get(&view.id).cloned() {
                self.sync_messages(view, &mut target, &id);
                self.sync_rest(view, &mut target, &id);
            }
        }
    }

    fn sync_messages(&mut self, view: &TicketView, target: &mut State, id: &str) {
        for message in &view.messages {
            let known = self.messages.get(&message.id).cloned();
            let copy = known.unwrap_or_else(|| target.next());
            let line = format!("<p>{} wrote on {}:</p>", message.author, message.at.format("%Y-%m-%d %H:%M UTC"));
            let body = if message.html { message.body.clone() } else { tidegate::desk::body::escape_html(&message.body) };
            let said = MessageView {
                id: copy.clone(),
                author: "gateway@desk.example".to_string(),
                body: format!("{line}\n{body}"),
                html: true,
                ..message.clone()
            };
            let ticket = target.tickets.get_mut(id).expect("a ticket that was made");
            match ticket.messages.iter_mut().find(|one| one.id == copy) {
                Some(held) => *held = said,
                None => ticket.messages.push(said),
            }
            self.messages.insert(message.id.clone(), copy);
        }
    }

    fn sync_rest(&mut self, view: &TicketView, target: &mut State, id: &str) {
        let there = |source: &str| self.tickets.get(source).cloned();
        let links = view.links.iter().filter_map(|(kind, to)| Some((kind.clone(), there(to)?))).collect();
        let state = match &view.state {
            TicketState::MergedInto(into) => there(into).map_or(TicketState::Present, TicketState::MergedInto),
            _ => TicketState::Present,
        };
        let ticket = target.tickets.get_mut(id).expect("a ticket that was made");
        ticket.links = links;
        ticket.cc.clone_from(&view.cc);
        ticket.followers.clone_from(&view.followers);
        ticket.state = state;
        if view.state == TicketState::Deleted {
            ticket.tags.insert("deleted_there".to_string());
        }
        let old = self.tags.insert(view.id.clone(), view.tags.clone()).unwrap_or_default();
        ticket.tags.retain(|tag| !old.contains(tag) || view.tags.contains(tag));
        ticket.tags.extend(view.tags.difference(&old).cloned());
        let known = self.fields.get(id).into_iter().flat_map(BTreeMap::keys);
        let names: BTreeSet<String> = view.fields.keys().chain(known).cloned().collect();
        for field in names {
            self.sync_field(view, ticket, &field);
        }
    }

    fn sync_field(&mut self, view: &TicketView, ticket: &mut TicketView, field: &str) {
        let now = view.fields.get(field).cloned().unwrap_or_default();
        let bases = self.fields.entry(ticket.id.clone()).or_default();
        let base = bases.insert(field.to_string(), now.clone()).unwrap_or_default();
        let theirs = ticket.fields.get(field).cloned().unwrap_or_default();
        if now == base {
            return;
        }
        if theirs != base && theirs != now {
            self.lost.push(Lost { ticket: ticket.id.clone(), field: field.to_string(), value: theirs });
        }
        set(ticket, field, now);
    }
}
