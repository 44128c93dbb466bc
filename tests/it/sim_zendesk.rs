//! The simulated Zendesk keeps what Zendesk's documents promise, asked over HTTP as any client would.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::sim::server::{self, Options, Running};
use tidegate::sim::stage::{Action, File, Text, Who};

pub const ADMIN: (&str, &str) = ("admin@sim.example/token", "sim-token");

pub struct Desk {
    pub running: Running,
    pub clock: Clock,
    pub http: reqwest::Client,
}

impl Desk {
    pub async fn start() -> Self {
        Self::with(Options { clock: Clock::fixed(noon()), ..Options::default() }).await
    }

    pub async fn with(options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = options.clock.clone();
        let running = server::start("zendesk", any_port(), options).await.unwrap();
        Self { running, clock, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let url = if path.starts_with("http") { path.to_string() } else { format!("{}{path}", self.running.url) };
        let request = self.http.request(method, url).basic_auth(ADMIN.0, Some(ADMIN.1));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// Status and body of a call.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let answer = self.send(method, path, Some(body)).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, None).await;
        assert_eq!(answer.status(), 200, "GET {path}");
        answer.json().await.unwrap()
    }

    pub async fn put(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::PUT, path, body).await;
        assert_eq!(status, 200, "PUT {path}: {answer}");
        answer
    }

    pub async fn create(&self, ticket: Value) -> u64 {
        let (status, answer) = self.call(Method::POST, "/api/v2/tickets.json", json!({"ticket": ticket})).await;
        assert_eq!(status, 201, "{answer}");
        answer["ticket"]["id"].as_u64().unwrap()
    }

    pub fn act(&self, who: Who, action: Action) -> tidegate::sim::stage::Done {
        self.running.stage.act(&who, action, self.clock.now(), false).unwrap()
    }

    pub fn opened_by(&self, who: Who, subject: &str) -> String {
        let text = Text { body: "It does not work.".into(), ..Text::default() };
        let (fields, tags) = Default::default();
        self.act(who, Action::Open { subject: subject.into(), group: "Support".into(), text, fields, tags }).ticket
    }
}

pub fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap()
}

pub fn customer() -> Who {
    Who { email: "Zoe@northwind.example".into(), name: "Zoë Ng".into(), agent: false }
}

pub fn ada() -> Who {
    Who { email: "ada@desk.example".into(), name: "Ada Reyes".into(), agent: true }
}

pub fn text(body: &str) -> Text {
    Text { body: body.into(), ..Text::default() }
}

#[tokio::test]
async fn lists_come_in_pages_by_cursor_and_by_offset() {
    let desk = Desk::start().await;
    for number in 0..5 {
        desk.create(json!({"subject": format!("n {number}"), "comment": {"body": "x"}})).await;
    }
    let mut next = "/api/v2/tickets.json?page[size]=2".to_string();
    let mut ids = Vec::new();
    loop {
        let page = desk.get(&next).await;
        ids.extend(page["tickets"].as_array().unwrap().iter().map(|ticket| ticket["id"].as_u64().unwrap()));
        if page["meta"]["has_more"] == false {
            break;
        }
        next = page["links"]["next"].as_str().unwrap().to_string();
    }
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    let second = desk.get("/api/v2/tickets?per_page=2&page=2").await;
    assert_eq!((&second["count"], &second["tickets"][0]["id"]), (&json!(5), &json!(3)));
    assert_eq!(desk.running.stage.calls()["GET /api/v2/tickets"], 4);
}

#[tokio::test]
async fn who_is_not_known_is_refused_and_oauth_tokens_expire() {
    let desk = Desk::start().await;
    let bare = desk.http.get(format!("{}/api/v2/tickets", desk.running.url)).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let grant = json!({"grant_type": "client_credentials", "client_id": "sim-client", "client_secret": "sim-secret",
                       "expires_in": 600});
    let (_, granted) = desk.call(Method::POST, "/oauth/tokens", grant).await;
    let me = || {
        let request = desk.http.get(format!("{}/api/v2/users/me.json", desk.running.url));
        request.bearer_auth(granted["access_token"].as_str().unwrap()).send()
    };
    assert_eq!(me().await.unwrap().status(), 200);
    desk.clock.advance(Duration::from_secs(601));
    let answer = me().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "invalid_token");
    let refresh = json!({"grant_type": "refresh_token", "refresh_token": granted["refresh_token"],
                         "client_id": "sim-client", "client_secret": "sim-secret"});
    assert_eq!(desk.call(Method::POST, "/oauth/tokens", refresh.clone()).await.0, 200);
    assert_eq!(desk.call(Method::POST, "/oauth/tokens", refresh).await.0, 400, "a refresh token is good once");
}

