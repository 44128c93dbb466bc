//! What a desk's own rules would do to people when the mirror writes: the target's, and the source's where replies go back.

use std::collections::BTreeMap;

use crate::desk::Side;
use crate::desk::policy::Silence;
use crate::desk::survey::{Deed, Rule, RuleKind, Rules};

use super::finding::{Finding, Severity, many};
use super::ready::plain;
use super::tally::said;

/// What a kind of deed is called: in names, and in a sentence after *a rule that*.
const DEEDS: [(Deed, &str, &str); 6] = [
    (Deed::MailsCustomers, "mails-customers", "would mail customers about what Tidegate writes"),
    (Deed::AsksForRating, "asks-for-rating", "would ask customers for a rating of tickets that Tidegate writes"),
    (Deed::MailsAgents, "mails-agents", "would mail agents about what Tidegate writes"),
    (Deed::CallsOut, "calls-out", "would call other programs about what Tidegate writes"),
    (Deed::ChangesTickets, "changes-tickets", "would change tickets that Tidegate writes"),
    (Deed::StartsClocks, "starts-clocks", "would start clocks on tickets that Tidegate writes, and with them escalations"),
];

/// The rules that do not leave our tickets alone, those of one kind and deed together; and what the desk does not show.
pub fn findings(side: Side, rules: &Rules, silence: Silence) -> Vec<Finding> {
    let mut groups: BTreeMap<(Deed, RuleKind), Vec<&Rule>> = BTreeMap::new();
    for rule in rules.rules.iter().filter(|rule| !rule.spares_us && rule.only_with.is_none()) {
        if let Some(worst) = rule.does.first() {
            groups.entry((*worst, rule.kind)).or_default().push(rule);
        }
    }
    let told = groups.into_iter().map(|((deed, kind), list)| group((side, rules), silence, (deed, kind), &list));
    let severity = if silence == Silence::MailAllowed { Severity::Note } else { Severity::CannotTell };
    // The target's are counted on the tickets.
    let followers: Vec<String> = rules.mailing_followers().filter(|_| side == Side::Source).map(titled).collect();
    let told = told.chain((!followers.is_empty()).then(|| followers_mailed(followers)));
    let unseen = rules.unseen.iter().map(|one| plain(format!("{}-{}", side.as_str(), one.name), severity, &one.what, &one.cure));
    told.chain(unseen).collect()
}

fn followers_mailed(values: Vec<String>) -> Finding {
    let what = format!(
        "the source mails followers about every comment, and no rule of it holds that back ({}): about replies that go back too",
        said(&values)
    );
    let cure = "turn followers off at the source meanwhile, leave out `replies-back`, or accept it: followers are agents";
    Finding { values, ..plain("source-followers-mailed".to_string(), Severity::Risk, &what, cure) }
}

fn group((side, rules): (Side, &Rules), silence: Silence, (deed, kind): (Deed, RuleKind), list: &[&Rule]) -> Finding {
    let (_, word, what) = DEEDS.iter().find(|(one, ..)| *one == deed).expect("every deed is in the table");
    let touches_people = matches!(deed, Deed::MailsCustomers | Deed::AsksForRating | Deed::MailsAgents | Deed::CallsOut);
    let severity = if touches_people && silence != Silence::MailAllowed { Severity::Risk } else { Severity::Note };
    let values: Vec<String> = list.iter().map(|rule| titled(rule)).collect();
    let thing = if kind == RuleKind::Sla { "SLA policy or policies".to_string() } else { many(list.len() as u64, kind.as_str()) };
    let what = format!("{thing} of the {} {what}: {}", side.as_str(), said(&values));
    let cure = format!("add to each: {}", rules.cure);
    // The target's are called by their kind alone: until replies go back, only the target is written to.
    let of = if side == Side::Source { "source-" } else { "" };
    let name = format!("{of}{}-{word}", kind.as_str());
    Finding { count: list.len() as u64, values, ..plain(name, severity, &what, &cure) }
}

fn titled(rule: &Rule) -> String {
    match rule.after_hours {
        Some(hours) => format!("\"{}\" ({} later)", rule.title, many(hours, "hour")),
        None => format!("\"{}\"", rule.title),
    }
}
