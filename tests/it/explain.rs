//! `tidegate explain`: every field and message of a ticket back to what told of it, and what is not there with its reason.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate::change::Hint;
use tidegate::clock::Clock;
use tidegate::desk::Side;
use tidegate::desk::id::TicketId;
use tidegate::gateway::serve::Gateway;
use tidegate::ledger::delivery::NewDelivery;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::sim::stage::{Action, Who};

use crate::world::db::until;
use crate::world::house::{House, gateway};
use crate::world::process::{printed, run, tidegate};

/// A gateway that mirrors, and the verb beside it.
struct Scene {
    house: House,
    gateway: Gateway,
    mirror: MirrorRow,
}

impl Scene {
    /// With these changes in the demo's mirror file.
    async fn with(changes: &[(&str, &str)]) -> Scene {
        let house = House::with_past(0, Clock::system()).await;
        let (gateway, address) = gateway(&house).await;
        let mut text = house.mirror_text(&house.source.url, address);
        for (from, to) in changes {
            assert!(text.contains(from), "the mirror file does not say {from}");
            text = text.replace(from, to);
        }
        let mirror = house.apply(&text).await;
        gateway.refresh().await;
        let registered = async || {
            let witness = house.ledger.witness(mirror.id, Side::Source).await.expect("an answer");
            witness.registration.is_some()
        };
        until("the webhook is registered", registered).await;
        house.copy(&mirror).await;
        Scene { house, gateway, mirror }
    }

    /// A ticket that was opened by a customer and answered in the old desk; its old and its new number.
    async fn ticket(&self) -> (String, String) {
        let old = self.house.open("The lamp is dark").ticket;
        until("it is carried", async || self.house.copy_of("The lamp is dark").is_some()).await;
        self.house.reply(&old, "It was bright on Monday");
        until("the answer is carried", async || self.house.found("It was bright on Monday") == 1).await;
        self.house.quiet(&self.mirror).await;
        (old, self.house.copy_of("The lamp is dark").expect("it was there").id)
    }

    fn set(&self, desk: &tidegate::sim::server::Running, agent: &str, ticket: &str, field: (&str, &str)) {
        let fields = BTreeMap::from([(field.0.to_string(), vec![field.1.to_string()])]);
        let who = Who { email: agent.into(), name: agent.into(), agent: true };
        let action = Action::Set { ticket: ticket.to_string(), fields };
        desk.stage.act(&who, action, self.house.clock.now(), false).expect("the desk takes it");
    }

    async fn says(&self, words: &[&str]) -> String {
        let mut command = tidegate();
        command.env("DATABASE_URL", &self.house.url).args(["--log", "warn", "explain", "demo"]).args(words);
        printed(command).await
    }

    async fn account(&self, ticket: &str) -> Value {
        let said = self.says(&[ticket, "--json"]).await;
        let accounts: Vec<Value> = serde_json::from_str(&said).expect("JSON");
        accounts.into_iter().find(|one| one["old"]["ticket"] == ticket || one["new"]["ticket"] == ticket).expect("its account")
    }
}

/// What happened, of one kind.
fn of_kind<'a>(account: &'a Value, kind: &str) -> Vec<&'a Value> {
    account["happened"].as_array().expect("a list").iter().filter(|one| one["kind"] == kind).collect()
}

fn find<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    let found = list.as_array().expect("a list").iter().find(|one| one[key] == value);
    found.unwrap_or_else(|| panic!("nothing with {key} {value} in {list:#}"))
}

