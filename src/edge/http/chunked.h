/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1's chunked bodies, taken apart as strictly as they are defined: what two parsers could read in two
 * ways is refused. Trailers are read over. Any thread.
 *
 *   SIZE ─▶ (BLANK ─▶) EXTENSION ─▶ SIZE_LF ─▶ DATA ─▶ DATA_CR ─▶ DATA_LF ─▶ SIZE
 *     └───────────────────────────▶ SIZE_LF ─▶ LINE ─▶ NAME ─▶ TRAILER ─▶ TRAILER_LF ─▶ LINE ─▶ END_LF ─▶ END
 */
#ifndef EDGE_HTTP_CHUNKED_H
#define EDGE_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_EXTENSION_MAX ((size_t)256)  /* of one chunk */
#define CHUNK_TRAILERS_MAX  ((size_t)8192) /* of all trailers */

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

/* Zeroed is the beginning of a body. */
struct chunked {
    enum chunked_state state;
    unsigned digits;  /* of the size */
    uint64_t left;    /* of the chunk */
    size_t extra_len; /* of the extension, or of all trailers */
};

/* Takes bytes until a piece of the body is found (*piece, *piece_len, pointing into them; none: NULL), the
 * body has ended or something is wrong, as the state says. Returns how many it took. */
size_t chunked_take(struct chunked *chunked, const uint8_t *bytes, size_t len, const uint8_t **piece,
                    size_t *piece_len);

#endif
