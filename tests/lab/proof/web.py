"""One HTTP call, and nothing that a desk's own client library would hide from us."""
import base64
import json
import urllib.error
import urllib.request


class Refused(Exception):
    """The desk said no; `status` is its number."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


def call(method, url, headers=None, body=None, kind="application/json"):
    """Sends; returns the answer's bytes. A dict or list is sent as JSON."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    elif isinstance(body, str):
        body = body.encode()
    headers = dict(headers or {}, Accept="application/json")
    if body is not None:
        headers["Content-Type"] = kind
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.read().decode("utf-8", "replace")) from None


def ask(method, url, headers=None, body=None):
    """Like `call`, and reads the answer as JSON."""
    text = call(method, url, headers, body)
    return json.loads(text) if text.strip() else None


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
