/* SPDX-License-Identifier: MIT
 *
 * Lists of services, as the configuration and the file of callers have them.
 */
#include <string.h>
#include <uv.h>

#include "access/callers.h"
#include "base/nearest.h"

/* Short words for gRPC's own services, whose names are long. */
static const struct {
    const char *word, *prefix;
} words[] = {
    { "health", "grpc.health." },
    { "reflection", "grpc.reflection." },
};

static bool mark_word(bool *services, const struct service_names *names, const char *word)
{
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        if (strcmp(words[w].word, word) != 0)
            continue;
        for (size_t i = 0; i < names->n; i++)
            services[i] |= strncmp(names->items[i], words[w].prefix, strlen(words[w].prefix)) == 0;
        return true;
    }
    return false;
}

static bool mark_name(bool *services, const struct service_names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i], name) == 0)
            return services[i] = true;
    return false;
}

/* Names are compared with and without their package. */
static const char *nearest_to(const struct service_names *names, const char *name)
{
    struct guess guess = { .written = name };
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        guess_offer(&guess, words[w].word, words[w].word);
    for (size_t i = 0; i < names->n; i++) {
        const char *dot = strrchr(names->items[i], '.');
        guess_offer(&guess, names->items[i], names->items[i]);
        guess_offer(&guess, dot ? dot + 1 : names->items[i], names->items[i]);
        guess_offer_part(&guess, names->items[i], names->items[i]);
    }
    return guess.name;
}

/* A token that was put in the place of a service must not be shown in the error. */
static bool may_be_token(const char *name)
{
    return strlen(name) >= TOKEN_LEN && !strchr(name, '.');
}

static void complain_unknown(const struct service_names *names, const char *name, const char *where,
                             FILE *errors)
{
    const char *nearest = nearest_to(names, name);
    fprintf(errors, "%s: there is no service \"%s\"; ", where, may_be_token(name) ? "..." : name);
    if (nearest) {
        fprintf(errors, "did you mean %s?\n", nearest);
        return;
    }
    fputs("there are ", errors);
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        fprintf(errors, "%s, ", words[w].word);
    for (size_t i = 0; i < names->n; i++)
        fprintf(errors, "%s%s", names->items[i], i + 1 < names->n ? ", " : "\n");
}

int services_parse(bool *services, const struct service_names *names, const char *list, const char *where,
                   FILE *errors)
{
    int rc = 0;
    while (*list) {
        char name[256];
        list += strspn(list, " \t");
        size_t len = strcspn(list, ",");
        const char *next = list + len + (list[len] == ',');
        bool is_last = !list[len];
        while (len > 0 && (list[len - 1] == ' ' || list[len - 1] == '\t'))
            len--;
        snprintf(name, sizeof name, "%.*s", (int)(len < 255 ? len : 255), list);
        if (len == 0 || (!is_last && !*next)) {
            fprintf(errors,
                    "%s: a name is missing beside a comma; expected services by full name, such as %s\n",
                    where, names->n ? names->items[0] : "package.Service");
            return UV_EINVAL;
        }
        if (!mark_word(services, names, name) && !mark_name(services, names, name)) {
            complain_unknown(names, name, where, errors);
            rc = UV_EINVAL;
        }
        list = next;
    }
    return rc;
}
