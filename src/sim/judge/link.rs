//! Links between tickets, their ends followed through merges at either desk.

use std::collections::BTreeSet;

use super::group::Group;
use super::verdict::Kind;
use super::{Court, at};
use crate::sim::snapshot::TicketView;
use crate::sim::story::log::TicketLog;

impl<'a> Court<'a> {
    /// Every link that was made is there; none that was not.
    pub(super) fn check_links(&mut self, group: &Group<'a>, log: &'a TicketLog, target: &'a TicketView) {
        let actual: BTreeSet<(&str, &str)> =
            target.links.iter().map(|(kind, to)| (kind.as_str(), self.target_root(to))).collect();
        for (kind, to) in &log.links {
            let is_whole = self.case.log.source.get(to).is_some_and(TicketLog::is_present);
            let there = self.rules.links.get(kind).zip(self.live(to)).filter(|_| is_whole);
            let Some((kind, other)) = there else { continue };
            if !actual.contains(&(kind.as_str(), other.id.as_str())) {
                let what = format!("has lost its link `{kind}` to {to} (there {})", other.id);
                self.verdict.differ(Kind::Link, at(group.root, Some(target)), what);
            }
        }
        let allowed = self.allowed(group);
        for (kind, to) in actual {
            if to != target.id && !allowed.contains(&(kind, to)) {
                let what = format!("has a link `{kind}` to {to} that nobody made");
                self.verdict.differ(Kind::Link, at(group.root, Some(target)), what);
            }
        }
    }

    /// Links that any member has or had in the source's store, in the target's words.
    fn allowed(&self, group: &Group<'a>) -> BTreeSet<(&'a str, &'a str)> {
        let rules = self.rules;
        let views = group.members.iter().filter_map(|(id, _)| self.source.get(id).copied());
        let in_store = views.flat_map(|view| &view.links);
        let in_log = group.members.iter().flat_map(|(_, log)| &log.links);
        let both = in_store.chain(in_log);
        let ends = both.filter_map(|(kind, to)| Some((rules.links.get(kind)?.as_str(), self.live(self.root(to))?.id.as_str())));
        ends.collect()
    }
}
