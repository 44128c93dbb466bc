//! Random histories at the simulated account, read under faults and compared with its own store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tidegate::connectors::contract::{Desk, Read};
use tidegate::connectors::zendesk::KeyField;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Actor, LinkKind, Presence, Ticket, Visibility};
use tidegate::sim::faults::Rates;
use tidegate::sim::snapshot::{TicketState, TicketView};
use tidegate::sim::stage::{Action, Text, Who};

use super::world::*;

const PRODUCTS: [&str; 3] = ["product_mast", "product_sail", "product_hull_wood"];
const TAGS: [&str; 4] = ["gold", "urgent_call", "vip_customer", "topic_bug"];

fn pick<'a>(dice: &mut SmallRng, of: &[&'a str]) -> &'a str {
    of.choose(dice).copied().unwrap()
}

fn set(dice: &mut SmallRng) -> BTreeMap<String, Vec<String>> {
    let seats = dice.random_range(0..50).to_string();
    let all: [(&str, Vec<&str>); 12] = [
        ("status", vec![pick(dice, &["open", "pending", "solved"])]),
        ("priority", vec![pick(dice, &["low", "normal", "urgent"])]),
        ("group", vec![pick(dice, &["Support", "Escalations"])]),
        ("assignee", vec!["ada@desk.example"]),
        ("custom:Product", vec![pick(dice, &PRODUCTS)]),
        ("custom:Product", vec![]),
        ("custom:Topics", vec!["topic_bug", "topic_shipping"]),
        ("custom:Topics", vec![]),
        ("custom:VIP", vec![pick(dice, &["true", "false"])]),
        ("custom:Seats", vec![&seats]),
        ("cc", vec!["friend@aether.example"]),
        ("followers", vec!["ben@desk.example"]),
    ];
    let (key, values) = all.choose(dice).unwrap();
    fields(&[(key, values)])
}

fn deed(dice: &mut SmallRng, ticket: String, other: String) -> Action {
    let text = Text { body: format!("<p>word {}</p>", dice.random_range(0..1000)), html: true, files: Vec::new() };
    match dice.random_range(0..20) {
        0..4 => Action::Reply { ticket, text },
        4..6 => Action::Note { ticket, text },
        6..14 => Action::Set { ticket, fields: set(dice) },
        14..17 => {
            let add = vec![pick(dice, &TAGS).to_string()];
            Action::Tag { ticket, add, remove: vec![pick(dice, &TAGS).to_string()] }
        }
        17 => Action::Merge { ticket, into: other },
        18 => Action::Delete { ticket },
        _ => Action::Undelete { ticket },
    }
}

/// Reads until the desk is in a better mood.
async fn patiently(world: &World, id: &str) -> Ticket {
    for _ in 0..60 {
        if let Ok(Read::Found(ticket)) = world.desk.read(&TicketId::new(id), None).await {
            return *ticket;
        }
    }
    panic!("ticket {id} cannot be read")
}

/// People by address, words as they are.
fn shown(ticket: &Ticket, value: &Value) -> Vec<String> {
    let people = value.persons().into_iter().filter_map(|id| ticket.person(id)?.email.clone());
    let mut all: Vec<String> = value.words().into_iter().map(str::to_string).chain(people).collect();
    all.sort();
    all
}

fn compare(ticket: &Ticket, view: &TicketView) {
    let id = &view.id;
    let expected = match &view.state {
        TicketState::Present => Presence::Present,
        TicketState::Deleted => Presence::Deleted,
        TicketState::MergedInto(into) => Presence::MergedInto(TicketId::new(into)),
    };
    assert_eq!(ticket.presence, expected, "ticket {id}");
    if view.state == TicketState::Deleted {
        return;
    }
    let set = |key: &FieldKey| shown(ticket, &ticket.fields[key]).into_iter().collect::<BTreeSet<_>>();
    assert_eq!((set(&FieldKey::Cc), set(&FieldKey::Followers)), (view.cc.clone(), view.followers.clone()), "ticket {id}");
    for (key, values) in &view.fields {
        let key: FieldKey = key.parse().unwrap();
        let mut values = values.clone();
        values.sort();
        assert_eq!(ticket.fields.get(&key).map(|value| shown(ticket, value)), Some(values), "ticket {id}, {key}");
    }
    for key in ticket.fields.keys().filter(|key| !matches!(key, FieldKey::Tags | FieldKey::Cc | FieldKey::Followers)) {
        let told = shown(ticket, &ticket.fields[key]);
        let absent = !view.fields.contains_key(&key.to_string());
        let own = matches!(key, FieldKey::Brand | FieldKey::Form) || told == ["false"];
        assert!(!absent || own || told.is_empty(), "ticket {id}, {key} is {told:?}");
    }
    let all: BTreeSet<String> = set(&FieldKey::Tags);
    assert!(all.is_subset(&view.tags), "ticket {id}: {all:?} of {:?}", view.tags);
    let messages: Vec<_> =
        ticket.messages.iter().map(|m| (m.id.to_string(), m.visibility == Visibility::Public, m.created_at)).collect();
    let seen: Vec<_> = view.messages.iter().map(|m| (m.id.clone(), m.public, m.at)).collect();
    assert_eq!(messages, seen, "ticket {id}");
}

