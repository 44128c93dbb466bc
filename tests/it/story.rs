//! The story and its judge prove themselves: two desks in memory, mirrored perfectly by a naive copy, agree; and each thing
//! that is broken afterwards is found and named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tidegate::clock::Clock;
use tidegate::desk::Side;
use tidegate::sim::faults::{Faults, Rates};
use tidegate::sim::judge::rules::{Authors, Deletion, FieldRule, Form, Rules, Times};
use tidegate::sim::judge::verdict::{Kind, Verdict};
use tidegate::sim::judge::{Case, Lost, judge, pairs};
use tidegate::sim::snapshot::{FileView, Mail, MessageView, TicketState, TicketView};
use tidegate::sim::stage::{Action, Done, Stage, Text, Who};
use tidegate::sim::story::Story;
use tidegate::sim::story::live::Scene;
use tidegate::sim::story::log::{Log, sha256};
use tidegate::sim::story::vocabulary::Vocabulary;

/// A desk without rules: what is done is what is stored.
struct MemoryDesk {
    state: Mutex<State>,
    faults: Faults,
}

#[derive(Default)]
struct State {
    tickets: BTreeMap<String, TicketView>,
    last: u64,
}

impl State {
    fn next(&mut self) -> String {
        self.last += 1;
        format!("{:06}", self.last)
    }

    fn say(&mut self, who: &Who, text: &Text, public: bool, at: DateTime<Utc>) -> MessageView {
        let file = |file: &tidegate::sim::stage::File| FileView {
            name: file.name.clone(),
            size: file.bytes.len() as u64,
            sha256: sha256(&file.bytes),
            inline: file.inline,
        };
        let files = text.files.iter().map(file).collect();
        MessageView { id: self.next(), author: who.email.clone(), public, at, body: text.body.clone(), html: text.html, files }
    }

    fn there(&mut self, id: &str) -> Result<&mut TicketView, String> {
        let found = self.tickets.get_mut(id).filter(|ticket| ticket.state == TicketState::Present);
        found.ok_or_else(|| format!("{id} is not there"))
    }
}

fn set(ticket: &mut TicketView, field: &str, value: Vec<String>) {
    match field {
        "cc" => ticket.cc = value.into_iter().collect(),
        "followers" => ticket.followers = value.into_iter().collect(),
        _ if value.is_empty() => drop(ticket.fields.remove(field)),
        _ => drop(ticket.fields.insert(field.to_string(), value)),
    }
}

fn message<'a>(ticket: &'a mut TicketView, id: &str) -> &'a mut MessageView {
    ticket.messages.iter_mut().find(|message| message.id == id).expect("a message that was made")
}

