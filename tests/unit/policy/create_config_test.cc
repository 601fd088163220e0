// create-config.yaml: both formats, and for everything that is refused the exact place and reason.
#include "policy/create_config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace ssh2incus {
namespace {

IncludedFiles files() {
  IncludedFiles files;
  files.emplace("init.yaml", std::string("#cloud-config\nusers: []\n"));
  files.emplace("sub/dir.pem", std::string("-----BEGIN CERTIFICATE-----\n"));
  files.emplace("bytes", std::string("\xff\xfe"));
  files.emplace("long", std::string(kMaxIncludedFile + 1, 'x'));
  files.emplace("secret", Error{"the file can be written by others"});
  return files;
}

std::string problems_of(const std::string& text) {
  std::string all;
  for (const ConfigProblem& problem : parse_create_config(text, files()).problems) {
    all += (all.empty() ? "" : "; ") + std::to_string(problem.where.line) + ":" +
           std::to_string(problem.where.column) + " " + problem.message;
  }
  return all;
}

CreateConfig config_of(const std::string& text) {
  EXPECT_EQ(problems_of(text), "");
  return parse_create_config(text, files()).config;
}

constexpr const char* kOfTheReference = R"(version: 1
image: alpine/edge
ephemeral: false
memory: 1          # 1 GiB
cpu: 1             # 1 CPU core
disk: 10           # 10 GiB
vm: false          # Container by default

devices: {}

config:
  security.privileged: false
  security.nested: false
  security.syscalls.intercept.mknod: false
  security.syscalls.intercept.setxattr: false
)";

TEST(CreateConfig, ReadsTheReferencesFirstFormat) {
  const CreateConfig config = config_of(kOfTheReference);
  const InstanceSettings& defaults = config.defaults;
  EXPECT_EQ(defaults.image, "alpine/edge");
  EXPECT_EQ(defaults.ephemeral, false);
  EXPECT_EQ(defaults.memory_gib, 1U);
  EXPECT_EQ(defaults.cpus, 1U);
  EXPECT_EQ(defaults.disk_gib, 10U);
  EXPECT_EQ(defaults.virtual_machine, false);
  EXPECT_TRUE(defaults.devices.empty());
  EXPECT_EQ(defaults.config, (InstanceConfig{{"security.privileged", "false"},
                                             {"security.nesting", "false"},
                                             {"security.syscalls.intercept.mknod", "false"},
                                             {"security.syscalls.intercept.setxattr", "false"}}));
  EXPECT_TRUE(config.profiles.empty());
}

TEST(CreateConfig, ReadsTheLaterFormat) {
  const CreateConfig config = config_of(R"(
defaults:
    image: images:debian/12
    memory: 0
    config:
        security.nesting: yes
profiles:
    web-server:
        cpu: 2
        vm: true
        ephemeral: true
        config:
            cloud-init.user-data: <@init.yaml
            user.vendor-data: !include init.yaml
            user.meta-data: "<@init.yaml"
            user.old: "!include init.yaml"
            user.text: |
                <@init.yaml
                really
            user.empty: ""
        devices:
            root: {type: disk, path: /, pool: fast}
            eth0: {type: nic, network: web}
    empty:
)");
  EXPECT_EQ(config.defaults.image, "images:debian/12");
  EXPECT_EQ(config.defaults.memory_gib, 0U);
  EXPECT_EQ(config.defaults.cpus, std::nullopt);
  EXPECT_EQ(config.defaults.config.at("security.nesting"), "true");
  const InstanceSettings& web = config.profiles.at("web-server");
  EXPECT_EQ(web.image, std::nullopt);
  EXPECT_EQ(web.virtual_machine, true);
  EXPECT_EQ(web.ephemeral, true);
  const std::string included = "#cloud-config\nusers: []\n";
  for (const char* key :
       {"cloud-init.user-data", "user.vendor-data", "user.meta-data", "user.old"}) {
    EXPECT_EQ(web.config.at(key), included) << key;
  }
  EXPECT_EQ(web.config.at("user.text"), "<@init.yaml\nreally\n");
  EXPECT_EQ(web.config.at("user.empty"), "");
  EXPECT_EQ(web.devices.at("eth0").at("network"), "web");
  EXPECT_EQ(config.profiles.at("empty"), InstanceSettings());
}

TEST(CreateConfig, KnowsImageServers) {
  const CreateConfig none = config_of("");
  EXPECT_EQ(none, built_in_create_config());
  EXPECT_EQ(none.image_servers.at("images").url, "https://images.linuxcontainers.org");
  const CreateConfig config = config_of(R"(
image-servers:
    ours: {url: "https://10.0.0.1:8443", protocol: incus, certificate: sub/dir.pem}
    images: {url: "https://mirror.example"}
image: ours:debian
)");
  const ImageServer& ours = config.image_servers.at("ours");
  EXPECT_EQ(ours.url, "https://10.0.0.1:8443");
  EXPECT_EQ(ours.protocol, ImageProtocol::kIncus);
  EXPECT_EQ(ours.certificate, "-----BEGIN CERTIFICATE-----\n");
  EXPECT_EQ(config.image_servers.at("images").url, "https://mirror.example");
  EXPECT_EQ(config.image_servers.at("images").protocol, ImageProtocol::kSimplestreams);
}

