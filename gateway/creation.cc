// See creation.h. Incus checks names only when it makes the record, after the image is there: so of
// two that create the same name one fails late, and then finds the other's instance.
#include "gateway/creation.h"

#include <algorithm>
#include <chrono>

#include "common/limits.h"
#include "gateway/random.h"
#include "gateway/text.h"

namespace ssh2incus {
namespace {

constexpr long kNotFound = 404;
constexpr int kPollMs = 300;  // operations that have ended are told for 5 seconds
constexpr int kMostAttempts = 20;
constexpr std::size_t kMaxList = 32UL * 1024 * 1024;
constexpr std::chrono::seconds kFresh{600};

Failure no_sense(const std::string& what) {
  return {TargetFailure::kIncusError, "Incus gave no proper answer: " + what};
}

bool is_fingerprint(const std::string& image) {
  return image.size() >= 12 && image.size() <= 64 && std::ranges::all_of(image, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Somebody else makes, or has made, an instance of that name.
bool is_about_the_name(const std::string& reason) {
  return reason.find("already exists") != std::string::npos ||
         reason.find("busy running a") != std::string::npos;
}

bool was_made_lately(const MadeInstance& made) {
  const auto when = made.unix_time();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return when && std::chrono::duration_cast<std::chrono::seconds>(now) - *when < kFresh;
}

}  // namespace

InstanceCreation::InstanceCreation(IncusClient& client, Target target, const CreateGrant& grant,
                                   Progress progress, Tell tell)
    : client_(client),
      target_(std::move(target)),
      grant_(grant),
      progress_(std::move(progress)),
      tell_(std::move(tell)),
      mark_(hexadecimal(random_bytes<16>())) {}

Failure InstanceCreation::cannot(const std::string& reason) const {
  return {TargetFailure::kCannotCreate, "can't create " + target_.text() + ": " + reason};
}

Outcome<HttpReply> InstanceCreation::get(const ApiPath& path, const Patience& patience) {
  auto reply = TRY_OUTCOME(client_.request({.path = path}, patience));
  if (!reply.ok() && reply.status != kNotFound)
    return cannot(interpret_error(reply.status, reply.body));
  return reply;
}

Outcome<std::optional<MadeInstance>> InstanceCreation::look(const Patience& patience) {
  ApiPath path = target_.path();
  path.query("project", target_.project.str());
  const auto reply = TRY_OUTCOME(get(path, patience));
  if (reply.status == kNotFound) return std::optional<MadeInstance>();
  auto made = interpret_made_instance(reply.body);
  if (!made.ok()) return no_sense(made.error().message);
  return std::optional<MadeInstance>(std::move(*made));
}

Outcome<Done> InstanceCreation::check_project(const Patience& patience) {
  const std::string& project = target_.project.str();
  const auto reply = TRY_OUTCOME(get(ApiPath().part("projects").part(project), patience));
  if (reply.status == kNotFound)
    return Failure{TargetFailure::kNoSuchProject, "no such project: " + project};
  return Done{};
}

// Once there are as many as may be. After ours was made, those that are older count: so of several
// at once the first ones stay.
Outcome<Done> InstanceCreation::check_number(const MadeInstance* ours, const Patience& patience) {
  if (!grant_.max_instances) return Done{};
  HttpRequest request{.path = ApiPath().part("instances")};
  request.path.query("recursion", "1").query("all-projects", "true");
  request.path.query("filter",
                     std::string("config.") + kCreatedByKey + " eq " + *grant_.created_by);
  request.max_answer = kMaxList;
  const auto reply = TRY_OUTCOME(client_.request(request, patience));
  if (!reply.ok()) return cannot(interpret_error(reply.status, reply.body));
  const auto all = interpret_made_instances(reply.body);
  if (!all.ok()) return no_sense(all.error().message);
  const auto before = std::ranges::count_if(*all, [&](const MadeInstance& made) {
    return made.mark != mark_ && (ours == nullptr || !ours->is_older_than(made));
  });
  if (static_cast<std::uint64_t>(before) < *grant_.max_instances) return Done{};
  return cannot(*grant_.created_by + " may have " + std::to_string(*grant_.max_instances) +
                " instances that were created by logins, and has them");
}

Outcome<ImageSource> InstanceCreation::find_image(const Patience& patience) {
  if (grant_.server && !grant_.local_first) return ImageSource{.from_server = true};
  const std::string& project = target_.project.str();
  ApiPath alias = ApiPath().part("images").part("aliases").part(*grant_.image);
  const auto named = TRY_OUTCOME(get(alias.query("project", project), patience));
  if (named.ok()) {
    const auto type = interpret_image_type(named.body);
    if (!type.ok()) return no_sense(type.error().message);
    const bool fits = (*type == "virtual-machine") == grant_.virtual_machine;
    if (fits || !grant_.server) return ImageSource{};
  }
  if (is_fingerprint(*grant_.image)) {
    ApiPath image = ApiPath().part("images").part(*grant_.image);
    const auto found = TRY_OUTCOME(get(image.query("project", project), patience));
    if (found.ok()) return ImageSource{.fingerprint = true};
  }
  if (grant_.server) return ImageSource{.from_server = true};
  return cannot("Incus has no image " + cut_text(*grant_.image));
}

Outcome<std::optional<std::pair<std::string, DeviceKeys>>> InstanceCreation::root_disk(
    const Patience& patience) {
  using Root = std::optional<std::pair<std::string, DeviceKeys>>;
  if (!grant_.disk_gib) return Root();
  ApiPath path = ApiPath().part("profiles").part("default");
  const auto reply = TRY_OUTCOME(get(path.query("project", target_.project.str()), patience));
  if (!reply.ok()) return Root();
  auto disk = interpret_root_disk(reply.body);
  if (!disk.ok()) return no_sense(disk.error().message);
  return std::move(*disk);
}

Outcome<Done> InstanceCreation::ensure(const Patience& patience) {
  for (int i = 0; i < kMostAttempts; ++i) {
    if (const auto there = TRY_OUTCOME(look(patience))) {
      if (grant_.must_be_new) return cannot("it exists meanwhile; log in again");
      fresh_ = was_made_lately(*there);
      return Done{};
    }
    TRY_OUTCOME(check_project(patience));
    TRY_OUTCOME(check_number(nullptr, patience));
    auto attempt = make(patience);
    if (!attempt.ok()) {
      undo();
      return attempt.failure();
    }
    if (*attempt == Attempt::kMade) {
      fresh_ = true;
      tell_(ipc::CreationStep::kDone);
      return Done{};
    }
    TRY_OUTCOME(patience.sleep(kPollMs));
  }
  return cannot("others create and delete it");
}

Outcome<InstanceCreation::Attempt> InstanceCreation::make(const Patience& patience) {
  const ImageSource source = TRY_OUTCOME(find_image(patience));
  const auto disk = TRY_OUTCOME(root_disk(patience));
  const std::string body =
      creation_body(grant_, target_.instance.str(), mark_, source, sized_root_disk(grant_, disk));
  progress_("creating " + target_.text(), false);
  HttpRequest request{.method = "POST", .path = ApiPath().part("instances"), .body = body};
  request.path.query("project", target_.project.str());
  // Not given up half-way: then nobody would know whether it was begun.
  begun_ = true;
  const auto reply = TRY_OUTCOME(client_.request(request, Patience(-1, limits::kIncusRequestMs)));
  if (!reply.ok()) return judge_failure(interpret_error(reply.status, reply.body), patience);
  const auto operation = interpret_operation_id(reply.body);
  if (!operation.ok()) return no_sense(operation.error().message);
  operation_ = *operation;
  tell_(ipc::CreationStep::kBegun);
  const auto attempt = TRY_OUTCOME(follow(patience));
  if (attempt != Attempt::kMade) return attempt;
  if (grant_.max_instances) {
    const auto ours = TRY_OUTCOME(look(patience));
    if (ours) TRY_OUTCOME(check_number(&*ours, patience));
  }
  TRY_OUTCOME(start(patience));
  begun_ = false;
  return attempt;
}

Outcome<InstanceCreation::Attempt> InstanceCreation::follow(const Patience& patience) {
  const ApiPath path = ApiPath().part("operations").part(operation_);
  std::string told;
  for (;;) {
    const auto reply = TRY_OUTCOME(client_.request({.path = path}, patience));
    if (!reply.ok()) return cannot(interpret_error(reply.status, reply.body));
    const auto result = interpret_operation(reply.body);
    if (!result.ok()) return no_sense(result.error().message);
    if (result->succeeded) return Attempt::kMade;
    if (result->finished) return judge_failure(result->error, patience);
    if (!result->progress.empty() && result->progress != told) {
      told = result->progress;
      progress_(told, true);
    }
    if (patience.left_ms() == 0) return cannot("it takes too long");
    TRY_OUTCOME(patience.sleep(kPollMs));
  }
}

Outcome<InstanceCreation::Attempt> InstanceCreation::judge_failure(const std::string& reason,
                                                                   const Patience& patience) {
  const auto there = TRY_OUTCOME(look(patience));
  const bool others = there ? there->mark != mark_ : is_about_the_name(reason);
  if (!others) return cannot(reason);
  begun_ = false;
  late_ = true;
  tell_(ipc::CreationStep::kLeftToOthers);
  progress_("waiting for " + target_.text() + ", which somebody else creates", false);
  return Attempt::kSomebodyElse;
}

Outcome<Done> InstanceCreation::start(const Patience& patience) {
  Instance instance(client_, target_, true, progress_);
  for (;;) {
    const auto info = TRY_OUTCOME(instance.look(patience));
    if (info.state == InstanceState::kRunning) return Done{};
    TRY_OUTCOME(instance.make_ready("it doesn't start", patience));
  }
}

// The client waits no longer, and perhaps nobody does.
void InstanceCreation::undo() {
  if (!begun_) return;
  const Patience calm(-1, limits::kUndoCreationMs);
  const ApiPath path = ApiPath().part("operations").part(operation_);
  // What can't be cancelled is waited for.
  if (!operation_.empty())
    static_cast<void>(client_.request({.method = "DELETE", .path = path}, calm));
  while (!operation_.empty()) {
    auto reply = client_.request({.path = path}, calm);
    if (!reply.ok() || !reply->ok()) break;
    const auto result = interpret_operation(reply->body);
    if (!result.ok() || result->finished || !calm.sleep(kPollMs).ok()) break;
  }
  tell_(remove(calm) ? ipc::CreationStep::kUndone : ipc::CreationStep::kLeft);
}

// True: nothing of ours is there.
bool InstanceCreation::remove(const Patience& patience) {
  for (int i = 0; i < kMostAttempts; ++i) {
    const auto there = look(patience);
    if (!there.ok()) return false;
    if (!there.value() || there.value()->mark != mark_) return true;
    HttpRequest request{.method = "DELETE", .path = target_.path()};
    request.path.query("project", target_.project.str());
    static_cast<void>(client_.request(request, patience));
    if (!patience.sleep(kPollMs).ok()) return false;
  }
  return false;
}

}  // namespace ssh2incus
