// SPDX-License-Identifier: MIT
// A client of svcd: one stub a service, each RPC a function that returns a promise.
//
//     const svcd = connect("127.0.0.1:50051");
//     const { status, id } = await svcd.account.TryLogin({ username, password });
//
// Ids are int64: JavaScript numbers here, exact up to 2^53 and so for every id svcd stores. An optional field that is
// absent is undefined. Times are { seconds, nanos }; see timestamp().

import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export const statusNames = Object.fromEntries(Object.entries(grpc.status).map(([name, code]) => [code, name]));

const protoFiles = ["account", "matching", "meeting", "feedback", "health"].map((name) => `${name}.proto`);
const loaded = grpc.loadPackageDefinition(
    loadSync(protoFiles, {
        includeDirs: [fileURLToPath(new URL("../../proto", import.meta.url))],
        keepCase: true,
        longs: Number,
        enums: String,
        defaults: true,
        arrays: true,
    }),
);

// Every RPC of the service as an async function, with a deadline.
function stub(Service, address, timeoutMs) {
    const client = new Service(address, grpc.credentials.createInsecure());
    const rpcs = Object.keys(Service.service).map((name) => {
        const call = promisify(client[name].bind(client));
        return [name, (request = {}) => call(request, { deadline: Date.now() + timeoutMs })];
    });
    return Object.fromEntries([...rpcs, ["close", () => client.close()]]);
}

export function connect(address = "127.0.0.1:50051", { timeoutMs = 10_000 } = {}) {
    const services = {
        account: stub(loaded.account_package.AccountService, address, timeoutMs),
        matching: stub(loaded.matching_package.MatchingService, address, timeoutMs),
        meeting: stub(loaded.meeting_package.MeetingService, address, timeoutMs),
        feedback: stub(loaded.feedback_package.FeedbackService, address, timeoutMs),
        health: stub(loaded.grpc.health.v1.Health, address, timeoutMs),
    };
    return { ...services, close: () => Object.values(services).forEach((service) => service.close()) };
}

export function timestamp(date) {
    return { seconds: Math.floor(date.getTime() / 1000), nanos: (((date.getTime() % 1000) + 1000) % 1000) * 1e6 };
}

export function date({ seconds, nanos }) {
    return new Date(seconds * 1000 + nanos / 1e6);
}
