// The settings of the search that are one value each: name, type, range, and what their absence from an older
// journal means. The only place that knows: settings.cpp reads and writes by this list, and the reference of
// the configuration (engine/config_reference.h) prints it.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/events/settings.h"

namespace warpwright::events {

struct SettingSpec {
  using Member = std::variant<int SearchSettings::*, double SearchSettings::*, bool SearchSettings::*,
                              std::string SearchSettings::*, std::vector<std::string> SearchSettings::*>;
  std::string_view key;
  Member member;
  double low = 0, high = 0;                    // of numbers
  std::vector<std::string_view> choices = {};  // of a text, or of a list's items; empty: any
  Json absent = {};                            // its value where it is missing; null: the default
};

const std::vector<SettingSpec>& setting_specs();
const SettingSpec* find_setting_spec(std::string_view key);  // null: a table, or no setting

}  // namespace warpwright::events
