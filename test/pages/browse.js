// SPDX-License-Identifier: MIT
// Pages in headless Chromium: node test/pages/browse.js SCENARIO URL, where test_pages.py says which. Ends with 1 and a stack if
// something is other than expected; what else is printed is for test_pages.py.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const PATIENCE_MS = 120_000;
const WIDE = { width: 1400, height: 900 }, PHONE = { width: 390, height: 844 };

async function answered(page, status) {
  await page.locator(".answer .status", { hasText: status }).waitFor();
  return page.locator(".answers").innerText();
}

async function open(page, url, name) {
  await page.goto(`${url}/#${name}`);
  await page.locator("h1", { hasText: name.split("/")[1] }).waitFor();
}

async function logIn(page, password) {
  await page.locator("textarea").first().fill("demo-mentee@example.com");
  await page.locator("input[type=password]").first().fill(password);
}

const scenarios = {
  async lists(page, url) {
    await page.goto(url);
    console.log(JSON.stringify(await page.locator("nav a").evaluateAll(links => links.map(link => link.getAttribute("href").slice(1)))));
    await open(page, url, "meeting_package.MeetingService/ScheduleNewMeeting");
    await page.getByText("the mentee has no mentor yet").waitFor();
    await page.locator(".field", { hasText: "duration" }).getByText("minutes").waitFor();
  },

  async calls(page, url) {
    await open(page, url, "account_package.AccountService/TryLogin");
    await logIn(page, "demo");
    await page.getByRole("button", { name: "Send" }).click();
    assert.deepEqual(JSON.parse(await answered(page, "200 OK")), { status: true, id: "61" });
    assert.match(await page.locator(".facts").first().innerText(), /^[\d.]+ ms · 25 bytes$/);
    console.log(await page.locator(".line pre").innerText());
  },

  /* The line of every RPC, as the page shows it before anything was filled in; and one with much to quote. */
  async lines(page, url) {
    await page.goto(url);
    const names = await page.locator("nav a").evaluateAll(links => links.map(link => link.getAttribute("href").slice(1)));
    const lines = [];
    for (const name of names) {
      await open(page, url, name);
      lines.push([name, await page.locator(".line pre").innerText()]);
    }
    await open(page, url, "feedback_package.FeedbackService/AddDevFeedback");
    await page.locator("textarea").first().fill(`it's "$HOME" \\ \`id\` !! ü世\n%s`);
    lines.push(["quoted", await page.locator(".line pre").innerText()]);
    console.log(JSON.stringify(lines));
  },

  async refusal(page, url) {
    await open(page, url, "feedback_package.FeedbackService/AddFeedbackOnMentor");
    await page.getByRole("tab", { name: "JSON" }).click();
    await page.locator("textarea.json").fill('{"mentorUserId": 1, "menteeUserId": 2, "rating": 9}');
    await page.getByRole("button", { name: "Send" }).click();
    assert.match(await answered(page, "400 invalid_argument"), /a rating is 0 to 5, got 9/);
    await page.locator("textarea.json").fill('{"rating": }');
    await page.locator(".wrong", { hasText: "Not JSON" }).waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    assert.match(await answered(page, "400 invalid_argument"), /rating: expected a number/);
  },

  async large(page, url) {
    await open(page, url, "account_package.AccountService/AccountProfiles");
    await page.locator(".field input").first().fill("9007199254740993");
    assert.match(await page.locator(".line pre").innerText(), /"userid":"9007199254740993"/);
    await page.locator(".field input").first().fill("<b>no</b>");
    await page.getByRole("button", { name: "Send" }).click();
    assert.match(await answered(page, "400 invalid_argument"), /got the string "<b>no<\/b>"/);
  },

  async stream(page, url) {
    await open(page, url, "grpc.health.v1.Health/Watch");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator(".answers pre", { hasText: "SERVING" }).first().waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator(".status", { hasText: "stopped" }).waitFor();
  },

  async keyboard(page, url) {
    await page.goto(url);
    await page.keyboard.press("/");
    await page.keyboard.type("trylog");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: "TryLogin" }).waitFor();
    while (await page.evaluate(() => document.activeElement.tagName) !== "TEXTAREA") await page.keyboard.press("Tab");
    await page.keyboard.type("demo-mentee@example.com");
    await page.keyboard.press("Tab");
    await page.keyboard.type("demo");
    await page.keyboard.press("Control+Enter");
    assert.match(await answered(page, "200 OK"), /"id": "61"/);
  },

  async sizes(page, url, browser) {
    const grounds = {};
    for (const colorScheme of ["light", "dark"]) {
      const phone = await browser.newPage({ viewport: PHONE, colorScheme });
      phone.setDefaultTimeout(PATIENCE_MS);
      await phone.goto(url);
      await phone.getByRole("link", { name: "UpdateProfileDetails" }).click();
      await phone.getByRole("button", { name: "Add to skills" }).click();
      await phone.getByRole("button", { name: "Send" }).click();
      await answered(phone, "200 OK");
      assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), PHONE.width);
      grounds[colorScheme] = await phone.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await phone.getByRole("link", { name: "All RPCs" }).click();
      await phone.getByRole("link", { name: "TryLogin" }).waitFor();
      await phone.close();
    }
    assert.notEqual(grounds.light, grounds.dark);
  },

  async policy(page, url) {
    await page.goto(url);
    assert.equal(await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.intruder = true";
      document.head.append(script);
      return window.intruder;
    }), undefined);
    page.complaints.length = 0; // the browser told of it
  },

  /* The operators' status page; calls are made where clients make them. */
  async status(page, url, browser, clients) {
    const grounds = {};
    for (const viewport of [WIDE, PHONE]) for (const colorScheme of ["light", "dark"]) {
      const seen = await browser.newPage({ viewport, colorScheme });
      seen.setDefaultTimeout(PATIENCE_MS);
      seen.on("pageerror", error => page.complaints.push(error.message));
      seen.on("console", message => message.type() === "error" && page.complaints.push(message.text()));
      await seen.goto(url);
      await seen.locator("#state", { hasText: "ready" }).waitFor();
      for (let n = 0; n < 2; n++) {
        const before = Number(await seen.locator("tr", { hasText: "ListSkills" }).locator("td").last().evaluate(td => td.textContent));
        const answer = await fetch(`${clients}/account_package.AccountService/ListSkills`,
                                   { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
        assert.equal(answer.status, 200);
        await seen.waitForFunction(least => [...document.querySelectorAll("tr")].some(tr =>
          tr.textContent.startsWith("ListSkills") && Number(tr.lastElementChild.textContent) > least), before);
      }
      assert.equal(await seen.evaluate(() => document.documentElement.scrollWidth), viewport.width);
      const tabTo = async id => {
        for (let i = 0; i < 60 && await seen.evaluate(() => document.activeElement.id) !== id; i++) await seen.keyboard.press("Tab");
        assert.equal(await seen.evaluate(() => document.activeElement.id), id);
        await seen.keyboard.press("Enter");
      };
      const unknown = seen.locator("tr", { hasText: "unknown" });
      assert.equal(await unknown.isVisible(), false);
      await tabTo("idle");
      await unknown.waitFor();
      const ground = () => seen.evaluate(() => getComputedStyle(document.body).backgroundColor);
      grounds[colorScheme] = await ground();
      await tabTo("theme");
      assert.notEqual(await ground(), grounds[colorScheme]);
      await seen.reload();
      assert.notEqual(await ground(), grounds[colorScheme]);
      await seen.evaluate(() => localStorage.clear());
      await seen.close();
    }
    assert.notEqual(grounds.light, grounds.dark);
  },

  /* examples/web, from its own origin. */
  async dashboard(page, url) {
    await page.goto(url);
    await page.locator("[name=username]").fill("demo-mentee@example.com");
    await page.locator("[name=password]").fill("wrong");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("There is no account of this e-mail and password.").waitFor();
    await page.locator("[name=password]").fill("demo");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("Your mentor is Mona Mentor.").waitFor();
    await page.getByText("Notifications").waitFor();
    assert.match(await page.locator("#dashboard").innerText(), /45 minutes: meeting with Mona Mentor, join/);
  },

  async disallowed(page, url) {
    await page.goto(url);
    await page.locator("[name=username]").fill("demo-mentee@example.com");
    await page.locator("[name=password]").fill("demo");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("does not allow").waitFor();
    page.complaints.length = 0;
  },
};

const [scenario, url, ...more] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"], timeout: PATIENCE_MS });
try {
  const page = await browser.newPage({ viewport: WIDE });
  page.setDefaultTimeout(PATIENCE_MS);
  page.complaints = [];
  page.on("pageerror", error => page.complaints.push(error.message));
  page.on("console", message => message.type() === "error" && !/status of 4\d\d/.test(message.text()) && page.complaints.push(message.text()));
  await scenarios[scenario](page, url, browser, ...more);
  assert.deepEqual(page.complaints, []);
} finally {
  await browser.close();
}
