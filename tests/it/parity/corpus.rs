//! The corpus of faults: each is made at one or two tickets of a faithful copy, and the check has to name those tickets and those kinds, and
//! nothing else. Fields, links, merges, keys and second tickets are spoilt through the target's own API with the gateway's own credential,
//! as a mirror would that does it wrong; news of the source are those of its people, of which nobody tells; what no API can do to a message
//! is done by a script on the desk's database (`damage`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate::connectors::contract::Read;
use tidegate::cutover::report::Kind;
use tidegate::desk::Side;
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Link, LinkKind, Ticket, Visibility};
use tidegate::desk::write::{NewMessage, NewTicket, Write};
use tidegate::sim::stage::{Action, File, Text};

use super::seeds::{Field, Way};
use crate::world::desk::customer;
use crate::world::stand::World;

/// A ticket with everything in it, and its faithful copy.
struct Specimen {
    source: String,
}

/// What was done and what has to be found.
struct Row {
    what: String,
    how: &'static str,
    finds: Vec<(String, BTreeSet<Kind>)>,
}

/// The tickets, and what was done to their copies.
pub struct Corpus {
    pub way: Way,
    pub world: World,
    rows: Vec<Row>,
    /// The fields' values at the target: as the first, the second, and an empty ticket have them.
    models: [Fields; 3],
    spare: Vec<Specimen>,
    /// With the fields of the second kind.
    other: Vec<Specimen>,
    empty: Vec<Specimen>,
}

/// Specimens that are made: as many as the corpus uses up, and a few more.
const FULL: usize = 130;
const EMPTY: usize = 32;
/// The first of them hang together: a child and its parent, five times, and two children without one.
const LINKED: usize = 12;

fn file(name: &str, bytes: &[u8], inline: bool) -> File {
    let kind = if inline { "image/png" } else { "application/pdf" };
    File { name: name.to_string(), content_type: kind.to_string(), bytes: bytes.to_vec(), inline }
}

impl Specimen {
    /// Four messages: the description, an answer with two files, a note, and words with two images in them.
    fn make(world: &World, fields: &[Field], column: usize) -> Self {
        let source = world.source.open("Order 7", "The first words");
        let agent = world.source.agent();
        let (one, two) = (file("one.pdf", b"one one one", false), file("two.pdf", b"two two", false));
        let text = Text { body: "The answer words".into(), files: vec![one, two], ..Text::default() };
        world.source.act(&agent, Action::Reply { ticket: source.clone(), text });
        world.source.note(&source, "The note words");
        let body = "<p>The image words <img src=\"cid:dot.png\"> <img src=\"cid:dash.png\"></p>".to_string();
        let images = vec![file("dot.png", b"\x89PNG dot", true), file("dash.png", b"\x89PNG dash", true)];
        let text = Text { body, html: true, files: images };
        world.source.act(&customer(), Action::Reply { ticket: source.clone(), text });
        let words = |cell: &str| cell.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_string).collect();
        let set = fields.iter().filter_map(|field| Some((field.from.to_string(), words(field.values[column]?))));
        let fields: BTreeMap<String, Vec<String>> = set.collect();
        world.source.act(&agent, Action::Set { ticket: source.clone(), fields });
        Self { source }
    }
}

