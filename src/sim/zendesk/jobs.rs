//! Background jobs. The work is done at once; the first answer says `queued`, as documented, every later one `completed`.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Payload, Refusal};
use super::call::Call;
use super::store::{Store, stamp};

/// Does the work for each of the records and answers with the job.
pub fn each(
    store: &mut Store,
    call: &Call,
    action: &str,
    list: Vec<Map<String, Value>>,
    mut work: impl FnMut(&mut Store, Map<String, Value>) -> Result<u64, Refusal>,
) -> Outcome {
    let mut results = Vec::new();
    for (index, wanted) in list.into_iter().enumerate() {
        results.push(match work(store, wanted) {
            Ok(id) => json!({"index": index, "id": id, "action": action, "success": true, "status": done(action)}),
            Err(refusal) => failure(index, action, &refusal),
        });
    }
    Answer::ok(finished(store, call, results))
}

fn done(action: &str) -> &'static str {
    match action {
        "create" => "Created",
        "update" => "Updated",
        "delete" => "Deleted",
        _ => "Done",
    }
}

fn failure(index: usize, action: &str, Refusal(answer): &Refusal) -> Value {
    let told = match &answer.payload {
        Payload::Json(told) => told.clone(),
        _ => Value::Null,
    };
    json!({"index": index, "action": action, "success": false, "error": told["error"], "details": told["details"].to_string()})
}

/// Notes a job with these results. Returns what the first answer says.
pub fn finished(store: &mut Store, call: &Call, results: Vec<Value>) -> Value {
    let id = store.token(32).to_lowercase();
    let url = format!("{}/api/v2/job_statuses/{id}.json", store.url);
    let total = results.len();
    let job = json!({
        "id": id, "url": url, "job_type": call.path.trim_start_matches("/api/v2/"), "total": total, "progress": total,
        "status": "completed", "message": format!("Completed at {}", stamp(store.now())), "results": results,
    });
    let queued = json!({
        "id": id, "url": url, "job_type": job["job_type"], "total": total, "progress": null, "status": "queued",
        "message": null, "results": null,
    });
    store.jobs.insert(id, job);
    json!({"job_status": queued})
}

/// `GET /api/v2/job_statuses/{id}`
pub fn show(store: &mut Store, call: &Call) -> Outcome {
    let job = store.jobs.get(&call.params[0]).ok_or_else(Refusal::not_found)?;
    Answer::ok(json!({"job_status": job}))
}

/// `GET /api/v2/job_statuses/show_many`
pub fn show_many(store: &mut Store, call: &Call) -> Outcome {
    let ids = call.query("ids").unwrap_or_default();
    let jobs: Vec<&Value> = ids.split(',').filter_map(|id| store.jobs.get(id)).collect();
    Answer::ok(json!({"job_statuses": jobs, "count": jobs.len()}))
}

/// `GET /api/v2/job_statuses`
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let jobs: Vec<Value> = store.jobs.values().cloned().collect();
    super::paging::list(store, call, "job_statuses", jobs)
}
