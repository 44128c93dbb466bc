//! What becomes of the mirror file: what stands there stays, and nothing is said twice.

use proptest::prelude::*;
use tidegate::config::file;
use tidegate::setup::propose::{page, propose};

use super::pairs::{self, Pair};

fn boats() -> Pair {
    pairs::all("developed").into_iter().find(|pair| pair.name == "boats").expect("the boat shop")
}

/// The text after the verb was run on it.
fn proposed(pair: &Pair, text: &str) -> String {
    let mirror = file::parse("pair.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"));
    page::add(text, &mirror, propose(&mirror.config, &pair.ends)).expect("lines can be added").text
}

/// Whether every line of the one stands in the other, in that order.
fn holds(new: &str, old: &str) -> bool {
    let mut lines = new.lines();
    old.lines().all(|line| lines.any(|other| other == line))
}

#[test]
fn each_guess_has_its_reason_and_each_gap_is_a_question() {
    let pair = boats();
    let text = proposed(&pair, &pair.mirror("").0);
    let said: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "# silence = \"admin-rule\" # ask: is it done? What keeps the target from mailing people: a rule",
        "\"ada@boats.example\" = \"ada@boats.example\" # sure: the same address",
        "# \"hand@boats.example\" = \"…\" # ask: Old Hand left the source, and the target has nobody of this address or name; a line in each message names them",
        "# note: dan@boats.example (Dan): is at the target only",
        "solved = \"resolved\" # sure: another word for it, and the only one",
        "pending = \"stalled\" # ask: the target has no \"pending\"; this is the nearest",
        "# Escalations = \"…\" # ask: no group of the target is like it; it has Billing, Engineering, General and Support",
        "# \"\" = \"…\" # ask: for tickets without one; the target's \"group\" is never empty",
        "[map.options.\"custom:VIP\"]",
    ] {
        assert!(said.iter().any(|found| found == line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn a_second_run_says_nothing() {
    for pair in pairs::all("developed").into_iter().chain(pairs::all("held_out")) {
        let once = proposed(&pair, &pair.mirror("").0);
        assert_eq!(proposed(&pair, &once), once, "{}", pair.name);
    }
}

#[test]
fn what_the_admin_wrote_stays_and_only_what_is_new_is_added() {
    let mut pair = boats();
    let first = proposed(&pair, &pair.mirror("").0);
    let edited = first
        .replace("pending = \"stalled\"", "pending = \"open\"   # our own word")
        .replace("# Escalations = \"…\"", "Escalations = \"General\"")
        .replace("hold = \"stalled\"", "# hold = \"stalled\"")
        .replace("\"custom:VIP\" = \"custom:VIP\"", "\"custom:VIP\" = \"ignore\"")
        .replace(
            "[map.options.\"custom:VIP\"]\nfalse = \"no\"",
            "[map.options.\"custom:Renewal date\"]\n\"*\" = \"*\"\n# false = \"no\"",
        )
        .replace("\ntrue = \"yes\"", "\n# true = \"yes\"");
    assert_eq!(proposed(&pair, &edited), edited, "nothing is new");
    let group = tidegate::desk::field::FieldKey::Group;
    for end in [&mut pair.ends.source, &mut pair.ends.target] {
        let options = end.schema.fields.get_mut(&group).and_then(|field| field.options.as_mut()).expect("groups");
        options.insert("Returns".to_string());
    }
    let second = proposed(&pair, &edited);
    assert!(holds(&second, &edited), "{second}");
    let new: Vec<&str> = second.lines().filter(|line| !edited.lines().any(|old| old == *line)).collect();
    assert_eq!(new, ["Returns = \"Returns\"       # sure: the same name"]);
    assert!(second.find("Returns").unwrap() < second.find("[map.options").unwrap(), "{second}");
}

#[test]
fn an_answer_stands_below_its_question() {
    let pair = boats();
    let asked = "[map.group]\n# Support = \"…\"  # ask: which?\nBilling = \"Billing\"\n# the end\n";
    let text = proposed(&pair, &pair.mirror(asked).0);
    assert!(
        text.contains("# Support = \"…\"  # ask: which?\nSupport = \"Support\"       # sure: the same name\nBilling"),
        "{text}"
    );
}

#[test]
fn a_table_in_one_line_is_told_and_not_broken() {
    let pair = boats();
    for more in ["map = { status = { new = \"new\" } }\n", "[map]\nstatus = { new = \"new\" }\n", "[map]\nstatus.new = \"new\"\n"]
    {
        let base = pair.mirror("").0;
        let text = if more.starts_with("map") { format!("{more}{base}") } else { format!("{base}{more}") };
        let mirror = file::parse("pair.toml", &text).expect("it is right");
        let said = page::add(&text, &mirror, propose(&mirror.config, &pair.ends)).expect_err("nothing can be added");
        assert!(said.contains("[map.status]"), "{said}");
    }
}

#[test]
fn line_ends_stay_as_they_are() {
    let pair = boats();
    let text = pair.mirror("").0.replace('\n', "\r\n");
    let proposed = proposed(&pair, text.trim_end());
    assert!(proposed.lines().count() > 50 && proposed.matches('\n').count() == proposed.matches("\r\n").count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_lines_are_taken_out_the_others_stay(taken in proptest::collection::vec(any::<bool>(), 120)) {
        let pair = boats();
        let base = pair.mirror("").0;
        let full = proposed(&pair, &base);
        let keeps = |(at, line): &(usize, &str)| *at < base.lines().count() || line.starts_with('[') || !taken[at % taken.len()];
        let cut: String = full.lines().enumerate().filter(keeps).map(|(_, line)| format!("{line}\n")).collect();
        let again = proposed(&pair, &cut);
        prop_assert!(holds(&again, &cut), "{}", again);
        prop_assert_eq!(proposed(&pair, &again), again);
    }
}
