//! A mirror between two desks in memory that was carried faithfully.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tidegate::clock::Clock;
use tidegate::cutover::parity::{Bench, CheckError, Options, Progress, Which, check};
use tidegate::cutover::report::Report;
use tidegate::desk::Side;
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::{AttachmentId, MessageId, PersonId, TicketId};
use tidegate::desk::mapping::{Mapping, Other, Table};
use tidegate::desk::person::{Person, Role};
use tidegate::desk::policy::Policy;
use tidegate::desk::scope::Scope;
use tidegate::desk::ticket::{Act, Actor, Attachment, AttachmentState, Link, LinkKind, Message, Presence, Ticket, Visibility};
use tidegate::ledger::Ledger;
use tidegate::ledger::delivery::NewDelivery;
use tidegate::ledger::lane::{Claim, Claimant};
use tidegate::ledger::mirror::MirrorRow;
use tidegate::ledger::person::NewPersonLink;
use tidegate::ledger::settle::{LaneSettled, StepSettled};
use tidegate::merge::base::{Base, FieldBase, LinkBase, MessageLink};

use super::paper::{Paper, hint};
use crate::world::db;

/// A mirror whose every ticket was carried as it should be, until a test changes something.
pub struct Mirror {
    pub ledger: Ledger,
    pool: sqlx::PgPool,
    pub row: MirrorRow,
    pub source: Paper,
    pub target: Paper,
    pub mapping: Mapping,
    pub policy: Policy,
    pub scope: Scope,
    pub clock: Clock,
    pub options: Options,
}

/// The first moment of all stories.
pub fn start() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

/// A ticket's id.
pub fn ticket(id: impl ToString) -> TicketId {
    TicketId::new(id)
}

/// An act that touched these fields.
pub fn act(by: Actor, fields: &[FieldKey]) -> Act {
    let fields = fields.iter().cloned().collect();
    Act { id: "900".into(), actor: PersonId::new("someone"), by, at: at(500), fields, status: None }
}

fn person(id: &str, name: &str, role: Role) -> (PersonId, Person) {
    let email = Some(format!("{}@example.org", name.to_lowercase().replace(' ', ".")));
    (PersonId::new(id), Person { id: PersonId::new(id), name: name.into(), email, role, active: true })
}

fn file(id: &str, name: &str) -> Attachment {
    Attachment {
        id: AttachmentId::new(id),
        name: name.into(),
        content_type: "application/pdf".into(),
        size: Some(12),
        inline: false,
        locator: id.into(),
        state: AttachmentState::Ready,
    }
}

fn message(id: String, author: &str, seconds: i64, body: &str) -> Message {
    Message {
        id: MessageId::new(id),
        author: PersonId::new(author),
        visibility: Visibility::Public,
        created_at: at(seconds),
        body: Body::Html(body.into()),
        attachments: Vec::new(),
        key: None,
        ours: false,
    }
}

impl Mirror {
    /// Two empty desks.
    pub async fn new() -> Self {
        let pool = db::fresh().await;
        let ledger = Ledger::on(pool.clone());
        let status = Table { words: BTreeMap::from([("open".into(), "working".into())]), other: Other::Unmapped };
        let mapping = Mapping { tables: BTreeMap::from([(FieldKey::Status, status)]), ..Mapping::default() };
        let row = ledger.apply_mirror("acme", &serde_json::json!({}), &mapping.version(), start()).await.unwrap();
        // As behind the full copy; before it nothing is carried.
        sqlx::query("update mirror set phase = 'mirroring'").execute(&pool).await.unwrap();
        let jane = person("jane", "Jane Doe", Role::Customer);
        let otto = person("otto", "Otto Agent", Role::Agent);
        let source = Paper { people: BTreeMap::from([jane.clone(), otto.clone()]), ..Paper::default() };
        for (source, target) in [(&jane.0, Some(PersonId::new("T-jane"))), (&otto.0, None)] {
            let link = NewPersonLink {
                side: Side::Source,
                person: source,
                there: target.as_ref(),
                email: None,
                name: "as recorded",
                how: "address",
            };
            ledger.link_person(row.id, &link, start()).await.unwrap();
        }
        Self {
            ledger,
            pool,
            row,
            source,
            target: Paper::default(),
            mapping,
            policy: Policy::default(),
            scope: Scope::default(),
            clock: Clock::fixed(at(10_000)),
            options: Options { which: Which::All, rounds: 1, pause: Duration::ZERO, ..Options::default() },
        }
    }

