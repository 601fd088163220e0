// What is asked of the diagnostics process, and the form of what it says.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <regex>
#include <sstream>
#include <thread>

#include "diagnostics/exposition.h"
#include "diagnostics/http_request.h"
#include "diagnostics/responder.h"

namespace ssh2incus {
namespace {

HttpPage page(const std::string& head) {
  const auto ask = parse_http_request(head);
  return ask ? ask->page : HttpPage::kMalformed;
}

TEST(HttpRequest, IsKnownByItsRequestLine) {
  EXPECT_EQ(page("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), HttpPage::kMetrics);
  EXPECT_EQ(page("GET /healthz HTTP/1.0\r\n\r\n"), HttpPage::kHealth);
  EXPECT_EQ(page("GET /readyz?x=1 HTTP/1.1\r\n\r\n"), HttpPage::kReadiness);
  EXPECT_EQ(page("GET / HTTP/1.1\r\n\r\n"), HttpPage::kNotFound);
  EXPECT_EQ(page("GET /metrics/x HTTP/1.1\r\n\r\n"), HttpPage::kNotFound);
  EXPECT_EQ(page("POST /metrics HTTP/1.1\r\n\r\n"), HttpPage::kWrongMethod);
  const auto head = parse_http_request("HEAD /metrics HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(head && head->head_only && head->page == HttpPage::kMetrics);
}

TEST(HttpRequest, IsRefusedIfMalformed) {
  for (const char* head :
       {"\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
        "GET metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/2\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n",
        " /metrics HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "\x16\x03\x01\r\n\r\n"}) {
    EXPECT_EQ(page(head), HttpPage::kMalformed) << head;
  }
}

TEST(HttpRequest, IsWaitedForUpToItsBound) {
  EXPECT_FALSE(parse_http_request(""));
  EXPECT_FALSE(parse_http_request("GET /metrics HTTP/1.1\r\nHost: x\r\n"));
  const std::string endless = "GET /metrics HTTP/1.1\r\nX: " + std::string(kMaxHttpHead, 'x');
  EXPECT_TRUE(parse_http_request(endless));
  EXPECT_EQ(page(endless + "\r\n\r\n"), HttpPage::kMalformed);
}

ipc::SnapshotReply numbers() {
  ipc::SnapshotReply snapshot;
  snapshot.connections = std::vector<ipc::LabelledCount>{{std::string("authenticated"), 3}};
  snapshot.accepted = 7;
  snapshot.logins =
      std::vector<ipc::LoginCount>{{std::string("publickey"), std::string("succeeded"), 5}};
  std::vector<std::uint64_t> buckets(ipc::kBuckets);
  buckets[0] = 2;
  buckets[1] = 1;
  buckets.back() = 4;
  snapshot.handshake = {buckets, 123456};
  snapshot.version = std::string("1\"\\\n");
  snapshot.incus = ipc::IncusState::kReachable;
  return snapshot;
}

// Line by line as Prometheus's format says: every family has help and type before its samples,
// which follow each other; nothing else.
void expect_exposition(const std::string& text) {
  const std::regex help(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) [^\n]+)");
  const std::regex type(R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram))");
  const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? [0-9]+(\.[0-9]+)?)re");
  std::set<std::string> families;
  std::set<std::string> series;
  std::string family;
  std::string line;
  std::istringstream lines(text);
  ASSERT_TRUE(text.ends_with('\n'));
  while (std::getline(lines, line)) {
    std::smatch found;
    if (std::regex_match(line, found, help)) {
      family = found[1];
      EXPECT_TRUE(families.insert(family).second) << line;
      ASSERT_TRUE(std::getline(lines, line) && std::regex_match(line, found, type)) << line;
      EXPECT_EQ(found[1], family);
      continue;
    }
    ASSERT_TRUE(std::regex_match(line, found, sample)) << line;
    const std::string name = found[1];
    EXPECT_TRUE(name == family || name == family + "_bucket" || name == family + "_sum" ||
                name == family + "_count")
        << line;
    EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

TEST(Exposition, IsWellFormed) {
  expect_exposition(exposition(numbers()));
  expect_exposition(exposition(ipc::SnapshotReply{}));
}

TEST(Exposition, HasTheNumbers) {
  const std::string text = exposition(numbers());
  for (const char* line :
       {"ssh2incus_connections{state=\"authenticated\"} 3\n",
        "ssh2incus_connections_accepted_total 7\n",
        "ssh2incus_logins_total{method=\"publickey\",result=\"succeeded\"} 5\n",
        "ssh2incus_handshake_seconds_bucket{le=\"0.005\"} 2\n",
        "ssh2incus_handshake_seconds_bucket{le=\"0.010\"} 3\n",
        "ssh2incus_handshake_seconds_bucket{le=\"30.000\"} 3\n",
        "ssh2incus_handshake_seconds_bucket{le=\"+Inf\"} 7\n",
        "ssh2incus_handshake_seconds_sum 123.456\n", "ssh2incus_handshake_seconds_count 7\n",
        "ssh2incus_exec_seconds_bucket{le=\"+Inf\"} 0\n", "ssh2incus_incus_up 1\n",
        "ssh2incus_build_info{version=\"1\\\"\\\\\\n\"} 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(exposition(ipc::SnapshotReply{}).find("incus_up"), std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