impl MemoryDesk {
    fn new() -> Self {
        Self { state: Mutex::default(), faults: Faults::new(Rates::default(), 1) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panics while it holds the desk")
    }
}

impl Stage for MemoryDesk {
    fn act(&self, who: &Who, action: Action, at: DateTime<Utc>, _quiet: bool) -> Result<Done, String> {
        let mut state = self.state();
        let mut done = Done::default();
        match action {
            Action::Open { subject, group, text, fields, tags } => {
                done.ticket = state.next();
                let first = state.say(who, &text, true, at);
                done.message = Some(first.id.clone());
                let mut ticket = blank(&done.ticket, at);
                ticket.messages.push(first);
                ticket.tags.extend(tags);
                set(&mut ticket, "subject", vec![subject]);
                set(&mut ticket, "group", vec![group]);
                set(&mut ticket, "requester", vec![who.email.clone()]);
                fields.into_iter().for_each(|(field, value)| set(&mut ticket, &field, value));
                state.tickets.insert(done.ticket.clone(), ticket);
            }
            Action::Reply { ticket, text } => done = say_on(&mut state, (&ticket, who), &text, true, at)?,
            Action::Note { ticket, text } => done = say_on(&mut state, (&ticket, who), &text, false, at)?,
            Action::Set { ticket, fields } => {
                let there = state.there(&ticket)?;
                fields.into_iter().for_each(|(field, value)| set(there, &field, value));
                done.ticket = ticket;
            }
            Action::Tag { ticket, add, remove } => {
                let there = state.there(&ticket)?;
                there.tags.retain(|tag| !remove.contains(tag));
                there.tags.extend(add);
                done.ticket = ticket;
            }
            Action::Link { ticket, kind, to } => {
                state.there(&ticket)?.links.insert((kind, to));
                done.ticket = ticket;
            }
            Action::Unlink { ticket, kind, to } => {
                state.there(&ticket)?.links.remove(&(kind, to));
                done.ticket = ticket;
            }
            Action::Merge { ticket, into } => {
                state.there(&into)?;
                state.there(&ticket)?.state = TicketState::MergedInto(into);
                done.ticket = ticket;
            }
            Action::Delete { ticket } => {
                state.there(&ticket)?.state = TicketState::Deleted;
                done.ticket = ticket;
            }
            Action::Undelete { ticket } => return Err(format!("{ticket} stays deleted")),
            Action::Redact { ticket, message: id, words } => {
                let message = message(state.there(&ticket)?, &id);
                assert!(message.body.contains(&words), "words to redact stand in the message as they are");
                message.body = message.body.replace(&words, "▇▇▇▇▇▇");
                done.ticket = ticket;
            }
            Action::MakePrivate { ticket, message: id } => {
                message(state.there(&ticket)?, &id).public = false;
                done.ticket = ticket;
            }
        }
        Ok(done)
    }

    fn tickets(&self) -> Vec<TicketView> {
        self.state().tickets.values().cloned().collect()
    }

    fn mails(&self) -> Vec<Mail> {
        Vec::new()
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn deliveries_waiting(&self) -> usize {
        0
    }
}

fn say_on(state: &mut State, (ticket, who): (&str, &Who), text: &Text, public: bool, at: DateTime<Utc>) -> Result<Done, String> {
    let said = state.say(who, text, public, at);
    let message = Some(said.id.clone());
    state.there(ticket)?.messages.push(said);
    Ok(Done { ticket: ticket.to_string(), message })
}

fn blank(id: &str, at: DateTime<Utc>) -> TicketView {
    TicketView {
        id: id.to_string(),
        state: TicketState::Present,
        external_id: None,
        fields: BTreeMap::new(),
        tags: BTreeSet::new(),
        cc: BTreeSet::new(),
        followers: BTreeSet::new(),
        created_at: at,
        messages: Vec::new(),
        links: BTreeSet::new(),
    }
}

/// The naive copy: follows the source three-way, keeps what the target's agents did, and says whom it quotes.
#[derive(Default)]
struct Copyist {
    tickets: BTreeMap<String, String>,
    messages: BTreeMap<String, String>,
    fields: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    tags: BTreeMap<String, BTreeSet<String>>,
    lost: Vec<Lost>,
}

impl Copyist {
    fn sync(&mut self, source: &MemoryDesk, target: &MemoryDesk, rules: &Rules) {
        let (views, mut target) = (source.tickets(), target.state());
        for view in views.iter().filter(|view| view.state != TicketState::Deleted) {
            if !self.tickets.contains_key(&view.id) {
                let id = target.next();
                let ticket = TicketView { external_id: Some(rules.key(&view.id)), ..blank(&id, view.created_at) };
                target.tickets.insert(id.clone(), TicketView { tags: BTreeSet::from(["tidegate".to_string()]), ..ticket });
                self.tickets.insert(view.id.clone(), id);
            }
        }
        for view in &views {
            if let Some(id) = self.tickets.get(&view.id).cloned() {
                self.sync_messages(view, &mut target, &id);
                self.sync_rest(view, &mut target, &id);
            }
        }
    }

