//! Where links in messages lead: from pages of the old desk's tickets to the new ones, and from files of old tickets (mails that an answer
//! quotes name them) to the new ticket that has them. What people read stays as it was written, so the
//! old address can still be seen; only where it leads is another. What is not copied yet is led to by the gateway
//! (`/t/<mirror>/<number>`, `/t/<mirror>/file/<path>`), where the gateway has a public address.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::Side;
use crate::desk::body::{Body, escape_html};
use crate::desk::id::TicketId;
use crate::desk::ticket::{Attachment, Message, Ticket};
use crate::desk::write::Staged;

use super::course::Course;
use super::fate::Result;
use super::house::House;

/// Where agents open the tickets of a mirror. Addresses without a slash at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    /// The old desk.
    pub old: String,
    /// The new desk.
    pub new: String,
    /// What an old number is put after, on the gateway.
    pub numbers: Option<String>,
}

/// The body of a message of this ticket of the old desk, with links that lead to the new desk.
pub async fn turned(house: &House, course: &Course, from: &Ticket, body: Body) -> Result<Body> {
    let (Body::Html(text) | Body::Text(text)) = &body;
    if !text.contains(&course.pages.old) {
        return Ok(body);
    }
    let html = body.to_html();
    let mut named = BTreeSet::new();
    turn(&html, &mut |page| {
        named.extend(page.starts_with(&course.pages.old).then(|| page.to_string()));
        None
    });
    let mut pages = BTreeMap::new();
    for page in named {
        if let Some(new) = lead(house, course, from, &page).await? {
            pages.insert(page, new);
        }
    }
    Ok(turn(&html, &mut |page| pages.get(page).cloned()).map_or(body, Body::Html))
}

/// Remembers whose the files of a message are that is about to be carried.
pub async fn remember(house: &House, course: &Course, from: &Ticket, files: &[Staged]) -> Result<()> {
    let can = course.source.capabilities();
    let carried = |file: &Attachment| files.iter().any(|staged| staged.source == file.id);
    let of_message = |message: &Message| {
        let files = message.attachments.iter().filter(|file| carried(file));
        files.flat_map(|file| can.names_of(&message.id, file)).collect::<Vec<_>>()
    };
    let names: Vec<String> = from.messages.iter().flat_map(of_message).collect();
    if !names.is_empty() {
        house.ledger.remember_files(course.id, &from.id, &names).await?;
    }
    Ok(())
}

/// Where a page of the old desk leads; `None`: there still.
async fn lead(house: &House, course: &Course, from: &Ticket, page: &str) -> Result<Option<String>> {
    let can = course.source.capabilities();
    if let Some(ticket) = can.ticket_of(&course.pages.old, page) {
        return page_of(house, course, &ticket).await;
    }
    // A file of a help centre is no ticket's.
    let below = page.strip_prefix(&course.pages.old);
    let Some(path) = below.and_then(|below| can.file_path(below).filter(|path| below.starts_with(path))) else { return Ok(None) };
    let names = can.names_in(page);
    let own = from.messages.iter().any(|message| {
        message.attachments.iter().flat_map(|file| can.names_of(&message.id, file)).any(|name| names.contains(&name))
    });
    if own {
        return page_of(house, course, &from.id).await;
    }
    match house.ledger.ticket_of_file(course.id, &names).await? {
        Some(ticket) => page_of(house, course, &ticket).await,
        None => Ok(course.pages.numbers.as_ref().map(|numbers| format!("{numbers}/file{path}"))),
    }
}

async fn page_of(house: &House, course: &Course, old: &TicketId) -> Result<Option<String>> {
    let there = house.ledger.root_of(course.id, Side::Source, old).await?;
    let page = there.map(|(_, new)| course.target.capabilities().page_of(&course.pages.new, &new));
    Ok(page.or_else(|| course.pages.numbers.as_ref().map(|numbers| format!("{numbers}/{old}"))))
}

