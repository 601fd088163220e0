// Logins and policies for tests of access rules.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "policy/access_rules.h"

namespace ssh2incus {

inline AccessPolicy policy_of(const std::string& rules) {
  ParsedAccess parsed = parse_access_rules("version: 1\nrules:\n" + rules);
  for (const ConfigProblem& problem : parsed.problems) {
    ADD_FAILURE() << problem.where.line << ":" << problem.where.column << ": " << problem.message;
  }
  return std::move(parsed.policy);
}

// Host user alice (uid 1000, groups devs and incus) with a key, from 192.0.2.1, at root@c1.default,
// on Wednesday, 2026-11-25 at 12:00 UTC.
inline AccessFacts login_facts(const std::string& login = "c1") {
  AccessFacts facts;
  facts.account = {"alice", 1000, {"devs", "incus"}};
  facts.key_fingerprints = {"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  facts.methods = {AuthMethod::kPublicKey};
  facts.source_address = "192.0.2.1";
  facts.now_unix = 1795608000;
  facts.target = parse_login(login).value();
  if (facts.target.project) facts.project = facts.target.project->str();
  if (facts.target.remote) facts.remote = facts.target.remote->str();
  return facts;
}

using Outcome = AccessVerdict::Outcome;

}  // namespace ssh2incus
