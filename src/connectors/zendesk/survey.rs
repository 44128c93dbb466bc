//! What an account tells of itself: what is ready for us, what its rules do to people, what stays behind.
//!
//! From Zendesk's API reference: triggers, automations, SLA policies, support addresses, ticket fields and forms, macros, views. What a
//! rule does is in its actions (actions reference), which tickets it leaves alone in its conditions (conditions reference).

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::Side;
use crate::desk::field::FieldKey;
use crate::desk::survey::{Deed, Dependent, Need, Rule, RuleKind, Rules, Stock, Survey, Told};

use super::api::{general, page_of};
use super::directory::Directory;
use super::wire::Id;
use super::{KeyField, Zendesk};

const RULES: Call = general("read the account's rules");
const SURVEY: Call = general("read what the account is made of");

/// Bytes. "There is a size limit … of ~65,000" characters (Zendesk in its community, post 4719863289498); the rest is cut.
const LONGEST_MESSAGE: usize = 65_535;
/// "A ticket can contain up to 5000 comments in total" (ticket comments).
const MOST_MESSAGES: usize = 5_000;

/// Lists that are counted: what for people, path, key.
const STOCK: [(&str, &str, &str); 4] = [
    ("macros", "macros", "macros"),
    ("triggers", "triggers", "triggers"),
    ("automations", "automations", "automations"),
    ("SLA policies", "slas/policies", "sla_policies"),
];
/// Counts that the account tells by themselves.
const COUNTS: [(&str, &str); 2] = [("views", "views/count"), ("satisfaction ratings", "satisfaction_ratings/count")];
/// What has no count in the Support API.
const UNCOUNTED: [&str; 3] = ["knowledge base articles", "side conversations", "recorded calls"];

#[derive(Deserialize)]
struct RuleJson {
    #[serde(default)]
    title: String,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    actions: Vec<Part>,
    #[serde(default)]
    conditions: Conditions,
    /// Of SLA policies.
    filter: Option<Conditions>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
struct Conditions {
    #[serde(default)]
    all: Option<Vec<Part>>,
}

/// A condition or an action.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    field: String,
    #[serde(default)]
    operator: String,
    #[serde(default)]
    value: Json,
}

/// What a ticket field says of what may be put into it.
#[derive(Deserialize)]
struct Terms {
    id: Id,
    regexp_for_validation: Option<String>,
    /// "Whether this field is editable by agents" (ticket fields); the account's apps and Zendesk itself own some.
    #[serde(default = "yes")]
    agent_can_edit: bool,
}

#[derive(Deserialize)]
struct FormJson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    agent_conditions: Option<Vec<FormCondition>>,
}

#[derive(Deserialize)]
struct FormCondition {
    parent_field_id: Id,
    #[serde(default)]
    value: Json,
    #[serde(default)]
    child_fields: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    id: Id,
    #[serde(default)]
    is_required: bool,
}

#[derive(Deserialize)]
struct AddressJson {
    #[serde(default)]
    email: String,
}

impl Zendesk {
    /// About fifteen calls.
    pub(super) async fn survey_account(&self, side: Side) -> Result<Survey, Fault> {
        let directory = self.directory().await?;
        let terms: Vec<Terms> = self.pages(SURVEY, "ticket_fields", &[], "ticket_fields").await?;
        let forms: Vec<FormJson> = self.whole_list_if_any(SURVEY, "ticket_forms", "ticket_forms").await?;
        let own = if side == Side::Target { self.own_fields_there(&directory) } else { Vec::new() };
        let stock = if side == Side::Source { self.stock().await? } else { Vec::new() };
        Ok(Survey {
            needs: scopes(side, self.scope().await).into_iter().chain(own).collect(),
            addresses: self.support_addresses().await?,
            stock,
            longest_message: Some(LONGEST_MESSAGE),
            most_messages: Some(MOST_MESSAGES),
            read_only: read_only(&directory, &terms),
            patterns: patterns(&directory, terms),
            dependent: dependent(&directory, forms),
            absent: BTreeMap::new(),
            // An upload that is not taken answers 422 `AttachmentUnprocessable`; no list says of what kinds.
            refused_files: Told::CannotTell("the Support API has no list of them".to_string()),
        })
    }

