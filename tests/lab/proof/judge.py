"""Compares both desks by what they show through their own REST APIs. Knows none of Tidegate's code, only what a mirror promises.

Pure: what was read is in `Seen`, what people did in `Told`, and `controls.py` tampers with a copy of the one to see this complain."""
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from desk import plain, squeezed, words

# The internal note about links that the target has no place for.
LINK_NOTE = re.compile(r"Linksofthisticketintheolddeskthatitdoesnothavehere")
BYLINE = re.compile(r"^(.{1,160}?)wroteon(\d{4}-\d\d-\d\d\d\d:\d\d:\d\d)UTC:")


@dataclass
class Seen:
    here: dict  # source tickets by id
    there: dict  # target tickets by id
    conflicts: list  # as `tidegate status --json` lists them

    def parts(self):
        """The target's tickets of each source ticket in order: one, and a follow-up for each time the target closed it for good."""
        found = {}
        for ticket in self.there.values():
            match = re.match(r"tidegate:[^:]+:t:([^:]+)(?::(\d+))?$", ticket.key)
            if match:
                found.setdefault(match.group(1), []).append((int(match.group(2) or 0), ticket))
        return {source: sorted(parts, key=lambda part: part[0]) for source, parts in found.items()}


@dataclass
class Verdict:
    differences: list = field(default_factory=list)  # (kind, sentence)
    tickets: int = 0
    messages: int = 0
    files: int = 0
    native: int = 0

    def differ(self, kind, what):
        self.differences.append((kind, what))


def look(traffic, newest, conflicts):
    """Reads both desks."""
    with ThreadPoolExecutor(6) as pool:
        there = list(pool.map(traffic.target.read, traffic.target.opened_since(newest)))
        here = list(pool.map(traffic.source.read, traffic.tickets))
    return Seen({ticket.id: ticket for ticket in here}, {ticket.id: ticket for ticket in there}, conflicts)


