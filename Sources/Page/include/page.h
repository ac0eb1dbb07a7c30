#pragma once

#include <stddef.h>

/// A file of the page, as it is in the executable.
struct PageFile {
    /// Its name, without a folder.
    const char *name;
    const unsigned char *bytes;
    size_t byteCount;
};

/// The files of the page, in the order of their names: one of a number below `pageFileCount`.
const struct PageFile *pageFile(size_t number);
extern const size_t pageFileCount;
