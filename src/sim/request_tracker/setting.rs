//! What an admin of the simulated RT has set up, as far as it matters to a mirror.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Changed by [`super::RequestTrackerSim::set_settings`] or `PUT /_sim/settings`; absent keys keep their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// RT's stock scrips that send mail are on.
    pub notifications: bool,
    /// The user whose transactions these scrips leave out, if the admin has silenced one. RT offers nothing per call; what
    /// works (tried on RT 5.0.3) is to give each of these scrips the condition `User Defined` with a
    /// `CustomIsApplicableCode` that returns 0 when `$self->TransactionObj->CreatorObj->Name` is `gateway`, and what its
    /// own condition says otherwise. All else goes on: other people's transactions mail, and replies open tickets.
    pub silent_creator: Option<String>,
    /// `$RecordOutgoingEmail`: RT keeps a transaction for each mail that it sends.
    pub records_mail: bool,
    /// RT's stock scrip that opens new and inactive tickets on correspondence is on.
    pub auto_open: bool,
    /// Custom fields that the gateway's user lacks the right SeeCustomField for; then it has that right field by field, not for the whole
    /// RT.
    pub unseen_fields: BTreeSet<String>,
    /// Custom fields that it lacks the right ModifyCustomField for.
    pub locked_fields: BTreeSet<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            notifications: true,
            silent_creator: Some("gateway".to_owned()),
            records_mail: true,
            auto_open: true,
            unseen_fields: BTreeSet::new(),
            locked_fields: BTreeSet::new(),
        }
    }
}

/// Where the webhook scrip posts to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// Empty: no webhook.
    pub url: String,
    /// The key of the signature.
    pub secret: String,
}
