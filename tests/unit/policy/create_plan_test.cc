// What a login creates: which layer wins for each setting, and every limit at its edge.
#include "policy/create_plan.h"

#include <gtest/gtest.h>

namespace ssh2incus {
namespace {

CreateConfig config_of(const std::string& text) {
  const ParsedCreateConfig parsed = parse_create_config(text, {});
  EXPECT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
  return parsed.config;
}

CreateOptions options_of(const std::string& login) { return *parse_login(login)->create; }

CreateLimits everything() {
  CreateLimits limits;
  limits.privileged = limits.devices = limits.raw = true;
  return limits;
}

const CreateConfig& layers() {
  static const CreateConfig config = config_of(R"(
defaults:
    image: a/defaults
    memory: 1
    cpu: 1
    disk: 1
    config: {user.a: defaults, user.b: defaults, user.c: defaults}
    devices: {root: {type: disk, path: /, pool: slow}, eth0: {type: nic, network: a, mtu: "1400"}}
profiles:
    one:
        image: a/one
        memory: 2
        cpu: 2
        ephemeral: true
        config: {user.b: one, user.c: one, security.nesting: true}
        devices: {eth0: {type: nic, network: one}}
    two:
        memory: 3
        vm: false
        ephemeral: false
        config: {user.c: two, security.nesting: false}
)");
  return config;
}

InstanceSettings planned(const std::string& login) {
  const auto plan = plan_creation(layers(), options_of(login), everything());
  EXPECT_TRUE(plan.ok()) << login << ": " << plan.error().message;
  return plan.ok() ? plan->settings : InstanceSettings();
}

TEST(CreatePlan, PutsDefaultsBelowProfilesBelowTheLogin) {
  struct Row {
    const char* login;
    const char* image;
    std::uint32_t memory, cpus, disk;
    bool ephemeral;
    const char *a, *b, *c;
    const char* network;
  };
  for (const Row& row : {
           Row{"+x", "a/defaults", 1, 1, 1, false, "defaults", "defaults", "defaults", "a"},
           Row{"~x", "a/defaults", 1, 1, 1, true, "defaults", "defaults", "defaults", "a"},
           Row{"+x+%one", "a/one", 2, 2, 1, true, "defaults", "one", "one", "one"},
           Row{"+x+%two", "a/defaults", 3, 1, 1, false, "defaults", "defaults", "two", "a"},
           Row{"+x+%one,two", "a/one", 3, 2, 1, false, "defaults", "one", "two", "one"},
           Row{"+x+%two,one", "a/one", 2, 2, 1, true, "defaults", "one", "one", "one"},
           Row{"~x+%two", "a/defaults", 3, 1, 1, true, "defaults", "defaults", "two", "a"},
           Row{"+x+m9+%one+c8+a/x+d0", "a/x", 9, 8, 0, true, "defaults", "one", "one", "one"},
       }) {
    SCOPED_TRACE(row.login);
    const InstanceSettings made = planned(row.login);
    EXPECT_EQ(made.image, row.image);
    EXPECT_EQ(made.memory_gib, row.memory);
    EXPECT_EQ(made.cpus, row.cpus);
    EXPECT_EQ(made.disk_gib, row.disk);
    EXPECT_EQ(made.ephemeral.value_or(false), row.ephemeral);
    EXPECT_EQ(made.config.at("user.a"), row.a);
    EXPECT_EQ(made.config.at("user.b"), row.b);
    EXPECT_EQ(made.config.at("user.c"), row.c);
    EXPECT_EQ(made.devices.at("eth0").at("network"), row.network);
  }
  // A device is replaced as a whole.
  EXPECT_TRUE(planned("+x").devices.at("eth0").contains("mtu"));
  EXPECT_FALSE(planned("+x+%one").devices.at("eth0").contains("mtu"));
  EXPECT_EQ(planned("+x+%two,one").config.at("security.nesting"), "true");
  EXPECT_EQ(planned("+x+%one,two").config.at("security.nesting"), "false");
  EXPECT_EQ(planned("+x+%one,two+nest+priv").config.at("security.nesting"), "true");
  EXPECT_EQ(planned("+x+priv").config.at("security.privileged"), "true");
}

TEST(CreatePlan, OfAVirtualMachineHasNothingOfContainers) {
  const InstanceSettings made = planned("+x+vm+nest+priv+%one");
  EXPECT_EQ(made.virtual_machine, true);
  EXPECT_FALSE(made.config.contains("security.nesting"));
  EXPECT_FALSE(made.config.contains("security.privileged"));
  EXPECT_EQ(made.config.at("user.a"), "defaults");
}

std::string refusal(const CreateConfig& config, const std::string& login,
                    const CreateLimits& limits) {
  const auto plan = plan_creation(config, options_of(login), limits);
  return plan.ok() ? "" : plan.error().message;
}

TEST(CreatePlan, NeedsAnImageProfilesAndServersThatExist) {
  EXPECT_NE(refusal(config_of("memory: 1"), "+x", everything()).find("which image?"),
            std::string::npos);
  EXPECT_EQ(refusal(layers(), "+x+%thre", everything()),
            "there is no profile thre for new instances");
  EXPECT_EQ(refusal(layers(), "+x+nowhere:a", everything()), "there is no image server nowhere");
  EXPECT_EQ(refusal(layers(), "+x+local:a", everything()), "");
  EXPECT_EQ(refusal(layers(), "+x+images:a", everything()), "");
}

TEST(CreatePlan, StaysWithinSizes) {
  CreateLimits limits = everything();
  limits.memory_gib = 4;
  limits.cpus = 2;
  limits.disk_gib = 10;
  struct Row {
    const char* login;
    const char* refusal;
  };
  for (const Row& row : {
           Row{"+x", ""},
           Row{"+x+m4+c2+d10", ""},
           Row{"+x+m5", "memory is limited to 4"},
           Row{"+x+c3", "cpus is limited to 2"},
           Row{"+x+d11", "disk is limited to 10"},
           Row{"+x+d0", "disk is limited to 10"},
       }) {
    EXPECT_EQ(refusal(layers(), row.login, limits), row.refusal) << row.login;
  }
  const CreateConfig unlimited = config_of("image: a/b\nmemory: 0");
  EXPECT_EQ(refusal(unlimited, "+x", limits), "memory is limited to 4");
  EXPECT_EQ(refusal(unlimited, "+x+m4", limits), "");
}

TEST(CreatePlan, TakesTheLimitWhereNobodyNamesASize) {
  const CreateConfig config = config_of("image: a/b");
  auto plan = plan_creation(config, options_of("+x"), everything());
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->settings.memory_gib, std::nullopt);
  EXPECT_EQ(plan->settings.disk_gib, std::nullopt);
  CreateLimits limits;
  limits.memory_gib = 4;
  limits.disk_gib = 10;
  limits.max_instances = 7;
  plan = plan_creation(config, options_of("+x"), limits);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->settings.memory_gib, 4U);
  EXPECT_EQ(plan->settings.cpus, std::nullopt);
  EXPECT_EQ(plan->settings.disk_gib, 10U);
  EXPECT_EQ(plan->max_instances, 7U);
  // Of nothing, nothing can be had; 0 doesn't mean unlimited there.
  limits.memory_gib = 0;
  EXPECT_EQ(refusal(config, "+x", limits), "memory is limited to 0");
  limits.memory_gib.reset();
  limits.max_instances = 0;
  EXPECT_NE(refusal(config, "+x", limits), "");
}

