/* SPDX-License-Identifier: MIT
 *
 * Password hashes: known answers of other implementations, bounds, renewal, and one computation a
 * verification. Costs are low where the cost is not the point. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <uv.h>

#include "base/keyed_hash.h"
#include "login/hash_arena.h"
#include "login/password.h"

/* Of the password "correct horse"; made by the argon2 reference library and by libxcrypt under Python. */
#define ARGON2ID                                                                                             \
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is"
#define ARGON2ID_64M                                                                                         \
    "$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$K0OuGeqXkzosj2AshFZqi8OXh38JYrgOpu5ZUDtfjHM"
#define ARGON2I                                                                                              \
    "$argon2i$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$TSWXQupParD7p4pi1ivxCVZCrQyRPRrHhlEd8pbeRw8"
#define BCRYPT_2B "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
#define BCRYPT_2A "$2a$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
#define BCRYPT_2Y "$2y$10$abcdefghijklmnopqrstuu23JPZtHcGhwXSF41f93o/7vBdDut3Xu"
#define BCRYPT_12 "$2b$12$abcdefghijklmnopqrstuuFDJRuYeKkCzo3Wy7h8SxhBSHBAHiPK2"
/* Of "Łódź", in four lanes. */
#define ARGON2ID_LANES                                                                                       \
    "$argon2id$v=19$m=1024,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA$puX+UMyCSHkuVNoMhLODvzYGe76UbkSZaG43bbDQ9aE"
/* Of 72 times x. */
#define BCRYPT_X72 "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
/* Of "test", made by Python's bcrypt. */
#define BCRYPT_PYTHON "$2b$12$QY6uiA5Rqza1fuOKS4xRLOPArJ3dRpwIp7o3Np6q2ODRLHYBBVuV2"

static struct password_policy argon2id, bcrypt;

static void set_up(void)
{
    struct config config = { .password = { .scheme = PASSWORD_ARGON2ID,
                                           .argon2_memory_kib = 19456,
                                           .argon2_passes = 2,
                                           .bcrypt_cost = 10 } };
    ck_assert_int_eq(password_init(), 0);
    password_policy_set(&argon2id, &config);
    config.password.scheme = PASSWORD_BCRYPT;
    password_policy_set(&bcrypt, &config);
}

static enum password_verdict verify_bytes(const char *password, size_t len, const char *stored,
                                          size_t stored_len)
{
    enum password_verdict verdict;
    uint64_t n_before = password_n_verifications();
    ck_assert_int_eq(password_verify(&argon2id, password, len, stored, stored_len, &verdict), 0);
    ck_assert_uint_eq(password_n_verifications() - n_before, 1);
    return verdict;
}

static enum password_verdict verify(const char *password, const char *stored)
{
    return verify_bytes(password, strlen(password), stored, stored ? strlen(stored) : 0);
}

static bool outdated(const struct password_policy *policy, const char *stored)
{
    return password_outdated(policy, stored, strlen(stored), 13);
}

START_TEST(hashes_of_every_scheme_match_their_password_and_no_other)
{
    const char *const hashes[] = {
        ARGON2ID, ARGON2ID_64M, ARGON2I, BCRYPT_2B, BCRYPT_2A, BCRYPT_2Y, BCRYPT_12
    };
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        ck_assert_msg(verify("correct horse", hashes[i]) == PASSWORD_MATCHES, "%s", hashes[i]);
        ck_assert_msg(verify("correct horsE", hashes[i]) == PASSWORD_DIFFERS, "%s", hashes[i]);
        ck_assert_msg(verify("", hashes[i]) == PASSWORD_DIFFERS, "%s", hashes[i]);
    }
    ck_assert_int_eq(verify("Łódź", ARGON2ID_LANES), PASSWORD_MATCHES);
    ck_assert_int_eq(verify("Lodz", ARGON2ID_LANES), PASSWORD_DIFFERS);
}
END_TEST

