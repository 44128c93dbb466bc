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
use tidegate::sim::server;
use tidegate::sim::stage::{Action, Text, Who};
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
status = "ignore"
assignee = "ignore"
"custom:*" = "ignore"
"#;
/// People who write, by turns.
const CUSTOMERS: usize = 50;

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

/// Both desks, seeded. Says where they are and which ticket and messages became which, then waits until nobody reads any more.
async fn desks(count: usize) {
    let free = || ([127, 0, 0, 1], 0).into();
    let source = server::start("zendesk", free(), server::Options::default()).await.expect("a simulated Zendesk");
    let target = server::start("request-tracker", free(), server::Options::default()).await.expect("a simulated RT");
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "{}\t{}", source.url, target.url).expect("somebody reads");
    let us = Who { email: "gateway@rt.sim".into(), name: "gateway".into(), agent: true };
    let agent = Who { email: "ada@desk.example".into(), name: "Ada Reyes".into(), agent: true };
    let start = Clock::system().now() - TimeDelta::days(30);
    for number in 0..count {
        let who = customer(number % CUSTOMERS);
        let at = start + TimeDelta::seconds(i64::try_from(number).expect("a small number") * 20);
        let (subject, words) =
            (format!("Order {number}"), format!("Where is order {number}? It should have been here long ago."));
        let answer = format!("Order {number} is on its way and will be with you soon.");
        let text = |body: String| Text { body, ..Text::default() };
        let open = |words: &str, who: &Who| Action::Open {
            subject: subject.clone(),
            group: "Support".into(),
            text: text(words.to_string()),
            fields: [("requester".to_string(), vec![who.email.clone()])].into(),
            tags: Vec::new(),
        };
        let said = |name: &str, email: &str, at: DateTime<Utc>, words: &str| {
            format!("{name} ({email}) wrote on {} UTC:\n\n{words}", at.format("%Y-%m-%d %H:%M:%S"))
        };
        let later = at + TimeDelta::seconds(10);
        let act = |desk: &server::Running, who: &Who, action, at| desk.stage.act(who, action, at, true).expect("it is done");
        let here = act(&source, &who, open(&words, &who), at);
        let reply = |ticket: &str, body: String| Action::Reply { ticket: ticket.to_string(), text: text(body) };
        let answered = act(&source, &agent, reply(&here.ticket, answer.clone()), later);
        let there = act(&target, &us, open(&said(&who.name, &who.email, at, &words), &who), at);
        let copied = act(&target, &us, reply(&there.ticket, said(&agent.name, &agent.email, later, &answer)), later);
        let id = |done: &tidegate::sim::stage::Done| done.message.clone().expect("it is a message");
        writeln!(out, "{}\t{}\t{}\t{}\t{}\t{}", here.ticket, there.ticket, id(&here), id(&there), id(&answered), id(&copied))
            .expect("somebody reads");
    }
    writeln!(out, "done").expect("somebody reads");
    out.flush().expect("somebody reads");
    drop(out);
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().count()).await;
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
    let (mut desks, rows) = start_desks();
    println!("{count} tickets in both desks after {:.0} s", since.elapsed().as_secs_f64());
    let mirror = apply(&ledger, &directory, &rows.urls).await;
    fill(&pool, &mirror, &rows.lines).await;
    people(&ledger, &pool, &mirror, &rows.lines).await;
    let took = Monotonic::now();
    println!("the first check, killed after half of them:");
    let mut check = start_check(&url, &[]);
    watch(&ledger, &mirror, &mut check, Some(count as u64 / 2)).await;
    println!("the same once more:");
    let mut check = start_check(&url, &[]);
    watch(&ledger, &mirror, &mut check, None).await;
    let seconds = took.elapsed().as_secs_f64();
    println!("  {:.0} tickets a second over both, {seconds:.0} s", count as f64 / seconds);
    calls(&ledger, &mirror, count).await;
    let again = Monotonic::now();
    println!("a second check, nothing changed:");
    let mut check = start_check(&url, &[]);
    watch(&ledger, &mirror, &mut check, None).await;
    println!("  {:.1} s", again.elapsed().as_secs_f64());
    calls(&ledger, &mirror, count).await;
    drop(desks.stdin.take());
    let _ = desks.wait();
    ledger.close().await;
    pool.close().await;
    postgres.stop().await;
    let _ = std::fs::remove_dir_all(&directory);
}

struct Rows {
    urls: [String; 2],
    lines: Vec<[String; 6]>,
}

fn start_desks() -> (Child, Rows) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child =
        Command::new(program).arg("--desks").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the desks start");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let urls = lines.next().expect("the addresses");
    let (source, target) = urls.split_once('\t').expect("two addresses");
    let rows = lines.take_while(|line| line != "done");
    let cells = |line: String| line.split('\t').map(str::to_string).collect::<Vec<_>>().try_into().expect("six cells");
    let rows = Rows { urls: [source.to_string(), target.to_string()], lines: rows.map(cells).collect() };
    (child, rows)
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
        let links =
            "insert into message_link (mirror_id, source_message, target_message, pair_id, origin_side, digest, visibility, files,
                                               made_at)
                     select $1, t.s, t.t, p.id, 'source', '', 'public', '[]', now()
                     from unnest($2::text[], $3::text[], $4::text[]) as t(pair, s, t)
                     join pair p on p.mirror_id = $1 and p.source_ticket = t.pair";
        let bind = sqlx::query(links).bind(mirror.id.0).bind(column(0)).bind(column(source)).bind(column(target));
        bind.execute(pool).await.expect("links");
    }
    sqlx::query("analyze").execute(pool).await.expect("statistics");
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

fn start_check(url: &str, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["check", "bench"]).args(more).env("DATABASE_URL", url).spawn().expect("the program starts")
}

/// Tells how much memory the check needs as it goes on, until it ends or is killed.
async fn watch(ledger: &Ledger, mirror: &MirrorRow, check: &mut Child, kill_at: Option<u64>) {
    let mut told = 0;
    loop {
        let done = ledger.last_check(mirror.id).await.expect("an answer").map_or(0, |run| run.done);
        let memory = resident(check.id());
        if done >= told + 10_000 {
            told = done / 10_000 * 10_000;
            println!("  after {told}: {memory} MiB");
        }
        if kill_at.is_some_and(|at| done >= at) {
            check.kill().expect("it runs");
            check.wait().expect("it is gone");
            println!("  killed after {done}");
            return;
        }
        if check.try_wait().expect("it is ours").is_some() {
            return;
        }
        task::delay(Duration::from_millis(200)).await;
    }
}

/// Mebibytes of a process, as the system counts them; 0 where it does not tell.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1024
}

async fn calls(ledger: &Ledger, mirror: &MirrorRow, count: usize) {
    let figures = ledger.figures(mirror.id).await.expect("an answer");
    let calls: Vec<(&String, &i64)> = figures.iter().filter(|(name, _)| name.starts_with("calls: ")).collect();
    let all: i64 = calls.iter().map(|(_, count)| **count).sum();
    println!("  calls so far, by those who ended: {all}, {:.2} a ticket", all as f64 / count as f64);
    calls.iter().for_each(|(name, count)| println!("    {count:>8} {}", name.trim_start_matches("calls: ")));
}
