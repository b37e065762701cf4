// SPDX-License-Identifier: Apache-2.0
#include "bench/load.h"

#include "common/clock.h"
#include "common/message/message_record.h"
#include "remoting/protocol/response_code.h"

#include "bench/answer.h"
#include "bench/nano_time.h"
#include "bench/pacer.h"
#include "bench/request_frames.h"
#include "bench/wire.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <queue>

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace rmq::bench {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kDrainNs = 10 * kSecond;    // for answers after the end
constexpr std::int64_t kSilenceNs = 60 * kSecond;  // without any answer: given up

bool is_code(std::int32_t code, ResponseCode expected) {
    return code == static_cast<std::int32_t>(expected);
}

// One request that can be unanswered; its number is the opaque.
struct Lane {
    Wire* wire = nullptr;
    std::int64_t target = 0;
    std::int64_t offset = 0;
    std::int64_t intended_ns = 0;
    bool is_consumer = false;
};

class Load {
public:
    Load(const Options& options, const Targets& targets, const OnProgress& on_progress);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    Result<LoadResult> run();

private:
    Status prepare();
    Status connect(std::int64_t count);
    void make_lanes();
    Status make_consumers();
    std::int32_t add_lane(Wire& wire);

    Status turn();
    void change_phase(std::int64_t now_ns);
    bool is_finished(std::int64_t now_ns) const;
    bool may_issue(std::int64_t now_ns) const;
    void issue_due(std::int64_t now_ns);
    void issue_next(Wire& wire, std::int64_t intended_ns);
    void issue(std::int32_t lane, std::int64_t intended_ns);
    void wake_delayed(std::int64_t now_ns);
    void touch(Wire& wire);
    Status flush_all();
    Status wait();
    std::int64_t next_wake_ns(std::int64_t now_ns) const;

    void on_answer(const Answer& answer, std::int64_t now_ns);
    void on_request_answer(Lane& lane, const Answer& answer, std::int64_t now_ns);
    std::int64_t messages_of(Lane& lane, const Answer& answer);
    void on_messages(Lane& lane, const Answer& answer, std::int64_t now_ns);
    void go_on(std::int32_t lane, std::int64_t now_ns);
    void fail(const Answer& answer, const Lane& lane);
    void count_messages(std::int64_t messages, std::int64_t now_ns);
    void record(std::int64_t intended_ns, std::int64_t now_ns);
    bool is_in_window(std::int64_t ns) const { return ns >= window_start_ && ns < window_end_; }
    void show_progress(std::int64_t now_ns);

    const Options& options_;
    const Targets& targets_;
    const OnProgress& on_progress_;
    const std::uint64_t run_mark_;
    const std::int64_t wall_offset_ns_;  // wall clock less the monotonic one
    RequestFrames frames_;
    RequestFrames pulls_;  // of a tail's consumers
    int epoll_fd_ = -1;
    ReadScratch scratch_;
    std::vector<std::unique_ptr<Wire>> wires_;
    std::vector<Wire*> dirty_;  // with output to be written at the end of the turn
    std::vector<Lane> lanes_;
    using Delayed = std::pair<std::int64_t, std::int32_t>;  // when, lane
    std::priority_queue<Delayed, std::vector<Delayed>, std::greater<>> delayed_;
    std::optional<Pacer> pacer_;
    std::size_t next_wire_ = 0;

    std::int64_t window_start_ = 0;
    std::int64_t window_end_ = kNever;
    std::int64_t issued_ = 0;
    std::int64_t outstanding_ = 0;  // issued and unanswered, or due and waiting; not of consumers
    std::int64_t in_window_sent_ = 0;  // tail: messages acknowledged of those sent in the window
    std::int64_t in_window_received_ = 0;  // tail
    std::int64_t last_answer_ns_ = 0;
    bool is_measuring_ = false;
    bool is_over_ = false;
    double client_cpu_before_ = 0;
    Status status_;  // of whatever went wrong in a callback
    LoadResult result_;

    std::int64_t shown_ns_ = 0;
    std::int64_t shown_messages_ = 0;
    Histogram shown_latency_;
};

Load::Load(const Options& options, const Targets& targets, const OnProgress& on_progress)
    : options_(options),
      targets_(targets),
      on_progress_(on_progress),
      run_mark_(static_cast<std::uint64_t>(monotonic_ns()) << 20 ^
                static_cast<std::uint64_t>(::getpid())),
      wall_offset_ns_(SystemClock().now_ms() * kMillisecond - monotonic_ns()),
      frames_(options, options.mode, targets.queues, run_mark_),
      pulls_(options, Mode::kPull, targets.queues, run_mark_) {}

Load::~Load() {
    if (epoll_fd_ >= 0) {
        ::close(epoll_fd_);
    }
}

Status Load::connect(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        RMQ_TRY(auto wire, Wire::connect(targets_.address));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = wire.get();
        if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wire->fd(), &event) != 0) {
            return errno_error("cannot watch a connection");
        }
        wires_.push_back(std::move(wire));
    }
    return {};
}

