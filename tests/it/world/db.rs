//! A database for every test, in milliseconds.
//!
//! A run has one throw-away cluster, in memory where the machine has room there. The migrations run once, into a template
//! database; each test gets a copy of it. Nothing is dropped singly: the cluster goes as a whole when the run is over.
//!
//! Under `cargo test` the run is this process. `cargo nextest` runs each test in a process of its own: there the first of them
//! starts a *holder*, this program again, which owns the cluster until the runner is gone.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, geteuid, getpid, getppid, test_kill_process};
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tidegate::clock::Monotonic;
use tidegate::embedded::error::EmbeddedError;
use tidegate::embedded::{Embedded, Options};
use tidegate::task;
use tokio::sync::OnceCell;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");
/// Key of the lock under which the template is made: any number that nothing else uses.
const TEMPLATE_LOCK: i64 = 0x7469_6465;
/// Memory that the cluster may need: 8 MB for each database, of which a run leaves some hundreds.
const ROOM: u64 = 4 << 30;
/// Tells this program that it is a holder: the process to outlive, a colon, the directory of the cluster.
const HOLD: &str = "TIDEGATE_TEST_HOLD";

/// A database of one's own with all migrations applied.
pub async fn fresh() -> PgPool {
    let options = fresh_options().await;
    tidegate::ledger::pool(10).connect_with(options).await.expect("a new database takes connections")
}

/// How to connect to a database of one's own, for tests that start several programs on it.
pub async fn fresh_options() -> PgConnectOptions {
    let socket = socket().await;
    let template = template(socket).await;
    let name = format!("t_{}", uuid::Uuid::now_v7().simple());
    let mut admin = connect(socket, "postgres").await;
    execute(&mut admin, format!("create database {name} template {template}")).await;
    admin.close().await.expect("the cluster is still there");
    options(socket, &name)
}

/// The same as a `DATABASE_URL`.
pub async fn fresh_url() -> String {
    url(&fresh_options().await)
}

/// A database as a `DATABASE_URL`.
pub fn url(options: &PgConnectOptions) -> String {
    let socket = options.get_socket().expect("the cluster has no port").display().to_string();
    format!("postgres://postgres@localhost/{}?host={socket}&sslmode=disable", options.get_database().expect("a name was given"))
}

/// Copies a database, as a backup does; returns the copy's name.
pub async fn keep(options: &PgConnectOptions) -> String {
    let name = options.get_database().expect("a name was given");
    let copy = format!("kept_{}", uuid::Uuid::now_v7().simple());
    let mut admin = alone(name).await;
    execute(&mut admin, format!("create database {copy} template {name}")).await;
    execute(&mut admin, format!("alter database {name} allow_connections true")).await;
    copy
}

/// Puts a copy in the place of the database.
pub async fn put_back(options: &PgConnectOptions, copy: &str) {
    let name = options.get_database().expect("a name was given");
    let mut admin = alone(name).await;
    execute(&mut admin, format!("drop database {name}")).await;
    execute(&mut admin, format!("create database {name} template {copy}")).await;
}

/// Ends all connections to a database and lets none in.
async fn alone(name: &str) -> PgConnection {
    let mut admin = connect(socket().await, "postgres").await;
    execute(&mut admin, format!("alter database {name} allow_connections false")).await;
    let ended = format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'");
    execute(&mut admin, ended).await;
    admin
}

/// The directory of the run's cluster.
async fn socket() -> &'static Path {
    static SOCKET: OnceCell<PathBuf> = OnceCell::const_new();
    static OWN: OnceCell<Embedded> = OnceCell::const_new();
    let start = async || {
        let nextest = std::env::var_os("NEXTEST_RUN_ID").and_then(|_| getppid());
        let directory = directory_of(nextest.unwrap_or_else(getpid));
        match nextest {
            Some(runner) => held(runner, &directory).await,
            None => {
                wipe_leftovers();
                OWN.get_or_init(async || own(&directory).await.unwrap_or_else(|error| panic!("{error}"))).await;
            }
        }
        directory.join("sock")
    };
    SOCKET.get_or_init(start).await
}

async fn own(directory: &Path) -> Result<Embedded, EmbeddedError> {
    let binaries = std::env::var_os("TIDEGATE_PG_BIN").map(PathBuf::from);
    Embedded::start(Options { dir: directory.into(), binaries, durable: false }).await
}

/// The user is in the name because directories of others cannot be wiped, the process because several runs may go on at once.
fn directory_of(run: Pid) -> PathBuf {
    base().join(format!("{}{}", prefix(), run.as_raw_nonzero()))
}

/// How the names of all directories begin that this user's tests make.
pub fn prefix() -> String {
    format!("tidegate-test-{}-", geteuid().as_raw())
}

/// Where they are: in memory if there is room, else where temporary files go.
pub fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    if room > ROOM { memory.into() } else { std::env::temp_dir() }
}

