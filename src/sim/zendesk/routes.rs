//! Every endpoint on one page. The method and the pattern are also the kind under which a call is counted.

use super::answer::{Outcome, Refusal};
use super::call::Call;
use super::store::Store;
use super::{
    account, auth, automations, comments, export, imports, jobs, organizations, removal, search, stock, tickets, uploads, users,
    webhook,
};

type Work = fn(&mut Store, &Call) -> Outcome;

/// An endpoint.
pub struct Route {
    pub method: &'static str,
    /// Below `/api/v2`, unless it begins with `//`.
    pattern: &'static str,
    pub work: Work,
}

const fn get(pattern: &'static str, work: Work) -> Route {
    Route { method: "GET", pattern, work }
}

const fn post(pattern: &'static str, work: Work) -> Route {
    Route { method: "POST", pattern, work }
}

const fn put(pattern: &'static str, work: Work) -> Route {
    Route { method: "PUT", pattern, work }
}

const fn delete(pattern: &'static str, work: Work) -> Route {
    Route { method: "DELETE", pattern, work }
}

/// Literal segments stand before `{…}` of the same place.
pub static ROUTES: &[Route] = &[
    post("//oauth/tokens", auth::token),
    get("//attachments/token/{token}", uploads::download),
    get("//access/unauthenticated", uploads::sign_in),
    get("/tickets", tickets::list),
    post("/tickets", tickets::create),
    get("/tickets/count", tickets::count),
    get("/tickets/show_many", tickets::show_many),
    post("/tickets/create_many", tickets::create_many),
    put("/tickets/update_many", tickets::update_many),
    delete("/tickets/destroy_many", removal::delete_many),
    get("/tickets/{id}", tickets::show),
    put("/tickets/{id}", tickets::update),
    delete("/tickets/{id}", removal::delete),
    get("/tickets/{id}/comments", comments::list),
    get("/tickets/{id}/comments/count", comments::count),
    put("/tickets/{id}/comments/{id}/redact", comments::redact),
    put("/tickets/{id}/comments/{id}/make_private", comments::make_private),
    put("/tickets/{id}/comments/{id}/attachments/{id}/redact", comments::redact_attachment),
    put("/comment_redactions/{id}", comments::redact_marked),
    get("/tickets/{id}/audits", comments::audits),
    get("/tickets/{id}/audits/count", comments::audit_count),
    get("/tickets/{id}/audits/{id}", comments::audit),
    put("/tickets/{id}/audits/{id}/make_private", comments::make_audit_private),
    get("/tickets/{id}/tags", comments::tags),
    post("/tickets/{id}/tags", comments::change_tags),
    put("/tickets/{id}/tags", comments::change_tags),
    delete("/tickets/{id}/tags", comments::change_tags),
    get("/tickets/{id}/email_ccs", tickets::email_ccs),
    get("/tickets/{id}/followers", tickets::followers),
    get("/tickets/{id}/collaborators", tickets::collaborators),
    get("/tickets/{id}/incidents", tickets::incidents),
    post("/tickets/{id}/merge", removal::merge),
    put("/tickets/{id}/mark_as_spam", removal::mark_as_spam),
    get("/deleted_tickets", removal::list_deleted),
    put("/deleted_tickets/{id}/restore", removal::restore),
    delete("/deleted_tickets/{id}", removal::scrub),
    post("/imports/tickets", imports::create),
    post("/imports/tickets/create_many", imports::create_many),
    get("/incremental/tickets/cursor", export::tickets_cursor),
    get("/incremental/tickets", export::tickets),
    get("/incremental/ticket_events", export::ticket_events),
    get("/incremental/users/cursor", export::users_cursor),
    get("/incremental/users", export::users),
    get("/incremental/organizations", export::organizations),
    get("/search", search::search),
    get("/search/count", search::count),
    get("/search/export", search::export),
    get("/job_statuses", jobs::list),
    get("/job_statuses/show_many", jobs::show_many),
    get("/job_statuses/{id}", jobs::show),
    post("/uploads", uploads::create),
    delete("/uploads/{token}", uploads::delete),
    get("/attachments/{id}", uploads::show),
    get("/users", users::list),
    post("/users", users::create),
    get("/users/me", users::me),
    get("/users/count", users::count),
    get("/users/search", users::search),
    get("/users/autocomplete", users::search),
    get("/users/show_many", users::show_many),
    post("/users/create_many", users::create_many),
    post("/users/create_or_update", users::create_or_update),
    post("/users/create_or_update_many", users::create_or_update_many),
    get("/users/{id}", users::show),
    put("/users/{id}", users::update),
    delete("/users/{id}", users::delete),
    get("/users/{id}/identities", users::identities),
    get("/users/{id}/groups", account::groups),
    get("/users/{id}/group_memberships", account::group_memberships),
    get("/users/{id}/organization_memberships", organizations::memberships),
    get("/users/{id}/related", users::related),
    get("/users/{id}/tickets/requested", tickets::requested),
    get("/organizations", organizations::list),
    post("/organizations", organizations::create),
    get("/organizations/count", organizations::count),
    get("/organizations/search", organizations::search),
    get("/organizations/autocomplete", organizations::search),
    get("/organizations/show_many", organizations::show_many),
    post("/organizations/create_or_update", organizations::create_or_update),
    get("/organizations/{id}", organizations::show),
    put("/organizations/{id}", organizations::update),
    delete("/organizations/{id}", organizations::delete),
    get("/organizations/{id}/users", organizations::users),
    get("/organizations/{id}/tickets", organizations::tickets),
    get("/organizations/{id}/organization_memberships", organizations::memberships),
    get("/organization_memberships", organizations::memberships),
    post("/organization_memberships", organizations::join),
    delete("/organization_memberships/{id}", organizations::leave),
    get("/groups", account::groups),
    get("/groups/assignable", account::groups),
    get("/groups/{id}", account::show_group),
    get("/groups/{id}/users", account::group_users),
    get("/groups/{id}/memberships", account::group_memberships),
    get("/group_memberships", account::group_memberships),
    get("/group_memberships/assignable", account::group_memberships),
    get("/brands", account::brands),
    get("/brands/{id}", account::show_brand),
    get("/ticket_forms", account::forms),
    get("/ticket_forms/{id}", account::show_form),
    put("/ticket_forms/{id}", account::change_form),
    get("/ticket_fields", account::fields),
    get("/ticket_fields/{id}", account::show_field),
    put("/ticket_fields/{id}", account::change_field),
    get("/ticket_fields/{id}/options", account::field_options),
    get("/custom_statuses", account::statuses),
    get("/custom_statuses/{id}", account::show_status),
    get("/triggers", account::triggers),
    get("/triggers/active", account::triggers),
    get("/triggers/{id}", account::show_trigger),
    put("/triggers/{id}", account::change_trigger),
    get("/automations", automations::list),
    get("/automations/active", automations::list),
    post("/automations", automations::create),
    get("/slas/policies", stock::list),
    post("/slas/policies", stock::create),
    get("/macros", stock::list),
    post("/macros", stock::create),
    get("/views", stock::list),
    post("/views", stock::create),
    get("/views/count", stock::count_views),
    get("/satisfaction_ratings/count", stock::count_ratings),
    get("/recipient_addresses", stock::list),
    post("/recipient_addresses", stock::create),
    get("/suspended_tickets", stock::list),
    post("//_sim/suspended_tickets", stock::create),
    get("/account/settings", account::settings),
    get("/webhooks", webhook::list),
    post("/webhooks", webhook::create),
    post("/webhooks/test", webhook::test),
    get("/webhooks/{id}", webhook::show),
    put("/webhooks/{id}", webhook::update),
    Route { method: "PATCH", pattern: "/webhooks/{id}", work: webhook::update },
    delete("/webhooks/{id}", webhook::delete),
    get("/webhooks/{id}/signing_secret", webhook::secret),
    post("/webhooks/{id}/signing_secret", webhook::reset_secret),
    get("/webhooks/{id}/invocations", webhook::invocations),
];

