"""Runs the Python reference of a definition for warpwright's evaluator, job after job.

A job is one line of JSON on standard input: the reference's code, its arguments and its outputs, whose bytes lie in
the memory file at descriptor 3. An answer is one line of JSON on standard output. Outputs are written as float64.
"""
import ctypes
import gc
import json
import linecache
import mmap
import os
import platform
import struct
import sys
import traceback
import warnings

ARENA = 3
NAME = "reference"


def deny_writes(libc):
    """Landlock: from here on no file can be written, made, renamed or removed; reading stays."""
    version = libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return False
    last_right = 12 if version == 1 else 13 if version == 2 else 14
    rights = sum(1 << right for right in [1, *range(4, last_right + 1)])
    ruleset = ctypes.create_string_buffer(struct.pack("Q", rights), 8)
    rules = libc.syscall(444, ruleset, ctypes.c_size_t(8), ctypes.c_uint32(0))
    done = rules >= 0 and libc.syscall(446, ctypes.c_int(rules), ctypes.c_uint32(0)) == 0
    if rules >= 0:
        os.close(rules)
    return done


def deny_calls(libc):
    """seccomp: no socket, no other program, no signal and no look into other processes."""
    calls = {  # socket connect bind ptrace execve execveat kill
        "x86_64": (0xC000003E, [41, 42, 49, 101, 59, 322, 62]),
        "aarch64": (0xC00000B7, [198, 203, 200, 117, 221, 281, 129]),
    }.get(platform.machine())
    if calls is None:
        return False
    architecture, denied = calls
    code = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, 0x80000000), (0x20, 0, 0, 0)]
    code += [(0x15, len(denied) - i, 0, number) for i, number in enumerate(denied)]
    code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050001)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(program)))
    return libc.prctl(22, ctypes.c_ulong(2), header, 0, 0) == 0


def shut_in():
    """A dataset's code gets no network and no file to write. Best effort: says what holds."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.prctl(38, 1, 0, 0, 0) != 0:
        return "none"
    held = [name for name, enter in [("landlock", deny_writes), ("seccomp", deny_calls)] if enter(libc)]
    return ",".join(held) or "none"


def argument(spec, arena):
    if spec["kind"] == "absent":
        return None
    if spec["kind"] == "scalar":
        return spec["value"]
    dtype = getattr(torch, spec["dtype"])
    if spec["bytes"] == 0:
        return torch.empty(spec["shape"], dtype=dtype)
    flat = torch.frombuffer(arena, dtype=torch.uint8, count=spec["bytes"], offset=spec["offset"])
    return flat.view(dtype).reshape(spec["shape"])


def named(result, outputs):
    """What the reference returned, by output: a tensor or number, a tuple, or a dictionary."""
    if isinstance(result, dict):
        missing = [output["name"] for output in outputs if output["name"] not in result]
        if missing:
            raise ValueError(f"the reference returned no {', '.join(missing)}")
        return [result[output["name"]] for output in outputs]
    values = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(values) != len(outputs):
        raise ValueError(f"the reference returned {len(values)} outputs, the definition has {len(outputs)}")
    return values


def store(value, output, arena):
    value = torch.as_tensor(value).detach().cpu()
    if list(value.shape) != output["shape"]:
        raise ValueError(f"the reference returned {output['name']} of shape {list(value.shape)}, not {output['shape']}")
    wide = value.to(torch.float64).contiguous()
    if wide.numel() == 0:
        return
    target = torch.frombuffer(arena, dtype=torch.uint8, count=8 * wide.numel(), offset=output["offset"])
    target.view(torch.float64).copy_(wide.reshape(-1))


def run(job, known):
    code = job["code"]
    if known.get("code") != code:
        linecache.cache[NAME] = (len(code), None, code.splitlines(True), NAME)
        names = {"__name__": NAME}
        exec(compile(code, NAME, "exec"), names)
        if not callable(names.get("run")):
            raise ValueError("the reference has no function run(...)")
        known.update(code=code, run=names["run"])
    torch.manual_seed(0)
    arena = mmap.mmap(ARENA, max(job["arena_bytes"], mmap.PAGESIZE))
    with torch.no_grad():
        result = known["run"](*[argument(spec, arena) for spec in job["inputs"]])
    for value, output in zip(named(result, job["outputs"]), job["outputs"]):
        store(value, output, arena)


def explain(error):
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME]
    place = f"line {lines[-1]}: " if lines else ""
    return f"{place}{type(error).__name__}: {error}"[:2000]


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a reference prints is no answer
    warnings.simplefilter("ignore")
    global torch
    try:
        import torch
    except Exception as error:
        print(json.dumps({"problem": f"PyTorch cannot be imported: {error}"[:500]}), file=answers)
        return
    greeting = {"python": platform.python_version(), "torch": str(torch.__version__), "sandbox": shut_in()}
    print(json.dumps(greeting), file=answers)
    known = {}
    for line in sys.stdin:
        try:
            run(json.loads(line), known)
            answer = {}
        except (Exception, SystemExit) as error:
            answer = {"error": explain(error)}
        gc.collect()
        print(json.dumps(answer), file=answers)


main()