#[tokio::test]
async fn the_export_keeps_the_last_minute_back() {
    let desk = Desk::start().await;
    let id = desk.create(json!({"subject": "old", "comment": {"body": "x"}})).await;
    let start = noon().timestamp() - 3600;
    let path = format!("/api/v2/incremental/tickets/cursor.json?start_time={start}");
    let empty = desk.get(&path).await;
    assert_eq!((empty["tickets"].as_array().unwrap().len(), &empty["end_of_stream"]), (0, &json!(true)));
    desk.clock.advance(Duration::from_secs(61));
    let after = empty["after_url"].as_str().unwrap();
    let page = desk.get(after).await;
    assert_eq!(page["tickets"][0]["id"], id);
    assert_eq!(page["tickets"][0]["generated_timestamp"], noon().timestamp());

    desk.send(Method::DELETE, &format!("/api/v2/tickets/{id}"), None).await;
    assert_eq!(desk.send(Method::GET, &format!("/api/v2/tickets/{id}"), None).await.status(), 404);
    desk.clock.advance(Duration::from_secs(61));
    assert_eq!(desk.get(page["after_url"].as_str().unwrap()).await["tickets"][0]["status"], "deleted");

    let recent = format!("/api/v2/incremental/tickets/cursor?start_time={}", desk.clock.now().timestamp() - 30);
    assert_eq!(desk.send(Method::GET, &recent, None).await.status(), 422);
}

#[tokio::test]
async fn enforced_limits_answer_429_in_the_documented_words() {
    let desk = Desk::with(Options { clock: Clock::fixed(noon()), limits: true, ..Options::default() }).await;
    let path = "/api/v2/incremental/tickets/cursor?start_time=1";
    for _ in 0..10 {
        assert_eq!(desk.send(Method::GET, path, None).await.status(), 200);
    }
    let refused = desk.send(Method::GET, path, None).await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "60"));
    let documented = "Number of allowed incremental export API requests per minute exceeded";
    assert_eq!(refused.json::<Value>().await.unwrap(), json!({"error": "APIRateLimitExceeded", "description": documented}));
    let answer = desk.send(Method::GET, "/api/v2/tickets", None).await;
    assert_eq!(answer.headers()["x-rate-limit"], "700");
}

#[tokio::test]
async fn closed_tickets_cannot_be_changed_but_followed_up() {
    let desk = Desk::start().await;
    let id = desk.create(json!({"subject": "s", "comment": {"body": "x"}})).await;
    desk.put(&format!("/api/v2/tickets/{id}"), json!({"ticket": {"status": "closed"}})).await;
    let reply = json!({"ticket": {"comment": {"body": "late"}}});
    let (status, refused) = desk.call(Method::PUT, &format!("/api/v2/tickets/{id}"), reply).await;
    let detail = json!({"status": [{"description": "Status: closed prevents ticket update"}]});
    let documented = json!({"error": "RecordInvalid", "description": "Record validation errors", "details": detail});
    assert_eq!((status, refused), (422, documented));
    let follow = desk.create(json!({"subject": "again", "comment": {"body": "y"}, "via_followup_source_id": id})).await;
    let import =
        json!({"ticket": {"subject": "again", "comments": [{"value": "z"}], "tags": ["own"], "via_followup_source_id": id}});
    let (_, imported) = desk.call(Method::POST, "/api/v2/imports/tickets", import).await;
    let told = desk.get(&format!("/api/v2/tickets/{id}")).await["ticket"]["followup_ids"].clone();
    assert_eq!(told, json!([follow, imported["ticket"]["id"]]));
    let via = desk.get(&format!("/api/v2/tickets/{follow}")).await["ticket"]["via"]["source"].clone();
    assert_eq!((&via["rel"], &via["from"]["ticket_id"]), (&json!("follow_up"), &json!(id)));
    // As documented, it has no effect with a ticket that is not closed.
    let none = desk.create(json!({"subject": "again", "comment": {"body": "y"}, "via_followup_source_id": follow})).await;
    assert_eq!(desk.get(&format!("/api/v2/tickets/{none}")).await["ticket"]["via"]["source"]["rel"], json!(null));
}

