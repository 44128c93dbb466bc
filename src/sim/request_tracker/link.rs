//! Links between tickets, and merges.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::store::{End, Link, LinkKind};
use super::value::text;
use super::work::{Draft, Work};

/// The words for links in requests: what they mean, and whether this ticket is the base. In the order in which RT goes
/// through them.
const WORDS: [(&str, LinkKind, bool); 12] = [
    ("Child", LinkKind::MemberOf, false),
    ("Children", LinkKind::MemberOf, false),
    ("DependedOnBy", LinkKind::DependsOn, false),
    ("DependsOn", LinkKind::DependsOn, true),
    ("HasMember", LinkKind::MemberOf, false),
    ("Member", LinkKind::MemberOf, false),
    ("MemberOf", LinkKind::MemberOf, true),
    ("Members", LinkKind::MemberOf, false),
    ("Parent", LinkKind::MemberOf, true),
    ("Parents", LinkKind::MemberOf, true),
    ("ReferredToBy", LinkKind::RefersTo, false),
    ("RefersTo", LinkKind::RefersTo, true),
];

/// The field of the transaction at an end of a link.
fn field(kind: LinkKind, base: bool) -> &'static str {
    match (kind, base) {
        (LinkKind::DependsOn, true) => "DependsOn",
        (LinkKind::DependsOn, false) => "DependedOnBy",
        (LinkKind::MemberOf, true) => "MemberOf",
        (LinkKind::MemberOf, false) => "HasMember",
        (LinkKind::RefersTo, true) => "RefersTo",
        (LinkKind::RefersTo, false) => "ReferredToBy",
        (LinkKind::MergedInto, _) => "MergedInto",
    }
}

/// `Ticket 1 depends on Ticket 2.`
fn sentence(ticket: u64, link: &Link, no_longer: bool) -> String {
    let (here, there) = match &link.other {
        End::Ticket(other) => (format!("Ticket {ticket}"), format!("Ticket {other}")),
        End::Uri(uri) => (format!("Ticket {ticket}"), format!("URI {uri}")),
    };
    let (from, to) = if link.base { (here, there) } else { (there, here) };
    let verb = match (link.kind, no_longer) {
        (LinkKind::DependsOn, false) => "depends on",
        (LinkKind::DependsOn, true) => "no longer depends on",
        (LinkKind::MemberOf, false) => "member of",
        (LinkKind::MemberOf, true) => "no longer member of",
        (LinkKind::RefersTo, false) => "refers to",
        (LinkKind::RefersTo, true) => "no longer refers to",
        (LinkKind::MergedInto, _) => "merged into",
    };
    format!("{from} {verb} {to}.")
}

/// The address of a ticket inside RT.
pub fn uri(ticket: u64) -> String {
    format!("fsck.com-rt://{}/ticket/{ticket}", super::ORGANIZATION)
}

/// A link in the words of [`crate::sim::stage::Action::Link`]: its kind, and that this ticket is the base.
pub fn word(kind: &str) -> Option<(LinkKind, bool)> {
    match kind {
        "parent" => Some((LinkKind::MemberOf, true)),
        "depends_on" => Some((LinkKind::DependsOn, true)),
        "refers_to" => Some((LinkKind::RefersTo, true)),
        _ => None,
    }
}

