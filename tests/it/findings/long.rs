//! A ticket with more messages than the target's tickets hold. Its messages are made here: a simulated desk takes a minute for them.

use chrono::{DateTime, Utc};
use tidegate::config::file;
use tidegate::connectors::zendesk::CAPABILITIES;
use tidegate::desk::Side;
use tidegate::desk::body::Body;
use tidegate::desk::id::{MessageId, PersonId, TicketId};
use tidegate::desk::schema::Schema;
use tidegate::desk::survey::Rules;
use tidegate::desk::ticket::{Message, Presence, Ticket, Visibility};
use tidegate::mirror::KeySpace;
use tidegate::setup::findings::tally::Tally;
use tidegate::setup::findings::thread;
use tidegate::setup::findings::view::View;

use super::pair::to_zendesk;

fn ticket(messages: usize) -> Ticket {
    let at: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().expect("a time");
    let message = |number: usize| Message {
        id: MessageId::new(number),
        author: PersonId::new("7"),
        visibility: Visibility::Public,
        created_at: at,
        body: Body::Text(format!("line {number}")),
        attachments: Vec::new(),
        key: None,
        ours: false,
    };
    Ticket {
        id: TicketId::new(4711),
        stamp: "1".to_string(),
        feed_stamp: None,
        presence: Presence::Present,
        created_at: at,
        updated_at: at,
        url: String::new(),
        fields: Default::default(),
        messages: (0..messages).map(message).collect(),
        links: Default::default(),
        key: None,
        people: Vec::new(),
        acts: Vec::new(),
        immutable: false,
    }
}

#[tokio::test]
async fn a_thread_longer_than_a_ticket_of_the_target_holds() {
    let world = to_zendesk("").await;
    let survey = world.process.course().target.survey(Side::Target).await.expect("an answer");
    assert_eq!(survey.most_messages, Some(5_000));
    let text = tidegate::cli::demo::agreement::mirror_file("http://a.example", "http://b.example", "http://c.example", "/none");
    let file = file::parse("demo.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let view = View {
        config: &file.config,
        source_can: &CAPABILITIES,
        target_can: &CAPABILITIES,
        source_address: "http://a.example",
        source: Schema::default(),
        target: Schema::default(),
        survey,
        rules: Rules::default(),
        patterns: Default::default(),
        keys: KeySpace("demo".to_string()),
    };
    for (messages, found) in [(5_000, 0), (5_001, 1)] {
        let mut tally = Tally::default();
        thread::look(&view, &ticket(messages), &mut tally);
        let findings = tally.findings();
        assert_eq!(findings.len(), found, "{findings:?}");
        if let Some(finding) = findings.first() {
            assert_eq!((finding.name.as_str(), finding.tickets.as_slice()), ("long-threads", &["4711".to_string()][..]));
            assert!(finding.what.contains("5000 messages"), "{}", finding.what);
        }
    }
}
