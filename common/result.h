// Result<T>: a value or an Error, for everything that can fail because of input or the system.
// Our own bugs abort instead (see CHECK in common/check.h). No exceptions cross a module boundary.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace ssh2incus {

// What went wrong, in words for a log or a user; never holds secrets.
struct Error {
  std::string message;
};

inline Error fail(std::string message) { return Error{std::move(message)}; }

// "WHAT: strerror(error_number)".
Error system_error(const std::string& what, int error_number);
// The same with the present errno.
Error system_error(const std::string& what);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT

  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  void value() const {}
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace ssh2incus

// Evaluates to the value of a Result, or returns its Error from the enclosing function.
#define TRY(expression)                                                    \
  __extension__({                                                          \
    auto try_result_ = (expression);                                       \
    if (!try_result_.ok()) return ::ssh2incus::Error{try_result_.error()}; \
    std::move(try_result_).value();                                        \
  })
