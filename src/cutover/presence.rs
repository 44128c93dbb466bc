//! Deleted, merged, or there. Pure.

use std::collections::BTreeSet;

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::TicketId;
use crate::desk::policy::Deletion;
use crate::desk::ticket::Presence;

use super::case::{CLOSED, Case, End, Findings, Told};
use super::report::{Kind, Remedy};

const DELETED_THERE: Told = ["deleted in the new desk by its people", "deleted in the old desk by its people"];
const MERGED_THERE: Told = ["merged in the new desk by its people", "merged in the old desk by its people"];
const NO_TAGS: Told =
    ["the new desk has no place for the tag of deleted tickets", "the old desk has no place for the tag of deleted tickets"];
const NO_MERGES: Told = ["the new desk cannot merge tickets", "the old desk cannot merge tickets"];
const ROOT_NOT_CARRIED: &str = "the ticket that it was merged into is not carried";

/// Explanations that are about what the target can hold.
pub const FORGIVEN: [&str; 4] = [NO_TAGS[0], NO_TAGS[1], NO_MERGES[0], NO_MERGES[1]];

/// What is left to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    Everything,
    /// The fields belong to the surviving ticket.
    Conversation,
    Nothing,
}

/// Compares whether and how the tickets are there. `root` is the other end of a merge at the source, `survivors` are the
/// tickets that the target's was merged into, one after the other.
pub fn compare(case: &Case<'_>, root: Option<&End>, survivors: &BTreeSet<TicketId>, found: &mut Findings) -> Rest {
    match &case.leading().presence {
        Presence::Deleted => {
            deletion(case, found);
            Rest::Nothing
        }
        Presence::MergedInto(into) => {
            merge(case, into, root, survivors, found);
            if case.following().presence == Presence::Deleted { Rest::Nothing } else { Rest::Conversation }
        }
        Presence::Present => present(case, found),
    }
}

fn present(case: &Case<'_>, found: &mut Findings) -> Rest {
    let did = |what: &str| case.record.destroyed.contains(what);
    match &case.following().presence {
        Presence::Deleted if did("delete") => {
            found.differ(Kind::Presence, "the gateway deleted the target ticket, and the source has it", "present", "deleted");
            Rest::Nothing
        }
        Presence::Deleted if is_by_people(case) => {
            found.explain(case.told(DELETED_THERE));
            Rest::Nothing
        }
        Presence::Deleted => {
            found.differ(
                Kind::Presence,
                format!("deleted in the {}, and by none of its people", case.following_name()),
                "present",
                "deleted",
            );
            Rest::Nothing
        }
        Presence::MergedInto(into) if did("merge") => {
            let there = format!("merged into {into}");
            found.differ(Kind::Presence, "the gateway merged the target ticket, and the source did not", "present", &there);
            Rest::Conversation
        }
        Presence::MergedInto(_) if is_by_people(case) => {
            found.explain(case.told(MERGED_THERE));
            Rest::Conversation
        }
        Presence::MergedInto(into) => {
            let there = format!("merged into {into}");
            found.differ(
                Kind::Presence,
                format!("merged in the {}, and by none of its people", case.following_name()),
                "present",
                &there,
            );
            Rest::Conversation
        }
        Presence::Present => {
            let hands = case.hands(&FieldKey::Tags);
            if is_marked(case) == Some(true) && !case.is_closed() && !hands.any() {
                found.differ(Kind::Presence, "marked as deleted, and the source has it", "present", &case.policy.tags.deleted);
            }
            Rest::Everything
        }
    }
}

/// Whether people had a hand in the following ticket, as far as its history is told; where it is not, nothing speaks against them.
fn is_by_people(case: &Case<'_>) -> bool {
    case.following().acts.is_empty() || case.any_hands().person
}

/// Whether the tag of deleted tickets is there. `None`: there is no place for tags.
fn is_marked(case: &Case<'_>) -> Option<bool> {
    let tags: &Value = case.following().fields.get(&FieldKey::Tags)?;
    Some(tags.words().iter().any(|tag| tag.eq_ignore_ascii_case(&case.policy.tags.deleted)))
}

fn deletion(case: &Case<'_>, found: &mut Findings) {
    let hands = case.hands(&FieldKey::Tags);
    let policy = match (case.policy.deletion, case.lead) {
        // A deletion never travels back.
        (Deletion::Delete, Side::Target) => Deletion::Mark,
        (policy, _) => policy,
    };
    match (policy, &case.following().presence) {
        (Deletion::Leave, _) | (_, Presence::Deleted) => {}
        (_, Presence::MergedInto(_)) => found.explain(case.told(MERGED_THERE)),
        (Deletion::Delete, Presence::Present) => {
            found.differ(Kind::Presence, format!("deleted at the {}", case.lead.as_str()), "deleted", "present");
            found.mend(Remedy::Look);
        }
        (Deletion::Mark, Presence::Present) => match is_marked(case) {
            Some(true) => {}
            None => found.explain(case.told(NO_TAGS)),
            Some(false) if case.is_closed() => found.explain(case.told(CLOSED)),
            Some(false) if hands.any() && case.record.destroyed.contains("mark") => found.explain(case.told(hands.reason())),
            Some(false) => {
                let what = format!("deleted at the {}, and not marked with `{}`", case.lead.as_str(), case.policy.tags.deleted);
                found.differ(Kind::Presence, what, "deleted", "present");
                found.mend(Remedy::Look);
            }
        },
    }
}

fn merge(case: &Case<'_>, into: &TicketId, root: Option<&End>, survivors: &BTreeSet<TicketId>, found: &mut Findings) {
    let what = format!("merged into {into} at the {}", case.lead.as_str());
    match root {
        Some(End::Carried(ends)) => {
            let into_it = matches!(&case.following().presence, Presence::MergedInto(into) if ends.contains(into));
            let there =
                into_it || ends.contains(&case.following().id) || survivors.iter().any(|survivor| ends.contains(survivor));
            match &case.following().presence {
                _ if there => {}
                Presence::Deleted if !case.record.destroyed.contains("delete") => found.explain(case.told(DELETED_THERE)),
                _ if !case.following_can().merges => found.explain(case.told(NO_MERGES)),
                Presence::MergedInto(other) => found.differ(Kind::Presence, what, "merged", &format!("merged into {other}")),
                _ => {
                    found.differ(Kind::Presence, what, "merged", "not merged");
                    found.mend(Remedy::Look);
                }
            }
        }
        Some(End::Awaited) => found.differ(Kind::Presence, format!("{what}, which is not carried yet"), "merged", "waiting"),
        Some(End::NotCarried) | None => found.explain(ROOT_NOT_CARRIED),
    }
}
