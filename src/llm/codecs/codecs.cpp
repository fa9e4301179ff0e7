#include "src/llm/codecs/codecs.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/check.h"

namespace warpwright::llm {
namespace {

bool same_header(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  a = a.substr(0, a.find(':'));
  b = b.substr(0, b.find(':'));
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::unique_ptr<Codec> make_codec(ProviderKind kind) {
  switch (kind) {
    case ProviderKind::kOpenAiChat:
      return make_openai_chat_codec();
    case ProviderKind::kOpenAiResponses:
      return make_openai_responses_codec();
    case ProviderKind::kAnthropicMessages:
      return make_anthropic_messages_codec();
    case ProviderKind::kGemini:
      return make_gemini_codec();
    case ProviderKind::kCommand:
    case ProviderKind::kManual:
    case ProviderKind::kScripted:
    case ProviderKind::kReplay:
      break;
  }
  CHECK(false && "a codec is asked for HTTP providers only");
}

std::string join_url(std::string_view base_url, std::string_view path) {
  const size_t query = std::min(base_url.find('?'), base_url.size());
  std::string_view base = base_url.substr(0, query);
  while (base.ends_with('/')) base.remove_suffix(1);
  if (base.ends_with(path.substr(0, path.find('?'))))
    path.remove_prefix(std::min(path.find('?'), path.size()));
  if (base.ends_with("/v1") && path.starts_with("/v1/")) path.remove_prefix(3);
  std::string url = fmt::format("{}{}", base, path);
  if (query < base_url.size())
    url +=
        fmt::format("{}{}", path.find('?') == std::string_view::npos ? '?' : '&', base_url.substr(query + 1));
  return url;
}

std::string escape_path(std::string_view text) {
  constexpr std::string_view kPlain = "-._~/:@";
  std::string escaped;
  for (char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                          kPlain.find(c) != std::string_view::npos;
    escaped += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

std::vector<std::string> request_headers(const ModelConfig& config, std::vector<std::string> headers) {
  headers.insert(headers.begin(), {"Content-Type: application/json",
                                   config.stream ? "Accept: text/event-stream" : "Accept: application/json"});
  for (const auto& [name, value] : config.extra_headers) {
    std::string line = fmt::format("{}: {}", name, value);
    std::erase_if(headers, [&](const std::string& other) { return same_header(line, other); });
    headers.push_back(std::move(line));
  }
  return headers;
}

std::string key_header(const ModelConfig& config, std::string_view own) {
  return config.key_header.empty() ? std::string(own) : config.key_header;
}

std::string request_body(const ModelConfig& config, Json body) {
  body.merge_patch(config.extra_body);
  for (const std::string& key : config.omit) body.erase(key);
  return dump_json(body);
}

}  // namespace warpwright::llm
