/* SPDX-License-Identifier: MIT
 *
 * svcd: reads its arguments and configuration, then runs its command; the default is to serve.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access/access.h"
#include "base/nearest.h"
#include "commands/command.h"
#include "config/load.h"
#include "daemon/daemon.h"
#include "edge/http/tls_files.h"
#include "edges.h"
#include "reload.h"

#define SETTINGS_MAX 128

/* Static because the daemon keeps using them; a reload reads the source again. */
static struct config config;
static struct config_source source;

static int serve(const struct config *read, const struct command_line *line)
{
    struct tls_files *tls;
    struct rules rules;
    (void)line;
    int tls_rc = edges_read_tls(&tls, read), rules_rc = rules_read(&rules, read, stderr);
    if (!tls_rc && !rules_rc)
        return daemon_run(&config, &source, &rules, tls);
    tls_files_destroy(tls);
    if (!rules_rc)
        access_destroy(rules.access);
    return EXIT_USAGE;
}

static const struct command command_serve = { .name = "serve",
                                              .synopsis = "serve",
                                              .summary = "serve calls; the default without a command",
                                              .run = serve };

static const struct command *const commands[] = {
    &command_serve,
    &command_check,
    &command_config,
    &command_migrate,
    &command_hash_password,
    &command_health,
    &command_routes,
    &command_job,
    &command_import_ratings,
    &command_token,
    NULL,
};

/* getopt's return value for an option of a command: above all characters. */
enum { OWN_OPTION = 256, OWN_OPTIONS_MAX = 64 };

struct arguments {
    const char *config_file;
    const char *settings[SETTINGS_MAX];
    size_t settings_n;
    const struct command *command;
    struct command_line line;
};

static const struct option common_options[] = {
    { "config", required_argument, NULL, 'c' },
    { "set", required_argument, NULL, 's' },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
};
#define COMMON_OPTIONS_N (sizeof common_options / sizeof *common_options)

static void print_usage(void)
{
    for (size_t i = 0; commands[i]; i++)
        printf("%s svcd [OPTION]... %-22s %s\n", i == 0 ? "Usage:" : "      ", commands[i]->synopsis,
               commands[i]->summary);
    fputs("\n"
          "  -c, --config FILE             read the configuration from FILE, see svcd.conf(5); without "
          "it every key has its default\n"
          "  -s, --set SECTION.KEY=VALUE   set one key, overriding file and environment; may be repeated\n"
          "  -t                            same as the command 'check'\n"
          "  -h, --help                    show this help and exit\n"
          "  -V, --version                 show the version and exit\n",
          stdout);
    for (size_t i = 0; commands[i]; i++)
        for (const struct command_option *option = commands[i]->options; option->name; option++)
            printf("      --%s %-*s %s: %s\n", option->name, (int)(22 - strlen(option->name)),
                   option->value ? option->value : "", commands[i]->name, option->summary);
    fputs("\n"
          "Exit status: 0 after a clean stop or success; 1 if svcd could not start or the command failed;\n"
          "2 if the arguments or the configuration are wrong.\n",
          stdout);
}

/* Lists the options of all commands, since options may stand before the command's name. */
static void list_options(struct option *options)
{
    size_t n = COMMON_OPTIONS_N;
    memcpy(options, common_options, sizeof common_options);
    for (size_t i = 0; commands[i]; i++)
        for (const struct command_option *option = commands[i]->options;
             option->name && n < COMMON_OPTIONS_N + OWN_OPTIONS_MAX; option++)
            options[n++] = (struct option){ option->name, option->value ? required_argument : no_argument,
                                            NULL, OWN_OPTION };
    options[n] = (struct option){ 0 };
}

/* The functions from here on return -1 to continue, or the exit status. */

static int keep_own_option(struct command_line *line, const char *name, const char *value)
{
    size_t i = 0;
    while (line->options[i].name && strcmp(line->options[i].name, name) != 0)
        i++;
    if (i == COMMAND_OPTIONS_MAX)
        return command_misused(name, "one option too many");
    line->options[i].name = name;
    line->options[i].value = value ? value : "";
    return -1;
}

static int keep_setting(struct arguments *arguments, const char *setting)
{
    if (arguments->settings_n == SETTINGS_MAX)
        return command_misused("--set", "too many; put them into a file for --config");
    arguments->settings[arguments->settings_n++] = setting;
    return -1;
}

