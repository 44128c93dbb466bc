"""Judges two desks that both have people at work, whichever leads: each message once on either side, nothing else anywhere, and no mail but
people's. Knows none of Tidegate's code. Pure but for `look`; `controls` puts each way of being wrong into a copy of what was read."""
import copy
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from desk import plain
from judge import BYLINE, Verdict, core, digests, expected, found, in_order, show

OTHER = {"old": "new", "new": "old"}


@dataclass
class Both:
    tickets: dict  # side -> tickets by id
    letters: dict  # side -> mails since the beginning
    pairs: set  # (old, new), also those that were merged since

    def root(self, side, ticket):
        held = self.tickets[side].get(ticket)
        return held.root if held else ticket

    def roots(self):
        return sorted({(self.root("old", old), self.root("new", new)) for old, new in self.pairs})


def look(desks, newest, letters, known):
    """Reads both desks. `newest`: each desk's last transaction before the beginning; `letters`: mails that were there; `known`: pairs of
    former looks, because RT hides the key of a merged ticket."""
    tickets, mails = {}, {}
    for side, desk in desks.items():
        with ThreadPoolExecutor(6) as pool:
            tickets[side] = {ticket.id: ticket for ticket in pool.map(desk.read, desk.opened_since(newest[side]))}
        mails[side] = [one for one in desk.letters() if one.path not in letters[side]]
    return Both(tickets, mails, known | pairs_of(tickets))


def pairs_of(tickets):
    pairs = set()
    for ticket in tickets["new"].values():
        if (match := re.match(r"tidegate:[^:]+:t:([^:]+)$", ticket.key)):
            pairs.add((match.group(1), ticket.id))
    for ticket in tickets["old"].values():
        if (match := re.match(r"tidegate:[^:]+:u:([^:]+)$", ticket.key)):
            pairs.add((ticket.id, match.group(1)))
    return pairs


