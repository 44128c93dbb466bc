//! Mirror files and settings as an admin writes them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, FromArgMatches};
use proptest::prelude::*;
use tidegate::config::file::{MirrorFile, load, parse};
use tidegate::config::mirror::{Auth, FORM, MirrorConfig};
use tidegate::config::mistake::{Mistake, Place, Weight, refuses};
use tidegate::config::secret::{NoSecret, SecretRef, resolve_secrets};
use tidegate::config::settings::Settings;
use tidegate::config::values::check_values;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::mapping::Mapped;
use tidegate::desk::policy::{Conflict, Guard, Silence};
use tidegate::desk::schema::{FieldKind, FieldSchema, Schema};

/// Right, and as short as can be.
const SHORT: &str = r#"name = "acme"
[source]
vendor = "zendesk"
url = "https://acme.zendesk.com"
auth = { kind = "oauth", client-id = "c", client-secret = { env = "ZENDESK_SECRET" } }
webhook = false
[target]
vendor = "zendesk"
url = "https://other.zendesk.com"
auth = { kind = "api-token", email = "a@acme.example", token = { env = "TOKEN" } }
webhook = false
"#;

fn examples() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples")).expect("the examples are there");
    folder
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect()
}

fn told(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("{mistake}\n")).collect()
}

fn right(text: &str) -> MirrorFile {
    parse("acme.toml", text).unwrap_or_else(|mistakes| panic!("{}", told(&mistakes)))
}

fn wrong(text: &str) -> Vec<Mistake> {
    parse("acme.toml", text).expect_err("a file with mistakes")
}

fn with(more: &str) -> String {
    format!("{SHORT}{more}")
}

#[test]
fn every_example_file_is_right() {
    let files = examples();
    assert!(files.len() >= 3, "{files:?}");
    for path in files {
        let file = load(&path).unwrap_or_else(|mistakes| panic!("{}", told(&mistakes)));
        let json = serde_json::to_string(&file.config).expect("plain data");
        assert_eq!(serde_json::from_str::<MirrorConfig>(&json).expect("what we wrote"), file.config);
    }
}

#[test]
fn a_short_file_gets_careful_defaults() {
    let config = right(SHORT).config;
    assert_eq!(config.form, FORM);
    assert_eq!(config.source.url, "https://acme.zendesk.com");
    assert_eq!(config.source.poll.every, Duration::from_secs(60));
    assert_eq!(config.source.budget.share, 70);
    assert!(!config.source.allow_private_addresses);
    assert_eq!(config.policy.conflict, Conflict::SourceWins);
    assert_eq!(config.policy.silence, Silence::Proven);
    assert!(!config.scope.spam && !config.scope.suspended);
    assert!(matches!(config.target.auth, Auth::ApiToken { .. }));
}

