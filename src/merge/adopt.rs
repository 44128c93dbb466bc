//! Bases for a copy that another tool made (rule 28): equal values are agreed on, unequal ones are explained by what was done since the
//! copy began, or they are unknown. A missing base is not an empty base: nothing is written because of a value that nobody explains.

use chrono::{DateTime, Utc};

use crate::desk::Side;
use crate::desk::body::Body;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{AttachmentId, PersonId};
use crate::desk::mapping::Mapped;
use crate::desk::ticket::{Actor, AttachmentState, Link, Message, Ticket, Visibility};

use super::align::{Alignment, Said, align, letters};
use super::base::{Base, FieldBase, MessageLink};
use super::digest;
use super::hand;
use super::plan::{FieldConflict, link_base};
use super::scene::{Scene, Wanted};

/// What was made of two tickets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Adoption {
    pub base: Base,
    pub messages: Vec<MessageLink>,
    /// Fields that differ, and nobody knows why: recorded, not written.
    pub unknown: Vec<FieldConflict>,
    /// Sets of which the copy lacks members: told, not written. What is added or taken away later is carried.
    pub lacking: Vec<FieldConflict>,
    /// Changed in the old desk since the copy began: they will be carried.
    pub pending: Vec<FieldKey>,
    /// Changed in the new desk since: they stay.
    pub theirs: Vec<FieldKey>,
    /// Places (from 1) of old messages since the copy began, which will be carried.
    pub news: Vec<usize>,
    /// Places of old messages from before it that the copy lacks.
    pub missing: Vec<usize>,
    /// Places of old messages that could be more than one of the new ones.
    pub doubtful: Vec<usize>,
    /// Places of old internal messages that everybody can read in the new desk.
    pub exposed: Vec<usize>,
    /// Files of aligned messages that the copy lacks.
    pub files_missing: usize,
    /// The two say the same often enough to be one ticket.
    pub alike: bool,
}

/// Compares the two tickets of a scene, whose base is empty. `since`: when the copy began. `author`: an address or name that means the
/// same at both desks.
pub fn adopt(scene: &Scene<'_>, since: DateTime<Utc>, author: impl Fn(Side, &PersonId) -> Option<String>) -> Adoption {
    let Some(follow) = scene.follow else { return Adoption::default() };
    let mut adoption = Adoption::default();
    fields(scene, follow, since, &mut adoption);
    links(scene, &mut adoption);
    let old: Vec<Said> = scene.lead.messages.iter().map(|message| said(message, author(Side::Source, &message.author))).collect();
    let new: Vec<Said> = follow.messages.iter().map(|message| said(message, author(Side::Target, &message.author))).collect();
    let found = align(&old, &new);
    let subject = |ticket: &Ticket| ticket.fields.get(&FieldKey::Subject).cloned();
    adoption.alike = !found.pairs.is_empty() || subject(scene.lead) == subject(follow);
    messages(scene.lead, follow, &found, since, &mut adoption);
    adoption
}

fn said(message: &Message, author: Option<String>) -> Said {
    let words = digest::words(&without_images(&message.body));
    Said {
        letters: letters(&words),
        words,
        at: message.created_at.timestamp(),
        author: author.map(|author| author.to_lowercase()),
        public: message.visibility == Visibility::Public,
        files: message.attachments.len(),
    }
}

/// The body without its images, of which a reader that shows text tells the names.
fn without_images(body: &Body) -> Body {
    let Body::Html(html) = body else { return body.clone() };
    let mut rest = html.as_str();
    let mut out = String::with_capacity(html.len());
    while let Some(start) = rest.find("<img") {
        out.push_str(&rest[..start]);
        rest = rest[start..].split_once('>').map_or("", |(_, after)| after);
    }
    Body::Html(out + rest)
}

fn fields(scene: &Scene<'_>, follow: &Ticket, since: DateTime<Utc>, adoption: &mut Adoption) {
    for (key, lead) in &scene.lead.fields {
        let Some(there) = scene.mapping.field(key) else { continue };
        let Some(held) = follow.fields.get(there) else { continue };
        let both = FieldBase::from_lead(Side::Source, lead.clone(), held.clone());
        let wanted = match scene.wanted(key, lead) {
            Wanted::Value(wanted) => Some(wanted),
            Wanted::Unmapped(_) | Wanted::Unknown => None,
        };
        let base = if wanted.as_ref() == Some(held) || lead.is_set() || held.is_set() {
            // Sets are merged by their members: what both lack or have today is no news tomorrow.
            if wanted.is_some_and(|wanted| lacks(held, &wanted)) {
                adoption.lacking.push(conflict(scene, follow, (key, there), &both));
            }
            both
        } else {
            unequal(scene, follow, since, (key, there), (both, wanted), adoption)
        };
        adoption.base.fields.insert(key.clone(), base);
    }
}

