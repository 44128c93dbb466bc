//! Reading: rules 10 to 15.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate::connectors::REGISTER;
use tidegate::desk::capability::Change;
use tidegate::sim::faults::Kind;
use tidegate::sim::snapshot::TicketState;

use crate::world::desk::{Kind as Vendor, field, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

#[tokio::test]
async fn rule_10_a_read_that_is_behind_its_hint_is_not_believed() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.reply(&ticket, "Hello?");
    for _ in 0..4 {
        world.source.running.stage.faults().order(Kind::StaleRead);
    }
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
}

#[tokio::test]
async fn rule_10_an_older_state_that_is_told_in_one_of_the_calls_of_a_read_is_not_believed() {
    for (source, target) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut struck = 0;
        for spared in 0..6 {
            let mut world = World::of().from(source).to(target).begin().await;
            let ticket = world.source.open("Order 7", "Where is it?");
            world.settle().await;
            world.source.set(&ticket, "subject", "Order 8");
            world.arrive().await;
            world.process.engine.run_until_idle().await;
            assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 8");
            let writes = world.figure("writes").await;
            world.raise_everything().await;
            world.source.running.stage.faults().order_after(spared, Kind::StaleRead);
            world.target.running.stage.faults().order_after(spared, Kind::StaleRead);
            world.process.engine.run_until_idle().await;
            struck += [&world.source, &world.target]
                .iter()
                .filter_map(|desk| desk.running.stage.faults().happened().get(&Kind::StaleRead).copied())
                .sum::<u64>();
            world.settle().await;
            assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 8", "{} {spared}", source.vendor);
            assert_eq!(world.figure("writes").await, writes, "{} {spared}: nothing was news", source.vendor);
        }
        assert!(struck >= 6, "{} {struck}", source.vendor);
    }
}

#[tokio::test]
async fn rule_10_a_ticket_that_changes_between_two_calls_is_read_again() {
    for (source, target) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut world = World::of().from(source).to(target).begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        world.settle().await;
        world.source.reply(&ticket, "Hello?");
        world.arrive().await;
        world.source.interrupt(&ticket, "Order 8");
        world.process.engine.run_until_idle().await;
        assert_eq!(world.source.running.stage.faults().happened()[&Kind::Interrupted], 1);
        assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 8", "{}", source.vendor);
    }
}

#[tokio::test]
async fn rule_10_of_a_ticket_that_does_not_stand_still_only_additions_are_carried() {
    for (source, target) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut world = World::of().from(source).to(target).begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        world.settle().await;
        world.source.reply(&ticket, "Hello?");
        (0..60).for_each(|n| world.source.interrupt(&ticket, &format!("Order {n}")));
        world.arrive().await;
        while world.source.running.stage.faults().interruptions() > 0 && saying(&world.mirrored(&ticket), "Hello?").is_empty() {
            world.process.engine.run_until_idle().await;
            world.clock.advance(Duration::from_secs(30));
        }
        assert!(world.source.running.stage.faults().interruptions() > 0, "it still changes");
        let mirrored = world.mirrored(&ticket);
        assert_eq!(saying(&mirrored, "Hello?").len(), 1, "{}", source.vendor);
        assert_eq!(field(&mirrored, "subject"), "Order 7");
        world.settle().await;
        let mirrored = world.mirrored(&ticket);
        assert_eq!((saying(&mirrored, "Hello?").len(), field(&mirrored, "subject").as_str()), (1, "Order 59"));
    }
}

#[tokio::test]
async fn rule_11_a_ticket_that_is_not_shown_is_not_taken_for_deleted() {
    for (source, target) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut world = World::of().from(source).to(target).begin().await;
        let (ticket, _other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 8", "And this?"));
        world.settle().await;
        world.source.conceal(Some(&[ticket.as_str()]));
        world.source.reply(&ticket, "Hello?");
        world.settle().await;
        let parked = world.parked("missing").await;
        assert!(parked[0].reason.contains(&ticket) && parked[0].advice.contains("give the right back"), "{parked:?}");
        let mirrored = world.mirrored(&ticket);
        assert!(!mirrored.tags.contains("tidegate_deleted") && mirrored.state == TicketState::Present);
        world.source.conceal(Some(&[]));
        world.release("missing").await;
        assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
    }
}

