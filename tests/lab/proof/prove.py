"""prove.py BINARY STATE [RUN...]: mirrors four times between real and simulated desks with people at work on both sides, and judges.

STATE is the lab's directory (two RTs, `source` and `target`, are up in it). Exit status 0 only if every run came to parity by
Tidegate's own check, by the judge's, and nobody was mailed by the target because of us."""
import datetime
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from controls import tampered
from desk import Customer, moment
from judge import Judge, look
from request_tracker import RequestTracker
from runs import RUNS, mirror_file
from traffic import Traffic
from web import Refused, call
from zendesk import Zendesk

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTROL = Customer("Connie Control", "control@customer.example")
PAST, STEPS, SETTLE = 12, int(os.environ.get("TIDEGATE_LAB_STEPS", "40")), 240


class Failed(Exception):
    """A run that cannot go on."""


def until(what, seconds, condition):
    """Asks again and again; the answer of `condition` once it is true."""
    ends = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > ends:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.3)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Lab:
    """What the runs share, and what has to be stopped in the end."""

    def __init__(self, binary, state):
        self.binary, self.state, self.children, self.hooked = binary, state, [], {}
        self.rts = {name: RequestTracker(name, state, LAB) for name in ("source", "target")}

    def start(self, arguments, log):
        child = subprocess.Popen(arguments, stdout=open(log, "w"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def stop(self, child):
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(40)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if child in self.children:
            self.children.remove(child)

    def close(self):
        for child in list(self.children):
            self.stop(child)
        for name in list(self.hooked):
            self.hook(name, None, None)

    def hook(self, name, url, secret):
        """RT's webhook on or off, as an RT admin would."""
        if self.hooked.get(name) == url:
            return
        subprocess.run([f"{LAB}/hook", name, *([url, secret] if url else ["off"])], check=True, stderr=subprocess.DEVNULL)
        self.hooked[name] = url


class Trial:
    """One run."""

    def __init__(self, lab, run):
        self.lab, self.run, self.name = lab, run, run["name"]
        self.dir = os.path.join(lab.state, "runs", self.name)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "secrets"))
        os.chmod(self.dir, 0o755)
        self.path = os.path.join(self.dir, "mirror.toml")
        self.port, self.sim, self.served = free_port(), None, None
        self.data = ["--data-dir", os.path.join(self.dir, "data"), "--listen", f"127.0.0.1:{self.port}"]
        self.gateway = f"http://127.0.0.1:{self.port}"

    def tidegate(self, *arguments, may_fail=False, limit=300):
        # `check` and `status` tell on standard output; what they log is kept beside it.
        with open(os.path.join(self.dir, "verbs.log"), "a") as log:
            done = subprocess.run([self.lab.binary, *self.data, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, timeout=limit)
        if done.returncode and not may_fail:
            tail = open(os.path.join(self.dir, "verbs.log")).read()[-1500:]
            raise Failed(f"tidegate {' '.join(arguments)} ended with {done.returncode}:\n{tail}")
        return done

    def told(self):
        return json.loads(self.tidegate("status", self.name, "--json").stdout)[0]

    def desk(self, side):
        if self.run[side] == "rt":
            return self.lab.rts[side]
        port, log = free_port(), os.path.join(self.dir, "zendesk.log")
        self.sim = self.lab.start([self.lab.binary, "sim", "zendesk", "--listen", f"127.0.0.1:{port}"], log)
        desk = Zendesk(f"http://127.0.0.1:{port}")
        until("the simulated Zendesk", 20, lambda: answers(f"{desk.url}/_sim/clock"))
        return desk

    def go(self):
        """Everything from the first ticket to the verdict. Returns the table's row."""
        started = time.monotonic()
        source, target = self.desk("source"), self.desk("target")
        self.secrets(source, target)
        mails = {mail[0] for mail in target.mails()}
        since = now()
        traffic = Traffic(self.name, source, target, self.run["words"], seed=len(self.name)).past(PAST)
        if source.vendor == "zendesk":
            source.advance(75)
        self.step(f"{PAST} tickets are there")
        self.serve(source, target, since)
        self.accept()
        self.tidegate("backfill", self.name)
        copied = len(set(traffic.tickets) - traffic.gone)
        self.copied = pairs = until("the full copy", SETTLE, lambda: self.pairs(target, self.before, copied))
        self.step(f"{len(pairs)} tickets copied; people at work on both sides")
        traffic.live(pairs, STEPS)
        control = self.control(target, traffic)
        self.step(f"{traffic.done} deeds done; settling")
        self.settle(source, target)
        self.step("settled; both desks are compared")
        check = self.check()
        self.step("checked; judging")
        seen, terms = look(traffic, self.before, self.told()["conflicts"]), self.run["terms"]
        verdict = Judge(seen, traffic.native, terms).judge()
        controls, unseen = tampered(seen, traffic.native, terms)
        self.step(f"judged; {controls} ways of being wrong tried on the judge")
        new = [mail for mail in target.mails() if mail[0] not in mails]
        problems = [f"{kind}: {what}" for kind, what in verdict.differences] + unseen + self.mailed(target, new, traffic, control)
        return self.row(traffic, check, verdict, (controls, len(new), problems), time.monotonic() - started)

    def step(self, what):
        print(f"  {time.strftime('%H:%M:%S')} {self.name}: {what}", flush=True)

    def secrets(self, source, target):
        hook = secrets.token_hex(16)
        held = {"hook": hook, "zendesk": "sim-secret", "source": getattr(source, "token", ""), "target": getattr(target, "token", "")}
        for name, text in held.items():
            with open(os.path.join(self.dir, "secrets", name), "w") as file:
                file.write(text)
        for side, desk in (("source", source), ("target", target)):
            if desk.vendor != "zendesk":
                url = f"{self.gateway}/hooks/{self.name}/{side}" if self.run["hook"] else None
                self.lab.hook(side, url, hook)

    def serve(self, source, target, since):
        # What people touch in the old desk is carried from here on, before the copy is ordered.
        self.before = target.newest()
        self.start_gateway()
        self.write_file(source, target, since)
        self.tidegate("mirror", "apply", self.path)

    def start_gateway(self):
        self.served = self.lab.start([self.lab.binary, *self.data, "serve"], os.path.join(self.dir, "serve.log"))
        until("the gateway", 60, lambda: answers(f"{self.gateway}/readyz"))

    def write_file(self, source, target, since):
        with open(self.path, "w") as file:
            file.write(mirror_file(self.run, source, target, self.gateway, os.path.join(self.dir, "secrets"), since))

    def checked(self):
        """The report of `mirror check`, and its findings by name."""
        report = json.loads(self.tidegate("mirror", "check", self.path, "--json", may_fail=True).stdout)
        return report, {finding["name"]: finding for finding in report["findings"]}

    def accept(self):
        """Checks the mirror file, and accepts what is found: these desks are the lab's own."""
        self.accept_all(self.checked()[0])

    def accept_all(self, report):
        for finding in report["open"]:
            self.tidegate("mirror", "accept", self.name, finding, "--why", "desks of the lab")

    def pairs(self, target, newest, least):
        """Source ticket to target ticket, by the key that the target shows; `None` while there are too few."""
        with ThreadPoolExecutor(6) as pool:
            there = list(pool.map(target.read, target.opened_since(newest)))
        found = {re.match(r"tidegate:[^:]+:t:([^:]+)", ticket.key): ticket.id for ticket in there if ticket.state == "present"}
        pairs = {match.group(1): ticket for match, ticket in found.items() if match}
        return pairs if len(pairs) >= least else None

    def control(self, target, traffic):
        """A ticket that was made in the new desk and answered by a person there: its customer has to be mailed."""
        agent = target.agents[0]
        ticket = target.open(agent, CONTROL, "Made in the new desk", "Support", "<p>Hello</p>")
        target.reply(agent, ticket, "<p>An answer by a person</p>")
        self.run["terms"]["made_there"] = {ticket}
        return ticket, CONTROL.address

    def settle(self, source, target):
        """Until what was done before now has been polled and nothing waits."""
        zendesk = next((desk for desk in (source, target) if desk.vendor == "zendesk"), None)
        if zendesk:
            until("webhooks of Zendesk", SETTLE, lambda: zendesk.deliveries_waiting() == 0)
            zendesk.advance(75)
        ended = datetime.datetime.now(datetime.timezone.utc)

        def polled(side):
            at = side["polled_at"]
            # Cut to the second, and so rather too early than too late.
            return at and moment(re.sub(r"\.\d+", "", at)) > ended

        def quiet():
            status = self.told()["status"]
            return polled(status["source"]) and polled(status["target"]) and status["waiting"] == 0
        try:
            until("the mirror", SETTLE, lambda: quiet() and quiet())
        except Failed as failed:
            raise Failed(f"{failed}: {json.dumps(self.status()['status'])[:600]}") from None

    def check(self):
        done = self.tidegate("check", self.name, "--json", may_fail=True)
        try:
            return dict(json.loads(done.stdout), exit=done.returncode)
        except ValueError:
            tail = open(os.path.join(self.dir, "verbs.log")).read()[-400:].strip()
            return {"exit": done.returncode, "said": tail}

    def mailed(self, target, new, traffic, control):
        """What is wrong with the target's mails since the start: one because of us, or none where a person answered."""
        problems = [f"mailed because of us: {mail}" for mail in self.by_us(new)]
        if not self.by_us([("", "1", "tidegate@rt.lab", "carla@northwind.example")]):
            problems.append("a mail because of us would not be seen")
        # Zendesk's triggers leave every ticket with the silent tag alone; RT's silence is about who acts.
        answered = {ticket for ticket, _, _, public in traffic.native.said if public} if target.vendor != "zendesk" else set()
        asked = {pair: traffic.customer_of[source].address for source, pair in self.copied.items() if source in traffic.customer_of}
        for ticket, customer in {(ticket, asked[ticket]) for ticket in answered} | {control}:
            if not any(mail[1] == ticket and customer in mail[3] for mail in new):
                problems.append(f"target {ticket}: a person answered, and {customer} was not mailed")
        return problems

    def by_us(self, mails):
        people = set(self.run["terms"]["target_people"])
        return [mail for mail in mails if mail[2].lower() not in people]

    def row(self, traffic, check, verdict, judged, seconds):
        status, (controls, mails, problems) = self.told()["status"], judged
        if check["exit"] != 0:
            problems.append(f"tidegate check ended with {check['exit']}: {check.get('said', '')}")
            problems += [json.dumps(one, ensure_ascii=False) for one in check.get("differences", [])[:10]]
            problems += [json.dumps(one, ensure_ascii=False) for one in (check.get("moving", []) + check.get("unread", []))[:5]]
        if status["parked"]:
            problems.append("parked: " + self.tidegate("parked", "list", self.name).stdout.strip())
        problems += [f"refused: {deed}" for deed in traffic.refused]
        by_hook = status["events"].get("webhook", 0)
        if bool(by_hook) != self.run["hook"]:
            problems.append(f"{by_hook} changes came by webhook")
        return {"mirror": self.run["title"], "tickets": verdict.tickets, "messages": verdict.messages, "files": verdict.files,
                "agents' own": verdict.native, "conflicts": len(traffic.native.disputes), "deeds": traffic.done, "by hook": by_hook,
                "by poll": status["events"].get("poll", 0), "writes": status["figures"].get("writes", 0),
                "p95 s": f"{status['lag']['p95']:.2f}", "mails by people": mails, "check": "parity" if check["exit"] == 0 else "NOT",
                "judge": "agrees" if not verdict.differences else f"{len(verdict.differences)} differ", "tampered": controls,
                "s": f"{seconds:.0f}", "problems": problems}

    def end(self):
        for child in (self.served, self.sim):
            if child:
                self.lab.stop(child)


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def answers(url):
    try:
        call("GET", url)
        return True
    except (Refused, OSError):
        return False


def table(rows):
    columns = list(dict.fromkeys(name for row in rows for name in row if name != "problems"))
    widths = [max(len(str(row.get(name, ""))) for row in [{name: name}, *rows]) for name in columns]
    lines = ["  ".join(name.ljust(width) for name, width in zip(columns, widths))]
    lines += ["  ".join(str(row.get(name, "")).ljust(width) for name, width in zip(columns, widths)) for row in rows]
    return "\n".join(lines)


def tried(lab, trials):
    """Each trial after the other: (title, what begins it). Prints a table; returns how many failed. One that fails must not keep the
    others from being tried."""
    # Ended from outside, everything is stopped all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows = []
    try:
        for title, begin in trials:
            rows.append(one(title, begin))
            for problem in rows[-1]["problems"][:25]:
                print(f"    {problem}", flush=True)
    finally:
        lab.close()
    print(table(rows))
    return sum(bool(row["problems"]) for row in rows)


def one(title, begin):
    trial = None
    try:
        trial = begin()
        return trial.go()
    except Exception as failed:  # whatever it is, it is this trial's
        where = "" if isinstance(failed, Failed) else traceback.format_exc(limit=-3)
        return {"mirror": title, "judge": "failed", "problems": [f"{failed} {where}"]}
    finally:
        if trial:
            trial.end()


def main(binary, state, *names):
    lab = Lab(binary, state)
    runs = [run for run in RUNS if not names or run["name"] in names]
    bad = tried(lab, [(run["title"], lambda run=run: Trial(lab, run)) for run in runs])
    print("every mirror is at parity" if not bad else f"{bad} of {len(runs)} mirrors FAILED; what they left is in {state}/runs")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
