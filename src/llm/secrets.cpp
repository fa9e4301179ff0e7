#include "src/llm/secrets.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "src/base/files.h"

namespace warpwright::llm {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

Result<Key> checked(std::string_view text, const std::string& source) {
  constexpr std::string_view kScheme = "Bearer ";
  Key key{std::string(trimmed(text)), source, ""};
  if (key.value.empty()) return usage_error(fmt::format("{} is empty: put the key into it", source));
  if (key.value.starts_with(kScheme))
    return usage_error(fmt::format("{} must hold the key only, without 'Bearer '", source));
  if (!std::all_of(key.value.begin(), key.value.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return usage_error(fmt::format("{} holds spaces, line ends or other characters that no key has", source));
  return key;
}

std::string warning_of_file(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IRGRP | S_IROTH)) == 0) return "";
  return fmt::format("{} can be read by other users of this machine: chmod 600 {}", path, path);
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The characters of base64 that `text` alone decides when it begins `offset` bytes (0 to 2) after a group of
// three.
std::string base64_core(std::string_view text, size_t offset) {
  std::string core;
  const auto bit = [&](size_t i) {  // of the text; most significant first
    return (static_cast<unsigned char>(text[i / 8]) >> (7 - i % 8)) & 1u;
  };
  const size_t skip = (6 - offset * 8 % 6) % 6;  // bits that share a character with what stands before
  for (size_t at = skip; at + 6 <= text.size() * 8; at += 6) {
    unsigned value = 0;
    for (size_t i = 0; i < 6; ++i) value = value << 1 | bit(at + i);
    core += kBase64[value];
  }
  return core;
}

std::string percent_encoded(std::string_view text, bool upper) {
  std::string encoded;
  for (char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                          std::string_view("-._~").find(c) != std::string_view::npos;
    const auto byte = static_cast<unsigned char>(c);
    encoded += is_plain ? std::string(1, c)
               : upper  ? fmt::format("%{:02X}", byte)
                        : fmt::format("%{:02x}", byte);
  }
  return encoded;
}

std::set<std::string> forms_of(const std::string& key) {
  std::set<std::string> forms = {key, percent_encoded(key, true), percent_encoded(key, false)};
  const std::string quoted = dump_json(key);
  forms.insert(quoted.substr(1, quoted.size() - 2));
  for (size_t offset = 0; offset < 3; ++offset) {
    std::string core = base64_core(key, offset);
    forms.insert(core);
    std::replace(core.begin(), core.end(), '+', '-');
    std::replace(core.begin(), core.end(), '/', '_');
    forms.insert(core);
  }
  return forms;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// "Bearer " and at least 16 characters of a token.
void hide_bearer(std::string& text) {
  constexpr std::string_view kScheme = "Bearer ", kHidden = "[key]";
  constexpr size_t kLeast = 16;
  const auto is_token = [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '\'' && c != ',' && c != '\\';
  };
  for (size_t at = 0; at + kScheme.size() <= text.size(); ++at) {
    const bool is_scheme =
        std::equal(kScheme.begin(), kScheme.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                   [](char a, char b) { return (a | 32) == (b | 32); });
    if (!is_scheme) continue;
    at += kScheme.size();
    size_t end = at;
    while (end < text.size() && is_token(text[end])) ++end;
    if (end - at >= kLeast) text.replace(at, end - at, kHidden);
  }
}

// A text that was cut (quotable_line says " [cut]") may end in the middle of a key: its beginning goes too.
void hide_cut_key(std::string& text, const std::string& form, const std::string& to) {
  constexpr std::string_view kMark = " [cut]";
  constexpr size_t kLeast = 8;
  for (size_t at = text.find(kMark);; at = text.find(kMark, at + 1)) {
    const size_t end = std::min(at, text.size());
    for (size_t length = std::min(form.size() - 1, end); length >= kLeast; --length) {
      if (text.compare(end - length, length, form, 0, length) != 0) continue;
      text.replace(end - length, length, to);
      at = at == std::string::npos ? at : at - length + to.size();
      break;
    }
    if (at == std::string::npos) return;
  }
}

}  // namespace

Result<std::optional<Key>> load_key(const ModelConfig& config) {
  if (!config.key_env.empty()) {
    const char* value = std::getenv(config.key_env.c_str());
    if (value == nullptr)
      return usage_error(fmt::format("the environment variable {} is not set: export {}=...", config.key_env,
                                     config.key_env));
    TRY_ASSIGN(Key key, checked(value, config.key_env));
    return std::optional<Key>(std::move(key));
  }
  if (config.key_file.empty()) return std::optional<Key>();
  constexpr size_t kMaxBytes = 65536;
  auto text = read_file(config.key_file, kMaxBytes);
  if (!text) return add_context(std::move(text).error(), "key_file");
  TRY_ASSIGN(Key key, checked(*text, config.key_file));
  key.warning = warning_of_file(config.key_file);
  return std::optional<Key>(std::move(key));
}

std::vector<std::string> key_variables(const std::vector<ModelConfig>& models) {
  std::set<std::string> names;
  for (const ModelConfig& model : models)
    if (!model.key_env.empty()) names.insert(model.key_env);
  return {names.begin(), names.end()};
}

void Redactor::add(const std::string& name, const std::string& key) {
  constexpr size_t kLeast = 8;
  if (key.size() < kLeast) return;
  for (const std::string& form : forms_of(key)) forms_.emplace_back(form, fmt::format("[key of {}]", name));
  std::stable_sort(forms_.begin(), forms_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

std::string Redactor::redact(std::string_view text) const {
  std::string clean(text);
  for (const auto& [form, replacement] : forms_) replace_all(clean, form, replacement);
  for (const auto& [form, replacement] : forms_) hide_cut_key(clean, form, replacement);
  hide_bearer(clean);
  return clean;
}

}  // namespace warpwright::llm
