//! Laws of code that waits for nothing.

use chrono::DateTime;
use proptest::prelude::*;
use tidegate::desk::body::Body;
use tidegate::desk::field::Value;
use tidegate::merge::attribution::{Byline, strip, strip_any};
use tidegate::merge::digest::words;
use tidegate::merge::field::{Decision, Three, Winner, decide};

fn winner() -> impl Strategy<Value = Winner> {
    prop_oneof![Just(Winner::Lead), Just(Winner::Follow), Just(Winner::Ask)]
}

fn one() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Empty), "[ab]".prop_map(Value::text)]
}

fn set() -> impl Strategy<Value = Value> {
    proptest::collection::btree_set("[a-e]", 0..4).prop_map(Value::set)
}

fn of<'a>(base: Option<&'a (Value, Value)>, lead: &'a Value, follow: &'a Value) -> Three<'a> {
    let wanted_before = base.map(|(lead, _)| lead);
    Three { base: base.map(|(lead, follow)| (lead, follow)), lead, wanted: lead, wanted_before, follow, is_own: false }
}

proptest! {
    #[test]
    fn our_line_comes_off_exactly(
        name in "[A-Za-z .'-]{1,20}[a-z]",
        text in "[a-z0-9 .,:\n]{0,60}",
        (html, publicly) in any::<(bool, bool)>(),
        at in 0..4_000_000_000i64,
    ) {
        let at = DateTime::from_timestamp(at, 0).expect("a time");
        let byline = Byline { name: &name, email: Some("jane@example.org"), at, publicly };
        let body = if html { Body::Html(format!("<p>{text}</p>")) } else { Body::Text(text) };
        let (plain, put) = (words(&body), words(&byline.put(&body)));
        prop_assert_eq!(strip(&put, &byline.line()), plain.as_str());
        prop_assert_eq!(strip_any(&put), Some(plain.as_str()));
        prop_assert_eq!(strip(&plain, &byline.line()), plain.as_str());
    }

    #[test]
    fn what_was_decided_is_decided_once(base in proptest::option::of((one(), one())), lead in one(), follow in one(), winner in winner()) {
        if let Decision::Write(written) | Decision::Conflict { write: Some(written), .. } = decide(of(base.as_ref(), &lead, &follow), || winner) {
            let agreed = (lead.clone(), written.clone());
            prop_assert_eq!(decide(of(Some(&agreed), &lead, &written), || winner), Decision::Leave);
        }
    }

    #[test]
    fn a_change_of_the_following_desk_alone_stays(lead in one(), before in one(), follow in one(), winner in winner()) {
        let base = (lead.clone(), before);
        prop_assert_eq!(decide(of(Some(&base), &lead, &follow), || winner), Decision::Leave);
    }

    #[test]
    fn no_element_of_the_following_desk_is_lost(base in set(), lead in set(), added in "[v-z]", winner in winner()) {
        let agreed = (base.clone(), base.clone());
        let follow = Value::set(base.words().into_iter().map(str::to_string).chain([added.clone()]));
        match decide(of(Some(&agreed), &lead, &follow), || winner) {
            Decision::Write(merged) => {
                let expected = Value::set(lead.words().into_iter().map(str::to_string).chain([added]));
                prop_assert_eq!(merged, expected);
            }
            other => prop_assert!(matches!(other, Decision::Leave | Decision::Agree)),
        }
    }
}