fn uri_of(end: &End) -> String {
    match end {
        End::Ticket(id) => uri(*id),
        End::Uri(uri) => uri.clone(),
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

/// Whether Perl takes it for true.
fn is_true(value: &Value) -> bool {
    !matches!(text(value).as_deref(), None | Some("" | "0"))
}

impl Work<'_> {
    /// What a `PUT` says about links.
    pub fn update_links(&mut self, ticket: u64, wanted: &Map<String, Value>) -> Vec<String> {
        let mut sentences = Vec::new();
        for (word, kind, base) in WORDS {
            if let Some(value) = wanted.get(word).filter(|value| is_true(value)) {
                sentences.extend(self.replace_links(ticket, kind, base, &list(value)));
                continue;
            }
            for value in wanted.get(&format!("Add{word}")).map(list).unwrap_or_default() {
                sentences.push(self.add_link(ticket, kind, base, &value).unwrap_or_else(|sentence| sentence));
            }
            for value in wanted.get(&format!("Delete{word}")).map(list).unwrap_or_default() {
                sentences.push(self.delete_link(ticket, kind, base, &value));
            }
        }
        sentences
    }

    /// What a `POST ticket` says about links; what cannot be resolved is passed over. No transaction here, one there.
    pub fn links_at_creation(&mut self, ticket: u64, wanted: &Map<String, Value>) {
        for (word, kind, base) in WORDS {
            for value in wanted.get(word).map(list).unwrap_or_default() {
                let Some(other) = self.end(&value).filter(|other| *other != End::Ticket(ticket)) else { continue };
                self.join(ticket, Link { kind, base, other: other.clone() });
                if let End::Ticket(other) = other {
                    let draft = Draft::change("AddLink", field(kind, !base), None, Some(uri(ticket)));
                    self.record_aside(other, draft);
                }
            }
        }
    }

    fn replace_links(&mut self, ticket: u64, kind: LinkKind, base: bool, wanted: &[String]) -> Vec<String> {
        let same = |link: &&Link| link.kind == kind && link.base == base;
        let name = |link: &Link| match &link.other {
            End::Ticket(id) => id.to_string(),
            End::Uri(uri) => uri.clone(),
        };
        let mut current: BTreeSet<String> = self.store.ticket(ticket).links.iter().filter(same).map(name).collect();
        let mut sentences = Vec::new();
        for value in wanted {
            if !current.remove(value) {
                sentences.push(self.add_link(ticket, kind, base, value).unwrap_or_else(|sentence| sentence));
            }
        }
        for value in current {
            sentences.push(self.delete_link(ticket, kind, base, &value));
        }
        sentences
    }

    fn end(&self, value: &str) -> Option<End> {
        if let Ok(id) = value.parse::<u64>() {
            return self.store.resolve(id).map(|ticket| End::Ticket(ticket.id));
        }
        let scheme = value.split(':').next().filter(|_| value.contains(':'))?;
        scheme.chars().all(|letter| letter.is_ascii_alphanumeric()).then(|| End::Uri(value.to_owned()))
    }

    /// Adds a link. Both the sentence of success and that of failure come with a 200.
    pub fn add_link(&mut self, ticket: u64, kind: LinkKind, base: bool, value: &str) -> Result<String, String> {
        let other = self.end(value).ok_or_else(|| format!("Couldn't resolve '{value}' into a link."))?;
        if matches!(other, End::Ticket(other) if self.store.ticket(other).status == "deleted") {
            return Err("Linking to a deleted ticket is not allowed".to_owned());
        }
        if other == End::Ticket(ticket) {
            return Err("Link could not be created: Can't link a ticket to itself".to_owned());
        }
        let link = Link { kind, base, other };
        if self.store.ticket(ticket).links.contains(&link) {
            return Err("Link already exists".to_owned());
        }
        if self.would_circle(ticket, &link) {
            return Err("Refused to add link which would create a circular relationship".to_owned());
        }
        let said = sentence(ticket, &link, false);
        self.join(ticket, link.clone());
        self.record(ticket, Draft::change("AddLink", field(kind, base), None, Some(uri_of(&link.other))));
        if let End::Ticket(other) = link.other {
            self.record_aside(other, Draft::change("AddLink", field(kind, !base), None, Some(uri(ticket))));
        }
        Ok(said)
    }

    /// Takes a link away.
    pub fn delete_link(&mut self, ticket: u64, kind: LinkKind, base: bool, value: &str) -> String {
        let Some(other) = self.end(value) else { return format!("Couldn't resolve '{value}' into a link.") };
        let link = Link { kind, base, other };
        if !self.store.ticket(ticket).links.contains(&link) {
            return "Link not found".to_owned();
        }
        let said = sentence(ticket, &link, true);
        self.part(ticket, &link);
        self.record(ticket, Draft::change("DeleteLink", field(kind, base), Some(uri_of(&link.other)), None));
        if let End::Ticket(other) = link.other {
            self.record_aside(other, Draft::change("DeleteLink", field(kind, !base), Some(uri(ticket)), None));
        }
        said
    }

    fn would_circle(&self, ticket: u64, link: &Link) -> bool {
        let End::Ticket(other) = link.other else { return false };
        if link.kind == LinkKind::RefersTo {
            return false;
        }
        let (base, target) = if link.base { (ticket, other) } else { (other, ticket) };
        let mut waiting = vec![target];
        let mut seen = BTreeSet::new();
        while let Some(next) = waiting.pop() {
            if next == base {
                return true;
            }
            if seen.insert(next) {
                let onward = self.store.ticket(next).links.iter().filter(|one| one.kind == link.kind && one.base);
                waiting.extend(onward.filter_map(|one| if let End::Ticket(id) = one.other { Some(id) } else { None }));
            }
        }
        false
    }

    fn join(&mut self, ticket: u64, link: Link) {
        if let End::Ticket(other) = link.other {
            let back = Link { kind: link.kind, base: !link.base, other: End::Ticket(ticket) };
            self.store.ticket_mut(other).links.push(back);
        }
        self.store.ticket_mut(ticket).links.push(link);
    }

    fn part(&mut self, ticket: u64, link: &Link) {
        if let End::Ticket(other) = link.other {
            let back = Link { kind: link.kind, base: !link.base, other: End::Ticket(ticket) };
            self.store.ticket_mut(other).links.retain(|one| *one != back);
        }
        self.store.ticket_mut(ticket).links.retain(|one| one != link);
    }

    /// Merges a ticket into another one, whose number may itself lead through merges. Errors: RT's sentence.
    pub fn merge(&mut self, ticket: u64, into: u64) -> Result<String, String> {
        let target = self.store.resolve(into).map(|ticket| ticket.id).ok_or_else(|| "New ticket doesn't exist".to_owned())?;
        if target == ticket {
            return Err("Can't merge a ticket into itself".to_owned());
        }
        self.open(target);
        for link in self.store.ticket(ticket).links.clone() {
            self.part(ticket, &link);
            if link.other != End::Ticket(target) && !self.store.ticket(target).links.contains(&link) {
                self.join(target, link);
            }
        }
        let old = self.store.ticket(ticket).clone();
        let new = self.store.ticket_mut(target);
        new.times.worked += old.times.worked;
        new.times.estimated += old.times.estimated;
        new.times.left += old.times.left;
        for (place, people) in old.watchers.iter().enumerate() {
            let missing: Vec<u64> = people.iter().filter(|id| !new.watchers[place].contains(id)).copied().collect();
            new.watchers[place].extend(missing);
        }
        new.merged.push(ticket);
        self.store.ticket_mut(ticket).effective = target;
        self.record_merge(ticket, target, &uri(target));
        Ok("Merge Successful".to_owned())
    }
}
