/* SPDX-License-Identifier: Apache-2.0 */
/* A look behind the platform's counter (its names and the store's do not go into one file). */
#include <sandbox/platform.h>

bool stage_platform_is_quiet(const struct sandbox *sandbox);

bool stage_platform_is_quiet(const struct sandbox *sandbox) {
    for (const struct platform_notice *notice = sandbox->notices; notice; notice = notice->next)
        if (!notice->over || notice->in_flight)
            return false;
    return true;
}
