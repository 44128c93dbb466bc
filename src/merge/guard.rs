//! The guard: people at work on the following ticket are not written over meanwhile.

use chrono::{DateTime, Utc};

use crate::desk::policy::Guard;
use crate::desk::ticket::{Act, Actor, newer};

use super::plan::Plan;
use super::scene::Scene;

/// Whether fields may be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Free,
    /// Not before then, by our clock.
    After(DateTime<Utc>),
    /// A person decides.
    Ask,
}

/// Looks whether a person has touched the following ticket since our last write of fields.
pub(super) fn pass(scene: &Scene<'_>, plan: &mut Plan) -> Pass {
    let Some(act) = touched(scene).filter(|_| scene.policy.guard != Guard::Merge) else { return Pass::Free };
    if scene.policy.guard == Guard::Ask {
        return Pass::Ask;
    }
    plan.wants_clocks |= scene.clocks.is_none();
    let skew = scene.clocks.and_then(|clocks| clocks.follow);
    // The latest that it can have been; where the desk does not tell its time its clock is taken for right.
    let at = skew.map_or(act.at, |skew| skew.span(act.at).1);
    let until = at + chrono::TimeDelta::from_std(scene.policy.guard_for).unwrap_or(chrono::TimeDelta::MAX);
    if scene.now < until { Pass::After(until) } else { Pass::Free }
}

/// The last act of a person that came after our last write of fields.
fn touched<'a>(scene: &Scene<'a>) -> Option<&'a Act> {
    let written_on = scene.base.written_on.as_deref()?;
    let acts = &scene.follow?.acts;
    acts.iter().rev().find(|act| act.by == Actor::Person && newer(&act.id, written_on))
}
