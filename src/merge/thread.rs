//! The conversation: a union. Messages are known by their links and keys, never by their text: two real "Thanks" are two.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::desk::Side;
use crate::desk::body::Body;
use crate::desk::capability::{BackDates, Capabilities, SetsAuthor};
use crate::desk::id::{MessageId, PersonId};
use crate::desk::person::Role;
use crate::desk::ticket::{Attachment, AttachmentState, Message, Visibility};
use crate::desk::write::Restriction;

use super::attribution::Byline;
use super::base::MessageLink;
use super::digest;
use super::scene::Scene;

/// A message to be written, its files not fetched yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The desk at which it was written, and its id there.
    pub born: Side,
    pub original: MessageId,
    pub key: String,
    pub author: Option<PersonId>,
    pub visibility: Visibility,
    pub created_at: DateTime<Utc>,
    /// With the line that says who wrote it, where the desk needs one.
    pub body: Body,
    /// In the order of the original, those that can be fetched.
    pub files: Vec<Attachment>,
    /// Names of files that cannot be carried and why; told in the message.
    pub lost: Vec<(String, &'static str)>,
    /// Of the original's words.
    pub digest: String,
}

/// A restriction to be carried.
#[derive(Debug, Clone, PartialEq)]
pub struct Restricted {
    /// `None`: the desk that holds the copy can do nothing about it; a person is told.
    pub how: Option<Restriction>,
    /// In words, for the one who is told.
    pub what: &'static str,
    /// The link as it will be once this is done.
    pub becomes: MessageLink,
}

impl Restricted {
    /// The desk can do nothing about it, whatever it can do about other tickets.
    pub fn beyond_us(self) -> Self {
        Self { how: None, becomes: MessageLink { exposed: true, ..self.becomes }, ..self }
    }
}

/// What the conversation asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThreadPlan {
    /// First of all: what was taken from somebody's eyes.
    pub restricted: Vec<Restricted>,
    /// Messages that the following desk holds already under our key.
    pub adopted: Vec<MessageLink>,
    pub drafts: Vec<Draft>,
    /// A malware scan is not finished: not yet.
    pub pending: bool,
}

/// Compares what was written at the leading desk with what was carried. Our own copies there are nobody's news: they are known by
/// their links and keys.
pub fn plan(scene: &Scene<'_>) -> ThreadPlan {
    let linked: BTreeMap<&MessageId, &MessageLink> =
        scene.linked.iter().filter_map(|link| Some((link.at(scene.lead_side)?, link))).collect();
    let held: BTreeMap<&str, &MessageId> = scene
        .follow
        .iter()
        .flat_map(|follow| &follow.messages)
        .filter_map(|message| Some((message.key.as_deref()?, &message.id)))
        .collect();
    let mut plan = ThreadPlan::default();
    for (place, message) in scene.lead.messages.iter().enumerate() {
        if let Some(link) = linked.get(&message.id) {
            if link.born == scene.lead_side {
                plan.restricted.extend(restrictions(scene, message, link));
            }
        } else if message.key.as_deref().is_some_and(|key| scene.keys.is_ours(key)) {
            // A copy of ours, or a note, whose link is not known yet.
        } else if message.attachments.iter().any(|file| file.state == AttachmentState::Pending) {
            // Messages stay in order: those after it wait with it.
            plan.pending = true;
            break;
        } else {
            let draft = draft(scene, message, place);
            match held.get(draft.key.as_str()) {
                Some(target) => plan.adopted.push(link_of(&draft, Some((*target).clone()))),
                None => plan.drafts.push(draft),
            }
        }
    }
    plan
}

/// The link that a written draft leaves.
pub fn link_of(draft: &Draft, copy: Option<MessageId>) -> MessageLink {
    MessageLink {
        born: draft.born,
        original: draft.original.clone(),
        copy,
        digest: draft.digest.clone(),
        visibility: draft.visibility,
        files: draft.files.iter().map(|file| file.id.clone()).collect(),
        exposed: false,
    }
}

/// Whether the following desk needs the line for a message at this place.
pub fn needs_byline(can: &Capabilities, author_known: bool, on_create: bool) -> bool {
    let author = can.sets_author == SetsAuthor::Always && author_known;
    let time = match can.back_dates {
        BackDates::Always => true,
        BackDates::OnCreate => on_create,
        BackDates::TicketOnly | BackDates::Never => false,
    };
    !(author && time)
}

