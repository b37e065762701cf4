// SPDX-License-Identifier: Apache-2.0
#include "common/environment.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cstdlib>
#include <vector>

#include <ifaddrs.h>
#include <pwd.h>
#include <unistd.h>

namespace rmq {

std::string environment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before threads start
    return value == nullptr ? "" : value;
}

std::string home_path(std::string_view name) {
    std::string home = environment("HOME");
    if (home.empty()) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): before threads start
        const passwd* user = ::getpwuid(::getuid());
        home = user == nullptr ? "/" : user->pw_dir;
    }
    return home + "/" + std::string(name);
}

std::string host_name(const char* otherwise) {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
        return otherwise;
    }
    return name.data();
}

std::string first_local_address() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        return "127.0.0.1";
    }
    std::vector<std::string> v4;
    std::vector<std::string> v6;
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
        const bool usable = at->ifa_addr != nullptr && (at->ifa_flags & IFF_UP) != 0 &&
                            (at->ifa_flags & IFF_LOOPBACK) == 0;
        if (!usable) {
            continue;
        }
        std::array<char, INET6_ADDRSTRLEN> text{};
        if (at->ifa_addr->sa_family == AF_INET) {
            const auto* in = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
            ::inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
            v4.emplace_back(text.data());
        } else if (at->ifa_addr->sa_family == AF_INET6) {
            const auto* in6 = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
            if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) == 0) {
                ::inet_ntop(AF_INET6, &in6->sin6_addr, text.data(), text.size());
                v6.emplace_back(text.data());
            }
        }
    }
    ::freeifaddrs(list);
    for (const std::string& address : v4) {
        if (!address.starts_with("127.0") && !address.starts_with("192.168")) {
            return address;
        }
    }
    if (!v4.empty()) {
        return v4.back();  // as the original: the last of the private ones
    }
    return v6.empty() ? "127.0.0.1" : v6.front();
}

}  // namespace rmq
