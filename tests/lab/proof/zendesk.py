"""A simulated Zendesk, as its people use it: agents by REST as themselves, customers by mail."""
import hashlib
import json as text_json
import re
import urllib.parse

from desk import Message, Ticket, moment
from web import Refused, ask, basic, call

ADMIN = "admin@sim.example"
GROUPS = {25522671: "Support", 25522672: "Billing", 25522673: "Engineering", 25522674: "Escalations"}
FIELDS = {360010002: "Root cause", 360010004: "Renewal date", 360010008: "Product", 360010009: "Topics", 360010001: "Order number"}
# Tags that are really the value of a field.
OPTIONS = {"vip_customer", "product_mast", "product_sail", "product_rudder", "product_hull_wood", "product_hull_steel",
           "topic_shipping", "topic_invoice", "topic_bug"}
# The last comment of a ticket that was merged, by the desk's own words or by ours.
MERGED_INTO = re.compile(r"(?:<[^>]*>)*This (?:request was closed and merged into request|ticket was merged into) #(\d+)\b")


class Zendesk:
    vendor = "zendesk"
    agents = ["ada@desk.example", "ben@desk.example"]
    gateway = ADMIN

    def __init__(self, url):
        self.url, self.people, self.bytes = url, {}, {}

    def ask(self, who, method, path, body=None):
        url = path if path.startswith("http") else f"{self.url}/api/v2/{path}"
        return ask(method, url, {"Authorization": basic(f"{who}/token", "sim-token")}, body)

    def act(self, who, action):
        who = {"email": who.address, "name": who.name, "agent": False}
        return ask("POST", f"{self.url}/_sim/act", None, {"who": who, "action": action})

    # -- what people do ----------------------------------------------------------------------------------------------
    def open(self, agent, customer, subject, group, text, files=(), fields=None):
        number = next(number for number, name in GROUPS.items() if name == group)
        ticket = {"subject": subject, "group_id": number, "requester": {"email": customer.address, "name": customer.name},
                  "comment": self.comment(agent, text, files, True)}
        ticket.update(self.body(agent, fields or {}))
        return str(self.ask(agent, "POST", "tickets.json", {"ticket": ticket})["ticket"]["id"])

    def write_in(self, customer, subject, group, text, files=()):
        open_ = {"subject": subject, "group": group, "text": said(text, files), "fields": {}, "tags": []}
        return self.act(customer, {"open": open_})["ticket"]

    def answer(self, customer, ticket, text, files=()):
        self.act(customer, {"reply": {"ticket": ticket, "text": said(text, files)}})

    def reply(self, agent, ticket, text, files=()):
        self.put(agent, ticket, {"comment": self.comment(agent, text, files, True)})

    def note(self, agent, ticket, text, files=()):
        self.put(agent, ticket, {"comment": self.comment(agent, text, files, False)})

    def comment(self, agent, text, files, public):
        tokens = []
        for file in files:
            url = f"{self.url}/api/v2/uploads.json?filename={urllib.parse.quote(file.name)}"
            got = call("POST", url, {"Authorization": basic(f"{agent}/token", "sim-token")}, file.data, file.kind)
            tokens.append(text_json.loads(got)["upload"]["token"])
        return {"html_body": text, "public": public, "uploads": tokens}

    def put(self, agent, ticket, body):
        self.ask(agent, "PUT", f"tickets/{ticket}.json", {"ticket": body})

    def body(self, agent, fields):
        out, custom = {}, []
        for name, value in fields.items():
            if name.startswith("custom:"):
                number = next(number for number, title in FIELDS.items() if title == name[7:])
                custom.append({"id": number, "value": value})
            elif name == "assignee":
                out["assignee_email"] = value
            elif name == "group":
                out["group_id"] = next(number for number, title in GROUPS.items() if title == value)
            else:
                out[name] = value
        return dict(out, custom_fields=custom) if custom else out

    def set(self, agent, ticket, fields):
        self.put(agent, ticket, self.body(agent, fields))

    def close(self, agent, ticket):
        self.put(agent, ticket, {"status": "closed"})

    def tag(self, agent, ticket, tag):
        self.put(agent, ticket, {"additional_tags": [tag]})

    def watch(self, agent, ticket, copied=None, following=None):
        """Sets who gets a copy (customers) and who follows (addresses of agents)."""
        body, held = {}, self.ask(ADMIN, "GET", f"tickets/{ticket}.json")["ticket"]
        for name, people, ids in (("email_ccs", copied, "email_cc_ids"), ("followers", following, "follower_ids")):
            if people is not None:
                new = [{"user_email": getattr(one, "address", one), "user_name": getattr(one, "name", one)} for one in people]
                gone = [one for one in held[ids] if self.person(one)[0] not in {one["user_email"] for one in new}]
                body[name] = [dict(one, action="put") for one in new] + [{"user_id": one, "action": "delete"} for one in gone]
        self.put(agent, ticket, body)

    def link(self, agent, ticket, kind, to):
        """The one kind that Zendesk has: an incident and its problem."""
        if kind == "parent":
            self.put(agent, to, {"type": "problem"})
            self.put(agent, ticket, {"type": "incident", "problem_id": int(to)})

    def unlink(self, agent, ticket, kind, _):
        if kind == "parent":
            self.put(agent, ticket, {"problem_id": None})

    def merge(self, agent, ticket, into):
        self.ask(agent, "POST", f"tickets/{into}/merge.json", {"ids": [int(ticket)]})

    def delete(self, agent, ticket):
        self.ask(agent, "DELETE", f"tickets/{ticket}.json")

    def advance(self, seconds):
        """Zendesk withholds its last minute: everybody's clock is put forward instead of waiting for it."""
        ask("PUT", f"{self.url}/_sim/clock", None, {"advance_seconds": seconds})

    def deliveries_waiting(self):
        return ask("GET", f"{self.url}/_sim/faults")["deliveries_waiting"]

    # -- what the judge reads ----------------------------------------------------------------------------------------
    def newest(self):
        return 0

    def opened_since(self, _):
        return [one["id"] for one in ask("GET", f"{self.url}/_sim/tickets")]

    def read(self, ticket):
        try:
            json = self.ask(ADMIN, "GET", f"tickets/{ticket}.json")["ticket"]
        except Refused as refused:
            if refused.status != 404:
                raise
            return Ticket(str(ticket), "deleted", str(ticket))
        assignee = self.person(json["assignee_id"])[0] if json["assignee_id"] else ""
        fields = {"subject": json["subject"], "status": json["status"], "priority": json["priority"] or "",
                  "group": GROUPS.get(json["group_id"], ""), "assignee": assignee,
                  "requester": self.person(json["requester_id"])[0]}
        for one in json["custom_fields"]:
            if one["id"] in FIELDS and one["value"] not in (None, "", []):
                value = one["value"]
                fields[f"custom:{FIELDS[one['id']]}"] = sorted(value) if isinstance(value, list) else [str(value)]
        messages = self.messages(ticket)
        root, state = str(ticket), "present"
        if "closed_by_merge" in json["tags"]:
            into = MERGED_INTO.match(messages[-1].text)
            root, state = (into.group(1), "merged") if into else (root, state)
        cc, followers = ([self.person(one) for one in json[ids]] for ids in ("email_cc_ids", "follower_ids"))
        links = {("parent", str(json["problem_id"]))} if json["problem_id"] else set()
        return Ticket(str(ticket), state, root, moment(json["created_at"]), fields, {address for address, _ in cc},
                      {address for address, _ in followers}, dict([self.person(json["requester_id"]), *cc, *followers]),
                      set(json["tags"]) - OPTIONS, links, messages, json.get("external_id") or "")

    def person(self, number):
        """Address and name."""
        if number not in self.people:
            user = self.ask(ADMIN, "GET", f"users/{number}.json")["user"]
            self.people[number] = ((user["email"] or user["name"]).lower(), user["name"])
        return self.people[number]

    def messages(self, ticket):
        found, url = [], f"tickets/{ticket}/comments.json?per_page=100"
        while url:
            got = self.ask(ADMIN, "GET", url)
            found += got["comments"]
            url = got.get("next_page")
        return [self.message(ticket, one) for one in found]

    def message(self, ticket, one):
        files = [(file["file_name"], self.digest(file["content_url"])) for file in one["attachments"]]
        return Message(str(one["id"]), str(ticket), *self.person(one["author_id"]), moment(one["created_at"]), one["public"], one["html_body"], True, sorted(files))

    def digest(self, url):
        if url not in self.bytes:
            data = call("GET", url, {"Authorization": basic(f"{ADMIN}/token", "sim-token")})
            self.bytes[url] = hashlib.sha256(data).hexdigest()
        return self.bytes[url]

    def mails(self):
        """Every mail so far, as in `request_tracker`."""
        return [(index, one["ticket"], one["actor"], ",".join(one["to"]))
                for index, one in enumerate(ask("GET", f"{self.url}/_sim/mails"))]


def said(text, files):
    listed = [{"name": file.name, "content_type": file.kind, "bytes": list(file.data), "inline": False} for file in files]
    return {"body": text, "html": True, "files": listed}
