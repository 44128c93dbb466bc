"""Each gate of the switch that a real RT can have is broken once on purpose, refuses, and is opened by doing just what it says. RT holds no
mail back, so that gate cannot be broken here."""
import json
import subprocess

from prove import LAB, now, until

MENDED = '''[map.options."custom:Severity"]
catastrophic = "critical"
"*" = "*"
[map.back."custom:Severity"]
critical = "critical"
'''


# What the mirror file says once the old desk's admin has seen to its silence, and after it once messages and tickets go back as well.
STATED = 'source-silence = "admin-rule"\n'
BOTH_WAYS = 'replies-back = "public"\ntickets-back = true\n'


class Gates:
    def __init__(self, part):
        self.part, self.shift, self.old, self.new = part, part.shift, part.source, part.target
        self.tidegate, self.name, self.held = part.tidegate, part.name, part.held

    def each_refuses(self):
        for broken in (self.gateway, self.mirror, self.conflicts, self.parked_and_findings, self.webhooks, self.way_back, self.parity, self.desk_away):
            broken()
            self.part.settle(self.old, self.new)

    def refused(self, *names, options=()):
        done = self.tidegate("cutover", self.name, "--go", "--json", *options, may_fail=True)
        try:
            report = json.loads(done.stdout)
        except ValueError:
            self.held(f"{names} refuse", False, open(f"{self.part.dir}/verbs.log").read()[-800:])
        shut = {gate["name"]: gate for gate in report["gates"] if not gate["holds"] and not gate["waived"]}
        self.held(f"{' and '.join(names)} refuse", done.returncode == 1 and report["outcome"] == "refused" and set(shut) == set(names), shut)
        for gate in shut.values():
            self.part.step(f"  {gate['found']}; opens it: {gate['opens']}")
        self.held("nothing was turned", self.part.told()["phase"] == "mirroring")
        return {name: gate["opens"] for name, gate in shut.items()}

    def said(self, opens, words):
        self.held(f"it says `{words}`", words in opens, opens)

    def people(self):
        """People never stop working."""
        self.shift.work("old", [type(self.shift).lead_answers, type(self.shift).other_answers])

    def silence(self):
        """Nothing is written into the old desk yet, and nobody has said that it mails no one about that."""
        old, new = self.shift.pairs[0]
        self.shift.answer("old", old)
        self.shift.answer("new", new)
        self.part.settle(self.old, self.new)
        self.said(self.refused("silence")["silence"], STATED.strip())
        self.stated(STATED)
        said = self.tidegate("cutover", self.name, "--rehearse", may_fail=True)
        self.held("it is open when it says so", said.returncode == 0 and "admin has said that the old desk mails nobody" in said.stdout, said.stdout)
        self.stated(STATED + BOTH_WAYS)
        # What was answered in the new desk before goes back when the ticket is looked at next.
        self.shift.answer("old", old)

    def stated(self, policy):
        self.part.run["policy"] = policy
        self.part.write_file(self.old, self.new, self.part.since)
        self.tidegate("mirror", "apply", self.part.path)
        self.part.accept()

    def gateway(self):
        self.part.lab.stop(self.part.served)
        self.people()
        self.said(self.refused("gateway")["gateway"], "start tidegate serve")
        self.part.start_gateway()

    def mirror(self):
        self.tidegate("mirror", "pause", self.name)
        self.people()
        self.said(self.refused("mirror")["mirror"], f"tidegate mirror resume {self.name}")
        self.tidegate("mirror", "resume", self.name)

    def conflicts(self):
        old, new = self.shift.pairs[0]
        self.tidegate("mirror", "pause", self.name)
        self.new.set("alice", new, {"custom:Details": "the new desk says so"})
        self.shift.set("old", old, {"custom:Details": "the old desk says so"})
        self.tidegate("mirror", "resume", self.name)
        undecided = lambda: [one for one in self.part.told()["conflicts"] if one["winner"] == "undecided" and not one.get("settled_at")]  # noqa: E731
        found = until("the conflict", 60, undecided)
        self.said(self.refused("conflicts")["conflicts"], "tidegate conflicts resolve")
        self.tidegate("conflicts", "resolve", self.name, str(found[0]["id"]), "--keep", "source")

    def parked_and_findings(self):
        self.old.ask("root", "POST", f"customfield/{self.part.field(self.old, 'Severity')}/value", {"Name": "catastrophic"})
        self.shift.set("old", self.shift.pairs[0][0], {"custom:Severity": "catastrophic"})
        until("a parked ticket", 60, lambda: self.part.told()["status"]["parked"])
        self.said(self.refused("parked")["parked"], f"tidegate parked list {self.name}")
        self.part.step("  " + self.tidegate("parked", "list", self.name).stdout.strip().replace("\n", " "))
        self.part.run["tables"] += MENDED
        self.part.write_file(self.old, self.new, self.part.since)
        self.tidegate("mirror", "apply", self.part.path)
        until("the ticket to go on by itself", 60, lambda: not self.part.told()["status"]["parked"])
        self.said(self.refused("findings")["findings"], "tidegate mirror check FILE")
        self.part.accept()

    def webhooks(self):
        url = f"{self.part.gateway}/hooks/{self.name}/source"
        secret = open(f"{self.part.dir}/secrets/hook").read()
        test = lambda: self.tidegate("webhook", self.name, "test", may_fail=True).returncode  # noqa: E731
        self.part.lab.hook("source", url + "?", "another secret")
        until("a webhook that fails its test", 90, lambda: self.people() or test() != 0)
        self.said(self.refused("webhooks")["webhooks"], f"tidegate webhook {self.name} test")
        self.part.lab.hook("source", url, secret)
        until("a webhook that passes its test", 90, lambda: self.people() or test() == 0)

    def way_back(self):
        self.part.right("DeleteTicket", "Products", desk="source")
        try:
            self.people()
            self.said(self.refused("way-back")["way-back"], "mend the credential or its rights")
        finally:
            self.part.right("DeleteTicket", desk="source")

    def parity(self):
        old, new = self.shift.pairs[1]
        subprocess.run([f"{LAB}/behind", "target", new, "Changed behind our back"], check=True, stderr=subprocess.DEVNULL)
        until("a check that sees it", 60, lambda: self.tidegate("check", self.name, "--all", may_fail=True).returncode == 1)
        self.people()
        self.said(self.refused("parity")["parity"], f"tidegate check {self.name}")
        self.tidegate("check", self.name, "--repair", may_fail=True)
        self.part.settle(self.old, self.new)
        subject = self.new.read(new).fields["subject"]
        self.held("what differed is mended", subject == self.old.read(old).fields["subject"], subject)

    def desk_away(self):
        """The new desk does not answer: five gates know of it, each in its way."""
        subprocess.run([f"{LAB}/down", "target"], check=True, stderr=subprocess.DEVNULL)
        old = self.shift.pairs[0][0]
        self.shift.answer("old", old)
        status = lambda: self.part.told()["status"]  # noqa: E731
        until("a poll that fails", 60, lambda: status()["target"]["poll_fault"] and status()["oldest_seconds"] > 3)
        self.refused("polls", "lag", options=["--lag", "3s"])
        waived = ["--waive", "polls", "--reason", "to see the others", "--within", "1s"]
        self.refused("look", "applied", "parity", options=waived)
        subprocess.run([f"{LAB}/up", "target"], check=True, capture_output=True)
        began = now()
        until("the gateway to notice by itself", 120, lambda: not status()["target"]["poll_fault"] and (status()["target"]["polled_at"] or "") > began)
