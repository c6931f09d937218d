// SPDX-License-Identifier: MIT
//
// Calls health by grpc-js from several clients that each pause between their calls, give or take a few
// milliseconds: node pausing.js TARGET CLIENTS CALLS PAUSE_MS. Prints {"calls": N, "failures": [TEXT, ...]}.

import { createRequire } from "node:module";

const grpc = createRequire(new URL("../../examples/node/client.js", import.meta.url))("@grpc/grpc-js");
const [target, clients, calls, pauseMs] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const options = { "grpc.use_local_subchannel_pool": 1 };
const asIs = (bytes) => bytes;
const told = { calls: 0, failures: [] };

async function run() {
  const client = new grpc.Client(target, grpc.credentials.createInsecure(), options);
  for (let i = 0; i < calls; i++) {
    await new Promise((done) =>
      client.makeUnaryRequest("/grpc.health.v1.Health/Check", asIs, asIs, Buffer.alloc(0), { deadline: Date.now() + 600_000 }, (error) => {
        told.calls++;
        if (error) told.failures.push(error.message);
        setTimeout(done, pauseMs + (pauseMs && Math.random() * 16 - 8));
      }),
    );
  }
  client.close();
}

await Promise.all(Array.from({ length: clients }, run));
console.log(JSON.stringify(told));