/// Gives every address that a reader can follow to `lead`; where it returns another one, that is where it leads. `None`: nothing
/// is another than it was.
fn turn(html: &str, lead: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(html.len() + 64);
    let (mut rest, mut in_link, mut any) = (html, false, false);
    while !rest.is_empty() {
        let length = match rest.starts_with('<') {
            true => rest.find('>').map_or(rest.len(), |end| end + 1),
            false => rest.find('<').unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(length);
        let new = match link_tag(piece) {
            Some(opens) => {
                in_link = opens;
                if opens { turn_tag(piece, lead) } else { None }
            }
            None if in_link || piece.starts_with('<') => None,
            None => turn_text(piece, lead),
        };
        any |= new.is_some();
        out.push_str(new.as_deref().unwrap_or(piece));
        rest = after;
    }
    any.then_some(out)
}

/// Whether the piece is a tag that opens a link, or closes one.
fn link_tag(piece: &str) -> Option<bool> {
    let inner = piece.strip_prefix('<')?;
    let (opens, inner) = inner.strip_prefix('/').map_or((true, inner), |inner| (false, inner));
    let name = inner.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    name.eq_ignore_ascii_case("a").then_some(opens)
}

fn turn_tag(tag: &str, lead: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let at = tag.to_ascii_lowercase().find("href=")? + "href=".len();
    let quote = tag[at..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let start = at + 1;
    let end = start + tag[start..].find(quote)?;
    let new = lead(&tag[start..end].replace("&amp;", "&"))?;
    Some(format!("{}{}{}", &tag[..start], escape_html(&new), &tag[end..]))
}

/// Addresses in plain words become links; the words stay.
fn turn_text(text: &str, lead: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    for (start, _) in text.match_indices("http") {
        let stops = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '\u{a0}');
        let word = text[start..].split(stops).next().unwrap_or_default();
        let word =
            ["&quot;", "&gt;", "&lt;", "&#39;", "&nbsp;"].iter().fold(word, |word, end| word.split(end).next().unwrap_or(word));
        let word = word.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let Some(new) = lead(&word.replace("&amp;", "&")).filter(|_| start >= done) else { continue };
        out.push_str(&text[done..start]);
        out.push_str(&format!("<a href=\"{}\">{word}</a>", escape_html(&new)));
        done = start + word.len();
    }
    out.push_str(&text[done..]);
    (done > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(html: &str) -> Option<String> {
        turn(html, &mut |page| page.strip_prefix("https://old.example/t?n=7").map(|rest| format!("https://new.example/7{rest}")))
    }

    #[test]
    fn a_link_leads_elsewhere_and_reads_as_before() {
        let html = "<p>See <A class=\"x\" href='https://old.example/t?n=7&amp;tab=1'>the <b>other</b> https://old.example/t?n=7</A>.</p>";
        let led = led(html).expect("it leads elsewhere");
        let new =
            "<p>See <A class=\"x\" href='https://new.example/7&amp;tab=1'>the <b>other</b> https://old.example/t?n=7</A>.</p>";
        assert_eq!(led, new);
    }

    #[test]
    fn an_address_in_the_text_becomes_a_link_and_stays_readable() {
        let turned =
            led("Again (https://old.example/t?n=7), and https://old.example/t?n=7.<br>http &lt;https://old.example/t?n=7&gt;");
        let link = "<a href=\"https://new.example/7\">https://old.example/t?n=7</a>";
        assert_eq!(turned, Some(format!("Again ({link}), and {link}.<br>http &lt;{link}&gt;")));
    }

    #[test]
    fn everything_else_stays_to_the_byte() {
        for html in [
            "",
            "a < b",
            "<a name=x>",
            "<a href=https://old.example/t?n=7>",
            "<img src=\"https://old.example/t?n=7\">",
            "http",
            "<a",
        ] {
            assert_eq!(led(html), None, "{html}");
        }
    }
}
