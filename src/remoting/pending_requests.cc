// SPDX-License-Identifier: Apache-2.0
#include "remoting/pending_requests.h"

#include "common/limits.h"

#include <algorithm>
#include <vector>

namespace rmq {

namespace {

InboundResponse own(const RemotingCommand& answer) {
    InboundResponse response;
    response.code = answer.code;
    response.version = answer.version;
    response.remark = answer.remark;
    response.ext.reserve(answer.ext.size());
    for (const ExtField& field : answer.ext) {
        response.ext.emplace_back(field.key, field.value);
    }
    response.body = answer.body;
    return response;
}

}  // namespace

bool PendingRequests::full() const {
    return pending_.size() >= limits::kPendingPerConnectionMax;
}

void PendingRequests::add(std::int32_t opaque, std::int64_t deadline_ms, Done done) {
    pending_.emplace(opaque, Entry{deadline_ms, std::move(done)});
}

bool PendingRequests::complete(const RemotingCommand& answer) {
    const auto found = pending_.find(answer.opaque);
    if (found == pending_.end()) {
        return false;
    }
    Done done = std::move(found->second.done);
    pending_.erase(found);
    done(own(answer));
    return true;
}

std::int64_t PendingRequests::expire(std::int64_t now_ms) {
    std::vector<Done> expired;
    std::int64_t earliest = kNoDeadline;
    for (auto at = pending_.begin(); at != pending_.end();) {
        if (at->second.deadline_ms <= now_ms) {
            expired.push_back(std::move(at->second.done));
            at = pending_.erase(at);
        } else {
            earliest = std::min(earliest, at->second.deadline_ms);
            ++at;
        }
    }
    for (Done& done : expired) {
        done(Error{Errc::kTimeout, "no answer in time"});
    }
    return earliest;
}

void PendingRequests::fail_all(const Error& error) {
    // A completion may send the next request; it must not find itself here.
    auto failed = std::move(pending_);
    pending_.clear();
    for (auto& [opaque, entry] : failed) {
        entry.done(error);
    }
}

}  // namespace rmq
