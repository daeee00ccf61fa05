#!/usr/bin/env python3
"""The service that participant.py deletes for: a help desk with its tables in SQLite. Deletions are not its business."""
import hashlib
import json
import sqlite3
import sys

SCHEMA = """
CREATE TABLE IF NOT EXISTS ticket_topics (topic TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS tickets (
    id INTEGER PRIMARY KEY, tenant_id TEXT NOT NULL, topic TEXT NOT NULL REFERENCES ticket_topics (topic));
CREATE TABLE IF NOT EXISTS ticket_messages (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets (id), body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS tickets_tenant ON tickets (tenant_id);
CREATE INDEX IF NOT EXISTS ticket_messages_ticket ON ticket_messages (ticket_id);
INSERT OR IGNORE INTO ticket_topics VALUES ('invoice'), ('oven');
"""


def connect(path):
    """Opens the database and lays the tables that are not there."""
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.executescript(SCHEMA)
    return db


def seed(db, tenant, tickets=3):
    """Opens tickets with two messages each for the tenant, and returns what it wrote, by table."""
    db.execute("BEGIN IMMEDIATE")
    for n in range(tickets):
        ticket = db.execute("INSERT INTO tickets (tenant_id, topic) VALUES (?, 'oven')", (tenant,)).lastrowid
        messages = [(ticket, f"message {n}"), (ticket, "reply")]
        db.executemany("INSERT INTO ticket_messages (ticket_id, body) VALUES (?, ?)", messages)
    db.execute("COMMIT")
    return {"tickets": tickets, "ticket_messages": 2 * tickets}


def digest(db, tenant):
    """Hashes every row that is not the tenant's: it may not change when the tenant is deleted."""
    rows = db.execute("SELECT t.id, t.tenant_id, t.topic, m.id, m.body FROM tickets t"
                      " JOIN ticket_messages m ON m.ticket_id = t.id WHERE t.tenant_id <> ? ORDER BY t.id, m.id", (tenant,)).fetchall()
    topics = db.execute("SELECT topic FROM ticket_topics ORDER BY topic").fetchall()
    return hashlib.sha256(repr((rows, topics)).encode()).hexdigest()


def recreate(db, tenant):
    """Lets a deleted tenant begin again: the fence that its deletion left goes."""
    db.execute("DELETE FROM td_gone WHERE tenant_id = ?", (tenant,))


def main(command, path, tenant, count="3"):
    """seed, digest or recreate, then DATABASE TENANT [TICKETS]."""
    db = connect(path)
    if command == "seed":
        print(json.dumps(seed(db, tenant, int(count))))
    elif command == "digest":
        print(digest(db, tenant))
    elif command == "recreate":
        recreate(db, tenant)
    else:
        raise SystemExit("want seed, digest or recreate")


if __name__ == "__main__":
    main(*sys.argv[1:])
