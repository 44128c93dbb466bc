//! The built program, as processes of their own.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};

use super::db::until;
use super::house::{House, port};

/// The program with nothing of this process's settings.
pub fn tidegate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let ours = |name: &OsStr| name == "DATABASE_URL" || name.to_string_lossy().starts_with("TIDEGATE_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name) && name != "TIDEGATE_PG_BIN") {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A verb as olga types it, on this ledger.
pub fn verb(url: &str, words: &[&str]) -> Command {
    let mut command = tidegate();
    command.env("DATABASE_URL", url).env("USER", "olga").env_remove("SUDO_USER");
    command.args(["--connections", "6", "--log", "warn"]).args(words);
    command
}

/// Runs a verb to its end.
pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program starts")
}

/// Exit status and everything that a verb said.
pub async fn ended(command: Command) -> (Option<i32>, String) {
    let output = run(command).await;
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).expect("text"))
}

/// What a verb printed; fails if it did.
pub async fn printed(command: Command) -> String {
    let output = run(command).await;
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A running `tidegate serve`. Dropping it kills it.
pub struct Serve {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Serve {
    /// On the database of a house, with a short lease.
    pub async fn on(house: &House, address: SocketAddr) -> Serve {
        let mut command = tidegate();
        command.env("DATABASE_URL", &house.url).args(["--connections", "6", "--log", "info,tidegate=debug"]);
        Serve::start(command, house.scratch.path().join(format!("serve-{}", address.port())), address).await
    }

    /// Any `serve`; its log goes to the file.
    pub async fn start(mut command: Command, log: PathBuf, address: SocketAddr) -> Serve {
        let file = File::create(&log).expect("a new file");
        command.args(["--listen", &address.to_string(), "serve", "--lease", "3s", "--grace", "1s", "--call-limit", "1s"]);
        let child = command.stdout(Stdio::null()).stderr(file).spawn().expect("the program starts");
        let mut serve = Serve { child, address, log };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().expect("a client");
        let ready = async || {
            let ended = serve.child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "serve ended: {}", serve.log());
            let answer = client.get(format!("http://{address}/readyz")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        until("serve is ready", ready).await;
        serve
    }

    /// On a free port.
    pub async fn anywhere(house: &House) -> Serve {
        Serve::on(house, port()).await
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is ours");
    }

    /// Waits for its end after a signal that ends it.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let mut status = None;
        let gone = async || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        };
        until("the process is gone", gone).await;
        status.expect("it is gone")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the gateway answers a browser that follows nothing.
pub async fn follow(gateway: &str, path: &str) -> (StatusCode, String, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
    let answer = client.get(format!("{gateway}{path}")).send().await.expect("an answer");
    let to = answer.headers().get("location").map(|to| to.to_str().expect("an address").to_string()).unwrap_or_default();
    (answer.status(), to, answer.text().await.expect("text"))
}
