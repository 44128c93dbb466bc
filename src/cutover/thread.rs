//! The conversation: every message of one desk that goes to the other is there once, with its words, author, time, visibility and files.
//! Messages are known by the ledger's links and by our keys. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::Side;
use crate::desk::id::{MessageId, PersonId};
use crate::desk::person::Person;
use crate::desk::ticket::{Attachment, AttachmentState, Message, Ticket, Visibility};
use crate::ledger::check::MessageRecord;
use crate::mirror::KeySpace;

use super::case::{EXPOSED, Findings, Known};
use super::report::{Kind, Remedy};
use super::words::{Spoken, cut, fold, is_part_of, is_redacted, same_start, spoken, words};

/// Source ids of notes about links that the target cannot hold: messages of ours without a source message.
const LINK_NOTE: &str = "link:";
const NARROWER: &str = "fewer people can read a message in the new desk";
const NOTE: &str = "a reply of the new desk is an internal note in the old one";
const STAYS: &str = "written in the new desk when the old one's ticket was closed for good; a person was told";
const REDACTED: &str = "words of a message were redacted";
const NO_LINE: &str = "the policy adds no line on author and time";
const FILE_LOST: &str = "a file was not carried, and the message says so";

const STRANGE: &str = "is a copy of what was written in another ticket";
const UNKNOWN: &str = "is a copy that the ledger does not know";
const UNASKED: &str = "was written by our own user, and the ledger does not know it";

/// The files of one message, to be compared by their bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    /// Where it was written.
    pub message: MessageId,
    pub source: Vec<Attachment>,
    pub target: Vec<Attachment>,
    pub exposed: bool,
}

/// The message that stands behind a key of ours.
pub fn source_of<'a>(prefix: &str, message: &'a Message) -> Option<&'a str> {
    message.key.as_deref()?.strip_prefix(prefix)
}

/// One way of a conversation: from the desk where messages were written to the one that holds our copies.
pub struct Way<'a> {
    pub born: Side,
    pub keys: &'a KeySpace,
    /// Otherwise nothing tells author and time where the other desk cannot keep them.
    pub author_line: bool,
    /// Whoever wrote there.
    pub people: &'a BTreeMap<PersonId, Known>,
    /// Whoever is known of those who stand as authors of copies.
    pub authors: &'a [Person],
    /// What was written there, and has to be at the other desk.
    pub originals: Vec<&'a Message>,
    /// Messages that stay where they are, and people were told.
    pub stays: &'a BTreeSet<MessageId>,
    pub links: &'a [MessageRecord],
    /// People had a hand in the other desk's ticket.
    pub by_people: bool,
    /// What the other desk holds.
    pub pool: &'a [Message],
    /// Nobody else looks at what our own user wrote there without a key.
    pub ours_too: bool,
}

/// The messages of a desk that were written there: our copies are known by the records and by our keys.
pub fn written_at<'a>(side: Side, messages: &'a [Message], links: &[MessageRecord], keys: &KeySpace) -> Vec<&'a Message> {
    let copies: BTreeSet<&MessageId> =
        links.iter().filter(|link| link.born != side).filter_map(|link| link.copy.as_ref()).collect();
    let ours = |message: &Message| message.key.as_deref().is_some_and(|key| keys.is_ours(key));
    messages.iter().filter(|message| !copies.contains(&message.id) && !ours(message)).collect()
}

/// Whether the target messages of this source ticket are all in `pool`.
pub fn is_whole(source: &Ticket, links: &[MessageRecord], pool: &[Message]) -> bool {
    let ids: BTreeSet<&MessageId> = pool.iter().map(|message| &message.id).collect();
    let of_source =
        |link: &&MessageRecord| link.born == Side::Source && source.messages.iter().any(|message| message.id == link.original);
    links.iter().filter(of_source).filter_map(|link| link.copy.as_ref()).all(|copy| ids.contains(copy))
}

/// Compares what was written at one desk with what the other one holds.
pub fn compare(way: &Way<'_>, found: &mut Findings) -> Vec<Files> {
    let prefix = way.keys.message(way.born, "");
    let born = way.links.iter().filter(|link| link.born == way.born);
    let links: BTreeMap<&MessageId, &MessageRecord> = born.map(|link| (&link.original, link)).collect();
    let mut copies: BTreeMap<&MessageId, &Message> = BTreeMap::new();
    let mut files = Vec::new();
    for message in &way.originals {
        found.messages += 1;
        let link = links.get(&message.id).copied();
        let Some(held) = copy_of(message, link, way.pool, &prefix) else {
            missing(way, message, link, found);
            continue;
        };
        if copies.insert(&held.id, held).is_some() {
            let what = format!("{} has no copy of its own", name_of(way, message));
            found.differ(Kind::MissingMessage, what, &words(&message.body), "");
            continue;
        }
        files.extend(compare_one(way, message, held, link.is_some_and(|link| link.exposed), found));
    }
    surplus(way, &copies, &prefix, found);
    files
}

