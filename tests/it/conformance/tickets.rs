//! Who we are; tickets as a whole.

use tidegate::connectors::contract::Read;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Actor, Presence};

use super::desk::{Desk, time};

pub async fn it_says_who_we_are(desk: &Desk) {
    let us = desk.ours.identify().await.unwrap();
    let known = desk.ours.person(&us.person).await.unwrap().expect("the desk knows us");
    assert_eq!((&known.id, &known.name), (&us.person, &us.name));
    assert!(us.desk_time.is_some());
    if desk.sim.is_some() {
        assert_eq!(us.desk_time, Some(desk.clock.now()));
    }
    assert!(desk.url.starts_with(desk.ours.address()), "{}", desk.ours.address());
}

pub async fn a_new_ticket_is_found_by_exactly_its_key(desk: &Desk) {
    let id = desk.ticket("t:7").await;
    let other = desk.ticket("t:71").await;
    let found = async |key: String| desk.ours.find_ticket(&key).await.unwrap();
    assert_eq!(found(desk.key("t:7")).await, std::slice::from_ref(&id));
    assert_eq!(found(desk.key("t:71")).await, std::slice::from_ref(&other));
    for similar in ["t:", "t:711", "t:%", "t:_", "t:7'", "t:7\" ", "T:7", "t:7*"] {
        assert_eq!(found(desk.key(similar)).await, [], "{similar}");
    }
    assert_eq!(desk.read(&id).await.key, Some(desk.key("t:7")));
}

pub async fn a_ticket_that_is_not_there_is_missing(desk: &Desk) {
    for id in ["99999999", "1000000000"] {
        assert_eq!(desk.ours.read(&TicketId::new(id), None).await.unwrap(), Read::Missing, "{id}");
    }
}

pub async fn a_ticket_has_an_address_a_stamp_and_our_acts(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    let before = desk.read(&id).await;
    assert_eq!((&before.id, &before.presence, before.immutable), (&id, &Presence::Present, false));
    assert!(before.url.starts_with(&desk.url) && before.url.contains(id.as_str()), "{}", before.url);
    assert_eq!(before.created_at, time("2025-01-01T10:00:00Z"));
    assert_eq!(desk.read(&id).await.stamp, before.stamp, "nothing happened");
    desk.set(&id, Fields::from([(FieldKey::Subject, Value::text("Changed"))])).await;
    let after = desk.read(&id).await;
    assert_ne!(after.stamp, before.stamp);
    assert_ne!(after.feed_stamp, before.feed_stamp);
    let since = match desk.ours.read(&id, Some(&before.stamp)).await.unwrap() {
        Read::Found(ticket) => ticket.acts,
        other => panic!("{other:?}"),
    };
    assert!(since.iter().any(|act| act.id == before.stamp), "acts go back to the stamp {}: {since:?}", before.stamp);
    let last = since.iter().rev().find(|act| act.fields.contains(&FieldKey::Subject)).expect("the act");
    assert_eq!(last.by, Actor::Us);
    assert!(since.iter().all(|act| act.by != Actor::Person), "{since:?}");
}