#[tokio::test]
async fn every_field_and_message_goes_back_to_its_event_delivery_mapping_and_write() {
    let scene = Scene::with(&[]).await;
    let (old, new) = scene.ticket().await;
    let account = scene.account(&old).await;
    assert_eq!(account, scene.account(&new).await, "it is found by either number");
    let mapping = scene.mirror.mapping_version.as_str();
    assert_eq!(
        (account["mapping"]["applied"].as_str(), account["mapping"]["this_ticket"].as_str()),
        (Some(mapping), Some(mapping))
    );

    let subject = find(&account["fields"], "field", "subject");
    assert_eq!(
        (subject["new"].as_str(), subject["why"].as_str()),
        (Some("The lamp is dark"), Some("the ticket was made with it"))
    );
    let writes = of_kind(&account, "write");
    let made = writes.iter().find(|write| write["write"] == subject["write"]).expect("the write is told");
    assert_eq!((made["state"].as_str(), made["mapping"].as_str()), (Some("done"), Some(mapping)));
    assert!(made["did"].as_str().expect("words").starts_with("make the new ticket"), "{made}");

    // The message came with its own event, in its own delivery, after the ticket.
    let messages = account["messages"].as_array().expect("a list");
    assert_eq!(messages.len(), 2, "{messages:#?}");
    let answer = &messages[1];
    assert!(answer["write"].as_i64() > subject["write"].as_i64(), "{answer}");
    let causes = answer["from_events"].as_array().expect("a list");
    let events = of_kind(&account, "event");
    let told = |event: &&&Value| causes.contains(&event["event"]) && event["what"] == "ticket.comment_added";
    let event = events.iter().find(told).unwrap_or_else(|| panic!("{answer} and {events:#?}"));
    assert_eq!((event["witness"].as_str(), event["desk"].as_str()), (Some("webhook"), Some("old desk")));
    assert!(event["delivery"]["delivery"].is_i64() && event["delivery"]["bytes"].as_i64() > Some(100), "{event}");
    let settled = of_kind(&account, "settled");
    assert!(settled.iter().any(|one| one["events"].as_array().is_some_and(|events| events.contains(&event["event"]))));
    let times: Vec<&str> = account["happened"].as_array().expect("a list").iter().filter_map(|one| one["at"].as_str()).collect();
    assert!(times.is_sorted(), "{times:?}");
    scene.gateway.stop().await;
}

#[tokio::test]
async fn the_request_itself_is_shown_only_when_asked_for() {
    let scene = Scene::with(&[]).await;
    let (old, _) = scene.ticket().await;
    let plain = scene.says(&[&old]).await;
    assert!(plain.contains("What happened, in order:") && plain.contains("webhook of the old desk"), "{plain}");
    assert!(!plain.contains("It was bright on Monday") && !plain.contains("zen:event-type"), "{plain}");
    let raw = scene.says(&[&old, "--raw"]).await;
    assert!(raw.contains("It was bright on Monday") && raw.contains("zen:event-type:ticket.comment_added"), "{raw}");
    assert!(raw.contains("x-zendesk-webhook-id: ") && !raw.contains("x-zendesk-webhook-signature"), "{raw}");
    scene.gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_told_with_its_reason() {
    let scene = Scene::with(&[("urgent = \"100\"\n", "")]).await;
    let (old, new) = scene.ticket().await;
    let account = scene.account(&old).await;
    let brand = find(&account["not_there"], "what", "field `brand`");
    assert_eq!(brand["why"], "the mirror file ignores it");

    // Both desks change the priority: the old one wins, and what the new one held is not there.
    scene.set(&scene.house.source, "ada@desk.example", &old, ("priority", "low"));
    until("it is carried", async || priority(&scene, &new) == "20").await;
    scene.house.quiet(&scene.mirror).await;
    scene.house.ledger.pause_mirror(scene.mirror.id, "both write").await.expect("paused");
    scene.set(&scene.house.target, "alice@rt.sim", &new, ("priority", "50"));
    scene.set(&scene.house.source, "ada@desk.example", &old, ("priority", "high"));
    until("it is told", async || waiting(&scene).await).await;
    let waits = scene.says(&[&old]).await;
    assert!(waits.contains("changes that came in: the mirror is paused: both write"), "{waits}");
    scene.house.ledger.resume_mirror(scene.mirror.id).await.expect("resumed");
    until("it is carried", async || priority(&scene, &new) == "75").await;
    scene.house.quiet(&scene.mirror).await;
    let said = scene.says(&[&new]).await;
    assert!(
        said.contains("both desks changed `priority`, the old one to `high`, the new one to `50`: the mirror's policy lets the old desk's value stand"),
        "{said}"
    );
    assert!(said.contains("`50` in `priority`, as the new desk had it: both desks had changed it"), "{said}");
    assert!(said.contains("both desks had changed it, and the mirror's policy lets the leading desk win"), "{said}");

    // A word that the mapping does not know waits for a person.
    scene.set(&scene.house.source, "ada@desk.example", &old, ("priority", "urgent"));
    until("it is parked", async || !scene.house.ledger.parked(None).await.expect("an answer").is_empty()).await;
    let said = scene.says(&[&old]).await;
    assert!(
        said.contains("unmapped): source ticket") && said.contains("the mapping has no word for `urgent` in `priority`"),
        "{said}"
    );
    assert!(said.contains("What to do: Write `\"urgent\" = \"…\"` under [map.priority]"), "{said}");
    scene.gateway.stop().await;
}

fn priority(scene: &Scene, ticket: &str) -> String {
    let tickets = scene.house.target.stage.tickets();
    let ticket = tickets.into_iter().find(|held| held.id == ticket).expect("it is there");
    ticket.fields.get("priority").map(|words| words.concat()).unwrap_or_default()
}

/// Whether a change is known and waits.
async fn waiting(scene: &Scene) -> bool {
    let waits: i64 = sqlx::query_scalar("select count(*) from change_event where applied_at is null")
        .fetch_one(&scene.house.pool)
        .await
        .expect("a number");
    waits > 0
}

#[tokio::test]
async fn a_value_that_is_left_out_and_a_ticket_out_of_scope_are_told() {
    let changes = [
        ("urgent = \"100\"\n", ""),
        ("[policy]\n", "[policy]\nunmapped = \"leave-out\"\n"),
        ("[map.status]", "[scope]\ngroups = [\"Support\"]\n[map.status]"),
    ];
    let scene = Scene::with(&changes).await;
    let (old, _) = scene.ticket().await;
    scene.set(&scene.house.source, "ada@desk.example", &old, ("group", "Billing"));
    scene.house.quiet(&scene.mirror).await;
    scene.set(&scene.house.source, "ada@desk.example", &old, ("priority", "urgent"));
    let left_out = async || {
        let account = scene.account(&old).await;
        let missing = account["not_there"].as_array().expect("a list");
        let priority = missing.iter().find(|one| one["what"] == "field `priority`");
        priority.is_some_and(|one| one["why"] == "the mapping has no word for `urgent`")
    };
    until("it is said", left_out).await;
    assert_eq!(scene.account(&old).await["state"], "copied", "who is in stays in");
    let outside = scene.house.source.stage.act(
        &Who { email: "nora@northwind.example".into(), name: "Nora North".into(), agent: false },
        Action::Open {
            subject: "An invoice".into(),
            group: "Billing".into(),
            text: tidegate::sim::stage::Text { body: "Too much".into(), ..Default::default() },
            fields: BTreeMap::new(),
            tags: Vec::new(),
        },
        scene.house.clock.now(),
        false,
    );
    let outside = outside.expect("the source takes it").ticket;
    until("it was looked at", async || {
        scene
            .house
            .ledger
            .pairs_of_number(scene.mirror.id, &outside)
            .await
            .is_ok_and(|pairs| pairs.iter().any(|pair| pair.state == "outside"))
    })
    .await;
    let said = scene.says(&[&outside]).await;
    let why = "it is not in the mirror's scope, and was never copied: its group `Billing` is not in the scope";
    assert!(said.contains(&format!("outside: {why}")) && said.contains(&format!("the new ticket: {why}")), "{said}");
    scene.gateway.stop().await;
}

#[tokio::test]
async fn a_ticket_that_nobody_knows_is_refused() {
    let scene = Scene::with(&[]).await;
    let mut command = tidegate();
    command.env("DATABASE_URL", &scene.house.url).args(["explain", "demo", "4711"]);
    let output = run(command).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.ends_with("Mirror `demo` knows no ticket 4711, neither old nor new.\n"), "{said}");
    scene.gateway.stop().await;
}

