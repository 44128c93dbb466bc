"""trust.py BINARY STATE [PART...]: how an admin comes to trust a mirror, on two real RTs, `source` and `target`.

`traps`: each trap that an RT can have is set through RT's own API or pages, and `mirror check` names it, and nothing else.
`proposed`: a mirror is proposed, checked, accepted, rehearsed and taken back; then it copies and mirrors with people at work on both
sides, and is judged as in `prove.py`.
`adopted`: a copy that a plain script made is adopted and followed.
`switched`: the new desk leads, the old one again, the new one for good; see switched.py. Exit status 0 only if all held."""
import html
import json
import os
import re
import subprocess
import sys
from collections import Counter

from desk import Customer, File, plain
from part import Part
from prove import LAB, PAST, Lab, Trial, now, tried, until
from runs import ZENDESK_TO_RT, ZENDESK_WORDS, from_zendesk
from switched import Switched
from traffic import Traffic

SAMPLE = 3
# What every check of an RT as target says, because RT's API does not tell or RT cannot do it.
ALWAYS = {"authors-as-text", "times-as-text", "not-counted", "target-change-rights", "target-scrips", "support-addresses"}
# `stalled` has no word.
WITH_A_GAP = '''
[map.status]
new = "new"
open = "open"
resolved = "resolved"
rejected = "rejected"
[map.fields]
"custom:*" = "custom:*"
'''
MENDED = WITH_A_GAP.replace('open = "open"', 'open = "open"\nstalled = "stalled"') + '''
[map.options."custom:Severity"]
catastrophic = "critical"
"*" = "*"
'''


class Traps(Part):
    def __init__(self, lab):
        super().__init__(lab, "traps", WITH_A_GAP)

    def go(self):
        since = now()
        expected, harmless = self.set_traps()
        self.secrets(self.source, self.target)
        self.write_file(self.source, self.target, since)
        self.named(expected, harmless)
        self.hidden_field()
        self.run["tables"] = MENDED
        self.write_file(self.source, self.target, since)
        self.locked_field(harmless)
        return self.summary(len(expected) + 2)

    def opened(self, subject, fields=None, text="<p>Hello</p>", files=(), customer=Customer("Tara Trap", "tara@trap.example")):
        return self.source.open("alice", customer, subject, "Support", text, files, fields)

    def set_traps(self):
        """What each finding has to name; and a ticket that nothing may be found in."""
        here, gone = self.source, Customer("Dora Gone", "dora@trap.example")
        here.ask("root", "POST", f"customfield/{self.field(here, 'Severity')}/value", {"Name": "catastrophic"})
        # How an admin of RT makes a field one that has to be filled.
        self.target.ask("root", "PUT", f"customfield/{self.field(self.target, 'Details')}", {"Pattern": "(?#Mandatory)."})
        filled = {"custom:Details": "filled"}
        expected = {
            "unmapped-status": self.changed("on hold", filled, {"status": "stalled"}),
            "no-option-custom-severity": self.opened("very bad", dict(filled, **{"custom:Severity": "catastrophic"})),
            "required-custom-details": self.opened("without details"),
            "locked-files": self.opened("a link", filled, f'<p>See <a href="{here.url}/Ticket/Attachment/1/1/plan.pdf">this</a></p>'),
            "foreign-files": self.opened("another link", filled, '<p>See <a href="https://acme.sharepoint.com/x">this</a></p>'),
            "suspended": self.opened("disabled since", filled, customer=gone),
            "not-in-group-custom-only-support": self.moved(filled),
            "empty-files": self.mailed(filled),
        }
        here.ask("root", "PUT", f"user/{gone.address}", {"Disabled": 1})
        files = [File("Übersicht 概要.pdf", "application/pdf", b"%PDF-1.4 one"), File("setup.exe", "application/octet-stream", b"MZ")]
        harmless = self.opened("nothing wrong", dict(filled, **{"custom:Products": ["alpha"]}), files=files)
        return expected, harmless

    def changed(self, subject, fields, change):
        ticket = self.opened(subject, fields)
        self.source.set("alice", ticket, change)
        return ticket

    def moved(self, filled):
        """The queue has the field at the source and not at the target."""
        subprocess.run([f"{LAB}/everywhere", "source", "Only Support"], check=True, stderr=subprocess.DEVNULL)
        return self.changed("in another queue", filled, {"group": "Billing", "custom:Only Support": "7"})

    def mailed(self, filled):
        """RT's API takes no empty file; a mail brings one."""
        ticket = self.source.write_in(Customer("Tara Trap", "tara@trap.example"), "nothing in it", "Support", "<p>See</p>",
                                      [File("nothing.pdf", "application/pdf", b"")])
        self.source.set("alice", ticket, filled)
        return ticket

    def named(self, expected, harmless):
        report, found = self.checked()
        for name, ticket in expected.items():
            self.held(f"`{name}` names ticket {ticket} and no other", name in found and found[name]["tickets"] == [ticket],
                      found.get(name, sorted(found)))
            self.step(f"  {found[name]['what']}")
        self.held("nothing else is found", set(found) - ALWAYS == set(expected), sorted(found))
        self.held(f"ticket {harmless} is clean: a name of any alphabet, a program, a choice of several",
                  not any(harmless in finding["tickets"] for name, finding in found.items() if name not in ALWAYS))
        self.held("the findings hold the copy back", set(report["open"]) >= {"unmapped-status", "empty-files", "locked-files"}, report["open"])

    def hidden_field(self):
        self.right("SeeCustomField", "Products")
        try:
            _, found = self.checked()
        finally:
            self.right("SeeCustomField")
        what = found.get("mirror-file", {}).get("what", "")
        self.held("a field that our user may not see is named", "custom:Products" in what, sorted(found))
        self.step(f"  {what}")
        self.held("that there may be others is told", "target-custom-fields" in found, sorted(found))

    def locked_field(self, ticket):
        """RT makes the ticket without the value, answers 201, and shows rights to nobody: it is told after the first copy."""
        self.held("which rights our user has cannot be told", "ModifyCustomField" in self.checked()[1]["target-change-rights"]["what"])
        for right in ("ModifyCustomField", "SetInitialCustomField"):
            self.right(right, "Products")
        try:
            self.tidegate("mirror", "apply", self.path)
            self.accept_all(self.checked()[0])
            self.tidegate("backfill", self.name, "--tickets", ticket)
            said = self.tidegate("status", self.name).stdout
            self.held("a field that our user may not change is told by status", "1 values that were written stand empty" in said, said)
            told = self.tidegate("explain", self.name, ticket).stdout
            self.held("and explained", "custom:Products" in told, told)
            self.tidegate("takeback", self.name, "--sample")
        finally:
            for right in ("ModifyCustomField", "SetInitialCustomField"):
                self.right(right)
            self.target.ask("root", "PUT", f"customfield/{self.field(self.target, 'Details')}", {"Pattern": ""})

    def summary(self, traps):
        return {"mirror": self.run["title"], "tickets": traps, "judge": "every trap named", "problems": []}