std::int32_t Load::add_lane(Wire& wire) {
    lanes_.push_back({&wire});
    return static_cast<std::int32_t>(lanes_.size() - 1);
}

// Each connection begins at another target, and each pull has one of its own.
void Load::make_lanes() {
    const std::int64_t targets = targets_.size();
    const std::int64_t per_wire = options_.is_open_loop() ? 0 : options_.in_flight_max();
    for (std::int64_t i = 0; i < options_.connections; ++i) {
        Wire& wire = *wires_[static_cast<std::size_t>(i)];
        wire.next_target = i * std::max<std::int64_t>(1, targets / options_.connections) % targets;
        for (std::int64_t k = 0; k < per_wire; ++k) {
            const std::int32_t lane = add_lane(wire);
            lanes_.back().target = lane % targets;
            wire.free_lanes.push_back(lane);
        }
    }
}

Status Load::make_consumers() {
    RMQ_TRY(const auto offsets, max_offsets(targets_));
    for (std::size_t target = 0; target < offsets.size(); ++target) {
        const auto wire = static_cast<std::size_t>(options_.connections) +
                          target % static_cast<std::size_t>(options_.consumers);
        const std::int32_t lane = add_lane(*wires_[wire]);
        lanes_.back().is_consumer = true;
        lanes_.back().target = static_cast<std::int64_t>(target);
        lanes_.back().offset = offsets[target];
        issue(lane, 0);
    }
    return flush_all();
}

Status Load::prepare() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // an open loop waits for microseconds
    epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd_ < 0) {
        return errno_error("cannot wait for connections");
    }
    const bool is_tail = options_.mode == Mode::kTail;
    RMQ_CHECK(connect(options_.connections + (is_tail ? options_.consumers : 0)));
    make_lanes();
    return is_tail ? make_consumers() : Status{};
}

void Load::touch(Wire& wire) {
    if (!wire.is_dirty) {
        wire.is_dirty = true;
        dirty_.push_back(&wire);
    }
}

// Writes the request of a lane; its connection is flushed at the end of the turn.
void Load::issue(std::int32_t lane, std::int64_t intended_ns) {
    Lane& at = lanes_[static_cast<std::size_t>(lane)];
    at.intended_ns = intended_ns;
    RequestParts parts;
    parts.opaque = lane;
    parts.topic = targets_.topic_of(at.target);
    parts.queue = targets_.queue_of(at.target);
    parts.offset = at.offset;
    parts.intended_ns = intended_ns;
    parts.now_ms = (intended_ns + wall_offset_ns_) / kMillisecond;
    (at.is_consumer ? pulls_ : frames_).append(parts, at.wire->output());
    touch(*at.wire);
}

// Takes a free lane of the connection, or lets the request wait for one.
void Load::issue_next(Wire& wire, std::int64_t intended_ns) {
    if (wire.free_lanes.empty()) {
        if (wire.in_flight >= options_.in_flight_max()) {
            wire.backlog_ns.push_back(intended_ns);
            return;
        }
        wire.free_lanes.push_back(add_lane(wire));
        lanes_.back().target = (static_cast<std::int64_t>(lanes_.size()) - 1) % targets_.size();
    }
    const std::int32_t lane = wire.free_lanes.back();
    wire.free_lanes.pop_back();
    ++wire.in_flight;
    if (options_.mode != Mode::kPull) {
        lanes_[static_cast<std::size_t>(lane)].target = wire.next_target;
        wire.next_target = (wire.next_target + 1) % targets_.size();
    }
    issue(lane, intended_ns);
}