START_TEST(a_hash_of_the_python_backend_matches)
{
    ck_assert_int_eq(verify("test", BCRYPT_PYTHON), PASSWORD_MATCHES);
    ck_assert_int_eq(verify("Test", BCRYPT_PYTHON), PASSWORD_DIFFERS);
}
END_TEST

START_TEST(an_argon2_hash_of_64_bytes_matches)
{
    static const char stored[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsAA$0K2CVIgoOrkH6kXh"
                                 "rco9DK0rFeOmGiHaQEgpAMcdOKNE+fMtLGBICT+E0mAGyKG77FCFDhEBqQV0vWhcM0qkKg";
    ck_assert_int_eq(verify("correct horse", stored), PASSWORD_MATCHES);
    ck_assert_int_eq(verify("correct hors", stored), PASSWORD_DIFFERS);
}
END_TEST

START_TEST(a_new_hash_matches_and_is_salted)
{
    const struct password_policy *const policies[] = { &argon2id, &bcrypt };
    const char *const beginnings[] = { "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$10$" };
    char made[PASSWORD_CRYPT_BYTES], again[PASSWORD_CRYPT_BYTES];
    ck_assert_int_eq(password_make(policies[_i], "pässword", 9, made), 0);
    ck_assert_int_eq(password_make(policies[_i], "pässword", 9, again), 0);
    ck_assert_int_eq(strncmp(made, beginnings[_i], strlen(beginnings[_i])), 0);
    ck_assert_str_ne(made, again);
    ck_assert_int_eq(verify("pässword", made), PASSWORD_MATCHES);
    ck_assert_int_eq(verify("password", made), PASSWORD_DIFFERS);
    ck_assert(!outdated(policies[_i], made));
}
END_TEST

START_TEST(no_stored_hash_costs_one_computation_and_differs)
{
    enum password_verdict verdict;
    ck_assert_int_eq(verify("anything", NULL), PASSWORD_DIFFERS);
    uint64_t n_before = password_n_verifications();
    ck_assert_int_eq(password_verify(&bcrypt, "anything", 8, NULL, 0, &verdict), 0);
    ck_assert_int_eq(verdict, PASSWORD_DIFFERS);
    ck_assert_uint_eq(password_n_verifications() - n_before, 1);
}
END_TEST

START_TEST(a_dummy_costs_what_a_new_hash_costs)
{
    char made[PASSWORD_CRYPT_BYTES];
    const struct password_policy *const policies[] = { &argon2id, &bcrypt };
    ck_assert_int_eq(password_make(policies[_i], "x", 1, made), 0);
    ck_assert_uint_eq(strlen(made), strlen(policies[_i]->dummy));
    ck_assert(!outdated(policies[_i], policies[_i]->dummy));
    /* A well-formed one differs; a malformed one would be unusable. */
    ck_assert_int_eq(verify("x", policies[_i]->dummy), PASSWORD_DIFFERS);
}
END_TEST

START_TEST(an_unusable_hash_costs_one_computation_and_says_so)
{
    static const char *const hashes[] = {
        "",
        "plain",
        "$1$abcdefgh$abcdefghijklmnopqrstuv",
        "$2$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$16$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6",
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6ee",
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH:d5oUHpsygqV5X9xJLQc6e",
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$v=19$m=99999999999999999999,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mg",
        "$argon2id$v=19$m=19456,t=17,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$v=19$m=19456,t=2,p=17$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$v=19$m=8,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$v=16$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$",
        "$argon2id$v=19$m=19456,t=2,p=1$$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is ",
        "$argon2d$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
    };
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        ck_assert_msg(verify("correct horse", hashes[i]) == PASSWORD_UNUSABLE, "%s", hashes[i]);
        ck_assert(!outdated(&argon2id, hashes[i]));
    }
    static const char with_nul[] = "$2b$04$\0bcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    ck_assert_int_eq(verify_bytes("correct horse", 13, with_nul, sizeof with_nul - 1), PASSWORD_UNUSABLE);
    static char huge[1 << 16];
    memset(huge, '$', sizeof huge);
    ck_assert_int_eq(verify_bytes("correct horse", 13, huge, sizeof huge), PASSWORD_UNUSABLE);
}
END_TEST

