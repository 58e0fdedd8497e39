/* SPDX-License-Identifier: Apache-2.0 */
/* Files of web/ that the build puts into the binary. The list ends with a NULL name. */
#ifndef GATEWAY_API_EMBEDDED_H
#define GATEWAY_API_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name;
    const char *type;
    const unsigned char *bytes;
    size_t len;
};

extern const struct embedded embedded_files[];

#endif