class Proposed(Part):
    """The whole trial of `prove.py`, with a proposed mirror file and a rehearsal before its copy."""

    def __init__(self, lab):
        super().__init__(lab, "proposed", "")

    def serve(self, source, target, since):
        self.write_file(source, target, since)
        self.propose()
        self.check_and_accept()
        self.rehearse(target)
        self.before = target.newest()
        self.start_gateway()

    def accept(self):
        """It is done before the rehearsal."""

    def propose(self):
        self.tidegate("mirror", "propose", self.path)
        text = open(self.path).read()
        marks = [line for line in text.splitlines() if "# sure:" in line or "# ask:" in line]
        sure = [line for line in marks if "# sure:" in line]
        asked = [line for line in marks if "# ask:" in line]
        self.step(f"proposed: {len(sure)} values are sure, {len(asked)} are asked")
        for line in asked:
            self.step(f"  {line}")
        self.held("four of five values are sure", len(sure) >= 4 * len(asked), asked)
        wrong = [line for line in sure if (pair := re.match(r'"?([^"=]+?)"?\s*=\s*"([^"]*)"', line)) and pair[1] not in (pair[2], "")]
        self.held("between desks that call all alike nothing else is sure", not wrong, wrong)
        text = re.sub(r'^# "?catastrophic"? = "…"', 'catastrophic = "critical"', text, flags=re.M)
        text = re.sub(r'^"?catastrophic"? = "[^"]*"', 'catastrophic = "critical"', text, flags=re.M)
        with open(self.path, "w") as file:
            file.write(text)

    def check_and_accept(self):
        self.tidegate("mirror", "apply", self.path)
        refused = self.tidegate("backfill", self.name, may_fail=True)
        self.held("nothing is copied before it is checked", refused.returncode == 1, refused.stdout)
        report, found = self.checked()
        self.held("the check finds only what RT's API does not tell", set(found) <= ALWAYS | {"sample-only"}, sorted(found))
        refused = self.tidegate("backfill", self.name, may_fail=True)
        self.held("nothing is copied before each finding is accepted", refused.returncode == 1, report["open"])
        self.accept_all(report)

    def rehearse(self, target):
        before = self.state(target)
        dry = self.tidegate("backfill", self.name, "--sample", str(SAMPLE), "--dry-run").stdout
        self.held("a dry run tells its writes and makes none", "Nothing was written." in dry and not self.changed(before, self.state(target)), dry)
        shown = self.tidegate("backfill", self.name, "--sample", str(SAMPLE)).stdout
        new = set(self.state(target)["tickets"]) - set(before["tickets"])
        self.held("a sample is copied and shown side by side", len(new) == SAMPLE and shown.count("/Ticket/Display.html?id=") == 2 * SAMPLE, shown)
        taken = self.tidegate("takeback", self.name, "--sample").stdout
        for line in taken.strip().splitlines()[-3:]:
            self.step(f"  {line}")
        after = self.state(target)
        people = {one for one in after["people"] if one not in before["people"]}
        self.held("what stays is named", "What cannot be undone: the rows of deleted tickets" in taken and all(one in taken for one in people), taken)
        self.held("but for these the target is as it was", not self.changed(before, dict(after, people=before["people"])),
                  self.changed(before, after))

    def changed(self, before, after):
        return {key: (sorted(set(before[key]) ^ set(after[key]))) for key in before if before[key] != after[key]}

    def state(self, target):
        """All that the target's API shows of tickets, people, queues and fields; and its mails."""
        def listed(path, fields):
            found, page = [], 1
            while True:
                got = target.ask("root", "GET", f"{path}&fields={fields}&per_page=100&page={page}")["items"]
                found += [json.dumps(item, sort_keys=True) for item in got]
                if not got:
                    return sorted(found)
                page += 1
        people = target.ask("root", "POST", "users?fields=Name,EmailAddress&per_page=100", [{"field": "id", "operator": ">", "value": 0}])
        return {"tickets": listed("tickets?query=id%20%3E%200", "Subject,Status,LastUpdated"),
                "people": sorted(one["EmailAddress"] or one["Name"] for one in people["items"]),
                "queues": listed("queues/all?find_disabled_rows=1", "Name,LastUpdated"), "mails": [mail[0] for mail in target.mails()]}


