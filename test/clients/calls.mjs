// SPDX-License-Identifier: MIT
//
// What each client calls, in Node and in a browser alike, by descriptors that are read when it starts. Throws where an answer is not as expected.

import { createFileRegistry, fromBinary, toBinary, create } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";

export function registryOf(bytes) {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
}

export function expect(condition, what) {
  if (!condition) throw new Error(what);
}

async function expectError(promise, code, says) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    const seen = ConnectError.from(error);
    expect(seen.code === code && seen.rawMessage.includes(says), `expected ${Code[code]}, got ${seen}`);
    return;
  }
  throw new Error(`expected ${Code[code]}, got ${JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? `${v}` : v))}`);
}

export async function walk(registry, transport) {
  const account = createClient(registry.getService("account_package.AccountService"), transport);
  const matching = createClient(registry.getService("matching_package.MatchingService"), transport);
  const feedback = createClient(registry.getService("feedback_package.FeedbackService"), transport);
  const health = createClient(registry.getService("grpc.health.v1.Health"), transport);

  const skills = await account.listSkills({});
  expect(skills.skills.length === 10 && skills.skills[0].id === 1n, "ten skills, the first of id 1");
  const profiles = await account.accountProfiles({ userid: 61n });
  expect(profiles.isMentee && !profiles.isMentor, "61 is a mentee");
  await expectError(matching.tryMatch({ menteeUserId: 999999n }), Code.NotFound, "999999");
  await expectError(feedback.addDevFeedback({ content: "ü\ud83d\ude00".repeat(5001) }), Code.InvalidArgument, "characters");

  const leave = new AbortController();
  for await (const reply of health.watch({}, { signal: leave.signal })) {
    expect(reply.status === 1, "serving");
    break;
  }
  leave.abort();

  let n = 0;
  const toTheDeadline = async () => {
    for await (const _ of health.watch({}, { timeoutMs: 1000 })) n++;
  };
  await expectError(toTheDeadline(), Code.DeadlineExceeded, "");
  expect(n === 1, "one message before the deadline");
}

// A call by the library grpc-web.
export function grpcWebCall(grpcWeb, registry, address, format, service, method, request) {
  const desc = registry.getService(service).methods.find((each) => each.name === method);
  const client = new grpcWeb.GrpcWebClientBase({ format });
  const descriptor = new grpcWeb.MethodDescriptor(`/${service}/${method}`, grpcWeb.MethodType.UNARY, Object, Object,
    (message) => toBinary(desc.input, create(desc.input, message)), (bytes) => fromBinary(desc.output, bytes));
  return new Promise((resolve, reject) =>
    client.rpcCall(`${address}/${service}/${method}`, request, {}, descriptor, (error, reply) => (error ? reject(error) : resolve(reply))));
}
