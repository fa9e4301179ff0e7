// The four wire formats, and what they share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "src/llm/codec.h"

namespace warpwright::llm {

std::unique_ptr<Codec> make_openai_chat_codec();
std::unique_ptr<Codec> make_openai_responses_codec();
std::unique_ptr<Codec> make_anthropic_messages_codec();
std::unique_ptr<Codec> make_gemini_codec();

// base_url with `path` behind it; a query of base_url stays at the end ("...?api-version=1"). What base_url
// already ends in, the whole path or its "/v1", is not doubled.
std::string join_url(std::string_view base_url, std::string_view path);

// Everything but letters, digits and -._~/:@ as %XX.
std::string escape_path(std::string_view text);

// The codec's headers, then the configuration's; one of the same name replaces.
std::vector<std::string> request_headers(const ModelConfig& config, std::vector<std::string> headers = {});

// What the key is put behind.
std::string key_header(const ModelConfig& config, std::string_view own);

// `body` with extra_body merged into it (RFC 7396) and without what is to be omitted.
std::string request_body(const ModelConfig& config, Json body);

}  // namespace warpwright::llm
