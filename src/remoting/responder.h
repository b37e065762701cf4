// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/connection.h"
#include "remoting/protocol/remoting_command.h"
#include "remoting/protocol/response.h"

#include <cstdint>
#include <memory>
#include <string>

namespace rmq {

// Is told of every answer that is handed to its connection, and of every oneway request that was
// served. Called on the answering thread; must not block. Outlives all Responders.
// Thread safety: any thread.
class AnswerObserver {
public:
    struct Answer {
        std::int32_t request_code = 0;
        ResponseCode code = ResponseCode::SUCCESS;
        std::int64_t elapsed_ms = 0;  // since the request was dispatched
        bool is_suspended = false;    // it waited in a long poll
        bool is_oneway = false;
    };
    virtual void on_answer(const Answer& answer) = 0;

protected:
    ~AnswerObserver() = default;
};

// The duty to answer one request: move-only, callable from any thread, used at most once; a second
// use is ignored. Destroyed unused it answers SYSTEM_ERROR "request dropped" and logs a bug. For a
// oneway request sending is a no-op. So inline, held and group-committed replies look alike.
class Responder {
public:
    Responder() = default;  // empty, answers nothing
    Responder(std::shared_ptr<Connection> connection, std::int32_t opaque, bool oneway)
        : connection_(std::move(connection)), opaque_(opaque), oneway_(oneway) {}
    ~Responder();
    Responder(Responder&&) noexcept = default;
    Responder& operator=(Responder&& other) noexcept;

    void send(Response response);
    void send(ResponseCode code, std::string remark = {}) {
        send(Response(code, std::move(remark)));
    }
    // Ends the duty without an answer, for the few requests that the original leaves unanswered.
    void leave_unanswered();

    // From now on `observer` is told of the answer to this request.
    void observe(AnswerObserver& observer, std::int32_t request_code);
    // The request waits in a long poll.
    void mark_suspended() { suspended_ = true; }

    bool is_pending() const { return connection_ != nullptr; }
    bool is_oneway() const { return oneway_; }
    Connection& connection() const { return *connection_; }

private:
    std::shared_ptr<Connection> connection_;
    std::int32_t opaque_ = 0;
    bool oneway_ = false;
    bool suspended_ = false;
    std::int32_t request_code_ = 0;       // with an observer only
    std::int64_t begin_ms_ = 0;           // monotonic, likewise
    AnswerObserver* observer_ = nullptr;  // most often none
};

// What a handler gets. All views die when the handler returns.
struct Request {
    const RemotingCommand& command;
    const std::shared_ptr<Connection>& connection;

    const ExtFields& ext() const { return command.ext; }
    std::string_view body() const { return command.body; }
};

}  // namespace rmq
