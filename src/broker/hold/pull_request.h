// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/header/pull_message.h"

#include <memory>

namespace rmq::broker {

// A pull that outlives its frame: the header with its texts in one block of its own. Move-only.
// Source: PullRequest.
class PullRequest {
public:
    PullRequest(const PullMessageRequestHeader& header, bool is_lite);

    const PullMessageRequestHeader& header() const { return header_; }
    bool is_lite() const { return is_lite_; }  // came as LITE_PULL_MESSAGE

private:
    std::unique_ptr<char[]> text_;
    PullMessageRequestHeader header_;  // views point into text_
    bool is_lite_ = false;
};

}  // namespace rmq::broker
