"""What people do on both sides. Each deed is an ordinary one, done by the person themselves; what the judge has to find again is
noted down, and so is what a desk refused: a deed that is not done proves nothing."""
import random
import struct
import time
import zlib
from dataclasses import dataclass, field

from desk import Customer, File, plain
from web import Refused

TEXTS = [
    "<p>Hello,</p><p>my order has <b>not</b> arrived. Could you have a look, please?</p>",
    "<p>Guten Tag, die Lieferung kam an, aber das Gehäuse ist beschädigt: <i>„Größe XL“</i> &amp; Zubehör fehlt.</p>",
    "<p>お世話になっております。請求書の金額が違うようです。ご確認ください。</p>",
    "<p>Bonjour — l'application affiche « erreur 504 » depuis ce matin…</p><ul><li>Chrome</li><li>Firefox</li></ul>",
    "<p>Thanks!</p>",
    "<p>Price: 5 &lt; 6 &amp; 7 &gt; 3. Code: <code>if (a &lt; b) return;</code></p><blockquote>quoted words</blockquote>",
    "<p>שלום, יש לי שאלה לגבי החשבונית. 😀👍🏽</p>",
]
SUBJECTS = ["Order not arrived", "Gehäuse beschädigt", "請求書について", "Erreur 504 « app »", "Question about \"quotes\"", "Renewal ☕"]
CUSTOMERS = [("Carla Münch", "northwind"), ("Kenji 木村", "kyoto"), ("Léa d'Aether", "aether"), ("Omar Customer", "customer")]


