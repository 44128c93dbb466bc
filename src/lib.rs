//! Tidegate carries a support team from one helpdesk to another with nobody stopping work. This page is THE MAP: read it first.
//!
//! # How a change travels
//!
//! ```text
//!  webhook ─► receive ─► proved ─┐                                         ┌─► parked (a person decides)
//!                                ├─► events + lanes ─► claim ─► hydrate ──►│
//!  poll, full copy ── listing ───┘     (Postgres)       base·lead·follow   ├─► plan ─► perform ─► read back ─► settle
//!                                                                          │  (pure)   (target)               (Postgres)
//!                                                                          └─► not yet (later, with backoff)
//!                                     check: another pair of eyes compares both desks
//! ```
//!
//! 1. **A hint comes in.** A webhook request proves itself (`connectors::delivery`), is read into hints (`webhook.rs` of its
//!    vendor) and handed to the one writer task (`intake::writer`), which keeps all that arrived during its last commit in
//!    one transaction and answers after it. The poll (`intake::poll`) and the full copy (`intake::backfill`) end in the same
//!    tables. A hint says *look at this ticket*; it never holds the data.
//! 2. **It raises a lane.** `ledger::event` stores the hint under its evidence, so that two witnesses of one change are one
//!    event, and raises the counter of the pair's lane. One lane is the work of one ticket in both desks.
//! 3. **A worker claims the lane** (`replay::engine`, `ledger::lane`): a lease with a fencing number, the counter read before the first
//!    fetch. Live changes come before the full copy. No transaction is open while a desk is called.
//! 4. **It closes what was left open** (`replay::recover`): an intent without an answer is looked up at the target by its key
//!    before anything is sent again.
//! 5. **It hydrates** (`replay::hydrate`): reads both tickets as they are now. Ten waiting hints cost one read. A desk that
//!    shows less than a hint promised is asked again later.
//! 6. **It plans** (`merge`, pure): each field from base, lead and follow; messages as a union, known by link and key. What
//!    nobody may decide alone is parked (`ledger::parked`) with a sentence of advice. A field that a person has to decide on waits alone
//!    (`ledger::conflict`), the rest of the ticket goes on; the next plan obeys the decision (`merge::ruling`).
//! 7. **It performs** (`replay::perform`): per step an intent, one call, one settlement. Then it reads back what the desk made of it and
//!    plans again, until the plan is empty.
//! 8. **It settles** (`ledger::settle`): base, links, applied counter and figures in one commit; whoever waited for this ticket
//!    is woken.
//! 9. **Somebody else looks** (`cutover::parity`, `tidegate check`): knows neither `merge` nor `replay`, and judges both desks anew.
//! 10. **The lead turns** (`cutover::switch`, `tidegate cutover`): through a gate, with the way back proven, in one commit
//!     (`ledger::authority`), while all of the above goes on; for all tickets, or for one window, whose gate counts what is in it
//!     (`ledger::account`).
//!
//! # The floors
//!
//! A module imports only from floors below its own; `tests/it/tidy.rs` holds this and the other rules of the house.
//!
//! ```text
//!  main
//!  cli                                     one file per verb
//!  gateway                                 wires everything, starts and stops it
//!  web                                     webhooks, health, metrics
//!  intake    replay    cutover    setup    never import each other
//!  connectors  ledger      config  embedded  never import each other
//!  change      merge       sim             merge sees desk and mirror only; sim never sees connectors
//!  desk  mirror  clock  secret  telemetry  task
//! ```
//!
//! Some absences: `desk`, `change`, `mirror`, `merge`, `setup::propose` and each vendor's `translate.rs` and `webhook.rs` are pure. Only `ledger` speaks SQL (`embedded` makes its database),
//! `task` alone waits, `clock` alone reads the time, `connectors/mod.rs` and `sim/server.rs` alone list vendors. The simulators are
//! written from the vendors' documents, so that a misreading in a connector is not in its simulator too.
//!
//! # Words, each with one meaning
//!
//! *mirror*: one source desk to one target desk, with its rules · *desk*: a helpdesk · *pair*: one ticket in both desks ·
//! *lead, follow*: the desk whose fields count in a pair, and the other (`pair.authority`) · *delivery*: one webhook request ·
//! *hint*: look at this ticket; stored, it is a *change event* · *evidence*: the name of the change behind a hint · *origin*: webhook, poll,
//! backfill, operator or sweep · *witness*: who may see a change · *watermark*: where a feed was read up to · *lane*: work of a pair · *claim*: the
//! lease on a lane · *stamp*: a desk's proof of a ticket's state · *hydrate*: read both tickets now · *base*: what both said when they last agreed ·
//! *plan, step, write*: what to do, one of it, one call · *intent*: a write recorded before it is sent · *settle*: make it durable ·
//! *conflict*: both desks changed one field · *guard*: what protects people at work from writes of fields · *ruling*: what a person decided about
//! a field · *born*: the desk at which a message was written; the other one holds our *copy* · *park*: leave it to a person · *fault*: a desk failed us · *remedy*: what to do about a fault ·
//! *run*: what changed since the last one, carried once · *window*: a part of a mirror's tickets that is switched on its own ·
//! *rejection*: a delivery refused · *sample*: tickets that are copied before the others · *take back*: remove what we made ·
//! *adopt*: take over another tool's copy · *verify* is for deliveries, *check* for *parity* · *verdict*: what a check said of a pair, *stale*
//! when something newer is heard · *stray*: a ticket without a pair · *course*: a mirror with its desks connected · *sim*: a
//! simulated desk · *finding*: what a check of a mirror file found, by name; *stop*, *risk*, *cannot tell* or *note* · *switch*: a change of
//! which desk leads · *gate*: what has to hold before it · *turn*: the commit in which it happens · *mark*: how far each lane has to be applied
//! before · *late*: a ticket that was in the middle of something then · *way back*: writing to the desk that will follow, proven by a *probe* ·
//! *waive*: pass a gate by · *accept*: take a finding, or what differs, as it is · *mute*: of a ticket, its desk may be silent about it because
//! of our writes · *story*: scripted customers and
//! agents, and the log that the *judge* compares desks with · *numbers*: which old ticket became which new one · *purge*: everything but the
//! numbers is destroyed · *statement*: what can be said of a mirror; signed, a *certificate*.
//!
//! # Where this departs from the first design, and why
//!
//! * **A mirror file is read without the desks, then held against them.** `config::file` tells every mistake that the text alone shows;
//!   `config::values` needs both schemas. So a wrong line is told even where a desk cannot be reached, and `--offline` is possible.
//! * **Events are keyed by evidence, not by delivery.** Webhook and poll see one change under different ids; where the vendor names
//!   the change (RT's transaction), both hints become one row. Counting missed webhooks is then a question to one table.
//! * **The base is taken from the next read, not from the write's answer.** Desks rewrite what they get, and answer before they
//!   have. A written field is noted as `unread` with the stamp before it; the next read of the target gives its value, unless
//!   a person changed it in between: then what we wrote stays the base, and the person's value is seen as theirs.
//! * **An equal stamp is not taken for equal content.** A read takes several calls, and one of them may be answered by a copy that lags.
//!   What a read showed is kept as a digest beside its stamp; other content under the same stamp has to be told four times.
//! * **A merged ticket's news goes to the survivor, its fields do not.** Messages and links of it are carried on; what stands in the
//!   survivor's fields is another pair's business.
//! * **Rounds of plans instead of one long plan.** A reply opens a resolved ticket, a rule adds a tag. After its steps a lane is read and
//!   planned again until the plan is empty; four rounds at most, so that a target that undoes each write is told, not fought.
//! * **A follow-up is a new part of the key, not a new pair.** A closed ticket cannot be changed, so a second target ticket goes on.
//!   The pair stays, its former target tickets are remembered with their bases, and `…:t:<id>:<part>` is looked up like any key.
//! * **Who has a ticket leads it until both desks have it.** `pair.authority` says who leads then (`Pair::lead`). So a new ticket of either desk
//!   goes the same way, whoever leads, and the switch turns pairs that are not complete yet like all others.
//! * **`embedded` and `cutover` are rooms.** A private Postgres that dies with its owner, and a judge who trusts nobody, took more
//!   than one file each.

