//! The simulated Request Tracker does what surprised us in the real one: its REST2.

mod people;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::sim::request_tracker;
use tidegate::sim::server::{Options, Running};
use tidegate::sim::snapshot::{TicketState, TicketView};

struct Desk {
    running: Running,
    client: reqwest::Client,
}

struct Said {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Desk {
    async fn start() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let running = request_tracker::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
        Self { running, client: reqwest::Client::new() }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/REST/2.0/{path}", self.running.url);
        self.client.request(method, url).header("Authorization", "token sim-token")
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Said {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Said { status, headers, body: answer.json().await.unwrap_or(Value::Null) }
    }

    async fn get(&self, path: &str) -> Said {
        self.send(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Said {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Said {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    /// Makes a ticket; its id.
    async fn ticket(&self, body: Value) -> String {
        let said = self.post("ticket", body).await;
        assert_eq!(said.status, 201, "{}", said.body);
        said.body["id"].as_str().unwrap().to_owned()
    }

    /// Ids that a search for tickets finds.
    async fn search(&self, query: &str) -> Vec<String> {
        let request = self.request(Method::GET, "tickets").query(&[("query", query), ("orderby", "id"), ("order", "ASC")]);
        ids(&self.send(request).await.body)
    }

    /// A list of transactions with the fields that matter.
    async fn feed(&self, query: &str) -> Vec<Value> {
        let fields = "Type,Field,OldValue,NewValue,ObjectId,Creator";
        let request = self.request(Method::GET, "transactions");
        let request = request.query(&[("query", query), ("orderby", "id"), ("per_page", "100"), ("fields", fields)]);
        self.send(request).await.body["items"].as_array().unwrap().clone()
    }

    async fn values(&self, ticket: &str, field: &str) -> Value {
        let body = self.get(&format!("ticket/{ticket}")).await.body;
        let fields = body["CustomFields"].as_array().unwrap();
        fields.iter().find(|one| one["name"] == field).unwrap()["values"].clone()
    }

    fn view(&self, ticket: &str) -> TicketView {
        self.running.stage.tickets().into_iter().find(|view| view.id == ticket).unwrap()
    }

    fn mailed(&self) -> Vec<String> {
        self.running.stage.mails().into_iter().map(|mail| mail.because).collect()
    }

    async fn control(&self, path: &str, body: Value) {
        let url = format!("{}/_sim/{path}", self.running.url);
        let answer = self.client.put(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn attachment(name: &str, kind: &str, bytes: &[u8]) -> Value {
    json!({ "FileName": name, "FileType": kind, "FileContent": STANDARD.encode(bytes) })
}

#[tokio::test]
async fn a_ticket_is_made_in_spite_of_what_it_cannot_hold() {
    let desk = Desk::start().await;
    let id = desk
        .ticket(json!({
            "Queue": "support", "Subject": format!("line\n{}", "é".repeat(250)), "Owner": "nobody-such",
            "Requestor": ["Ada <ada@example.test>", "no address"], "Created": "2024-05-06 07:08:09",
            "CustomFields": { "Severity": "HIGH", "Products": ["alpha", "delta"], "Nope": "x", "Renewal": "2027-03-04T05:06:07Z" },
        }))
        .await;
    let said = desk.get(&format!("ticket/{id}")).await;
    let body = said.body;
    assert_eq!(body["Subject"].as_str().unwrap().chars().count(), 200);
    assert_eq!(body["Owner"]["id"], "Nobody");
    assert_eq!(body["Requestor"][0]["id"], "ada@example.test");
    assert_eq!(body["Requestor"].as_array().unwrap().len(), 1);
    assert_eq!(body["Created"], "2024-05-06T07:08:09Z");
    assert_eq!(body["Due"], "1970-01-01T00:00:00Z");
    assert_eq!((&body["Priority"], &body["id"]), (&json!("0"), &json!(1)));
    assert_eq!(desk.values(&id, "Severity").await, json!(["high"]));
    assert_eq!(desk.values(&id, "Products").await, json!(["alpha"]));
    let lost_its_time = desk.values(&id, "Renewal").await;
    assert_eq!(lost_its_time, json!(["2027-03-04T00:00:00Z"]), "a Z takes the time of day away");
    assert_eq!(said.headers["content-type"], "application/json; charset=\"utf-8\"");

    let refused = desk.post("ticket", json!({ "Queue": "Nowhere" })).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["message"], "No permission to create tickets in the queue 'Nowhere'");
    let refused = desk.post("ticket", json!({ "Queue": "Support", "Status": "bogus" })).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_chosen_number_is_taken_once_and_the_sequence_runs_into_it() {
    let desk = Desk::start().await;
    assert_eq!(desk.ticket(json!({ "Queue": "Migrated", "id": 2 })).await, "2");
    assert_eq!(desk.post("ticket", json!({ "Queue": "Migrated", "id": 2 })).await.status, 400);
    assert_eq!(desk.ticket(json!({ "Queue": "Migrated" })).await, "1");
    assert_eq!(desk.post("ticket", json!({ "Queue": "Migrated" })).await.status, 400);
    assert_eq!(desk.ticket(json!({ "Queue": "Migrated" })).await, "3");
}

#[tokio::test]
async fn a_put_answers_200_with_sentences_also_for_what_it_refuses() {
    let desk = Desk::start().await;
    let id = desk.ticket(json!({ "Queue": "Support", "Subject": "one" })).await;
    let body = json!({ "Owner": "nope", "Status": "bogus", "CustomFields": { "Severity": "ultra", "Nope": "x" } });
    let said = desk.put(&format!("ticket/{id}"), body).await;
    assert_eq!(said.status, 200);
    let expected = json!([
        "Ticket 1: That user does not exist",
        "Ticket 1: Status 'bogus' isn't a valid status for this ticket.",
        "Invalid value for custom field",
    ]);
    assert_eq!(said.body, expected);
    assert_eq!(desk.put(&format!("ticket/{id}"), json!({ "Subject": "one" })).await.body, json!([]));
    let body = json!({ "CustomFields": { "Products": ["beta", "zeta"] } });
    desk.put(&format!("ticket/{id}"), json!({ "CustomFields": { "Products": ["alpha"] } })).await;
    let said = desk.put(&format!("ticket/{id}"), body).await.body;
    assert_eq!(said[1], "Invalid value for custom field");
    assert_eq!(desk.values(&id, "Products").await, json!(["beta"]), "the old one went although a new one was refused");
}

#[tokio::test]
async fn versions_are_the_last_transaction_and_messages_never_match_one() {
    let desk = Desk::start().await;
    let id = desk.ticket(json!({ "Queue": "Support", "Subject": "one" })).await;
    let path = format!("ticket/{id}");
    let tag = desk.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    let last = desk.feed("ObjectType = 'RT::Ticket'").await.pop().unwrap();
    assert_eq!(tag.trim_matches('"'), last["id"].as_str().unwrap());
    let same = desk.send(desk.request(Method::GET, &path).header("If-None-Match", tag.trim_matches('"'))).await;
    assert_eq!(same.status, 304);
    let put = |tag: &str| desk.request(Method::PUT, &path).header("If-Match", tag).json(&json!({ "Subject": "two" }));
    assert_eq!(desk.send(put("\"1\"")).await.status, 412);
    assert_eq!(desk.send(put(&tag)).await.status, 200);
    assert_eq!(desk.send(put(&tag)).await.status, 412);
    let note = json!({ "Content": "x", "ContentType": "text/plain" });
    let now = desk.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    let request = desk.request(Method::POST, &format!("{path}/comment")).header("If-Match", now).json(&note);
    assert_eq!(desk.send(request).await.status, 412);
    let dated = desk.request(Method::GET, &path).header("If-Modified-Since", "2026-11-22T20:35:34Z");
    assert_eq!(desk.send(dated).await.status, 500);
}

#[tokio::test]
async fn times_in_searches_are_exact_only_without_a_z() {
    let desk = Desk::start().await;
    let id = desk.ticket(json!({ "Queue": "Support", "Created": "2024-05-06 12:00:00" })).await;
    assert_eq!(desk.search("Created > '2024-05-06 12:00:01'").await, Vec::<String>::new());
    assert_eq!(desk.search("Created > '2024-05-06 12:00:01 UTC'").await, Vec::<String>::new());
    assert_eq!(desk.search("Created > '2024-05-06T12:00:01+00:00'").await, Vec::<String>::new());
    assert_eq!(desk.search("Created > '2024-05-06T12:00:01Z'").await, [id.as_str()], "the Z makes it midnight");
    assert_eq!(desk.search("Created = '2024-05-06 23:00:00'").await, [id.as_str()], "that whole day");
}

#[tokio::test]
async fn searches_read_from_left_to_right_and_refuse_in_words() {
    let desk = Desk::start().await;
    for key in ["a-1", "A-2", "b-3"] {
        desk.ticket(json!({ "Queue": "Migrated", "CustomFields": { "external_id": key } })).await;
    }
    assert_eq!(desk.search("'CF.{external_id}' = 'A-1' AND Queue = 'Migrated'").await, ["1"]);
    assert_eq!(desk.search("id = 1 OR id = 2 AND id = 3").await, Vec::<String>::new());
    assert_eq!(desk.search("'CF.{no such field}' = 'x'").await, Vec::<String>::new());
    let refused = desk.get("tickets?query=Nope%20%3D%201").await;
    assert_eq!(refused.status, 400);
    assert!(refused.body["message"].as_str().unwrap().starts_with("Unknown field: Nope at "));
    assert_eq!(desk.get("tickets?query=id%20IN%20(1,2)").await.status, 400);
    let page = desk.get("tickets?query=id%3E0&per_page=2&orderby=id").await.body;
    assert_eq!((&page["total"], &page["pages"]), (&json!(3), &json!(2)));
    assert!(page["next_page"].as_str().unwrap().ends_with("&page=2"));
    let history = desk.get("ticket/1/history?per_page=1").await.body;
    assert_eq!((&history["total"], &history["next_page"]), (&Value::Null, &Value::Null));
    assert_eq!(desk.get("tickets?query=id%3E0&per_page=500").await.body["per_page"], 100);
    assert_eq!(desk.get("tickets?query=id%3E9").await.body["pages"], json!(0.0));
}

#[tokio::test]
async fn files_keep_their_bytes_unless_they_are_text_and_names_are_destroyed() {
    let desk = Desk::start().await;
    let files = json!([
        attachment("été.txt", "text/plain", b"h\xe9"),
        attachment("b.csv", "text/csv", b"h\xe9"),
        attachment("a/c.bin", "application/octet-stream", &[7; 100]),
    ]);
    let id =
        desk.ticket(json!({ "Queue": "Support", "Content": "<p>x</p>", "ContentType": "text/html", "Attachments": files })).await;
    let list = ids(&desk.get(&format!("ticket/{id}/attachments")).await.body);
    let root = desk.get(&format!("attachment/{}", list[0])).await.body;
    assert_eq!((&root["ContentType"], &root["Content"], &root["Parent"]), (&json!("multipart/mixed"), &Value::Null, &json!("0")));
    let recoded = desk.get(&format!("attachment/{}", list[2])).await.body;
    assert_eq!(recoded["Filename"], "\u{fffd}t\u{fffd}.txt");
    assert_eq!(recoded["Content"], format!("{}\n", STANDARD.encode("hé")));
    assert_eq!(recoded["Parent"]["id"], list[0].as_str());
    let exact = desk.get(&format!("attachment/{}", list[3])).await.body;
    assert_eq!(exact["Content"], format!("{}\n", STANDARD.encode(b"h\xe9")));
    let lines = desk.get(&format!("attachment/{}", list[4])).await.body;
    assert_eq!(lines["Filename"], "c.bin");
    assert_eq!(lines["Content"].as_str().unwrap().lines().map(str::len).max(), Some(76));
    assert_eq!(desk.get(&format!("ticket/{id}/attachments?fields=Parent")).await.status, 500);
    let named = json!([{ "field": "Filename", "operator": "IS NOT", "value": "" }]);
    let found = desk.post(&format!("ticket/{id}/attachments"), named).await;
    assert_eq!(ids(&found.body), list[2..5], "client libraries ask for the files of a ticket so");

    let note = |files: Value| json!({ "Content": "x", "ContentType": "text/plain", "Attachments": files });
    let comment = format!("ticket/{id}/comment");
    let empty = desk.post(&comment, note(json!([attachment("e", "text/plain", b"")]))).await;
    assert_eq!(empty.status, 400);
    assert_eq!(empty.body["message"], "FileContent is a required field for each attachment in Attachments");
    assert_eq!(desk.post(&comment, note(json!([attachment("日.png", "image/png", b"x")]))).await.status, 500);

    let form = reqwest::multipart::Form::new()
        .text("JSON", note(json!([])).to_string())
        .part("Attachments", reqwest::multipart::Part::bytes(vec![0, 1]).file_name("日.png").mime_str("image/png").unwrap());
    let said = desk.send(desk.request(Method::POST, &comment).multipart(form)).await;
    assert_eq!(said.status, 201);
    let view = desk.view(&id);
    assert_eq!(view.messages.last().unwrap().files[0].name, "日.png");
}

#[tokio::test]
async fn a_reply_opens_the_ticket_in_rts_own_name_and_is_found_by_its_field() {
    let desk = Desk::start().await;
    let id = desk.ticket(json!({ "Queue": "Migrated", "Requestor": "ada@example.test", "Content": "x" })).await;
    let note = json!({ "Content": "x", "ContentType": "text/plain", "TxnCustomFields": { "source_comment_id": "c-77" } });
    let said = desk.post(&format!("ticket/{id}/correspond"), note).await;
    assert_eq!((said.status.as_u16(), &said.body), (201, &json!(["Correspondence added", "Custom fields updated"])));
    let transaction = said.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let found = desk.feed("'CF.{source_comment_id}' = 'C-77'").await;
    assert_eq!(found[0]["id"], transaction.as_str());
    let last = desk.feed("ObjectType = 'RT::Ticket' AND id > 0").await.pop().unwrap();
    assert_eq!(
        (&last["Type"], &last["NewValue"], &last["Creator"]["id"]),
        (&json!("Status"), &json!("open"), &json!("RT_System"))
    );
    assert_eq!(desk.get("ticket/9/history").await.body["count"], 0);
    let nowhere = desk.post("ticket/9/comment", json!({ "Content": "x", "ContentType": "text/plain" })).await;
    assert_eq!((nowhere.status.as_u16(), &nowhere.body["message"]), (400, &json!("Message could not be recorded")));
}

#[tokio::test]
async fn a_merged_number_answers_with_the_other_ticket_and_a_deleted_one_is_in_no_search() {
    let desk = Desk::start().await;
    for subject in ["old", "target", "gone"] {
        desk.ticket(json!({ "Queue": "Support", "Subject": subject, "Content": subject })).await;
    }
    assert_eq!(desk.put("ticket/1", json!({ "MergeInto": 2 })).await.body, json!(["Merge Successful"]));
    let body = desk.get("ticket/1").await.body;
    assert_eq!((&body["id"], &body["Subject"]), (&json!(2), &json!("target")));
    assert_eq!(desk.send(desk.request(Method::DELETE, "ticket/3")).await.status, 204);
    assert_eq!(desk.send(desk.request(Method::DELETE, "ticket/3")).await.status, 500);
    assert_eq!(desk.get("ticket/3").await.body["Status"], "deleted");
    assert_eq!(desk.search("id > 0 OR Status = 'deleted'").await, ["2"]);
    let merges = desk.feed("Field = 'MergedInto'").await;
    assert_eq!(merges[0]["ObjectId"], "1");
    assert_eq!(desk.feed("Type = 'Status' AND NewValue = 'deleted'").await[0]["ObjectId"], "3");
    assert_eq!(desk.view("1").state, TicketState::MergedInto("2".to_owned()));
    assert_eq!(desk.view("2").messages.len(), 2);
    let of_a_link = merges[0]["id"].as_str().unwrap();
    assert_eq!(desk.get(&format!("transaction/{of_a_link}")).await.status, 500);
}
