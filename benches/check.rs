//! A check of many tickets on two simulated desks, each in a process of its own, stopped once in the middle: how many tickets a second,
//! how many calls a ticket, and how much memory the checking process needs while it goes on.
//!
//! `TIDEGATE_BENCH_TICKETS` tickets (100,000 if not told), two messages each, stand in both desks as a copy would have left them; the ledger
//! is told so by rows. Then `tidegate check` runs as operators run it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{ConnectOptions, PgPool};
use tidegate::clock::{Clock, Monotonic};
use tidegate::config::file;
use tidegate::embedded::{Embedded, Options};
use tidegate::gateway::connect::connected;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::ledger::{Ledger, Role};
use tidegate::sim::server::{self, Running};
use tidegate::sim::stage::{Action, Done, Text, Who};
use tidegate::task;

/// A mirror that carries what these tickets have.
const MIRROR: &str = r#"name = "bench"
[source]
vendor = "zendesk"
url = "SOURCE"
auth = { kind = "oauth", client-id = "sim-client", client-secret = { file = "SECRETS/zendesk" } }
webhook = false
allow-private-addresses = true
[target]
vendor = "request-tracker"
url = "TARGET"
auth = { kind = "token", token = { file = "SECRETS/rt" } }
user = "gateway"
webhook = false
key-field = "external_id"
message-key-field = "source_comment_id"
tags-field = "Tags"
allow-private-addresses = true
[policy]
silence = "admin-rule"
[map.status]
"*" = "open"
[map.priority]
"" = "0"
[map.group]
"*" = "Support"
[map.fields]
brand = "ignore"
form = "ignore"
type = "ignore"
organisation = "ignore"
assignee = "ignore"
"custom:*" = "ignore"
"#;
/// People who write, by turns.
const CUSTOMERS: usize = 50;
/// Tickets that change between two checks.
const CHANGED: usize = 100;
/// So often is told how much memory there is.
const EVERY: u64 = 10_000;

