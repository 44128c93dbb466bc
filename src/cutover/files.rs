//! Files by their bytes: both sides are read and hashed while they stream.

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::desk::ticket::{Attachment, AttachmentState};

use super::case::{EXPOSED, Findings};
use super::report::Kind;
use super::thread::Files;
use super::witness::Witness;
use super::words::same_name;

const RECODED: &str = "a file was recoded by a desk";
const HELD_BACK: &str = "the new desk scans a file or holds it back";
const OLD_REFUSES: &str = "the old desk does not hand a file out any more";

/// Explanations that are about what a desk can hold.
pub const FORGIVEN: [&str; 1] = [RECODED];

/// What is known of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bytes {
    Hashed {
        sha256: String,
        size: u64,
    },
    /// Nobody asked for them.
    Unasked {
        size: Option<u64>,
    },
    /// The desk scans the file or does not hand it out.
    Withheld,
}

struct Held<'a> {
    file: &'a Attachment,
    bytes: Bytes,
}

/// Compares the files of one message. Without `bytes` only names and sizes.
pub async fn compare(witness: &Witness<'_>, files: &Files, bytes: bool, found: &mut Findings) -> Result<(), Fault> {
    let mut source = read_all(witness, Side::Source, &files.source, bytes).await?;
    let mut target = read_all(witness, Side::Target, &files.target, bytes).await?;
    let can = [witness.capabilities(Side::Source), witness.capabilities(Side::Target)];
    compare_order(&source, &target, &files.message.to_string(), found);
    take_equal(&mut source, &mut target, &files.message.to_string(), found);
    take_explained(&mut source, &mut target, can, found);
    tell_rest(&source, target, files, found);
    Ok(())
}

async fn read_all<'a>(witness: &Witness<'_>, side: Side, files: &'a [Attachment], bytes: bool) -> Result<Vec<Held<'a>>, Fault> {
    let mut held = Vec::with_capacity(files.len());
    for file in files {
        let bytes = match file.state {
            AttachmentState::Ready if bytes => hashed(witness, side, file).await?,
            AttachmentState::Ready => Bytes::Unasked { size: file.size },
            AttachmentState::Pending | AttachmentState::Refused | AttachmentState::Removed => Bytes::Withheld,
        };
        held.push(Held { file, bytes });
    }
    Ok(held)
}

async fn hashed(witness: &Witness<'_>, side: Side, file: &Attachment) -> Result<Bytes, Fault> {
    let download = match witness.download(side, file).await {
        Ok(download) => download,
        Err(Fault::Refused { .. }) => return Ok(Bytes::Withheld),
        Err(fault) => return Err(fault),
    };
    let mut stream = download.bytes;
    let mut hash = Sha256::new();
    let mut size = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        hash.update(&piece);
    }
    let sha256 = hex::encode(hash.finalize());
    Ok(Bytes::Hashed { sha256, size })
}

/// The same files have to stand in the same order; images inside the text stand where the text has them.
fn compare_order(source: &[Held<'_>], target: &[Held<'_>], message: &str, found: &mut Findings) {
    let beside = |held: &[Held<'_>]| -> Vec<String> { held.iter().filter(|one| !one.file.inline).map(Held::describe).collect() };
    let (here, there) = (beside(source), beside(target));
    let (mut sorted_here, mut sorted_there) = (here.clone(), there.clone());
    sorted_here.sort();
    sorted_there.sort();
    if here != there && sorted_here == sorted_there {
        let what = format!("the files of message {message} are in another order");
        found.differ(Kind::File, what, &here.join("; "), &there.join("; "));
    }
}

/// Takes out pairs with the same bytes, those with the same name first.
fn take_equal(source: &mut Vec<Held<'_>>, target: &mut Vec<Held<'_>>, message: &str, found: &mut Findings) {
    for by_name in [true, false] {
        source.retain(|one| {
            let twin =
                target.iter().position(|other| is_equal(one, other) && (!by_name || same_name(&one.file.name, &other.file.name)));
            let Some(place) = twin else { return true };
            let other = target.remove(place);
            if let Bytes::Hashed { size, .. } = one.bytes {
                found.attachments += 1;
                found.bytes += size;
            }
            if !by_name {
                let what = format!("a file of message {message} has another name");
                found.differ(Kind::File, what, &one.file.name, &other.file.name);
            }
            false
        });
    }
}

/// The same bytes; where nobody asked for them, the same name and, if both desks tell it, size.
fn is_equal(one: &Held<'_>, other: &Held<'_>) -> bool {
    match (&one.bytes, &other.bytes) {
        (Bytes::Hashed { sha256: one, .. }, Bytes::Hashed { sha256: other, .. }) => one == other,
        (Bytes::Unasked { size: a }, Bytes::Unasked { size: b }) => {
            same_name(&one.file.name, &other.file.name) && (a == b || a.is_none() || b.is_none())
        }
        _ => false,
    }
}

/// Takes out pairs of one name whose bytes a desk recoded or does not hand out.
fn take_explained(source: &mut Vec<Held<'_>>, target: &mut Vec<Held<'_>>, can: [&Capabilities; 2], found: &mut Findings) {
    let recoded = |file: &Attachment| can.iter().any(|can| can.recodes.contains(&plain_type(&file.content_type)));
    source.retain(|one| {
        let reason = |other: &Held<'_>| match (&one.bytes, &other.bytes) {
            (_, Bytes::Withheld) => Some(HELD_BACK),
            (Bytes::Withheld, _) => Some(OLD_REFUSES),
            _ if recoded(one.file) || recoded(other.file) => Some(RECODED),
            _ => None,
        };
        let twin = target.iter().enumerate().filter(|(_, other)| same_name(&one.file.name, &other.file.name));
        let twin = twin.filter_map(|(place, other)| Some((place, reason(other)?))).next();
        let Some((place, reason)) = twin else { return true };
        target.remove(place);
        found.explain(reason);
        false
    });
}

/// `text/plain; charset=utf-8` is `text/plain`.
fn plain_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn tell_rest(source: &[Held<'_>], mut target: Vec<Held<'_>>, files: &Files, found: &mut Findings) {
    for one in source {
        let twin = target.iter().position(|other| same_name(&one.file.name, &other.file.name));
        let (what, there) = match twin.map(|place| target.remove(place)) {
            Some(other) => ("has other bytes", other.describe()),
            None => ("is missing", String::new()),
        };
        found.differ(Kind::File, format!("a file of message {} {what}", files.message), &one.describe(), &there);
    }
    for other in target {
        if files.exposed {
            found.explain(EXPOSED);
        } else {
            let what = format!("message {} has a file more", files.message);
            found.differ(Kind::File, what, "", &other.describe());
        }
    }
}

impl Held<'_> {
    /// `report.pdf, 1234 bytes, sha256 0a1b2c3d…`.
    fn describe(&self) -> String {
        match &self.bytes {
            Bytes::Hashed { sha256, size } => format!("{}, {size} bytes, sha256 {}…", self.file.name, &sha256[..16]),
            Bytes::Unasked { size: Some(size) } => format!("{}, {size} bytes", self.file.name),
            Bytes::Unasked { size: None } => self.file.name.clone(),
            Bytes::Withheld => format!("{}, not handed out", self.file.name),
        }
    }
}
