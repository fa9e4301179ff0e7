// Keys are found, and shown nowhere.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "src/base/files.h"
#include "src/base/quotable.h"
#include "src/llm/secrets.h"

namespace warpwright::llm {
namespace {

constexpr const char* kVariable = "WARPWRIGHT_SECRETS_TEST_KEY";
constexpr const char* kKey = "sk-A1b2/C3d4+E5f6\"G7h8";

Result<std::optional<Key>> load_from(const char* value) {
  value == nullptr ? ::unsetenv(kVariable) : ::setenv(kVariable, value, 1);
  ModelConfig config;
  config.key_env = kVariable;
  return load_key(config);
}

TEST(Keys, FromTheEnvironmentTrimmed) {
  EXPECT_EQ(load_from(" sk-1\n").value()->value, "sk-1");
  EXPECT_EQ(load_from("sk-1").value()->source, kVariable);
  EXPECT_FALSE(load_key(ModelConfig()).value()) << "none is wanted";
}

TEST(Keys, MistakesAreToldWithoutTheKey) {
  const std::string name = kVariable;
  EXPECT_EQ(load_from(nullptr).error().message,
            "the environment variable " + name + " is not set: export " + name + "=...");
  EXPECT_EQ(load_from(" \n").error().message, name + " is empty: put the key into it");
  EXPECT_EQ(load_from("Bearer sk-secret").error().message,
            name + " must hold the key only, without 'Bearer '");
  for (const char* bad : {"sk-secret\r\nX: y", "sk secret", "sk-secr\xC3\xA9t", "sk-secret\x01"})
    EXPECT_EQ(load_from(bad).error().message,
              name + " holds spaces, line ends or other characters that no key has");
}

TEST(Keys, FromAFileThatOthersShouldNotRead) {
  auto temp = TempDirectory::create("secrets").value();
  ModelConfig config;
  config.key_file = temp.path() / "key";
  EXPECT_TRUE(load_key(config).error().message.starts_with("key_file: "));
  ASSERT_TRUE(write_file_atomic(config.key_file, "sk-1\r\n"));
  ::chmod(config.key_file.c_str(), 0600);
  EXPECT_EQ(load_key(config).value()->value, "sk-1");
  EXPECT_EQ(load_key(config).value()->warning, "");
  ::chmod(config.key_file.c_str(), 0640);
  EXPECT_EQ(load_key(config).value()->warning,
            config.key_file + " can be read by other users of this machine: chmod 600 " + config.key_file);
}

TEST(Keys, VariablesThatChildrenMustNotInherit) {
  ModelConfig a, b, c;
  a.key_env = "B";
  b.key_env = "A";
  c.key_env = "B";
  EXPECT_EQ(key_variables({a, b, c, ModelConfig()}), (std::vector<std::string>{"A", "B"}));
}

Redactor redactor() {
  Redactor redactor;
  redactor.add("MINE", kKey);
  return redactor;
}

TEST(Redaction, EveryFormOfAKeyIsReplaced) {
  const std::string key = kKey;
  EXPECT_EQ(redactor().redact("a " + key + " b " + key), "a [key of MINE] b [key of MINE]");
  EXPECT_EQ(redactor().redact("Authorization: Bearer " + key), "Authorization: Bearer [key of MINE]");
  EXPECT_EQ(redactor().redact("?key=sk-A1b2%2FC3d4%2BE5f6%22G7h8"), "?key=[key of MINE]");
  EXPECT_EQ(redactor().redact("?key=sk-A1b2%2fC3d4%2bE5f6%22G7h8"), "?key=[key of MINE]");
  EXPECT_EQ(redactor().redact(dump_json(Json{{"k", key}})), R"({"k":"[key of MINE]"})");
  EXPECT_EQ(redactor().redact("nothing here"), "nothing here");
}

// Of base64 no four characters of what the key alone decides may stay, wherever the key stood.
TEST(Redaction, Base64AtEveryAlignment) {
  const char* const encoded[] = {"c2stQTFiMi9DM2Q0K0U1ZjYiRzdoOA==",           // the key
                                 "dTpzay1BMWIyL0MzZDQrRTVmNiJHN2g4",           // "u:" before it
                                 "OnNrLUExYjIvQzNkNCtFNWY2Ikc3aDg=",           // ":" before it
                                 "dXNlcjpzay1BMWIyL0MzZDQrRTVmNiJHN2g4Og=="};  // "user:" before it, ":" after
  for (const std::string text : encoded) {
    const std::string clean = redactor().redact("Basic " + text);
    EXPECT_NE(clean.find("[key of MINE]"), std::string::npos) << clean;
    for (size_t at = 8; at + 12 < text.size(); ++at)
      EXPECT_EQ(clean.find(text.substr(at, 4)), std::string::npos) << clean;
  }
}

TEST(Redaction, ABearersTokenGoesEvenIfUnknown) {
  EXPECT_EQ(Redactor().redact("bearer 0123456789abcdef\", x"), "bearer [key]\", x");
  EXPECT_EQ(Redactor().redact("Bearer of news"), "Bearer of news");
  EXPECT_EQ(Redactor().redact("Bearer "), "Bearer ");
}

TEST(Redaction, AKeyThatABoundedTextWasCutInGoesToo) {
  const std::string long_text = "said: " + std::string(20, 'x') + kKey;
  for (size_t bytes = 34; bytes < long_text.size(); ++bytes) {
    const std::string clean = redactor().redact(quotable_line(long_text, bytes) + " (try 2)");
    EXPECT_EQ(clean.find("sk-A1b2"), std::string::npos) << clean;
    EXPECT_EQ(redactor().redact(long_text.substr(0, bytes)).find("sk-A1b2"), std::string::npos);
  }
}

TEST(Redaction, WordsThatStandForNoKeyStay) {
  Redactor none;
  none.add("LOCAL", "EMPTY");
  EXPECT_EQ(none.redact("EMPTY"), "EMPTY");
}

}  // namespace
}  // namespace warpwright::llm
