#!/usr/bin/env python3
"""A participant of tenant deletions in Python 3.9 or newer, of the standard library alone.

Written from docs/protocol.md; the clause ids (P-...) say which sentence a line is there for. To make it your own, change the
first section, and the second if your database is not SQLite. contract.py and connection.py stay as they are.
"""
import argparse
import contextlib
import datetime
import json
import logging
import os
import queue
import random
import signal
import sqlite3
import sys
import threading
import time
import uuid

from connection import Connection, Lost
from contract import PARTICIPANT, TENANT, Poison, decode_key, instant, keys, read_command, read_json, text, verify

VERSION = "1.0.0"

# --- 1. What the service owns: children before parents, each with the condition that finds a tenant's rows. ---

PLAN = (
    ("ticket_messages", "ticket_id IN (SELECT id FROM tickets WHERE tenant_id = ?)"),
    ("tickets", "tenant_id = ?"),
)
KEPT = {"ticket_topics": "catalogue of all tenants"}
OWN = """
CREATE TABLE IF NOT EXISTS td_receipts (
    job_id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, generation INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS td_receipts_tenant ON td_receipts (tenant_id);
CREATE TABLE IF NOT EXISTS td_gone (tenant_id TEXT PRIMARY KEY);
CREATE TRIGGER IF NOT EXISTS td_fence BEFORE INSERT ON tickets
WHEN EXISTS (SELECT 1 FROM td_gone g WHERE g.tenant_id = NEW.tenant_id)
BEGIN SELECT RAISE(ABORT, 'the tenant is gone'); END;
"""


class Refused(Exception):
    """A permanent refusal: answered with success=false and this code (section 6)."""

    def __init__(self, code, detail):
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


class NotStored(Exception):
    """The stream did not say that it has stored the result: the command is not acknowledged (P-ACK-8)."""


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


# --- 2. Sections 5 to 8 in SQLite: erase with a receipt in one transaction, preview. ---

@contextlib.contextmanager
def transaction(path, begin):
    """A connection in a transaction: committed at the end, rolled back by any exception."""
    db = sqlite3.connect(path, timeout=2, isolation_level=None)
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(begin)
        yield db
        db.execute("COMMIT")
    finally:
        db.close()  # what was not committed is rolled back


def check_plan(db):
    """Every table is on the plan, kept, or ours; otherwise nothing is deleted (P-CMD-12)."""
    known = {table for table, _ in PLAN} | KEPT.keys() | {"td_receipts", "td_gone"}
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    found = {name for name, in tables if not name.startswith("sqlite_")}
    if known - found:
        raise Refused("plan_invalid", "the plan names a table that is not there: " + min(known - found)[:64])
    if found - known:
        raise Refused("unplanned_table", f"table {min(found - known)[:64]} is on no plan")


def count(db, tenant):
    return {table: db.execute(f"SELECT count(*) FROM {table} WHERE {where}", (tenant,)).fetchone()[0] for table, where in PLAN}


def preview(path, tenant):
    """Exact counts without effect; an error where erase would refuse (P-PRE-5 to P-PRE-7)."""
    with transaction(path, "BEGIN") as db:
        check_plan(db)
        return count(db, tenant)


