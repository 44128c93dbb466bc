//! The corpus of faults: each is made at one ticket of a faithful copy, and the check has to name that ticket and that kind, and nothing
//! else. Fields, links, merges and keys are spoilt through the target's own API with the gateway's own credential, as a mirror would that
//! does it wrong; news of the source are those of its people, of which nobody tells; what no API can do to a message is done by a script
//! on the desk's database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate::connectors::contract::Read;
use tidegate::cutover::report::Kind;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Link, LinkKind, Ticket};
use tidegate::desk::write::Write;
use tidegate::sim::snapshot::MessageView;
use tidegate::sim::stage::{Action, Damage, File, Text};

use super::seeds::{Field, Way};
use crate::world::desk::customer;
use crate::world::stand::World;

/// A faithful copy with everything in it.
struct Specimen {
    source: String,
}

/// What was done and what has to be found.
struct Row {
    what: String,
    how: &'static str,
    finds: Vec<(String, BTreeSet<Kind>)>,
}

struct Corpus {
    way: Way,
    world: World,
    rows: Vec<Row>,
    /// The fields' values at the target: as the first, the second, and an empty ticket have them.
    models: [Fields; 3],
    spare: Vec<Specimen>,
    empty: Vec<Specimen>,
}

/// Specimens that are made: as many as the corpus uses up, and one more.
const FULL: usize = 100;
const EMPTY: usize = 40;

fn file(name: &str, bytes: &[u8], inline: bool) -> File {
    let kind = if inline { "image/png" } else { "application/pdf" };
    File { name: name.to_string(), content_type: kind.to_string(), bytes: bytes.to_vec(), inline }
}

impl Specimen {
    /// Four messages: the description, an answer with two files, a note, and words with an image in them.
    fn make(world: &World, fields: &[Field], column: usize) -> Self {
        let source = world.source.open("Order 7", "The first words");
        let agent = world.source.agent();
        let (one, two) = (file("one.pdf", b"one one one", false), file("two.pdf", b"two two", false));
        let text = Text { body: "The answer words".into(), files: vec![one, two], ..Text::default() };
        world.source.act(&agent, Action::Reply { ticket: source.clone(), text });
        world.source.note(&source, "The note words");
        let body = "<p>The image words <img src=\"cid:dot.png\"></p>".to_string();
        let text = Text { body, html: true, files: vec![file("dot.png", b"\x89PNG dot", true)] };
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
        let empty: Vec<Specimen> = (0..EMPTY).map(|_| Specimen::make(&world, fields, 2)).collect();
        for (child, parent) in [(0, 1), (2, 3)] {
            world.source.set(&spare[child].source, "type", "incident");
            world.source.set(&spare[parent].source, "type", "problem");
            world.source.link(&spare[child].source, "parent", &spare[parent].source);
        }
        world.source.set(&spare[4].source, "type", "incident");
        world.settle().await;
        assert_eq!(world.stuck().await, Vec::<String>::new(), "{way:?}");
        let mut shown = Vec::new();
        for model in &models {
            shown.push(read(&world, &world.mirrored(&model.source).id).await.fields);
        }
        let models = shown.try_into().expect("three");
        Self { way, world, rows: Vec::new(), models, spare, empty }
    }

    fn full(&mut self) -> String {
        self.spare.pop().expect("enough specimens").source
    }

    fn empty(&mut self) -> String {
        self.empty.pop().expect("enough specimens").source
    }