impl Corpus {
    async fn begin(way: Way) -> Self {
        let mut world = way.world().begin().await;
        let fields = way.fields();
        let models: Vec<Specimen> = (0..3).map(|column| Specimen::make(&world, fields, column)).collect();
        let spare: Vec<Specimen> = (0..FULL).map(|_| Specimen::make(&world, fields, 0)).collect();
        let other: Vec<Specimen> = fields.iter().map(|_| Specimen::make(&world, fields, 1)).collect();
        let empty: Vec<Specimen> = (0..EMPTY).map(|_| Specimen::make(&world, fields, 2)).collect();
        for (place, one) in spare.iter().enumerate().take(LINKED) {
            let is_child = place % 2 == 0 || place == LINKED - 1;
            world.source.set(&one.source, "type", if is_child { "incident" } else { "problem" });
        }
        for child in [0, 2, 4, 6, 8] {
            world.source.link(&spare[child].source, "parent", &spare[child + 1].source);
        }
        world.settle().await;
        assert_eq!(world.stuck().await, Vec::<String>::new(), "{way:?}");
        let mut shown = Vec::new();
        for model in &models {
            shown.push(read(&world, &world.mirrored(&model.source).id).await.fields);
        }
        let models = shown.try_into().expect("three");
        Self { way, world, rows: Vec::new(), models, spare, other, empty }
    }

    /// A specimen that nothing was done to, by its number at the source.
    pub fn full(&mut self) -> String {
        self.spare.pop().expect("enough specimens").source
    }

    fn empty(&mut self) -> String {
        self.empty.pop().expect("enough specimens").source
    }

    /// Notes a fault, and the tickets and kinds that the check has to name.
    pub fn row(&mut self, what: impl Into<String>, how: &'static str, finds: &[(&str, Kind)]) {
        let mut row = Row { what: what.into(), how, finds: Vec::new() };
        for (ticket, kind) in finds {
            match row.finds.iter_mut().find(|(named, _)| named == ticket) {
                Some((_, kinds)) => drop(kinds.insert(*kind)),
                None => row.finds.push(((*ticket).to_string(), BTreeSet::from([*kind]))),
            }
        }
        self.rows.push(row);
    }

    /// The gateway writes it to the copy of a source ticket.
    async fn write(&self, write: Write) {
        let done = self.world.process.course().target.apply(&write).await;
        done.unwrap_or_else(|fault| panic!("{write:?}: {fault}"));
    }

    fn copy(&self, source: &str) -> TicketId {
        TicketId::new(self.world.mirrored(source).id)
    }

    async fn set(&self, source: &str, key: &FieldKey, value: &Value) {
        let fields = Fields::from([(key.clone(), value.clone())]);
        self.write(Write::SetFields { ticket: self.copy(source), fields, expect: None }).await;
    }

    /// Every field of the first kind of specimen, or of one that holds nothing, through the desk's own API.
    async fn fields(&mut self) {
        for field in self.way.fields() {
            let key: FieldKey = field.to.parse().expect("a field");
            let [first, second, none] = [0, 1, 2].map(|model| self.models[model].get(&key).cloned().unwrap_or(Value::Empty));
            let can_be_empty = field.values[2] == Some("");
            // Nothing is a value of its own at some desks: the priority 0.
            let none = if can_be_empty { none } else { Value::Empty };
            assert_ne!(first, second, "{:?}: {key} has two values", self.way);
            self.spoil(&key, "changed", &[("full", &second)]).await;
            self.spoil(&key, "swapped", &[("full", &second), ("other", &first)]).await;
            if field.may_lack {
                self.spoil(&key, "missing", &[("full", &none)]).await;
            }
            if can_be_empty {
                self.spoil(&key, "extra", &[("empty", &first)]).await;
                self.spoil(&key, "moved", &[("full", &none), ("empty", &first)]).await;
            }
        }
    }

    /// Sets a field of copies to what is not theirs.
    async fn spoil(&mut self, key: &FieldKey, how: &'static str, copies: &[(&str, &Value)]) {
        let mut finds = Vec::new();
        for (specimen, value) in copies {
            let spoilt = match *specimen {
                "full" => self.full(),
                "other" => self.other.pop().expect("enough specimens").source,
                _ => self.empty(),
            };
            self.set(&spoilt, key, value).await;
            finds.push((spoilt, Kind::Field));
        }
        let finds: Vec<(&str, Kind)> = finds.iter().map(|(ticket, kind)| (ticket.as_str(), *kind)).collect();
        self.row(format!("field {key}"), how, &finds);
    }

