/* SPDX-License-Identifier: Apache-2.0 */
/* The pages by address. */
#include <sandbox/web.h>

const struct web_route page_routes[] = {
    {NULL, NULL, NULL},
};