    /// Those of all brands: `GET /api/v2/recipient_addresses`.
    pub(super) async fn support_addresses(&self) -> Result<Told<BTreeSet<String>>, Fault> {
        Ok(match self.list_told::<AddressJson>("recipient_addresses", "recipient_addresses").await? {
            Told::Known(list) => Told::Known(list.into_iter().map(|one| one.email.to_lowercase()).collect()),
            Told::CannotTell(why) => Told::CannotTell(why),
        })
    }

    /// The fields that the mirror file names for what is ours.
    fn own_fields_there(&self, directory: &Directory) -> Vec<Need> {
        let key = match &self.settings.key_field {
            KeyField::Custom(name) => Some(("key-field", name)),
            KeyField::ExternalId => None,
        };
        let number = self.settings.number_field.as_ref().map(|name| ("number-field", name));
        let need = |(name, field): (&'static str, &String)| Need {
            name,
            what: format!("the ticket field \"{field}\" of the mirror file's `{name}`"),
            met: Told::Known(directory.field(field).is_some()),
            cure: format!(
                "Admin Center, Objects and rules, Tickets > Fields, Add field: kind Text, display name \"{field}\", permissions Agents"
            ),
        };
        key.into_iter().chain(number).map(need).collect()
    }

    async fn stock(&self) -> Result<Vec<Stock>, Fault> {
        let mut stock = Vec::new();
        for (what, path, key) in STOCK {
            let count = match self.list_told::<Json>(path, key).await? {
                Told::Known(list) => Told::Known(list.len() as u64),
                Told::CannotTell(why) => Told::CannotTell(why),
            };
            stock.push(Stock { what: what.to_string(), count });
        }
        for (what, path) in COUNTS {
            stock.push(Stock { what: what.to_string(), count: self.count_told(path).await? });
        }
        let uncounted = |what: &str| Stock {
            what: what.to_string(),
            count: Told::CannotTell("the Support API does not count them".to_string()),
        };
        stock.extend(UNCOUNTED.map(uncounted));
        Ok(stock)
    }

    /// What Zendesk holds back as spam or as undeliverable; agents with all rights and admins see it.
    pub(super) async fn suspended_tickets(&self) -> Result<Told<u64>, Fault> {
        Ok(match self.list_told::<Json>("suspended_tickets", "suspended_tickets").await? {
            Told::Known(list) => Told::Known(list.len() as u64),
            Told::CannotTell(why) => Told::CannotTell(why),
        })
    }

    /// All pages of a list. 403 and 404 mean that it is not shown to us, or not in this plan.
    async fn list_told<T: serde::de::DeserializeOwned>(&self, path: &str, key: &str) -> Result<Told<Vec<T>>, Fault> {
        let answer = self.send(SURVEY, Method::GET, self.url(path, &[("page[size]", "100")]), None, &[403, 404]).await?;
        if !answer.status.is_success() {
            return Ok(Told::CannotTell(format!("the account does not show its {key} ({})", answer.status.as_u16())));
        }
        Ok(Told::Known(match page_of(SURVEY, answer.json(SURVEY)?, key)? {
            (items, None) => items,
            (_, Some(_)) => self.pages(SURVEY, path, &[], key).await?,
        }))
    }

    async fn count_told(&self, path: &str) -> Result<Told<u64>, Fault> {
        let answer = self.send(SURVEY, Method::GET, self.url(path, &[]), None, &[403, 404]).await?;
        let told: Option<Json> = if answer.status.is_success() { Some(answer.json(SURVEY)?) } else { None };
        let count = told.and_then(|told| told.pointer("/count/value")?.as_u64());
        Ok(count.map_or_else(|| Told::CannotTell("the account does not tell how many".to_string()), Told::Known))
    }