bool Load::may_issue(std::int64_t now_ns) const {
    return options_.count > 0 ? issued_ < options_.count : now_ns < window_end_;
}

void Load::issue_due(std::int64_t now_ns) {
    while (pacer_ && pacer_->is_due(now_ns) && may_issue(pacer_->next_due_ns())) {
        ++issued_;
        ++outstanding_;
        issue_next(*wires_[next_wire_], pacer_->take());
        next_wire_ = (next_wire_ + 1) % static_cast<std::size_t>(options_.connections);
    }
}

void Load::wake_delayed(std::int64_t now_ns) {
    while (!delayed_.empty() && delayed_.top().first <= now_ns) {
        const std::int32_t lane = delayed_.top().second;
        delayed_.pop();
        if (lanes_[static_cast<std::size_t>(lane)].is_consumer) {
            issue(lane, now_ns);
        } else if (may_issue(now_ns)) {
            ++issued_;
            ++outstanding_;
            issue(lane, now_ns);
        }
    }
}

Status Load::flush_all() {
    for (Wire* const wire : dirty_) {
        wire->is_dirty = false;
        RMQ_CHECK(wire->flush());
        if (wire->is_blocked() != wire->is_watched_for_writing) {
            wire->is_watched_for_writing = wire->is_blocked();
            epoll_event event{};
            event.events = wire->is_blocked() ? EPOLLIN | EPOLLOUT : EPOLLIN;
            event.data.ptr = wire;
            ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, wire->fd(), &event);
        }
    }
    dirty_.clear();
    return {};
}

void Load::record(std::int64_t intended_ns, std::int64_t now_ns) {
    if (is_in_window(intended_ns)) {
        result_.latency_ns.record(now_ns - intended_ns);
    }
    if (on_progress_) {
        shown_latency_.record(now_ns - intended_ns);
    }
}

void Load::count_messages(std::int64_t messages, std::int64_t now_ns) {
    result_.messages += is_in_window(now_ns) ? messages : 0;
    shown_messages_ += messages;
}

void Load::fail(const Answer& answer, const Lane& lane) {
    if (is_code(answer.code, ResponseCode::TOPIC_NOT_EXIST)) {
        status_ = Error{Errc::kNotFound, "topic " + targets_.topic_of(lane.target) +
                                             " does not exist at " + targets_.address +
                                             "; create it, or let --create do it"};
    }
    if (result_.failures.empty()) {
        result_.first_remark = answer.remark();
    }
    ++result_.failures[answer.code];
}

// Messages in the answer to a pull, whose lane moves on; at the end of a queue to its first.
std::int64_t Load::messages_of(Lane& lane, const Answer& answer) {
    const std::int64_t next = answer.field("nextBeginOffset");
    if (is_code(answer.code, ResponseCode::SUCCESS)) {
        const std::int64_t read = next - lane.offset;
        lane.offset = next;
        return read;
    }
    if (is_code(answer.code, ResponseCode::PULL_OFFSET_MOVED) && next > lane.offset) {
        lane.offset = next;
    } else if (is_code(answer.code, ResponseCode::PULL_NOT_FOUND) ||
               is_code(answer.code, ResponseCode::PULL_OFFSET_MOVED) ||
               is_code(answer.code, ResponseCode::PULL_RETRY_IMMEDIATELY)) {
        lane.offset = 0;
    } else {
        fail(answer, lane);
    }
    return 0;
}

void Load::on_messages(Lane& lane, const Answer& answer, std::int64_t now_ns) {
    if (!is_code(answer.code, ResponseCode::SUCCESS) &&
        !is_code(answer.code, ResponseCode::PULL_NOT_FOUND) &&
        !is_code(answer.code, ResponseCode::PULL_RETRY_IMMEDIATELY) &&
        !is_code(answer.code, ResponseCode::PULL_OFFSET_MOVED)) {
        fail(answer, lane);
    }
    lane.offset = std::max<std::int64_t>(0, answer.field("nextBeginOffset"));
    for_each_record(answer.body, [&](const MessageRecord& message) {
        const TailMark mark = read_tail_mark(message.body);
        if (mark.run == run_mark_) {
            record(mark.intended_ns, now_ns);
            count_messages(1, now_ns);
            in_window_received_ += is_in_window(mark.intended_ns) ? 1 : 0;
        }
    });
}

