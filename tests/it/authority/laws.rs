//! People at both desks at once while the lead goes there and back: nothing of theirs is lost without a record, messages are a union,
//! every ticket is at both desks once, both desks settle, nobody is mailed, and the judge agrees at every stage.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tidegate::desk::Side;
use tidegate::desk::field::Value;

use super::{between, carried_back, pairs};
use crate::world::desk::{Desk, Kind, field, saying};
use crate::world::rest::rests;
use crate::world::stand::World;

const SIDES: [Side; 2] = [Side::Source, Side::Target];
const STAGES: usize = 5;
const DEEDS: usize = 10;
const WINDOWS: &str =
    "[[window]]\nname = \"billing\"\ngroups = [\"Billing\"]\n[[window]]\nname = \"boats\"\ngroups = [\"Engineering\"]\n";
const GROUPS: [&str; 3] = ["Billing", "Engineering", "Support"];

/// One history.
struct Told {
    world: World,
    dice: SmallRng,
    /// Numbers by side, as far as both are known.
    tickets: Vec<[String; 2]>,
    /// Subjects that somebody set, by ticket and side, and that nobody replaced at that desk since.
    set: BTreeMap<(usize, Side), String>,
    /// Those that stood at both desks at one time: they were carried.
    agreed: Vec<String>,
    gone: Vec<String>,
    said: Vec<(usize, String)>,
    born: Vec<(Side, String)>,
    count: u32,
    /// People move tickets between groups too.
    moves: bool,
}

fn place(side: Side) -> usize {
    usize::from(side == Side::Target)
}

impl Told {
    async fn begin(pair: (Kind, Kind), policy: &str, seed: u64) -> Told {
        let mut world = between(pair).policy("tickets-back = true").policy(policy).begin().await;
        let opened = ["Order 7", "Order 8"].map(|subject| world.source.open(subject, "Where is it?"));
        world.settle().await;
        let tickets = opened.into_iter().map(|ticket| [ticket.clone(), world.mirrored(&ticket).id]).collect();
        let dice = SmallRng::seed_from_u64(seed);
        let (set, agreed, gone) = (BTreeMap::new(), Vec::new(), Vec::new());
        Told {
            world,
            dice,
            tickets,
            set,
            agreed,
            gone,
            said: Vec::new(),
            born: Vec::new(),
            count: 0,
            moves: policy.contains(WINDOWS),
        }
    }

    fn desk(&self, side: Side) -> &Desk {
        if side == Side::Source { &self.world.source } else { &self.world.target }
    }

    /// A word that nobody said before.
    fn word(&mut self) -> String {
        self.count += 1;
        format!("word {} of this history", self.count)
    }

    /// Somebody does something, at either desk.
    fn deed(&mut self) {
        let (index, side) = (self.dice.random_range(0..self.tickets.len()), SIDES[self.dice.random_range(0..2)]);
        let (ticket, word) = (self.tickets[index][place(side)].clone(), self.word());
        self.world.clock.advance(Duration::from_secs(self.dice.random_range(0..9)));
        let zendesk = self.desk(side).kind.vendor == "zendesk";
        if self.moves && self.dice.random_bool(0.25) {
            let group = GROUPS[self.dice.random_range(0..GROUPS.len())];
            return self.desk(side).set(&ticket, "group", group);
        }
        match self.dice.random_range(0..10) {
            0..4 => {
                self.desk(side).set(&ticket, "subject", &word);
                self.set.insert((index, side), word);
            }
            4 => {
                let words = if zendesk { ["low", "high", "urgent"] } else { ["20", "75", "100"] };
                let value = words[self.dice.random_range(0..3)];
                self.desk(side).set(&ticket, "priority", value);
            }
            5 => {
                let words = if zendesk { ["open", "hold"] } else { ["open", "stalled"] };
                let value = words[self.dice.random_range(0..2)];
                self.desk(side).set(&ticket, "status", value);
            }
            6 => {
                self.desk(side).reply(&ticket, &word);
                self.said.push((index, word));
            }
            7 | 8 => {
                self.desk(side).answer(&ticket, &word);
                self.said.push((index, word));
            }
            _ => {
                let number = self.desk(side).open(&word, "A new one.");
                self.born.push((side, number));
            }
        }
    }

    fn subject(&self, index: usize, side: Side) -> String {
        field(&self.desk(side).ticket(&self.tickets[index][place(side)]), "subject")
    }