#[tokio::test]
async fn redaction_and_privacy_change_a_comment_and_tell_of_it() {
    let desk = Desk::start().await;
    let html = "<p>My card is <b>4111</b> &amp; more</p><script>alert(1)</script>";
    let id = desk.create(json!({"subject": " card ", "comment": {"html_body": html}})).await;
    let comments = format!("/api/v2/tickets/{id}/comments");
    let comment = desk.get(&comments).await["comments"][0].clone();
    assert_eq!(comment["html_body"], "<div class=\"zd-comment\" dir=\"auto\"><p>My card is <b>4111</b> &amp; more</p></div>");
    assert_eq!(comment["plain_body"], "My card is 4111 & more");
    desk.put(&format!("{comments}/{}/redact.json", comment["id"]), json!({"text": "4111"})).await;
    desk.put(&format!("{comments}/{}/make_private", comment["id"]), json!({})).await;
    let comment = desk.get(&comments).await["comments"][0].clone();
    assert_eq!((&comment["plain_body"], &comment["public"]), (&json!("My card is ▇▇▇▇ & more"), &json!(false)));
    assert_eq!(desk.get(&format!("/api/v2/tickets/{id}")).await["ticket"]["subject"], "card");
    let audits = desk.get(&format!("/api/v2/tickets/{id}/audits")).await;
    let last = audits["audits"].as_array().unwrap().last().unwrap();
    assert_eq!(last["events"][0]["type"], "CommentPrivacyChange");
}

#[tokio::test]
async fn a_merge_closes_the_source_and_tells_both() {
    let desk = Desk::start().await;
    let into = desk.create(json!({"subject": "target", "comment": {"body": "t"}})).await;
    let from = desk.create(json!({"subject": "source", "comment": {"body": "s"}})).await;
    let merge = json!({"ids": [from], "target_comment": "came here", "source_comment": "went there"});
    let (_, job) = desk.call(Method::POST, &format!("/api/v2/tickets/{into}/merge"), merge).await;
    assert_eq!(job["job_status"]["status"], "queued");
    let job = desk.get(&format!("/api/v2/job_statuses/{}", job["job_status"]["id"].as_str().unwrap())).await;
    assert_eq!(job["job_status"]["results"][0]["success"], true);
    let source = desk.get(&format!("/api/v2/tickets/{from}")).await["ticket"].clone();
    assert_eq!((&source["status"], &source["tags"]), (&json!("closed"), &json!(["closed_by_merge"])));
    let told = desk.get(&format!("/api/v2/tickets/{into}/comments")).await["comments"][1].clone();
    assert_eq!((&told["body"], &told["public"]), (&json!("came here"), &json!(false)));
    assert_eq!(told["via"]["source"]["rel"], "merge");
}

#[tokio::test]
async fn a_safe_update_that_comes_too_late_is_refused() {
    let desk = Desk::start().await;
    let id = desk.create(json!({"subject": "s", "comment": {"body": "x"}})).await;
    let path = format!("/api/v2/tickets/{id}");
    let known = desk.get(&path).await["ticket"]["updated_at"].clone();
    let safe = |subject: &str| json!({"ticket": {"subject": subject, "safe_update": true, "updated_stamp": known}});
    desk.clock.advance(Duration::from_secs(1));
    desk.put(&path, safe("first")).await;
    let (status, refused) = desk.call(Method::PUT, &path, safe("second")).await;
    assert_eq!((status, &refused["error"]), (409, &json!("UpdateConflict")));
}

