// SPDX-License-Identifier: MIT
// What a front end does, one RPC after the other: node walk_through.js [ADDRESS]
//
// Needs a running svcd with the demo data (`make run`) and `npm ci`; may be repeated. Exits with 1 if an answer is not
// as expected.

import assert from "node:assert/strict";
import { connect, date, statusNames, timestamp } from "./client.js";

const hour = 3_600_000;
const unique = Date.now().toString(36) + Math.floor(Math.random() * 1e6).toString(36);
const svcd = connect(process.argv[2]);

const say = (step, answer = "") => console.log(step.padEnd(32), typeof answer === "string" ? answer : JSON.stringify(answer));
const hoursFromNow = (hours) => timestamp(new Date(Math.floor(Date.now() / hour) * hour + hours * hour));

async function logIn(username, password) {
    const { status, id } = await svcd.account.TryLogin({ username, password });
    say("TryLogin", `${username}: ${status}`);
    return status ? id : null;
}

async function register(name, email, businessAreaId) {
    const request = { name, dateOfBirth: timestamp(new Date("1990-05-17")), email, password: "correct horse", businessAreaId };
    const reply = await svcd.account.RegisterUser(request);
    say("RegisterUser", `${name}: ${reply.accountId}`);
    assert.ok(reply.status && reply.accountId > 0);
    const again = await svcd.account.RegisterUser(request);
    assert.deepEqual([again.status, again.accountId], [false, undefined], "an e-mail was registered twice");
    return reply.accountId;
}

// A mentee and a mentor of different business areas.
async function signUp() {
    const { businessAreas } = await svcd.account.ListBusinessAreas();
    say("ListBusinessAreas", businessAreas);
    const { skills } = await svcd.account.ListSkills();
    say("ListSkills", skills);

    const mentee = await register("Ada Example", `ada.${unique}@example.com`, businessAreas[0].id);
    const mentor = await register("Grace Example", `grace.${unique}@example.com`, businessAreas[1].id);
    const desiredSkills = [skills[0].name, skills[1].name];
    assert.equal((await svcd.account.RegisterMentee({ userid: mentee, desiredSkills })).status, true);
    assert.equal((await svcd.account.RegisterMentee({ userid: mentee, desiredSkills })).status, false);
    assert.equal((await svcd.account.RegisterMentor({ userid: mentor, desiredSkills })).status, true);
    const profiles = await svcd.account.AccountProfiles({ userid: mentee });
    say("AccountProfiles", profiles);
    assert.deepEqual({ ...profiles }, { isMentor: false, isMentee: true });
    return { mentee, skill: skills[0] };
}

// The best mentor there is; not necessarily the one that just signed up.
async function match(menteeUserId) {
    assert.equal((await svcd.matching.GetMatchingMentor({ menteeUserId })).status, false);
    const matched = await svcd.matching.TryMatch({ menteeUserId });
    say("TryMatch", matched);
    assert.equal(matched.status, true);
    assert.equal((await svcd.matching.TryMatch({ menteeUserId })).status, false, "matched twice");
    assert.deepEqual(await svcd.matching.GetMatchingMentor({ menteeUserId }), matched);
    const { mentees } = await svcd.matching.GetMenteesByMentorId({ mentorUserId: matched.mentorUserId });
    say("GetMenteesByMentorId", mentees);
    assert.deepEqual({ ...mentees.at(-1) }, { userid: menteeUserId, name: "Ada Example" });
    return matched;
}

