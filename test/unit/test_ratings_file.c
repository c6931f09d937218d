/* SPDX-License-Identifier: MIT
 *
 * Training histories in files: what is read, and what is said of what cannot be.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "jobs/ratings_file.h"

#define HEADER "SkillOverlap,AgeDifference,Rating\n"

static char folder[32];
static struct ratings ratings;
static char said[4096];

static void set_up(void)
{
    ratings = (struct ratings){ 0 };
    strcpy(folder, "/tmp/svcd-ratings-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
    char command[64];
    ratings_finish(&ratings);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void write_bytes(const char *name, const char *bytes, size_t len)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static int read_folder(const char *path)
{
    FILE *errors = fmemopen(said, sizeof said, "w");
    ratings_finish(&ratings);
    int rc = ratings_read(&ratings, path, errors);
    fclose(errors);
    return rc;
}

/* What is said is the folder's name and then this. */
static void is_refused(const char *expected)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", folder, expected);
    ck_assert_int_eq(read_folder(folder), UV_EINVAL);
    ck_assert_msg(strncmp(said, whole, strlen(whole)) == 0, "said: %s", said);
}

START_TEST(the_shipped_histories_are_read)
{
    ck_assert_msg(read_folder("test/data/ratings") == 0, "%s", said);
    ck_assert_uint_eq(ratings.files_n, 2);
    ck_assert_uint_eq(ratings.samples_n, 11);
    ck_assert_int_eq(ratings.files[0].area1_id, 1);
    ck_assert_int_eq(ratings.files[0].area2_id, 4);
    ck_assert_int_eq(ratings.sample_files[8], 1);
    ck_assert_int_eq(ratings.skill_overlaps[8], 5);
    ck_assert_int_eq(ratings.age_differences[8], 25);
    ck_assert_double_eq(strtod(ratings.ratings[8], NULL), 4.4);
    ck_assert_int_eq(ratings.sample_files[9], 2);
    ck_assert_int_eq(ratings.age_differences[9], -60);
}
END_TEST

START_TEST(line_ends_of_either_kind_and_none_at_the_end_are_fine)
{
    write_file("1-2.csv", "SkillOverlap,AgeDifference,Rating\r\n1,2,3\r\n4,-5,0.5");
    write_file("12-345.csv", HEADER);
    write_file("notes.txt", "not ours");
    ck_assert_msg(read_folder(folder) == 0, "%s", said);
    ck_assert_uint_eq(ratings.samples_n, 2);
    ck_assert_int_eq(ratings.age_differences[1], -5);
    ck_assert_int_eq(ratings.files[1].area2_id, 345);
}
END_TEST

START_TEST(the_checksum_is_that_of_the_content)
{
    write_file("1-2.csv", HEADER);
    write_file("1-3.csv", HEADER);
    write_file("1-4.csv", HEADER "1,2,3\n");
    ck_assert_int_eq(read_folder(folder), 0);
    ck_assert_str_eq(ratings.files[0].checksum, ratings.files[1].checksum);
    ck_assert_str_ne(ratings.files[0].checksum, ratings.files[2].checksum);
    ck_assert_uint_eq(strlen(ratings.files[0].checksum), 64);
}
END_TEST

START_TEST(a_byte_order_mark_is_passed_over)
{
    write_file("1-2.csv", "\xef\xbb\xbf" HEADER "1,2,3\n");
    ck_assert_msg(read_folder(folder) == 0, "%s", said);
    ck_assert_uint_eq(ratings.samples_n, 1);
}
END_TEST

