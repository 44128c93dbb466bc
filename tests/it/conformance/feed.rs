//! The feed of changes and the listing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate::change::{Cursor, Hint};
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::write::Write;
use tidegate::sim::faults::{Kind, Rates};
use tidegate::sim::stage::{Action, Text, Who};
use tidegate::task;

use super::desk::Desk;

/// Reads the feed to its end; the cursor goes through its stored form each time.
pub async fn drain(desk: &Desk, cursor: &mut Cursor) -> Vec<Hint> {
    let mut hints = Vec::new();
    loop {
        let page = desk.watcher.changes(cursor, desk.clock.now()).await.unwrap();
        assert!(page.seen_up_to <= desk.clock.now() + Duration::from_secs(5));
        hints.extend(page.hints);
        let stored = serde_json::to_string(&page.next).unwrap();
        *cursor = serde_json::from_str(&stored).unwrap();
        if !page.more {
            return hints;
        }
    }
}

/// A cursor that has seen everything there was.
pub async fn cursor(desk: &Desk) -> Cursor {
    let start = desk.ours.identify().await.unwrap().desk_time.unwrap();
    let mut cursor = desk.watcher.cursor_at(start);
    drain(desk, &mut cursor).await;
    cursor
}

fn of<'a>(hints: &'a [Hint], ticket: &TicketId) -> Vec<&'a Hint> {
    hints.iter().filter(|hint| hint.ticket == *ticket).collect()
}

pub async fn a_change_after_the_cursor_is_seen(desk: &Desk) {
    let mut cursor = cursor(desk).await;
    let id = desk.ticket("t:1").await;
    desk.wait_for_feed();
    let hints = drain(desk, &mut cursor).await;
    assert!(!of(&hints, &id).is_empty(), "the creation: {hints:?}");

    desk.set(&id, Fields::from([(FieldKey::Subject, Value::text(format!("Again {}", desk.run)))])).await;
    desk.wait_for_feed();
    let hints = drain(desk, &mut cursor).await;
    let hint = *of(&hints, &id).last().expect("the change");
    let told = desk.read(&id).await;
    assert_eq!(hint.feed_stamp, told.feed_stamp);
    if let Some(least) = &hint.least_stamp {
        let number = |stamp: &str| stamp.parse::<u64>().unwrap();
        assert!(number(least) <= number(&told.stamp));
    }
    desk.wait_for_feed();
    let again = drain(desk, &mut cursor).await;
    assert!(of(&again, &id).iter().all(|later| later.evidence == hint.evidence), "nothing new happened: {again:?}");
}

/// Agents and customers of a simulated desk work, one of them slowly: what has an earlier number is seen later.
pub async fn a_change_that_is_committed_late_is_seen(desk: &Desk) {
    let Some(sim) = &desk.sim else { return println!("a real desk cannot be told to be slow: tests/it/lab_request_tracker.rs") };
    let (slow, fast) = (desk.ticket("t:1").await, desk.ticket("t:2").await);
    let mut cursor = cursor(desk).await;
    let who = Who { email: desk.case.agents[0].into(), name: "Agent".into(), agent: true };
    // What a desk writes beside each ticket, and does not show, is no end of what was passed over.
    for number in 0..30 {
        desk.tick();
        let text = Text { body: "before".into(), ..Text::default() };
        let (fields, tags) = (BTreeMap::new(), Vec::new());
        let open = Action::Open { subject: format!("Before {number}"), group: "Support".into(), text, fields, tags };
        sim.stage.act(&who, open, desk.clock.now(), true).unwrap();
    }
    sim.stage.faults().set(Rates { late: f64::MIN_POSITIVE, late_ms: 20, ..Rates::default() });
    sim.stage.faults().order(Kind::Late);
    let text = Text { body: "slowly".into(), ..Text::default() };
    desk.tick();
    sim.stage.act(&who, Action::Note { ticket: slow.to_string(), text }, desk.clock.now(), false).unwrap();
    desk.tick();
    let fields = BTreeMap::from([("subject".to_string(), vec!["moved on".to_string()])]);
    sim.stage.act(&who, Action::Set { ticket: fast.to_string(), fields }, desk.clock.now(), false).unwrap();
    desk.wait_for_feed();
    let mut hints = drain(desk, &mut cursor).await;
    assert!(!of(&hints, &fast).is_empty(), "{hints:?}");
    while sim.stage.deliveries_waiting() > 0 {
        task::delay(Duration::from_millis(2)).await;
    }
    desk.wait_for_feed();
    hints.extend(drain(desk, &mut cursor).await);
    assert!(!of(&hints, &slow).is_empty(), "{hints:?}");
}

