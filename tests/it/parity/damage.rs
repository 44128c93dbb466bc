//! Faults in messages, which no API of a desk makes: a script on its database does.

use std::time::Duration;

use tidegate::cutover::report::Kind;
use tidegate::sim::snapshot::MessageView;
use tidegate::sim::stage::Damage;

use super::corpus::Corpus;

/// Words of the specimens' messages: an answer with two files, a note, and a customer's words with two images in them.
const ANSWER: &str = "The answer words";
const NOTE: &str = "The note words";
const IMAGE: &str = "The image words";

const ONE: &[u8] = b"one one one";
const DOT: &[u8] = b"\x89PNG dot";

/// A message of a copy.
struct Held {
    ticket: String,
    view: MessageView,
}

impl Held {
    /// Where the line that names author and time says when; `None`: the desk's own record says it.
    fn line(&self) -> Option<usize> {
        self.view.body.find(" wrote on ")
    }

    fn author(&self) -> Option<&str> {
        self.view.body[..self.line()?].rsplit('>').next()
    }

    fn time(&self) -> Option<&str> {
        const LENGTH: usize = " wrote on 2026-03-02 09:00:00".len();
        self.line().map(|place| &self.view.body[place..place + LENGTH])
    }

    fn file(&self, name: &str) -> usize {
        self.view.files.iter().position(|file| file.name == name).expect("it was carried")
    }
}

fn reword(from: &str, to: &str) -> Damage {
    Damage::Reword { from: from.to_string(), to: to.to_string() }
}

impl Corpus {
    /// Everything of this file.
    pub fn damage_messages(&mut self) {
        self.plainly();
        self.bytes();
        self.wrong_authors_and_times();
        self.swapped_messages();
        self.moved_messages();
        self.moved_files();
    }

    /// The copy's message with these words.
    fn message(&self, source: &str, words: &str) -> Held {
        let copy = self.world.mirrored(source);
        let view = copy.messages.iter().find(|one| one.body.contains(words)).expect("it was carried").clone();
        Held { ticket: copy.id, view }
    }

    fn spoil_message(&self, held: &Held, damage: Damage) {
        let told = format!("{:?}: {damage:?} of {}", self.way, held.view.body);
        self.world.target.running.stage.damage(&held.ticket, &held.view.id, damage).unwrap_or_else(|why| panic!("{told}: {why}"));
    }