    fn sync_messages(&mut self, view: &TicketView, target: &mut State, id: &str) {
        for message in &view.messages {
            let known = self.messages.get(&message.id).cloned();
            let copy = known.unwrap_or_else(|| target.next());
            let line = format!("<p>{} wrote on {}:</p>", message.author, message.at.format("%Y-%m-%d %H:%M UTC"));
            let body = if message.html { message.body.clone() } else { tidegate::desk::body::escape_html(&message.body) };
            let said = MessageView {
                id: copy.clone(),
                author: "gateway@desk.example".to_string(),
                body: format!("{line}\n{body}"),
                html: true,
                ..message.clone()
            };
            let ticket = target.tickets.get_mut(id).expect("a ticket that was made");
            match ticket.messages.iter_mut().find(|one| one.id == copy) {
                Some(held) => *held = said,
                None => ticket.messages.push(said),
            }
            self.messages.insert(message.id.clone(), copy);
        }
    }

    fn sync_rest(&mut self, view: &TicketView, target: &mut State, id: &str) {
        let there = |source: &str| self.tickets.get(source).cloned();
        let links = view.links.iter().filter_map(|(kind, to)| Some((kind.clone(), there(to)?))).collect();
        let state = match &view.state {
            TicketState::MergedInto(into) => there(into).map_or(TicketState::Present, TicketState::MergedInto),
            _ => TicketState::Present,
        };
        let ticket = target.tickets.get_mut(id).expect("a ticket that was made");
        ticket.links = links;
        ticket.cc.clone_from(&view.cc);
        ticket.followers.clone_from(&view.followers);
        ticket.state = state;
        if view.state == TicketState::Deleted {
            ticket.tags.insert("deleted_there".to_string());
        }
        let old = self.tags.insert(view.id.clone(), view.tags.clone()).unwrap_or_default();
        ticket.tags.retain(|tag| !old.contains(tag) || view.tags.contains(tag));
        ticket.tags.extend(view.tags.difference(&old).cloned());
        let known = self.fields.get(id).into_iter().flat_map(BTreeMap::keys);
        let names: BTreeSet<String> = view.fields.keys().chain(known).cloned().collect();
        for field in names {
            self.sync_field(view, ticket, &field);
        }
    }

    fn sync_field(&mut self, view: &TicketView, ticket: &mut TicketView, field: &str) {
        let now = view.fields.get(field).cloned().unwrap_or_default();
        let bases = self.fields.entry(ticket.id.clone()).or_default();
        let base = bases.insert(field.to_string(), now.clone()).unwrap_or_default();
        let theirs = ticket.fields.get(field).cloned().unwrap_or_default();
        if now == base {
            return;
        }
        if theirs != base && theirs != now {
            self.lost.push(Lost { ticket: ticket.id.clone(), field: field.to_string(), value: theirs });
        }
        set(ticket, field, now);
    }
}

/// A whole run, at rest.
struct Run {
    log: Log,
    source: Vec<TicketView>,
    target: Vec<TicketView>,
    mails: Vec<Mail>,
    lost: Vec<Lost>,
    rules: Rules,
}

impl Run {
    fn verdict(&self) -> Verdict {
        let exposed = BTreeSet::new();
        let Run { log, source, target, mails, lost, .. } = self;
        judge(&Case { log, source, target, mails, lost, exposed: &exposed }, &self.rules)
    }

