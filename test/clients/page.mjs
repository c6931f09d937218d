// SPDX-License-Identifier: MIT
//
// What the page in the browser runs; browser.mjs bundles it.

import * as connectWeb from "@connectrpc/connect-web";
import { createClient } from "@connectrpc/connect";
import grpcWeb from "grpc-web";
import { expect, grpcWebCall, registryOf, walk } from "./calls.mjs";

async function attempt(told, name, run) {
  try {
    await run();
    told.push(`ok: ${name}`);
  } catch (error) {
    told.push(`failed: ${name}: ${error}`);
  }
}

globalThis.everything = async (baseUrl, descriptors) => {
  const registry = registryOf(Uint8Array.from(atob(descriptors), (c) => c.charCodeAt(0)));
  const told = [];
  for (const useBinaryFormat of [true, false]) {
    const form = useBinaryFormat ? "binary" : "JSON";
    const options = { baseUrl, useBinaryFormat };
    await attempt(told, `Connect ${form}`, () => walk(registry, connectWeb.createConnectTransport(options)));
    await attempt(told, `gRPC-Web ${form}`, () => walk(registry, connectWeb.createGrpcWebTransport(options)));
  }
  for (const format of ["text", "binary"]) {
    await attempt(told, `grpc-web ${format}`, async () => {
      const call = (service, method, request) => grpcWebCall(grpcWeb, registry, baseUrl, format, service, method, request);
      const reply = await call("account_package.AccountService", "ListSkills", {});
      expect(reply.skills.length === 10, "ten skills");
      const error = await call("matching_package.MatchingService", "TryMatch", { menteeUserId: 999999n }).catch((e) => e);
      expect(error.code === 5 && error.message.includes("999999"), `not found: ${error}`);
    });
  }
  return told;
};

globalThis.write = async (baseUrl, descriptors, content) => {
  const registry = registryOf(Uint8Array.from(atob(descriptors), (c) => c.charCodeAt(0)));
  const feedback = createClient(registry.getService("feedback_package.FeedbackService"), connectWeb.createConnectTransport({ baseUrl }));
  const told = [];
  await attempt(told, "write", () => feedback.addDevFeedback({ content }));
  // What needs no preflight, which only the Origin gives away.
  await attempt(told, "without preflight", () => fetch(`${baseUrl}/feedback_package.FeedbackService/AddDevFeedback`,
    { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body: JSON.stringify({ content }) }));
  return told;
};
