/* SPDX-License-Identifier: Apache-2.0 */
/* A QR code as crisp SVG (libqrencode behind this wall) or as blocks for a terminal. */
#ifndef RT_QR_H
#define RT_QR_H

#include <till/arena.h>

#define QR_TEXT_MAX 1024

/* One path, a quiet zone of four modules, shape-rendering crispEdges, no script, a label for screen
 * readers. Error correction M. FIELD_INVALID for an empty text or one above QR_TEXT_MAX bytes. */
TILL_MUST_CHECK bool qr_svg(struct till_arena *arena, struct till_str text, struct till_str label,
                            struct till_str *ret_svg, struct till_error *err);
/* Two modules a character (half blocks), dark on light whatever the terminal's colours; ends with a
 * line feed. */
TILL_MUST_CHECK bool qr_terminal(struct till_arena *arena, struct till_str text,
                                 struct till_str *ret_lines, struct till_error *err);

#endif
