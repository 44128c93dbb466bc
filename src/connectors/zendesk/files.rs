//! Files: fetching an attachment without giving the credential away, and handing one over while hashing it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::connectors::contract::{Download, Upload};
use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::ticket::Attachment;
use crate::desk::write::{Handle, Staged};

use super::Zendesk;
use super::api::{about, general, limits_of};

const DOWNLOAD: Call = general("download attachment");
const UPLOAD: Call = general("upload file");

/// Largest file in bytes: 50 MB.
pub const FILE_LIMIT: u64 = 50 * 1024 * 1024;
const MOST_REDIRECTS: usize = 5;

impl Zendesk {
    /// Starts to fetch a file. Redirects are followed by hand, so that each address is judged on its own.
    pub(super) async fn fetch(&self, attachment: &Attachment) -> Result<Download, Fault> {
        let about = || about(format!("attachment {}", attachment.id));
        let parse =
            |text: &str| Url::parse(text).map_err(|_| Fault::unreadable(format!("{}: the desk's URL is none", DOWNLOAD.kind)));
        let mut url = parse(&attachment.locator).map_err(about())?;
        for _ in 0..MOST_REDIRECTS {
            let response = self.fetch_once(&url).await.map_err(about())?;
            if !response.status().is_redirection() {
                if is_sign_in(&response, attachment) {
                    let what = "the desk shows a page, to sign in perhaps, instead of the file";
                    return Err(Fault::refused(format!("attachment {}: {what}", attachment.id)));
                }
                let size = response.content_length().or(attachment.size);
                let bytes = response
                    .bytes_stream()
                    .map(|chunk| chunk.map_err(|_| Fault::unreachable(format!("{}: the connection broke", DOWNLOAD.kind))));
                return Ok(Download { size, bytes: bytes.boxed() });
            }
            let next = response.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
            url = url.join(next).map_err(|_| Fault::unreadable(format!("{}: the desk's URL is none", DOWNLOAD.kind)))?;
        }
        Err(Fault::unreadable(format!("attachment {}: more than {MOST_REDIRECTS} redirects", attachment.id)))
    }

    async fn fetch_once(&self, url: &Url) -> Result<Response, Fault> {
        let mut request = self.http.request(Method::GET, url.clone())?;
        if self.is_own(url) {
            request = self.authorise(request).await?;
        }
        self.http.send_streaming(DOWNLOAD, request, limits_of(DOWNLOAD)).await
    }

    /// The credential goes to the account's own scheme, host and port and nowhere else.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.settings.base.origin()
    }

    /// Uploads a file. As documented by Zendesk, the token is good for 60 minutes.
    pub(super) async fn upload(&self, upload: Upload) -> Result<Staged, Fault> {
        if upload.download.size.is_some_and(|size| size > FILE_LIMIT) {
            return Err(too_large(&upload.name));
        }
        let url = self.url("uploads", &[("filename", &upload.name)]);
        let mut request = self.authorise(self.http.request(Method::POST, url)?).await?;
        let kind = if upload.content_type.is_empty() { "application/octet-stream" } else { &upload.content_type };
        request = request.header("content-type", kind);
        let watch = Watch::default();
        let stream = watch.clone().over(upload.download);
        request = request.body(reqwest::Body::wrap_stream(stream));
        let sent = self.http.send(UPLOAD, request, limits_of(UPLOAD), &[]).await;
        let (fault, sha256, size) = watch.ended();
        if size > FILE_LIMIT {
            return Err(too_large(&upload.name));
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        let answer = sent?;
        if answer.status != StatusCode::CREATED && answer.status != StatusCode::OK {
            return Err(Fault::unreadable(format!("{}: the desk answered {}", UPLOAD.kind, answer.status)));
        }
        let made: Uploaded = answer.json(UPLOAD)?;
        let url = made.upload.attachment.map(|file| file.content_url).filter(|url| !url.is_empty());
        Ok(Staged {
            source: upload.source,
            name: upload.name,
            content_type: upload.content_type,
            inline: upload.inline,
            size,
            sha256,
            handle: Handle::Uploaded { token: made.upload.token, url },
        })
    }
}

/// A page of HTML in place of a file that is something else: Zendesk leads those to its sign-in page whom it does not let see a file.
fn is_sign_in(response: &Response, attachment: &Attachment) -> bool {
    let html = |kind: &str| kind.trim_start().to_ascii_lowercase().starts_with("text/html");
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let other_size = attachment.size.zip(response.content_length()).is_some_and(|(size, sent)| size != sent);
    html(kind) && (other_size || !html(&attachment.content_type))
}

fn too_large(name: &str) -> Fault {
    Fault::refused(format!("the file `{name}` is larger than the {} MB that Zendesk takes", FILE_LIMIT >> 20))
}

#[derive(Deserialize)]
struct Uploaded {
    upload: Token,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    attachment: Option<super::wire::Attachment>,
}

/// Counts and hashes what passes, and keeps the fault that ended it.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    hash: Sha256,
    size: u64,
    fault: Option<Fault>,
}

impl Watch {
    fn over(self, download: Download) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        download.bytes.map(move |chunk| {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match chunk {
                Ok(bytes) => {
                    seen.size += bytes.len() as u64;
                    if seen.size > FILE_LIMIT {
                        return Err(std::io::Error::other("the file is too large"));
                    }
                    seen.hash.update(&bytes);
                    Ok(bytes)
                }
                Err(fault) => {
                    seen.fault = Some(fault);
                    Err(std::io::Error::other("the source broke off"))
                }
            }
        })
    }

    fn ended(&self) -> (Option<Fault>, String, u64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = std::mem::take(&mut seen.hash).finalize();
        let hex = hex::encode(digest);
        (seen.fault.take(), hex, seen.size)
    }
}