// In the order of the pipeline; the blank lines keep rustfmt from sorting them.

// What both desks would agree a ticket is, as plain data: fields, messages, people, policy, scope, mapping, capabilities.
pub mod desk;

// A mirror, the phases that it goes through, the keys that it leaves.
pub mod mirror;

// The only clock.
pub mod clock;

// A string that never prints.
pub mod secret;

// The only place that waits: loops, pauses, stopping.
pub mod task;

// Logs without secrets and customers' words.
pub mod telemetry;

// Hints, cursors, pages.
pub mod change;

// What the operator says: settings and mirror files, all mistakes at once.
pub mod config;

// The desks that we speak to: one contract, one folder per vendor, one HTTP client.
pub mod connectors;

// The private Postgres, where no other is named.
pub mod embedded;

// All durable state; the only SQL.
pub mod ledger;

// Hints in: webhooks, poll, full copy.
pub mod intake;

// The pure decision: three versions in, steps out.
pub mod merge;

// Changes out: claim, hydrate, perform, settle.
pub mod replay;

// Whether both desks say the same.
pub mod cutover;

// Before anything is written: what a mirror would do, and the proof that it may.
pub mod setup;

// Every route on one page.
pub mod web;

// The house put together from its settings.
pub mod gateway;

// Simulated desks, the story told on them, and its judge.
pub mod sim;

// The verbs.
pub mod cli;
