/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's engine: everything that till waits for, in one thread on virtual time. Tasks are
 * fibers (ucontext); a seeded scheduler picks who runs next; time jumps to the next thing that is
 * due. Same seed, same program: same trace, same hash, whatever the compiler.
 *
 * A process is what can die by itself: its tasks, its clock, its memory that nobody writes down.
 * Messages between processes go through the network, facts through the disk; both misbehave as they
 * are told to. Nothing here knows what a payment is (scene.h does).
 */
#ifndef TESTS_SIM_ENGINE_H
#define TESTS_SIM_ENGINE_H

#include <rt/http.h>
#include <rt/world.h>

struct sim;
struct sim_process;

struct sim_options {
    uint64_t seed;
    int64_t start_us;   /* wall clock of the beginning */
    bool print_trace;   /* every line of the trace to stdout, not only into the hash */
    bool print_steps;   /* and each step of the scheduler */
    const char *replay; /* the command line that repeats this run; printed with a violation */
};

struct sim *sim_open(const struct sim_options *options);
/* Prints nothing; frees what the run left behind. */
void sim_close(struct sim *sim);
/* Runs director as a fiber of a process of its own until it returns. Once. */
void sim_run(struct sim *sim, void (*director)(void *arg), void *arg);
/* The true time, which no process's clock need show. */
int64_t sim_time_us(const struct sim *sim);
/* The scheduler's steps so far. */
uint64_t sim_steps(const struct sim *sim);

/* ---- chance: streams that do not disturb each other ---- */

enum sim_dice { SIM_SCHEDULE, SIM_NETWORK, SIM_DISK, SIM_PEOPLE, SIM_WEATHER, SIM_CHECK, SIM_DICE };
uint64_t sim_random(struct sim *sim, enum sim_dice dice);
/* 0 .. below-1; 0 for below <= 1. */
int64_t sim_below(struct sim *sim, enum sim_dice dice, int64_t below);
bool sim_chance(struct sim *sim, enum sim_dice dice, int64_t ppm);

/* ---- the trace ---- */

/* A line "TIME PROCESS text" into the hash (and to stdout when traces are printed). No address and
 * no length of memory may be in it. */
