//! `cutover`, `checklist` and `retire` as an operator types them, with a gateway at work.

use serde_json::Value;
use tidegate::clock::Clock;
use tidegate::desk::Side;
use tidegate::ledger::switch::{Kind, Wish};

use crate::world::db::until;
use crate::world::house::{House, port};
use crate::world::process::Serve;

/// A copied mirror with a gateway at work.
pub(super) struct Scene {
    pub(super) house: House,
    _serve: Serve,
}

impl Scene {
    pub(super) async fn begin() -> Scene {
        Scene::with("").await
    }

    /// With something more in the mirror file.
    async fn with(more: &str) -> Scene {
        Scene::with_past(6, more).await
    }

    /// The same with so many tickets.
    pub(super) async fn with_past(tickets: usize, more: &str) -> Scene {
        let house = House::with_past(tickets, Clock::system()).await;
        let address = port();
        let usual = "silence = \"admin-rule\"";
        let text = house.mirror_text(&house.source.url, address).replace(usual, &format!("{usual}\nsource-{usual}"));
        let text = format!("{text}\n{more}");
        let mirror = house.apply(&text).await;
        house.admit(&text).await;
        let serve = Serve::on(&house, address).await;
        until("the source tells of changes", async || serve.log().contains("its secret known")).await;
        house.copy(&mirror).await;
        house.open("Is anybody there?");
        let heard = async || {
            let witness = house.ledger.witness(mirror.id, Side::Source).await.expect("an answer");
            witness.last_delivery_at.is_some() && house.copy_of("Is anybody there?").is_some()
        };
        until("a change was told and carried", heard).await;
        house.quiet(&mirror).await;
        Scene { house, _serve: serve }
    }

    pub(super) async fn says(&self, words: &[&str]) -> String {
        let (code, said) = self.house.ends(words).await;
        assert_eq!(code, Some(0), "{words:?}: {said}");
        said
    }

