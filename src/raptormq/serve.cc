// SPDX-License-Identifier: Apache-2.0
#include "raptormq/serve.h"

#include "broker/broker.h"
#include "common/clock.h"
#include "common/log.h"
#include "namesrv/namesrv.h"

#include "raptormq/settings.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>

namespace rmq {

namespace {

// SIGTERM, SIGINT and SIGHUP, blocked for the whole process and waited for by main's thread.
class StopSignals {
public:
    StopSignals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        struct sigaction hangup {};
        sigaction(SIGHUP, nullptr, &hangup);
        if (hangup.sa_handler != SIG_IGN) {  // nohup ignores it: leave that
            sigaddset(&set_, SIGHUP);
        }
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::signal(SIGPIPE, SIG_IGN);
    }

    void wait() {
        int caught = 0;
        sigwait(&set_, &caught);
        log_of("raptormq").info("stopping signal={}", caught);
        // A second signal ends the process at once, for an operator who will not wait.
        pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
    }

private:
    sigset_t set_{};
};

class ReadyLine {
public:
    void print(const char* role, std::uint16_t port) const {
        std::printf("raptormq_ready role=%s port=%u ms=%lld\n", role, port,
                    static_cast<long long>(clock_.monotonic_ms() - begin_ms_));
        std::fflush(stdout);
    }

private:
    SystemClock clock_;
    std::int64_t begin_ms_ = clock_.monotonic_ms();
};

template <class Settings>
Status begin_logging(const Settings& settings) {
    const auto status = log_to({settings.config.log_file, settings.config.log_level});
    if (!status) {
        return Error{status.error().code, status.error().remark + "; correct logFile or logLevel"};
    }
    for (const std::string& warning : settings.warnings) {
        log_of("raptormq").warn("config_warning detail=\"{}\"", warning);
    }
    return {};
}

Status serve_namesrv(const CommandLine& line, StopSignals& signals, const ReadyLine& ready) {
    NamesrvSettings settings;
    RMQ_CHECK(load_settings(line, settings));
    RMQ_CHECK(begin_logging(settings));
    namesrv::Namesrv server(settings.config, settings.explicit_values);
    RMQ_CHECK(server.start());
    ready.print("namesrv", server.port());
    signals.wait();
    server.stop();
    return {};
}

Status serve_broker(const CommandLine& line, StopSignals& signals, const ReadyLine& ready) {
    BrokerSettings settings;
    RMQ_CHECK(load_settings(line, settings));
    RMQ_CHECK(begin_logging(settings));
    broker::Broker server(settings.config, settings.store, settings.explicit_values);
    RMQ_CHECK(server.start());
    ready.print("broker", server.port());
    signals.wait();
    server.stop();
    return {};
}

// The NameServer of a standalone process: its files live below the store directory.
void place_namesrv(const CommandLine& line, const BrokerSettings& from, NamesrvSettings& to) {
    const std::string directory = from.store.store_path_root_dir + "/namesrv";
    to.config.kv_config_path = directory + "/kvConfig.json";
    to.config.config_store_path = directory + "/namesrv.properties";
    to.config.bind_address = from.config.bind_address;
    if (line.namesrv_port >= 0) {
        to.config.listen_port = line.namesrv_port;
    }
    namesrv::fill_machine_defaults(to.config);
}

Status serve_standalone(const CommandLine& line, StopSignals& signals, const ReadyLine& ready) {
    BrokerSettings settings;
    RMQ_CHECK(load_settings(line, settings));
    RMQ_CHECK(begin_logging(settings));
    NamesrvSettings namesrv_settings;
    place_namesrv(line, settings, namesrv_settings);
    namesrv::Namesrv namesrv(namesrv_settings.config);
    RMQ_CHECK(namesrv.start());
    ready.print("namesrv", namesrv.port());
    settings.config.namesrv_addr.set("127.0.0.1:" + std::to_string(namesrv.port()));
    broker::Broker broker(settings.config, settings.store, settings.explicit_values);
    if (auto status = broker.start(); !status) {
        namesrv.stop();
        return status.error();
    }
    ready.print("broker", broker.port());
    signals.wait();
    broker.stop();
    namesrv.stop();
    return {};
}

// What the operator can do, where the failing part did not say it.
const char* cure_of(Errc code) {
    switch (code) {
        case Errc::kAlreadyExists:
            return "stop the program that uses the port, or choose another with listenPort";
        case Errc::kBusy:
            return "stop the other process, or choose another directory with storePathRootDir";
        case Errc::kPermissionDenied:
            return "give this user the right, or choose another directory or port";
        case Errc::kResourceExhausted:
            return "free disk space or raise the limit";
        case Errc::kInvalidArgument:
        case Errc::kUnsupported:
        case Errc::kTooLarge:
            return "correct the setting and start again";
        case Errc::kMalformed:
            return "repair the file, or move it away";
        case Errc::kNotFound:
        case Errc::kUnavailable:
        case Errc::kTimeout:
        case Errc::kConnectionClosed:
        case Errc::kIo:
            return "remove the cause and start again";
    }
    return "";
}

}  // namespace

std::string one_line(const Error& error) {
    std::string text = error.remark;
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (text.find("; ") == std::string::npos) {
        text += std::string("; ") + cure_of(error.code);
    }
    return text;
}

Status serve(const CommandLine& line) {
    const ReadyLine ready;
    StopSignals signals;
    if (line.program == Program::kNamesrv) {
        return serve_namesrv(line, signals, ready);
    }
    return line.program == Program::kBroker ? serve_broker(line, signals, ready)
                                            : serve_standalone(line, signals, ready);
}

}  // namespace rmq
