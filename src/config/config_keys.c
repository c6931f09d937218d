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
    { "tls", "For https listeners. The files are read again on SIGHUP and when they have changed. Open "
             "connections are kept, and if a new file is not valid the previous ones stay in use." },
    { "access", "Who may call. CALLERS in svcd.conf(5) describes the format of the file of callers." },
    { "database", "" },
    { "password", "" },
    { "throttle",
      "The throttle limits failed attempts and attempts in progress; an attempt that succeeds costs "
      "nothing. An attempt over a limit fails with RESOURCE_EXHAUSTED before any hash is computed, and is "
      "told the time after which to retry. LOGINS in svcd(8) and docs/security.md say what exactly is "
      "guaranteed." },
    { "jobs", "Any number of svcd processes may share a database: each run of a job happens once, and a run "
              "that was missed "
              "is made up for once. SCHEDULES in svcd.conf(5) describes the format of a schedule." },
    { "drain", "" },
    { "admin", "" },
    { "log", "" },
};
const size_t config_sections_n = sizeof config_sections / sizeof config_sections[0];

/* clang-format off */
const struct config_key config_keys[] = {
    KEY(server, listen, listen, struct address_list, "127.0.0.1:50051",
        "Addresses to listen on; IPv6 addresses are written in brackets, and a host name stands for all its addresses. "
        "Every service is available on each of them. With port 0 the kernel chooses a free port, which is logged. "
        "Listeners at http://ADDRESS:PORT, https://ADDRESS:PORT and unix:/PATH (mode 0660) are svcd's own HTTP server, "
        "which is faster and safe to expose. Listeners at ADDRESS:PORT or grpc://ADDRESS:PORT are the gRPC C core, "
        "without TLS: on a network, use them only behind a proxy that provides TLS.", RELOAD),
    INT(server, max_connections, 10000, 1, 1000000, "connections",
        "Maximum number of open client connections. Further connections wait until one closes. However, http, https and "
        "unix listeners accept 16 more to answer health checks (Health/Check, /livez, /readyz); other calls on these fail "
        "with UNAVAILABLE until there is room. The web front end keeps many connections open.", RELOAD),
    INT(server, max_connections_per_address, 0, 0, 1000000, "connections",
        "Maximum number of open connections from one client address (behind proxy_protocol_from, the address that the "
        "proxy names). Further ones are closed at once. 0 = no limit.", RELOAD),
    INT(server, max_message_bytes, 262144, 1024, 67108864, "bytes",
        "Maximum size of a request message. A call with a larger one fails with RESOURCE_EXHAUSTED.", RELOAD_BUT_GRPC),
    INT(server, max_concurrent_streams, 1024, 1, 100000, "calls",
        "Maximum number of calls in progress on one connection. A client that wants more has to wait until its earlier "
        "calls complete.", RELOAD_BUT_GRPC),
    INT(server, idle_timeout_ms, 300000, 0, DAY_MS, "milliseconds",
        "On http, https and unix listeners, a connection that carried no call for this long is closed. No call is lost by "
        "this. 0 = never.", RELOAD),
    INT(server, grpc_idle_timeout_ms, 0, 0, DAY_MS, "milliseconds",
        "The same for grpc:// listeners. The gRPC C core closes the connection with an error, so a call that a client "
        "(grpc-js) starts at that moment may be lost. 0 = never."),
    INT(server, max_connection_age_ms, 0, 0, DAY_MS, "milliseconds",
        "On http, https and unix listeners, a connection is closed at this age, plus or minus a tenth, so that clients "
        "are spread over the servers again. No call is lost: calls in progress complete first, except streams, which end "
        "with UNAVAILABLE. 0 = never.", RELOAD),
    INT(server, keepalive_ms, 60000, 0, DAY_MS, "milliseconds",
        "On http, https and unix listeners, an HTTP/2 client that was silent for this long is sent a PING, and its "
        "connection is closed if nothing arrives within 20 seconds. 0 = never.", RELOAD),
    INT(server, request_timeout_ms, 60000, 100, DAY_MS, "milliseconds",
        "On http, https and unix listeners, the maximum time from the headers of a call to its complete request. After "
        "that the call fails with DEADLINE_EXCEEDED.", RELOAD),
    INT(server, max_buffered_bytes, 33554432, 1048576, 2147483647, "bytes",
        "On http, https and unix listeners, the maximum memory for incomplete requests and unread responses of all "
        "connections together. From half of it on, svcd stops reading from connections that use more than an equal share, "
        "as long as that helps, and closes those that neither read nor send for ten seconds. When all of it is used, "
        "calls on such connections are refused with RESOURCE_EXHAUSTED and the time after which to retry. Connections that "
        "use less are served as usual.", RELOAD),
    KEY(server, proxy_protocol_from, networks, struct network_list, "",
        "Networks of proxies that start their connections to http and https listeners with a PROXY protocol header "
        "(version 1 or 2), which names the actual client. A connection from these networks without the header is closed, "
        "and so is a connection from elsewhere with it.", RELOAD),
    CHOICE(server, explorer, int, no_yes, "yes",
        "Whether http, https and unix listeners serve a page at / that documents all services and calls and lets visitors "
        "try them, and an OpenAPI description at /openapi.json.", RELOAD),
    KEY(server, allowed_origins, origins, char *, "",
        "Origins of web pages that may call http, https and unix listeners, besides pages that svcd serves itself. A call "
        "from a page of another origin is refused with 403 and not executed. Clients that are not browsers send no origin "
        "and are not affected. The value * allows every origin: use it only where everybody who can reach svcd may see "
        "everything.", RELOAD),
    CHOICE(server, reuse_port, int, no_yes, "no",
        "Whether other svcd processes on this machine may listen on the same ports (SO_REUSEPORT); the kernel then "
        "distributes connections among them. A process that stops resets the connections that it has not accepted yet, "
        "unless net.ipv4.tcp_migrate_req is 1. Sockets that systemd holds do not have this problem."),

    KEY(tls, certificate, file, char *, "",
        "PEM file with the server's certificate, followed by the certificates that lead from it to its root.", RELOAD),
    KEY(tls, private_key, file, char *, "",
        "PEM file with the private key of the certificate. With an ECDSA key (P-256) a new connection costs 0.02 ms of "
        "CPU time; with an RSA key it costs 0.3 ms (2048 bits) or 4 ms (4096 bits). If a signature takes more than 2 ms, "
        "svcd logs a warning and signs on threads, two at a time: new connections then wait for each other, but delay "
        "nobody else.", RELOAD),
    CHOICE(tls, client_auth, enum config_client_auth, client_auth_names, "none",
        "Whether clients are asked for a certificate: none (they are not asked), optional (a certificate is verified if "
        "the client has one) or required (clients without a valid certificate are refused).", RELOAD),
    KEY(tls, client_ca, text, char *, "",
        "PEM file with the CA certificates by which client certificates are verified.", RELOAD),
    KEY(tls, client_names, text, char *, "",
        "Clients that are accepted, by the DNS names or common names in their verified certificates, separated by commas. "
        "Empty = all.", RELOAD),
    KEY(tls, ticket_keys, file, char *, "",
        "File with 80 random bytes (openssl rand 80), the keys of session tickets. With the same file for several svcd a "
        "client can resume its session at any of them. Empty = each has its own keys.", RELOAD),

    CHOICE(access, callers, enum config_callers, callers_names, "none",
        "Whether callers are authenticated: none (they are not) or token. With token, every call needs a token "
        "(authorization: Bearer TOKEN) or a verified client certificate whose name is in the file of callers, except "
        "calls of the open services.", RELOAD),
    KEY(access, tokens, file, char *, "",
        "File of callers, one per line: NAME HASH SERVICES [rate=N] [concurrent=N]. The command `svcd token` makes such a "
        "line.", RELOAD),
    KEY(access, open, text, char *, "health, reflection",
        "Services that anybody may call without authentication: full names, separated by commas. The words health and "
        "reflection stand for gRPC's own services.", RELOAD),

    KEY(database, name, text, char *, "",
        "Database to connect to. For what is empty here and below, the defaults of libpq apply: PGDATABASE, PGUSER, "
        "PGPASSWORD, ~/.pgpass, PGHOST, PGPORT and so on. PGHOSTADDR, the address of the host, is used only if there is "
        "a single host.", VARIABLE("POSTGRES_DATABASE")),
    KEY(database, user, text, char *, "",
        "Role to log in as. A reload that changes the login is refused if the database does not accept the new one.", VARIABLE("POSTGRES_USER"), RELOAD),
    KEY(database, password, text, char *, "",
        "Password of the role. It is better kept in the environment or in ~/.pgpass.", VARIABLE("POSTGRES_PASSWORD"), SECRET, RELOAD),
    KEY(database, host, hosts, char *, "",
        "Host name or address of the server, or the directory of its Unix socket, which starts with a slash. If several "
        "servers replicate each other, list all of them, separated by commas: svcd finds out which one is the primary, "
        "and follows it.", VARIABLE("POSTGRES_HOST")),
    KEY(database, port, ports, char *, "",
        "Port of the server. For several hosts, give one port for all or one for each, separated by commas.", VARIABLE("POSTGRES_PORT")),
    CHOICE(database, target, enum config_target, target_names, "primary",
        "Which of the hosts may be used: primary (only the primary) or any (any host that answers; writes fail on a "
        "standby)."),
    KEY(database, read_host, hosts, char *, "",
        "Standbys that may answer reads, separated by commas. The primary may be listed as well. Empty = all reads go to "
        "the primary. STANDBYS in svcd(8) says what such reads guarantee."),
    KEY(database, read_port, ports, char *, "",
        "Port of the standbys: one for all of read_host, or one for each, separated by commas. Empty = the value of port, "
        "if that is a single port."),
    INT(database, read_max_lag_ms, 1000, 10, DAY_MS, "milliseconds",
        "Maximum measured lag of a standby behind the primary. A standby that lags more answers no reads while the "
        "primary is available.", RELOAD),
    KEY(database, password_file, file, char *, "",
        "File whose first line is the password, for environments that provide secrets as files. It is read at start and "
        "on reload, and only if password is empty.", RELOAD),
    KEY(database, tls, text, char *, "",
        "Whether connections to the server use TLS, as sslmode of libpq: disable, allow, prefer, require, verify-ca or "
        "verify-full. Only verify-full proves which server answers. Empty = PGSSLMODE, or prefer.", RELOAD),
    KEY(database, tls_ca, text, char *, "",
        "PEM file with the CA certificates that verify-ca and verify-full trust. Empty = PGSSLROOTCERT, or "
        "~/.postgresql/root.crt.", RELOAD),
    INT(database, read_connections, 2, 1, 64, "connections",
        "Number of connections for statements that only read. Statements are pipelined, so a few connections serve "
        "thousands of calls. Use at least 2 connections of each kind: with one, a slow or blocked statement holds up all "
        "others.", RELOAD),
    INT(database, insert_connections, 2, 1, 64, "connections",
        "Number of connections for short writes, which share transactions. Reads never wait behind them.", RELOAD),
    INT(database, write_connections, 4, 1, 64, "connections",
        "Number of connections for writes that lock rows; each runs one of them at a time. Neither reads nor short writes "
        "wait behind them.", RELOAD),
    INT(database, queue_limit, 10000, 1, 1000000, "statements",
        "Maximum number of statements of one kind (reads, short writes, writes that lock rows) that may wait for a "
        "connection. Further calls fail with RESOURCE_EXHAUSTED.", RELOAD),
    INT(database, statement_timeout_ms, 10000, 0, DAY_MS, "milliseconds",
        "PostgreSQL cancels a statement that runs longer than this, so that one bad query cannot occupy a connection; its "
        "call fails with DEADLINE_EXCEEDED. 0 = never.", RELOAD),
    INT(database, lock_wait_ms, 2000, 1, DAY_MS, "milliseconds",
        "Maximum time that a read waits for a locked table; then its call fails with UNAVAILABLE. Calls that do not need "
        "the table never wait for it.", RELOAD),
    INT(database, connect_timeout_ms, 5000, 100, 600000, "milliseconds",
        "Maximum time to connect, log in and prepare statements. If the host has several addresses, they share this time.", RELOAD),
    INT(database, reconnect_min_ms, 50, 1, 60000, "milliseconds",
        "First delay before connecting again. It doubles with each attempt, with some jitter.", RELOAD),
    INT(database, reconnect_max_ms, 500, 1, 600000, "milliseconds",
        "Maximum delay before connecting again.", RELOAD),

    CHOICE(password, scheme, enum password_scheme, scheme_names, "argon2id",
        "Scheme of new hashes: argon2id or bcrypt. Choose bcrypt only while the Python backend, which cannot read "
        "argon2id, serves the same database. Stored hashes of both schemes are verified in either case, and a login "
        "renews an outdated one.", RELOAD),
    INT(password, argon2_memory_kib, 19456, 19456, 262144, "KiB",
        "Memory for an argon2id hash. The default is the least that OWASP recommends, and the least that svcd accepts.", RELOAD),
    INT(password, argon2_passes, 2, 2, 16, "passes",
        "Number of passes over that memory. The default is the least here, too.", RELOAD),
    INT(password, bcrypt_cost, 12, 10, 14, "doublings",
        "Cost of a bcrypt hash: each step doubles the time.", RELOAD),
    INT(password, workers, 1, 1, 64, "threads",
        "Number of threads that hash passwords; each can keep a core busy. On a machine with more than workers + 1 cores "
        "they run at the lowest priority. With fewer cores they pause while svcd is busy with calls, for up to 70% of the "
        "time.", RELOAD),
    INT(password, queue_limit, 256, 1, 100000, "hashes",
        "Logins and registrations that may wait for a hashing thread, at most half of them from one client address. "
        "Further ones fail with RESOURCE_EXHAUSTED and the time after which to retry.", RELOAD),
    INT(password, failure_floor_ms, 500, 0, 10000, "milliseconds",
        "Minimum time between the start of the hash and the answer to a failed login. Without it, the duration would tell "
        "whether the account exists and which scheme its hash has. It should exceed the time of the slowest stored hash: "
        "bcrypt of cost 12 takes 220 to 380 ms, depending on the machine and its load. 0 = answer at once.", RELOAD),

    INT(throttle, email_per_minute, 6, 0, 60000, "failures",
        "Failed logins per minute for one e-mail address, from all clients together, once email_burst is used up. 0 = no "
        "limit.", RELOAD),
    INT(throttle, email_burst, 10, 1, 10000, "failures",
        "Failed logins for one e-mail address that may occur at once.", RELOAD),
    INT(throttle, address_per_minute, 60, 0, 60000, "failures",
        "Failed logins and registrations per minute from one client address (IPv6: one /64 network), for all e-mail "
        "addresses together, once address_burst is used up. Behind a front end or proxy all clients have its address: see "
        "trusted_proxies. 0 = no limit.", RELOAD),
    INT(throttle, address_burst, 100, 1, 10000, "failures",
        "Failed logins and registrations from one client address that may occur at once.", RELOAD),
    INT(throttle, stranger_per_minute, 1, 1, 60000, "failures",
        "When the limit of an e-mail address is used up, by an attacker for example, each client still has a small limit "
        "of its own there, so that the owner can log in from anywhere. This key sets its failures per minute.", RELOAD),
    INT(throttle, stranger_burst, 3, 1, 10000, "failures",
        "Failures of such a client that may occur at once.", RELOAD),
    INT(throttle, known_per_minute, 6, 1, 60000, "failures",
        "A client that logged in with an e-mail address before has a limit of its own there, which nobody else can use "
        "up. This key sets its failures per minute.", RELOAD),
    INT(throttle, known_burst, 100, 1, 10000, "failures",
        "Failures of such a client that may occur at once.", RELOAD),
    INT(throttle, entries, 65536, 1024, 16777216, "entries",
        "Number of entries in each of the throttle's four tables. Their memory is fixed: 96 bytes per entry for all four "
        "together. If there are more attackers than entries, those with the fewest failures are forgotten first; likewise "
        "when a reload lowers this value.", RELOAD),
    KEY(throttle, trusted_proxies, networks, struct network_list, "",
        "Networks of proxies and front ends that name their client in the metadata x-forwarded-for. The last address in "
        "it that is not itself trusted is taken as the client's. From any other peer the metadata is ignored. A trusted "
        "proxy that does not send it is exempt from the limit by client address.", RELOAD),

    KEY(jobs, update_models, schedule, struct cron, "*/30 * * * *",
        "When new ratings are moved to the training history, and the models by which the next matches are made are "
        "fitted.", RELOAD),
    CHOICE(jobs, update_models_enabled, int, no_yes, "yes",
        "Whether this svcd runs the job update-models.", RELOAD),
    KEY(jobs, suggest_workshops, schedule, struct cron, "0 0 * * 0",
        "When every mentor is notified of each of their skills that at least 10 mentees without a mentor want to learn.", RELOAD),
    CHOICE(jobs, suggest_workshops_enabled, int, no_yes, "yes",
        "Whether this svcd runs the job suggest-workshops.", RELOAD),
    KEY(jobs, forget_answers, schedule, struct cron, "10 * * * *",
        "When answers are deleted that were kept for 24 hours for clients that retry a call with the same "
        "idempotency-key.", RELOAD),
    CHOICE(jobs, forget_answers_enabled, int, no_yes, "yes",
        "Whether this svcd runs the job forget-answers.", RELOAD),

    INT(drain, lame_ms, 1000, 0, 600000, "milliseconds",
        "After SIGTERM, health checks are answered NOT_SERVING, and calls are still served for this long, so that load "
        "balancers can choose another server. Use at least the interval of their health checks.", RELOAD),
    INT(drain, timeout_ms, 10000, 0, 600000, "milliseconds",
        "After drain.lame_ms no new calls are accepted, and calls in progress have this long to complete. Calls that take "
        "longer end with UNAVAILABLE.", RELOAD),

    KEY(admin, listen, admin, struct address_list, "",
        "Addresses of the admin interface (HTTP, for operators): the status page at /, /metrics for Prometheus, /livez "
        "and /readyz for probes, /status and /config. Its connections do not count towards server.max_connections. Empty "
        "= no admin interface.", RELOAD),
    KEY(admin, token_file, file, char *, "",
        "File whose first line is the token that operators send as `authorization: Bearer TOKEN`, or as the password in a "
        "browser. Probes need no token. Required if admin.listen is not a loopback address.", RELOAD),

    CHOICE(log, level, enum log_level, level_names, "info",
        "Least severe level that is logged.", RELOAD),
    CHOICE(log, format, enum log_format, format_names, "auto",
        "Format of log lines: text (logfmt), json (one object per line) or journal (logfmt after a syslog priority, "
        "without the time). The value auto means journal if standard error is systemd's journal, as the variable "
        "JOURNAL_STREAM tells, and text otherwise.", RELOAD),
    CHOICE(log, calls, enum log_calls, calls_names, "failed",
        "Which calls are logged: none, failed (status other than OK), slow (failed and slow calls, and slow statements) "
        "or all (every call, and slow statements).", RELOAD),
    INT(log, slow_ms, 1000, 0, DAY_MS, "milliseconds",
        "Duration from which on a call or a statement is slow.", RELOAD),
    KEY(log, otlp, url, char *, "",
        "URL of a collector to which traces are sent by OTLP over HTTP (http://127.0.0.1:4318; /v1/traces is added if the "
        "URL has no path). After a reload with another collector, the spans waiting for the previous one are still sent "
        "there. Empty = no traces.", RELOAD),
    KEY(log, otlp_ca, file, char *, "",
        "PEM file with the CA certificates by which a collector at https:// is verified. Empty = those that the system "
        "trusts.", RELOAD),
    KEY(log, otlp_sample, share, double, "1",
        "Fraction of calls that are traced, among those whose caller does not decide it with `traceparent`.", RELOAD),
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

/* A part of a name suffices in the same section only. */
const struct config_key *config_key_nearest(const char *section, const char *name)
{
    const struct config_key *nearest = NULL;
    struct guess guess = { .written = name };
    for (int is_elsewhere = 0; is_elsewhere < 2; is_elsewhere++)
        for (size_t i = 0; i < config_keys_n; i++) {
            const struct config_key *key = &config_keys[i];
            int before = guess.name ? guess.distance : INT_MAX;
            if ((strcmp(section, key->section) != 0) != is_elsewhere)
                continue;
            guess_offer(&guess, key->name, key->name);
            if (!is_elsewhere)
                guess_offer_part(&guess, key->name, key->name);
            if (guess.name && guess.distance < before)
                nearest = key;
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
