//! A world: two simulated desks, a ledger, and a gateway whose tasks a test runs by hand, on a clock that a test turns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tidegate::cli::demo::agreement;
use tidegate::cli::findings::prove_and_keep;
use tidegate::clock::Clock;
use tidegate::config::file;
use tidegate::config::mistake::Weight;
use tidegate::config::values::check_values;
use tidegate::cutover::parity::{Options, Which, check};
use tidegate::cutover::report::Report;
use tidegate::gateway::connect::bench;
use tidegate::ledger::leak::Verdict;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::ledger::parked::Parked;
use tidegate::ledger::status::Status;
use tidegate::ledger::{self, Ledger};
use tidegate::replay::course::{GoOn, Steps};
use tidegate::setup::findings::finding::Report as Proof;
use tidegate::sim::judge::{self, rules::Rules};
use tidegate::sim::snapshot::TicketView;

use super::desk::{Desk, Kind, zendesk};
use super::scratch::Scratch;
use super::turned::Process;
use super::{db, ending, pact};

/// What a world will be.
pub struct Plan {
    source: Kind,
    target: Kind,
    policy: String,
    /// Instead of what the two desks usually agree on.
    maps: Option<String>,
    webhooks: bool,
    /// The target's webhook comes to us too.
    both_tell: bool,
    /// How far the target's clock is ahead of ours.
    target_ahead: Duration,
    uncopied: bool,
    seed: u64,
}

/// Two desks and a gateway between them.
pub struct World {
    pub source: Desk,
    pub target: Desk,
    pub clock: Clock,
    pub ledger: Ledger,
    pub pool: PgPool,
    pub mirror: MirrorRow,
    pub process: Process,
    options: PgConnectOptions,
    text: String,
    /// Kinds of parked tickets that the test knows of.
    known: BTreeSet<&'static str>,
    _secrets: Scratch,
}

impl World {
    /// Describes a world; it starts with [`Plan::begin`].
    pub fn of() -> Plan {
        Plan {
            source: zendesk(),
            target: zendesk(),
            policy: String::new(),
            maps: None,
            webhooks: true,
            both_tell: false,
            target_ahead: Duration::ZERO,
            uncopied: false,
            seed: 1,
        }
    }
}

impl Plan {
    /// The old desk.
    pub fn from(self, source: Kind) -> Self {
        Self { source, ..self }
    }

    /// The new desk.
    pub fn to(self, target: Kind) -> Self {
        Self { target, ..self }
    }

    /// A line of the mirror file's `[policy]`.
    pub fn policy(self, line: &str) -> Self {
        Self { policy: format!("{}{line}\n", self.policy), ..self }
    }

    /// Changes are carried in runs, as these lines of `[run]` say. Said after all policy.
    pub fn runs(self, lines: &str) -> Self {
        self.policy(&format!("[run]\n{lines}"))
    }

    /// The mirror file's `[map]` sections, instead of the usual ones.
    pub fn maps(self, text: String) -> Self {
        Self { maps: Some(text), ..self }
    }

    /// No webhooks: changes come by poll alone.
    pub fn polled(self) -> Self {
        Self { webhooks: false, ..self }
    }

    /// The target sends webhooks as well; else it is only polled.
    pub fn both_tell(self) -> Self {
        Self { both_tell: true, ..self }
    }

    /// No copy was ordered yet: what changes waits for it. Other worlds begin behind the copy of desks without tickets.
    pub fn uncopied(self) -> Self {
        Self { uncopied: true, ..self }
    }

    /// The target's clock is so far ahead.
    pub fn target_ahead(self, by: Duration) -> Self {
        Self { target_ahead: by, ..self }
    }

    /// Makes the world and proves the webhook.
    pub async fn begin(self) -> World {
        self.begin_with(Arc::new(GoOn)).await
    }

