// SPDX-License-Identifier: Apache-2.0
#include "common/assert.h"

#include "common/result.h"

#include <cstdio>
#include <cstdlib>

namespace rmq {

void assertion_failed(const char* condition, const char* why, const char* file, int line) {
    std::fprintf(stderr, "assertion_failed file=%s line=%d condition=\"%s\" why=\"%s\"\n", file,
                 line, condition, why);
    std::abort();
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
    std::fprintf(stderr, "result_without_value file=%s line=%d remark=\"%s\"\n", where.file_name(),
                 static_cast<int>(where.line()), error.remark.c_str());
    std::abort();
}

}  // namespace rmq

#ifdef __SANITIZE_THREAD__
// Asked by ThreadSanitizer's runtime. Each line needs a reason:
// tzset_internal: the C library's own lock, which the runtime does not see, guards it.
// _Sp_atomic: libstdc++ 12 unlocks atomic<shared_ptr>::load relaxed, which is in order in practice.
// FaultyFileOps::sync: reads pages while others append to them, as the kernel it stands for does.
extern "C" const char*
__tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier): the runtime's name
extern "C" const char* __tsan_default_suppressions() {
    return "race:tzset_internal\n"
           "race:std::_Sp_atomic\n"
           "race:rmq::store::testing::FaultyFileOps::sync\n";
}
#endif
