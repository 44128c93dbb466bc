//! A switch of 100,000 settled tickets takes less than a minute while traffic goes on, by the verdicts of a check in the ledger.

use std::cell::Cell;
use std::time::Duration;

use async_trait::async_trait;
use tidegate::clock::Monotonic;
use tidegate::cutover::gate::{Ear, Verdicts};
use tidegate::cutover::parity::verdicts_for_gate;
use tidegate::cutover::switch::{Hands, Limits, Outcome, Step, Switch};
use tidegate::cutover::walk::PAGE;
use tidegate::desk::Side;
use tidegate::desk::policy::Silence;
use tidegate::gateway::connect::bench;
use tidegate::ledger;
use tidegate::ledger::lane::Claimant;
use tidegate::ledger::switch::Kind;
use tidegate::ledger::verdict::Measure;
use tidegate::mirror::PairId;
use tidegate::task;
use uuid::Uuid;

use crate::world::desk::{request_tracker, zendesk};
use crate::world::stand::World;
use crate::world::switching::{shut, wish};

const TICKETS: i64 = 100_000;
/// Hints that come in at once, again and again.
const AT_ONCE: i64 = 20;

/// Hands that need no desk: both are asked for what they changed, which is nothing.
struct Plain<'a> {
    world: &'a World,
    /// How long the ledger took to say how all verdicts stand.
    asked: Cell<Duration>,
}

#[async_trait(?Send)]
impl Hands for Plain<'_> {
    async fn served(&self) -> ledger::Result<bool> {
        Ok(true)
    }

    async fn look(&self, _: Side) -> Result<(), String> {
        self.world.arrive().await;
        Ok(())
    }

    /// What the ledger says of the verdicts, and which tickets would be read again; these are on paper only and cannot be.
    async fn verdicts(&self, _: Option<&[i64]>) -> Result<Verdicts, String> {
        let since = Monotonic::now();
        let bench = bench(self.world.process.course(), &self.world.ledger, &self.world.clock);
        let rules = bench.rules();
        let measure = Measure { mirror: bench.mirror, windows: None, rules: &rules, bytes: true, run: None };
        self.world.ledger.due_again(&measure, PairId(0), PAGE).await.map_err(|error| error.to_string())?;
        let verdicts = verdicts_for_gate(&bench, None).await.map(Verdicts::from).map_err(|error| error.to_string())?;
        self.asked.set(self.asked.get() + since.elapsed());
        Ok(verdicts)
    }

    async fn findings(&self) -> Result<(), String> {
        Ok(())
    }

    async fn rest(&self) {
        task::delay(Duration::from_millis(10)).await;
    }

    async fn reached(&self, _: Step) {}
}

/// Settled tickets with the base of a real one.
async fn settled(world: &World) {
    let now = world.clock.now();
    sqlx::query(
        "insert into pair (tenant_id, mirror_id, source_ticket, target_ticket, state, base, mapping_version, source_stamp, target_stamp,
                           read_at, created_at)
         select p.tenant_id, p.mirror_id, 's' || n, 't' || n, 'copied', p.base, p.mapping_version, '1', '1', $2, $2
         from pair p, generate_series(1, $1) n",
    )
    .bind(TICKETS)
    .bind(now)
    .execute(&world.pool)
    .await
    .expect("tickets");
    let lanes = "insert into lane (pair_id, mirror_id, pending, applied, due_at)
                 select id, mirror_id, 3, 3, $1 from pair on conflict do nothing";
    sqlx::query(lanes).bind(now).execute(&world.pool).await.expect("lanes");
    let verdicts = "insert into verdict (pair_id, mirror_id, rules, mapping_version, with_bytes, judged_at, answer, seq, source_stamp,
                                         target_stamp, messages, attachments, bytes, calls)
                    select p.id, p.mirror_id, $1, p.mapping_version, true, $2, 'equal', l.pending, p.source_stamp, p.target_stamp, 2, 0, 0, 9
                    from pair p join lane l on l.pair_id = p.id";
    let rules = bench(world.process.course(), &world.ledger, &world.clock).rules();
    sqlx::query(verdicts).bind(rules).bind(now).execute(&world.pool).await.expect("verdicts");
    sqlx::query("analyze").execute(&world.pool).await.expect("figures");
}

