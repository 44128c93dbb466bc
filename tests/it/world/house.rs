//! A mirror between two simulated desks as the demo has it, with its story, served by gateways in this process or another.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tidegate::cli::demo::agreement::{mirror_file, rules};
use tidegate::cli::findings::admit;
use tidegate::clock::Clock;
use tidegate::config::file;
use tidegate::connectors::http::CALL_LIMIT;
use tidegate::desk::Side;
use tidegate::gateway::connect::connected;
use tidegate::gateway::serve::{Gateway, Parts};
use tidegate::ledger::Ledger;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::replay::course::GoOn;
use tidegate::replay::house::Settings;
use tidegate::sim::faults::Rates;
use tidegate::sim::judge::verdict::Verdict;
use tidegate::sim::judge::{self, Case, Lost};
use tidegate::sim::server::{self, Options, Running};
use tidegate::sim::snapshot::TicketView;
use tidegate::sim::stage::{Action, Done, Text, Who};
use tidegate::sim::story::Story;
use tidegate::sim::story::live::Scene;
use tidegate::sim::story::vocabulary::Vocabulary;

use super::db::{self, until, until_within};
use super::process::{ended, verb};
use super::scratch::Scratch;

/// How long a house full of tickets may take.
const MANY: Duration = Duration::from_secs(180);

/// A free port of this machine, for itself only.
pub fn free() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// A loopback port that nobody listens on now. For programs that must be told theirs before they start.
pub fn port() -> SocketAddr {
    let held = std::net::TcpListener::bind(free()).expect("a free port");
    held.local_addr().expect("it is bound")
}

/// Zendesk as source and RT as target, with people at work at both.
pub struct House {
    pub pool: PgPool,
    pub url: String,
    pub ledger: Ledger,
    pub clock: Clock,
    pub source: Running,
    pub target: Running,
    pub story: Story,
    pub scratch: Scratch,
}

impl House {
    /// Desks with a past of so many tickets; no gateway, no mirror.
    pub async fn with_past(tickets: usize, clock: Clock) -> House {
        let url = db::fresh_url().await;
        let pool = PgPool::connect(&url).await.expect("the database takes connections");
        let options = || Options { clock: clock.clone(), ..Options::default() };
        let source = server::start("zendesk", free(), options()).await.expect("a simulated Zendesk");
        let target = server::start("request-tracker", free(), options()).await.expect("a simulated RT");
        let mut story = Story::new(7, clock.clone(), Vocabulary::zendesk(), Vocabulary::request_tracker());
        story.history(source.stage.as_ref(), tickets);
        let scratch = Scratch::new();
        std::fs::write(scratch.path().join("zendesk"), "sim-secret").expect("a new file");
        std::fs::write(scratch.path().join("rt"), "sim-token").expect("a new file");
        House { ledger: Ledger::on(pool.clone()), pool, url, clock, source, target, story, scratch }
    }

    /// The text of the mirror file: the source's API at `source`, webhooks to `gateway`.
    pub fn mirror_text(&self, source: &str, gateway: SocketAddr) -> String {
        let secrets = self.scratch.path().display().to_string();
        mirror_file(source, &self.target.url, &format!("http://{gateway}"), &secrets)
    }