    /// The first target ticket for which this holds.
    fn find(&mut self, fits: impl Fn(&TicketView) -> bool) -> &mut TicketView {
        self.target.iter_mut().find(|ticket| fits(ticket)).expect("the story has such a ticket")
    }
}

fn rules() -> Rules {
    let custom: Vec<String> = Vocabulary::zendesk().custom.into_iter().map(|field| format!("custom:{}", field.name)).collect();
    let plain = ["subject", "status", "priority", "type", "group"].map(str::to_string);
    let mut fields: BTreeMap<String, FieldRule> =
        plain.into_iter().chain(custom).map(|field| (field.clone(), FieldRule::same(field))).collect();
    for field in ["assignee", "requester"] {
        fields.insert(field.to_string(), FieldRule::same(field).form(Form::People));
    }
    Rules {
        mirror: "demo".to_string(),
        fields,
        own_tags: vec!["tidegate".to_string()],
        ignored_tags: BTreeSet::from(["deleted_there".to_string()]),
        links: BTreeMap::from([("parent".to_string(), "parent".to_string())]),
        cc: true,
        followers: true,
        authors: Authors::Said,
        times: Times::KeptOrSaid,
        deletion: Deletion::Mark("deleted_there".to_string()),
        keeps_inline: true,
        keeps_file_names: true,
        mirror_actors: BTreeSet::from(["gateway@desk.example".to_string()]),
        ..Rules::default()
    }
}

fn run(seed: u64, tickets: usize, steps: usize) -> Run {
    let clock = Clock::fixed("2026-11-22T12:00:00Z".parse().expect("a time"));
    let (source, target, rules) = (MemoryDesk::new(), MemoryDesk::new(), rules());
    let mut story = Story::new(seed, clock.clone(), Vocabulary::zendesk(), Vocabulary::zendesk());
    let mut copyist = Copyist::default();
    story.history(&source, tickets);
    copyist.sync(&source, &target, &rules);
    for step in 0..steps {
        clock.advance(Duration::from_secs(7));
        let tickets = copyist.tickets.clone();
        story.step(&Scene { source: &source, target: &target, find_target: &|id| tickets.get(id).cloned() });
        if step % 3 == 0 {
            copyist.sync(&source, &target, &rules);
        }
    }
    copyist.sync(&source, &target, &rules);
    assert_eq!(pairs(&rules, &target.tickets()).len() > tickets / 2, tickets > 0);
    let (source, target) = (source.tickets(), target.tickets());
    Run { log: story.into_log(), source, target, mails: Vec::new(), lost: copyist.lost, rules }
}

fn told(run: &Run) -> String {
    run.verdict().differences.iter().take(20).map(|difference| format!("{:?}: {difference}\n", difference.kind)).collect()
}

/// Breaks one thing; the judge must name it, and nothing that has nothing to do with it.
fn finds(kinds: &[Kind], breaking: impl Fn(&mut Run)) {
    let mut run = run(7, 60, 400);
    breaking(&mut run);
    let found: Vec<Kind> = run.verdict().by_kind().into_keys().collect();
    assert_eq!(found, kinds, "{}", told(&run));
}

fn is_copied(ticket: &TicketView) -> bool {
    ticket.external_id.is_some() && ticket.state == TicketState::Present && !ticket.tags.contains("deleted_there")
}

fn is_ours(message: &MessageView) -> bool {
    message.author == "gateway@desk.example"
}

#[test]
fn a_perfect_copy_agrees() {
    for seed in 0..6 {
        let run = run(seed, 80, 500);
        let verdict = run.verdict();
        assert!(verdict.agrees(), "seed {seed}:\n{}", told(&run));
        assert!(verdict.messages > 300 && verdict.attachments > 20 && verdict.agents_messages > 20, "{verdict:?}");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let (one, again, other) = (run(3, 50, 200), run(3, 50, 200), run(4, 50, 200));
    assert!(one.log == again.log);
    assert!(one.log != other.log);
}

#[test]
fn a_story_has_everything_in_it() {
    let run = run(11, 300, 600);
    let source: Vec<_> = run.log.source.values().collect();
    let messages: Vec<_> = source.iter().flat_map(|ticket| &ticket.messages).collect();
    assert!(source.iter().any(|ticket| ticket.messages.len() >= 60));
    assert!(source.iter().any(|ticket| ticket.state == TicketState::Deleted));
    assert!(source.iter().any(|ticket| matches!(ticket.state, TicketState::MergedInto(_))));
    assert!(source.iter().any(|ticket| ticket.value("status") == Some("closed")));
    assert!(source.iter().any(|ticket| !ticket.links.is_empty()));
    assert!(messages.iter().any(|message| !message.redacted.is_empty()));
    assert!(messages.iter().any(|message| message.made_private));
    assert!(messages.iter().any(|message| message.files.iter().any(|file| file.inline)));
    assert!(messages.iter().any(|message| message.files.iter().any(|file| file.size > 100_000)));
    assert!(run.log.target.values().any(|ticket| ticket.native));
    assert!(run.log.target.values().any(|ticket| !ticket.native && !ticket.writes.is_empty()));
    let thanks = |ticket: &&&tidegate::sim::story::log::TicketLog| {
        let same = ticket.messages.windows(2).filter(|two| two[0].body == two[1].body && two[0].author == two[1].author);
        same.count() > 0
    };
    assert!(source.iter().any(|ticket| thanks(&ticket)));
    assert!(run.log.deeds.len() > 15, "{:?}", run.log.deeds);
}

#[test]
fn the_past_comes_in_the_order_of_time() {
    let run = run(5, 40, 0);
    let opened: Vec<_> = run.source.iter().map(|ticket| ticket.created_at).collect();
    assert!(opened.is_sorted());
    for ticket in &run.source {
        assert!(ticket.messages.iter().map(|message| message.at).is_sorted());
    }
}

#[test]
fn a_dropped_message_is_missed() {
    finds(&[Kind::MissingMessage], |run| {
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.messages.iter().filter(|one| is_ours(one)).count() > 2);
        let place = ticket.messages.iter().rposition(is_ours).expect("one of ours");
        ticket.messages.remove(place);
    });
}

#[test]
fn one_of_two_equal_thanks_is_missed() {
    let is_thanks =
        |message: &MessageView| ["Thanks", "Danke", "Merci"].iter().any(|word| message.body.ends_with(&format!("\n{word}")));
    finds(&[Kind::MissingMessage], |run| {
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.messages.iter().filter(|one| is_thanks(one)).count() > 1);
        let place = ticket.messages.iter().rposition(is_thanks).expect("thanks");
        ticket.messages.remove(place);
    });
}

#[test]
fn a_doubled_message_is_found() {
    finds(&[Kind::DoubledMessage], |run| {
        let ticket = run.find(is_copied);
        let twin = MessageView { id: "again".to_string(), ..ticket.messages[0].clone() };
        ticket.messages.push(twin);
    });
}

#[test]
fn a_message_that_nobody_wrote_is_found() {
    finds(&[Kind::ExtraMessage], |run| {
        let ticket = run.find(is_copied);
        let body = "gateway: retried 3 times".to_string();
        ticket.messages.push(MessageView { id: "extra".to_string(), body, files: Vec::new(), ..ticket.messages[0].clone() });
    });
}

#[test]
fn a_wrong_author_is_found() {
    finds(&[Kind::Author], |run| {
        let message = &mut run.find(is_copied).messages[0];
        let start = message.body.find(" wrote on").expect("the line about the author");
        message.body.replace_range(3..start, "someone.else@mail.example");
    });
}

#[test]
fn a_wrong_time_is_found() {
    finds(&[Kind::Time], |run| {
        let message = &mut run.find(is_copied).messages[0];
        message.at += Duration::from_secs(3600 * 24 * 3);
        let day = message.body.find(" wrote on 20").expect("the line about the time") + 10;
        message.body.replace_range(day..day + 10, "1999-01-01");
    });
}

#[test]
fn a_lost_word_is_found() {
    finds(&[Kind::Text], |run| {
        let long = |message: &MessageView| is_ours(message) && message.body.contains("Ref. ") && message.body.len() > 300;
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.messages.iter().any(long));
        let message = ticket.messages.iter_mut().find(|message| long(message)).expect("a long message");
        message.body = message.body.replacen("Ref. ", "", 1);
    });
}

