/* SPDX-License-Identifier: MIT */
#include "base/detached.h"

#include <pthread.h>
#include <uv.h>

int detached_start(void *(*thread_run)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    int rc = pthread_create(&thread, &attributes, thread_run, arg);
    pthread_attr_destroy(&attributes);
    return rc ? UV_EAGAIN : 0;
}
