"""adopt.py BINARY STATE: rehearses and takes back on a real RT, then adopts what a plain script copied there, and follows it.

STATE is the lab's directory; the RT `adopted` is up in it. The script is an agent, bob, with his own token, and knows nothing of Tidegate."""
import datetime
import html
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from request_tracker import RequestTracker
from runs import ZENDESK_TO_RT
from web import ask

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAST, SAMPLE = 12, 3
STATUS = {"solved": "resolved", "closed": "resolved", "hold": "stalled", "new": "new"}
PRIORITY = {"low": "20", "normal": "50", "high": "75", "urgent": "100"}
MIRROR = """name = "lab"
[source]
vendor = "zendesk"
url = "{source}"
auth = {{ kind = "oauth", client-id = "sim-client", client-secret = {{ file = "{secrets}/zendesk" }} }}
webhook = false
poll = {{ every = "1s" }}
allow-private-addresses = true
[target]
vendor = "request-tracker"
url = "{target}"
auth = {{ kind = "token", token = {{ file = "{secrets}/rt" }} }}
user = "tidegate"
webhook = false
poll = {{ every = "1s" }}
tags-field = "Tags"
allow-private-addresses = true
[policy]
silence = "admin-rule"
unmapped = "leave-out"
"""


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def held(what, holds, seen=""):
    say(f"{'held' if holds else 'NOT HELD'}: {what}" + ("" if holds else f": {seen}"))
    if not holds:
        raise SystemExit(1)


def until(what, condition, seconds=150):
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            held(what, False, f"not within {seconds} s")
        time.sleep(0.5)
    held(what, True)


