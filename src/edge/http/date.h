/* SPDX-License-Identifier: MIT
 *
 * The time as a `date` field has it. Loop thread only.
 */
#ifndef EDGE_HTTP_DATE_H
#define EDGE_HTTP_DATE_H

#define HTTP_DATE_LEN 29

/* "Sun, 06 Nov 1994 08:49:37 GMT". The text is the same one each time; it is written anew when a second has
 * passed, and always as long. */
const char *http_date(void);

#endif
