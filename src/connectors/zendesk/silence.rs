//! The tag that keeps the account's triggers and automations silent about a ticket: put on, and taken off.

use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::connectors::contract::StillSilent;
use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::id::TicketId;

use super::Zendesk;
use super::api::{about, general};
use super::apply::TRIES;
use super::fields::time;
use super::jobs::{self, JobAnswer};
use super::translate::KEY_NAME;
use super::wire::{Job, Ticket};

const TAG: Call = general("tag ticket");
const UNTAG_MANY: Call = general("take the silent tag off tickets");
/// As documented: the most ids in one call.
const AT_ONCE: usize = 100;

/// What a change of tags answers.
#[derive(Debug, Deserialize)]
struct Tagged {
    #[serde(rename = "tags")]
    _tags: IgnoredAny,
}

impl Zendesk {
    /// Sees to it that triggers are silent about a change that is not an update of ours: one call, two if a tag was missing.
    pub(super) async fn silence(&self, id: &TicketId) -> Result<Ticket, Fault> {
        let missing = |have: &[String]| self.settings.own_tags().filter(|own| !have.iter().any(|tag| tag == own)).collect();
        self.retag(id, Method::PUT, missing).await
    }

    /// Takes the silent tag off, or the account's triggers would tell nobody about the agents' next reply either: one call, two where it is
    /// there. Triggers that mail look at the comment of an update; this one has none.
    pub(super) async fn unsilence(&self, id: &TicketId) -> Result<(), Fault> {
        let silent = self.settings.silent_tag.as_str();
        let there = |have: &[String]| have.iter().any(|tag| tag == silent).then_some(silent).into_iter().collect();
        self.retag(id, Method::DELETE, there).await.map(|_| ())
    }

    /// Puts tags on a ticket (`PUT`) or takes them off (`DELETE`): `which` of those that it has now. Returns the ticket as it was before.
    /// A closed ticket takes no tag and runs no trigger.
    async fn retag<'t>(&self, id: &TicketId, method: Method, which: impl Fn(&[String]) -> Vec<&'t str>) -> Result<Ticket, Fault> {
        for _ in 0..TRIES {
            let current = self.plain_ticket(id).await?;
            let tags = which(current.tags.as_deref().unwrap_or_default());
            if tags.is_empty() || current.status == "closed" {
                return Ok(current);
            }
            let body = json!({ "tags": tags, "updated_stamp": time(current.updated_at), "safe_update": "true" });
            let url = self.url(&format!("tickets/{id}/tags"), &[]);
            let answer = self.send(TAG, method.clone(), url, Some(&body), &[409]).await?;
            if answer.status != 409 {
                return answer.json::<Tagged>(TAG).map(|_| current);
            }
        }
        Err(Fault::unreachable(format!("{}: it changed each time we tried", TAG.kind)))
    }

    /// The same for many: one job for each hundred, and its status asked until it has ended. What the job does not say it did is done
    /// one by one, which tells why not.
    pub(super) async fn unsilence_many(&self, ids: &[TicketId]) -> Result<Vec<StillSilent>, Fault> {
        let mut still = Vec::new();
        for some in ids.chunks(AT_ONCE).filter(|_| !self.settings.silent_tag.is_empty()) {
            let done = jobs::done(&self.untag(some).await?);
            for ticket in some.iter().filter(|ticket| !done.contains(ticket)) {
                match self.unsilence(ticket).await.map_err(about(format_args!("ticket {ticket}"))) {
                    Ok(()) => {}
                    Err(Fault::Refused { what: why } | Fault::Unreadable { what: why }) => {
                        still.push(StillSilent { ticket: ticket.clone(), why })
                    }
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(still)
    }

    /// `PUT /api/v2/tickets/update_many?ids=` with `remove_tags`: no comment, no other field.
    async fn untag(&self, ids: &[TicketId]) -> Result<Job, Fault> {
        let ids = ids.iter().map(TicketId::as_str).collect::<Vec<_>>().join(",");
        let metadata = json!({ KEY_NAME: self.settings.mirror });
        let body = json!({ "ticket": { "remove_tags": [self.settings.silent_tag], "metadata": metadata } });
        let url = self.url("tickets/update_many", &[("ids", &ids)]);
        let started: JobAnswer = self.send(UNTAG_MANY, Method::PUT, url, Some(&body), &[]).await?.json(UNTAG_MANY)?;
        self.end_of(UNTAG_MANY, started.job_status).await
    }
}
