//! `--repair`: what differs goes through the normal path once more, when somebody says so, and a later check sees it right.

use std::time::Duration;

use tidegate::cutover::parity::{Bench, Options, check};
use tidegate::cutover::repair::{Repaired, repair};
use tidegate::cutover::report::Kind;
use tidegate::cutover::switch::Outcome;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Link, LinkKind};
use tidegate::desk::write::Write;
use tidegate::gateway::connect;
use tidegate::sim::stage::Damage;

use super::seeds::Way;
use crate::world::desk::field;
use crate::world::stand::World;
use crate::world::switching::{Hand, shut, wish};

fn bench(world: &World) -> Bench<'_> {
    connect::bench(world.process.course(), &world.ledger, &world.clock)
}

async fn mend(world: &World) -> Repaired {
    repair(&bench(world), &Options::default(), None, "a test").await.unwrap()
}

async fn kinds(world: &World) -> Vec<(String, Kind)> {
    let report = world.check().await;
    report.differences.into_iter().map(|one| (one.source_ticket.unwrap_or_default(), one.kind)).collect()
}

#[tokio::test]
async fn what_the_gateway_can_mend_is_mended_and_the_rest_is_told() {
    for way in [Way::ZendeskToRt, Way::RtToZendesk] {
        let mut world = way.world().begin().await;
        let [named, silent, linked, parent, reworded] =
            ["One", "Two", "Three", "Four", "Five"].map(|subject| world.source.open(subject, "The first words"));
        world.source.answer(&silent, "The answer words");
        world.source.link(&linked, "parent", &parent);
        world.settle().await;
        assert_eq!(kinds(&world).await, [], "{way:?}");
        let copy = |world: &World, source: &str| TicketId::new(world.mirrored(source).id);
        let fields = Fields::from([(FieldKey::Subject, Value::text("Spoilt"))]);
        let spoil = Write::SetFields { ticket: copy(&world, &named), fields, expect: None };
        world.process.course().target.apply(&spoil).await.unwrap();
        for (source, words, damage) in [
            (&silent, "The answer words", Damage::Lose),
            (&reworded, "The first words", Damage::Reword { from: "The first words".into(), to: "Other words".into() }),
        ] {
            let there = world.mirrored(source);
            let message = there.messages.iter().find(|one| one.body.contains(words)).unwrap();
            world.target.running.stage.damage(&there.id, &message.id, damage).unwrap();
        }
        let link = Link { kind: LinkKind::Parent, to: copy(&world, &parent) };
        let unlink = Write::RemoveLink { ticket: copy(&world, &linked), link };
        world.process.course().target.apply(&unlink).await.unwrap();
        world.clock.advance(Duration::from_secs(1_200));
        let lost = world.source.open("Six", "Nobody told of this");
        world.clock.advance(Duration::from_secs(1_200));
        let mut found = kinds(&world).await;
        found.sort();
        let mut expected = [
            (named.clone(), Kind::Field),
            (silent, Kind::MissingMessage),
            (linked, Kind::Link),
            (reworded.clone(), Kind::Words),
            (lost, Kind::MissingTicket),
        ];
        expected.sort();
        assert_eq!(found, expected, "{way:?}");
        let done = mend(&world).await;
        assert_eq!(done, Repaired { tickets: 4, differences: 4, by_hand: 1, moved: 0 }, "{way:?}");
        assert_eq!(mend(&world).await.tickets, 0, "{way:?}: what is being carried is not sent twice");
        world.settle().await;
        assert_eq!(kinds(&world).await, [(reworded, Kind::Words)], "{way:?}");
        assert_eq!(field(&world.mirrored(&named), "subject"), "One", "{way:?}");
    }
}

#[tokio::test]
async fn a_ticket_that_only_the_old_desk_has_is_mended_after_the_switch_too() {
    for way in [Way::ZendeskToRt, Way::RtToZendesk] {
        let mut world = way.world().begin().await;
        world.source.open("One", "The first words");
        world.copy().await;
        let lost = world.source.open("Two", "The first words");
        world.clock.advance(Duration::from_secs(120));
        world.arrive().await;
        // The gateway lost it.
        world.sql("update lane set applied = pending, waiting_since = null where pair_id in (select id from pair where target_ticket is null)").await;
        world.clock.advance(Duration::from_secs(1_200));
        let switched = world.switch(&wish(tidegate::ledger::switch::Kind::Go, &["all"]), &Hand::of(&world)).await;
        assert_eq!(switched.outcome, Outcome::Done, "{way:?}: {:?}", shut(&switched));
        world.settle().await;
        assert_eq!(kinds(&world).await, [(lost.clone(), Kind::MissingTicket)], "{way:?}");
        assert_eq!(mend(&world).await, Repaired { tickets: 1, differences: 1, by_hand: 0, moved: 0 }, "{way:?}");
        world.settle().await;
        assert_eq!(kinds(&world).await, [], "{way:?}");
        assert_eq!(world.copies(&lost).len(), 1, "{way:?}");
    }
}

#[tokio::test]
async fn a_second_check_reads_no_ticket_of_either_desk_until_something_happens() {
    for way in [Way::ZendeskToRt, Way::RtToZendesk] {
        let mut world = way.world().begin().await;
        let [one, _] = ["One", "Two"].map(|subject| world.source.open(subject, "The first words"));
        world.settle().await;
        let read = async |world: &World| {
            let options = Options { rounds: 0, ..Options::default() };
            let report = check(&bench(world), options, |_| {}).await.unwrap();
            assert!(report.at_parity(), "{way:?}: {:#?}", report.lines());
            report.read
        };
        assert_eq!((read(&world).await, read(&world).await), (2, 0), "{way:?}");
        world.source.reply(&one, "And now?");
        world.settle().await;
        assert_eq!((read(&world).await, read(&world).await), (1, 0), "{way:?}");
        let copy = world.mirrored(&one).id;
        world.target.answer(&copy, "It comes.");
        world.settle().await;
        assert_eq!((read(&world).await, read(&world).await), (1, 0), "{way:?}: an answer of the new desk's people");
    }
}