    /// The same with a first process that is held somewhere.
    pub async fn begin_with(self, steps: Arc<dyn Steps>) -> World {
        let clock = Clock::fixed(Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).single().expect("a date"));
        let there = clock.ahead(self.target_ahead);
        let (source, target) = (self.source.start(&clock, self.seed).await, self.target.start(&there, self.seed).await);
        let options = db::fresh_options().await;
        let pool = ledger::pool(8).connect_with(options.clone()).await.expect("a pool");
        let ledger = Ledger::on(pool.clone());
        let secrets = Scratch::new();
        for (name, secret) in [("zendesk", "sim-secret"), ("request-tracker", "sim-token"), ("hook", "hook-secret")] {
            std::fs::write(secrets.path().join(name), secret).expect("a file of one's own");
        }
        ledger.recognise(clock.now()).await.expect("an answer");
        let process = Process::start(&ledger, &clock, steps).await;
        let text = self.file(&source, &target, &process.url, &secrets);
        let mirror = apply(&ledger, &clock, &text).await;
        source.post_to(&format!("{}/hooks/demo/source", process.url), "hook-secret").await;
        if self.both_tell {
            target.post_to(&format!("{}/hooks/demo/target", process.url), "hook-secret").await;
        }
        let mut world = World {
            source,
            target,
            clock,
            ledger,
            pool,
            mirror,
            process,
            options,
            text,
            known: BTreeSet::new(),
            _secrets: secrets,
        };
        if !self.uncopied {
            world.sql("update mirror set phase = 'mirroring'").await;
        }
        world.process.serve(&world.mirror).await;
        world
    }

    fn file(&self, source: &Desk, target: &Desk, gateway: &str, secrets: &Scratch) -> String {
        let secrets = secrets.path().display().to_string();
        let here = self.source.section(&source.running.url, Some(gateway).filter(|_| self.webhooks), &secrets);
        let there = self.target.section(&target.running.url, Some(gateway).filter(|_| self.both_tell), &secrets);
        let usual = || pact::tables(self.source.vendor, self.target.vendor);
        let tables = self.maps.clone().unwrap_or_else(usual);
        let policy = &self.policy;
        format!("name = \"demo\"\n[source]\n{here}\n[target]\n{there}\n[policy]\nsilence = \"admin-rule\"\n{policy}\n{tables}")
    }
}

