//! The other tool: a script that a team wrote itself, as the RT user carol. It knows nothing of Tidegate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tidegate::desk::Side;
use tidegate::desk::id::TicketId;
use tidegate::replay::adopt::{Adopter, Taken};
use tidegate::replay::course::GoOn;
use tidegate::replay::house::{House, Settings, Turns};
use tidegate::sim::snapshot::{MessageView, TicketState, TicketView};

use crate::world::stand::World;

/// Which messages the script copies, and how it spells them.
pub type Spell = fn(usize, &MessageView) -> Option<String>;

/// Every message, with a line of the script's own before it.
pub fn everything(_: usize, message: &MessageView) -> Option<String> {
    Some(format!("{} on {}:\n{}", message.author, message.at.format("%d %b %Y"), message.body))
}

/// Some time passes; the script begins now.
pub fn later(world: &World) -> DateTime<Utc> {
    world.clock.advance(Duration::from_secs(20));
    world.clock.now()
}

/// Writes the tickets of a source into an RT; old number to new one.
pub async fn copy(tickets: &[TicketView], rt: &str, spell: Spell) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for ticket in tickets.iter().filter(|ticket| ticket.state == TicketState::Present) {
        let messages: Vec<(bool, String)> = ticket
            .messages
            .iter()
            .enumerate()
            .filter_map(|(place, message)| Some((message.public, spell(place, message)?)))
            .collect();
        let one = |name: &str| ticket.fields.get(name).and_then(|values| values.first()).cloned().unwrap_or_default();
        let body = json!({
            "Queue": "Support", "Subject": one("subject"), "Requestor": one("requester"), "ContentType": "text/plain",
            "Content": messages.first().map_or("(empty)", |(_, text)| text), "Priority": priority(&one("priority")),
            "CustomFields": { "Tags": [format!("zd-{}", ticket.id)] },
        });
        let made = send(reqwest::Method::POST, &format!("{rt}/REST/2.0/ticket"), &body).await;
        let id = made["id"].as_str().map_or_else(|| made["id"].to_string(), str::to_string);
        for (public, text) in messages.iter().skip(1) {
            let verb = if *public { "correspond" } else { "comment" };
            let body = json!({ "Content": text, "ContentType": "text/plain" });
            send(reqwest::Method::POST, &format!("{rt}/REST/2.0/ticket/{id}/{verb}"), &body).await;
        }
        send(reqwest::Method::PUT, &format!("{rt}/REST/2.0/ticket/{id}"), &json!({ "Status": status(&one("status")) })).await;
        pairs.insert(ticket.id.clone(), id);
    }
    pairs
}

fn priority(word: &str) -> &'static str {
    match word {
        "low" => "20",
        "normal" => "50",
        "high" => "75",
        "urgent" => "100",
        _ => "0",
    }
}

fn status(word: &str) -> &'static str {
    match word {
        "solved" | "closed" => "resolved",
        "hold" => "stalled",
        "new" => "new",
        _ => "open",
    }
}

async fn send(method: reqwest::Method, url: &str, body: &Value) -> Value {
    let request = reqwest::Client::new().request(method, url).header("authorization", "token token-carol");
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.expect("RT answers");
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    serde_json::from_str(&answer.text().await.expect("text")).unwrap_or(Value::Null)
}

impl World {
    /// Takes over the pairs as the verb does.
    pub async fn adopt(&mut self, pairs: &BTreeMap<String, String>, reference: DateTime<Utc>) -> Vec<Taken> {
        self.ledger.begin_adoption(self.mirror.id).await.expect("an answer");
        let house = House {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            settings: Settings::default(),
            steps: Arc::new(GoOn),
            turns: Turns::default(),
            stopping: Default::default(),
        };
        let pairs: BTreeMap<TicketId, TicketId> =
            pairs.iter().map(|(old, new)| (TicketId::new(old), TicketId::new(new))).collect();
        let course = self.process.course().clone();
        let work = Adopter { house: &house, course: &course, worker: uuid::Uuid::new_v4(), reference, pairs: &pairs };
        let mut taken = Vec::new();
        for (old, new) in &pairs {
            taken.push(work.pair(old, new).await.unwrap_or_else(|fate| panic!("{fate}")));
        }
        let cursors = [Side::Source, Side::Target].map(|side| (side, course.desk(side).cursor_at(reference)));
        self.ledger.end_adoption(self.mirror.id, reference, cursors).await.expect("an answer");
        taken
    }
}
