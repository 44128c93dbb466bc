//! Conversation both ways: what people write in the new desk appears in the old one, once, as the mirror file says, and mails nobody.

mod endings;
mod interrupted;
mod messages;
mod verbs;

use crate::world::desk::{Kind, request_tracker, zendesk};
use crate::world::stand::{Plan, World};

/// The pairs of desks.
fn pairs() -> [(Kind, Kind); 3] {
    [(zendesk(), request_tracker()), (request_tracker(), zendesk()), (zendesk(), zendesk())]
}

fn between((source, target): (Kind, Kind), replies: &str) -> Plan {
    let policy = format!("replies-back = \"{replies}\"\nsource-silence = \"admin-rule\"");
    World::of().from(source).to(target).policy(&policy)
}
