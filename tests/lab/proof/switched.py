"""The switch on two real RTs, with people at work in both from beginning to end: refused at each gate, there, back, there again, and the end.

Each stage ends with three looks: `tidegate check --all`, the judge of both desks (both.py), and that judge judged. Who leads is written
`old` and `new` here, as in the product's own words."""
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import both
from gates import Gates
from part import Part
from prove import LAB, SETTLE, Failed, now, until
from runs import same
from shift import Shift
from traffic import Traffic

PAST = 12
# `rejected` is one of two words that become `resolved`; nobody may decide alone what `Details` says.
TABLES = '''"custom:Details" = "ask"
[map.status]
new = "new"
open = "open"
stalled = "stalled"
resolved = "resolved"
rejected = "resolved"
[map.back.status]
resolved = "resolved"
[map.fields]
"custom:*" = "custom:*"
'''


def in_new_words(here):
    fields = same(here)
    if fields["status"] == "rejected":
        fields["status"] = "resolved"
    if fields["custom:Severity"] == ["catastrophic"]:
        fields["custom:Severity"] = ["critical"]
    return fields


class Switched(Part):
    def __init__(self, lab):
        super().__init__(lab, "switched", TABLES, hook=True)
        self.run["words"] = dict(self.run["words"], disputes=[])
        self.run["terms"]["fields"] = in_new_words
        self.lead, self.known, self.figures = "old", set(), {"go s": [], "controls": 0}

    def go(self):
        started = time.monotonic()
        self.begin()
        self.judged("copied and mirrored")
        self.gates.each_refuses()
        self.judged("refused at each gate")
        self.rehearsed()
        self.first_go()
        self.judged("the new desk leads")
        self.by_hand()
        self.a_day("the new desk leads")
        self.threads()
        self.judged("answered by mail")
        self.switch("--back")
        self.a_day("the old desk leads again")
        self.switch("--go", kill_at="the other desk leads")
        self.a_day("the new desk leads for good")
        self.retired()
        verdict = self.without_the_old_desk()
        return {"mirror": self.run["title"], "tickets": verdict.tickets, "messages": verdict.messages, "files": verdict.files,
                "deeds": self.shift.done, "mails by people": self.mails, "judge": "agrees", "tampered": self.figures["controls"],
                "go s": " ".join(self.figures["go s"]), "s": f"{time.monotonic() - started:.0f}", "problems": []}

    # -- what every stage does -----------------------------------------------------------------------------------------
    def a_day(self, stage):
        self.shift.work(self.lead)
        self.judged(stage)

    def judged(self, stage):
        """Waits until everything is carried; then three look at it."""
        self.settle(self.source, self.target)
        self.held(f"{stage}: no desk refused what people did", not self.shift.refused, self.shift.refused)
        parked = self.tidegate("parked", "list", self.name).stdout
        self.held(f"{stage}: nothing is parked", "Nothing waits for a person." in parked, parked)
        check = self.tidegate("check", self.name, "--all", "--json", may_fail=True)
        self.held(f"{stage}: `tidegate check --all` says parity", check.returncode == 0, check.stdout[:3000])
        seen = self.look()
        verdict = both.Twins(seen, self.shift, self.run["terms"], self.lead).judge()
        self.held(f"{stage}: the judge agrees: {verdict.tickets} tickets, {verdict.messages} messages", not verdict.differences,
                  "\n      ".join(f"{kind}: {what}" for kind, what in verdict.differences[:20]))
        controls, unseen = both.tampered(seen, self.shift, self.run["terms"], self.lead)
        if self.shift.merged:
            self.held(f"{stage}: {controls} ways of being wrong are seen", not unseen, unseen)
            self.figures["controls"] += controls
        self.shift.meet({pair for pair in seen.roots() if pair in self.known})
        return verdict

    def look(self):
        seen = both.look(self.shift.desks, self.newest, self.letters, self.known)
        self.known, self.mails = seen.pairs, sum(map(len, seen.letters.values()))
        return seen

    def begin(self):
        self.secrets(self.source, self.target)
        desks = {"old": self.source, "new": self.target}
        self.letters = {side: {one.path for one in desk.letters()} for side, desk in desks.items()}
        self.newest = {side: desk.newest() for side, desk in desks.items()}
        self.without(self.source, "Severity", "catastrophic")
        since = self.since = now()
        traffic = Traffic(self.name, self.source, self.target, self.run["words"], seed=7).past(PAST)
        self.shift = Shift(traffic)
        self.due = traffic.tickets[1]
        self.shift.stay.add(self.due)
        self.source.ask("alice", "PUT", f"ticket/{self.due}", {"Due": "2030-01-02 03:04:05"})
        self.serve(self.source, self.target, since)
        self.accept()
        self.tidegate("backfill", self.name)
        until("the full copy", 240, lambda: self.told()["phase"] == "mirroring")
        self.settle(self.source, self.target)
        self.shift.meet(self.look().roots())
        self.step(f"{len(self.shift.pairs)} tickets copied, one way")
        self.gates = Gates(self)
        self.gates.silence()
        self.step("both ways; people at work on both sides")
        self.shift.work("old")

    # -- the switch ----------------------------------------------------------------------------------------------------
    def rehearsed(self):
        done = self.tidegate("cutover", self.name, "--rehearse")
        self.held("rehearsed", "The new desk could lead now." in done.stdout, done.stdout)
        self.step("  " + next(line for line in done.stdout.splitlines() if "could lead" in line))

    def first_go(self):
        """Killed before the turn it has turned nothing, and goes on when it is asked to."""
        self.killed("--go", "the sequence is marked")
        told = self.told()
        self.held("killed before the turn the switch is under way, and told of", told["phase"] == "switching" and told["switch"], told["phase"])
        other = self.tidegate("cutover", self.name, "--back", may_fail=True)
        self.held("and nothing else is begun", other.returncode == 1)
        said = self.switch("--go")
        self.held("the open tickets are listed by what is due", re.search(rf"2030-01-02 .*old {self.due}, new \d+", said), said)
        self.held("and what is to be done by hand", "[ ] mail-forwarding" in said, said)

    def killed(self, way, at):
        """Begins a switch and kills it after the step that tells these words. Whether it was still at work then."""
        child = subprocess.Popen([self.lab.binary, *self.data, "cutover", self.name, way], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 text=True)
        seen = []
        for line in child.stderr:
            seen.append(line.strip())
            if at in line:
                child.send_signal(signal.SIGKILL)
                break
        code = child.wait(60)
        self.held(f"killed when it said `{at}`", code in (-signal.SIGKILL, 0), seen)
        self.step("  " + "; ".join(seen))
        return code != 0

    def switch(self, way, kill_at=None):
        """With people talking in both desks meanwhile, until the last ticket is turned. What it said."""
        stop = threading.Event()
        people = threading.Thread(target=self.shift.talk, args=(self.lead, stop))
        before = self.shift.done
        people.start()
        try:
            until("people to be at work", 60, lambda: self.shift.done > before + 1)
            began, before = time.monotonic(), self.shift.done
            said = "" if kill_at and not self.killed(way, kill_at) else self.turned(way, kill_at)
            leads = time.monotonic()
            until("the gateway to turn the last tickets", SETTLE, lambda: not self.told()["switch"])
            self.figures["go s"].append(f"{leads - began:.0f}+{time.monotonic() - leads:.0f}")
        finally:
            stop.set()
            people.join()
        self.held(f"{way} with people at work", self.told()["phase"] == ("mirroring" if way == "--back" else "switched"), said)
        self.step(f"  {self.figures['go s'][-1]} s until it led and until nothing was late; {self.shift.done - before} deeds meanwhile")
        for line in said.splitlines():
            if "leads:" in line or "looked at" in line or "in the middle" in line:
                self.step(f"  {line}")
        self.lead = "old" if way == "--back" else "new"
        return said

    def turned(self, way, again):
        """`again`: it had turned before it was killed, and may have been done."""
        done = self.tidegate("cutover", self.name, way, may_fail=True)
        self.held(f"{way} is done", done.returncode == 0 or again, done.stdout)
        return done.stdout

    def by_hand(self):
        items = json.loads(self.tidegate("checklist", self.name, "--json", may_fail=True).stdout)
        mail = [item["name"] for item in items if item["name"].startswith("mail-forwarding:")]
        self.held("each queue's address has an item", len(mail) >= 2 and "mail-forwarding" not in [item["name"] for item in items], mail)
        self.probe("old", mail[0], 1)
        self.probe("new", mail[0], 0)
        for item in items:
            if not item["done"]:
                self.tidegate("checklist", self.name, "--tick", item["name"], "--evidence", "done in the lab")
        self.held("every item is ticked", self.tidegate("checklist", self.name, may_fail=True).returncode == 0)
        self.links_lead_on()

    def probe(self, side, item, code):
        """A test message that arrives at one of the desks."""
        words = [self.lab.binary, *self.data, "checklist", self.name, "--probe", item, "--within", "2m"]
        with open(os.path.join(self.dir, "verbs.log"), "a") as log:
            child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
            asked = child.stdout.readline()
            customer, text = self.shift.traffic.customers[0], f"<p>A test of the channel, {side}.</p>"
            ticket = self.shift.desks[side].write_in(customer, re.search(r"tide-\w+", asked)[0], "Support", text)
            self.shift.opened_at(side, ticket, customer, text, [], customer.address)
            said = child.stdout.read()
        self.held(f"a test message to the {side} desk is found there", child.wait() == code and f"ticket {ticket} of the {side} desk" in said, said)

    def links_lead_on(self):
        """`/t/<old number>` of every ticket that was copied."""
        wrong, merged = [], 0
        seen = self.look()
        for old, new in seen.pairs:
            there = redirected(f"{self.gateway}/t/{old}")
            merged += seen.root("old", old) != old
            wrong += [(old, there)] if there != f"{self.target.url}/Ticket/Display.html?id={seen.root('new', new)}" else []
        self.held(f"{len(seen.pairs)} old numbers lead to the new tickets, {merged} of them merged", not wrong, wrong)

    def threads(self):
        """A customer answers the mail that the new desk wrote for an agent."""
        self.letter_of_answer("new", self.shift.pairs[0][1])

    def letter_of_answer(self, side, ticket):
        desk, customer = self.shift.desks[side], self.shift.asks[(side, ticket)]
        mark = self.shift.answer(side, ticket)
        letters = lambda: [one for one in desk.letters() if mark in one.text and customer.address in one.to]  # noqa: E731
        letter = until("the agent's mail", 20, letters)[0]
        text = f"Thank you for {mark.rstrip('.')}, it arrived."
        desk.threaded(customer, letter, text)
        self.shift.note(side, ticket, True, text, [], customer.address)
        self.step(f"{customer.address} answered the mail about {side} {ticket}: {letter.subject}")

    # -- the end -------------------------------------------------------------------------------------------------------
    def retired(self):
        refused = self.tidegate("retire", self.name, may_fail=True)
        self.held("not retired while somebody writes in the old desk", refused.returncode == 1 and "somebody wrote in old ticket" in refused.stdout,
                  refused.stdout)
        until("nobody to have written for 20 s", 120, lambda: self.tidegate("retire", self.name, "--after", "20s", may_fail=True).returncode == 0)
        self.held("retired after the stated time", self.told()["phase"] == "retired")
        page, signed = (os.path.join(self.dir, name) for name in ("certificate.html", "certificate.json"))
        made = self.tidegate("certificate", "make", self.name, "--html", page, "--json", signed).stdout
        key = re.search(r"public key \(Ed25519\): (\w+)", made)[1]
        self.step("  " + made.splitlines()[0])
        self.held("the certificate is genuine", self.tidegate("certificate", "verify", signed, "--key", key).returncode == 0)
        text = open(signed).read()
        changed = text.replace('"equal":', '"equal":1', 1)
        with open(signed + ".changed", "w") as file:
            file.write(changed)
        self.held("a changed one is not", changed != text and self.tidegate("certificate", "verify", signed + ".changed", "--key", key,
                                                                            may_fail=True).returncode == 1)

    def without_the_old_desk(self):
        """What was in the old desk opens in the new one, and nothing there needs the old one."""
        seen = self.look()
        verdict = both.Twins(seen, self.shift, self.run["terms"], self.lead).judge()
        self.held("both desks are as they were", not verdict.differences, verdict.differences[:5])
        files = sorted(digest for ticket in seen.tickets["old"].values() for message in ticket.messages for _, digest in message.files)
        self.lab.hook("source", None, None)
        subprocess.run([f"{LAB}/down", "source"], check=True, stderr=subprocess.DEVNULL)
        self.target.texts.clear()
        new = [self.target.read(pair[1]) for pair in seen.roots()]
        opened = sorted(digest for ticket in new for message in ticket.messages for _, digest in message.files)
        self.held(f"{len(files)} files open in the new desk", opened == files, (len(opened), len(files)))
        self.shown(new)
        self.leads_nowhere(new)
        self.links_lead_on_still(seen)
        self.letter_of_answer("new", seen.roots()[0][1])
        ticket = self.target.read(seen.roots()[0][1])
        self.held("and the customer's answer is in that ticket", "itarrived" in ticket.messages[-1].words, ticket.messages[-1].words)
        return verdict

    def shown(self, tickets):
        """Each image in a text is a file of the same message."""
        shown = [(message, source) for ticket in tickets for message in ticket.messages
                 for source in re.findall(r'<img[^>]*src="([^"]+)"', message.text)]
        lost = [source for message, source in shown if source.removeprefix("cid:") not in self.target.content_ids(message.id)]
        self.held(f"{len(shown)} images open", shown and not lost, lost)

    def leads_nowhere(self, tickets):
        led = [(message.id, link) for ticket in tickets for message in ticket.messages
               for link in re.findall(r'(?:href|src)="([^"]*)"', message.text)]
        old = [(message, link) for message, link in led if link.startswith(self.source.url)]
        self.held("nothing in a message leads to the old desk", not old, old)
        on = [link for _, link in led if link.startswith(f"{self.target.url}/Ticket/Display.html?id=")]
        self.held(f"{len(on)} links in messages lead to new tickets", on, led)

    def links_lead_on_still(self, seen):
        old, new = seen.roots()[0]
        there = redirected(f"{self.gateway}/t/{old}")
        self.held("old numbers lead on", there == f"{self.target.url}/Ticket/Display.html?id={new}", there)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def redirected(url):
    """Where an address sends a browser; `None` if nowhere."""
    try:
        urllib.request.build_opener(Stay).open(url, timeout=20)
    except urllib.error.HTTPError as answer:
        return answer.headers.get("Location")
    return None
