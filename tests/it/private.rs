//! One private Postgres under several processes: whoever starts it, ends or is killed, the others go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};
use tidegate::clock::Clock;
use tidegate::embedded::Options;
use tidegate::embedded::shared::Shared;

use crate::world::db::until;
use crate::world::house::{House, port};
use crate::world::load::Load;
use crate::world::process::{Serve, printed, run, tidegate};
use crate::world::scratch::Scratch;
use crate::world::scrip::rt_mirror;

const SECRET: &str = "of globex";

/// A data directory for several processes.
struct Place(Scratch);

impl Place {
    fn new() -> Place {
        Place(Scratch::new())
    }

    fn verb(&self, words: &[&str]) -> Command {
        let mut command = tidegate();
        command.args(["--log", "info", "--data-dir"]).arg(self.0.path().join("d")).args(words);
        command
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("d/postgres")
    }

    async fn serve(&self) -> Serve {
        Serve::start(self.verb(&[]), self.0.path().join("serve.log"), port()).await
    }

    /// This process uses the cluster too, and owns it if it comes first.
    async fn join(&self) -> Shared {
        let options = Options { dir: self.home(), binaries: None, durable: true };
        Shared::open(options, "tidegate").await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Kills Postgres and returns when it is gone.
    async fn kill_postgres(&self) {
        let postgres = postgres_in(&self.home()).expect("Postgres runs");
        kill_process(postgres, Signal::KILL).expect("it is there");
        until("another Postgres runs", async || postgres_in(&self.home()).is_none_or(|now| now != postgres)).await;
    }
}

fn postgres_in(home: &Path) -> Option<Pid> {
    let text = fs::read_to_string(home.join("data/postmaster.pid")).ok()?;
    text.lines().next().and_then(|line| Pid::from_raw(line.parse().ok()?))
}

async fn ready(serve: &Serve) -> bool {
    let url = format!("http://{}/readyz", serve.address);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verbs_that_start_together_share_one_private_postgres() {
    let place = Place::new();
    let verbs = (0..6).map(|_| run(place.verb(&["mirror", "list"])));
    for output in futures_util::future::join_all(verbs).await {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && output.stdout.starts_with(b"There is no mirror."), "{said}");
    }
    assert_eq!(postgres_in(&place.home()), None, "the last one stopped it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_goes_on_when_the_one_who_started_its_postgres_ends() {
    let place = Place::new();
    let verb = place.join().await;
    let mut serve = place.serve().await;
    assert!(!serve.log().contains("started again"), "it is a guest: {}", serve.log());
    verb.close().await;
    until("serve starts it again", async || serve.log().contains("started again, by this process")).await;
    until("serve is ready", async || ready(&serve).await).await;
    assert!(printed(place.verb(&["mirror", "list"])).await.starts_with("There is no mirror."));
    serve.signal(Signal::TERM);
    assert!(serve.ended().await.success(), "{}", serve.log());
    assert_eq!(postgres_in(&place.home()), None);
}

#[tokio::test]
async fn an_owner_lets_a_verb_finish_before_it_stops_postgres() {
    let place = Place::new();
    let owner = place.join().await;
    let options = owner.options("postgres").application_name("tidegate");
    let mut verb = PgConnection::connect_with(&options).await.expect("a connection");
    let working = async {
        let mut answers = 0;
        until("the verb has what it wants", async || {
            let answer = sqlx::query_scalar::<_, i32>("select 1").fetch_one(&mut verb).await;
            answers += answer.expect("Postgres is still there");
            answers == 30
        })
        .await;
        verb.close().await.expect("it is still there");
    };
    tokio::join!(owner.close(), working);
    assert_eq!(postgres_in(&place.home()), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verb_takes_over_from_a_killed_serve() {
    let place = Place::new();
    let mut serve = place.serve().await;
    let guest = place.join().await;
    serve.signal(Signal::KILL);
    serve.ended().await;
    let answers = async || PgConnection::connect_with(&guest.options("tidegate")).await.is_ok();
    until("another Postgres takes connections", async || postgres_in(&place.home()).is_some() && answers().await).await;
    assert!(printed(place.verb(&["mirror", "list"])).await.starts_with("There is no mirror."));
    guest.close().await;
    assert_eq!(postgres_in(&place.home()), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_starts_its_killed_postgres_again_and_keeps_what_it_answered() {
    let place = Place::new();
    let house = House::with_past(0, Clock::system()).await;
    let mut serve = place.serve().await;
    let file = place.0.path().join("globex.toml");
    fs::write(&file, rt_mirror(&house, "globex", SECRET, serve.address)).expect("a new file");
    printed(place.verb(&["mirror", "apply", "--offline", &file.display().to_string()])).await;
    let load = Load::on(serve.address, "globex", SECRET);
    load.taken_in().await;
    let killer = async {
        for _ in 0..2 {
            let before = load.answered().len();
            until("some were answered", async || load.answered().len() >= before + 50).await;
            place.kill_postgres().await;
        }
        let before = load.answered().len();
        until("more are answered", async || load.answered().len() >= before + 50).await;
        load.stop();
    };
    tokio::join!(load.send(8, usize::MAX), killer);
    serve.signal(Signal::TERM);
    assert!(serve.ended().await.success(), "{}", serve.log());
    let postgres = place.join().await;
    let mut connection = PgConnection::connect_with(&postgres.options("tidegate")).await.expect("a connection");
    let kept: Vec<String> =
        sqlx::query_scalar("select dedupe from delivery").fetch_all(&mut connection).await.expect("an answer");
    let answered = load.answered();
    let lost: Vec<&String> = answered.iter().filter(|id| !kept.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), answered.len());
    postgres.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_ends_with_a_message_when_its_postgres_cannot_start_again() {
    let place = Place::new();
    let mut serve = place.serve().await;
    fs::remove_file(place.home().join("data/global/pg_control")).expect("it is there");
    kill_process(postgres_in(&place.home()).expect("Postgres runs"), Signal::KILL).expect("it is there");
    assert_eq!(serve.ended().await.code(), Some(1));
    let log = serve.log();
    assert!(log.contains("ended and cannot be started again") && log.contains("pg_control"), "{log}");
}
