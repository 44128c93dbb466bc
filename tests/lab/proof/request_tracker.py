"""A real Request Tracker, as its people use it (REST with their own tokens, mail through rt-mailgate) and as its admin sees it."""
import base64
import email
import email.message
import email.policy
import glob
import hashlib
import os
import re
import subprocess
import time
import urllib.parse
from dataclasses import dataclass

from desk import Message, Ticket, moment
from web import ask

GATEWAY = "tidegate"
LINKS = {"parent": "Parent", "depends_on": "DependsOn", "refers_to": "RefersTo"}
RELATIONS = {"parent": "parent", "depends-on": "depends_on", "refers-to": "refers_to"}


class RequestTracker:
    vendor = "request-tracker"
    agents = ["alice", "bob"]
    gateway = GATEWAY

    def __init__(self, name, state, lab):
        self.name, self.lab = name, lab
        lines = open(os.path.join(state, name, "env")).read().split()
        env = dict(line.split("=", 1) for line in lines)
        self.url, self.mail_dir, self.token = env["RT_URL"], env["RT_MAIL_DIR"], env["RT_TOKEN_TIDEGATE"]
        bob = subprocess.run([f"{lab}/token", name, "bob"], check=True, capture_output=True, text=True).stdout.strip()
        self.tokens = {"alice": env["RT_TOKEN_ALICE"], "bob": bob, GATEWAY: self.token}
        self.texts, self.people, self.queues = {}, {}, {}

    # -- calls -------------------------------------------------------------------------------------------------------
    def ask(self, who, method, path, body=None):
        return ask(method, f"{self.url}/REST/2.0/{path}", {"Authorization": f"token {self.tokens[who]}"}, body)

    # -- what people do ----------------------------------------------------------------------------------------------
    def open(self, agent, customer, subject, queue, text, files=(), fields=None):
        """An agent opens a ticket for a customer."""
        body = {"Queue": queue, "Subject": subject, "Requestor": written(customer), "Content": text, "ContentType": "text/html"}
        body.update(self.body(fields or {}))
        ticket = self.ask(agent, "POST", "ticket", dict(body, **self.attached(files)))["id"]
        return str(ticket)

    def write_in(self, customer, subject, queue, text, files=()):
        """A customer's mail opens a ticket."""
        newest = self.newest()
        self.mail(customer, subject, queue, text, files)
        # Others are opened meanwhile, by us too.
        return next(one for one in self.opened_since(newest) if self.ask(GATEWAY, "GET", f"ticket/{one}").get("Subject") == subject)

    def answer(self, customer, ticket, text, files=()):
        """A customer's mail answers."""
        self.mail(customer, f"Re: [{self.name}.lab #{ticket}] answer", "Support", text, files)

    def mail(self, customer, subject, queue, text, files):
        mail = email.message.EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = written(customer), f"{queue.lower()}@rt.lab", subject
        mail["Message-ID"] = f"<{time.time_ns()}@{customer.address.split('@')[1]}>"
        mail.set_content(re.sub("<[^>]*>", "", text))
        mail.add_alternative(f"<html><body>{text}</body></html>", subtype="html")
        for file in sorted(files, key=lambda one: not one.cid):
            main, sub = file.kind.split("/")
            if file.cid:
                mail.get_payload()[1].add_related(file.data, maintype=main, subtype=sub, cid=f"<{file.cid}>", filename=file.name)
            else:
                mail.add_attachment(file.data, maintype=main, subtype=sub, filename=file.name)
        self.gate(mail, queue)

    def gate(self, mail, queue):
        gate = ["rt-mailgate-5", "--url", self.url, "--queue", queue, "--action", "correspond"]
        subprocess.run(gate, input=mail.as_bytes(), capture_output=True, check=True)

    def reply(self, agent, ticket, text, files=()):
        self.ask(agent, "POST", f"ticket/{ticket}/correspond", dict({"Content": text, "ContentType": "text/html"}, **self.attached(files)))

    def note(self, agent, ticket, text, files=()):
        self.ask(agent, "POST", f"ticket/{ticket}/comment", dict({"Content": text, "ContentType": "text/html"}, **self.attached(files)))

    def attached(self, files):
        def one(file):
            name = file.name if file.name.isascii() else "=?utf-8?b?" + base64.b64encode(file.name.encode()).decode() + "?="
            return {"FileName": name, "FileType": file.kind, "FileContent": base64.b64encode(file.data).decode()}
        return {"Attachments": [one(file) for file in files]} if files else {}

    def body(self, fields):
        plain = {"subject": "Subject", "status": "Status", "priority": "Priority", "group": "Queue", "assignee": "Owner"}
        out, custom = {}, {}
        for name, value in fields.items():
            if name.startswith("custom:"):
                custom[name[7:]] = value
            else:
                out[plain[name]] = value if value != "" else "Nobody"
        return dict(out, CustomFields=custom) if custom else out

    def set(self, agent, ticket, fields):
        said = self.ask(agent, "PUT", f"ticket/{ticket}", self.body(fields))
        return said

    def tag(self, agent, ticket, tag):
        tags = self.show(ticket)["Tags"]
        self.ask(agent, "PUT", f"ticket/{ticket}", {"CustomFields": {"Tags": sorted(set(tags) | {tag})}})

    def watch(self, agent, ticket, copied=None, following=None):
        """Sets who gets a copy (customers) and who follows (addresses of agents)."""
        body = {"Cc": [written(one) for one in copied]} if copied is not None else {}
        body.update({"AdminCc": list(following)} if following is not None else {})
        self.ask(agent, "PUT", f"ticket/{ticket}", body)

    def link(self, agent, ticket, kind, to):
        self.ask(agent, "PUT", f"ticket/{ticket}", {f"Add{LINKS[kind]}": [int(to)]})

    def unlink(self, agent, ticket, kind, to):
        self.ask(agent, "PUT", f"ticket/{ticket}", {f"Delete{LINKS[kind]}": [int(to)]})

    def merge(self, agent, ticket, into):
        self.ask(agent, "PUT", f"ticket/{ticket}", {"MergeInto": int(into)})

    def delete(self, agent, ticket):
        self.ask(agent, "DELETE", f"ticket/{ticket}")

    def show(self, ticket):
        custom = self.ask(GATEWAY, "GET", f"ticket/{ticket}")["CustomFields"]
        return {one["name"]: one["values"] for one in custom}

    # -- what the judge reads ----------------------------------------------------------------------------------------
    def newest(self):
        """The number of the last transaction so far."""
        query = urllib.parse.quote("id > 0")
        found = self.ask(GATEWAY, "GET", f"transactions?query={query}&orderby=id&order=DESC&per_page=1")
        return max((int(one["id"]) for one in found["items"]), default=0)

    def opened_since(self, newest):
        """Ids of all tickets made after that transaction, merged and deleted ones too."""
        query = urllib.parse.quote(f"ObjectType = 'RT::Ticket' AND Type = 'Create' AND id > {newest}")
        found, page = [], 1
        while True:
            got = self.ask(GATEWAY, "GET", f"transactions?query={query}&orderby=id&order=ASC&fields=ObjectId&per_page=100&page={page}")
            found += [str(one["ObjectId"]) for one in got["items"]]
            if len(got["items"]) < 100:
                return found
            page += 1

    def read(self, ticket):
        """A ticket as it is now."""
        json = self.ask(GATEWAY, "GET", f"ticket/{ticket}")
        root, created = str(json["id"]), moment(json["Created"])
        if root != str(ticket):
            return Ticket(str(ticket), "merged", root)
        custom = self.custom(json)
        key = (custom.pop("Tidegate key", []) or [""])[0]
        if json["Status"] == "deleted":
            return Ticket(root, "deleted", root, created, key=key)
        custom.pop("Tidegate number", None)
        tags = set(custom.pop("Tags", []))
        fields = {f"custom:{name}": sorted(values) for name, values in custom.items() if values}
        owner = json["Owner"]["id"]
        requestors, cc, followers = ([self.person(one["id"]) for one in json[role]] for role in ("Requestor", "Cc", "AdminCc"))
        fields.update(subject=json.get("Subject") or "", status=json["Status"], priority=str(json["Priority"]),
                      group=self.queue(json["Queue"]["id"]), assignee="" if owner == "Nobody" else self.person(owner)[0],
                      requester=requestors[0][0] if requestors else "")
        links = {(RELATIONS[one["ref"]], str(one["id"])) for one in json["_hyperlinks"]
                 if one["ref"] in RELATIONS and one.get("type") == "ticket"}
        # Whoever asks besides the first is a copy to everybody else's eyes.
        copied = {address for address, _ in requestors[1:] + cc}
        return Ticket(root, "present", root, created, fields, copied, {address for address, _ in followers},
                      dict(requestors + cc + followers), tags, links, self.messages(root), key)

    def custom(self, json):
        return {one["name"]: [value for value in one["values"] if value] for one in json["CustomFields"]}

    def queue(self, number):
        if number not in self.queues:
            self.queues[number] = self.ask(GATEWAY, "GET", f"queue/{number}")["Name"]
        return self.queues[number]

    def person(self, login):
        """Address and name."""
        if login not in self.people:
            user = self.ask(GATEWAY, "GET", f"user/{urllib.parse.quote(login)}")
            self.people[login] = ((user.get("EmailAddress") or login).lower(), user.get("RealName") or user["Name"])
        return self.people[login]

    def messages(self, ticket):
        parts, page = {}, 1
        while True:
            got = self.ask(GATEWAY, "GET", f"ticket/{ticket}/attachments?per_page=100&page={page}&fields=TransactionId,Filename,ContentType")
            for part in got["items"]:
                parts.setdefault(str(part["TransactionId"]), []).append(part)
            if len(got["items"]) < 100:
                break
            page += 1
        history, page = [], 1
        while True:
            got = self.ask(GATEWAY, "GET", f"ticket/{ticket}/history?per_page=100&page={page}&fields=Type,Creator,Created,ObjectId")
            history += got["items"]
            if len(got["items"]) < 100:
                break
            page += 1
        spoken = [one for one in history if one["Type"] in ("Create", "Correspond", "Comment") and str(one["id"]) in parts]
        return [self.message(one, parts[str(one["id"])]) for one in spoken]

    def message(self, transaction, parts):
        text, is_html, files = "", False, []
        for part in parts:
            if part["ContentType"].startswith("multipart/"):
                continue
            data = self.content(part["id"])
            if part["Filename"]:
                files.append((part["Filename"], hashlib.sha256(data).hexdigest()))
            elif part["ContentType"] == "text/html" or (part["ContentType"] == "text/plain" and not is_html):
                text, is_html = data.decode("utf-8", "replace"), part["ContentType"] == "text/html"
        login = transaction["Creator"]["id"]
        address, name = self.person(login)
        return Message(str(transaction["id"]), str(transaction["ObjectId"]), GATEWAY if login == GATEWAY else address, name,
                       moment(transaction["Created"]), transaction["Type"] != "Comment", text, is_html, sorted(files))

    def content(self, part):
        if part not in self.texts:
            got = self.ask(GATEWAY, "GET", f"attachment/{part}")
            self.texts[part] = base64.b64decode(got.get("Content") or "")
        return self.texts[part]

    def content_ids(self, message):
        """By what names a message's text can show its files that are there."""
        transaction = self.ask("alice", "GET", f"transaction/{message}")
        parts = [link["_url"].rsplit("/", 1)[1] for link in transaction["_hyperlinks"] if link["ref"] == "attachment"]
        parts = [self.ask("alice", "GET", f"attachment/{part}") for part in parts]
        return {found[1] for part in parts if part.get("Content") and (found := re.search(r"Content-ID:\s*<?([^>\s]+)", part["Headers"], re.I))}

    # -- mails -------------------------------------------------------------------------------------------------------
    def mails(self):
        """Every mail so far: (file, ticket, who caused it, to whom)."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.mail_dir, "*"))):
            head = open(path, "rb").read().split(b"\n\n", 1)[0].decode("utf-8", "replace")
            one = {name.lower(): value.strip() for name, value in re.findall(r"^([\w-]+):(.*)$", head, re.M)}
            number = one.get("x-rt-ticket", "#?").rsplit("#", 1)[1]
            found.append((path, number, one.get("x-rt-originator", ""), one.get("to", "") + one.get("bcc", "")))
        return found

    def letters(self):
        """Every mail so far, with its words."""
        return [letter(path) for path in sorted(glob.glob(os.path.join(self.mail_dir, "*")))]

    def threaded(self, customer, letter, text):
        """A customer answers a mail of this desk in their mail program: nothing but that mail says where it belongs."""
        mail = email.message.EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = written(customer), "support@rt.lab", f"Re: {letter.subject}"
        mail["Message-ID"] = f"<{time.time_ns()}@{customer.address.split('@')[1]}>"
        mail["In-Reply-To"] = mail["References"] = letter.id
        mail.set_content(text)
        self.gate(mail, "Support")


@dataclass(frozen=True)
class Letter:
    """A mail that the desk wrote."""
    path: str
    ticket: str
    by: str  # who caused it
    to: str  # everybody who gets it
    subject: str
    id: str
    text: str


def letter(path):
    mail = email.message_from_binary_file(open(path, "rb"), policy=email.policy.default)
    text = "".join(part.get_content() for part in mail.walk() if part.get_content_type() == "text/plain")
    head = {name.lower(): str(value) for name, value in mail.items()}
    to = " ".join(head.get(name, "") for name in ("to", "cc", "bcc"))
    ticket = head.get("x-rt-ticket", "#?").rsplit("#", 1)[1]
    return Letter(path, ticket, head.get("x-rt-originator", "").lower(), to.lower(), head.get("subject", ""), head.get("message-id", ""), text)


def written(customer):
    return f"{customer.name} <{customer.address}>"
