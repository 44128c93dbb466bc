//! The private Postgres: it keeps what was committed, whoever is killed, and says what is wrong in words.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use tidegate::embedded::error::EmbeddedError;
use tidegate::embedded::{Embedded, Options, default_dir};

use crate::world::db::until;
use crate::world::scratch::Scratch;

/// Tells this program to be an owner that gets killed: the directory of its cluster.
const OWN: &str = "TIDEGATE_TEST_OWN";

#[tokio::test]
async fn a_stopped_cluster_starts_again_with_what_was_committed() {
    let scratch = Scratch::new();
    let cluster = start(scratch.path()).await;
    cluster.ensure_database("it's \"odd\"").await.expect("a new database");
    cluster.ensure_database("it's \"odd\"").await.expect("and no second one");
    write_row(&cluster, "it's \"odd\"").await;
    cluster.stop().await;
    assert!(!pid_file(scratch.path()).exists(), "stop returned before Postgres was gone");

    let cluster = start(scratch.path()).await;
    assert_eq!(rows(&cluster, "it's \"odd\"").await, 1);
    cluster.stop().await;
}

#[tokio::test]
async fn a_durable_cluster_is_durable_and_has_no_port() {
    let scratch = Scratch::new();
    let cluster = start(scratch.path()).await;
    let shown = show(&cluster, ["fsync", "synchronous_commit", "full_page_writes", "listen_addresses"]).await;
    assert_eq!(shown, ["on", "on", "on", ""]);
    let mode = fs::metadata(scratch.path().join("pg/sock")).expect("the socket's directory").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "others could reach the socket");
    cluster.stop().await;
}

#[tokio::test]
async fn a_throw_away_cluster_waits_for_no_disk() {
    let scratch = Scratch::new();
    let cluster = Embedded::start(Options { durable: false, ..options(scratch.path()) }).await.expect("a cluster");
    assert_eq!(show(&cluster, ["fsync", "synchronous_commit"]).await, ["off", "off"]);
    cluster.stop().await;
}

#[tokio::test]
async fn a_second_owner_is_refused() {
    let scratch = Scratch::new();
    let cluster = start(scratch.path()).await;
    let error = refused(options(scratch.path())).await;
    assert!(matches!(error, EmbeddedError::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    write_row(&cluster, "postgres").await;
    cluster.stop().await;
}

/// Also the body of the owner, which is this program with only this test.
#[tokio::test]
async fn after_a_killed_owner_the_next_one_starts_at_once() {
    if let Some(directory) = std::env::var_os(OWN) {
        return own(Path::new(&directory)).await;
    }
    let scratch = Scratch::new();
    let owner = Owner::start(scratch.path(), "embedded::after_a_killed_owner_the_next_one_starts_at_once").await;
    owner.kill();
    let cluster = start(scratch.path()).await;
    assert_eq!(rows(&cluster, "postgres").await, 1);
    cluster.stop().await;
}

#[tokio::test]
async fn after_a_killed_owner_and_a_killed_postgres_the_next_one_starts_at_once() {
    let scratch = Scratch::new();
    let owner = Owner::start(scratch.path(), "embedded::after_a_killed_owner_the_next_one_starts_at_once").await;
    let postgres = postgres_of(scratch.path());
    kill_process(postgres, Signal::KILL).expect("Postgres runs");
    owner.kill();
    let cluster = start(scratch.path()).await;
    assert_eq!(rows(&cluster, "postgres").await, 1);
    cluster.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn postgres_stops_cleanly_when_its_owner_is_killed() {
    let scratch = Scratch::new();
    let owner = Owner::start(scratch.path(), "embedded::after_a_killed_owner_the_next_one_starts_at_once").await;
    owner.kill();
    until("Postgres is gone", async || !pid_file(scratch.path()).exists()).await;
    let log = fs::read_to_string(scratch.path().join("pg/postgres.log")).expect("Postgres writes a log");
    assert!(log.contains("database system is shut down"), "{log}");
}

#[tokio::test]
async fn postgres_stops_when_its_owner_is_dropped() {
    let scratch = Scratch::new();
    drop(start(scratch.path()).await);
    until("Postgres is gone", async || !pid_file(scratch.path()).exists()).await;
}

#[tokio::test]
async fn an_owner_learns_that_postgres_is_gone() {
    let scratch = Scratch::new();
    let cluster = start(scratch.path()).await;
    kill_process(postgres_of(scratch.path()), Signal::KILL).expect("Postgres runs");
    assert!(cluster.ended().await.contains("signal: 9"));
    drop(cluster);
    // What it held in shared memory goes with the next clean stop.
    start(scratch.path()).await.stop().await;
}

#[tokio::test]
async fn a_cluster_that_was_half_made_is_made_again() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path().join("pg/data.part/base")).expect("what an interrupted initdb leaves");
    fs::write(scratch.path().join("pg/data.part/PG_VERSION"), "15\n").expect("what an interrupted initdb leaves");
    start(scratch.path()).await.stop().await;
    assert!(!scratch.path().join("pg/data.part").exists());
}

#[tokio::test]
async fn data_of_another_version_is_left_alone() {
    let scratch = Scratch::new();
    let data = scratch.path().join("pg/data");
    fs::create_dir_all(&data).expect("a directory");
    fs::write(data.join("PG_VERSION"), "9\n").expect("a file");
    let error = refused(options(scratch.path())).await;
    assert!(matches!(error, EmbeddedError::OtherMajor { made_by: 9, .. }), "{error}");
    assert!(error.to_string().contains("pg_upgrade"), "{error}");
}

#[tokio::test]
async fn a_wrong_directory_of_programs_is_named() {
    let scratch = Scratch::new();
    let empty = scratch.path().join("programs");
    fs::create_dir(&empty).expect("a directory");
    let error = refused(Options { binaries: Some(empty.clone()), ..options(scratch.path()) }).await;
    assert!(matches!(&error, EmbeddedError::NotInDirectory(directory) if *directory == empty), "{error}");
}

#[tokio::test]
async fn an_old_postgres_is_refused() {
    let scratch = Scratch::new();
    let old = scratch.path().join("programs");
    fs::create_dir(&old).expect("a directory");
    for program in ["initdb", "postgres"] {
        let path = old.join(program);
        fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) 13.22'\n")).expect("a program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program that runs");
    }
    let error = refused(Options { binaries: Some(old), ..options(scratch.path()) }).await;
    assert!(matches!(error, EmbeddedError::TooOld { major: 13, oldest: 14, .. }), "{error}");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_refused() {
    let scratch = Scratch::new();
    let error = refused(options(&scratch.path().join("deep".repeat(30)))).await;
    assert!(matches!(error, EmbeddedError::LongPath { .. }), "{error}");
}

/// Only root changes its user, so only root meets this.
#[tokio::test]
async fn a_parent_that_postgres_cannot_enter_is_named() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new();
    let closed = scratch.path().join("closed");
    fs::create_dir(&closed).expect("a directory");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("ours to close");
    let error = refused(options(&closed)).await;
    assert!(matches!(&error, EmbeddedError::NotSearchable { directory, .. } if *directory == closed), "{error}");
    assert!(error.to_string().contains("chmod o+x"), "{error}");
}

