/* SPDX-License-Identifier: MIT
 *
 * libcurl's multi interface says which sockets to watch and when its timer must fire
 * (https://curl.se/libcurl/c/libcurl-multi.html). It may close a socket right after it asked to stop watching
 * it, so a watcher stops at once; only its memory is freed later, when the loop has closed the handle.
 */
#include "trace/http_post.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"

#define ANSWER_MAX 65536 /* bytes */
#define RETRY_MS   1000

struct http_post {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    uv_loop_t *loop;
    uv_timer_t timer;
    size_t answer_len;
    uint8_t answer[HTTP_ANSWER_KEPT];
    http_posted *on_posted;
    void *data;
};

struct watcher {
    uv_poll_t poll;
    struct http_post *post;
    curl_socket_t socket;
};

/* ---- the end of a request ---- */

static void tell_ends(struct http_post *post)
{
    const CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(post->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        long status = 0;
        if (code == CURLE_OK)
            curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(post->multi, post->easy);
        post->on_posted(post->data, (int)status, curl_easy_strerror(code)); /* may destroy post */
        return;
    }
}

/* ---- libcurl and the loop ---- */

static void on_time(uv_timer_t *timer);

static void act(struct http_post *post, curl_socket_t socket, int events)
{
    int running;
    /* A libcurl that fails, for want of memory, has not set its timer. */
    if (curl_multi_socket_action(post->multi, socket, events, &running))
        uv_timer_start(&post->timer, on_time, RETRY_MS, 0);
    tell_ends(post);
}

static void on_time(uv_timer_t *timer)
{
    act(container_of(timer, struct http_post, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *data)
{
    struct http_post *post = data;
    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&post->timer);
    else
        uv_timer_start(&post->timer, on_time, (uint64_t)timeout_ms, 0); /* not from within this callback */
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watcher *watcher = container_of(poll, struct watcher, poll);
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    act(watcher->post, watcher->socket, flags);
}

static void on_watcher_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct watcher, poll));
}

static struct watcher *watch(struct http_post *post, curl_socket_t socket)
{
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return NULL;
    watcher->post = post;
    watcher->socket = socket;
    if (uv_poll_init(post->loop, &watcher->poll, socket)) {
        free(watcher);
        return NULL;
    }
    curl_multi_assign(post->multi, socket, watcher);
    return watcher;
}

/* libcurl's socket callback; -1 makes the transfer fail. */
static int on_watch_wanted(CURL *easy, curl_socket_t socket, int what, void *data, void *of_socket)
{
    struct http_post *post = data;
    struct watcher *watcher = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watcher)
            uv_close((uv_handle_t *)&watcher->poll, on_watcher_closed);
        return 0;
    }
    if (!watcher)
        watcher = watch(post, socket);
    if (!watcher)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watcher->poll, events, on_ready) ? -1 : 0;
}

/* Keeps the beginning of the answer, and aborts an answer longer than ANSWER_MAX. */
static size_t on_answer(char *bytes, size_t size, size_t n, void *data)
{
    struct http_post *post = data;
    size_t room = post->answer_len < HTTP_ANSWER_KEPT ? HTTP_ANSWER_KEPT - post->answer_len : 0;
    if (room)
        memcpy(post->answer + post->answer_len, bytes, size * n < room ? size * n : room);
    post->answer_len += size * n;
    return post->answer_len > ANSWER_MAX ? 0 : size * n;
}

const uint8_t *http_post_answer(const struct http_post *post, size_t *len)
{
    *len = post->answer_len < HTTP_ANSWER_KEPT ? post->answer_len : HTTP_ANSWER_KEPT;
    return post->answer;
}

/* ---- start and end ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct http_post, timer));
}

/* Returns 0, or -1 if there is no memory: what is left to its default might trust or reach somebody else. */
static int set_up(struct http_post *post, const char *url, const char *ca)
{
    CURL *easy = post->easy;
    curl_multi_setopt(post->multi, CURLMOPT_SOCKETFUNCTION, on_watch_wanted);
    curl_multi_setopt(post->multi, CURLMOPT_SOCKETDATA, post);
    curl_multi_setopt(post->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
    curl_multi_setopt(post->multi, CURLMOPT_TIMERDATA, post);
    if (*ca && (curl_easy_setopt(easy, CURLOPT_CAINFO, ca) || curl_easy_setopt(easy, CURLOPT_CAPATH, NULL)))
        return -1;
    bool is_set = !curl_easy_setopt(easy, CURLOPT_URL, url) &&
                  !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
                  !curl_easy_setopt(easy, CURLOPT_PROXY, "") && !curl_easy_setopt(easy, CURLOPT_POST, 1L) &&
                  !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, post->headers) &&
                  !curl_easy_setopt(easy, CURLOPT_USERAGENT, "svcd/" SVCD_VERSION) &&
                  !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) &&
                  !curl_easy_setopt(easy, CURLOPT_WRITEDATA, post) &&
                  !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
                  !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* destroying must not wait for DNS */
    return is_set ? 0 : -1;
}

static bool looks_up_on_a_thread(void)
{
    return curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS;
}

int http_post_create(struct http_post **out, uv_loop_t *loop, const char *url, const char *ca,
                     const char *content_type, http_posted *on_posted, void *data)
{
    char header[128];
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) || !looks_up_on_a_thread())
        return UV_ENOTSUP;
    struct http_post *post = calloc(1, sizeof *post);
    if (!post)
        return UV_ENOMEM;
    int rc = uv_timer_init(loop, &post->timer);
    if (rc) {
        free(post);
        return rc;
    }
    post->loop = loop;
    post->on_posted = on_posted;
    post->data = data;
    post->multi = curl_multi_init();
    post->easy = curl_easy_init();
    snprintf(header, sizeof header, "content-type: %s", content_type);
    post->headers = curl_slist_append(NULL, header);
    /* No 100-continue round trip before a long body. */
    bool has_headers = post->headers && curl_slist_append(post->headers, "Expect:");
    if (!post->multi || !post->easy || !has_headers || set_up(post, url, ca)) {
        http_post_destroy(post);
        return UV_ENOMEM;
    }
    *out = post;
    return 0;
}

int http_post_send(struct http_post *post, const uint8_t *body, size_t len, unsigned timeout_ms)
{
    post->answer_len = 0;
    CURL *easy = post->easy;
    bool is_sent = !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)body) &&
                   !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) &&
                   !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) &&
                   !curl_multi_add_handle(post->multi, easy);
    return is_sent ? 0 : UV_ENOMEM;
}

void http_post_destroy(struct http_post *post)
{
    if (!post)
        return;
    if (post->multi && post->easy)
        curl_multi_remove_handle(post->multi, post->easy);
    curl_easy_cleanup(post->easy);
    curl_multi_cleanup(post->multi);
    curl_slist_free_all(post->headers);
    uv_close((uv_handle_t *)&post->timer, on_timer_closed);
}