fn draft(scene: &Scene<'_>, message: &Message, place: usize) -> Draft {
    let can = scene.follow_can;
    let visibility = match scene.follow {
        Some(_) => scene.policy.visibility(scene.lead_side, message.visibility),
        None => message.visibility,
    };
    // Only people who work at a desk write internal notes there.
    let may_write = visibility == message.visibility || works_there(scene, &message.author);
    let author = scene.people.get(&message.author).cloned().flatten();
    let author = author.filter(|_| can.sets_author == SetsAuthor::Always && may_write);
    let on_create =
        scene.follow.is_none() && (can.create_takes == crate::desk::capability::CreateTakes::AllMessages || place == 0);
    let mut body = message.body.clone();
    if scene.policy.author_line && needs_byline(can, author.is_some(), on_create) {
        body = Byline { publicly: visibility != message.visibility, ..byline(scene, message) }.put(&body);
    }
    let (files, lost) = sort_files(scene.lead_side, can, message);
    Draft {
        born: scene.lead_side,
        original: message.id.clone(),
        key: scene.keys.message(scene.lead_side, message.id.as_str()),
        author,
        visibility,
        created_at: message.created_at,
        body,
        files,
        lost,
        digest: digest::of_body(&message.body),
    }
}

/// Whether a customer wrote one of these for all to read.
pub fn has_customers_word(scene: &Scene<'_>, drafts: &[Draft]) -> bool {
    let mut originals = scene.lead.messages.iter().filter(|message| drafts.iter().any(|draft| draft.original == message.id));
    originals.any(|message| message.visibility == Visibility::Public && !works_there(scene, &message.author))
}

fn works_there(scene: &Scene<'_>, person: &PersonId) -> bool {
    scene.lead.person(person).is_some_and(|person| person.role == Role::Agent)
}

/// The line for a message of the leading desk.
pub fn byline<'a>(scene: &Scene<'a>, message: &'a Message) -> Byline<'a> {
    let person = scene.lead.person(&message.author);
    Byline {
        name: person.map_or(message.author.as_str(), |person| person.name.as_str()),
        email: person.and_then(|person| person.email.as_deref()),
        at: message.created_at,
        publicly: false,
    }
}

/// Why files are not carried from a desk to the other: malware, too large, empty.
fn losses(born: Side) -> [&'static str; 3] {
    match born {
        Side::Source => [
            "the old desk does not hand it out: malware was found in it",
            "it is larger than the new desk allows",
            "it is empty, and the new desk refuses empty files",
        ],
        Side::Target => [
            "the new desk does not hand it out: malware was found in it",
            "it is larger than the old desk allows",
            "it is empty, and the old desk refuses empty files",
        ],
    }
}

fn sort_files(born: Side, can: &Capabilities, message: &Message) -> (Vec<Attachment>, Vec<(String, &'static str)>) {
    let [malware, large, nothing] = losses(born);
    let mut files = Vec::new();
    let mut lost = Vec::new();
    for file in &message.attachments {
        let too_large = file.size.is_some_and(|size| size > can.attachment_limit);
        let empty = can.refuses_empty_files && file.size == Some(0);
        match file.state {
            AttachmentState::Refused => lost.push((file.name.clone(), malware)),
            AttachmentState::Removed => {}
            _ if too_large => lost.push((file.name.clone(), large)),
            _ if empty => lost.push((file.name.clone(), nothing)),
            AttachmentState::Ready | AttachmentState::Pending => files.push(file.clone()),
        }
    }
    (files, lost)
}

/// What remains of a copy: the original, with the very line that the copy begins with.
fn remains(scene: &Scene<'_>, message: &Message, link: &MessageLink) -> Body {
    let copy = scene.follow.and_then(|follow| follow.messages.iter().find(|copy| Some(&copy.id) == link.copy.as_ref()));
    let there = copy.map(|copy| digest::words(&copy.body)).unwrap_or_default();
    let lines = [false, true].map(|publicly| Byline { publicly, ..byline(scene, message) });
    match lines.iter().find(|line| there.starts_with(&line.line())) {
        Some(line) => line.put(&message.body),
        None => message.body.clone(),
    }
}

fn restrictions(scene: &Scene<'_>, message: &Message, link: &MessageLink) -> Vec<Restricted> {
    let can = scene.follow_can;
    let mut found = Vec::new();
    if link.exposed {
        return found;
    }
    let mut now = link.clone();
    let one = |how: Option<Restriction>, what, becomes: MessageLink| Restricted {
        becomes: MessageLink { exposed: how.is_none(), ..becomes },
        how,
        what,
    };
    if link.visibility == Visibility::Public && message.visibility == Visibility::Internal {
        now.visibility = Visibility::Internal;
        let how = can.makes_private.then_some(Restriction::MakePrivate);
        found.push(one(how, "a message was made internal", now.clone()));
    }
    let digest = digest::of_body(&message.body);
    if digest != link.digest {
        now.digest = digest;
        let how = can.redacts.then(|| Restriction::Redact { body: remains(scene, message, link) });
        found.push(one(how, "words were taken out of a message", now.clone()));
    }
    for id in link.files.clone() {
        let gone =
            message.attachments.iter().find(|file| file.id == id).is_none_or(|file| file.state == AttachmentState::Removed);
        if gone {
            now.files.retain(|kept| *kept != id);
            let how = can.removes_attachments.then(|| Restriction::RemoveAttachment { attachment: id.clone() });
            found.push(one(how, "a file was removed from a message", now.clone()));
        }
    }
    found
}
