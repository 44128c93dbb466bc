//! Links between tickets. Pure.

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::ticket::{Link, LinkKind};

use super::case::{BY_PERSON, CLOSED, Case, End, Findings, Told};
use super::report::{Kind, Remedy};

const UNHELD: Told =
    ["a link that the new desk does not hold, recorded as such", "a link that the old desk does not hold, recorded as such"];
const NOT_CARRIED: &str = "the other ticket of a link is not carried, recorded as such";

/// Explanations that are about what the target can hold.
pub const FORGIVEN: [&str; 2] = UNHELD;

/// Compares the links that start at this ticket.
pub fn compare(case: &Case<'_>, found: &mut Findings) {
    for link in &case.leading().links {
        compare_one(case, link, found);
    }
    extra(case, found);
    for link in &case.record.links {
        let (leading, following) = by_lead(case, link);
        let gone = !case.leading().links.contains(leading);
        let awaited =
            case.leading().links.iter().any(|link| link.kind == leading.kind && ends(case, &link.to).contains(&following.to));
        if gone && !awaited && case.following().links.contains(following) && !case.is_closed() {
            let what = format!("a link ({}) that the {} took out", word(following.kind), case.lead.as_str());
            found.differ(Kind::Link, what, "", following.to.as_str());
            found.mend(Remedy::Look);
        }
    }
}

/// Links of the following ticket that nothing at the leading desk stands for, and no person there made.
fn extra(case: &Case<'_>, found: &mut Findings) {
    let ours = |held: &&Link| {
        let of_lead = case.leading().links.iter().any(|link| link.kind == held.kind && ends(case, &link.to).contains(&held.to));
        let recorded = case.record.links.iter().any(|carried| by_lead(case, carried).1 == *held);
        of_lead || recorded || case.record.formers.contains(&held.to) || case.record.absorbed.contains(&held.to)
    };
    for held in case.following().links.iter().filter(|held| !ours(held)) {
        if case.any_hands().person {
            found.explain(case.told(BY_PERSON));
        } else {
            let what = format!("a link ({}) that the {} does not have", word(held.kind), case.lead.as_str());
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
    let stands = ends.contains(&case.following().id)
        || case.following().links.iter().any(|held| held.kind == link.kind && ends.contains(&held.to));
    if stands {
        return;
    }
    if told {
        return found.explain(case.told(UNHELD));
    }
    let carried = case.record.links.iter().any(|carried| by_lead(case, carried).0 == link);
    if case.is_closed() {
        found.explain(case.told(CLOSED));
    } else if carried && case.any_hands().person {
        found.explain(case.told(BY_PERSON));
    } else {
        let there = ends.iter().map(TicketId::as_str).collect::<Vec<_>>().join(" or ");
        found.differ(Kind::Link, format!("link ({}) to {there} is not there", word(link.kind)), link.to.as_str(), "");
        let anew = carried && case.lead == Side::Source;
        found.mend(if anew { Remedy::Link { link: link.clone() } } else { Remedy::Look });
    }
}

/// A carried link's leading and following end.
fn by_lead<'a>(case: &Case<'_>, (source, target): &'a (Link, Link)) -> (&'a Link, &'a Link) {
    if case.lead == Side::Source { (source, target) } else { (target, source) }
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
