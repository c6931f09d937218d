/* SPDX-License-Identifier: MIT */
#include "hash_gate.h"

#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_closed;
static int n_let;

void hash_gate_pass(struct hash_job *job)
{
    (void)job;
    pthread_mutex_lock(&mutex);
    while (is_closed && n_let == 0)
        pthread_cond_wait(&changed, &mutex);
    n_let -= is_closed;
    pthread_mutex_unlock(&mutex);
}

static void change(bool to_closed, int to_let)
{
    pthread_mutex_lock(&mutex);
    is_closed = to_closed;
    n_let = to_let;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

void hash_gate_close(void)
{
    change(true, 0);
}

void hash_gate_let(int n)
{
    change(true, n);
}

void hash_gate_open(void)
{
    change(false, 0);
}
