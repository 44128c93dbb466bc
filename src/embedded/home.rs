//! The directory of one cluster: its owner, its lock, and the user that Postgres runs as.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::{EmbeddedError, Io};

/// The longest socket path, without its closing zero: `sun_path` in `sockaddr_un`.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// What Postgres calls its socket on port 5432.
const SOCKET: &str = ".s.PGSQL.5432";

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// A directory that nobody else uses as long as this lives.
pub(super) struct Home {
    pub directory: PathBuf,
    /// As whom Postgres runs when we are root, which it refuses to be.
    pub account: Option<Account>,
    _lock: File,
}

impl Home {
    /// Makes the directory if it is not there, and locks it. What is in it belongs to Postgres; the directory stays ours, and
    /// Postgres only passes through.
    pub fn claim(directory: &Path) -> Result<Self, EmbeddedError> {
        let cannot = || {
            format!("cannot use {} as data directory (choose another with --data-dir or TIDEGATE_DATA_DIR)", directory.display())
        };
        let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
        make(directory, mode).tried(cannot)?;
        let directory = directory.canonicalize().tried(cannot)?;
        let lock = lock(&directory)?;
        let home = Self { account: account(&directory.join("data"))?, directory, _lock: lock };
        home.check_entry(&home.directory)?;
        home.check_socket_path()?;
        Ok(home)
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("sock")
    }

    pub fn log(&self) -> PathBuf {
        self.directory.join("postgres.log")
    }

    /// The major version of the Postgres that made the data; none before the first start.
    pub fn made_by(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// The name that all processes of this cluster show in their command line, and no others.
    pub fn mark(&self) -> String {
        let hash = Sha256::digest(self.directory.as_os_str().as_bytes());
        let hex = hex::encode(&hash[..6]);
        format!("tidegate-{hex}")
    }

    /// An empty directory that belongs to Postgres.
    pub fn make_empty(&self, directory: &Path) -> Result<(), EmbeddedError> {
        let cannot = || format!("cannot make {}", directory.display());
        remove(directory).tried(cannot)?;
        make(directory, 0o700).tried(cannot)?;
        match &self.account {
            Some(account) => chown(directory, Some(account.uid), Some(account.gid)).tried(cannot),
            None => Ok(()),
        }
    }

    /// The directory of the socket, without what a killed Postgres left in it.
    pub fn prepare_socket(&self) -> Result<(), EmbeddedError> {
        self.make_empty(&self.socket())?;
        self.leave_socket();
        Ok(())
    }

    /// Leaves a socket that nobody listens on until Postgres puts its own there. Who connects is refused and comes again; where
    /// there is none, clients take the address for a wrong one and give up.
    pub fn leave_socket(&self) {
        let path = self.socket().join(SOCKET);
        let _ = fs::remove_file(&path);
        let _ = UnixListener::bind(&path);
    }

    /// Whether Postgres can enter `directory` once it is no longer root.
    pub fn check_entry(&self, directory: &Path) -> Result<(), EmbeddedError> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut ancestors: Vec<&Path> = directory.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            let found = fs::metadata(ancestor).tried(|| format!("cannot look at {}", ancestor.display()))?;
            if !account.may_enter(&found) {
                return Err(EmbeddedError::NotSearchable { directory: ancestor.into(), account: account.name.clone() });
            }
        }
        Ok(())
    }

    fn check_socket_path(&self) -> Result<(), EmbeddedError> {
        let path = self.socket().join(SOCKET);
        match path.as_os_str().len() <= SOCKET_PATH_LIMIT {
            true => Ok(()),
            false => Err(EmbeddedError::LongPath { path, limit: SOCKET_PATH_LIMIT }),
        }
    }
}

impl Account {
    fn may_enter(&self, directory: &fs::Metadata) -> bool {
        let needed = match () {
            () if directory.uid() == self.uid => 0o100,
            () if directory.gid() == self.gid => 0o010,
            () => 0o001,
        };
        directory.mode() & needed != 0
    }
}

/// `flock`, which ends with the process, however it ends.
fn lock(directory: &Path) -> Result<File, EmbeddedError> {
    let path = directory.join("lock");
    let cannot = || format!("cannot lock {}", path.display());
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path).tried(cannot)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            return Err(EmbeddedError::InUse { directory: directory.into(), pid: owner.trim().parse().ok() });
        }
        Err(TryLockError::Error(error)) => return Err(error).tried(cannot),
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id())).tried(cannot)?;
    Ok(file)
}

/// As whom Postgres is to run: whoever owns the data already, else `postgres`, else `nobody`. None when we are not root.
fn account(data: &Path) -> Result<Option<Account>, EmbeddedError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users: Vec<Account> = fs::read_to_string("/etc/passwd").unwrap_or_default().lines().filter_map(user).collect();
    let named = |name: &str| users.iter().find(|user| user.name == name).cloned();
    let chosen = match fs::metadata(data).ok().filter(|data| data.uid() != 0) {
        Some(data) => {
            let owner = users.iter().find(|user| user.uid == data.uid());
            let name = owner.map_or_else(|| format!("number {}", data.uid()), |owner| owner.name.clone());
            Some(Account { name, uid: data.uid(), gid: data.gid() })
        }
        None => named("postgres").or_else(|| named("nobody")),
    };
    chosen.map(Some).ok_or(EmbeddedError::NoAccount)
}

/// Reads a line of `/etc/passwd` (`name:x:uid:gid:…`; macOS writes some numbers as negative).
fn user(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let number = |at: usize| Some(fields.get(at)?.parse::<i64>().ok()? as u32);
    Some(Account { name: fields.first()?.to_string(), uid: number(2)?, gid: number(3)? })
}

/// Makes a directory with these rights unless it is there; its parents are made as usual.
fn make(directory: &Path, mode: u32) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(mode).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        other => other,
    }
}

/// Removes a directory with all that is in it; one that is not there is fine.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