    fn row(&mut self, what: impl Into<String>, how: &'static str, finds: &[(&str, Kind)]) {
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

    /// The copy's message with these words.
    fn message(&self, source: &str, words: &str) -> (String, MessageView) {
        let copy = self.world.mirrored(source);
        let message = copy.messages.iter().find(|one| one.body.contains(words)).expect("it was carried").clone();
        (copy.id, message)
    }

    fn damage(&self, source: &str, words: &str, damage: Damage) {
        let (ticket, message) = self.message(source, words);
        let told = format!("{:?}: {damage:?} of {words}", self.way);
        self.world.target.running.stage.damage(&ticket, &message.id, damage).unwrap_or_else(|why| panic!("{told}: {why}"));
    }

    async fn fields(&mut self) {
        for field in self.way.fields() {
            let key: FieldKey = field.to.parse().expect("a field");
            let [first, second, none] = [0, 1, 2].map(|model| self.models[model].get(&key).cloned().unwrap_or(Value::Empty));
            assert_ne!(first, second, "{:?}: {key} has two values", self.way);
            let spoilt = self.full();
            self.set(&spoilt, &key, &second).await;
            self.row(format!("field {key}"), "changed", &[(&spoilt, Kind::Field)]);
            if field.values[2] != Some("") {
                continue;
            }
            let (spoilt, other) = (self.full(), self.empty());
            self.set(&spoilt, &key, &none).await;
            self.row(format!("field {key}"), "missing", &[(&spoilt, Kind::Field)]);
            self.set(&other, &key, &first).await;
            self.row(format!("field {key}"), "extra", &[(&other, Kind::Field)]);
        }
        for key in [FieldKey::Tags, FieldKey::Cc, FieldKey::Followers, FieldKey::Assignee] {
            let [first, none] = [0, 2].map(|model| self.models[model].get(&key).cloned().unwrap_or(Value::Empty));
            let (from, to) = (self.full(), self.empty());
            self.set(&from, &key, &none).await;
            self.set(&to, &key, &first).await;
            self.row(format!("field {key}"), "moved", &[(&from, Kind::Field), (&to, Kind::Field)]);
        }
    }

    /// The line in the copy's text says who wrote it and when, or the desk's own record does.
    fn misattribute(&mut self) {
        for (what, kind) in [("author", Kind::Author), ("time", Kind::Time)] {
            let spoilt = self.full();
            let (_, message) = self.message(&spoilt, "The answer words");
            let damage = match (message.body.find(" wrote on "), kind) {
                (Some(place), Kind::Author) => {
                    let name = message.body[..place].rsplit('>').next().expect("a name").to_string();
                    Damage::Reword { from: format!("{name} wrote on"), to: "Somebody Else (else@mail.example) wrote on".into() }
                }
                (Some(place), _) => {
                    let at = &message.body[place..place + 20];
                    Damage::Reword { from: at.to_string(), to: " wrote on 2001-01-01".into() }
                }
                (None, Kind::Author) => Damage::Author("ben@desk.example".into()),
                (None, _) => Damage::At(message.at + Duration::from_secs(86_400)),
            };
            self.damage(&spoilt, "The answer words", damage);
            self.row(what, "changed", &[(&spoilt, kind)]);
        }
    }

    fn messages(&mut self) {
        let reword = |from: &str| Damage::Reword { from: from.into(), to: "The other talk".into() };
        let plain: [(&str, &'static str, &str, Damage, Kind); 14] = [
            ("message", "missing", "The answer words", Damage::Lose, Kind::MissingMessage),
            ("note", "missing", "The note words", Damage::Lose, Kind::MissingMessage),
            ("message", "extra", "The answer words", Damage::Double, Kind::Doubled),
            ("note", "extra", "The note words", Damage::Double, Kind::Doubled),
            ("message", "changed", "The answer words", reword("The answer words"), Kind::Words),
            ("note", "changed", "The note words", reword("The note words"), Kind::Words),
            ("description", "changed", "The first words", reword("The first words"), Kind::Words),
            ("note that customers can read", "changed", "The note words", Damage::Public(true), Kind::Exposed),
            ("answer that customers cannot read", "changed", "The answer words", Damage::Public(false), Kind::Hidden),
            ("file", "missing", "The answer words", Damage::LoseFile(0), Kind::File),
            ("file", "extra", "The answer words", Damage::DoubleFile(0), Kind::File),
            ("name of a file", "changed", "The answer words", Damage::Rename { file: 0, name: "x.pdf".into() }, Kind::File),
            ("order of files", "swapped", "The answer words", Damage::TurnFiles, Kind::File),
            ("image in the text", "missing", "The image words", Damage::LoseFile(0), Kind::File),
        ];
        for (what, how, words, damage, kind) in plain {
            let spoilt = self.full();
            self.damage(&spoilt, words, damage);
            self.row(what, how, &[(&spoilt, kind)]);
        }
        for (what, words, bytes) in [
            ("byte of a file", "The answer words", b"one One one".as_slice()),
            ("byte of an image", "The image words", b"\x89PNG Dot"),
        ] {
            let spoilt = self.full();
            self.damage(&spoilt, words, Damage::Bytes { file: 0, bytes: bytes.to_vec() });
            self.row(what, "changed", &[(&spoilt, Kind::File)]);
        }
        let spoilt = self.full();
        self.damage(&spoilt, "The answer words", Damage::Bytes { file: 0, bytes: b"two two".to_vec() });
        self.damage(&spoilt, "The answer words", Damage::Bytes { file: 1, bytes: b"one one one".to_vec() });
        self.row("bytes of two files", "swapped", &[(&spoilt, Kind::File)]);
    }

    fn moved_messages(&mut self) {
        let (from, to) = (self.full(), self.full());
        let (ticket, _) = self.message(&to, "The first words");
        self.damage(&from, "The answer words", Damage::Move { to: ticket });
        self.row("message", "moved", &[(&from, Kind::MissingMessage)]);
        let spoilt = self.full();
        let swap = |from: &str, to: &str| Damage::Reword { from: from.into(), to: to.into() };
        self.damage(&spoilt, "The answer words", swap("The answer words", "The passing words"));
        self.damage(&spoilt, "The note words", swap("The note words", "The answer words"));
        self.damage(&spoilt, "The passing words", swap("The passing words", "The note words"));
        self.row("words of an answer and a note", "swapped", &[(&spoilt, Kind::Words)]);
    }

    /// What the gateway's own hand does to the copies.
    async fn copies(&mut self) {
        let parent = |to: TicketId| Link { kind: LinkKind::Parent, to };
        let [child, old, lost, of, extra] = [0, 1, 2, 3, 4].map(|place: usize| self.spare[place].source.clone());
        self.spare.drain(..5);
        self.write(Write::RemoveLink { ticket: self.copy(&lost), link: parent(self.copy(&of)) }).await;
        self.row("link", "missing", &[(&lost, Kind::Link)]);
        self.write(Write::RemoveLink { ticket: self.copy(&child), link: parent(self.copy(&old)) }).await;
        self.write(Write::AddLink { ticket: self.copy(&child), link: parent(self.copy(&of)) }).await;
        self.row("link", "changed", &[(&child, Kind::Link)]);
        self.write(Write::AddLink { ticket: self.copy(&extra), link: parent(self.copy(&old)) }).await;
        self.row("link", "extra", &[(&extra, Kind::Link)]);
        let (merged, into) = (self.full(), self.full());
        self.write(Write::Merge { ticket: self.copy(&merged), into: self.copy(&into) }).await;
        self.row("merge", "extra", &[(&merged, Kind::Presence)]);
        let spoilt = self.full();
        let key = self.world.mirror.keys.ticket("999999", 0);
        self.write(Write::SetKey { ticket: self.copy(&spoilt), key, number_there: "999999".into() }).await;
        self.row("key", "changed", &[(&spoilt, Kind::Key)]);
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
    corpus.copies().await;
    corpus.fields().await;
    corpus.misattribute();
    corpus.messages();
    corpus.moved_messages();
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
