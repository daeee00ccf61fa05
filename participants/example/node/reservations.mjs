// The service that participant.mjs deletes for: reservations in PostgreSQL. Deletions are not its business.
// node reservations.mjs seed|digest TENANT, with DATABASE_URL.
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import pg from "pg";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS reservation_channels (channel text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS venues (tenant_id text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS reservations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES venues, channel text NOT NULL REFERENCES reservation_channels);
CREATE TABLE IF NOT EXISTS reservation_guests (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reservation_id bigint NOT NULL REFERENCES reservations, name text NOT NULL);
CREATE INDEX IF NOT EXISTS reservations_tenant ON reservations (tenant_id);
CREATE INDEX IF NOT EXISTS reservation_guests_reservation ON reservation_guests (reservation_id);
INSERT INTO reservation_channels VALUES ('phone'), ('web') ON CONFLICT DO NOTHING`;

/** Lays the tables; safe to call again, and from several processes at once. */
export async function lay(db) {
  await db.query("SELECT pg_advisory_lock(4711)");
  try {
    await db.query(SCHEMA);
  } finally {
    await db.query("SELECT pg_advisory_unlock(4711)");
  }
}

/** Makes a venue with reservations of two guests each, and returns what it wrote, by table. */
export async function seed(db, tenant, reservations = 3) {
  await db.query("BEGIN");
  const { rowCount: venues } = await db.query("INSERT INTO venues VALUES ($1) ON CONFLICT DO NOTHING", [tenant]);
  const { rowCount: made } = await db.query(
    "INSERT INTO reservations (tenant_id, channel) SELECT $1, 'web' FROM generate_series(1, $2::int)", [tenant, reservations]);
  const { rowCount: guests } = await db.query(
    `INSERT INTO reservation_guests (reservation_id, name) SELECT r.id, 'guest ' || n FROM reservations r, generate_series(1, 2) n
     WHERE r.tenant_id = $1 AND NOT EXISTS (SELECT 1 FROM reservation_guests g WHERE g.reservation_id = r.id)`, [tenant]);
  await db.query("COMMIT");
  return { venues, reservations: made, reservation_guests: guests };
}

/** Hashes every row that is not the tenant's: it may not change when the tenant is deleted. */
export async function digest(db, tenant) {
  const { rows } = await db.query(
    `SELECT v.tenant_id, r.id, r.channel, g.id AS guest, g.name FROM venues v
     LEFT JOIN reservations r ON r.tenant_id = v.tenant_id LEFT JOIN reservation_guests g ON g.reservation_id = r.id
     WHERE v.tenant_id <> $1 ORDER BY v.tenant_id, r.id, g.id`, [tenant]);
  const { rows: channels } = await db.query("SELECT channel FROM reservation_channels ORDER BY channel");
  return createHash("sha256").update(JSON.stringify([rows, channels])).digest("hex");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [command, tenant] = process.argv.slice(2);
  const db = new pg.Client({ connectionString: process.env.DATABASE_URL });
  await db.connect();
  await lay(db);
  if (command === "seed") console.log(JSON.stringify(await seed(db, tenant)));
  else if (command === "digest") console.log(await digest(db, tenant));
  else process.exitCode = 2;
  await db.end();
}