struct Mistake {
  std::string text;
  std::string problem;
};
const std::string kInConfig = "config:\n  ";
const std::vector<Mistake> kMistakes = {
    {"- a", "1:1 the file must have keys"},
    {"version: 2", "1:10 the only version"},
    {"imgae: a/b", "1:1 unknown key imgae; did you mean 'image'?"},
    {"defaults:\n  cpus: 2", "2:3 unknown key cpus; did you mean 'cpu'?"},
    {"profiles: {}\nmemory: 2", "2:1 memory belongs below 'defaults'"},
    {"profiles: {4web: {}}", "1:12 4web: profile doesn't start with a letter"},
    {"profiles: [a]", "1:11 profiles takes keys and values"},
    {"memory: 1.5", "1:9 memory takes a number from 0 (unlimited)"},
    {"memory: -1", "1:9 memory takes a number"},
    {"memory: 2GiB", "1:9 memory takes a number"},
    {"disk: 1000001", "1:7 disk takes a number"},
    {"cpu: [1]", "1:6 cpu takes one value"},
    {"cpu:", "1:1 cpu takes one value"},
    {"vm: maybe", "1:5 vm: true or false"},
    {"ephemeral: 1", "1:12 ephemeral: true or false"},
    {"image: a b", "1:8 image has a character"},
    {"image: nowhere:a", "1:8 there is no image server nowhere"},
    {"image: <@init.yaml", "1:8 image: only data for cloud-init"},
    {"devices: {a: 1}", "1:11 a device takes keys"},
    {"devices: {a: {path: /x}}", "1:11 a device needs a type"},
    {"devices: {r: {type: disk, path: /, size: 1GiB}}", "1:11 write 'disk: GIB'"},
    {"devices: {r: {type: <@init.yaml}}", "1:21 type: only data for cloud-init"},
    {kInConfig + "limits.memory: 1GiB", "2:3 limits.memory: write 'memory: GIB' instead"},
    {kInConfig + "limits.cpu: 1", "2:3 limits.cpu: write 'cpu: NUMBER'"},
    {kInConfig + "volatile.uuid: a", "2:3 volatile.uuid: Incus sets this key itself"},
    {kInConfig + "user.ssh2incus.creation: a", "ssh2incus sets this key itself"},
    {kInConfig + "nodot: a", "2:3 nodot: keys of Incus have a '.'"},
    {kInConfig + "a b.c: a", "no key of Incus's configuration"},
    {kInConfig + "user.a: [b]", "2:11 user.a takes one value"},
    {kInConfig + "user.a:", "2:3 user.a takes one value"},
    {kInConfig + "security.privileged: si", "2:24 security.privileged: true or false"},
    {kInConfig + "security.nested: true\n  security.nesting: true", "there twice"},
    {kInConfig + "raw.lxc: <@init.yaml", "2:12 raw.lxc: only data for cloud-init"},
    {kInConfig + "raw.lxc: !include init.yaml", "2:12 raw.lxc: only data for cloud-init"},
    {kInConfig + "user.a: <@none", "2:11 none: no such file"},
    {kInConfig + "user.a: <@", "2:11 \"\": the name of a file is missing"},
    {kInConfig + "user.a: !include /etc/shadow", "relative to this one's directory"},
    {kInConfig + "user.a: <@../x", "below this one's directory"},
    {kInConfig + "user.a: <@a/../../x", "below this one's directory"},
    {kInConfig + "user.a: <@./init.yaml", "below this one's directory"},
    {kInConfig + "user.a: <@secret", "2:11 secret: the file can be written by others"},
    {kInConfig + "user.a: <@bytes", "bytes: the file isn't UTF-8"},
    {kInConfig + "user.a: <@long", "long: larger than 32768 bytes"},
    {kInConfig + "user.a: !other x", "2:11 tags (!name) aren't allowed"},
    {kInConfig + "user.a: !include [x]", "tags (!name) aren't allowed"},
    {"!include x: y", "a key can't be a file"},
    {"image-servers: {local: {url: \"https://a\"}}", "this name means the Incus"},
    {"image-servers: {a: {}}", "1:17 an image server needs a url"},
    {"image-servers: {a: {url: \"http://a\"}}", "a url begins with https://"},
    {"image-servers: {a: {url: \"https://a\", protocol: lxd}}", "simplestreams or incus"},
    {"image-servers: {a: {url: \"https://a\", certifcate: x}}", "mean 'certificate'?"},
    {"image-servers: {a: {url: \"https://a\", certificate: no.pem}}", "no.pem: no such"},
};

TEST(CreateConfig, SaysWhatIsWrongAndWhere) {
  for (const Mistake& one : kMistakes) {
    EXPECT_NE(problems_of(one.text).find(one.problem), std::string::npos)
        << one.text << "\n  " << problems_of(one.text);
  }
}

TEST(CreateConfig, FindsTheFilesThatItNames) {
  const auto names = included_files(R"(
config: {user.a: <@init.yaml, user.b: !include sub/x, user.c: "<@../out", user.d: <@init.yaml}
image-servers: {a: {url: "https://a", certificate: sub/dir.pem}}
)");
  EXPECT_EQ(names, (std::vector<std::string>{"init.yaml", "sub/x", "sub/dir.pem"}));
  EXPECT_TRUE(included_files("config: {user.a: <@/etc/shadow}").empty());
  EXPECT_TRUE(included_files("not: [yaml").empty());
}

TEST(CreateConfig, ShippedExampleIsSoundAndSaysTheDefaults) {
  std::ifstream file(SSH2INCUS_SOURCE_DIR "/packaging/config/create-config.yaml");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  const CreateConfig config = config_of(text.str());
  const CreateConfig built_in = built_in_create_config();
  EXPECT_EQ(config.defaults.image, built_in.defaults.image);
  EXPECT_EQ(config.defaults.memory_gib, built_in.defaults.memory_gib);
  EXPECT_EQ(config.defaults.cpus, built_in.defaults.cpus);
  EXPECT_EQ(config.defaults.disk_gib, built_in.defaults.disk_gib);
  EXPECT_EQ(config.image_servers, built_in.image_servers);
}

}  // namespace
}  // namespace ssh2incus
