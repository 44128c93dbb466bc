//! Files that a message links to and that are none of its attachments: the link is carried, not the file, and who opens it may have to
//! sign in.

use std::collections::BTreeSet;

use url::Url;

use crate::desk::body::Body;
use crate::desk::ticket::{Message, Ticket};

use super::tally::{Found, Tally};
use super::trap;
use super::view::View;

/// Endings of the names of files.
const ENDINGS: [&str; 55] = [
    "7z", "ai", "apk", "bin", "bmp", "bz2", "csv", "dat", "dmg", "doc", "docx", "dwg", "eml", "exe", "gif", "gz", "heic", "ics",
    "iso", "jpeg", "jpg", "json", "key", "log", "m4a", "mkv", "mov", "mp3", "mp4", "msg", "msi", "odp", "ods", "odt", "ogg",
    "pdf", "png", "ppt", "pptx", "psd", "rar", "rtf", "svg", "tar", "tgz", "tif", "tiff", "txt", "vcf", "wav", "webm", "xls",
    "xlsx", "xml", "zip",
];
/// Hosts, and those below them, whose addresses of files have no name in them.
const SHARES: [&str; 10] = [
    "1drv.ms",
    "box.com",
    "docs.google.com",
    "drive.google.com",
    "dropbox.com",
    "icloud.com",
    "onedrive.live.com",
    "sharepoint.com",
    "we.tl",
    "wetransfer.com",
];

/// Counts the links of a message, once for each host.
pub fn look(view: &View<'_>, ticket: &Ticket, message: &Message, tally: &mut Tally) {
    let mut told = BTreeSet::new();
    for url in linked(&message.body) {
        let Some(host) = url.host_str().map(str::to_string) else { continue };
        let own = url.origin().ascii_serialization() == view.source_address;
        let file = match own {
            true => has_ending(&url) || view.source_can.file_paths.iter().any(|path| url.path().contains(path)),
            false => has_ending(&url) || is_share(&host),
        };
        if !file || is_carried(ticket, &url) || !told.insert(host.clone()) {
            continue;
        }
        match own {
            true => tally.note(Found::new(&trap::LOCKED_FILES, "", &ticket.id)),
            false => tally.note(Found::new(&trap::FOREIGN_FILES, "", &ticket.id).value(&host)),
        }
    }
}

/// An attachment of the ticket's own messages, which is carried.
fn is_carried(ticket: &Ticket, url: &Url) -> bool {
    let mut files = ticket.messages.iter().flat_map(|message| &message.attachments);
    files.any(|file| Url::parse(&file.locator).is_ok_and(|own| own == *url))
}

fn has_ending(url: &Url) -> bool {
    let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_lowercase().as_str()))
}

fn is_share(host: &str) -> bool {
    SHARES.iter().any(|share| host.strip_suffix(share).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Where the links of a message lead, images aside.
fn linked(body: &Body) -> Vec<Url> {
    match body {
        Body::Html(html) => addresses(html, "a", "href="),
        Body::Text(text) => {
            let starts = text.match_indices("http").map(|(at, _)| &text[at..]);
            starts.filter_map(|rest| web(rest.split(|c: char| c.is_whitespace() || "<>\"'".contains(c)).next()?)).collect()
        }
    }
}

/// The http and https addresses in an attribute of HTML elements.
pub fn addresses(html: &str, element: &str, attribute: &str) -> Vec<Url> {
    let address = |part: &str| {
        let (name, rest) = part.split('>').next()?.split_once(char::is_whitespace)?;
        let after = rest.split_once(attribute)?.1;
        let quote = after.chars().next().filter(|c| name.eq_ignore_ascii_case(element) && matches!(c, '"' | '\''))?;
        web(&after[1..].split(quote).next()?.replace("&amp;", "&"))
    };
    html.split('<').skip(1).filter_map(address).collect()
}

/// An address as it stands in a sentence.
fn web(text: &str) -> Option<Url> {
    Url::parse(text.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']))
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: Vec<Url>) -> Vec<String> {
        found.iter().map(Url::to_string).collect()
    }

    #[test]
    fn images_and_links_are_found_by_their_address() {
        let html = "<p><img alt=\"a\" src=\"https://cdn.example/a.png\"> <img src='attachment:7'><img src=\"data:x\"><img>
            <a class=x href=\"https://cdn.example/b.pdf?a=1&amp;b=2\">b</a> <abbr href=\"https://cdn.example/c\"></abbr></p>";
        assert_eq!(told(addresses(html, "img", "src=")), ["https://cdn.example/a.png"]);
        assert_eq!(told(linked(&Body::Html(html.to_string()))), ["https://cdn.example/b.pdf?a=1&b=2"]);
        let text = "See (https://a.example/x.pdf), http://b.example/y. Not ftp://c.example or https.";
        assert_eq!(told(linked(&Body::Text(text.to_string()))), ["https://a.example/x.pdf", "http://b.example/y"]);
    }

    #[test]
    fn files_are_told_from_pages() {
        let url = |text: &str| Url::parse(text).expect("an address");
        assert!(has_ending(&url("https://a.example/x/Plan.PDF?download=1")));
        assert!(!has_ending(&url("https://a.example/Display.html?id=7")) && !has_ending(&url("https://a.example/v1.2")));
        assert!(is_share("acme.sharepoint.com") && is_share("we.tl") && !is_share("notbox.com"));
    }
}
