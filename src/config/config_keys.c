/* SPDX-License-Identifier: MIT
 *
 * The table of configuration keys. A new key is a row here and a member of struct config; then `make docs`
 * writes it into etc/svcd.conf and svcd.conf(5).
 */
#include "config/config_keys.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/nearest.h"

static const char *const scheme_names[] = {
    [PASSWORD_ARGON2ID] = "argon2id", [PASSWORD_BCRYPT] = "bcrypt", NULL
};
static const char *const level_names[] = { [LOG_LEVEL_ERROR] = "error",
                                           [LOG_LEVEL_WARN] = "warn",
                                           [LOG_LEVEL_INFO] = "info",
                                           [LOG_LEVEL_DEBUG] = "debug",
                                           NULL };

static const char *const format_names[] = { [LOG_FORMAT_AUTO] = "auto",
                                            [LOG_FORMAT_TEXT] = "text",
                                            [LOG_FORMAT_JSON] = "json",
                                            [LOG_FORMAT_JOURNAL] = "journal",
                                            NULL };

static const char *const calls_names[] = { [LOG_CALLS_NONE] = "none",
                                           [LOG_CALLS_FAILED] = "failed",
                                           [LOG_CALLS_SLOW] = "slow",
                                           [LOG_CALLS_ALL] = "all",
                                           NULL };

static const char *const target_names[] = { "any", "primary", NULL };
static const char *const client_auth_names[] = { [CLIENT_AUTH_NONE] = "none",
                                                 [CLIENT_AUTH_OPTIONAL] = "optional",
                                                 [CLIENT_AUTH_REQUIRED] = "required",
                                                 NULL };

static const char *const callers_names[] = { [CALLERS_NONE] = "none", [CALLERS_TOKEN] = "token", NULL };

static const char *const no_yes[] = { "no", "yes", NULL };

/* The offset of a member; does not compile if the member's type is not the one in the row. */
#define MEMBER(ctype, s, n) _Generic(&((struct config *)0)->s.n, ctype * : offsetof(struct config, s.n))

/* Optional members of a row, after its text. */
#define RELOAD          .change = CONFIG_ON_RELOAD
#define RELOAD_BUT_GRPC .change = CONFIG_ON_RELOAD_BUT_GRPC
#define VARIABLE(name)  .environment = name
#define SECRET          .is_secret = true

#define KEY(s, n, kind, ctype, standard, text, ...)                                                          \
    {                                                                                                        \
        .section = #s, .name = #n, .type = &config_type_##kind, .offset = MEMBER(ctype, s, n),               \
        .size = sizeof(((struct config *)0)->s.n), .fallback = standard, .doc = text, __VA_ARGS__            \
    }