class Adopted(Trial):
    """An agent's own script, which knows nothing of Tidegate, copies a Zendesk into the RT; the copy is adopted and followed."""

    def __init__(self, lab):
        super().__init__(lab, {"name": "adopted", "title": "a script's copy, adopted", "source": "zendesk", "target": "rt", "hook": False,
                               "tables": ZENDESK_TO_RT, "words": ZENDESK_WORDS})

    held = Part.held

    def go(self):
        source, target = self.desk("source"), self.desk("target")
        self.secrets(source, target)
        since, newest = now(), target.newest()
        traffic = self.past(Traffic(self.name, source, target, ZENDESK_WORDS, seed=5))
        source.advance(75)
        reference = self.later(self.later(now()))
        pairs = self.copy(source, target, traffic.tickets)
        live = [old for old in traffic.tickets if source.read(old).fields["status"] == "open"][:3]
        source.answer(traffic.customer_of[live[0]], live[0], "<p>Written before the adoption.</p>")
        target.reply("alice", pairs[live[1]], "<p>Alice was here before the adoption.</p>")
        source.advance(75)
        self.adopt(source, target, (pairs, since, reference))
        self.follow(source, target, (pairs, live, traffic))
        self.compare(source, target, pairs)
        self.decide(source, target, pairs)
        there = len(target.opened_since(newest))
        self.held("one ticket more than the script made, and no double", there == len(pairs) + 1, there)
        parked = self.tidegate("parked", "list", self.name).stdout
        self.held("nothing else is parked", "Nothing waits for a person." in parked, parked)
        return {"mirror": self.run["title"], "tickets": there, "judge": "each message once", "problems": []}

    def later(self, moment):
        """The next second: desks tell whole ones."""
        until("the next second", 5, lambda: now() > moment)
        return now()

    def past(self, traffic):
        for number in range(PAST):
            traffic.one_ticket(number)
        for ticket in traffic.tickets[::2]:
            traffic.source.reply(traffic.agent_of(ticket), ticket, traffic.text())
            traffic.source.answer(traffic.customer_of[ticket], ticket, traffic.text(), traffic.files(1))
        for ticket in traffic.tickets[1::3]:
            traffic.source.note(traffic.agent_of(ticket), ticket, traffic.text())
        return traffic

    def copy(self, source, target, tickets):
        """What a team's own script does: tickets, texts, status. Old number to new one."""
        pairs = {}
        for ticket in map(source.read, tickets):
            texts = [html.unescape(re.sub("<[^>]*>", "", message.text)).strip() for message in ticket.messages]
            one = from_zendesk(ticket)
            body = {"Queue": one["group"], "Subject": one["subject"], "Requestor": one["requester"], "Content": texts[0] or "-",
                    "ContentType": "text/plain", "Priority": one["priority"]}
            new = str(target.ask("bob", "POST", "ticket", body)["id"])
            for message, text in list(zip(ticket.messages, texts))[1:]:
                said = {"Content": f"From {message.author}:\n{text}", "ContentType": "text/plain"}
                target.ask("bob", "POST", f"ticket/{new}/{'correspond' if message.public else 'comment'}", said)
            target.ask("bob", "PUT", f"ticket/{new}", {"Status": one["status"]})
            pairs[ticket.id] = new
        return pairs

    def adopt(self, source, target, copied):
        pairs, since, reference = copied
        listed = os.path.join(self.dir, "pairs.csv")
        self.write_file(source, target, since)
        with open(listed, "w") as file:
            file.write("old,new\n" + "".join(f"{old},{new}\n" for old, new in pairs.items()))
        self.tidegate("mirror", "apply", self.path)
        words = ("adopt", self.name, "--map", listed, "--reference", reference)
        self.held("nothing is adopted before the mirror is checked", self.tidegate(*words, may_fail=True).returncode == 1)
        self.accept()
        said = self.tidegate(*words).stdout
        for line in said.strip().splitlines():
            self.step(f"  {line}")
        self.held("members of a set that the copy lacks are told", "`custom:Topics` differs in" in said, said)
        self.held("every pair is adopted", f"{len(pairs)} pairs adopted, 0 adopted before, 0 not adopted" in said, said)

    def follow(self, source, target, copied):
        pairs, live, traffic = copied
        self.start_gateway()
        for number, old in enumerate(live):
            source.answer(traffic.customer_of[old], old, f"<p>The customer after the adoption, {number}.</p>")
            target.reply("alice", pairs[old], f"<p>Alice after the adoption, {number}.</p>")
            source.set(source.agents[0], old, {"priority": "urgent"})
        self.news = source.write_in(traffic.customers[0], "New after the adoption", "Support", "<p>Hello, this is new.</p>")
        self.settle(source, target)
        for old in live:
            priority = target.read(pairs[old]).fields["priority"]
            self.held(f"a field of old {old} that changed afterwards is carried", priority == "100", priority)

    def decide(self, source, target, pairs):
        """The script copied no assignees and no fields of the desk's own: nobody knows why they differ, and a person decides, once for all alike."""
        waiting = lambda: [one for one in self.told()["conflicts"] if one["winner"] == "undecided" and not one.get("settled_at")]
        self.held("what the script left out waits for a decision", waiting())
        while left := waiting():
            self.tidegate("conflicts", "resolve", self.name, str(left[0]["id"]), "--keep", "source", "--like-this")
        self.settle(source, target)
        for old, new in pairs.items():
            here, there = from_zendesk(source.read(old)), target.read(new).fields
            # What a set lacked is told and left.
            del here["custom:Products"]
            self.held(f"fields of old {old} and new {new} agree", all(plain(there.get(name)) == plain(value) for name, value in here.items()),
                      (here, there))

    def compare(self, source, target, pairs):
        alice = 0
        for old, new in pairs.items():
            here, there = source.read(old), target.read(new)
            said = Counter(message.words for message in here.messages)
            alice += sum("Alice" in message.text for message in there.messages)
            wrong = [words[:60] for words, times in said.items() if sum(words in message.words for message in there.messages) != times]
            # `Thanks!` stands in longer messages too.
            wrong = [words for words in wrong if len(words) > 20]
            self.held(f"each message of old {old} stands once in new {new}", not wrong and len(there.messages) >= len(here.messages), wrong)
        self.held("what Alice wrote stands once", alice == 4, alice)


PARTS = {"traps": Traps, "proposed": Proposed, "adopted": Adopted, "switched": Switched}


def main(binary, state, *names):
    lab = Lab(binary, state)
    return 1 if tried(lab, [(name, lambda name=name: PARTS[name](lab)) for name in names or PARTS]) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
