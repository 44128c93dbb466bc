//! What becomes of a ticket's messages and files.

use url::Url;

use crate::desk::body::Body;
use crate::desk::capability::{BackDates, CreateTakes, SetsAuthor};
use crate::desk::ticket::{Attachment, AttachmentState, Message, Ticket};
use crate::merge::thread::{byline, needs_byline};

use super::tally::{Found, Tally};
use super::trap;
use super::view::View;

/// Bytes that the line about author and time takes at most, or nearly so.
const LINE: usize = 1_000;

/// Counts what would be lost or changed of the conversation.
pub fn look(view: &View<'_>, ticket: &Ticket, tally: &mut Tally) {
    if let Some(most) = view.survey.most_messages.filter(|most| ticket.messages.len() > *most) {
        tally.note(Found::new(&trap::LONG_THREADS, "", &ticket.id).limit(most));
    }
    for (place, message) in ticket.messages.iter().enumerate() {
        signed(view, ticket, place, tally);
        long(view, ticket, place, message, tally);
        images(view, ticket, message, tally);
        message.attachments.iter().for_each(|file| file_of(view, ticket, file, tally));
    }
}

fn on_create(view: &View<'_>, place: usize) -> bool {
    view.target_can.create_takes == CreateTakes::AllMessages || place == 0
}

/// Who wrote, and when.
fn signed(view: &View<'_>, ticket: &Ticket, place: usize, tally: &mut Tally) {
    let can = view.target_can;
    let author = can.sets_author == SetsAuthor::Always;
    let time = keeps_time(view, place);
    let mut note = |trap| tally.note(Found::new(trap, "", &ticket.id));
    if (!author || !time) && !view.config.policy.author_line {
        return note(&trap::UNSIGNED);
    }
    if !author {
        note(&trap::AUTHORS);
    }
    if !time {
        note(&trap::TIMES);
    }
}

fn keeps_time(view: &View<'_>, place: usize) -> bool {
    match view.target_can.back_dates {
        BackDates::Always => true,
        BackDates::OnCreate => on_create(view, place),
        BackDates::TicketOnly | BackDates::Never => false,
    }
}

fn long(view: &View<'_>, ticket: &Ticket, place: usize, message: &Message, tally: &mut Tally) {
    let Some(limit) = view.survey.longest_message else { return };
    let (Body::Html(own) | Body::Text(own)) = &message.body;
    if own.len() + LINE < limit {
        return;
    }
    let signed = view.config.policy.author_line && needs_byline(view.target_can, true, on_create(view, place));
    let body = view.scene(ticket, |scene| match signed {
        true => byline(scene, message).put(&message.body),
        false => message.body.clone(),
    });
    let (Body::Html(text) | Body::Text(text)) = body;
    if text.len() > limit {
        tally.note(Found::new(&trap::CUT_MESSAGES, "", &ticket.id).limit(limit));
    }
}

/// Images that are none of the message's own attachments.
fn images(view: &View<'_>, ticket: &Ticket, message: &Message, tally: &mut Tally) {
    let Body::Html(html) = &message.body else { return };
    let mut told = Vec::new();
    for url in sources(html) {
        let Some(host) = url.host_str().map(str::to_string) else { continue };
        if url.origin().ascii_serialization() == view.source_address {
            tally.note(Found::new(&trap::LOCKED_IMAGES, "", &ticket.id));
        } else if !told.contains(&host) {
            tally.note(Found::new(&trap::FOREIGN_IMAGES, "", &ticket.id).value(&host));
            told.push(host);
        }
    }
}

/// The http and https addresses of images.
fn sources(html: &str) -> Vec<Url> {
    let tags = html.match_indices("<img").filter_map(|(at, _)| html[at..].split('>').next());
    let source = |tag: &str| {
        let after = tag.split_once("src=")?.1;
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        Url::parse(after[1..].split(quote).next()?).ok()
    };
    tags.filter_map(source).filter(|url| matches!(url.scheme(), "http" | "https")).collect()
}

fn file_of(view: &View<'_>, ticket: &Ticket, file: &Attachment, tally: &mut Tally) {
    let can = view.target_can;
    let trap = match file.state {
        AttachmentState::Removed => return,
        AttachmentState::Refused => &trap::INFECTED_FILES,
        _ if file.size.is_some_and(|size| size > can.attachment_limit) => &trap::LARGE_FILES,
        _ if can.refuses_empty_files && file.size == Some(0) => &trap::EMPTY_FILES,
        AttachmentState::Pending => &trap::PENDING_FILES,
        AttachmentState::Ready => return,
    };
    let limit = format!("{} MB", can.attachment_limit >> 20);
    tally.note(Found::new(trap, "", &ticket.id).limit(limit).file());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_by_their_address() {
        let html = r#"<p><img alt="a" src="https://cdn.example/a.png"> <img src='attachment:7'><img src="data:x"><img></p>"#;
        let found: Vec<String> = sources(html).iter().map(Url::to_string).collect();
        assert_eq!(found, ["https://cdn.example/a.png"]);
    }
}
