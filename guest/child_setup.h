// Between fork() and execve(): what every child that becomes a program of somebody's needs.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace ssh2incus::guest {

// To stderr, as it is.
void complain(std::string_view text);

// Every signal's default action, none blocked; the C library's own signals too.
void reset_signals();

// dup2() onto 0, 1 and 2, whatever the sources are; exits if that fails.
void place_standard_streams(const std::array<int, 3>& sources);

// All from `first` on.
void close_descriptors_from(int first);

// Closes all from 3 on but these two, which become kKeptDescriptor and the one after it.
inline constexpr int kKeptDescriptor = 3;
void keep_descriptors(const std::array<int, 2>& kept);

// For execve(); valid as long as the strings are.
std::vector<char*> pointers_to(std::vector<std::string>& strings);

}  // namespace ssh2incus::guest