TEST(CreatePlan, ComparesImagesAsTheyAreNamed) {
  const CreateConfig config =
      config_of("image: debian/12\nimage-servers: {ours: {url: \"https://a\", protocol: incus}}");
  const auto image = [&](const std::string& login, std::vector<PatternList::Pattern> patterns) {
    CreateLimits limits;
    limits.images.patterns = std::move(patterns);
    const auto plan = plan_creation(config, options_of(login), limits);
    return plan.ok() ? *plan->settings.image : plan.error().message;
  };
  EXPECT_EQ(image("+x", {{"debian/*", false}}), "debian/12");
  EXPECT_EQ(image("+x", {{"images:*", false}}), "images:debian/12");
  EXPECT_EQ(image("+x", {{"local:*", false}}), "local:debian/12");
  EXPECT_EQ(image("+x", {{"local:*", false}, {"images:*", false}}), "debian/12");
  EXPECT_EQ(image("+x", {{"ours:*", false}}), "image debian/12 isn't allowed");
  EXPECT_EQ(image("+x+ours:a", {{"ours:*", false}}), "ours:a");
  EXPECT_EQ(image("+x+ours:a", {{"images:*", false}}), "image ours:a isn't allowed");
  EXPECT_EQ(image("+x+alpine/edge", {{"*", false}, {"alpine/*", true}}),
            "image alpine/edge isn't allowed");
  EXPECT_EQ(image("+x+images:alpine/edge", {{"*", false}, {"alpine/*", true}}),
            "image images:alpine/edge isn't allowed");
  EXPECT_EQ(image("+x+alpine/edge", {{"*", false}, {"local:*", true}}),
            "image alpine/edge isn't allowed");
}