fn copy_of<'a>(message: &Message, link: Option<&MessageRecord>, pool: &'a [Message], prefix: &str) -> Option<&'a Message> {
    let link = link?;
    match &link.copy {
        Some(copy) => pool.iter().find(|held| held.id == *copy),
        None => pool.iter().find(|held| source_of(prefix, held) == Some(message.id.as_str())),
    }
}

fn missing(way: &Way<'_>, message: &Message, link: Option<&MessageRecord>, found: &mut Findings) {
    if link.is_none() && way.stays.contains(&message.id) {
        return found.explain(STAYS);
    }
    if link.is_none() && message.attachments.iter().any(|file| file.state == AttachmentState::Pending) {
        found.moving = Some("a file of it is still being scanned where it was written");
        return;
    }
    let why = match link {
        None => "was never carried",
        Some(link) if link.copy.is_none() => "was sent, and is not there",
        Some(_) => "was carried, and is not there any more",
    };
    let what = format!("{} {why}", name_of(way, message));
    match way.born {
        Side::Source => found.differ(Kind::MissingMessage, what, &words(&message.body), ""),
        Side::Target => found.differ(Kind::MissingMessage, what, "", &words(&message.body)),
    }
    let anew = link.filter(|_| way.born == Side::Source);
    found.mend(anew.map_or(Remedy::Look, |_| Remedy::Say { message: message.id.clone() }));
}

/// `message 12 of Jane Doe at 2026-11-20 10:11:12`.
fn name_of(way: &Way<'_>, message: &Message) -> String {
    let name = way.people.get(&message.author).and_then(|known| known.names.first());
    let name = name.map_or(message.author.as_str(), String::as_str);
    format!("message {} of {name} at {}", message.id, message.created_at.format("%Y-%m-%d %H:%M:%S"))
}

fn compare_one(way: &Way<'_>, message: &Message, held: &Message, exposed: bool, found: &mut Findings) -> Option<Files> {
    let said = words(&message.body);
    let spoken = spoken(&held.body, &said);
    if spoken.words != said {
        compare_words(way, message, held, (&said, &spoken.words), exposed, found);
    }
    match (message.visibility, held.visibility) {
        (Visibility::Internal, Visibility::Public) if exposed => found.explain(EXPOSED),
        (Visibility::Internal, Visibility::Public) => {
            found.differ(Kind::Exposed, format!("{} is internal", name_of(way, message)), "internal", "public");
            found.mend(if way.born == Side::Source { Remedy::Hide { message: message.id.clone() } } else { Remedy::Look });
        }
        (Visibility::Public, Visibility::Internal) if way.born == Side::Target => found.explain(NOTE),
        (Visibility::Public, Visibility::Internal) if way.by_people => found.explain(NARROWER),
        (Visibility::Public, Visibility::Internal) => {
            found.differ(Kind::Hidden, format!("{} is public", name_of(way, message)), "public", "internal");
        }
        _ => {}
    }
    compare_author(way, message, held, &spoken, found);
    compare_time(way, message, held, &spoken, found);
    let source = carried_files(way, message, &spoken, found);
    let target: Vec<Attachment> =
        held.attachments.iter().filter(|file| file.state != AttachmentState::Removed).cloned().collect();
    let any = !source.is_empty() || !target.is_empty();
    let message = message.id.clone();
    any.then_some(match way.born {
        Side::Source => Files { message, source, target, exposed },
        Side::Target => Files { message, source: target, target: source, exposed },
    })
}

fn compare_words(
    way: &Way<'_>,
    message: &Message,
    held: &Message,
    (said, there): (&str, &str),
    exposed: bool,
    found: &mut Findings,
) {
    let redacted = is_redacted(&message.body) || is_redacted(&held.body);
    if exposed {
        return found.explain(EXPOSED);
    }
    if redacted && is_part_of(there, said) {
        return found.explain(REDACTED);
    }
    let place = same_start(said, there);
    let (kind, what) = match is_redacted(&message.body) {
        true => (Kind::Exposed, "was redacted, and the copy says more"),
        false => (Kind::Words, "has other words"),
    };
    found.differ(kind, format!("{} {what}", name_of(way, message)), &cut(said, place), &cut(there, place));
}

