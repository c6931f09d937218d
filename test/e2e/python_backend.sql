-- SPDX-License-Identifier: MIT
-- The schema of a database that the Python backend made.

CREATE TABLE Skill (skillId serial PRIMARY KEY, name varchar);
CREATE TABLE BusinessSector (businessSectorId serial PRIMARY KEY, name varchar);
CREATE TABLE Account (accountId serial PRIMARY KEY, name varchar, email varchar UNIQUE, passwordHash bytea, dob date,
    businessSectorId integer REFERENCES BusinessSector (businessSectorId) ON DELETE CASCADE);
CREATE TABLE Mentor (mentorId serial PRIMARY KEY, accountId integer REFERENCES Account (accountId) ON DELETE CASCADE);
CREATE TABLE Mentee (menteeId serial PRIMARY KEY, accountId integer REFERENCES Account (accountId) ON DELETE CASCADE);
CREATE TABLE MentorSkill (mentorSkillId serial PRIMARY KEY,
    mentorId integer REFERENCES Mentor (mentorId) ON DELETE CASCADE, skillId integer REFERENCES Skill (skillId) ON DELETE CASCADE);
CREATE TABLE MenteeSkill (menteeSkillId serial PRIMARY KEY,
    menteeId integer REFERENCES Mentee (menteeId) ON DELETE CASCADE, skillId integer REFERENCES Skill (skillId) ON DELETE CASCADE);
CREATE TABLE Assignment (assignmentId serial PRIMARY KEY,
    mentorId integer REFERENCES Mentor (mentorId) ON DELETE CASCADE, menteeId integer REFERENCES Mentee (menteeId) ON DELETE CASCADE);
CREATE TABLE Meeting (meetingId serial PRIMARY KEY,
    assignmentId integer REFERENCES Assignment (assignmentId) ON DELETE CASCADE, link varchar, start timestamp, duration integer);
CREATE TABLE Workshop (workshopId serial PRIMARY KEY,
    skillId integer REFERENCES Skill (skillId) ON DELETE CASCADE, link varchar, start timestamp, duration integer);
CREATE TABLE MentorMessage (mentorMessageId serial PRIMARY KEY,
    mentorId integer REFERENCES Mentor (mentorId) ON DELETE CASCADE, message varchar);
CREATE TABLE MenteeMessage (menteeMessageId serial PRIMARY KEY,
    menteeId integer REFERENCES Mentee (menteeId) ON DELETE CASCADE, message varchar);
CREATE TABLE Milestone (milestoneId serial PRIMARY KEY,
    menteeId integer REFERENCES Mentee (menteeId) ON DELETE CASCADE, content varchar, completed boolean);
CREATE TABLE MentorFeedback (mentorFeedbackId serial PRIMARY KEY,
    assignmentId integer REFERENCES Assignment (assignmentId) ON DELETE CASCADE, rating double precision);
CREATE TABLE MenteeFeedback (menteeFeedbackId serial PRIMARY KEY,
    assignmentId integer REFERENCES Assignment (assignmentId) ON DELETE CASCADE, rating double precision);
CREATE TABLE DevelopmentFeedback (developmentFeedbackId serial PRIMARY KEY,
    assignmentId integer REFERENCES Assignment (assignmentId) ON DELETE CASCADE, content varchar);
CREATE TABLE WebsiteFeedback (websiteFeedbackId serial PRIMARY KEY, message varchar);
CREATE TABLE RatingModel (businessArea1Id integer, businessArea2Id integer, skillOverlapCoefficient double precision,
    ageDifferenceCoefficient double precision, modelOffset double precision, CHECK (businessArea1Id < businessArea2Id));
CREATE TABLE PendingRatingFeedback (businessArea1Id integer, businessArea2Id integer, skillOverlap integer,
    ageDifference integer, rating double precision, CHECK (businessArea1Id < businessArea2Id));
CREATE TABLE PendingTextFeedback (businessArea1Id integer, businessArea2Id integer, skillOverlap integer,
    ageDifference integer, content varchar, CHECK (businessArea1Id < businessArea2Id));
