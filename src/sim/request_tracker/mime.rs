//! Messages and their MIME trees as RT stores them: a message without files is one node; with files it is a
//! `multipart/mixed` without content, the text (an empty `application/octet-stream` if there is none), then the files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::store::{Attachment, Store};

/// A file on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    pub name: String,
    pub content_type: String,
    pub bytes: Vec<u8>,
    /// For pictures inside the text; only mail and people's browsers can set it, REST2 cannot.
    pub content_id: Option<String>,
}

/// What becomes the attachments of a transaction.
#[derive(Debug, Clone, Default)]
pub struct Message {
    pub subject: Option<String>,
    /// As sent; empty and `0` are no text to RT.
    pub text: String,
    /// `text/plain`, `text/html`.
    pub content_type: String,
    pub files: Vec<Incoming>,
    /// Extra header lines, for RT's own mails.
    headers: Vec<String>,
    alternative: bool,
}

/// Why a message cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unencodable;

struct Node {
    content_type: String,
    file_name: Option<String>,
    headers: Vec<String>,
    content: Option<Vec<u8>>,
}

impl Message {
    /// A message with a text.
    pub fn new(text: &str, content_type: &str, subject: Option<String>, files: Vec<Incoming>) -> Self {
        Message { subject, text: text.to_owned(), content_type: content_type.to_owned(), files, ..Message::default() }
    }

    /// A mail that a scrip sends, as RT keeps it.
    pub fn outgoing(ticket: u64, subject: &str, because: &str, mut headers: Vec<String>) -> Self {
        headers.push(format!("X-RT-Ticket: {} #{ticket}", super::ORGANIZATION));
        let subject = Some(encoded(format!("[{} #{ticket}] {subject}", super::ORGANIZATION)));
        Message { subject, text: because.to_owned(), headers, alternative: true, ..Message::default() }
    }

    /// What a transaction says in `Data`.
    pub fn data(&self) -> String {
        match &self.subject {
            Some(subject) if !subject.is_empty() => format!("{subject}\n"),
            _ => "No Subject".to_owned(),
        }
    }

    /// Stores the tree; the ids of its nodes, root first.
    pub fn attach(self, store: &mut Store, transaction: u64, creator: u64, created: DateTime<Utc>) -> Vec<u64> {
        store.last.message += 1;
        let message_id = format!("rt-{}-{}.0-0-0@{}", super::VERSION, store.last.message, super::ORGANIZATION);
        let subject = self.subject.clone().unwrap_or_default();
        let mut ids: Vec<u64> = Vec::new();
        for node in self.nodes(&message_id) {
            store.last.attachment += 1;
            let root = ids.is_empty();
            let length = node.content.as_ref().map_or(0, Vec::len);
            let row = Attachment {
                id: store.last.attachment,
                transaction,
                parent: ids.first().copied().unwrap_or(0),
                content_type: node.content_type,
                file_name: node.file_name,
                subject: if root { subject.clone() } else { String::new() },
                message_id: if root { message_id.clone() } else { String::new() },
                headers: format!("{}\nContent-Length: {length}", node.headers.join("\n")),
                content: node.content,
                creator,
                created,
            };
            ids.push(row.id);
            store.attachments.insert(row.id, row);
        }
        ids
    }

    fn nodes(self, message_id: &str) -> Vec<Node> {
        let mut top = vec!["MIME-Version: 1.0".to_owned(), "X-RT-Interface: REST".to_owned()];
        top.push(format!("Message-ID: <{message_id}>"));
        top.extend(self.subject.iter().filter(|subject| !subject.is_empty()).map(|subject| format!("Subject: {subject}")));
        top.extend(self.headers);
        let mut texts = vec![text_node(&self.text, &self.content_type)];
        if self.alternative {
            texts = vec![text_node(&self.text, "text/plain"), text_node(&self.text, "text/html")];
        } else if self.files.is_empty() {
            texts[0].headers.extend(top);
            return texts;
        }
        let kind = if self.alternative { "multipart/alternative" } else { "multipart/mixed" };
        top.insert(0, format!("Content-Type: {kind}; boundary=\"----------=_{message_id}\""));
        let root = Node { content_type: kind.to_owned(), file_name: None, headers: top, content: None };
        std::iter::once(root).chain(texts).chain(self.files.into_iter().map(file_node)).collect()
    }
}

