/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the build puts into the binary. Each list ends with a NULL name. */
#ifndef GATEWAY_API_EMBEDDED_H
#define GATEWAY_API_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name;
    const char *type;
    const unsigned char *bytes;
    size_t len;
};

extern const struct embedded embedded_files[];    /* of web/, at /assets/ */
extern const struct embedded embedded_contract[]; /* doc/openapi.yaml and what is made of it */

#endif