    async fn refused(&self, words: &[&str], because: &str) {
        let (code, said) = self.house.ends(words).await;
        assert!(code == Some(1) && said.contains(because), "{words:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_rehearses_is_refused_goes_comes_back_goes_again_and_retires() {
    let scene = Scene::begin().await;
    scene.refused(&["cutover", "demo", "--back"], "the old desk leads demo: there is nothing to come back from").await;
    scene.refused(&["cutover", "demo", "--undo"], "no switch of demo is under way").await;
    scene.refused(&["cutover", "demo", "--name-new"], "demo is mirroring: old tickets name the new ones once the new desk").await;
    scene.refused(&["retire", "demo"], "demo is mirroring: only a mirror whose new desk leads is retired").await;
    let said = scene.says(&["cutover", "demo", "--rehearse"]).await;
    for words in ["open       way-back", "The new desk could lead now. The switch would take ", "tidegate cutover demo --go"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    scene.says(&["mirror", "pause", "demo"]).await;
    let (code, said) = scene.house.ends(&["cutover", "demo", "--go"]).await;
    assert!(code == Some(1) && said.contains("SHUT       mirror"), "{said}");
    for words in ["opens it: tidegate mirror resume demo", "Refused: 1 of ", "Nothing was changed."] {
        assert!(said.contains(words), "{words}: {said}");
    }
    scene.says(&["mirror", "resume", "demo"]).await;
    let (code, said) = scene.house.ends(&["cutover", "demo", "--go", "--force"]).await;
    assert!(code == Some(2) && said.contains("--reason"), "{said}");
    let said = scene.says(&["cutover", "demo", "--go"]).await;
    for words in
        ["The new desk leads: 7 tickets, and those to come.", "[ ] mail-forwarding:support@", "[ ] old-automations-off: "]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    afterwards(&scene).await;
}

async fn afterwards(scene: &Scene) {
    assert!(scene.says(&["status", "demo"]).await.starts_with("demo: switched\n"));
    scene.refused(&["cutover", "demo", "--go"], "the new desk leads demo already").await;
    scene.refused(&["backfill", "demo"], "copies are made and taken back only while the old desk leads").await;
    scene.refused(&["takeback", "demo", "--yes", "demo"], "only while the old desk leads").await;
    old_tickets_name_the_new_ones(scene).await;
    let ticked = scene.says(&["checklist", "demo", "--tick", "widgets", "--evidence", "a form arrived as 12"]).await;
    assert!(ticked.starts_with("[x] widgets: ") && ticked.contains("(olga, "), "{ticked}");
    let (code, said) = scene.house.ends(&["checklist", "demo"]).await;
    assert!(
        code == Some(1) && said.starts_with("demo, with the new desk in the lead:\n  [ ] mail-forwarding:support@"),
        "{said}"
    );
    assert!(said.contains("\n  [x] widgets: "), "{said}");
    let said = scene.says(&["checklist", "demo", "--due"]).await;
    assert!(said.contains("open tickets"), "the list of the switch is there at any time: {said}");
    let said: Value = serde_json::from_str(&scene.says(&["checklist", "demo", "--due", "--json"]).await).expect("JSON");
    assert!(said["asked"].as_u64() > Some(0) && said["urgent"].is_array(), "{said}");
    scene.refused(&["checklist", "demo", "--tick", "mail"], "the list has no `mail`; it has mail-forwarding:support@").await;
    scene.refused(&["checklist", "demo", "--probe", "invitations"], "no message with a code shows `invitations`").await;
    let said = scene.says(&["cutover", "demo", "--back"]).await;
    assert!(
        said.contains("The old desk leads: 7 tickets") && said.contains("To switch again: tidegate cutover demo --go"),
        "{said}"
    );
    assert!(scene.says(&["status", "demo"]).await.starts_with("demo: mirroring\n"));
    scene.refused(&["cutover", "demo"], "say what to do: --rehearse, --go, --back, --undo or --name-new").await;
    let said = scene.says(&["cutover", "demo", "--go"]).await;
    assert!(said.contains("[ ] widgets: "), "what was done before the way back is to be done again: {said}");
    let (code, said) = scene.house.ends(&["retire", "demo"]).await;
    assert!(
        code == Some(1) && said.contains("somebody wrote in old ticket") && said.contains("Refused: nothing was changed."),
        "{said}"
    );
    let said = scene.says(&["retire", "demo", "--force", "--reason", "a test"]).await;
    assert!(said.contains("passed by: somebody wrote in old ticket") && said.contains("demo is retired: "), "{said}");
    assert!(scene.says(&["status", "demo"]).await.starts_with("demo: retired\n"));
    let said = scene.says(&["certificate", "make", "demo"]).await;
    for words in ["the mirror ends: ", "gate quiet: passed by (olga: a test): somebody wrote in old ticket"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    scene.refused(&["mirror", "resume", "demo"], "demo is retired").await;
    scene.refused(&["cutover", "demo", "--back"], "demo is retired: nothing is carried any more").await;
    // Nobody listens and nothing is carried.
    scene.house.open("Too late");
    let row = scene.house.ledger.mirror("demo").await.expect("it is there");
    let witness = scene.house.ledger.witness(row.id, Side::Source).await.expect("an answer");
    assert!(witness.registration.is_none() && witness.removed_at.is_some(), "{witness:?}");
    let waiting = scene.house.ledger.lanes_waiting(row.id).await.expect("an answer");
    assert_eq!((waiting, scene.house.copy_of("Too late").is_none()), (0, true));
}

async fn old_tickets_name_the_new_ones(scene: &Scene) {
    let order = ["cutover", "demo", "--name-new"];
    let silence = async |word: &str| {
        let sql = "update mirror set config = jsonb_set(config, '{policy,source_silence}', to_jsonb($1::text))";
        sqlx::query(sql).bind(word).execute(&scene.house.pool).await.expect("it is set");
    };
    silence("proven").await;
    scene.refused(&order, "nobody has said why it mails nobody about that; see to what keeps it silent").await;
    silence("admin-rule").await;
    let (code, said) = scene.house.ends(&[&order[..], &["--json"]].concat()).await;
    assert!(code == Some(2) && said.contains("cannot be used with"), "{said}");
    let said = scene.says(&order).await;
    for words in ["5 open tickets of the old desk do not name their new ones: at least 15 calls.", "--name-new --yes"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = scene.says(&[&order[..], &["--yes"]].concat()).await;
    assert!(said.contains("5 old tickets name their new ones now, 0 did before; "), "{said}");
    assert!(scene.says(&order).await.starts_with("0 open tickets of the old desk do not name their new ones"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_switches_one_window_after_the_other() {
    let scene = Scene::with("[[window]]\nname = \"support\"\ngroups = [\"Support\"]\n").await;
    scene.refused(&["cutover", "demo", "--go", "--window", "north"], "demo has no window `north`; it has support, rest").await;
    let said = scene.says(&["cutover", "demo", "--rehearse", "--window", "support"]).await;
    for words in ["The new desk could lead window support now. ", "To switch: tidegate cutover demo --go --window support\n"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = scene.says(&["cutover", "demo", "--go", "--window", "support"]).await;
    for words in ["The new desk leads window support: ", "demo --back --window support\n", "demo --window support --tick ITEM"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = scene.says(&["status", "demo"]).await;
    for words in [
        "demo: partly-switched\n",
        "window support: the new desk leads since ",
        "    last: --go, done ",
        "rest: the old desk",
        ", reference ",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = scene.says(&["cutover", "demo", "--name-new", "--window", "support"]).await;
    assert!(said.contains("--name-new --window support --yes"), "{said}");
    let said = scene.says(&["cutover", "demo", "--name-new", "--window", "rest"]).await;
    assert!(said.starts_with("0 open tickets"), "the old desk leads them: {said}");
    partly(&scene).await;
    one_at_a_time(&scene).await;
    let due: Value = serde_json::from_str(&scene.says(&["checklist", "demo", "--due", "--json"]).await).expect("JSON");
    assert!(due["support"]["asked"].is_u64() && due["rest"]["asked"].is_u64(), "{due}");
    let said: Value = serde_json::from_str(&scene.says(&["cutover", "demo", "--go", "--json"]).await).expect("JSON");
    assert_eq!((&said["names"], said["open_tickets"]["asked"].is_u64()), (&serde_json::json!(["rest"]), true), "{said}");
    assert!(scene.says(&["status", "demo"]).await.starts_with("demo: switched\n"));
    scene.says(&["cutover", "demo", "--back", "--window", "support"]).await;
    scene.refused(&["cutover", "demo", "--back", "--window", "support"], "the old desk leads window support of demo").await;
    let said = scene.says(&["cutover", "demo", "--back"]).await;
    assert!(said.contains("The old desk leads window rest: "), "{said}");
    assert!(scene.says(&["status", "demo"]).await.starts_with("demo: mirroring\n"));
}

/// What other verbs say while the new desk leads one window.
async fn partly(scene: &Scene) {
    scene.refused(&["cutover", "demo", "--go", "--window", "support"], "the new desk leads window support of demo already").await;
    scene.refused(&["cutover", "demo", "--back", "--window", "rest"], "the old desk leads window rest of demo: there is").await;
    scene.refused(&["backfill", "demo"], "demo is partly-switched: copies are made and taken back only while the old").await;
    scene.refused(&["retire", "demo"], "the old desk still leads window rest, and what people change there").await;
    scene.refused(&["checklist", "demo", "--tick", "widgets"], "say which with --window (support, rest)").await;
    scene.says(&["checklist", "demo", "--window", "support", "--tick", "widgets"]).await;
    let (code, said) = scene.house.ends(&["checklist", "demo"]).await;
    let ticked: Vec<&str> = said.split("demo, window ").map(|list| if list.contains("[x] widgets") { "x" } else { "" }).collect();
    assert_eq!((code, ticked), (Some(1), vec!["", "x", ""]), "{said}");
    let said = scene.says(&["certificate", "make", "demo", "--window", "support"]).await;
    assert!(said.starts_with("demo, window support: ") && said.contains("phase: switched"), "{said}");
}

/// What is said while the switch of another window is under way.
async fn one_at_a_time(scene: &Scene) {
    let (ledger, now) = (&scene.house.ledger, scene.house.clock.now());
    let row = ledger.mirror("demo").await.expect("it is there");
    let rest = ledger.parts(row.id).await.expect("an answer").pop().expect("the rest");
    let (who, waived) = ("piet".to_string(), Vec::new());
    let wish = Wish { kind: Kind::Go, to: Side::Target, window: Some(rest.id), who, waived, reason: None };
    ledger.begin_switch(row.id, &wish, now).await.expect("an answer").expect("nothing else is under way");
    let begun = "piet began `tidegate cutover demo --go --window rest` at ";
    for words in [&["--back", "--window", "support"][..], &["--go"], &["--rehearse", "--window", "rest"]] {
        scene.refused(&[&["cutover", "demo"], words].concat(), begun).await;
    }
    assert!(
        scene.says(&["status", "demo"]).await.contains("tidegate cutover demo --go --window rest goes on, --undo gives it up")
    );
    scene
        .refused(&["cutover", "demo", "--undo", "--window", "support"], "but this one: tidegate cutover demo --go --window rest")
        .await;
    let said = scene.says(&["cutover", "demo", "--undo", "--window", "rest"]).await;
    assert!(said.starts_with("The switch of demo (tidegate cutover demo --go --window rest) is given up."), "{said}");
    assert!(scene.says(&["status", "demo"]).await.starts_with("demo: partly-switched\n"));
}