#[test]
fn a_widened_visibility_is_found() {
    finds(&[Kind::Visibility], |run| {
        let hidden = |message: &MessageView| is_ours(message) && !message.public;
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.messages.iter().any(hidden));
        ticket.messages.iter_mut().find(|message| hidden(message)).expect("a hidden message").public = true;
    });
}

#[test]
fn a_message_in_the_wrong_place_is_found() {
    finds(&[Kind::Order], |run| {
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.messages.len() > 3 && ticket.messages.iter().all(is_ours));
        ticket.messages.swap(1, 2);
    });
}

fn file_of(ticket: &mut TicketView, inline: bool) -> Option<&mut FileView> {
    let files = ticket.messages.iter_mut().filter(|message| is_ours(message)).flat_map(|message| &mut message.files);
    files.into_iter().find(|file| file.inline == inline)
}

fn some_file(run: &mut Run, inline: bool) -> &mut FileView {
    let tickets = run.target.iter_mut().filter(|ticket| is_copied(ticket));
    tickets.into_iter().find_map(|ticket| file_of(ticket, inline)).expect("a file")
}

#[test]
fn a_changed_byte_is_found() {
    finds(&[Kind::Attachment], |run| some_file(run, false).sha256 = sha256(b"another"));
}

#[test]
fn a_lost_file_name_is_found() {
    finds(&[Kind::Attachment], |run| some_file(run, false).name = "untitled".to_string());
}