    /// What the gateway's own hand does to links.
    async fn links(&mut self) {
        let linked: Vec<String> = self.spare.drain(..LINKED).map(|specimen| specimen.source).collect();
        let at = |place: usize| linked[place].as_str();
        self.unlink(at(0), at(1)).await;
        self.row("link", "missing", &[(at(0), Kind::Link)]);
        self.unlink(at(2), at(3)).await;
        self.link(at(2), at(1)).await;
        self.row("link", "changed", &[(at(2), Kind::Link)]);
        self.unlink(at(4), at(5)).await;
        self.unlink(at(6), at(7)).await;
        self.link(at(4), at(7)).await;
        self.link(at(6), at(5)).await;
        self.row("link", "swapped", &[(at(4), Kind::Link), (at(6), Kind::Link)]);
        self.unlink(at(8), at(9)).await;
        self.link(at(10), at(9)).await;
        self.row("link", "moved", &[(at(8), Kind::Link), (at(10), Kind::Link)]);
        self.link(at(11), at(1)).await;
        self.row("link", "extra", &[(at(11), Kind::Link)]);
    }

    async fn link(&self, child: &str, parent: &str) {
        let link = Link { kind: LinkKind::Parent, to: self.copy(parent) };
        self.write(Write::AddLink { ticket: self.copy(child), link }).await;
    }

    async fn unlink(&self, child: &str, parent: &str) {
        let link = Link { kind: LinkKind::Parent, to: self.copy(parent) };
        self.write(Write::RemoveLink { ticket: self.copy(child), link }).await;
    }

    /// What the gateway's own hand does to whole copies, and somebody who is signed in as the gateway.
    async fn copies(&mut self) {
        let (merged, into) = (self.full(), self.full());
        self.write(Write::Merge { ticket: self.copy(&merged), into: self.copy(&into) }).await;
        self.row("merge", "extra", &[(&merged, Kind::Presence)]);
        let spoilt = self.full();
        let key = self.world.mirror.keys.ticket("999999", 0);
        self.write(Write::SetKey { ticket: self.copy(&spoilt), key, number_there: "999999".into() }).await;
        self.row("key", "changed", &[(&spoilt, Kind::Key)]);
        let doubled = self.full();
        self.write(Write::Create(self.twin(&doubled).await)).await;
        self.row("ticket", "extra", &[(&doubled, Kind::Doubled)]);
        let told = self.full();
        let text = Text { body: "Words that nobody carried".into(), ..Text::default() };
        self.world.target.act(&self.way.gateway(), Action::Note { ticket: self.copy(&told).to_string(), text });
        self.row("words of our own user", "extra", &[(&told, Kind::Doubled)]);
    }

    /// A second ticket under the key of a copy.
    async fn twin(&self, source: &str) -> NewTicket {
        let needed = [FieldKey::Subject, FieldKey::Requester, FieldKey::Group];
        let mut fields = read(&self.world, self.copy(source).as_str()).await.fields;
        fields.retain(|key, _| needed.contains(key));
        let (keys, now) = (&self.world.mirror.keys, self.world.clock.now());
        let message = NewMessage {
            key: keys.message(Side::Source, "999999"),
            author: None,
            visibility: Visibility::Internal,
            created_at: now,
            body: Body::Text("The first words once more".into()),
            attachments: Vec::new(),
        };
        let (key, number_there) = (keys.ticket(source, 0), source.to_string());
        NewTicket { key, number_there, continues: None, created_at: now, updated_at: now, fields, messages: vec![message] }
    }