void sim_trace(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hash over the trace so far, 16 hex digits. */
void sim_hash(const struct sim *sim, char ret_text[17]);
/* Something that must never be. Prints the invariant, the sentence, and the one line that replays
 * the run; then ends the program with status 1. */
_Noreturn void sim_violation(struct sim *sim, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* How often things happened, by name; printed at the end as lines "count NAME VALUE" in the order
 * of the names, and added up by tests/sim/farm.py (names of faults begin with "fault."). The
 * program prints "virtual_s SECONDS" before them and "hash H" last. name: a literal. */
void sim_count(struct sim *sim, const char *name);
int64_t sim_counted(const struct sim *sim, const char *name);
void sim_print_counts(const struct sim *sim);

/* ---- processes ---- */

struct sim_process *sim_process(struct sim *sim, const char *name);
const char *sim_process_name(const struct sim_process *process);
/* Its world: spawn makes tasks of this process, the clock is the process's own, exchange goes out
 * from it. Lives until sim_close. */
struct world *sim_process_world(struct sim_process *process);
/* The wall clock of this process is the true time plus skew. The monotonic clock stays true. */
void sim_process_skew(struct sim_process *process, int64_t skew_us);
bool sim_process_is_up(const struct sim_process *process);
/* kill -9: its tasks end where they wait, now; what they hold is lost with them (leaked, on
 * purpose). Connections to it break. Not from a task of its own. One that waits inside of another
 * process's world (the store's) ends as soon as it comes back from there: what it had asked of the
 * store may still happen. */
void sim_process_kill(struct sim_process *process);
/* Up again, with no task. */
void sim_process_start(struct sim_process *process);
/* Its world says "stopping": sleepers and parked tasks wake. For a clean end. */
void sim_process_stop(struct sim_process *process);
/* No connection is accepted any more; what is being handled goes on. Until the next start. */
void sim_process_quiesce(struct sim_process *process);
/* Requests that it is handling. */
size_t sim_process_handlers(const struct sim_process *process);
/* A task that the director starts in a process. */
void sim_spawn(struct sim_process *process, const char *name, void (*run)(void *arg), void *arg);
/* Tasks of it that have not ended. */
size_t sim_process_tasks(const struct sim_process *process);
/* Whose task runs now; NULL outside of the run. */
struct sim_process *sim_current(struct sim *sim);

/* ---- the network ---- */

/* Requests to addresses that begin with this are handled by a new task of that process. Several
 * processes may serve one prefix (instances behind one name): one that is up is picked. */
void sim_serve(struct sim *sim, const char *url_prefix, struct sim_process *process,
               struct http_service service);

/* Chances in a million per exchange; times are drawn evenly up to the limit. */
struct sim_weather {
    int64_t refused, lost_request, lost_answer, reset_after, half_answer, garbage, bad_gateway;
    int64_t twice; /* the request arrives twice; never one of a money call (request.once) */
    int64_t slow;  /* takes up to slow_us instead of latency_us */
    int64_t latency_us, slow_us;
};
/* For messages from one process to another; NULL: from or to anybody. The last one set that fits
 * holds. */
void sim_network_weather(struct sim *sim, struct sim_process *from, struct sim_process *to,
                         const struct sim_weather *weather);
/* Nothing goes through in this direction, connects hang until their deadline. */
void sim_network_cut(struct sim *sim, struct sim_process *from, struct sim_process *to, bool cut);
void sim_network_heal(struct sim *sim);

/* Somebody who sees everything that passes, for the invariants and the journal. */
struct sim_passage {
    struct sim_process *from, *to; /* to NULL: nobody was there */
    const struct world_request *request;
    const struct http_response *response; /* as the server made it; NULL: none was made */
    const struct world_answer *answer;    /* as the asker got it; NULL: not yet */
};
struct sim_observer {
    void *self;
    /* A handler is about to see the request. */
    void (*arrived)(void *self, const struct sim_passage *passage);
    /* A handler has made its answer; it has not left yet. I14 is judged here. */
    void (*answered)(void *self, const struct sim_passage *passage);
    /* The asker has it. */
    void (*ended)(void *self, const struct sim_passage *passage);
    /* Between two steps of the scheduler. Must not wait. */
    void (*stepped)(void *self);
};
void sim_observe(struct sim *sim, const struct sim_observer *observer);

/* ---- the disk: an SQLite VFS named SIM_VFS ---- */

#define SIM_VFS "sim"

/* Power goes: of what was not synced each 512 bytes are kept, lost or torn, by dice; of names that
 * were not synced likewise. Open handles are dead afterwards. The directory's files stay. */
void sim_disk_power_loss(struct sim *sim);
/* Whoever had files open is dead, but the system lives: everything that was written is there. */
void sim_disk_restart(struct sim *sim);
enum sim_disk_fault { SIM_DISK_FULL, SIM_DISK_SYNC_FAILS, SIM_DISK_WRITE_FAILS, SIM_DISK_FAULTS };
/* From the call after the next `after` ones of its kind on, `count` times (-1: until healed). */
void sim_disk_fault(struct sim *sim, enum sim_disk_fault fault, int after, int count);
void sim_disk_heal(struct sim *sim);
/* How long a sync takes at most; each takes some of it. The time passes when the one who asked for
 * it lets go of his last lock: what he wrote is safe by then, and nobody knows yet. */
void sim_disk_latency(struct sim *sim, int64_t us);
/* One bit of a file that exists is turned; false when there is no such byte. */
bool sim_disk_rot(struct sim *sim, const char *path, int64_t offset, int bit);
/* sha256 of the bytes of a file as the disk would show them after a clean end; for the hash. */
bool sim_disk_digest(struct sim *sim, const char *path, uint8_t ret_digest[32]);

#endif
