//! A mirror in motion: its two desks and its rules.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::connectors::contract::Connector;
use crate::desk::Side;
use crate::desk::mapping::Mapping;
use crate::desk::policy::Policy;
use crate::desk::scope::Scope;
use crate::desk::ticket::Ticket;
use crate::desk::window::Window;
use crate::mirror::{KeySpace, MirrorId};

use super::pages::Pages;
use super::proposal::Words;

/// Everything that replay, intake and checks need of one mirror.
pub struct Course {
    pub id: MirrorId,
    pub name: String,
    pub keys: KeySpace,
    pub source: Arc<dyn Connector>,
    pub target: Arc<dyn Connector>,
    pub mapping: Mapping,
    pub mapping_version: String,
    pub policy: Policy,
    pub scope: Scope,
    /// Where its tickets are opened.
    pub pages: Pages,
    /// Parts of it that are cut over on their own.
    pub windows: Vec<Window>,
    /// The ledger was found to have gone back in time: what is older is looked up before it is made.
    pub recovered_at: Option<DateTime<Utc>>,
    /// What the desks' fields were when somebody last had to know.
    pub words: Words,
}

impl Course {
    /// The desk of a side.
    pub fn desk(&self, side: Side) -> &Arc<dyn Connector> {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Whether a ticket of a side belongs to the mirror: the scope is in the source's words. Errors as [`Scope::includes`].
    pub fn includes(&self, side: Side, ticket: &Ticket, other: Option<&Ticket>) -> Result<(), String> {
        match side {
            Side::Source => self.scope.includes(ticket),
            Side::Target => {
                let before = other.map(|other| &other.fields);
                self.scope.allows(ticket, &self.mapping.in_source_words(&ticket.fields, before))
            }
        }
    }
}

/// Named steps at which a test or the demo may end the process.
#[async_trait::async_trait]
pub trait Steps: Send + Sync {
    /// Called when a step was reached; a killer never returns from it.
    async fn reached(&self, step: &'static str);
}

/// Goes on at every step.
pub struct GoOn;

#[async_trait::async_trait]
impl Steps for GoOn {
    async fn reached(&self, _: &'static str) {}
}

/// The steps, in the order in which a lane passes them.
pub const STEPS: [&str; 6] = ["claimed", "hydrated", "intent sent", "write done", "step settled", "read back"];
