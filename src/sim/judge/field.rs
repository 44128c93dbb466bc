//! Fields, tags and people of a ticket: what the source holds, in the target's words, unless the target's own agents wrote
//! something else.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::group::Group;
use super::rules::{Deletion, FieldRule, Form, Rules};
use super::verdict::Kind;
use super::{Court, at};
use crate::sim::snapshot::TicketView;
use crate::sim::story::log::TicketLog;

/// One field at both ends, in the target's words.
struct Pair<'a> {
    rule: &'a FieldRule,
    wanted: Vec<String>,
    actual: Vec<String>,
    /// The deed of the newest message at the source.
    said: u64,
}

impl<'a> Court<'a> {
    /// Every field of the agreement.
    pub(super) fn check_fields(&mut self, group: &Group<'a>, target: &'a TicketView) {
        let id = group.root;
        let Some(source) = self.source.get(id).copied() else { return };
        let said = group.members.iter().flat_map(|(_, log)| &log.messages).map(|message| message.deed).max();
        for (field, rule) in &self.rules.fields {
            let pair = Pair {
                rule,
                wanted: wanted(source.fields.get(field).map_or(&[][..], Vec::as_slice), rule, self.rules),
                actual: canonical(target.fields.get(&rule.target).map_or(&[][..], Vec::as_slice), rule.form),
                said: said.unwrap_or_default(),
            };
            self.verdict.fields += 1;
            if let Some(problem) = self.problem(id, target, &pair) {
                let (wanted, actual) = (pair.wanted.join(", "), pair.actual.join(", "));
                let what = format!("{}: should be ({wanted}), {problem} ({actual})", rule.target);
                self.verdict.differ(Kind::Field, at(id, Some(target)), what);
            }
        }
    }

    /// What is wrong with a field; counts what a recorded conflict explains.
    fn problem(&mut self, id: &str, target: &TicketView, pair: &Pair<'_>) -> Option<String> {
        let Pair { rule, wanted, actual, said } = pair;
        let work = self.agents_work(&target.id);
        let last = work.and_then(|log| log.writes.iter().rfind(|write| write.field == rule.target));
        let Some(last) = last else {
            let is_fine = actual == wanted || (work.is_some() && self.is_by_rule(rule, actual));
            return (!is_fine).then(|| "is".to_string());
        };
        let theirs = canonical(&last.value, rule.form);
        if *actual == theirs {
            return None;
        }
        if actual != wanted {
            let is_fine = self.is_by_rule(rule, actual);
            return (!is_fine).then(|| format!("agent wrote ({}), but is", theirs.join(", ")));
        }
        if self.is_recorded(target, rule, &theirs) {
            self.verdict.explained += 1;
            return None;
        }
        // A message that came later, from the source or an agent, makes the target's rules reopen the ticket.
        let answered = work.into_iter().flat_map(|log| &log.messages).any(|message| message.deed > last.deed);
        let is_reopened = (answered || *said > last.deed) && self.is_by_rule(rule, actual);
        let is_fine = is_reopened || self.is_by_rule(rule, &theirs) || self.was_agreed(id, rule, &theirs);
        (!is_fine).then(|| format!("agent wrote ({}) and no conflict was recorded, but is", theirs.join(", ")))
    }

    fn is_by_rule(&self, rule: &FieldRule, values: &[String]) -> bool {
        let by_rule = self.rules.target_rules.get(&rule.target);
        !values.is_empty() && values.iter().all(|value| by_rule.is_some_and(|rule| rule.contains(value)))
    }

    /// The source had this value too, at some time: the agent wrote nothing that was not agreed, and a later change at the
    /// source is no conflict. Empty is what every field was at first.
    fn was_agreed(&self, id: &str, rule: &FieldRule, theirs: &[String]) -> bool {
        let fields = self.rules.fields.iter().filter(|(_, other)| other.target == rule.target).map(|(field, _)| field);
        let Some(log) = self.case.log.source.get(id) else { return false };
        let had = |field: &String| {
            log.writes.iter().any(|write| write.field == *field && wanted(&write.value, rule, self.rules) == theirs)
        };
        wanted(&[], rule, self.rules) == theirs || fields.into_iter().any(had)
    }

    fn is_recorded(&self, target: &TicketView, rule: &FieldRule, value: &[String]) -> bool {
        let of_field = self.case.lost.iter().filter(|lost| lost.ticket == target.id && lost.field == rule.target);
        of_field.into_iter().any(|lost| canonical(&lost.value, rule.form) == value)
    }