def png(number):
    """A real one-pixel image whose colour is the number."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = b"\0" + bytes([number % 256, number // 256 % 256, 7])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


@dataclass
class Dispute:
    """A field of one ticket that people changed on both sides before either change was carried."""
    source: str
    target: str
    here: str  # the field's name at the source
    there: str
    source_says: str
    target_says: str
    winner: str


@dataclass
class Native:
    """What people did at the target, which has to be there still."""
    said: list = field(default_factory=list)  # (target ticket, words, author's address, public)
    fields: dict = field(default_factory=dict)  # (target ticket, field) -> value
    tags: dict = field(default_factory=dict)  # target ticket -> tags
    deeds: set = field(default_factory=set)  # (target ticket, agent)
    disputes: list = field(default_factory=list)
    closed: set = field(default_factory=set)  # target tickets


class Traffic:
    """`words` are the values that people of the source choose from, see runs.py."""

    def __init__(self, run, source, target, words, seed):
        self.run, self.source, self.target, self.words, self.dice = run, source, target, words, random.Random(seed)
        self.tickets, self.gone, self.native, self.count, self.done = [], set(), Native(), 0, 0
        self.customer_of, self.copied_of, self.refused = {}, {}, []
        # Nobody whom a former run made in one of the desks.
        own = f"{time.time_ns() // 10**6:x}"
        self.customers = [Customer(name, f"{name.split()[0].lower().replace('é', 'e')}.{own}@{at}.example") for name, at in CUSTOMERS]

    # -- words -------------------------------------------------------------------------------------------------------
    def text(self):
        """Two of them may be the same words: `Thanks!` twice is two messages."""
        self.count += 1
        text = self.dice.choice(TEXTS)
        return text if "Thanks" in text else text + f"<p>({self.run} {self.count})</p>"

    def files(self, most=2):
        makers = [
            lambda n: File(f"photo-{n}.png", "image/png", png(n)),
            lambda n: File(f"Übersicht-{n}.csv", "text/csv", f"Größe;Preis\n{n};9,99 €\n".encode("latin-1", "replace")),
            lambda n: File(f"log {n}.bin", "application/octet-stream", self.dice.randbytes(20_000 + n)),
        ]
        chosen = []
        for _ in range(self.dice.choice([0, 0, 1, most])):
            self.count += 1
            chosen.append(self.dice.choice(makers)(self.count))
        return chosen

    # -- the past ----------------------------------------------------------------------------------------------------
    def past(self, tickets):
        """What the source holds before anybody looks."""
        for number in range(tickets):
            self.one_ticket(number)
        everything = self.tickets
        for ticket in everything[::2]:
            self.source.reply(self.agent_of(ticket), ticket, self.text(), self.files())
        for ticket in everything[1::3]:
            self.source.note(self.agent_of(ticket), ticket, self.text(), self.files(1))
        for ticket in everything[::3]:
            self.source.answer(self.customer_of[ticket], ticket, self.text(), self.files(1))
        agent = self.source.agents[0]
        for ticket in everything[4::5]:
            self.source.set(agent, ticket, {"status": self.words["done"]})
        for kind, one, other in (("parent", 1, 0), ("refers_to", 0, 3), ("depends_on", 2, 5)):
            if kind in self.words["links"]:
                self.source.link(agent, everything[one], kind, everything[other])
        self.source.tag(agent, everything[1], "spring")
        for number in (0, 3, 10):
            self.copy_to(everything[number], self.customers[(number + 1) % 4], self.customers[(number + 2) % 4])
        self.source.watch(agent, everything[5], following=[self.words["agents"][1]])
        self.source.merge(agent, everything[-1], everything[-2])
        self.gone.add(everything[-1])
        return self

    def one_ticket(self, number):
        customer = self.customers[number % len(self.customers)]
        subject = f"{SUBJECTS[number % len(SUBJECTS)]} {self.run}-{number}"
        group = ["Support", "Billing"][number % 2]
        if number % 3 == 0:
            ticket = self.source.write_in(customer, subject, "Support", self.text(), self.files())
        else:
            fields = {key: self.dice.choice(values) for key, values in self.words["fields"].items()}
            agent = self.source.agents[0] if group == "Billing" else self.source.agents[number % 2]
            fields["assignee"] = agent
            ticket = self.source.open(agent, customer, subject, group, self.text(), self.files(), fields)
        self.tickets.append(ticket)
        self.customer_of[ticket] = customer

    def agent_of(self, ticket):
        return self.source.agents[int(ticket) % 2]

    # -- the present -------------------------------------------------------------------------------------------------
    def live(self, pairs, steps):
        """Deeds on both sides by turns. `pairs`: source ticket to target ticket."""
        for step in range(steps):
            deed = self.dice.choice(DEEDS)
            if step < len(MUST):
                deed = MUST[step]
            try:
                deed(self, pairs)
                self.done += 1
            except Refused as refused:
                self.refused.append(f"{deed.__name__}: {refused}")

    def some(self, pairs=None):
        """A ticket that is still there; with `pairs` one that is in the target too. Two that depend on each other are left to
        `ended`, and one to `closed_there`."""
        there = [ticket for ticket in self.tickets if ticket not in {*self.gone, *(self.tickets[number] for number in (2, 5, 9))}
                 and (pairs is None or ticket in pairs)]
        return self.dice.choice(there)

    def answered(self, _):
        ticket = self.some()
        self.source.answer(self.customer_of[ticket], ticket, self.text(), self.files())

    def replied(self, _):
        ticket = self.some()
        self.source.reply(self.agent_of(ticket), ticket, self.text(), self.files())

    def noted(self, _):
        ticket = self.some()
        self.source.note(self.agent_of(ticket), ticket, self.text(), self.files(1))

    def changed(self, _):
        ticket = self.some()
        disputed = {one.here for one in self.native.disputes if one.source == ticket}
        name = self.dice.choice(sorted(set(self.words["fields"]) - disputed))
        self.source.set(self.source.agents[0], ticket, {name: self.dice.choice(self.words["fields"][name])})

    def renamed(self, _):
        ticket = self.some()
        self.count += 1
        self.source.set(self.source.agents[0], ticket, {"subject": f"Renamed {self.run} {self.count}"})

    def given(self, _):
        self.source.set(self.source.agents[0], self.some(), {"assignee": self.source.agents[0]})

    def status(self, _):
        self.source.set(self.source.agents[0], self.some(), {"status": self.dice.choice(self.words["statuses"])})

    def tagged(self, _):
        self.count += 1
        self.source.tag(self.source.agents[0], self.some(), f"word{self.count}")

    def opened(self, _):
        self.one_ticket(100 + self.count)

    def linked(self, _):
        if "refers_to" in self.words["links"]:
            one, other = self.some(), self.some()
            if one != other:
                self.source.link(self.source.agents[0], one, "refers_to", other)

    def adopted(self, _):
        """A second child of the first ticket. It is nobody's parent: Zendesk has only one generation."""
        self.source.link(self.source.agents[0], self.tickets[4], "parent", self.tickets[0])

    def unlinked(self, _):
        kind, one, other = ("refers_to", 0, 3) if "refers_to" in self.words["links"] else ("parent", 1, 0)
        self.source.unlink(self.source.agents[0], self.tickets[one], kind, self.tickets[other])

    def copy_to(self, ticket, *customers):
        self.copied_of[ticket] = list(customers)
        self.source.watch(self.source.agents[0], ticket, copied=customers)

    def copied(self, pairs):
        ticket = self.some(pairs)
        asks = self.customer_of[ticket]
        more = self.dice.choice([one for one in self.customers if one != asks])
        self.copy_to(ticket, *[one for one in self.copied_of.get(ticket, []) if one != more], more)

    def uncopied(self, _):
        """One goes, one stays."""
        ticket = self.tickets[3]
        self.copy_to(ticket, *self.copied_of[ticket][1:])

    def followed(self, _):
        self.source.watch(self.source.agents[0], self.tickets[2], following=self.words["agents"])

    def unfollowed(self, _):
        self.source.watch(self.source.agents[0], self.tickets[5], following=[])

    def disputed(self, pairs):
        """Both sides change one field of one ticket, the target's people first: their change alone is no news to the mirror."""
        for number, (here, mine, there, theirs, winner) in zip((3, 5), self.words["disputes"]):
            ticket, copy = self.tickets[number], pairs[self.tickets[number]]
            held, held_there = (plain(desk.read(one).fields.get(name)) for desk, one, name in
                                ((self.source, ticket, here), (self.target, copy, there)))
            target_says = next(value for value in theirs if value != held_there)
            # Neither what it was, nor what the target's people say, nor what it was there.
            source_says = next(value for at, value in enumerate(mine) if value != held and theirs[at] not in (target_says, held_there))
            self.target.set(self.target.agents[0], copy, {there: target_says})
            self.source.set(self.source.agents[0], ticket, {here: source_says})
            self.native.disputes.append(Dispute(ticket, copy, here, there, source_says, target_says, winner))
            self.native.deeds.add((copy, self.target.agents[0]))

    def merged(self, _):
        if len(self.tickets) - len(self.gone) > 8:
            one, other = self.tickets[7], self.tickets[6]
            if one not in self.gone and other not in self.gone:
                self.source.merge(self.source.agents[0], one, other)
                self.gone.add(one)

    def deleted(self, _):
        ticket = self.tickets[8]
        if ticket not in self.gone:
            self.source.delete(self.source.agents[0], ticket)
            self.gone.add(ticket)

    def ended(self, _):
        """A ticket and, before it, the one that it depends on: no desk ends them in another order."""
        for number in (5, 2):
            self.source.set(self.source.agents[0], self.tickets[number], {"status": self.words["done"]})

    # at the target
    def there(self, pairs):
        return pairs[self.some({one: two for one, two in pairs.items() if one not in self.tickets[6:9]})]

    def closed_there(self, pairs):
        """Where a ticket can be closed for good: what its customer writes afterwards goes on in a follow-up."""
        if hasattr(self.target, "close"):
            ticket, copy = self.tickets[9], pairs[self.tickets[9]]
            self.target.close(self.target.agents[1], copy)
            self.source.answer(self.customer_of[ticket], ticket, self.text(), self.files())
            self.native.closed.add(copy)
            # The one says that it is over, the other that it goes on.
            self.native.disputes.append(Dispute(ticket, copy, "status", "status", "open", "closed", "source"))

    def target_replied(self, pairs):
        self.say_there(pairs, True)

    def target_noted(self, pairs):
        self.say_there(pairs, False)

    def say_there(self, pairs, public):
        self.count += 1
        ticket, agent = self.there(pairs), self.dice.choice(self.target.agents)
        text = f"<p>From the new desk, {self.run} {self.count}: {self.dice.choice(SUBJECTS)}</p>"
        say = self.target.reply if public else self.target.note
        say(agent, ticket, text)
        self.native.said.append((ticket, text, agent, public))
        self.native.deeds.add((ticket, agent))

    def target_set(self, pairs):
        """A field that nobody sets at the source."""
        ticket, agent = self.there(pairs), self.target.agents[0]
        self.count += 1
        value = f"seen by us, {self.count}"
        self.target.set(agent, ticket, {self.words["theirs"]: value})
        self.native.fields[(ticket, self.words["theirs"])] = value
        self.native.deeds.add((ticket, agent))

    def target_tagged(self, pairs):
        ticket, agent = self.there(pairs), self.target.agents[0]
        self.count += 1
        self.target.tag(agent, ticket, f"ours{self.count}")
        self.native.tags.setdefault(ticket, set()).add(f"ours{self.count}")
        self.native.deeds.add((ticket, agent))


T = Traffic
MUST = [T.target_replied, T.opened, T.answered, T.target_noted, T.replied, T.disputed, T.noted, T.target_set, T.status, T.changed, T.merged,
        T.copied, T.target_tagged, T.deleted, T.tagged, T.linked, T.uncopied, T.adopted, T.unlinked, T.followed, T.renamed, T.given, T.unfollowed,
        T.ended, T.closed_there]
DEEDS = [T.answered, T.answered, T.replied, T.replied, T.noted, T.changed, T.changed, T.renamed, T.given, T.status, T.status, T.tagged,
         T.opened, T.linked, T.copied, T.target_replied, T.target_replied, T.target_noted, T.target_set, T.target_tagged]
