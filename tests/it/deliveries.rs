//! Each kind of delivery gets the answer that the design names, and a line that an admin understands; over real HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use tidegate::clock::Clock;
use tidegate::gateway::serve::Gateway;
use tidegate::ledger::delivery::NewDelivery;
use tidegate::ledger::feed::Witness;
use tidegate::ledger::mirror::MirrorRow;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::db::until;
use crate::world::house::{House, gateway};
use crate::world::scrip::{FORMER_SECRET, mac, rt_mirror, signed, transaction};

/// As published by Zendesk for everybody.
const PUBLIC_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
const RT_SECRET: &str = "of globex";
const OTHER_RT_SECRET: &str = "of umbrella";

/// A gateway with three paused mirrors: `demo` from Zendesk, `globex` and `umbrella` from RT.
struct Intake {
    house: House,
    gateway: Gateway,
    address: SocketAddr,
    zendesk_secret: String,
    client: reqwest::Client,
    mirror: MirrorRow,
}

/// What the sender was told.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    line: String,
    retry_after: Option<String>,
}

fn told(status: u16, line: &str) -> Told {
    Told { status, line: line.to_string(), retry_after: None }
}

fn come_back(status: u16, line: &str) -> Told {
    Told { retry_after: Some("5".to_string()), ..told(status, line) }
}

const NOT_SIGNED: &str = "the request has no `x-zendesk-webhook-signature` header: it was not sent by the desk's webhook, or a proxy \
                          removed the header";
const FORGED: &str = "the signature does not match: another secret is set in the desk, the webhook belongs to another mirror, or a \
                      proxy changed the body";

impl Intake {
    async fn open() -> Intake {
        let house = House::with_past(0, Clock::system()).await;
        let (gateway, address) = gateway(&house).await;
        let mirror = house.apply(&house.mirror_text(&house.source.url, address)).await;
        house.apply(&rt_mirror(&house, "globex", RT_SECRET, address)).await;
        house.apply(&rt_mirror(&house, "umbrella", OTHER_RT_SECRET, address)).await;
        for row in house.ledger.mirrors().await.expect("the ledger answers") {
            house.ledger.pause_mirror(row.id, "nothing is written in this test").await.expect("it is paused");
        }
        gateway.refresh().await;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("a client");
        let mut intake = Intake { house, gateway, address, zendesk_secret: String::new(), client, mirror };
        for mirror in ["demo", "globex", "umbrella"] {
            until("the mirror listens", async || intake.send(mirror, &[], b"").await.status == 401).await;
        }
        until("the webhook is registered", async || intake.witness().await.registration.is_some()).await;
        intake.zendesk_secret = intake.asked_secret("GET").await;
        intake
    }

    async fn witness(&self) -> Witness {
        self.house.ledger.witness(self.mirror.id, tidegate::desk::Side::Source).await.expect("an answer")
    }

    /// The secret that Zendesk signs with; `POST` makes a new one.
    async fn asked_secret(&self, method: &str) -> String {
        let id = self.witness().await.registration.expect("the webhook is registered");
        let url = format!("{}/api/v2/webhooks/{id}/signing_secret", self.house.source.url);
        let request = self.client.request(method.parse().expect("a method"), url);
        let answer = request.basic_auth("admin@sim.example/token", Some("sim-token")).send().await.expect("an answer");
        let json: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        json["signing_secret"]["secret"].as_str().expect("a secret").to_string()
    }

    async fn send(&self, mirror: &str, headers: &[(&str, &str)], body: &[u8]) -> Told {
        let mut request = self.client.post(format!("http://{}/hooks/{mirror}/source", self.address)).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await.expect("the gateway answers")).await
    }

    /// Signed now as Zendesk does.
    async fn zendesk(&self, secret: &str, body: &[u8]) -> Told {
        self.zendesk_at(secret, body, Clock::system().now(), "demo").await
    }

    async fn zendesk_at(&self, secret: &str, body: &[u8], at: DateTime<Utc>, mirror: &str) -> Told {
        let time = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let signature = STANDARD.encode(mac(secret, &[time.as_bytes(), body]));
        let headers =
            [("x-zendesk-webhook-signature", signature.as_str()), ("x-zendesk-webhook-signature-timestamp", time.as_str())];
        self.send(mirror, &headers, body).await
    }

    /// Signed now as the scrip does.
    async fn rt(&self, mirror: &str, secret: &str, body: &[u8]) -> Told {
        let headers = signed(secret, Clock::system().now().timestamp(), body);
        self.send(mirror, &headers.each_ref().map(|(name, value)| (*name, value.as_str())), body).await
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(sql).fetch_one(&self.house.pool).await.expect("a number")
    }

    async fn refusals(&self) -> i64 {
        let witness = self.house.ledger.witness(self.mirror.id, tidegate::desk::Side::Source).await.expect("an answer");
        witness.rejections
    }

    async fn parked(&self) -> Vec<(String, String)> {
        let parked = self.house.ledger.parked(None).await.expect("the ledger answers");
        parked.into_iter().map(|one| (one.kind, one.reason)).collect()
    }
}