#[tokio::test]
async fn options_are_tags_in_both_directions() {
    let desk = Desk::start().await;
    let fields = desk.get("/api/v2/ticket_fields").await;
    let field = |title: &str| {
        let all = fields["ticket_fields"].as_array().unwrap();
        all.iter().find(|field| field["title"] == title).unwrap()["id"].as_u64().unwrap()
    };
    let (product, topics, vip) = (field("Product"), field("Topics"), field("VIP"));
    let custom = json!([{"id": product, "value": "product_sail"}, {"id": topics, "value": ["topic_bug", "topic_invoice"]}]);
    let id = desk.create(json!({"subject": "s", "comment": {"body": "x"}, "tags": ["Big Boat"], "custom_fields": custom})).await;
    let path = format!("/api/v2/tickets/{id}");
    let show = async || desk.get(&path).await["ticket"].clone();
    let value = |ticket: &Value, id: u64| {
        let all = ticket["custom_fields"].as_array().unwrap();
        all.iter().find(|field| field["id"] == id).unwrap()["value"].clone()
    };
    assert_eq!(show().await["tags"], json!(["big_boat", "product_sail", "topic_bug", "topic_invoice"]));
    desk.put(&path, json!({"ticket": {"tags": ["product_mast", "vip_customer"]}})).await;
    let ticket = show().await;
    assert_eq!(
        (value(&ticket, product), value(&ticket, topics), value(&ticket, vip)),
        (json!("product_mast"), json!(null), json!(true))
    );
    desk.put(&path, json!({"ticket": {"custom_fields": [{"id": product, "value": ""}, {"id": vip, "value": false}]}})).await;
    assert_eq!(show().await["tags"], json!([]));
    let wrong = json!({"ticket": {"custom_fields": [{"id": product, "value": "no_such_option"}]}});
    assert_eq!(desk.call(Method::PUT, &path, wrong).await.0, 422);
}

#[tokio::test]
async fn imports_keep_times_and_mail_nobody_but_later_replies_do() {
    let desk = Desk::start().await;
    let (_, user) = desk
        .call(
            Method::POST,
            "/api/v2/users/create_or_update",
            json!({"user": {
        "name": "Max", "email": "max@kyoto.example", "external_id": "k:1", "skip_verify_email": true}}),
        )
        .await;
    let max = user["user"]["id"].clone();
    let ticket = json!({"ticket": {
        "subject": "from before", "requester_id": max, "status": "solved", "external_id": "tidegate:m:1",
        "created_at": "2020-01-01T00:00:00Z", "metadata": {"key": "whole"}, "comments": [
            {"author_id": max, "html_body": "<p>first</p>", "created_at": "2020-01-01T00:00:00Z", "metadata": {"tidegate": "a"}},
            {"body": "second", "public": true, "created_at": "2020-01-02T00:00:00Z"}]}});
    let (status, made) = desk.call(Method::POST, "/api/v2/imports/tickets", ticket).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!((&made["ticket"]["created_at"], &made["ticket"]["status"]), (&json!("2020-01-01T00:00:00Z"), &json!("solved")));
    let id = made["ticket"]["id"].as_u64().unwrap();
    let comments = desk.get(&format!("/api/v2/tickets/{id}/comments")).await;
    assert_eq!(comments["comments"][0]["metadata"]["custom"], json!({"key": "whole", "tidegate": "a"}));
    assert_eq!(comments["comments"][1]["created_at"], "2020-01-02T00:00:00Z");
    assert_eq!(desk.get("/api/v2/tickets?external_id=tidegate:m:1").await["tickets"][0]["id"], id);
    assert_eq!(desk.get("/api/v2/search?query=type:ticket%20external_id:\"tidegate:m:1\"").await["count"], 1);
    assert_eq!(desk.running.stage.mails(), []);

    let path = format!("/api/v2/tickets/{id}");
    desk.put(&path, json!({"ticket": {"tags": ["tidegate_silent"], "comment": {"body": "quiet"}}})).await;
    assert_eq!(desk.running.stage.mails(), [], "the tag keeps the triggers silent");
    desk.put(&path, json!({"ticket": {"tags": [], "comment": {"body": "loud"}}})).await;
    let mails = desk.running.stage.mails();
    assert_eq!(
        (mails.len(), &mails[0].to[0], mails[0].actor.as_str()),
        (1, &"max@kyoto.example".to_string(), "admin@sim.example")
    );
    let audits = desk.get(&format!("{path}/audits?sort=-created_at")).await;
    let events = audits["audits"][0]["events"].as_array().unwrap().clone();
    assert!(events.iter().any(|event| event["type"] == "Notification" && event["via"]["channel"] == "rule"));
}