    /// Notes what stands at both desks, and what does not stand any more where it was set.
    fn look(&mut self) {
        for ((index, side), word) in self.set.clone() {
            let [here, there] = [side, side.other()].map(|side| self.subject(index, side));
            if here == word && there == word {
                self.agreed.push(word);
            } else if here != word {
                self.set.remove(&(index, side));
                self.gone.push(word);
            }
        }
    }

    /// Some deeds, a turn of this window (`None`: of everything) in the middle of them, and what has to hold then.
    async fn stage(&mut self, window: Option<&str>, lead: Side, what: &str) {
        for _ in 0..DEEDS {
            self.deed();
            if self.dice.random_bool(0.4) {
                self.world.turn().await;
                self.look();
            }
        }
        let (ledger, mirror) = (&self.world.ledger, self.world.mirror.id);
        let parts = ledger.parts(mirror).await.expect("an answer");
        let window = parts.iter().find(|part| Some(part.name.as_str()) == window).map(|part| part.id);
        ledger.turn(mirror, window, lead, self.world.clock.now()).await.expect("it is turned");
        self.world.settle().await;
        self.look();
        for (side, number) in std::mem::take(&mut self.born) {
            let others = if side == Side::Source { self.world.copies(&number) } else { carried_back(&self.world, &number) };
            assert_eq!(others.len(), 1, "{what}: {side:?} ticket {number} has {} counterparts", others.len());
            let other = others[0].id.clone();
            self.tickets.push(if side == Side::Source { [number, other] } else { [other, number] });
        }
        let report = self.world.check().await;
        assert!(report.at_parity(), "{what}: {:#?}", report.lines());
    }

    async fn holds(&mut self, what: &str) {
        let conflicts = self.world.ledger.conflicts(self.world.mirror.id).await.expect("an answer");
        for word in self.gone.iter().filter(|word| !self.agreed.contains(word)) {
            let value = Value::text(word.as_str());
            let told = conflicts.iter().any(|one| one.field == "subject" && [&one.source, &one.target].contains(&&value));
            assert!(told, "{what}: `{word}` is lost without a record: {conflicts:#?}");
        }
        for (index, words) in &self.said {
            for side in SIDES {
                let ticket = self.desk(side).ticket(&self.tickets[*index][place(side)]);
                assert_eq!(saying(&ticket, words).len(), 1, "{what}: `{words}` at the {side:?}");
            }
        }
        let counts = SIDES.map(|side| self.desk(side).tickets().len());
        assert_eq!(counts, [self.tickets.len(); 2], "{what}: each ticket is at each desk once");
        rests(&mut self.world, what).await;
    }
}

async fn for_pairs(policy: &str, seed: u64) {
    for (n, pair) in pairs().into_iter().enumerate() {
        let what = format!("{} to {}, {policy}", pair.0.vendor, pair.1.vendor);
        let mut told = Told::begin(pair, policy, seed + n as u64).await;
        for stage in 0..STAGES {
            let lead = SIDES[(stage + 1) % 2];
            told.stage(None, lead, &format!("{what}, stage {stage}, {lead:?} leads")).await;
        }
        told.holds(&what).await;
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_lead_goes_there_and_back_and_the_old_desk_wins() {
    for_pairs("preset = \"old-leads\"", 41).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_lead_goes_there_and_back_and_the_new_desk_wins() {
    for_pairs("preset = \"new-leads\"", 51).await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_windows_are_turned_and_tickets_move_between_them() {
    let turns = [
        (Some("billing"), Side::Target),
        (Some("boats"), Side::Target),
        (Some("billing"), Side::Source),
        (None, Side::Target),
        (Some("boats"), Side::Source),
        (Some("rest"), Side::Source),
    ];
    for (seed, preset) in [(61, "old-leads"), (62, "new-leads")] {
        let policy = format!("preset = \"{preset}\"\n{WINDOWS}");
        let mut told = Told::begin(pairs()[0], &policy, seed).await;
        for (window, lead) in turns {
            told.stage(window, lead, &format!("{preset}, {seed}, {window:?} led by {lead:?}")).await;
        }
        let moves = told.world.ledger.window_moves(told.world.mirror.id).await.expect("an answer");
        assert!(moves.iter().any(|one| one.led_by != one.leads), "{seed}: no ticket was handed over: {moves:?}");
        told.holds(&format!("{preset}, {seed}")).await;
    }
}
