//! How a message is written: plain or in HTML with lists, tables, quotes, links and images, with files, and now and then
//! with words that ought not to be there.

use rand::Rng;
use rand::rngs::SmallRng;

use super::files::{attachment, inline_image};
use super::pick;
use super::tongue::{Stock, Tongue};
use crate::desk::body::escape_html;
use crate::sim::stage::Text;

/// A message as it will be sent.
#[derive(Debug, Clone)]
pub struct Draft {
    pub text: Text,
    /// Words in it that somebody may take out later.
    pub secret: Option<String>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    Customer,
    Agent,
    /// An agent to other agents.
    Colleague,
}

/// A subject line with a number of its own.
pub fn subject(dice: &mut SmallRng, tongue: Tongue) -> String {
    let subject = pick(dice, tongue.stock().subjects);
    if dice.random_bool(0.7) { format!("{subject} #{}", dice.random_range(1000..100_000)) } else { (*subject).to_string() }
}

/// The same short word of thanks every time.
pub fn thanks(tongue: Tongue) -> Draft {
    Draft { text: Text { body: tongue.stock().thanks.to_string(), html: false, files: Vec::new() }, secret: None }
}

/// A message.
pub fn letter(dice: &mut SmallRng, tongue: Tongue, voice: Voice) -> Draft {
    let stock = tongue.stock();
    let mut sentences = sentences(dice, stock, voice);
    let secret = (voice != Voice::Agent && dice.random_bool(0.07)).then(|| secret(dice));
    if let Some(secret) = &secret {
        sentences.push(format!("(card {secret}, do not share)"));
    }
    let mut text = if dice.random_bool(0.55) { rich(dice, &sentences) } else { plain(&sentences, stock, voice) };
    if dice.random_bool(0.16) {
        text.files.push(attachment(dice));
        if dice.random_bool(0.25) {
            text.files.push(attachment(dice));
        }
    }
    Draft { text, secret }
}

fn secret(dice: &mut SmallRng) -> String {
    let block = |dice: &mut SmallRng| dice.random_range(1000..10_000);
    let (a, b, c, d) = (block(dice), block(dice), block(dice), block(dice));
    format!("{a} {b} {c} {d}")
}

fn sentences(dice: &mut SmallRng, stock: &Stock, voice: Voice) -> Vec<String> {
    let supply = if voice == Voice::Customer { stock.complaints } else { stock.answers };
    let count = dice.random_range(1..=3);
    let mut lines: Vec<String> = (0..count).map(|_| (*pick(dice, supply)).to_string()).collect();
    if voice == Voice::Colleague {
        lines.insert(0, format!("FYI @team, see case {}:", dice.random_range(100..1000)));
    }
    if dice.random_bool(0.8) {
        lines.push(format!("Ref. {:08X}", dice.random::<u32>()));
    }
    lines
}

fn plain(sentences: &[String], stock: &Stock, voice: Voice) -> Text {
    let middle = sentences.join("\n");
    let body = if voice == Voice::Colleague { middle } else { format!("{}\n\n{middle}\n\n{}", stock.hello, stock.bye) };
    Text { body, html: false, files: Vec::new() }
}

fn rich(dice: &mut SmallRng, sentences: &[String]) -> Text {
    let safe: Vec<String> = sentences.iter().map(|sentence| escape_html(sentence)).collect();
    let first = &safe[0];
    let rest = safe[1..].iter().map(|line| format!("<p>{line}</p>")).collect::<String>();
    let mut files = Vec::new();
    let extra = match dice.random_range(0..7) {
        0 => list(&safe),
        1 => table(dice),
        2 => format!("<blockquote><p>&gt; {first}</p></blockquote><p>👍 <em>+1</em></p>"),
        3 => format!("<p><a href=\"https://status.example/?a=1&amp;b={}\">status.example</a></p>", dice.random::<u16>()),
        4 => "<pre><code>if (a &lt; b &amp;&amp; c) { return 1; }</code></pre>".to_string(),
        5 => images(dice, &mut files),
        _ => "<hr><p>日本語 · العربية · Ελληνικά · 🚀🎉</p>".to_string(),
    };
    Text { body: format!("<div><p><strong>{first}</strong></p>{rest}{extra}</div>"), html: true, files }
}

fn list(lines: &[String]) -> String {
    let items: String = lines.iter().enumerate().map(|(at, _)| format!("<li>step <b>{}</b></li>", at + 1)).collect();
    format!("<ul>{items}</ul>")
}

fn table(dice: &mut SmallRng) -> String {
    let row = |dice: &mut SmallRng| format!("<tr><td>A-{}</td><td>{} €</td></tr>", dice.random::<u16>(), dice.random::<u8>());
    let rows: String = (0..3).map(|_| row(dice)).collect();
    format!("<table><tbody><tr><th>Item</th><th>Price</th></tr>{rows}</tbody></table>")
}

fn images(dice: &mut SmallRng, files: &mut Vec<crate::sim::stage::File>) -> String {
    let count = dice.random_range(1..=2);
    files.extend((0..count).map(|ordinal| inline_image(dice, ordinal)));
    files.iter().map(|file| format!("<p><img src=\"cid:{0}\" alt=\"{0}\"></p>", file.name)).collect()
}
