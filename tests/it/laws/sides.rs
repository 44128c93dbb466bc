//! Agents at work on both sides: presets, whoever came last, the guard, and decisions of people.

use std::sync::Arc;
use std::time::Duration;

use tidegate::desk::field::Value;
use tidegate::ledger::conflict::Conflict;
use tidegate::ledger::ruling::PutBack;
use tidegate::merge::ruling::Keep;

use crate::world::desk::{Kind, field, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::{Plan, World};

/// A mirrored ticket with the priority `low`, which is 20 at the target.
async fn mirrored(plan: Plan) -> (World, String, String) {
    let mut world = plan.begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "priority", "low");
    world.settle().await;
    let there = world.mirrored(&ticket).id;
    (world, ticket, there)
}

fn to_rt(policy: &str) -> Plan {
    World::of().from(zendesk()).to(request_tracker()).policy(policy)
}

async fn conflicts(world: &World) -> Vec<Conflict> {
    world.ledger.conflicts(world.mirror.id).await.expect("an answer")
}

/// Both desks change the priority, the target first, so many seconds apart.
async fn both_change(world: &mut World, ticket: &str, there: &str, apart: u64) {
    world.target.set(there, "priority", "51");
    world.clock.advance(Duration::from_secs(apart));
    world.source.set(ticket, "priority", "urgent");
    world.settle().await;
}

async fn decide(world: &World, id: i64, keep: Keep, value: Option<&Value>) -> usize {
    world.ledger.resolve_conflicts(&[id], (keep, value), "olga", world.clock.now()).await.expect("an answer")
}

#[tokio::test]
async fn presets_say_whose_value_stands_and_a_field_may_say_otherwise() {
    for (policy, priority, subject) in [
        ("preset = \"old-leads\"", "100", "Order 8"),
        ("preset = \"new-leads\"", "51", "Order seven"),
        ("preset = \"new-leads\"\nfields = { subject = \"source-wins\" }", "51", "Order 8"),
        ("preset = \"old-leads\"\nfields = { priority = \"target-wins\" }", "51", "Order 8"),
    ] {
        let (mut world, ticket, there) = mirrored(to_rt(policy)).await;
        world.target.set(&there, "subject", "Order seven");
        world.source.set(&ticket, "subject", "Order 8");
        both_change(&mut world, &ticket, &there, 0).await;
        let held = world.mirrored(&ticket);
        assert_eq!((field(&held, "priority").as_str(), field(&held, "subject").as_str()), (priority, subject), "{policy}");
        assert_eq!(conflicts(&world).await.len(), 2, "{policy}");
    }
}

#[tokio::test]
async fn what_the_new_desk_won_stays_its_own() {
    let (mut world, ticket, there) = mirrored(to_rt("preset = \"new-leads\"")).await;
    both_change(&mut world, &ticket, &there, 0).await;
    world.source.set(&ticket, "priority", "high");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "51");
    let told: Vec<String> = conflicts(&world).await.iter().map(|one| format!("{} {}", one.source, one.winner)).collect();
    assert_eq!(told, ["high target", "urgent target"]);
}

#[tokio::test]
async fn whoever_came_last_wins_by_the_desks_own_records() {
    for (policy, apart) in [("conflict = \"newest-wins\"", 5), ("fields = { priority = \"newest-wins\" }", 900)] {
        let (mut world, ticket, there) = mirrored(to_rt(policy)).await;
        both_change(&mut world, &ticket, &there, apart).await;
        assert_eq!(field(&world.mirrored(&ticket), "priority"), "100", "the source was later");
        world.source.set(&ticket, "priority", "high");
        world.clock.advance(Duration::from_secs(apart));
        world.target.set(&there, "priority", "52");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "priority"), "52", "the target was later");
        world.clock.advance(Duration::from_secs(apart));
        world.source.set(&ticket, "priority", "normal");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "priority"), "50", "the source was last");
        let lost: Vec<String> = conflicts(&world).await.iter().map(|one| format!("{} {}", one.target, one.winner)).collect();
        assert_eq!(lost, ["52 source", "52 target", "51 source"], "each is recorded");
    }
}

