/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static bool is_filled(const unsigned char *bytes, size_t len, unsigned char with)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != with)
            return false;
    return true;
}

START_TEST(pieces_are_zeroed_aligned_and_apart)
{
    struct arena arena = { 0 };
    enum { N = 3000 };
    static unsigned char *pieces[N];
    for (size_t i = 0; i < N; i++) {
        pieces[i] = arena_alloc(&arena, i % 97);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        ck_assert(is_zero(pieces[i], i % 97));
        memset(pieces[i], (int)(i & 0xFF), i % 97);
    }
    for (size_t i = 0; i < N; i++)
        ck_assert(is_filled(pieces[i], i % 97, (unsigned char)i));
    arena_finish(&arena);
}
END_TEST

START_TEST(a_piece_may_be_empty_or_larger_than_a_block)
{
    struct arena arena = { 0 };
    ck_assert_ptr_nonnull(arena_alloc(&arena, 0));
    unsigned char *large = arena_alloc(&arena, 1000000);
    ck_assert_ptr_nonnull(large);
    ck_assert(is_zero(large, 1000000));
    memset(large, 1, 1000000);
    unsigned char *small = arena_alloc(&arena, 10);
    memset(small, 2, 10);
    ck_assert(is_filled(large, 1000000, 1));
    arena_finish(&arena);
}
END_TEST

START_TEST(what_was_reset_comes_back_zeroed)
{
    struct arena arena = { 0 };
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < 100; i++) {
            unsigned char *piece = arena_alloc(&arena, 50);
            ck_assert(is_zero(piece, 50));
            memset(piece, 0xFF, 50);
        }
        arena_reset(&arena);
    }
    arena_finish(&arena);
}
END_TEST

START_TEST(the_first_block_is_kept_for_the_next_use)
{
    struct arena arena = { 0 };
    void *first = arena_alloc(&arena, 100);
    for (int i = 0; i < 10; i++)
        arena_alloc(&arena, 1000);
    arena_reset(&arena);
    ck_assert_ptr_eq(arena_alloc(&arena, 100), first);
    arena_finish(&arena);
}
END_TEST

START_TEST(an_unusually_large_first_block_is_not_kept)
{
    struct arena arena = { 0 };
    arena_alloc(&arena, 1000000);
    arena_reset(&arena);
    ck_assert_ptr_null(arena.first);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 10));
    arena_finish(&arena);
}
END_TEST

START_TEST(more_than_there_can_be_is_null_and_harms_nothing)
{
    struct arena arena = { 0 };
    static const size_t lens[] = { SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, (size_t)PTRDIFF_MAX };
    unsigned char *piece = arena_alloc(&arena, 10);
    memset(piece, 7, 10);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
        ck_assert_ptr_null(arena_alloc(&arena, lens[i]));
    ck_assert(is_filled(piece, 10, 7));
    ck_assert_ptr_nonnull(arena_alloc(&arena, 10));
    arena_finish(&arena);
}
END_TEST

START_TEST(an_arena_that_is_empty_or_finished_can_be_reset_finished_and_used)
{
    struct arena arena = { 0 };
    arena_reset(&arena);
    arena_finish(&arena);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
    arena_finish(&arena);
    arena_finish(&arena);
    arena_reset(&arena);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 5000));
    arena_finish(&arena);
}
END_TEST

Suite *arena_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, pieces_are_zeroed_aligned_and_apart);
    tcase_add_test(tcase, a_piece_may_be_empty_or_larger_than_a_block);
    tcase_add_test(tcase, what_was_reset_comes_back_zeroed);
    tcase_add_test(tcase, the_first_block_is_kept_for_the_next_use);
    tcase_add_test(tcase, an_unusually_large_first_block_is_not_kept);
    tcase_add_test(tcase, more_than_there_can_be_is_null_and_harms_nothing);
    tcase_add_test(tcase, an_arena_that_is_empty_or_finished_can_be_reset_finished_and_used);
    return suite;
}
