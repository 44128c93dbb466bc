//! One simulated desk of a world, and what people do at it, in short words.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tidegate::clock::Clock;
use tidegate::sim::faults::{Hidden, Interruption};
use tidegate::sim::server::{self, Options, Running};
use tidegate::sim::snapshot::{Incoming, MessageView, TicketView};
use tidegate::sim::stage::{Action, Done, File, Text, Who};
use tidegate::sim::story::vocabulary::Vocabulary;

/// Which desk, before it is started.
#[derive(Clone, Copy)]
pub struct Kind {
    pub vendor: &'static str,
    /// Who answers there, by address.
    pub agent: &'static str,
    auth: &'static str,
    webhook: &'static str,
    pub words: fn() -> Vocabulary,
}

/// A simulated Zendesk.
pub fn zendesk() -> Kind {
    Kind {
        vendor: "zendesk",
        agent: "ada@desk.example",
        auth: r#"auth = { kind = "oauth", client-id = "sim-client", client-secret = { file = "{secrets}/zendesk" } }"#,
        webhook: r#"webhook = { public-url = "{gateway}" }"#,
        words: Vocabulary::zendesk,
    }
}

/// A simulated Request Tracker.
pub fn request_tracker() -> Kind {
    Kind {
        vendor: "request-tracker",
        agent: "alice@rt.sim",
        auth: r#"auth = { kind = "token", token = { file = "{secrets}/request-tracker" } }
user = "gateway"
key-field = "external_id"
message-key-field = "source_comment_id"
tags-field = "Tags""#,
        webhook: r#"webhook = { public-url = "{gateway}", secret = { file = "{secrets}/hook" } }"#,
        words: Vocabulary::request_tracker,
    }
}

impl Kind {
    /// Its section of a mirror file; `gateway`: where its webhooks go.
    pub fn section(&self, url: &str, gateway: Option<&str>, secrets: &str) -> String {
        let webhook = gateway.map_or_else(|| "webhook = false".to_string(), |url| self.webhook.replace("{gateway}", url));
        let vendor = self.vendor;
        format!("vendor = \"{vendor}\"\nurl = \"{url}\"\n{}\n{webhook}\nallow-private-addresses = true\n", self.auth)
            .replace("{secrets}", secrets)
    }

    /// Starts it.
    pub async fn start(self, clock: &Clock, seed: u64) -> Desk {
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let options = Options { seed, clock: clock.clone(), retry_pause: Duration::from_millis(1), ..Options::default() };
        let running = server::start(self.vendor, free, options).await.expect("a free port");
        Desk { kind: self, running, clock: clock.clone() }
    }
}

/// A desk that runs.
pub struct Desk {
    pub kind: Kind,
    pub running: Running,
    clock: Clock,
}

/// A customer who writes to every desk.
pub fn customer() -> Who {
    Who { email: "jane@northwind.example".to_string(), name: "Jane Doe".to_string(), agent: false }
}

fn text(body: &str) -> Text {
    Text { body: body.to_string(), ..Text::default() }
}

impl Desk {
    /// Has the desk send its webhooks to `url`, where no API does it.
    pub async fn post_to(&self, url: &str, secret: &str) {
        if self.kind.vendor == "request-tracker" {
            let body = json!({ "url": url, "secret": secret }).to_string();
            let put = reqwest::Client::new().put(format!("{}/_sim/webhook", self.running.url));
            let answer = put.header("content-type", "application/json").body(body).send().await.expect("the desk answers");
            assert!(answer.status().is_success());
        }
    }

