//! Parts that are switched on their own: each by its own gate, on its own day, with tickets that people move between them.

use tidegate::cutover::switch::{Outcome, Step};
use tidegate::desk::Side;
use tidegate::ledger::Error;
use tidegate::ledger::switch::{Kind, Wish};
use tidegate::mirror::Phase;

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::rest::rests;
use crate::world::stand::World;
use crate::world::switching::{Hand, only_shut, shut, wish};

const WINDOWS: &str =
    "[[window]]\nname = \"billing\"\ngroups = [\"Billing\"]\n[[window]]\nname = \"boats\"\ngroups = [\"Engineering\"]\n";

/// Old numbers: two of billing, two of boats, one of neither.
type Tickets = [String; 5];

/// Copied and followed, with webhooks of both desks.
async fn mirrored() -> (World, Tickets) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).both_tell().policy(WINDOWS).begin().await;
    let groups =
        [("Invoice", "Billing"), ("Refund", "Billing"), ("Mast", "Engineering"), ("Sail", "Engineering"), ("Tea", "Support")];
    let tickets = groups.map(|(subject, group)| {
        let ticket = world.source.open(subject, "Please help.");
        world.source.set(&ticket, "group", group);
        ticket
    });
    world.copy_and_work(&tickets[0]).await;
    (world, tickets)
}

async fn rehearsed(world: &World, window: &str) -> tidegate::cutover::switch::Report {
    world.switch(&world.wish_for(Kind::Rehearsal, window).await, &Hand::of(world)).await
}

/// Fails unless boats are refused by this gate alone, and billing is not.
async fn refuses_boats_alone(world: &World, gate: &str, words: &str) {
    let report = rehearsed(world, "billing").await;
    assert_eq!(report.outcome, Outcome::Done, "{gate}: {:?}", shut(&report));
    let report = rehearsed(world, "boats").await;
    let found = &only_shut(&report, gate).found;
    assert!(found.contains(words), "{gate}: {found}");
}

#[tokio::test]
async fn a_window_is_refused_by_what_is_in_it_and_not_by_what_is_in_another() {
    let (mut world, [_, _, mast, ..]) = mirrored().await;
    let of_mast = format!("(select id from pair where source_ticket = '{mast}')");
    let park = |kind: &str, pair: &str| {
        format!(
            "insert into parked (tenant_id, mirror_id, pair_id, kind, reason, advice, blocking, parked_at)
             select tenant_id, id, {pair}, '{kind}', 'the mast was made private', 'look', false, created_at from mirror"
        )
    };
    world.sql(&park("exposed", &of_mast)).await;
    refuses_boats_alone(&world, "parked", "1 things wait for a person's decision, one of them: the mast").await;
    world.release("exposed").await;

    world
        .sql(&format!(
            "insert into conflict (tenant_id, mirror_id, pair_id, field, source_now, target_now, winner, found_at)
             select tenant_id, mirror_id, id, 'priority', '\"empty\"', '\"empty\"', 'undecided', created_at
             from pair where id = {of_mast}"
        ))
        .await;
    refuses_boats_alone(&world, "conflicts", "1 fields that both desks changed are undecided").await;
    world.sql("delete from conflict").await;

    let late = "due_at = '2100-01-01', waiting_since = '2026-03-01'";
    world.sql(&format!("update lane set pending = pending + 1, {late} where pair_id = {of_mast}")).await;
    refuses_boats_alone(&world, "lag", "the oldest of 1 waiting tickets has waited").await;
    world.sql("update lane set waiting_since = null").await;
    refuses_boats_alone(&world, "applied", "1 tickets were not applied within 90 s").await;
    world.sql("update lane set due_at = '2026-03-01'").await;
    world.settle().await;

    // What nobody can tell the window of counts for each.
    world.sql(&park("exposed", "null")).await;
    for window in ["billing", "boats", "rest"] {
        only_shut(&rehearsed(&world, window).await, "parked");
    }
    world.sql("delete from parked").await;
    world.settle().await;
}

