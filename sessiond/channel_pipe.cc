// See channel_pipe.h.
#include "sessiond/channel_pipe.h"

#include <utility>

namespace ssh2incus {

void ChannelPipe::carry(std::uint32_t stream) {
  stream_ = stream;
  input_ = Input::kIsCarried;
  target_.idle.touch();
  on_credit();
}

void ChannelPipe::drop_input() {
  input_ = Input::kIsDropped;
  on_credit();
}

std::size_t ChannelPipe::take(std::span<const std::uint8_t> data) {
  std::size_t taken = data.size();
  if (input_ == Input::kWaits) taken = 0;
  if (input_ == Input::kIsCarried && target_.sessions()) {
    taken = target_.sessions()->send_data(stream_, data);
    if (taken > 0) target_.idle.touch();
    bytes_in_ += taken;
  }
  unread_ = data.size() - taken;
  return taken;
}

void ChannelPipe::on_client_eof() {
  client_eof_ = true;
  on_credit();
}

void ChannelPipe::on_credit() {
  resume_ = true;
  target_.news = true;
}

void ChannelPipe::deliver(std::span<const std::uint8_t> data, bool is_stderr) {
  target_.idle.touch();
  if (output_.empty()) {
    const std::size_t written = session_.write(channel_, data, is_stderr);
    count_written(written);
    data = data.subspan(written);
    if (data.empty()) return;
  }
  output_.push_back(
      {.data = Bytes(data.begin(), data.end()), .is_stderr = is_stderr, .from_guest = true});
}

void ChannelPipe::tell(const std::string& text) {
  if (text.empty()) return;
  output_.push_back({.data = Bytes(text.begin(), text.end()), .is_stderr = true});
  target_.news = true;
}

void ChannelPipe::show(const std::string& text) {
  output_.push_back({.data = Bytes(text.begin(), text.end())});
  target_.news = true;
}

void ChannelPipe::pump_input() {
  if (input_ == Input::kWaits || !std::exchange(resume_, false)) return;
  if (unread_ > 0) ssh_channel_resume_data(channel_);
  if (client_eof_ && unread_ == 0 && input_ == Input::kIsCarried && target_.sessions()) {
    client_eof_ = false;
    target_.sessions()->send_eof(stream_);
  }
}

void ChannelPipe::pump_output() {
  while (!output_.empty()) {
    Chunk& chunk = output_.front();
    const auto rest = std::span(chunk.data).subspan(chunk.written);
    const std::size_t written = session_.write(channel_, rest, chunk.is_stderr);
    if (written == 0) return;
    chunk.written += written;
    if (chunk.from_guest) count_written(written);
    if (chunk.written == chunk.data.size()) output_.pop_front();
  }
}

// Writing may have made libssh read, and what it read may have closed the channel.
void ChannelPipe::count_written(std::size_t bytes) {
  bytes_out_ += bytes;
  if (bytes > 0 && target_.sessions() && target_.sessions()->is_live(stream_)) {
    target_.sessions()->consumed(stream_, bytes);
  }
}

}  // namespace ssh2incus