    /// Triggers, automations and SLA policies, and the mails to followers, which no rule holds back.
    pub(super) async fn account_rules(&self) -> Result<Rules, Fault> {
        let tag = &self.settings.silent_tag;
        let triggers: Vec<RuleJson> = self.pages(RULES, "triggers", &[], "triggers").await?;
        let automations: Vec<RuleJson> = self.pages(RULES, "automations", &[], "automations").await?;
        let slas: Vec<RuleJson> = self.whole_list_if_any(RULES, "slas/policies", "sla_policies").await?;
        let kinds = [(RuleKind::Trigger, triggers), (RuleKind::Automation, automations), (RuleKind::Sla, slas)];
        let listed = kinds.into_iter().flat_map(|(kind, list)| list.into_iter().map(move |json| (kind, json)));
        let mut rules: Vec<Rule> = listed.filter(|(_, json)| json.active).map(|(kind, json)| rule(kind, json, tag)).collect();
        rules.extend(self.mails_to_followers().await?);
        let cure = format!("Meet ALL of the following conditions: Ticket > Tags, Contains none of the following, {tag}");
        Ok(Rules { rules, unseen: Vec::new(), cure })
    }

    /// "There's no way to disable email notifications to followers (other than to stop using followers)" (support article
    /// 4408843866394).
    async fn mails_to_followers(&self) -> Result<Option<Rule>, Fault> {
        let settings: Json = self.get(RULES, "account/settings", &[]).await?;
        let used = settings.pointer("/settings/tickets/follower_and_email_cc_collaborations").and_then(Json::as_bool);
        Ok(used.unwrap_or(true).then(|| Rule {
            kind: RuleKind::Setting,
            title: "email notifications to followers".to_string(),
            does: BTreeSet::from([Deed::MailsAgents]),
            after_hours: None,
            spares_us: false,
            only_with: Some(FieldKey::Followers),
        }))
    }
}

/// The scopes of an OAuth token; an API token has none and may do what its user may.
fn scopes(side: Side, granted: Option<String>) -> Option<Need> {
    let granted = granted?;
    let needed: &[&str] = if side == Side::Target { &["read", "write"] } else { &["read"] };
    let missing: Vec<&str> =
        needed.iter().copied().filter(|scope| !granted.split_whitespace().any(|word| word == *scope)).collect();
    Some(Need {
        name: "scope",
        what: format!(
            "the OAuth scope `{}` for our client",
            if missing.is_empty() { needed.join(" ") } else { missing.join(" ") }
        ),
        met: Told::Known(missing.is_empty()),
        cure: "Admin Center, Apps and integrations, APIs > OAuth clients: let the client have the scopes read and write"
            .to_string(),
    })
}

fn rule(kind: RuleKind, json: RuleJson, tag: &str) -> Rule {
    let conditions = json.filter.unwrap_or(json.conditions).all.unwrap_or_default();
    let does = match kind {
        RuleKind::Sla => BTreeSet::from([Deed::StartsClocks]),
        _ => json.actions.iter().filter_map(deed).collect(),
    };
    Rule {
        kind,
        title: json.title,
        does,
        after_hours: conditions.iter().filter_map(hours).max(),
        spares_us: conditions.iter().any(|condition| spares(condition, tag)),
        only_with: None,
    }
}

