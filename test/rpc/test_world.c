/* SPDX-License-Identifier: MIT
 *
 * The world that tests begin with: empty, whatever tables a migration adds; and what every such table has.
 */
#include "harness.h"

START_TEST(a_table_is_emptied_whatever_it_refers_to_and_its_ids_begin_anew)
{
    db_run("CREATE TABLE svcd.pebble (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, hill_id bigint, "
           "menteeid integer REFERENCES mentee);"
           "CREATE TABLE svcd.hill (id bigint PRIMARY KEY, part_of bigint REFERENCES svcd.hill);"
           "ALTER TABLE svcd.pebble ADD FOREIGN KEY (hill_id) REFERENCES svcd.hill");
    int mentee = make_mentee(make_area("Here"), "");
    db_run("INSERT INTO hill VALUES (1, NULL), (2, 1)");
    db_run("INSERT INTO pebble (hill_id, menteeid) SELECT 2, menteeid FROM mentee WHERE accountid = %d",
           mentee);
    world_empty();
    long rows = db_int("SELECT (SELECT count(*) FROM pebble) + (SELECT count(*) FROM hill) + (SELECT "
                       "count(*) FROM mentee)");
    long next = db_int("SELECT nextval('svcd.pebble_id_seq')");
    db_run("DROP TABLE svcd.pebble, svcd.hill");
    ck_assert_int_eq(rows, 0);
    ck_assert_int_eq(next, 1);
}
END_TEST

START_TEST(every_table_that_migrations_add_has_a_primary_key)
{
    const char *without =
        db_text("SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c WHERE c.relkind = 'r' AND "
                "c.relnamespace = 'svcd'::regnamespace AND NOT EXISTS (SELECT FROM pg_index i WHERE "
                "i.indrelid = c.oid AND i.indisprimary)");
    ck_assert_msg(!*without, "without a primary key: %s; give it one in sql/migrations", without);
}
END_TEST

Suite *world_suite(void)
{
    Suite *suite = suite_create("world");
    TCase *tcase = harness_case(suite, "emptied");
    tcase_add_test(tcase, a_table_is_emptied_whatever_it_refers_to_and_its_ids_begin_anew);
    tcase = harness_case(suite, "tables");
    tcase_add_test(tcase, every_table_that_migrations_add_has_a_primary_key);
    return suite;
}
