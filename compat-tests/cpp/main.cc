// SPDX-License-Identifier: Apache-2.0

// Carries out the runner's requests with the stock C++ client. The protocol is in
// compat-tests/README.md.

#include "consumers.h"
#include "producers.h"

#include <iostream>
#include <thread>

#include <unistd.h>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: cpp-driver NAMESRV_ADDRESSES\n";
        return 2;
    }
    Producers producers(argv[1]);
    Consumers consumers(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
        // Requests may wait for each other, so each has its thread. The process ends with its
        // input, in _exit.
        std::thread([&producers, &consumers, request = Json::parse(line)] {
            const std::string op = request["op"];
            try {
                Json result = op.starts_with("producer.") ? producers.run(op, request)
                                                          : consumers.run(op, request);
                write_line({{"id", request["id"]}, {"ok", true}, {"result", result}});
            } catch (const std::exception& failure) {
                write_line({{"id", request["id"]}, {"ok", false}, {"error", failure.what()}});
            }
        }).detach();
    }
    _exit(0);
}
