// See console_link.h. Who hears of an event may call back: a stream is looked up anew after each.
#include "sessiond/console_link.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxTypedAhead = 4096;
constexpr std::uint32_t kInterrupted = 130;

// The keys of a terminal, as stty calls them.
constexpr char kInterrupt = '\x03';
constexpr char kEndOfFile = '\x04';
constexpr char kErase = '\x7f';
constexpr char kBackspace = '\x08';
constexpr char kKill = '\x15';

bool is_printable(char byte) { return static_cast<unsigned char>(byte) >= 0x20 && byte != kErase; }

}  // namespace

ConsoleLink::Stream* ConsoleLink::find(std::uint32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

bool ConsoleLink::is_live(std::uint32_t stream) const { return streams_.contains(stream); }

std::uint32_t ConsoleLink::open_session(const OpenSession& request) {
  CHECK(next_stream_ != 0);
  const std::uint32_t id = next_stream_++;
  Stream& stream = streams_[id];
  stream.has_terminal = request.pty.has_value();
  ipc::ConsoleOpenRequest open;
  open.stream = id;
  if (request.command && request.command->size() > limits::kMaxConsoleLine) {
    stream.refused = true;
    return id;
  }
  if (request.command) open.arguments = BoundedString<limits::kMaxConsoleLine>(**request.command);
  requests_.open(open);
  return id;
}

void ConsoleLink::flush() {
  std::vector<std::uint32_t> refused;
  for (const auto& [id, stream] : streams_) {
    if (stream.refused) refused.push_back(id);
  }
  for (const auto id : refused) {
    if (streams_.erase(id) > 0) events_.open_failed(id, "the command is too long");
  }
}

void ConsoleLink::show(std::uint32_t id, std::string_view text, bool is_error) {
  const Stream* stream = find(id);
  if (stream == nullptr || text.empty()) return;
  std::string out;
  for (const char byte : text) {
    if (byte == '\n' && stream->has_terminal) out += '\r';
    out += byte;
  }
  events_.data(id, {reinterpret_cast<const std::uint8_t*>(out.data()), out.size()}, is_error);
}

void ConsoleLink::on_output(const ipc::ConsoleOutputNotice& output) {
  show(output.stream, *output.text, output.is_error);
  Stream* stream = find(output.stream);
  if (stream == nullptr || !output.question) return;
  stream->asked = true;
  read_line(output.stream);
}

void ConsoleLink::on_end(const ipc::ConsoleEndNotice& ended) {
  end(ended.stream, ended.exit_status);
}

void ConsoleLink::end(std::uint32_t id, std::uint32_t exit_status) {
  if (streams_.erase(id) == 0) return;
  events_.eof(id);
  events_.exited(id, Exited{.status = exit_status, .signal = {}, .core_dumped = false});
}

// What was typed before the question counts as an answer on a pipe; on a terminal it wasn't one.
void ConsoleLink::read_line(std::uint32_t id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  std::string waiting = std::exchange(stream->typed_ahead, {});
  if (stream->has_terminal) waiting.clear();
  send_data(id, {reinterpret_cast<const std::uint8_t*>(waiting.data()), waiting.size()});
  stream = find(id);
  if (stream != nullptr && stream->asked && stream->at_end) answer(id);
}

std::size_t ConsoleLink::send_data(std::uint32_t id, std::span<const std::uint8_t> data) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    Stream* stream = find(id);
    if (stream == nullptr) break;
    const char byte = static_cast<char>(data[i]);
    const bool interrupts = stream->has_terminal && byte == kInterrupt;
    if (!stream->asked && !interrupts) {
      if (stream->typed_ahead.size() < kMaxTypedAhead) stream->typed_ahead += byte;
    } else {
      take(id, byte);
    }
  }
  return data.size();
}

// What is typed changes the line first; the echo is the last, for whoever hears it may end the
// session.
void ConsoleLink::take(std::uint32_t id, char byte) {
  Stream& stream = *find(id);
  const bool has_terminal = stream.has_terminal;
  if (byte == '\n' || byte == '\r' || (has_terminal && byte == kEndOfFile && stream.line.empty())) {
    if (has_terminal) show(id, "\n", false);
    return answer(id);
  }
  if (has_terminal && byte == kInterrupt) {
    show(id, "^C\n", false);
    return end(id, kInterrupted);
  }
  std::string echo;
  if (has_terminal && (byte == kErase || byte == kBackspace || byte == kKill)) {
    const std::size_t count = byte == kKill ? stream.line.size() : 1;
    for (std::size_t i = 0; i < count && !stream.line.empty(); ++i) {
      stream.line.pop_back();
      echo += "\b \b";
    }
  } else if (stream.line.size() < limits::kMaxConsoleLine &&
             (!has_terminal || is_printable(byte))) {
    stream.line += byte;
    echo = byte;
  }
  if (has_terminal) show(id, echo, false);
}

void ConsoleLink::answer(std::uint32_t id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->asked = false;
  requests_.answer({id, std::exchange(stream->line, {})});
}

void ConsoleLink::send_eof(std::uint32_t id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->at_end = true;
  if (stream->asked) answer(id);
}

void ConsoleLink::send_signal(std::uint32_t id, std::string_view name) {
  if (name == "INT" || name == "TERM" || name == "HUP") end(id, kInterrupted);
}

void ConsoleLink::send_close(std::uint32_t id) { streams_.erase(id); }

}  // namespace ssh2incus
