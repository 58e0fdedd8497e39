/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `till app` that gives an app limits of its own. */
#ifndef CLI_LIMITS_H
#define CLI_LIMITS_H

#include <cli/cli.h>

cli_verb app_limits;

#endif
