// What consoles say.
#include "monitor/console_text.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

ipc::ListedInstance listed(const std::string& project, const std::string& name,
                           const std::string& state, std::vector<std::string> addresses = {}) {
  ipc::ListedInstance instance;
  instance.project = project;
  instance.instance = name;
  instance.state = state;
  std::vector<BoundedString<64>> bounded(addresses.begin(), addresses.end());
  instance.addresses = std::move(bounded);
  return instance;
}

TEST(ConsoleText, ListsLoginsInColumns) {
  auto machine = listed("p1", "vm", "Stopped");
  machine.virtual_machine = true;
  EXPECT_EQ(list_text({machine, listed("default", "web-1", "Running", {"192.0.2.7", "2001:db8::7"}),
                       listed("default", "db", "Frozen")}),
            "LOGIN  STATE    TYPE             ADDRESSES\n"
            "db     Frozen   container\n"
            "web-1  Running  container        192.0.2.7 2001:db8::7\n"
            "vm.p1  Stopped  virtual machine\n");
  EXPECT_EQ(list_text({}), "LOGIN  STATE  TYPE  ADDRESSES\n");
}

TEST(ConsoleText, WhatTheGatewayTellsCantDriveATerminal) {
  ipc::ExamineReply facts;
  facts.state = std::string("Run\x1b[2J");
  facts.created = std::string("\r2026");
  facts.description = std::string("a\nb\x9b");
  const std::string text = list_text({listed("default", "c1", "\x1b]0;x\a", {"\x1b[1m"})}) +
                           removal_text("c1", "default", facts);
  for (const char byte : text) {
    EXPECT_TRUE(byte == '\n' || (byte >= 0x20 && byte < 0x7f)) << text;
  }
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
}

TEST(ConsoleText, SaysWhatWouldBeDeleted) {
  ipc::ExamineReply facts;
  facts.state = std::string("Running");
  facts.ephemeral = true;
  facts.snapshots = 1;
  facts.created = std::string("2026-01-02T03:04:05Z");
  facts.description = std::string("the web");
  EXPECT_EQ(removal_text("c1", "p1", facts),
            "instance c1 in project p1: ephemeral container, Running, created "
            "2026-01-02T03:04:05Z, 1 snapshot\ndescription: the web\n");
  EXPECT_EQ(removal_question(facts), "Delete it with its snapshots, stopping it first? (yes/no) ");
  facts.state = std::string("Stopped");
  facts.snapshots = 0;
  EXPECT_EQ(removal_question(facts), "Delete it? (yes/no) ");
}

TEST(ConsoleText, ListsConnectionsByAge) {
  const ConnectionFacts young{"aaaaaaaaaaaaaaaa", "", "c1", "192.0.2.1", 990, 2};
  const ConnectionFacts old{"bbbbbbbbbbbbbbbb", "alice", "web@c2.p1", "2001:db8::1", 1, 1};
  EXPECT_EQ(sessions_text({young, old}, old.id, 1000 + 90'000),
            "ID                HOST USER  TARGET     FROM         FOR    SESSIONS\n"
            "bbbbbbbbbbbbbbbb  alice      web@c2.p1  2001:db8::1  1d 1h  1 (this one)\n"
            "aaaaaaaaaaaaaaaa  -          c1         192.0.2.1    1d 1h  2\n");
  EXPECT_NE(sessions_text({young}, "", 1000).find("  10s  "), std::string::npos);
  EXPECT_NE(sessions_text({young}, "", 1090).find("  1m 40s  "), std::string::npos);
  EXPECT_NE(sessions_text({young}, "", 990 + 7260).find("  2h 1m  "), std::string::npos);
  EXPECT_NE(sessions_text({young}, "", 0).find("  0s  "), std::string::npos);
}

TEST(ConsoleText, UnderstandsTheCommandsOfSessions) {
  for (const char* text : {"", "list"}) {
    const auto command = parse_sessions_command(text);
    ASSERT_TRUE(command.ok());
    EXPECT_FALSE(command->has_value());
  }
  EXPECT_EQ(**parse_sessions_command("end 0123456789abcdef"), "0123456789abcdef");
  for (const char* text : {"end", "end ", "end 0123456789abcde", "end 0123456789abcdeF",
                           "end 0123456789abcdef ", "END 0123456789abcdef", "kill 1", " list"}) {
    EXPECT_FALSE(parse_sessions_command(text).ok()) << text;
  }
}

}  // namespace
}  // namespace ssh2incus
