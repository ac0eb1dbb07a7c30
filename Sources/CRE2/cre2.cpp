#include "cre2.h"

#include <re2/re2.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

struct cre2_pattern {
    std::unique_ptr<re2::RE2> expression;
    std::vector<std::string> names;
};

extern "C" cre2_pattern *cre2_compile(
    const char *pattern, size_t length, int latin1, int64_t program_memory_max, int64_t memory_max,
    int *too_large, char *error, size_t error_capacity) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_encoding(latin1 ? re2::RE2::Options::EncodingLatin1 : re2::RE2::Options::EncodingUTF8);
    // One option bounds both the program and the automata that are made of it.
    options.set_max_mem(program_memory_max);
    auto expression = std::make_unique<re2::RE2>(re2::StringPiece(pattern, length), options);
    *too_large = expression->error_code() == re2::RE2::ErrorPatternTooLarge;
    if (expression->ok()) {
        options.set_max_mem(memory_max);
        expression = std::make_unique<re2::RE2>(re2::StringPiece(pattern, length), options);
    }
    if (!expression->ok()) {
        if (error_capacity > 0) {
            strncpy(error, expression->error().c_str(), error_capacity - 1);
            error[error_capacity - 1] = 0;
        }
        return nullptr;
    }
    auto result = std::make_unique<cre2_pattern>();
    result->expression = std::move(expression);
    result->names.resize(static_cast<size_t>(result->expression->NumberOfCapturingGroups()) + 1);
    for (const auto &[index, name] : result->expression->CapturingGroupNames()) {
        result->names[static_cast<size_t>(index)] = name;
    }
    return result.release();
}

extern "C" void cre2_free(cre2_pattern *pattern) { delete pattern; }

extern "C" int cre2_group_count(const cre2_pattern *pattern) {
    return pattern->expression->NumberOfCapturingGroups();
}

extern "C" int cre2_instruction_count(const cre2_pattern *pattern) { return pattern->expression->ProgramSize(); }

extern "C" const char *cre2_group_name(const cre2_pattern *pattern, int index) {
    if (index < 1 || static_cast<size_t>(index) >= pattern->names.size()) return nullptr;
    const std::string &name = pattern->names[static_cast<size_t>(index)];
    return name.empty() ? nullptr : name.c_str();
}

extern "C" int cre2_search(
    const cre2_pattern *pattern, const char *text, size_t start, size_t end, int64_t *bounds, int group_count) {
    std::vector<re2::StringPiece> groups(static_cast<size_t>(group_count));
    const re2::StringPiece whole(text, end);
    if (!pattern->expression->Match(
            whole, start, end, re2::RE2::UNANCHORED, groups.data(), group_count)) {
        return 0;
    }
    for (size_t index = 0; index < groups.size(); index++) {
        if (groups[index].data() == nullptr) {
            bounds[2 * index] = bounds[2 * index + 1] = -1;
        } else {
            bounds[2 * index] = groups[index].data() - text;
            bounds[2 * index + 1] = bounds[2 * index] + static_cast<int64_t>(groups[index].size());
        }
    }
    return 1;
}

extern "C" size_t cre2_find(
    const char *text, size_t start, size_t length, const char *needle, size_t needle_length) {
    const void *found = memmem(text + start, length - start, needle, needle_length);
    return found == nullptr ? length : static_cast<size_t>(static_cast<const char *>(found) - text);
}
