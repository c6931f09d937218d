-- SPDX-License-Identifier: MIT
-- A key for every table of svcd's, and a replica identity for those of the platform that have none: so updates and
-- deletes go on working where somebody publishes all tables (CREATE PUBLICATION ... FOR ALL TABLES).

ALTER TABLE svcd.offer ADD PRIMARY KEY (mentor_id, skill1, skill2, skill3);

ALTER TABLE public.ratingmodel REPLICA IDENTITY FULL;
ALTER TABLE public.pendingratingfeedback REPLICA IDENTITY FULL;
ALTER TABLE public.pendingtextfeedback REPLICA IDENTITY FULL;
