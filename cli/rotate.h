/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `till app`, `till endpoint` and `till client` that change a secret while the old one
 * still works. */
#ifndef CLI_ROTATE_H
#define CLI_ROTATE_H

#include <cli/cli.h>

cli_verb app_rotate, app_rotate_webhook, app_end_key, endpoint_rotate, client_rotate;

#endif
