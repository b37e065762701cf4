// SPDX-License-Identifier: Apache-2.0
#include "storetool/check_store.h"

namespace rmq::storetool {

CheckResult check_store(const StoreDirectory& store, const CheckOptions& options) {
    CheckResult result;
    result.log = check_log(store, options, result.findings);
    result.queue_entries = check_queues(store, result.log, result.findings);
    result.index_entries = check_indexes(store, result.log, result.findings);
    result.config_files = check_config(store, result.log, result.findings);
    return result;
}

}  // namespace rmq::storetool
