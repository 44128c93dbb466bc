//! Parts of a mirror that are switched on different days, with tickets that move between them.

use tidegate::config::file;
use tidegate::cutover::statement::state;
use tidegate::desk::Side;
use tidegate::ledger::window::{Move, WindowStatus};

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::stand::World;

const WINDOWS: &str =
    "[[window]]\nname = \"billing\"\ngroups = [\"Billing\"]\n[[window]]\nname = \"boats\"\ngroups = [\"Engineering\"]\n";

/// Four tickets of billing and boats, mirrored: two each.
async fn mirrored() -> (World, [String; 4]) {
    peopled(World::of().from(zendesk()).to(request_tracker()).policy(WINDOWS).begin().await).await
}

async fn peopled(mut world: World) -> (World, [String; 4]) {
    let tickets = [("Invoice", "Billing"), ("Refund", "Billing"), ("Mast", "Engineering"), ("Sail", "Engineering")].map(
        |(subject, group)| {
            let ticket = world.source.open(subject, "Please help.");
            world.source.set(&ticket, "group", group);
            ticket
        },
    );
    world.settle().await;
    (world, tickets)
}

async fn window(world: &World, name: &str) -> WindowStatus {
    let all = world.ledger.windows(world.mirror.id, world.clock.now()).await.expect("an answer");
    all.into_iter().find(|window| window.name == name).expect("it is there")
}

async fn tickets(world: &World) -> [i64; 3] {
    [window(world, "billing").await.tickets, window(world, "boats").await.tickets, window(world, "rest").await.tickets]
}

async fn moves(world: &World) -> Vec<Move> {
    world.ledger.window_moves(world.mirror.id).await.expect("an answer")
}

async fn turn(world: &World, name: &str, to: Side) -> i64 {
    let window = window(world, name).await.id;
    world.ledger.turn(world.mirror.id, Some(window), to, world.clock.now()).await.expect("it is turned").tickets
}

#[tokio::test]
async fn before_any_switch_a_ticket_changes_its_window_with_a_record() {
    let (mut world, [invoice, ..]) = mirrored().await;
    assert_eq!(tickets(&world).await, [2, 2, 0]);
    assert_eq!(moves(&world).await, [], "a ticket that comes in does not move");
    world.source.set(&invoice, "group", "Engineering");
    let later = world.source.open("Anything", "Please help.");
    world.settle().await;
    assert_eq!(tickets(&world).await, [1, 3, 1]);
    let moved = moves(&world).await;
    assert_eq!((moved[0].from.as_str(), moved[0].to.as_str(), moved.len()), ("billing", "boats", 1));
    assert_eq!((moved[0].led_by, moved[0].leads), (Side::Source, Side::Source));
    let target = world.mirrored(&later).id;
    world.target.set(&target, "group", "Billing");
    world.settle().await;
    assert_eq!(tickets(&world).await, [1, 3, 1], "the following desk moves nothing by itself");
    assert_eq!((window(&world, "boats").await.moved_in, window(&world, "billing").await.moved_out), (1, 1));
}

#[tokio::test]
async fn two_windows_are_switched_on_different_days_and_tickets_move_between_them() {
    let (mut world, [invoice, refund, mast, sail]) = mirrored().await;
    // Monday: billing goes.
    assert_eq!(turn(&world, "billing", Side::Target).await, 2);
    let there = world.mirrored(&invoice).id;
    world.target.set(&there, "subject", "Invoice 12");
    world.source.set(&mast, "subject", "Mast 12");
    world.source.reply(&invoice, "An old mail is answered.");
    world.settle().await;
    assert_eq!(field(&world.source.ticket(&invoice), "subject"), "Invoice 12", "the new desk leads billing");
    assert_eq!(field(&world.mirrored(&mast), "subject"), "Mast 12", "the old desk leads boats");
    assert_eq!(saying(&world.mirrored(&invoice), "An old mail is answered.").len(), 1);

    // Into the window that was switched, while people work on it in both desks.
    let there = world.mirrored(&mast).id;
    world.target.set(&there, "priority", "100");
    world.source.set(&mast, "group", "Billing");
    world.source.reply(&mast, "It is about the invoice.");
    world.settle().await;
    assert_eq!(world.leads_ticket(&mast).await, Side::Target);
    assert_eq!(field(&world.mirrored(&mast), "group"), "Billing");
    assert_eq!(field(&world.source.ticket(&mast), "priority"), "urgent", "what was done in the new desk was not lost");
    world.target.set(&there, "subject", "Mast, invoiced");
    world.settle().await;
    assert_eq!(field(&world.source.ticket(&mast), "subject"), "Mast, invoiced");

    // Out of it, by the desk that leads it.
    let there = world.mirrored(&refund).id;
    world.target.set(&there, "group", "Engineering");
    world.source.reply(&refund, "And another thing.");
    world.settle().await;
    assert_eq!((world.leads_ticket(&refund).await, world.leads_ticket(&invoice).await), (Side::Source, Side::Target));
    assert_eq!(field(&world.source.ticket(&refund), "group"), "Engineering");
    world.source.set(&refund, "subject", "Refund of a mast");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&refund), "subject"), "Refund of a mast");
    let handed: Vec<(Side, Side)> = moves(&world).await.iter().map(|one| (one.led_by, one.leads)).collect();
    assert_eq!(handed, [(Side::Source, Side::Target), (Side::Target, Side::Source)]);

    // Thursday: boats go.
    assert_eq!(turn(&world, "boats", Side::Target).await, 2);
    world.settle().await;
    for ticket in [&invoice, &refund, &mast, &sail] {
        assert_eq!(world.leads_ticket(ticket).await, Side::Target);
    }
    for (ticket, words) in [(&mast, "It is about the invoice."), (&refund, "And another thing."), (&invoice, "An old mail")] {
        let (old, new) = (world.source.ticket(ticket), world.mirrored(ticket));
        assert_eq!((saying(&old, words).len(), saying(&new, words).len()), (1, 1), "{words}");
    }
    assert_eq!((window(&world, "billing").await.astray, window(&world, "boats").await.astray), (0, 0));
    assert!(world.check().await.at_parity(), "{:?}", world.check().await.lines());
}