fn tickets() -> usize {
    std::env::var("TIDEGATE_BENCH_TICKETS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

#[tokio::main]
async fn main() {
    match std::env::args().find(|one| one == "--desks") {
        Some(_) => desks(tickets()).await,
        None => measure(tickets()).await,
    }
}

fn customer(number: usize) -> Who {
    Who { email: format!("customer{number}@mail.example"), name: format!("Customer {number}"), agent: false }
}

/// Both desks. Says where they are, takes the beginning of our keys, fills them, and then does what it is told to until nobody tells any more.
async fn desks(count: usize) {
    let free = || ([127, 0, 0, 1], 0).into();
    let source = server::start("zendesk", free(), server::Options::default()).await.expect("a simulated Zendesk");
    let target = server::start("request-tracker", free(), server::Options::default()).await.expect("a simulated RT");
    tokio::task::spawn_blocking(move || obey(count, &source, &target)).await.expect("no panic");
}

fn obey(count: usize, source: &Running, target: &Running) {
    println!("{}\t{}", source.url, target.url);
    let mut words = std::io::stdin().lock().lines().map_while(Result::ok);
    let Some(prefix) = words.next() else { return };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let start = Clock::system().now() - TimeDelta::days(30);
    let mut copies = Vec::with_capacity(count);
    for number in 0..count {
        let row = carry(source, target, number, start, &prefix);
        writeln!(out, "{}", row.join("\t")).expect("somebody reads");
        copies.push([row[0].clone(), row[1].clone()]);
    }
    finish(&mut out);
    for word in words {
        match word.as_str() {
            "calls" => {
                let sum = |desk: &Running| desk.stage.calls().values().sum::<u64>();
                writeln!(out, "{}\t{}", sum(source), sum(target)).expect("somebody reads");
            }
            _ => {
                for number in (0..count).step_by((count / CHANGED).max(1)).take(CHANGED) {
                    writeln!(out, "{}", say_more(source, target, number, &copies[number]).join("\t")).expect("somebody reads");
                }
            }
        }
        finish(&mut out);
    }
}

fn finish(out: &mut impl Write) {
    writeln!(out, "done").expect("somebody reads");
    out.flush().expect("somebody reads");
}

fn us() -> Who {
    Who { email: "gateway@rt.sim".into(), name: "gateway".into(), agent: true }
}

fn act(desk: &Running, who: &Who, action: Action, at: DateTime<Utc>) -> Done {
    desk.stage.act(who, action, at, true).expect("it is done")
}

/// A reply, and what our copy of it says.
fn reply(ticket: &str, body: String) -> Action {
    Action::Reply { ticket: ticket.to_string(), text: Text { body, ..Text::default() } }
}

fn said(who: &Who, at: DateTime<Utc>, words: &str) -> String {
    format!("{} ({}) wrote on {} UTC:\n\n{words}", who.name, who.email, at.format("%Y-%m-%d %H:%M:%S"))
}

fn message(done: Done) -> String {
    done.message.expect("it is a message")
}

/// A ticket with an answer, and its copy: both tickets, and twice a message and its copy.
fn carry(source: &Running, target: &Running, number: usize, start: DateTime<Utc>, prefix: &str) -> [String; 6] {
    let who = customer(number % CUSTOMERS);
    let agent = Who { email: "ada@desk.example".into(), name: "Ada Reyes".into(), agent: true };
    let at = start + TimeDelta::seconds(i64::try_from(number).expect("a small number") * 20);
    let later = at + TimeDelta::seconds(10);
    let words = format!("Where is order {number}? It should have been here long ago.");
    let answer = format!("Order {number} is on its way and will be with you soon.");
    let open = |words: String, key: Option<String>| Action::Open {
        subject: format!("Order {number}"),
        group: "Support".into(),
        text: Text { body: words, ..Text::default() },
        fields: [("requester".to_string(), vec![who.email.clone()])]
            .into_iter()
            .chain(key.map(|key| ("custom:external_id".to_string(), vec![key])))
            .collect(),
        tags: Vec::new(),
    };
    let here = act(source, &who, open(words.clone(), None), at);
    let answered = act(source, &agent, reply(&here.ticket, answer.clone()), later);
    let key = format!("{prefix}{}", here.ticket);
    let there = act(target, &us(), open(said(&who, at, &words), Some(key)), at);
    let copied = act(target, &us(), reply(&there.ticket, said(&agent, later, &answer)), later);
    [here.ticket.clone(), there.ticket.clone(), message(here), message(there), message(answered), message(copied)]
}

/// The customer writes once more, and it is copied: the ticket, the message, and its copy.
fn say_more(source: &Running, target: &Running, number: usize, [here, there]: &[String; 2]) -> [String; 3] {
    let (who, now) = (customer(number % CUSTOMERS), Clock::system().now());
    let words = format!("Is there any news of order {number}?");
    let asked = act(source, &who, reply(here, words.clone()), now);
    let copied = act(target, &us(), reply(there, said(&who, now, &words)), now);
    [here.clone(), message(asked), message(copied)]
}

async fn measure(count: usize) {
    let base = std::env::var_os("TIDEGATE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = base.join(format!("tidegate-bench-check-{}", std::process::id()));
    let postgres = Embedded::start(Options { dir: directory.join("postgres"), binaries: None, durable: true })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    postgres.ensure_database("bench").await.expect("a database");
    let ledger = Ledger::open(postgres.options("bench"), 8, Role::Verb).await.expect("a ledger");
    let pool = PgPool::connect_with(postgres.options("bench")).await.expect("a pool");
    let url = postgres.options("bench").to_url_lossy().to_string();
    let since = Monotonic::now();
    let mut desks = Desks::start();
    let mirror = apply(&ledger, &directory, &desks.urls()).await;
    let rows: Vec<[String; 6]> = desks.ask(&mirror.keys.ticket("", 0));
    println!("{count} tickets in both desks after {:.0} s", since.elapsed().as_secs_f64());
    fill(&pool, &mirror, &rows).await;
    people(&ledger, &pool, &mirror, &rows).await;
    let mut run = Run { ledger, mirror, url, desks, before: [0, 0] };
    run.note_calls();
    println!("the first check, killed after half of them:");
    let first = run.check(Some(count as u64 / 2)).await;
    println!("the same once more:");
    let second = run.check(None).await;
    println!("  {:.0} tickets a second over both, {:.0} s", count as f64 / (first + second), first + second);
    println!("a second check, nothing changed:");
    run.check(None).await;
    change(&mut run, &pool).await;
    println!("a third check, after {CHANGED} tickets changed:");
    run.check(None).await;
    let Run { ledger, desks, .. } = run;
    desks.end();
    ledger.close().await;
    pool.close().await;
    postgres.stop().await;
    let _ = std::fs::remove_dir_all(&directory);
}

/// The process of the desks.
struct Desks {
    child: Child,
    says: Box<dyn Iterator<Item = String>>,
}

impl Desks {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child =
            Command::new(program).arg("--desks").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the desks start");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        Desks { child, says: Box::new(lines) }
    }

    fn urls(&mut self) -> [String; 2] {
        cells(&self.says.next().expect("the addresses"))
    }

    /// Tells it something, and reads its rows.
    fn ask<const CELLS: usize>(&mut self, word: &str) -> Vec<[String; CELLS]> {
        writeln!(self.child.stdin.as_mut().expect("it is piped"), "{word}").expect("it listens");
        self.says.by_ref().take_while(|line| line != "done").map(|line| cells(&line)).collect()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn cells<const CELLS: usize>(line: &str) -> [String; CELLS] {
    let cells: Vec<String> = line.split('\t').map(str::to_string).collect();
    cells.try_into().expect("so many cells")
}

/// Everything that a check needs, and what the desks were asked before it.
struct Run {
    ledger: Ledger,
    mirror: MirrorRow,
    url: String,
    desks: Desks,
    before: [u64; 2],
}

async fn apply(ledger: &Ledger, directory: &Path, [source, target]: &[String; 2]) -> MirrorRow {
    let secrets = directory.join("secrets");
    std::fs::create_dir_all(&secrets).expect("a directory");
    std::fs::write(secrets.join("zendesk"), "sim-secret").expect("a file");
    std::fs::write(secrets.join("rt"), "sim-token").expect("a file");
    let text = MIRROR.replace("SOURCE", source).replace("TARGET", target).replace("SECRETS", &secrets.display().to_string());
    let file = file::parse("bench.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let config = serde_json::to_value(&file.config).expect("it is plain data");
    let now = Clock::system().now() - TimeDelta::days(60);
    ledger.apply_mirror("bench", &config, &file.config.mapping.version(), now).await.expect("a mirror")
}

/// Says in the ledger that all was carried.
async fn fill(pool: &PgPool, mirror: &MirrorRow, rows: &[[String; 6]]) {
    let column = |at: usize| rows.iter().map(|row| row[at].clone()).collect::<Vec<_>>();
    let pairs = "insert into pair (tenant_id, mirror_id, source_ticket, target_ticket, state, created_at)
                 select m.tenant_id, m.id, t.s, t.t, 'copied', now()
                 from mirror m, unnest($2::text[], $3::text[]) with ordinality as t(s, t, n) where m.id = $1 order by t.n";
    let bind = sqlx::query(pairs).bind(mirror.id.0).bind(column(0)).bind(column(1));
    bind.execute(pool).await.expect("pairs");
    let lanes = "insert into lane (pair_id, mirror_id, pending, applied, due_at) select id, mirror_id, 1, 1, now() from pair";
    sqlx::query(lanes).execute(pool).await.expect("lanes");
    for (source, target) in [(2, 3), (4, 5)] {
        link(pool, mirror, [column(0), column(source), column(target)]).await;
    }
    sqlx::query("analyze").execute(pool).await.expect("statistics");
}

/// Which message is the copy of which: source tickets, their messages, the copies.
async fn link(pool: &PgPool, mirror: &MirrorRow, [tickets, messages, copies]: [Vec<String>; 3]) {
    let links =
        "insert into message_link (mirror_id, source_message, target_message, pair_id, origin_side, digest, visibility, files,
                                           made_at)
                 select $1, t.s, t.t, p.id, 'source', '', 'public', '[]', now()
                 from unnest($2::text[], $3::text[], $4::text[]) as t(pair, s, t)
                 join pair p on p.mirror_id = $1 and p.source_ticket = t.pair";
    let bind = sqlx::query(links).bind(mirror.id.0).bind(tickets).bind(messages).bind(copies);
    bind.execute(pool).await.expect("links");
}

/// Who is who, as the first tickets show them.
async fn people(ledger: &Ledger, pool: &PgPool, mirror: &MirrorRow, rows: &[[String; 6]]) {
    use tidegate::connectors::contract::Read;
    use tidegate::desk::field::FieldKey;
    use tidegate::desk::id::TicketId;
    let desks = connected(mirror, ledger, &Clock::system()).expect("it was applied");
    for row in rows.iter().take(CUSTOMERS) {
        let source = desks.course.source.read(&TicketId::new(&row[0]), None).await.expect("the source answers");
        let target = desks.course.target.read(&TicketId::new(&row[1]), None).await.expect("the target answers");
        let (Read::Found(source), Read::Found(target)) = (source, target) else { panic!("they are there") };
        let who = |ticket: &tidegate::desk::ticket::Ticket| ticket.fields[&FieldKey::Requester].persons()[0].clone();
        let person = source.person(&who(&source)).expect("the requester comes along").clone();
        let link = "insert into person_link (mirror_id, source_person, target_person, email, name, how, made_at)
                    values ($1, $2, $3, $4, $5, 'address', now()) on conflict do nothing";
        let bind = sqlx::query(link).bind(mirror.id.0).bind(person.id.as_str()).bind(who(&target).as_str());
        bind.bind(person.email).bind(person.name).execute(pool).await.expect("a person");
    }
}

impl Run {
    /// Runs the verb until it ends or is killed, and tells how much memory it needed on the way. Returns the seconds.
    async fn check(&mut self, kill_at: Option<u64>) -> f64 {
        let since = Monotonic::now();
        let before = self.done().await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let mut check = command.args(["check", "bench"]).env("DATABASE_URL", &self.url).spawn().expect("the program starts");
        let mut told = kill_at.map_or(before, |_| 0) / EVERY;
        while check.try_wait().expect("it is ours").is_none() {
            let (done, [now, most]) = (self.done().await, resident(check.id()));
            if done / EVERY > told {
                told = done / EVERY;
                println!("  after {done}: {now} MiB, {most} MiB at most, {:.0} s", since.elapsed().as_secs_f64());
            }
            if kill_at.is_some_and(|at| done >= at && done > 0) {
                check.kill().expect("it runs");
                check.wait().expect("it is gone");
                println!("  killed after {done}");
                break;
            }
            task::delay(Duration::from_millis(100)).await;
        }
        let asked = self.note_calls();
        println!("  {:.1} s, calls: {} to the old desk, {} to the new one", since.elapsed().as_secs_f64(), asked[0], asked[1]);
        since.elapsed().as_secs_f64()
    }

    async fn done(&self) -> u64 {
        let last = self.ledger.last_check(self.mirror.id).await.expect("an answer");
        last.filter(|run| run.finished_at.is_none()).map_or(0, |run| run.done)
    }

    /// What the desks were asked since the last time.
    fn note_calls(&mut self) -> [u64; 2] {
        let rows: Vec<[String; 2]> = self.desks.ask("calls");
        let now = rows[0].each_ref().map(|number| number.parse().expect("a number"));
        let since = [now[0] - self.before[0], now[1] - self.before[1]];
        self.before = now;
        since
    }
}

/// Some customers write once more, and it is carried.
async fn change(run: &mut Run, pool: &PgPool) {
    let rows: Vec<[String; 3]> = run.desks.ask("change");
    let column = |at: usize| rows.iter().map(|row| row[at].clone()).collect::<Vec<_>>();
    link(pool, &run.mirror, [column(0), column(1), column(2)]).await;
    let sql = "update lane set pending = 2, applied = 2
               where pair_id in (select id from pair where mirror_id = $1 and source_ticket = any($2))";
    sqlx::query(sql).bind(run.mirror.id.0).bind(column(0)).execute(pool).await.expect("lanes");
    run.note_calls();
}

/// Mebibytes of a process now and at most, as the system counts them; 0 where it does not tell.
fn resident(process: u32) -> [u64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1024
    })
}