async fn read(answer: reqwest::Response) -> Told {
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_string());
    let status = answer.status().as_u16();
    Told { status, line: answer.text().await.expect("a body").trim_end().to_string(), retry_after }
}

/// A ticket event as Zendesk sends it.
fn event(id: &str) -> Vec<u8> {
    let at = "2026-11-20T08:00:00Z";
    let body = json!({
        "id": id, "type": "zen:event-type:ticket.comment_added", "subject": "zen:ticket:4711", "time": at,
        "detail": {"id": "4711", "updated_at": at}, "event": {},
    });
    body.to_string().into_bytes()
}

#[tokio::test]
async fn a_genuine_delivery_is_kept_once_however_often_it_comes() {
    let intake = Intake::open().await;
    let body = event("01EVENT");
    assert_eq!(intake.zendesk(&intake.zendesk_secret, &body).await, told(200, "kept"));
    assert_eq!(intake.zendesk(&intake.zendesk_secret, &body).await, told(200, "kept before"));
    assert_eq!(intake.rt("globex", RT_SECRET, &transaction(88)).await, told(200, "kept"));
    assert_eq!(intake.rt("globex", RT_SECRET, &transaction(88)).await, told(200, "kept before"));
    assert_eq!((intake.count("delivery").await, intake.count("change_event").await), (2, 2));
    let kept: String = sqlx::query_scalar("select string_agg(headers::text, ' ') from delivery")
        .fetch_one(&intake.house.pool)
        .await
        .expect("headers");
    assert!(!kept.contains("x-rt-signature") && kept.contains("timestamp"), "{kept}");
}

#[tokio::test]
async fn what_does_not_prove_itself_is_refused_with_a_reason() {
    let intake = Intake::open().await;
    let (before, body) = (intake.refusals().await, event("01FORGED"));
    let secret = &intake.zendesk_secret;
    assert_eq!(intake.zendesk("a guess", &body).await, told(401, FORGED));
    assert_eq!(intake.send("demo", &[], &body).await, told(401, NOT_SIGNED));
    let half = [("x-zendesk-webhook-signature", "bm90aGluZw==")];
    let no_time = "the request has no `x-zendesk-webhook-signature-timestamp` header: it was not sent by the desk's webhook, or a \
                   proxy removed the header";
    assert_eq!(intake.send("demo", &half, &body).await, told(401, no_time));
    let unreadable = [("x-zendesk-webhook-signature", "%%%"), ("x-zendesk-webhook-signature-timestamp", "2026-11-20T08:00:00Z")];
    let bad = "the `x-zendesk-webhook-signature` header cannot be read: a proxy changed it, or the sender is not the desk";
    assert_eq!(intake.send("demo", &unreadable, &body).await, told(401, bad));
    let public = "the request is signed with the vendor's public test secret, which proves nothing; use the webhook's own secret";
    assert_eq!(intake.zendesk(PUBLIC_SECRET, &body).await, told(401, public));
    let stale = intake.zendesk_at(secret, &body, Clock::system().now() - TimeDelta::seconds(400), "demo").await;
    assert_eq!(stale.status, 401);
    assert!(stale.line.ends_with("more than 300 s: it was replayed, or one of the two clocks is wrong"), "{}", stale.line);
    let early = intake.zendesk_at(secret, &body, Clock::system().now() + TimeDelta::seconds(400), "demo").await;
    assert!(early.status == 401 && early.line.contains("away from our time"), "{early:?}");
    assert_eq!(intake.refusals().await - before, 7);
    assert_eq!((intake.count("delivery").await, intake.count("change_event").await), (0, 0));
}

#[tokio::test]
async fn a_delivery_proves_itself_for_its_own_mirror_only() {
    let intake = Intake::open().await;
    let (secret, body) = (&intake.zendesk_secret, event("01MIRROR"));
    let nobody = told(404, "no mirror `nobody` listens for its source desk here");
    assert_eq!(intake.zendesk_at(secret, &body, Clock::system().now(), "nobody").await, nobody);
    let mixed_up = "the request is signed with the secret of mirror `umbrella`: the desk sends to the wrong address, or has the other \
                    mirror's secret";
    assert_eq!(intake.rt("globex", OTHER_RT_SECRET, &transaction(1)).await, told(401, mixed_up));
    let url = format!("http://{}/hooks/demo/", intake.address);
    let target = intake.client.post(format!("{url}target")).send().await.expect("an answer");
    assert_eq!(read(target).await, told(404, "no mirror `demo` listens for its target desk here"));
    let middle = intake.client.post(format!("{url}middle")).send().await.expect("an answer");
    assert_eq!(read(middle).await, told(404, "the address ends in /source or /target"));
    let got = intake.client.get(format!("{url}source")).send().await.expect("an answer");
    assert_eq!(got.status().as_u16(), 405);
    assert_eq!(intake.count("delivery").await, 0);
}