async fn apply(ledger: &Ledger, clock: &Clock, text: &str) -> MirrorRow {
    let file = file::parse("demo.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let config = serde_json::to_value(&file.config).expect("a mirror is JSON");
    ledger.apply_mirror("demo", &config, &file.config.mapping.version(), clock.now()).await.expect("a mirror")
}

impl World {
    /// Applies the mirror file again with something else in it.
    pub async fn reapply(&mut self, from: &str, to: &str) {
        self.reapply_unnoticed(from, to).await;
        self.process.serve(&self.mirror).await;
    }

    /// The same, and the process goes by the former file for now.
    pub async fn reapply_unnoticed(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "the mirror file does not say {from}");
        self.text = self.text.replace(from, to);
        self.mirror = apply(&self.ledger, &self.clock, &self.text).await;
    }

    /// What `mirror apply` would refuse in the mirror file, held against both desks.
    pub async fn mistakes(&self) -> Vec<String> {
        let file = file::parse("demo.toml", &self.text).expect("it was read before");
        let course = self.process.course();
        let source = course.source.schema().await.expect("the source tells its fields");
        let target = course.target.schema().await.expect("the target tells its fields");
        let mut mistakes = check_values(&file.config, &file.places, &source, &target);
        mistakes.retain(|mistake| mistake.weight == Weight::Wrong);
        mistakes.iter().map(|mistake| format!("{} ({})", mistake.what, mistake.right)).collect()
    }

    /// What `mirror check` finds.
    pub async fn prove(&self) -> Proof {
        let file = file::parse("demo.toml", &self.text).expect("it was read before");
        prove_and_keep(&self.ledger, &self.clock, &file, None, |_| {}).await.expect("a report")
    }

    /// Why tickets do not go on, in words.
    pub async fn stuck(&self) -> Vec<String> {
        let parked = self.ledger.parked(Some(self.mirror.id)).await.expect("an answer");
        parked.into_iter().map(|one| format!("{}: {}", one.kind, one.reason)).collect()
    }

    /// The process ends where it stands; another one goes on with the same ledger at the same address.
    pub async fn restart(&mut self) {
        let next = self.process.successor(Arc::new(GoOn)).await;
        self.process = next;
        self.process.serve(&self.mirror).await;
    }

    /// The ledger is put back to a copy of it; the next process finds it so.
    pub async fn put_back(&mut self, copy: &str) {
        db::put_back(&self.options, copy).await;
        self.ledger.recognise(self.clock.now()).await.expect("an answer");
        self.mirror = self.ledger.mirror("demo").await.expect("it was there then too");
        self.restart().await;
    }

    /// A copy of the ledger as it is.
    pub async fn keep(&self) -> String {
        db::keep(&self.options).await
    }

    /// Lists every ticket of the source, as the full copy does.
    pub async fn copy(&mut self) {
        self.ledger.backfill(self.mirror.id, true, self.clock.now()).await.expect("a copy");
        self.settle().await;
        assert!(self.ledger.backfill(self.mirror.id, false, self.clock.now()).await.expect("an answer").is_none());
    }

    /// Runs every task until nothing is left to do: deliveries arrive, polls see past everything that happened, lanes that wait
    /// for a time get it by turning the clock.
    pub async fn settle(&mut self) {
        let mut turned = false;
        for _ in 0..600 {
            if self.turn().await {
                turned = false;
                continue;
            }
            if self.wait_for_lanes().await {
                continue;
            }
            if turned {
                return;
            }
            // Zendesk withholds its last minute, and retries of webhooks are judged after a while.
            self.clock.advance(Duration::from_secs(75));
            turned = true;
        }
        panic!("the world does not come to rest: {:?}", self.ledger.faults(self.mirror.id).await);
    }

    /// Runs what can be done at this moment. Returns whether anything was.
    pub async fn turn(&mut self) -> bool {
        self.arrive().await;
        self.process.engine.run_until_idle().await > 0
    }

    /// What happened so far is in the ledger, and nothing was done about it yet.
    pub async fn arrive(&self) {
        let stages = [self.source.running.stage.clone(), self.target.running.stage.clone()];
        let quiet = async || stages.iter().all(|stage| stage.deliveries_waiting() == 0);
        db::until("every webhook is delivered", quiet).await;
        self.process.listen(&self.clock).await;
    }

    /// Turns the clock to the next lane that waits for its time.
    pub(super) async fn wait_for_lanes(&self) -> bool {
        let Some(due) = self.ledger.next_due().await.expect("an answer") else { return false };
        let grace = self.process.grace();
        let wait = (due - self.clock.now()).to_std().unwrap_or_default();
        self.clock.advance(wait + if wait.is_zero() { grace } else { Duration::from_millis(1) });
        true
    }

    /// Nobody works on this ticket of the source's meanwhile.
    pub async fn hold(&self, ticket: &str, held: bool) {
        sqlx::query("update lane set blocked = $2 where pair_id = (select id from pair where source_ticket = $1)")
            .bind(ticket)
            .bind(held)
            .execute(&self.pool)
            .await
            .expect("a lane can be held");
    }

    /// Where its ledger is, for a process of its own.
    pub fn url(&self) -> String {
        db::url(&self.options)
    }

    /// Every ticket is looked at again, as if all its hints came once more.
    pub async fn raise_everything(&self) {
        sqlx::query("update lane set pending = pending + 1, due_at = $1")
            .bind(self.clock.now())
            .execute(&self.pool)
            .await
            .expect("lanes can be raised");
    }

    /// The ledger forgets every hint and where the poll stood: everything is told again.
    pub async fn rewind(&self, to: DateTime<Utc>) {
        sqlx::query("delete from change_event").execute(&self.pool).await.expect("events can be forgotten");
        sqlx::query("update pair set source_feed_stamp = null").execute(&self.pool).await.expect("stamps too");
        let cursor = self.process.course().source.cursor_at(to);
        sqlx::query("update watermark set cursor = $1").bind(cursor.0).execute(&self.pool).await.expect("a watermark");
    }

    /// The mirrored ticket of a source ticket.
    pub fn mirrored(&self, ticket: &str) -> TicketView {
        let copies = self.copies(ticket);
        assert_eq!(copies.len(), 1, "source ticket {ticket} has {} target tickets", copies.len());
        copies.into_iter().next().expect("one")
    }

    /// All target tickets with the key of a source ticket.
    pub fn copies(&self, ticket: &str) -> Vec<TicketView> {
        let key = self.mirror.keys.ticket(ticket, 0);
        let part = format!("{key}:");
        let ours = |held: &TicketView| held.external_id.as_deref().is_some_and(|id| id == key || id.starts_with(&part));
        self.target.tickets().into_iter().filter(ours).collect()
    }

    /// What is parked as `kind`, which the test expects. Fails where nothing is.
    pub async fn parked(&mut self, kind: &'static str) -> Vec<Parked> {
        self.known.insert(kind);
        let mut parked = self.ledger.parked(Some(self.mirror.id)).await.expect("an answer");
        parked.retain(|one| one.kind == kind);
        assert!(!parked.is_empty(), "nothing is parked as {kind}");
        parked
    }

    /// A person mended what is parked as `kind`, and releases it.
    pub async fn release(&mut self, kind: &'static str) {
        for parked in self.parked(kind).await {
            assert!(self.ledger.decide_parked(parked.id, true, self.clock.now()).await.expect("an answer"));
        }
        self.settle().await;
    }

    /// Where the mirror stands.
    pub async fn status(&self) -> Status {
        self.ledger.status(self.mirror.id, self.clock.now()).await.expect("an answer")
    }

    /// So much later the target is asked whether it told anybody because of us. Returns what the last look said, and why.
    pub async fn asked_after(&self, time: Duration) -> (Option<Verdict>, String) {
        self.clock.advance(time);
        self.process.look_for_leaks().await;
        let leaks = self.status().await.leaks;
        (leaks.verdict, leaks.why.unwrap_or_default())
    }

    /// Why the mirror is paused, if it is.
    pub async fn paused(&self) -> Option<String> {
        self.ledger.mirror("demo").await.expect("it was applied").paused_why
    }

    /// A figure of the mirror.
    pub async fn figure(&self, name: &str) -> i64 {
        self.ledger.figures(self.mirror.id).await.expect("an answer").get(name).copied().unwrap_or(0)
    }

    /// Compares both desks as `tidegate check` does.
    pub async fn check(&self) -> Report {
        let course = self.process.course();
        let bench = bench(course, &self.ledger, &self.clock);
        check(&bench, Options { which: Which::All, rounds: 1, pause: Duration::ZERO, ..Options::default() }, |_| {})
            .await
            .expect("a report")
    }

    /// The judge's words for what a Zendesk and a Request Tracker agree on.
    pub fn rules(&self) -> Rules {
        agreement::rules(&self.mirror.keys.0)
    }

    /// Target tickets by source ticket.
    pub fn pairs(&self) -> BTreeMap<String, String> {
        judge::pairs(&self.rules(), &self.target.tickets())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            ending::check(self.options.clone(), std::mem::take(&mut self.known));
        }
    }
}

/// Courses as an engine shares them.
pub fn no_courses() -> tidegate::replay::engine::Courses {
    Arc::new(RwLock::new(BTreeMap::new()))
}