    /// A mirror of the source tickets 1 and 2, carried as 101 and 102.
    pub async fn carried() -> Self {
        let mut mirror = Self::new().await;
        for number in [1, 2] {
            mirror.carry(number).await;
        }
        mirror
    }

    /// Puts a ticket into both desks and into the ledger: two messages, the second internal, by an agent without an account in
    /// the target, with a file.
    pub async fn carry(&mut self, number: u32) {
        let source = self.source_ticket(number);
        let target = self.target_ticket(number, &source);
        let bytes = Bytes::from(format!("bytes of file {number}"));
        self.source.files.insert(AttachmentId::new(format!("f{number}")), bytes.clone());
        self.target.files.insert(AttachmentId::new(format!("Tf{number}")), bytes);
        let claim = self.claim(&source.id, 0).await;
        let base = Base { fields: agreed(&source.fields, &target.fields), ..Base::default() };
        self.settle(&claim, &source, &target, &base).await;
        self.source.tickets.insert(source.id.clone(), source);
        self.target.tickets.insert(target.id.clone(), target);
    }

    fn source_ticket(&self, number: u32) -> Ticket {
        let mut answer = message(format!("m{number}b"), "otto", 60, "<p>Look <b>here</b></p>");
        answer.visibility = Visibility::Internal;
        answer.attachments.push(file(&format!("f{number}"), "räport.pdf"));
        let fields = Fields::from([
            (FieldKey::Subject, Value::text("It does not work")),
            (FieldKey::Status, Value::text("open")),
            (FieldKey::Requester, Value::Person(PersonId::new("jane"))),
            (FieldKey::Assignee, Value::Person(PersonId::new("otto"))),
            (FieldKey::Tags, Value::set(["vip", "printer"])),
            (FieldKey::custom("Internal"), Value::text("not carried")),
        ]);
        Ticket {
            id: ticket(number),
            stamp: "10".into(),
            feed_stamp: None,
            presence: Presence::Present,
            created_at: start(),
            updated_at: at(60),
            url: String::new(),
            fields,
            messages: vec![message(format!("m{number}a"), "jane", 0, "Hello,\nit is <i>broken</i>"), answer],
            links: BTreeSet::new(),
            key: None,
            people: Vec::new(),
            acts: Vec::new(),
            immutable: false,
        }
    }

    fn target_ticket(&self, number: u32, source: &Ticket) -> Ticket {
        let mut messages = source.messages.clone();
        for (place, message) in messages.iter_mut().enumerate() {
            message.key = Some(self.row.keys.message(Side::Source, message.id.as_str()));
            message.id = MessageId::new(format!("T{}", message.id));
            message.ours = true;
            message.author = PersonId::new(if place == 0 { "T-jane" } else { "T-gateway" });
        }
        let line = "<p><em>Otto Agent (otto.agent@example.org) wrote on 2026-11-20 10:01:00 UTC:</em></p>";
        messages[1].body = Body::Html(format!("{line}\n<div>Look <strong>here</strong></div>"));
        messages[1].created_at = at(90);
        messages[1].attachments = vec![file(&format!("Tf{number}"), "r_port.pdf")];
        let fields = Fields::from([
            (FieldKey::Subject, Value::text("It does not work")),
            (FieldKey::Status, Value::text("working")),
            (FieldKey::Requester, Value::Person(PersonId::new("T-jane"))),
            (FieldKey::Assignee, Value::Empty),
            (FieldKey::Tags, Value::set(["vip", "printer", "tidegate"])),
        ]);
        let acts = vec![act(Actor::Us, &fields.keys().cloned().collect::<Vec<_>>())];
        let key = Some(self.row.keys.ticket(source.id.as_str(), 0));
        Ticket { id: ticket(100 + number), stamp: "20".into(), fields, messages, acts, key, ..source.clone() }
    }

    /// A hint for a ticket came, and its lane was claimed.
    pub async fn claim(&self, source: &TicketId, number: i64) -> Claim {
        self.hear(source, number).await;
        let minute = Duration::from_secs(60);
        let claimant = Claimant { worker: uuid::Uuid::new_v4(), lease: minute, grace: minute, only: None };
        let claims = self.ledger.claim(claimant, 1, start()).await.unwrap();
        claims.into_iter().next().expect("the lane is due")
    }

    /// A hint for a ticket came.
    pub async fn hear(&self, source: &TicketId, number: i64) {
        let delivery = NewDelivery {
            mirror: self.row.id,
            side: Side::Source,
            dedupe: format!("{source}/{number}"),
            received_at: start(),
            headers: Vec::new(),
            body: Vec::new(),
            by_former: false,
            reading: Ok(vec![hint(source, number)]),
        };
        self.ledger.keep_deliveries(&[delivery]).await.unwrap();
    }

