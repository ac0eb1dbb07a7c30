import Glibc

/// Lets this program have more files open at the same time, as far as its user may: many systems allow 1,024 unless asked.
/// Where that fails, what cannot be opened is said, and tried again.
package func raiseOpenFilesMax(to count: Int) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
        limit.rlim_cur < rlim_t(count)
    else { return }
    limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
