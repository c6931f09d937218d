/* SPDX-License-Identifier: MIT
 *
 * Unix signals: SIGTERM and SIGINT stop, SIGHUP reloads, SIGUSR1 logs a snapshot.
 */
#include <signal.h>

#include "admin/snapshot.h"
#include "admin/systemd.h"
#include "daemon/parts.h"
#include "observe/log.h"

static const int signal_numbers[SIGNALS_N] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT };

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;
    switch (number) {
    case SIGHUP:
        if (daemon->phase == SERVING) {
            systemd_reloading();
            reload_start(&daemon->reload);
        }
        return;
    case SIGUSR1:
        admin_log_snapshot(&daemon->admin_options);
        return;
    case SIGUSR2:
    case SIGQUIT:
        log_warn("this signal is ignored: SIGTERM stops, SIGUSR1 logs a snapshot",
                 log_str("signal", number == SIGUSR2 ? "SIGUSR2" : "SIGQUIT"));
        return;
    default:
        daemon_stop(daemon, number == SIGINT ? "SIGINT" : "SIGTERM");
    }
}

int daemon_start_signals(struct daemon *daemon)
{
    int rc = 0;
    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(&daemon->loop, &daemon->drain_timer);
    daemon->drain_timer.data = daemon;
    for (size_t i = 0; i < SIGNALS_N && !rc; i++) {
        rc = uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        if (!rc)
            rc = uv_signal_start(&daemon->signals[i], on_signal, signal_numbers[i]);
    }
    return rc;
}

void daemon_stop_signals(struct daemon *daemon)
{
    for (size_t i = 0; i < SIGNALS_N; i++) {
        int number = daemon->signals[i].signum;
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
        signal(number, SIG_IGN); /* another signal during the clean-up must not kill the process */
    }
}
