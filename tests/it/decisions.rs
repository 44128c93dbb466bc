//! What people decide about tickets of a running mirror, as an operator types it: conflicts, undoing.

use std::collections::BTreeMap;

use tidegate::clock::Clock;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::sim::stage::{Action, Who};

use crate::world::db::until;
use crate::world::desk::{field, saying};
use crate::world::house::{House, port};
use crate::world::process::{Serve, printed, run};

/// A served mirror whose policy asks.
struct Scene {
    house: House,
    row: MirrorRow,
    serve: Option<Serve>,
}

fn ada() -> Who {
    Who { email: "ada@desk.example".into(), name: "Ada Reyes".into(), agent: true }
}

fn alice() -> Who {
    Who { email: "alice@rt.sim".into(), name: "Alice".into(), agent: true }
}

fn set(ticket: &str, name: &str, value: &str) -> Action {
    Action::Set { ticket: ticket.to_string(), fields: BTreeMap::from([(name.to_string(), vec![value.to_string()])]) }
}

impl Scene {
    async fn begin() -> Scene {
        let house = House::with_past(0, Clock::system()).await;
        let address = port();
        let text = house.mirror_text(&house.source.url, address).replace("[policy]\n", "[policy]\npreset = \"ask\"\n");
        let row = house.apply(&text).await;
        let serve = Serve::on(&house, address).await;
        until("the source tells of changes", async || serve.log().contains("its secret known")).await;
        house.copy(&row).await;
        Scene { house, row, serve: Some(serve) }
    }

    async fn says(&self, words: &[&str]) -> String {
        printed(self.house.verb(words)).await
    }

    /// A ticket with the priority `low` at both desks; returns both numbers.
    async fn ticket(&self, subject: &str) -> (String, String) {
        let ticket = self.house.open(subject).ticket;
        self.here(set(&ticket, "priority", "low"));
        let copied = async || self.house.copy_of(subject).is_some_and(|copy| field(&copy, "priority") == "20");
        until("it is copied", copied).await;
        let copy = self.house.copy_of(subject).expect("it is copied").id;
        (ticket, copy)
    }

    fn here(&self, action: Action) {
        self.house.source.stage.act(&ada(), action, self.house.clock.now(), false).expect("the source takes it");
    }

    fn there(&self, action: Action) {
        self.house.target.stage.act(&alice(), action, self.house.clock.now(), false).expect("the target takes it");
    }

    /// Waits until a target ticket holds a value.
    async fn holds(&self, ticket: &str, name: &str, value: &str) {
        let holds = async || {
            let tickets = self.house.target.stage.tickets();
            tickets.iter().any(|held| held.id == ticket && field(held, name) == value)
        };
        until("the target holds it", holds).await;
    }

    async fn open(&self) -> Vec<i64> {
        let conflicts = self.house.ledger.conflicts(self.row.id).await.expect("an answer");
        conflicts.iter().filter(|conflict| conflict.is_open()).map(|conflict| conflict.id).collect()
    }
}

