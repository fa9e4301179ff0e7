#include "src/engine/config_docs.h"

namespace warpwright::engine {

const std::vector<TableDoc>& table_docs() {
  static const std::vector<TableDoc> kTables = {
      {"run", "What is searched, and for how long."},
      {"device", "What candidates run on, or are estimated for."},
      {"workers", "The processes that compile, check and time candidates."},
      {"search", "How candidates are chosen, changed and kept."},
      {"agent", "Who writes kernels. Without an agent nobody does: seeds are tuned."},
      {"models.NAME",
       "One table for each model that the agent may ask; NAME is free. A model can also be named in one word "
       "on the command line (--model), which takes the place of all tables here."},
      {"budget", "Hard caps on all calls of models; what is in flight counts at its worst. 0: no cap."},
      {"seeds", "The kernels that a run begins with."},
      {"scripted", "Answers from a folder, without a model."},
      {"evaluation", "How a candidate is judged."},
      {"data", "Where definitions and workloads come from."},
      {"agent.toml",
       "An agent's own file, agents/NAME/agent.toml: how a search makes its proposals (agents/README.md). It "
       "serves every definition and every budget."}};
  return kTables;
}

const std::vector<OptionDoc>& option_docs() {
  static const std::vector<OptionDoc> kDocs = {
      // [run]
      {"run.definition", "", "--definition",
       "The name of what to make faster, as FlashInfer Trace data has it. The one key that must be there."},
      {"run.seed", "", "--seed", "The same seed, the same run. Another one for an independent repetition."},
      {"run.max_evaluations", "evaluations", "--max-evaluations",
       "The run ends after so many results: distinct programs, failed ones included. Raise it to go on with "
       "a "
       "run that has ended."},
      {"run.max_minutes", "minutes", "--max-minutes",
       "Or after so much wall clock of one invocation; 0: no limit. What is running then is finished first."},
      {"run.window", "tickets", "",
       "A proposal sees all outcomes but the last window - 1, and no more than window are under way at once. "
       "Larger keeps more workers and calls busy, smaller searches from fresher parents; begin with twice "
       "what "
       "works in parallel."},
      // [device]
      {"device.model", "", "",
       "The device whose limits hold and whose time is estimated: a file in configs/devices/. auto: the "
       "GPU's, "
       "else b200."},
      {"device.executor", "", "--executor",
       "sim runs PTX on the CPU and estimates times, cuda measures on a GPU. auto: cuda where there is one."},
      {"device.target", "", "",
       "What NVRTC compiles for: sm_100a, sm_90a. auto: the GPU that is here, else sm_100a."},
      // [workers]
      {"workers.count", "processes", "--workers",
       "Evaluations at once. 0: one per core. On GPUs: as many as there are, each worker has its own."},
      {"workers.command_prefix", "", "",
       "What is put before a worker's command to start it elsewhere: [\"srun\", \"-N1\", \"-n1\", "
       "\"--gres=gpu:1\", \"--unbuffered\"], [\"ssh\", \"host\"]."},
      {"workers.path", "", "", "The worker's program, where it is not the one beside warpwright."},
      {"workers.arguments", "", "", "More arguments for it."},
      {"workers.hello_deadline_s", "seconds", "",
       "How long a worker may take to answer first. Raise it where a queue stands before the machine."},
      // [search]
      {"search.strategy", "", "",
       "evolve is the whole search. best-of-n starts every proposal from a seed, or from nothing; hill-climb "
       "changes the best so far: baselines to hold evolve against."},
      {"search.islands", "islands", "",
       "Populations that exchange their best now and then. More keep more designs apart and each improves "
       "more "
       "slowly: 1 below some hundred evaluations, 3 to 5 above."},
      {"search.archive_size", "candidates", "",
       "How many of the run's best, over all islands, are kept as parents."},
      {"search.archive_rank", "", "",
       "Who stays in the archive: the best scores, or the Pareto front of score, worst band and simplicity. "
       "pareto where a kernel that is even and short is worth more than the last percent."},
      {"search.migration_interval", "applied tickets", "",
       "Between two migrations, when each island gives its best to the next one on the ring; 0: never."},
      {"search.migration_count", "candidates", "", "How many each island gives."},
      {"search.exploration", "relative weight", "",
       "Parents drawn from the whole island, whatever their score. Raise it when a run converges early."},
      {"search.exploitation", "relative weight", "",
       "Parents drawn from the archive, the better the likelier."},
      {"search.elite", "relative weight", "",
       "Parents drawn from the island's elites, the better the likelier."},
      {"search.portfolio", "relative weight", "",
       "Parents that are the fastest of some band of workloads, in proportion to what would be lost without "
       "them: keeps a specialist for small shapes alive beside one for large ones. 0 where one band is all."},
      {"search.population_size", "candidates", "",
       "Members of an island: the elites of its cells, and others that passed up to so many in all. Elites "
       "are "
       "never dropped for others. 0: elites only."},
      {"search.temperature", "", "",
       "Of draws by score: 0 takes the best, 1 draws in proportion to the score, large values draw evenly."},
      {"search.dimensions", "", "",
       "The grid that keeps different designs beside the fastest: one elite for each cell. n edges make n + "
       "1 "
       "bins; edges are declared, never learnt, so a cell means the same throughout. Choose what tells "
       "designs "
       "of this kernel apart. code_size counts PTX instructions; archive_distance is how unlike all others."},
      {"search.operators", "weight", "",
       "How proposals are made. tune tries other values of declared knobs and compose joins champions of "
       "bands: "
       "both cost no call. Every other asks a model. An agent brings its own weights; a table here replaces "
       "all of them."},
      {"search.operator_roles", "", "",
       "Which role an operator asks, where it is not its own (proposer; repair asks the repairer, research "
       "the "
       "researcher)."},
      {"search.roles", "weight", "",
       "Whom a role asks: models by weight. A role that is not named asks every model alike."},
      {"search.model_choice", "", "",
       "How a model of the role is chosen: by its weight, or by a bandit on gain per dollar. bandit with two "
       "models or more and some hundred calls."},
      {"search.operator_choice", "", "",
       "The same for operators, whose weights then say where the bandit begins. It wants some hundred "
       "evaluations."},
      {"search.bandit_memory", "", "",
       "What an outcome counts after one more of the same choice: 1 for ever alike, 0.98 half after 34. "
       "Below 1 "
       "where what pays changes as the run goes on."},
      {"search.inspirations", "candidates", "",
       "Others that a model is shown beside the parent. More cost tokens; an agent brings its own number "
       "(memory.diverse)."},
      {"search.top_inspirations", "candidates", "",
       "Of these, the best of the island and of the archive first, ..."},
      {"search.diverse_inspirations", "candidates", "", "... then those least like the parent."},
      {"search.repair_attempts", "attempts", "",
       "Repairs in a row that one failed candidate gets. 0: failures are given up at once. An agent brings "
       "its "
       "own number (memory.repair_attempts)."},
      {"search.best_settings", "", "",
       "A model that changes a source is shown it with the best knob values found so far. Off: as its author "
       "wrote it."},
      {"search.share_near_duplicates", "", "",
       "A program whose normalised PTX equals another's takes its result without an evaluation. Off only to "
       "study what that saves."},
      {"search.tuning_budget", "evaluations", "",
       "Spent on the knobs of a source when one of its candidates is promising. 0: knobs are tuned by the "
       "weight of tune alone. Raise it where sources declare many knobs."},
      {"search.tuning_margin", "relative to the best score", "",
       "Promising is who comes within this of the best, or is champion of a band."},
      {"search.tuning_share", "share of tickets", "",
       "That open tuning sessions may take; the rest asks models."},
      {"search.race_margin", "relative to the best score", "",
       "An evaluation stops when its score cannot come within this of the best. Smaller saves more and knows "
       "less of the losers; 0: every evaluation runs to its end."},
      {"search.stagnation_after", "applied tickets", "",
       "Of one island without a better best, before something is done about it; 0: never."},
      {"search.stagnation_actions", "", "",
       "What is tried then, in this order at first, later by effect: ask for research, let the model of the "
       "island rest, begin it again from the archive, or raise its temperature."},
      {"search.trial_sections", "", "",
       "Sections of prompts that are left out of some prompts at random, to learn what they are worth; the "
       "report says. Names: prompts/README.md; not those that no operator does without (plan_language, "
       "definition, interface, parent, second_parent, evidence). A section of the system part changes the "
       "prefix that providers cache, so prompts with and without it are each cached apart."},
      {"search.trial_share", "share of prompts", "",
       "That goes without a section on trial, for each of them."},
      // [agent], [budget]
      {"agent.name", "", "--agent",
       "A folder below agents/, or the path of one: evolver starts from the seeds, scratch from the "
       "definition "
       "alone. Empty: no model is asked."},
      {"budget.max_dollars", "US dollars", "--max-dollars",
       "Needs a price for every model: from configs/models/prices.toml, or models.NAME.price."},
      {"budget.max_tokens", "tokens", "--max-tokens", "Read and written, cached ones too."},
      {"budget.max_calls", "calls", "--max-calls", "Attempts that may have been billed count."},
      // [seeds], [scripted]
      {"seeds.allowed", "", "",
       "Off: the run starts from the definition alone, and operator scratch needs a weight. A full-agent "
       "agent "
       "switches it off itself."},
      {"seeds.folder", "", "", "With *.cu files. Empty: seeds/<definition>."},
      {"seeds.baseline", "", "", "The file of it that every score is measured against."},
      {"scripted.folder", "", "",
       "Whole candidates (*.cu) or replies (*.md), taken in the order of names by the operator scripted."},
      // [evaluation]
      {"evaluation.selection", "", "",
       "Which workloads: all, sim, smoke, adversarial, or indices \"0,7,19\". auto: sim on the simulator, "
       "all "
       "on a GPU."},
      {"evaluation.last_stage", "", "", "A search ranks by time, so it must be time."},
      {"evaluation.timing_profile", "", "",
       "contest measures as FlashInfer-Bench does; strict takes more samples on fresh inputs. strict for "
       "what "
       "is to be published."},
      {"evaluation.input_seed", "", "",
       "Seed of the random inputs; -1 takes run.seed. One for all when runs of different seeds are to be "
       "judged on the same inputs, as `warpwright study` does."},
      {"evaluation.tie_margin", "relative", "",
       "Estimates that are closer are a tie, since the simulator's clock knows no better "
       "(evaluator/sim/README.md)."},
      {"evaluation.max_warp_instructions", "warp instructions per call", "",
       "On the simulator, then TIMEOUT. Raise it for large shapes, lower it to give up slow candidates "
       "sooner."},
      {"evaluation.compile_deadline_s", "seconds", "",
       "Then the compiler is killed and the candidate has failed."},
      {"evaluation.evaluation_deadline_s", "seconds", "",
       "Of all that follows; then the worker is killed and the candidate has timed out."},
      {"evaluation.red_team", "", "--skip-red-team",
       "Kernels that cheat are tried first, and nothing is searched where one would score. Off saves a "
       "minute, "
       "and the report says that nobody knows."},
      {"data.datasets", "", "--dataset",
       "Folders with definitions/ and workloads/, searched before $FIB_DATASET_PATH and configs/trace."},
      // [models.NAME]
      {"models.NAME.preset", "", "--model",
       "What is known of a common endpoint, from configs/models/endpoints.toml: \"openai\", \"anthropic\", "
       "\"vllm\", ... Keys of the table replace the preset's."},
      {"models.NAME.provider", "", "",
       "Which interface: openai-chat, openai-responses, anthropic-messages, gemini; command, manual, "
       "scripted, "
       "replay need no endpoint. A preset brings it, else it must be there."},
      {"models.NAME.base_url", "", "", "Of the endpoint; the interface adds its path. A preset brings it."},
      {"models.NAME.model", "", "", "As the provider names it. Nothing is guessed from the name."},
      {"models.NAME.key_env", "", "",
       "The environment variable that holds the key. A key itself never stands in a configuration."},
      {"models.NAME.key_file", "", "", "Or a file that holds it."},
      {"models.NAME.key_header", "", "",
       "What the key is put behind, such as \"api-key: \", where an endpoint wants it otherwise."},
      {"models.NAME.stream", "", "", "Answers as they are written. Off for endpoints that cannot."},
      {"models.NAME.max_output_tokens", "tokens", "",
       "Cap on an answer, thinking included; needed by anthropic-messages, and to reserve money before a "
       "call. "
       "Raise it when answers are cut."},
      {"models.NAME.token_cap_field", "", "",
       "The name under which the cap is sent, where an endpoint has another; \"none\": not sent."},
      {"models.NAME.version_header", "", "", "anthropic-version, where it is not to be the built-in one."},
      {"models.NAME.temperature", "", "", "Not sent unless given; many newer models refuse it."},
      {"models.NAME.top_p", "", "", "Not sent unless given."},
      {"models.NAME.effort", "", "",
       "How long to think, in the provider's own words: \"low\", \"high\". Not sent unless given."},
      {"models.NAME.system_role", "", "", "\"system\" or \"developer\"."},
      {"models.NAME.prompt_cache", "", "", "Marks the system text as cacheable, which makes it cheaper."},
      {"models.NAME.extra_body", "", "", "Merged into the body of every request, last."},
      {"models.NAME.omit", "", "", "Keys of the body that are not sent, for endpoints that refuse them."},
      {"models.NAME.extra_headers", "", "", "More headers, without secrets."},
      {"models.NAME.proxy", "", "", "Empty: the environment's (https_proxy)."},
      {"models.NAME.ca_file", "", "", "Certificate authorities, where the system's do not do."},
      {"models.NAME.http2", "", "", "Off for servers and proxies that stumble over HTTP/2."},
      {"models.NAME.connect_timeout_s", "seconds", "", "To a connection."},
      {"models.NAME.first_byte_timeout_s", "seconds", "", "To the first byte: models think in silence."},
      {"models.NAME.idle_timeout_s", "seconds", "", "Between bytes."},
      {"models.NAME.progress_timeout_s", "seconds", "",
       "Between pieces of the answer, once the first one came."},
      {"models.NAME.total_timeout_s", "seconds", "", "For one attempt as a whole."},
      {"models.NAME.max_in_flight", "calls", "",
       "At once. Raise it while the run's ledger says that workers wait for models and the endpoint allows "
       "it."},
      {"models.NAME.requests_per_minute", "calls per minute", "", "A limit of ours; 0: none."},
      {"models.NAME.tokens_per_minute", "tokens per minute", "", "A limit of ours; 0: none."},
      {"models.NAME.max_attempts", "attempts", "",
       "For one call. Only what may pass is tried again, after the time that the endpoint asks for."},
      {"models.NAME.price", "US dollars per million tokens", "",
       "{input = , output = , cached_read = , cache_write = , long_prompt = {above = , input = , output = "
       "}}, or "
       "\"free\". Without: configs/models/prices.toml."},
      {"models.NAME.command", "", "", "Program and arguments; the prompt on stdin, the reply on stdout."},
      {"models.NAME.keep_environment", "", "", "Variables that it needs beside PATH, HOME and LANG."},
      {"models.NAME.folder", "", "",
       "manual: where prompts are written and replies read. scripted: the replies. replay: the run."},
      // agent.toml
      {"agent.toml: name", "", "", "For people; the folder's name otherwise."},
      {"agent.toml: approach", "", "",
       "\"agent-assisted\" starts from the seeds, \"full-agent\" from the definition alone. Must be there."},
      {"agent.toml: operators", "weight", "",
       "How proposals are made; 0 switches one off. Must be there, with one above 0."},
      {"agent.toml: roles", "", "",
       "operator = role of the model that it asks, where it is not the operator's own."},
      {"agent.toml: memory.repair_attempts", "attempts", "", "On one failure, in a row."},
      {"agent.toml: memory.top", "programs", "", "The best ones shown besides the parent."},
      {"agent.toml: memory.diverse", "programs", "", "Shown of another kind (search.inspirations)."},
      {"agent.toml: memory.failures", "failures", "", "Recent ones shown with their evidence."},
      {"agent.toml: memory.lessons", "lessons", "", "Shown of what was tried, with open directions."},
      {"agent.toml: prompt.system_tokens", "tokens", "",
       "Budget of the part that stays the same for a run, which providers cache."},
      {"agent.toml: prompt.user_tokens", "tokens", "", "Budget of a task. Raise it for large sources."},
      {"agent.toml: prompt.workloads", "rows", "", "Of a table of workloads."},
      {"agent.toml: prompt.knowledge", "", "",
       "Tags of notes to show besides those of the definition and the device (prompts/README.md)."},
      {"agent.toml: prompt.sections", "tokens", "",
       "Of a section of the prompt, in place of its default. Sections give way from the end of this list."}};
  return kDocs;
}

}  // namespace warpwright::engine