/// *Tags – contains none of the following*: any tag of the list is enough to leave a ticket alone.
fn spares(condition: &Part, tag: &str) -> bool {
    let words: Vec<&str> = match &condition.value {
        Json::String(text) => text.split([' ', ',']).collect(),
        Json::Array(list) => list.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    condition.field == "current_tags" && condition.operator == "not_includes" && words.contains(&tag)
}

/// What an action does to people or tickets.
fn deed(action: &Part) -> Option<Deed> {
    let to = match &action.value {
        Json::Array(list) => list.first().and_then(Json::as_str).unwrap_or_default(),
        value => value.as_str().unwrap_or_default(),
    };
    let customer = to.starts_with("requester") || to.contains("_ccs") || to.contains("organization");
    match action.field.as_str() {
        "notification_user" | "notification_sms_user" if customer => Some(Deed::MailsCustomers),
        "notification_user" | "notification_group" | "notification_sms_user" | "notification_sms_group" => {
            Some(Deed::MailsAgents)
        }
        "satisfaction_score" | "notification_messaging_csat" => Some(Deed::AsksForRating),
        "deflection" | "tweet_requester" => Some(Deed::MailsCustomers),
        "notification_target" | "notification_webhook" | "notification_zis" | "share_ticket" => Some(Deed::CallsOut),
        "" => None,
        _ => Some(Deed::ChangesTickets),
    }
}

/// Hours since something, as an automation's conditions count them.
fn hours(condition: &Part) -> Option<u64> {
    const SINCE: [&str; 11] = [
        "NEW",
        "OPEN",
        "PENDING",
        "HOLD",
        "SOLVED",
        "CLOSED",
        "assigned_at",
        "updated_at",
        "requester_updated_at",
        "assignee_updated_at",
        "due_date",
    ];
    let since = SINCE.iter().any(|word| condition.field.eq_ignore_ascii_case(word));
    let number = condition.value.as_u64().or_else(|| condition.value.as_str()?.trim().parse().ok());
    number.filter(|_| since)
}

fn named(directory: &Directory, id: &Id) -> Option<FieldKey> {
    directory.fields.iter().find(|field| field.id == *id).map(|field| FieldKey::custom(&field.name))
}

fn patterns(directory: &Directory, terms: Vec<Terms>) -> BTreeMap<FieldKey, String> {
    terms.into_iter().filter_map(|one| Some((named(directory, &one.id)?, one.regexp_for_validation?))).collect()
}

fn read_only(directory: &Directory, terms: &[Terms]) -> BTreeSet<FieldKey> {
    terms.iter().filter(|one| !one.agent_can_edit).filter_map(|one| named(directory, &one.id)).collect()
}

fn dependent(directory: &Directory, forms: Vec<FormJson>) -> Vec<Dependent> {
    let named = |id: &Id| named(directory, id);
    let mut found = Vec::new();
    for form in forms {
        for condition in form.agent_conditions.into_iter().flatten() {
            let value = condition.value.as_str().map_or_else(|| condition.value.to_string(), str::to_string);
            let Some(parent) = named(&condition.parent_field_id) else { continue };
            let children = condition.child_fields.iter().filter(|child| child.is_required).filter_map(|child| named(&child.id));
            found.extend(children.map(|child| Dependent {
                form: Some(form.name.clone()),
                parent: parent.clone(),
                value: value.clone(),
                child,
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_needs_a_token_that_may_write() {
        let met = |side, scope: &str| scopes(side, Some(scope.to_string())).map(|need| need.met);
        assert_eq!(met(Side::Source, "read"), Some(Told::Known(true)));
        assert_eq!(met(Side::Target, "read"), Some(Told::Known(false)));
        assert_eq!(met(Side::Target, "read write"), Some(Told::Known(true)));
        assert_eq!(scopes(Side::Target, None), None, "an API token names no scopes");
    }

    #[test]
    fn a_rule_spares_us_only_by_the_very_tag_in_all_conditions() {
        let told = |field: &str, operator: &str, value: Json| {
            let part = json!({"field": field, "operator": operator, "value": value});
            spares(&serde_json::from_value(part).expect("a condition"), "tidegate_silent")
        };
        assert!(told("current_tags", "not_includes", json!("vip tidegate_silent")));
        assert!(told("current_tags", "not_includes", json!(["tidegate_silent"])));
        assert!(!told("current_tags", "includes", json!("tidegate_silent")));
        assert!(!told("current_tags", "not_includes", json!("tidegate_silent_too")));
        assert!(!told("status", "not_includes", json!("tidegate_silent")));
    }
}
