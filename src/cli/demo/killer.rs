//! Kills the demo's gateway at named steps, as a SIGKILL would: whatever was under way is never heard of again.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;

use crate::replay::course::{STEPS, Steps};

/// Waits for its next victim.
pub struct Killer {
    state: Mutex<State>,
    struck: Notify,
}

struct State {
    dice: SmallRng,
    /// The step to kill at, after so many passes.
    armed: Option<(&'static str, u32)>,
    /// Where it killed so far.
    kills: Vec<&'static str>,
    planned: usize,
}

impl Killer {
    /// Kills `planned` times, at each named step in turn.
    pub fn new(seed: u64, planned: usize) -> Self {
        let mut dice = SmallRng::seed_from_u64(seed ^ 0x006b_696c);
        let armed = (planned > 0).then(|| (STEPS[0], dice.random_range(3..12)));
        let state = State { dice, armed, kills: Vec::new(), planned };
        Self { state: Mutex::new(state), struck: Notify::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the gateway has to die.
    pub async fn strikes(&self) {
        self.struck.notified().await;
    }

    /// The gateway is gone: ready for the next.
    pub fn rearm(&self) {
        let mut state = self.state();
        let done = state.kills.len();
        if done < state.planned {
            let passes = state.dice.random_range(3..12);
            state.armed = Some((STEPS[done % STEPS.len()], passes));
        }
    }

    /// No more kills.
    pub fn retire(&self) {
        let mut state = self.state();
        state.planned = 0;
        state.armed = None;
    }

    /// Where it killed.
    pub fn kills(&self) -> Vec<&'static str> {
        self.state().kills.clone()
    }

    /// How many kills are still to come.
    pub fn waiting(&self) -> usize {
        let state = self.state();
        state.planned.saturating_sub(state.kills.len())
    }

    fn falls_now(&self, step: &'static str) -> bool {
        let mut state = self.state();
        match &mut state.armed {
            Some((armed, passes)) if *armed == step => {
                *passes -= 1;
                if *passes > 0 {
                    return false;
                }
            }
            _ => return false,
        }
        state.armed = None;
        state.kills.push(step);
        true
    }
}

#[async_trait]
impl Steps for Killer {
    async fn reached(&self, step: &'static str) {
        if self.falls_now(step) {
            self.struck.notify_one();
            std::future::pending::<()>().await;
        }
    }
}
