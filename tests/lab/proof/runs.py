"""The four mirrors: their files, the words that people use in them, and once more, for the judge, what each side's words become."""

# A dispute: the field and values at the source, the same values in the same order at the target, and who wins by the policy.
RT_WORDS = {
    "done": "resolved", "statuses": ["open", "stalled", "resolved"], "theirs": "custom:Details",
    "links": ["parent", "depends_on", "refers_to"], "agents": ["alice@rt.lab", "bob@rt.lab"],
    "disputes": [("priority", ["0", "20", "50", "75"], "priority", ["0", "20", "50", "75"], "source"),
                 ("custom:Severity", ["low", "normal", "high"], "custom:Severity", ["low", "normal", "high"], "target")],
    "fields": {"priority": ["0", "20", "50", "75"], "custom:Severity": ["low", "normal", "high"],
               "custom:Products": [["alpha"], ["beta"], ["alpha", "gamma"]], "custom:Delivery": ["2027-01-02", "2027-03-04"],
               # Half a year apart: one of them is in summer time.
               "custom:Renewal": ["2027-01-02 03:04:05", "2027-07-06 05:04:03"]},
}
ZENDESK_WORDS = {
    "done": "solved", "statuses": ["open", "pending", "hold", "solved"], "theirs": "custom:Details",
    "links": ["parent"], "agents": ["ada@desk.example", "ben@desk.example"],
    "disputes": [("priority", ["low", "normal", "high", "urgent"], "priority", ["20", "50", "75", "100"], "source"),
                 ("custom:Product", ["product_sail", "product_rudder", "product_hull_wood"], "custom:Severity", ["low", "normal", "high"], "target")],
    "fields": {"priority": ["low", "normal", "high", "urgent"], "custom:Product": ["product_sail", "product_rudder", "product_hull_wood"],
               "custom:Topics": [["topic_invoice"], ["topic_bug", "topic_invoice"]], "custom:Renewal date": ["2027-01-02", "2027-03-04"]},
}
RT_OWN = ["custom:Severity", "custom:Products", "custom:Details", "custom:Renewal", "custom:Delivery", "custom:Only Support"]
PLAIN = ["subject", "status", "priority", "group", "assignee", "requester"]
RT_PEOPLE = {"alice": "alice@rt.lab", "bob": "bob@rt.lab"}

RT_TABLES = '''
[map.fields]
"custom:*" = "custom:*"
'''
ZENDESK_TO_RT = '''
[map.status]
new = "new"
open = "open"
pending = "open"
hold = "stalled"
solved = "resolved"
closed = "resolved"
"In review" = "open"
"Waiting for supplier" = "stalled"
[map.priority]
"" = "0"
low = "20"
normal = "50"
high = "75"
urgent = "100"
[map.group]
Support = "Support"
Billing = "Billing"
"*" = "Migrated"
"" = "Migrated"
[map.fields]
brand = "ignore"
form = "ignore"
type = "ignore"
organisation = "ignore"
"custom:Root cause" = "custom:Details"
"custom:Renewal date" = "custom:Delivery"
"custom:Product" = "custom:Severity"
"custom:Topics" = "custom:Products"
"custom:*" = "ignore"
[map.options."custom:Product"]
product_mast = "low"
product_sail = "low"
product_rudder = "normal"
product_hull_wood = "high"
product_hull_steel = "critical"
[map.options."custom:Topics"]
topic_shipping = "alpha"
topic_invoice = "beta"
topic_bug = "gamma"
[map.people]
"ada@desk.example" = "alice@rt.lab"
"ben@desk.example" = "bob@rt.lab"
'''
RT_TO_ZENDESK = '''
[map.status]
new = "new"
open = "open"
stalled = "hold"
resolved = "solved"
rejected = "solved"
[map.priority]
"0" = "low"
"20" = "normal"
"50" = "high"
"75" = "urgent"
"*" = "normal"
[map.group]
Support = "Support"
Billing = "Billing"
"*" = "Support"
[map.fields]
"custom:Details" = "custom:Root cause"
"custom:Delivery" = "custom:Renewal date"
"custom:Severity" = "custom:Product"
"custom:Products" = "custom:Topics"
"custom:*" = "ignore"
[map.options."custom:Severity"]
low = "product_sail"
normal = "product_rudder"
high = "product_hull_wood"
critical = "product_hull_steel"
[map.options."custom:Products"]
alpha = "topic_shipping"
beta = "topic_invoice"
gamma = "topic_bug"
[map.people]
"alice@rt.lab" = "ada@desk.example"
"bob@rt.lab" = "ben@desk.example"
'''


def same(here):
    return {name: here.fields.get(name, "") for name in PLAIN + RT_OWN}


def from_zendesk(here):
    status = {"new": "new", "open": "open", "pending": "open", "hold": "stalled", "solved": "resolved", "closed": "resolved"}
    priority = {"": "0", "low": "20", "normal": "50", "high": "75", "urgent": "100"}
    severity = {"product_sail": "low", "product_rudder": "normal", "product_hull_wood": "high"}
    product = {"topic_shipping": "alpha", "topic_invoice": "beta", "topic_bug": "gamma"}
    people = {"ada@desk.example": "alice@rt.lab", "ben@desk.example": "bob@rt.lab", "": ""}
    held = here.fields
    return {"subject": held["subject"], "requester": held["requester"], "group": held["group"],
            "status": status[held["status"]], "priority": priority[held["priority"]],
            "assignee": people.get(held["assignee"], held["assignee"]),
            "custom:Severity": [severity[one] for one in held.get("custom:Product", [])] or "",
            "custom:Products": sorted(product[one] for one in held.get("custom:Topics", [])) or "",
            "custom:Delivery": held.get("custom:Renewal date", "")}


