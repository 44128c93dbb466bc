//! A simulated Zendesk account with the connector to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tidegate::clock::Clock;
use tidegate::connectors::contract::{Desk, Download, Read, TargetDesk, Upload};
use tidegate::connectors::http::{AddressGuard, Http, Unlimited};
use tidegate::connectors::zendesk::auth::Auth;
use tidegate::connectors::zendesk::{KeyField, Settings, Zendesk};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::{AttachmentId, PersonId, TicketId};
use tidegate::desk::person::NewPerson;
use tidegate::desk::ticket::{Ticket, Visibility};
use tidegate::desk::write::{NewMessage, NewTicket, Outcome, Write, Written};
use tidegate::secret::Secret;
use tidegate::sim::faults::Rates;
use tidegate::sim::server::{Options, Running, start};
use tidegate::sim::snapshot::TicketView;
use tidegate::sim::stage::{Action, Done, Text, Who};

/// A simulated account and the connector to it.
pub struct World {
    pub sim: Running,
    pub desk: Zendesk,
    pub clock: Clock,
}

impl World {
    pub async fn new() -> World {
        World::with(Auth::ApiToken { email: "admin@sim.example".into(), token: Secret::new("sim-token") }, KeyField::ExternalId)
            .await
    }

    pub async fn with(auth: Auth, key_field: KeyField) -> World {
        World::on(auth, key_field, false).await
    }

    pub async fn on(auth: Auth, key_field: KeyField, limits: bool) -> World {
        let clock = Clock::fixed(time("2026-08-05T10:00:00Z"));
        let options = Options { clock: clock.clone(), rates: Rates::default(), limits, ..Options::default() };
        let sim = start("zendesk", "127.0.0.1:0".parse().unwrap(), options).await.unwrap();
        let settings = settings(&sim.url, auth, key_field);
        let http = Http::new(Arc::new(Unlimited), AddressGuard { allow_private: true }).unwrap();
        World { sim, desk: Zendesk::new(settings, http), clock }
    }

    pub fn act(&self, who: &Who, action: Action) -> Done {
        self.clock.advance(Duration::from_secs(2));
        self.sim.stage.act(who, action, self.clock.now(), false).unwrap()
    }

    pub async fn read(&self, id: &str) -> Ticket {
        match self.desk.read(&TicketId::new(id), None).await.unwrap() {
            Read::Found(ticket) => *ticket,
            other => panic!("ticket {id}: {other:?}"),
        }
    }

    pub fn view(&self, id: &str) -> TicketView {
        self.sim.stage.tickets().into_iter().find(|ticket| ticket.id == id).unwrap()
    }

    pub async fn apply(&self, write: Write) -> Written {
        self.clock.advance(Duration::from_secs(2));
        match self.desk.apply(&write).await.unwrap() {
            Outcome::Done(written) => written,
            Outcome::Moved => panic!("moved"),
        }
    }

    pub fn calls(&self) -> u64 {
        self.sim.stage.calls().values().sum()
    }

    pub fn open(&self, text: Text) -> String {
        let fields = fields(&[
            ("priority", &["high"]),
            ("type", &["question"]),
            ("custom:Product", &["product_sail"]),
            ("custom:Seats", &["12"]),
            ("custom:VIP", &["true"]),
            ("custom:Renewal date", &["2027-03-04"]),
            ("cc", &["friend@northwind.example"]),
        ]);
        let tags = vec!["gold".to_string()];
        self.act(&jo(), Action::Open { subject: "Sail torn".into(), group: "Billing".into(), text, fields, tags }).ticket
    }

    /// A ticket as a mirror makes it, with two messages.
    pub async fn created(&self, key: &str) -> (TicketId, Written) {
        let person = NewPerson {
            key: format!("{key}:p"),
            name: "Mia".into(),
            email: Some(format!("{}@aether.example", key.replace(':', "-"))),
            active: true,
        };
        let mia = self.desk.create_person(&person).await.unwrap();
        let ada = self.desk.find_person(Some("ada@desk.example"), "none").await.unwrap().remove(0);
        let new = NewTicket {
            key: key.into(),
            number_there: "7".into(),
            continues: None,
            created_at: time("2025-01-01T10:00:00Z"),
            updated_at: time("2025-02-01T10:00:00Z"),
            fields: [
                (FieldKey::Subject, Value::text("Mast bent")),
                (FieldKey::Status, Value::text("open")),
                (FieldKey::Requester, Value::Person(mia.id.clone())),
                (FieldKey::Group, Value::text("Support")),
                (FieldKey::Tags, Value::set(["silver"])),
                (FieldKey::custom("Product"), Value::text("product_mast")),
                (FieldKey::custom("Topics"), Value::set(["topic_bug", "topic_invoice"])),
            ]
            .into(),
            messages: vec![
                message("k:1", &mia.id, Visibility::Public, "2025-01-01T10:00:00Z", "It <b>bent</b>"),
                message("k:2", &ada.id, Visibility::Internal, "2025-01-02T10:00:00Z", "Look at it"),
            ],
        };
        let written = self.apply(Write::Create(new)).await;
        (written.ticket.clone().unwrap(), written)
    }
}

pub fn api_token() -> Auth {
    Auth::ApiToken { email: "admin@sim.example".into(), token: Secret::new("sim-token") }
}

pub fn settings(base: &str, auth: Auth, key_field: KeyField) -> Settings {
    Settings {
        base: base.parse().unwrap(),
        auth,
        silent_tag: "tidegate_silent".into(),
        ticket_tag: "tidegate".into(),
        key_field,
        number_field: None,
        mirror: "m".into(),
    }
}

pub fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

pub fn jo() -> Who {
    Who { email: "jo@northwind.example".into(), name: "Jo".into(), agent: false }
}

pub fn ada() -> Who {
    Who { email: "ada@desk.example".into(), name: "Ada Reyes".into(), agent: true }
}

pub fn fields(list: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    list.iter().map(|(key, values)| (key.to_string(), values.iter().map(|value| value.to_string()).collect())).collect()
}

pub fn html(body: &str) -> Text {
    Text { body: body.into(), html: true, files: Vec::new() }
}

pub fn message(key: &str, author: &PersonId, visibility: Visibility, at: &str, html: &str) -> NewMessage {
    NewMessage {
        key: key.into(),
        author: Some(author.clone()),
        visibility,
        created_at: time(at),
        body: Body::Html(html.into()),
        attachments: Vec::new(),
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn upload(source: &str, name: &str, kind: &str, inline: bool, bytes: &'static [u8]) -> Upload {
    let stream = futures_util::stream::iter([Ok(Bytes::from_static(bytes))]).boxed();
    let download = Download { size: Some(bytes.len() as u64), bytes: stream };
    Upload { source: AttachmentId::new(source), name: name.into(), content_type: kind.into(), inline, download }
}

pub fn email_of(ticket: &Ticket, id: &PersonId) -> String {
    ticket.person(id).and_then(|person| person.email.clone()).unwrap_or_default()
}

/// For what an admin does at the desk's own API.
pub fn plain_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
