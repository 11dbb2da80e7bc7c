#!/usr/bin/env python3
"""A mail provider's side of openapi.json: an example to try Tramonto's webhook with, and to read.

    echo "whsec_$(openssl rand -base64 32)" > secret
    ./receiver.py --database mail.db --secret-file secret --mailboxes addresses.txt
    tramonto run --platform http://127.0.0.1:8089 --platform-private --platform-arms --platform-secret-file secret

It shows the signature and its time window, one transaction per request, an outcome per mailbox, the
idempotency key, the fence against late decisions, and rights that end by themselves.
It needs only Python 3.9 and its standard library. It is an example, not a mail server.
"""

import argparse
import base64
import datetime
import hmac
import http.server
import json
import os
import re
import sqlite3
import ssl
import sys
import threading
import time

CAPABILITIES = ("send", "modify", "receive", "access")
WINDOW = 5 * 60  # maximum difference of a timestamp from our clock, in seconds
LONGEST = 64 << 20  # bytes of a request

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS mailbox (
    number INTEGER UNIQUE,                 -- as Tramonto calls it; learnt with the first request about it
    address TEXT UNIQUE COLLATE NOCASE,    -- as we call it
    changes INTEGER NOT NULL DEFAULT 0,    -- how often a right of it was really changed
    changed_by TEXT,                       -- the idempotency key of the request that did so last
    {', '.join(f"{name}_until INTEGER" for name in CAPABILITIES)},  -- milliseconds; NULL has no end
    {', '.join(f"{name}_decided INTEGER NOT NULL DEFAULT 0" for name in CAPABILITIES)}
);
-- For rehearsals: an instant here, in milliseconds, and the clock stands still at it.
CREATE TABLE IF NOT EXISTS clock (rehearsed_at INTEGER);
"""


class Refused(Exception):
    """A request that fails with a status and a problem."""

    def __init__(self, status, problem):
        super().__init__(problem)
        self.status = status


def verify(secrets, headers, body, now):
    """Standard Webhooks: HMAC-SHA256 over id.timestamp.body, and not too long ago."""
    message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > WINDOW:
        raise Refused(401, "webhook-timestamp is missing or outside the time window")
    signed = f"{message}.{timestamp}.".encode() + body
    ours = [base64.b64encode(hmac.digest(secret, signed, "sha256")) for secret in secrets]
    theirs = [part[3:] for part in headers.get("webhook-signature", "").split() if part.startswith("v1,")]
    if not any(hmac.compare_digest(one, other.encode()) for one in ours for other in theirs):
        raise Refused(401, "no signature matches a secret")


def instant(text):
    """Milliseconds since 1970 of an instant in UTC, such as 2015-03-17T23:00:00.500Z."""
    form = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3}))?Z", text)
    if not form:
        raise Refused(422, "until is not an instant in UTC with at most millisecond precision")
    whole = datetime.datetime.strptime(form[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return round(whole.timestamp()) * 1000 + int((form[2] or "0").ljust(3, "0"))


def of_ours(names):
    if not names or not set(names) <= set(CAPABILITIES):
        raise Refused(422, f"unknown capability; expected {', '.join(CAPABILITIES)}")
    return names


class Mailboxes:
    """The mailboxes and their rights, in one file."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self.database.row_factory = sqlite3.Row
        self.database.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)

    def add(self, addresses):
        rows = [(address,) for address in addresses]
        add = "INSERT OR IGNORE INTO mailbox (address) VALUES (?)"
        self.transaction(lambda: self.database.executemany(add, rows))

    def now(self):
        row = self.database.execute("SELECT max(rehearsed_at) FROM clock").fetchone()
        return row[0] if row[0] is not None else round(time.time() * 1000)

    def find(self, wanted):
        """The rows of mailboxes, by number; a mailbox that we know by its address gets its number."""
        listed = json.dumps([mailbox["number"] for mailbox in wanted])
        select = "SELECT rowid, * FROM mailbox WHERE number IN (SELECT value FROM json_each(?))"
        found = {row["number"]: row for row in self.database.execute(select, (listed,))}
        for mailbox in wanted:
            if mailbox["number"] not in found and mailbox.get("address"):
                named = (mailbox["number"], mailbox["address"])
                learn = "UPDATE mailbox SET number = ? WHERE address = ? AND number IS NULL"
                if self.database.execute(learn, named).rowcount:
                    row = self.database.execute("SELECT rowid, * FROM mailbox WHERE number = ?", named[:1])
                    found[mailbox["number"]] = row.fetchone()
        return found

    def transaction(self, work):
        """Does the work in one transaction, one at a time."""
        with self.lock:
            self.database.execute("BEGIN IMMEDIATE")
            try:
                answer = work()
                self.database.execute("COMMIT")
                return answer
            except BaseException:
                self.database.execute("ROLLBACK")
                raise

    def set(self, request, key):
        names, decided = of_ours(request["capabilities"]), request["decided_at"]
        until = None if request["until"] is None else instant(request["until"])
        now, found = self.now(), self.find(request["mailboxes"])
        results, changed, settled = [], [], []
        for mailbox in request["mailboxes"]:
            row = found.get(mailbox["number"])
            if row is None:
                outcome = "unknown-mailbox"
            elif any(row[f"{name}_decided"] > decided for name in names):
                outcome = "superseded"  # something later was decided: this request comes late
            else:
                kept = [row[f"{name}_until"] for name in names]
                so = all(one == until or (one is not None and until is not None and max(one, until) <= now)
                         for one in kept)
                # A repeated request gets the first answer, because the first one made the change.
                outcome = "already-so" if so and row["changed_by"] != key else "applied"
                (settled if so else changed).append((row["rowid"],))
            results.append({"number": mailbox["number"], "outcome": outcome})
        fence = ", ".join(f"{name}_decided = {int(decided)}" for name in names)
        rights = ", ".join(f"{name}_until = {'NULL' if until is None else int(until)}" for name in names)
        self.database.executemany(f"UPDATE mailbox SET {fence} WHERE rowid = ?", settled)
        update = f"UPDATE mailbox SET {rights}, {fence}, changes = changes + 1, changed_by = ? WHERE rowid = ?"
        self.database.executemany(update, [(key, *row) for row in changed])
        return {"results": results}

    def read(self, request, _key):
        names = of_ours(request["capabilities"])
        now, found = self.now(), self.find(request["mailboxes"])
        mailboxes = []
        for mailbox in request["mailboxes"]:
            row = found.get(mailbox["number"])
            if row is None:
                mailboxes.append({"number": mailbox["number"], "known": False})
                continue
            ends = {name: row[f"{name}_until"] for name in names}
            allowed = [name for name in names if ends[name] is None or ends[name] > now]
            mailboxes.append({
                "number": mailbox["number"],
                "known": True,
                "allowed": allowed,
                "ends": {name: written(ends[name]) for name in allowed if ends[name] is not None},
            })
        return {"mailboxes": mailboxes}

    def known(self, request, _key):
        page = (request["from"], request["limit"])
        select = "SELECT number FROM mailbox WHERE number >= ? ORDER BY number LIMIT ?"
        numbers = [row["number"] for row in self.database.execute(select, page)]
        others = self.database.execute("SELECT count(*) FROM mailbox WHERE number IS NULL").fetchone()
        return {"numbers": numbers, "others": others[0]}


