//! Breaks one thing of each kind in a perfect copy: the judge names it, and names nothing else.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::DateTime;
use tidegate::sim::judge::verdict::Kind;
use tidegate::sim::snapshot::{FileView, Mail, MessageView, TicketState, TicketView};
use tidegate::sim::story::log::sha256;

use super::run::{Run, run, told};

/// Breaks one thing; the judge must name it, and nothing that has nothing to do with it.
fn finds(kinds: &[Kind], breaking: impl Fn(&mut Run)) {
    static PERFECT: LazyLock<Run> = LazyLock::new(|| run(7, 60, 600));
    let mut run = PERFECT.clone();
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
        let ticket = run.find(|ticket| is_copied(ticket) && ticket.fields.contains_key("custom:Topics"));
        ticket.fields.remove("custom:Topics");
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
    finds(&[Kind::Link], |run| {
        let live: BTreeSet<String> = run.target.iter().filter(|one| is_copied(one)).map(|one| one.id.clone()).collect();
        let leads = |ticket: &TicketView| is_copied(ticket) && ticket.links.iter().any(|(_, to)| live.contains(to));
        run.find(leads).links.clear();
    });
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
        run.mails.push(Mail {
            to,
            ticket: "1".to_string(),
            because,
            actor,
            at: DateTime::UNIX_EPOCH,
            letter: Default::default(),
        });
    });
}

#[test]
fn a_desk_that_forgets_is_found() {
    finds(&[Kind::Stage], |run| {
        let tags = |ticket: &&mut TicketView| ticket.state == TicketState::Present && ticket.tags.contains("hardware");
        run.source.iter_mut().find(tags).expect("a tagged ticket").tags.remove("hardware");
    });
}
