//! What each desk has of its own: the source holds what was done there, the target's own tickets are untouched, nothing was
//! made that nobody made, and nobody was mailed by the mirror.

use super::field::canonical;
use super::normal::normal;
use super::rules::Form;
use super::thread::{Found, Origin, Wanted, align};
use super::trial::start;
use super::verdict::{Kind, Place};
use super::{Court, at};
use crate::sim::snapshot::{TicketState, TicketView};
use crate::sim::story::log::{MessageLog, TicketLog};

/// Fields that no rule of a desk changes after somebody wrote them.
const STEADY: [&str; 3] = ["subject", "priority", "type"];

impl<'a> Court<'a> {
    /// Everything that is not about a pair of tickets.
    pub(super) fn look_at_own(&mut self) {
        for (id, log) in &self.case.log.target {
            if log.native {
                self.check_native(id, log);
            } else if !self.heard.contains(id.as_str()) {
                self.check_unheard(id, log);
            }
        }
        for ticket in self.case.target {
            self.check_origin(ticket);
        }
        for mail in self.case.mails {
            if self.rules.mirror_actors.contains(&mail.actor) {
                let what = format!("the mirror's own write mailed {} ({})", mail.to.join(", "), mail.because);
                self.verdict.differ(Kind::Mail, Place { source: None, target: Some(&mail.ticket) }, what);
            }
        }
    }

    /// The source's store holds what the log says was done there. A difference here is the simulated desk's fault.
    pub(super) fn check_stage(&mut self, id: &'a str, log: &'a TicketLog) {
        let Some(view) = self.source.get(id).copied() else {
            let is_gone = log.state == TicketState::Deleted;
            if !is_gone {
                self.verdict.differ(Kind::Stage, at(id, None), "is not in the source's own store".to_string());
            }
            return;
        };
        if !log.is_present() {
            return;
        }
        for message in &log.messages {
            if let Some(problem) = problem_of(message, view) {
                let what = format!("at the source itself, the message of {} at {} {problem}", message.author, message.at);
                self.verdict.differ(Kind::Stage, at(id, None), what);
            }
        }
        for problem in self.field_problems(log, view) {
            self.verdict.differ(Kind::Stage, at(id, None), format!("at the source itself, {problem}"));
        }
    }

    fn field_problems(&self, log: &TicketLog, view: &TicketView) -> Vec<String> {
        let mut problems = Vec::new();
        for (field, value) in &log.fields {
            if !STEADY.contains(&field.as_str()) && !field.starts_with("custom:") {
                continue;
            }
            let form = self.rules.fields.get(field).map_or(Form::Text, |rule| rule.form);
            let actual = view.fields.get(field).map_or(&[][..], Vec::as_slice);
            if canonical(value, form) != canonical(actual, form) {
                problems.push(format!("{field} was set to ({}), is ({})", value.join(", "), actual.join(", ")));
            }
        }
        let lost = log.tags.difference(&view.tags);
        problems.extend(lost.map(|tag| format!("the tag `{tag}` is lost")));
        problems
    }

    fn check_native(&mut self, id: &'a str, log: &'a TicketLog) {
        let place = Place { source: None, target: Some(id) };
        let Some(view) = self.target.get(id).filter(|view| view.state == TicketState::Present).copied() else {
            return self.verdict.differ(Kind::Native, place, "the target's own ticket is gone".to_string());
        };
        let wanted: Vec<Wanted<'_>> = log.messages.iter().map(|message| Wanted::of(Origin::Agent, id, message)).collect();
        let found: Vec<Found<'_>> = view.messages.iter().map(|message| Found::of(id, message)).collect();
        let (matches, left) = align(&wanted, &found, self.rules);
        let mut problems: Vec<String> =
            left.iter().map(|at| format!("has a message more: {}", start(&found[*at].normal))).collect();
        if matches.len() < wanted.len() {
            problems.push(format!("has lost {} of its messages", wanted.len() - matches.len()));
        }
        let is_changed = |one: &&super::thread::Match| {
            let (wanted, found) = (&wanted[one.wanted], &found[one.found]);
            wanted.public != found.message.public || !wanted.has_files(found) || wanted.beside(&found.normal).is_none()
        };
        problems
            .extend(matches.iter().filter(is_changed).map(|one| format!("message {} was changed", found[one.found].message.id)));
        problems.extend(self.field_problems(log, view));
        let ours = view.tags.iter().filter(|tag| self.rules.own_tags.iter().any(|own| tag.starts_with(own.as_str())));
        problems.extend(ours.map(|tag| format!("has the mirror's tag `{tag}`")));
        self.verdict.natives += u64::from(problems.is_empty());
        for problem in problems {
            self.verdict.differ(Kind::Native, place, format!("the target's own ticket {problem}"));
        }
    }

    /// Agents worked on a target ticket that stands for nothing any more.
    fn check_unheard(&mut self, id: &'a str, log: &'a TicketLog) {
        let view = self.target.get(id).copied();
        let is_deleted = view.is_some_and(|view| view.state == TicketState::Deleted);
        let key = view.and_then(|view| view.external_id.as_deref()).and_then(|key| key.strip_prefix(&self.rules.key_prefix()));
        let source = key.and_then(|source| self.case.log.source.get(source));
        let is_fine = is_deleted && source.is_some_and(|log| log.state == TicketState::Deleted);
        if !is_fine && !log.messages.is_empty() {
            let what = format!("{} messages of the target's agents went with their ticket", log.messages.len());
            self.verdict.differ(Kind::AgentMessage, Place { source: key, target: Some(id) }, what);
        }
    }

    /// Somebody made the ticket: an older hand, the target's agents, or the mirror for a source ticket.
    fn check_origin(&mut self, ticket: &'a TicketView) {
        if ticket.state != TicketState::Present || self.rules.older.contains(&ticket.id) {
            return;
        }
        let is_native = self.case.log.target.get(&ticket.id).is_some_and(|log| log.native);
        let source = ticket.external_id.as_deref().and_then(|key| key.strip_prefix(&self.rules.key_prefix()));
        let place = Place { source, target: Some(&ticket.id) };
        match source {
            Some(_) if is_native => self.verdict.differ(Kind::Native, place, "the target's own ticket got a key".to_string()),
            Some(source) if self.case.log.source.contains_key(source) || self.source.contains_key(source) => {}
            Some(source) => {
                let what = format!("stands for source ticket {source}, which does not exist");
                self.verdict.differ(Kind::ExtraTicket, place, what);
            }
            None if is_native => {}
            None => self.verdict.differ(Kind::ExtraTicket, place, "nobody made this target ticket".to_string()),
        }
    }
}

fn problem_of(message: &MessageLog, view: &TicketView) -> Option<&'static str> {
    let id = message.id.as_deref()?;
    let Some(held) = view.messages.iter().find(|held| held.id == id) else { return Some("is not there") };
    let wanted = Wanted::of(Origin::Source, &view.id, message);
    let found = Found::of(&view.id, held);
    let still = message.redacted.iter().any(|words| found.normal.contains(&normal(words, false)));
    match () {
        () if wanted.beside(&found.normal).is_none() => Some("has other words"),
        () if !wanted.has_files(&found) => Some("has other files"),
        () if message.public != held.public => Some("has another visibility"),
        () if !message.author.eq_ignore_ascii_case(&held.author) => Some("has another author"),
        () if still => Some("still has the words that were redacted"),
        () => None,
    }
}