class Judge:
    """`native`: what people did at the target; `terms`: what the mirror file says, once more in the judge's own words (see runs.py)."""

    def __init__(self, seen, native, terms):
        self.seen, self.here, self.there, self.native, self.terms = seen, seen.here, seen.there, native, terms
        self.parts, self.verdict = seen.parts(), Verdict()

    def copies(self, ticket):
        return [copy for _, copy in self.parts.get(ticket, [])]

    def judge(self):
        groups = {}
        for ticket in self.here.values():
            groups.setdefault(ticket.root, []).append(ticket)
        for root, members in groups.items():
            self.group(root, members)
        self.nothing_else()
        self.natives()
        self.conflicts()
        return self.verdict

    def group(self, root, members):
        """A ticket with those that were merged into it."""
        verdict, lead, copies = self.verdict, self.here[root], self.copies(root)
        verdict.tickets += len(members)
        if not copies:
            return verdict.differ("ticket", f"source {root}: not in the target")
        numbers = [number for number, _ in self.parts[root]]
        if len(set(numbers)) != len(numbers):
            verdict.differ("ticket", f"source {root}: twice in the target")
        if len(copies) != 1 + sum(copy.id in self.native.closed for copy in copies):
            verdict.differ("ticket", f"source {root}: {len(copies)} tickets in the target, a follow-up without a closed one or none after one")
        if lead.state == "deleted":
            if "tidegate_deleted" not in copies[-1].tags and copies[-1].state != "deleted":
                verdict.differ("deleted", f"source {root}: deleted, and the target does not say so")
            return None
        for member in members:
            self.merged(member, copies[-1])
        self.said(root, members, copies)
        if self.terms["creation_time"] and copies[0].created != lead.created:
            verdict.differ("time", f"source {root}: opened at {lead.created}, target {copies[0].id} at {copies[0].created}")
        if copies[-1].state == "present":
            self.fields(lead, copies[-1])
            self.people(lead, members, copies[-1])
            self.linked(lead, copies[-1])
        return None

    def merged(self, member, into):
        if member.state != "merged":
            return
        # RT hides the key of a merged ticket: its messages are found in the other one.
        for copy in self.copies(member.id):
            if copy.state != "merged" or copy.root != into.id:
                self.verdict.differ("merged", f"source {member.id}: merged into {member.root}, target {copy.id} not into {into.id}")

    # -- the conversation ----------------------------------------------------------------------------------------------
    def said(self, root, members, copies):
        """Every message once, each with its files, author and time; in order for each ticket in which they were written."""
        verdict = self.verdict
        here = unique(message for member in members for message in member.messages)
        absorbed = [copy for member in members if member.id != root for copy in self.copies(member.id)]
        ours = self.mirrored(unique(message for copy in absorbed + copies for message in copy.messages))
        ours = [one for one in ours if one.public or not LINK_NOTE.search(one.words)]
        for note in self.merge_notes(absorbed, copies[-1]):
            place = next((at for at, one in enumerate(ours) if (one.ticket, one.public, one.words) == note), None)
            if place is None:
                verdict.differ("message", f"source {root}: the target lacks its note of the merge {note}")
            else:
                del ours[place]
        verdict.messages += len(here)
        verdict.files += sum(len(message.files) for message in here)
        want, have = [expected(message, self.terms) for message in here], [found(message, self.terms) for message in ours]
        missing, extra = Counter(map(core, want)) - Counter(map(core, have)), Counter(map(core, have)) - Counter(map(core, want))
        for counted, how in ((missing, "missing"), (extra, "too much")):
            for what, count in counted.items():
                verdict.differ("message", f"source {root}: {count} x {how} in the target: {show(what)}")
        if missing or extra:
            return
        for kind, part in (("author", 3), ("time", 4)):
            wrong = Counter(core(one) + (one[part],) for one in have) - Counter(core(one) + (one[part],) for one in want)
            for what in wrong:
                verdict.differ(kind, f"source {root}: {kind} {what[3]} of {show(what[:3])}")
        lines = {core(one) + (line_of(message),) for one, message in zip(want, here)}
        for one, message in zip(have, ours):
            line = BYLINE.match(message.words)
            if line and core(one) + (line.group(1),) not in lines:
                verdict.differ("author", f"source {root}: target message {message.id} says that {line.group(1)} wrote it")
        for member in {message.ticket for message in here}:
            own = [one for one, message in zip(want, here) if message.ticket == member]
            if not in_order(own, have):
                verdict.differ("order", f"source {root}: the messages of {member} are in another order")

    def mirrored(self, messages):
        """Those that are not an agent's own; and who wrote them down."""
        natives = {(words(text, True), public) for _, text, _, public in self.native.said}
        people = [agent.lower() for agent in self.terms["target_people"]]
        ours = []
        for message in messages:
            native = message.author in people and (message.words, message.public) in natives
            if not native:
                ours.append(message)
                if self.terms["bylines"] and (message.author != self.terms["gateway"] or not BYLINE.match(message.words)):
                    self.verdict.differ("author", f"target message {message.id}: not by us with a line that says who wrote it")
        return ours

    def merge_notes(self, absorbed, root):
        """What stands in the target because we merged there, word for word: (ticket, public, words)."""
        if not self.terms["merge_notes"]:
            return []
        notes = []
        for copy in absorbed:
            notes.append((root.id, False, squeezed(f"Ticket #{copy.id} was merged into this one. [tidegate]")))
            notes.append((copy.id, False, squeezed(f"This ticket was merged into #{root.id}. [tidegate]")))
        return notes

    # -- everything else -----------------------------------------------------------------------------------------------
    def fields(self, here, there):
        answered = any(ticket == there.id for ticket, _ in self.native.deeds)
        wants = self.terms["fields"](here)
        for dispute in self.native.disputes:
            # The target's value stands as long as the source still says what lost.
            if dispute.target == there.id and dispute.winner == "target" and plain(here.fields.get(dispute.here)) == plain(dispute.source_says):
                wants[dispute.there] = {plain(dispute.target_says)}
        for name, wanted in wants.items():
            wanted = {plain(one) for one in (wanted if isinstance(wanted, (set, tuple)) else [wanted])}
            held = plain(there.fields.get(name, ""))
            if (there.id, name) in self.native.fields:
                continue
            if name == "status" and answered and held in self.terms["reopened"]:
                continue
            if held not in wanted:
                self.verdict.differ("field", f"source {here.id} → target {there.id}: {name} should be {sorted(map(str, wanted))}, is {held!r}")
        missing = (here.tags | self.native.tags.get(there.id, set()) | {"tidegate"}) - there.tags
        strange = there.tags - here.tags - self.native.tags.get(there.id, set()) - self.terms["own_tags"]
        strange.discard(f"tidegate_old_{here.id}")
        if missing or strange:
            self.verdict.differ("tags", f"source {here.id} → target {there.id}: tags missing {sorted(missing)}, too much {sorted(strange)}")

    def people(self, here, members, there):
        """Who gets copies, who follows, and what they are called."""
        there_is = lambda addresses: {self.terms["people"].get(one, one) for one in addresses}  # noqa: E731
        # Whoever belonged to a merged ticket may be carried over by the target's own merge.
        others = [one for one in members if one is not here]
        spare = there_is({one.fields["requester"] for one in others if one.fields} | {at for one in others for at in one.cc | one.followers})
        for what, mine, held in (("copies go to", here.cc, there.cc), ("followed by", here.followers, there.followers)):
            missing, extra = there_is(mine) - held, held - there_is(mine) - spare
            if missing or extra:
                self.verdict.differ("people", f"source {here.id} → target {there.id}: {what}: missing {sorted(missing)}, too much {sorted(extra)}")
        for address, name in here.names.items():
            # An account that was there before keeps its name; ours are the customers'.
            if address not in self.terms["people"] and address not in self.terms["target_people"] and there.names.get(address, name) != name:
                self.verdict.differ("people", f"source {here.id} → target {there.id}: {address} is called {there.names[address]!r}, not {name!r}")

    def linked(self, here, there):
        want = set()
        for kind, to in here.links:
            other = self.here.get(to)
            copies = self.copies(other.root) if other else []
            if kind in self.terms["links"] and other and other.state != "deleted" and copies and copies[-1].id != there.id:
                want.add((kind, copies[-1].id))
        gone = {ticket.id for ticket in self.there.values() if ticket.state == "deleted"}
        marked = {copy.id for one in self.here.values() if one.state == "deleted" for copy in self.copies(one.id)}
        have = {(kind, to) for kind, to in there.links if to not in gone | marked}
        if want != have:
            self.verdict.differ("link", f"source {here.id} → target {there.id}: links should be {sorted(want)}, are {sorted(have)}")

    def nothing_else(self):
        """No ticket in the target that nobody made."""
        for ticket in self.there.values():
            if not ticket.key and ticket.state == "present" and ticket.id not in self.terms["made_there"]:
                self.verdict.differ("ticket", f"target {ticket.id}: nobody made it")

    def natives(self):
        """What people did in the target is there still, once."""
        for ticket, text, agent, public in self.native.said:
            found_ = self.there.get(ticket)
            found_ = found_ and self.there.get(found_.root, found_)
            wanted = sum(1 for other in self.native.said if other[0] == ticket and other[1:] == (text, agent, public))
            count = sum(1 for one in (found_.messages if found_ else []) if one.words == words(text, True) and one.public == public
                        and one.author == self.terms["address"](agent) and not one.files)
            self.verdict.native += 1
            if count != wanted:
                self.verdict.differ("native", f"target {ticket}: the agent's own message is there {count} times, not {wanted}: {text[:60]}")
        for (ticket, name), value in self.native.fields.items():
            held = self.there.get(ticket)
            if held and held.state == "present" and plain(held.fields.get(name)) != plain(value):
                self.verdict.differ("native", f"target {ticket}: {name} was set there to {value!r}, and is {held.fields.get(name)!r}")

    def conflicts(self):
        """The ledger knows of each dispute with the value that lost, and of no other."""
        told = Counter(spelled(one) for one in self.seen.conflicts)
        # It is told of under the ticket that goes on, which may be a follow-up by now.
        goes_on = {one.source: self.copies(one.source)[-1].id for one in self.native.disputes if self.copies(one.source)}
        want = Counter((one.source, goes_on.get(one.source, one.target), one.here, plain(one.source_says), plain(one.target_says), one.winner) for one in self.native.disputes)
        for counted, how in ((want - told, "not told of"), (told - want, "told of, and nobody made it")):
            for one in counted:
                self.verdict.differ("conflict", f"conflict {how}: {one}")