#[tokio::test]
async fn rule_11_a_credential_that_lost_its_rights_parks_nothing() {
    for side in ["source", "target"] {
        let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
        let tickets: Vec<String> = (0..3).map(|n| world.source.open(&format!("Order {n}"), "Where is it?")).collect();
        world.settle().await;
        let desk = |world: &World, hidden: Option<&[&str]>| {
            if side == "source" { world.source.conceal(hidden) } else { world.target.conceal(hidden) }
        };
        desk(&world, None);
        for ticket in &tickets {
            world.source.reply(ticket, "Hello?");
        }
        world.settle().await;
        assert!(world.ledger.parked(None).await.expect("an answer").is_empty());
        let blind = world.status().await.blind;
        assert!(blind.len() == 1 && blind[0].side == side && blind[0].why.contains("lost its rights"), "{blind:?}");
        let metrics = reqwest::get(format!("{}/metrics", world.process.url)).await.expect("an answer");
        let metrics = metrics.text().await.expect("text");
        assert!(metrics.contains("tidegate_desks_out_of_sight{mirror=\"demo\"} 1\n"), "{metrics}");
        desk(&world, Some(&[]));
        world.settle().await;
        assert!(world.status().await.blind.is_empty());
        assert!(tickets.iter().all(|ticket| saying(&world.mirrored(ticket), "Hello?").len() == 1));
    }
}

#[tokio::test]
async fn rule_11_lost_rights_are_seen_where_nothing_happens() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (one, _other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 8", "And this?"));
    world.settle().await;
    world.source.conceal(Some(&[one.as_str()]));
    world.process.watch().await;
    assert!(world.status().await.blind.is_empty(), "one ticket proves nothing");
    world.source.conceal(None);
    world.process.watch().await;
    assert_eq!(world.status().await.blind.len(), 1);
    world.source.conceal(Some(&[]));
    world.settle().await;
}

#[tokio::test]
async fn rule_12_deletion_marks_and_undeletion_takes_the_mark_away() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.delete(&ticket);
    world.settle().await;
    let mirrored = world.mirrored(&ticket);
    assert!(mirrored.tags.contains("tidegate_deleted") && mirrored.state == TicketState::Present);
    world.source.undelete(&ticket);
    world.settle().await;
    assert!(!world.mirrored(&ticket).tags.contains("tidegate_deleted"));
}

#[tokio::test]
async fn rule_12_a_deletion_that_was_undone_meanwhile_is_not_applied() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.delete(&ticket);
    world.source.undelete(&ticket);
    world.settle().await;
    assert!(!world.mirrored(&ticket).tags.contains("tidegate_deleted"));
}

#[tokio::test]
async fn rule_12_many_deletions_halt_the_mirror() {
    let limit = "destructive-limit = { count = 2, within = \"10m\" }";
    let mut world = World::of().from(zendesk()).to(request_tracker()).policy(limit).begin().await;
    let tickets: Vec<String> = (0..4).map(|n| world.source.open(&format!("Order {n}"), "Where is it?")).collect();
    world.settle().await;
    for ticket in &tickets {
        world.source.delete(ticket);
    }
    world.settle().await;
    let marked = tickets.iter().filter(|ticket| world.mirrored(ticket).tags.contains("tidegate_deleted")).count();
    assert_eq!(marked, 2);
    let mirror = world.ledger.mirror("demo").await.expect("it is there");
    assert!(mirror.paused_why.is_some_and(|why| why.contains("destructive-limit")));
}

#[tokio::test]
async fn rule_13_a_merge_unites_both_conversations() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7!", "Where is my order?"));
    world.settle().await;
    let (gone, root) = (world.mirrored(&one), world.mirrored(&other));
    world.source.reply(&one, "This came before the merge.");
    world.source.reply(&one, "A merge quotes the last one.");
    world.source.merge(&one, &other);
    world.source.reply(&other, "This came after the merge.");
    world.settle().await;
    let root = world.target.ticket(&root.id);
    assert_eq!(world.target.ticket(&gone.id).state, TicketState::MergedInto(root.id.clone()));
    for words in ["Where is it?", "This came before the merge.", "This came after the merge."] {
        assert_eq!(saying(&root, words).len(), 1, "{words}");
    }
}

