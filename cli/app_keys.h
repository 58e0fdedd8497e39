/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `till app` about the keys that an app signs with. */
#ifndef CLI_APP_KEYS_H
#define CLI_APP_KEYS_H

#include <cli/cli.h>

cli_verb app_key, app_rights;

/* A file's public key as one base64 line; refused here, by the rules of till/signing.h, before the
 * daemon sees it. */
TILL_MUST_CHECK bool cli_read_public_key(struct cli *cli, struct till_str path,
                                         struct till_str *ret_line, struct till_error *err);

#endif
