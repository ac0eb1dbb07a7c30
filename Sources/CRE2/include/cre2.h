// The smallest C face of RE2 that Matching needs: compile, name the groups, search; and find plain text.
// No C++ exception leaves it: RE2 throws none, and allocation failure ends the process as everywhere in Swift.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_pattern cre2_pattern;

// Compiles `length` bytes. Returns NULL and writes a message of at most `error_capacity` bytes
// (NUL-terminated) where the pattern is not valid. Where it compiles to more than `program_memory_max` holds,
// which is found out before it has cost much, `too_large` is 1. Automata may take `memory_max` bytes.
cre2_pattern *cre2_compile(
    const char *pattern, size_t length, int latin1, int64_t program_memory_max, int64_t memory_max,
    int *too_large, char *error, size_t error_capacity);
void cre2_free(cre2_pattern *pattern);

// Number of capturing groups, without the whole match.
int cre2_group_count(const cre2_pattern *pattern);

// Size of the compiled pattern: the work at one byte of text is at most proportional to it.
int cre2_instruction_count(const cre2_pattern *pattern);

// Name of group `index` (1...), or NULL where it has none. Lives as long as the pattern.
const char *cre2_group_name(const cre2_pattern *pattern, int index);

// Searches text[start, end) for the leftmost match, in time linear in its length. `bounds` gets two
// offsets for each of the first `group_count` groups (group 0 is the whole match), -1 where a group took no part.
// Returns 1 where there is a match, else 0.
int cre2_search(
    const cre2_pattern *pattern, const char *text, size_t start, size_t end, int64_t *bounds, int group_count);

// Where `needle` begins first in text[start, length); `length` where it does not. O(length).
size_t cre2_find(const char *text, size_t start, size_t length, const char *needle, size_t needle_length);

#ifdef __cplusplus
}
#endif