#[tokio::test]
async fn what_is_genuine_and_cannot_be_read_is_kept_and_parked() {
    let intake = Intake::open().await;
    assert_eq!(intake.zendesk(&intake.zendesk_secret, b"{\"id\": \"01ODD\", \"type\": 7").await, told(200, "kept"));
    assert_eq!(intake.zendesk(&intake.zendesk_secret, b"\xff\xfe\x00 no text").await, told(200, "kept"));
    assert_eq!(intake.rt("globex", RT_SECRET, b"[]").await, told(200, "kept"));
    let parked = intake.parked().await;
    assert_eq!(parked.len(), 3, "{parked:?}");
    assert!(parked.iter().all(|(kind, _)| kind == "unreadable delivery"), "{parked:?}");
    let lines: Vec<&str> = parked.iter().map(|(_, reason)| reason.as_str()).collect();
    let zendesk = "a genuine delivery of the source desk could not be read: the body is not an event in Zendesk's JSON envelope";
    assert_eq!(lines.iter().filter(|line| line.starts_with(zendesk)).count(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("the body is not what Tidegate's scrip sends")), "{lines:?}");
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar("select body from delivery order by id").fetch_all(&intake.house.pool).await.expect("bodies");
    assert_eq!(bodies[1], b"\xff\xfe\x00 no text", "the bytes are kept as they came");
}

#[tokio::test]
async fn two_secrets_are_good_during_a_rotation() {
    let intake = Intake::open().await;
    assert_eq!(intake.rt("globex", FORMER_SECRET, &transaction(5)).await, told(200, "kept"));
    let former = intake.zendesk_secret.clone();
    let newest = intake.asked_secret("POST").await;
    intake.house.apply(&intake.house.mirror_text(&intake.house.source.url, intake.address)).await;
    intake.gateway.refresh().await;
    until("the new secret is known", async || intake.zendesk(&newest, &event("01NEW")).await.status == 200).await;
    assert_eq!(intake.zendesk(&former, &event("01LATE")).await, told(200, "kept"));
}

#[tokio::test]
async fn the_first_delivery_signed_with_a_reset_secret_makes_us_ask_for_it() {
    let intake = Intake::open().await;
    let asked = || intake.house.source.stage.calls().get("GET /api/v2/webhooks/{id}/signing_secret").copied().unwrap_or(0);
    let (former, before, refused) = (intake.zendesk_secret.clone(), asked(), intake.refusals().await);
    let newest = intake.asked_secret("POST").await;
    let bodies = [event("01A"), event("01B"), event("01C")];
    let together = futures_util::future::join_all(bodies.iter().map(|body| intake.zendesk(&newest, body))).await;
    assert_eq!(together, [told(200, "kept"), told(200, "kept"), told(200, "kept")]);
    assert_eq!(intake.zendesk(&former, &event("01LATE")).await, told(200, "kept"), "it was on its way");
    assert_eq!(asked() - before, 1, "the desk was asked once for all of them");
    let in_doubt = "the signature does not match what we know, and the desk cannot be asked just now: send it again";
    for _ in 0..3 {
        assert_eq!(intake.zendesk("a guess", &event("01GUESS")).await, come_back(409, in_doubt));
    }
    assert_eq!(asked() - before, 1, "a forger does not make us ask more often");
    assert_eq!(intake.refusals().await - refused, 3);
    assert_eq!(intake.count("delivery").await, 4);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_ends_early_is_told_so() {
    let intake = Intake::open().await;
    let large = "the delivery is larger than 65536 bytes; if it is genuine, raise --largest-delivery";
    assert_eq!(intake.zendesk(&intake.zendesk_secret, &vec![b'x'; 65_537]).await, told(413, large));
    let mut stream = TcpStream::connect(intake.address).await.expect("a connection");
    let head = "POST /hooks/demo/source HTTP/1.1\r\nhost: gateway\r\ncontent-length: 500\r\n\r\nonly this";
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream.shutdown().await.expect("nothing more comes");
    let answer = rest_of(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(intake.count("delivery").await, 0);
    assert_eq!(intake.zendesk(&intake.zendesk_secret, &event("01AFTER")).await, told(200, "kept"));
}

/// What comes until the gateway closes the connection, which it must do within a quarter of a minute.
async fn rest_of(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut text)).await;
    assert!(closed.is_ok(), "the gateway holds the connection");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn nobody_holds_a_connection_by_saying_nothing() {
    let intake = Intake::open().await;
    let says = async |words: &'static str| {
        let mut stream = TcpStream::connect(intake.address).await.expect("a connection");
        stream.write_all(words.as_bytes()).await.expect("it is sent");
        rest_of(&mut stream).await
    };
    let (silent, half_head, half_body) = tokio::join!(
        says(""),
        says("POST /hooks/demo/source HTTP/1.1\r\nhost: gate"),
        says("POST /hooks/demo/source HTTP/1.1\r\nhost: gateway\r\ncontent-length: 500\r\n\r\nonly this")
    );
    assert_eq!(silent, "");
    assert!(half_head.is_empty() || half_head.starts_with("HTTP/1.1 408"), "{half_head}");
    assert!(half_body.starts_with("HTTP/1.1 408") && half_body.contains("the body did not come in time"), "{half_body}");
}

