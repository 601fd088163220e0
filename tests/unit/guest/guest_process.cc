// See guest_process.h.
#include "tests/unit/guest/guest_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <fstream>
#include <thread>

namespace ssh2incus::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Ends {
  UniqueFd reading;
  UniqueFd writing;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Bytes read_exactly(int fd, std::size_t size) {
  Bytes bytes(size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t count = read(fd, bytes.data() + filled, size - filled);
    if (count <= 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

std::string guest_program() { return SSH2INCUS_GUEST_PROGRAM; }

GuestGrant grant_for(const std::string& user) {
  GuestGrant grant;
  grant.user = user;
  grant.accepted_environment = std::vector<BoundedString<limits::kMaxEnvironmentName>>{
      std::string("LANG"), std::string("LC_*")};
  return grant;
}

OpenSession command(const std::string& text) {
  OpenSession request;
  request.command.emplace(text);
  return request;
}

OpenSession command_on_terminal(const std::string& text) {
  auto request = command(text);
  request.pty.emplace();
  request.pty->term = std::string("vt100");
  return request;
}

GuestProcess::GuestProcess(const GuestGrant& grant, std::vector<std::string> arguments) {
  signal(SIGPIPE, SIG_IGN);
  auto input = make_pipe();
  auto output = make_pipe();
  auto errors = make_pipe();
  if (arguments.empty()) arguments.push_back(guest_program());
  pid_ = fork();
  if (pid_ == 0) {
    dup2(input.reading.get(), 0);
    dup2(output.writing.get(), 1);
    dup2(errors.writing.get(), 2);
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    // It can't be traced once it has become the user, which looking for leaks at the end needs.
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    execv(pointers[0], pointers.data());
    _exit(126);
  }
  input_ = std::move(input.writing);
  output_ = std::move(output.reading);
  errors_ = std::move(errors.reading);
  const auto encoded = ipc::encode_fields(grant);
  ipc::Writer writer;
  writer.put(static_cast<std::uint32_t>(encoded.size()));
  send_raw(writer.take());
  send_raw(encoded);
}

GuestProcess::~GuestProcess() {
  input_.reset();
  output_.reset();
  if (!ends()) {
    ADD_FAILURE() << "the guest goes on";
    kill(pid_, SIGKILL);
  }
}

GuestHello GuestProcess::hello() {
  const auto prefix = read_exactly(output_.get(), 4);
  ipc::Reader reader(prefix);
  std::uint32_t length = 0;
  EXPECT_TRUE(reader.get(length));
  auto decoded = ipc::decode_fields<GuestHello>(read_exactly(output_.get(), length));
  EXPECT_TRUE(decoded.ok());
  return decoded.ok() ? *decoded : GuestHello{};
}

void GuestProcess::send_raw(const Bytes& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = write(input_.get(), bytes.data() + sent, bytes.size() - sent);
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

void GuestProcess::send(FrameType type, std::uint32_t stream, const Bytes& payload) {
  const auto header = encode_frame_header(type, stream, payload.size());
  Bytes frame(header.begin(), header.end());
  frame.insert(frame.end(), payload.begin(), payload.end());
  send_raw(frame);
}

std::uint32_t GuestProcess::open(const OpenSession& request) {
  const std::uint32_t stream = next_stream_++;
  send(FrameType::kOpenSession, stream, request);
  return stream;
}

void GuestProcess::take(const FrameEvent& event) {
  auto& log = logs_[event.header.stream];
  const auto text = std::string(event.payload.begin(), event.payload.end());
  switch (event.header.type) {
    case FrameType::kOpened: log.opened = *ipc::decode_fields<Opened>(event.payload); break;
    case FrameType::kOpenFailed:
      log.refused = *ipc::decode_fields<OpenFailed>(event.payload)->message;
      log.reason = ipc::decode_fields<OpenFailed>(event.payload)->reason;
      break;
    case FrameType::kListening:
      log.listening = ipc::decode_fields<Listening>(event.payload)->port;
      break;
    case FrameType::kAccepted: log.accepted = *ipc::decode_fields<Accepted>(event.payload); break;
    case FrameType::kClosed: log.closed = true; break;
    case FrameType::kExited: log.exited = *ipc::decode_fields<Exited>(event.payload); break;
    case FrameType::kEof: log.eof = true; break;
    case FrameType::kWindowAdjust:
      log.granted += ipc::decode_fields<WindowAdjust>(event.payload)->bytes;
      break;
    case FrameType::kData: log.output += text; break;
    case FrameType::kExtendedData: log.errors += text; break;
    default: ADD_FAILURE() << "unexpected frame";
  }
  if (carries_raw_data(event.header.type) && returns_credit) {
    send(FrameType::kWindowAdjust, event.header.stream,
         WindowAdjust{static_cast<std::uint32_t>(event.payload.size())});
  }
}

bool GuestProcess::read_until(const std::function<bool()>& condition,
                              std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  std::vector<std::uint8_t> buffer(65536);
  while (!condition()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{output_.get(), POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) return condition();
    const ssize_t count = read(output_.get(), buffer.data(), buffer.size());
    if (count <= 0) return condition();
    auto bytes = std::span<const std::uint8_t>(buffer).first(static_cast<std::size_t>(count));
    while (true) {
      auto event = decoder_.next(bytes);
      EXPECT_TRUE(event.ok());
      if (!event.ok() || !*event) break;
      take(**event);
    }
  }
  return true;
}

const StreamLog& GuestProcess::run(const OpenSession& request) {
  const auto stream = open(request);
  send(FrameType::kEof, stream);
  EXPECT_TRUE(read_until([&] { return log(stream).over(); })) << "stream does not end";
  return log(stream);
}

bool GuestProcess::ends(std::chrono::milliseconds limit) {
  return ended_ = ended_ || eventually([&] { return waitpid(pid_, nullptr, WNOHANG) != 0; }, limit);
}

pid_t GuestProcess::worker() const {
  const auto name = std::to_string(pid_);
  std::ifstream children("/proc/" + name + "/task/" + name + "/children");
  pid_t pid = -1;
  children >> pid;
  return pid;
}

std::string GuestProcess::complaints() {
  std::string text;
  std::array<char, 512> buffer;
  ssize_t count = 0;
  while ((count = read(errors_.get(), buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

bool process_exists(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  return static_cast<bool>(status >> id >> name >> state) && state != "Z";
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace ssh2incus::test
