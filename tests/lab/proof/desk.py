"""What both kinds of desk show of a ticket. Nothing here knows Tidegate's code: it is read through each desk's own REST API."""
import datetime
import hashlib
import html.parser
import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Customer:
    name: str
    address: str


@dataclass
class File:
    """A file as a person attaches it."""
    name: str
    kind: str
    data: bytes
    cid: str = ""  # where the text shows it, its name there

    @property
    def digest(self):
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Message:
    id: str
    ticket: str  # where it was written, which may have been merged since
    author: str  # mail address or login
    name: str  # as the desk shows the author
    at: datetime.datetime
    public: bool
    text: str  # as stored
    html: bool
    files: list = field(default_factory=list)  # (name, sha256)

    @property
    def words(self):
        return words(self.text, self.html)


@dataclass
class Ticket:
    id: str
    state: str  # present, deleted, or merged
    root: str  # itself, or the ticket that it was merged into
    created: datetime.datetime = None
    fields: dict = field(default_factory=dict)
    cc: set = field(default_factory=set)  # addresses
    followers: set = field(default_factory=set)
    names: dict = field(default_factory=dict)  # of everybody in it by address
    tags: set = field(default_factory=set)
    links: set = field(default_factory=set)  # (kind, other id)
    messages: list = field(default_factory=list)
    key: str = ""


def moment(text):
    """A desk's spelling of a time, to the second."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(datetime.timezone.utc).replace(microsecond=0)


class Words(html.parser.HTMLParser):
    """The text of a piece of HTML, images and marks left out."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.out, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "script")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.hidden:
            self.out.append(data)


def words(text, is_html):
    """The letters of a text without any white space: desks wrap lines and indent as they like."""
    if is_html:
        reader = Words()
        reader.feed(text)
        reader.close()
        text = "".join(reader.out)
    return squeezed(text)


def squeezed(text):
    return re.sub(r"[\s\u00a0\u200b]+", "", text)


def plain(value):
    """A value to compare: a list of one is this one."""
    if isinstance(value, (list, tuple, set)):
        held = tuple(sorted(map(str, value)))
        return held if len(held) > 1 else (held or ("",))[0]
    return "" if value is None else str(value)