#[tokio::test]
async fn each_event_keeps_its_own_delivery_also_when_many_came_in_one_commit() {
    let scene = Scene::with(&[]).await;
    let now = scene.house.clock.now();
    let delivery = |number: u32| NewDelivery {
        mirror: scene.mirror.id,
        side: Side::Source,
        dedupe: number.to_string(),
        received_at: now,
        headers: Vec::new(),
        body: format!("body {number}").into_bytes(),
        by_former: false,
        reading: Ok(vec![Hint {
            ticket: TicketId::new("77"),
            what: format!("change {number}"),
            evidence: format!("event:{number}"),
            least_stamp: None,
            feed_stamp: None,
            at: now,
        }]),
    };
    scene.house.ledger.keep_deliveries(&[delivery(1), delivery(2), delivery(3)]).await.expect("kept");
    let said = scene.says(&["77", "--raw", "--json"]).await;
    let accounts: Value = serde_json::from_str(&said).expect("JSON");
    let bodies: Vec<(&str, &str)> = of_kind(&accounts[0], "event")
        .into_iter()
        .map(|event| (event["what"].as_str().expect("words"), event["delivery"]["body"].as_str().expect("a body")))
        .collect();
    assert_eq!(bodies, [("change 1", "body 1"), ("change 2", "body 2"), ("change 3", "body 3")]);
    scene.gateway.stop().await;
}
