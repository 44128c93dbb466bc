//! What becomes of a ticket's messages and files.

use crate::desk::body::Body;
use crate::desk::capability::{BackDates, CreateTakes, SetsAuthor};
use crate::desk::survey::Told;
use crate::desk::ticket::{Attachment, AttachmentState, Message, Ticket};
use crate::merge::thread::{byline, needs_byline};

use super::link;
use super::tally::{Found, Tally};
use super::trap;
use super::view::View;

/// Bytes that the line about author and time takes at most, or nearly so.
const LINE: usize = 1_000;
/// Endings of programs and scripts, which desks and mail services are often set up to refuse.
const OFTEN_REFUSED: [&str; 24] = [
    "apk", "bat", "cmd", "com", "cpl", "dll", "exe", "hta", "jar", "js", "jse", "lnk", "msc", "msi", "msp", "pif", "ps1", "scr",
    "sys", "vb", "vbe", "vbs", "wsf", "wsh",
];

/// Counts what would be lost or changed of the conversation.
pub fn look(view: &View<'_>, ticket: &Ticket, tally: &mut Tally) {
    if let Some(most) = view.survey.most_messages.filter(|most| ticket.messages.len() > *most) {
        tally.note(Found::new(&trap::LONG_THREADS, "", &ticket.id).limit(most));
    }
    for (place, message) in ticket.messages.iter().enumerate() {
        signed(view, ticket, place, tally);
        long(view, ticket, place, message, tally);
        images(view, ticket, message, tally);
        link::look(view, ticket, message, tally);
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
    for url in link::addresses(html, "img", "src=") {
        let Some(host) = url.host_str().map(str::to_string) else { continue };
        if url.origin().ascii_serialization() == view.source_address {
            tally.note(Found::new(&trap::LOCKED_IMAGES, "", &ticket.id));
        } else if !told.contains(&host) {
            tally.note(Found::new(&trap::FOREIGN_IMAGES, "", &ticket.id).value(&host));
            told.push(host);
        }
    }
}

fn file_of(view: &View<'_>, ticket: &Ticket, file: &Attachment, tally: &mut Tally) {
    let can = view.target_can;
    let ending = file.name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
    let trap = match file.state {
        AttachmentState::Removed => return,
        AttachmentState::Refused => &trap::INFECTED_FILES,
        _ if file.size.is_some_and(|size| size > can.attachment_limit) => &trap::LARGE_FILES,
        _ if can.refuses_empty_files && file.size == Some(0) => &trap::EMPTY_FILES,
        _ if let Some(trap) = forbidden(view, &ending) => trap,
        AttachmentState::Pending => &trap::PENDING_FILES,
        AttachmentState::Ready => return,
    };
    let limit = format!("{} MB", can.attachment_limit >> 20);
    let of_a_kind = [&trap::REFUSED_KINDS, &trap::UNSURE_KINDS].contains(&trap);
    tally.note(Found::new(trap, "", &ticket.id).limit(limit).file().shown(of_a_kind, &ending));
}

/// Whether the target refuses files of this kind, or may do so.
fn forbidden(view: &View<'_>, ending: &str) -> Option<&'static trap::Trap> {
    match &view.survey.refused_files {
        Told::Known(refused) => refused.contains(ending).then_some(&trap::REFUSED_KINDS),
        Told::CannotTell(_) => OFTEN_REFUSED.contains(&ending).then_some(&trap::UNSURE_KINDS),
    }
}
