// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace rmq::storetool {

enum class Severity {
    kNote,     // worth knowing, nothing to do
    kWarning,  // the next start mends it by itself, or it cannot harm messages
    kDamage,   // messages are lost, unreachable, or would be delivered wrongly
};

struct Finding {
    Severity severity = Severity::kNote;
    std::string where;  // a file, with a position where there is one
    std::string what;
    std::string meaning;  // what follows from it, and what to do
};

// Collects findings. Of many of one kind in one place only the first ones are kept, and counted.
// Thread safety: none.
class Findings {
public:
    void add(Finding finding) {
        ++counts_[static_cast<std::size_t>(finding.severity)];
        all_.push_back(std::move(finding));
    }
    const std::vector<Finding>& all() const { return all_; }
    std::int64_t count(Severity severity) const {
        return counts_[static_cast<std::size_t>(severity)];
    }

private:
    std::vector<Finding> all_;
    std::int64_t counts_[3] = {0, 0, 0};
};

// The first few faults of one kind, with the number of all of them: a file of a million bad entries
// is one finding.
class Repeated {
public:
    Repeated(Severity severity, std::string where, std::string meaning)
        : finding_{severity, std::move(where), {}, std::move(meaning)} {}
    void add(const std::string& example) {
        if (++count_ <= kExamples) {
            finding_.what += (count_ == 1 ? "" : "; ") + example;
        }
    }
    std::int64_t count() const { return count_; }
    void report(Findings& findings) {
        if (count_ > kExamples) {
            finding_.what += "; and " + std::to_string(count_ - kExamples) + " more";
        }
        if (count_ > 0) {
            findings.add(finding_);
        }
    }

private:
    static constexpr std::int64_t kExamples = 3;

    Finding finding_;
    std::int64_t count_ = 0;
};

// Told how many of all bytes are done, from time to time.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

}  // namespace rmq::storetool