class Proof:
    def __init__(self, binary, state):
        self.rt = RequestTracker("adopted", state, LAB)
        self.dir = os.path.join(state, "runs", "adopt")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        self.binary, self.source = binary, f"http://127.0.0.1:{port}"
        self.env = dict(os.environ, TIDEGATE_DATA_DIR=os.path.join(self.dir, "data"), TIDEGATE_LOG="warn")
        self.children = []
        self.start("sim", "zendesk", "--listen", f"127.0.0.1:{port}", "--tickets", str(PAST), "--seed", "5")
        until("the simulated Zendesk answers", self.answers, 20)
        for name, secret in (("zendesk", "sim-secret"), ("rt", self.rt.token)):
            with open(os.path.join(self.dir, name), "w") as file:
                file.write(secret)
        text = MIRROR.format(source=self.source, target=self.rt.url, secrets=self.dir) + ZENDESK_TO_RT
        with open(os.path.join(self.dir, "lab.toml"), "w") as file:
            file.write(text)

    def start(self, *words):
        log = open(os.path.join(self.dir, f"child-{len(self.children)}.log"), "w")
        self.children.append(subprocess.Popen([self.binary, *words], env=self.env, stdout=log, stderr=log))

    def answers(self):
        try:
            return self.tickets() is not None
        except OSError:
            return False

    def run(self, *words, status=0):
        done = subprocess.run([self.binary, *words], env=self.env, capture_output=True, text=True, timeout=400)
        if done.returncode != status:
            held(" ".join(words), False, f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def tickets(self):
        return [ticket for ticket in ask("GET", f"{self.source}/_sim/tickets") if ticket["state"] == "present"]

    def act(self, who, action):
        ask("POST", f"{self.source}/_sim/act", body={"who": who, "action": action})

    def ids(self):
        """Every RT ticket that is there, by id."""
        listed = self.rt.ask("bob", "GET", "tickets?query=id%20%3E%200&per_page=100")
        return sorted(int(item["id"]) for item in listed["items"])

    def said(self, ticket):
        """The words of all messages of an RT ticket."""
        parts = self.rt.ask("bob", "GET", f"ticket/{ticket}/attachments?fields=Content,ContentType,TransactionId&per_page=100")
        own = {}
        for item in self.rt.ask("bob", "GET", f"ticket/{ticket}/history?fields=Type&per_page=100")["items"]:
            own[item["id"]] = item["Type"] in ("Create", "Correspond", "Comment")
        return [part.get("Content") or "" for part in parts["items"] if own.get(str(part["TransactionId"]))]

    # -- the other tool ------------------------------------------------------------------------------------------------
    def copy(self):
        """What a team's own script does: tickets, texts, status. Old number to new one."""
        pairs = {}
        for ticket in self.tickets():
            one = lambda name: (ticket["fields"].get(name) or [""])[0]
            plain = lambda message: html.unescape(re.sub("<[^>]*>", "", message["body"])) if message["html"] else message["body"]
            first, *rest = ticket["messages"]
            body = {"Queue": "Support", "Subject": one("subject"), "Requestor": one("requester"), "Content": plain(first) or "-",
                    "ContentType": "text/plain", "Priority": PRIORITY.get(one("priority"), "0")}
            new = str(self.rt.ask("bob", "POST", "ticket", body)["id"])
            for message in rest:
                verb = "correspond" if message["public"] else "comment"
                text = {"Content": f"From {message['author']}:\n{plain(message)}", "ContentType": "text/plain"}
                self.rt.ask("bob", "POST", f"ticket/{new}/{verb}", text)
            self.rt.ask("bob", "PUT", f"ticket/{new}", {"Status": STATUS.get(one("status"), "open")})
            pairs[ticket["id"]] = new
        return pairs

    # -- the proof -----------------------------------------------------------------------------------------------------
    def rehearsal(self):
        before = self.ids()
        self.run("mirror", "apply", os.path.join(self.dir, "lab.toml"))
        dry = self.run("backfill", "lab", "--sample", str(SAMPLE), "--dry-run")
        held("a dry run writes nothing", self.ids() == before and "Nothing was written." in dry, dry)
        shown = self.run("backfill", "lab", "--sample", str(SAMPLE))
        held("a sample is copied and shown", len(self.ids()) == len(before) + SAMPLE and "/Ticket/Display.html?id=" in shown, shown)
        taken = self.run("takeback", "lab", "--sample")
        held("it is taken back", self.ids() == before and f"{SAMPLE} tickets removed" in taken, taken)

    def adoption(self):
        reference = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        time.sleep(1.5)
        there = len(self.ids())
        pairs = self.copy()
        customer = {"email": "nora@northwind.example", "name": "Nora North", "agent": False}
        live = [old for old in pairs if self.open(old)][:3]
        self.act(customer, {"reply": {"ticket": live[0], "text": {"body": "written before the adoption"}}})
        self.rt.reply("alice", pairs[live[1]], "alice was here before the adoption")
        with open(os.path.join(self.dir, "pairs.csv"), "w") as file:
            file.write("old,new\n" + "".join(f"{old},{new}\n" for old, new in pairs.items()))
        told = self.run("adopt", "lab", "--map", os.path.join(self.dir, "pairs.csv"), "--reference", reference)
        say(told.strip())
        held("every pair is adopted", f"{len(pairs)} pairs adopted" in told, told)
        self.start("--listen", "127.0.0.1:0", "serve")
        until("what was written before is carried", lambda: self.count(pairs[live[0]], "written before the adoption") == 1)
        for number, old in enumerate(live):
            self.act(customer, {"reply": {"ticket": old, "text": {"body": f"after the adoption, {number}"}}})
            self.rt.reply("alice", pairs[old], f"alice after the adoption, {number}")
        self.act(customer, {"open": {"subject": "new after the adoption", "group": "Support", "text": {"body": "hello"}, "fields": {}, "tags": []}})
        for number, old in enumerate(live):
            until(f"traffic of old {old} is carried", lambda: self.count(pairs[old], f"after the adoption, {number}") == 2)
        until("the new ticket is copied", lambda: len(self.ids()) == there + len(pairs) + 1)
        time.sleep(5)
        held("nothing was doubled", len(self.ids()) == there + len(pairs) + 1, self.ids())
        for old, new in pairs.items():
            words = self.said(new)
            held(f"each message of old {old} stands once in new {new}", self.once(old, words), words)
        parked = self.run("parked", "list", "lab")
        held("nothing is parked", "Nothing waits for a person." in parked, parked)

    def open(self, old):
        ticket = next(ticket for ticket in self.tickets() if ticket["id"] == old)
        return ticket["fields"].get("status", [""])[0] not in ("closed", "solved")

    def count(self, new, words):
        return sum(words in text for text in self.said(new))

    def once(self, old, words):
        ticket = next(ticket for ticket in self.tickets() if ticket["id"] == old)
        plain = lambda message: " ".join(re.sub("<[^>]*>", " ", message["body"]).split())
        return len(words) >= len(ticket["messages"]) and all(
            sum(plain(message)[:40] in " ".join(re.sub("<[^>]*>", " ", text).split()) for text in words)
            == sum(plain(other)[:40] == plain(message)[:40] for other in ticket["messages"])
            for message in ticket["messages"] if len(plain(message)) > 20)

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            child.wait(timeout=40)


def main():
    proof = None
    try:
        proof = Proof(sys.argv[1], sys.argv[2])
        proof.rehearsal()
        proof.adoption()
        say("all held")
    finally:
        if proof:
            proof.stop()


main()
