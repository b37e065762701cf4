// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace rmq {

template <class Signature>
class UniqueFunction;

// A callable that owns move-only captures (std::function needs copyable ones, and
// std::move_only_function is C++23). One heap allocation per construction; empty when default
// constructed or moved from. Thread safety: none, a value.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
public:
    UniqueFunction() = default;

    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
                 std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
    UniqueFunction(
        F&& callable)  // NOLINT(google-explicit-constructor): converts like std::function
        : callable_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(callable))) {}

    explicit operator bool() const { return callable_ != nullptr; }

    // Precondition: not empty.
    R operator()(Args... args) { return callable_->call(std::forward<Args>(args)...); }

private:
    struct Callable {
        virtual ~Callable() = default;
        virtual R call(Args... args) = 0;
    };

    template <class F>
    struct Holder final : Callable {
        template <class G>
        explicit Holder(G&& callable) : function(std::forward<G>(callable)) {}
        R call(Args... args) override { return function(std::forward<Args>(args)...); }
        F function;
    };

    std::unique_ptr<Callable> callable_;
};

}  // namespace rmq