#[tokio::test]
async fn clocks_that_differ_are_corrected_for() {
    let hour = Duration::from_secs(3600);
    let (mut world, ticket, there) = mirrored(to_rt("conflict = \"newest-wins\"").target_ahead(hour)).await;
    both_change(&mut world, &ticket, &there, 5).await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "100", "the target's clock says that it was an hour later");
}

#[tokio::test]
async fn a_person_is_asked_where_the_clocks_do_not_tell_who_was_last() {
    let (mut world, ticket, there) = mirrored(to_rt("conflict = \"newest-wins\"")).await;
    both_change(&mut world, &ticket, &there, 0).await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "51");
    world.parked("conflict").await;
    let told = conflicts(&world).await;
    assert!(told.len() == 1 && told[0].is_open(), "{told:?}");
}

#[tokio::test]
async fn a_field_that_waits_for_a_decision_stops_nothing_else() {
    let (mut world, ticket, there) = mirrored(to_rt("preset = \"ask\"")).await;
    both_change(&mut world, &ticket, &there, 0).await;
    world.source.reply(&ticket, "Hello?");
    world.source.set(&ticket, "subject", "Order 8");
    world.settle().await;
    let held = world.mirrored(&ticket);
    assert_eq!((field(&held, "priority").as_str(), field(&held, "subject").as_str()), ("51", "Order 8"));
    assert_eq!(saying(&held, "Hello?").len(), 1);
    let parked = world.parked("conflict").await;
    assert!(!parked[0].blocking && parked.len() == 1, "{parked:?}");
    let told = conflicts(&world).await;
    assert_eq!((told.len(), told[0].base_source.clone(), told[0].base_target.clone()), (1, text("low"), text("20")));
    let hand = |hand: &Option<tidegate::merge::hand::Hand>| hand.as_ref().map(|hand| hand.who.clone()).unwrap_or_default();
    assert_eq!((hand(&told[0].source_hand), hand(&told[0].target_hand)), ("Ada Reyes".into(), "alice".into()));
}

fn text(word: &str) -> Option<Value> {
    Some(Value::text(word))
}

#[tokio::test]
async fn a_decision_is_carried_out_once_and_stands() {
    for (keep, value, stands) in [
        (Keep::Source, None, "100"),
        (Keep::Target, None, "51"),
        (Keep::Value, text("77"), "77"),
        (Keep::Value, text("51"), "51"),
    ] {
        let (mut world, ticket, there) = mirrored(to_rt("preset = \"ask\"")).await;
        both_change(&mut world, &ticket, &there, 0).await;
        world.parked("conflict").await;
        let id = conflicts(&world).await[0].id;
        assert_eq!(decide(&world, id, keep, value.as_ref()).await, 1);
        assert_eq!(decide(&world, id, keep, value.as_ref()).await, 0, "it is decided");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "priority"), stands);
        let told = conflicts(&world).await;
        assert!(told.len() == 1 && told[0].closed_at.is_some() && told[0].decided_by.as_deref() == Some("olga"), "{told:?}");
        assert!(world.ledger.parked(None).await.expect("an answer").is_empty());
        let report = world.check().await;
        assert!(report.at_parity(), "{keep:?}: {:#?}", report.lines());
        world.source.reply(&ticket, "Hello?");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "priority"), stands, "nothing comes over it");
        world.source.set(&ticket, "priority", "high");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "priority"), "75", "until the source changes");
    }
}

#[tokio::test]
async fn a_decision_about_values_that_are_not_there_any_more_is_not_carried_out() {
    let (mut world, ticket, there) = mirrored(to_rt("preset = \"ask\"")).await;
    both_change(&mut world, &ticket, &there, 0).await;
    let id = conflicts(&world).await[0].id;
    decide(&world, id, Keep::Source, None).await;
    world.target.set(&there, "priority", "53");
    world.settle().await;
    world.parked("conflict").await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "53", "the agent did not know of it");
    let told = conflicts(&world).await;
    assert_eq!((told.len(), told[0].is_open(), told[1].winner.as_str()), (2, true, "undecided"));
    world.target.set(&there, "priority", "100");
    world.settle().await;
    assert!(world.ledger.parked(None).await.expect("an answer").is_empty(), "both say the same now");
    assert!(conflicts(&world).await.iter().all(|one| !one.is_open()));
}