#[tokio::test]
async fn a_window_is_refused_by_differences_in_it_and_by_lost_tickets_that_may_be_in_it() {
    let (mut world, [_, _, mast, ..]) = mirrored().await;
    world.check().await;
    let lost = |side: &str, found: &str| {
        format!(
            "insert into stray (mirror_id, run_id, side, ticket, answer, found)
             select mirror_id, max(id), '{side}', '4711', 'different', '{found}' from check_run group by mirror_id"
        )
    };
    world.sql(&lost("target", &format!("{{\"source_ticket\": \"{mast}\"}}"))).await;
    refuses_boats_alone(&world, "parity", "1 tickets differ and 0 were not compared as they are now; 1 of them").await;
    world.sql("delete from stray").await;
    world.sql(&lost("source", "{\"source_ticket\": \"4711\"}")).await;
    for window in ["billing", "boats", "rest"] {
        only_shut(&rehearsed(&world, window).await, "parity");
    }
    world.sql("delete from stray").await;
    world.sql("delete from verdict").await;
    world.source.slip(&mast, "Another subject");
    refuses_boats_alone(&world, "parity", "1 tickets differ and 0 were not compared").await;
    // All that is left is refused by it as long as boats are among it, and not once they were let through.
    let report = world.switch(&wish(Kind::Rehearsal, &[]), &Hand::of(&world)).await;
    only_shut(&report, "parity");
    let waived = Wish { waived: vec!["parity".to_string()], ..world.wish_for(Kind::Go, "boats").await };
    assert_eq!(world.switch(&waived, &Hand::of(&world)).await.outcome, Outcome::Done);
    let report = world.switch(&wish(Kind::Rehearsal, &[]), &Hand::of(&world)).await;
    assert_eq!((&report.outcome, &report.names), (&Outcome::Done, &vec!["billing".to_string(), "rest".to_string()]));
    world.settle().await;
}

/// Both desks say the same, each window's tickets are led as they should be, and none was lost or doubled.
async fn stands(world: &World, stage: &str, expected: &[(&String, Side)]) {
    let report = world.check().await;
    assert!(report.at_parity(), "{stage}: {:?}", report.lines());
    for (ticket, lead) in expected {
        assert_eq!(world.leads_ticket(ticket).await, *lead, "{stage}: ticket {ticket}");
        world.mirrored(ticket);
    }
    let windows = world.ledger.windows(world.mirror.id, world.clock.now()).await.expect("an answer");
    assert!(windows.iter().all(|window| window.astray == 0), "{stage}: {windows:?}");
}

/// People say and change something about a ticket in both desks.
fn work(world: &World, ticket: &str, words: &str) {
    let there = world.mirrored(ticket).id;
    world.source.reply(ticket, &format!("{words}, by mail"));
    world.target.answer(&there, &format!("{words}, an answer"));
}

/// What customers and agents said is there once, where it belongs: mails in both desks.
fn heard(world: &World, ticket: &str, words: &str) {
    let mail = format!("{words}, by mail");
    let counts = [world.source.ticket(ticket), world.mirrored(ticket)].map(|ticket| saying(&ticket, &mail).len());
    assert_eq!(counts, [1, 1], "{ticket}: {mail}");
    assert_eq!(saying(&world.mirrored(ticket), &format!("{words}, an answer")).len(), 1, "{ticket}: {words}");
}

const OLD: Side = Side::Source;
const NEW: Side = Side::Target;

/// Billing goes, while people go on.
async fn monday(world: &mut World, [invoice, refund, mast, sail, tea]: &Tickets) {
    let (source, target) = (&world.source, &world.target);
    let there = world.mirrored(invoice).id;
    let hand = Hand::of(world).after(Step::Verdicts, || {
        source.set(invoice, "priority", "urgent");
        target.note(&there, "A word in between.");
    });
    let report = world.switch(&world.wish_for(Kind::Go, "billing").await, &hand).await;
    assert_eq!((report.outcome.clone(), report.turned.whole, report.turned.late), (Outcome::Done, 2, 0), "{:?}", shut(&report));
    drop(hand);
    assert_eq!(world.phase().await, Phase::PartlySwitched);
    world.settle().await;
    assert_eq!(field(&world.mirrored(invoice), "priority"), "100", "what was said before the turn counts");
    stands(world, "billing went", &[(invoice, NEW), (refund, NEW), (mast, OLD), (sail, OLD), (tea, OLD)]).await;
}

