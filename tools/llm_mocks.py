"""Starts third-party mock servers on loopback and compares what llm_probe makes of them with what it should.

Usage: llm_mocks.py LLM_PROBE BIN_FOLDER_OF_THE_SERVERS
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

PROBE, BIN = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
CHAT, RESPONSES, MESSAGES, GEMINI = "openai-chat", "openai-responses", "anthropic-messages", "gemini"
KEY = "sk-SENTINEL-mock-0123456789"

# Server: its command ({port} is replaced), then its endpoints: wire format, path of base_url, model.
LLMOCK = [(CHAT, "/v1", "gpt-4o-mini"), (RESPONSES, "/v1", "gpt-4o-mini"),
          (MESSAGES, "/anthropic", "claude-sonnet-4-5"), (GEMINI, "/gemini", "gemini-2.5-flash")]
SERVERS = {
    "llmock": (["llmock", "serve", "-p", "{port}"], LLMOCK),
    "fakellm": (["fakellm", "serve", "--port", "{port}"], [(CHAT, "/v1", "gpt-4o-mini"), (MESSAGES, "", "claude-sonnet-4-5")]),
    "llm-mock-api": (["llm-mock-api", "start", "-H", "127.0.0.1", "-p", "{port}", "-l", "1"],
                     [(CHAT, "/v1", "gpt-4o-mini"), (RESPONSES, "/v1", "gpt-4o-mini"), (MESSAGES, "", "claude-sonnet-4-5")]),
}
# llmock forces a status by header; what a stream does wrong is a setting of the whole server.
STATUSES = {400: "invalid", 401: "unauthorized", 429: "rate-limited", 500: "server", 503: "overloaded"}
STREAM_FAULTS = {"truncate": {"transport"}, "malformed": {"bad-reply", "transport"}, "stall": {"timeout"}}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name, extra=()):
        self.command, self.endpoints = SERVERS[name]
        self.port, self.extra, self.name = free_port(), list(extra), name

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        if self.name == "fakellm":
            subprocess.run([f"{BIN}/fakellm", "init"], cwd=self.folder.name, check=True, stdout=subprocess.DEVNULL)
        command = [part.format(port=self.port) for part in self.command] + self.extra
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        self.process = subprocess.Popen([f"{BIN}/{command[0]}", *command[1:]], cwd=self.folder.name, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return self
            except OSError:
                time.sleep(0.1)
        self.log.seek(0)
        raise SystemExit(f"{self.name} did not start:\n{self.log.read()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def ask(self, wire, path, model, *more):
        command = [PROBE, "--provider", wire, "--base-url", f"http://127.0.0.1:{self.port}{path}", "--model", model,
                   "--key-env", "MOCK_KEY", *more]
        ran = subprocess.run(command, env={**os.environ, "MOCK_KEY": KEY}, capture_output=True, text=True, timeout=90)
        if KEY in ran.stdout + ran.stderr:
            raise SystemExit(f"the key is shown: {ran.stdout}{ran.stderr}")
        if ran.returncode != 0:
            raise SystemExit(f"{command}: {ran.stderr}")
        return json.loads(ran.stdout)


checks, failures = 0, 0


def check(what, ok, got):
    global checks, failures
    checks += 1
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what}" + ("" if ok else f"\n     {got}"))


def check_answers(name):
    with Server(name) as server:
        for wire, path, model in server.endpoints:
            for form in ([], ["--whole"]):
                got = server.ask(wire, path, model, *form)
                usage = got["usage"]
                # fakellm's chat stream reports no usage, as some servers do: it must be unknown then, not zero.
                unknown = name == "fakellm" and wire == CHAT and not form
                counted = not usage["known"] if unknown else usage["known"] and usage["input"] > 0 and usage["output"] > 0
                what = f"{name} {wire} {'whole' if form else 'stream'}: answer, usage {'unknown' if unknown else 'counted'}"
                check(what, got["outcome"] == "complete" and got["text"].strip() and counted, got)


def check_statuses():
    with Server("llmock") as server:
        for wire, path, model in LLMOCK:
            for status, outcome in STATUSES.items():
                got = server.ask(wire, path, model, "--header", f"x-llmock-force-status: {status}")
                heard = status != 429 or got.get("retry_after_ms", 0) > 0
                check(f"llmock {wire}: {status} is {outcome}", got["outcome"] == outcome and got["status"] == status and heard, got)


def check_streams():
    for fault, outcomes in STREAM_FAULTS.items():
        with Server("llmock", ["--stream-fault", f"{fault}=1", "--stream-stall-seconds", "20"]) as server:
            for wire, path, model in LLMOCK:
                if wire == GEMINI and fault != "malformed":
                    continue  # its whole answer is one event, so nothing is missing when the stream breaks
                got = server.ask(wire, path, model, "--idle-ms", "1000")
                check(f"llmock {wire}: {fault} is {' or '.join(sorted(outcomes))}", got["outcome"] in outcomes, got)


for server_name in SERVERS:
    check_answers(server_name)
check_statuses()
check_streams()
print(f"llm-check: {checks - failures} of {checks} as they should be")
sys.exit(failures > 0)
