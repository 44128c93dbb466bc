//! Whether both desks are ready: credentials, rights, clocks, our own fields, addresses.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tidegate::connectors::contract::Identity;
use tidegate::desk::Side;
use tidegate::desk::id::PersonId;
use tidegate::setup::findings::finding::{Finding, Severity};
use tidegate::setup::findings::ready::clock;

use super::pair::{admin, finds, open, to_zendesk};
use crate::world::desk::{request_tracker, zendesk};
use crate::world::stand::World;

fn stops(finding: &Finding, words: &str) {
    assert_eq!(finding.severity, Severity::Stop);
    assert!(finding.what.contains(words), "{}", finding.what);
}

async fn request_trackers() -> World {
    World::of().from(request_tracker()).to(request_tracker()).polled().begin().await
}

#[tokio::test]
async fn a_credential_of_nobody() {
    let mut world = to_zendesk("").await;
    world.reapply("client-id = \"sim-client\"", "client-id = \"somebody\"").await;
    let report = world.prove().await;
    let names: Vec<&str> = report.findings.iter().map(|finding| finding.name.as_str()).collect();
    assert_eq!(names, ["target-credential"]);
    stops(&report.findings[0], "target desk: get an access token");
}

#[tokio::test]
async fn a_credential_without_the_right_of_an_admin() {
    let world = to_zendesk("").await;
    admin(&world.target, "PUT", "users/8658726000001", json!({"user": {"role": "agent"}})).await;
    let report = world.prove().await;
    assert_eq!(report.findings.len(), 1);
    stops(&report.findings[0], "only admins");
}

#[tokio::test]
async fn a_field_of_ours_that_is_missing() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).polled().begin().await;
    world.reapply("message-key-field = \"source_comment_id\"", "message-key-field = \"Our key\"").await;
    let report = world.prove().await;
    let found = report.findings.iter().find(|finding| finding.severity == Severity::Stop).expect("it stops");
    assert_eq!(found.name, "target-message-key-field");
    stops(found, "\"Our key\"");
    assert!(found.cure.contains("initialdata.pl"), "{}", found.cure);
}

#[tokio::test]
async fn a_number_field_that_is_missing_comes_with_the_admins_step() {
    let mut world = to_zendesk("").await;
    world.reapply("[target]\n", "[target]\nnumber-field = \"Old number\"\n").await;
    let found = finds(&world, "target-number-field").await;
    stops(&found, "\"Old number\"");
    assert!(found.cure.contains("Add field: kind Text"), "{}", found.cure);
}

#[tokio::test]
async fn an_address_that_both_desks_take_mail_at() {
    let world = request_trackers().await;
    open(&world.source, &[]);
    let report = world.prove().await;
    let found = report.findings.iter().find(|finding| finding.name == "support-addresses").expect("it is found");
    assert_eq!((found.severity, found.count), (Severity::Risk, 5));
    assert!(found.values.contains(&"billing@rt.sim".to_string()), "{:?}", found.values);
}

#[test]
fn clocks_that_differ() {
    let now: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().expect("a time");
    let told = |seconds| Identity {
        person: PersonId::new("us"),
        name: "us".to_string(),
        desk_time: Some(now + TimeDelta::seconds(seconds)),
    };
    assert_eq!(clock(Side::Source, &told(29), now), None);
    let found = clock(Side::Source, &told(-90), now).expect("it is found");
    assert_eq!((found.name.as_str(), found.severity), ("source-clock", Severity::Risk));
    assert_eq!(found.what, "The source desk's clock is 90 s behind this machine's.");
}

#[tokio::test]
async fn what_is_not_carried_is_counted() {
    let world = World::of().from(zendesk()).to(request_tracker()).polled().begin().await;
    for title in ["Thanks", "Please wait"] {
        admin(&world.source, "POST", "macros", json!({"macro": {"title": title, "actions": []}})).await;
    }
    admin(&world.source, "POST", "views", json!({"view": {"title": "Mine"}})).await;
    let lines = world.prove().await.lines(&[]).join("\n");
    for line in ["    2 macros", "    1 views", "    7 triggers", "    recorded calls: cannot tell"] {
        assert!(lines.contains(line), "{line} is not in\n{lines}");
    }
}

#[tokio::test]
async fn the_calls_of_copy_and_check_are_projected() {
    let world = to_zendesk("").await;
    for _ in 0..4 {
        let ticket = open(&world.source, &[]);
        world.source.attach(&ticket, "see", "a.pdf", vec![1; 3 << 20]);
    }
    let estimate = world.prove().await.estimate.expect("the desks were asked");
    assert_eq!((estimate.tickets, estimate.messages, estimate.files, estimate.megabytes), (4, 8, 4, 12));
    // Each ticket is looked up, made and noted, the customer looked up and made, each file sent, and all read back.
    assert!(estimate.copy_calls.source >= 12 && estimate.copy_calls.target >= 22, "{estimate:?}");
    assert_eq!(estimate.copy_minutes, None, "neither desk named a limit");
}
