// SPDX-License-Identifier: Apache-2.0
#include "bench/load.h"

#include "common/bytes.h"

#include "bench/request_template.h"
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <deque>
#include <fstream>
#include <memory>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rmq::bench {

namespace {

constexpr std::size_t kReadBytes = 1024U * 1024;

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// The number behind `name` in a header that any of the servers wrote, or -1.
std::int64_t number_behind(std::string_view header, std::string_view name) {
    const auto at = header.find(name);
    std::int64_t number = -1;
    if (at != std::string_view::npos) {
        std::from_chars(header.data() + at + name.size(), header.data() + header.size(), number);
    }
    return number;
}

Result<int> connect_to(const SocketAddress& address) {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    raw.sin_port = htons(static_cast<std::uint16_t>(address.port));
    std::copy_n(address.bytes.data(), 4, reinterpret_cast<std::uint8_t*>(&raw.sin_addr));
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&raw), sizeof raw) != 0) {
        return errno_error("cannot connect to " + address.to_string());
    }
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

class Load {
public:
    explicit Load(const LoadOptions& options) : options_(options), template_(options) {
        input_.resize(kReadBytes);
    }
    ~Load() {
        for (const auto& connection : connections_) {
            ::close(connection->fd);
        }
        if (epoll_fd_ >= 0) {
            ::close(epoll_fd_);
        }
    }

    Result<LoadResult> run();

private:
    struct Connection {
        int fd = -1;
        std::int64_t queue = 0;
        std::int64_t next_offset = 0;
        std::string partial;
        std::string output;
        std::size_t sent = 0;
        bool blocked = false;
        std::deque<std::int64_t> started_us;  // roughly: answers may come in another order
    };

    Status connect_all();
    void push_request(Connection& connection);
    Status flush(Connection& connection);
    Status receive(Connection& connection);
    void handle_answer(Connection& connection, std::string_view frame);
    Status turn(std::int64_t until_us);
    void reset_figures();
    LoadResult figures(double seconds) const;

    const LoadOptions& options_;
    RequestTemplate template_;
    int epoll_fd_ = -1;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::string input_;
    LoadResult result_;
    std::vector<std::int64_t> latencies_us_;
};

Status Load::connect_all() {
    epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
    for (std::int64_t i = 0; i < options_.connections; ++i) {
        auto connection = std::make_unique<Connection>();
        RMQ_TRY(connection->fd, connect_to(options_.address));
        connection->queue = i % options_.queues;
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = connection.get();
        epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, connection->fd, &event);
        connections_.push_back(std::move(connection));
    }
    return {};
}

void Load::push_request(Connection& connection) {
    template_.append(connection.queue, connection.next_offset, connection.output);
    connection.started_us.push_back(now_us());
    if (options_.kind == Kind::kSend) {
        connection.queue = (connection.queue + 1) % options_.queues;
    }
}

Status Load::flush(Connection& connection) {
    while (connection.sent < connection.output.size()) {
        const ssize_t sent =
            ::send(connection.fd, connection.output.data() + connection.sent,
                   connection.output.size() - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            return errno_error("cannot send");
        }
        const bool blocked = sent < 0;
        if (blocked != connection.blocked) {
            connection.blocked = blocked;
            epoll_event event{};
            event.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN;
            event.data.ptr = &connection;
            epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event);
        }
        if (blocked) {
            return {};
        }
        connection.sent += static_cast<std::size_t>(sent);
    }
    connection.output.clear();
    connection.sent = 0;
    return {};
}

void Load::handle_answer(Connection& connection, std::string_view frame) {
    const auto header_bytes = load_be<std::uint32_t>(frame.data() + 4) & 0xFFFFFF;
    const std::string_view header = frame.substr(8, header_bytes);
    const std::int64_t code = number_behind(header, "\"code\":");
    ++result_.requests;
    if (options_.kind == Kind::kSend) {
        result_.messages += code == 0 ? 1 : 0;
        result_.failures += code == 0 ? 0 : 1;
    } else {
        const std::int64_t next = number_behind(header, "\"nextBeginOffset\":\"");
        if (code == 0) {
            result_.messages += next - connection.next_offset;
            connection.next_offset = next;
        } else {
            // PULL_NOT_FOUND, PULL_OFFSET_MOVED: the end of the queue.
            result_.failures += code == 19 || code == 21 ? 0 : 1;
            connection.next_offset = 0;
        }
    }
    latencies_us_.push_back(now_us() - connection.started_us.front());
    connection.started_us.pop_front();
    push_request(connection);
}