#[test]
fn an_image_that_is_not_shown_is_found() {
    finds(&[Kind::Inline], |run| some_file(run, true).inline = false);
}

#[test]
fn words_that_were_redacted_are_found() {
    finds(&[Kind::Exposed], |run| {
        let logs = run.log.source.iter().filter(|(_, log)| log.is_present());
        let redacted = |log: &tidegate::sim::story::log::TicketLog| {
            log.messages.iter().find_map(|message| message.redacted.first().cloned())
        };
        let (id, words) = logs.into_iter().find_map(|(id, log)| Some((id.clone(), redacted(log)?))).expect("a redaction");
        let key = run.rules.key(&id);
        let ticket = run.find(|ticket| ticket.external_id.as_deref() == Some(&key));
        let message = ticket.messages.iter_mut().find(|message| message.body.contains('▇')).expect("a redacted message");
        message.body = message.body.replace("▇▇▇▇▇▇", &words.replace(' ', "&nbsp;"));
    });
}

#[test]
fn a_lost_and_an_invented_tag_are_found() {
    let tagged = |ticket: &TicketView| is_copied(ticket) && ticket.tags.contains("hardware");
    finds(&[Kind::Tag], |run| assert!(run.find(tagged).tags.remove("hardware")));
    finds(&[Kind::Tag], |run| assert!(run.find(is_copied).tags.insert("invented".to_string())));
}

#[test]
fn a_wrong_field_is_found() {
    finds(&[Kind::Field], |run| {
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.fields.contains_key("priority"));
        ticket.fields.insert("priority".to_string(), vec!["lowest".to_string()]);
    });
    finds(&[Kind::Field], |run| {
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.fields.contains_key("custom:Products"));
        ticket.fields.remove("custom:Products");
    });
}

#[test]
fn a_silently_overwritten_value_is_found() {
    finds(&[Kind::Field], |run| {
        assert!(run.verdict().explained > 0, "the story has a conflict");
        run.lost.clear();
    });
}

#[test]
fn lost_people_are_found() {
    finds(&[Kind::People], |run| run.find(|ticket| is_copied(ticket) && !ticket.cc.is_empty()).cc.clear());
    finds(&[Kind::People], |run| assert!(run.find(is_copied).followers.insert("stranger@desk.example".to_string())));
}