START_TEST(bcrypt_of_over_72_bytes_is_verified_by_its_first_72)
{
    char password[200];
    memset(password, 'x', sizeof password);
    ck_assert_int_eq(verify_bytes(password, 72, BCRYPT_X72, 60), PASSWORD_MATCHES);
    ck_assert_int_eq(verify_bytes(password, 200, BCRYPT_X72, 60), PASSWORD_MATCHES);
    ck_assert_int_eq(verify_bytes(password, 71, BCRYPT_X72, 60), PASSWORD_DIFFERS);
    /* Only 72 bytes are proven: what follows must not become the password. */
    ck_assert(!password_outdated(&argon2id, BCRYPT_X72, 60, 73));
    ck_assert(password_outdated(&argon2id, BCRYPT_X72, 60, 72));
}
END_TEST

START_TEST(bcrypt_never_hashes_a_truncated_password)
{
    char password[PASSWORD_MAX_BYTES + 1], made[PASSWORD_CRYPT_BYTES];
    memset(password, 'x', sizeof password);
    ck_assert_ptr_null(password_problem(&bcrypt, password, 72));
    ck_assert_str_eq(password_problem(&bcrypt, password, 73),
                     "password is longer than 72 bytes; use a shorter one");
    ck_assert_int_eq(password_make(&bcrypt, password, 73, made), UV_EINVAL);
    ck_assert_int_eq(password_make(&bcrypt, password, 72, made), 0);
    ck_assert_ptr_null(password_problem(&argon2id, password, 73));
}
END_TEST

START_TEST(passwords_over_1024_bytes_or_with_nul_are_refused_and_match_nothing)
{
    char password[PASSWORD_MAX_BYTES + 1], made[PASSWORD_CRYPT_BYTES];
    memset(password, 'x', sizeof password);
    ck_assert_int_eq(password_make(&argon2id, password, PASSWORD_MAX_BYTES, made), 0);
    ck_assert_int_eq(verify_bytes(password, PASSWORD_MAX_BYTES, made, strlen(made)), PASSWORD_MATCHES);
    ck_assert_int_eq(password_make(&argon2id, password, PASSWORD_MAX_BYTES + 1, made), UV_EINVAL);
    ck_assert_int_eq(verify_bytes(password, PASSWORD_MAX_BYTES + 1, BCRYPT_X72, 60), PASSWORD_DIFFERS);
    ck_assert_int_eq(verify_bytes("correct horse\0", 14, BCRYPT_2B, 60), PASSWORD_DIFFERS);
    ck_assert_str_eq(password_problem(&argon2id, "a\0b", 3),
                     "password holds a NUL character; use a password without");
    ck_assert_int_eq(password_make(&argon2id, "a\0b", 3, made), UV_EINVAL);
}
END_TEST

START_TEST(a_hash_is_outdated_if_the_policy_would_make_another)
{
    ck_assert(!outdated(&argon2id, ARGON2ID));
    ck_assert(outdated(&argon2id, ARGON2ID_64M));
    ck_assert(outdated(&argon2id, ARGON2I));
    ck_assert(outdated(&argon2id, BCRYPT_12));
    ck_assert(outdated(&argon2id, BCRYPT_2Y));

    ck_assert(!outdated(&bcrypt, ARGON2ID));
    ck_assert(!outdated(&bcrypt, ARGON2ID_64M));
    ck_assert(!outdated(&bcrypt, ARGON2I));
    ck_assert(outdated(&bcrypt, BCRYPT_12));
    ck_assert(outdated(&bcrypt, BCRYPT_2Y));
    ck_assert(!outdated(&bcrypt, "$2b$10$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"));
}
END_TEST

