/* SPDX-License-Identifier: Apache-2.0 */
/* Code 128 (ISO/IEC 15417), set C, as an SVG: what a till's laser reads off a phone. */
#ifndef SANDBOX_BARCODE_H
#define SANDBOX_BARCODE_H

#include <till/arena.h>

/* An even number of digits, at most 40; otherwise nothing is added. */
void barcode_add(struct till_buf *buf, struct till_str digits);

#endif
