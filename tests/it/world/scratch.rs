//! A directory for one test, gone with it.

use std::fs;
use std::path::{Path, PathBuf};

use super::db;

/// An empty directory that anyone may enter, removed when dropped. What a killed test leaves, later runs remove.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one.
    pub fn new() -> Self {
        let name = format!("{}{}.{}", db::prefix(), std::process::id(), uuid::Uuid::now_v7().simple());
        let path = db::base().join(name);
        fs::create_dir(&path).expect("a new name where temporary files go");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