constexpr const char* kNothing = "image: a/b";
constexpr const char* kRawConfig = "image: a/b\nconfig: {raw.lxc: x}";
constexpr const char* kModules = "image: a/b\nconfig: {linux.kernel_modules: x}";
constexpr const char* kIntercept = "image: a/b\nconfig: {security.syscalls.intercept.mount: true}";
constexpr const char* kMknod = "image: a/b\nconfig: {security.syscalls.intercept.mknod: true}";
constexpr const char* kHarmless =
    "image: a/b\nconfig: {user.a: b, cloud-init.user-data: x, boot.autostart: true, "
    "environment.A: b, limits.processes: 9, security.protection.delete: true, "
    "security.privileged: false, security.nesting: false, "
    "security.syscalls.intercept.mount: false}";
constexpr const char* kSoft = "image: a/b\nconfig: {limits.memory.enforce: soft}";
constexpr const char* kUnknown = "image: a/b\nconfig: {future.key: x}";
constexpr const char* kDisk = "image: a/b\ndevices: {d: {type: disk, source: /, path: /mnt}}";
constexpr const char* kNic = "image: a/b\ndevices: {eth0: {type: nic, network: x}}";
constexpr const char* kRoot = "image: a/b\ndevices: {root: {type: disk, path: /, pool: x}}";
constexpr const char* kSource =
    "image: a/b\ndevices: {root: {type: disk, path: /, pool: x, source: /etc}}";

enum class Allowed : std::uint8_t { kUsual, kNoNesting, kPrivileged, kRaw, kDevices };
CreateLimits limits_of(Allowed allowed) {
  CreateLimits limits;
  limits.nested = limits.virtual_machine = allowed != Allowed::kNoNesting;
  limits.privileged = allowed == Allowed::kPrivileged;
  limits.raw = allowed == Allowed::kRaw;
  limits.devices = allowed == Allowed::kDevices;
  return limits;
}

struct Leave {
  const char* config;
  const char* login;
  Allowed allowed;
  bool is_enough;
};
constexpr Leave kLeaves[] = {
    {kNothing, "+x", Allowed::kNoNesting, true},
    {kNothing, "+x+priv", Allowed::kUsual, false},
    {kNothing, "+x+priv", Allowed::kPrivileged, true},
    {kNothing, "+x+nest", Allowed::kUsual, true},
    {kNothing, "+x+nest", Allowed::kNoNesting, false},
    {kNothing, "+x+vm", Allowed::kUsual, true},
    {kNothing, "+x+vm", Allowed::kNoNesting, false},
    {"image: a/b\nconfig: {security.privileged: \"1\"}", "+x", Allowed::kUsual, false},
    {"image: a/b\nvm: true\nconfig: {security.privileged: true}", "+x", Allowed::kUsual, true},
    {kHarmless, "+x", Allowed::kNoNesting, true},
    {kMknod, "+x", Allowed::kUsual, true},
    {kMknod, "+x", Allowed::kNoNesting, false},
    {kRawConfig, "+x", Allowed::kUsual, false},
    {kRawConfig, "+x", Allowed::kPrivileged, false},
    {kRawConfig, "+x", Allowed::kRaw, true},
    {kModules, "+x", Allowed::kUsual, false},
    {kModules, "+x", Allowed::kRaw, true},
    {kIntercept, "+x", Allowed::kUsual, false},
    {kIntercept, "+x", Allowed::kRaw, true},
    {kSoft, "+x", Allowed::kUsual, false},
    {kUnknown, "+x", Allowed::kUsual, false},
    {kUnknown, "+x", Allowed::kRaw, true},
    {kDisk, "+x", Allowed::kRaw, false},
    {kDisk, "+x", Allowed::kDevices, true},
    {kNic, "+x", Allowed::kUsual, false},
    {kNic, "+x", Allowed::kDevices, true},
    {kRoot, "+x", Allowed::kUsual, true},
    {kSource, "+x", Allowed::kUsual, false},
};

