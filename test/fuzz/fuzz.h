/* SPDX-License-Identifier: MIT
 *
 * What the fuzz targets share. A target is a file fuzz_NAME.c with `void fuzz_NAME(const uint8_t *data,
 * size_t size)`; all of them are one program, which runs the target it is called by the name of. A target
 * aborts on what must not be (FUZZ_EXPECT); the sanitizers abort on the rest.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_EXPECT(condition)                                                                               \
    ((condition) ? (void)0                                                                                   \
                 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

struct context;
struct message_desc;

/* A context whose database is away, on a loop of its own; made when first asked for, and kept. */
struct context *fuzz_context(void);

/* The data as text of its own, so that reading over its end is found. To be freed. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A file with this content, under a name that is valid until the next one is asked for. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* Nothing that the program prints is wanted: to be given to whoever wants a FILE. */
FILE *fuzz_nowhere(void);

/* A request, or reply, of a method; or one of those with fields of every type. */
const struct message_desc *fuzz_message(uint8_t which, bool is_request);

/* Serves one connection of svcd's own edge with these bytes, in pieces of `step`; is_proxy: from one whose
 * PROXY head is believed. */
void fuzz_serve(const uint8_t *data, size_t size, size_t step, bool is_proxy);

#endif
