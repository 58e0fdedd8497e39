/* SPDX-License-Identifier: Apache-2.0 */
/* What the scene's files share. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "scene.h"

/* Opens the store over whatever the disk holds; ends the run when that does not work (I13). */
void stage_store(struct scene *scene);
/* Of an instance that was stopped and has no task any more. */
void stage_free_gateway(struct gateway *gateway);
/* No notification is under way or planned. */
bool stage_platform_is_quiet(const struct sandbox *sandbox);

#endif