#[tokio::test]
async fn every_history_is_read_as_the_store_holds_it() {
    for seed in 0..8 {
        let world = World::new().await;
        let mut dice = SmallRng::seed_from_u64(seed);
        let ids: Vec<String> = (0..8).map(|_| world.open(html("<p>first</p>"))).collect();
        for _ in 0..120 {
            let (ticket, other) = (ids.choose(&mut dice).unwrap().clone(), ids.choose(&mut dice).unwrap().clone());
            let who = if dice.random_bool(0.8) { ada() } else { jo() };
            let action = deed(&mut dice, ticket, other);
            world.clock.advance(Duration::from_secs(3));
            // A merged ticket that is deleted and restored is a ticket of which even its desk no longer knows what it is.
            let merged = |id: &str| matches!(world.view(id).state, TicketState::MergedInto(_));
            if !matches!(&action, Action::Delete { ticket } if merged(ticket)) {
                let _ = world.sim.stage.act(&who, action, world.clock.now(), false);
            }
        }
        let hell = Rates { slow_ms: 1, ..Rates::named("hell").unwrap() };
        world.sim.stage.faults().set(hell);
        for view in world.sim.stage.tickets() {
            compare(&patiently(&world, &view.id).await, &view);
        }
    }
}

#[tokio::test]
async fn a_trigger_that_changes_a_ticket_is_a_rule() {
    let world = World::on(api_token(), KeyField::ExternalId, false).await;
    for id in [22_472_701, 22_472_702] {
        let url = format!("{}/api/v2/triggers/{id}", world.sim.url);
        let request = plain_client().put(url).basic_auth("admin@sim.example/token", Some("sim-token"));
        request.json(&serde_json::json!({ "trigger": { "active": true } })).send().await.unwrap().error_for_status().unwrap();
    }
    let who = Who { email: "jo@northwind.example".into(), name: "Jo".into(), agent: false };
    let text = Text { body: "outage, I want a refund".into(), ..Text::default() };
    let open =
        Action::Open { subject: "Refund: outage".into(), group: "Support".into(), text, fields: fields(&[]), tags: Vec::new() };
    let id = world.act(&who, open).ticket;
    let ticket = world.read(&id).await;
    let rule: BTreeSet<FieldKey> =
        ticket.acts.iter().filter(|act| act.by == Actor::Rule).flat_map(|act| act.fields.clone()).collect();
    assert!(rule.contains(&FieldKey::Priority) || rule.contains(&FieldKey::Tags), "{:?}", ticket.acts);
    assert!(ticket.acts.iter().any(|act| act.by == Actor::Person));
}

#[tokio::test]
async fn problems_and_incidents_are_linked_one_way() {
    let world = World::new().await;
    let (problem, incident) = (world.open(html("<p>1</p>")), world.open(html("<p>2</p>")));
    world.act(&ada(), Action::Set { ticket: problem.clone(), fields: fields(&[("type", &["problem"])]) });
    world.act(&ada(), Action::Link { ticket: incident.clone(), kind: "parent".into(), to: problem.clone() });
    let links: Vec<_> = world.read(&incident).await.links.into_iter().map(|link| (link.kind, link.to)).collect();
    assert_eq!(links, [(LinkKind::Parent, TicketId::new(&problem))]);
    assert!(world.read(&problem).await.links.is_empty());
}
