// Asks for the deletion of a tenant and ends when the request is stored (docs/protocol.md, section 13).
// node request.mjs --source crm TENANT REQUEST_ID
import { connect, envelope, eventID, flags, publishStored } from "./connection.mjs";
import { TENANT } from "./contract.mjs";

const { given, positionals: [tenant, request] } = flags({ source: "crm", "nats-url": "nats://127.0.0.1:4222",
  reason: "contract_ended", "requested-by": "user_42" });
if (!TENANT.test(tenant ?? "") || !request) throw new Error("want a tenant and the request's own id");
const data = { request_id: request, tenant_id: tenant, source: given.source, reason: given.reason,
  requested_by: given["requested-by"] };
const bus = await connect(given["nats-url"], given.source);
const id = eventID(`submitted/${JSON.stringify(data)}`); // P-ASK-2
const event = envelope("tenant.deletion.submitted", id, `/sources/${given.source}`, new Date().toISOString(), data);
const { duplicate } = await publishStored(bus, `tenant.deletion.submitted.${given.source}`, event); // P-ASK-1
console.log(`stored ${event.id}${duplicate ? " (it was there)" : ""}`);
await bus.nc.close();
