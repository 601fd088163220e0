// Outcome<T>: a value, or the Failure that the monitor will be told. What Incus and instances write
// enters a Failure's text only through cut_text() (gateway/text.h).
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "common/ipc_gateway.h"

namespace ssh2incus {

using ipc::TargetFailure;

// text: one line that the user can act on.
struct Failure {
  TargetFailure kind{};
  std::string text;
};

template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Outcome(Failure failure) : state_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return std::holds_alternative<T>(state_); }
  T& value() & { return std::get<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  T& operator*() & { return value(); }
  T* operator->() { return &value(); }
  [[nodiscard]] const Failure& failure() const { return std::get<Failure>(state_); }

 private:
  std::variant<T, Failure> state_;
};

// For what succeeds without a value.
struct Done {};

}  // namespace ssh2incus

// Evaluates to the value of an Outcome, or returns its Failure from the enclosing function.
#define TRY_OUTCOME(expression)                                                  \
  __extension__({                                                                \
    auto try_outcome_ = (expression);                                            \
    if (!try_outcome_.ok()) return ::ssh2incus::Failure{try_outcome_.failure()}; \
    std::move(try_outcome_).value();                                             \
  })