def spelled(conflict):
    """A conflict of `status --json` as the judge spells them."""
    def value(held):
        return plain("" if held == "empty" else next(iter(held.values())))
    return (conflict["source_ticket"], conflict["target_ticket"], conflict["field"], value(conflict["source"]), value(conflict["target"]),
            conflict["winner"])


def core(message):
    return message[:3]


def digests(message):
    return tuple(sorted(digest for _, digest in message.files))


def expected(message, terms):
    """A source message as the target should show it: visibility, words, files, author, time."""
    return (message.public, message.words, digests(message), author(message, terms), message.at)


def author(message, terms):
    """Where the target cannot set the author, the line's words; else the address, with the name of those whom we made."""
    if terms["bylines"]:
        return line_of(message)
    if message.author in terms["people"]:
        return (terms["people"][message.author], "")
    return (message.author, message.name)


def line_of(message):
    """What the line before a message says of its author."""
    return squeezed(f"{message.name} ({message.author})")


def found(message, terms):
    line = BYLINE.match(message.words)
    text = message.words[line.end():] if line else message.words
    at = message.at if not line else message.at.strptime(line.group(2) + "+0000", "%Y-%m-%d%H:%M:%S%z")
    if terms["bylines"]:
        who = line.group(1) if line else message.author
    else:
        who = (message.author, "" if message.author in terms["people"].values() else message.name)
    return (message.public, text, digests(message), who, at)


def in_order(wanted, held):
    """Whether the wanted ones are in the held ones in this order."""
    rest = iter(held)
    return all(any(one == other for other in rest) for one in wanted)


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