    fn plainly(&mut self) {
        let other = |from: &str| reword(from, "The other talk");
        let plain: [(&str, &'static str, &str, Damage, Kind); 15] = [
            ("message", "missing", ANSWER, Damage::Lose, Kind::MissingMessage),
            ("note", "missing", NOTE, Damage::Lose, Kind::MissingMessage),
            ("message", "extra", ANSWER, Damage::Double, Kind::Doubled),
            ("note", "extra", NOTE, Damage::Double, Kind::Doubled),
            ("message", "changed", ANSWER, other(ANSWER), Kind::Words),
            ("note", "changed", NOTE, other(NOTE), Kind::Words),
            ("description", "changed", "The first words", other("The first words"), Kind::Words),
            ("note that customers can read", "changed", NOTE, Damage::Public(true), Kind::Exposed),
            ("answer that customers cannot read", "changed", ANSWER, Damage::Public(false), Kind::Hidden),
            ("file", "missing", ANSWER, Damage::LoseFile(0), Kind::File),
            ("file", "extra", ANSWER, Damage::DoubleFile(0), Kind::File),
            ("name of a file", "changed", ANSWER, Damage::Rename { file: 0, name: "x.pdf".into() }, Kind::File),
            ("order of files", "swapped", ANSWER, Damage::TurnFiles, Kind::File),
            ("image in the text", "missing", IMAGE, Damage::LoseFile(0), Kind::File),
            ("image in the text", "extra", IMAGE, Damage::DoubleFile(0), Kind::File),
        ];
        for (what, how, words, damage, kind) in plain {
            let spoilt = self.full();
            self.spoil_message(&self.message(&spoilt, words), damage);
            self.row(what, how, &[(&spoilt, kind)]);
        }
    }

    fn bytes(&mut self) {
        type Bytes = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static [u8])]);
        let all: [Bytes; 4] = [
            ("byte of a file", "changed", ANSWER, &[("one.pdf", b"one One one")]),
            ("byte of an image", "changed", IMAGE, &[("dot.png", b"\x89PNG Dot")]),
            ("bytes of two files", "swapped", ANSWER, &[("one.pdf", b"two two"), ("two.pdf", ONE)]),
            ("two images in the text", "swapped", IMAGE, &[("dot.png", b"\x89PNG dash"), ("dash.png", DOT)]),
        ];
        for (what, how, words, files) in all {
            let spoilt = self.full();
            let held = self.message(&spoilt, words);
            for (name, bytes) in files {
                self.spoil_message(&held, Damage::Bytes { file: held.file(name), bytes: bytes.to_vec() });
            }
            self.row(what, how, &[(&spoilt, Kind::File)]);
        }
    }

    /// The line in the copy's text says who wrote it and when, or the desk's own record does.
    fn wrong_authors_and_times(&mut self) {
        let spoilt = self.full();
        let held = self.message(&spoilt, ANSWER);
        self.spoil_message(
            &held,
            match held.author() {
                Some(name) => reword(&format!("{name} wrote on"), "Somebody Else (else@mail.example) wrote on"),
                None => Damage::Author("ben@desk.example".into()),
            },
        );
        self.row("author", "changed", &[(&spoilt, Kind::Author)]);
        let spoilt = self.full();
        let held = self.message(&spoilt, ANSWER);
        self.spoil_message(
            &held,
            match held.time() {
                Some(time) => reword(time, " wrote on 2001-01-01 00:00:00"),
                None => Damage::At(held.view.at + Duration::from_secs(86_400)),
            },
        );
        self.row("time", "changed", &[(&spoilt, Kind::Time)]);
    }

    fn swap_authors(&self, [one, other]: &[Held; 2]) {
        for (held, wrong) in [(one, other), (other, one)] {
            let damage = match (held.author(), wrong.author()) {
                (Some(right), Some(wrong)) => reword(&format!("{right} wrote on"), &format!("{wrong} wrote on")),
                _ => Damage::Author(wrong.view.author.clone()),
            };
            self.spoil_message(held, damage);
        }
    }

    /// Where the desk keeps times, the messages stand in another order afterwards.
    fn swap_times(&self, [one, other]: &[Held; 2]) {
        for (held, wrong) in [(one, other), (other, one)] {
            let damage = match (held.time(), wrong.time()) {
                (Some(right), Some(wrong)) => reword(right, wrong),
                _ => Damage::At(wrong.view.at),
            };
            self.spoil_message(held, damage);
        }
    }

    fn swap_words(&self, [one, other]: &[Held; 2], [own, others]: [&str; 2]) {
        self.spoil_message(one, reword(own, others));
        self.spoil_message(other, reword(others, own));
    }

    fn swapped_messages(&mut self) {
        let two = |corpus: &mut Corpus, other: &str| {
            let spoilt = corpus.full();
            let held = [ANSWER, other].map(|words| corpus.message(&spoilt, words));
            (spoilt, held)
        };
        let (spoilt, held) = two(self, NOTE);
        self.swap_words(&held, [ANSWER, NOTE]);
        self.row("words of an answer and a note", "swapped", &[(&spoilt, Kind::Words)]);
        let (spoilt, held) = two(self, NOTE);
        self.spoil_message(&held[0], Damage::Public(false));
        self.spoil_message(&held[1], Damage::Public(true));
        self.row("readers of an answer and a note", "swapped", &[(&spoilt, Kind::Exposed), (&spoilt, Kind::Hidden)]);
        let (spoilt, held) = two(self, IMAGE);
        self.swap_authors(&held);
        self.row("authors of two messages", "swapped", &[(&spoilt, Kind::Author)]);
        let (spoilt, held) = two(self, IMAGE);
        self.swap_times(&held);
        self.row("times of two messages", "swapped", &[(&spoilt, Kind::Time)]);
        let (spoilt, held) = two(self, IMAGE);
        self.swap_authors(&held);
        self.swap_times(&held);
        self.swap_words(&held, [ANSWER, IMAGE]);
        let all = [Kind::Words, Kind::Author, Kind::Time].map(|kind| (spoilt.as_str(), kind));
        self.row("two messages", "swapped", &all);
    }

    /// Customers of the other ticket read what is none of theirs; of a note its agents do.
    fn moved_messages(&mut self) {
        for (what, words, there) in [("message", ANSWER, Kind::Exposed), ("note", NOTE, Kind::Doubled)] {
            let (from, to) = (self.full(), self.full());
            self.spoil_message(&self.message(&from, words), Damage::Move { to: self.world.mirrored(&to).id });
            self.row(what, "moved", &[(&from, Kind::MissingMessage), (&to, there)]);
        }
    }

    /// To another message of the same ticket, and to one of another ticket.
    fn moved_files(&mut self) {
        let all = [
            ("file to another message", (ANSWER, "one.pdf", ONE), IMAGE, false),
            ("image to another message", (IMAGE, "dot.png", DOT), ANSWER, false),
            ("file to another ticket", (ANSWER, "one.pdf", ONE), ANSWER, true),
            ("image to another ticket", (IMAGE, "dot.png", DOT), IMAGE, true),
        ];
        for (what, (words, name, bytes), into, leaves) in all {
            let from = self.full();
            let to = if leaves { self.full() } else { from.clone() };
            let (held, there) = (self.message(&from, words), self.message(&to, into));
            self.spoil_message(&held, Damage::LoseFile(held.file(name)));
            let last = there.view.files.len();
            self.spoil_message(&there, Damage::DoubleFile(0));
            self.spoil_message(&there, Damage::Bytes { file: last, bytes: bytes.to_vec() });
            self.spoil_message(&there, Damage::Rename { file: last, name: name.to_string() });
            self.row(what, "moved", &[(&from, Kind::File), (&to, Kind::File)]);
        }
    }
}
