//! A mapping that was changed: which tickets it affects, and the order to rewrite them. Nothing is rewritten here: the tickets are
//! raised, and go the way of every other change.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::desk::field::{FieldKey, Value};
use crate::desk::mapping::Mapping;
use crate::ledger::{Ledger, Result, reapply};
use crate::merge::remap::{Change, added, changes, dropped};
use crate::mirror::{MirrorId, PairId};

/// Tickets are looked through in pages of so many.
const PAGE: i64 = 500;
/// So many tickets are named.
const NAMED: usize = 10;

/// What another mapping means for the tickets that are there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survey {
    /// Tickets that were looked through.
    pub tickets: usize,
    /// Those of them that the new mapping affects.
    pub affected: usize,
    /// Source numbers of some of these.
    pub named: Vec<String>,
    pub values: BTreeMap<FieldKey, BTreeMap<String, Fate>>,
    /// Source fields that are carried from now on: every ticket is read for them.
    pub added: Vec<FieldKey>,
    /// Source fields that are not carried any more: what the target has of them stays.
    pub dropped: Vec<FieldKey>,
}

/// What becomes of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate {
    pub before: Option<Value>,
    pub now: Option<Value>,
    pub tickets: usize,
}

impl Survey {
    /// Nothing that is there is affected.
    pub fn is_empty(&self) -> bool {
        self.affected == 0 && self.added.is_empty() && self.dropped.is_empty()
    }

    fn take(&mut self, ticket: &str, found: &[Change]) {
        if found.is_empty() {
            return;
        }
        self.affected += 1;
        if self.named.len() < NAMED {
            self.named.push(ticket.to_string());
        }
        for change in found {
            let values = self.values.entry(change.field.clone()).or_default();
            let fate = Fate { before: change.before.clone(), now: change.now.clone(), tickets: 0 };
            values.entry(change.value.to_string()).or_insert(fate).tickets += 1;
        }
    }

    /// In words for an admin.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("The mapping is another one: {} of {} tickets are affected.", self.affected, self.tickets)];
        if !self.named.is_empty() {
            let more = self.affected - self.named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            lines.push(format!("  source tickets {}{more}", self.named.join(", ")));
        }
        for (field, values) in &self.values {
            lines.extend(values.iter().map(|(value, fate)| format!("  {field} `{value}`: {}", fate.sentence())));
        }
        let names = |fields: &[FieldKey]| fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
        if !self.added.is_empty() {
            lines.push(format!(
                "  carried from now on: {}; to carry what is there, every ticket has to be read",
                names(&self.added)
            ));
        }
        if !self.dropped.is_empty() {
            lines.push(format!("  not carried any more: {}; what the target has of it stays", names(&self.dropped)));
        }
        lines
    }
}

impl Fate {
    fn sentence(&self) -> String {
        let tickets = if self.tickets == 1 { "1 ticket".to_string() } else { format!("{} tickets", self.tickets) };
        match (&self.before, &self.now) {
            (Some(before), Some(now)) => format!("was `{before}`, becomes `{now}`: {tickets}"),
            (None, Some(now)) => format!("becomes `{now}`: {tickets}"),
            (_, None) => format!("the mapping has no word for it any more; what is there stays: {tickets}"),
        }
    }
}

/// Looks through everything that was agreed on. Calls no desk.
pub async fn survey(ledger: &Ledger, mirror: MirrorId, old: &Mapping, new: &Mapping) -> Result<Survey> {
    let mut survey = Survey { added: added(old, new), dropped: dropped(old, new), ..Survey::default() };
    let mut after = PairId(0);
    loop {
        let page = ledger.agreed(mirror, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(survey) };
        after = last.pair;
        survey.tickets += page.len();
        for agreed in &page {
            survey.take(&agreed.ticket, &changes(&agreed.base, old, new));
        }
    }
}

/// Orders the rewrite of every ticket that the new mapping affects, once the new mapping is applied. Returns how many.
pub async fn order(ledger: &Ledger, mirror: MirrorId, (old, new): (&Mapping, &Mapping), now: DateTime<Utc>) -> Result<i64> {
    let (version, added) = (new.version(), added(old, new));
    let (mut after, mut ordered) = (PairId(0), 0);
    loop {
        let page = ledger.agreed(mirror, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.pair;
        let rewrites: Vec<reapply::Rewrite> = page
            .iter()
            .map(|agreed| {
                let known = changes(&agreed.base, old, new).into_iter().filter(|change| change.now.is_some());
                let known = known.map(|change| (change.field, change.before));
                let fields: BTreeMap<FieldKey, Option<Value>> =
                    added.iter().map(|field| (field.clone(), None)).chain(known).collect();
                reapply::Rewrite { pair: agreed.pair, fields: fields.into_iter().collect() }
            })
            .filter(|rewrite| !rewrite.fields.is_empty())
            .collect();
        ordered += ledger.order_rewrites(mirror, &version, &rewrites, now).await?;
    }
    ledger.agree_mapping(mirror, new).await?;
    Ok(ordered)
}
