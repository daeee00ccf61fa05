// A participant of tenant deletions in Node.js 20 or newer. Written from docs/protocol.md; the clause ids (P-...) say which
// sentence a line is there for. To make it your own, change the first section. contract.mjs and connection.mjs stay as they are.
import { randomUUID } from "node:crypto";
import { headers as newHeaders } from "@nats-io/transport-node";
import pg from "pg";
import { connect, consume, envelope, eventID, flags, log, NotStored, publishStored } from "./connection.mjs";
import { instant, keys, PARTICIPANT, Poison, readCommand, readJSON, TENANT, text, trustedKeys, verify } from "./contract.mjs";

const VERSION = "1.0.0";

// --- 1. What the service owns: children before parents, each with the condition that finds a tenant's rows. ---

const PLAN = [
  ["reservation_guests", "reservation_id IN (SELECT id FROM reservations WHERE tenant_id = $1)"],
  ["reservations", "tenant_id = $1"],
  ["venues", "tenant_id = $1"],
];
const KEPT = { reservation_channels: "catalogue of all tenants" };
// The row that every other row of a tenant hangs on. Locking it waits for writers in flight; once it is gone, the foreign keys
// refuse new rows, and they refuse that it goes while one row is left (P-CMD-13, P-RCP-12).
const ANCHOR = "SELECT 1 FROM venues WHERE tenant_id = $1 FOR UPDATE";
const LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('erase ' || $1, 0)) AS taken";
const OWN = `SELECT pg_advisory_xact_lock(4712); -- one instance lays the table
CREATE TABLE IF NOT EXISTS td_receipts (
  job_id uuid PRIMARY KEY, tenant_id text NOT NULL, generation bigint NOT NULL, body text NOT NULL);
CREATE INDEX IF NOT EXISTS td_receipts_tenant ON td_receipts (tenant_id)`;

/** A permanent refusal: answered with success=false and this code (section 6). */
class Refused extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

/** A transient error: nothing is decided, the command comes again. */
class Transient extends Error {}

// --- 2. Sections 5 to 8 in PostgreSQL: erase with a receipt in one transaction, preview. ---

/** Runs work in a transaction, which commits when it returns and is rolled back when it throws. */
async function transaction(pool, begin, work) {
  let db;
  try {
    db = await pool.connect();
    await db.query(begin);
    await db.query("SELECT set_config('lock_timeout', '3s', true), set_config('statement_timeout', '60s', true)," +
      " set_config('row_security', 'off', true)");
    const value = await work(db);
    await db.query("COMMIT");
    db.release();
    return value;
  } catch (error) {
    db?.release(true); // the connection is closed, which rolls back
    throw classified(error);
  }
}

/** SQLSTATE decides: an outage, a lock, a conflict and a full disk pass, everything else is for a person. */
function classified(error) {
  if (error instanceof Refused || error instanceof Transient) return error;
  log("database:", error.code ?? "", error.message);
  if (/^(08|40|53|55|57|58)...$|^25P03$/.test(error.code ?? "") || !/^[0-9A-Z]{5}$/.test(error.code ?? "")) {
    return new Transient(`database ${error.code ?? "unreachable"}`);
  }
  return new Refused("database", `the database refused with SQLSTATE ${error.code}`);
}

/** Every table of the schema is on the plan, kept, or ours; otherwise nothing is deleted (P-CMD-12). */
async function checkPlan(db) {
  const { rows } = await db.query("SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()");
  const known = new Set([...PLAN.map(([table]) => table), ...Object.keys(KEPT), "td_receipts"]);
  const found = new Set(rows.map((row) => row.name));
  for (const name of known) if (!found.has(name)) throw new Refused("plan_invalid", `the plan names ${name}, which is not there`);
  for (const name of found) if (!known.has(name)) throw new Refused("unplanned_table", `table ${name} is on no plan`);
}

async function count(db, tenant) {
  const counts = {};
  for (const [table, where] of PLAN) {
    counts[table] = Number((await db.query(`SELECT count(*) AS n FROM ${table} WHERE ${where}`, [tenant])).rows[0].n);
  }
  return counts;
}