#[tokio::test]
async fn rule_13_a_ticket_that_was_merged_before_the_copy_arrives_merged() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7!", "Where is my order?"));
    world.source.merge(&one, &other);
    world.settle().await;
    let alive: Vec<_> = world.target.tickets().into_iter().filter(|ticket| ticket.state == TicketState::Present).collect();
    assert_eq!(alive.len(), 1);
    assert_eq!(saying(&alive[0], "Where is my order?").len(), 1);
}

/// A merge at the source while the merged ticket's lane is held at `step`, two messages still on their way: from then on both
/// lanes see them, and the survivor's lane works while the other stands.
async fn merged_under_a_lane(target: Vendor, step: &'static str) {
    let mut world = World::of().from(request_tracker()).to(target).begin().await;
    let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7!", "Where is my order?"));
    world.settle().await;
    let messages = [world.source.reply(&one, "Hello?"), world.source.reply(&one, "Anybody?")];
    let holder = Arc::new(Holder::at(step, 1));
    let held = world.process.beside(&world.mirror, holder.clone()).await;
    let engine = held.engine.clone();
    world.arrive().await;
    let working = tokio::spawn(async move { engine.run_until_idle().await });
    holder.holds().await;
    world.source.merge(&one, &other);
    while world.turn().await {}
    holder.let_go();
    working.await.expect("it ends");
    world.settle().await;
    for (message, words) in messages.iter().zip(["Hello?", "Anybody?"]) {
        // A merged ticket's messages are told under both numbers.
        let there = world.target.tickets();
        let said = there.iter().flat_map(|ticket| saying(ticket, words)).map(|said| said.id.as_str());
        let said: BTreeSet<&str> = said.collect();
        assert_eq!(said.len(), 1, "held at `{step}`: {words} is there as {said:?}");
        assert_eq!(links_of(&world, message).await, said.into_iter().map(str::to_string).collect::<Vec<_>>());
    }
}

/// What the ledger holds a source message to have become.
async fn links_of(world: &World, message: &str) -> Vec<String> {
    sqlx::query_scalar("select target_message from message_link where mirror_id = $1 and source_message = $2")
        .bind(world.mirror.id.0)
        .bind(message)
        .fetch_all(&world.pool)
        .await
        .expect("an answer")
}

#[tokio::test]
async fn rule_13_two_lanes_that_see_one_message_after_a_merge_write_it_once() {
    for target in [request_tracker, zendesk] {
        for step in ["hydrated", "intent sent", "step settled"] {
            merged_under_a_lane(target(), step).await;
        }
    }
}

#[tokio::test]
async fn rule_14_what_the_webhook_missed_the_poll_finds() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    for _ in 0..4 {
        world.source.running.stage.faults().order(Kind::Drop);
    }
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
    let mut polled = World::of().from(zendesk()).to(request_tracker()).polled().begin().await;
    let ticket = polled.source.open("Order 7", "Where is it?");
    polled.settle().await;
    assert_eq!(saying(&polled.mirrored(&ticket), "Where is it?").len(), 1);
}

#[tokio::test]
async fn rule_15_what_no_witness_tells_the_sweep_finds_within_its_time() {
    for (source, target) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut world = World::of().from(source).to(target).begin().await;
        let tickets: Vec<String> = (0..3).map(|n| world.source.open(&format!("Order {n}"), "Where is it?")).collect();
        world.settle().await;
        let slipped = &tickets[1];
        world.source.slip(slipped, "Order 7");
        world.settle().await;
        assert_eq!(field(&world.mirrored(slipped), "subject"), "Order 1", "no witness of {} tells", source.vendor);
        let bound = world.process.sweep_bound();
        assert_eq!(bound, Duration::from_secs(24 * 3600));
        for _ in 0..64 {
            world.clock.advance(bound / 64);
            while world.turn().await {}
        }
        assert_eq!(field(&world.mirrored(slipped), "subject"), "Order 7", "{}", source.vendor);
        assert_eq!(world.status().await.events.get("sweep"), Some(&3), "each ticket was looked at");
        assert_eq!(world.figure("healed by the sweep").await, 1);
    }
}

#[test]
fn rule_15_each_connector_states_for_each_kind_of_change_who_sees_it() {
    for can in REGISTER {
        let stated: Vec<Change> = can.seen.iter().map(|(change, _)| *change).collect();
        assert_eq!(stated, Change::ALL, "{}", can.vendor);
    }
}
