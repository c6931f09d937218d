/* SPDX-License-Identifier: MIT
 *
 * svcd: reads its arguments and configuration, then does what its command says; without one it serves.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "commands/hash_password.h"
#include "config/load.h"
#include "daemon.h"
#include "db/migrate.h"
#include "db/params.h"

#define EXIT_USAGE   2 /* arguments or configuration are wrong */
#define SETTINGS_MAX 128

struct arguments {
    const char *config_file;
    const char *settings[SETTINGS_MAX];
    size_t settings_n;
    int flag; /* the command's own: 'C' for --check, 'R' for --report, 0 for none */
    const struct command *command;
    char **operands; /* what stands after the command, then NULL */
};

struct command {
    const char *name; /* "": none given */
    const char *synopsis, *summary;
    int operands_min, operands_max;
    int flag;                                                                   /* that it takes */
    int (*run)(const struct config *config, const struct arguments *arguments); /* returns the exit status */
};

static int serve(const struct config *config, const struct arguments *arguments);
static int migrate(const struct config *config, const struct arguments *arguments);
static int hash_password(const struct config *config, const struct arguments *arguments);
static int job(const struct config *config, const struct arguments *arguments);
static int import(const struct config *config, const struct arguments *arguments);

static const struct command commands[] = {
    { .name = "", .synopsis = "", .summary = "serve", .run = serve },
    { .name = "migrate",
      .synopsis = "migrate [--check]",
      .summary = "bring the database to this version's schema, or tell whether it is",
      .flag = 'C',
      .run = migrate },
    { .name = "hash-password",
      .synopsis = "hash-password",
      .summary = "read a password, print what to store for it",
      .run = hash_password },
    { .name = "job",
      .synopsis = "job [NAME [--report]]",
      .summary = "list the jobs, or run one now (update-models --report: tell how good the models are)",
      .operands_max = 1,
      .flag = 'R',
      .run = job },
    { .name = "import-ratings",
      .synopsis = "import-ratings FOLDER",
      .summary = "take in the training history that the Python backend kept in A-B.csv files",
      .operands_min = 1,
      .operands_max = 1,
      .run = import },
};
#define COMMANDS_N (sizeof commands / sizeof *commands)

static void print_usage(void)
{
    for (size_t i = 0; i < COMMANDS_N; i++)
        printf("%s svcd [OPTION]... %-22s %s\n", i == 0 ? "Usage:" : "      ", commands[i].synopsis,
               commands[i].summary);
    fputs(
        "\n"
        "  -c, --config FILE             read the configuration from FILE (see svcd.conf(5)); without it: "
        "defaults\n"
        "  -s, --set SECTION.KEY=VALUE   set one key, over file and environment; may be repeated\n"
        "  -h, --help                    show this and exit\n"
        "  -V, --version                 show the version and exit\n"
        "\n"
        "Exit status: 0 after a clean stop; 1 if it could not start or the work failed (migrate --check: if "
        "files are pending);\n"
        "2 if arguments or configuration are wrong.\n",
        stdout);
}

static int wrong_usage(const char *what, const char *why)
{
    fprintf(stderr, "svcd: %s: %s\nTry 'svcd --help'.\n", what, why);
    return EXIT_USAGE;
}

/* Each returns -1 to go on, or the exit status. */
static int parse_options(struct arguments *arguments, int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "set", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "check", no_argument, NULL, 'C' },
        { "report", no_argument, NULL, 'R' },
        { 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:s:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            arguments->config_file = optarg;
            break;
        case 's':
            if (arguments->settings_n == SETTINGS_MAX)
                return wrong_usage("--set", "too many; put them into a file for --config");
            arguments->settings[arguments->settings_n++] = optarg;
            break;
        case 'C':
        case 'R':
            arguments->flag = option;
            break;
        case 'h':
            print_usage();
            return EXIT_SUCCESS;
        case 'V':
            puts("svcd " SVCD_VERSION);
            return EXIT_SUCCESS;
        default: /* getopt has said what is wrong */
            fputs("Try 'svcd --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    return -1;
}

static int parse_command(struct arguments *arguments, int argc, char **argv)
{
    bool is_given = optind < argc;
    const char *name = is_given ? argv[optind++] : "";
    if (is_given && !*name)
        return wrong_usage("''", "no such command");
    for (size_t i = 0; i < COMMANDS_N && !arguments->command; i++)
        if (strcmp(commands[i].name, name) == 0)
            arguments->command = &commands[i];
    const struct command *command = arguments->command;
    if (!command)
        return wrong_usage(name, "no such command");
    if (arguments->flag && arguments->flag != command->flag)
        return arguments->flag == 'C' ? wrong_usage("--check", "goes with 'migrate'")
                                      : wrong_usage("--report", "goes with 'job update-models'");
    if (argc - optind < command->operands_min)
        return wrong_usage(command->synopsis, "something is missing");
    if (argc - optind > command->operands_max)
        return wrong_usage(argv[optind + command->operands_max], "one too many");
    arguments->operands = argv + optind;
    return -1;
}

static int serve(const struct config *config, const struct arguments *arguments)
{
    (void)arguments;
    return daemon_run(config);
}

static int migrate(const struct config *config, const struct arguments *arguments)
{
    struct database_params params;
    database_params_set(&params, config);
    return migrate_run(params.keywords, params.values, arguments->flag == 'C', stdout);
}

static int hash_password(const struct config *config, const struct arguments *arguments)
{
    (void)arguments;
    return hash_password_run(config);
}

static int job(const struct config *config, const struct arguments *arguments)
{
    struct database_params params;
    database_params_set_for_jobs(&params, config);
    struct conn_options conn = database_conn_options(&params, config, 0);
    const char *name = arguments->operands[0];
    bool report = arguments->flag == 'R';
    if (report && (!name || strcmp(name, "update-models") != 0))
        return wrong_usage("--report", "goes with 'job update-models'");
    if (!name)
        return job_list(config, &conn);
    int status = job_run_now(config, &conn, name);
    return report && status == EXIT_SUCCESS ? job_report(config, &conn) : status;
}

static int import(const struct config *config, const struct arguments *arguments)
{
    struct database_params params;
    database_params_set_for_jobs(&params, config);
    struct conn_options conn = database_conn_options(&params, config, 0);
    return import_ratings(config, &conn, arguments->operands[0]);
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    static struct config config;
    int status = parse_options(&arguments, argc, argv);
    if (status < 0)
        status = parse_command(&arguments, argc, argv);
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
    status = arguments.command->run(&config, &arguments);
    config_finish(&config);
    return status;
}
