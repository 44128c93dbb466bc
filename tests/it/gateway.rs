//! The gateway as a whole: each witness brings everything alone, alarms come and go, and what an operator does takes effect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use tidegate::clock::Clock;
use tidegate::gateway::serve::Gateway;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::ledger::status::Status;
use tidegate::sim::faults::Rates;

use crate::world::db::until;
use crate::world::house::{House, free, gateway};
use crate::world::log;
use crate::world::process::{printed, run, tidegate};

/// Everything dropped.
const DEAF: Rates = Rates { drop: 1.0, ..NOTHING };
const NOTHING: Rates = Rates {
    drop: 0.0,
    double: 0.0,
    late: 0.0,
    late_ms: 0,
    limit: 0.0,
    refuse: 0.0,
    slow: 0.0,
    slow_ms: 0,
    lose_answer: 0.0,
    stale_read: 0.0,
};
/// How long Zendesk withholds changes from its export, and some more.
const WITHHELD: Duration = Duration::from_secs(75);

/// A gateway that mirrors.
struct Scene {
    house: House,
    gateway: Gateway,
    address: SocketAddr,
    mirror: MirrorRow,
}

impl Scene {
    /// With a past that is copied already.
    async fn of(tickets: usize) -> Scene {
        let house = House::with_past(tickets, Clock::adjustable()).await;
        let source = house.source.url.clone();
        Scene::from(house, &source).await
    }

    async fn from(house: House, source: &str) -> Scene {
        let (gateway, address) = gateway(&house).await;
        let mirror = house.apply(&house.mirror_text(source, address)).await;
        gateway.refresh().await;
        house.copy(&mirror).await;
        let scene = Scene { house, gateway, address, mirror };
        until("the webhook is registered", async || {
            scene.get("/metrics").await.1.contains("tidegate_tickets") && scene.listens().await
        })
        .await;
        scene
    }