#[tokio::test]
async fn nobody_is_asked_about_a_ticket_that_is_gone() {
    let (mut world, ticket, there) = mirrored(to_rt("preset = \"ask\"")).await;
    both_change(&mut world, &ticket, &there, 0).await;
    assert!(conflicts(&world).await[0].is_open());
    world.source.delete(&ticket);
    world.settle().await;
    assert!(!conflicts(&world).await[0].is_open());
    assert!(world.ledger.parked(None).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn a_message_does_not_make_an_agent_s_status_ours() {
    for (policy, stands) in [("preset = \"new-leads\"", "stalled"), ("preset = \"ask\"", "stalled"), ("", "resolved")] {
        let (mut world, ticket, there) = mirrored(to_rt(policy)).await;
        world.source.set(&ticket, "status", "open");
        world.settle().await;
        world.target.set(&there, "status", "stalled");
        world.source.note(&ticket, "They called.");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "status"), "stalled", "{policy}: it stands again after the message");
        world.source.set(&ticket, "status", "solved");
        world.source.note(&ticket, "It is done.");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "status"), stands, "{policy}");
        let told = conflicts(&world).await;
        assert!(told.iter().any(|one| one.target == Value::text("stalled")), "{policy}: {told:?}");
        if policy.contains("ask") {
            world.parked("conflict").await;
        }
    }
}

#[tokio::test]
async fn the_guard_waits_until_people_are_quiet_and_messages_go_on() {
    for target in [zendesk(), request_tracker()] {
        let plan = World::of().from(zendesk()).to(target).policy("guard = \"wait\"\nguard-for = \"20m\"");
        let (mut world, ticket, there) = mirrored(plan).await;
        let before = field(&world.mirrored(&ticket), "subject");
        world.target.note(&there, "I look into it.");
        world.source.set(&ticket, "subject", "Order 8");
        world.source.reply(&ticket, "Hello?");
        pass(&mut world, 15).await;
        assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1, "{}: a message waits for nobody", target.vendor);
        assert_eq!(field(&world.mirrored(&ticket), "subject"), before, "{}: somebody is at it", target.vendor);
        world.target.note(&there, "Still at it.");
        pass(&mut world, 15).await;
        assert_eq!(field(&world.mirrored(&ticket), "subject"), before, "{}: and goes on", target.vendor);
        pass(&mut world, 6).await;
        assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 8", "{}: nobody any more", target.vendor);
        assert!(conflicts(&world).await.is_empty());
        world.settle().await;
    }
}

/// So many minutes pass, and every task runs.
async fn pass(world: &mut World, minutes: u32) {
    for _ in 0..minutes {
        while world.turn().await {}
        world.clock.advance(Duration::from_secs(60));
    }
    while world.turn().await {}
}

#[tokio::test]
async fn the_guard_asks_before_it_writes_over_people_at_work() {
    let (mut world, ticket, there) = mirrored(to_rt("guard = \"ask\"")).await;
    world.source.set(&ticket, "priority", "high");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "75", "nobody is at work there");
    world.target.note(&there, "I look into it.");
    world.source.set(&ticket, "priority", "urgent");
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "75");
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
    let parked = world.parked("conflict").await;
    assert!(parked[0].reason.contains("people are at work"), "{}", parked[0].reason);
    let told = conflicts(&world).await;
    assert_eq!((&told[0].source, &told[0].target), (&Value::text("urgent"), &Value::text("75")));
    decide(&world, told[0].id, Keep::Source, None).await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "100");
}

