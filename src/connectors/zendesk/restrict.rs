//! Taking a message back from somebody's eyes.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::connectors::fault::Fault;
use crate::connectors::http::{Answer, Call};
use crate::desk::body::Body;
use crate::desk::id::{AttachmentId, MessageId, TicketId};
use crate::desk::write::{Outcome, Restriction, Written};

use super::Zendesk;
use super::api::general;
use super::html::{marked_for_redaction, runs_to_redact};
use super::wire::Comment;

const PRIVATE: Call = general("make comment private");
const REDACT: Call = general("redact comment");
const REDACT_FILE: Call = general("redact attachment");

impl Zendesk {
    /// The visibility first, then words, then files: what is most open is closed first.
    pub(super) async fn restrict(&self, id: &TicketId, message: &MessageId, how: &Restriction) -> Result<Outcome, Fault> {
        self.silence(id).await?;
        let (comments, _) = self.comments(id).await?;
        let comment = comments.into_iter().find(|comment| comment.id.as_str() == message.as_str());
        let comment = comment.ok_or_else(|| Fault::refused("the ticket has no such comment"))?;
        match how {
            Restriction::MakePrivate => self.make_private(id, &comment).await?,
            Restriction::Redact { body } => self.redact(id, &comment, Some(body)).await?,
            Restriction::RemoveAttachment { attachment } => self.redact_file(id, &comment, attachment).await?,
            Restriction::Remove => {
                self.make_private(id, &comment).await?;
                self.redact(id, &comment, None).await?;
                for file in comment.attachments.iter().filter(|file| !file.deleted) {
                    self.redact_file(id, &comment, &AttachmentId::new(&file.id)).await?;
                }
            }
        }
        Ok(Outcome::Done(Written { ticket: Some(id.clone()), ..Written::default() }))
    }

    async fn make_private(&self, id: &TicketId, comment: &Comment) -> Result<(), Fault> {
        if !comment.public {
            return Ok(());
        }
        let url = self.url(&format!("tickets/{id}/comments/{}/make_private", comment.id), &[]);
        self.send(PRIVATE, Method::PUT, url, None, &[]).await?;
        Ok(())
    }

    /// Takes out every word that `remains` does not have. By the endpoint that Zendesk recommends, which needs its Agent
    /// Workspace; where that is off, string by string.
    async fn redact(&self, id: &TicketId, comment: &Comment, remains: Option<&Body>) -> Result<(), Fault> {
        let remains = remains.map(Body::to_html);
        let html = comment.html_body.as_deref().or(comment.body.as_deref()).unwrap_or_default();
        let Some(marked) = marked_for_redaction(html, remains.as_deref()) else { return Ok(()) };
        let body = json!({ "ticket_id": super::wire::Id::new(id.as_str()), "html_body": marked });
        let answer = self.redact_call(&format!("comment_redactions/{}", comment.id), &body, &[403, 404, 422]).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        for run in runs_to_redact(html, remains.as_deref()) {
            let path = format!("tickets/{id}/comments/{}/redact", comment.id);
            self.redact_call(&path, &json!({ "text": run }), &[]).await?;
        }
        Ok(())
    }

    async fn redact_call(&self, path: &str, body: &Json, expected: &[u16]) -> Result<Answer, Fault> {
        self.send(REDACT, Method::PUT, self.url(path, &[]), Some(body), expected).await
    }

    async fn redact_file(&self, id: &TicketId, comment: &Comment, file: &AttachmentId) -> Result<(), Fault> {
        let url = self.url(&format!("tickets/{id}/comments/{}/attachments/{file}/redact", comment.id), &[]);
        self.send(REDACT_FILE, Method::PUT, url, None, &[]).await?;
        Ok(())
    }
}