#define INT(s, n, standard, lowest, highest, units, text, ...)                                               \
    KEY(s, n, int, int, #standard, text, .min = lowest, .max = highest, .unit = units, __VA_ARGS__)
#define CHOICE(s, n, ctype, names, standard, text, ...)                                                      \
    KEY(s, n, choice, ctype, standard, text, .choices = names, __VA_ARGS__)

#define DAY_MS 86400000

const struct config_section config_sections[] = {
    { "server", "" },
    { "tls",
      "For https. The files are read again on SIGHUP and when they have changed; connections are kept, and "
      "files that are no good leave what was there before." },
    { "access", "Who may call. The form of the file of callers stands under CALLERS in svcd.conf(5)." },
    { "database", "" },
    { "password", "" },
    { "throttle", "What is limited is failures, and attempts that run at once: one that succeeds costs "
                  "nothing. An attempt over a limit is answered RESOURCE_EXHAUSTED before any hash is "
                  "computed, with the time after which to try again. What exactly holds is told in svcd(8) "
                  "and docs/security.md." },
    { "jobs", "However many svcd share a database, each run of a job happens once, and one that was missed "
              "is caught up once. The form of a schedule stands under SCHEDULES in svcd.conf(5)." },
    { "drain", "" },
    { "admin", "" },
    { "log", "" },
};
const size_t config_sections_n = sizeof config_sections / sizeof config_sections[0];

/* clang-format off */
const struct config_key config_keys[] = {
    KEY(server, listen, listen, struct address_list, "127.0.0.1:50051",
        "Addresses to serve on, IPv6 in brackets; a host name stands for all its addresses. Every service is served on each "
        "of them. Port 0 takes any free port and logs which. ADDRESS:PORT or grpc://ADDRESS:PORT is gRPC by the gRPC C core, "
        "without TLS: listen so on the network only behind something that has it. http://ADDRESS:PORT, https://ADDRESS:PORT "
        "and unix:/PATH (mode 0660) are served by svcd's own edge, which is faster and safe to expose.", RELOAD),
    INT(server, max_connections, 10000, 1, 1000000, "connections",
        "Connections open at once; more wait until one closes. The web front end leaves many open. Of those that wait at http, "
        "https and unix, 16 more are accepted to be answered health (Health/Check, /livez, /readyz); their calls are refused "
        "UNAVAILABLE until there is room.", RELOAD),
    INT(server, max_connections_per_address, 0, 0, 1000000, "connections",
        "Connections open at once from one client address; more are closed at once. 0 = no limit.", RELOAD),
    INT(server, max_message_bytes, 262144, 1024, 67108864, "bytes",
        "Longest request; a longer one is answered RESOURCE_EXHAUSTED.", RELOAD_BUT_GRPC),
    INT(server, max_concurrent_streams, 1024, 1, 100000, "calls",
        "Calls running at once on one connection; a client that wants more waits for its own earlier ones.", RELOAD_BUT_GRPC),
    INT(server, idle_timeout_ms, 300000, 0, DAY_MS, "milliseconds",
        "A connection of http, https or unix that carried no call for so long is closed; no call is lost by it. 0 = never.", RELOAD),
    INT(server, grpc_idle_timeout_ms, 0, 0, DAY_MS, "milliseconds",
        "The same for connections of grpc://, which the gRPC C core closes with an error: a call that a client (grpc-js) begins "
        "at that moment may be lost. 0 = never."),
    INT(server, max_connection_age_ms, 0, 0, DAY_MS, "milliseconds",
        "A connection of http, https or unix is closed when it is so old, give or take a tenth, so that clients spread over "
        "servers anew. No call is lost: those that run end first, but for streams, which end UNAVAILABLE. 0 = never.", RELOAD),
    INT(server, keepalive_ms, 60000, 0, DAY_MS, "milliseconds",
        "Of http, https and unix: a peer that was silent for so long is asked for a sign of life, and its connection closed "
        "if there is none within 20 seconds. 0 = never.", RELOAD),
    INT(server, request_timeout_ms, 60000, 100, DAY_MS, "milliseconds",
        "Of http, https and unix: from the headers of a call to its complete request; then it ends DEADLINE_EXCEEDED.", RELOAD),
    INT(server, max_buffered_bytes, 33554432, 1048576, 2147483647, "bytes",
        "Of http, https and unix: requests that are not complete and replies that are not read, of all connections "
        "together. From a half of it on who holds more than an equal share of that is not read while that helps, and closed if "
        "it neither reads nor sends on for ten seconds; beyond all of it calls are refused with pushback.", RELOAD),
    KEY(server, proxy_protocol_from, networks, struct network_list, "",
        "Of http and https: networks of proxies that begin a connection with the PROXY protocol, version 1 or 2, and so "
        "say whom they speak for. A peer from these that does not is closed, one from elsewhere that does too.", RELOAD),
    CHOICE(server, explorer, int, no_yes, "yes",
        "Whether listeners of http, https and unix show a page at / that lists services and calls with their documentation and "
        "lets each be tried, and describe them at /openapi.json.", RELOAD),
    KEY(server, allowed_origins, origins, char *, "",
        "Of http, https and unix: origins of web pages that may call, besides pages that svcd serves itself. A call from a "
        "page of another origin is refused with 403 and not run; what is no browser sends no origin and is not concerned. "
        "* = pages of any origin, for what is reached by nobody but those who may see everything.", RELOAD),
    CHOICE(server, reuse_port, int, no_yes, "no",
        "Whether another svcd on this machine may listen on the same ports, so that the kernel shares the connections "
        "between them. One that stops resets those that it had not accepted yet, unless net.ipv4.tcp_migrate_req is 1; a socket "
        "that systemd keeps loses none."),

    KEY(tls, certificate, file, char *, "",
        "File with the certificate and those that lead from it to its root, PEM.", RELOAD),
    KEY(tls, private_key, file, char *, "",
        "File with its key, PEM. One of ECDSA (P-256) costs a new connection 0.02 ms of CPU time, of RSA 0.3 ms with 2048 bits and "
        "4 ms with 4096. With one that takes more than 2 ms, of which a line warns, threads sign, two at a time: new connections wait for each "
        "other, and nobody else for them.", RELOAD),
    CHOICE(tls, client_auth, enum config_client_auth, client_auth_names, "none",
        "Whether clients show a certificate: none are asked, optional ones are verified, or nobody comes without.", RELOAD),
    KEY(tls, client_ca, text, char *, "",
        "File with the certificates that clients' are verified by, PEM.", RELOAD),
    KEY(tls, client_names, text, char *, "",
        "Of the verified, who may come: DNS names or common names, separated by commas. Empty = every one.", RELOAD),
    KEY(tls, ticket_keys, file, char *, "",
        "File of 80 random bytes (openssl rand 80) that several svcd share, so that a client resumes its session at any of "
        "them. Empty = each has its own.", RELOAD),

    CHOICE(access, callers, enum config_callers, callers_names, "none",
        "Whether a call needs to say who makes it: none need, or each needs a token (authorization: Bearer TOKEN), or a "
        "verified client certificate whose name stands in the file of callers.", RELOAD),
    KEY(access, tokens, file, char *, "",
        "File of callers, a line each: NAME HASH SERVICES [rate=N] [concurrent=N]; svcd token makes one.", RELOAD),
    KEY(access, open, text, char *, "health, reflection",
        "Services that need no caller, by full name, separated by commas; health and reflection stand for gRPC's own.", RELOAD),

    KEY(database, name, text, char *, "",
        "Database to connect to. What is empty here and below is libpq's default: PGDATABASE, PGUSER, PGPASSWORD, "
        "~/.pgpass, PGHOST, PGPORT, and so on.", VARIABLE("POSTGRES_DATABASE")),
    KEY(database, user, text, char *, "",
        "Role to connect as. A reload that changes the login is refused where the database does not let svcd in so.", VARIABLE("POSTGRES_USER"), RELOAD),
    KEY(database, password, text, char *, "",
        "Its password, which is better kept in the environment or .pgpass.", VARIABLE("POSTGRES_PASSWORD"), SECRET, RELOAD),
    KEY(database, host, hosts, char *, "",
        "Host of the server; one that starts with a slash is the folder of a unix socket. Of servers that replicate each other, "
        "all, separated by commas: svcd finds out which is the primary, and follows it.", VARIABLE("POSTGRES_HOST")),
    KEY(database, port, ports, char *, "",
        "Port of the server. With several hosts one for all, or one each, separated by commas.", VARIABLE("POSTGRES_PORT")),
    CHOICE(database, target, enum config_target, target_names, "primary",
        "Which of the hosts may serve: the primary alone, or any that answers, where what writes fails on a standby."),
    KEY(database, read_host, hosts, char *, "",
        "Standbys that may answer reads, separated by commas; the primary may be among them. Empty = all reads go to the "
        "primary. What is promised of such reads is told in svcd(8), STANDBYS."),
    KEY(database, read_port, ports, char *, "",
        "Port of the standbys: one for every read_host, or one each. Empty = as port, if that is one."),
    INT(database, read_max_lag_ms, 1000, 10, DAY_MS, "milliseconds",
        "A standby that is further behind the primary than this, as measured, answers no read while the primary is there.", RELOAD),
    KEY(database, password_file, file, char *, "",
        "File whose first line is the password, for where a secret is handed over as a file; read at start and on a reload, "
        "and only if password is empty.", RELOAD),
    KEY(database, tls, text, char *, "",
        "TLS to the server, as libpq's sslmode: disable, allow, prefer, require, verify-ca or verify-full. Empty = "
        "PGSSLMODE, or prefer.", RELOAD),
    KEY(database, tls_ca, text, char *, "",
        "File of the authorities (PEM) that verify-ca and verify-full trust. Empty = PGSSLROOTCERT, or "
        "~/.postgresql/root.crt.", RELOAD),
    INT(database, read_connections, 2, 1, 64, "connections",
        "Connections for statements that only read. Statements are pipelined, so a few connections serve thousands of "
        "calls.", RELOAD),
    INT(database, insert_connections, 2, 1, 64, "connections",
        "Connections for short writes, which share transactions. Reads never wait behind them.", RELOAD),
    INT(database, write_connections, 4, 1, 64, "connections",
        "Connections for writes that lock, one at a time on each. Neither reads nor short writes wait behind them.", RELOAD),
    INT(database, queue_limit, 10000, 1, 1000000, "statements",
        "Statements of one kind (reads, inserts, writes that lock) that may wait for a connection; more calls are answered "
        "RESOURCE_EXHAUSTED.", RELOAD),
    INT(database, statement_timeout_ms, 10000, 0, DAY_MS, "milliseconds",
        "PostgreSQL ends a statement that runs for longer, so that one bad query cannot hold a connection. 0 = never.", RELOAD),
    INT(database, lock_wait_ms, 2000, 1, DAY_MS, "milliseconds",
        "A read waits for a locked table for so long, then its call is answered UNAVAILABLE. Calls that do not need the "
        "table never wait for it.", RELOAD),
    INT(database, connect_timeout_ms, 5000, 100, 600000, "milliseconds",
        "Time to connect, log in and prepare statements. The addresses of a host share it.", RELOAD),
    INT(database, reconnect_min_ms, 50, 1, 60000, "milliseconds",
        "First pause before connecting again. It doubles with each attempt, with some jitter.", RELOAD),
    INT(database, reconnect_max_ms, 500, 1, 600000, "milliseconds",
        "Longest pause before connecting again.", RELOAD),

    CHOICE(password, scheme, enum password_scheme, scheme_names, "argon2id",
        "Scheme of new hashes: argon2id, or bcrypt for as long as the Python backend, which reads nothing else, serves the "
        "same database. Hashes of both kinds are verified whatever stands here, and a login renews an outdated one.", RELOAD),
    INT(password, argon2_memory_kib, 19456, 19456, 262144, "KiB",
        "Memory of an argon2id hash. The default is the least that OWASP recommends, and the least that svcd takes.", RELOAD),
    INT(password, argon2_passes, 2, 2, 16, "passes",
        "Passes over that memory. The default is the least here too.", RELOAD),
    INT(password, bcrypt_cost, 12, 10, 14, "doublings",
        "Cost of a bcrypt hash: each step doubles the time.", RELOAD),
    INT(password, workers, 1, 1, 64, "threads",
        "Threads that hash. One can keep a core busy. Where there are more than workers + 1 cores they have the lowest "
        "priority; else a thread stands still for up to 70% of the time while calls are served.", RELOAD),
    INT(password, queue_limit, 256, 1, 100000, "hashes",
        "Logins and registrations that may wait for a thread, half of them from one client address; more are answered "
        "RESOURCE_EXHAUSTED with a time to come back.", RELOAD),
    INT(password, failure_floor_ms, 500, 0, 10000, "milliseconds",
        "A failed login is answered no sooner than this after its hash began, so that time does not tell which scheme the "
        "account has, or that there is none. It should exceed the slowest hash that is stored: bcrypt of cost 12 takes 220 "
        "to 380 ms, by the machine and what else it does. 0 = answer at once.", RELOAD),

    INT(throttle, email_per_minute, 6, 0, 60000, "failures",
        "Failed logins a minute for one e-mail address, wherever they come from, once its burst is used up. 0 = no limit.", RELOAD),
    INT(throttle, email_burst, 10, 1, 10000, "failures",
        "Failed logins for one e-mail address that may come at once.", RELOAD),
    INT(throttle, address_per_minute, 60, 0, 60000, "failures",
        "Failed logins and registrations a minute from one client address (IPv6: one /64), whatever the e-mail address. "
        "Behind a front end or proxy all clients share its address: see trusted_proxies. 0 = no limit.", RELOAD),
    INT(throttle, address_burst, 100, 1, 10000, "failures",
        "Failed logins and registrations from one client address that may come at once.", RELOAD),
    INT(throttle, stranger_per_minute, 1, 1, 60000, "failures",
        "When an attacker has used up an e-mail address's allowance, each client still has a small one of its own there, "
        "so that the owner gets in from anywhere: so many failures a minute.", RELOAD),
    INT(throttle, stranger_burst, 3, 1, 10000, "failures",
        "Failures of such a client that may come at once.", RELOAD),
    INT(throttle, known_per_minute, 6, 1, 60000, "failures",
        "A client that logged in at an e-mail address before has an allowance there that nobody else can use up: so many "
        "failures a minute.", RELOAD),
    INT(throttle, known_burst, 100, 1, 10000, "failures",
        "Failures of such a client that may come at once.", RELOAD),
    INT(throttle, entries, 65536, 1024, 16777216, "entries",
        "Entries remembered in each of four tables. The memory, 96 bytes an entry in all, is fixed; with more attackers "
        "than entries those with the fewest failures are forgotten first, and so they are where a reload leaves fewer.", RELOAD),
    KEY(throttle, trusted_proxies, networks, struct network_list, "",
        "Networks of proxies and front ends that say in the metadata x-forwarded-for whom they speak for. Of the addresses "
        "there the last that is not trusted itself counts. From anyone else that metadata is ignored. A trusted proxy that "
        "does not say is exempt from the limit by client address.", RELOAD),

    KEY(jobs, update_models, schedule, struct cron, "*/30 * * * *",
        "When new ratings are moved into the training history and the models fitted that the next matches are made by.", RELOAD),
    CHOICE(jobs, update_models_enabled, int, no_yes, "yes",
        "Whether this svcd does that.", RELOAD),
    KEY(jobs, suggest_workshops, schedule, struct cron, "0 0 * * 0",
        "When every mentor is told of each skill they have that at least 10 mentees without a mentor want.", RELOAD),
    CHOICE(jobs, suggest_workshops_enabled, int, no_yes, "yes",
        "Whether this svcd does that.", RELOAD),
    KEY(jobs, forget_answers, schedule, struct cron, "10 * * * *",
        "When answers are removed that have been kept for 24 hours for callers who come again with their idempotency-key.", RELOAD),
    CHOICE(jobs, forget_answers_enabled, int, no_yes, "yes",
        "Whether this svcd does that.", RELOAD),

    INT(drain, lame_ms, 1000, 0, 600000, "milliseconds",
        "After SIGTERM health turns NOT_SERVING and svcd serves on for this long, so that load balancers can notice.", RELOAD),
    INT(drain, timeout_ms, 10000, 0, 600000, "milliseconds",
        "Then no new call is taken, and those that run have this long to finish.", RELOAD),

    KEY(admin, listen, admin, struct address_list, "",
        "Addresses of the status page, with /metrics for Prometheus, /livez and /readyz for probes, /status and /config: HTTP "
        "for operators. Nothing: there is none. Those who connect here take no place of clients.", RELOAD),
    KEY(admin, token_file, file, char *, "",
        "File whose first line is the token that operators send as `authorization: Bearer TOKEN`, or as a browser's password; "
        "probes need none. It is needed where admin.listen is not a loopback address.", RELOAD),

    CHOICE(log, level, enum log_level, level_names, "info",
        "The least grave events that are logged.", RELOAD),
    CHOICE(log, format, enum log_format, format_names, "auto",
           "Form of a line: text (logfmt), json (an object a line) or journal (logfmt after a priority, without the time); auto "
           "is journal where standard error is systemd's journal, as its variable JOURNAL_STREAM tells, else text.", RELOAD),
    CHOICE(log, calls, enum log_calls, calls_names, "failed",
           "Of which calls there is a line: of none, of those that failed, of slow ones too, with slow statements, or of all.", RELOAD),
    INT(log, slow_ms, 1000, 0, DAY_MS, "milliseconds",
        "From when on a call or a statement is slow.", RELOAD),
    KEY(log, otlp, url, char *, "",
        "URL of a collector that takes traces by OTLP over HTTP (http://127.0.0.1:4318; without a path it gets /v1/traces). "
        "Nothing: there are none. On a reload the collector before is sent what waits for it.", RELOAD),
    KEY(log, otlp_ca, file, char *, "",
        "File with the certificates that a collector at https:// is verified by, PEM. Empty = those that the system trusts.", RELOAD),
    KEY(log, otlp_sample, share, double, "1",
        "Of the calls whose caller does not say by `traceparent` whether they are sampled, the share that is.", RELOAD),
};
/* clang-format on */
const size_t config_keys_n = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");

const struct config_key *config_key_find(const char *section, const char *name)
{
    for (size_t i = 0; i < config_keys_n; i++)
        if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

const struct config_key *config_key_nearest(const char *section, const char *name)
{
    const struct config_key *nearest = NULL;
    int least = 4;
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        int distance = edit_distance(name, key->name) + (strcmp(section, key->section) != 0);
        if (distance < least) {
            least = distance;
            nearest = key;
        }
    }
    return nearest;
}

/* Whether a name is an abbreviation of another, as POSTGRES_DB is of POSTGRES_DATABASE: all its letters occur
 * in the other in the same order. */
static bool is_short_for(const char *name, const char *other)
{
    for (; *name && *other; other++)
        name += *name == *other;
    return !*name;
}

const char *config_variable_nearest(const char *variable)
{
    char upper[64];
    size_t len = 0;
    for (; variable[len] && len < sizeof upper - 1; len++)
        upper[len] = (char)toupper((unsigned char)variable[len]);
    upper[len] = '\0';
    const char *nearest = NULL;
    bool is_like_ours = strncmp(upper, "POSTGRES_", 9) == 0;
    int least = is_like_ours ? INT_MAX : 3;
    for (size_t i = 0; i < config_keys_n; i++) {
        const char *name = config_keys[i].environment;
        int distance = name ? edit_distance(upper, name) : INT_MAX;
        if (is_like_ours && len > 9 && name && distance > 1 && is_short_for(upper, name))
            distance = 1;
        if (distance < least) {
            least = distance;
            nearest = name;
        }
    }
    return nearest;
}
