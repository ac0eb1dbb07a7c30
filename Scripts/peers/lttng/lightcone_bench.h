// The tracepoint lightcone_bench:event: one string, nothing else. LTTng reads this file several
// times over to generate its code.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER lightcone_bench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lightcone_bench.h"

#if !defined(LIGHTCONE_BENCH_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LIGHTCONE_BENCH_H

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(
    lightcone_bench, event,
    LTTNG_UST_TP_ARGS(const char *, text),
    LTTNG_UST_TP_FIELDS(lttng_ust_field_string(text, text)))

#endif

#include <lttng/tracepoint-event.h>
