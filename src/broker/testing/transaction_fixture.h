// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/testing/client_fixture.h"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::testing {

inline constexpr std::string_view kHalfTopic = "RMQ_SYS_TRANS_HALF_TOPIC";
inline constexpr std::string_view kOpTopic = "RMQ_SYS_TRANS_OP_HALF_TOPIC";

// Topic T with 4 queues and a producer of group pg.
struct TransactionFixture : ClientFixture {
    explicit TransactionFixture(const StoreSetup& setup = {});

    // Where a half message lies, as its producer was told.
    struct Half {
        std::int64_t queue_offset = 0;
        std::int64_t position = 0;
    };
    // Sends one to queue 2 of T, born now.
    Half send_half(std::string body, std::initializer_list<std::string_view> more_properties = {});

    // 37: "8" commits, "12" rolls back.
    ExtMap end_of(const Half& half, const char* how, bool from_check = false) const;
    Response end(const Half& half, const char* how, bool from_check = false);

    // Lets everything stored become readable.
    void catch_up();
    // Writes the ops that wait.
    void write_ops();
    // A whole round of checks, transactionCheckInterval after the last.
    void check();
    // The checks that the producer was asked for since the last call.
    struct Asked {
        ExtMap header;
        std::unique_ptr<StoredMessage> half;
        Half place() const;
    };
    std::vector<Asked> asked();
    // The position of CID_RMQ_SYS_TRANS; -1: none.
    std::int64_t position(std::string_view topic) const;

    Client producer = std::make_shared<FakeConnection>("10.1.2.3:4567");
};

}  // namespace rmq::testing