/// A process that stops right before its first write.
async fn held_before_a_write(world: &mut World) -> Arc<Holder> {
    let holder = Arc::new(Holder::at("intent sent", 1));
    world.process = world.process.successor(holder.clone()).await;
    world.process.serve(&world.mirror).await;
    holder
}

/// An agent of the target gives the ticket another subject after it was read and before the write to it; it has to be told.
async fn renamed_meanwhile(world: &mut World, holder: &Holder, there: &str) {
    world.arrive().await;
    let agent = async {
        holder.holds().await;
        world.target.set(there, "subject", "Order seven");
        holder.let_go();
    };
    tokio::join!(agent, world.process.engine.run_until_idle());
    world.settle().await;
    let lost = conflicts(world).await;
    assert!(lost.iter().any(|one| one.target == Value::text("Order seven")), "{}: {lost:?}", world.target.kind.vendor);
}

#[tokio::test]
async fn what_an_agent_writes_between_our_read_and_our_write_is_not_lost() {
    let write = async |target: Kind, policy: &str| {
        let (mut world, ticket, there) = mirrored(World::of().from(zendesk()).to(target).policy(policy)).await;
        let holder = held_before_a_write(&mut world).await;
        world.source.set(&ticket, "subject", "Order 8");
        renamed_meanwhile(&mut world, &holder, &there).await;
        field(&world.mirrored(&ticket), "subject")
    };
    for target in [zendesk(), request_tracker()] {
        assert_eq!(write(target, "preset = \"old-leads\"").await, "Order 8");
        assert_eq!(write(target, "preset = \"new-leads\"").await, "Order seven");
    }
}

#[tokio::test]
async fn a_restriction_before_it_does_not_let_a_write_pass_unseen() {
    let mut world = World::of().from(zendesk()).to(zendesk()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    let secret = world.source.reply(&ticket, "My card is 4111 1111, please charge it.");
    world.settle().await;
    let there = world.mirrored(&ticket).id;
    let holder = held_before_a_write(&mut world).await;
    world.source.redact(&ticket, &secret, "4111 1111");
    world.source.set(&ticket, "subject", "Order 8");
    renamed_meanwhile(&mut world, &holder, &there).await;
    assert!(saying(&world.mirrored(&ticket), "4111").is_empty());
    assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 8");
}

#[tokio::test]
async fn a_field_is_put_back_only_while_it_holds_what_was_seen() {
    for target in [zendesk(), request_tracker()] {
        let (mut world, ticket, there) = mirrored(World::of().from(zendesk()).to(target)).await;
        world.source.set(&ticket, "subject", "Order 8");
        world.settle().await;
        let pair = world.ledger.pairs_of_number(world.mirror.id, &ticket).await.expect("an answer").remove(0);
        let visit = world.ledger.visits(pair.id).await.expect("an answer").remove(0);
        let write = &visit.fields[0];
        assert_eq!((&write.before, &write.intended), (&Value::text("Order 7"), &Value::text("Order 8")));
        let back = PutBack { field: write.source.clone(), held: write.intended.clone(), value: write.before.clone() };
        let order = async |world: &World| {
            let fields = std::slice::from_ref(&back);
            world.ledger.order_put_back(pair.id, fields, "olga", world.clock.now()).await.expect("an order")
        };
        let ids = order(&world).await;
        world.settle().await;
        let became = async |world: &World, ids: &[i64]| world.ledger.outcomes(ids).await.expect("an answer")[0].1.clone();
        assert_eq!(became(&world, &ids).await.as_deref(), Some("done"));
        assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 7");
        let report = world.check().await;
        assert!(report.at_parity(), "{}: {:#?}", target.vendor, report.lines());
        world.source.reply(&ticket, "Hello?");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 7", "the source did not change it");
        world.source.set(&ticket, "subject", "Order 8!");
        world.source.set(&ticket, "subject", "Order 8");
        world.target.set(&there, "subject", "Order seven");
        let ids = order(&world).await;
        world.settle().await;
        assert_eq!(became(&world, &ids).await.as_deref(), Some("overtaken"), "{}", target.vendor);
    }
}
