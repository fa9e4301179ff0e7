// Asks which files there are, one bit for each compilation.
// expect: diagnostics
#if __has_include("/etc/passwd") || __has_include("/proc/self/environ") || __has_include("/etc/hostname") || \
    __has_include("/root/.bashrc") || __has_include("../../../../../etc/passwd")
#error FOUND_A_FILE
#else
#error nothing is there
#endif
