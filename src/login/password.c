/* SPDX-License-Identifier: MIT
 *
 * Password hashes: argon2 by libsodium, bcrypt by libxcrypt.
 */
#include "login/password.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { BCRYPT_LEN = 60, BCRYPT_MAX_PASSWORD = 72 };

static const char argon2id_prefix[] = "$argon2id$", argon2i_prefix[] = "$argon2i$";

/* The scheme and parameters of a crypt string. */
struct form {
    enum { FORM_UNUSABLE, FORM_ARGON2ID, FORM_ARGON2I, FORM_BCRYPT } kind;
    unsigned memory_kib, passes; /* of argon2 */
    unsigned cost;               /* of bcrypt */
    bool is_2b;
    char text[PASSWORD_CRYPT_BYTES];
};

static _Atomic uint64_t n_verifications;

int password_init(void)
{
    return sodium_init() < 0 ? UV_EIO : 0;
}

void password_policy_set(struct password_policy *policy, const struct config *config)
{
    *policy = (struct password_policy){
        .scheme = config->password.scheme,
        .argon2_memory_kib = config->password.argon2_memory_kib,
        .argon2_passes = config->password.argon2_passes,
        .bcrypt_cost = config->password.bcrypt_cost,
    };
    if (policy->scheme == PASSWORD_BCRYPT)
        snprintf(policy->dummy, sizeof policy->dummy, "$2b$%02d$%s", policy->bcrypt_cost,
                 "abcdefghijklmnopqrstuu0123456789012345678901234567890");
    else
        snprintf(policy->dummy, sizeof policy->dummy, "%sv=19$m=%d,t=%d,p=1$%s", argon2id_prefix,
                 policy->argon2_memory_kib, policy->argon2_passes,
                 "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

const char *password_problem(const struct password_policy *policy, const char *password, size_t len)
{
    if (memchr(password, '\0', len))
        return "password holds a NUL character; use a password without";
    if (len > PASSWORD_MAX_BYTES)
        return "password is longer than 1024 bytes; use a shorter one";
    if (policy->scheme == PASSWORD_BCRYPT && len > BCRYPT_MAX_PASSWORD)
        return "password is longer than 72 bytes; use a shorter one";
    return NULL;
}

/* Reads "name=123" and the character `after` at *at, and moves past them. 0: they are not there, or the
 * number is above max. */
static unsigned read_parameter(const char **at, const char *name, char after, unsigned max)
{
    size_t name_len = strlen(name);
    if (strncmp(*at, name, name_len) != 0)
        return 0;
    const char *digit = *at + name_len;
    unsigned value = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        value = value * 10 + (unsigned)(*digit - '0');
        if (value > max)
            return 0;
    }
    if (*digit != after)
        return 0;
    *at = digit + 1;
    return value;
}

static bool read_argon2(struct form *form, const char *at)
{
    if (read_parameter(&at, "v=", '$', 19) != 19)
        return false;
    form->memory_kib = read_parameter(&at, "m=", ',', PASSWORD_MAX_MEMORY_KIB);
    form->passes = read_parameter(&at, "t=", ',', PASSWORD_MAX_PASSES);
    unsigned lanes = read_parameter(&at, "p=", '$', PASSWORD_MAX_LANES);
    if (form->memory_kib < 8 * lanes || !form->passes || !lanes)
        return false;

    unsigned char salt[64], hash[64];
    size_t salt_len, hash_len;
    const char *end;
    return sodium_base642bin(salt, sizeof salt, at, strlen(at), NULL, &salt_len, &end,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           *end == '$' && salt_len >= 8 &&
           sodium_base642bin(hash, sizeof hash, end + 1, strlen(end + 1), NULL, &hash_len, &end,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           *end == '\0' && hash_len >= 16;
}

static bool read_bcrypt(struct form *form)
{
    static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *t = form->text;
    if (strlen(t) != BCRYPT_LEN || strncmp(t, "$2", 2) != 0 || !strchr("aby", t[2]) || t[3] != '$' ||
        strspn(t + 4, "0123456789") != 2 || t[6] != '$' || strspn(t + 7, alphabet) != BCRYPT_LEN - 7)
        return false;
    form->cost = (unsigned)(t[4] - '0') * 10 + (unsigned)(t[5] - '0');
    form->is_2b = t[2] == 'b';
    return form->cost >= 4 && form->cost <= PASSWORD_MAX_BCRYPT_COST;
}

static void form_read(struct form *form, const char *stored, size_t len)
{
    *form = (struct form){ .kind = FORM_UNUSABLE };
    if (!stored || len >= sizeof form->text || memchr(stored, '\0', len))
        return;
    memcpy(form->text, stored, len);
    if (strncmp(form->text, argon2id_prefix, strlen(argon2id_prefix)) == 0) {
        if (read_argon2(form, form->text + strlen(argon2id_prefix)))
            form->kind = FORM_ARGON2ID;
    } else if (strncmp(form->text, argon2i_prefix, strlen(argon2i_prefix)) == 0) {
        if (read_argon2(form, form->text + strlen(argon2i_prefix)))
            form->kind = FORM_ARGON2I;
    } else if (read_bcrypt(form)) {
        form->kind = FORM_BCRYPT;
    }
}

/* bcrypt of the first 72 bytes; setting is a salt or a whole crypt string. */
static int bcrypt_compute(const char *password, size_t len, const char *setting,
                          char out[static PASSWORD_CRYPT_BYTES])
{
    char key[BCRYPT_MAX_PASSWORD + 1] = { 0 };
    struct crypt_data data = { 0 };
    memcpy(key, password, len < BCRYPT_MAX_PASSWORD ? len : BCRYPT_MAX_PASSWORD);
    const char *computed = crypt_r(key, setting, &data);
    int rc = !computed || strlen(computed) != BCRYPT_LEN ? UV_EINVAL : 0;
    if (rc == 0)
        memcpy(out, computed, BCRYPT_LEN + 1);
    sodium_memzero(key, sizeof key);
    sodium_memzero(&data, sizeof data);
    return rc;
}

static int bcrypt_make(int cost, const char *password, size_t len, char made[static PASSWORD_CRYPT_BYTES])
{
    char salt[16], setting[CRYPT_GENSALT_OUTPUT_SIZE];
    randombytes_buf(salt, sizeof salt);
    if (!crypt_gensalt_rn("$2b$", (unsigned long)cost, salt, sizeof salt, setting, sizeof setting))
        return UV_EINVAL;
    return bcrypt_compute(password, len, setting, made);
}

int password_make(const struct password_policy *policy, const char *password, size_t len,
                  char made[static PASSWORD_CRYPT_BYTES])
{
    _Static_assert(PASSWORD_CRYPT_BYTES >= crypto_pwhash_STRBYTES, "a libsodium crypt string does not fit");
    if (password_problem(policy, password, len))
        return UV_EINVAL;
    if (policy->scheme == PASSWORD_BCRYPT)
        return bcrypt_make(policy->bcrypt_cost, password, len, made);
    return crypto_pwhash_str_alg(made, password, len, (unsigned long long)policy->argon2_passes,
                                 (size_t)policy->argon2_memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : UV_ENOMEM;
}

/* Computes and compares one hash. Returns 0, or UV_ENOMEM if there was no memory for argon2. */
static int form_verify(const struct form *form, const char *password, size_t len, bool *matches)
{
    atomic_fetch_add_explicit(&n_verifications, 1, memory_order_relaxed);
    *matches = false;
    if (form->kind == FORM_BCRYPT) {
        char computed[PASSWORD_CRYPT_BYTES];
        if (bcrypt_compute(password, len, form->text, computed) == 0)
            *matches = sodium_memcmp(computed, form->text, BCRYPT_LEN) == 0;
        sodium_memzero(computed, sizeof computed);
        return 0;
    }
    errno = 0;
    *matches = crypto_pwhash_str_verify(form->text, password, len) == 0;
    return !*matches && errno == ENOMEM ? UV_ENOMEM : 0;
}

int password_verify(const struct password_policy *policy, const char *password, size_t len,
                    const char *stored, size_t stored_len, enum password_verdict *verdict)
{
    struct form form;
    bool matches, hopeless = len > PASSWORD_MAX_BYTES || memchr(password, '\0', len);
    form_read(&form, stored, stored_len);
    bool unusable = form.kind == FORM_UNUSABLE;
    if (unusable)
        form_read(&form, policy->dummy, strlen(policy->dummy));
    int rc = form_verify(&form, hopeless ? "" : password, hopeless ? 0 : len, &matches);
    sodium_memzero(&form, sizeof form);
    if (rc < 0)
        return rc;
    if (unusable)
        *verdict = stored ? PASSWORD_UNUSABLE : PASSWORD_DIFFERS;
    else
        *verdict = matches && !hopeless ? PASSWORD_MATCHES : PASSWORD_DIFFERS;
    return 0;
}

bool password_outdated(const struct password_policy *policy, const char *stored, size_t stored_len,
                       size_t len)
{
    struct form form;
    form_read(&form, stored, stored_len);
    switch (form.kind) {
    case FORM_BCRYPT:
        if (len > BCRYPT_MAX_PASSWORD)
            return false;
        return policy->scheme != PASSWORD_BCRYPT || !form.is_2b || form.cost != (unsigned)policy->bcrypt_cost;
    case FORM_ARGON2I:
        return policy->scheme == PASSWORD_ARGON2ID;
    case FORM_ARGON2ID:
        return policy->scheme == PASSWORD_ARGON2ID &&
               (form.memory_kib != (unsigned)policy->argon2_memory_kib ||
                form.passes != (unsigned)policy->argon2_passes);
    case FORM_UNUSABLE:
        break;
    }
    return false;
}

uint64_t password_n_verifications(void)
{
    return atomic_load_explicit(&n_verifications, memory_order_relaxed);
}
