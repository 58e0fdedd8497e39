/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's two doors. The store has a process of its own here, and a task of a gateway that is
 * killed while it waits in there comes back out of it; without this it could walk straight in
 * again and write once more for a process that is no more.
 */
#include "inside.h"

#include <gateway/store/internal.h>

bool __real_store_write(struct store *store,
                        bool (*run)(struct store *, struct db *, void *, struct till_error *),
                        void *arg, struct till_error *err);
bool __wrap_store_write(struct store *store,
                        bool (*run)(struct store *, struct db *, void *, struct till_error *),
                        void *arg, struct till_error *err);
struct db *__real_read_begin(struct store *store, struct till_error *err);
struct db *__wrap_read_begin(struct store *store, struct till_error *err);

/* Alive, or not coming back. */
static void knock(struct store *store) {
    struct fiber *fiber = process_of(store->world)->sim->running;
    if (fiber && fiber->doomed)
        process_enter(fiber->process);
}

bool __wrap_store_write(struct store *store,
                        bool (*run)(struct store *, struct db *, void *, struct till_error *),
                        void *arg, struct till_error *err) {
    knock(store);
    return __real_store_write(store, run, arg, err);
}

struct db *__wrap_read_begin(struct store *store, struct till_error *err) {
    knock(store);
    return __real_read_begin(store, err);
}