def to_zendesk(here):
    status = {"new": {"new", "open"}, "open": "open", "stalled": "hold", "resolved": {"solved", "closed"}, "rejected": {"solved", "closed"}}
    priority = {"0": "low", "20": "normal", "50": "high", "75": "urgent"}
    severity = {"low": "product_sail", "normal": "product_rudder", "high": "product_hull_wood"}
    product = {"alpha": "topic_shipping", "beta": "topic_invoice", "gamma": "topic_bug"}
    people = {"alice@rt.lab": "ada@desk.example", "bob@rt.lab": "ben@desk.example"}
    held = here.fields
    out = {"subject": held["subject"], "requester": held["requester"], "group": held["group"],
           "status": status[held["status"]], "priority": priority[held["priority"]],
           "custom:Product": [severity[one] for one in held.get("custom:Severity", [])] or "",
           "custom:Topics": sorted(product[one] for one in held.get("custom:Products", [])) or "",
           "custom:Renewal date": held.get("custom:Delivery", "")}
    if held["assignee"]:
        # Zendesk gives what is solved without an owner to whom solved it.
        out["assignee"] = people[held["assignee"]]
    return out


RT_TO_ZENDESK_DISPUTES = [
    ("priority", ["0", "20", "50", "75"], "priority", ["low", "normal", "high", "urgent"], "source"),
    ("custom:Severity", ["low", "normal", "high"], "custom:Product", ["product_sail", "product_rudder", "product_hull_wood"], "target"),
]
TO_ADA = {"alice@rt.lab": "ada@desk.example", "bob@rt.lab": "ben@desk.example"}
RT_TARGET = {"bylines": True, "gateway": "tidegate", "merge_notes": False, "creation_time": True, "own_tags": {"tidegate", "tidegate_deleted"}, "reopened": {"open"},
             "target_people": list(RT_PEOPLE.values()), "address": lambda agent: RT_PEOPLE[agent], "made_there": set()}
ZENDESK_TARGET = {"bylines": False, "gateway": "admin@sim.example", "merge_notes": True, "creation_time": True, "own_tags": {"tidegate", "tidegate_silent", "tidegate_deleted", "closed_by_merge"},
                  "reopened": {"open"}, "target_people": ["ada@desk.example", "ben@desk.example"],
                  "address": lambda agent: agent, "made_there": set()}

EVERY_KIND = {"parent", "depends_on", "refers_to"}

RUNS = [
    {"name": "rt-rt-poll", "title": "RT → RT by poll", "source": "rt", "target": "rt", "hook": False, "tables": RT_TABLES,
     "words": RT_WORDS, "terms": dict(RT_TARGET, fields=same, links=EVERY_KIND, people={})},
    {"name": "rt-rt-hook", "title": "RT → RT by hook", "source": "rt", "target": "rt", "hook": True, "tables": RT_TABLES,
     "words": RT_WORDS, "terms": dict(RT_TARGET, fields=same, links=EVERY_KIND, people={})},
    {"name": "zendesk-rt", "title": "Zendesk → RT", "source": "zendesk", "target": "rt", "hook": True, "tables": ZENDESK_TO_RT,
     "words": ZENDESK_WORDS, "terms": dict(RT_TARGET, fields=from_zendesk, links=EVERY_KIND, people={two: one for one, two in TO_ADA.items()})},
    {"name": "rt-zendesk", "title": "RT → Zendesk", "source": "rt", "target": "zendesk", "hook": True, "tables": RT_TO_ZENDESK,
     "words": dict(RT_WORDS, theirs="custom:Root cause", disputes=RT_TO_ZENDESK_DISPUTES),
     "terms": dict(ZENDESK_TARGET, fields=to_zendesk, links={"parent"}, people=TO_ADA)},
]


def mirror_file(run, source, target, gateway, secrets, since):
    """The mirror file of a run. By poll alone nothing but the poll may bring changes; by hook the poll comes much later."""
    def end(side, desk):
        if desk.vendor == "zendesk":
            hook = f'{{ public-url = "{gateway}" }}'
            auth = f'{{ kind = "oauth", client-id = "sim-client", client-secret = {{ file = "{secrets}/zendesk" }} }}'
            names = ""
        else:
            hook = f'{{ public-url = "{gateway}", secret = {{ file = "{secrets}/hook" }} }}'
            auth = f'{{ kind = "token", token = {{ file = "{secrets}/{side}" }} }}'
            names = 'user = "tidegate"\ntags-field = "Tags"\n'
        hook = hook if run["hook"] else "false"
        every = "5s" if run["hook"] and desk.vendor != "zendesk" else "1s"
        return (f'[{side}]\nvendor = "{desk.vendor}"\nurl = "{desk.url}"\nauth = {auth}\n{names}webhook = {hook}\n'
                f'poll = {{ every = "{every}" }}\nallow-private-addresses = true\n')
    wins = "".join(f'"{here}" = "{winner}-wins"\n' for here, _, _, _, winner in run["words"]["disputes"] if winner == "target")
    return (f'name = "{run["name"]}"\n' + end("source", source) + end("target", target)
            + f'[scope]\ncreated-after = {since}\n[policy]\nsilence = "admin-rule"\n{run.get("policy", "")}[policy.fields]\n{wins}' + run["tables"])
