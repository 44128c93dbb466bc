//! The processes: making a cluster, starting and stopping Postgres, and clearing away what a killed owner left.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{oneshot, watch};

use super::binaries::Binaries;
use super::error::{EmbeddedError, Io};
use super::home::{self, Home};
use crate::clock::Monotonic;
use crate::task;

/// How often a starting or stopping Postgres is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// How long a Postgres may take to write everything down and stop, before it is told to stop without (it then recovers at the
/// next start; nothing committed is lost).
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How often a start that takes long (recovery after a crash) is mentioned in the log.
const MENTION: Duration = Duration::from_secs(10);

const DURABLE: [&str; 3] = ["fsync=on", "synchronous_commit=on", "full_page_writes=on"];
const THROW_AWAY: [&str; 5] =
    ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"];
/// No port; no parallel queries, for which containers often lack shared memory; customer text stays out of the log (no failed
/// statements, no row values), which stays short.
const ALWAYS: [&str; 9] = [
    "listen_addresses=",
    "port=5432",
    "max_connections=200",
    "max_parallel_workers_per_gather=0",
    "log_min_messages=log",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_checkpoints=off",
    "logging_collector=off",
];

/// A child process that we wait for in a thread of its own.
///
/// The kernel's signal at our death is tied to the thread that started the child, so that thread has to live as long.
struct Child {
    pid: Pid,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Child {
    async fn start(mut command: Command) -> io::Result<Self> {
        let (started, start) = oneshot::channel();
        let (ending, ended) = watch::channel(None);
        std::thread::Builder::new().name("postgres".into()).spawn(move || match command.spawn() {
            Ok(mut child) => {
                let _ = started.send(Ok(child.id()));
                let status = child.wait().unwrap_or(ExitStatus::from_raw(1));
                ending.send_replace(Some(status));
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        })?;
        let id = start.await.expect("the thread sends before it ends")?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id is a positive i32");
        Ok(Self { pid, ended })
    }

    fn status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    async fn wait(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        status.expect("the thread tells the status before it ends")
    }

    fn signal(&self, signal: Signal) {
        if self.status().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }
}

/// Postgres told to stop when it is no longer wanted, also if its owner is only dropped.
impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::INT);
    }
}

/// A running Postgres.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts Postgres and returns when it takes connections.
    pub async fn start(home: &Home, binaries: &Binaries, durable: bool) -> Result<Self, EmbeddedError> {
        home.prepare_socket()?;
        let log = open_log(home)?;
        if home.made_by().is_none() {
            make_cluster(home, binaries, durable, &log).await?;
        }
        let mut command = prepare(&binaries.postgres(), home, &log)?;
        command.arg("-D").arg(home.data()).arg("-k").arg(home.socket());
        let settings: &[&str] = if durable { &DURABLE } else { &THROW_AWAY };
        for setting in ALWAYS.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        command.args(["-c", &format!("cluster_name={}", home.mark())]);
        let child = Child::start(command).await.tried(|| format!("cannot start {}", binaries.postgres().display()))?;
        let server = Self { child };
        server.ready(home).await?;
        Ok(server)
    }

    async fn ready(&self, home: &Home) -> Result<(), EmbeddedError> {
        let mut since = Monotonic::now();
        while !says_ready(&home.data(), self.child.pid) {
            if let Some(status) = self.child.status() {
                return Err(failed("postgres", status, home));
            }
            if since.elapsed() > MENTION {
                tracing::info!("the private Postgres is still starting; after a crash it first reads its log of changes");
                since = Monotonic::now();
            }
            task::delay(LOOK).await;
        }
        Ok(())
    }

    /// Ends sessions, writes everything down, and returns when the process is gone.
    pub async fn stop(self) {
        self.child.signal(Signal::INT);
        if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            self.child.signal(Signal::QUIT);
            self.child.wait().await;
        }
    }

    /// Returns when the process is gone, however that came.
    pub async fn ended(&self) -> String {
        self.child.wait().await.to_string()
    }
}

/// Line 1 of `postmaster.pid` is the process, line 8 its state.
fn says_ready(data: &Path, pid: Pid) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let line = |number: usize| text.lines().nth(number - 1).unwrap_or_default().trim();
    line(1) == pid.as_raw_nonzero().to_string() && line(8) == "ready"
}

/// Makes the cluster beside its place and moves it there when it is whole, so that an interrupted one is made again.
async fn make_cluster(home: &Home, binaries: &Binaries, durable: bool, log: &File) -> Result<(), EmbeddedError> {
    let part = home.directory.join("data.part");
    home.make_empty(&part)?;
    let mut command = prepare(&binaries.initdb(), home, log)?;
    command.arg("-D").arg(&part).args(["-U", "postgres", "-E", "UTF8", "-A", "trust", "--lc-messages=C"]);
    match cfg!(target_os = "macos") {
        true => command.args(["--locale=C", "--lc-ctype=en_US.UTF-8"]),
        false => command.arg("--locale=C.UTF-8"),
    };
    if !durable {
        command.arg("--no-sync");
    }
    let child = Child::start(command).await.tried(|| format!("cannot start {}", binaries.initdb().display()))?;
    let status = child.wait().await;
    if !status.success() {
        return Err(failed("initdb", status, home));
    }
    let moved = home::remove(&home.data()).and_then(|()| fs::rename(&part, home.data()));
    moved.and_then(|()| File::open(&home.directory)?.sync_all()).tried(|| format!("cannot make {}", home.data().display()))
}