async function planAhead(menteeUserId, mentorName, skill) {
    const meeting = { menteeUserId, start: hoursFromNow(2), duration: 45, link: "https://meet.example.com/ada" };
    assert.equal((await svcd.meeting.ScheduleNewMeeting(meeting)).success, true);
    assert.equal((await svcd.meeting.ScheduleNewMeeting(meeting)).success, false, "meetings overlap");
    const inFarFuture = hoursFromNow(2000 + Math.floor(Math.random() * 50_000));
    const workshop = { start: inFarFuture, duration: 60, link: "https://meet.example.com/w", skill: skill.name };
    assert.equal((await svcd.meeting.ScheduleNewWorkshop(workshop)).status, true);
    assert.equal((await svcd.meeting.ScheduleNewWorkshop(workshop)).status, false, "workshops overlap");

    const { appointments } = await svcd.meeting.List5AppointmentsByUserID({ userid: menteeUserId, profileType: "MENTEE" });
    for (const a of appointments) {
        say("List5AppointmentsByUserID", `${date(a.start_time).toISOString()} ${a.duration_minutes} min ${a.name || a.skill}`);
    }
    const meetings = appointments.filter((a) => a.type === "MEETING");
    assert.equal(meetings.length, 1);
    assert.equal(meetings[0].name, mentorName);
    assert.equal(meetings[0].duration_minutes, 45);
    assert.equal(meetings[0].link, meeting.link);
    assert.deepEqual({ ...meetings[0].start_time }, meeting.start);

    const told = await svcd.account.GetNotifications({ userid: menteeUserId, targetProfileType: "MENTEE" });
    say("GetNotifications", told.desiredNotifications);
    assert.ok(told.desiredNotifications.some((text) => text.includes(mentorName) && text.includes("45 minutes")));
}

async function plansOfAction(menteeUserId) {
    const created = await svcd.meeting.CreatePlansOfActions({ menteeUserId, plansOfAction: "Read the examples" });
    say("CreatePlansOfActions", created);
    assert.equal(created.successful, true);
    const open = () => svcd.meeting.ListPlansOfActions({ userid: menteeUserId });
    assert.deepEqual((await open()).plansOfActions, [created.plansOfAction]);
    const toggled = await svcd.meeting.TogglePlansOfActionCompletion({ planid: created.plansOfAction.id });
    assert.equal(toggled.successful, true);
    assert.deepEqual((await open()).plansOfActions, [], "a completed plan is listed");
}

async function giveFeedback(menteeUserId, mentorUserId) {
    const pair = { menteeUserId, mentorUserId };
    for (const rate of [svcd.feedback.AddFeedbackOnMentor, svcd.feedback.AddFeedbackOnMentee]) {
        assert.equal((await rate({ ...pair, rating: 4.5 })).status, true);
        assert.equal((await rate({ ...pair, rating: 4.5 })).status, false, "rated twice");
    }
    assert.equal((await svcd.feedback.AddProgFeedback({ ...pair, content: "Coming along nicely" })).status, true);
    assert.equal((await svcd.feedback.AddDevFeedback({ content: "Nice site" })).status, true);
    say("feedback", "given");
}

async function update(userid) {
    const newEmail = `ada.new.${unique}@example.com`;
    const { success } = await svcd.account.UpdateProfileDetails({ userid, profileType: "MENTEE", newEmail });
    assert.equal(success, true);
    assert.equal(await logIn(newEmail, "correct horse"), userid);
}

// What is not answered by a reply's own boolean is a status with a message that says what was wrong.
async function errors() {
    for (const [expected, failing] of [
        ["NOT_FOUND", () => svcd.matching.TryMatch({ menteeUserId: 2 ** 31 - 1 })],
        ["INVALID_ARGUMENT", () => svcd.feedback.AddFeedbackOnMentor({ mentorUserId: 1, menteeUserId: 61, rating: 7 })],
    ]) {
        await assert.rejects(failing, (error) => {
            say(statusNames[error.code], error.details);
            return statusNames[error.code] === expected && error.details.length > 0;
        });
    }
}

const { status } = await svcd.health.Check({ service: "account_package.AccountService" });
say("Health.Check", status);
assert.equal(status, "SERVING");
assert.equal(await logIn("demo-mentee@example.com", "demo"), 61);
assert.equal(await logIn("demo-legacy@example.com", "demo"), 63);
assert.equal(await logIn("demo-mentee@example.com", "wrong"), null);

const { mentee, skill } = await signUp();
const { mentorUserId, mentorName } = await match(mentee);
await planAhead(mentee, mentorName, skill);
await plansOfAction(mentee);
await giveFeedback(mentee, mentorUserId);
await update(mentee);
await errors();
svcd.close();
console.log("done: every answer was as expected");