TEST(CreatePlan, NeedsLeaveForWhatTouchesTheHost) {
  for (const Leave& one : kLeaves) {
    const std::string reason = refusal(config_of(one.config), one.login, limits_of(one.allowed));
    EXPECT_EQ(reason.empty(), one.is_enough) << one.config << " " << one.login << ": " << reason;
  }
}

TEST(CreatePlan, JudgesWhatALoginsProfileBrings) {
  const CreateConfig config =
      config_of("defaults: {image: a/b}\nprofiles: {p: {config: {security.privileged: true}}}");
  EXPECT_EQ(refusal(config, "+x", {}), "");
  EXPECT_EQ(refusal(config, "+x+%p", {}), "privileged instances aren't allowed");
}

std::string value_of(const auto& entries, const std::string& key) {
  for (const CreateEntry& entry : entries) {
    if (*entry.key == key) return *entry.value;
  }
  return "none";
}

TEST(CreateGrant, SaysAllOfThePlan) {
  const auto plan = plan_creation(layers(), options_of("~x+m2+c3+d20"), everything());
  ASSERT_TRUE(plan.ok());
  const auto grant = create_grant(layers(), *plan, "anna");
  ASSERT_TRUE(grant.ok()) << grant.error().message;
  EXPECT_EQ(*grant->image, "a/defaults");
  EXPECT_TRUE(grant->local_first);
  ASSERT_TRUE(grant->server);
  EXPECT_EQ(*grant->server->url, "https://images.linuxcontainers.org");
  EXPECT_TRUE(grant->ephemeral);
  EXPECT_EQ(*grant->created_by, "anna");
  EXPECT_EQ(grant->disk_gib, 20U);
  EXPECT_EQ(value_of(grant->config, "limits.memory"), "2GiB");
  EXPECT_EQ(value_of(grant->config, "limits.cpu"), "3");
  EXPECT_EQ(value_of(grant->config, "user.a"), "defaults");
  ASSERT_EQ(grant->devices.size(), 2U);
  EXPECT_EQ(value_of((*grant->devices)[1].entries, "size"), "20GiB");
}

TEST(CreateGrant, LeavesUnlimitedSizesOut) {
  const CreateConfig config = config_of("image: local:b\nmemory: 0\ncpu: 0\ndisk: 0");
  const auto grant =
      create_grant(config, *plan_creation(config, options_of("+x"), everything()), "anna");
  ASSERT_TRUE(grant.ok());
  EXPECT_EQ(*grant->image, "b");
  EXPECT_FALSE(grant->server || grant->local_first);
  EXPECT_TRUE(grant->config.empty());
  EXPECT_EQ(grant->disk_gib, 0U);
}

TEST(CreateGrant, MustFitIntoAMessage) {
  const std::string half(limits::kMaxCreateGrant / 2, 'x');
  const CreateConfig config = config_of("image: a/b\nconfig: {user.a: " + half + "}");
  EXPECT_EQ(why_never_created(config), "");
  const CreateConfig both =
      config_of("image: a/b\nconfig: {user.a: " + half + ", user.b: " + half + "}");
  EXPECT_NE(why_never_created(both).find("defaults: the configuration"), std::string::npos);
  const CreateConfig profile = config_of("defaults: {image: a/b, config: {user.a: " + half +
                                         "}}\nprofiles: {p: {config: {user.b: " + half + "}}}");
  EXPECT_NE(why_never_created(profile).find("profile p: the configuration"), std::string::npos);
}

}  // namespace
}  // namespace ssh2incus
