//! Source tickets and what stands for them in the target: none missing, none doubled; merges and deletions as agreed.

use std::collections::BTreeMap;

use super::rules::Deletion;
use super::verdict::{Kind, Place};
use super::{Court, at};
use crate::sim::snapshot::{TicketState, TicketView};
use crate::sim::story::log::TicketLog;

/// Source tickets that were merged into one; mostly just that one.
pub(super) struct Group<'a> {
    /// The ticket that the others were merged into.
    pub root: &'a str,
    pub members: Vec<(&'a str, &'a TicketLog)>,
}

/// All groups in scope, by the id of their root.
pub(super) fn groups<'a>(court: &Court<'a>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<&str, Vec<(&str, &TicketLog)>> = BTreeMap::new();
    for (id, log) in &court.case.log.source {
        if !court.rules.out_of_scope.contains(id) {
            groups.entry(court.root(id)).or_default().push((id, log));
        }
    }
    groups.into_iter().map(|(root, members)| Group { root, members }).collect()
}

impl<'a> Court<'a> {
    /// Judges one group.
    pub(super) fn try_group(&mut self, group: &Group<'a>) {
        for (id, log) in &group.members {
            self.check_presence(id, log);
            if group.members.len() == 1 {
                self.check_stage(id, log);
            }
        }
        let targets = self.targets(group);
        if targets.is_empty() {
            return;
        }
        self.try_thread(group, &targets);
        let root = group.members.iter().find(|(id, log)| *id == group.root && log.is_present());
        if let (Some((id, log)), Some(target)) = (root, self.live(group.root)) {
            self.check_fields(group, target);
            self.check_tags(id, log, target);
            self.check_people(id, target);
            self.check_links(group, log, target);
        }
    }

    /// The target tickets that stand for a group's members. Deleted doubles are left out.
    fn targets(&self, group: &Group<'a>) -> Vec<&'a TicketView> {
        let keyed = group.members.iter().filter_map(|(id, _)| self.keyed.get(id));
        let all = keyed.flatten().copied();
        all.filter(|ticket| ticket.state != TicketState::Deleted).collect()
    }

    fn check_presence(&mut self, id: &'a str, log: &'a TicketLog) {
        let keyed = self.keyed.get(id).cloned().unwrap_or_default();
        let live: Vec<&TicketView> = keyed.iter().filter(|ticket| ticket.state == TicketState::Present).copied().collect();
        if live.len() > 1 {
            let ids: Vec<&str> = live.iter().map(|ticket| ticket.id.as_str()).collect();
            let what = format!("has {} live target tickets: {}", ids.len(), ids.join(", "));
            self.verdict.differ(Kind::DoubledTicket, at(id, Some(live[0])), what);
        }
        match (&log.state, live.first()) {
            (TicketState::Present, Some(_)) => self.verdict.tickets += 1,
            (TicketState::Present, None) => {
                self.verdict.differ(Kind::MissingTicket, at(id, None), "has no target ticket".to_string());
            }
            (TicketState::MergedInto(_), live) => self.check_merge(id, &keyed, live.copied()),
            (TicketState::Deleted, Some(live)) => self.check_deletion(id, live),
            (TicketState::Deleted, None) => {}
        }
    }

    fn check_merge(&mut self, id: &'a str, keyed: &[&'a TicketView], live: Option<&'a TicketView>) {
        let root = self.root(id);
        let is_root_present = self.case.log.source.get(root).is_some_and(TicketLog::is_present);
        if self.rules.out_of_scope.contains(root) || !is_root_present {
            return;
        }
        if let Some(live) = live {
            let what = format!("was merged into {root}, but its target ticket stands on its own");
            return self.verdict.differ(Kind::Merge, at(id, Some(live)), what);
        }
        let wanted = self.live(root).map(|ticket| ticket.id.as_str());
        let merged = keyed.iter().find(|ticket| matches!(ticket.state, TicketState::MergedInto(_)));
        if let (Some(merged), Some(wanted)) = (merged, wanted)
            && self.target_root(&merged.id) != wanted
        {
            let what = format!("was merged into {root}, but its target ticket went elsewhere than {wanted}");
            self.verdict.differ(Kind::Merge, at(id, Some(merged)), what);
        }
    }

    fn check_deletion(&mut self, id: &str, live: &TicketView) {
        let place = Place { source: Some(id), target: Some(&live.id) };
        match &self.rules.deletion {
            Deletion::Mark(tag) if !live.tags.contains(tag) => {
                let what = format!("was deleted at the source, but its target ticket has no tag `{tag}`");
                self.verdict.differ(Kind::Deletion, place, what);
            }
            Deletion::Delete => {
                self.verdict.differ(Kind::Deletion, place, "was deleted at the source, but is still in the target".to_string());
            }
            Deletion::Mark(_) | Deletion::Leave => {}
        }
    }
}
