"""What the parts of `prove` share: two real RTs and steps that are told one by one."""
import json
import subprocess

from prove import LAB, Failed, Trial
from runs import EVERY_KIND, RT_TARGET, RT_WORDS, same


def run(name, tables, **more):
    terms = dict(RT_TARGET, fields=same, links=EVERY_KIND, people={})
    return {"name": name, "title": f"RT → RT, {name}", "source": "rt", "target": "rt", "hook": False, "tables": tables, "words": RT_WORDS,
            "terms": terms, **more}


class Part(Trial):
    """A trial whose steps are told one by one."""

    def __init__(self, lab, name, tables, **more):
        super().__init__(lab, run(name, tables, **more))
        self.source, self.target = lab.rts["source"], lab.rts["target"]
        for desk in (self.source, self.target):
            if "root" not in desk.tokens:
                root = subprocess.run([f"{LAB}/token", desk.name, "root"], check=True, capture_output=True, text=True)
                desk.tokens["root"] = root.stdout.strip()

    def held(self, what, holds, seen=""):
        self.step(f"{'held' if holds else 'NOT HELD'}: {what}")
        if not holds:
            raise Failed(f"{what}: {seen}")

    def field(self, desk, name):
        """The number of a custom field."""
        query = json.dumps([{"field": "Name", "value": name}])
        found = desk.ask("root", "POST", "customfields?fields=Name", json.loads(query))
        return next(item["id"] for item in found["items"] if item["Name"] == name)

    def without(self, desk, field, choice):
        """A choice of a custom field is taken away again, if a part before this one made it."""
        values = f"customfield/{self.field(desk, field)}/value"
        for one in desk.ask("root", "GET", f"{values}s")["items"]:
            if one["name"] == choice:
                desk.ask("root", "DELETE", f"{values}/{one['id']}")

    def right(self, right, *but, desk="target"):
        """Tidegate's user at a desk has a right for all custom fields, or for all but one."""
        subprocess.run([f"{LAB}/right", desk, right, *but], check=True, stderr=subprocess.DEVNULL)
