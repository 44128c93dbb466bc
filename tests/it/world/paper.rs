//! A ledger on paper: mirrors and tickets without desks, for verbs that ask none.

use std::process::Command;

use chrono::Duration;
use sqlx::PgPool;
use tidegate::change::{Hint, Origin};
use tidegate::cli::demo::agreement::mirror_file;
use tidegate::clock::Clock;
use tidegate::config::file;
use tidegate::desk::Side;
use tidegate::desk::id::TicketId;
use tidegate::ledger::Ledger;
use tidegate::ledger::delivery::NewDelivery;
use tidegate::ledger::mirror::MirrorRow;

use super::db::fresh_url;
use super::process::{printed, run, tidegate};
use super::scratch::Scratch;

/// A mirror whose desks nobody asks, with tickets that have new numbers.
pub struct Paper {
    pub pool: PgPool,
    pub ledger: Ledger,
    pub scratch: Scratch,
    url: String,
}

impl Paper {
    /// An empty ledger.
    pub async fn new() -> Paper {
        let url = fresh_url().await;
        let pool = PgPool::connect(&url).await.expect("the database takes connections");
        Paper { url, ledger: Ledger::on(pool.clone()), pool, scratch: Scratch::new() }
    }

    /// Applies a mirror; its file stands in the scratch directory.
    pub async fn mirror(&self, name: &str) -> MirrorRow {
        let secrets = self.scratch.path().display().to_string();
        let (source, target, gateway) = ("http://127.0.0.1:9", "http://127.0.0.1:10", "http://127.0.0.1:9");
        let text = mirror_file(source, target, gateway, &secrets);
        let text = text.replace("name = \"demo\"", &format!("name = \"{name}\""));
        std::fs::write(self.scratch.path().join(format!("{name}.toml")), &text).expect("a new file");
        for secret in ["zendesk", "rt"] {
            std::fs::write(self.scratch.path().join(secret), "a secret").expect("a new file");
        }
        let file = file::parse("demo.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let config = serde_json::to_value(&file.config).expect("it is plain data");
        self.ledger.apply_mirror(name, &config, "v1", Clock::system().now()).await.expect("a mirror")
    }

    /// The old desk told of these tickets, and those with a new number were copied.
    pub async fn tickets(&self, mirror: &MirrorRow, numbers: &[(&str, Option<&str>)]) {
        let now = Clock::system().now();
        for (old, new) in numbers {
            let hint = Hint {
                ticket: TicketId::new(old),
                what: Origin::Webhook.as_str().to_string(),
                evidence: format!("event:{old}"),
                least_stamp: None,
                feed_stamp: None,
                at: now,
            };
            let delivery = NewDelivery {
                mirror: mirror.id,
                side: Side::Source,
                dedupe: old.to_string(),
                received_at: now,
                headers: vec![("from".into(), "jane@northwind.example".into())],
                body: b"{\"body\":\"Where is my boat?\"}".to_vec(),
                by_former: false,
                reading: Ok(vec![hint]),
            };
            self.ledger.keep_deliveries(&[delivery]).await.expect("an event");
            let sql = "update pair set target_ticket = $3, state = case when $3 is null then 'outside' else 'copied' end
                       where mirror_id = $1 and source_ticket = $2";
            sqlx::query(sql).bind(mirror.id.0).bind(old).bind(new).execute(&self.pool).await.expect("a number");
        }
    }

    /// What `retire` leaves of itself.
    pub async fn retire(&self, days_ago: i64) {
        let at = Clock::system().now() - Duration::days(days_ago);
        sqlx::query("update mirror set retired_at = $1").bind(at).execute(&self.pool).await.expect("an answer");
    }

    /// The program on this ledger, run by ann.
    pub fn verb(&self, words: &[&str]) -> Command {
        let mut command = tidegate();
        command.env("DATABASE_URL", &self.url).args(["--log", "warn"]).args(words).current_dir(self.scratch.path());
        command.env("USER", "ann").env_remove("SUDO_USER");
        command
    }

    /// What a verb printed; fails if it did.
    pub async fn says(&self, words: &[&str]) -> String {
        printed(self.verb(words)).await
    }

    /// What a verb complained about; fails if it did not.
    pub async fn refuses(&self, words: &[&str]) -> String {
        let output = run(self.verb(words)).await;
        assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).expect("text")
    }
}