/// Removes what runs left that are over, unless somebody is just doing that.
fn wipe_leftovers() {
    for entry in fs::read_dir(base()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix(&prefix()).and_then(|rest| rest.split('.').next());
        let run = number.and_then(|number| Pid::from_raw(number.parse().ok()?));
        let owned = || fs::File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_err());
        if run.is_some_and(|run| test_kill_process(run).is_err()) && !owned() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Sees to it that a holder has the cluster, and waits until it takes connections. Many tests do this at once: their holders
/// try to lock the directory, one wins, the others end.
async fn held(run: Pid, directory: &Path) {
    if !takes_connections(directory).await {
        let mut holder = spawn_holder(run, directory);
        let up = async || {
            let ended = holder.try_wait().expect("it is our child");
            if ended.is_some_and(|status| !status.success()) {
                let mut said = String::new();
                let _ = holder.stderr.take().expect("it is piped").read_to_string(&mut said);
                panic!("the holder of the run's cluster failed: {said}");
            }
            takes_connections(directory).await
        };
        until("the run's cluster takes connections", up).await;
    }
}

async fn takes_connections(directory: &Path) -> bool {
    PgConnection::connect_with(&options(&directory.join("sock"), "postgres")).await.is_ok()
}

/// Runs this program again, with only the test below that is also the holder's body.
fn spawn_holder(run: Pid, directory: &Path) -> std::process::Child {
    use std::os::unix::process::CommandExt;
    Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "--nocapture", "world::db::a_cluster_lives_as_long_as_its_run"])
        .env(HOLD, format!("{}:{}", run.as_raw_nonzero(), directory.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("this program starts again")
}

/// The holder: owns the cluster until the run is over, then removes it.
async fn hold(order: &str) {
    let (run, directory) = order.split_once(':').expect("an order is a process id and a directory");
    let run = Pid::from_raw(run.parse().expect("a process id")).expect("not zero");
    wipe_leftovers();
    let cluster = match own(Path::new(directory)).await {
        Ok(cluster) => cluster,
        Err(EmbeddedError::InUse { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    while test_kill_process(run).is_ok() {
        task::delay(Duration::from_millis(100)).await;
    }
    cluster.stop().await;
    fs::remove_dir_all(directory).expect("nobody else uses the directory");
}

/// Returns the name of the template database, made by the first who asks.
async fn template(socket: &Path) -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let make = async || {
        let name = template_name();
        let mut admin = connect(socket, "postgres").await;
        sqlx::query("select pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut admin).await.expect("a lock");
        let ready: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1 and datistemplate)")
            .bind(&name)
            .fetch_one(&mut admin)
            .await
            .expect("the catalogue is readable");
        if !ready {
            execute(&mut admin, format!("drop database if exists {name}")).await;
            execute(&mut admin, format!("create database {name}")).await;
            let mut inside = connect(socket, &name).await;
            MIGRATOR.run_direct(None, &mut inside, false).await.expect("the migrations run on an empty database");
            inside.close().await.expect("the cluster is still there");
            execute(&mut admin, format!("alter database {name} is_template true")).await;
        }
        admin.close().await.expect("the cluster is still there");
        name
    };
    TEMPLATE.get_or_init(make).await
}

/// Another set of migrations is another template.
fn template_name() -> String {
    let mut hash = Sha256::new();
    for migration in MIGRATOR.iter() {
        hash.update(migration.version.to_be_bytes());
        hash.update(&migration.checksum);
    }
    let hex = hex::encode(&hash.finalize()[..8]);
    format!("template_{hex}")
}

fn options(socket: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .port(5432)
        .username("postgres")
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

async fn connect(socket: &Path, database: &str) -> PgConnection {
    PgConnection::connect_with(&options(socket, database)).await.expect("the run's cluster takes connections")
}

async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql.clone())).execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Returns when `condition` holds; fails when it does not within a minute.
pub async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    until_within(Duration::from_secs(60), what, condition).await;
}

/// The same for what takes longer, as at a desk that limits its calls.
pub async fn until_within(limit: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let since = Monotonic::now();
    while since.elapsed() < limit {
        if condition().await {
            return;
        }
        task::delay(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

/// Also the body of the holder, which is this program with only this test.
#[tokio::test]
async fn a_cluster_lives_as_long_as_its_run() {
    if let Ok(order) = std::env::var(HOLD) {
        return hold(&order).await;
    }
    let mut run = Command::new("cat").stdin(Stdio::piped()).spawn().expect("a process that stands for a run");
    let pid = Pid::from_child(&run);
    let directory = directory_of(pid);
    let mut holder = spawn_holder(pid, &directory);
    until("the cluster is up", async || takes_connections(&directory).await).await;
    drop(run.stdin.take());
    run.wait().expect("it ends with its input");
    until("the holder is gone", async || holder.try_wait().expect("it is ours").is_some()).await;
    assert!(!directory.exists(), "the holder left {}", directory.display());
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own() {
    let (one, other) = (fresh().await, fresh().await);
    sqlx::query("create table only_here (it int)").execute(&one).await.expect("a new table");
    let there: bool =
        sqlx::query_scalar("select to_regclass('only_here') is not null").fetch_one(&other).await.expect("an answer");
    assert!(!there);
}

#[tokio::test]
async fn a_database_is_reached_by_its_url() {
    let pool = PgPool::connect(&fresh_url().await).await.expect("the URL leads to the database");
    let migrated: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&pool).await.expect("an answer");
    assert!(migrated);
}