impl Route {
    /// The kind that a call is counted under: `GET /api/v2/tickets/{id}`.
    pub fn kind(&self) -> String {
        match self.pattern.strip_prefix("//") {
            Some(outside) => format!("{} /{outside}", self.method),
            None => format!("{} /api/v2{}", self.method, self.pattern),
        }
    }

    /// Whether credentials are needed: for everything of the API.
    pub fn is_api(&self) -> bool {
        !self.pattern.starts_with("//")
    }

    /// Whether only admins may call it, as documented for exports and imports; webhooks too.
    pub fn is_for_admins(&self) -> bool {
        ["/incremental/", "/imports/", "/webhooks"].iter().any(|part| self.pattern.starts_with(part))
    }

    /// Whether its first parameter is a ticket.
    pub fn names_a_ticket(&self) -> bool {
        self.pattern.starts_with("/tickets/{id}")
    }

    /// Whether it shows a ticket itself.
    pub fn reads_a_ticket(&self) -> bool {
        self.method == "GET" && self.pattern == "/tickets/{id}"
    }

    /// Whether a read of it can be stale.
    pub fn can_be_stale(&self) -> bool {
        let reads = ["/tickets/{id}", "/tickets/{id}/comments", "/tickets/{id}/audits", "/tickets/{id}/tags"];
        self.method == "GET" && reads.contains(&self.pattern)
    }

    /// What stands at the `{…}`, if the segments fit.
    fn fits(&self, segments: &[&str]) -> Option<Vec<String>> {
        let mut params = Vec::new();
        let mut rest = segments.iter();
        for wanted in self.pattern.split('/').filter(|part| !part.is_empty()) {
            let is = rest.next()?;
            if wanted.starts_with('{') {
                params.push((*is).to_string());
            } else if wanted != *is {
                return None;
            }
        }
        rest.next().is_none().then_some(params)
    }
}

/// The endpoint for a method and a path. Errors: 404, 405 if only the method is wrong.
pub fn find(method: &str, path: &str) -> Result<(&'static Route, Vec<String>), Refusal> {
    let (api, below) = path.strip_prefix("/api/v2/").map_or((false, path), |below| (true, below));
    let segments: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
    let mut known = false;
    for route in ROUTES.iter().filter(|route| route.is_api() == api) {
        if let Some(params) = route.fits(&segments) {
            if route.method == method {
                return Ok((route, params));
            }
            known = true;
        }
    }
    Err(if known {
        Refusal::new(405, "MethodNotAllowed", "This method is not allowed here")
    } else {
        Refusal::new(404, "InvalidEndpoint", "Not found")
    })
}
