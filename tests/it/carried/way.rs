//! The four directions, and the differences that a test finds in them.

use std::fmt::Debug;

use tidegate::sim::stage::{Action, Text, Who};

use crate::world::desk::{Desk, Kind, request_tracker, zendesk};
use crate::world::stand::{Plan, World};

/// A source's vendor and a target's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    ZendeskToRt,
    RtToZendesk,
    RtToRt,
    ZendeskToZendesk,
}

pub const WAYS: [Way; 4] = [Way::ZendeskToRt, Way::RtToZendesk, Way::RtToRt, Way::ZendeskToZendesk];

/// Who of the Zendesk is who at the RT.
const AGENTS: [(&str, &str); 4] = [
    ("ada@desk.example", "alice@rt.sim"),
    ("ben@desk.example", "bob@rt.sim"),
    ("chiara@desk.example", "carol@rt.sim"),
    ("dmitri@desk.example", "dave@rt.sim"),
];

impl Way {
    fn ends(self) -> (Kind, Kind) {
        match self {
            Way::ZendeskToRt => (zendesk(), request_tracker()),
            Way::RtToZendesk => (request_tracker(), zendesk()),
            Way::RtToRt => (request_tracker(), request_tracker()),
            Way::ZendeskToZendesk => (zendesk(), zendesk()),
        }
    }

    /// The target is an RT.
    pub fn into_rt(self) -> bool {
        matches!(self, Way::ZendeskToRt | Way::RtToRt)
    }

    /// The source is an RT.
    pub fn leaves_rt(self) -> bool {
        matches!(self, Way::RtToZendesk | Way::RtToRt)
    }

    /// A world with what the two desks usually agree on.
    pub fn world(self) -> Plan {
        let (source, target) = self.ends();
        World::of().from(source).to(target)
    }

    /// A world with these `[map]` sections, people aside.
    pub async fn begin(self, maps: &str) -> World {
        let people: String = self.people().iter().map(|(from, to)| format!("\"{from}\" = \"{to}\"\n")).collect();
        let world = self.world().maps(format!("{maps}\n[map.people]\n{people}")).begin().await;
        assert_eq!(world.mistakes().await, Vec::<String>::new(), "{self:?}: the mirror file");
        world
    }

    /// Agents whose addresses differ.
    fn people(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Way::ZendeskToRt => AGENTS.to_vec(),
            Way::RtToZendesk => AGENTS.iter().map(|(zendesk, rt)| (*rt, *zendesk)).collect(),
            Way::RtToRt | Way::ZendeskToZendesk => Vec::new(),
        }
    }

    /// The address at the target of somebody of the source.
    pub fn address(self, email: &str) -> String {
        self.people().iter().find(|(from, _)| *from == email).map_or(email, |(_, to)| to).to_string()
    }
}

/// A customer by address.
pub fn customer(email: &str) -> Who {
    Who { email: email.to_string(), name: email.to_string(), agent: false }
}

/// Somebody who works at the source and whom no target knows.
pub fn stranger() -> Who {
    Who { email: "zoe@elsewhere.example".to_string(), name: "Zoe Gone".to_string(), agent: true }
}

/// Says something at a desk; the message.
pub fn say(desk: &Desk, who: &Who, ticket: &str, public: bool, text: Text) -> String {
    let ticket = ticket.to_string();
    let action = if public { Action::Reply { ticket, text } } else { Action::Note { ticket, text } };
    desk.act(who, action).message.expect("it is a message")
}

/// What was found to be otherwise than it has to be; told all at once.
#[derive(Default)]
pub struct Differences(Vec<String>);

impl Differences {
    /// Notes it where the two differ.
    pub fn same<T: PartialEq + Debug>(&mut self, what: &str, expected: T, found: T) {
        if expected != found {
            self.0.push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    /// Notes what was seen where it does not hold.
    pub fn holds(&mut self, what: &str, holds: bool, seen: impl Debug) {
        if !holds {
            self.0.push(format!("{what}: {seen:?}"));
        }
    }

    /// Fails where anything was noted.
    pub fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}
