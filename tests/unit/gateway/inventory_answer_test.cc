// What Incus's answers say about instances.
#include "gateway/inventory_answer.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

std::string list_of(const std::string& instances) { return R"({"metadata":[)" + instances + "]}"; }

TEST(InventoryAnswer, TakesWhatAListNeeds) {
  const auto list = interpret_instance_list(
      list_of(R"json({"name":"c1","project":"p1","status":"Running","type":"container",
        "expanded_config":{"user.env":"test","user.other":"x"},
        "state":{"network":{
          "lo":{"addresses":[{"address":"127.0.0.1","scope":"local"}]},
          "eth0":{"addresses":[{"address":"10.1.2.3","scope":"global"},
                               {"address":"fe80::1","scope":"link"},
                               {"address":"2001:db8::1","scope":"global"},
                               {"address":"$(reboot)","scope":"global"}]
}
}
}
},
        {"name":"v1","project":"default","status":"Stopped","type":"virtual-machine"})json"),
      {"env", "missing"});
  ASSERT_TRUE(list.ok()) << list.error().message;
  ASSERT_EQ(list->size(), 2U);
  const auto& first = list->front();
  EXPECT_EQ(*first.instance, "c1");
  EXPECT_EQ(*first.project, "p1");
  EXPECT_EQ(*first.state, "Running");
  EXPECT_FALSE(first.virtual_machine);
  ASSERT_EQ(first.addresses.size(), 2U);
  EXPECT_EQ(**first.addresses.begin(), "10.1.2.3");
  ASSERT_EQ(first.labels.size(), 1U);
  EXPECT_EQ(*first.labels.begin()->value, "test");
  EXPECT_TRUE(list->back().virtual_machine);
  EXPECT_TRUE(list->back().addresses.empty());
}

TEST(InventoryAnswer, RefusesAListThatLies) {
  for (const std::string& answer :
       {std::string(), std::string("{}"), std::string(R"({"metadata":{}})"), list_of("1"),
        list_of(R"({"name":"c1"})"), list_of(R"({"name":"../x","project":"p","status":"R"})"),
        list_of(R"({"name":"c1","project":"a b/c","status":"R"})"),
        list_of(R"({"name":"c1","project":"p","status":7})"),
        list_of(R"({"name":"c1","project":"p","status":"R","expanded_config":{"user.env":")" +
                std::string(limits::kMaxLabelValue + 1, 'x') + "\"}}")}) {
    EXPECT_FALSE(interpret_instance_list(answer, {"env"}).ok()) << answer.substr(0, 80);
  }
}

TEST(InventoryAnswer, ManyAddressesAreCut) {
  std::string addresses;
  for (int i = 0; i < 50; ++i)
    addresses += std::string(i > 0 ? "," : "") + R"({"address":"10.0.0.1","scope":"global"})";
  const auto list = interpret_instance_list(
      list_of(R"({"name":"c1","project":"p","status":"R","state":{"network":{"e":{"addresses":[)" +
              addresses + "]}}}}"),
      {});
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list->front().addresses.size(), limits::kMaxListedAddresses);
}

TEST(InventoryAnswer, SaysWhatAnInstanceIs) {
  const auto one = interpret_examined(
      R"({"metadata":{"status":"Frozen","type":"container","ephemeral":true,
          "created_at":"2026-01-02","description":"a\nb","snapshots":[{},{}],
          "config":{"volatile.uuid":"12-ab"},
          "expanded_config":{"security.protection.delete":"true","user.env":"x"}}})",
      {"env"});
  ASSERT_TRUE(one.ok()) << one.error().message;
  EXPECT_TRUE(one->running);  // not stopped
  EXPECT_TRUE(one->facts.ephemeral);
  EXPECT_TRUE(one->facts.is_protected);
  EXPECT_EQ(one->facts.snapshots, 2U);
  EXPECT_EQ(one->uuid, "12-ab");
  EXPECT_EQ(one->facts.description->find('\n'), std::string::npos);
  EXPECT_EQ(*one->facts.labels.begin()->value, "x");
  EXPECT_FALSE(interpret_examined(R"({"metadata":{"status":1}})", {}).ok());
  EXPECT_FALSE(interpret_examined("[]", {}).ok());
}

}  // namespace
}  // namespace ssh2incus
