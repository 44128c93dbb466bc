//! Proof of deliveries: what is signed with the mirror's own secret, lately, and whole is taken; all else is refused in words.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tidegate::connectors::delivery::{Delivery, Encoding, Rejection, Scheme, TimeFormat, Verified};
use tidegate::intake::diagnose::{Suspects, diagnose};
use tidegate::secret::Secret;

use crate::world::scrip::mac;

/// Zendesk's published secret for trying out webhooks that do not exist yet; the text itself is the key.
const PUBLIC: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
/// A signed body from the tests of the client library aaronellington/zendesk-go, with its time and signature.
const BODY: &[u8] = include_bytes!("../recorded/zendesk/signed-user-group-membership-created.json");
const TIME: &str = "1234";
const SIGNATURE: &str = "10IqYzYTLHRftNsNE+im0DeOM6/JactIRuy0XCHJ9B8=";
const TOLERANCE: Duration = Duration::from_secs(300);

/// As documented by Zendesk, but with a time that the vector above has.
const SCHEME: Scheme = Scheme {
    signature: "x-zendesk-webhook-signature",
    encoding: Encoding::Base64,
    time: "x-zendesk-webhook-signature-timestamp",
    time_format: TimeFormat::UnixSeconds,
    separator: "",
    public_secrets: &[],
    busy_status: 503,
};

#[test]
fn a_vector_of_another_implementation_is_proved() {
    let verified = check(&SCHEME, signed(), &[PUBLIC]).expect("the signature is right");
    assert_eq!(verified.body(), BODY);
    assert_eq!(verified.delivery().header(SCHEME.time), Some(TIME));
}

#[test]
fn the_public_test_secret_proves_nothing() {
    let scheme = Scheme { public_secrets: &[PUBLIC], ..SCHEME };
    assert_eq!(refused(&scheme, signed(), &["our own"]), Rejection::PublicSecret);
    assert_eq!(refused(&scheme, signed(), &[PUBLIC]), Rejection::PublicSecret, "also if somebody configured it");
}

#[test]
fn both_secrets_of_a_rotation_are_good() {
    for secrets in [[PUBLIC, "the new one"], ["the new one", PUBLIC]] {
        assert!(check(&SCHEME, signed(), &secrets).is_ok());
    }
    assert_eq!(refused(&SCHEME, signed(), &["the new one", "a newer one"]), Rejection::Forged);
}

#[test]
fn without_a_secret_nothing_is_proved() {
    assert_eq!(refused(&SCHEME, signed(), &[]), Rejection::NoSecret);
}

#[test]
fn an_empty_secret_is_none() {
    // HMAC-SHA256 of the vector's time and body with an empty key, which anyone can compute.
    let delivery = with(SCHEME.signature, "BzOcQc326wNKS9Iyc0M2leKZlqwFpcbc39nPkx5e+0E=");
    assert_eq!(refused(&SCHEME, delivery.clone(), &[""]), Rejection::NoSecret);
    assert_eq!(refused(&SCHEME, delivery, &["", "our own"]), Rejection::Forged);
}

#[test]
fn a_changed_body_time_or_signature_is_forged() {
    let truncated = Delivery { body: Bytes::from_static(&BODY[..BODY.len() - 1]), ..signed() };
    let lengthened = Delivery { body: [BODY, b"\n"].concat().into(), ..signed() };
    let empty = Delivery { body: Bytes::new(), ..signed() };
    let not_text = Delivery { body: Bytes::from_static(&[0xff, 0xfe, 0x00]), ..signed() };
    let later = with(SCHEME.time, "1235");
    let other = with(SCHEME.signature, "00IqYzYTLHRftNsNE+im0DeOM6/JactIRuy0XCHJ9B8=");
    let shortened = with(SCHEME.signature, "10IqYzYTLHRftNsNE+im0A==");
    let unsigned = with(SCHEME.signature, "");
    for delivery in [truncated, lengthened, empty, not_text, later, other, shortened, unsigned] {
        assert_eq!(refused(&SCHEME, delivery, &[PUBLIC]), Rejection::Forged);
    }
}

