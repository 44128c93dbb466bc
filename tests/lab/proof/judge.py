"""Compares both desks by what they show through their own REST APIs. Knows none of Tidegate's code, only what a mirror promises."""
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from desk import words

BYLINE = re.compile(r"^(.{1,160}?)wroteon\d{4}-\d\d-\d\d\d\d:\d\d:\d\dUTC:")
# What desks write by themselves when tickets are merged.
MERGE_NOTE = re.compile(r"wasclosedandmergedinto|Mergedintoticket", re.I)


class Verdict:
    def __init__(self):
        self.differences, self.tickets, self.messages, self.files, self.native = [], 0, 0, 0, 0

    def differ(self, what):
        self.differences.append(what)


class Judge:
    """`terms` is what the mirror file says, once more in the judge's own words (see runs.py)."""

    def __init__(self, traffic, terms, newest):
        self.source, self.target, self.native, self.terms = traffic.source, traffic.target, traffic.native, terms
        self.traffic, self.newest, self.verdict = traffic, newest, Verdict()

    def read(self):
        with ThreadPoolExecutor(6) as pool:
            there = list(pool.map(self.target.read, self.target.opened_since(self.newest)))
            here = list(pool.map(self.source.read, self.traffic.tickets))
        self.here = {ticket.id: ticket for ticket in here}
        self.there, self.parts = {ticket.id: ticket for ticket in there}, {}
        for ticket in there:
            match = re.match(r"tidegate:[^:]+:t:([^:]+)(?::(\d+))?$", ticket.key)
            if match:
                self.parts.setdefault(match.group(1), []).append((int(match.group(2) or 0), ticket))

    def copies(self, ticket):
        """The target's tickets of a source ticket in order: one, and a follow-up for each time the target closed it for good."""
        return [copy for _, copy in sorted(self.parts.get(ticket, []), key=lambda part: part[0])]

    def judge(self):
        self.read()
        groups = {}
        for ticket in self.here.values():
            groups.setdefault(ticket.root, []).append(ticket)
        for root, members in groups.items():
            self.group(root, members)
        self.nothing_else()
        self.natives()
        return self.verdict

    def group(self, root, members):
        """A ticket with those that were merged into it."""
        verdict = self.verdict
        verdict.tickets += len(members)
        lead = self.here[root]
        copies = self.copies(root)
        if not copies:
            return verdict.differ(f"source {root}: not in the target")
        numbers = [number for number, _ in self.parts[root]]
        if len(set(numbers)) != len(numbers):
            verdict.differ(f"source {root}: twice in the target")
        if lead.state == "deleted":
            if "tidegate_deleted" not in copies[-1].tags and copies[-1].state != "deleted":
                verdict.differ(f"source {root}: deleted, and the target does not say so")
            return None
        for member in members:
            self.merged(member, copies[-1])
        self.said(root, members, copies)
        if copies[-1].state == "present":
            self.fields(lead, copies[-1])
        return None

    def merged(self, member, into):
        if member.state != "merged":
            return
        # RT hides the key of a merged ticket: its messages are found in the other one.
        for copy in self.copies(member.id):
            if copy.state != "merged" or copy.root != into.id:
                self.verdict.differ(f"source {member.id}: merged into {member.root}, target {copy.id} not into {into.id}")

    def said(self, root, members, copies):
        here = unique(message for member in members for message in member.messages)
        every = list(copies) + [copy for member in members if member.id != root for copy in self.copies(member.id)]
        there = unique(message for copy in every for message in copy.messages)
        natives = {(words(text, True), public) for ticket, text, _, public in self.native.said if ticket in {one.id for one in every}}
        ours, rest = [], []
        for message in there:
            (rest if self.is_native(message, natives) else ours).append(message)
        alone = len(members) == 1
        if not alone:
            here = [one for one in here if not MERGE_NOTE.search(one.words)]
            ours = [one for one in ours if not MERGE_NOTE.search(one.words)]
        want = [self.expected(message) for message in here]
        have = [self.found(message) for message in ours]
        self.verdict.messages += len(want)
        self.verdict.files += sum(len(message.files) for message in here)
        if Counter(want) != Counter(have):
            for what, count in (Counter(want) - Counter(have)).items():
                self.verdict.differ(f"source {root}: {count} x missing in the target: {show(what)}")
            for what, count in (Counter(have) - Counter(want)).items():
                self.verdict.differ(f"source {root}: {count} x too much in the target: {show(what)}")
        elif alone and want != have:
            self.verdict.differ(f"source {root}: the messages are in another order")
        for message in ours:
            self.author(root, message)

    def is_native(self, message, natives):
        people = [agent.lower() for agent in self.terms["target_people"]]
        return message.author in people and (message.words, message.public) in natives and not BYLINE.match(message.words)

    def expected(self, message):
        return (message.public, message.words, tuple(digest for _, digest in sorted(message.files, key=lambda file: file[1])))

    def found(self, message):
        text = BYLINE.sub("", message.words, count=1)
        return (message.public, text, tuple(digest for _, digest in sorted(message.files, key=lambda file: file[1])))

    def author(self, root, message):
        """Either the author is the author, or the first line says who it was."""
        if self.terms["bylines"] and not BYLINE.match(message.words):
            self.verdict.differ(f"source {root}: target message {message.id} does not say who wrote it")

    def fields(self, here, there):
        mine = self.terms["fields"](here)
        answered = any(ticket == there.id for ticket, _ in self.native.deeds)
        for name, wanted in mine.items():
            held = there.fields.get(name, "")
            wanted = wanted if isinstance(wanted, (set, tuple)) else {str(wanted) if not isinstance(wanted, list) else tuple(wanted)}
            held_ = tuple(held) if isinstance(held, list) else str(held)
            if (there.id, name) in self.native.fields:
                continue
            if name == "status" and answered and held_ in self.terms["reopened"]:
                continue
            if held_ not in wanted:
                self.verdict.differ(f"source {here.id} → target {there.id}: {name} should be {sorted(map(str, wanted))}, is {held_!r}")
        missing = (here.tags | self.native.tags.get(there.id, set()) | {"tidegate"}) - there.tags
        strange = there.tags - here.tags - self.native.tags.get(there.id, set()) - self.terms["own_tags"]
        if missing or strange:
            self.verdict.differ(f"source {here.id} → target {there.id}: tags missing {sorted(missing)}, too much {sorted(strange)}")
        if self.terms["links"]:
            self.linked(here, there)

    def linked(self, here, there):
        want = set()
        for kind, to in here.links:
            other = self.here.get(to)
            copies = self.copies(other.root) if other else []
            if other and other.state != "deleted" and copies and copies[-1].id != there.id:
                want.add((kind, copies[-1].id))
        gone = {ticket.id for ticket in self.there.values() if ticket.state == "deleted"}
        marked = {copy.id for one in self.here.values() if one.state == "deleted" for copy in self.copies(one.id)}
        have = {(kind, to) for kind, to in there.links if to not in gone | marked}
        if want != have:
            self.verdict.differ(f"source {here.id} → target {there.id}: links should be {sorted(want)}, are {sorted(have)}")

    def nothing_else(self):
        """No ticket in the target that nobody made."""
        for ticket in self.there.values():
            if not ticket.key and ticket.state == "present" and ticket.id not in self.terms["made_there"]:
                self.verdict.differ(f"target {ticket.id}: nobody made it")

    def natives(self):
        """What people did in the target is there still, once."""
        for ticket, text, agent, public in self.native.said:
            found = self.there[ticket]
            found = self.there.get(found.root, found)
            wanted = sum(1 for other in self.native.said if other[0] == ticket and other[1:] == (text, agent, public))
            count = sum(1 for one in found.messages if one.words == words(text, True) and one.public == public
                        and one.author == self.terms["address"](agent) and not one.files)
            self.verdict.native += 1
            if count != wanted:
                self.verdict.differ(f"target {ticket}: the agent's own message is there {count} times, not {wanted}: {text[:60]}")
        for (ticket, name), value in self.native.fields.items():
            held = self.there[ticket].fields.get(name)
            if self.there[ticket].state == "present" and held not in (value, [value]):
                self.verdict.differ(f"target {ticket}: {name} was set there to {value!r}, and is {held!r}")


def unique(messages):
    """Each message once: a merged ticket's are told under both."""
    seen, out = set(), []
    for message in messages:
        if message.id not in seen:
            seen.add(message.id)
            out.append(message)
    return out


def show(what):
    public, text, files = what
    return f"{'public' if public else 'internal'} {text[:90]!r} with {len(files)} files"