const any = (counts) => Object.values(counts).some((n) => n > 0);

/** Exact counts without effect; an error where erase would refuse (P-PRE-5 to P-PRE-7). */
function preview(pool, tenant) {
  return transaction(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", async (db) => {
    await checkPlan(db);
    return count(db, tenant);
  });
}

/** Deletes the tenant and writes the receipt, or finds the receipt; says which (section 7). */
function erase(pool, command) {
  const { tenant_id: tenant, job_id: job, generation, attempt } = command, started = performance.now();
  return transaction(pool, "BEGIN", async (db) => {
    const { rows: [lock] } = await db.query(LOCK, [tenant]);
    if (!lock.taken) throw new Transient("another instance erases the tenant"); // P-CMD-10
    const { rows: [row] } = await db.query("SELECT body FROM td_receipts WHERE job_id = $1", [job]);
    const stored = row && JSON.parse(row.body);
    if (stored && stored.tenant_id !== tenant) throw new Refused("internal", "the stored receipt is of another tenant");
    if (stored && !(command.erase_again && attempt > stored.attempt)) return { receipt: stored, replayed: true };
    await checkPlan(db);
    await db.query(ANCHOR, [tenant]);
    const { rows: [last] } = await db.query("SELECT max(generation) AS erased FROM td_receipts WHERE tenant_id = $1", [tenant]);
    const again = generation === Number(last.erased) && any(await count(db, tenant));
    if (!stored && (generation < Number(last.erased) || again)) { // P-RCP-8, P-CMD-8, P-CMD-9
      throw new Refused("stale_generation", "the tenant's present life is another one");
    }
    const counts = {};
    for (const [table, where] of PLAN) {
      const { rowCount } = await db.query(`DELETE FROM ${table} WHERE ${where}`, [tenant]);
      counts[table] = rowCount + (stored?.deleted_counts[table] ?? 0);
    }
    if (any(await count(db, tenant))) throw new Refused("residue", "rows were left after the deletes");
    const receipt = { job_id: job, tenant_id: tenant, generation, attempt, deleted_counts: counts, mode: "transaction",
      at: new Date().toISOString(), duration_ms: Math.round(performance.now() - started) };
    await db.query("INSERT INTO td_receipts VALUES ($1, $2, $3, $4) ON CONFLICT (job_id) DO UPDATE SET body = excluded.body",
      [job, tenant, generation, JSON.stringify(receipt)]);
    return { receipt, replayed: false };
  });
}

// --- 3. Taking part. ---

const GIVE_UP_AFTER = 10; // deliveries, P-ACK-7

/** Handles a delivery; the order is the promise: commit, publish the result, wait until it is stored, acknowledge (P-ACK-1). */
async function handle(message, { name, trusted, pool, bus }) {
  try {
    const { event, command } = readCommand(message.subject, message.data);
    if (!command.participants.includes(name)) return {}; // P-CMD-2
    verify(message.subject, (key) => header(message.headers, key), message.data, trusted);
    if (BigInt(Date.now()) * 1000000n > instant(command.expires_at, "expires_at")) throw new Poison("command expired");
    const data = await answer(name, pool, event, command, message.info.deliveryCount);
    const kind = "tenant.deletion.result";
    const id = eventID(`${command.job_id}/${kind}/${name}/0/${command.attempt}`);
    const result = envelope(kind, id, `/participants/${name}`, data.timestamp, data);
    if (event.traceparent) result.traceparent = event.traceparent;
    await publishStored(bus, `${kind}.${name}.${command.tenant_id}`, result);
    return {};
  } catch (error) {
    if (error instanceof Poison) return { poison: error.message };
    if (!(error instanceof Transient || error instanceof NotStored)) log("unexpected:", error.stack);
    return { again: error.message };
  }
}

/** A header exactly as it is spelt; the library's get would take another spelling too. */
const header = (headers, key) => (headers?.keys().includes(key) ? headers.get(key) : undefined);

