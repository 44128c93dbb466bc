"""The judge judged: each way of being wrong is put into a copy of what was read, and the judge has to complain about just that."""
import copy
import datetime
import random
import re

from desk import Message, Ticket, plain
from judge import BYLINE, Judge, core, found


class Scene:
    """A copy to tamper with, and where in it what is."""

    def __init__(self, seen, native, terms, dice):
        self.seen, self.native, self.terms, self.dice = copy.deepcopy(seen), native, terms, dice
        self.judge = Judge(self.seen, native, terms)

    def copies(self):
        """Pairs of a source ticket and its only copy, nothing merged, in any order."""
        alone = [one for one in self.seen.here.values() if one.state == "present"
                 and not any(other.root == one.id and other is not one for other in self.seen.here.values())]
        pairs = [(one, self.judge.copies(one.id)) for one in alone]
        pairs = [(one, held[0]) for one, held in pairs if len(held) == 1 and held[0].state == "present"]
        self.dice.shuffle(pairs)
        return pairs

    def carried(self, wanted=lambda message: True):
        """A copy and one of the messages in it that were carried."""
        for _, there in self.copies():
            for message in self.ours(there):
                if wanted(message):
                    return there, message
        raise Nothing

    def ours(self, there):
        return Judge(self.seen, self.native, self.terms).mirrored(there.messages)

    def pair(self, wanted=lambda here, there: True):
        return next((pair for pair in self.copies() if wanted(*pair)), None) or nothing()


class Nothing(Exception):
    """There is nothing to tamper with: the traffic did not bring it about."""


def nothing():
    raise Nothing


def message_lost(scene):
    there, message = scene.carried()
    there.messages.remove(message)


def message_twice(scene):
    there, message = scene.carried()
    double = copy.copy(message)
    double.id = "twice"
    there.messages.append(double)


def word_changed(scene):
    _, message = scene.carried()
    message.text += " more"


def made_public(scene):
    _, message = scene.carried(lambda one: not one.public)
    message.public = True


def other_order(scene):
    for _, there in scene.copies():
        ours = scene.ours(there)
        if len({core(found(one, scene.terms)) for one in ours}) > 1:
            there.messages.reverse()
            return
    raise Nothing


def file_changed(scene):
    _, message = scene.carried(lambda one: one.files)
    message.files[0] = (message.files[0][0], "0" * 64)


def other_author(scene):
    _, message = scene.carried()
    if BYLINE.match(message.words):
        message.text = re.sub(r"[^<>]*wrote on", "Somebody Else (else@customer.example) wrote on", message.text, count=1)
    else:
        message.author = "else@customer.example"


def other_writer(scene):
    """In a desk that cannot set authors all but the line could have been written by anybody."""
    _, message = scene.carried()
    message.author, message.name = "else@customer.example", "Somebody Else"


def other_time(scene):
    _, message = scene.carried()
    line = re.search(r"(\d\d:\d\d:\d)(\d) UTC:", message.text)
    if BYLINE.match(message.words):
        message.text = message.text.replace(line.group(0), f"{line.group(1)}{(int(line.group(2)) + 1) % 10} UTC:", 1)
    else:
        message.at += datetime.timedelta(seconds=1)


def opened_later(scene):
    _, there = scene.pair()
    there.created += datetime.timedelta(seconds=1)


def field_of(name, value):
    def tamper(scene):
        _, there = scene.pair(lambda here, there: (there.id, name) not in scene.native.fields and there.fields.get(name) != value
                              and not (name == "status" and any(one == there.id for one, _ in scene.native.deeds)))
        there.fields[name] = value
    return tamper


def loser_written(winner):
    """The value that should have lost stands in the target."""
    def tamper(scene):
        dispute = next((one for one in scene.native.disputes if one.winner == winner), None) or nothing()
        there, here = scene.seen.there[dispute.target], scene.seen.here[dispute.source]
        if winner == "source":
            there.fields[dispute.there] = dispute.target_says
        else:
            there.fields[dispute.there] = plain(scene.terms["fields"](here)[dispute.there])
    return tamper


def tag_lost(scene):
    here, there = scene.pair(lambda here, there: here.tags - {"tidegate"})
    there.tags.discard(sorted(here.tags)[0])


def tag_more(scene):
    scene.pair()[1].tags.add("nobodys")


def link_lost(scene):
    scene.pair(lambda here, there: there.links)[1].links.pop()


def link_more(scene):
    _, there = scene.pair()
    others = (held.id for _, held in scene.copies() if held.id != there.id and ("parent", held.id) not in there.links)
    there.links.add(("parent", next(others, None) or nothing()))


def copy_lost(scene):
    scene.pair(lambda here, there: there.cc)[1].cc.pop()


