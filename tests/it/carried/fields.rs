//! The fields that every ticket has.

use std::collections::BTreeMap;

use tidegate::sim::stage::{Action, Text};

use crate::world::desk::field;

use super::rows::carry;
use super::way::{Differences, WAYS, Way, customer, say, stranger};

const ZENDESK_TO_RT: &str = "
    Subject      | subject      | subject             | Order 7 | Große Bestellung 8 | Order 9
    Assignee     | assignee     | assignee            | ada@desk.example => alice@rt.sim | chiara@desk.example => carol@rt.sim |
    Requester    | requester    | requester           | jane@northwind.example | yuki@kyoto.example | jane@northwind.example
    Cc           | cc           | cc                  | karim@mail.example, lin@mail.example | lin@mail.example |
    Followers    | followers    | followers           | ben@desk.example => bob@rt.sim | dmitri@desk.example => dave@rt.sim |
    Group        | group        | group               | Support | Billing | Escalations => General
    Status       | status       | status              | hold => stalled | open | solved => resolved
    Priority     | priority     | priority            | urgent => 100 | low => 20 | => 0
    Type         | type         | type                | task | task | question
    Organisation | organisation | custom:Organisation | Northwind Traders | Kyoto Garden |
    Brand        | brand        | custom:Summary      | Lighthouse | Harbour | Lighthouse
    Form         | form         | custom:City         | Refund request | Default Ticket Form | Refund request
    Tags         | tags         | tags                | red, green | green, blue |
    Due date     | due          | due                 | 2026-05-01T12:00:00Z | 2026-06-01T08:30:00Z |
";

const ZENDESK_TO_RT_MAPS: &str = r#"
[map.status]
new = "new"
open = "open"
pending = "open"
hold = "stalled"
solved = "resolved"
closed = "resolved"
"In review" = "open"
"Waiting for supplier" = "stalled"
[map.priority]
"" = "0"
low = "20"
normal = "50"
high = "75"
urgent = "100"
[map.group]
Support = "Support"
Billing = "Billing"
Engineering = "Engineering"
"*" = "General"
"" = "General"
[map.fields]
type = "custom:Ticket Type"
organisation = "custom:Organisation"
brand = "custom:Summary"
form = "custom:City"
"custom:*" = "ignore"
"#;

const RT_TO_ZENDESK: &str = "
    Subject      | subject             | subject      | Order 7 | Große Bestellung 8 | Order 9
    Assignee     | assignee            | assignee     | alice@rt.sim => ada@desk.example | carol@rt.sim => chiara@desk.example |
    Requester    | requester           | requester    | jane@northwind.example | yuki@kyoto.example | jane@northwind.example
    Cc           | cc                  | cc           | karim@mail.example, lin@mail.example | lin@mail.example |
    Followers    | followers           | followers    | bob@rt.sim => ben@desk.example | dave@rt.sim => dmitri@desk.example |
    Queue        | group               | group        | Support | Billing | General => Support
    Status       | status              | status       | stalled => hold | open | resolved => solved
    Priority     | priority            | priority     | 100 => urgent | 20 => low | 0 =>
    Type         | type                | type         | task | task | question
    Organisation | custom:Organisation | organisation | Northwind Traders | Kyoto Garden |
    Brand        | custom:Summary      | brand        | Lighthouse | Harbour => | Lighthouse
    Form         | custom:City         | form         | Refund request | Default Ticket Form => | Refund request
    Tags         | custom:Tags         | tags         | Red, Two words => red, two_words | blue, red |
    Due date     | due                 | due          | 2026-05-01T12:00:00Z | 2026-06-01T08:30:00Z |
";

const RT_TO_ZENDESK_MAPS: &str = r#"
[map.status]
new = "new"
open = "open"
stalled = "hold"
resolved = "solved"
rejected = "solved"
[map.priority]
"0" = ""
"20" = "low"
"100" = "urgent"
"*" = "normal"
[map.group]
Support = "Support"
Billing = "Billing"
"*" = "Support"
[map.fields]
"custom:Ticket Type" = "type"
"custom:Organisation" = "organisation"
"custom:Summary" = "brand"
"custom:City" = "form"
"custom:*" = "ignore"
"#;

const RT_TO_RT: &str = "
    Subject   | subject     | subject   | Order 7 | Große Bestellung 8 | Order 9
    Assignee  | assignee    | assignee  | alice@rt.sim | carol@rt.sim |
    Requester | requester   | requester | jane@northwind.example | yuki@kyoto.example | jane@northwind.example
    Cc        | cc          | cc        | karim@mail.example, lin@mail.example | lin@mail.example |
    Followers | followers   | followers | bob@rt.sim | dave@rt.sim |
    Queue     | group       | group     | Support | Billing | General
    Status    | status      | status    | stalled | open | resolved
    Priority  | priority    | priority  | 100 | 20 | 0
    Type      | type        | type      | task | task | question
    Tags      | custom:Tags | tags      | Red, Two words | blue, Red |
    Due date  | due         | due       | 2026-05-01T12:00:00Z | 2026-06-01T08:30:00Z |
";

