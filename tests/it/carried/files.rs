//! Files, and images inside a text.

use tidegate::sim::snapshot::{FileView, MessageView, TicketView};
use tidegate::sim::stage::{File, Text};

use crate::world::desk::{customer, saying};

use super::way::{Differences, WAYS, Way, say};

/// What becomes of a file.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Whole,
    /// An RT makes UTF-8 of it, be it source or target.
    Recoded,
    /// A note in the message says why it is not there.
    Told(&'static str),
}

/// Name, content type, bytes; `None`: more than the target takes.
type Given = (&'static str, &'static str, Option<Vec<u8>>, Fate);

fn given() -> [Given; 6] {
    let bytes: Vec<u8> = (0..70_000_u32).map(|n| (n % 251) as u8).collect();
    [
        ("plan.pdf", "application/pdf", Some(bytes.clone()), Fate::Whole),
        ("Übersicht 報告.png", "image/png", Some(bytes[7..900].to_vec()), Fate::Whole),
        ("notes.txt", "text/plain", Some("Grüße\n".into()), Fate::Whole),
        ("latin.txt", "text/plain", Some(b"caf\xe9\n".to_vec()), Fate::Recoded),
        ("empty.bin", "application/octet-stream", Some(Vec::new()), Fate::Told("it is empty")),
        ("large.bin", "application/octet-stream", None, Fate::Told("it is larger than the new desk allows")),
    ]
}

fn file(name: &str, kind: &str, bytes: Vec<u8>, inline: bool) -> File {
    File { name: name.to_string(), content_type: kind.to_string(), bytes, inline }
}

fn held<'a>(message: &'a MessageView, name: &str) -> Option<&'a FileView> {
    message.files.iter().find(|file| file.name == name)
}

#[tokio::test]
async fn files_are_carried_as_the_table_says() {
    let mut found = Differences::default();
    for way in WAYS {
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        let limit = if way.into_rt() { 32 << 20 } else { 50 << 20 };
        for (name, kind, bytes, _) in given() {
            let files = vec![file(name, kind, bytes.unwrap_or_else(|| vec![7; limit + 1]), false)];
            let text = Text { body: format!("See {name}."), files, ..Text::default() };
            say(&world.source, &customer(), &ticket, true, text);
        }
        world.settle().await;
        let Some(there) = world.copies(&ticket).pop() else {
            panic!("{way:?}: {:?}", world.stuck().await);
        };
        assert_eq!(world.stuck().await, Vec::<String>::new(), "{way:?}");
        compare(way, &world.source.ticket(&ticket), &there, &mut found);
    }
    found.none();
}

fn compare(way: Way, here: &TicketView, there: &TicketView, found: &mut Differences) {
    for (name, _, _, fate) in given() {
        let what = format!("{way:?}, {name}");
        let words = format!("See {name}.");
        let (said, carried) = (saying(here, &words)[0], saying(there, &words));
        let Some(carried) = carried.first() else {
            found.holds(&what, false, "the message is not there");
            continue;
        };
        let bytes = |message| held(message, name).map(|file| file.sha256.clone());
        let note = format!("[File not carried: {name}: ");
        found.same(&format!("{what}, a note"), matches!(fate, Fate::Told(_)), carried.body.contains(&note));
        match fate {
            Fate::Recoded if way == Way::ZendeskToRt => {
                found.holds(&what, bytes(carried).is_some() && bytes(carried) != bytes(said), &carried.files);
            }
            Fate::Whole | Fate::Recoded => found.same(&what, bytes(said), bytes(carried)),
            Fate::Told(why) => {
                found.holds(&what, held(carried, name).is_none() && carried.body.contains(why), &carried.body);
            }
        }
    }
}

#[tokio::test]
async fn an_image_stays_in_its_text() {
    let mut found = Differences::default();
    for way in WAYS {
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        let body = "<p>See <img src=\"cid:ship.png\"> there.</p>".to_string();
        let files = vec![file("ship.png", "image/png", b"\x89PNG ship".to_vec(), true)];
        say(&world.source, &customer(), &ticket, true, Text { body, html: true, files });
        world.settle().await;
        let (here, there) = (world.source.ticket(&ticket), world.mirrored(&ticket));
        let (said, carried) = (saying(&here, "<img")[0], saying(&there, "<img"));
        let reference = if way.into_rt() { "src=\"cid:tidegate-1\"" } else { "/attachments/token/" };
        let shown = carried.first().is_some_and(|message| message.body.contains(reference));
        found.holds(&format!("{way:?}, the image is shown"), shown, &there.messages);
        let bytes = |message: &MessageView| held(message, "ship.png").map(|file| file.sha256.clone());
        found.same(&format!("{way:?}, its bytes"), bytes(said), carried.first().and_then(|message| bytes(message)));
    }
    found.none();
}