void Load::on_request_answer(Lane& lane, const Answer& answer, std::int64_t now_ns) {
    --outstanding_;
    result_.requests += is_in_window(lane.intended_ns) ? 1 : 0;
    std::int64_t messages = 0;
    if (options_.mode == Mode::kPull) {
        messages = messages_of(lane, answer);
    } else if (is_code(answer.code, ResponseCode::SUCCESS)) {
        messages = options_.mode == Mode::kRoute ? 1 : options_.batch_size();
    } else {
        fail(answer, lane);
    }
    if (options_.mode != Mode::kTail) {
        record(lane.intended_ns, now_ns);
        count_messages(messages, now_ns);
    } else if (is_in_window(lane.intended_ns)) {
        in_window_sent_ += messages;
    }
}

// What the lane does next: wait for its slow consumer, or the next request.
void Load::go_on(std::int32_t number, std::int64_t now_ns) {
    const Lane lane = lanes_[static_cast<std::size_t>(number)];
    if (options_.consume_ms > 0 && (lane.is_consumer || options_.mode == Mode::kPull)) {
        delayed_.emplace(now_ns + options_.consume_ms * kMillisecond, number);
        return;
    }
    if (lane.is_consumer) {
        issue(number, now_ns);
        return;
    }
    Wire& wire = *lane.wire;
    wire.free_lanes.push_back(number);
    --wire.in_flight;
    if (!wire.backlog_ns.empty()) {
        const std::int64_t intended_ns = wire.backlog_ns.front();
        wire.backlog_ns.pop_front();
        issue_next(wire, intended_ns);
    } else if (!pacer_ && may_issue(now_ns)) {
        ++issued_;
        ++outstanding_;
        issue_next(wire, now_ns);
    }
}

void Load::on_answer(const Answer& answer, std::int64_t now_ns) {
    const std::int64_t number = std::int64_t{answer.opaque} - RequestFrames::kFirstOpaque;
    if (!answer.is_answer || number < 0 || number >= static_cast<std::int64_t>(lanes_.size())) {
        return;  // a request of the server, as to check a transaction
    }
    last_answer_ns_ = now_ns;
    Lane& lane = lanes_[static_cast<std::size_t>(number)];
    if (lane.is_consumer) {
        on_messages(lane, answer, now_ns);
    } else {
        on_request_answer(lane, answer, now_ns);
    }
    go_on(static_cast<std::int32_t>(number), now_ns);
}

std::int64_t Load::next_wake_ns(std::int64_t now_ns) const {
    std::int64_t next = now_ns + 100 * kMillisecond;
    if (pacer_ && may_issue(pacer_->next_due_ns())) {
        next = std::min(next, pacer_->next_due_ns());
    }
    if (!delayed_.empty()) {
        next = std::min(next, delayed_.top().first);
    }
    for (const std::int64_t edge : {window_start_, window_end_}) {
        if (edge > now_ns) {
            next = std::min(next, edge);
        }
    }
    return next;
}

Status Load::wait() {
    std::array<epoll_event, 256> events;
    const std::int64_t now_ns = monotonic_ns();
    const std::int64_t for_ns = std::max<std::int64_t>(0, next_wake_ns(now_ns) - now_ns);
    const timespec timeout{for_ns / kSecond, for_ns % kSecond};
    const int count = ::epoll_pwait2(epoll_fd_, events.data(), static_cast<int>(events.size()),
                                     &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto& wire = *static_cast<Wire*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) {
            touch(wire);
        }
        std::int64_t received_ns = 0;
        RMQ_CHECK(wire.receive(scratch_, [&](std::string_view frame) {
            received_ns = received_ns == 0 ? monotonic_ns() : received_ns;
            on_answer(read_answer(frame), received_ns);
        }));
        RMQ_CHECK(flush_all());
    }
    return status_;
}

