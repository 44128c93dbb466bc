//! `tidegate webhook`: the first genuine delivery is told, refused ones are told apart, a secret is changed without a gap, and what
//! was removed is gone.

use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::desk::Side;
use tidegate::gateway::connect::connected;
use tidegate::intake::selftest::{EVERY, SelfTest};
use tidegate::ledger::mirror::MirrorRow;
use tidegate::sim::stage::{Action, Text, Who};

use crate::world::db::until;
use crate::world::house::{House, free, gateway, port};
use crate::world::process::{Serve, run, tidegate};
use crate::world::scrip::rt_mirror;

/// A gateway as a process of its own, and the verb beside it.
struct Scene {
    house: House,
    _serve: Serve,
    mirror: MirrorRow,
}

impl Scene {
    /// From a simulated Zendesk, whose clock may be another; `way` makes the address that it sends to.
    async fn zendesk(clock: Clock, way: impl AsyncFn(SocketAddr) -> SocketAddr) -> Scene {
        let house = House::with_past(0, clock).await;
        let serve = Serve::on(&house, port()).await;
        let mirror = house.apply(&house.mirror_text(&house.source.url, way(serve.address).await)).await;
        let scene = Scene { house, _serve: serve, mirror };
        let known = async || scene.witness().await.secret_since.is_some();
        until("the webhook is registered", known).await;
        scene
    }

    /// From a simulated RT, whose scrip signs with `secret`; ours is `of globex`.
    async fn rt(secret: &str) -> Scene {
        let house = House::with_past(0, Clock::system()).await;
        let serve = Serve::on(&house, port()).await;
        let mirror = house.apply(&rt_mirror(&house, "globex", "of globex", serve.address)).await;
        let scene = Scene { house, _serve: serve, mirror };
        until("it listens", async || scene.witness().await.secret_since.is_some()).await;
        scene.scrip(secret).await;
        scene
    }

    /// An RT admin gives the scrip its secret.
    async fn scrip(&self, secret: &str) {
        let url = format!("http://{}/hooks/globex/source", self._serve.address);
        let body = json!({ "url": url, "secret": secret }).to_string();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let put = client.put(format!("{}/_sim/webhook", self.house.target.url)).header("content-type", "application/json");
        assert!(put.body(body).send().await.expect("an answer").status().is_success());
    }

    async fn witness(&self) -> tidegate::ledger::feed::Witness {
        self.house.ledger.witness(self.mirror.id, Side::Source).await.expect("the ledger answers")
    }

    async fn verb(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = tidegate();
        command.env("DATABASE_URL", &self.house.url).args(["--log", "error", "webhook", &self.mirror.name]).args(words);
        let Output { status, stdout, stderr } = run(command).await;
        (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
    }

    async fn refused(&self) -> Vec<(String, i64)> {
        let refusals = self.house.ledger.refusals(self.mirror.id, Side::Source).await.expect("the ledger answers");
        refusals.into_iter().map(|one| (one.kind, one.times)).collect()
    }

    /// Requests about replies that were kept.
    async fn told(&self) -> i64 {
        let sql = "select count(*) from delivery
                   where convert_from(body, 'UTF8') ~ '\"type\":\"(zen:event-type:ticket.comment_added|Correspond)\"'";
        sqlx::query_scalar(sql).fetch_one(&self.house.pool).await.expect("a number")
    }

    /// A customer opens a ticket at the simulated RT.
    fn open_at_rt(&self) -> String {
        let text = Text { body: "It is dark".into(), ..Text::default() };
        let action = Action::Open {
            subject: "The lamp".into(),
            group: "General".into(),
            text,
            fields: Default::default(),
            tags: Vec::new(),
        };
        self.at_rt(action)
    }

    fn at_rt(&self, action: Action) -> String {
        let who = Who { email: "nora@northwind.example".into(), name: "Nora North".into(), agent: false };
        self.house.target.stage.act(&who, action, self.house.clock.now(), false).expect("RT takes it").ticket
    }

    fn reply_at_rt(&self, ticket: &str, words: &str) {
        let text = Text { body: words.into(), ..Text::default() };
        self.at_rt(Action::Reply { ticket: ticket.to_string(), text });
    }
}

async fn straight(gateway: SocketAddr) -> SocketAddr {
    gateway
}

/// A proxy that reads each body and writes it anew: the same JSON, other bytes.
async fn rewriting(gateway: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(free()).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().fallback(rewrite).with_state(gateway);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn rewrite(
    State(gateway): State<SocketAddr>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let json: Value = serde_json::from_slice(&body).expect("a webhook is JSON");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut forward =
        client.post(format!("http://{gateway}{}", uri.path())).body(serde_json::to_vec_pretty(&json).expect("JSON"));
    for (name, value) in headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str())) {
        forward = forward.header(name, value);
    }
    let answer = forward.send().await.expect("the gateway answers");
    (StatusCode::from_u16(answer.status().as_u16()).expect("a status"), answer.text().await.expect("text"))
}

