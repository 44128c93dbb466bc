//! `checklist --probe` as an operator types it: the message is sent, and the verb says where it arrived.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use tidegate::clock::Clock;
use tidegate::sim::stage::{Action, Text, Who};

use crate::world::house::{House, port};
use crate::world::process::ended;

/// Desks and a mirror; the old desk answers nobody.
async fn house() -> House {
    let house = House::with_past(1, Clock::system()).await;
    let nobody = format!("http://{}", port());
    house.apply(&house.mirror_text(&nobody, port())).await;
    house
}

/// A customer writes to the new desk, with this subject.
fn arrives(house: &House, subject: &str) {
    let who = Who { email: "nora@northwind.example".into(), name: "Nora North".into(), agent: false };
    let text = Text { body: "Please ignore this.".to_string(), ..Text::default() };
    let (group, fields, tags) = ("General".to_string(), BTreeMap::new(), Vec::new());
    let action = Action::Open { subject: subject.to_string(), group, text, fields, tags };
    house.target.stage.act(&who, action, house.clock.now(), false).expect("the desk takes it");
}

/// Sends the message that a probe of this item asks for. Exit status and what the verb said.
async fn probed(house: &House, item: &str) -> (Option<i32>, String) {
    let mut verb = house.verb(&["checklist", "demo", "--probe", item, "--within", "60s"]);
    let mut child = verb.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
    let first = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        said.read_line(&mut line).expect("it is text");
        (line, said)
    });
    let (line, mut rest) = first.await.expect("no panic");
    let code = line.split_whitespace().find(|word| word.starts_with("tide-")).unwrap_or_else(|| panic!("no code: {line}"));
    arrives(house, &format!("Is it there? {code}"));
    let end = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        rest.read_to_string(&mut said).expect("it is text");
        let status = child.wait_with_output().expect("it ends");
        (status.status.code(), said + &String::from_utf8_lossy(&status.stderr))
    });
    end.await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_ticks_what_arrives_where_it_should_and_says_what_did_not() {
    let house = house().await;
    let (code, said) = ended(house.verb(&["checklist", "demo", "--probe", "mail-forwarding", "--within", "1s"])).await;
    assert_eq!(code, Some(1), "{said}");
    for words in ["did not arrive at either desk within 1 s. `mail-forwarding` is not ticked", "the old desk could not be asked"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    // A desk that does not answer ends nothing while the other one may.
    let (code, said) = probed(&house, "mail-forwarding").await;
    assert!(code == Some(0) && said.contains("[x] mail-forwarding: ") && said.contains(" of the new desk at "), "{said}");
    let (_, said) = ended(house.verb(&["checklist", "demo"])).await;
    assert!(said.contains("[x] mail-forwarding: ") && said.contains("(olga, "), "{said}");
    let back = "insert into switch (tenant_id, mirror_id, kind, to_side, who, began_at, turned_at, ended_at, outcome)
                select tenant_id, id, 'back', 'source', 'olga', now(), now(), now(), 'done' from mirror";
    sqlx::query(back).execute(&house.pool).await.expect("a switch");
    // The desk that no longer leads tells its addresses now.
    let (_, said) = ended(house.verb(&["checklist", "demo"])).await;
    let line = said.lines().find(|line| line.contains("] mail-forwarding:")).unwrap_or_else(|| panic!("{said}"));
    let item = line.split_whitespace().find(|word| word.starts_with("mail-")).expect("its name").trim_end_matches(':');
    let (code, said) = probed(&house, item).await;
    assert!(code == Some(1) && said.contains(&format!(", which is the wrong one. `{item}` is not ticked")), "{said}");
    let (_, said) = ended(house.verb(&["checklist", "demo"])).await;
    assert!(said.contains(&format!("[ ] {item}: ")), "{said}");
}
