// The texts that prompts are made of, read once at the start of a run: templates, knowledge notes, and what
// is said of the plan language, a definition or a device. Files below `<home>/prompts` and `<agent>/prompts`;
// of two with the same name the agent's wins (prompts/README.md shows how each is written). `load` is the
// only I/O of this folder.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/prompt/reply.h"
#include "src/prompt/template.h"

namespace warpwright::prompt {

// knowledge/<name>.md. Shown where one of its tags and all of its needs are among the run's tags (tags_of).
struct Note {
  std::string name, title;
  std::vector<std::string> tags, needs;  // lower case
  std::string text;
};

class PromptLibrary {
 public:
  // Texts by path: "prompts/diff.md" of the program, "agent/prompts/diff.md" and "agent.toml" of the agent. A
  // run keeps them in its journal, so that it goes on with what it began with.
  using Files = std::map<std::string, std::string>;

  // `agent_folder` may be empty or lack prompts/. Errors (usage): a template of ours is missing, an unknown
  // or missing field, a lone brace, a note without its header: "<file>:<line>: ...".
  static Result<PromptLibrary> load(const std::filesystem::path& home,
                                    const std::filesystem::path& agent_folder);
  static Result<PromptLibrary> from_files(Files files);  // the same errors
  const Files& files() const { return files_; }
  const std::string& agent_toml() const { return agent_toml_; }  // empty: none was there

  const Template& system() const { return templates_.at("system"); }
  const Template& mismatch() const { return templates_.at("mismatch"); }
  const Template* find_operator(std::string_view op) const;  // null: no prompts/<op>.md
  std::vector<std::string> operators() const;

  const std::vector<Note>& notes() const { return notes_; }  // by name
  const std::vector<std::string>& emphases() const {
    return emphases_;
  }  // lines of emphasis.md; may be empty
  const std::string& plan_language() const { return plan_language_; }
  std::string definition(const std::string& name) const;  // empty: nothing is written about it
  std::string device(const std::string& name) const;      // empty: nothing is written about it

 private:
  Files files_;
  std::string agent_toml_;
  std::map<std::string, Template, std::less<>> templates_;  // by operator; "system" and "mismatch" too
  std::vector<Note> notes_;
  std::vector<std::string> emphases_;
  std::string plan_language_;
  std::map<std::string, std::string> definitions_, devices_;
};

// The one answer to a reply that could not be used, e.g. a diff that did not apply.
std::string follow_up(const PromptLibrary& library, const ReplyProblem& problem);

}  // namespace warpwright::prompt
