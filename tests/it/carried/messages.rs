//! Messages: their words, who may read them, who wrote them and when.

use std::collections::BTreeMap;

use tidegate::sim::snapshot::MessageView;
use tidegate::sim::stage::{Action, Text, Who};

use crate::world::desk::{self, saying};

use super::way::{Differences, WAYS, Way, say, stranger};

/// In the order in which they are said: a word of it, its text, HTML, public, before the copy.
const SAID: [(&str, &str, bool, bool, bool); 6] = [
    ("Hello", "<p>Hello <b>you</b> &amp; all</p>", true, true, true),
    ("second", "a < b &amp; c\nsecond line", false, true, true),
    ("internal", "An internal note", false, false, true),
    ("later", "A later answer: 50 % < 60 %", false, true, false),
    ("bold", "<p>A <b>bold</b> note</p>", true, false, false),
    ("farewell", "My farewell", false, true, false),
];

/// Who says them.
fn who(place: usize, agent: &Who) -> Who {
    match place {
        0 | 3 => desk::customer(),
        1 | 4 => agent.clone(),
        _ => stranger(),
    }
}

/// The words that a person sees.
fn words(message: &MessageView) -> String {
    let mut text = message.body.clone();
    if message.html {
        let mut seen = String::new();
        let mut within = false;
        for letter in text.chars() {
            match letter {
                '<' => within = true,
                '>' if within => {
                    within = false;
                    seen.push(' ');
                }
                _ if !within => seen.push(letter),
                _ => {}
            }
        }
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
        text = entities.into_iter().fold(seen, |text, (entity, letter)| text.replace(entity, letter));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_message_is_carried_as_the_table_says() {
    let mut found = Differences::default();
    for way in WAYS {
        compare(way, &mut found).await;
    }
    found.none();
}

async fn compare(way: Way, found: &mut Differences) {
    let mut world = way.world().begin().await;
    let agent = world.source.agent();
    let mut ticket = String::new();
    for (place, (_, body, html, public, copied)) in SAID.into_iter().enumerate() {
        let (who, text) = (who(place, &agent), Text { body: body.to_string(), html, ..Text::default() });
        if !copied {
            world.settle().await;
        }
        if place == 0 {
            let (subject, group) = ("Order 7".to_string(), "Support".to_string());
            let action = Action::Open { subject, group, text, fields: BTreeMap::new(), tags: Vec::new() };
            ticket = world.source.act(&who, action).ticket;
        } else {
            say(&world.source, &who, &ticket, public, text);
        }
    }
    world.settle().await;
    let (here, there) = (world.source.ticket(&ticket), world.mirrored(&ticket));
    found.same(&format!("{way:?}, creation time"), here.created_at, there.created_at);
    let order: Vec<&str> = SAID.iter().map(|(word, ..)| *word).collect();
    let shown = |message: &MessageView| order.iter().find(|word| message.body.contains(**word)).copied();
    found.same(&format!("{way:?}, the messages in order"), order.clone(), there.messages.iter().filter_map(shown).collect());
    for (place, (word, _, html, public, copied)) in SAID.into_iter().enumerate() {
        let [said, carried] = [&here, &there].map(|ticket| saying(ticket, word));
        let ([said], [carried]) = (said.as_slice(), carried.as_slice()) else { continue };
        let what = |what: &str| format!("{way:?}, {word}, {what}");
        let who = who(place, &agent);
        let known = who.email != stranger().email;
        let line = format!("{} ({}) wrote on {} UTC:", who.name, who.email, said.at.format("%Y-%m-%d %H:%M:%S"));
        let kept = !way.into_rt() && known && copied;
        let expected = if kept { words(said) } else { format!("{line} {}", words(said)) };
        found.same(&what("words"), expected, words(carried));
        found.same(&what("public"), public, carried.public);
        found.holds(
            &what("markup"),
            !html || ["<b>you</b>", "<b>bold</b>"].iter().any(|b| carried.body.contains(b)),
            &carried.body,
        );
        if way.into_rt() {
            found.same(&what("author"), "gateway@rt.sim".to_string(), carried.author.clone());
        } else {
            let author = if known { way.address(&who.email) } else { "admin@sim.example".to_string() };
            found.same(&what("author"), author, carried.author.clone());
        }
        if !way.into_rt() && copied {
            found.same(&what("time"), said.at, carried.at);
        }
    }
}
