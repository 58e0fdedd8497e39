/* SPDX-License-Identifier: Apache-2.0 */
/* Instances come and go, the power goes, and everything comes to rest. */
#include "scene.h"

#include <assert.h>
#include <stdlib.h>

#include <till/time.h>

#include "stage.h"

static const char *const OWN_ADDRESS[SCENE_GATEWAYS] = {"http://a.till.test/",
                                                        "http://b.till.test/"};

/* ---- the store ---- */

static bool open_store(struct scene *scene, struct till_error *err) {
    struct store_options options = {
        .path = TILL_STR(SCENE_DATABASE),
        .commit = scene->options.commit,
        .vfs = SIM_VFS,
        .retention_nonce_us = 3 * scene->settings.auth_window,
    };
    memcpy(options.master_key, scene->master_key, sizeof options.master_key);
    return store_open(&options, sim_process_world(scene->disk), NULL, scene->metrics[0],
                      &scene->store, err);
}

/* A disk that fails while the store opens is the next start's business: it is whole by then. */
void stage_store(struct scene *scene) {
    struct till_error err;
    if (open_store(scene, &err))
        return;
    sim_disk_heal(scene->sim);
    sim_disk_restart(scene->sim);
    sim_count(scene->sim, "store.reopened");
    if (!open_store(scene, &err))
        sim_violation(scene->sim, "I13", "the store does not open: %s", err.text);
}

/* ---- instances ---- */

void scene_start_gateway(struct scene *scene, size_t which) {
    struct sim_process *process = scene->gateway_process[which];
    struct world *world = sim_process_world(process);
    struct gateway *gateway = calloc(1, sizeof *gateway);
    struct till_error err;
    assert(gateway && !scene->gateway[which]);
    sim_process_start(process);
    if (!gateway_open(gateway, world, scene->store, NULL, scene->metrics[which], &scene->settings,
                      NULL, &err) ||
        !gateway_start(gateway, &err)) {
        /* As cli/serve.c: it ends, and whoever supervises it tries again. */
        sim_trace(scene->sim, "%s does not start: %s", sim_process_name(process), err.text);
        sim_count(scene->sim, "gateway.start_refused");
        sim_process_kill(process);
        return;
    }
    scene->gateway[which] = gateway;
    sim_serve(scene->sim, "http://pay.till.test/", process, gateway_public_service(gateway));
    sim_serve(scene->sim, OWN_ADDRESS[which], process, gateway_public_service(gateway));
    sim_serve(scene->sim, "http://admin.till.test/", process, gateway_admin_service(gateway));
}

void scene_kill_gateway(struct scene *scene, size_t which) {
    if (!scene->gateway[which])
        return;
    sim_count(scene->sim, "fault.process.gateway_killed");
    sim_process_kill(scene->gateway_process[which]);
    scene->gateway[which] = NULL; /* its memory is lost, as a process's is */
}

/* cli/serve.c: not ready, no new connection, what is in work has drain_timeout; then the world
 * stops, and what does not end is ended. */
void scene_stop_gateway(struct scene *scene, size_t which) {
    struct gateway *gateway = scene->gateway[which];
    struct sim_process *process = scene->gateway_process[which];
    struct world *here = sim_process_world(sim_current(scene->sim));
    int64_t end_us = sim_time_us(scene->sim) + scene->settings.drain_timeout;
    if (!gateway)
        return;
    sim_trace(scene->sim, "stop %s", sim_process_name(process));
    sim_count(scene->sim, "gateway.stopped");
    atomic_store(&gateway->draining, true);
    sim_process_quiesce(process);
    while (sim_process_handlers(process) > 0 && sim_time_us(scene->sim) < end_us)
        world_sleep_us(here, TILL_US_PER_SECOND / 20);
    sim_process_stop(process);
    end_us = sim_time_us(scene->sim) + 2 * TILL_US_PER_SECOND;
    while (sim_process_tasks(process) > 0 && sim_time_us(scene->sim) < end_us)
        world_sleep_us(here, TILL_US_PER_SECOND / 100);
    bool quiet = sim_process_tasks(process) == 0;
    sim_process_kill(process);
    scene->gateway[which] = NULL;
    if (quiet)
        stage_free_gateway(gateway);
    else
        sim_count(scene->sim, "gateway.stopped_in_work");
}

void stage_free_gateway(struct gateway *gateway) {
    gateway_close(gateway);
    free(gateway);
}

/* ---- the power ---- */

static void lose_processes(struct scene *scene) {
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        if (scene->gateway[i]) {
            sim_process_kill(scene->gateway_process[i]);
            scene->gateway[i] = NULL;
        }
    sim_process_kill(scene->disk);
    scene->store = NULL;
}

void scene_power_loss(struct scene *scene) {
    lose_processes(scene);
    sim_disk_power_loss(scene->sim);
}

void scene_power_on(struct scene *scene) {
    sim_process_start(scene->disk);
    stage_store(scene);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_start_gateway(scene, i);
}

bool scene_mind_the_disk(struct scene *scene) {
    if (!scene->store || !store_is_broken(scene->store))
        return false;
    sim_count(scene->sim, "store.broken");
    lose_processes(scene);
    sim_disk_restart(scene->sim);
    world_sleep_us(sim_process_world(sim_current(scene->sim)), TILL_US_PER_SECOND);
    sim_disk_heal(scene->sim);
    scene_power_on(scene);
    return true;
}

/* ---- rest ---- */

static void heal(struct scene *scene) {
    struct sim *sim = scene->sim;
    sim_network_heal(sim);
    sim_disk_heal(sim);
    if (!scene->store)
        scene_power_on(scene);
    (void)scene_mind_the_disk(scene);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++) {
        sim_process_skew(scene->gateway_process[i], 0);
        if (!scene->gateway[i])
            scene_start_gateway(scene, i);
    }
    sim_process_skew(scene->platform_process, 0);
    sim_process_skew(scene->disk, 0);
    for (size_t i = 0; i < scene->merchant_count; i++)
        sim_process_skew(scene->merchant[i].process, 0);
    till_json_release(scene_control(scene, "DELETE", "/control/faults", TILL_STR_NONE));
}

static bool is_quiet(struct scene *scene) {
    struct store_figures figures;
    struct till_error err;
    if (!store_figures(scene->store, &figures, &err))
        return false;
    return figures.attempts_unknown == 0 && figures.refunds_unknown == 0 &&
           figures.deliveries_pending == 0 && figures.events_unnumbered == 0 &&
           store_next_due_us(scene->store) == INT64_MAX &&
           store_next_delivery_us(scene->store) == INT64_MAX &&
           stage_platform_is_quiet(scene->sandbox);
}

bool scene_settle(struct scene *scene, int64_t limit_us) {
    static const int64_t LOOK_US = 5 * TILL_US_PER_SECOND;
    static const uint64_t STEPS_MAX = 3000000; /* somebody turns in a circle */
    struct world *here = sim_process_world(sim_current(scene->sim));
    int64_t end_us = sim_time_us(scene->sim) + limit_us;
    uint64_t last_step = sim_steps(scene->sim) + STEPS_MAX;
    heal(scene);
    bool quiet = is_quiet(scene);
    while (!quiet && sim_time_us(scene->sim) < end_us && sim_steps(scene->sim) < last_step) {
        world_sleep_us(here, LOOK_US);
        quiet = is_quiet(scene);
    }
    sim_trace(scene->sim, quiet ? "everything is quiet" : "it does not become quiet");
    return quiet;
}