    /// Settles a lane as replay does.
    pub async fn settle(&self, claim: &Claim, source: &Ticket, target: &Ticket, base: &Base) {
        let link = |(source, target): (&Message, &Message)| MessageLink {
            born: Side::Source,
            original: source.id.clone(),
            copy: Some(target.id.clone()),
            digest: String::new(),
            visibility: source.visibility,
            files: Vec::new(),
            exposed: false,
        };
        let links: Vec<MessageLink> = source.messages.iter().zip(&target.messages).map(link).collect();
        let step = StepSettled { made: Some((Side::Target, &target.id)), links: &links, ..StepSettled::default() };
        self.ledger.settle_step(claim, step, start()).await.unwrap();
        self.settle_lane(claim, source, base, "copied").await;
    }

    /// Settles a lane with this base and state.
    pub async fn settle_lane(&self, claim: &Claim, source: &Ticket, base: &Base, state: &str) {
        let settled = LaneSettled {
            state,
            base,
            lead: Side::Source,
            lead_stamp: Some(&source.stamp),
            lead_feed_stamp: None,
            follow_stamp: Some("20"),
            follow_feed_stamp: None,
            lead_shown: None,
            follow_shown: None,
            seen_acts: &[],
            read_at: Some(start()),
            mapping_version: &self.mapping.version(),
            incomplete_why: None,
            waits_for: &[],
            look_again_at: None,
            window: None,
            put_off: &[],
            figures: &[],
        };
        self.ledger.settle_lane(claim, settled, start()).await.unwrap();
    }

    /// The source's ticket 1 changed, and the lane was settled with what `becomes` makes of the base.
    pub async fn settle_again(&self, state: &str, becomes: impl FnOnce(&mut Base)) {
        let source = &self.source.tickets[&ticket(1)];
        let target = &self.target.tickets[&ticket(101)];
        let mut base = Base { fields: agreed(&source.fields, &target.fields), ..Base::default() };
        becomes(&mut base);
        let claim = self.claim(&source.id, 1).await;
        self.settle_lane(&claim, source, &base, state).await;
    }

    /// The source's ticket 1.
    pub fn old(&mut self) -> &mut Ticket {
        self.source.tickets.get_mut(&ticket(1)).expect("it was put there")
    }

    /// The target's ticket 101.
    pub fn new_one(&mut self) -> &mut Ticket {
        self.target.tickets.get_mut(&ticket(101)).expect("it was put there")
    }

    /// Checks.
    pub async fn check(&self) -> Report {
        can_move(self.check_telling(|_| {})).await.unwrap()
    }

    /// Checks and tells how far it is.
    pub async fn check_telling(&self, tell: impl FnMut(Progress) + Send + Sync) -> Result<Report, CheckError> {
        check(&self.bench(), self.options.clone(), tell).await
    }

    /// Puts a ticket into a window of its own.
    pub async fn window_of(&self, source: &TicketId) -> i64 {
        let sql = "with made as (insert into cutover_window (tenant_id, mirror_id, name)
                   select tenant_id, id, 'first' from mirror where id = $1 returning id)
                   update pair set window_id = made.id from made where source_ticket = $2 returning window_id";
        let query = sqlx::query_scalar(sql).bind(self.row.id.0).bind(source.as_str());
        query.fetch_one(&self.pool).await.unwrap()
    }

    /// What it is judged by.
    pub fn bench(&self) -> Bench<'_> {
        Bench {
            ledger: &self.ledger,
            source: &self.source,
            target: &self.target,
            mapping: &self.mapping,
            policy: &self.policy,
            scope: &self.scope,
            keys: &self.row.keys,
            mirror: self.row.id,
            clock: self.clock.clone(),
        }
    }
}

/// A check may be handed to another thread.
fn can_move<T: Send>(it: T) -> T {
    it
}

fn agreed(source: &Fields, target: &Fields) -> BTreeMap<FieldKey, FieldBase> {
    let both = source.iter().filter_map(|(key, value)| Some((key, value, target.get(key)?)));
    both.map(|(key, value, there)| (key.clone(), FieldBase::from_lead(Side::Source, value.clone(), there.clone()))).collect()
}

/// A carried link, for a base.
pub fn link(from: impl ToString, to: impl ToString) -> LinkBase {
    LinkBase {
        source: Link { kind: LinkKind::Parent, to: ticket(from) },
        target: Link { kind: LinkKind::Parent, to: ticket(to) },
    }
}
