//! Mirrors from RT, and deliveries signed as the scrip of `deploy/request-tracker` signs them.

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::house::House;

/// What every mirror of [`rt_mirror`] takes beside its own secret, as after a rotation.
pub const FORMER_SECRET: &str = "last month's";

/// A mirror file from RT to Zendesk whose webhooks are signed with `secret`.
pub fn rt_mirror(house: &House, name: &str, secret: &str, gateway: SocketAddr) -> String {
    let secrets = house.scratch.path().display();
    std::fs::write(house.scratch.path().join(name), secret).expect("a new file");
    std::fs::write(house.scratch.path().join("former"), FORMER_SECRET).expect("a new file");
    format!(
        r#"name = "{name}"
[source]
vendor = "request-tracker"
url = "{rt}"
auth = {{ kind = "token", token = {{ file = "{secrets}/rt" }} }}
user = "gateway"
webhook = {{ public-url = "http://{gateway}", secret = {{ file = "{secrets}/{name}" }}, previous-secret = {{ file = "{secrets}/former" }} }}
poll = {{ every = "1h" }}
allow-private-addresses = true
[target]
vendor = "zendesk"
url = "{zendesk}"
auth = {{ kind = "oauth", client-id = "sim-client", client-secret = {{ file = "{secrets}/zendesk" }} }}
webhook = false
allow-private-addresses = true
[policy]
silence = "admin-rule"
[map.status]
new = "new"
[map.priority]
"*" = "normal"
[map.group]
"*" = "Support"
[map.fields]
"custom:*" = "ignore"
"#,
        rt = house.target.url,
        zendesk = house.source.url,
    )
}

/// A transaction as the scrip sends it.
pub fn transaction(id: usize) -> Vec<u8> {
    let at = "2026-11-20T08:00:00Z";
    let body = json!({
        "ticket": {"id": 12},
        "transactions": [{"id": id, "ticket_id": 12, "type": "Correspond", "creator": "alice", "created": at}],
    });
    body.to_string().into_bytes()
}

/// The headers of a body sent at `seconds` of the era.
pub fn signed(secret: &str, seconds: i64, body: &[u8]) -> [(&'static str, String); 2] {
    let time = seconds.to_string();
    let hex = hex::encode(mac(secret, &[time.as_bytes(), b".", body]));
    [("x-rt-signature", format!("sha256={hex}")), ("x-rt-timestamp", time)]
}

/// HMAC-SHA256 of the parts, one after the other.
pub fn mac(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}