#[test]
fn presets_and_guards_are_read() {
    let with = |policy: &str| format!("{SHORT}\n[policy]\n{policy}\n");
    let policy = |text: &str| right(&with(text)).config.policy;
    for (line, conflict) in [
        ("preset = \"old-leads\"", Conflict::SourceWins),
        ("preset = \"new-leads\"", Conflict::TargetWins),
        ("preset = \"ask\"", Conflict::Ask),
        ("conflict = \"newest-wins\"", Conflict::NewestWins),
        ("preset = \"ask\"\nconflict = \"newest-wins\"", Conflict::NewestWins),
    ] {
        assert_eq!(policy(line).conflict, conflict, "{line}");
    }
    assert_eq!((policy("").guard, policy("guard = \"ask\"").guard), (Guard::Merge, Guard::Ask));
    let waits = policy("guard = \"wait\"");
    assert_eq!((waits.guard, waits.guard_for), (Guard::Wait, Duration::from_secs(900)));
    assert_eq!(policy("guard = \"wait\"\nguard-for = \"2h\"").guard_for, Duration::from_secs(7200));
    for (line, meant) in [
        ("preset = \"new-lead\"", "did you mean \"new-leads\"?"),
        ("guard = \"wiat\"", "did you mean \"wait\"?"),
        ("guard-for = \"15m\"", "write `guard = \"wait\"` too"),
        ("guard = \"wait\"\nguard-for = \"3d\"", "write a length between"),
    ] {
        let text = told(&wrong(&with(line)));
        assert!(text.contains(meant), "{line}: {text}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_each_at_its_line() {
    let mistakes = wrong(
        r#"name = "Acme Inc"
[source]
vendor = "zendsk"
url = "acme.zendesk.com"
auth = { kind = "token", token = "1-27-verysecret" }
webhook = { public-url = "https://gateway.example.com", tolerance = "soon" }
pol = { every = "60s" }
[target]
vendor = "request-tracker"
url = "https://admin:verysecret@rt.example.com"
auth = { kind = "oauth", client-id = "x", client-secret = { env = "not a name" } }
webhook = true
[scope]
created-after = "2024-01-01"
tags = ["vip", 7]
[policy]
conflict = "sourcewins"
destructive-limit = { count = -1 }
[policy.fields]
statsu = "ask"
[map.fields]
"custom:A" = "priority"
"custom:B" = "priority"
"#,
    );
    let lines: BTreeSet<usize> = mistakes.iter().filter_map(|mistake| mistake.at).map(|at| at.line).collect();
    let text = told(&mistakes);
    for line in [1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 15, 17, 18, 20, 23] {
        assert!(lines.contains(&line), "line {line} is not told:\n{text}");
    }
    assert!(!text.contains("verysecret"), "{text}");
    for meant in
        ["did you mean \"zendesk\"?", "did you mean `poll`?", "did you mean \"status\"?", "did you mean \"source-wins\"?"]
    {
        assert!(text.contains(meant), "{meant} in:\n{text}");
    }
    assert!(mistakes.is_sorted_by_key(|mistake| mistake.at));
}

#[test]
fn a_mistake_reads_as_a_place_what_is_wrong_and_what_is_right() {
    let mistakes =
        wrong(&SHORT.replace("vendor = \"zendesk\"\nurl = \"https://acme", "vendor = \"zendsk\"\nurl = \"https://acme"));
    assert_eq!(
        told(&mistakes),
        "acme.toml:3:10: \"zendsk\" is no vendor that Tidegate knows\n    did you mean \"zendesk\"? write \"zendesk\" or \"request-tracker\"\n"
    );
}

#[test]
fn broken_toml_is_told_with_its_lines_and_nothing_is_called_missing_that_may_be_there() {
    let mistakes = wrong("name = \"acme\"\nname = \"acme\"\nscope = late\n[source\nurl = \"https://x.example\"\n");
    let lines: Vec<usize> = mistakes.iter().filter_map(|mistake| mistake.at).map(|at| at.line).collect();
    assert!([2, 3, 4].iter().all(|line| lines.contains(line)), "{}", told(&mistakes));
    assert!(!told(&mistakes).contains("missing"), "{}", told(&mistakes));
    assert!(
        parse("acme.toml", "").expect_err("an empty file").iter().any(|mistake| mistake.what.contains("`source` is missing"))
    );
}

#[test]
fn no_text_makes_the_reader_stop() {
    for text in [
        "\u{feff}",
        "\0",
        "[",
        "=",
        "a = {",
        "[[source]]",
        "source = 1",
        "[map.fields]\n\"\" = \"\"",
        "é = \"",
        "[map]\nstatus = 3",
    ] {
        assert!(!wrong(text).is_empty(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_damaged_file_is_read_to_its_end(at in 0usize..12_000, cut in 0usize..40, put in "[\\[\\]{}=\"'#.,\\\\\na-z0-9é*-]{0,6}") {
        for path in examples() {
            let mut text = std::fs::read_to_string(path).expect("a readable file");
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            let (from, to) = (at % places.len(), (at % places.len() + cut).min(places.len() - 1));
            text.replace_range(places[from]..places[to], &put);
            if let Err(mistakes) = parse("damaged.toml", &text) {
                let lines = text.lines().count() + 1;
                prop_assert!(!mistakes.is_empty());
                prop_assert!(mistakes.iter().all(|mistake| mistake.at.is_some_and(|at| at.line >= 1 && at.line <= lines)));
            }
        }
    }
}

#[test]
fn each_vendor_asks_for_what_it_needs_and_refuses_what_it_has_no_use_for() {
    let zendesk = "kind = \"oauth\", client-id = \"c\", client-secret";
    let text =
        SHORT.replacen("vendor = \"zendesk\"", "vendor = \"request-tracker\"", 1).replacen(zendesk, "kind = \"token\", token", 1);
    assert!(told(&wrong(&text)).contains("`user` is missing in `source`"));
    let hook = text.replacen("webhook = false", "webhook = { public-url = \"https://g.example\" }", 1);
    assert!(told(&wrong(&hook)).contains("`secret` is missing in `source.webhook`"));
    assert!(told(&wrong(&with("tags-field = \"Tags\"\n"))).contains("acme.toml:12:1: `tags-field` means nothing for zendesk"));
}

#[test]
fn what_would_do_harm_is_refused() {
    let same = SHORT.replace("other.zendesk.com", "acme.zendesk.com/");
    assert!(told(&wrong(&same)).contains("the same desk"));
    let clear = SHORT.replace("https://other", "http://other");
    assert!(told(&wrong(&clear)).contains("over http"));
    right(&clear.replacen("[target]", "[target]\nallow-private-addresses = true", 1));
    let useless = with("[map.form]\na = \"b\"\n[map.fields]\nform = \"ignore\"\n");
    assert!(told(&wrong(&useless)).contains("its table means nothing"));
}

#[test]
fn a_stored_mirror_of_another_form_is_not_guessed_at() {
    let config = right(SHORT).config;
    let mut json = serde_json::to_value(&config).expect("plain data");
    assert_eq!(MirrorConfig::stored("acme", json.clone()), Ok(config));
    assert!(!json.to_string().contains("places"));
    json["form"] = 99.into();
    let told = MirrorConfig::stored("acme", json).expect_err("a newer form");
    assert!(told.starts_with("mirror `acme` is stored in form 99"), "{told}");
}

#[test]
fn a_secret_that_is_not_there_is_told_with_its_setting_and_line() {
    let file =
        right(&SHORT.replace("ZENDESK_SECRET", "TIDEGATE_NO_SUCH").replace("{ env = \"TOKEN\" }", "{ file = \"/no/such\" }"));
    let mistakes = resolve_secrets(&file.config, &file.places).expect_err("neither is there");
    let text = told(&mistakes);
    assert!(text.contains("acme.toml:5:"), "{text}");
    assert!(
        text.contains("`source.auth.client-secret` cannot be used: the environment variable TIDEGATE_NO_SUCH is not set"),
        "{text}"
    );
    assert!(text.contains("`target.auth.token` cannot be used: the file /no/such cannot be read"), "{text}");
}

#[test]
fn a_secret_is_read_without_the_line_end_of_its_file() {
    let path = std::env::temp_dir().join(format!("tidegate-secret-{}", uuid::Uuid::new_v4()));
    std::fs::write(&path, "s3cret\r\n").expect("a writable temporary folder");
    assert_eq!(SecretRef::File(path.clone()).load().expect("a secret").expose(), "s3cret");
    std::fs::write(&path, "\n").expect("a writable temporary folder");
    assert_eq!(SecretRef::File(path.clone()).load(), Err(NoSecret::Blank(SecretRef::File(path.clone()))));
    std::fs::remove_file(&path).expect("our own file");
}

#[test]
fn the_mapping_of_a_file_speaks_the_words_of_both_desks() {
    let text = "[map.status]\nhold = \"stalled\"\n\"*\" = \"open\"\n[map.fields]\n\"custom:Area\" = \"custom:Team\"\nform = \"ignore\"\n";
    let mapping = right(&with(text)).config.mapping;
    assert_eq!(mapping.value(&FieldKey::Status, &Value::text("hold")), Mapped::Value(Value::text("stalled")));
    assert_eq!(mapping.value(&FieldKey::Status, &Value::text("new")), Mapped::Value(Value::text("open")));
    assert_eq!(mapping.field(&FieldKey::custom("Area")), Some(&FieldKey::custom("Team")));
    assert_eq!(mapping.field(&FieldKey::custom("Other")), None);
    assert_eq!(mapping.field(&FieldKey::Form), None);
    assert_eq!(mapping.field(&FieldKey::Subject), Some(&FieldKey::Subject));
}

fn choice(options: &[&str]) -> FieldSchema {
    let options = options.iter().map(|option| option.to_string()).collect();
    FieldSchema { kind: FieldKind::Choice, options: Some(options), required: false }
}

fn schema(fields: &[(&str, FieldSchema)]) -> Schema {
    let field = |(word, field): &(&str, FieldSchema)| (word.parse().expect("a field"), field.clone());
    Schema { fields: fields.iter().map(field).collect() }
}

#[test]
fn values_of_both_desks_are_held_against_the_file() {
    let file = right(&with(
        "[scope]\ngroups = [\"Suport\"]\n[map.status]\nnew = \"new\"\nopen = \"opne\"\nwaiting = \"stalled\"\n[map.fields]\n\"custom:Gone\" = \"custom:Team\"\n",
    ));
    let source = schema(&[
        ("status", choice(&["new", "open", "hold"])),
        ("group", choice(&["Support"])),
        ("brand", choice(&["Acme"])),
        ("custom:Area", choice(&["shop"])),
    ]);
    let target = schema(&[("status", choice(&["new", "open", "stalled"])), ("group", choice(&["Support", "Billing"]))]);
    let mistakes = check_values(&file.config, &file.places, &source, &target);
    let text = told(&mistakes);
    for part in [
        "acme.toml:13:1: the source has no value \"Suport\" for this\n    did you mean \"Support\"?",
        "acme.toml:16:1: the target has no value \"opne\" for this\n    did you mean \"open\"?",
        "acme.toml:17:1: the source has no value \"waiting\" for this",
        "values of the source's \"status\" have no counterpart: \"hold\"",
        "the source has no field \"custom:Gone\" that our user may see",
        "the target has no field \"custom:Team\" that our user may see",
        "the target has no field \"brand\" for the source's, or our user may not see it",
        "the source's field \"custom:Area\" is neither carried nor ignored",
        "note: values of the target's \"group\" that no value of the source becomes: \"Billing\"",
    ] {
        assert!(text.contains(part), "{part}\nin:\n{text}");
    }
    assert!(refuses(&mistakes));
}

fn free(kind: FieldKind) -> FieldSchema {
    FieldSchema { kind, options: None, required: false }
}

/// The fields that every desk has, in the kinds that both vendors give them.
fn desk(more: &[(&str, FieldSchema)]) -> Schema {
    let shared = [
        ("subject", free(FieldKind::Text)),
        ("assignee", free(FieldKind::Person)),
        ("requester", free(FieldKind::Person)),
        ("cc", free(FieldKind::People)),
        ("followers", free(FieldKind::People)),
        ("tags", free(FieldKind::Words)),
        ("due", free(FieldKind::DateTime)),
    ];
    schema(&[&shared, more].concat())
}

fn zendesk() -> Schema {
    desk(&[
        ("status", choice(&["new", "open", "pending", "hold", "solved", "closed"])),
        ("priority", choice(&["low", "normal", "high", "urgent"])),
        ("type", choice(&["problem", "incident", "question", "task"])),
        ("group", choice(&["Support", "Billing", "Finance"])),
        ("brand", choice(&["Acme"])),
        ("form", choice(&["Default"])),
        ("organisation", free(FieldKind::Text)),
        ("custom:Product area", choice(&["web_shop", "mobile_app"])),
        ("custom:Severity", free(FieldKind::Text)),
        ("custom:Internal", free(FieldKind::Checkbox)),
    ])
}

fn request_tracker() -> Schema {
    desk(&[
        ("status", choice(&["new", "open", "stalled", "resolved", "rejected", "deleted"])),
        ("priority", free(FieldKind::Integer)),
        ("group", choice(&["Support", "Billing", "Customer Care"])),
        ("custom:Type", free(FieldKind::Text)),
        ("custom:Company", free(FieldKind::Text)),
        ("custom:Products", choice(&["shop", "app"])),
        ("custom:Severity", free(FieldKind::Text)),
        ("custom:Legacy Id", free(FieldKind::Text)),
    ])
}

#[test]
fn the_examples_fit_desks_that_have_what_they_name() {
    for path in examples() {
        let file = load(&path).unwrap_or_else(|mistakes| panic!("{}", told(&mistakes)));
        let schema_of = |vendor: &str| if vendor == "zendesk" { zendesk() } else { request_tracker() };
        let (mut source, target) = (schema_of(&file.config.source.vendor), schema_of(&file.config.target.vendor));
        if file.config.name != "rt-move" {
            source.fields.get_mut(&FieldKey::Group).expect("a group").options = Some(["Support".into(), "Billing".into()].into());
        }
        let mistakes = check_values(&file.config, &file.places, &source, &target);
        assert!(!refuses(&mistakes), "{}", told(&mistakes));
    }
}

#[test]
fn kinds_that_cannot_hold_each_other_need_a_table() {
    let (source, target) = (schema(&[("priority", choice(&["low"]))]), schema(&[("priority", free(FieldKind::Integer))]));
    let told_of = |more: &str| {
        let file = right(&with(more));
        told(&check_values(&file.config, &file.places, &source, &target))
    };
    assert!(
        told_of("")
            .contains("\"priority\" is a choice of one and \"priority\" is a whole number\n    write a table [map.priority]")
    );
    assert_eq!(told_of("[map.priority]\nlow = \"20\"\n"), "");
    let people = schema(&[("assignee", free(FieldKind::Person)), ("custom:Area", free(FieldKind::Text))]);
    let file = right(&with("[map.fields]\nassignee = \"custom:Area\"\n\"custom:Area\" = \"ignore\"\n"));
    assert!(told(&check_values(&file.config, &file.places, &people, &people)).contains("is a person and"));
}

#[test]
fn a_file_that_fits_both_desks_has_nothing_against_it() {
    let both = schema(&[("status", choice(&["new", "open"])), ("custom:Area", choice(&["shop"]))]);
    let file = right(&with("[map.fields]\n\"custom:*\" = \"custom:*\"\n"));
    assert_eq!(check_values(&file.config, &file.places, &both, &both), Vec::new());
    let ignoring = right(&with("[map.fields]\n\"custom:*\" = \"ignore\"\n"));
    assert_eq!(
        check_values(&ignoring.config, &ignoring.places, &both, &schema(&[("status", choice(&["new", "open"]))])),
        Vec::new()
    );
}

#[test]
fn a_mistake_about_a_stored_mirror_has_no_line() {
    let file = right(SHORT);
    let empty = Schema::default();
    let one = schema(&[("status", choice(&["new"]))]);
    let mistakes = check_values(&file.config, &Default::default(), &one, &empty);
    assert_eq!(mistakes.iter().map(|mistake| (mistake.weight, mistake.at)).collect::<Vec<_>>(), [(Weight::Wrong, None::<Place>)]);
}

#[test]
fn settings_come_from_flags_with_defaults_and_hide_the_password() {
    let command = Settings::augment_args(clap::Command::new("tidegate"));
    let given = ["tidegate", "--database-url", "postgres://u:pass@h/d", "--listen", "0.0.0.0:9000", "--workers", "3"];
    let matches = command.clone().try_get_matches_from(given).expect("settings");
    let settings = Settings::from_arg_matches(&matches).expect("settings");
    assert_eq!((settings.listen.port(), settings.workers, settings.log.as_str()), (9000, 3, "info"));
    assert_eq!(settings.database_url().map(|url| url.expose()), Some("postgres://u:pass@h/d"));
    assert!(!format!("{settings:?}").contains("pass"));
    assert!(command.try_get_matches_from(["tidegate", "--workers", "0"]).is_err());
}