/** The result: the receipt, or the reason why there is none. */
async function answer(name, pool, event, command, delivered) {
  const result = { tenant_id: command.tenant_id, service_name: name, success: false, deleted_counts: {}, errors: [],
    timestamp: new Date().toISOString(), job_id: command.job_id, generation: command.generation, attempt: command.attempt,
    request_id: event.id, duration_ms: 0 };
  try {
    const { receipt, replayed } = await erase(pool, command);
    Object.assign(result, { success: true, timestamp: receipt.at, mode: receipt.mode, duration_ms: receipt.duration_ms,
      deleted_counts: receipt.deleted_counts }, replayed && { replayed });
  } catch (error) {
    if (error instanceof Refused) result.errors = [{ code: error.code, detail: error.message }];
    else if (!(error instanceof Transient) || delivered < GIVE_UP_AFTER) throw error;
    else result.errors = [{ code: "gave_up", detail: `a transient error lasted for ${delivered} deliveries` }];
  }
  log(`job=${result.job_id} tenant=${result.tenant_id} attempt=${result.attempt} success=${result.success}`);
  return result;
}

/** Previews and discovery, as a NATS micro service (section 8). */
function serve({ name, pool, bus: { nc } }) {
  const service = `tenant-deletion-${name}`, id = randomUUID(), subject = `tenant.deletion.preview.${name}`;
  const endpoint = { name: "answer", subject, queue_group: "q" };
  const counters = { num_requests: 0, num_errors: 0, last_error: "", processing_time: 0, average_processing_time: 0 };
  const more = { PING: {}, INFO: { description: "previews of tenant deletions", endpoints: [{ ...endpoint, metadata: {} }] },
    STATS: { started: new Date().toISOString(), endpoints: [{ ...endpoint, ...counters }] } };
  for (const [verb, rest] of Object.entries(more)) {
    const body = JSON.stringify({ type: `io.nats.micro.v1.${verb.toLowerCase()}_response`, name: service, id, version: VERSION,
      metadata: {}, ...rest });
    for (const suffix of ["", `.${service}`, `.${service}.${id}`]) {
      nc.subscribe(`$SRV.${verb}${suffix}`, { callback: (_, request) => respond(request, body) });
    }
  }
  nc.subscribe(subject, { queue: "q", callback: async (_, request) => {
    try {
      respond(request, JSON.stringify(await servePreview(name, pool, request.data)));
    } catch (error) {
      log("preview:", error.message);
      const headers = newHeaders();
      headers.set("Nats-Service-Error", "the service could not answer");
      headers.set("Nats-Service-Error-Code", "500");
      respond(request, "", headers);
    }
  } });
}

/** Answers, but not to a reply subject outside the inboxes (P-PRE-12). */
function respond(request, body, headers) {
  if (request.reply?.startsWith("_INBOX")) request.respond(body, { headers });
}

async function servePreview(name, pool, body) {
  const { tenant_id: tenant } = keys(readJSON(body), ["tenant_id"], [], false);
  text(tenant, TENANT, "tenant_id");
  const found = { tenant_id: tenant, service_name: name, counts: {}, kept: KEPT };
  try {
    found.counts = await preview(pool, tenant);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    found.error = { code: error.code, detail: error.message };
  }
  return found;
}

const { given } = flags({ name: "reservations", "nats-url": "nats://127.0.0.1:4222", "trusted-keys": "", "database-url": "" });
if (!PARTICIPANT.test(given.name)) throw new Error("want a --name of a-z, 0-9 and _");
if (!given["database-url"]) throw new Error("want --database-url");
const trusted = trustedKeys(given["trusted-keys"]);
const pool = new pg.Pool({ connectionString: given["database-url"], max: 4, application_name: `deletion-${given.name}`,
  connectionTimeoutMillis: 5000 });
pool.on("error", (error) => log("database:", error.message)); // an idle connection broke; the next one is new
await pool.query(OWN);
await transaction(pool, "BEGIN READ ONLY", checkPlan);
const bus = await connect(given["nats-url"], given.name);
let stopping = false;
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => { stopping = true; });
const participant = { name: given.name, trusted, pool, bus };
serve(participant);
log(`${given.name} takes part`);
await consume(bus, given.name, () => stopping, (message) => handle(message, participant));
await bus.nc.drain();
await pool.end();
