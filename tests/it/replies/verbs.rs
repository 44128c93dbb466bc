//! What an operator is told: before replies go back, and about those that did.

use tidegate::clock::Clock;
use tidegate::sim::stage::{Action, Text, Who};

use crate::world::db::until;
use crate::world::house::{House, gateway, port};
use crate::world::process::{printed, run};

const USUAL: &str = "silence = \"admin-rule\"";

/// The demo's mirror file with this in its policy too.
fn text(house: &House, gateway: std::net::SocketAddr, policy: &str) -> String {
    let text = house.mirror_text(&house.source.url, gateway);
    assert!(text.contains(USUAL));
    text.replace(USUAL, &format!("{USUAL}\n{policy}"))
}

#[tokio::test]
async fn a_mirror_file_is_refused_until_the_source_is_silent() {
    let house = House::with_past(0, Clock::system()).await;
    let path = house.scratch.path().join("demo.toml");
    let file = path.display().to_string();
    for replies in ["notes", "public"] {
        let replies = format!("replies-back = \"{replies}\"");
        std::fs::write(&path, text(&house, port(), &replies)).expect("a new file");
        let output = run(house.verb(&["mirror", "apply", &file])).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("write source-silence = \"admin-rule\" under [policy]"), "{said}");
        std::fs::write(&path, text(&house, port(), &format!("{replies}\nsource-silence = \"admin-rule\""))).expect("a file");
        let said = printed(house.verb(&["mirror", "apply", &file])).await;
        assert!(said.contains("demo is applied"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dry_run_explain_and_status_name_the_replies() {
    let house = House::with_past(0, Clock::system()).await;
    let policy = "replies-back = \"notes\"\nsource-silence = \"admin-rule\"";
    let (first, address) = gateway(&house).await;
    let mirror = house.apply(&text(&house, address, policy)).await;
    first.refresh().await;
    house.copy(&mirror).await;
    let old = house.open("The lamp is dark").ticket;
    until("it is carried", async || house.copy_of("The lamp is dark").is_some()).await;
    house.quiet(&mirror).await;
    first.stop().await;
    let new = house.copy_of("The lamp is dark").expect("it was there").id;
    let alice = Who { email: "alice@rt.sim".into(), name: "Alice Agent".into(), agent: true };
    let said = Text { body: "A new bulb is on its way.".into(), ..Text::default() };
    house
        .target
        .stage
        .act(&alice, Action::Reply { ticket: new.clone(), text: said }, house.clock.now(), false)
        .expect("it takes it");
    let foreseen = printed(house.verb(&["backfill", "demo", "--tickets", &old, "--dry-run"])).await;
    assert!(foreseen.contains("in the old desk: add message 2: internal, Alice Agent"), "{foreseen}");
    assert!(!foreseen.contains("both desks say the same"), "{foreseen}");
    let (gateway, address) = gateway(&house).await;
    house.apply(&text(&house, address, policy)).await;
    gateway.refresh().await;
    let here = || house.source.stage.tickets().into_iter().find(|ticket| ticket.id == old).expect("it is there");
    let carried = async || here().messages.iter().any(|message| message.body.contains("A new bulb"));
    until("the reply is in the old desk", carried).await;
    house.quiet(&mirror).await;
    let told = printed(house.verb(&["explain", "demo", &old])).await;
    assert!(told.contains(" in the old desk") && told.contains("add message"), "{told}");
    let copy = here().messages.last().expect("the copy").id.clone();
    assert!(told.contains(&format!("old {copy} = new ")), "{told}");
    let told = printed(house.verb(&["status", "demo"])).await;
    assert!(told.contains("1 messages that people wrote in the new desk were carried into the old one"), "{told}");
    gateway.stop().await;
}