    /// Tags: every one of the source's, every one of the target's agents', none of nobody's.
    pub(super) fn check_tags(&mut self, id: &'a str, log: &'a TicketLog, target: &'a TicketView) {
        if self.rules.without_tags {
            return;
        }
        let work = self.agents_work(&target.id);
        let (added, removed) = work.map(|log| (&log.tags, &log.tags_removed)).unzip();
        let is_removed = |tag: &String| removed.is_some_and(|removed| removed.contains(tag));
        let ours: BTreeSet<String> = log.tags.iter().map(|tag| self.tag(tag)).collect();
        for tag in ours.iter().chain(added.into_iter().flatten()) {
            if !target.tags.contains(tag) && !is_removed(tag) {
                self.verdict.differ(Kind::Tag, at(id, Some(target)), format!("has lost the tag `{tag}`"));
            }
        }
        let in_source: BTreeSet<String> =
            self.source.get(id).into_iter().flat_map(|view| &view.tags).map(|tag| self.tag(tag)).collect();
        for tag in &target.tags {
            let is_known = ours.contains(tag) || in_source.contains(tag) || added.is_some_and(|added| added.contains(tag));
            if !is_known && !self.is_own_tag(tag) && !is_an_option(tag, target) {
                self.verdict.differ(Kind::Tag, at(id, Some(target)), format!("has the tag `{tag}`, which nobody added"));
            }
        }
    }

    fn tag(&self, tag: &str) -> String {
        self.rules.tags.get(tag).map_or(tag, String::as_str).to_string()
    }

    fn is_own_tag(&self, tag: &str) -> bool {
        let is_mark = matches!(&self.rules.deletion, Deletion::Mark(mark) if mark == tag);
        let is_ours = self.rules.own_tags.iter().any(|own| tag.starts_with(own.as_str()));
        is_ours || self.rules.ignored_tags.contains(tag) && !is_mark
    }

    /// Those in copy and those who follow.
    pub(super) fn check_people(&mut self, id: &'a str, target: &'a TicketView) {
        let Some(source) = self.source.get(id).copied() else { return };
        let sets = [
            ("cc", self.rules.cc, &source.cc, &target.cc),
            ("followers", self.rules.followers, &source.followers, &target.followers),
        ];
        for (word, _, source, there) in sets.into_iter().filter(|(_, is_carried, ..)| *is_carried) {
            let wanted: BTreeSet<String> =
                source.iter().filter_map(|who| self.rules.person(who)).map(str::to_lowercase).collect();
            let actual: BTreeSet<String> = there.iter().map(|who| who.to_lowercase()).collect();
            for who in wanted.difference(&actual) {
                self.verdict.differ(Kind::People, at(id, Some(target)), format!("{word}: {who} is missing"));
            }
            let extra: Vec<&String> = actual.difference(&wanted).collect();
            let joined = if extra.is_empty() { BTreeSet::new() } else { self.joined_people(id) };
            for who in extra.into_iter().filter(|who| !joined.contains(*who)) {
                self.verdict.differ(Kind::People, at(id, Some(target)), format!("{word}: {who} was never there"));
            }
        }
    }
}

impl<'a> Court<'a> {
    /// Whoever belonged to tickets that were merged into this one: a desk may carry them over when it merges.
    fn joined_people(&self, id: &'a str) -> BTreeSet<String> {
        let members = self.case.log.source.keys().filter(|other| *other != id && self.root(other) == id);
        let views = members.filter_map(|other| self.source.get(other.as_str()));
        let people = views.flat_map(|view| {
            let requester = view.fields.get("requester").into_iter().flatten();
            view.cc.iter().chain(&view.followers).chain(requester)
        });
        people.filter_map(|who| self.rules.person(who)).map(str::to_lowercase).collect()
    }
}

/// A desk whose option fields are tags (Zendesk) shows the chosen option among the tags.
fn is_an_option(tag: &str, target: &TicketView) -> bool {
    let options = target.fields.iter().filter(|(field, _)| field.starts_with("custom:"));
    options.flat_map(|(_, values)| values).any(|value| value == tag)
}

fn wanted(values: &[String], rule: &FieldRule, rules: &Rules) -> Vec<String> {
    if values.is_empty() {
        return canonical(&rule.empty.iter().cloned().collect::<Vec<_>>(), rule.form);
    }
    let mapped = values.iter().filter_map(|value| match rule.form {
        Form::People => rules.person(value).map(str::to_string),
        _ => Some(rule.values.get(value).or(rule.otherwise.as_ref()).unwrap_or(value).clone()),
    });
    canonical(&mapped.collect::<Vec<_>>(), rule.form)
}

/// Values in a spelling in which equal things are equal, in order, each once.
pub(super) fn canonical(values: &[String], form: Form) -> Vec<String> {
    let mut values: Vec<String> = values.iter().map(|value| spelt(value, form)).filter(|value| !value.is_empty()).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn spelt(value: &str, form: Form) -> String {
    let plain = value.split_whitespace().collect::<Vec<_>>().join(" ");
    match form {
        Form::Text => plain,
        Form::Number => plain.parse::<f64>().map_or(plain, |number| number.to_string()),
        Form::Time => time(&plain).map_or(plain, |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        Form::Day => time(&plain).map_or(plain, |time| time.format("%Y-%m-%d").to_string()),
        Form::People => plain.to_lowercase(),
    }
}

fn time(value: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(value) {
        return Some(time.with_timezone(&Utc));
    }
    let day: NaiveDate = value.parse().ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc())
}
