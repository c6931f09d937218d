/* SPDX-License-Identifier: MIT
 *
 * Stored hashes: whatever stands there, a password is held against it, and made anew only if it is usable.
 */
#include <string.h>

#include "call/context.h"
#include "fuzz.h"
#include "login/password.h"

/* Those that would take long are left out: it is the reading that is tried. */
static bool is_dear(const char *stored)
{
    unsigned memory_kib, passes;
    const char *memory = strstr(stored, "$m=");
    if (memory && sscanf(memory, "$m=%7u,t=%7u", &memory_kib, &passes) == 2)
        return memory_kib > 64 || passes > 8;
    return strncmp(stored, "$2", 2) == 0 && strncmp(stored + strlen("$2b$"), "04", 2) != 0;
}

void fuzz_password(const uint8_t *data, size_t size)
{
    struct password_policy policy;
    enum password_verdict verdict = PASSWORD_MATCHES;
    char *stored = fuzz_text(data, size);
    password_policy_set(&policy, fuzz_context()->config);
    bool is_outdated = password_outdated(&policy, stored, size, 4);
    policy.dummy[0] = '\0';
    strcat(policy.dummy,
           "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    if (size < 4 || !is_dear(stored)) {
        FUZZ_EXPECT(password_verify(&policy, "demo", 4, stored, size, &verdict) == 0);
        FUZZ_EXPECT(verdict != PASSWORD_UNUSABLE || !is_outdated);
    }
    free(stored);
}
