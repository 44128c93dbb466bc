//! `tidegate check` as an operator types it, with a gateway at work.

use tidegate::clock::Clock;
use tidegate::desk::Side;
use tidegate::sim::stage::{Action, Who};

use crate::world::db::until;
use crate::world::house::{House, port};
use crate::world::paper::Paper;
use crate::world::process::Serve;

/// A copied mirror with a gateway at work.
struct Scene {
    house: House,
    _serve: Serve,
}

impl Scene {
    async fn begin() -> Scene {
        let house = House::with_past(4, Clock::system()).await;
        let address = port();
        let text = house.mirror_text(&house.source.url, address);
        let mirror = house.apply(&text).await;
        house.admit(&text).await;
        let serve = Serve::on(&house, address).await;
        house.copy(&mirror).await;
        house.quiet(&mirror).await;
        Scene { house, _serve: serve }
    }

    /// Ends so, and says all of this.
    async fn says(&self, words: &[&str], code: i32, all: &[&str]) -> String {
        let (ended, said) = self.house.ends(words).await;
        assert_eq!(ended, Some(code), "{words:?}: {said}");
        all.iter().for_each(|one| assert!(said.contains(one), "{words:?} does not say {one}: {said}"));
        said
    }

    /// A script on the old desk's database gives a ticket another subject.
    fn slip(&self, ticket: &str, subject: &str) {
        let agent = Who { email: "ada@desk.example".into(), name: "Ada Reyes".into(), agent: true };
        let fields = [("subject".to_string(), vec![subject.to_string()])].into();
        self.house.source.stage.slip(&agent, Action::Set { ticket: ticket.to_string(), fields }).expect("a script can");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_checks_looks_at_one_kind_accepts_and_repairs() {
    let scene = Scene::begin().await;
    scene.says(&["check", "demo"], 0, &["At parity. ", "tickets were read now"]).await;
    scene.says(&["status", "demo"], 0, &["check: the last one ended ", " 0 different, 0 different and accepted"]).await;
    let ticket = scene.house.source.stage.tickets()[0].id.clone();
    scene.slip(&ticket, "Another subject");
    scene.says(&["check", "demo"], 0, &["At parity. ", "0 tickets were read now"]).await;
    scene
        .says(&["check", "demo", "--all"], 1, &["Not at parity. ", "field (1): ", "field `subject`: source `Another subject`"])
        .await;
    scene.says(&["status", "demo"], 0, &[" 1 different, 0 different and accepted"]).await;
    scene.says(&["check", "demo", "--kind", "field"], 1, &["field (1): ", "Another subject"]).await;
    let said = scene.says(&["check", "demo", "--kind", "words"], 1, &["Not at parity. "]).await;
    assert!(!said.contains("Another subject"), "{said}");
    scene.says(&["check", "demo", "--kind", "feild"], 2, &["there are: exposed, missing ticket, "]).await;
    accepted(&scene, &ticket).await;
    repaired(&scene, &ticket).await;
}

async fn accepted(scene: &Scene, ticket: &str) {
    scene.says(&["check", "demo", "--accept", "field"], 2, &["--reason"]).await;
    scene.says(&["check", "demo", "--accept", "words", "--reason", "so"], 1, &["no check found a difference `words`"]).await;
    let all = ["Accepted by olga: 1 differences of 1 tickets.", "tidegate check demo --unaccept field"];
    scene.says(&["check", "demo", "--accept", "field", "--reason", "the old name is wrong"], 0, &all).await;
    let line = "accepted: field (1 tickets, 1 differences), by olga, ";
    scene.says(&["check", "demo"], 0, &["At parity. ", ", 1 different and accepted", line, ": the old name is wrong"]).await;
    scene.says(&["status", "demo"], 0, &[" 0 different, 1 different and accepted"]).await;
    scene
        .says(&["certificate", "make", "demo"], 0, &["Differences accepted as they are", "olga, ", ": the old name is wrong"])
        .await;
    scene.says(&["check", "demo", "--unaccept", ticket], 0, &["1 differences are not accepted any more."]).await;
    scene.says(&["check", "demo", "--unaccept", ticket], 1, &["nobody accepted"]).await;
}

async fn repaired(scene: &Scene, ticket: &str) {
    let all = ["Not at parity. ", "repair: 1 tickets are sent through the normal path (1 differences)", "next: tidegate serve"];
    scene.says(&["check", "demo", "--ticket", ticket, "--repair"], 1, &all).await;
    until("it is carried", async || scene.house.copy_of("Another subject").is_some()).await;
    let mirror = scene.house.ledger.mirror("demo").await.expect("it is there");
    scene.house.quiet(&mirror).await;
    scene.says(&["check", "demo"], 0, &["At parity. ", "1 tickets were read now"]).await;
    let pair = scene.house.ledger.pairs_of_number(mirror.id, ticket).await.expect("an answer");
    assert!(pair[0].lead() == Side::Source && pair[0].target_ticket.is_some());
}

#[tokio::test]
async fn a_mirror_that_cannot_be_read_hides_no_other() {
    let paper = Paper::new().await;
    paper.mirror("acme").await;
    paper.mirror("borealis").await;
    let sql = "update mirror set config = jsonb_set(config, '{form}', '99') where name = 'acme'";
    sqlx::query(sql).execute(&paper.pool).await.expect("an answer");
    let said = paper.says(&["status"]).await;
    assert!(said.contains("check: mirror `acme` is stored in form 99, and this program reads form"), "{said}");
    assert!(said.contains("borealis: applied"), "{said}");
    let said = paper.refuses(&["check", "acme"]).await;
    assert!(said.contains("mirror `acme` is stored in form 99"), "{said}");
}