def written(milliseconds):
    whole, rest = divmod(milliseconds, 1000)
    text = datetime.datetime.fromtimestamp(whole, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03d}Z"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True
    timeout = 60

    def do_POST(self):
        try:
            length = int(self.headers.get("content-length") or -1)
            if not 0 <= length <= LONGEST:
                raise Refused(413, "the request is too large or has no content-length")
            status, answer = 200, self.answer(self.rfile.read(length))
        except Refused as problem:
            status, answer = problem.status, {"problem": str(problem)}
        except Exception as problem:  # a mistake of ours is no reason to fall silent
            print(f"failed: {type(problem).__name__}", file=sys.stderr)
            status, answer = 500, {"problem": "the receiver failed"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status >= 400:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def answer(self, body):
        verify(self.server.secrets, self.headers, body, time.time())
        mailboxes, key = self.server.mailboxes, self.headers.get("idempotency-key")
        operations = {"/rights": mailboxes.set, "/rights/query": mailboxes.read, "/mailboxes/query": mailboxes.known}
        operation = operations.get(self.path)
        if operation is None:
            raise Refused(404, "unknown operation")
        try:
            request = json.loads(body)
            if operation == mailboxes.set and not key:
                raise Refused(400, "idempotency-key is missing")
            return mailboxes.transaction(lambda: operation(request, key))
        except (ValueError, KeyError, TypeError) as problem:
            raise Refused(400, f"the request does not match openapi.json ({type(problem).__name__})")

    def log_message(self, form, *values):
        """Logs paths and statuses only: addresses are personal data."""
        print(form % values, file=sys.stderr)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def secrets(text):
    return [base64.b64decode(word[len("whsec_"):] + "==") for word in text.split() if word.startswith("whsec_")]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--listen", default="127.0.0.1:8089", help="address and port; port 0 takes a free one")
    options.add_argument("--database", default="mail.db", help="the file of the mailboxes")
    options.add_argument("--secret-file", help="else the environment's TRAMONTO_PLATFORM_SECRET")
    options.add_argument("--mailboxes", help="a file of addresses to begin with, one a line")
    options.add_argument("--certificate", help="serves HTTPS with this certificate and key (PEM)")
    options = options.parse_args()
    if options.secret_file:
        with open(options.secret_file) as file:
            secret = file.read()
    else:
        secret = os.environ.get("TRAMONTO_PLATFORM_SECRET", "")
    host, _, port = options.listen.rpartition(":")
    server = Server((host, int(port)), Handler)
    server.secrets, server.mailboxes = secrets(secret), Mailboxes(options.database)
    if not server.secrets:
        sys.exit("give a secret, whsec_ and base64, in --secret-file or TRAMONTO_PLATFORM_SECRET")
    if options.mailboxes:
        with open(options.mailboxes) as file:
            server.mailboxes.add(line.strip() for line in file if line.strip())
    scheme = "http"
    if options.certificate:
        scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(f"listens on {scheme}://{host}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
