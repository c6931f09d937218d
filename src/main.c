/* SPDX-License-Identifier: MIT
 *
 * svcd: reads its arguments and configuration, then serves, or migrates the database.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "db/migrate.h"

#define EXIT_USAGE   2 /* arguments or configuration are wrong */
#define SETTINGS_MAX 128

extern char **environ;

static const char usage[] =
    "Usage: svcd [OPTION]...                   serve\n"
    "       svcd [OPTION]... migrate [--check] bring the database to this version's schema, or tell whether "
    "it is\n"
    "\n"
    "  -c, --config FILE             read the configuration from FILE (see svcd.conf(5)); without it: "
    "defaults\n"
    "  -s, --set SECTION.KEY=VALUE   set one key, over file and environment; may be repeated\n"
    "  -h, --help                    show this and exit\n"
    "  -V, --version                 show the version and exit\n"
    "\n"
    "Exit status: 0 after a clean stop; 1 if it could not start or the work failed (migrate --check: if "
    "files are pending);\n"
    "2 if arguments or configuration are wrong.\n";

struct arguments {
    const char *config_file;
    const char *settings[SETTINGS_MAX];
    size_t settings_n;
    const char *command; /* NULL: serve */
    bool check;
};

/* Returns -1 to go on, or the exit status. */
static int parse(struct arguments *arguments, int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "set", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },         { "version", no_argument, NULL, 'V' },
        { "check", no_argument, NULL, 'C' },        { 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:s:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            arguments->config_file = optarg;
            break;
        case 's':
            if (arguments->settings_n == SETTINGS_MAX) {
                fprintf(stderr, "svcd: --set: at most %d; put them into a file for --config\n", SETTINGS_MAX);
                return EXIT_USAGE;
            }
            arguments->settings[arguments->settings_n++] = optarg;
            break;
        case 'C':
            arguments->check = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        case 'V':
            puts("svcd " SVCD_VERSION);
            return EXIT_SUCCESS;
        default: /* getopt has said what is wrong */
            fputs("Try 'svcd --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    arguments->command = optind < argc ? argv[optind++] : NULL;
    if (optind < argc || (arguments->command && strcmp(arguments->command, "migrate") != 0)) {
        fprintf(stderr, "svcd: %s: unexpected; the only command is 'migrate'\nTry 'svcd --help'.\n",
                optind < argc ? argv[optind] : arguments->command);
        return EXIT_USAGE;
    }
    if (arguments->check && !arguments->command) {
        fputs("svcd: --check goes with 'migrate'\nTry 'svcd --help'.\n", stderr);
        return EXIT_USAGE;
    }
    return -1;
}

static int migrate(const struct config *config, bool check_only)
{
    struct database_params params;
    database_params_set(&params, config);
    return migrate_run(params.keywords, params.values, check_only, stdout);
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    static struct config config;
    int status = parse(&arguments, argc, argv);
    if (status >= 0)
        return status;
    struct config_source source = { .file = arguments.config_file,
                                    .dotenv = ".env",
                                    .environment = environ,
                                    .settings = arguments.settings,
                                    .n_settings = arguments.settings_n };
    if (config_load(&config, &source, stderr))
        return EXIT_USAGE;
    log_set_level(config.log.level);
    status = arguments.command ? migrate(&config, arguments.check) : daemon_run(&config);
    config_finish(&config);
    return status;
}