def erase(path, command):
    """Deletes the tenant and writes the receipt, or finds the receipt; returns it, and whether it was there (section 7)."""
    started, tenant, job = time.monotonic(), command["tenant_id"], command["job_id"]
    with transaction(path, "BEGIN IMMEDIATE") as db:  # one writer at a time: the lock of P-CMD-10
        row = db.execute("SELECT body FROM td_receipts WHERE job_id = ?", (job,)).fetchone()
        stored = json.loads(row[0]) if row else None
        if stored and stored["tenant_id"] != tenant:
            raise Refused("internal", "the stored receipt is of another tenant")
        if stored and not (command.get("erase_again") and command["attempt"] > stored["attempt"]):
            return stored, True
        check_plan(db)
        erased = db.execute("SELECT max(generation) FROM td_receipts WHERE tenant_id = ?", (tenant,)).fetchone()[0] or 0
        again = command["generation"] == erased and any(count(db, tenant).values())
        if not stored and (command["generation"] < erased or again):  # P-RCP-8, P-CMD-8, P-CMD-9
            raise Refused("stale_generation", "the tenant's present life is another one")
        counts = {table: db.execute(f"DELETE FROM {table} WHERE {where}", (tenant,)).rowcount for table, where in PLAN}
        if any(count(db, tenant).values()):
            raise Refused("residue", "rows were left after the deletes")
        if stored:
            counts = {table: n + stored["deleted_counts"].get(table, 0) for table, n in counts.items()}
        receipt = {"job_id": job, "tenant_id": tenant, "generation": command["generation"], "attempt": command["attempt"],
                   "deleted_counts": counts, "mode": "transaction", "at": now(),
                   "duration_ms": int((time.monotonic() - started) * 1000)}
        db.execute("INSERT OR REPLACE INTO td_receipts VALUES (?, ?, ?, ?)",
                   (job, tenant, command["generation"], json.dumps(receipt)))
        db.execute("INSERT OR IGNORE INTO td_gone VALUES (?)", (tenant,))
    return receipt, False


# --- 3. Taking part. ---

EVENT_IDS = uuid.UUID("7c0e5a8e-5f0c-5a9b-9d0e-2f6d0f6d7a11")

PULL = json.dumps({"batch": 1, "expires": 30 * 10**9, "idle_heartbeat": 3 * 10**9}).encode()  # P-BUS-11
SILENCE = 6.5  # seconds: two heartbeats of a pull that did not come
GIVE_UP_AFTER = 10  # deliveries, P-ACK-7
HAND_BACK = b'-NAK {"delay": 50000000}'


