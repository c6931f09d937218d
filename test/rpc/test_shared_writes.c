/* SPDX-License-Identifier: MIT
 *
 * Writes with an idempotency-key that come together share one insert, and each is answered as if it had come
 * by itself, whatever is wrong with others of them.
 */
#include "harness.h"

#define WRITES 100
#define BAD    41

static struct sent *add_feedback(int key, const char *content)
{
    rpc_set_key(numbered("key", key));
    return rpc_send(RPC_ADD_DEV_FEEDBACK,
                    &(feedback_package_AddDevFeedbackRequest){ .content = (char *)content });
}

/* Sends them in one turn of the loop. The bad one has another text, and alone may end with another status. */
static void add_many(const char *bad, enum status bad_status)
{
    struct sent *sent[WRITES];
    for (int i = 0; i < WRITES; i++)
        sent[i] = add_feedback(i, i == BAD ? bad : numbered("text", i));
    rpc_wait_all();
    for (int i = 0; i < WRITES; i++)
        ck_assert_msg(sent[i]->status == (i == BAD ? bad_status : STATUS_OK), "%d: status %d: %s", i,
                      sent[i]->status, sent[i]->message);
}

static void are_stored(int n)
{
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), n);
    ck_assert_int_eq(db_int("SELECT count(DISTINCT message) FROM websitefeedback"), n);
    ck_assert_int_eq(db_int("SELECT count(*) FROM kept_answer"), n);
}

static long n_transactions(void)
{
    return db_int("SELECT count(DISTINCT xmin::text) FROM websitefeedback");
}

/* From now on test.inserts has a row for each insert, of however many rows. */
static void count_inserts(void)
{
    db_run("CREATE TABLE test.inserts ();"
           "CREATE FUNCTION test.count() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
           "$$BEGIN INSERT INTO test.inserts DEFAULT VALUES; RETURN NULL; END$$;"
           "CREATE TRIGGER count AFTER INSERT ON websitefeedback FOR EACH STATEMENT EXECUTE FUNCTION "
           "test.count()");
}

START_TEST(writes_that_come_together_share_an_insert)
{
    count_inserts();
    add_many("another", STATUS_OK);
    are_stored(WRITES);
    ck_assert_int_le(db_int("SELECT count(*) FROM test.inserts"), 2);
    add_many("another", STATUS_OK);
    are_stored(WRITES);
}
END_TEST

START_TEST(a_key_that_was_used_before_leaves_the_others_their_transaction)
{
    harness_let_take_their_time(LANE_INSERT);
    rpc_wait(add_feedback(BAD, "another"));
    add_many("another", STATUS_OK);
    are_stored(WRITES);
    ck_assert_int_le(n_transactions(), 3);
}
END_TEST

START_TEST(a_key_with_another_request_is_refused_alone)
{
    rpc_wait(add_feedback(BAD, "first"));
    add_many("second", STATUS_INVALID_ARGUMENT);
    are_stored(WRITES);
}
END_TEST

START_TEST(of_two_with_one_key_one_acts)
{
    struct sent *sent[WRITES];
    for (int i = 0; i < WRITES; i++)
        sent[i] = add_feedback(i / 2, numbered("text", i / 2));
    rpc_wait_all();
    for (int i = 0; i < WRITES; i++)
        ck_assert_int_eq(sent[i]->status, STATUS_OK);
    are_stored(WRITES / 2);
}
END_TEST

START_TEST(one_that_cannot_be_stored_fails_alone)
{
    harness_let_take_their_time(LANE_INSERT);
    db_run("ALTER TABLE websitefeedback ADD CHECK (message <> 'bad')");
    add_many("bad", STATUS_INTERNAL);
    are_stored(WRITES - 1);
    ck_assert_int_le(n_transactions(), 2);
}
END_TEST

START_TEST(one_that_cannot_be_committed_fails_alone)
{
    db_run("CREATE FUNCTION test.look() RETURNS trigger LANGUAGE plpgsql AS "
           "$$BEGIN IF NEW.message = 'bad' THEN RAISE 'bad'; END IF; RETURN NULL; END$$;"
           "CREATE CONSTRAINT TRIGGER look AFTER INSERT ON websitefeedback DEFERRABLE INITIALLY DEFERRED "
           "FOR EACH ROW EXECUTE FUNCTION test.look()");
    add_many("bad", STATUS_INTERNAL);
    are_stored(WRITES - 1);
}
END_TEST

Suite *shared_writes_suite(void)
{
    Suite *suite = suite_create("shared_writes");
    TCase *tcase = harness_case(suite, "writes with keys");
    tcase_add_test(tcase, writes_that_come_together_share_an_insert);
    tcase_add_test(tcase, a_key_that_was_used_before_leaves_the_others_their_transaction);
    tcase_add_test(tcase, a_key_with_another_request_is_refused_alone);
    tcase_add_test(tcase, of_two_with_one_key_one_acts);
    tcase_add_test(tcase, one_that_cannot_be_stored_fails_alone);
    tcase_add_test(tcase, one_that_cannot_be_committed_fails_alone);
    return suite;
}
