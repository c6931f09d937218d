/* SPDX-License-Identifier: MIT */
#include "base/slabs.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLAB ((size_t)65536)

struct piece {
    uint8_t *at;
    size_t len;
    uint8_t with;
};

static bool is_filled(const struct piece *piece)
{
    for (size_t i = 0; i < piece->len; i++)
        if (piece->at[i] != piece->with)
            return false;
    return true;
}

static void fill(struct piece *piece, uint8_t with)
{
    piece->with = with;
    memset(piece->at, with, piece->len);
}

START_TEST(blocks_of_any_length_are_aligned_and_apart)
{
    struct slabs slabs;
    static struct piece pieces[3000];
    slabs_init(&slabs);
    for (size_t i = 0; i < 3000; i++) {
        pieces[i].len = i * 13 % 40000;
        pieces[i].at = slabs_alloc(&slabs, pieces[i].len);
        ck_assert_ptr_nonnull(pieces[i].at);
        ck_assert_uint_eq((uintptr_t)pieces[i].at % alignof(max_align_t), 0);
        fill(&pieces[i], (uint8_t)i);
    }
    for (size_t i = 0; i < 3000; i++) {
        ck_assert(is_filled(&pieces[i]));
        slabs_free(&slabs, pieces[i].at);
    }
    slabs_finish(&slabs);
    ck_assert_uint_eq(slabs.mapped, 0);
}
END_TEST

START_TEST(blocks_keep_what_they_hold_through_any_order_of_use)
{
    struct slabs slabs;
    static struct piece pieces[500];
    slabs_init(&slabs);
    srandom(7);
    for (size_t turn = 0; turn < 60000; turn++) {
        struct piece *piece = &pieces[(size_t)random() % 500];
        size_t len = (size_t)random() % (random() % 50 ? 3000 : 90000),
               kept = len < piece->len ? len : piece->len;
        ck_assert(is_filled(piece));
        if (piece->at && random() % 2) {
            slabs_free(&slabs, piece->at);
            *piece = (struct piece){ 0 };
            continue;
        }
        piece->at = slabs_realloc(&slabs, piece->at, len);
        ck_assert_ptr_nonnull(piece->at);
        piece->len = kept;
        ck_assert(is_filled(piece));
        piece->len = len;
        fill(piece, (uint8_t)turn);
    }
    for (size_t i = 0; i < 500; i++)
        slabs_free(&slabs, pieces[i].at);
    slabs_finish(&slabs);
    ck_assert_uint_eq(slabs.mapped, 0);
}
END_TEST

START_TEST(a_cleared_block_is_zero_also_where_it_was_used_before)
{
    struct slabs slabs;
    slabs_init(&slabs);
    for (size_t turn = 0; turn < 3; turn++) {
        struct piece piece = { .at = slabs_calloc(&slabs, 10, 33), .len = 330 };
        ck_assert(is_filled(&piece));
        fill(&piece, 0xEE);
        slabs_free(&slabs, piece.at);
    }
    slabs_finish(&slabs);
}
END_TEST

START_TEST(what_was_freed_last_is_handed_out_first)
{
    struct slabs slabs;
    slabs_init(&slabs);
    void *other = slabs_alloc(&slabs, 100), *a = slabs_alloc(&slabs, 100), *b = slabs_alloc(&slabs, 100);
    slabs_free(&slabs, a);
    slabs_free(&slabs, b);
    ck_assert_ptr_eq(slabs_alloc(&slabs, 100), b);
    ck_assert_ptr_eq(slabs_alloc(&slabs, 97), a);
    slabs_free(&slabs, a);
    slabs_free(&slabs, b);
    slabs_free(&slabs, other);
    slabs_finish(&slabs);
    ck_assert_uint_eq(slabs.mapped, 0);
}
END_TEST

START_TEST(what_nobody_wants_goes_back_to_the_system_but_for_four_megabytes)
{
    struct slabs slabs;
    static void *blocks[10000];
    slabs_init(&slabs);
    for (size_t turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < 10000; i++)
            ck_assert_ptr_nonnull(blocks[i] = slabs_alloc(&slabs, 3000));
        ck_assert_uint_gt(slabs.mapped, 10000 * (size_t)3000);
        for (size_t i = 0; i < 10000; i++) /* in an order that leaves each slab half full for long */
            slabs_free(&slabs, blocks[i * 7 % 10000]);
        ck_assert_uint_gt(slabs.mapped, 10000 * (size_t)3000); /* until it has been looked twice */
        ck_assert(slabs_is_ample(&slabs));
        for (size_t looks = 0; looks < 20; looks++)
            slabs_trim(&slabs);
        ck_assert(!slabs_is_ample(&slabs));
        ck_assert_uint_le(slabs.mapped, (64 + 16) * SLAB); /* with what was never touched */
    }
    slabs_finish(&slabs);
    ck_assert_uint_eq(slabs.mapped, 0);
}
END_TEST

START_TEST(what_was_wanted_since_the_last_look_is_kept)
{
    struct slabs slabs;
    static void *blocks[10000];
    slabs_init(&slabs);
    size_t mapped = 0;
    for (size_t turn = 0; turn < 5; turn++) { /* load that comes and goes */
        for (size_t i = 0; i < 10000; i++)
            ck_assert_ptr_nonnull(blocks[i] = slabs_alloc(&slabs, 3000));
        mapped = mapped ? mapped : slabs.mapped;
        ck_assert_uint_eq(slabs.mapped, mapped);
        for (size_t i = 0; i < 10000; i++)
            slabs_free(&slabs, blocks[i]);
        slabs_trim(&slabs);
    }
    slabs_finish(&slabs);
    ck_assert_uint_eq(slabs.mapped, 0);
}
END_TEST

START_TEST(more_than_there_can_be_is_null_and_harms_nothing)
{
    struct slabs slabs;
    slabs_init(&slabs);
    struct piece piece = { .at = slabs_alloc(&slabs, 50), .len = 50 };
    fill(&piece, 5);
    ck_assert_ptr_null(slabs_alloc(&slabs, SIZE_MAX));
    ck_assert_ptr_null(slabs_alloc(&slabs, SIZE_MAX - 100));
    ck_assert_ptr_null(slabs_calloc(&slabs, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(slabs_realloc(&slabs, piece.at, SIZE_MAX / 2));
    ck_assert(is_filled(&piece));
    slabs_free(&slabs, NULL);
    slabs_free(&slabs, piece.at);
    slabs_finish(&slabs);
}
END_TEST

Suite *slabs_suite(void)
{
    Suite *suite = suite_create("slabs");
    TCase *tcase = tcase_create("slabs");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, blocks_of_any_length_are_aligned_and_apart);
    tcase_add_test(tcase, blocks_keep_what_they_hold_through_any_order_of_use);
    tcase_add_test(tcase, a_cleared_block_is_zero_also_where_it_was_used_before);
    tcase_add_test(tcase, what_was_freed_last_is_handed_out_first);
    tcase_add_test(tcase, what_nobody_wants_goes_back_to_the_system_but_for_four_megabytes);
    tcase_add_test(tcase, what_was_wanted_since_the_last_look_is_kept);
    tcase_add_test(tcase, more_than_there_can_be_is_null_and_harms_nothing);
    return suite;
}