#[tokio::test]
async fn files_are_uploaded_attached_and_shown_inline() {
    let desk = Desk::start().await;
    let upload = format!("{}/api/v2/uploads.json?filename=a%20b.png", desk.running.url);
    let request = desk.http.post(&upload).basic_auth(ADMIN.0, Some(ADMIN.1)).header("content-type", "image/png");
    let made: Value = request.body("PNG!").send().await.unwrap().json().await.unwrap();
    let url = made["upload"]["attachment"]["content_url"].as_str().unwrap();
    let comment = json!({"html_body": format!("<img src=\"{url}\">"), "uploads": [made["upload"]["token"]]});
    let id = desk.create(json!({"subject": "s", "comment": comment})).await;
    let path = format!("/api/v2/tickets/{id}/comments");
    assert_eq!(desk.get(&path).await["comments"][0]["attachments"], json!([]));
    let all = desk.get(&format!("{path}?include_inline_images=true")).await;
    assert_eq!(all["comments"][0]["attachments"][0]["malware_scan_result"], "malware_not_found");
    assert_eq!(desk.http.get(url).send().await.unwrap().bytes().await.unwrap(), "PNG!");
    let again = json!({"ticket": {"comment": {"body": "b", "uploads": [made["upload"]["token"]]}}});
    assert_eq!(desk.call(Method::PUT, &format!("/api/v2/tickets/{id}"), again).await.0, 422, "a token is good once");

    let file = File { name: "shot.png".into(), content_type: "image/png".into(), bytes: vec![1, 2], inline: true };
    let text = Text { body: "<p>see <img src=\"cid:shot.png\"></p>".into(), html: true, files: vec![file] };
    desk.act(ada(), Action::Note { ticket: id.to_string(), text });
    let view = desk.running.stage.tickets().remove(0);
    let note = &view.messages[1];
    assert!(!note.public && note.body.contains("/attachments/token/") && note.files[0].inline, "{note:?}");
}

#[tokio::test]
async fn a_customer_who_answers_a_closed_ticket_opens_another() {
    let desk = Desk::start().await;
    let first = desk.opened_by(customer(), "Broken");
    desk.act(ada(), Action::Set { ticket: first.clone(), fields: [("status".into(), vec!["closed".into()])].into() });
    let done = desk.act(customer(), Action::Reply { ticket: first.clone(), text: text("Again!") });
    assert_ne!(done.ticket, first);
    let view = desk.running.stage.tickets().pop().unwrap();
    assert!(view.links.contains(&("refers_to".to_string(), first)));
    let refused = desk.running.stage.act(&ada(), Action::Note { ticket: "1".into(), text: text("x") }, noon(), false);
    assert!(refused.unwrap_err().contains("closed prevents ticket update"));
}

#[tokio::test]
async fn a_customers_answer_reopens_and_triggers_act_under_their_own_name() {
    let desk = Desk::start().await;
    desk.put("/api/v2/triggers/22472701", json!({"trigger": {"active": true}})).await;
    let id = desk.opened_by(customer(), "A refund, please");
    let audits = desk.get(&format!("/api/v2/tickets/{id}/audits")).await;
    let events = audits["audits"][0]["events"].as_array().unwrap().clone();
    let by_rule = events.iter().find(|event| event["field_name"] == "tags" && event["type"] == "Change").unwrap();
    assert_eq!((&by_rule["value"], &by_rule["via"]["channel"]), (&json!(["refund_request"]), &json!("rule")));

    desk.act(ada(), Action::Set { ticket: id.clone(), fields: [("status".into(), vec!["solved".into()])].into() });
    desk.act(customer(), Action::Reply { ticket: id.clone(), text: text("No.") });
    assert_eq!(desk.get(&format!("/api/v2/tickets/{id}")).await["ticket"]["status"], "open");
}

#[test]
fn cleaning_what_is_clean_changes_nothing() {
    for html in [
        "plain & simple < 3",
        "<P ONCLICK='x()'>a<br/>b <a href=\"javascript:x\">c</a></P>",
        "<div><img src='u' alt=\"a\"></div>",
        "<",
        "",
    ] {
        let once = tidegate::sim::zendesk::html::clean(html);
        assert_eq!(tidegate::sim::zendesk::html::clean(&once), once);
        assert!(!once.contains("x()") && !once.contains("javascript"));
    }
}
