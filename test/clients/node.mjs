// SPDX-License-Identifier: MIT
//
// Clients in Node: node node.mjs http://ADDRESS DESCRIPTORS

import { readFileSync } from "node:fs";
import * as connectNode from "@connectrpc/connect-node";
import * as connectWeb from "@connectrpc/connect-web";
import { registryOf, walk } from "./calls.mjs";

const [, , baseUrl, descriptors] = process.argv;
const registry = registryOf(readFileSync(descriptors));
const transports = {};
for (const useBinaryFormat of [true, false]) {
  const form = useBinaryFormat ? "binary" : "JSON";
  for (const httpVersion of ["1.1", "2"]) {
    const options = { baseUrl, httpVersion, useBinaryFormat };
    transports[`Connect ${form} over HTTP/${httpVersion}`] = connectNode.createConnectTransport(options);
    transports[`gRPC-Web ${form} over HTTP/${httpVersion}`] = connectNode.createGrpcWebTransport(options);
  }
  transports[`Connect ${form} by fetch`] = connectWeb.createConnectTransport({ baseUrl, useBinaryFormat });
  transports[`gRPC-Web ${form} by fetch`] = connectWeb.createGrpcWebTransport({ baseUrl, useBinaryFormat });
}
transports["Connect, compressed"] = connectNode.createConnectTransport(
  { baseUrl, httpVersion: "2", sendCompression: connectNode.compressionGzip, compressMinBytes: 1 });
transports["gRPC"] = connectNode.createGrpcTransport({ baseUrl });
transports["gRPC JSON"] = connectNode.createGrpcTransport({ baseUrl, useBinaryFormat: false });

for (const [name, transport] of Object.entries(transports)) {
  try {
    await walk(registry, transport);
    console.log(`ok: ${name}`);
  } catch (error) {
    console.log(`failed: ${name}: ${error.stack}`);
    process.exitCode = 1;
  }
}
process.exit();