#[tokio::test]
async fn without_the_ledger_each_desk_is_told_what_makes_it_come_back() {
    let intake = Intake::open().await;
    intake.house.ledger.close().await;
    let away = "the ledger is away: nothing was kept; send it again";
    assert_eq!(intake.zendesk(&intake.zendesk_secret, &event("01AWAY")).await, come_back(409, away));
    assert_eq!(intake.rt("globex", RT_SECRET, &transaction(6)).await, come_back(503, away));
    assert_eq!(intake.zendesk("a guess", &event("01AWAY")).await, told(401, FORGED));
    let ready = intake.client.get(format!("http://{}/readyz", intake.address)).send().await.expect("an answer");
    assert_eq!(read(ready).await, told(503, "the ledger does not answer"));
}

/// Nobody can store deliveries while this transaction is open.
async fn hold_table(pool: &PgPool) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut transaction = pool.begin().await.expect("a transaction");
    sqlx::query("lock table delivery in access exclusive mode").execute(&mut *transaction).await.expect("a lock");
    transaction
}

async fn until_somebody_waits(pool: &PgPool) {
    let waits = async || {
        let sql = "select exists (select 1 from pg_locks where relation = 'delivery'::regclass and not granted)";
        sqlx::query_scalar::<_, bool>(sql).fetch_one(pool).await.expect("an answer")
    };
    until("the delivery is being stored", waits).await;
}

#[tokio::test]
async fn a_delivery_is_stored_although_its_sender_hung_up() {
    let intake = Intake::open().await;
    let held = hold_table(&intake.house.pool).await;
    let body = event("01GONE");
    let sent = intake.zendesk(&intake.zendesk_secret, &body);
    tokio::select! {
        told = sent => panic!("answered before it was stored: {told:?}"),
        () = until_somebody_waits(&intake.house.pool) => {}
    }
    held.rollback().await.expect("the lock is gone");
    until("the delivery is there", async || intake.count("delivery").await == 1).await;
}

#[tokio::test]
async fn a_full_queue_says_come_back_and_loses_nothing_that_it_took() {
    let intake = Intake::open().await;
    let held = hold_table(&intake.house.pool).await;
    let first = keep(&intake, "first");
    until_somebody_waits(&intake.house.pool).await;
    let others: Vec<_> = (0..4096).map(|number| keep(&intake, &format!("other {number}"))).collect();
    let full = "too much is waiting to be kept: send it again";
    let (mut last, body) = (told(0, ""), event("01FULL"));
    until("the queue is full", async || {
        last = tokio::select! {
            told = intake.zendesk(&intake.zendesk_secret, &body) => told,
            () = tidegate::task::delay(Duration::from_millis(200)) => return false,
        };
        true
    })
    .await;
    assert_eq!(last, come_back(409, full));
    assert_eq!(intake.rt("globex", RT_SECRET, &transaction(7)).await, come_back(503, full));
    held.rollback().await.expect("the lock is gone");
    assert!(first.await.expect("it ran"), "the first was taken");
    let mut taken = 1;
    for other in others {
        taken += i64::from(other.await.expect("it ran"));
    }
    assert!(taken >= 4096, "{taken}");
    // Attempts that were given up on are stored too, once.
    let stored = intake.count("delivery").await;
    assert!(stored == taken || stored == taken + 1, "{stored} of {taken}");
}

/// Hands a delivery in as a handler does; tells whether it was kept.
fn keep(intake: &Intake, dedupe: &str) -> tokio::task::JoinHandle<bool> {
    let writer = intake.gateway.writer().clone();
    let delivery = NewDelivery {
        mirror: intake.mirror.id,
        side: tidegate::desk::Side::Source,
        dedupe: dedupe.to_string(),
        received_at: Clock::system().now(),
        headers: Vec::new(),
        body: b"{}".to_vec(),
        by_former: false,
        reading: Ok(Vec::new()),
    };
    tokio::spawn(async move { writer.keep(delivery).await.is_ok() })
}