/* getopt has rejected the word; if it is a misspelt long option, suggests the right one. */
static void suggest_option(const struct option *options, const char *word)
{
    char name[EDIT_DISTANCE_FAR + 1];
    struct guess guess = { .written = name };
    if (strncmp(word, "--", 2) != 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (; options->name; options++)
        guess_offer(&guess, options->name, options->name);
    if (guess.name && guess.distance > 0)
        fprintf(stderr, "Did you mean '--%s'?\n", guess.name);
}

static int parse_options(struct arguments *arguments, int argc, char **argv)
{
    struct option options[COMMON_OPTIONS_N + OWN_OPTIONS_MAX + 1];
    int option, index, status = -1;
    list_options(options);
    while (status < 0 && (option = getopt_long(argc, argv, "c:s:thV", options, &index)) != -1) {
        switch (option) {
        case 'c':
            arguments->config_file = optarg;
            break;
        case 's':
            status = keep_setting(arguments, optarg);
            break;
        case 't':
            arguments->command = &command_check;
            break;
        case 'h':
            print_usage();
            return EXIT_SUCCESS;
        case 'V':
            puts("svcd " SVCD_VERSION);
            return EXIT_SUCCESS;
        case OWN_OPTION:
            status = keep_own_option(&arguments->line, options[index].name, optarg);
            break;
        default: /* getopt has printed what is wrong */
            suggest_option(options, argv[optind - 1]);
            fputs("Try 'svcd --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    return status;
}

static bool command_has(const struct command *command, const char *name)
{
    for (const struct command_option *option = command->options; option->name; option++)
        if (strcmp(option->name, name) == 0)
            return true;
    return false;
}

/* The option belongs to another command: says to which. */
static int misplaced_option(const char *name)
{
    char option[64], why[128];
    snprintf(option, sizeof option, "--%s", name);
    for (size_t i = 0; commands[i]; i++)
        if (command_has(commands[i], name))
            snprintf(why, sizeof why, "goes with '%s'", commands[i]->name);
    return command_misused(option, why);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int no_such_command(const char *name)
{
    char why[96];
    struct guess guess = { .written = name };
    for (size_t i = 0; commands[i]; i++) {
        guess_offer(&guess, commands[i]->name, commands[i]->name);
        guess_offer_part(&guess, commands[i]->name, commands[i]->name);
    }
    snprintf(why, sizeof why, "no such command%s%s%s", guess.name ? "; did you mean '" : "",
             guess.name ? guess.name : "", guess.name ? "'?" : "");
    return command_misused(*name ? name : "''", why);
}

static int parse_command(struct arguments *arguments, int argc, char **argv)
{
    bool is_given = optind < argc;
    const char *name = is_given ? argv[optind++] : command_serve.name;
    const struct command *command = find_command(name);
    if (arguments->command && !is_given) /* -t has chosen the command */
        command = arguments->command;
    if (arguments->command && command != arguments->command)
        return command_misused("-t", "is a command by itself");
    if (!command)
        return no_such_command(name);
    for (size_t i = 0; arguments->line.options[i].name; i++)
        if (!command_has(command, arguments->line.options[i].name))
            return misplaced_option(arguments->line.options[i].name);
    if (argc - optind < command->operands_min)
        return command_misused(command->synopsis, "something is missing");
    if (argc - optind > command->operands_max)
        return command_misused(argv[optind + command->operands_max], "one too many");
    arguments->command = command;
    arguments->line.operands = argv + optind;
    return -1;
}

/* If the output could not be written (disk full, reader gone) the command fails: it may have been the only
 * copy of a token. */
static int end(const struct command *command, int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "svcd: what was to be printed could not be written: %s\n", strerror(errno ? errno : EIO));
    return status || (command && command->answers_by_status) ? status : EXIT_FAILURE;
}

/* If svcd is started with standard input, output or error closed, the first sockets and files would get their
 * numbers: the log would be written into a peer's connection, and libuv refuses to close descriptors that
 * low. So the missing ones are opened, in a way that writing to them still fails. This must run before main,
 * since constructors of the gRPC core open descriptors (101 is the first priority not reserved for the
 * compiler). */
__attribute__((constructor(101))) static void open_missing_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
        if (fd == STDOUT_FILENO && close(fd) == 0)
            fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        _exit(EXIT_FAILURE);
    close(fd);
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    int status = parse_options(&arguments, argc, argv);
    if (status < 0)
        status = parse_command(&arguments, argc, argv);
    if (status >= 0)
        return end(NULL, status);
    source = (struct config_source){ .file = arguments.config_file,
                                     .dotenv = ".env",
                                     .exports = true,
                                     .environment = environ,
                                     .settings = arguments.settings,
                                     .n_settings = arguments.settings_n };
    if (config_load(&config, &source, stderr))
        return EXIT_USAGE;
    log_set_level(config.log.level);
    log_set_format(config.log.format);
    status = arguments.command->run(&config, &arguments.line);
    config_finish(&config);
    return end(arguments.command, status);
}
