/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of libtill: the value of one hexadecimal digit. */
#ifndef LIB_BASE_HEX_H
#define LIB_BASE_HEX_H

/* 0..15, or -1 when c is no digit. */
int hex_value(char c);

#endif