    /// An admin sets the desk up by a call of its API, or of `/_sim`.
    pub async fn set_up(&self, method: reqwest::Method, path: &str, body: serde_json::Value) {
        let call = reqwest::Client::new().request(method, format!("{}{path}", self.running.url));
        let call = call.basic_auth("admin@sim.example/token", Some("sim-token")).header("content-type", "application/json");
        let answer = call.body(body.to_string()).send().await.expect("the desk answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// Somebody who works there.
    pub fn agent(&self) -> Who {
        let words = (self.kind.words)();
        let agent = words.agents.iter().find(|agent| agent.email == self.kind.agent).expect("the agent is there");
        Who { email: agent.email.clone(), name: agent.name.clone(), agent: true }
    }

    /// Does it a second later. Fails where the desk refuses.
    pub fn act(&self, who: &Who, action: Action) -> Done {
        self.clock.advance(Duration::from_secs(1));
        let told = format!("{action:?}");
        self.running.stage.act(who, action, self.clock.now(), false).unwrap_or_else(|why| panic!("{told}: {why}"))
    }

    /// A customer writes for the first time; returns the ticket.
    pub fn open(&self, subject: &str, words: &str) -> String {
        let (subject, group) = (subject.to_string(), "Support".to_string());
        let (fields, tags) = (BTreeMap::new(), Vec::new());
        self.act(&customer(), Action::Open { subject, group, text: text(words), fields, tags }).ticket
    }

    /// The customer answers; returns the message.
    pub fn reply(&self, ticket: &str, words: &str) -> String {
        self.say(&customer(), ticket, text(words))
    }

    /// An agent answers; returns the message.
    pub fn answer(&self, ticket: &str, words: &str) -> String {
        self.say(&self.agent(), ticket, text(words))
    }

    /// The customer answers with a file; returns the message.
    pub fn attach(&self, ticket: &str, words: &str, name: &str, bytes: Vec<u8>) -> String {
        let file = File { name: name.to_string(), content_type: "application/octet-stream".to_string(), bytes, inline: false };
        self.say(&customer(), ticket, Text { files: vec![file], ..text(words) })
    }

    fn say(&self, who: &Who, ticket: &str, text: Text) -> String {
        let done = self.act(who, Action::Reply { ticket: ticket.to_string(), text });
        done.message.expect("a reply is a message")
    }

    /// An agent notes something down; returns the message.
    pub fn note(&self, ticket: &str, words: &str) -> String {
        let done = self.act(&self.agent(), Action::Note { ticket: ticket.to_string(), text: text(words) });
        done.message.expect("a note is a message")
    }

    /// An agent sets one field.
    pub fn set(&self, ticket: &str, field: &str, value: &str) {
        let values = if value.is_empty() { Vec::new() } else { vec![value.to_string()] };
        let fields = BTreeMap::from([(field.to_string(), values)]);
        self.act(&self.agent(), Action::Set { ticket: ticket.to_string(), fields });
    }

    /// An agent adds and takes away tags.
    pub fn tag(&self, ticket: &str, add: &[&str], remove: &[&str]) {
        let words = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_string()).collect();
        self.act(&self.agent(), Action::Tag { ticket: ticket.to_string(), add: words(add), remove: words(remove) });
    }

    /// An agent links two tickets.
    pub fn link(&self, ticket: &str, kind: &str, to: &str) {
        let (ticket, kind, to) = (ticket.to_string(), kind.to_string(), to.to_string());
        self.act(&self.agent(), Action::Link { ticket, kind, to });
    }

    /// An agent merges one ticket into another.
    pub fn merge(&self, ticket: &str, into: &str) {
        self.act(&self.agent(), Action::Merge { ticket: ticket.to_string(), into: into.to_string() });
    }

    /// An agent deletes a ticket.
    pub fn delete(&self, ticket: &str) {
        self.act(&self.agent(), Action::Delete { ticket: ticket.to_string() });
    }

    /// An agent gets a deleted ticket back.
    pub fn undelete(&self, ticket: &str) {
        self.act(&self.agent(), Action::Undelete { ticket: ticket.to_string() });
    }

    /// An agent takes words out of a message.
    pub fn redact(&self, ticket: &str, message: &str, words: &str) {
        let (ticket, message, words) = (ticket.to_string(), message.to_string(), words.to_string());
        self.act(&self.agent(), Action::Redact { ticket, message, words });
    }

    /// An agent hides a message from customers.
    pub fn hide(&self, ticket: &str, message: &str) {
        self.act(&self.agent(), Action::MakePrivate { ticket: ticket.to_string(), message: message.to_string() });
    }

    /// From now on these tickets are not shown to API users (`None`: no ticket is), and all others are.
    pub fn conceal(&self, tickets: Option<&[&str]>) {
        let named = tickets.unwrap_or_default().iter().map(|ticket| (*ticket).to_string()).collect();
        self.running.stage.faults().hide(Hidden { all: tickets.is_none(), tickets: named });
    }

    /// An agent sets the subject between two calls of whoever reads the ticket next.
    pub fn interrupt(&self, ticket: &str, subject: &str) {
        let fields = BTreeMap::from([("subject".to_string(), vec![subject.to_string()])]);
        let action = Action::Set { ticket: ticket.to_string(), fields };
        self.running.stage.faults().interrupt(Interruption { ticket: ticket.to_string(), who: self.agent(), action });
    }

    /// Something writes into the desk's database: no webhook and no feed tells that the subject is another.
    pub fn slip(&self, ticket: &str, subject: &str) {
        let fields = BTreeMap::from([("subject".to_string(), vec![subject.to_string()])]);
        let action = Action::Set { ticket: ticket.to_string(), fields };
        self.running.stage.slip(&self.agent(), action).unwrap_or_else(|why| panic!("{why}"));
    }

    /// A mail comes in, a second later. Errors: the desk holds it back.
    pub async fn receive(&self, mail: &Incoming) -> Result<Done, String> {
        self.clock.advance(Duration::from_secs(1));
        let body = serde_json::to_string(mail).expect("it is plain data");
        let call = reqwest::Client::new().post(format!("{}/_sim/mail", self.running.url));
        let answer = call.header("content-type", "application/json").body(body).send().await.expect("the desk answers");
        let taken = answer.status().is_success();
        let told = answer.text().await.expect("a text");
        if taken { Ok(serde_json::from_str(&told).expect("what came of it")) } else { Err(told) }
    }

    /// API calls of one kind so far.
    pub fn calls(&self, kind: &str) -> u64 {
        self.running.stage.calls().get(kind).copied().unwrap_or(0)
    }

    /// Every ticket in the desk's own store.
    pub fn tickets(&self) -> Vec<TicketView> {
        self.running.stage.tickets()
    }

    /// One ticket.
    pub fn ticket(&self, id: &str) -> TicketView {
        self.tickets().into_iter().find(|ticket| ticket.id == id).unwrap_or_else(|| panic!("no ticket {id} at this desk"))
    }
}

/// The value of a single field; empty if it has none.
pub fn field(ticket: &TicketView, name: &str) -> String {
    ticket.fields.get(name).and_then(|values| values.first()).cloned().unwrap_or_default()
}

/// The messages with these words in them.
pub fn saying<'a>(ticket: &'a TicketView, words: &str) -> Vec<&'a MessageView> {
    ticket.messages.iter().filter(|message| message.body.contains(words)).collect()
}
