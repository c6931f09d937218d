/* SPDX-License-Identifier: MIT
 *
 * The time in the form of a `date` header field (RFC 9110, 5.6.7). Loop thread only.
 */
#ifndef EDGE_HTTP_DATE_H
#define EDGE_HTTP_DATE_H

#define HTTP_DATE_LEN 29

/* "Sun, 06 Nov 1994 08:49:37 GMT": always HTTP_DATE_LEN bytes, in a static buffer that is overwritten when a
 * second has passed. */
const char *http_date(void);

#endif