START_TEST(a_bad_row_is_named_with_file_and_line)
{
    static const struct {
        const char *row, *says;
    } wrong[] = {
        { "3,ten,4.1", "age difference" },
        { "x,1,4.1", "skill overlap" },
        { "-1,1,4.1", "skill overlap" },
        { "1.5,1,4.1", "skill overlap" },
        { "10001,1,4", "skill overlap" },
        { "1,10001,4", "age difference" },
        { "1,2", "age difference" },
        { "1,2,", "rating" },
        { "1,2,nan", "rating" },
        { "1,2,inf", "rating" },
        { "1,2,5.1", "rating" },
        { "1,2,-0.1", "rating" },
        { "1,2,0x1", "rating" },
        { "1,2,3,4", "rating" },
        { "1,2,3 ", "rating" },
        { "", "skill overlap" },
        { " 1,2,3", "skill overlap" },
        { "+1,2,3", "skill overlap" },
        { "99999999999999999999,2,3", "skill overlap" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[256];
        snprintf(text, sizeof text, HEADER "1,2,3\n%s\n1,2,3\n", wrong[i].row);
        write_file("1-2.csv", text);
        is_refused("1-2.csv:3: ");
        ck_assert_msg(strstr(said, "expected") && strstr(said, wrong[i].says) && strstr(said, wrong[i].row),
                      "said: %s", said);
    }
}
END_TEST

START_TEST(every_file_with_a_mistake_is_named)
{
    write_file("1-2.csv", HEADER "x\n");
    write_file("1-3.csv", HEADER "1,2,3\n");
    write_file("1-10.csv", HEADER "1,2,3\n4,5,6\n");
    is_refused("1-2.csv:2: ");
    ck_assert_ptr_nonnull(strstr(said, "1-10.csv:3: "));
    ck_assert_ptr_null(strstr(said, "1-3.csv"));
}
END_TEST

START_TEST(a_file_without_the_header_is_refused)
{
    write_file("1-2.csv", "1,2,3\n");
    is_refused("1-2.csv:1: expected the header SkillOverlap,AgeDifference,Rating");
    write_file("1-2.csv", "");
    is_refused("1-2.csv:1: ");
}
END_TEST

START_TEST(a_file_that_is_no_text_is_refused)
{
    write_bytes("1-2.csv", HEADER "1,2,3\0\n", sizeof HEADER + 6);
    is_refused("1-2.csv: holds a NUL byte");
}
END_TEST

START_TEST(a_name_that_is_no_pair_of_areas_is_refused)
{
    static const char *const names[] = { "a-b.csv",  "2-1.csv",   "1-1.csv", "0-1.csv",          "01-2.csv",
                                         "1-02.csv", "1-2-3.csv", "1.csv",   "1-2147483648.csv", "-1-2.csv" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[96], expected[96];
        write_file(names[i], HEADER);
        snprintf(expected, sizeof expected, "%s: expected a name A-B.csv", names[i]);
        is_refused(expected);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}
END_TEST

START_TEST(a_folder_without_files_and_none_at_all_are_refused)
{
    ck_assert_int_eq(read_folder(folder), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(said, "there is no A-B.csv file in it"));
    ck_assert_int_eq(read_folder("/nonexistent"), UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(said, "/nonexistent: No such file"));
}
END_TEST

START_TEST(a_folder_in_place_of_a_file_is_refused)
{
    char path[96];
    snprintf(path, sizeof path, "%s/1-2.csv", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    is_refused("1-2.csv: Is a directory");
}
END_TEST

START_TEST(large_files_are_read_whole)
{
    char *text = malloc(16 * 200000 + sizeof HEADER), *end = text + sprintf(text, HEADER);
    for (int i = 0; i < 200000; i++)
        end += sprintf(end, "%d,%d,%d.5\n", i % 7, i % 121 - 60, i % 5);
    write_bytes("1-2.csv", text, (size_t)(end - text));
    free(text);
    ck_assert_int_eq(read_folder(folder), 0);
    ck_assert_uint_eq(ratings.samples_n, 200000);
    ck_assert_int_eq(ratings.skill_overlaps[199999], 199999 % 7);
}
END_TEST

Suite *ratings_file_suite(void)
{
    Suite *suite = suite_create("ratings_file");
    TCase *tcase = tcase_create("ratings_file");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, the_shipped_histories_are_read);
    tcase_add_test(tcase, line_ends_of_either_kind_and_none_at_the_end_are_fine);
    tcase_add_test(tcase, the_checksum_is_that_of_the_content);
    tcase_add_test(tcase, a_byte_order_mark_is_passed_over);
    tcase_add_test(tcase, a_bad_row_is_named_with_file_and_line);
    tcase_add_test(tcase, every_file_with_a_mistake_is_named);
    tcase_add_test(tcase, a_file_without_the_header_is_refused);
    tcase_add_test(tcase, a_file_that_is_no_text_is_refused);
    tcase_add_test(tcase, a_name_that_is_no_pair_of_areas_is_refused);
    tcase_add_test(tcase, a_folder_without_files_and_none_at_all_are_refused);
    tcase_add_test(tcase, a_folder_in_place_of_a_file_is_refused);
    tcase_add_test(tcase, large_files_are_read_whole);
    suite_add_tcase(suite, tcase);
    return suite;
}