fn compare_author(way: &Way<'_>, message: &Message, held: &Message, spoken: &Spoken, found: &mut Findings) {
    let nobody = Known::default();
    let known = way.people.get(&message.author).unwrap_or(&nobody);
    let told = spoken.told.as_ref().map(|told| told.who.as_str());
    if told.map_or_else(|| known.target() == Some(&held.author), |who| is_named(known, message, who)) {
        return;
    }
    let author = way.authors.iter().find(|person| person.id == held.author).and_then(|person| person.email.as_deref());
    if author.is_some_and(|address| known.emails.iter().any(|email| email.eq_ignore_ascii_case(address))) {
        return;
    }
    if told.is_none() && !way.author_line {
        return found.explain(NO_LINE);
    }
    let there = told.map_or_else(|| format!("person {}", held.author), |who| format!("told as {who}"));
    let source = known.names.first().map_or(message.author.as_str(), String::as_str);
    found.differ(Kind::Author, format!("{} has another author", name_of(way, message)), source, &there);
}

/// `Jane Doe (jane@example.org)`, or either alone; the id of somebody who has no name any more.
fn is_named(known: &Known, message: &Message, who: &str) -> bool {
    let nameless = known.names.is_empty().then(|| message.author.to_string());
    let names = known.names.iter().map(|name| fold(name)).chain(nameless);
    let (name, email) = who.strip_suffix(')').and_then(|who| who.rsplit_once(" (")).unwrap_or((who, ""));
    names.into_iter().any(|known| known == who || known == name)
        || known.emails.iter().any(|known| known.eq_ignore_ascii_case(email) || known.eq_ignore_ascii_case(who))
}

fn compare_time(way: &Way<'_>, message: &Message, held: &Message, spoken: &Spoken, found: &mut Findings) {
    let at = message.created_at.timestamp();
    let told = spoken.told.as_ref().map(|told| told.at);
    if held.created_at.timestamp() == at || told.is_some_and(|told| told.timestamp() == at) {
        return;
    }
    if told.is_none() && !way.author_line {
        return found.explain(NO_LINE);
    }
    let there = told.unwrap_or(held.created_at);
    let spell = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let what = format!("{} has another time", name_of(way, message));
    found.differ(Kind::Time, what, &spell(message.created_at), &spell(there));
}

/// The source's files that have to be there: those of which the message says that they were not carried are left out.
fn carried_files(way: &Way<'_>, message: &Message, spoken: &Spoken, found: &mut Findings) -> Vec<Attachment> {
    let mut lost: Vec<&str> = spoken.lost.iter().map(String::as_str).collect();
    let mut carried = Vec::new();
    for file in message.attachments.iter().filter(|file| file.state != AttachmentState::Removed) {
        let start = format!("{}: ", fold(&file.name));
        if let Some(place) = lost.iter().position(|told| told.starts_with(&start)) {
            lost.remove(place);
            found.explain(FILE_LOST);
        } else if file.state == AttachmentState::Refused {
            let what = format!("{}: nothing says that a file was not carried", name_of(way, message));
            found.differ(Kind::File, what, &file.name, "");
        } else {
            carried.push(file.clone());
        }
    }
    carried
}

/// What has no place there: copies beyond one for each original, copies of what was written in another ticket, and words of our own user
/// that nothing stands behind. Messages of the desk's people are theirs.
fn surplus(way: &Way<'_>, copies: &BTreeMap<&MessageId, &Message>, prefix: &str, found: &mut Findings) {
    let side = way.born.other();
    let (here, strange): (Vec<_>, Vec<_>) = way.links.iter().partition(|link| link.kin || link.born == side);
    let [linked, strange] =
        [here, strange].map(|links| links.into_iter().filter_map(|link| link.at(side)).collect::<BTreeSet<&MessageId>>());
    let free = way.pool.iter().filter(|held| !linked.contains(&held.id) && !copies.contains_key(&held.id));
    for held in free {
        let what = match source_of(prefix, held) {
            _ if strange.contains(&held.id) => STRANGE,
            Some(original) if original.starts_with(LINK_NOTE) => continue,
            Some(_) => UNKNOWN,
            None if copies.values().any(|copy| is_twin(copy, held)) => UNKNOWN,
            None if way.ours_too && held.ours && held.key.is_none() => UNASKED,
            None => continue,
        };
        let is_shown = what == STRANGE && held.visibility == Visibility::Public;
        let kind = if is_shown { Kind::Exposed } else { Kind::Doubled };
        found.differ(kind, format!("message {} of the {} {what}", held.id, side.as_str()), "", &words(&held.body));
    }
}

/// Without a key of ours: the same words, and written by us, or by the same person in the same second.
fn is_twin(copy: &Message, held: &Message) -> bool {
    let same_moment = copy.author == held.author && copy.created_at.timestamp() == held.created_at.timestamp();
    (same_moment || held.ours) && held.key.is_none() && words(&copy.body) == words(&held.body)
}
