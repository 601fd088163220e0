// Subsets of name lists. Names come from the administrator and, to be looked up, from clients.
#include "policy/algorithm_lists.h"

#include "common/escape.h"

namespace ssh2incus {

bool lists_algorithm(std::string_view list, std::string_view name) {
  while (!name.empty() && !list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == name) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

Result<std::string> choose_algorithms(std::string_view supported,
                                      const std::vector<std::string>& wanted) {
  std::string chosen;
  for (const std::string& name : wanted) {
    if (!lists_algorithm(supported, name)) {
      return fail("'" + escaped(name) + "' isn't one of " + std::string(supported));
    }
    if (lists_algorithm(chosen, name)) return fail("'" + name + "' is there twice");
    if (!chosen.empty()) chosen += ',';
    chosen += name;
  }
  if (chosen.empty()) return fail("at least one is needed");
  return chosen;
}

}  // namespace ssh2incus
