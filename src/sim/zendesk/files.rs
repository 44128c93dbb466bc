//! Uploads and attachments.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

/// Largest file, as documented: 50 MB.
pub const LIMIT: usize = 50 << 20;
/// How long an upload's token can be used, as documented: 60 minutes.
const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(60);
/// How long the malware scan of a file takes whose name has `slow-scan` in it.
const SLOW_SCAN: TimeDelta = TimeDelta::seconds(5);

/// A file.
#[derive(Debug, Clone)]
pub struct File {
    pub id: u64,
    /// In its address: whoever has it can read the file.
    pub token: String,
    pub name: String,
    pub content_type: String,
    pub bytes: Bytes,
    /// Of the bytes, in hex.
    pub sha256: String,
    pub inline: bool,
    /// The ticket that it is attached to; `None` while it is only uploaded.
    pub ticket: Option<u64>,
    pub at: DateTime<Utc>,
}

/// The SHA-256 of bytes, in hex.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// All files.
#[derive(Debug, Default)]
pub struct Files {
    pub by_id: BTreeMap<u64, File>,
    by_token: HashMap<String, u64>,
    uploads: HashMap<String, Vec<u64>>,
}

impl File {
    /// `not_scanned`, `malware_not_found` or `malware_found`: names with `eicar` in them are found out, names with
    /// `slow-scan` take five seconds.
    pub fn scan(&self, now: DateTime<Utc>) -> &'static str {
        if self.name.contains("slow-scan") && now < self.at + SLOW_SCAN {
            "not_scanned"
        } else if self.name.contains("eicar") {
            "malware_found"
        } else {
            "malware_not_found"
        }
    }

    /// Where it is downloaded.
    pub fn url(&self, desk: &str) -> String {
        let name: String = url::form_urlencoded::byte_serialize(self.name.as_bytes()).collect();
        format!("{desk}/attachments/token/{}/?name={name}", self.token)
    }
}

impl Files {
    /// Stores a file.
    pub fn put(&mut self, file: File) {
        self.by_token.insert(file.token.clone(), file.id);
        self.by_id.insert(file.id, file);
    }

    /// A file by the token in its address.
    pub fn by_token(&self, token: &str) -> Option<&File> {
        self.by_id.get(self.by_token.get(token)?)
    }

    /// Adds a file to an upload, new or known.
    pub fn add_to_upload(&mut self, upload: &str, file: u64) {
        self.uploads.entry(upload.to_string()).or_default().push(file);
    }

    /// The files of an upload whose token is still good.
    pub fn upload(&self, upload: &str, now: DateTime<Utc>) -> Option<&[u64]> {
        let files = self.uploads.get(upload)?;
        let oldest = files.iter().filter_map(|id| self.by_id.get(id)).map(|file| file.at).min()?;
        (now < oldest + TOKEN_LIFE).then_some(files)
    }

    /// Uses an upload up. Returns its files.
    pub fn take_upload(&mut self, upload: &str) -> Option<Vec<u64>> {
        self.uploads.remove(upload)
    }
}
