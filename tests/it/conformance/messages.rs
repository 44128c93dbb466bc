//! Messages: words, who may see them, who wrote them, when, and our keys of them.

use tidegate::desk::body::Body;
use tidegate::desk::capability::{BackDates, CreateTakes, SetsAuthor};
use tidegate::desk::field::FieldKey;
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Message, Visibility};
use tidegate::desk::write::{NewMessage, Write};
use tidegate::sim::snapshot::TicketView;

use super::desk::{Desk, time, words};

const HTML: &str = "<p>It <strong>bent</strong>, 5 &lt; 6 &amp; so on.</p><ul><li>été ☕ 日本</li></ul>";
const TEXT: &str = "Plain & <simple>,\nsecond line: ☕";

async fn conversation(desk: &Desk) -> Vec<NewMessage> {
    let mut messages = vec![
        desk.message("m:1", Visibility::Public, Body::Html(HTML.into())).await,
        desk.message("m:2", Visibility::Internal, Body::Text(TEXT.into())).await,
        desk.message("m:3", Visibility::Public, Body::Text("0".into())).await,
    ];
    messages[1].created_at = time("2025-01-02T10:00:00Z");
    messages[2].created_at = time("2025-01-03T10:00:00Z");
    if desk.can().sets_author == SetsAuthor::Always {
        messages[1].author = Some(desk.person(desk.case.agents[0]).await);
    }
    messages
}

async fn assert_kept(desk: &Desk, message: &Message, asked: &NewMessage, dated: bool) {
    let us = desk.ours.identify().await.unwrap().person;
    assert_eq!(words(&message.body), words(&asked.body));
    assert_eq!(message.visibility, asked.visibility, "{:?}", asked.body);
    assert_eq!(message.author, asked.author.clone().unwrap_or(us));
    assert!(message.ours);
    if dated {
        assert_eq!(message.created_at, asked.created_at);
    }
}

/// Makes a ticket with as much of the conversation as travels with it, and adds the rest.
async fn carry(desk: &Desk, messages: &[NewMessage]) -> TicketId {
    let travel = match desk.can().create_takes {
        CreateTakes::AllMessages => messages.len(),
        CreateTakes::FirstMessage => 1,
    };
    let new = desk.new_ticket("t:1", desk.plain_fields().await, messages[..travel].to_vec()).await;
    let written = desk.apply(&Write::Create(new)).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    let ticket = written.ticket.unwrap();
    for message in &messages[travel..] {
        desk.apply(&Write::AddMessage { ticket: ticket.clone(), message: message.clone() }).await;
    }
    ticket
}

pub async fn messages_keep_words_visibility_author_and_time(desk: &Desk) {
    let asked = conversation(desk).await;
    let id = carry(desk, &asked).await;
    let told = desk.read(&id).await.messages;
    assert_eq!(told.len(), asked.len());
    for (message, asked) in told.iter().zip(&asked) {
        let dated = matches!(desk.can().back_dates, BackDates::Always | BackDates::OnCreate);
        assert_kept(desk, message, asked, dated).await;
    }
    assert!(told[0].body.to_html().contains("<strong>bent</strong>"), "{:?}", told[0].body);
}

pub async fn messages_are_added_in_order(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    let asked = conversation(desk).await;
    let mut ids = Vec::new();
    for message in &asked {
        let written = desk.apply(&Write::AddMessage { ticket: id.clone(), message: message.clone() }).await;
        assert_eq!(written.remarks, Vec::<String>::new());
        assert_eq!(written.messages[0].0, message.key);
        ids.push(written.messages[0].1.clone());
    }
    let told = desk.read(&id).await.messages;
    assert_eq!(told[1..].iter().map(|message| message.id.clone()).collect::<Vec<_>>(), ids);
    for (message, asked) in told[1..].iter().zip(&asked) {
        assert_kept(desk, message, asked, desk.can().back_dates == BackDates::Always).await;
    }
}

pub async fn a_message_is_found_by_exactly_its_key(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    let other = desk.ticket("t:2").await;
    let message = desk.message("m:7", Visibility::Public, Body::Text("more".into())).await;
    let written = desk.apply(&Write::AddMessage { ticket: id.clone(), message }).await;
    let made = written.messages.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    let found = async |ticket: &TicketId, key: &str| desk.ours.find_message(ticket, &desk.key(key)).await.unwrap();
    if !desk.can().message_keys {
        assert_eq!(found(&id, "m:7").await, []);
        return;
    }
    assert_eq!(found(&id, "m:7").await, made);
    assert_eq!(found(&other, "m:7").await, []);
    for similar in ["m:", "m:77", "m:%", "M:7"] {
        assert_eq!(found(&id, similar).await, [], "{similar}");
    }
    let told = desk.read(&id).await.messages;
    assert_eq!(told[1].key, Some(desk.key("m:7")));
    let first = if desk.can().keys_on_create { vec![told[0].id.clone()] } else { Vec::new() };
    assert_eq!(found(&id, "t:1:1").await, first);
}

/// What keeps the desk silent about us does not keep it silent about its own people.
pub async fn silence_ends_when_it_is_ended(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    let before = desk.read(&id).await;
    let message = desk.message("m:7", Visibility::Public, Body::Text("more".into())).await;
    desk.apply(&Write::AddMessage { ticket: id.clone(), message }).await;
    for _ in 0..2 {
        desk.ours.end_silence(&id).await.unwrap();
    }
    let after = desk.read(&id).await;
    assert_eq!(after.fields.get(&FieldKey::Tags), before.fields.get(&FieldKey::Tags));
    assert_eq!(after.messages.len(), 2);
    if let Some(sim) = &desk.sim {
        let silent = |ticket: &TicketView| ticket.tags.contains("tidegate_silent");
        assert!(!sim.stage.tickets().iter().any(silent), "its agents' next reply would reach nobody");
    }
}

pub async fn a_message_without_words_can_be_written(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    for (at, body) in [Body::Text(String::new()), Body::Html("<p></p>".into()), Body::Text(" \n".into())].into_iter().enumerate()
    {
        let message = desk.message(&format!("m:{at}"), Visibility::Internal, body).await;
        desk.apply(&Write::AddMessage { ticket: id.clone(), message }).await;
    }
    let told = desk.read(&id).await.messages;
    assert_eq!(told.len(), 4);
    assert!(told[1..].iter().all(|message| words(&message.body).is_empty()), "{told:?}");
}
