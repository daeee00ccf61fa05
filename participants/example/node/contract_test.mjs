// Holds contract.mjs against the project's examples of commands, right and wrong, and its vectors of signatures.
// node contract_test.mjs ../../../events/testdata
import assert from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import { Poison, readCommand, trustedKeys, verify } from "./contract.mjs";

const folder = process.argv[2];
let seen = 0;

function each(path, check) {
  for (const file of readdirSync(`${folder}/${path}`).filter((name) => name.endsWith(".json"))) {
    let refused = false;
    try {
      check(readFileSync(`${folder}/${path}/${file}`));
    } catch (error) {
      if (!(error instanceof Poison || error instanceof KeyError)) throw error;
      refused = true;
    }
    assert.equal(refused, file.startsWith("invalid"), `${path}/${file}`);
    seen++;
  }
}

/** The subject of the command, as its sender would compute it; anything for what is no command. */
function subjectOf(body) {
  const { type, data } = JSON.parse(body);
  return type?.endsWith("replayed") ? `${type}.${data?.participants?.[0]}.${data?.tenant_id}` : `${type}.${data?.tenant_id}`;
}

class KeyError extends Error {}

function keysOf(list) {
  try {
    return trustedKeys(list.join(","));
  } catch (error) {
    throw new KeyError(error.message);
  }
}

each("tenant.deletion.requested/v1", (body) => readCommand(subjectOf(body), body));
each("tenant.deletion.replayed/v1", (body) => readCommand(subjectOf(body), body));
each("signature/v1", (file) => {
  const { subject, header, body, trusted } = JSON.parse(file);
  verify(subject, (name) => header[name], Buffer.from(body), keysOf(trusted));
});
console.log(`${seen} hold`);
