/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text into HTML, with nothing in it that a browser would obey (I38). Everything that did not
 * come from our own source goes through html_text, in content and in quoted attributes alike.
 */
#ifndef RT_HTML_H
#define RT_HTML_H

#include <rt/http.h>

/* Escapes & < > " and '. Bytes that are not UTF-8 and control bytes become U+FFFD. */
void html_text(struct till_buf *buf, struct till_str text);
/* printf for our own markup: %s in the format takes a struct till_str *, which is escaped; there is
 * no other conversion but %d (int64_t) and %%. */
void html_format(struct till_buf *buf, const char *format, ...);
/*
 * The security headers of a page: a Content-Security-Policy that permits scripts, styles, images
 * and connections of this origin only (and data: images), forms to `form_targets` (blank-separated
 * origins besides 'self', may be empty), no framing; and Cache-Control: no-store.
 */
void html_headers(struct http_request *request, struct http_response *response,
                  struct till_str form_targets);
/* "zh" or "en": ?lang= first, then Accept-Language, then English. */
const char *html_language(const struct http_request *request);

#endif