#[test]
fn there_is_a_default_directory() {
    assert!(default_dir().expect("HOME is set, or we are root").is_absolute());
}

fn options(scratch: &Path) -> Options {
    Options { dir: scratch.join("pg"), binaries: None, durable: true }
}

async fn start(scratch: &Path) -> Embedded {
    Embedded::start(options(scratch)).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn refused(options: Options) -> EmbeddedError {
    Embedded::start(options).await.err().expect("this cannot start")
}

fn pid_file(scratch: &Path) -> PathBuf {
    scratch.join("pg/data/postmaster.pid")
}

fn postgres_of(scratch: &Path) -> Pid {
    let text = fs::read_to_string(pid_file(scratch)).expect("Postgres runs");
    text.lines().next().and_then(|line| Pid::from_raw(line.parse().ok()?)).expect("a process id")
}

async fn show<const N: usize>(cluster: &Embedded, settings: [&str; N]) -> Vec<String> {
    let mut connection = PgConnection::connect_with(&cluster.options("postgres")).await.expect("a connection");
    let mut shown = Vec::new();
    for setting in settings {
        let one = sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&mut connection).await;
        shown.push(one.expect("a setting"));
    }
    shown
}

async fn write_row(cluster: &Embedded, database: &str) {
    let mut connection = PgConnection::connect_with(&cluster.options(database)).await.expect("a connection");
    sqlx::raw_sql("create table kept (it int); insert into kept values (1)").execute(&mut connection).await.expect("a row");
}

async fn rows(cluster: &Embedded, database: &str) -> i64 {
    let mut connection = PgConnection::connect_with(&cluster.options(database)).await.expect("a connection");
    sqlx::query_scalar("select count(*) from kept").fetch_one(&mut connection).await.expect("a figure")
}

/// Another process that owns the cluster and has committed a row.
struct Owner(Child);

impl Owner {
    async fn start(scratch: &Path, body: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.args(["--exact", body]).env(OWN, scratch).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let owner = Self(command.spawn().expect("this program starts again"));
        until("the owner has committed", async || scratch.join("committed").exists()).await;
        owner
    }

    /// Kills it and returns when it is gone.
    fn kill(mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("it is our child");
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn own(scratch: &Path) {
    let cluster = start(scratch).await;
    write_row(&cluster, "postgres").await;
    fs::write(scratch.join("committed"), "").expect("a file");
    std::future::pending::<()>().await;
    drop(cluster);
}