/// A command that runs as the right user, outside our terminal's process group (Ctrl-C is for us: we stop Postgres when we
/// are done with it), without settings of other Postgres clients, and not longer than we do.
fn prepare(program: &Path, home: &Home, log: &File) -> Result<Command, EmbeddedError> {
    home.check_entry(program.parent().unwrap_or(program))?;
    let mut command = Command::new(program);
    let log_too = |log: &File| log.try_clone().tried(|| format!("cannot write {}", home.log().display()));
    command.stdin(Stdio::null()).stdout(log_too(log)?).stderr(log_too(log)?);
    command.current_dir(&home.directory).process_group(0);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    if let Some(account) = &home.account {
        command.uid(account.uid).gid(account.gid);
    }
    stop_with_us(&mut command);
    Ok(command)
}

/// Has the kernel tell the child to stop when we die, also by SIGKILL. (Elsewhere than on Linux the next start does it.)
fn stop_with_us(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        let arrange = move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
            let still_there = rustix::process::getppid().is_some_and(|pid| pid.as_raw_nonzero().get().cast_unsigned() == parent);
            if still_there { Ok(()) } else { Err(io::Error::from(rustix::io::Errno::SRCH)) }
        };
        // SAFETY: between fork and exec this only makes two system calls; it neither allocates nor takes a lock. The standard
        // library runs it after the change of user, which would undo it.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(arrange)
        };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

fn open_log(home: &Home) -> Result<File, EmbeddedError> {
    let log = home.log();
    let _ = fs::rename(&log, log.with_extension("log.old"));
    File::options().create(true).append(true).mode(0o600).open(&log).tried(|| format!("cannot write {}", log.display()))
}

fn failed(program: &'static str, status: ExitStatus, home: &Home) -> EmbeddedError {
    let text = fs::read_to_string(home.log()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let said = lines[lines.len().saturating_sub(8)..].iter().map(|line| format!("  {line}\n")).collect();
    EmbeddedError::Failed { program, status: status.to_string(), said, log: home.log() }
}

/// Stops what an earlier owner of this directory left running. We hold its lock, so these processes are nobody's.
///
/// Backends outlive a killed Postgres for a moment, and a new one beside them would ruin the data: so all of them are waited
/// for before its `postmaster.pid` goes. That file is no evidence by itself: its process id may be a zombie's or somebody
/// else's by now.
pub(super) async fn clear(home: &Home) -> Result<(), EmbeddedError> {
    let since = Monotonic::now();
    let mut told = false;
    loop {
        let left = left_running(&home.mark());
        if left.is_empty() {
            break;
        }
        if since.elapsed() > STOP_LIMIT {
            let pids = left.iter().map(|one| one.pid.as_raw_nonzero().get().cast_unsigned()).collect();
            return Err(EmbeddedError::Orphans { directory: home.directory.clone(), pids });
        }
        if !told {
            tracing::info!(processes = left.len(), "stopping the private Postgres of a run that was killed");
            for one in left.iter().filter(|one| one.leads) {
                let _ = kill_process(one.pid, Signal::INT);
            }
            told = true;
        }
        task::delay(LOOK).await;
    }
    match fs::remove_file(home.data().join("postmaster.pid")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).tried(|| "cannot remove postmaster.pid".into()),
        _ => Ok(()),
    }
}

/// A process of an earlier run.
struct Left {
    pid: Pid,
    /// The one that the others are children of. Only it may be told to stop: the same signal means other things to them.
    leads: bool,
}

/// The live processes that carry the cluster's name: `…/postgres -D … -c cluster_name=MARK`, `postgres: MARK: checkpointer`.
fn left_running(mark: &str) -> Vec<Left> {
    let setting = format!("cluster_name={mark}");
    let title = format!("postgres: {mark}");
    let read = |(pid, command): (Pid, String)| {
        let program = command.split(' ').next().unwrap_or_default();
        let leads = program.ends_with("postgres") && command.contains(&setting);
        (leads || command.starts_with(&title)).then_some(Left { pid, leads })
    };
    processes().into_iter().filter_map(read).collect()
}

/// All processes with their command lines, which zombies do not have.
fn processes() -> Vec<(Pid, String)> {
    if cfg!(target_os = "linux") {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let read = |entry: fs::DirEntry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            Some((pid, String::from_utf8_lossy(&command).replace('\0', " ")))
        };
        return entries.flatten().filter_map(read).collect();
    }
    let Ok(listing) = Command::new("ps").args(["-axww", "-o", "pid=,command="]).output() else { return Vec::new() };
    let read = |line: &str| {
        let (pid, command) = line.trim_start().split_once(' ')?;
        Some((Pid::from_raw(pid.parse().ok()?)?, command.trim_start().to_string()))
    };
    String::from_utf8_lossy(&listing.stdout).lines().filter_map(read).collect()
}
