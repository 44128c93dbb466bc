//! What every judgement about one ticket sees.

use std::collections::BTreeMap;

use crate::config::mirror::MirrorConfig;
use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::desk::field::FieldKey;
use crate::desk::id::PersonId;
use crate::desk::schema::Schema;
use crate::desk::survey::{Rules, Survey};
use crate::desk::ticket::Ticket;
use crate::merge::base::Base;
use crate::merge::links::Ends;
use crate::merge::scene::Scene;
use crate::mirror::KeySpace;

use super::pattern::Pattern;

/// A mirror file and what both desks told of themselves.
pub struct View<'a> {
    pub config: &'a MirrorConfig,
    pub source_can: &'a Capabilities,
    pub target_can: &'a Capabilities,
    /// Scheme, host and port of the source.
    pub source_address: &'a str,
    pub source: Schema,
    pub target: Schema,
    pub survey: Survey,
    pub rules: Rules,
    pub patterns: BTreeMap<FieldKey, Pattern>,
    pub keys: KeySpace,
}

impl View<'_> {
    /// Whether the words of a source field are an admin's: chosen from a list, tags, names. All others may be a customer's and are not shown.
    pub fn shows(&self, key: &FieldKey) -> bool {
        match key {
            FieldKey::Subject => false,
            FieldKey::Custom(_) => self.source.fields.get(key).is_some_and(|schema| schema.options.is_some()),
            _ => true,
        }
    }

    /// Runs `work` on the scene of a ticket that is not at the target yet. Whoever it names counts as known there: who is not is
    /// [`super::people`]'s business.
    pub fn scene<T>(&self, ticket: &Ticket, work: impl FnOnce(&Scene<'_>) -> T) -> T {
        let named = ticket.fields.values().flat_map(|value| value.persons());
        let all = named.chain(ticket.messages.iter().map(|message| &message.author));
        let people: BTreeMap<PersonId, Option<PersonId>> = all.map(|id| (id.clone(), Some(id.clone()))).collect();
        let (base, ends) = (Base::default(), Ends::default());
        work(&Scene {
            lead_side: Side::Source,
            lead: ticket,
            follow: None,
            lead_can: self.source_can,
            follow_can: self.target_can,
            keys: &self.keys,
            part: 0,
            base: &base,
            linked: &[],
            reapply: &BTreeMap::new(),
            people: &people,
            ends: &ends,
            mapping: &self.config.mapping,
            policy: &self.config.policy,
            rulings: &[],
            clocks: None,
            now: ticket.updated_at,
        })
    }
}
