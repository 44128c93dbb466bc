//! Finds `initdb` and `postgres`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::EmbeddedError;

/// The oldest major version that the ledger's SQL runs on.
const OLDEST: u32 = 14;

/// Where packages put versions side by side; `*` is the version.
const VERSIONED: [&str; 5] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
];

/// A directory with both programs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub directory: PathBuf,
    pub major: u32,
}

impl Binaries {
    /// Takes the directory of the setting if there is one; else the first of PATH (through symbolic links), then the newest
    /// of those that packages put side by side. Data that is already there decides the major version (`made_by`).
    pub fn find(setting: Option<&Path>, made_by: Option<u32>, data: &Path) -> Result<Self, EmbeddedError> {
        let found = match setting {
            Some(directory) => vec![in_setting(directory)?],
            None => on_this_machine(),
        };
        let Some(first) = found.first() else { return Err(EmbeddedError::NoPostgres(advice())) };
        let fitting = |binaries: &&Self| binaries.major >= OLDEST && made_by.is_none_or(|major| major == binaries.major);
        if let Some(fit) = found.iter().find(fitting) {
            return Ok(fit.clone());
        }
        Err(match made_by {
            Some(made_by) => {
                let found = found.iter().map(|binaries| binaries.major.to_string()).collect::<Vec<_>>().join(", ");
                EmbeddedError::OtherMajor { data: data.into(), made_by, found }
            }
            None => EmbeddedError::TooOld { directory: first.directory.clone(), major: first.major, oldest: OLDEST },
        })
    }

    pub fn initdb(&self) -> PathBuf {
        self.directory.join("initdb")
    }

    pub fn postgres(&self) -> PathBuf {
        self.directory.join("postgres")
    }

    /// What is in a directory, if it is both programs and they run.
    fn in_directory(directory: &Path) -> Option<Self> {
        let initdb = directory.join("initdb").canonicalize().ok()?;
        let directory = initdb.parent()?.to_path_buf();
        let said = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        Some(Self { directory, major: major(&String::from_utf8_lossy(&said.stdout))? })
    }
}

fn in_setting(directory: &Path) -> Result<Binaries, EmbeddedError> {
    Binaries::in_directory(directory)
        .or_else(|| Binaries::in_directory(&directory.join("bin")))
        .ok_or_else(|| EmbeddedError::NotInDirectory(directory.into()))
}

fn on_this_machine() -> Vec<Binaries> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<Binaries> = env::split_paths(&path).filter_map(|directory| Binaries::in_directory(&directory)).collect();
    let mut packaged: Vec<Binaries> = VERSIONED
        .iter()
        .flat_map(|pattern| matching(pattern))
        .filter_map(|directory| Binaries::in_directory(&directory))
        .collect();
    packaged.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found.extend(packaged);
    found
}

/// The directories that a pattern with one `*` in one of its names stands for.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let (before, after) = pattern.split_once('*').expect("each pattern has one star");
    let (parent, prefix) = before.rsplit_once('/').expect("each pattern is an absolute path");
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .collect()
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15; `16beta1` is 16.
fn major(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = number.find(|c: char| !c.is_ascii_digit()).map_or(number, |end| &number[..end]);
    digits.parse().ok()
}

/// How Postgres is installed here.
fn advice() -> String {
    if cfg!(target_os = "macos") {
        return "Install it with `brew install postgresql@17`.".into();
    }
    advice_for(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// The same, from the text of `/etc/os-release`.
fn advice_for(os_release: &str) -> String {
    let value = |key: &str| os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let family = [value("ID"), value("ID_LIKE")].into_iter().flatten().collect::<Vec<_>>().join(" ").replace('"', "");
    let is = |names: &[&str]| family.split_whitespace().any(|word| names.contains(&word));
    let command = match () {
        () if is(&["debian", "ubuntu"]) => "apt-get install postgresql",
        () if is(&["fedora", "rhel", "centos"]) => "dnf install postgresql-server",
        () if is(&["alpine"]) => "apk add postgresql",
        () if is(&["arch"]) => "pacman -S postgresql",
        () if is(&["suse", "opensuse"]) => "zypper install postgresql-server",
        () => return "Install the package of the Postgres server (it holds the programs `initdb` and `postgres`).".into(),
    };
    format!("Install it with `{command}`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_postgres_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major("bash: postgres: not found"), None);
    }

    #[test]
    fn advice_names_the_package_of_the_platform() {
        assert!(advice_for("ID=debian\n").contains("apt-get install postgresql"));
        assert!(advice_for("NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n").contains("apt-get install postgresql"));
        assert!(advice_for("ID=fedora\n").contains("postgresql-server"));
        assert!(advice_for("ID=alpine\n").contains("apk add postgresql"));
        assert!(advice_for("").contains("initdb"));
    }
}