class Twins:
    """`shift`: what people did; `terms`: what the mirror file says, in the judge's own words (see runs.py); `lead`: who leads now."""

    def __init__(self, both, shift, terms, lead):
        self.both, self.shift, self.terms, self.lead, self.verdict = both, shift, terms, lead, Verdict()

    def judge(self):
        self.each_once()
        for old, new in self.both.roots():
            here, there = self.both.tickets["old"].get(old), self.both.tickets["new"].get(new)
            if not (here and there and here.state == there.state == "present"):
                self.verdict.differ("ticket", f"old {old} is {here and here.state}, new {new} is {there and there.state}")
                continue
            self.verdict.tickets += 1
            self.said(here, there)
            self.fields(here, there)
            self.people(here, there)
            self.linked(here, there)
        self.last_set()
        self.mails()
        return self.verdict

    # -- tickets -------------------------------------------------------------------------------------------------------
    def each_once(self):
        """Each ticket is in both desks, once, and was opened by somebody; each merge is one in both."""
        roots = self.both.roots()
        for at, side in enumerate(("old", "new")):
            twice = [one for one, count in Counter(pair[at] for pair in roots).items() if count > 1]
            have = {pair[at] for pair in roots}
            alone = [ticket.id for ticket in self.both.tickets[side].values() if ticket.state == "present" and ticket.id not in have]
            for one in twice:
                self.verdict.differ("ticket", f"{side} {one} has two at the other desk")
            for one in alone:
                self.verdict.differ("ticket", f"{side} {one} is not at the other desk")
        for old, new in self.both.pairs:
            made = [one for one in (("old", old), ("new", new)) if one in self.shift.opened]
            if len(made) != 1:
                self.verdict.differ("ticket", f"old {old}, new {new}: opened by {'nobody' if not made else 'two'}")
        for side, ticket in self.shift.opened:
            if not any(pair[side == "new"] == ticket for pair in self.both.pairs) and self.state(side, ticket) != "merged":
                self.verdict.differ("ticket", f"{side} {ticket} was opened and has no pair")
        for side, ticket, into in self.shift.merged:
            if self.both.root(side, ticket) != self.both.root(side, into):
                self.verdict.differ("merged", f"{side} {ticket} was merged into {into}, and is not")

    def state(self, side, ticket):
        held = self.both.tickets[side].get(ticket)
        return held.state if held else "gone"

    # -- the conversation ----------------------------------------------------------------------------------------------
    def said(self, here, there):
        """What people wrote at either desk is what they say that they wrote, and stands at the other once, by us with a line that tells
        who wrote it, in the same order."""
        own, ours = {}, {}
        for side, ticket in (("old", here), ("new", there)):
            own[side] = [one for one in ticket.messages if one.author != self.terms["gateway"]]
            ours[side] = [one for one in ticket.messages if one.author == self.terms["gateway"]]
            self.as_written(side, ticket, own[side])
        for side, other in OTHER.items():
            what = f"old {here.id}, new {there.id}, from the {side} desk"
            self.verdict.messages += len(own[side])
            self.verdict.files += sum(len(one.files) for one in own[side])
            self.compared(what, own[side], [found(one, self.terms) for one in ours[other]])
            self.verdict.differences += [("author", f"{what}: no line says who wrote {one.id}") for one in ours[other]
                                         if not BYLINE.match(one.words)]

    def compared(self, what, own, have):
        want = [expected(one, self.terms) for one in own]
        missing, extra = Counter(map(core, want)) - Counter(map(core, have)), Counter(map(core, have)) - Counter(map(core, want))
        for counted, how in ((missing, "missing"), (extra, "too much")):
            for one, count in counted.items():
                self.verdict.differ("message", f"{what}: {count} x {how}: {show(one)}")
        if missing or extra:
            return
        for kind, part in (("author", 3), ("time", 4)):
            for one in Counter(core(one) + (one[part],) for one in have) - Counter(core(one) + (one[part],) for one in want):
                self.verdict.differ(kind, f"{what}: {kind} {one[3]} of {show(one[:3])}")
        for member in {one.ticket for one in own}:
            if not in_order([expected(one, self.terms) for one in own if one.ticket == member], have):
                self.verdict.differ("order", f"{what}: those of {member} are in another order")

    def as_written(self, side, ticket, own):
        want = Counter((one.public, one.words, one.files, one.author) for one in self.shift.said
                       if one.side == side and self.both.root(side, one.ticket) == ticket.id)
        have = Counter((one.public, one.words, digests(one), one.author) for one in own)
        for counted, how in ((want - have, "lost"), (have - want, "written by nobody")):
            for one, count in counted.items():
                self.verdict.differ("message", f"{side} {ticket.id}: {count} x {how}: {show(one[:3])} by {one[3]}")

    # -- everything else -----------------------------------------------------------------------------------------------
    def fields(self, here, there):
        for name, wanted in self.terms["fields"](here).items():
            wanted = {plain(one) for one in (wanted if isinstance(wanted, set) else [wanted])}
            held = plain(there.fields.get(name, ""))
            # RT opens a ticket that somebody answers; where the other desk leads, that stays its own affair.
            if name == "status" and self.opened_there(here, there):
                continue
            if held not in wanted:
                self.verdict.differ("field", f"old {here.id}, new {there.id}: {name} should be {sorted(wanted)}, is {held!r}")
        apart = (here.tags ^ there.tags) - self.terms["own_tags"]
        if apart:
            self.verdict.differ("tags", f"old {here.id}, new {there.id}: {sorted(apart)} at one of them alone")
        if here.created != there.created:
            self.verdict.differ("time", f"old {here.id}, new {there.id}: opened {here.created} and {there.created}")

    def opened_there(self, here, there):
        """Whether the ticket of the desk that follows is open, and somebody wrote there."""
        side, ticket = ("new", there) if self.lead == "old" else ("old", here)
        return ticket.fields.get("status") == "open" and any(one.side == side and one.public and self.both.root(side, one.ticket) == ticket.id for one in self.shift.said)

    def last_set(self):
        """What people of the desk that led set last stands. A status may have been opened again by an answer; a time is spelled otherwise."""
        roots, last = self.both.roots(), {}
        for side, ticket, name, value in self.shift.fields:
            pair = next((pair for pair in roots if pair[side == "new"] == ticket), None)
            if pair and name not in ("status", "custom:Renewal"):
                last[(pair, name)] = (side, value)
        for (pair, name), (side, value) in last.items():
            ticket = self.both.tickets[side].get(pair[side == "new"])
            if ticket and plain(ticket.fields.get(name)) != value:
                self.verdict.differ("field", f"{side} {ticket.id}: {name} was set to {value!r} and is {ticket.fields.get(name)!r}")

    def people(self, here, there):
        for what, one, other in (("copies go to", here.cc, there.cc), ("followed by", here.followers, there.followers)):
            if one != other:
                self.verdict.differ("people", f"old {here.id}, new {there.id}: {what} {sorted(one)} and {sorted(other)}")
        for address, name in here.names.items():
            if there.names.get(address, name) != name:
                self.verdict.differ("people", f"old {here.id}, new {there.id}: {address} is called {name!r} and {there.names[address]!r}")

    def linked(self, here, there):
        to = {(self.both.root("old", old)): self.both.root("new", new) for old, new in self.both.pairs}
        want, have = ({(kind, to.get(one, one)) for kind, one in here.links}), there.links
        if want != have:
            self.verdict.differ("link", f"old {here.id}, new {there.id}: links should be {sorted(want)}, are {sorted(have)}")

    # -- mails ---------------------------------------------------------------------------------------------------------
    def mails(self):
        """Nobody was mailed because of us; each answer of an agent reached its customer once, from the desk where it was given."""
        people = {f"{agent}@rt.lab" for agent in ("alice", "bob")} | {one.address for one in self.shift.asks.values()}
        for side, letters in self.both.letters.items():
            for one in letters:
                if one.by not in people:
                    self.verdict.differ("mail", f"the {side} desk mailed {one.to} about {one.ticket}, caused by {one.by!r}: {one.subject}")
        for mark, side, ticket in self.shift.answers:
            asks = self.shift.asks[(side, ticket)].address
            got = [where for where, letters in self.both.letters.items() for one in letters if mark in one.text and asks in one.to]
            if got != [side]:
                self.verdict.differ("mail", f"the answer {mark} in {side} {ticket} reached {asks} {len(got)} times: {got}")