fn unequal(
    scene: &Scene<'_>,
    follow: &Ticket,
    since: DateTime<Utc>,
    (key, there): (&FieldKey, &FieldKey),
    (both, wanted): (FieldBase, Option<Value>),
    adoption: &mut Adoption,
) -> FieldBase {
    let here = scene.lead.acts.iter().any(|act| act.at >= since && act.fields.contains(key));
    // Whoever made the ticket is the tool.
    let tool = follow.acts.first().map(|act| &act.actor);
    let touched =
        |by: Actor| follow.acts.iter().any(|act| act.by == by && Some(&act.actor) != tool && act.fields.contains(there));
    let (by_people, by_rules) = (touched(Actor::Person), touched(Actor::Rule));
    match (here, by_people || by_rules, wanted) {
        // What a rule did was done to the copying.
        (true, _, _) if !by_people => {
            adoption.pending.push(key.clone());
            FieldBase { source: former(scene, key, &both), ..both }
        }
        (false, true, Some(wanted)) => {
            adoption.theirs.push(key.clone());
            FieldBase { target: wanted, ..both }
        }
        _ => {
            adoption.unknown.push(conflict(scene, follow, (key, there), &both));
            FieldBase { unknown: true, ..both }
        }
    }
}

fn conflict(scene: &Scene<'_>, follow: &Ticket, (key, there): (&FieldKey, &FieldKey), both: &FieldBase) -> FieldConflict {
    FieldConflict {
        source: key.clone(),
        base: None,
        lead: both.source.clone(),
        follow: both.target.clone(),
        hands: [hand::last(scene.lead, key), hand::last(follow, there)],
        winner: None,
    }
}

/// Whether a set has not all members of another.
fn lacks(held: &Value, wanted: &Value) -> bool {
    wanted.words().iter().any(|word| !held.words().contains(word))
        || wanted.persons().iter().any(|person| !held.persons().contains(person))
}

/// What the old desk held when it was copied, as far as the copy tells; in any case something else than it holds now.
fn former(scene: &Scene<'_>, key: &FieldKey, both: &FieldBase) -> Value {
    match scene.mapping.inverse(key, &Value::Empty, &both.target, None) {
        Mapped::Value(value) if value != both.source => value,
        _ if both.source != Value::Empty => Value::Empty,
        _ => both.target.clone(),
    }
}

/// Links whose other end is known count as carried, whether or not the copy has them: they are not made without a decision.
fn links(scene: &Scene<'_>, adoption: &mut Adoption) {
    for link in &scene.lead.links {
        if let Some(to) = scene.ends.tickets.get(&link.to) {
            let there = Link { kind: link.kind, to: to.clone() };
            adoption.base.links.push(link_base(Side::Source, link.clone(), there));
        }
    }
}

fn messages(old: &Ticket, new: &Ticket, found: &Alignment, since: DateTime<Utc>, adoption: &mut Adoption) {
    for (here, there) in &found.pairs {
        let (message, copy) = (&old.messages[*here], &new.messages[*there]);
        let public = copy.visibility == Visibility::Public;
        if public && message.visibility == Visibility::Internal {
            adoption.exposed.push(here + 1);
        }
        let carried: Vec<AttachmentId> = files(message).take(files(copy).count()).cloned().collect();
        adoption.files_missing += files(message).count() - carried.len();
        adoption.messages.push(MessageLink {
            born: Side::Source,
            original: message.id.clone(),
            copy: Some(copy.id.clone()),
            digest: digest::of_body(&message.body),
            // As it is in the new desk: what is internal in the old one is made so with the next look.
            visibility: if public { Visibility::Public } else { message.visibility },
            files: carried,
            exposed: false,
        });
    }
    let is_news = |place: &&usize| old.messages[**place].created_at >= since;
    adoption.news = found.missing.iter().filter(is_news).map(|place| place + 1).collect();
    adoption.missing = found.missing.iter().filter(|place| !is_news(place)).map(|place| place + 1).collect();
    adoption.doubtful = found.doubtful.iter().map(|place| place + 1).collect();
}

fn files(message: &Message) -> impl Iterator<Item = &AttachmentId> {
    message.attachments.iter().filter(|file| file.state == AttachmentState::Ready).map(|file| &file.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_no_words() {
        let body = Body::Html("<p>Hello</p><img src=\"attachment:1\" alt=\"a.png\"><p>you</p><img alt='b.png'/>".to_string());
        assert_eq!(digest::words(&without_images(&body)), "Hello you");
        assert_eq!(without_images(&Body::Text("<img".to_string())), Body::Text("<img".to_string()));
    }
}
