#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

/// How many times memory was asked for since the program began. For benchmarks: linking this counts every allocation.
unsigned long allocation_count(void);

#endif
