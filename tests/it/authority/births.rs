//! Tickets that people make in the new desk: each is made in the old one, once, and ours never are taken for theirs.

use std::sync::Arc;

use tidegate::desk::Side;

use super::{between, carried_back, pairs, turn};
use crate::world::desk::{field, saying};
use crate::world::killer::Holder;
use crate::world::pact;
use crate::world::rest::{mirrored, rests};
use crate::world::stand::World;

async fn pairs_of(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from pair").fetch_one(&world.pool).await.expect("a count")
}

#[tokio::test]
async fn a_ticket_of_the_new_desk_is_made_in_the_old_one_once() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, _, _) = mirrored(between(pair)).await;
        turn(&world, Side::Target).await;
        let there = world.target.open("Order 8", "A new one.");
        world.target.answer(&there, "We look into it.");
        world.settle().await;
        let made = carried_back(&world, &there);
        assert_eq!(made.len(), 1, "{what}: {:?} {:#?}", world.stuck().await, world.source.tickets());
        assert_eq!(field(&made[0], "subject"), "Order 8", "{what}");
        assert_eq!(field(&made[0], "requester"), "jane@northwind.example", "{what}");
        for words in ["A new one", "We look into it"] {
            assert_eq!(saying(&made[0], words).len(), 1, "{what}: `{words}` in {made:#?}");
        }
        let (here, there_count, here_count) = (made[0].id.clone(), world.target.tickets().len(), world.source.tickets().len());
        world.source.reply(&here, "A late mail.");
        world.target.set(&there, "subject", "Order eight");
        world.settle().await;
        assert_eq!(saying(&world.target.ticket(&there), "A late mail").len(), 1, "{what}");
        assert_eq!(field(&world.source.ticket(&here), "subject"), "Order eight", "{what}");
        assert_eq!((world.target.tickets().len(), world.source.tickets().len()), (there_count, here_count), "{what}");
        rests(&mut world, &what).await;
        turn(&world, Side::Source).await;
        world.source.set(&here, "subject", "Order 9");
        world.settle().await;
        assert_eq!(field(&world.target.ticket(&there), "subject"), "Order 9", "{what}: the old desk leads this one too");
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn a_new_ticket_of_either_desk_is_led_by_the_one_that_leads_once_both_have_it() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let mut world = between(pair).policy("tickets-back = true").begin().await;
        for side in [Side::Source, Side::Target] {
            turn(&world, side).await;
            let here = world.source.open("Old Order", "Where is it?");
            let there = world.target.open("New Order", "Where is it?");
            world.settle().await;
            let (copy, back) = (world.mirrored(&here).id, carried_back(&world, &there).remove(0).id);
            for (old, new) in [(&here, &copy), (&back, &there)] {
                let (lead, ticket, other) =
                    if side == Side::Source { (&world.source, old, new) } else { (&world.target, new, old) };
                lead.set(ticket, "subject", "Another subject");
                world.settle().await;
                let follow = if side == Side::Source { &world.target } else { &world.source };
                assert_eq!(field(&follow.ticket(other), "subject"), "Another subject", "{what}, {side:?} leads");
            }
        }
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn what_was_in_the_new_desk_before_stays_there() {
    let mut world = between(pairs()[0]).begin().await;
    let before = world.target.open("An old one", "Of the new desk's own.");
    world.settle().await;
    assert!(carried_back(&world, &before).is_empty(), "the old desk leads, and nobody asked for it");
    world.clock.advance(std::time::Duration::from_secs(3600));
    turn(&world, Side::Target).await;
    world.target.answer(&before, "Still at it.");
    world.settle().await;
    assert!(carried_back(&world, &before).is_empty());
    assert!(world.source.tickets().is_empty());
}

#[tokio::test]
async fn a_ticket_out_of_scope_by_its_own_words_is_left() {
    let tables = pact::tables("zendesk", "request-tracker");
    let plan = between(pairs()[0]).maps(format!("[scope]\ngroups = [\"Support\"]\n{tables}"));
    let mut world = plan.begin().await;
    turn(&world, Side::Target).await;
    let (inside, outside) = (world.target.open("Order 7", "For support."), world.target.open("Order 8", "For billing."));
    world.target.set(&outside, "group", "Billing");
    world.settle().await;
    assert_eq!((carried_back(&world, &inside).len(), carried_back(&world, &outside).len()), (1, 0));
}

#[tokio::test]
async fn a_hint_that_overtakes_the_settlement_of_our_own_ticket_makes_no_second_one() {
    let mut overtaken = 0;
    for (pair, born) in pairs().into_iter().flat_map(|pair| [Side::Source, Side::Target].map(|born| (pair, born))) {
        let what = format!("{} to {}, made at the {born:?}", pair.0.vendor, pair.1.vendor);
        let (mut world, _, _) = mirrored(between(pair)).await;
        turn(&world, Side::Target).await;
        world.settle().await;
        let holder = Arc::new(Holder::at("write done", 1));
        world.process = world.process.successor(holder.clone()).await;
        world.process.serve(&world.mirror).await;
        let [desk, other] = if born == Side::Source { [&world.source, &world.target] } else { [&world.target, &world.source] };
        desk.open("Order 8", "A new one.");
        let before = other.tickets().len();
        world.clock.advance(std::time::Duration::from_secs(75));
        world.arrive().await;
        let hints = async {
            holder.holds().await;
            assert_eq!(other.tickets().len(), before + 1, "{what}: it is made, and not settled");
            for _ in 0..3 {
                world.clock.advance(std::time::Duration::from_secs(75));
                world.arrive().await;
            }
            let early = pairs_of(&world).await == 3;
            holder.let_go();
            early
        };
        let (early, _) = tokio::join!(hints, world.process.engine.run_until_idle());
        overtaken += usize::from(early);
        world.settle().await;
        assert_eq!(pairs_of(&world).await, 2, "{what}");
        assert_eq!((world.source.tickets().len(), world.target.tickets().len()), (2, 2), "{what}");
        rests(&mut world, &what).await;
    }
    assert!(overtaken > 0, "no hint about ours came first");
}

#[tokio::test]
async fn an_answer_lost_while_a_ticket_is_made_in_the_old_desk_is_found_again() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, _, _) = mirrored(between(pair)).await;
        turn(&world, Side::Target).await;
        world.settle().await;
        let holder = Arc::new(Holder::at("write done", 1));
        world.process = world.process.successor(holder.clone()).await;
        world.process.serve(&world.mirror).await;
        let there = world.target.open("Order 8", "A new one.");
        world.clock.advance(std::time::Duration::from_secs(75));
        world.arrive().await;
        tokio::select! {
            () = holder.holds() => {}
            _ = world.process.engine.run_until_idle() => panic!("{what}: nothing was written"),
        }
        world.restart().await;
        // The lead turns while nobody knows what became of it.
        turn(&world, Side::Source).await;
        turn(&world, Side::Target).await;
        world.settle().await;
        assert_eq!(carried_back(&world, &there).len(), 1, "{what}");
        assert_eq!(world.figure("answers found again").await, 1, "{what}");
        rests(&mut world, &what).await;
    }
}
