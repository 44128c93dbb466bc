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
        let places = match setting {
            Some(directory) => vec![directory.to_path_buf(), directory.join("bin")],
            None => places(),
        };
        let mut found = Vec::new();
        for place in places {
            let Some(binaries) = Self::in_directory(&place) else { continue };
            if binaries.major >= OLDEST && made_by.is_none_or(|major| major == binaries.major) {
                return Ok(binaries);
            }
            found.push(binaries);
        }
        Err(none_fits(setting, made_by, data, &found))
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

fn none_fits(setting: Option<&Path>, made_by: Option<u32>, data: &Path, found: &[Binaries]) -> EmbeddedError {
    match (setting, made_by, found) {
        (Some(directory), _, []) => EmbeddedError::NotInDirectory(directory.into()),
        (None, _, []) => EmbeddedError::NoPostgres(advice()),
        (_, Some(made_by), _) => {
            let found = found.iter().map(|binaries| binaries.major.to_string()).collect::<Vec<_>>().join(", ");
            EmbeddedError::OtherMajor { data: data.into(), made_by, found }
        }
        (_, None, [first, ..]) => {
            EmbeddedError::TooOld { directory: first.directory.clone(), major: first.major, oldest: OLDEST }
        }
    }
}

/// Where to look, in order.
fn places() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut packaged: Vec<(u32, PathBuf)> = VERSIONED.iter().flat_map(|pattern| matching(pattern)).collect();
    packaged.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    env::split_paths(&path).chain(packaged.into_iter().map(|(_, place)| place)).collect()
}

/// The directories that a pattern stands for, with what the star stands for.
fn matching(pattern: &str) -> Vec<(u32, PathBuf)> {
    let (before, after) = pattern.split_once('*').expect("each pattern has one star");
    let (parent, prefix) = before.rsplit_once('/').expect("each pattern is an absolute path");
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let fit = |entry: fs::DirEntry| {
        let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
        Some((version, entry.path().join(after.trim_start_matches('/'))))
    };
    entries.flatten().filter_map(fit).collect()
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