Status Load::receive(Connection& connection) {
    const std::size_t kept = connection.partial.size();
    if (input_.size() < kept + kReadBytes) {
        input_.resize(kept + kReadBytes);
    }
    std::copy_n(connection.partial.data(), kept, input_.data());
    const ssize_t received = ::recv(connection.fd, input_.data() + kept, kReadBytes, MSG_DONTWAIT);
    if (received <= 0) {
        return received < 0 && errno == EAGAIN
                   ? Status{}
                   : Status{Error{Errc::kConnectionClosed, "the server closed a connection"}};
    }
    std::string_view input(input_.data(), kept + static_cast<std::size_t>(received));
    while (input.size() >= 8) {
        const std::size_t frame_bytes = load_be<std::uint32_t>(input.data()) + std::size_t{4};
        if (input.size() < frame_bytes) {
            break;
        }
        handle_answer(connection, input.substr(0, frame_bytes));
        input.remove_prefix(frame_bytes);
    }
    connection.partial = input;
    return flush(connection);
}

Status Load::turn(std::int64_t until_us) {
    std::array<epoll_event, 256> events;
    while (now_us() < until_us) {
        const int count =
            epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), 100);
        for (int i = 0; i < count; ++i) {
            auto& connection =
                *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
                RMQ_CHECK(flush(connection));
            }
            RMQ_CHECK(receive(connection));
        }
    }
    return {};
}

void Load::reset_figures() {
    result_ = {};
    latencies_us_.clear();
}

LoadResult Load::figures(double seconds) const {
    LoadResult result = result_;
    result.seconds = seconds;
    std::vector<std::int64_t> sorted = latencies_us_;
    std::sort(sorted.begin(), sorted.end());
    if (!sorted.empty()) {
        result.latency_p50_us = sorted[sorted.size() / 2];
        result.latency_p99_us = sorted[sorted.size() * 99 / 100];
    }
    return result;
}

Result<LoadResult> Load::run() {
    RMQ_CHECK(connect_all());
    for (const auto& connection : connections_) {
        for (std::int64_t i = 0; i < options_.in_flight; ++i) {
            push_request(*connection);
        }
        RMQ_CHECK(flush(*connection));
    }
    RMQ_CHECK(turn(now_us() + options_.warm_up_seconds * 1'000'000));
    reset_figures();
    const auto cpu_of = [this](std::int64_t pid) -> Result<double> {
        return pid == 0 ? Result<double>(0.0) : process_cpu_seconds(pid);
    };
    RMQ_TRY(const double server_before, cpu_of(options_.server_pid));
    RMQ_TRY(const double client_before, process_cpu_seconds(::getpid()));
    const std::int64_t start_us = now_us();
    RMQ_CHECK(turn(start_us + options_.seconds * 1'000'000));
    LoadResult result = figures(static_cast<double>(now_us() - start_us) / 1e6);
    RMQ_TRY(const double server_after, cpu_of(options_.server_pid));
    RMQ_TRY(const double client_after, process_cpu_seconds(::getpid()));
    result.server_cpu_seconds = server_after - server_before;
    result.client_cpu_seconds = client_after - client_before;
    return result;
}

}  // namespace

Result<double> process_cpu_seconds(std::int64_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(stat, line);
    // The second field is the name in parentheses, which may hold blanks; utime is field 14.
    const auto name_end = line.rfind(')');
    if (!stat || name_end == std::string::npos) {
        return Error{Errc::kNotFound, "no process " + std::to_string(pid)};
    }
    std::size_t at = name_end + 2;
    for (int field = 3; field < 14; ++field) {
        at = line.find(' ', at) + 1;
    }
    const auto behind = line.find(' ', at) + 1;
    const auto ticks_at = [&line](std::size_t position) {
        std::int64_t ticks = 0;
        std::from_chars(line.data() + position, line.data() + line.size(), ticks);
        return ticks;
    };
    return static_cast<double>(ticks_at(at) + ticks_at(behind)) /
           static_cast<double>(::sysconf(_SC_CLK_TCK));
}

Result<LoadResult> run_load(const LoadOptions& options) {
    return Load(options).run();
}

}  // namespace rmq::bench