const ZENDESK_TO_ZENDESK: &str = "
    Subject      | subject      | subject      | Order 7 | Große Bestellung 8 | Order 9
    Assignee     | assignee     | assignee     | ada@desk.example | chiara@desk.example |
    Requester    | requester    | requester    | jane@northwind.example | yuki@kyoto.example | jane@northwind.example
    Cc           | cc           | cc           | karim@mail.example, lin@mail.example | lin@mail.example |
    Followers    | followers    | followers    | ben@desk.example | dmitri@desk.example |
    Group        | group        | group        | Support | Billing | Escalations
    Status       | status       | status       | hold | open | solved
    Priority     | priority     | priority     | urgent | low |
    Type         | type         | type         | task | task | question
    Organisation | organisation | organisation | Northwind Traders | Kyoto Garden |
    Brand        | brand        | brand        | Lighthouse | Harbour => | Lighthouse
    Form         | form         | form         | Refund request | Default Ticket Form => | Refund request
    Tags         | tags         | tags         | red, green | green, blue |
    Due date     | due          | due          | 2026-05-01T12:00:00Z | 2026-06-01T08:30:00Z |
";

const SAME_MAPS: &str = r#"
[map.fields]
"custom:Account manager" = "ignore"
"custom:*" = "custom:*"
"#;

const RT_TO_RT_MAPS: &str = r#"
[map.fields]
"custom:*" = "custom:*"
"#;

fn maps(way: Way) -> &'static str {
    match way {
        Way::ZendeskToRt => ZENDESK_TO_RT_MAPS,
        Way::RtToZendesk => RT_TO_ZENDESK_MAPS,
        Way::RtToRt => RT_TO_RT_MAPS,
        Way::ZendeskToZendesk => SAME_MAPS,
    }
}

#[tokio::test]
async fn every_field_is_carried_as_the_table_says() {
    let mut found = Differences::default();
    for (way, table) in WAYS.into_iter().zip([ZENDESK_TO_RT, RT_TO_ZENDESK, RT_TO_RT, ZENDESK_TO_ZENDESK]) {
        let mut world = way.begin(maps(way)).await;
        carry(way, &mut world, table, &mut found).await;
    }
    found.none();
}

#[tokio::test]
async fn a_subject_is_cut_and_put_into_one_line() {
    let mut found = Differences::default();
    let long = "é".repeat(300);
    for (way, letters) in WAYS.into_iter().zip([200, 150, 200, 150]) {
        let mut world = way.begin(maps(way)).await;
        let (cut, lined) = (world.source.open(&long, "Where is it?"), world.source.open(" Two\n lines  here ", "Where is it?"));
        world.settle().await;
        found.same(&format!("{way:?}, a long subject"), "é".repeat(letters), field(&world.mirrored(&cut), "subject"));
        found.same(&format!("{way:?}, lines"), "Two lines here".to_string(), field(&world.mirrored(&lined), "subject"));
    }
    found.none();
}

#[tokio::test]
async fn a_custom_status_becomes_what_the_table_says_for_its_label() {
    let mut found = Differences::default();
    let all = [
        (Way::ZendeskToRt, "status", ["stalled", "open", "stalled"]),
        (Way::ZendeskToZendesk, "custom_status", ["Waiting for supplier", "In review", ""]),
    ];
    for (way, key, expected) in all {
        let mut world = way.begin(maps(way)).await;
        let ticket = world.source.open("Order 7", "Where is it?");
        let labels = [("custom_status", "Waiting for supplier"), ("custom_status", "In review"), ("status", "hold")];
        for ((here, label), expected) in labels.into_iter().zip(expected) {
            world.source.set(&ticket, here, label);
            world.settle().await;
            found.same(&format!("{way:?}, {label}"), expected.to_string(), field(&world.mirrored(&ticket), key));
        }
    }
    found.none();
}

#[tokio::test]
async fn an_agent_whom_the_target_does_not_know_is_not_made() {
    let mut found = Differences::default();
    for way in WAYS {
        let mut world = way.begin(maps(way)).await;
        let ticket = world.source.open("Order 7", "Where is it?");
        say(&world.source, &stranger(), &ticket, false, Text { body: "Mine.".to_string(), ..Text::default() });
        world.source.set(&ticket, "assignee", &stranger().email);
        world.settle().await;
        found.same(&format!("{way:?}, parked"), Vec::new(), world.stuck().await);
        found.same(&format!("{way:?}, the assignee"), String::new(), field(&world.mirrored(&ticket), "assignee"));
        world.source.set(&ticket, "assignee", &world.source.agent().email);
        world.settle().await;
        let known = way.address(&world.source.agent().email);
        found.same(&format!("{way:?}, the next assignee"), known, field(&world.mirrored(&ticket), "assignee"));
    }
    found.none();
}

#[tokio::test]
async fn further_requestors_are_in_copy() {
    let mut found = Differences::default();
    for way in [Way::RtToZendesk, Way::RtToRt] {
        let mut world = way.begin(maps(way)).await;
        let ticket = world.source.open("Order 7", "Where is it?");
        let people = ["jane@northwind.example", "karim@mail.example"].map(str::to_string).to_vec();
        let fields = BTreeMap::from([("requester".to_string(), people)]);
        world.source.act(&customer("jane@northwind.example"), Action::Set { ticket: ticket.clone(), fields });
        world.settle().await;
        let mirrored = world.mirrored(&ticket);
        found.same(&format!("{way:?}, the first"), "jane@northwind.example".to_string(), field(&mirrored, "requester"));
        let all: Vec<String> = mirrored.cc.into_iter().collect();
        found.same(&format!("{way:?}, the others"), vec!["karim@mail.example".to_string()], all);
    }
    found.none();
}