#[tokio::test]
async fn conflicts_are_shown_and_decided_alike() {
    let scene = Scene::begin().await;
    assert_eq!(scene.says(&["conflicts", "list", "demo"]).await, "No field waits for a decision.\n");
    let tickets = [scene.ticket("Order 7").await, scene.ticket("Order 8").await];
    for (ticket, copy) in &tickets {
        scene.there(set(copy, "priority", "51"));
        scene.here(set(ticket, "priority", "urgent"));
    }
    until("both wait", async || scene.open().await.len() == 2).await;
    let (ticket, copy) = &tickets[0];
    let id = scene.open().await[1].to_string();
    let listed = scene.says(&["conflicts", "list", "demo"]).await;
    let line = format!("source {ticket} → target {copy}, `priority`: the source says `urgent`, the target `51`: undecided");
    assert!(listed.contains(&line), "{listed}");
    let shown = scene.says(&["conflicts", "show", "demo", &id]).await;
    for line in [
        "last agreed   source `low`, target `20`",
        "source now    `urgent`, set by Ada Reyes, 20",
        "target now    `51`, set by alice, 20",
        &format!("tidegate conflicts resolve demo {id} --keep source"),
        "1 more wait with the same two values: `--like-this` decides them too.",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(scene.says(&["parked", "list", "demo"]).await.contains("`tidegate conflicts resolve demo ID --keep"));
    let said = scene.says(&["conflicts", "resolve", "demo", &id, "--keep", "77", "--like-this"]).await;
    assert_eq!(said, "Decided for 2 tickets; it is carried out now.\n");
    for (_, copy) in &tickets {
        scene.holds(copy, "priority", "77").await;
    }
    let told = async || {
        let all = scene.says(&["conflicts", "list", "demo", "--all"]).await;
        all.matches("`77` stands, not the source's `urgent` nor the target's `51`, decided by olga\n").count() == 2
    };
    until("both are carried out", told).await;
    let why = scene.says(&["explain", "demo", ticket]).await;
    assert!(why.contains("the new one to `51`: olga decided for `77`"), "{why}");
    assert!(why.contains("`urgent` in `priority`, as the old desk has it: both desks had changed it"), "{why}");
    assert!(!why.contains("nobody has decided"), "{why}");
    let output = run(scene.house.verb(&["conflicts", "resolve", "demo", &id, "--keep", "source"])).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said, format!("No conflict {id} waits in mirror `demo`; `tidegate conflicts list demo` shows those that do.\n"));
    assert_eq!(scene.says(&["parked", "list", "demo"]).await, "Nothing waits for a person.\n");
}

#[tokio::test]
async fn the_last_write_to_a_ticket_is_shown_and_undone() {
    let mut scene = Scene::begin().await;
    let (ticket, copy) = scene.ticket("Order 7").await;
    scene.house.reply(&ticket, "Hello?");
    let fields = [("subject", "Order 8"), ("priority", "urgent")];
    let fields = fields.into_iter().map(|(name, value)| (name.to_string(), vec![value.to_string()])).collect();
    scene.here(Action::Set { ticket: ticket.clone(), fields });
    scene.holds(&copy, "priority", "100").await;
    scene.house.quiet(&scene.row).await;
    scene.there(set(&copy, "subject", "Order seven"));
    let said = scene.says(&["undo", "demo", &ticket]).await;
    println!("{said}");
    assert!(said.contains("  `priority` from `100` back to `20`\n"), "{said}");
    assert!(said.contains("  `subject` stays `Order seven`: somebody changed it after we wrote `Order 8`\n"), "{said}");
    assert!(said.contains("  messages stay, and whatever the target mailed because of them"), "{said}");
    assert!(said.ends_with(&format!("Nothing was written; `tidegate undo demo {ticket} --yes` does it.\n")), "{said}");
    let said = scene.says(&["undo", "demo", &ticket, "--yes"]).await;
    assert!(said.ends_with("Put back: `priority`. It stands until the source says something new there.\n"), "{said}");
    scene.holds(&copy, "priority", "20").await;
    scene.house.reply(&ticket, "Thanks.");
    let thanked = async || saying(&scene.house.target.stage.tickets()[0], "Thanks.").len() == 1;
    until("the next message is there", thanked).await;
    scene.house.quiet(&scene.row).await;
    scene.holds(&copy, "priority", "20").await;
    scene.here(set(&ticket, "priority", "high"));
    scene.holds(&copy, "priority", "75").await;
    scene.house.quiet(&scene.row).await;
    drop(scene.serve.take());
    until("nobody serves", async || !scene.house.ledger.gateway_works().await.expect("an answer")).await;
    let said = scene.says(&["undo", "demo", &copy, "--yes"]).await;
    assert!(said.contains("Put back: `priority`."), "the verb writes it by itself: {said}");
    scene.holds(&copy, "priority", "20").await;
    sqlx::query("update pair set authority = 'target'").execute(&scene.house.pool).await.expect("the new desk leads");
    let (code, said) = scene.house.ends(&["undo", "demo", &copy, "--yes"]).await;
    assert!(code == Some(1) && said.contains(&format!("the new desk leads ticket {copy}: what stands there is its")), "{said}");
    let (code, said) = (run(scene.house.verb(&["undo", "demo", "4711"])).await, "knows no ticket 4711, neither old nor new");
    assert!(code.status.code() == Some(1) && String::from_utf8_lossy(&code.stderr).contains(said), "{code:?}");
}
