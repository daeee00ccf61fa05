// Commands of the coordinator, verified and read strictly: sections 3, 4, 5 and 14 of docs/protocol.md.
import { fromPublic } from "@nats-io/nkeys";

/** What can never be handled: the delivery is terminated. The text repeats nothing of the message (P-ACK-5, P-ERR-2). */
export class Poison extends Error {}

/** Checks the configured keys (P-SIG-7) and returns them as {text: key}. */
export function trustedKeys(list) {
  const keys = new Map();
  for (const text of list.split(",").map((k) => k.trim()).filter(Boolean)) {
    if (!/^U[A-Z2-7]{55}$/.test(text)) throw new Error("a trusted key is not a public key in nkeys form (U...)");
    keys.set(text, fromPublic(text)); // checks kind and checksum
  }
  if (keys.size === 0) throw new Error("want --trusted-keys: nothing may be deleted for an unverified command (P-SIG-2)");
  return keys;
}

/** Refuses what none of the trusted keys has signed (P-SIG-3 to P-SIG-5). header(name) reads a header, case by case. */
export function verify(subject, header, body, trusted) {
  const key = trusted.get(header("Td-Key") ?? "");
  if (!key) throw new Poison("not verified: not made by a trusted key");
  const text = header("Td-Signature") ?? "";
  const signed = Buffer.concat([Buffer.from(`tenant-deletion/1\n${subject}\n`), body]);
  const signature = /^[A-Za-z0-9+/]{86}==$/.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(64);
  let holds = false;
  try {
    holds = key.verify(signed, signature);
  } catch { /* not a signature at all */ }
  if (!holds) throw new Poison("not verified: the signature does not match subject and body");
}

const BODY_MAX = 65536, DEPTH_MAX = 16;

export function must(holds, text) {
  if (!holds) throw new Poison(`not an event of the contract: ${text}`);
}

/** JSON of which JSON.parse sees too little: each key once, integers as they are written, bounded (P-ENV-1, P-ENV-4, P-ENV-8). */
export function readJSON(body) {
  must(body.length <= BODY_MAX, "the body is too large");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    JSON.parse(text); // from here on the text is JSON: the walk below need not look for mistakes
  } catch {
    must(false, "not JSON");
  }
  const token = /[{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+/g;
  const next = () => token.exec(text)[0];
  const walk = (first, depth) => {
    must(depth <= DEPTH_MAX, "nested too deep");
    if (first === "{") {
      const object = new Map();
      for (let t = next(); t !== "}"; t = next()) {
        if (t === ",") t = next();
        const key = JSON.parse(t);
        must(!object.has(key), "a key appears twice");
        next(); // the colon
        object.set(key, walk(next(), depth + 1));
      }
      return object;
    }
    if (first === "[") {
      const list = [];
      for (let t = next(); t !== "]"; t = next()) list.push(walk(t === "," ? next() : t, depth + 1));
      return list;
    }
    if (/^-?[0-9]/.test(first)) return /^-?[0-9]+$/.test(first) ? Number(first) : NaN; // 5.0 is no integer of the contract
    return JSON.parse(first);
  };
  const value = walk(next(), 1);
  must(value instanceof Map, "not an object");
  return value;
}

/** The keys are those of the schema, spelt so, and none is null (P-ENV-3 to P-ENV-6, P-VER-3, P-VER-4). */
export function keys(value, required, optional, others) {
  must(value instanceof Map, "not an object");
  const known = new Set([...required, ...optional]);
  must(required.every((key) => value.has(key)), "a key is missing");
  for (const [key, v] of value) {
    if (known.has(key)) {
      must(v !== null, "null is no value");
      continue;
    }
    const folded = key.toLowerCase().replaceAll("\u017f", "s").replaceAll("\u212a", "k");
    must(!known.has(folded), "a key is spelt differently");
    must(others, "a key that the schema does not have");
  }
  return Object.fromEntries(value);
}

export const TENANT = /^[A-Za-z0-9_-]{1,64}$/;
export const PARTICIPANT = /^[a-z][a-z0-9_]{0,31}$/;
const REASON = /^[a-z][a-z_]{0,63}$/;
const JOB = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TRACE = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const SCHEMA = /^urn:tenant-deletion:([a-z.]+):(?:0|[1-9][0-9]{0,3})\.(?:0|[1-9][0-9]{0,3})$/;
const TIME = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?(Z|[+-]([0-9]{2}):([0-9]{2}))$/;

export const text = (value, form, name) => must(typeof value === "string" && form.test(value), name);
const atLeastOne = (value, name) => must(Number.isSafeInteger(value) && value >= 1, name);

/** A time of RFC 3339 as nanoseconds since 1970 (P-ENV-7). */
export function instant(value, name) {
  const t = typeof value === "string" ? TIME.exec(value) : null;
  must(t, name);
  const [year, month, day, hour, minute, second] = t.slice(1, 7).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  must(day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60, name);
  must(Number(t[9] ?? 0) < 24 && Number(t[10] ?? 0) < 60, name);
  const milliseconds = Date.parse(`${value.slice(0, 19)}${t[8]}`);
  return BigInt(milliseconds) * 1000000n + BigInt((t[7] ?? ".0").slice(1, 10).padEnd(9, "0"));
}

const ENVELOPE = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"];

/** The envelope of one of the types; others says whether a newer minor version allows further keys in data. */
export function readEnvelope(body, types) {
  const event = keys(readJSON(body), ENVELOPE, ["traceparent"], true);
  must(event.specversion === "1.0", "specversion");
  must(event.datacontenttype === "application/json", "datacontenttype");
  for (const key of ["id", "source"]) text(event[key], /^[^]{1,128}$/, key);
  must(types.includes(event.type), "type");
  instant(event.time, "time");
  text(event.subject, TENANT, "subject");
  if (event.traceparent) text(event.traceparent, TRACE, "traceparent");
  const schema = typeof event.dataschema === "string" ? SCHEMA.exec(event.dataschema) : null;
  must(schema && schema[1] === event.type, "dataschema");
  const [major, minor] = event.dataschema.split(":").at(-1).split(".").map(Number);
  must(major === 1, "an unknown major version");
  return { event, others: minor > 0 };
}

const REQUESTED = "tenant.deletion.requested", REPLAYED = "tenant.deletion.replayed";
const COMMAND = ["job_id", "tenant_id", "generation", "wave", "attempt", "participants", "reason", "requested_at", "expires_at"];

/** The envelope and the data of a command that came on the subject. */
export function readCommand(subject, body) {
  const { event, others } = readEnvelope(body, [REQUESTED, REPLAYED]);
  const command = keys(event.data, COMMAND, ["erase_again"], others);
  text(command.job_id, JOB, "job_id");
  text(command.tenant_id, TENANT, "tenant_id");
  for (const key of ["generation", "wave", "attempt"]) atLeastOne(command[key], key);
  const names = command.participants;
  must(Array.isArray(names) && names.length >= 1 && names.length <= 256, "participants");
  for (const name of names) text(name, PARTICIPANT, "participants");
  text(command.reason, REASON, "reason");
  must([undefined, true, false].includes(command.erase_again), "erase_again");
  must(instant(command.expires_at, "expires_at") > instant(command.requested_at, "requested_at"), "expires_at");
  must(event.subject === command.tenant_id, "envelope and data name different tenants");
  must(event.type === REQUESTED || names.length === 1, "a replay names one participant");
  const own = event.type === REQUESTED ? `${REQUESTED}.${command.tenant_id}` : `${REPLAYED}.${names[0]}.${command.tenant_id}`;
  must(subject === own, "the NATS subject names another tenant or participant");
  return { event, command };
}
