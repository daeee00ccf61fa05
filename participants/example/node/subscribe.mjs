// Hears of every finished deletion, at least once and in order (docs/protocol.md, section 14).
// node subscribe.mjs --name billing --trusted-keys U...
import { connect, consume, flags, log } from "./connection.mjs";
import { must, Poison, readEnvelope, trustedKeys, verify } from "./contract.mjs";

const { given } = flags({ name: "billing", "nats-url": "nats://127.0.0.1:4222", "trusted-keys": "" });
const trusted = trustedKeys(given["trusted-keys"]);
const bus = await connect(given["nats-url"], given.name);
let stopping = false;
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => { stopping = true; });
log(`${given.name} listens`);

await consume(bus, `downstream_${given.name}`, () => stopping, async (message) => {
  try {
    verify(message.subject, (key) => message.headers?.get(key), message.data, trusted); // P-SIG-9
    const { event } = readEnvelope(message.data, ["tenant.deleted"]);
    must(message.subject === `tenant.deleted.${event.subject}` && event.data.get("tenant_id") === event.subject, "subject");
    // Here your own work commits, under event.id: the same event may come again (P-SUB-2, P-SUB-3).
    console.log(`${event.id}: ${event.subject} is gone, ${event.data.get("total")} rows and files`);
    return {};
  } catch (error) {
    return error instanceof Poison ? { poison: error.message } : { again: error.message };
  }
});
await bus.nc.drain();