class Participant:
    def __init__(self, name, trusted, database):
        self.name, self.trusted, self.database = name, trusted, database
        self.service, self.id = f"tenant-deletion-{name}", uuid.uuid4().hex
        self.stopping = threading.Event()

    def take_part(self, nc):
        """Serves previews and handles commands until the connection is lost (Lost) or the process shall stop."""
        info = nc.request(f"$JS.API.CONSUMER.INFO.TD_EVENTS.{self.name}")
        config = json.loads(info.body or b"{}").get("config") if info else None
        if not config:
            raise Lost("the broker has no consumer of this name, or does not answer")
        threading.Thread(target=self.serve, args=(nc,), daemon=True).start()
        inbox = nc.inbox()
        sid, deliveries = nc.subscribe(inbox)
        asked = False
        while not self.stopping.is_set():
            if not asked:
                nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.TD_EVENTS.{self.name}", PULL, inbox)
                asked, heard = True, time.monotonic()
            try:
                message = nc.get(deliveries, 0.2)
            except queue.Empty:
                if time.monotonic() - heard > SILENCE:
                    raise Lost("the broker is silent") from None
                continue
            heard = time.monotonic()
            if message.status == 0:
                self.deliver(nc, message, config["ack_wait"] / 3e9)
            elif message.status not in (100, 404, 408):  # a heartbeat; a pull that ended; else: the broker has a problem
                self.stopping.wait(1)
            asked = message.status == 100
        self.hand_back(nc, sid, deliveries)

    @staticmethod
    def hand_back(nc, sid, deliveries):
        """What has arrived and was not begun goes to another instance at once (P-ACK-10)."""
        nc.unsubscribe(sid)
        nc.flush()
        while not deliveries.empty():
            message = nc.get(deliveries, 1)
            if message.status == 0:
                nc.publish(message.reply, HAND_BACK)
        nc.flush()

    def deliver(self, nc, message, beat):
        """The order is the promise: commit, publish the result, wait until it is stored, acknowledge (P-ACK-1)."""
        ended = threading.Event()

        def heart():
            with contextlib.suppress(Lost):
                while not ended.wait(beat * 0.9):
                    nc.publish(message.reply, b"+WPI")

        threading.Thread(target=heart, daemon=True).start()
        try:
            verb = self.handle(nc, message)
        finally:
            ended.set()
        if verb == b"+ACK":
            nc.request(message.reply, verb)  # a double acknowledgement; one that is lost means a repeat, which is answered
        else:
            nc.publish(message.reply, verb)

    def handle(self, nc, message):
        """Handles a delivery and returns what to say to the broker."""
        delivered = int(message.reply.split(".")[-5])  # $JS.ACK.….<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
        try:
            event, command = read_command(message.subject, message.body)
            if self.name not in command["participants"]:
                return b"+ACK"  # P-CMD-2
            verify(message.subject, message.headers, message.body, self.trusted)
            if time.time_ns() > instant(command["expires_at"], "expires_at"):
                raise Poison("command expired")
            self.publish(nc, event, self.answer(event, command, delivered))
            return b"+ACK"
        except Poison as reason:
            logging.warning("terminated: %s", reason)
            return f"+TERM {reason}".encode()
        except (sqlite3.OperationalError, NotStored) as error:
            logging.warning("will be tried again: %s", error)
            delay = min(200 * 2 ** min(delivered - 1, 8), 30_000) * 10**6  # P-ACK-6
            return b'-NAK {"delay": %d}' % random.randint(delay // 2, delay)

    def answer(self, event, command, delivered):
        """The result: the receipt, or the reason why there is none."""
        result = {"tenant_id": command["tenant_id"], "service_name": self.name, "success": False, "deleted_counts": {},
                  "errors": [], "timestamp": now(), "job_id": command["job_id"], "generation": command["generation"],
                  "attempt": command["attempt"], "request_id": event["id"], "duration_ms": 0}
        try:
            receipt, replayed = erase(self.database, command)
        except Refused as refused:
            result["errors"] = [{"code": refused.code, "detail": refused.detail}]
        except sqlite3.OperationalError:  # locked, full, unreadable: it may pass
            if delivered < GIVE_UP_AFTER:
                raise
            result["errors"] = [{"code": "gave_up", "detail": f"a transient error lasted for {delivered} deliveries"}]
        except sqlite3.Error as error:
            logging.error("database: %s", error)
            result["errors"] = [{"code": "database", "detail": "the database refused; the service's log says why"}]
        else:
            result.update(success=True, timestamp=receipt["at"], mode=receipt["mode"], duration_ms=receipt["duration_ms"],
                          deleted_counts=receipt["deleted_counts"])
            if replayed:
                result["replayed"] = True
        logging.info("job=%s tenant=%s attempt=%d success=%s deleted=%d", result["job_id"], result["tenant_id"],
                     result["attempt"], result["success"], sum(result["deleted_counts"].values()))
        return result

    def publish(self, nc, event, result):
        """Publishes the result until the stream has it, for 15 s (P-BUS-5, P-BUS-6, P-BUS-9)."""
        kind = "tenant.deletion.result"
        answer = {"specversion": "1.0", "source": f"/participants/{self.name}", "type": kind, "subject": result["tenant_id"],
                  "id": str(uuid.uuid5(EVENT_IDS, f"{result['job_id']}/{kind}/{self.name}/0/{result['attempt']}")),
                  "time": result["timestamp"], "datacontenttype": "application/json",
                  "dataschema": f"urn:tenant-deletion:{kind}:1.0", "data": result}
        headers = {"Nats-Msg-Id": answer["id"], "Content-Type": "application/cloudevents+json"}
        if event.get("traceparent"):
            answer["traceparent"] = headers["traceparent"] = event["traceparent"]
        body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
        for _ in range(3):
            stored = nc.request(f"{kind}.{self.name}.{result['tenant_id']}", body, headers)
            if stored and stored.status == 0 and "seq" in json.loads(stored.body or b"{}"):
                return
            time.sleep(0.5)
        raise NotStored("the stream did not store the result")

    def serve(self, nc):
        """Previews and discovery, as a NATS micro service (section 8)."""
        try:
            requests, own = queue.Queue(), f"tenant.deletion.preview.{self.name}"
            nc.subscribe(own, requests, "q")
            for verb in ("PING", "INFO", "STATS"):
                for suffix in ("", f".{self.service}", f".{self.service}.{self.id}"):
                    nc.subscribe(f"$SRV.{verb}{suffix}", requests)
            while True:
                try:
                    request = nc.get(requests, 20)
                except queue.Empty:
                    nc.flush()
                    continue
                if not request.reply.startswith("_INBOX"):  # P-PRE-12
                    continue
                if request.subject == own:
                    self.serve_preview(nc, request)
                else:
                    nc.publish(request.reply, json.dumps(self.describe(request.subject.split(".")[1].lower(), own)).encode())
        except Lost:
            pass

    def serve_preview(self, nc, request):
        try:
            asked = read_json(request.body)
            keys(asked, ("tenant_id",), (), others=False)
            answer = {"tenant_id": text(asked["tenant_id"], TENANT, "tenant_id"), "service_name": self.name, "counts": {},
                      "kept": KEPT}
            try:
                answer["counts"] = preview(self.database, answer["tenant_id"])
            except Refused as refused:
                answer["error"] = {"code": refused.code, "detail": refused.detail}
            nc.publish(request.reply, json.dumps(answer).encode())
        except (Poison, sqlite3.Error) as error:
            logging.warning("preview: %s", error)
            nc.publish(request.reply, b"", "", {"Nats-Service-Error": "the service could not answer",
                                                "Nats-Service-Error-Code": "500"})

    def describe(self, verb, subject):
        about = {"type": f"io.nats.micro.v1.{verb}_response", "name": self.service, "id": self.id, "version": VERSION,
                 "metadata": {}}
        endpoint = {"name": "answer", "subject": subject, "queue_group": "q"}
        if verb == "info":
            about.update(description="previews of tenant deletions", endpoints=[dict(endpoint, metadata={})])
        elif verb == "stats":
            about.update(started=now(), endpoints=[dict(endpoint, num_requests=0, num_errors=0, last_error="",
                                                        processing_time=0, average_processing_time=0)])
        return about

    def run(self, url):
        """Takes part until it shall stop; a lost connection is made again for ever (P-BUS-7)."""
        while not self.stopping.is_set():
            nc = None
            try:
                nc = Connection(url, self.name)
                self.take_part(nc)
            except (Lost, OSError, ValueError) as error:
                logging.warning("no connection: %s; trying again", error)
                self.stopping.wait(random.uniform(0.25, 0.5))
            finally:
                if nc is not None:
                    nc.close()


def main():
    flags = argparse.ArgumentParser(description="Take part in tenant deletions.")
    flags.add_argument("--name", default=os.environ.get("PARTICIPANT", "helpdesk"), help="the participant's name [$PARTICIPANT]")
    flags.add_argument("--nats-url", default=os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), help="[$NATS_URL]")
    flags.add_argument("--trusted-keys", default=os.environ.get("TRUSTED_KEYS", ""),
                       help="public keys of the coordinator, comma separated [$TRUSTED_KEYS]")
    flags.add_argument("--database", default=os.environ.get("DATABASE", ""),
                       help="file of the service's SQLite database [$DATABASE]")
    given = flags.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        trusted = {key.strip(): decode_key(key.strip()) for key in given.trusted_keys.split(",") if key.strip()}
    except ValueError as error:
        raise SystemExit(error) from None
    if not trusted or not given.database or not PARTICIPANT.fullmatch(given.name):
        raise SystemExit("want --trusted-keys (P-SIG-2), --database, and a --name of a-z, 0-9 and _")
    db = sqlite3.connect(given.database, isolation_level=None)
    try:
        db.executescript(OWN)
        check_plan(db)
    except (Refused, sqlite3.Error) as error:
        raise SystemExit(f"cannot take part: {error}") from None
    finally:
        db.close()
    participant = Participant(given.name, trusted, given.database)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: participant.stopping.set())
    participant.run(given.nats_url)


if __name__ == "__main__":
    sys.exit(main())