    /// What people do at the source, and nobody tells of.
    fn news(&mut self) {
        let (answered, noted, merged, into) = (self.empty(), self.full(), self.full(), self.full());
        self.world.source.reply(&answered, "Any news?");
        self.row("answer that nobody told of", "missing", &[(&answered, Kind::MissingMessage)]);
        self.world.source.note(&noted, "Look at this.");
        self.row("note that nobody told of", "missing", &[(&noted, Kind::MissingMessage)]);
        self.world.source.merge(&merged, &into);
        // A Zendesk says so in both tickets; an RT moves the messages into the one that stays.
        let said = [(into.as_str(), Kind::MissingMessage), (merged.as_str(), Kind::MissingMessage)];
        let said = if self.way == Way::ZendeskToRt { said.as_slice() } else { &said[..1] };
        self.row("merge that nobody told of", "missing", &[&[(merged.as_str(), Kind::Presence)], said].concat());
        let (deleted, child, parent) = (self.full(), self.full(), self.full());
        self.world.source.delete(&deleted);
        self.row("deletion that nobody told of", "missing", &[(&deleted, Kind::Presence)]);
        self.world.source.link(&child, "parent", &parent);
        // A Zendesk makes an incident of the one and a problem of the other.
        let types = [(child.as_str(), Kind::Field), (parent.as_str(), Kind::Field)];
        let types = if self.way == Way::ZendeskToRt { types.as_slice() } else { &[] };
        self.row("link that nobody told of", "missing", &[&[(child.as_str(), Kind::Link)], types].concat());
        let unheard = self.world.source.open("Order 9", "Nobody told of this");
        self.row("ticket that nobody told of", "missing", &[(&unheard, Kind::MissingTicket)]);
    }

    async fn found(&self) -> BTreeMap<String, BTreeSet<Kind>> {
        let mut found: BTreeMap<String, BTreeSet<Kind>> = BTreeMap::new();
        let report = self.world.check().await;
        for one in &report.differences {
            found.entry(one.source_ticket.clone().expect("each names its ticket")).or_default().insert(one.kind);
        }
        assert!(report.moving.is_empty() && report.unread.is_empty(), "{:?} {:?}", report.moving, report.unread);
        found
    }
}

async fn read(world: &World, target: &str) -> Ticket {
    match world.process.course().target.read(&TicketId::new(target), None).await {
        Ok(Read::Found(ticket)) => *ticket,
        other => panic!("{other:?}"),
    }
}

/// Makes every fault and checks once.
async fn all_faults(way: Way) {
    let mut corpus = Corpus::begin(way).await;
    assert_eq!(corpus.found().await, BTreeMap::new(), "{way:?}: nothing is wrong before anything is spoilt");
    corpus.links().await;
    corpus.copies().await;
    corpus.fields().await;
    corpus.damage_messages();
    corpus.news();
    corpus.world.clock.advance(Duration::from_secs(1_200));
    let mut found = corpus.found().await;
    let mut wrong = Vec::new();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    println!("{} faults, {way:?}:", corpus.rows.len());
    for row in &corpus.rows {
        let mut told = Vec::new();
        for (ticket, kinds) in &row.finds {
            let of_ticket = found.remove(ticket).unwrap_or_default();
            kinds.iter().for_each(|kind| *counted.entry(kind.word()).or_default() += 1);
            if of_ticket != *kinds {
                wrong.push(format!("{} {}: ticket {ticket}: expected {kinds:?}, found {of_ticket:?}", row.what, row.how));
            }
            told.extend(of_ticket.into_iter().map(Kind::word));
        }
        println!("  {:<40} {:<8} {}", row.what, row.how, told.join(", "));
    }
    println!("  {counted:?}");
    wrong.extend(found.into_iter().map(|(ticket, kinds)| format!("nothing was done to ticket {ticket}: {kinds:?}")));
    assert_eq!(wrong, Vec::<String>::new(), "{way:?}");
}

#[tokio::test]
async fn every_fault_is_found_from_zendesk_to_rt() {
    all_faults(Way::ZendeskToRt).await;
}

#[tokio::test]
async fn every_fault_is_found_from_rt_to_zendesk() {
    all_faults(Way::RtToZendesk).await;
}
