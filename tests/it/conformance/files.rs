//! Files and images.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use tidegate::connectors::contract::{Download, Upload};
use tidegate::connectors::fault::Fault;
use tidegate::desk::body::Body;
use tidegate::desk::id::AttachmentId;
use tidegate::desk::ticket::{Attachment, AttachmentState, Message, Visibility};
use tidegate::desk::write::{NewMessage, Staged, Write};

use super::desk::Desk;

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f,
    0x15, 0xc4, 0x89,
];

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn upload(source: &str, name: &str, content_type: &str, inline: bool, bytes: Bytes) -> Upload {
    let size = Some(bytes.len() as u64);
    // In pieces, as a download comes.
    let pieces: Vec<Result<Bytes, Fault>> = bytes.chunks(60_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let download = Download { size, bytes: stream::iter(pieces).boxed() };
    Upload { source: AttachmentId::new(source), name: name.into(), content_type: content_type.into(), inline, download }
}

async fn stage(desk: &Desk, source: &str, name: &str, content_type: &str, bytes: &[u8]) -> Staged {
    let bytes = Bytes::copy_from_slice(bytes);
    let (size, hash) = (bytes.len() as u64, sha256(&bytes));
    let staged = desk.ours.stage(upload(source, name, content_type, content_type == "image/png", bytes)).await.unwrap();
    assert_eq!((staged.source.as_str(), staged.size, &staged.sha256), (source, size, &hash));
    staged
}

async fn bytes_of(desk: &Desk, file: &Attachment) -> Vec<u8> {
    assert_eq!(file.state, AttachmentState::Ready, "{}", file.name);
    let download = desk.ours.download(file).await.unwrap();
    let pieces: Vec<Bytes> = download.bytes.try_collect().await.unwrap();
    let bytes = pieces.concat();
    assert!(download.size.is_none_or(|size| size == bytes.len() as u64), "{}", file.name);
    assert!(file.size.is_none_or(|size| size == bytes.len() as u64), "{}", file.name);
    bytes
}

async fn added(desk: &Desk, message: NewMessage) -> Message {
    let id = desk.ticket("t:1").await;
    let written = desk.apply(&Write::AddMessage { ticket: id.clone(), message }).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    desk.read(&id).await.messages.remove(1)
}

fn megabyte() -> Vec<u8> {
    (0..1_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

pub async fn files_come_back_byte_for_byte(desk: &Desk) {
    let files: [(&str, &str, Vec<u8>); 6] = [
        ("Übersicht 日本.bin", "application/octet-stream", (0..=255).collect()),
        ("one.gif", "image/gif", vec![0]),
        ("table.csv", "text/csv", "a;ä\r\nb;ö\n".into()),
        ("latin.txt", "text/plain", b"caf\xe9\r\n".to_vec()),
        ("page.html", "text/html", b"<p>caf\xc3\xa9\r\n".to_vec()),
        ("large.zip", "application/zip", megabyte()),
    ];
    let mut message = desk.message("m:1", Visibility::Public, Body::Text("see there".into())).await;
    for (at, (name, content_type, bytes)) in files.iter().enumerate() {
        message.attachments.push(stage(desk, &format!("s{at}"), name, content_type, bytes).await);
    }
    let told = added(desk, message).await;
    assert_eq!(told.attachments.len(), files.len());
    for (name, content_type, bytes) in &files {
        let file = told.attachments.iter().find(|file| file.name == *name);
        let file = file.unwrap_or_else(|| panic!("{name} is not among {:?}", told.attachments));
        assert!(!file.inline, "{name}");
        let kind = file.content_type.split(';').next().unwrap_or_default().trim().to_string();
        assert_eq!(kind, *content_type, "{name}");
        if !desk.can().recodes.contains(content_type) {
            assert_eq!(sha256(&bytes_of(desk, file).await), sha256(bytes), "{name}");
        }
    }
}

pub async fn an_empty_file_is_carried_or_refused(desk: &Desk) {
    let empty = desk.ours.stage(upload("s1", "empty.bin", "application/octet-stream", false, Bytes::new())).await;
    if desk.can().refuses_empty_files {
        assert!(matches!(empty, Err(Fault::Refused { .. })), "{empty:?}");
        return;
    }
    let mut message = desk.message("m:1", Visibility::Public, Body::Text("nothing in it".into())).await;
    message.attachments.push(empty.unwrap());
    let told = added(desk, message).await;
    assert_eq!(told.attachments.len(), 1);
    assert_eq!(bytes_of(desk, &told.attachments[0]).await, Vec::<u8>::new());
}

/// The desk is not asked: the size is known beforehand.
pub async fn a_file_over_the_limit_is_refused(desk: &Desk) {
    let mut large = upload("s1", "large.bin", "application/octet-stream", false, Bytes::from_static(b"x"));
    large.download.size = Some(desk.can().attachment_limit + 1);
    let refused = desk.ours.stage(large).await;
    assert!(matches!(refused, Err(Fault::Refused { .. })), "{refused:?}");
}

async fn assert_image(desk: &Desk, told: &Message) {
    let image = told.attachments.iter().find(|file| file.inline).expect("an image in the text");
    assert_eq!(image.name, "bild.png");
    assert_eq!(sha256(&bytes_of(desk, image).await), sha256(PNG));
    let reference = format!("src=\"attachment:{}\"", image.id);
    assert_eq!(told.body.to_html().matches(&reference).count(), 2, "{reference} in {:?}", told.body);
    let other = told.attachments.iter().find(|file| !file.inline).expect("a file beside it");
    assert_eq!(other.name, "beside.bin");
    assert_eq!(told.attachments.len(), 2);
}

pub async fn images_in_the_text_stay_in_the_text(desk: &Desk) {
    let body = "<p>see <img src=\"attachment:s1\"> and <img alt=\"again\" src=\"attachment:s1\"></p>";
    let mut first = desk.message("m:1", Visibility::Public, Body::Html(body.into())).await;
    first.attachments.push(stage(desk, "s1", "bild.png", "image/png", PNG).await);
    first.attachments.push(stage(desk, "s2", "beside.bin", "application/octet-stream", b"beside").await);
    let new = desk.new_ticket("t:2", desk.plain_fields().await, vec![first]).await;
    let id = desk.apply(&Write::Create(new)).await.ticket.unwrap();
    assert_image(desk, &desk.read(&id).await.messages[0]).await;

    let mut later = desk.message("m:2", Visibility::Internal, Body::Html(body.into())).await;
    later.attachments.push(stage(desk, "s1", "bild.png", "image/png", PNG).await);
    later.attachments.push(stage(desk, "s2", "beside.bin", "application/octet-stream", b"beside").await);
    assert_image(desk, &added(desk, later).await).await;
}
