/* SPDX-License-Identifier: MIT
 *
 * What a key of the configuration is, and the types that its value may have. A new type is two functions in
 * config_types.c and a line below.
 */
#ifndef CONFIG_CONFIG_TYPES_H
#define CONFIG_CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_EXPECTED_LEN 256

struct config_key;

struct config_type {
    /* Reads value into member, replacing what it held; on error member is as before. UV_EINVAL, UV_ENOMEM,
     * UV_EAI_NONAME. */
    int (*parse)(const struct config_key *key, const char *value, void *member);
    /* Says what would be right, to stand after "expected " and, in the manual, after "Takes: ". */
    void (*expect)(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN]);
    void (*finish)(void *member); /* NULL: nothing to free */
};

/* When a value that was changed in the file takes effect. */
enum config_change { CONFIG_ON_RESTART, CONFIG_ON_RELOAD, CONFIG_ON_RELOAD_BUT_GRPC };

struct config_key {
    const char *section, *name;
    const struct config_type *type;
    size_t offset, size;        /* of its member in struct config */
    const char *fallback;       /* the default, as the file would say it */
    const char *unit;           /* of an integer */
    int min, max;               /* of an integer */
    const char *const *choices; /* of an enumeration: names in the order of its values, NULL at the end */
    const char *environment;    /* the variable that sets it too, or NULL */
    enum config_change change;
    bool is_secret;  /* never told to anybody */
    const char *doc; /* whole sentences, for etc/svcd.conf and svcd.conf(5) alike */
};

extern const struct config_type config_type_int;      /* int, between the key's min and max */
extern const struct config_type config_type_choice;   /* an enum, or an int for no and yes */
extern const struct config_type config_type_share;    /* double, 0 to 1 */
extern const struct config_type config_type_url;      /* char *: http or https, or ""; never NULL */
extern const struct config_type config_type_text;     /* char *, never NULL */
extern const struct config_type config_type_file;     /* the same, with credential:NAME made a path */
extern const struct config_type config_type_ports;    /* char *, never NULL: libpq takes it as text */
extern const struct config_type config_type_hosts;    /* likewise, a list without blanks */
extern const struct config_type config_type_listen;   /* struct address_list; looks names up, so it blocks */
extern const struct config_type config_type_admin;    /* the same, HOST:PORT only, or none */
extern const struct config_type config_type_networks; /* struct network_list */
extern const struct config_type config_type_origins;  /* char *, never NULL; see base/origin.h */
extern const struct config_type config_type_schedule; /* struct cron */

#endif
