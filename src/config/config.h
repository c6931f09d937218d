/* SPDX-License-Identifier: MIT
 *
 * The configuration as plain typed members: the file's key section.name is the member section.name here.
 * Defaults, ranges and meaning of all keys are in the table of config_keys.c.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/address.h"
#include "base/cron.h"
#include "observe/log.h"

enum password_scheme { PASSWORD_ARGON2ID, PASSWORD_BCRYPT };

/* Which calls are logged; each value includes those of the one before. */
enum log_calls { LOG_CALLS_NONE, LOG_CALLS_FAILED, LOG_CALLS_SLOW, LOG_CALLS_ALL };

struct config_value;

/* Which server calls are served from. */
enum config_target { TARGET_ANY, TARGET_PRIMARY };

enum config_client_auth { CLIENT_AUTH_NONE, CLIENT_AUTH_OPTIONAL, CLIENT_AUTH_REQUIRED };

enum config_callers { CALLERS_NONE, CALLERS_TOKEN };

/* Of database.host and database.read_host. */
#define CONFIG_HOSTS_MAX    32
#define CONFIG_HOST_MAX_LEN 255 /* bytes */

struct config {
    struct config_value *values; /* by key; see effective.h */
    struct {
        struct address_list listen;
        int max_connections;
        int max_connections_per_address; /* 0: no limit */
        int max_message_bytes;
        int max_concurrent_streams;
        int idle_timeout_ms;
        int grpc_idle_timeout_ms;
        int max_connection_age_ms; /* 0: none */
        int keepalive_ms;          /* 0: none */
        int request_timeout_ms;
        int max_buffered_bytes;
        struct network_list proxy_protocol_from;
        int explorer;          /* 0 or 1 */
        int reuse_port;        /* 0 or 1 */
        char *allowed_origins; /* as origin_is_listed() takes it; never NULL */
    } server;
    struct {
        char *certificate, *private_key; /* "": none; never NULL, as those below */
        enum config_client_auth client_auth;
        char *client_ca, *client_names, *ticket_keys;
    } tls;
    struct {
        enum config_callers callers;
        char *tokens, *open; /* never NULL */
    } access;
    struct {
        char *name, *user, *password, *host, *port; /* "": libpq's default; never NULL */
        char *password_file, *tls, *tls_ca;         /* likewise */
        enum config_target target;
        char *read_host, *read_port; /* the standbys; "": all reads go to the primary; libpq's default port */
        int read_max_lag_ms;
        int read_connections;
        int insert_connections;
        int write_connections;
        int queue_limit;
        int statement_timeout_ms;
        int lock_wait_ms;
        int connect_timeout_ms;
        int reconnect_min_ms;
        int reconnect_max_ms;
    } database;
    struct {
        enum password_scheme scheme;
        int argon2_memory_kib;
        int argon2_passes;
        int bcrypt_cost;
        int workers;
        int queue_limit;
        int failure_floor_ms;
    } password;
    struct {
        int email_per_minute; /* 0: no limit; likewise the other rates */
        int email_burst;
        int address_per_minute;
        int address_burst;
        int stranger_per_minute;
        int stranger_burst;
        int known_per_minute;
        int known_burst;
        int entries;
        struct network_list trusted_proxies;
    } throttle;
    struct {
        struct cron update_models;
        int update_models_enabled; /* 0 or 1 */
        struct cron suggest_workshops;
        int suggest_workshops_enabled;
        struct cron forget_answers;
        int forget_answers_enabled;
    } jobs;
    struct {
        int lame_ms;
        int timeout_ms;
    } drain;
    struct {
        struct address_list listen; /* none: no status page */
        char *token_file;           /* "": no token is needed */
    } admin;
    struct {
        enum log_level level;
        enum log_format format;
        enum log_calls calls;
        int slow_ms;
        char *otlp;         /* "": no traces; never NULL */
        char *otlp_ca;      /* "": the system's CA certificates; never NULL */
        double otlp_sample; /* 0 to 1 */
    } log;
};

#endif