fn text_node(text: &str, content_type: &str) -> Node {
    if text.is_empty() || text == "0" {
        let kind = "application/octet-stream".to_owned();
        return Node { headers: vec![format!("Content-Type: {kind}")], content_type: kind, file_name: None, content: None };
    }
    let kind = base_type(content_type);
    let headers = vec![
        format!("Content-Type: {kind}; charset=\"utf-8\""),
        "Content-Transfer-Encoding: binary".to_owned(),
        "Content-Disposition: inline".to_owned(),
        "X-RT-Original-Encoding: utf-8".to_owned(),
    ];
    let content = Some(text.replace("\r\n", "\n").into_bytes());
    Node { content_type: kind, file_name: None, headers, content }
}

fn file_node(file: Incoming) -> Node {
    let kind = base_type(&file.content_type);
    let name = file.name.replace('\n', "");
    let stored = name.rsplit('/').next().unwrap_or_default().to_owned();
    let charset = if is_recoded(&kind) { "; charset=\"utf-8\"" } else { "" };
    let mut headers = vec![
        format!("Content-Type: {kind}{charset}; name=\"{}\"", escape(&name)),
        format!("Content-Disposition: inline; filename=\"{}\"", escape(&name)),
        format!("Content-Transfer-Encoding: {}", if kind.starts_with("text/") { "binary" } else { "base64" }),
    ];
    headers.extend(file.content_id.map(|id| format!("Content-ID: <{id}>")));
    let content = if is_recoded(&kind) { recode(&file.content_type, file.bytes) } else { file.bytes };
    Node { content_type: kind, file_name: Some(stored), headers, content: Some(content) }
}

/// As mail headers carry letters beyond ASCII.
fn encoded(text: String) -> String {
    if text.is_ascii() { text } else { format!("=?UTF-8?B?{}?=", STANDARD.encode(text)) }
}

fn escape(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

fn base_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// The types whose bytes RT turns into UTF-8.
pub fn is_recoded(content_type: &str) -> bool {
    matches!(content_type, "text/plain" | "text/html" | "message/rfc822")
}

/// Into UTF-8: from what the type says, else what it is guessed to be (UTF-16 by its mark, UTF-8, Latin-1).
fn recode(content_type: &str, bytes: Vec<u8>) -> Vec<u8> {
    let told = content_type.to_lowercase().split("charset=").nth(1).map(|set| set.trim_matches('"').to_owned());
    let text = match (told.as_deref(), bytes.as_slice()) {
        (Some("utf-8"), bytes) => String::from_utf8_lossy(bytes).into_owned(),
        (Some(_), bytes) => latin1(bytes),
        (None, [0xff, 0xfe, rest @ ..]) => utf16(rest, u16::from_le_bytes),
        (None, [0xfe, 0xff, rest @ ..]) => utf16(rest, u16::from_be_bytes),
        (None, bytes) => std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), str::to_owned),
    };
    text.into_bytes()
}

/// One letter a byte.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// What becomes of a file name in JSON: letters beyond ASCII are destroyed; beyond Latin-1, RT dies.
pub fn name_in_json(name: &str) -> Result<String, Unencodable> {
    if name.chars().any(|letter| u32::from(letter) > 0xff) {
        return Err(Unencodable);
    }
    Ok(name.chars().map(|letter| if letter.is_ascii() { letter } else { '\u{fffd}' }).collect())
}

/// Base64 as RT writes it: lines of 76 letters, each with its end.
pub fn lines_of_base64(bytes: &[u8]) -> String {
    let whole = STANDARD.encode(bytes);
    let mut lines = String::with_capacity(whole.len() + whole.len() / 76 + 1);
    for line in whole.as_bytes().chunks(76) {
        lines.extend(line.iter().map(|letter| char::from(*letter)));
        lines.push('\n');
    }
    lines
}

/// Base64 as RT reads it: what is no letter of it is passed over.
pub fn from_base64(text: &str) -> Vec<u8> {
    let letters: String = text.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/')).collect();
    let whole = letters.len() - usize::from(letters.len() % 4 == 1);
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(&letters[..whole]).unwrap_or_default()
}