#[test]
fn a_missing_header_is_named() {
    for name in [SCHEME.signature, SCHEME.time] {
        let mut delivery = signed();
        delivery.headers.retain(|(header, _)| header != name);
        assert_eq!(refused(&SCHEME, delivery, &[PUBLIC]), Rejection::NoHeader(name));
    }
}

#[test]
fn an_unreadable_header_is_named() {
    let unreadable = [(SCHEME.signature, "not base64!"), (SCHEME.time, "yesterday"), (SCHEME.time, "99999999999999999999")];
    for (name, value) in unreadable {
        assert_eq!(refused(&SCHEME, with(name, value), &[PUBLIC]), Rejection::BadHeader(name));
    }
}

#[test]
fn a_delivery_is_good_up_to_the_tolerance_on_both_sides() {
    let sent = sent_at();
    let at = |now| SCHEME.check(signed(), &[Secret::new(PUBLIC)], now, TOLERANCE);
    for seconds in [-300, 0, 300] {
        assert!(at(sent + TimeDelta::seconds(seconds)).is_ok(), "{seconds} s");
    }
    for seconds in [-301, 301] {
        let rejection = at(sent + TimeDelta::seconds(seconds)).expect_err("too far away");
        assert_eq!(rejection, Rejection::Stale { seconds, limit: 300 });
    }
}

#[test]
fn a_forged_delivery_learns_nothing_about_our_clock() {
    let delivery = with(SCHEME.signature, "00IqYzYTLHRftNsNE+im0DeOM6/JactIRuy0XCHJ9B8=");
    let long_after = sent_at() + TimeDelta::days(1);
    let rejection = SCHEME.check(delivery, &[Secret::new(PUBLIC)], long_after, TOLERANCE).expect_err("forged");
    assert_eq!(rejection, Rejection::Forged);
}

/// `printf '1234.hello' | openssl dgst -sha256 -hmac secret`
#[test]
fn hexadecimal_with_prefix_and_separator_is_a_scheme_too() {
    let scheme = Scheme { encoding: Encoding::Hex("sha256="), separator: ".", ..SCHEME };
    let hex = "34cc2c3b03c799f7e4ca3ecb6fc8322f8c17956eefed6aff4b222cefd1fddb74";
    let delivery = |signature: String| Delivery { body: Bytes::from_static(b"hello"), ..with(SCHEME.signature, &signature) };
    assert!(check(&scheme, delivery(format!("sha256={hex}")), &["secret"]).is_ok());
    assert!(check(&scheme, delivery(format!("sha256={}", hex.to_uppercase())), &["secret"]).is_ok());
    let odd = [hex.to_string(), format!("sha1={hex}"), format!("sha256={}", &hex[1..]), "sha256=zz".into()];
    for signature in odd {
        assert_eq!(refused(&scheme, delivery(signature), &["secret"]), Rejection::BadHeader(SCHEME.signature));
    }
}

#[test]
fn a_time_as_zendesk_writes_it_is_read() {
    let scheme = Scheme { time_format: TimeFormat::Rfc3339, ..SCHEME };
    let delivery = with(SCHEME.time, "2021-03-25T05:09:27Z");
    assert_eq!(refused(&scheme, delivery, &[PUBLIC]), Rejection::Forged, "the time was read, and is not the signed one");
    assert_eq!(refused(&scheme, signed(), &[PUBLIC]), Rejection::BadHeader(SCHEME.time));
}

#[test]
fn refusals_tell_an_admin_what_to_look_at_and_no_secret() {
    let secret = "the secret of this mirror";
    let words = refused(&SCHEME, with(SCHEME.time, "1235"), &[secret]).to_string();
    assert!(words.contains("another secret") && words.contains("another mirror") && words.contains("proxy"), "{words}");
    assert!(!words.contains(secret));
}

