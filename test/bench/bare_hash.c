/* SPDX-License-Identifier: MIT
 *
 * The bare loop: threads that verify one password against one crypt string, over and over, by the same
 * libraries as svcd and nothing else. Prints verifications a second.
 *
 * bare_hash CRYPT PASSWORD THREADS SECONDS
 */
#include <crypt.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *stored, *password;
static double end_s;
static atomic_ulong n_verified;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool verify(void)
{
    if (strncmp(stored, "$argon2", 7) == 0)
        return crypto_pwhash_str_verify(stored, password, strlen(password)) == 0;
    struct crypt_data data = { 0 };
    const char *computed = crypt_r(password, stored, &data);
    return computed && strcmp(computed, stored) == 0;
}

static void *loop(void *unused)
{
    (void)unused;
    while (now_s() < end_s && verify())
        n_verified++;
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int n = argc == 5 ? atoi(argv[3]) : 0;
    if (n < 1 || n > 64 || sodium_init() < 0) {
        fputs("usage: bare_hash CRYPT PASSWORD THREADS SECONDS\n", stderr);
        return 2;
    }
    stored = argv[1];
    password = argv[2];
    if (!verify()) {
        fputs("bare_hash: the password is another\n", stderr);
        return 1;
    }
    double begun_s = now_s();
    end_s = begun_s + atof(argv[4]);
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, loop, NULL))
            return 1;
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    printf("%.3f\n", (double)n_verified / (now_s() - begun_s));
    return 0;
}
