/* SPDX-License-Identifier: MIT */
#include "edge/http/h2_session.h"

void h2_release(struct exchange *exchange)
{
    for (size_t i = 0; i < exchange->fields_n; i++) {
        nghttp2_rcbuf_decref(exchange->fields[i].held[0]);
        nghttp2_rcbuf_decref(exchange->fields[i].held[1]);
    }
    exchange->fields_n = 0;
    while (exchange->held_n)
        nghttp2_rcbuf_decref(exchange->held[--exchange->held_n]);
}

void h2_let_go(struct h2 *h2, struct exchange *exchange)
{
    nghttp2_session_set_stream_user_data(h2->session, exchange->stream_id, NULL);
    h2_release(exchange);
    exchange_gone(exchange);
}

void h2_check(struct h2 *h2, int rc)
{
    if (rc == NGHTTP2_ERR_NOMEM)
        connection_end(h2->connection, REASON_MEMORY, NULL);
}

void h2_reset(struct h2 *h2, int32_t stream_id, uint32_t code)
{
    h2_check(h2, nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream_id, code));
    connection_wants_write(h2->connection);
}

struct exchange *h2_find(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}
