// The request that creates an instance, and what Incus's answers mean to a creation.
#include "gateway/create_request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gateway/incus_answer.h"

namespace ssh2incus {
namespace {

using Json = nlohmann::json;
using Root = std::optional<std::pair<std::string, DeviceKeys>>;

CreateGrant grant() {
  CreateGrant grant;
  grant.image = std::string("debian/12");
  grant.server = ImageServerGrant{std::string("https://i"), ImageProtocol::kSimplestreams, {}};
  grant.local_first = true;
  grant.config = std::vector<CreateEntry>{{std::string("limits.cpu"), std::string("2")},
                                          {std::string("user.data"), std::string("a\"b\n\xff")}};
  grant.created_by = std::string("anna");
  return grant;
}

Json body(const CreateGrant& grant, ImageSource source, const Root& disk = {}) {
  return Json::parse(creation_body(grant, "c9", "mark", source, disk));
}

TEST(CreateRequest, SaysAllOfTheGrant) {
  const Json json = body(grant(), {.from_server = true});
  EXPECT_EQ(json, Json::parse(R"({
    "name": "c9", "type": "container", "ephemeral": false, "devices": {},
    "source": {"type": "image", "mode": "pull", "server": "https://i",
               "protocol": "simplestreams", "alias": "debian/12"},
    "config": {"limits.cpu": "2", "user.data": "a\"b\n�", "user.ssh2incus.creation": "mark",
               "user.ssh2incus.created-by": "anna"}})"));
}

TEST(CreateRequest, IsForVirtualMachinesAndEphemeralOnesToo) {
  CreateGrant vm = grant();
  vm.virtual_machine = vm.ephemeral = true;
  vm.server->protocol = ImageProtocol::kIncus;
  vm.server->certificate = std::string("PEM");
  const Json json = body(vm, {.from_server = true});
  EXPECT_EQ(json["type"], "virtual-machine");
  EXPECT_EQ(json["ephemeral"], true);
  EXPECT_EQ(json["source"]["protocol"], "incus");
  EXPECT_EQ(json["source"]["certificate"], "PEM");
}

TEST(CreateRequest, NamesLocalImages) {
  EXPECT_EQ(body(grant(), {})["source"], Json::parse(R"({"type":"image","alias":"debian/12"})"));
  EXPECT_EQ(body(grant(), {.fingerprint = true})["source"],
            Json::parse(R"({"type":"image","fingerprint":"debian/12"})"));
}

TEST(CreateRequest, NobodyElseSetsTheMark) {
  CreateGrant forged = grant();
  forged.config =
      std::vector<CreateEntry>{{std::string("user.ssh2incus.created-by"), std::string("bob")}};
  EXPECT_EQ(body(forged, {})["config"]["user.ssh2incus.created-by"], "anna");
}

TEST(CreateRequest, GivesTheProfilesRootDiskItsSize) {
  const Root disk = std::pair("root", DeviceKeys{{"type", "disk"}, {"path", "/"}, {"pool", "p"}});
  CreateGrant sized = grant();
  EXPECT_FALSE(sized_root_disk(sized, disk)) << "no size is wanted";
  sized.disk_gib = 5;
  EXPECT_FALSE(sized_root_disk(sized, std::nullopt)) << "there is none";
  const Root result = sized_root_disk(sized, disk);
  ASSERT_TRUE(result);
  EXPECT_EQ(body(sized, {}, result)["devices"]["root"],
            Json::parse(R"({"type":"disk","path":"/","pool":"p","size":"5GiB"})"));
  sized.disk_gib = 0;
  EXPECT_FALSE(sized_root_disk(sized, disk)) << "it has no limit already";
  Root limited = disk;
  limited->second["size"] = "1GiB";
  ASSERT_TRUE(sized_root_disk(sized, limited));
  EXPECT_FALSE(sized_root_disk(sized, limited)->second.contains("size"));
  sized.devices = std::vector<CreateDevice>{
      {std::string("r"), std::vector<CreateEntry>{{std::string("path"), std::string("/")}}}};
  EXPECT_FALSE(sized_root_disk(sized, limited)) << "the grant has its own";
  EXPECT_EQ(body(sized, {})["devices"]["r"]["path"], "/");
}

TEST(CreateAnswer, KnowsWhoMadeAnInstanceAndWhen) {
  const auto made = interpret_made_instance(
      R"({"metadata":{"config":{"user.ssh2incus.creation":"abc"},
          "created_at":"2026-11-28T17:34:37.0290Z"}})");
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->mark, "abc");
  EXPECT_EQ(made->unix_time(), std::chrono::seconds(1795887277));
  const auto other = interpret_made_instance(R"({"metadata":{"config":{}}})");
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->mark, "");
  EXPECT_FALSE(other->unix_time());
  EXPECT_FALSE(interpret_made_instance("{}").ok());
  EXPECT_FALSE(interpret_made_instance(R"({"metadata":[]})").ok());
  for (const char* time : {"2026-13-28T17:34:37Z", "2026-02-30T17:34:37Z", "2026-11-28 17:34:37Z",
                           "x026-11-28T17:34:37Z", "2026-11-28T17:34:37+01:00", "Z", ""}) {
    const auto strange =
        interpret_made_instance(std::string(R"({"metadata":{"created_at":")") + time + R"("}})");
    ASSERT_TRUE(strange.ok());
    EXPECT_FALSE(strange->unix_time()) << time;
  }
}

