//! What an RT tells of itself: our fields, its queues' addresses, the patterns of its fields. REST2 shows no scrips, no configuration
//! and no rights but those that are links of a queue: what depends on them, it cannot tell.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::field::FieldKey;
use crate::desk::survey::{Need, Rules, Stock, Survey, Told, Unseen};

use super::RequestTracker;
use super::api::call;
use super::schema::{ON_TICKETS, ON_TRANSACTIONS};
use super::wire::{LinkJson, Ref, Word};

/// What RT keeps and REST2 does not list.
const UNCOUNTED: [&str; 6] = ["scrips", "templates", "saved searches", "dashboards", "articles", "SLA times"];
const INSTALLED: &str = "install deploy/request-tracker/initialdata.pl in RT, or make it by hand as its README says";

#[derive(Deserialize)]
struct QueueRow {
    #[serde(default, rename = "CorrespondAddress")]
    correspond: Word,
    #[serde(default, rename = "CommentAddress")]
    comment: Word,
}

#[derive(Deserialize)]
struct QueueShown {
    #[serde(default, rename = "_hyperlinks")]
    links: Vec<LinkJson>,
    /// The fields of its tickets that our user may see; older RTs do not tell them here.
    #[serde(rename = "TicketCustomFields")]
    fields: Option<Vec<Ref>>,
}

impl RequestTracker {
    /// A few calls, and as target one for each queue.
    pub(super) async fn survey_desk(&self, side: Side) -> Result<Survey, Fault> {
        let mut survey = Survey { addresses: self.queue_addresses().await?, ..Survey::untold() };
        survey.needs.push(self.sees_all_fields().await?);
        match side {
            Side::Source => survey.stock = UNCOUNTED.map(uncounted).into(),
            Side::Target => {
                survey.patterns = self.patterns().await?;
                survey.needs.extend(self.own_fields_there().await?);
                let (may_create, absent) = self.queues_there().await?;
                survey.absent = absent;
                survey.needs.extend([may_create, may_change()]);
                // RT takes every kind (RT::Attachment); it only has a limit of size.
                survey.refused_files = Told::Known(BTreeSet::new());
            }
        }
        Ok(survey)
    }

    /// RT may have addresses in its configuration too; where no queue has one, they are there.
    pub(super) async fn queue_addresses(&self) -> Result<Told<BTreeSet<String>>, Fault> {
        let query = [("fields", "Name,CorrespondAddress,CommentAddress")];
        let rows: Vec<QueueRow> = self.all(call("list queues"), &["queues", "all"], &query).await?;
        let words = rows.into_iter().flat_map(|row| [row.correspond.0, row.comment.0]);
        let addresses: BTreeSet<String> = words.filter(|word| word.contains('@')).map(|word| word.to_lowercase()).collect();
        Ok(match addresses.is_empty() {
            true => {
                Told::CannotTell("no queue has an address of its own, and RT does not show those of its configuration".into())
            }
            false => Told::Known(addresses),
        })
    }

    async fn patterns(&self) -> Result<BTreeMap<FieldKey, String>, Fault> {
        let fields = self.definitions(ON_TICKETS, None).await?;
        let patterned =
            fields.into_iter().filter(|field| !field.pattern.0.is_empty() && !self.settings.is_own_field(&field.name));
        Ok(patterned.map(|field| (self.field_key(&field.name), field.pattern.0)).collect())
    }

    /// The field for the other desk's number is left out: it is for people, and everything works without it.
    async fn own_fields_there(&self) -> Result<Vec<Need>, Fault> {
        let settings = &self.settings;
        let wanted = [
            ("key-field", Some(&settings.key_field), ON_TICKETS, "tickets"),
            ("message-key-field", Some(&settings.message_key_field), ON_TRANSACTIONS, "transactions"),
            ("tags-field", settings.tags_field.as_ref(), ON_TICKETS, "tickets"),
        ];
        let mut needs = Vec::new();
        for (name, field, lookup, of) in wanted {
            let Some(field) = field else { continue };
            let there = self.definitions(lookup, Some(field)).await?.iter().any(|one| one.name == *field);
            needs.push(Need {
                name,
                what: format!("the custom field \"{field}\" of {of} (the mirror file's `{name}`)"),
                met: Told::Known(there),
                cure: format!("{INSTALLED}; apply the field to all queues and let the gateway's user see and change it"),
            });
        }
        Ok(needs)
    }

