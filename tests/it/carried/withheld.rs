//! What a desk withholds from us: files behind a login, kinds of files that it refuses, fields that our user may not change. It is told in
//! the message, or parked; never lost silently.

use serde_json::json;
use tidegate::sim::stage::{File, Text};

use crate::world::desk::{customer, field, saying};

use super::way::{Differences, WAYS, Way, say};

fn text(body: &str, files: Vec<File>) -> Text {
    Text { body: body.to_string(), html: true, files }
}

fn file(name: &str) -> File {
    File { name: name.to_string(), content_type: "application/octet-stream".to_string(), bytes: vec![7; 9], inline: false }
}

#[tokio::test]
async fn a_link_to_a_file_behind_a_login_stays_in_its_text() {
    let mut found = Differences::default();
    for way in WAYS {
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        let own = format!("{}/hc/article_attachments/77/plan.pdf", world.source.running.url);
        let other = "https://acme.sharepoint.com/s/xyz?a=1&amp;b=2";
        let body = format!("<p>See <a href=\"{own}\">the plan</a> and <a href=\"{other}\">ours</a>.</p>");
        say(&world.source, &customer(), &ticket, true, text(&body, Vec::new()));
        world.settle().await;
        let there = world.mirrored(&ticket);
        let carried = saying(&there, "the plan");
        found.holds(&format!("{way:?}, ours"), carried.first().is_some_and(|one| one.body.contains(&own)), &there.messages);
        found.holds(&format!("{way:?}, theirs"), carried.first().is_some_and(|one| one.body.contains(other)), &there.messages);
    }
    found.none();
}

#[tokio::test]
async fn a_file_that_a_desk_does_not_hand_out_or_refuses_is_named_in_its_message() {
    for (way, name, why) in [
        (Way::ZendeskToRt, "sign-in.pdf", "the desk that has it does not hand it out"),
        (Way::RtToZendesk, "setup.exe", "the new desk refused it"),
    ] {
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        say(&world.source, &customer(), &ticket, true, text("<p>See these.</p>", vec![file(name), file("plan.bin")]));
        world.settle().await;
        let there = world.mirrored(&ticket);
        let carried = saying(&there, "See these.")[0];
        assert!(carried.body.contains(&format!("[File not carried: {name}: {why}]")), "{}", carried.body);
        assert_eq!(carried.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["plan.bin"]);
        assert_eq!(world.figure("files not carried").await, 1);
    }
}

#[tokio::test]
async fn a_field_that_our_user_may_not_change_is_told_and_its_next_change_waits() {
    let mut world = Way::ZendeskToRt.world().begin().await;
    let call = reqwest::Client::new().put(format!("{}/_sim/settings", world.target.running.url));
    let locked = json!({ "locked_fields": ["Order Number"] }).to_string();
    call.header("content-type", "application/json").body(locked).send().await.expect("the desk answers");
    let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 8", "And this?"));
    world.source.set(&one, "custom:Order number", "A-17");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&one), "custom:Order Number"), "", "RT makes a ticket without the value and says nothing");
    assert_eq!(world.figure("values not kept").await, 1);
    world.source.set(&one, "custom:Order number", "A-18");
    world.settle().await;
    let parked = world.parked("refused").await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert!(
        parked[0].reason.contains("`custom:Order Number`") && parked[0].reason.contains("Permission Denied"),
        "{}",
        parked[0].reason
    );
    world.source.set(&other, "priority", "high");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&other), "priority"), "75", "the other ticket goes on");
}
