//! What an account is made of: groups, brands, forms, fields, statuses, triggers. Read only, but for the triggers.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::field::{self, FIELDS, Field, Kind, SYSTEM};
use super::paging;
use super::rules::Trigger;
use super::stock;
use super::store::{Store, stamp};
use super::ticket::{KINDS, PRIORITIES, STATUSES};
use super::world::{self, BRANDS, CUSTOM_STATUSES, CustomStatus, FORMS, GROUPS, Named};

fn founded() -> String {
    stamp(world::founded())
}

fn find(list: &'static [Named], id: u64) -> Result<&'static Named, Refusal> {
    list.iter().find(|named| named.id == id).ok_or_else(Refusal::not_found)
}

/// `GET /api/v2/account/settings`
pub fn settings(_: &mut Store, _: &Call) -> Outcome {
    Answer::ok(world::account_settings())
}

/// A group as the API tells it.
pub fn group(store: &Store, group: &Named) -> Value {
    json!({
        "url": format!("{}/api/v2/groups/{}.json", store.url, group.id), "id": group.id, "name": group.name,
        "description": "", "is_public": true, "default": group.id == GROUPS[0].id, "deleted": false,
        "created_at": founded(), "updated_at": founded(),
    })
}

/// `GET /api/v2/groups`, also `assignable` and those of one agent.
pub fn groups(store: &mut Store, call: &Call) -> Outcome {
    let agent = call.params.first().and_then(|id| id.parse::<u64>().ok());
    let wanted = |one: &&Named| agent.is_none_or(|agent| store.people.is_member(one.id, agent));
    let list: Vec<Value> = GROUPS.iter().filter(wanted).map(|one| group(store, one)).collect();
    paging::list(store, call, "groups", list)
}

/// `GET /api/v2/groups/{id}`
pub fn show_group(store: &mut Store, call: &Call) -> Outcome {
    let found = find(&GROUPS, call.id(0)?)?;
    Answer::ok(json!({"group": group(store, found)}))
}

/// `GET /api/v2/group_memberships`, also of one group or one agent.
pub fn group_memberships(store: &mut Store, call: &Call) -> Outcome {
    let of = call.params.first().and_then(|id| id.parse::<u64>().ok());
    let pairs = store.people.members.iter().flat_map(|(group, agents)| agents.iter().map(move |agent| (*group, *agent)));
    let wanted = pairs.filter(|(group, agent)| of.is_none_or(|id| id == *group || id == *agent));
    let list: Vec<Value> = wanted
        .map(|(group, agent)| {
            let default = store.people.users.get(&agent).is_some_and(|user| user.default_group == Some(group));
            json!({"id": group * 100 + agent % 100, "user_id": agent, "group_id": group, "default": default,
                   "created_at": founded(), "updated_at": founded()})
        })
        .collect();
    paging::list(store, call, "group_memberships", list)
}

/// `GET /api/v2/groups/{id}/users`
pub fn group_users(store: &mut Store, call: &Call) -> Outcome {
    let members = store.people.members.get(&call.id(0)?).cloned().unwrap_or_default();
    let users = members.iter().filter_map(|id| store.people.users.get(id));
    let list = users.map(|user| super::wire::user(store, user)).collect();
    paging::list(store, call, "users", list)
}

fn brand(store: &Store, brand: &Named) -> Value {
    json!({
        "url": format!("{}/api/v2/brands/{}.json", store.url, brand.id), "id": brand.id, "name": brand.name,
        "brand_url": store.url, "subdomain": brand.name.to_lowercase(), "active": true, "is_deleted": false,
        "default": brand.id == BRANDS[0].id, "has_help_center": false, "help_center_state": "disabled",
        "ticket_form_ids": FORMS.iter().map(|form| form.id).collect::<Vec<_>>(), "host_mapping": null,
        "signature_template": "{{agent.signature}}", "created_at": founded(), "updated_at": founded(),
    })
}

/// `GET /api/v2/brands`
pub fn brands(store: &mut Store, call: &Call) -> Outcome {
    let list = BRANDS.iter().map(|one| brand(store, one)).collect();
    paging::list(store, call, "brands", list)
}

/// `GET /api/v2/brands/{id}`
pub fn show_brand(store: &mut Store, call: &Call) -> Outcome {
    let found = find(&BRANDS, call.id(0)?)?;
    Answer::ok(json!({"brand": brand(store, found)}))
}

fn form(store: &Store, form: &Named) -> Value {
    let fields: Vec<u64> = SYSTEM.iter().map(|(id, _, _)| *id).chain(FIELDS.iter().map(|field| field.id)).collect();
    let told = json!({
        "url": format!("{}/api/v2/ticket_forms/{}.json", store.url, form.id), "id": form.id, "name": form.name,
        "raw_name": form.name, "display_name": form.name, "raw_display_name": form.name, "end_user_visible": true,
        "position": 1, "active": true, "default": form.id == FORMS[0].id, "in_all_brands": true,
        "restricted_brand_ids": [], "ticket_field_ids": fields, "agent_conditions": [], "end_user_conditions": [],
        "created_at": founded(), "updated_at": founded(),
    });
    store.stock.settle(form.id, told)
}

/// `GET /api/v2/ticket_forms`
pub fn forms(store: &mut Store, call: &Call) -> Outcome {
    let list = FORMS.iter().map(|one| form(store, one)).collect();
    paging::list(store, call, "ticket_forms", list)
}

/// `GET /api/v2/ticket_forms/{id}`
pub fn show_form(store: &mut Store, call: &Call) -> Outcome {
    let found = find(&FORMS, call.id(0)?)?;
    Answer::ok(json!({"ticket_form": form(store, found)}))
}

/// `PUT /api/v2/ticket_forms/{id}`: kept and shown; its conditions bind nobody here.
pub fn change_form(store: &mut Store, call: &Call) -> Outcome {
    let known = find(&FORMS, call.id(0)?).is_ok();
    stock::set(store, call, "ticket_form", known)?;
    show_form(store, call)
}

fn field_core(store: &Store, id: u64, kind: &str, title: &str) -> Value {
    json!({
        "url": format!("{}/api/v2/ticket_fields/{id}.json", store.url), "id": id, "type": kind, "title": title,
        "raw_title": title, "description": title, "raw_description": title, "position": id % 1000, "active": true,
        "required": false, "collapsed_for_agents": false, "regexp_for_validation": null, "title_in_portal": title,
        "raw_title_in_portal": title, "visible_in_portal": true, "editable_in_portal": true, "required_in_portal": false,
        "agent_can_edit": true, "tag": null, "removable": false, "agent_description": null, "key": null,
        "created_at": founded(), "updated_at": founded(),
    })
}

fn custom_field(store: &Store, field: &Field) -> Value {
    let mut told = field_core(store, field.id, field.kind.word(), field.title);
    told["removable"] = json!(true);
    match field.kind {
        Kind::Checkbox(tag) => told["tag"] = json!(tag),
        Kind::Regexp => told["regexp_for_validation"] = json!("\\A[A-Z]{2}-[0-9]{4}\\z"),
        Kind::Lookup => told["relationship_target_type"] = json!("zen:user"),
        Kind::Tagger(_) | Kind::Multiselect(_) => told["custom_field_options"] = options(field),
        _ => {}
    }
    store.stock.settle(field.id, told)
}

fn options(field: &Field) -> Value {
    let list = field.kind.options().iter().enumerate();
    list.map(|(place, (name, tag))| {
        json!({"id": field.id * 100 + place as u64, "name": name, "raw_name": name, "value": tag, "default": false})
    })
    .collect()
}

fn system_field(store: &Store, id: u64, kind: &str, title: &str) -> Value {
    let mut told = field_core(store, id, kind, title);
    let words: &[&str] = match kind {
        "status" => &STATUSES,
        "priority" => &PRIORITIES,
        "tickettype" => &KINDS,
        _ => &[],
    };
    if !words.is_empty() {
        told["system_field_options"] = words.iter().map(|word| json!({"name": word, "value": word})).collect();
    }
    if kind == "custom_status" {
        told["custom_statuses"] = CUSTOM_STATUSES.iter().map(|one| status(store, one)).collect();
    }
    told
}

/// `GET /api/v2/ticket_fields`
pub fn fields(store: &mut Store, call: &Call) -> Outcome {
    let system = SYSTEM.iter().map(|(id, kind, title)| system_field(store, *id, kind, title));
    let list = system.chain(FIELDS.iter().map(|field| custom_field(store, field))).collect();
    paging::list(store, call, "ticket_fields", list)
}

/// `GET /api/v2/ticket_fields/{id}`
pub fn show_field(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let own = field::by_id(id).map(|field| custom_field(store, field));
    let system = || SYSTEM.iter().find(|(one, _, _)| *one == id).map(|(id, kind, title)| system_field(store, *id, kind, title));
    let found = own.or_else(system).ok_or_else(Refusal::not_found)?;
    Answer::ok(json!({"ticket_field": found}))
}

/// `PUT /api/v2/ticket_fields/{id}`: kept and shown, of the account's own fields; of what a field takes, its options become others.
pub fn change_field(store: &mut Store, call: &Call) -> Outcome {
    let known = field::by_id(call.id(0)?).is_some();
    stock::set(store, call, "ticket_field", known)?;
    show_field(store, call)
}

/// `GET /api/v2/ticket_fields/{id}/options`
pub fn field_options(store: &mut Store, call: &Call) -> Outcome {
    let field = field::by_id(call.id(0)?).ok_or_else(Refusal::not_found)?;
    let list = custom_field(store, field)["custom_field_options"].as_array().cloned().unwrap_or_default();
    paging::list(store, call, "custom_field_options", list)
}

fn status(store: &Store, status: &CustomStatus) -> Value {
    json!({
        "url": format!("{}/api/v2/custom_statuses/{}.json", store.url, status.id), "id": status.id,
        "status_category": status.category, "agent_label": status.label, "raw_agent_label": status.label,
        "end_user_label": status.label, "raw_end_user_label": status.label, "description": "", "raw_description": "",
        "end_user_description": "", "raw_end_user_description": "", "active": true, "default": status.default,
        "created_at": founded(), "updated_at": founded(),
    })
}

/// `GET /api/v2/custom_statuses`
pub fn statuses(store: &mut Store, _: &Call) -> Outcome {
    let list: Vec<Value> = CUSTOM_STATUSES.iter().map(|one| status(store, one)).collect();
    Answer::ok(json!({"custom_statuses": list}))
}

/// `GET /api/v2/custom_statuses/{id}`
pub fn show_status(store: &mut Store, call: &Call) -> Outcome {
    let found = world::custom_status(call.id(0)?).ok_or_else(Refusal::not_found)?;
    Answer::ok(json!({"custom_status": status(store, found)}))
}

/// `GET /api/v2/triggers`, also `active`.
pub fn triggers(store: &mut Store, call: &Call) -> Outcome {
    let only_active = call.path.ends_with("/active") || call.query("active") == Some("true");
    let wanted = store.triggers.iter().filter(|trigger| !only_active || trigger.active);
    let list = wanted.map(|trigger| trigger.to_json(&store.url)).collect();
    paging::list(store, call, "triggers", list)
}

fn trigger<'a>(store: &'a mut Store, call: &Call) -> Result<&'a mut Trigger, Refusal> {
    let id = call.id(0)?;
    store.triggers.iter_mut().find(|trigger| trigger.id == id).ok_or_else(Refusal::not_found)
}

/// `GET /api/v2/triggers/{id}`
pub fn show_trigger(store: &mut Store, call: &Call) -> Outcome {
    let url = store.url.clone();
    let told = trigger(store, call)?.to_json(&url);
    Answer::ok(json!({"trigger": told}))
}

/// `PUT /api/v2/triggers/{id}`: `active`, and the tags excluded in `conditions`.
pub fn change_trigger(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("trigger")?;
    trigger(store, call)?.change(&wanted);
    show_trigger(store, call)
}
