/* The network in blocks of samples, which stay in the cache, by several threads where there is enough to do.

   Where they are `apart`, samples meet in sums alone: loss and gradients. They are added up block after block within a share of the
   blocks, then over the shares: in an order that does not depend on the number of threads. */
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <stdatomic.h>
#define THREADS 1
#endif
#define WIDTH 32 /* samples of a block, if there are more */
#define SHARES 8
#define ENOUGH 4e6 /* products, for which a thread is worth its start */

long threads = 1; /* that may run at once */

typedef struct {
    const Network *network;
    const long *sizes, *entries; /* of each array: those of a sample, of a sum all */
    void *const *given;
    real *sums, *rooms; /* of each share the sums, of each thread its memory */
    long width, count, shares, sum, room; /* samples of a block; blocks, shares; entries of all sums; bytes of a memory */
    int backward;
#ifdef THREADS
    atomic_long next, thread;
#endif
} Work;

static void share(Work *work, long number, char *room)
{
    const Network *net = work->network;
    long N = work->sizes[0], sizes[net->lengths + 1];
    memcpy(sizes, work->sizes, sizeof(long) * net->lengths);
    sizes[net->lengths] = N;
    real *total = work->sums + number * work->sum, *part = (real *)(room + work->room) - aligned(work->sum);
    long from = work->count * number / work->shares, to = work->count * (number + 1) / work->shares;
    for (long b = from; b < to; b++) {
        void *given[net->given];
        long first = b * work->width, k = 0;
        real *sum = b == from ? total : part;
        sizes[0] = N - first < work->width ? N - first : work->width;
        for (; k < net->sums; k++) given[k] = work->given[k] ? (real *)work->given[k] + first * work->entries[k] : NULL;
        for (; k < net->given; sum += work->entries[k++]) given[k] = work->given[k] ? sum : NULL;
        net->compute(sizes, given, room, work->backward);
        if (b > from && work->backward) for (long i = 0; i < work->sum; i++) total[i] += part[i];
    }
}

#ifdef THREADS
static void *shares(void *of)
{
    Work *work = of;
    char *room = (char *)work->rooms + work->room * atomic_fetch_add(&work->thread, 1);
    for (long k; (k = atomic_fetch_add(&work->next, 1)) < work->shares;) share(work, k, room);
    return NULL;
}
#endif

/* How the samples are divided; returns the number of threads. */
static long divided(const Network *net, const long *sizes, Work *work, long *entries)
{
    long N = sizes[0], all[net->lengths + 1];
    memcpy(all, sizes, sizeof(long) * net->lengths);
    work->count = net->apart ? (N + WIDTH - 1) / WIDTH : 1;
    work->width = work->count < 2 ? N : ((N + work->count - 1) / work->count + ROWS - 1) / ROWS * ROWS;
    work->count = (N + work->width - 1) / work->width;
    work->shares = work->count < SHARES ? work->count : SHARES;
    all[0] = work->width, all[net->lengths] = N;
    net->entries(all, entries);
    work->sum = 0;
    for (long k = net->sums; k < net->given; k++) work->sum += entries[k];
    work->room = net->memory(all) + (work->count > 1 ? aligned(work->sum) * (long)sizeof(real) : 0);
    work->room = (work->room + 63) / 64 * 64;
    double work_to_do = (double)N * sizes[net->lengths - 1] * work->sum; /* products of two numbers, about */
    long many = work->shares < threads ? work->shares : threads;
    while (many > 1 && work_to_do < many * ENOUGH) many--;
    return many;
}

long memory(const Network *net, const long *sizes)
{
    Work work;
    long entries[net->given + 1], many = divided(net, sizes, &work, entries);
    return work.count < 2 ? work.room : many * work.room + work.shares * work.sum * (long)sizeof(real);
}

void compute(const Network *net, const long *sizes, void *const *given, void *memory, int backward)
{
    Work work;
    long entries[net->given + 1], many = divided(net, sizes, &work, entries);
    if (work.count < 2) {
        long all[net->lengths + 1];
        memcpy(all, sizes, sizeof(long) * net->lengths);
        all[net->lengths] = sizes[0];
        net->compute(all, given, memory, backward);
        return;
    }
    work.network = net, work.sizes = sizes, work.entries = entries, work.given = given, work.backward = backward;
    work.rooms = memory, work.sums = (real *)((char *)memory + many * work.room);
#ifdef THREADS
    pthread_t started[SHARES];
    long running = 0;
    atomic_init(&work.next, 0), atomic_init(&work.thread, 0);
    while (running < many - 1 && !pthread_create(&started[running], NULL, shares, &work)) running++;
    shares(&work);
    while (running--) pthread_join(started[running], NULL);
#else
    for (long k = 0; k < work.shares; k++) share(&work, k, memory);
#endif
    if (!backward) return;
    for (long k = net->sums, at = 0; k < net->given; at += entries[k++]) {
        real *to = given[k];
        for (long i = 0; to && i < entries[k]; i++) {
            to[i] = work.sums[at + i];
            for (long s = 1; s < work.shares; s++) to[i] += work.sums[s * work.sum + at + i];
        }
    }
}
