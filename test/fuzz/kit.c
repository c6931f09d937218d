/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uv.h>

#include "base/timers.h"
#include "call/context.h"
#include "config/load.h"
#include "db/pool.h"
#include "fuzz.h"
#include "json_types.h"
#include "login/hash_pool.h"
#include "login/throttle.h"

struct context *fuzz_context(void)
{
    static uv_loop_t loop;
    static struct timers timers;
    static struct outage outage;
    static struct pool pool = { .options.conn.outage = &outage }; /* without a connection */
    static struct config config;
    static struct context context;
    static const char *const settings[] = { "password.argon2_memory_kib=19456", "throttle.entries=1024",
                                            "throttle.email_per_minute=0", "throttle.address_per_minute=0" };
    struct password_policy policy;
    struct hash_pool_options options = { .policy = &policy, .n_workers = 1, .queue_limit = 4 };
    if (context.loop)
        return &context;
    FUZZ_EXPECT(
        config_load(&config, &(struct config_source){ .settings = settings, .n_settings = 4 }, stderr) == 0);
    FUZZ_EXPECT(uv_loop_init(&loop) == 0 && timers_init(&timers, &loop) == 0);
    context = (struct context){ .config = &config, .loop = &loop, .timers = &timers, .pool = &pool };
    password_policy_set(&policy, &config);
    policy.argon2_memory_kib = 8;
    policy.argon2_passes = 1;
    FUZZ_EXPECT(hash_pool_start(&context.hash_pool, &loop, &options) == 0);
    FUZZ_EXPECT(throttle_create(&context.throttle, &config) == 0);
    return &context;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_EXPECT(text != NULL);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char name[64];
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_EXPECT(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return name;
}

FILE *fuzz_nowhere(void)
{
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopen("/dev/null", "we");
    FUZZ_EXPECT(nowhere != NULL);
    return nowhere;
}

const struct message_desc *fuzz_message(uint8_t which, bool is_request)
{
    static const struct message_desc *const others[] = { &message_json_types_All, &message_json_types_Lists,
                                                         &message_json_types_Presence };
    enum { OTHERS_N = sizeof others / sizeof *others };
    size_t chosen = which % (messages_of_methods_n + OTHERS_N);
    if (chosen < OTHERS_N)
        return others[chosen];
    const struct method_desc *method = &messages_of_methods[chosen - OTHERS_N];
    return is_request ? method->request : method->reply;
}