#[test]
fn why_a_signature_does_not_match_is_found_out_as_far_as_it_can_be() {
    let secrets = |words: &[&str]| words.iter().map(|word| Secret::new(*word)).collect::<Vec<_>>();
    let suspects = |known: &[&str], retired: &[&str], other: &str| Suspects {
        known: secrets(known),
        retired: secrets(retired),
        others: vec![("umbrella".to_string(), secrets(&[other]))],
    };
    let found = |delivery: Delivery, suspects: Suspects| diagnose(&SCHEME, &delivery, &suspects);
    assert_eq!(found(signed(), suspects(&["new"], &[PUBLIC], "x")), Rejection::FormerSecret);
    assert_eq!(found(signed(), suspects(&["new"], &[], PUBLIC)), Rejection::OtherMirror("umbrella".to_string()));
    assert_eq!(found(signed(), suspects(&["new"], &[], "x")), Rejection::Forged);
    let json: serde_json::Value = serde_json::from_slice(BODY).expect("JSON");
    let other = Delivery { body: serde_json::to_vec(&json["detail"]).expect("JSON").into(), ..signed() };
    assert_eq!(found(other, suspects(&[PUBLIC], &[], "x")), Rejection::Forged);
    let changed = |body: &[u8]| found(Delivery { body: Bytes::copy_from_slice(body), ..signed() }, suspects(&[PUBLIC], &[], "x"));
    let without_end = BODY.trim_ascii_end();
    assert_eq!(changed(without_end), Rejection::BodyChanged("with another end of its last line"));
}

#[test]
fn json_that_was_written_anew_is_recognised_by_what_it_was() {
    let scheme = Scheme { encoding: Encoding::Hex("sha256="), separator: ".", ..SCHEME };
    let found = |sent: &str, came: &str| {
        let signature = format!("sha256={}", hex::encode(mac("secret", &[b"1234.", sent.as_bytes()])));
        let delivery = Delivery { body: Bytes::copy_from_slice(came.as_bytes()), ..with(SCHEME.signature, &signature) };
        diagnose(&scheme, &delivery, &Suspects { known: vec![Secret::new("secret")], retired: Vec::new(), others: Vec::new() })
    };
    let packed = r#"{"b":"ä/","a":[1,2]}"#;
    let spaced = r#"{"b": "ä/", "a": [1, 2]}"#;
    assert_eq!(found(packed, spaced), Rejection::BodyChanged("without white space between the parts of its JSON"));
    assert_eq!(found(spaced, packed), Rejection::BodyChanged("with white space between the parts of its JSON"));
    let escaped = r#"{"b":"\u00e4\/","a":[1,2]}"#;
    assert_eq!(found(packed, escaped), Rejection::BodyChanged("with other escapes in its JSON"));
    let sorted = r#"{"a":[1,2],"b":"ä/"}"#;
    assert_eq!(found(sorted, packed), Rejection::BodyChanged("with the keys of its JSON in another order"));
    assert_eq!(found(packed, r#"{"b":"ö/","a":[1,2]}"#), Rejection::Forged, "other words are another body");
}

fn signed() -> Delivery {
    let headers = [(SCHEME.signature, SIGNATURE), (SCHEME.time, TIME)];
    Delivery { headers: headers.map(|(name, value)| (name.into(), value.into())).to_vec(), body: Bytes::from_static(BODY) }
}

/// The signed delivery with another value in one header.
fn with(name: &str, value: &str) -> Delivery {
    let mut delivery = signed();
    let header = delivery.headers.iter_mut().find(|(header, _)| header == name).expect("a header of the scheme");
    header.1 = value.into();
    delivery
}

fn sent_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1234, 0).expect("a time")
}

fn check(scheme: &Scheme, delivery: Delivery, secrets: &[&str]) -> Result<Verified, Rejection> {
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    scheme.check(delivery, &secrets, sent_at(), TOLERANCE)
}

fn refused(scheme: &Scheme, delivery: Delivery, secrets: &[&str]) -> Rejection {
    check(scheme, delivery, secrets).expect_err("this proves nothing")
}
