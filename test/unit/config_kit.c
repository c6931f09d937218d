/* SPDX-License-Identifier: MIT */
#include "unit/config_kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

char folder[24] = "/tmp/svcd-config-XXXXXX";
char file_path[64], dotenv_path[64];

struct config config;
struct config_source source;
char *config_errors;

void config_set_up(void)
{
    strcpy(folder, "/tmp/svcd-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file_path, sizeof file_path, "%s/f", folder);
    snprintf(dotenv_path, sizeof dotenv_path, "%s/.env", folder);
    source = (struct config_source){ 0 };
    config_errors = NULL;
}

void config_tear_down(void)
{
    config_finish(&config);
    free(config_errors);
    unlink(file_path);
    unlink(dotenv_path);
    rmdir(dotenv_path);
    rmdir(folder);
}

void write_bytes(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

void given_file(const char *text)
{
    write_bytes(file_path, text, strlen(text));
    source.file = file_path;
}

void given_dotenv(const char *text)
{
    write_bytes(dotenv_path, text, strlen(text));
    source.dotenv = dotenv_path;
}

int load(void)
{
    config_finish(&config);
    free(config_errors);
    config_errors = NULL;
    size_t len;
    FILE *stream = open_memstream(&config_errors, &len);
    ck_assert_ptr_nonnull(stream);
    int rc = config_load(&config, &source, stream);
    fclose(stream);
    return rc;
}

void must_load(void)
{
    int rc = load();
    ck_assert_str_eq(config_errors, "");
    ck_assert_int_eq(rc, 0);
}

void must_fail_with(const char *expected)
{
    ck_assert_int_eq(load(), UV_EINVAL);
    char shown[4096] = "";
    size_t prefix = strlen(folder) + 1;
    for (const char *at = config_errors; *at;) {
        if (strncmp(at, folder, prefix - 1) == 0)
            at += prefix;
        else
            strncat(shown, at++, 1);
    }
    ck_assert_str_eq(shown, expected);
}