TEST(CreateAnswer, ComparesTimesOfAnyPrecision) {
  const auto at = [](const char* time) { return MadeInstance{"", time}; };
  EXPECT_TRUE(at("2026-11-28T17:34:37").is_older_than(at("2026-11-28T17:34:37.5")));
  EXPECT_TRUE(at("2026-11-28T17:34:37.02").is_older_than(at("2026-11-28T17:34:37.029")));
  EXPECT_FALSE(at("2026-11-28T17:34:37.03").is_older_than(at("2026-11-28T17:34:37.029")));
  EXPECT_FALSE(at("2026-11-28T17:34:37").is_older_than(at("2026-11-28T17:34:37")));
  EXPECT_FALSE(at("").is_older_than(at("2026-11-28T17:34:37"))) << "unknown";
}

TEST(CreateAnswer, FindsTheRootDisk) {
  const auto disk = interpret_root_disk(
      R"({"metadata":{"devices":{"eth0":{"type":"nic"},"data":{"type":"disk","path":"/x"},
          "r":{"type":"disk","path":"/","pool":"p"}}}})");
  ASSERT_TRUE(disk.ok() && *disk);
  EXPECT_EQ((*disk)->first, "r");
  EXPECT_EQ((*disk)->second.at("pool"), "p");
  EXPECT_TRUE(interpret_root_disk(R"({"metadata":{"devices":{}}})").ok());
  EXPECT_FALSE(interpret_root_disk("[]").ok());
  EXPECT_FALSE(
      interpret_root_disk(R"({"metadata":{"devices":{"r":{"type":"disk","path":"/","x":1}}}})")
          .ok());
}

constexpr const char* kDownload = R"j({"download_progress":"41% (8.61MB/s)"})j";
constexpr const char* kRootfs = R"j({"download_progress":"rootfs: 41% (8.61MB/s)"})j";
constexpr const char* kUnpack =
    R"j({"download_progress":"99%",
         "create_instance_from_image_unpack_progress":"Unpacking image: 7% (5MB/s)"})j";

TEST(CreateAnswer, TellsProgressInOneLine) {
  const auto progress = [](const std::string& details) {
    return interpret_operation(R"({"metadata":{"status_code":103,"metadata":)" + details + "}}")
        ->progress;
  };
  EXPECT_EQ(progress(kDownload), "downloading the image: 41% (8.61MB/s)");
  EXPECT_EQ(progress(kRootfs), "downloading the image: 41% (8.61MB/s)");
  EXPECT_EQ(progress(kUnpack), "unpacking the image: 7% (5MB/s)");
  EXPECT_EQ(progress("null"), "");
  EXPECT_EQ(progress(R"({"download_progress":7})"), "");
  EXPECT_EQ(progress(R"({"download_progress":"a\nb\u001b[K"})"),
            "downloading the image: a\\x0ab\\x1b[K");
}

}  // namespace
}  // namespace ssh2incus