// Takes the figures of the processes when the measurement begins and when it ends.
void Load::change_phase(std::int64_t now_ns) {
    const bool begins = !is_measuring_ && now_ns >= window_start_;
    const bool is_counted_out = options_.count > 0 && issued_ > 0 && is_finished(now_ns);
    const bool ends = !is_over_ && (now_ns >= window_end_ || is_counted_out);
    if (!begins && !ends) {
        return;
    }
    const auto client = process_usage(::getpid());
    const double client_cpu = client ? client->cpu_seconds : 0;
    ProcessUsage server;
    if (options_.server_pid != 0) {
        const auto usage = process_usage(options_.server_pid);
        if (!usage) {
            status_ = usage.error();
            return;
        }
        server = *usage;
    }
    if (begins) {
        is_measuring_ = true;
        client_cpu_before_ = client_cpu;
        result_.server_before = server;
    }
    if (ends) {
        is_over_ = true;
        result_.client_cpu_seconds = client_cpu - client_cpu_before_;
        result_.server_after = server;
        result_.seconds = static_cast<double>(now_ns - window_start_) / 1e9;
    }
}

bool Load::is_finished(std::int64_t now_ns) const {
    if (options_.count > 0 ? issued_ < options_.count : now_ns < window_end_) {
        return false;
    }
    if (pacer_ && may_issue(pacer_->next_due_ns())) {
        return false;  // we are late: what was due in time is still sent, and its lateness counts
    }
    const bool is_all_there = outstanding_ == 0 && (options_.mode != Mode::kTail ||
                                                    in_window_received_ >= in_window_sent_);
    return is_all_there || (options_.count == 0 && now_ns >= window_end_ + kDrainNs);
}

void Load::show_progress(std::int64_t now_ns) {
    if (!on_progress_ || now_ns < shown_ns_ + kSecond) {
        return;
    }
    const double seconds = static_cast<double>(now_ns - shown_ns_) / 1e9;
    on_progress_({static_cast<double>(now_ns - window_start_) / 1e9,
                  static_cast<double>(shown_messages_) / seconds, shown_latency_.percentile(99)});
    shown_ns_ = now_ns;
    shown_messages_ = 0;
    shown_latency_.clear();
}

Status Load::turn() {
    const std::int64_t now_ns = monotonic_ns();
    change_phase(now_ns);
    issue_due(now_ns);
    wake_delayed(now_ns);
    RMQ_CHECK(flush_all());
    RMQ_CHECK(wait());
    show_progress(now_ns);
    const bool has_silence = outstanding_ > 0 && now_ns > last_answer_ns_ + kSilenceNs;
    return has_silence ? Status{Error{Errc::kTimeout, targets_.address +
                                                          " has not answered for a minute; see "
                                                          "the server's log"}}
                       : Status{};
}

Result<LoadResult> Load::run() {
    RMQ_CHECK(prepare());
    const std::int64_t start_ns = monotonic_ns();
    last_answer_ns_ = shown_ns_ = window_start_ = start_ns;
    if (options_.count == 0) {
        window_start_ += options_.warm_up_seconds * kSecond;
        window_end_ = window_start_ + options_.seconds * kSecond;
    }
    if (options_.is_open_loop()) {
        pacer_.emplace(options_.rate, start_ns);
    }
    change_phase(start_ns);
    for (std::int64_t i = 0; !pacer_ && i < options_.connections; ++i) {
        Wire& wire = *wires_[static_cast<std::size_t>(i)];
        while (!wire.free_lanes.empty() && may_issue(start_ns)) {
            ++issued_;
            ++outstanding_;
            issue_next(wire, monotonic_ns());
        }
    }
    while (status_ && !is_finished(monotonic_ns())) {
        RMQ_CHECK(turn());
    }
    RMQ_CHECK(status_);
    change_phase(monotonic_ns());
    RMQ_CHECK(status_);
    result_.unanswered = outstanding_;
    result_.sent = in_window_sent_;
    return std::move(result_);
}

}  // namespace

std::int64_t LoadResult::failed() const {
    std::int64_t all = 0;
    for (const auto& [code, count] : failures) {
        all += count;
    }
    return all;
}

Result<LoadResult> run_load(const Options& options, const Targets& targets,
                            const OnProgress& on_progress) {
    return Load(options, targets, on_progress).run();
}

}  // namespace rmq::bench
