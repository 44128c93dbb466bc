//! Background jobs of the desk: what takes it long is answered at once, and asked for until it has ended.
//!
//! As documented by Zendesk (Job Statuses): `queued`, `working`, `failed`, `completed`; a completed one has a result for each ticket,
//! with its `id` and `success`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::id::TicketId;
use crate::task;

use super::Zendesk;
use super::api::general;
use super::wire::{Id, Job};

const JOB: Call = general("read job status");

/// A job is asked for so often before its outcome counts as unknown.
const TRIES: u32 = 20;
/// The first pause; each is longer than the one before it.
const PAUSE: Duration = Duration::from_millis(200);

/// What the order of a job, and each question about it, answers.
#[derive(Debug, Deserialize)]
pub(super) struct JobAnswer {
    pub job_status: Job,
}

impl Zendesk {
    /// Waits for the end of a job that `call` began. Errors: it is not known.
    pub(super) async fn end_of(&self, call: Call, mut job: Job) -> Result<Job, Fault> {
        for tries in 1..=TRIES {
            if has_ended(&job) {
                return Ok(job);
            }
            task::delay(PAUSE * tries).await;
            let answer: JobAnswer = self.get(JOB, &format!("job_statuses/{}", job.id), &[]).await?;
            job = answer.job_status;
        }
        Err(Fault::unreachable(format!("{}: the desk's job has not ended yet", call.kind)))
    }
}

fn has_ended(job: &Job) -> bool {
    matches!(job.status.as_str(), "completed" | "failed" | "killed")
}

fn results(job: &Job) -> &[Json] {
    match &job.results {
        Json::Array(results) => results,
        one => std::slice::from_ref(one),
    }
}

/// Why a job that has ended did not do all that it was to do, in brackets; `None`: it did.
pub(super) fn failure(job: &Job) -> Option<String> {
    let failed = results(job).iter().any(|result| result.get("success") == Some(&Json::Bool(false)));
    if job.status == "completed" && !failed {
        return None;
    }
    let words: Option<String> = job.message.as_ref().map(|text| text.chars().take(120).collect());
    Some(words.map(|text| format!(" ({text})")).unwrap_or_default())
}

/// The tickets that a job says it did its work on.
pub(super) fn done(job: &Job) -> Vec<TicketId> {
    let done = results(job).iter().filter(|result| result.get("success") == Some(&Json::Bool(true)));
    done.filter_map(|result| Id::of(result.get("id")?)).map(TicketId::new).collect()
}
