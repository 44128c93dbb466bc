//! A desk under test: simulated or real, with the connector to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tidegate::clock::Clock;
use tidegate::connectors::connect;
use tidegate::connectors::contract::{Connector, Read};
use tidegate::connectors::http::{AddressGuard, Http, Unlimited};
use tidegate::desk::body::Body;
use tidegate::desk::capability::{Capabilities, SetsAuthor};
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::{PersonId, TicketId};
use tidegate::desk::person::NewPerson;
use tidegate::desk::schema::FieldKind;
use tidegate::desk::ticket::{Ticket, Visibility};
use tidegate::desk::write::{NewMessage, NewTicket, Outcome, Write, Written};
use tidegate::sim::server::{Options, Running, start};

use super::case::{Case, Sample};

/// A desk with nothing in it (or, if it is real, with what others left there).
pub struct Desk {
    pub case: &'static Case,
    /// As target, and as ourselves.
    pub ours: Arc<dyn Connector>,
    /// As source: to it our own writes are somebody else's, for desks where a connector leaves out its own echo.
    pub watcher: Arc<dyn Connector>,
    pub sim: Option<Running>,
    pub clock: Clock,
    pub url: String,
    /// In every subject and key of this test.
    pub run: String,
}

impl Desk {
    /// A simulated one that was just made.
    pub async fn simulated(case: &'static Case) -> Option<Desk> {
        let clock = Clock::fixed(time("2026-08-05T10:00:00Z"));
        let options = Options { clock: clock.clone(), ..Options::default() };
        let sim = start(case.vendor, "127.0.0.1:0".parse().unwrap(), options).await.unwrap();
        let url = sim.url.clone();
        Some(Desk::at(case, url, case.secret, clock, Some(sim)))
    }

    /// The one that the environment names, or `None` after a line that says so.
    pub async fn real(case: &'static Case) -> Option<Desk> {
        let [url, secret] = case.environment.map(|name| std::env::var(name).ok());
        let (Some(url), Some(secret)) = (url, secret) else {
            println!("no real desk named ({}; see tests/lab/README.md): nothing tried", case.environment.join(", "));
            return None;
        };
        Some(Desk::at(case, url, &secret, Clock::system(), None))
    }

    fn at(case: &'static Case, url: String, secret: &str, clock: Clock, sim: Option<Running>) -> Desk {
        let given = (case.given)(&url, secret);
        let mut watching = given.clone();
        watching.user = given.user.as_ref().map(|_| "somebody else".to_string());
        let run = uuid::Uuid::new_v4().simple().to_string();
        Desk { case, ours: connect(given, http()).unwrap(), watcher: connect(watching, http()).unwrap(), sim, clock, url, run }
    }

