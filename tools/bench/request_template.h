// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/load.h"

#include <cstdint>
#include <string>

namespace rmq::bench {

// The frame of one request as a Java 5.5.0 client writes it, with the places that change from
// request to request at fixed positions. A value that the load generator owns.
class RequestTemplate {
public:
    explicit RequestTemplate(const LoadOptions& options);

    // Appends the frame of the next request.
    void append(std::int64_t queue, std::int64_t offset, std::string& out);

private:
    void build_send(const LoadOptions& options);
    void build_pull(const LoadOptions& options);
    void build_frame(const std::string& header, std::size_t body_bytes);
    std::size_t find(const std::string& mark) const;

    std::string frame_;
    std::size_t opaque_at_ = 0;  // 9 digits
    std::size_t queue_at_ = 0;   // 1 digit
    std::size_t unique_at_ = 0;  // 8 hex digits of UNIQ_KEY; send only
    std::size_t offset_at_ = 0;  // 18 digits; pull only
    std::uint32_t next_ = 0;
};

}  // namespace rmq::bench
