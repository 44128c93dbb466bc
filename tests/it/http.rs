//! The one HTTP client: where it may go, how long it waits, how much it reads, and what kind of fault an answer is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::HeaderMap;
use tidegate::connectors::fault::Fault;
use tidegate::connectors::http::{AddressGuard, Answer, Budget, Call, Http, Limits, Priority, Unlimited, at_priority};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

const CALL: Call = Call { kind: "read ticket", class: "general" };
const ANYWHERE: AddressGuard = AddressGuard { allow_private: true };
const PUBLIC_ONLY: AddressGuard = AddressGuard { allow_private: false };

#[tokio::test]
async fn addresses_of_our_own_network_are_refused_however_they_are_spelled() {
    let http = client(PUBLIC_ONLY);
    for address in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:7f00:1::]",
        "[fd00::1]",
        "[fe80::1]",
        "[ff02::1]",
    ] {
        let url = Url::parse(&format!("http://{address}/")).expect("an address");
        let fault = http.request(Method::GET, url).err().unwrap_or_else(|| panic!("{address} was let through"));
        assert!(matches!(&fault, Fault::Refused { what } if what.contains("allow-private-addresses")), "{address}: {fault}");
    }
}

#[tokio::test]
async fn public_addresses_are_allowed() {
    let http = client(PUBLIC_ONLY);
    for address in
        ["93.184.216.34", "100.63.0.1", "172.32.0.1", "[2606:2800:220:1::1]", "[64:ff9b::93.184.216.34]", "desk.example"]
    {
        let url = Url::parse(&format!("https://{address}/")).expect("an address");
        assert!(http.request(Method::GET, url).is_ok(), "{address} was refused");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_our_own_network_is_refused_before_it_is_called() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let url = format!("http://localhost:{}/", server.port);
    let fault = get(&client(PUBLIC_ONLY), &url, &[]).await.expect_err("a private address");
    assert!(matches!(&fault, Fault::Refused { what } if what.contains("allow-private-addresses")), "{fault}");
    assert_eq!(server.heads(), 0);

    get(&client(ANYWHERE), &url, &[]).await.expect("allowed by the operator");
    assert_eq!(server.heads(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let server = Server::answering(&redirect).await;
    let http = client(ANYWHERE);
    assert!(get(&http, &server.url(), &[]).await.is_err());
    let request = http.request(Method::GET, server.url().parse().expect("a URL")).expect("an allowed address");
    let response = http.send_streaming(CALL, request, |_| Limits::default()).await.expect("the caller may follow it");
    assert_eq!(response.status(), 302);
    assert_eq!(elsewhere.heads(), 0);
}

#[tokio::test]
async fn a_desk_that_says_nothing_is_not_waited_for() {
    for said in ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let server = Server::falling_silent_after(said).await;
        provide_tls();
        let http = Http::with_limit(Arc::new(Unlimited), ANYWHERE, Duration::from_millis(200)).expect("a client");
        let fault = get(&http, &server.url(), &[]).await.expect_err("no answer");
        assert!(matches!(&fault, Fault::Unreachable { what } if what.contains("in time")), "after `{said}`: {fault}");
        assert!(fault.leaves_doubt());
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_doubt() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await;
    let fault = get(&client(ANYWHERE), &server.url(), &[]).await.expect_err("half an answer");
    assert!(matches!(fault, Fault::Unreachable { .. }), "{fault}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = Server::answering(&format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat((64 << 20) + 1))).await;
    let fault = get(&client(ANYWHERE), &server.url(), &[]).await.expect_err("too much");
    assert!(matches!(&fault, Fault::Unreadable { what } if what.contains("64 MiB")), "{fault}");
}

#[tokio::test]
async fn each_status_is_the_fault_that_it_means() {
    let kinds = [
        (400, "refused"),
        (401, "unauthorised"),
        (403, "unauthorised"),
        (404, "refused"),
        (408, "unreachable"),
        (409, "unreachable"),
        (422, "refused"),
        (423, "unreachable"),
        (425, "unreachable"),
        (429, "throttled"),
        (500, "unreachable"),
        (502, "unreachable"),
        (503, "unreachable"),
        (504, "unreachable"),
    ];
    for (status, kind) in kinds {
        let server = Server::answering(&format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n")).await;
        let fault = get(&client(ANYWHERE), &server.url(), &[]).await.expect_err("a fault");
        assert_eq!(fault.kind(), kind, "{status}");
    }
}

#[tokio::test]
async fn a_status_that_the_caller_expects_is_an_answer() {
    let server = Server::answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    let answer = get(&client(ANYWHERE), &server.url(), &[404]).await.expect("missing is an answer");
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn the_desks_own_words_are_told_and_cut_short() {
    let body = format!(r#"{{"error":"RecordInvalid","description":"Record validation errors {}"}}"#, "and so on ".repeat(100));
    let server = Server::answering(&format!("HTTP/1.1 422 No\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    let fault = get(&client(ANYWHERE), &server.url(), &[]).await.expect_err("refused").to_string();
    assert!(fault.starts_with("read ticket: the desk answered 422") && fault.contains("Record validation errors"), "{fault}");
    assert!(fault.len() < 300, "{fault}");
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_unreadable() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>").await;
    let answer = get(&client(ANYWHERE), &server.url(), &[]).await.expect("200");
    let fault = answer.json::<serde_json::Value>(CALL).expect_err("a maintenance page");
    assert_eq!(fault.kind(), "unreadable");
}

#[tokio::test]
async fn a_limit_is_told_to_the_caller_and_to_the_budget() {
    let ten = Duration::from_secs(10);
    let date = "retry-after: Sun, 22 Nov 2026 22:00:00 GMT\r\n";
    for (header, told, learned) in
        [("retry-after: 37\r\n", Some(Duration::from_secs(37)), Duration::from_secs(37)), ("", None, ten), (date, None, ten)]
    {
        let server = Server::answering(&format!("HTTP/1.1 429 Too Many Requests\r\n{header}content-length: 0\r\n\r\n")).await;
        let budget = Arc::new(Diary::default());
        let http = client_with(budget.clone());
        let fault = get(&http, &server.url(), &[]).await.expect_err("a limit");
        assert!(matches!(fault, Fault::Throttled { retry_after, .. } if retry_after == told), "{header}: {fault:?}");
        assert_eq!(budget.learned(), [Limits { wait: Some(learned), ..Limits::default() }]);
    }
}

#[tokio::test]
async fn headers_teach_the_budget_and_priority_reaches_it() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nx-left: 3\r\ncontent-length: 2\r\n\r\n{}").await;
    let budget = Arc::new(Diary::default());
    let http = client_with(budget.clone());
    let read = |headers: &HeaderMap| Limits {
        remaining: headers.get("x-left").and_then(|left| left.to_str().ok()?.parse().ok()),
        ..Limits::default()
    };
    let request = || http.request(Method::GET, server.url().parse().expect("a URL")).expect("an allowed address");
    http.send(CALL, request(), read, &[]).await.expect("200");
    at_priority(Priority::Backfill, http.send(CALL, request(), read, &[])).await.expect("200");
    assert_eq!(budget.priorities(), [Priority::Live, Priority::Backfill]);
    assert_eq!(budget.learned(), [Limits { remaining: Some(3), ..Limits::default() }; 2]);
}

#[tokio::test]
async fn without_budget_nothing_is_called() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let http = client_with(Arc::new(Spent));
    let fault = get(&http, &server.url(), &[]).await.expect_err("no budget");
    assert_eq!(fault.kind(), "throttled");
    assert_eq!(server.heads(), 0);
}

fn client(guard: AddressGuard) -> Http {
    provide_tls();
    Http::new(Arc::new(Unlimited), guard).expect("a client")
}

fn client_with(budget: Arc<dyn Budget>) -> Http {
    provide_tls();
    Http::new(budget, ANYWHERE).expect("a client")
}

/// As `main` does; whoever comes second finds it done.
fn provide_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn get(http: &Http, url: &str, expected: &[u16]) -> Result<Answer, Fault> {
    let request = http.request(Method::GET, url.parse().expect("a URL"))?;
    http.send(CALL, request, |_| Limits::default(), expected).await
}

/// Says the same to everyone, byte by byte as a test wants it.
struct Server {
    port: u16,
    heads: Arc<Mutex<usize>>,
}

impl Server {
    /// Reads a request, says `said`, and closes the connection.
    async fn answering(said: &str) -> Self {
        Self::start(said, false).await
    }

    /// Reads a request, says `said`, and then nothing more.
    async fn falling_silent_after(said: &str) -> Self {
        Self::start(said, true).await
    }

    async fn start(said: &str, silent: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let heads = Arc::new(Mutex::new(0));
        let (said, counted): (Arc<str>, _) = (said.into(), heads.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, said.clone(), silent, counted.clone()));
            }
        });
        Self { port, heads }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// How many requests came.
    fn heads(&self) -> usize {
        *self.heads.lock().expect("no test panics while counting")
    }
}

async fn converse(mut stream: TcpStream, said: Arc<str>, silent: bool, heads: Arc<Mutex<usize>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    *heads.lock().expect("no test panics while counting") += 1;
    let _ = stream.write_all(said.as_bytes()).await;
    if silent {
        std::future::pending::<()>().await;
    }
}

/// A budget that notes what it is asked and told.
#[derive(Default)]
struct Diary(Mutex<(Vec<Priority>, Vec<Limits>)>);

impl Diary {
    fn priorities(&self) -> Vec<Priority> {
        self.0.lock().expect("no test panics while writing").0.clone()
    }

    fn learned(&self) -> Vec<Limits> {
        self.0.lock().expect("no test panics while writing").1.clone()
    }
}

#[async_trait]
impl Budget for Diary {
    async fn acquire(&self, _: Call, priority: Priority) -> Result<(), Fault> {
        self.0.lock().expect("no test panics while writing").0.push(priority);
        Ok(())
    }

    async fn learn(&self, _: Call, limits: Limits) {
        self.0.lock().expect("no test panics while writing").1.push(limits);
    }
}

/// A budget with nothing left.
struct Spent;

#[async_trait]
impl Budget for Spent {
    async fn acquire(&self, _: Call, _: Priority) -> Result<(), Fault> {
        Err(Fault::Throttled { what: "the budget is spent".into(), retry_after: None })
    }

    async fn learn(&self, _: Call, _: Limits) {}
}
