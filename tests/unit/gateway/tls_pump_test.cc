// The TLS pump between a server and a socket: everything arrives, in order, whoever is slow.
#include "gateway/tls_pump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "gateway/tls_stream.h"
#include "tests/unit/gateway/tls_server.h"

namespace ssh2incus::test {
namespace {

constexpr std::size_t kMuch = 8UL * 1024 * 1024;

std::uint8_t byte_at(std::size_t position) {
  return static_cast<std::uint8_t>((position * 2654435761U) >> 11U);
}

// Writes so many bytes of the pattern; false: the other end has gone.
template <typename Write>
bool write_pattern(std::size_t size, const Write& write) {
  std::array<std::uint8_t, 10'000> chunk{};
  for (std::size_t done = 0; done < size;) {
    const std::size_t count = std::min(chunk.size(), size - done);
    for (std::size_t i = 0; i < count; ++i) chunk[i] = byte_at(done + i);
    for (std::size_t sent = 0; sent < count;) {
      const long step = write(chunk.data() + sent, count - sent);
      if (step <= 0) return false;
      sent += static_cast<std::size_t>(step);
    }
    done += count;
  }
  return true;
}

// Reads to the end; how many bytes there were, all of the pattern (else 0).
template <typename Read>
std::size_t read_pattern(std::size_t most, const Read& read) {
  std::array<std::uint8_t, 7000> chunk{};
  std::size_t done = 0;
  while (done < most) {
    const long got = read(chunk.data(), std::min(chunk.size(), most - done));
    if (got <= 0) break;
    for (long i = 0; i < got; ++i) {
      if (chunk[static_cast<std::size_t>(i)] != byte_at(done + static_cast<std::size_t>(i)))
        return 0;
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

auto writing(SSL* connection) {
  return [connection](const void* data, std::size_t size) -> long {
    return SSL_write(connection, data, static_cast<int>(size));
  };
}
auto reading(SSL* connection) {
  return [connection](void* data, std::size_t size) -> long {
    return SSL_read(connection, data, static_cast<int>(size));
  };
}
auto writing(int fd) {
  return [fd](const void* data, std::size_t size) -> long {
    return send(fd, data, size, MSG_NOSIGNAL);
  };
}
auto reading(int fd) {
  return [fd](void* data, std::size_t size) -> long { return recv(fd, data, size, 0); };
}

// A pump that runs until the test ends.
class TlsPumpTest : public testing::Test {
 protected:
  ~TlsPumpTest() override {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Local ends of so many connections to the server, which block.
  std::vector<UniqueFd> carry(const TlsServer& server, int count) {
    auto settings = TlsSettings::create(server.endpoint());
    EXPECT_TRUE(settings.ok());
    settings_ = std::make_unique<TlsSettings>(std::move(*settings));
    std::vector<UniqueFd> ends;
    for (int i = 0; i < count; ++i) {
      auto stream = TlsStream::connect(server.server(), *settings_, Patience(-1, 5000));
      EXPECT_TRUE(stream.ok());
      auto end = pump_.carry(std::move(*stream));
      EXPECT_TRUE(end.ok());
      const int flags = fcntl(end->get(), F_GETFL);
      fcntl(end->get(), F_SETFL, flags & ~O_NONBLOCK);
      ends.push_back(std::move(*end));
    }
    thread_ = std::thread([this] {
      while (!over_) {
        EXPECT_TRUE(wait_with_pump(-1, pump_, 10).ok());
        is_empty_ = pump_.is_empty();
      }
    });
    return ends;
  }
  bool becomes_empty() {
    for (int i = 0; i < 500 && !is_empty_; ++i) usleep(10'000);
    return is_empty_;
  }

  std::unique_ptr<TlsSettings> settings_;
  TlsPump pump_;
  std::atomic<bool> over_ = false;
  std::atomic<bool> is_empty_ = false;
  std::thread thread_;
};

TEST_F(TlsPumpTest, CarriesMuchBothWaysAtOnce) {
  std::atomic<std::size_t> arrived = 0;
  TlsServer server([&](SSL* connection) {
    arrived = read_pattern(kMuch, reading(connection));
    write_pattern(kMuch, writing(connection));
    SSL_shutdown(connection);
  });
  const auto ends = carry(server, 1);
  std::thread writer([&] { EXPECT_TRUE(write_pattern(kMuch, writing(ends[0].get()))); });
  EXPECT_EQ(read_pattern(2 * kMuch, reading(ends[0].get())), kMuch);
  writer.join();
  EXPECT_EQ(arrived, kMuch);
}

TEST_F(TlsPumpTest, WaitsForWhoDoesNotReadAndServesOthers) {
  TlsServer server([](SSL* connection) {
    std::array<char, 1> wish{};
    SSL_read(connection, wish.data(), 1);
    write_pattern(kMuch, writing(connection));
    SSL_shutdown(connection);
  });
  const auto ends = carry(server, 2);
  for (const UniqueFd& end : ends) EXPECT_EQ(send(end.get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(read_pattern(2 * kMuch, reading(ends[1].get())), kMuch) << "while the first isn't read";
  EXPECT_EQ(read_pattern(2 * kMuch, reading(ends[0].get())), kMuch) << "late, but all of it";
}

TEST_F(TlsPumpTest, PassesOnTheEndOfTheLocalDirection) {
  std::atomic<std::size_t> arrived = 0;
  TlsServer server([&](SSL* connection) {
    arrived = read_pattern(2 * kMuch, reading(connection));
    SSL_write(connection, "x", 1);
    SSL_shutdown(connection);
  });
  const auto ends = carry(server, 1);
  EXPECT_TRUE(write_pattern(kMuch, writing(ends[0].get())));
  shutdown(ends[0].get(), SHUT_WR);
  std::array<char, 2> answer{};
  EXPECT_EQ(recv(ends[0].get(), answer.data(), answer.size(), 0), 1) << "after the half-close";
  EXPECT_EQ(answer[0], 'x');
  EXPECT_EQ(arrived, kMuch);
  EXPECT_EQ(recv(ends[0].get(), answer.data(), answer.size(), 0), 0);
  EXPECT_TRUE(becomes_empty());
}

TEST_F(TlsPumpTest, EndsWhenTheRemoteBreaksOff) {
  TlsServer server([](SSL* connection) {
    SSL_write(connection, "last", 4);  // and no word of goodbye
  });
  const auto ends = carry(server, 1);
  std::array<char, 8> bytes{};
  EXPECT_EQ(recv(ends[0].get(), bytes.data(), 4, MSG_WAITALL), 4);
  EXPECT_EQ(recv(ends[0].get(), bytes.data(), 4, 0), 0);
  EXPECT_TRUE(becomes_empty());
}

TEST_F(TlsPumpTest, EndsWhenTheLocalEndHasGone) {
  std::atomic<std::size_t> arrived = 0;
  TlsServer server(
      [&](SSL* connection) { arrived = read_pattern(2 * kMuch, reading(connection)); });
  auto ends = carry(server, 1);
  EXPECT_TRUE(write_pattern(kMuch, writing(ends[0].get())));
  ends[0].reset();
  EXPECT_TRUE(becomes_empty());
  for (int i = 0; i < 300 && arrived == 0; ++i) usleep(10'000);
  EXPECT_EQ(arrived, kMuch) << "what was written before";
}

TEST_F(TlsPumpTest, DoesNotSpinWhileTheRemoteHasGoneAndNobodyReads) {
  TlsServer server([](SSL* connection) { write_pattern(kMuch, writing(connection)); });
  const auto ends = carry(server, 1);
  usleep(300'000);
  timespec before{};
  timespec after{};
  clockid_t clock{};
  ASSERT_EQ(pthread_getcpuclockid(thread_.native_handle(), &clock), 0);
  clock_gettime(clock, &before);
  usleep(300'000);
  clock_gettime(clock, &after);
  const long used_ms =
      (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1'000'000;
  EXPECT_LT(used_ms, 100) << "milliseconds of processor time in 300";
}

}  // namespace
}  // namespace ssh2incus::test