    /// RT counts custom fields only for who may see all of them (`RT::CustomFields::CurrentUserCanSeeAll`): without the right for the
    /// whole RT, what a field hides is in no answer at all.
    async fn sees_all_fields(&self) -> Result<Need, Fault> {
        let query = json!([{ "field": "LookupType", "value": ON_TICKETS }]).to_string();
        let query = [("query", query.as_str()), ("per_page", "1")];
        let (page, _) = self.page::<Json>(call("count custom fields"), &["customfields"], &query).await?;
        Ok(Need {
            name: "custom-fields",
            what: "given our user the right SeeCustomField for every custom field".to_string(),
            met: match page.total {
                Some(_) => Told::Known(true),
                None => Told::CannotTell("it has the right field by field, and RT shows nothing of a field without it".to_string()),
            },
            cure: "RT, Admin > Global > User rights: give SeeCustomField (and ModifyCustomField in the new desk) to the gateway's user"
                .to_string(),
        })
    }

    /// A queue shows a link `create` to whoever has the right CreateTicket in it, and those fields of its tickets that they may see.
    async fn queues_there(&self) -> Result<(Need, BTreeMap<String, BTreeSet<FieldKey>>), Fault> {
        let layout = self.layout().await?;
        let (mut closed, mut absent) = (Vec::new(), BTreeMap::new());
        for (id, queue) in layout.queues.iter().filter(|(_, queue)| queue.disabled.0 == "0") {
            let shown: Option<QueueShown> = self.find(call("read queue"), &["queue", id]).await?;
            if !shown.as_ref().is_some_and(|shown| shown.links.iter().any(|link| link.relation == "create")) {
                closed.push(queue.name.as_str());
            }
            let Some(has) = shown.and_then(|shown| shown.fields) else { continue };
            let lacks = layout.fields.values().filter(|field| !has.iter().any(|one| one.id == field.id));
            absent.insert(queue.name.clone(), lacks.map(|field| self.field_key(&field.name)).collect());
        }
        Ok((self.creates(&closed), absent))
    }

    fn creates(&self, closed: &[&str]) -> Need {
        let where_not = if closed.is_empty() { String::new() } else { format!(" (not in {})", closed.join(", ")) };
        Need {
            name: "create-tickets",
            what: format!("the right CreateTicket in every queue{where_not}"),
            met: Told::Known(closed.is_empty()),
            cure: "RT, Admin > Queues > Group rights: give it to the gateway's user, or map no group to that queue".to_string(),
        }
    }

    /// REST2 lists no scrips.
    pub(super) fn desk_rules(&self) -> Rules {
        let what = "RT's API does not show scrips: whether one of them mails customers or agents about what Tidegate writes is not known.";
        let cure = "let an RT admin look at Admin > Scrips: the scrip `Tidegate: silence` of deploy/request-tracker has to be there and \
                    enabled; scrips that mail by themselves, and escalations by rt-crontool, have to leave the gateway's user alone";
        let unseen = Unseen { name: "scrips", what: what.to_string(), cure: cure.to_string() };
        Rules { rules: Vec::new(), unseen: vec![unseen], cure: String::new() }
    }
}

fn uncounted(what: &str) -> Stock {
    Stock { what: what.to_string(), count: Told::CannotTell("RT's API does not list them".to_string()) }
}

fn may_change() -> Need {
    Need {
        name: "change-rights",
        what: "the rights ReplyToTicket, CommentOnTicket, ModifyTicket and AdminUsers of the gateway's user, and ModifyCustomField for every \
               field that is carried"
            .to_string(),
        met: Told::CannotTell("RT's API shows rights only where they are used".to_string()),
        cure: "RT, Admin > Global > User rights: give them to the gateway's user, as deploy/request-tracker/README.md says"
            .to_string(),
    }
}