    async fn listens(&self) -> bool {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.post(format!("http://{}/hooks/demo/source", self.address)).send().await;
        answer.expect("an answer").status() == 401
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.get(format!("http://{}{path}", self.address)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    async fn status(&self) -> Status {
        self.house.ledger.status(self.mirror.id, self.house.clock.now()).await.expect("the ledger answers")
    }

    /// What one witness told of the source.
    async fn events(&self, origin: &str) -> i64 {
        sqlx::query_scalar("select count(*) from change_event where side = 'source' and origin = $1")
            .bind(origin)
            .fetch_one(&self.house.pool)
            .await
            .expect("a number")
    }

    async fn delivered(&self) -> i64 {
        sqlx::query_scalar("select count(*) from delivery").fetch_one(&self.house.pool).await.expect("a number")
    }

    async fn operator(&self, arguments: &[&str]) -> String {
        let mut command = tidegate();
        command.env("DATABASE_URL", &self.house.url).args(arguments);
        printed(command).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_webhook_dropped_the_next_poll_brings_everything() {
    let mut scene = Scene::of(6).await;
    let text = scene.house.mirror_text(&scene.house.source.url, scene.address).replace("every = \"1s\"", "every = \"4s\"");
    scene.mirror = scene.house.apply(&text).await;
    scene.gateway.refresh().await;
    scene.house.source_faults(DEAF);
    scene.house.traffic(40, &scene.mirror);
    scene.house.clock.advance(WITHHELD);
    let visible = scene.house.clock.now();
    scene.house.agreement(&scene.mirror).await;
    assert_eq!(scene.events("webhook").await, 0);
    assert!(scene.events("poll").await > 0);
    let last: DateTime<Utc> =
        sqlx::query_scalar("select max(received_at) from change_event where origin = 'poll' and side = 'source'")
            .fetch_one(&scene.house.pool)
            .await
            .expect("a time");
    let after = last - visible;
    assert!(after <= TimeDelta::seconds(4 + 3), "the last change was seen {after} after it could be, at one poll every 4 s");
    scene.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_webhook_is_an_alarm_until_it_speaks_again() {
    log::keep();
    let scene = Scene::of(4).await;
    scene.house.source_faults(DEAF);
    let tickets: Vec<String> = (0..4).map(|number| scene.house.open(&format!("Unheard {number}")).ticket).collect();
    scene.house.clock.advance(WITHHELD);
    until("the alarm is raised", async || scene.status().await.source.webhook_silent).await;
    assert!(scene.get("/metrics").await.1.contains("tidegate_webhook_silent{mirror=\"demo\",side=\"source\"} 1\n"));
    let told = scene.operator(&["status", "demo"]).await;
    assert!(told.contains("ALARM: the source webhook is silent"), "{told}");
    let logged = async || log::holds(&["ERROR", "the webhook is silent", "mirror=\"demo\""]);
    until("the alarm is in the log", logged).await;
    assert!(scene.status().await.missed >= 4, "what only the poll saw is counted");

    scene.house.source_faults(NOTHING);
    scene.house.reply(&tickets[0], "Can you hear me now?");
    until("the alarm is over", async || !scene.status().await.source.webhook_silent).await;
    assert!(scene.get("/metrics").await.1.contains("tidegate_webhook_silent{mirror=\"demo\",side=\"source\"} 0\n"));
    assert!(!scene.operator(&["status", "demo"]).await.contains("ALARM"));
    until("so says the log", async || log::holds(&["INFO", "the webhook tells of changes again", "mirror=\"demo\""])).await;
    scene.gateway.stop().await;
}

/// A way to the source that can be broken for polls only.
#[derive(Clone)]
struct Way {
    to: Arc<str>,
    client: reqwest::Client,
    polls_fail: Arc<AtomicBool>,
}

impl Way {
    async fn to(source: &str) -> (Way, String) {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let way = Way { to: source.into(), client, polls_fail: Arc::default() };
        let listener = tokio::net::TcpListener::bind(free()).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let router = Router::new().fallback(pass).with_state(way.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (way, url)
    }
}

async fn pass(State(way): State<Way>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let poll = parts.uri.path().starts_with("/api/v2/incremental") || parts.uri.path().contains("deleted_tickets");
    if poll && way.polls_fail.load(Ordering::SeqCst) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    let body = to_bytes(body, 64 << 20).await.expect("a body");
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut forward = way.client.request(parts.method, format!("{}{path}", way.to)).body(body);
    for (name, value) in parts.headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str())) {
        forward = forward.header(name, value);
    }
    let answer = forward.send().await.expect("the desk answers");
    let mut response = Response::builder().status(answer.status());
    for (name, value) in
        answer.headers().iter().filter(|(name, _)| !["transfer-encoding", "content-length"].contains(&name.as_str()))
    {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.bytes().await.expect("a body"))).expect("a response")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_poll_failing_the_webhook_brings_everything() {
    let house = House::with_past(6, Clock::adjustable()).await;
    let (way, url) = Way::to(&house.source.url).await;
    let mut scene = Scene::from(house, &url).await;
    way.polls_fail.store(true, Ordering::SeqCst);
    until("the polls fail", async || scene.status().await.source.poll_fault.is_some()).await;
    let polled = scene.events("poll").await;
    scene.house.traffic(40, &scene.mirror);
    scene.house.quiet(&scene.mirror).await;
    let verdict = scene.house.verdict(&scene.mirror).await;
    assert!(verdict.agrees(), "{:#?}", verdict.differences);
    assert_eq!(scene.events("poll").await, polled);
    assert!(scene.events("webhook").await > 0);
    let told = scene.operator(&["status", "demo"]).await;
    assert!(told.contains("ALARM: the source poll fails: export tickets: the desk answered 500"), "{told}");
    way.polls_fail.store(false, Ordering::SeqCst);
    until("the polls go on", async || scene.status().await.source.poll_fault.is_none()).await;
    assert!(!scene.operator(&["status", "demo"]).await.contains("ALARM"));
    scene.gateway.stop().await;
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let scene = Scene::of(3).await;
    assert_eq!(scene.get("/healthz").await, (200, "alive\n".to_string()));
    assert_eq!(scene.get("/readyz").await, (200, "ready\n".to_string()));
    scene.house.open("One more");
    until("it is carried", async || scene.house.copy_of("One more").is_some()).await;
    scene.house.quiet(&scene.mirror).await;
    scene.gateway.flush().await;
    let (code, text) = scene.get("/metrics").await;
    assert_eq!(code, 200);
    let tickets = scene.house.source.stage.tickets().len();
    for line in [
        format!("tidegate_tickets_copied{{mirror=\"demo\"}} {tickets}"),
        "tidegate_lanes_waiting{mirror=\"demo\"} 0".to_string(),
        "tidegate_parked{mirror=\"demo\"} 0".to_string(),
        "tidegate_paused{mirror=\"demo\"} 0".to_string(),
        "tidegate_webhook_silent{mirror=\"demo\",side=\"source\"} 0".to_string(),
        "# TYPE tidegate_lag_seconds_p95 gauge".to_string(),
    ] {
        assert!(text.lines().any(|told| told == line), "`{line}` is missing in:\n{text}");
    }
    assert!(text.contains("tidegate_events_total{mirror=\"demo\",origin=\"webhook\"}"), "{text}");
    assert!(text.contains("tidegate_figure_total{mirror=\"demo\",name=\"calls: "), "{text}");
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    assert!(names.iter().all(|name| text.contains(&format!("# TYPE {name} "))), "{names:?}");
    scene.house.ledger.close().await;
    assert_eq!(scene.get("/healthz").await.0, 200, "the process is alive without the ledger");
    assert_eq!(scene.get("/readyz").await, (503, "the ledger does not answer\n".to_string()));
    assert_eq!(scene.get("/metrics").await.0, 503);
}

#[tokio::test]
async fn a_mirror_that_is_applied_again_is_taken_in() {
    let mut scene = Scene::of(2).await;
    scene.house.open("Before");
    until("it is carried", async || scene.house.copy_of("Before").is_some()).await;
    let text = scene.house.mirror_text(&scene.house.source.url, scene.address);
    let text = text.replace("Support = \"Support\"", "Support = \"Engineering\"");
    scene.mirror = scene.house.apply(&text).await;
    scene.gateway.refresh().await;
    until("it listens again", async || scene.listens().await).await;
    scene.house.open("After");
    until("it is carried", async || scene.house.copy_of("After").is_some()).await;
    let group = |subject: &str| scene.house.copy_of(subject).and_then(|ticket| ticket.fields.get("group").cloned());
    assert_eq!(group("After"), Some(vec!["Engineering".to_string()]));
    assert_eq!(group("Before"), Some(vec!["Support".to_string()]), "what was carried stays as it is");
    scene.gateway.stop().await;
}

#[tokio::test]
async fn a_paused_mirror_receives_and_writes_nothing_until_it_is_resumed() {
    let scene = Scene::of(2).await;
    let ticket = scene.house.open("A question").ticket;
    until("it is carried", async || scene.house.copy_of("A question").is_some()).await;
    scene.house.quiet(&scene.mirror).await;
    assert_eq!(
        scene.operator(&["mirror", "pause", "demo", "--why", "the desk is moved"]).await,
        "demo is paused: changes are received and wait.\n"
    );
    let before = (scene.house.target.stage.tickets(), scene.delivered().await);
    scene.house.reply(&ticket, "Are you there?");
    scene.house.open("Another question");
    until("both are received", async || scene.delivered().await >= before.1 + 2).await;
    until("they wait", async || scene.status().await.waiting == 2).await;
    let told = scene.operator(&["status", "demo"]).await;
    assert!(told.contains("demo: PAUSED: the desk is moved") && told.contains("2 waiting"), "{told}");
    assert_eq!(scene.house.target.stage.tickets(), before.0);
    assert!(scene.get("/metrics").await.1.contains("tidegate_paused{mirror=\"demo\"} 1\n"));
    assert_eq!(scene.operator(&["mirror", "resume", "demo"]).await, "demo goes on.\n");
    until("all is carried", async || {
        scene.house.found("Are you there?") == 1 && scene.house.copy_of("Another question").is_some()
    })
    .await;
    scene.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_wait_for_a_target_that_refuses_and_none_is_lost() {
    let mut scene = Scene::of(4).await;
    scene.house.target.stage.faults().set(Rates { refuse: 1.0, ..NOTHING });
    scene.house.traffic(30, &scene.mirror);
    until("all deliveries were taken", async || scene.house.source.stage.deliveries_waiting() == 0).await;
    let waiting = scene.status().await;
    assert!(waiting.waiting > 0 && waiting.oldest_seconds > 0.0, "{waiting:?}");
    until("the reason is known", async || !scene.house.ledger.faults(scene.mirror.id).await.expect("an answer").is_empty()).await;
    scene.house.target.stage.faults().set(NOTHING);
    scene.house.agreement(&scene.mirror).await;
    assert_eq!(scene.status().await.parked, 0);
    scene.gateway.stop().await;
}

#[tokio::test]
async fn the_demo_goes_through_hell_and_agrees() {
    let mut command = tidegate();
    command.args(["--log", "error", "demo", "--tickets", "20", "--for", "5s", "--seed", "3", "--faults", "hell", "--json"]);
    let output = run(command).await;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");
    let told: serde_json::Value = serde_json::from_str(&text).expect("one JSON summary and nothing else");
    assert_eq!((&told["agrees"], &told["parity_differences"]), (&true.into(), &0.into()));
    assert!(told["kills"].as_array().is_some_and(|kills| kills.len() >= 5), "{told}");
    let happened = told["faults_happened"].as_object().expect("counts");
    for kind in ["Drop", "Double", "Late", "Limit", "Refuse", "Slow", "LoseAnswer", "StaleRead"] {
        let times: u64 = happened.iter().filter(|(name, _)| name.ends_with(kind)).filter_map(|(_, times)| times.as_u64()).sum();
        assert!(times > 0, "{kind} did not happen: {happened:?}");
    }
}