/// Hints come in and are applied until the switch is over. Returns how many.
async fn traffic(world: &World, over: &Cell<bool>) -> i64 {
    let claimant =
        Claimant { worker: Uuid::new_v4(), lease: Duration::from_secs(30), grace: Duration::ZERO, only: Some(world.mirror.id) };
    let mut applied = 0;
    while !over.get() {
        // Who came first is served first.
        world.clock.advance(Duration::from_millis(1));
        let raise = "update lane set pending = pending + 1, due_at = $2, waiting_since = $2
                     where pair_id in (select 10 + floor(random() * 90000)::bigint from generate_series(1, $1))";
        sqlx::query(raise).bind(AT_ONCE).bind(world.clock.now()).execute(&world.pool).await.expect("hints");
        for claim in world.ledger.claim(claimant, AT_ONCE, world.clock.now()).await.expect("claims") {
            let settle = "update lane set applied = $3, lease_owner = null, lease_until = null, waiting_since = null
                          where pair_id = $1 and fence = $2";
            let done = sqlx::query(settle).bind(claim.pair.0).bind(claim.fence).bind(claim.pending).execute(&world.pool).await;
            applied += i64::try_from(done.expect("a settlement").rows_affected()).expect("one");
        }
    }
    applied
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_settled_tickets_are_switched_in_less_than_a_minute_with_traffic() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).both_tell().begin().await;
    let ticket = world.source.open("Order 1", "Where is it?");
    world.copy_and_work(&ticket).await;
    settled(&world).await;
    let course = world.process.course().clone();
    let hands = Plain { world: &world, asked: Cell::default() };
    let ear = |side| Ear { side, webhook: true, every: Duration::from_secs(3600) };
    let switch = Switch {
        ledger: &world.ledger,
        clock: &world.clock,
        mirror: &world.mirror,
        source: course.source.as_ref(),
        target: course.target.as_ref(),
        silence: [Silence::AdminRule; 2],
        ears: [ear(Side::Source), ear(Side::Target)],
        limits: Limits { lag: Duration::from_secs(60), within: Duration::from_secs(60), late: Duration::from_secs(60) },
        hands: &hands,
    };
    let over = Cell::new(false);
    let run = async {
        let rehearsal = switch.run(&wish(Kind::Rehearsal, &[])).await.expect("a report");
        let since = Monotonic::now();
        let report = switch.run(&wish(Kind::Go, &[])).await.expect("a report");
        over.set(true);
        (rehearsal, report, since.elapsed())
    };
    let ((rehearsal, report, took), applied) = tokio::join!(run, traffic(&world, &over));
    assert_eq!(rehearsal.outcome, Outcome::Done, "{:?}", shut(&rehearsal));
    assert_eq!((report.outcome.clone(), report.turned.late), (Outcome::Done, 0), "{:?}", shut(&report));
    assert!(report.turned.whole > TICKETS && applied > 0, "{report:?}");
    let parity = report.gates.iter().find(|gate| gate.name == "parity").expect("it was looked at");
    let equal: i64 = parity.found.split(' ').next().and_then(|count| count.parse().ok()).expect("so many are equal");
    assert!(parity.holds && equal <= TICKETS + 1 && equal > TICKETS - 10 * AT_ONCE, "{parity:?}");
    assert_eq!(world.leads().await, ["target"]);
    println!(
        "rehearsed: {:.1} s; switched in {took:.1?} with {applied} changes applied meanwhile, the verdicts asked for twice in {:.1?}: {:?}",
        rehearsal.total(),
        hands.asked.get(),
        report.seconds
    );
    assert!(took < Duration::from_secs(60), "it took {took:?}");
    world.sql("update lane set applied = pending, lease_owner = null, lease_until = null").await;
}
