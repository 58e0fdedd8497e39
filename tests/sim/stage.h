/* SPDX-License-Identifier: Apache-2.0 */
/* What the scene's files share. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "scene.h"

/* Opens the store over whatever the disk holds; ends the run when that does not work (I13). */
void stage_store(struct scene *scene);
/* Of an instance that was stopped and has no task any more. */
void stage_free_gateway(struct gateway *gateway);
/* scene_open.c: the administration's JSON of a 2xx answer, released by the caller; text in the
 * scene's arena; a member that must be there. */
struct till_json *stage_admin(struct scene *scene, const char *method, const char *target,
                              struct till_str body);
struct till_str stage_format(struct scene *scene, const char *pattern, ...)
    __attribute__((format(printf, 2, 3)));
void stage_copy_text(char *out, size_t size, const struct till_json *json, const char *member);
/* scene_card.c */
void stage_make_card_account(struct scene *scene, size_t index);
/* No notification is under way or planned. */
bool stage_platform_is_quiet(const struct sandbox *sandbox);

#endif
