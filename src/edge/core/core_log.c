/* SPDX-License-Identifier: MIT
 *
 * The core's messages may contain peers' metadata, tokens included. So the text is not logged, only the file
 * and line of the core's source, which identify the message; the text of a failed assertion is safe.
 */
#include "edge/core/core_log.h"

#include <grpc/support/log.h>
#include <string.h>

#include "observe/log.h"

#define ASSERTION "assertion failed: "

static void on_core_log(gpr_log_func_args *args)
{
    const char *slash = strrchr(args->file, '/');
    const char *file = slash ? slash + 1 : args->file;
    bool is_assertion = strncmp(args->message, ASSERTION, strlen(ASSERTION)) == 0;
    if (is_assertion)
        log_error("gRPC core", log_str("file", file), log_int("line", args->line),
                  log_str("assertion", args->message + strlen(ASSERTION)));
    else if (args->severity == GPR_LOG_SEVERITY_ERROR)
        log_warn("gRPC core", log_str("file", file), log_int("line", args->line));
    else
        log_debug("gRPC core", log_str("file", file), log_int("line", args->line));
}

void core_log_start(void)
{
    gpr_set_log_function(on_core_log);
}
