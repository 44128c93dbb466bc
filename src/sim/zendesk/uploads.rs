//! The Attachments API: uploads and their tokens, attachments and their bytes.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Payload, Refusal};
use super::call::Call;
use super::files::{File, LIMIT, digest};
use super::store::Store;
use super::wire;

/// In the names of files that only people open who are signed in.
const SIGN_IN: &str = "sign-in";

/// `POST /api/v2/uploads?filename=`; with `token` the file joins that upload. What Zendesk cannot process it does not say; here it is
/// files without a byte, and programs (`exe`).
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let missing = || Refusal::new(400, "InvalidRequest", "Parameter filename is required");
    let name = call.query("filename").filter(|name| !name.is_empty()).ok_or_else(missing)?.to_string();
    if call.body.len() > LIMIT {
        return Err(Refusal::new(413, "AttachmentTooLarge", "Attachment exceeds the maximum size allowed"));
    }
    if call.body.is_empty() || name.to_lowercase().ends_with(".exe") {
        return Err(Refusal::new(422, "AttachmentUnprocessable", "The uploaded file could not be processed"));
    }
    let now = store.clock.now();
    let token = match call.query("token") {
        Some(known) => {
            let dead = || Refusal::invalid("token", "Upload token is invalid or has expired", "InvalidValue");
            store.files.upload(known, now).ok_or_else(dead)?;
            known.to_string()
        }
        None => store.token(25),
    };
    let file = File {
        id: store.next_id(),
        token: store.token(24),
        name,
        content_type: call.header("content-type").unwrap_or("application/binary").to_string(),
        sha256: digest(&call.body),
        bytes: call.body.clone(),
        inline: call.query("inline") == Some("true"),
        ticket: None,
        at: now,
    };
    let told = wire::attachment(store, &file);
    store.files.add_to_upload(&token, file.id);
    store.files.put(file);
    let files = store.files.upload(&token, now).unwrap_or_default();
    let all: Vec<Value> =
        files.iter().filter_map(|id| store.files.by_id.get(id)).map(|file| wire::attachment(store, file)).collect();
    Answer::created(json!({"upload": {"token": token, "expires_at": null, "attachment": told, "attachments": all}}))
}

/// `DELETE /api/v2/uploads/{token}`
pub fn delete(store: &mut Store, call: &Call) -> Outcome {
    store.files.take_upload(&call.params[0]).ok_or_else(Refusal::not_found)?;
    Answer::no_content()
}

/// `GET /api/v2/attachments/{id}`
pub fn show(store: &mut Store, call: &Call) -> Outcome {
    let file = store.files.by_id.get(&call.id(0)?).ok_or_else(Refusal::not_found)?;
    Answer::ok(json!({"attachment": wire::attachment(store, file)}))
}

/// `GET /access/unauthenticated`: the page on which people sign in.
pub fn sign_in(_: &mut Store, _: &Call) -> Outcome {
    let page = b"<!DOCTYPE html><title>Sign in</title><form method=\"post\"></form>";
    Ok(Answer {
        status: 200,
        headers: Vec::new(),
        payload: Payload::File { content_type: "text/html".to_string(), bytes: page[..].into() },
    })
}

/// `GET /attachments/token/{token}/`: the bytes. The token is the right to read; files with malware are refused. A file with `sign-in` in
/// its name is for people who are signed in, as after *Allow secure downloads*, and no credential of an API user opens it.
pub fn download(store: &mut Store, call: &Call) -> Outcome {
    let file = store.files.by_token(&call.params[0]).ok_or_else(Refusal::not_found)?;
    if file.name.contains(SIGN_IN) {
        let answer = Answer { status: 302, headers: Vec::new(), payload: Payload::Empty };
        return Ok(answer.with("location", format!("{}/access/unauthenticated?return_to={}", store.url, call.path)));
    }
    if file.scan(store.clock.now()) == "malware_found" {
        return Err(Refusal::new(403, "Forbidden", "This attachment was flagged as malware"));
    }
    let name = file.name.replace(['"', '\\', '\r', '\n'], "_");
    let payload = Payload::File { content_type: file.content_type.clone(), bytes: file.bytes.clone() };
    let answer = Answer { status: 200, headers: Vec::new(), payload };
    Ok(answer.with("content-disposition", format!("attachment; filename=\"{name}\"")))
}
