//! What the target's own rules would do to people when the mirror writes.

use std::collections::BTreeMap;

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
pub fn findings(rules: &Rules, silence: Silence) -> Vec<Finding> {
    let mut groups: BTreeMap<(Deed, RuleKind), Vec<&Rule>> = BTreeMap::new();
    for rule in rules.rules.iter().filter(|rule| !rule.spares_us && rule.only_with.is_none()) {
        if let Some(worst) = rule.does.first() {
            groups.entry((*worst, rule.kind)).or_default().push(rule);
        }
    }
    let told = groups.into_iter().map(|((deed, kind), list)| group(rules, silence, (deed, kind), &list));
    let severity = if silence == Silence::MailAllowed { Severity::Note } else { Severity::CannotTell };
    let unseen = rules.unseen.iter().map(|one| plain(format!("target-{}", one.name), severity, &one.what, &one.cure));
    told.chain(unseen).collect()
}

fn group(rules: &Rules, silence: Silence, (deed, kind): (Deed, RuleKind), list: &[&Rule]) -> Finding {
    let (_, word, what) = DEEDS.iter().find(|(one, ..)| *one == deed).expect("every deed is in the table");
    let touches_people = matches!(deed, Deed::MailsCustomers | Deed::AsksForRating | Deed::MailsAgents | Deed::CallsOut);
    let severity = if touches_people && silence != Silence::MailAllowed { Severity::Risk } else { Severity::Note };
    let values: Vec<String> = list.iter().map(|rule| titled(rule)).collect();
    let thing = if kind == RuleKind::Sla { "SLA policy or policies".to_string() } else { many(list.len() as u64, kind.as_str()) };
    let what = format!("{thing} of the target {what}: {}", said(&values));
    let cure = format!("add to each: {}", rules.cure);
    let name = format!("{}-{word}", kind.as_str());
    Finding { count: list.len() as u64, values, ..plain(name, severity, &what, &cure) }
}

fn titled(rule: &Rule) -> String {
    match rule.after_hours {
        Some(hours) => format!("\"{}\" ({} later)", rule.title, many(hours, "hour")),
        None => format!("\"{}\"", rule.title),
    }
}
