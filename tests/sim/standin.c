/* SPDX-License-Identifier: Apache-2.0 */
/* The table of scenarios while the cast is still on its way. */
#include <string.h>

#include "scenario.h"

static const struct scenario SCENARIOS[] = {
    {"smoke", "one order, paid, told, partly refunded", scenario_smoke},
};

const struct scenario *scenario_at(size_t index) {
    return index < sizeof SCENARIOS / sizeof SCENARIOS[0] ? &SCENARIOS[index] : NULL;
}

const struct scenario *scenario_find(const char *name) {
    const struct scenario *scenario;
    for (size_t i = 0; (scenario = scenario_at(i)); i++)
        if (strcmp(scenario->name, name) == 0)
            return scenario;
    return NULL;
}