    pub fn can(&self) -> &'static Capabilities {
        self.ours.capabilities()
    }

    /// Two seconds pass, where we have a say in it: some desks tell two changes apart by whole seconds.
    pub fn tick(&self) {
        self.clock.advance(Duration::from_secs(2));
    }

    /// As long as the desk withholds changes.
    pub fn wait_for_feed(&self) {
        self.clock.advance(Duration::from_secs(u64::from(self.can().feed.withheld_seconds) + 30));
    }

    /// A key of ours that no other test has.
    pub fn key(&self, word: &str) -> String {
        format!("tidegate:{}:{word}", self.run)
    }

    pub async fn apply(&self, write: &Write) -> Written {
        self.tick();
        match self.ours.apply(write).await.unwrap() {
            Outcome::Done(written) => written,
            Outcome::Moved => panic!("moved: {write:?}"),
        }
    }

    pub async fn read(&self, id: &TicketId) -> Ticket {
        match self.ours.read(id, None).await.unwrap() {
            Read::Found(ticket) => *ticket,
            other => panic!("ticket {id}: {other:?}"),
        }
    }

    /// Somebody with this address, made where the desk has nobody; `name@` is of the case's domain.
    pub async fn person(&self, address: &str) -> PersonId {
        let address = if address.ends_with('@') { format!("{address}{}", self.case.domain) } else { address.to_string() };
        let key = self.key(&address.replace('@', "-"));
        let found = self.ours.find_person(Some(&address), &key).await.unwrap();
        if let Some(person) = found.into_iter().next() {
            return person.id;
        }
        let new = NewPerson { key, name: "Zoë Q".into(), email: Some(address), active: true };
        self.ours.create_person(&new).await.unwrap().id
    }

    /// The value of a sample.
    pub async fn value(&self, sample: &Sample, words: &[&str]) -> Value {
        match sample.kind {
            FieldKind::MultiChoice | FieldKind::Words => Value::set(words.iter().copied()),
            FieldKind::Person => Value::Person(self.person(words[0]).await),
            FieldKind::People => {
                let mut people = BTreeSet::new();
                for address in words {
                    people.insert(self.person(address).await);
                }
                Value::people(people)
            }
            _ => Value::text(words[0]),
        }
    }

    /// Every sample with its first value.
    pub async fn first_fields(&self) -> Fields {
        let mut fields = Fields::new();
        for sample in self.case.samples {
            fields.insert(field(sample), self.value(sample, sample.first).await);
        }
        fields
    }

    /// The fields that no ticket can be without.
    pub async fn plain_fields(&self) -> Fields {
        let group = self.case.samples.iter().find(|sample| sample.field == "group").expect("every case has a group");
        Fields::from([
            (FieldKey::Subject, Value::text(format!("Mast bent {}", self.run))),
            (FieldKey::Status, Value::text("open")),
            (FieldKey::Group, self.value(group, group.first).await),
            (FieldKey::Requester, Value::Person(self.person("requester@").await)),
        ])
    }

    /// A message by the customer, where the desk can say so.
    pub async fn message(&self, key: &str, visibility: Visibility, body: Body) -> NewMessage {
        let author = match self.can().sets_author {
            SetsAuthor::Always => Some(self.person("requester@").await),
            SetsAuthor::Never => None,
        };
        let created_at = time("2025-01-01T10:00:00Z");
        NewMessage { key: self.key(key), author, visibility, created_at, body, attachments: Vec::new() }
    }

    pub async fn new_ticket(&self, key: &str, fields: Fields, messages: Vec<NewMessage>) -> NewTicket {
        NewTicket {
            key: self.key(key),
            number_there: "4711".into(),
            continues: None,
            created_at: time("2025-01-01T10:00:00Z"),
            updated_at: time("2025-02-01T10:00:00Z"),
            fields,
            messages,
        }
    }

    /// A ticket with one message.
    pub async fn ticket(&self, key: &str) -> TicketId {
        let fields = self.plain_fields().await;
        let first = self.message(&format!("{key}:1"), Visibility::Public, Body::Html("<p>It bent.</p>".into())).await;
        let new = self.new_ticket(key, fields, vec![first]).await;
        self.apply(&Write::Create(new)).await.ticket.unwrap()
    }

    pub async fn set(&self, ticket: &TicketId, fields: Fields) -> Written {
        self.apply(&Write::SetFields { ticket: ticket.clone(), fields, expect: None }).await
    }

    /// None of our writes led to a mail, at a simulated desk or in what the lab keeps of a real one's.
    pub fn nobody_was_mailed(&self) {
        if let Some(sim) = &self.sim {
            assert_eq!(sim.stage.mails(), []);
        } else if let Ok(kept) = std::env::var("TIDEGATE_LAB_RT_MAIL") {
            let mails = std::fs::read_dir(kept).unwrap().filter_map(|file| std::fs::read(file.ok()?.path()).ok());
            assert_eq!(mails.filter(|mail| String::from_utf8_lossy(mail).contains(&self.run)).count(), 0);
        }
    }
}

/// A client without limits.
pub fn http() -> Http {
    Http::new(Arc::new(Unlimited), AddressGuard { allow_private: true }).unwrap()
}

pub fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// The key of a sample's field.
pub fn field(sample: &Sample) -> FieldKey {
    sample.field.parse().unwrap()
}

/// The words that a person sees.
pub fn words(body: &Body) -> Vec<String> {
    let html = body.to_html();
    let texts =
        html.split('<').enumerate().map(|(at, piece)| if at == 0 { piece } else { piece.split_once('>').map_or("", |it| it.1) });
    let text = texts.collect::<Vec<_>>().join(" ");
    let text =
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&nbsp;", " ");
    text.replace("&amp;", "&").split_whitespace().map(str::to_string).collect()
}