START_TEST(a_kept_arena_changes_no_hash)
{
    hash_arena_init();
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(verify("correct horse", ARGON2ID), PASSWORD_MATCHES);
        ck_assert_int_eq(verify("correct horse", ARGON2ID_64M), PASSWORD_MATCHES);
        ck_assert_int_eq(verify("correct horse", ARGON2I), PASSWORD_MATCHES);
        ck_assert_int_eq(verify("Łódź", ARGON2ID_LANES), PASSWORD_MATCHES);
        ck_assert_int_eq(verify("wrong", ARGON2ID), PASSWORD_DIFFERS);
        hash_arena_rest();
    }
    hash_arena_finish();
    ck_assert_int_eq(verify("correct horse", ARGON2ID), PASSWORD_MATCHES);
}
END_TEST

START_TEST(a_kept_arena_is_reused_and_wiped_when_it_rests)
{
    enum { LEN = 3 << 20 };
    hash_arena_init();
    unsigned char *first = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(first, MAP_FAILED);
    /* While it is in use a second mapping is another one. */
    unsigned char *second = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(second, MAP_FAILED);
    ck_assert_ptr_ne(second, first);
    memset(first, 0xa5, LEN);
    ck_assert_int_eq(munmap(second, LEN), 0);
    ck_assert_int_eq(munmap(first, LEN), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    hash_arena_rest();
    unsigned char *again = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_eq(again, first);
    ck_assert(again[0] == 0 && memcmp(again, again + 1, LEN - 1) == 0);
    ck_assert_int_eq(munmap(again, LEN), 0);
#endif
    hash_arena_finish();
}
END_TEST

START_TEST(a_keyed_hash_depends_on_key_and_bytes)
{
    struct keyed_hash a, b;
    keyed_hash_init(&a);
    keyed_hash_init(&b);
    ck_assert_uint_eq(keyed_hash_of(&a, "abc", 3), keyed_hash_of(&a, "abc", 3));
    ck_assert_uint_ne(keyed_hash_of(&a, "abc", 3), keyed_hash_of(&a, "abd", 3));
    ck_assert_uint_ne(keyed_hash_of(&a, "abc", 3), keyed_hash_of(&b, "abc", 3));
}
END_TEST

Suite *password_suite(void)
{
    Suite *suite = suite_create("password");
    TCase *tcase = tcase_create("password");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, hashes_of_every_scheme_match_their_password_and_no_other);
    tcase_add_test(tcase, an_argon2_hash_of_64_bytes_matches);
    tcase_add_test(tcase, a_hash_of_the_python_backend_matches);
    tcase_add_loop_test(tcase, a_new_hash_matches_and_is_salted, 0, 2);
    tcase_add_test(tcase, no_stored_hash_costs_one_computation_and_differs);
    tcase_add_loop_test(tcase, a_dummy_costs_what_a_new_hash_costs, 0, 2);
    tcase_add_test(tcase, an_unusable_hash_costs_one_computation_and_says_so);
    tcase_add_test(tcase, bcrypt_of_over_72_bytes_is_verified_by_its_first_72);
    tcase_add_test(tcase, bcrypt_never_hashes_a_truncated_password);
    tcase_add_test(tcase, passwords_over_1024_bytes_or_with_nul_are_refused_and_match_nothing);
    tcase_add_test(tcase, a_hash_is_outdated_if_the_policy_would_make_another);
    tcase_add_test(tcase, a_kept_arena_changes_no_hash);
    tcase_add_test(tcase, a_kept_arena_is_reused_and_wiped_when_it_rests);
    tcase_add_test(tcase, a_keyed_hash_depends_on_key_and_bytes);
    suite_add_tcase(suite, tcase);
    return suite;
}