#[tokio::test]
async fn windows_that_are_named_later_take_the_tickets_that_are_there() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).policy("closed = \"park\"").begin().await;
    let ticket = world.source.open("Mast", "Please help.");
    world.source.set(&ticket, "group", "Engineering");
    world.settle().await;
    assert_eq!(world.ledger.windows(world.mirror.id, world.clock.now()).await.expect("an answer"), []);
    world.reapply("closed = \"park\"\n", &format!("closed = \"park\"\n{WINDOWS}")).await;
    world.settle().await;
    assert_eq!((tickets(&world).await, moves(&world).await.len()), ([0, 1, 0], 0));
}

#[tokio::test]
async fn a_run_of_one_window_leaves_the_others_to_theirs() {
    let world = World::of().from(zendesk()).to(request_tracker()).policy(WINDOWS).runs("").begin().await;
    let (mut world, [invoice, _, mast, _]) = peopled(world).await;
    world.copy().await;
    world.source.reply(&invoice, "Still waiting.");
    world.source.reply(&mast, "Still waiting.");
    let rudder = world.source.open("Rudder", "Please help.");
    world.source.set(&rudder, "group", "Engineering");
    world.nothing_is_carried().await;
    let reference = world.ledger.mirror("demo").await.expect("it is there").reference_time;
    let run = world.run_window("billing").await;
    assert_eq!((run.updated, run.created, run.tickets, run.window.as_deref()), (Some(1), Some(0), 1, Some("billing")));
    let said = |world: &World, ticket: &str| saying(&world.mirrored(ticket), "Still waiting.").len();
    assert_eq!((said(&world, &invoice), said(&world, &mast), world.copies(&rudder).len()), (1, 0, 0));
    assert_eq!(window(&world, "billing").await.reference_time, run.read_at);
    assert_eq!(world.ledger.mirror("demo").await.expect("it is there").reference_time, reference, "that of all others stays");
    assert_eq!(window(&world, "boats").await.reference_time, reference, "the copy's");
    let now = world.clock.now();
    let row = world.ledger.mirror("demo").await.expect("it is there");
    let part = world.ledger.parts(row.id).await.expect("an answer").remove(0);
    let stated = state(&world.ledger, &row, Some(&part), now).await.expect("a statement");
    assert_eq!((part.name.as_str(), stated.reference_time), ("billing", run.read_at), "a window's statement has its own");
    let run = world.run_window("boats").await;
    assert_eq!((run.number, run.updated, run.created, run.tickets), (2, Some(1), Some(1), 2));
    let run = world.run().await;
    assert_eq!(run.tickets, 0);
    for name in ["billing", "boats", "rest"] {
        assert_eq!(window(&world, name).await.reference_time, run.read_at, "a run of everything carries {name} too");
    }
}

#[test]
fn a_window_needs_a_name_of_its_own_and_a_condition() {
    let text = |windows: &str| {
        let desk = "vendor = \"request-tracker\"\nauth = { kind = \"token\", token = { env = \"T\" } }\nuser = \"gateway\"\nwebhook = false";
        format!(
            "name = \"demo\"\n[source]\n{desk}\nurl = \"https://a.example\"\n[target]\n{desk}\nurl = \"https://b.example\"\n{windows}"
        )
    };
    let said = |windows: &str| match file::parse("demo.toml", &text(windows)) {
        Ok(file) => vec![format!("{} windows", file.config.windows.len())],
        Err(mistakes) => mistakes.into_iter().map(|mistake| mistake.what).collect(),
    };
    assert_eq!(said(WINDOWS), ["2 windows"]);
    assert_eq!(said(&format!("{WINDOWS}{WINDOWS}")).len(), 2, "{:?}", said(&format!("{WINDOWS}{WINDOWS}")));
    assert_eq!(said("[[window]]\nname = \"rest\"\ntags = [\"x\"]\n"), ["\"rest\" is no name for a window"]);
    assert_eq!(said("[[window]]\nname = \"all\"\n"), ["the window \"all\" has no condition: it would take every ticket"]);
    assert_eq!(said("[[window]]\nname = \"a\"\ngroup = [\"x\"]\n").len(), 2, "an unknown key leaves no condition");
}
