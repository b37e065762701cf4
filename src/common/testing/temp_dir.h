// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rmq::testing {

// A fresh directory below the system's temporary one, removed with its contents at the end.
class TempDir {
public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

}  // namespace rmq::testing
