// SPDX-License-Identifier: MIT
//
// A headless Chromium with a page of another origin: node browser.mjs http://ADDRESS DESCRIPTORS ALLOWED_PORT
// Serves the page on that port, whose origin may call, and on another one, whose may not.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { chromium } from "playwright-core";

const [, , baseUrl, path, allowedPort] = process.argv;
const descriptors = readFileSync(path).toString("base64");
const script = buildSync({ entryPoints: [fileURLToPath(new URL("page.mjs", import.meta.url))], bundle: true, write: false, format: "iife" })
  .outputFiles[0].text;

async function serve(port) {
  const server = createServer((request, response) => {
    response.setHeader("content-type", request.url === "/page.js" ? "text/javascript" : "text/html");
    response.end(request.url === "/page.js" ? script : '<!doctype html><script src="/page.js"></script>');
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}/`;
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
async function run(url, ...args) {
  const page = await browser.newPage();
  await page.goto(url);
  const told = await page.evaluate(([name, ...rest]) => globalThis[name](...rest), args);
  for (const line of told) console.log(line);
}

const allowed = await serve(Number(allowedPort));
const refused = await serve(0);
await run(allowed, "everything", baseUrl, descriptors);
console.log("-- a write from the allowed origin");
await run(allowed, "write", baseUrl, descriptors, "from the allowed page");
console.log("-- a write from the refused origin");
await run(refused, "write", baseUrl, descriptors, "from the refused page");
await browser.close();
process.exit();