# -- the judge judged --------------------------------------------------------------------------------------------------
class Nothing(Exception):
    """There is nothing to tamper with."""


def first(things):
    for one in things:
        return one
    raise Nothing


def ours(both, terms, wanted=lambda message: True):
    """A ticket and a message in it that we carried; desks by turns would be as good."""
    return first((ticket, one) for side in ("old", "new") for ticket in both.tickets[side].values() for one in ticket.messages
                 if one.author == terms["gateway"] and wanted(one))


def lost(both, terms):
    ticket, message = ours(both, terms)
    ticket.messages.remove(message)


def doubled(both, terms):
    ticket, message = ours(both, terms)
    ticket.messages.append(replace(message, id="twice"))


def looped(both, terms):
    """A copy that came back to where it was written."""
    ticket, message = first((ticket, one) for ticket in both.tickets["new"].values() for one in ticket.messages
                            if one.author != terms["gateway"])
    ticket.messages.append(replace(message, id="back", author=terms["gateway"]))


def published(both, terms):
    _, message = ours(both, terms, lambda one: not one.public)
    message.public = True


def own_lost(both, terms):
    ticket, message = first((ticket, one) for ticket in both.tickets["old"].values() for one in ticket.messages
                            if one.author != terms["gateway"])
    ticket.messages.remove(message)


def file_changed(both, terms):
    _, message = ours(both, terms, lambda one: one.files)
    message.files[0] = (message.files[0][0], "0" * 64)


def present(both, side, wanted=lambda ticket: True):
    have = {pair[side == "new"] for pair in both.roots()}
    return first(one for one in both.tickets[side].values() if one.id in have and one.state == "present" and wanted(one))


def status_wrong(both, _):
    old = present(both, "old")
    new = both.tickets["new"][next(new for one, new in both.roots() if one == old.id)]
    old.fields["status"], new.fields["status"] = "stalled", "resolved"


def tag_more(both, _):
    present(both, "old").tags.add("nobodys")


def copied_more(both, _):
    present(both, "new").cc.add("else@customer.example")


def link_lost(both, _):
    present(both, "new", lambda one: one.links).links.pop()


def ticket_lost(both, _):
    del both.tickets["old"][present(both, "old").id]


def ticket_twice(both, _):
    ticket = copy.deepcopy(present(both, "old"))
    ticket.id = ticket.root = "999999"
    both.tickets["old"]["999999"] = ticket


def not_merged(both, _):
    ticket = first(one for one in both.tickets["new"].values() if one.state == "merged" and any(one.id == new for _, new in both.pairs))
    ticket.state, ticket.root = "present", ticket.id


def mail_by_us(both, terms):
    both.letters["old"].append(replace(first(both.letters["old"]), by=terms["gateway"]))


def mailed_twice(both, _, shift):
    mark, side, ticket = shift.answers[0]
    asks = shift.asks[(side, ticket)].address
    both.letters["old"].append(first(one for letters in both.letters.values() for one in letters if mark in one.text and asks in one.to))


def not_mailed(both, _, shift):
    mark = shift.answers[0][0]
    for letters in both.letters.values():
        letters[:] = [one for one in letters if mark not in one.text]


CONTROLS = [("message", lost), ("message", doubled), ("message", looped), ("message", published), ("message", own_lost),
            ("message", file_changed), ("field", status_wrong), ("tags", tag_more), ("people", copied_more), ("link", link_lost),
            ("ticket", ticket_lost), ("ticket", ticket_twice), ("ticket", not_merged), ("mail", mail_by_us), ("mail", mailed_twice),
            ("mail", not_mailed)]


def tampered(both, shift, terms, lead):
    """Tries every way. Returns how many were tried, and a sentence for each that the judge did not see or that there was nothing for."""
    unseen, before = [], set(Twins(both, shift, terms, lead).judge().differences)
    for kind, tamper in CONTROLS:
        scene = copy.deepcopy(both)
        try:
            tamper(scene, terms, *([shift] if kind == "mail" and tamper is not mail_by_us else []))
        except Nothing:
            unseen.append(f"control {tamper.__name__}: nothing to tamper with")
            continue
        after = Twins(scene, shift, terms, lead).judge().differences
        if not any(one == kind for one, what in after if (one, what) not in before):
            unseen.append(f"control {tamper.__name__}: the judge did not see it: {after[:3]}")
    return len(CONTROLS), unseen
