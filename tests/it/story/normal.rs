//! The judge's own normal form of text: desks may clean a message, they may not lose a word.

use tidegate::sim::judge::normal::{normal, text_of};

fn same(html: &str, text: &str) {
    assert_eq!(normal(html, true), normal(text, false), "{html}");
}

#[test]
fn tags_entities_and_white_space_do_not_count() {
    same("<div class=\"zd-comment\"><p>Hello,<br>\n<b>world</b></p></div>", "Hello,\r\n  world");
    same("<p>a &lt; b &amp;&amp; c &gt; d&nbsp;&euro;&#228;&#xE9;</p>", "a < b && c > d \u{a0}€äé");
    same("if a < b and c <3 d", "if a < b and c <3 d");
    same("<ul><li>one</li><li>two</li></ul>", "* one\n* two");
    same("<!-- <p>no</p> --><style>p { color: red }</style>yes<script>no()</script>", "yes");
    same("it&rsquo;s", "it&rsquo;s");
}

#[test]
fn letters_of_every_script_and_signs_count() {
    assert_eq!(normal("日本語 · العربية · 👍 5 €", false), "日本語العربية👍5€");
    assert_ne!(normal("Größe", false), normal("Grösse", false));
    assert_ne!(normal("👍", false), normal("👎", false));
}

#[test]
fn blocks_of_redaction_and_invisible_signs_do_not_count() {
    assert_eq!(normal("card ▇▇▇▇ ████\u{200f}\u{feff}\u{fe0f}", false), "card");
}

#[test]
fn broken_html_is_text() {
    assert_eq!(text_of("a < b & c &unknown; <"), "a < b & c &unknown; <");
    assert_eq!(text_of("<p unfinished"), "<p unfinished");
    assert_eq!(text_of("<!-- unfinished"), "");
}
