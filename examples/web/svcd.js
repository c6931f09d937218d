// SPDX-License-Identifier: MIT
// Calling svcd from a page: Connect's JSON is a POST by fetch, so there is nothing to generate, bundle or install.

/** A call that svcd refused: `code` is gRPC's in small letters ("not_found", "unavailable"), the message says what was wrong. */
export class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * Calls an RPC: `await call("http://127.0.0.1:50081", "account_package.AccountService/TryLogin", { username, password })`.
 *
 * The reply has no field that is at its default (false, 0, "", an empty list); ids are 64 bits long and come as strings, and
 * are best left so. Times are text of RFC 3339.
 */
export async function call(server, method, request = {}, { timeoutMs = 10000, signal, token } = {}) {
  const headers = { "content-type": "application/json", "connect-timeout-ms": String(timeoutMs) };
  if (token) headers.authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(`${server}/${method}`, { method: "POST", headers, body: JSON.stringify(request), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError("unavailable", `${server} is not to be reached, or does not allow ${location.origin} (server.allowed_origins)`);
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  let failure = {};
  try {
    failure = JSON.parse(text);
  } catch {
    // not svcd's words but those of a proxy in front
  }
  throw new CallError(failure.code ?? "unknown", failure.message ?? `HTTP ${response.status}`);
}