#[test]
fn missing_doubled_and_extra_tickets_are_found() {
    finds(&[Kind::MissingTicket], |run| {
        let place = run.target.iter().position(|ticket| is_copied(ticket) && ticket.messages.iter().all(is_ours));
        let gone = run.target.remove(place.expect("an untouched copy")).id;
        run.target.iter_mut().for_each(|ticket| ticket.links.retain(|(_, to)| *to != gone));
    });
    finds(&[Kind::DoubledTicket], |run| {
        let twin = run.find(|ticket| is_copied(ticket) && ticket.messages.iter().all(is_ours)).clone();
        run.target.push(TicketView { id: "twin".to_string(), links: BTreeSet::new(), ..twin });
    });
    finds(&[Kind::ExtraTicket], |run| {
        let extra = run.find(is_copied).clone();
        run.target.push(TicketView { id: "extra".to_string(), external_id: None, ..extra });
    });
}

#[test]
fn a_missing_and_an_invented_link_are_found() {
    finds(&[Kind::Link], |run| run.find(|ticket| is_copied(ticket) && !ticket.links.is_empty()).links.clear());
    finds(&[Kind::Link], |run| {
        let other = run.target.iter().rev().find(|ticket| is_copied(ticket)).expect("a copy").id.clone();
        run.find(|ticket| is_copied(ticket) && ticket.links.is_empty()).links.insert(("parent".to_string(), other));
    });
}

#[test]
fn a_merge_that_did_not_happen_is_found() {
    finds(&[Kind::Merge], |run| {
        let merged = |ticket: &TicketView| matches!(ticket.state, TicketState::MergedInto(_));
        run.find(merged).state = TicketState::Present;
    });
}

#[test]
fn a_deletion_without_its_mark_is_found() {
    finds(&[Kind::Deletion], |run| {
        assert!(run.find(|ticket| ticket.tags.contains("deleted_there")).tags.remove("deleted_there"));
    });
}

#[test]
fn a_lost_message_of_an_agent_is_found() {
    finds(&[Kind::AgentMessage], |run| {
        let ticket = run.find(|ticket| is_copied(ticket) && !ticket.messages.iter().all(is_ours));
        let place = ticket.messages.iter().position(|message| !is_ours(message)).expect("an agent's message");
        ticket.messages.remove(place);
    });
}

#[test]
fn a_touched_ticket_of_the_target_is_found() {
    let is_native = |ticket: &TicketView| ticket.external_id.is_none();
    finds(&[Kind::Native], |run| drop(run.find(is_native).messages.pop()));
    finds(&[Kind::Native], |run| assert!(run.find(is_native).tags.insert("tidegate".to_string())));
    finds(&[Kind::Native], |run| {
        run.find(is_native).fields.insert("subject".to_string(), vec!["another".to_string()]);
    });
}

#[test]
fn a_mail_of_the_mirror_is_found() {
    finds(&[Kind::Mail], |run| {
        let actor = "gateway@desk.example".to_string();
        let (to, because) = (vec!["customer@mail.example".to_string()], "Notify requester".to_string());
        run.mails.push(Mail { to, ticket: "1".to_string(), because, actor, at: DateTime::UNIX_EPOCH });
    });
}

#[test]
fn a_desk_that_forgets_is_found() {
    finds(&[Kind::Stage], |run| {
        let tags = |ticket: &&mut TicketView| ticket.state == TicketState::Present && ticket.tags.contains("hardware");
        run.source.iter_mut().find(tags).expect("a tagged ticket").tags.remove("hardware");
    });
}

#[test]
fn five_thousand_tickets_are_judged_in_seconds() {
    let run = run(9, 5_000, 0);
    let verdict = run.verdict();
    assert!(verdict.agrees(), "{}", told(&run));
    assert!(verdict.messages > 15_000);
    assert_eq!(run.log.side(Side::Source).len(), 5_000);
}