#[tokio::test]
async fn registering_tells_when_the_first_genuine_delivery_arrived() {
    let scene = Scene::zendesk(Clock::system(), straight).await;
    let (code, said) = scene.verb(&["register", "--wait", "60s"]).await;
    assert_eq!(code, Some(0), "{said}");
    let url = format!("http://{}/hooks/demo/source", scene._serve.address);
    assert!(said.contains("is registered as ") && said.contains(&format!("; the desk sends to {url}\n")), "{said}");
    assert!(said.contains("The first genuine delivery arrived at "), "{said}");
    assert!(scene.refused().await.is_empty() && scene.house.ledger.parked(None).await.expect("an answer").is_empty());

    let (code, said) = scene.verb(&[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("  URL: {url}\n  secret: (hidden; print it with --show-secret)\n")), "{said}");
    assert!(said.contains("last genuine delivery: ") && said.contains("Admin Center, Apps and integrations, Webhooks"), "{said}");
    let (_, shown) = scene.verb(&["--show-secret", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let secret = shown["secret"].as_str().expect("it is shown");
    assert!(secret.len() > 20 && !said.contains(secret), "{said}");
    assert_eq!(scene.verb(&["test"]).await.0, Some(0));
    assert_eq!(scene.witness().await.verdict.as_deref(), Some("proven"));
}

#[tokio::test]
async fn a_wrong_secret_is_told_until_it_is_the_right_one() {
    let scene = Scene::rt("of nobody").await;
    let ticket = scene.open_at_rt();
    until("it is refused", async || scene.witness().await.rejections > 0).await;
    let (code, said) = scene.verb(&["test"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("refused: the signature does not match: another secret is set in the desk"), "{said}");
    let (code, said) = scene.verb(&["show", "--show-secret"]).await;
    assert!(code == Some(0) && said.contains("refused, wrong secret (1 times"), "{said}");
    assert!(said.contains("TIDEGATE_HOOK_SECRET=of globex"), "the step is filled in: {said}");

    scene.scrip("of globex").await;
    let waits = scene.verb(&["show", "--wait", "60s"]);
    tokio::pin!(waits);
    let (code, said) = loop {
        tokio::select! {
            done = &mut waits => break done,
            () = tidegate::task::delay(Duration::from_millis(200)) => scene.reply_at_rt(&ticket, "Is anybody there?"),
        }
    };
    assert!(code == Some(0) && said.contains(" genuine delivery arrived at "), "{said}");
}

#[tokio::test]
async fn a_desk_that_cannot_be_asked_is_judged_by_what_came() {
    let scene = Scene::rt("of globex").await;
    let (code, said) = scene.verb(&["test"]).await;
    assert!(code == Some(1) && said.starts_with("quiet: nothing was delivered ever"), "{said}");
    scene.open_at_rt();
    until("it is delivered", async || scene.witness().await.last_delivery_at.is_some()).await;
    let (code, said) = scene.verb(&["test"]).await;
    assert!(code == Some(0) && said.starts_with("proven: the last genuine delivery arrived "), "{said}");
    sqlx::query("update witness set last_delivery_at = '2020-01-01'").execute(&scene.house.pool).await.expect("long ago");
    let unheard = "insert into change_event (tenant_id, mirror_id, side, ticket, seq, origin, what, evidence, happened_at, received_at, missed)
                   select tenant_id, id, 'source', '1', n, 'poll', 'Set', 'txn:' || -n, '2026-01-01', '2026-01-01', true
                   from mirror, generate_series(1, 3) n";
    sqlx::query(unheard).execute(&scene.house.pool).await.expect("three events");
    let (code, said) = scene.verb(&["test"]).await;
    assert!(code == Some(1) && said.starts_with("silent: the poll saw 3 changes that the webhook did not tell"), "{said}");
}

#[tokio::test]
async fn the_self_test_is_repeated_when_its_time_has_come() {
    let house = House::with_past(0, Clock::adjustable()).await;
    let (running, address) = gateway(&house).await;
    let mirror = house.apply(&house.mirror_text(&house.source.url, address)).await;
    running.refresh().await;
    let witness = async || house.ledger.witness(mirror.id, Side::Source).await.expect("an answer");
    until("it is registered", async || witness().await.secret_since.is_some() && witness().await.registration.is_some()).await;
    let connected = connected(&mirror, &house.ledger, &house.clock).expect("it was applied");
    let test = SelfTest {
        ledger: house.ledger.clone(),
        clock: house.clock.clone(),
        mirror: mirror.id,
        name: mirror.name.clone(),
        side: Side::Source,
        desk: connected.course.source.clone(),
        url: format!("http://{address}/hooks/demo/source"),
    };
    let asked = || house.source.stage.calls().get("POST /api/v2/webhooks/test").copied().unwrap_or(0);
    test.activate().await;
    assert_eq!((asked(), witness().await.verdict.as_deref()), (1, Some("proven")));
    test.activate().await;
    assert_eq!(asked(), 1, "it is not due");
    let before = witness().await.tested_at;
    house.clock.advance(EVERY);
    test.activate().await;
    assert!(asked() > 1 && witness().await.tested_at > before, "an hour later it is");
    assert_eq!(witness().await.verdict.as_deref(), Some("proven"));
    assert_eq!(house.ledger.parked(None).await.expect("an answer"), [], "a test is no unreadable delivery");
    running.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
    let ahead = Clock::adjustable();
    ahead.advance(Duration::from_secs(1200));
    let scene = Scene::zendesk(ahead, straight).await;
    let (code, said) = scene.verb(&["test"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(" s ahead of this machine's; deliveries may be 300 s away."), "{said}");
    assert!(said.contains("refused: the request was signed -1") && said.contains("one of the two clocks is wrong"), "{said}");
    assert_eq!(scene.refused().await.first().map(|(kind, _)| kind.clone()), Some("clock".to_string()));
}

#[tokio::test]
async fn a_body_that_a_proxy_changed_is_told() {
    let scene = Scene::zendesk(Clock::system(), rewriting).await;
    let (code, said) = scene.verb(&["test"]).await;
    assert_eq!(code, Some(1), "{said}");
    let why = "the signature is right for the same body without white space between the parts of its JSON: a proxy between the desk and \
               the gateway changes bodies; have it pass them on byte by byte";
    assert!(said.contains(&format!("refused: {why}")), "{said}");
    let (_, said) = scene.verb(&["show"]).await;
    assert!(said.contains("refused, body changed (1 times"), "{said}");
    let mut command = tidegate();
    command.env("DATABASE_URL", &scene.house.url).args(["status", "demo"]);
    let status = String::from_utf8(run(command).await.stdout).expect("text");
    assert!(status.contains("ALARM: source webhook: self-test ") && status.contains(why), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_that_makes_its_own_secret_changes_it_under_traffic_and_nothing_is_missed() {
    let scene = Scene::zendesk(Clock::system(), straight).await;
    let (_, before) = scene.verb(&["--show-secret", "--json"]).await;
    let ticket = scene.house.open("The lamp").ticket;
    until("it is told", async || scene.witness().await.last_delivery_at.is_some()).await;
    scene.house.quiet(&scene.mirror).await;
    let told = scene.told().await;
    let rotation = scene.verb(&["rotate", "--wait", "60s", "--show-secret"]);
    let mut sent = 0;
    let traffic = async {
        tokio::pin!(rotation);
        loop {
            tokio::select! {
                done = &mut rotation => return done,
                () = tidegate::task::delay(Duration::from_millis(40)) => {
                    scene.house.reply(&ticket, &format!("Number {sent}"));
                    sent += 1;
                }
            }
        }
    };
    let (code, said) = traffic.await;
    assert!(code == Some(0) && said.contains("The gateway takes the new secret and the former one."), "{said}");
    assert!(said.contains("The first delivery that is signed with it arrived at "), "{said}");
    for number in 0..5 {
        scene.house.reply(&ticket, &format!("After {number}"));
    }
    assert!(sent > 5, "{sent} replies during the rotation");
    until("nothing is on its way", async || scene.house.source.stage.deliveries_waiting() == 0).await;
    assert_eq!(scene.told().await - told, sent + 5, "every reply was told by webhook");
    let (_, after) = scene.verb(&["--show-secret", "--json"]).await;
    let secret = |json: &str| serde_json::from_str::<Value>(json).expect("JSON")["secret"].clone();
    assert_ne!(secret(&before), secret(&after));
    assert!(said.contains(secret(&after).as_str().expect("it is shown")), "{said}");
    assert!(scene.refused().await.is_empty(), "{:?}", scene.refused().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_that_is_given_its_secret_changes_it_under_traffic_and_nothing_is_missed() {
    let scene = Scene::rt("of globex").await;
    let ticket = scene.open_at_rt();
    let mut sent = 0;
    let mut reply = || {
        scene.reply_at_rt(&ticket, &format!("Number {sent}"));
        sent += 1;
    };
    reply();
    until("it is told", async || scene.witness().await.newest_at.is_some()).await;
    let rotation = scene.verb(&["rotate", "--show-secret"]);
    tokio::pin!(rotation);
    let (code, said) = loop {
        tokio::select! {
            done = &mut rotation => break done,
            () = tidegate::task::delay(Duration::from_millis(40)) => reply(),
        }
    };
    assert!(code == Some(0) && said.contains("The gateway takes the new secret and the former one."), "{said}");
    let new = said.lines().find_map(|line| line.strip_prefix("The new secret: ")).expect("it is shown").to_string();
    let file = scene.house.scratch.path().join("globex");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), format!("{new}\nof globex\n"));
    reply();
    until("the former one is taken", async || scene.witness().await.former_at.is_some()).await;
    let (_, said) = scene.verb(&[]).await;
    assert!(said.contains("was signed with the former secret: the desk has not got the present one yet"), "{said}");
    let (code, said) = scene.verb(&["rotate"]).await;
    assert!(code == Some(1) && said.contains("the last rotation is not finished"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), format!("{new}\nof globex\n"), "nothing was changed");

    scene.scrip(&new).await;
    reply();
    until("the new one is taken", async || scene.witness().await.newest_at.is_some()).await;
    until("every reply was told by webhook", async || scene.told().await == sent).await;
    assert!(scene.refused().await.is_empty(), "{:?}", scene.refused().await);
}

#[tokio::test]
async fn what_was_removed_is_gone_from_the_desk_and_comes_back_when_asked_for() {
    let scene = Scene::zendesk(Clock::system(), straight).await;
    let (code, said) = scene.verb(&["remove"]).await;
    assert!(code == Some(0) && said.contains(" is unregistered. Changes of the source desk come by poll."), "{said}");
    let url = format!("http://{}/hooks/demo/source", scene._serve.address);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = async || client.post(&url).send().await.expect("an answer").status().as_u16();
    until("nobody listens", async || answer().await == 404).await;
    let hooks = async || {
        let list = client.get(format!("{}/api/v2/webhooks", scene.house.source.url));
        let list = list.basic_auth("admin@sim.example/token", Some("sim-token")).send().await.expect("an answer");
        let list: Value = serde_json::from_slice(&list.bytes().await.expect("a body")).expect("JSON");
        list["webhooks"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(hooks().await, 0);
    let status = async || {
        let mut command = tidegate();
        command.env("DATABASE_URL", &scene.house.url).args(["status", "demo"]);
        String::from_utf8(run(command).await.stdout).expect("text")
    };
    assert!(status().await.contains("source webhook: taken away "), "{}", status().await);
    assert_eq!(scene.verb(&["test"]).await.0, Some(1));

    let (code, said) = scene.verb(&["register", "--wait", "60s"]).await;
    assert!(code == Some(0) && said.contains(" genuine delivery arrived at "), "{said}");
    assert_eq!(hooks().await, 1);
    assert!(!status().await.contains("taken away"), "{}", status().await);
}

#[tokio::test]
async fn a_desk_that_is_only_polled_has_no_webhook_to_show() {
    let scene = Scene::zendesk(Clock::system(), straight).await;
    let (code, said) = scene.verb(&["show", "--target"]).await;
    assert!(code == Some(1) && said.contains("polls its target desk only: its file says `webhook = false` there"), "{said}");
}