/// A row of the feed without its fields is asked for again, and what is no ticket's does not stop the feed.
pub async fn a_change_that_is_not_shown_yet_is_waited_for(desk: &Desk) {
    let Some(sim) = &desk.sim else { return println!("a real desk cannot be told to show a row without its fields") };
    let ids = [desk.ticket("t:1").await, desk.ticket("t:2").await];
    desk.wait_for_feed();
    let mut cursor = cursor(desk).await;
    let who = Who { email: desk.case.agents[0].into(), name: "Agent".into(), agent: true };
    for (id, text) in ids.iter().zip(["one", "two"]) {
        sim.stage.faults().order(Kind::Dashboard);
        desk.tick();
        let text = Text { body: text.into(), ..Text::default() };
        sim.stage.act(&who, Action::Note { ticket: id.to_string(), text }, desk.clock.now(), false).unwrap();
    }
    // The page that has it first, and the question for what was passed over.
    sim.stage.faults().order(Kind::Blank);
    sim.stage.faults().order(Kind::Blank);
    desk.wait_for_feed();
    let mut hints = drain(desk, &mut cursor).await;
    desk.wait_for_feed();
    hints.extend(drain(desk, &mut cursor).await);
    for id in &ids {
        assert!(!of(&hints, id).is_empty(), "{hints:?}");
    }
    assert!(hints.iter().all(|hint| !hint.ticket.as_str().is_empty()), "{hints:?}");
}

pub async fn deletions_and_merges_are_seen_as_claimed(desk: &Desk) {
    let (gone, merged, stays) = (desk.ticket("t:1").await, desk.ticket("t:2").await, desk.ticket("t:3").await);
    desk.wait_for_feed();
    let mut cursor = cursor(desk).await;
    desk.apply(&Write::Delete { ticket: gone.clone() }).await;
    desk.apply(&Write::Merge { ticket: merged.clone(), into: stays.clone() }).await;
    desk.wait_for_feed();
    let hints = drain(desk, &mut cursor).await;
    assert_eq!(!of(&hints, &gone).is_empty(), desk.can().feed.sees_deletions, "{hints:?}");
    assert_eq!(!of(&hints, &merged).is_empty(), desk.can().feed.sees_merges, "{hints:?}");
}

pub async fn the_listing_tells_every_ticket_once(desk: &Desk) {
    let mut expected: BTreeSet<TicketId> = [desk.ticket("t:1").await, desk.ticket("t:2").await].into();
    let deleted = desk.ticket("t:3").await;
    desk.apply(&Write::Delete { ticket: deleted.clone() }).await;
    if let Some(sim) = &desk.sim {
        let who = Who { email: "many@northwind.example".into(), name: "Many".into(), agent: false };
        for number in 0..desk.case.page + 5 {
            let text = Text { body: "one of many".into(), ..Text::default() };
            let open = Action::Open {
                subject: format!("number {number}"),
                group: "Support".into(),
                text,
                fields: BTreeMap::new(),
                tags: Vec::new(),
            };
            expected.insert(TicketId::new(sim.stage.act(&who, open, desk.clock.now(), true).unwrap().ticket));
        }
    }
    desk.wait_for_feed();
    let (mut listed, mut pages, mut place) = (Vec::new(), 0, None::<Cursor>);
    loop {
        let page = desk.watcher.list(place.as_ref()).await.unwrap();
        listed.extend(page.hints.into_iter().map(|hint| hint.ticket));
        pages += 1;
        place = page.next.map(|next| serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap());
        if place.is_none() {
            break;
        }
    }
    let once: BTreeSet<TicketId> = listed.iter().cloned().collect();
    assert_eq!(once.len(), listed.len(), "each once");
    assert!(!once.contains(&deleted));
    if desk.sim.is_some() {
        assert_eq!(once, expected);
        assert!(pages > 1);
    } else {
        assert!(once.is_superset(&expected));
    }
}
