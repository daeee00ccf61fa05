// A connection to NATS as the protocol asks for it, and publishing that waits until the stream has stored.
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as dial, headers as newHeaders } from "@nats-io/transport-node";

/** The stream did not say that it has stored the event. */
export class NotStored extends Error {}

export const log = (...words) => console.error(new Date().toISOString(), ...words);

/** The --flags of a program, and what comes without one; each flag may come from the environment instead. */
export function flags(defaults) {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const given = {};
  for (const [name, value] of Object.entries(defaults)) {
    given[name] = values[name] ?? process.env[name.toUpperCase().replaceAll("-", "_")] ?? value;
  }
  return { given, positionals };
}

/** Connects under a name, which its inboxes carry (P-BUS-3), and comes back for ever (P-BUS-7). */
export async function connect(url, name) {
  const nc = await dial({ servers: url, name, inboxPrefix: `_INBOX_${name}`, maxReconnectAttempts: -1, reconnectTimeWait: 250,
    waitOnFirstConnect: true });
  const state = { connected: true };
  (async () => {
    for await (const s of nc.status()) {
      if (s.type === "disconnect") state.connected = false;
      if (s.type === "reconnect") state.connected = true;
      if (s.type === "error") log("the broker says:", s.error?.message); // P-BUS-10
    }
  })();
  // Consumers are bound by name with CONSUMER.INFO alone: checkAPI would need one right more.
  const manager = await jetstreamManager(nc, { checkAPI: false });
  return { nc, state, js: jetstream(nc), manager };
}

/** Publishes an event until the stream has it, for 15 s (P-BUS-5, P-BUS-6, P-BUS-8, P-BUS-9). */
export async function publishStored({ js, state }, subject, event) {
  const headers = newHeaders();
  headers.set("Content-Type", "application/cloudevents+json");
  if (event.traceparent) headers.set("traceparent", event.traceparent);
  const body = JSON.stringify(event);
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      if (!state.connected) throw new Error("not connected");
      return await js.publish(subject, body, { msgID: event.id, headers, timeout: 5000 });
    } catch (error) {
      log("not stored yet:", error.message);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  throw new NotStored("the stream did not store the event");
}

/** Handles what a durable consumer delivers, one by one, until stopping() says so. handle returns what to say to the broker. */
export async function consume({ manager, js }, consumerName, stopping, handle) {
  while (!stopping()) {
    try {
      const { config } = await manager.consumers.info("TD_EVENTS", consumerName);
      const consumer = await js.consumers.get("TD_EVENTS", consumerName);
      while (!stopping()) {
        const message = await consumer.next({ expires: 3000 }); // one at a time: the next waits for nobody (P-BUS-11)
        if (message) await settle(message, config.ack_wait / 1e6, stopping, handle);
      }
    } catch (error) {
      log("cannot receive, trying again:", error.message);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

async function settle(message, ackWait, stopping, handle) {
  if (stopping()) return message.nak(50); // P-ACK-10
  const heart = setInterval(() => message.working(), (ackWait / 3) * 0.9); // P-ACK-3
  let verdict;
  try {
    verdict = await handle(message);
  } finally {
    clearInterval(heart);
  }
  if (verdict.poison) {
    log("terminated:", verdict.poison);
    message.term(verdict.poison);
  } else if (verdict.again) {
    const delay = Math.min(200 * 2 ** Math.min(message.info.deliveryCount - 1, 8), 30_000); // P-ACK-6
    log("will be tried again:", verdict.again);
    message.nak(Math.round(delay / 2 + (Math.random() * delay) / 2));
  } else {
    // A double acknowledgement; one that is lost means a repeat, which is answered.
    await message.ackAck({ timeout: 5000 }).catch((error) => log("acknowledgement not confirmed:", error.message));
  }
}

const EVENT_IDS = Buffer.from("7c0e5a8e5f0c5a9b9d0e2f6d0f6d7a11", "hex");

/** The UUID of version 5 of a name, in the namespace of section 3. */
export function eventID(name) {
  const hash = createHash("sha1").update(EVENT_IDS).update(name).digest().subarray(0, 16);
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** An envelope of section 3 around data. */
export function envelope(type, id, source, time, data) {
  return { specversion: "1.0", id, source, type, subject: data.tenant_id, time, datacontenttype: "application/json",
    dataschema: `urn:tenant-deletion:${type}:1.0`, data };
}
