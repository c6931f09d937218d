/* SPDX-License-Identifier: MIT
 *
 * A parser of HTTP/1.1's chunked bodies (RFC 9112, 7.1). It is strict: what two parsers could read in two
 * ways is refused, which prevents request smuggling. Trailers are skipped. Any thread.
 *
 *   SIZE ─▶ (BLANK ─▶) EXTENSION ─▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *     └───────────────────────────▶ SIZE_LF ─▶ LINE ─▶ NAME ─▶ TRAILER ─▶ TRAILER_LF ─▶ LINE ─▶ END_LF ─▶ END
 */
#ifndef EDGE_HTTP_CHUNKED_H
#define EDGE_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_EXTENSION_MAX ((size_t)256)  /* bytes of one chunk's extension */
#define CHUNK_TRAILERS_MAX  ((size_t)8192) /* bytes of all trailers */

enum chunked_state {
    CHUNKED_SIZE,
    CHUNKED_BLANK,
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_LINE,
    CHUNKED_NAME,
    CHUNKED_TRAILER,
    CHUNKED_TRAILER_LF,
    CHUNKED_END_LF,
    CHUNKED_END,
    CHUNKED_WRONG,
};

/* Zeroed at the beginning of a body. */
struct chunked {
    enum chunked_state state;
    unsigned digits;  /* of the chunk's size so far */
    uint64_t left;    /* bytes of the chunk that have yet to come */
    size_t extra_len; /* bytes of the extension, or of all trailers, so far */
};

/* Parses until it has found a piece of the body (*piece, which points into `bytes`, and *piece_len; else NULL
 * and 0), the body has ended (CHUNKED_END) or is wrong (CHUNKED_WRONG). Returns how many bytes it took. */
size_t chunked_take(struct chunked *chunked, const uint8_t *bytes, size_t len, const uint8_t **piece,
                    size_t *piece_len);

#endif
