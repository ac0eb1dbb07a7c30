// record-lttng SESSION EVENTS BURSTS: what recording one event with LTTng-UST costs the thread
// that records it. The recording session SESSION has to be active, with the event enabled.
//
// Standard output: "lttng-cold CPU WALL" for a first burst of EVENTS events, then BURSTS lines
// "lttng CPU WALL", both in nanoseconds per event. CPU is this thread's alone: the daemon that
// carries the events to the disk is not charged.
//
// Each burst finds the buffers empty: where they have room for one, nothing is discarded, however
// busy the machine.
#define _GNU_SOURCE
// LTTng's headers then inline what they can: the peer at its fastest.
#define _LGPL_SOURCE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lightcone_bench.h"

#include <lttng/lttng.h>
#include <lttng/lttng-error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { payload_bytes = 95 };

static double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static void record_burst(const char *tag, long events, const char *text)
{
    double wall = now(CLOCK_MONOTONIC);
    double cpu = now(CLOCK_THREAD_CPUTIME_ID);
    for (long i = 0; i < events; i++)
        lttng_ust_tracepoint(lightcone_bench, event, text);
    cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
    wall = now(CLOCK_MONOTONIC) - wall;
    printf("%s %.1f %.1f\n", tag, cpu / events, wall / events);
    fflush(stdout);
}

// Returns when the consumer daemon has taken all that was recorded: stopping waits for that.
static void empty_buffers(const char *session)
{
    int result = lttng_stop_tracing(session);
    if (result >= 0)
        result = lttng_start_tracing(session);
    if (result < 0) {
        fprintf(stderr, "error: cannot empty the buffers: %s\n", lttng_strerror(result));
        exit(1);
    }
}

int main(int count, char **arguments)
{
    long events = count == 4 ? atol(arguments[2]) : 0;
    long bursts = count == 4 ? atol(arguments[3]) : 0;
    if (events <= 0 || bursts <= 0) {
        fprintf(stderr, "usage: record-lttng SESSION EVENTS BURSTS\n");
        return 2;
    }
    // A tracepoint that nobody listens to costs next to nothing: that is not what is measured.
    if (!lttng_ust_tracepoint_enabled(lightcone_bench, event)) {
        fprintf(stderr, "error: no session records lightcone_bench:event\n");
        return 1;
    }
    char text[payload_bytes + 1];
    memset(text, 'x', payload_bytes);
    text[payload_bytes] = '\0';

    record_burst("lttng-cold", events, text);
    for (long i = 0; i < bursts; i++) {
        empty_buffers(arguments[1]);
        record_burst("lttng", events, text);
    }
    return 0;
}