def copy_more(scene):
    scene.pair()[1].cc.add("else@customer.example")


def follower_lost(scene):
    scene.pair(lambda here, there: there.followers)[1].followers.pop()


def other_name(scene):
    here, there = scene.pair()
    there.names[here.fields["requester"]] = "Somebody Else"


def ticket_lost(scene):
    touched = {one for one, *_ in scene.native.said} | {one for one, _ in scene.native.deeds}
    here, there = scene.pair(lambda here, there: there.id not in touched)
    del scene.seen.there[there.id]


def ticket_twice(scene):
    _, there = scene.pair()
    double = copy.deepcopy(there)
    double.id = double.root = "999999"
    scene.seen.there[double.id] = double


def follow_up_more(scene):
    _, there = scene.pair()
    double = copy.deepcopy(there)
    double.id, double.key, double.messages = "999999", f"{there.key}:1", []
    double.root = double.id
    scene.seen.there[double.id] = double


def ticket_of_nobody(scene):
    scene.seen.there["999999"] = Ticket("999999", "present", "999999")


def not_deleted(scene):
    gone = next((one for one in scene.seen.here.values() if one.state == "deleted" and scene.judge.copies(one.id)), None) or nothing()
    there = scene.judge.copies(gone.id)[-1]
    there.tags.discard("tidegate_deleted")
    there.state = "present"


def not_merged(scene):
    """The copy of a merged ticket stands by itself, with the key that it has then."""
    gone = next((one for one in scene.seen.there.values() if one.state == "merged"), None) or nothing()
    member = next(one for one in scene.seen.here.values() if one.state == "merged")
    gone.state, gone.root = "present", gone.id
    gone.key = re.sub(r":t:.*", f":t:{member.id}", next(one.key for one in scene.seen.there.values() if one.key))


def note_more(scene):
    """Words like those of a merge, without a merge."""
    there, message = scene.carried()
    note = Message("note", there.id, scene.terms["gateway"], "", message.at, False, "Ticket #999 was merged into this one. [tidegate]", False)
    there.messages.append(note)


def native_lost(scene):
    ticket, text, *_ = scene.native.said[0]
    there = scene.seen.there[ticket]
    there = scene.seen.there.get(there.root, there)
    there.messages = [one for one in there.messages if "Fromthenewdesk" not in one.words]


def native_overwritten(scene):
    ticket, name = next((one for one in scene.native.fields if scene.seen.there[one[0]].state == "present"), None) or nothing()
    scene.seen.there[ticket].fields[name] = "overwritten"


def conflict_untold(scene):
    scene.seen.conflicts.pop()


def conflict_misses_loser(scene):
    scene.seen.conflicts[0]["target"] = {"text": "something else"}


def conflict_more(scene):
    scene.seen.conflicts.append(dict(scene.seen.conflicts[0], field="subject"))


# The kind of difference that the judge has to find, and who brings it about.
CONTROLS = [
    ("message", message_lost), ("message", message_twice), ("message", word_changed), ("message", made_public), ("message", file_changed),
    ("message", note_more), ("order", other_order), ("author", other_author), ("author", other_writer), ("time", other_time),
    ("time", opened_later), ("field", field_of("subject", "Somebody's")), ("field", field_of("status", "rejected")),
    ("field", field_of("assignee", "else@customer.example")), ("field", loser_written("source")), ("field", loser_written("target")),
    ("tags", tag_lost), ("tags", tag_more), ("link", link_lost), ("link", link_more), ("people", copy_lost), ("people", copy_more),
    ("people", follower_lost), ("people", other_name), ("ticket", ticket_lost), ("ticket", ticket_twice), ("ticket", follow_up_more),
    ("ticket", ticket_of_nobody),
    ("deleted", not_deleted), ("merged", not_merged), ("native", native_lost), ("native", native_overwritten),
    ("conflict", conflict_untold), ("conflict", conflict_misses_loser), ("conflict", conflict_more),
]


def tampered(seen, native, terms, seed=1):
    """Tries every way. Returns how many were tried, and a sentence for each that the judge did not see or that there was nothing for."""
    unseen, before = [], set(Judge(copy.deepcopy(seen), native, terms).judge().differences)
    for number, (kind, tamper) in enumerate(CONTROLS):
        scene = Scene(seen, native, terms, random.Random(seed * 1000 + number))
        try:
            tamper(scene)
        except Nothing:
            unseen.append(f"control {number} ({kind}, {tamper.__name__}): nothing to tamper with")
            continue
        after = Judge(scene.seen, native, terms).judge().differences
        if not any(one == kind for one, what in after if (one, what) not in before):
            unseen.append(f"control {number} ({kind}, {tamper.__name__}): the judge did not see it: {after[:3]}")
    return len(CONTROLS), unseen
