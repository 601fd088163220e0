// Speed of the parts that every login or message goes through.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "common/ipc_codec.h"
#include "common/ipc_sessiond.h"
#include "policy/authorized_keys.h"
#include "policy/login_target.h"

namespace ssh2incus {
namespace {

constexpr const char* kLongLogin =
    "~prod:alice@myvm.testing+ubuntu/24.04+m4+c4+d20+vm+nest+priv+admin";

void parse_login_name(benchmark::State& state) {
  const std::string login = state.range(0) == 0 ? "c1" : kLongLogin;
  for (auto _ : state) benchmark::DoNotOptimize(parse_login(login));
}
BENCHMARK(parse_login_name)->Arg(0)->Arg(1);

ipc::PublicKeyVerifyRequest signed_request() {
  ipc::PublicKeyVerifyRequest request;
  request.algorithm = std::string("rsa-sha2-512");
  request.key_blob = Bytes(535, 0x5a);
  request.signature = Bytes(404, 0xa5);
  return request;
}

void encode_message(benchmark::State& state) {
  const auto request = signed_request();
  for (auto _ : state) benchmark::DoNotOptimize(ipc::encode(request));
}
BENCHMARK(encode_message);

void decode_message(benchmark::State& state) {
  const auto bytes = ipc::encode(signed_request());
  for (auto _ : state) {
    benchmark::DoNotOptimize(ipc::decode<ipc::PublicKeyVerifyRequest>(bytes));
  }
}
BENCHMARK(decode_message);

void parse_key_line(benchmark::State& state) {
  const std::string line =
      "restrict,pty,from=\"10.0.0.0/8,!10.1.0.0/16\",command=\"echo hello\" ssh-ed25519 "
      "AAAAC3NzaC1lZDI1NTE5AAAAIJDnPQ2vA+0r1cTBFGgWnyXxXxOoTVZM1Zl4WiGVJEl0 someone@example";
  for (auto _ : state) benchmark::DoNotOptimize(parse_authorized_keys_line(line));
}
BENCHMARK(parse_key_line);

}  // namespace
}  // namespace ssh2incus

BENCHMARK_MAIN();
