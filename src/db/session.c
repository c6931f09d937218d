/* SPDX-License-Identifier: MIT */
#include "db/session.h"

#include <stdio.h>
#include <unistd.h>

const char session_sql[] =
    "SELECT b.pid, (extract(epoch FROM b.backend_start) * 1000000)::bigint,"
    " pg_catalog.current_setting('server_encoding'), pg_catalog.current_setting('server_version_num'),"
    " (SELECT pg_catalog.count(pg_catalog.set_config(s.name, v.value, false))"
    "  FROM pg_catalog.json_each_text($1::json) AS v (name, value)"
    "  JOIN pg_catalog.pg_settings s ON s.name = v.name),"
    " pg_catalog.pg_is_in_recovery(), CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE"
    "  ('x' OPERATOR(pg_catalog.||) pg_catalog.substr(pg_catalog.pg_walfile_name("
    "   pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::integer END,"
    " EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    "  WHERE n.nspname = 'svcd' AND c.relname = 'migration' AND pg_catalog.has_schema_privilege(n.oid, "
    "'USAGE')),"
    " (SELECT NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') FROM pg_catalog.pg_namespace n"
    "  WHERE n.nspname = 'svcd')"
    " FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) b";

const char session_ready_sql[] = "SELECT b.pid, (extract(epoch FROM b.backend_start) * 1000000)::bigint,"
                                 " pg_catalog.set_config('lock_timeout', $1, false)"
                                 " FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) b";

void session_settings(char json[static SESSION_SETTINGS_LEN], enum lane lane, const char *schemas,
                      unsigned statement_timeout_ms, unsigned lock_timeout_ms)
{
    /* search_path: names resolve to our objects first, to temporary ones last. Generic plans: every statement
     * is an index look-up, whose plan does not depend on the parameters. No memoize: equal parameters in one
     * merged execution are rare. client_connection_check_interval: a backend notices within a second that its
     * client has gone, even while it waits. */
    snprintf(
        json, SESSION_SETTINGS_LEN,
        "{\"search_path\": \"%s\", \"TimeZone\": \"UTC\", \"statement_timeout\": \"%u\","
        " \"lock_timeout\": \"%u\", \"exit_on_error\": \"off\", \"idle_session_timeout\": \"0\", "
        "\"transaction_timeout\": \"0\","
        " \"idle_in_transaction_session_timeout\": \"0\", \"client_connection_check_interval\": \"1000\","
        " \"default_transaction_isolation\": \"read committed\", \"default_transaction_read_only\": \"%s\","
        " \"default_transaction_deferrable\": \"off\", \"client_min_messages\": \"warning\","
        " \"plan_cache_mode\": \"force_generic_plan\", \"jit\": \"off\", \"enable_memoize\": \"off\","
        " \"max_parallel_workers_per_gather\": \"0\"}",
        schemas ? schemas : "svcd, public, pg_temp", statement_timeout_ms, lock_timeout_ms,
        lane == LANE_READ ? "on" : "off");
}

void session_name(char name[static SESSION_NAME_LEN], const char *lane)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    int len = snprintf(name, SESSION_NAME_LEN, "%s svcd %ld@", lane, (long)getpid());
    snprintf(name + len, (size_t)(SESSION_NAME_LEN - len), "%s", host);
}
