"""What both kinds of desk show of a ticket. Nothing here knows Tidegate's code: it is read through each desk's own REST API."""
import hashlib
import html.parser
import re
from dataclasses import dataclass, field


@dataclass
class File:
    """A file as a person attaches it."""
    name: str
    kind: str
    data: bytes

    @property
    def digest(self):
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Message:
    id: str
    author: str  # mail address or login
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
    fields: dict = field(default_factory=dict)
    tags: set = field(default_factory=set)
    links: set = field(default_factory=set)  # (kind, other id)
    messages: list = field(default_factory=list)
    key: str = ""


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
    return re.sub(r"[\s\u00a0\u200b]+", "", text)
