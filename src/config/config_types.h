/* SPDX-License-Identifier: MIT
 *
 * The description of a configuration key, and the types of values. A new type is two functions in
 * config_types.c, or config_lists.c, and a line below.
 */
#ifndef CONFIG_CONFIG_TYPES_H
#define CONFIG_CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_EXPECTED_LEN 256

struct config_key;

struct config_type {
    /* Reads value into member, freeing what it held before. Returns 0; or UV_EINVAL, UV_ENOMEM, or
     * another code of what_is_wrong() in load.c, and member is unchanged. */
    int (*parse)(const struct config_key *key, const char *value, void *member);
    /* Describes the valid values, to follow "expected " in errors and "Takes: " in the manual. */
    void (*expect)(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN]);
    void (*finish)(void *member); /* NULL: nothing to free */
};

/* When a changed value takes effect. BUT_GRPC: on a reload, except for the gRPC C core, which needs a
 * restart. */
enum config_change { CONFIG_ON_RESTART, CONFIG_ON_RELOAD, CONFIG_ON_RELOAD_BUT_GRPC };

struct config_key {
    const char *section, *name;
    const struct config_type *type;
    size_t offset, size;        /* of its member in struct config */
    const char *fallback;       /* the default, in the file's notation */
    const char *unit;           /* of an integer */
    int min, max;               /* of an integer */
    const char *const *choices; /* of an enumeration: names in the order of its values, ended by NULL */
    const char *environment;    /* the environment variable that sets it as well; NULL: none */
    enum config_change change;
    bool is_secret;  /* never shown or logged */
    const char *doc; /* whole sentences, for etc/svcd.conf and svcd.conf(5) */
};

extern const struct config_type config_type_int;      /* int, between the key's min and max */
extern const struct config_type config_type_choice;   /* an enum, or an int for no and yes */
extern const struct config_type config_type_share;    /* double, 0 to 1 */
extern const struct config_type config_type_url;      /* char *: http or https, or ""; never NULL */
extern const struct config_type config_type_text;     /* char *, never NULL */
extern const struct config_type config_type_file;     /* the same; credential:NAME becomes a path */
extern const struct config_type config_type_ports;    /* char *, never NULL: a list as text, for libpq */
extern const struct config_type config_type_hosts;    /* likewise, without blanks */
extern const struct config_type config_type_listen;   /* struct address_list; resolves names, so it blocks */
extern const struct config_type config_type_admin;    /* the same, HOST:PORT only, or none */
extern const struct config_type config_type_networks; /* struct network_list */
extern const struct config_type config_type_origins;  /* char *, never NULL; see base/origin.h */
extern const struct config_type config_type_schedule; /* struct cron */

/* ---- for config_types.c and config_lists.c only ---- */

int config_number_parse(const char *value, int min, int max, int *number);
int config_text_parse(const struct config_key *key, const char *value, void *member);
void config_text_finish(void *member);

#endif
