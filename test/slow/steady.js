// SPDX-License-Identifier: MIT
//
// Calls ListSkills at a steady rate by grpc-js, without retries, until standard input ends: node steady.js ADDRESS CALLS_PER_SECOND
// Then prints {"calls": N, "slowest_ms": N, "failures": [TEXT, ...]}.

import { createRequire } from "node:module";

const grpc = createRequire(new URL("../../examples/node/client.js", import.meta.url))("@grpc/grpc-js");
const [address, rate] = process.argv.slice(2);
const client = new grpc.Client(address, grpc.credentials.createInsecure(), { "grpc.enable_retries": 0 });
const told = { calls: 0, slowest_ms: 0, failures: [] };
const asIs = (bytes) => bytes;
let open = 0;
let ended = false;

function endIfDone() {
  if (!ended || open > 0) return;
  console.log(JSON.stringify(told));
  process.exit(0);
}

function call() {
  const begun = Date.now();
  open++;
  client.makeUnaryRequest("/account_package.AccountService/ListSkills", asIs, asIs, Buffer.alloc(0), { deadline: begun + 600_000 }, (error) => {
    open--;
    told.calls++;
    told.slowest_ms = Math.max(told.slowest_ms, Date.now() - begun);
    if (error) told.failures.push(error.message);
    endIfDone();
  });
}

const timer = setInterval(call, 1000 / rate);
process.stdin.resume().on("end", () => {
  clearInterval(timer);
  ended = true;
  endIfDone();
});
