//! Links between tickets. Pure.

use crate::desk::id::TicketId;
use crate::desk::ticket::{Link, LinkKind};

use super::case::{BY_PERSON, CLOSED, Case, End, Findings};
use super::report::{Kind, Remedy};

const UNHELD: &str = "a link that the new desk does not hold, recorded as such";
const NOT_CARRIED: &str = "the other ticket of a link is not carried, recorded as such";

/// Explanations that are about what the target can hold.
pub const FORGIVEN: [&str; 1] = [UNHELD];

/// Compares the links that start at this ticket.
pub fn compare(case: &Case<'_>, found: &mut Findings) {
    for link in &case.source.links {
        compare_one(case, link, found);
    }
    extra(case, found);
    for (source, target) in &case.record.links {
        let gone = !case.source.links.contains(source);
        let awaited = case.source.links.iter().any(|link| link.kind == source.kind && ends(case, &link.to).contains(&target.to));
        if gone && !awaited && case.target.links.contains(target) && !case.is_closed() {
            let what = format!("a link ({}) that the source took out", word(target.kind));
            found.differ(Kind::Link, what, "", target.to.as_str());
            found.mend(Remedy::Look);
        }
    }
}

/// Links of the target that nothing at the source stands for, and no person there made.
fn extra(case: &Case<'_>, found: &mut Findings) {
    let ours = |held: &&Link| {
        let of_source = case.source.links.iter().any(|link| link.kind == held.kind && ends(case, &link.to).contains(&held.to));
        let recorded = case.record.links.iter().any(|(_, target)| target == *held);
        of_source || recorded || case.record.formers.contains(&held.to) || case.record.absorbed.contains(&held.to)
    };
    for held in case.target.links.iter().filter(|held| !ours(held)) {
        if case.any_hands().person {
            found.explain(BY_PERSON);
        } else {
            let what = format!("a link ({}) that the source does not have", word(held.kind));
            found.differ(Kind::Link, what, "", held.to.as_str());
        }
    }
}

fn compare_one(case: &Case<'_>, link: &Link, found: &mut Findings) {
    let told = case.record.unheld.contains(link);
    let ends = match case.ends.get(&link.to) {
        Some(End::Carried(ends)) => ends,
        Some(End::NotCarried) | None if told || case.record.waits_for.contains(&link.to) => return found.explain(NOT_CARRIED),
        Some(End::NotCarried) | None => {
            let what = format!("link ({}) to a ticket that is not carried, and nobody was told", word(link.kind));
            found.differ(Kind::Link, what, link.to.as_str(), "");
            return found.mend(Remedy::Look);
        }
        Some(End::Awaited) => {
            let what = format!("link ({}) to a ticket that is not carried yet", word(link.kind));
            found.differ(Kind::Link, what, link.to.as_str(), "");
            return found.mend(Remedy::Look);
        }
    };
    let stands =
        ends.contains(&case.target.id) || case.target.links.iter().any(|held| held.kind == link.kind && ends.contains(&held.to));
    if stands {
        return;
    }
    if told {
        return found.explain(UNHELD);
    }
    let carried = case.record.links.iter().any(|(source, _)| source == link);
    if case.is_closed() {
        found.explain(CLOSED);
    } else if carried && case.any_hands().person {
        found.explain(BY_PERSON);
    } else {
        let there = ends.iter().map(TicketId::as_str).collect::<Vec<_>>().join(" or ");
        found.differ(Kind::Link, format!("link ({}) to {there} is not there", word(link.kind)), link.to.as_str(), "");
        found.mend(if carried { Remedy::Link { link: link.clone() } } else { Remedy::Look });
    }
}

fn ends(case: &Case<'_>, to: &TicketId) -> Vec<TicketId> {
    match case.ends.get(to) {
        Some(End::Carried(ends)) => ends.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

fn word(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Parent => "parent",
        LinkKind::DependsOn => "depends on",
        LinkKind::RefersTo => "refers to",
    }
}