/// People move a ticket into billing in the old desk, and one out of it in the new, and work on all.
async fn tuesday(world: &mut World, tickets: &Tickets) {
    let [invoice, refund, mast, sail, tea] = tickets;
    world.source.set(mast, "group", "Billing");
    let there = world.mirrored(refund).id;
    world.target.set(&there, "group", "Engineering");
    tickets.iter().for_each(|ticket| work(world, ticket, "Tuesday"));
    world.settle().await;
    stands(world, "moved", &[(invoice, NEW), (refund, OLD), (mast, NEW), (sail, OLD), (tea, OLD)]).await;
    let there = world.mirrored(mast).id;
    world.target.set(&there, "subject", "Mast, invoiced");
    world.source.set(refund, "subject", "Refund of a sail");
    world.settle().await;
    assert_eq!(field(&world.source.ticket(mast), "subject"), "Mast, invoiced");
    assert_eq!(field(&world.mirrored(refund), "subject"), "Refund of a sail");
}

#[tokio::test]
async fn two_windows_go_on_different_days_one_comes_back_and_goes_again_while_tickets_move_between_them() {
    let (mut world, tickets) = mirrored().await;
    let [invoice, refund, mast, sail, tea] = &tickets;
    monday(&mut world, &tickets).await;
    tuesday(&mut world, &tickets).await;

    // Wednesday: boats go; billing and the rest stay as they are.
    let report = world.switched_window(Kind::Go, "boats").await;
    assert_eq!((report.turned.whole, world.phase().await), (2, Phase::PartlySwitched));
    tickets.iter().for_each(|ticket| work(&world, ticket, "Wednesday"));
    world.settle().await;
    stands(&world, "boats went", &[(invoice, NEW), (refund, NEW), (mast, NEW), (sail, NEW), (tea, OLD)]).await;

    // Thursday: billing comes back alone, with what was moved into it; a ticket leaves it meanwhile.
    assert_eq!(world.switched_window(Kind::Back, "billing").await.turned.whole, 2);
    world.source.set(invoice, "group", "Engineering");
    tickets.iter().for_each(|ticket| work(&world, ticket, "Thursday"));
    world.settle().await;
    stands(&world, "billing came back", &[(invoice, NEW), (refund, NEW), (mast, OLD), (sail, NEW), (tea, OLD)]).await;

    // Friday: all that is left goes.
    let report = world.switched(Kind::Go).await;
    assert_eq!((report.turned.whole, world.phase().await, world.leads().await), (2, Phase::Switched, vec!["target".to_string()]));
    tickets.iter().for_each(|ticket| work(&world, ticket, "Friday"));
    world.settle().await;
    stands(&world, "all went", &tickets.each_ref().map(|ticket| (ticket, NEW))).await;
    for day in ["Tuesday", "Wednesday", "Thursday", "Friday"] {
        tickets.iter().for_each(|ticket| heard(&world, ticket, day));
    }
    assert_eq!(world.ledger.window_moves(world.mirror.id).await.expect("an answer").len(), 3);
    rests(&mut world, "after a week").await;
}

#[tokio::test]
async fn killed_after_any_step_a_window_is_undone_or_finished_and_the_others_are_not_touched() {
    for step in Step::ALL {
        let (mut world, [invoice, refund, mast, ..]) = mirrored().await;
        let go = world.wish_for(Kind::Go, "billing").await;
        world.interrupted_switch(&go, step).await;
        let open = world.ledger.open_switch(world.mirror.id).await.expect("an answer").expect("it is under way");
        let turned = matches!(step, Step::Turn | Step::Late);
        let (phase, lead) = if turned { (Phase::PartlySwitched, Side::Target) } else { (Phase::Switching, Side::Source) };
        assert_eq!((open.turned_at.is_some(), open.names.as_slice()), (turned, ["billing".to_string()].as_slice()), "{step:?}");
        for (ticket, lead) in [(&invoice, lead), (&refund, lead), (&mast, Side::Source)] {
            assert_eq!((world.phase().await, world.leads_ticket(ticket).await), (phase, lead), "{step:?}");
        }
        // Another window, and all of them, have to wait.
        for other in [world.wish_for(Kind::Go, "boats").await, wish(Kind::Go, &[])] {
            let report = world.switch(&other, &Hand::of(&world)).await;
            let Outcome::InTheWay(run) = report.outcome else { panic!("{step:?}: {report:?}") };
            assert_eq!(run.options(), "--go --window billing", "{step:?}");
        }
        if !turned {
            world.ledger.end_switch(world.mirror.id, &open, "undone", world.clock.now()).await.expect("an answer");
            assert_eq!((world.phase().await, world.leads_ticket(&invoice).await), (Phase::Mirroring, Side::Source), "{step:?}");
            world.interrupted_switch(&go, step).await;
        }
        assert_eq!(world.switch(&go, &Hand::of(&world)).await.outcome, Outcome::Done, "{step:?}");
        world.settle().await;
        let expected = [(&invoice, Side::Target), (&refund, Side::Target), (&mast, Side::Source)];
        stands(&world, &format!("{step:?}"), &expected).await;
        assert_eq!(world.phase().await, Phase::PartlySwitched, "{step:?}");
    }
}