    /// Applies the mirror, or applies it again.
    pub async fn apply(&self, text: &str) -> MirrorRow {
        let file = file::parse("demo.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let config = serde_json::to_value(&file.config).expect("it is plain data");
        let version = file.config.mapping.version();
        self.ledger.apply_mirror(&file.config.name, &config, &version, self.clock.now()).await.expect("the mirror is applied")
    }

    /// Checks the mirror file and accepts what is found, so that the verb `backfill` copies.
    pub async fn admit(&self, text: &str) {
        let file = file::parse("demo.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        admit(&self.ledger, &self.clock, &file, "a test").await.expect("nothing has to be mended");
    }

    /// A verb on this ledger, as olga types it.
    pub fn verb(&self, words: &[&str]) -> Command {
        verb(&self.url, words)
    }

    /// A verb to its end: its exit status and everything that it said, which is printed too.
    pub async fn ends(&self, words: &[&str]) -> (Option<i32>, String) {
        let (code, said) = ended(self.verb(words)).await;
        println!("$ tidegate {}\n{said}", words.join(" "));
        (code, said)
    }

    /// What a gateway in this process is made of. Its desks answer at once, so that nothing has to rest for long.
    pub fn parts(&self) -> Parts {
        Parts {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            settings: Settings { grace: Duration::ZERO, lease: CALL_LIMIT + Duration::from_secs(2), ..Settings::default() },
            steps: Arc::new(GoOn),
            largest_delivery: 64 << 10,
            webhook_retry: Duration::from_millis(500),
        }
    }

    /// Copies everything and returns when it is there.
    pub async fn copy(&self, mirror: &MirrorRow) {
        self.ledger.backfill(mirror.id, true, self.clock.now()).await.expect("a copy");
        let done = async || self.ledger.mirror(&mirror.name).await.expect("it is there").reference_time.is_some();
        until_within(MANY, "the full copy is done", done).await;
    }

    /// So many things happen at both desks.
    pub fn traffic(&mut self, steps: usize, mirror: &MirrorRow) {
        for _ in 0..steps {
            let pairs = judge::pairs(&rules(&mirror.keys.0), &self.target.stage.tickets());
            let find = |id: &str| pairs.get(id).cloned();
            let scene = Scene { source: self.source.stage.as_ref(), target: self.target.stage.as_ref(), find_target: &find };
            self.story.step(&scene);
        }
    }

    /// Returns when both desks agree with the story.
    pub async fn agreement(&self, mirror: &MirrorRow) {
        let mut last = String::new();
        for _ in 0..10 {
            self.quiet(mirror).await;
            let verdict = self.verdict(mirror).await;
            if verdict.agrees() {
                return;
            }
            last = verdict.differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            // The next look of the poll may bring what is missing.
            let seen = self.polled_at(mirror).await;
            until("the source was polled again", async || self.polled_at(mirror).await > seen).await;
        }
        panic!("the desks do not agree with the story:\n{last}");
    }

    async fn polled_at(&self, mirror: &MirrorRow) -> Option<chrono::DateTime<chrono::Utc>> {
        self.ledger.watermark(mirror.id, Side::Source).await.expect("the ledger answers").map(|mark| mark.polled_at)
    }

    /// Returns when no webhook is on its way and no ticket waits.
    pub async fn quiet(&self, mirror: &MirrorRow) {
        let quiet = async || {
            self.source.stage.deliveries_waiting() == 0
                && self.ledger.lanes_waiting(mirror.id).await.expect("the ledger answers") == 0
        };
        until_within(MANY, "every lane is settled", quiet).await;
    }

    /// What an independent judge says.
    pub async fn verdict(&self, mirror: &MirrorRow) -> Verdict {
        let rules = rules(&mirror.keys.0);
        let lost = self.lost(mirror, &rules).await;
        let parked = self.ledger.parked(Some(mirror.id)).await.expect("the ledger answers");
        let exposed: BTreeSet<String> =
            parked.iter().filter(|one| one.kind == "exposed").filter_map(|one| one.source_ticket.clone()).collect();
        let (source, target, mails) = (self.source.stage.tickets(), self.target.stage.tickets(), self.target.stage.mails());
        let case =
            Case { log: self.story.log(), source: &source, target: &target, mails: &mails, lost: &lost, exposed: &exposed };
        judge::judge(&case, &rules)
    }

    async fn lost(&self, mirror: &MirrorRow, rules: &judge::rules::Rules) -> Vec<Lost> {
        let desks = connected(mirror, &self.ledger, &self.clock).expect("it was applied");
        let mut lost = Vec::new();
        for conflict in self.ledger.conflicts(mirror.id).await.expect("the ledger answers") {
            let Some(rule) = rules.fields.get(&conflict.field) else { continue };
            let mut value: Vec<String> = conflict.target.words().into_iter().map(str::to_string).collect();
            for person in conflict.target.persons() {
                let found = desks.course.target.person(person).await.expect("the target answers");
                value.extend(found.and_then(|person| person.email));
            }
            lost.push(Lost { ticket: conflict.target_ticket.unwrap_or_default(), field: rule.target.clone(), value });
        }
        lost
    }

    /// A customer opens a ticket with these words.
    pub fn open(&self, words: &str) -> Done {
        let action = Action::Open {
            subject: words.to_string(),
            group: "Support".to_string(),
            text: Text { body: words.to_string(), ..Text::default() },
            fields: BTreeMap::new(),
            tags: Vec::new(),
        };
        self.source.stage.act(&customer(), action, self.clock.now(), false).expect("the source takes it")
    }

    /// A customer writes more.
    pub fn reply(&self, ticket: &str, words: &str) {
        let action = Action::Reply { ticket: ticket.to_string(), text: Text { body: words.to_string(), ..Text::default() } };
        self.source.stage.act(&customer(), action, self.clock.now(), false).expect("the source takes it");
    }

    /// How often the words stand in messages of live tickets of the target.
    pub fn found(&self, words: &str) -> usize {
        let tickets = self.target.stage.tickets();
        tickets.iter().flat_map(|ticket| &ticket.messages).filter(|message| message.body.contains(words)).count()
    }

    /// The target's ticket with this subject.
    pub fn copy_of(&self, subject: &str) -> Option<TicketView> {
        let named = |ticket: &TicketView| ticket.fields.get("subject").is_some_and(|words| words.concat() == subject);
        self.target.stage.tickets().into_iter().find(named)
    }

    /// From now on these things go wrong at the source.
    pub fn source_faults(&self, rates: Rates) {
        self.source.stage.faults().set(rates);
    }
}

fn customer() -> Who {
    Who { email: "nora@northwind.example".into(), name: "Nora North".into(), agent: false }
}

/// Starts a gateway that listens, tells its address before anything is served.
pub async fn gateway(house: &House) -> (Gateway, SocketAddr) {
    let mut gateway = Gateway::start(house.parts());
    let address = gateway.listen(free()).await.expect("a free port");
    (gateway, address)
}
