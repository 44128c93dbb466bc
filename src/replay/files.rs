//! Files: from the desk where a message was written to the other one, streamed; what cannot be carried is told in the message.

use tracing::warn;

use crate::connectors::contract::Upload;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::body::{Body, escape_html};
use crate::desk::ticket::Attachment;
use crate::desk::write::{NewMessage, Staged};
use crate::merge::thread::Draft;

use super::course::Course;
use super::fate::Result;
use super::watch::Watch;

/// A message ready to be written.
pub struct Ready {
    pub message: NewMessage,
    pub files: i64,
    pub bytes: i64,
    /// Names of files that were not carried, and why.
    pub lost: Vec<(String, String)>,
}

/// Carries a draft's files and makes the message of it.
pub async fn ready(course: &Course, draft: &Draft, watch: &mut Watch<'_>) -> Result<Ready> {
    let mut attachments = Vec::with_capacity(draft.files.len());
    let mut lost = draft.lost.iter().map(|(name, why)| (name.clone(), (*why).to_string())).collect::<Vec<_>>();
    for file in &draft.files {
        watch.renew().await?;
        match carry(course, draft.born, file).await {
            Ok(staged) => attachments.push(staged),
            Err((Fault::Refused { what }, why)) => {
                warn!(mirror = course.name, attachment = file.id.as_str(), why = what, "a file was not carried");
                lost.push((file.name.clone(), why.to_string()));
            }
            Err((fault, _)) => return Err(fault.into()),
        }
    }
    let body = with_losses(&draft.body, &lost);
    let bytes = attachments.iter().map(|file| i64::try_from(file.size).unwrap_or(0)).sum();
    let files = i64::try_from(attachments.len()).unwrap_or(0);
    let message = NewMessage {
        key: draft.key.clone(),
        author: draft.author.clone(),
        visibility: draft.visibility,
        created_at: draft.created_at,
        body,
        attachments,
    };
    Ok(Ready { message, files, bytes, lost })
}

/// Errors: the fault, and what people are told if that is the end of it.
async fn carry(course: &Course, born: Side, file: &Attachment) -> std::result::Result<Staged, (Fault, &'static str)> {
    let refused = if born == Side::Source { "the new desk refused it" } else { "the old desk refused it" };
    let download = course.desk(born).download(file).await;
    let download = download.map_err(|fault| (fault, "the desk that has it does not hand it out"))?;
    let upload = Upload {
        source: file.id.clone(),
        name: file.name.clone(),
        content_type: file.content_type.clone(),
        inline: file.inline,
        download,
    };
    course.desk(born.other()).stage(upload).await.map_err(|fault| (fault, refused))
}

fn with_losses(body: &Body, lost: &[(String, String)]) -> Body {
    if lost.is_empty() {
        return body.clone();
    }
    let lines: Vec<String> = lost.iter().map(|(name, why)| format!("[File not carried: {name}: {why}]")).collect();
    match body {
        Body::Text(text) => Body::Text(format!("{text}\n\n{}", lines.join("\n"))),
        Body::Html(html) => {
            let lines: Vec<String> = lines.iter().map(|line| format!("<p><em>{}</em></p>", escape_html(line))).collect();
            Body::Html(format!("{html}\n{}", lines.join("\n")))
        }
    }
}