#[tokio::test]
async fn a_ticket_that_is_made_in_the_new_desk_is_led_as_its_window_is() {
    let (mut world, _) = mirrored().await;
    world.switched_window(Kind::Go, "billing").await;
    let [ours, theirs] = [("An invoice", "Billing"), ("A rudder", "Engineering")].map(|(subject, group)| {
        let ticket = world.target.open(subject, "Please help.");
        world.target.set(&ticket, "group", group);
        ticket
    });
    let mail = world.source.open("By an old mail", "Please help.");
    world.source.set(&mail, "group", "Billing");
    world.settle().await;
    let of = |there: &str| {
        let key = world.mirror.keys.ticket_of(Side::Target, there, 0);
        let mut found = world.source.tickets();
        found.retain(|ticket| ticket.external_id.as_deref() == Some(&key));
        assert_eq!(found.len(), 1, "new ticket {there}");
        found.remove(0).id
    };
    let (invoice, rudder) = (of(&ours), of(&theirs));
    assert_eq!((world.leads_ticket(&invoice).await, world.leads_ticket(&mail).await), (Side::Target, Side::Target));
    assert_eq!(world.leads_ticket(&rudder).await, Side::Source, "boats are at work in the old desk");
    world.target.set(&ours, "subject", "Invoice 12");
    world.source.set(&rudder, "subject", "Rudder 12");
    world.settle().await;
    assert_eq!(field(&world.source.ticket(&invoice), "subject"), "Invoice 12");
    assert_eq!(field(&world.target.ticket(&theirs), "subject"), "Rudder 12");
    // The last windows go by name, and with them what is in none.
    world.switched_window(Kind::Go, "boats").await;
    world.switched_window(Kind::Go, "rest").await;
    assert_eq!((world.phase().await, world.leads().await), (Phase::Switched, vec!["target".to_string()]));
    let leads = world.ledger.mirror("demo").await.expect("it is there").leads;
    assert_eq!(leads, Side::Target);
    rests(&mut world, "all windows went").await;
    world.switched_window(Kind::Back, "rest").await;
    let row = world.ledger.mirror("demo").await.expect("it is there");
    assert_eq!((row.phase, row.leads), (Phase::PartlySwitched, Side::Source), "not everything is led by the new desk");
    world.settle().await;
}

#[tokio::test]
async fn the_windows_of_the_file_stay_while_the_new_desk_leads_some_of_them() {
    let (mut world, _) = mirrored().await;
    world.switched_window(Kind::Go, "billing").await;
    let changed = async |world: &World| {
        let mut config = world.ledger.mirror("demo").await.expect("it is there").config;
        config["windows"].as_array_mut().expect("a list").pop();
        world.ledger.apply_mirror("demo", &config, &world.mirror.mapping_version, world.clock.now()).await
    };
    assert!(matches!(changed(&world).await, Err(Error::Windows)));
    let config = world.ledger.mirror("demo").await.expect("it is there").config;
    assert_eq!(config["windows"].as_array().map(Vec::len), Some(2), "nothing was applied");
    world.switched(Kind::Go).await;
    changed(&world).await.expect("one desk leads all");
    let names: Vec<String> =
        world.ledger.parts(world.mirror.id).await.expect("an answer").into_iter().map(|part| part.name).collect();
    assert_eq!(names, ["billing", "rest"]);
    world.settle().await;
}
