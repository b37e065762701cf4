// SPDX-License-Identifier: Apache-2.0
// Stands in for libFuzzer where the compiler has none: replays a corpus, then mutates it for a few
// seconds. usage: <program> [--seconds n] <corpus directory or file>…; RMQ_SEED repeats a run.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::string current_input;  // NOLINT(*-avoid-non-const-global-variables): for the crash handler

// Async-signal-safe: leaves the failing input in a file.
extern "C" void save_input(int signal) {
    constexpr char kNote[] = "the failing input is in fuzz_crash.bin; see RMQ_SEED above\n";
    if (FILE* const file = std::fopen("fuzz_crash.bin", "wb"); file != nullptr) {
        std::fwrite(current_input.data(), 1, current_input.size(), file);
        std::fclose(file);
    }
    [[maybe_unused]] const auto written = ::write(2, kNote, sizeof kNote - 1);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

void run_one(const std::string& input) {
    current_input = input;
    // A copy of the exact size, so that a sanitizer sees every read past the end.
    std::vector<std::uint8_t> bytes(input.begin(), input.end());
    bytes.shrink_to_fit();
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::vector<std::string> read_corpus(const std::string& path) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(path)) {
        for (const auto& entry : std::filesystem::directory_iterator(path)) {
            files.push_back(entry.path());
        }
    } else {
        files.emplace_back(path);
    }
    std::sort(files.begin(), files.end());
    std::vector<std::string> inputs;
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return inputs;
}

class Mutator {
public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    std::string mutate(const std::vector<std::string>& corpus) {
        std::string input = pick(corpus);
        for (std::size_t steps = 1 + below(6); steps > 0; --steps) {
            step(input, corpus);
        }
        return input;
    }

private:
    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
    const std::string& pick(const std::vector<std::string>& from) {
        return from[below(from.size())];
    }

    void step(std::string& input, const std::vector<std::string>& corpus) {
        static const std::vector<std::string> kTokens = {"{",
                                                         "}",
                                                         "[",
                                                         "]",
                                                         "\"",
                                                         ":",
                                                         ",",
                                                         "\\",
                                                         "\\u0001",
                                                         "\\ud83d",
                                                         "\\ude00",
                                                         "null",
                                                         "true",
                                                         "-",
                                                         "0",
                                                         "1e9",
                                                         "2147483648",
                                                         "\xFF",
                                                         "\xEF\xBF\xBD",
                                                         std::string("\0\0\0\0", 4),
                                                         std::string("\0\0\0\1", 4),
                                                         "\x7F\xFF\xFF\xFF",
                                                         "\xFF\xFF\xFF\xFF"};
        const std::size_t at = below(input.size() + 1);
        switch (below(7)) {
            case 0:
                if (at < input.size()) {
                    input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
                }
                break;
            case 1:
                if (at < input.size()) {
                    input[at] = static_cast<char>(random_());
                }
                break;
            case 2:
                input.erase(at, 1 + below(8));
                break;
            case 3:
                input.insert(at, pick(kTokens));
                break;
            case 4:
                input.resize(at);
                break;
            case 5: {
                const std::string& other = pick(corpus);
                const std::size_t from = below(other.size() + 1);
                input.insert(at, other.substr(from, below(200)));
                break;
            }
            default:
                input.replace(at, std::min(input.size() - at, std::size_t{4}), pick(kTokens));
                break;
        }
    }

    std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
    std::int64_t seconds = 5;
    std::vector<std::string> corpus;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--seconds" && i + 1 < argc) {
            seconds = std::atoll(argv[++i]);
            continue;
        }
        const auto inputs = read_corpus(argv[i]);
        corpus.insert(corpus.end(), inputs.begin(), inputs.end());
    }
    if (corpus.empty()) {
        std::fputs("no corpus\n", stderr);
        return 2;
    }
    const char* const fixed_seed = std::getenv("RMQ_SEED");
    const std::uint64_t seed =
        fixed_seed != nullptr ? std::strtoull(fixed_seed, nullptr, 10) : std::random_device{}();
    std::printf("RMQ_SEED=%llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE}) {
        std::signal(signal, save_input);
    }
    for (const std::string& input : corpus) {
        run_one(input);
    }
    Mutator mutator(seed);
    std::uint64_t runs = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < end) {
        for (int i = 0; i < 100; ++i, ++runs) {
            run_one(mutator.mutate(corpus));
        }
    }
    std::printf("corpus=%zu mutations=%llu\n", corpus.size(),
                static_cast<unsigned long long>(runs));
    return 0;
}
