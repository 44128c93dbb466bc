"""People at work in both desks, whichever of them leads. What they did is noted down for the judge of both desks (both.py)."""
from dataclasses import dataclass

from desk import File, plain, words
from judge import digests, unique
from traffic import png
from web import Refused


# Seconds between two deeds of people who talk.
PACE = 2


@dataclass(frozen=True)
class Said:
    """A message as the person wrote it."""
    side: str  # `old` or `new`
    ticket: str
    public: bool
    words: str
    files: tuple  # digests
    author: str


class Shift:
    """Goes on where `traffic` ended, whose source is the old desk and whose target the new one."""

    def __init__(self, traffic):
        self.traffic, self.dice, self.desks = traffic, traffic.dice, {"old": traffic.source, "new": traffic.target}
        self.said, self.fields, self.answers, self.refused = [], [], [], []
        self.opened = {("old", ticket) for ticket in traffic.tickets}
        self.merged, self.count, self.done = [], 0, 0
        self.stay = set()  # old tickets whose status nobody changes
        self.pairs, self.asks = [], {("old", ticket): customer for ticket, customer in traffic.customer_of.items()}
        for ticket in map(traffic.source.read, traffic.tickets):
            self.said += [self.as_said("old", message) for message in unique(ticket.messages)]

    def as_said(self, side, message):
        return Said(side, message.ticket, message.public, message.words, digests(message), message.author)

    def meet(self, pairs):
        """Pairs of tickets, (old, new), that both desks have by now; people work on these. Who asked in the one asks in the other."""
        self.pairs = sorted(pairs, key=lambda pair: int(pair[0]))
        for old, new in self.pairs:
            known = self.asks.get(("old", old)) or self.asks.get(("new", new))
            if known:
                self.asks[("old", old)] = self.asks[("new", new)] = known

    # -- a day's work ------------------------------------------------------------------------------------------------
    def work(self, lead, deeds=None):
        """Every deed once, by turns at the desk that leads and at the other."""
        for deed in deeds or DEEDS:
            self.do(deed, lead)

    def talk(self, lead, stop):
        """Messages and new tickets at both desks until told to stop, as fast as a team writes."""
        while not stop.wait(PACE):
            self.do(self.dice.choice(TALK), lead)

    def do(self, deed, lead):
        try:
            deed(self, lead, "new" if lead == "old" else "old")
            self.done += 1
        except Refused as refused:
            self.refused.append(f"{deed.__name__}: {refused}")

    def some(self, side, but=()):
        """A ticket of that desk, none of these old ones; the last four pairs are for merges."""
        old, new = self.dice.choice([pair for pair in self.pairs[:-4] if pair[0] not in but])
        return old if side == "old" else new

    def text(self):
        self.count += 1
        return self.traffic.text() if self.dice.random() < 0.3 else f"<p>A word, <i>“{self.count}”</i> &amp; more: deed number{self.count}.</p>"

    def note(self, side, ticket, public, text, files, author):
        said = Said(side, ticket, public, words(text, True), tuple(sorted(file.digest for file in files)), author)
        self.said.append(said)

    # -- deeds: at the side that leads, and at the one that follows --------------------------------------------------
    def answer(self, side, ticket=None):
        """An agent answers, and the customer has to be mailed by that desk, once."""
        ticket, agent, files = ticket or self.some(side), self.dice.choice(["alice", "bob"]), self.traffic.files(1)
        self.count += 1
        text = f"<p>The answer numbered{self.count}. Kind regards, {agent}</p>"
        self.desks[side].reply(agent, ticket, text, files)
        self.note(side, ticket, True, text, files, f"{agent}@rt.lab")
        self.answers.append((f"numbered{self.count}.", side, ticket))
        return f"numbered{self.count}."

    def comment(self, side):
        ticket, agent, text, files = self.some(side), self.dice.choice(["alice", "bob"]), self.text(), self.traffic.files(1)
        self.desks[side].note(agent, ticket, text, files)
        self.note(side, ticket, False, text, files, f"{agent}@rt.lab")

    def mail(self, side, ticket=None, shown=()):
        """A customer's mail to the address of that desk."""
        ticket, text, files = ticket or self.some(side), self.text(), [*self.traffic.files(), *shown]
        customer = self.asks[(side, ticket)]
        text += "".join(f'<p><img src="cid:{file.cid}"></p>' for file in shown)
        self.desks[side].answer(customer, ticket, text, files)
        self.note(side, ticket, True, text, files, customer.address)

    def mail_anew(self, side):
        self.count += 1
        customer = self.dice.choice(self.traffic.customers)
        text, files = self.text(), self.traffic.files(1)
        ticket = self.desks[side].write_in(customer, f"Mailed {self.count}", "Support", text, files)
        self.opened_at(side, ticket, customer, text, files, customer.address)

    def open(self, side):
        self.count += 1
        customer, text, files = self.dice.choice(self.traffic.customers), self.text(), self.traffic.files(1)
        fields = {name: self.dice.choice(values) for name, values in self.traffic.words["fields"].items()}
        ticket = self.desks[side].open("bob", customer, f"Called {self.count}", "Billing", text, files, dict(fields, assignee="alice"))
        self.opened_at(side, ticket, customer, text, files, "bob@rt.lab")

    def opened_at(self, side, ticket, customer, text, files, author):
        self.opened.add((side, ticket))
        self.asks[(side, ticket)] = customer
        self.note(side, ticket, True, text, files, author)

    def set(self, side, ticket, fields):
        self.desks[side].set("alice", ticket, fields)
        self.fields += [(side, ticket, name, plain(value)) for name, value in fields.items() if name != "assignee"]

    def lead_answers(self, lead, _):
        self.answer(lead)

    def other_answers(self, _, other):
        self.answer(other)

    def lead_comments(self, lead, _):
        self.comment(lead)

    def other_comments(self, _, other):
        self.comment(other)

    def lead_is_mailed(self, lead, _):
        self.mail(lead)

    def late_mail(self, _, other):
        self.mail(other)

    def image_mailed(self, lead, other):
        self.count += 1
        for side in (lead, other):
            file = File(f"shot-{self.count}-{side}.png", "image/png", png(self.count + ord(side[0])), f"shot{self.count}{side}@customer.example")
            self.mail(side, shown=[file])

    def linked_in_words(self, *_):
        """A message of the old desk that names another of its tickets by its address."""
        self.count += 1
        ticket, old = self.some("old"), self.dice.choice(self.pairs)[0]
        text = f'<p>The same as <a href="{self.desks["old"].url}/Ticket/Display.html?id={old}">this one</a>, see deed number{self.count}.</p>'
        self.desks["old"].reply("bob", ticket, text)
        self.note("old", ticket, True, text, [], "bob@rt.lab")

    def lead_mailed_anew(self, lead, _):
        self.mail_anew(lead)

    def other_mailed_anew(self, _, other):
        self.mail_anew(other)

    def lead_opens(self, lead, _):
        self.open(lead)

    def changed(self, lead, _):
        for name, values in sorted(self.traffic.words["fields"].items()):
            self.set(lead, self.some(lead), {name: self.dice.choice(values)})

    def renamed(self, lead, _):
        self.count += 1
        self.set(lead, self.some(lead), {"subject": f"Renamed {self.count}: 概要"})

    def status(self, lead, _):
        for value in self.traffic.words["statuses"]:
            self.set(lead, self.some(lead, self.stay), {"status": value})

    def given(self, lead, _):
        self.set(lead, self.some(lead), {"assignee": self.dice.choice(["alice", "bob"])})

    def tagged(self, lead, _):
        self.count += 1
        self.desks[lead].tag("alice", self.some(lead), f"word{self.count}")

    def copied(self, lead, _):
        ticket = self.some(lead)
        others = [one for one in self.traffic.customers if one != self.asks[(lead, ticket)]]
        self.desks[lead].watch("alice", ticket, copied=[self.dice.choice(others)], following=["bob@rt.lab"])

    def linked(self, lead, _):
        one, other = self.some(lead), self.some(lead)
        if one != other:
            self.desks[lead].link("alice", one, "refers_to", other)

    def merges(self, lead, _):
        one, other = ((pair[0] if lead == "old" else pair[1]) for pair in self.pairs[-2:])
        self.desks[lead].merge("alice", one, other)
        self.merged.append((lead, one, other))


S = Shift
TALK = [S.lead_answers, S.other_answers, S.lead_comments, S.other_comments, S.lead_is_mailed, S.late_mail, S.other_mailed_anew]
DEEDS = [S.lead_answers, S.late_mail, S.changed, S.other_answers, S.lead_opens, S.status, S.lead_comments, S.other_mailed_anew, S.renamed,
         S.late_mail, S.tagged, S.other_comments, S.given, S.lead_mailed_anew, S.copied, S.lead_is_mailed, S.linked, S.image_mailed,
         S.linked_in_words, S.merges, S.late_mail, S.lead_answers]
