#!/usr/bin/env python3
"""Writes testdata/*.ptx: what Triton makes of four kernels, for the simulator's tests.

Needs `pip install triton` (made with 3.9.0, MIT licence) and no GPU. A file's first lines say what a launch needs.
The kernels use no instruction beyond mma.sync and cp.async: for sm_90 the matrix product is kept from wgmma by
its tile of 32 rows, below what a warp group takes; sm_100 likewise from tcgen05.
"""
import pathlib
import re

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def softmax(x, out, columns, BLOCK: tl.constexpr):
    """A row a program."""
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    inside = at < columns
    values = tl.load(x + row * columns + at, mask=inside, other=-float("inf"))
    weights = tl.exp(values - tl.max(values, axis=0))
    tl.store(out + row * columns + at, weights / tl.sum(weights, axis=0), mask=inside)


@triton.jit
def layer_norm(x, weight, bias, out, mean_out, columns, epsilon, BLOCK: tl.constexpr):
    """A row a program, in pieces of BLOCK; bf16 in and out."""
    row = tl.program_id(0)
    total = tl.zeros([BLOCK], dtype=tl.float32)
    squares = tl.zeros([BLOCK], dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        values = tl.load(x + row * columns + at, mask=at < columns, other=0.0).to(tl.float32)
        total += values
        squares += values * values
    mean = tl.sum(total, axis=0) / columns
    scale = tl.rsqrt(tl.sum(squares, axis=0) / columns - mean * mean + epsilon)
    tl.store(mean_out + row, mean)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        inside = at < columns
        values = tl.load(x + row * columns + at, mask=inside, other=0.0).to(tl.float32)
        scaled = (values - mean) * scale * tl.load(weight + at, mask=inside) + tl.load(bias + at, mask=inside)
        tl.store(out + row * columns + at, scaled.to(tl.bfloat16), mask=inside)


@triton.jit
def matmul(a, b, c, m, n, k, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """bf16, row-major, f32 out; a tile of M x N a program, a pipeline over k."""
    rows = tl.program_id(0) * M + tl.arange(0, M)
    columns = tl.program_id(1) * N + tl.arange(0, N)
    depth = tl.arange(0, K)
    a_at = a + rows[:, None] * k + depth[None, :]
    b_at = b + depth[:, None] * n + columns[None, :]
    total = tl.zeros((M, N), dtype=tl.float32)
    for start in range(0, k, K):
        left = tl.load(a_at, mask=(rows[:, None] < m) & (depth[None, :] < k - start), other=0.0)
        right = tl.load(b_at, mask=(columns[None, :] < n) & (depth[:, None] < k - start), other=0.0)
        total = tl.dot(left, right, total)
        a_at += K
        b_at += K * n
    tl.store(c + rows[:, None] * n + columns[None, :], total, mask=(rows[:, None] < m) & (columns[None, :] < n))


@triton.jit
def topk(x, out, columns, BLOCK: tl.constexpr, WANTED: tl.constexpr):
    """The WANTED largest of a row, largest first."""
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    values = tl.load(x + row * columns + at, mask=at < columns, other=-float("inf"))
    tl.store(out + row * WANTED + tl.arange(0, WANTED), tl.topk(values, WANTED))


ALIGNED = [["tt.divisibility", 16]]
KERNELS = [  # kernel, parameter types, constants, names of aligned pointers, options
    (softmax, {"x": "*fp32", "out": "*fp32", "columns": "i32"}, {"BLOCK": 512}, ["x", "out"], {"num_warps": 4}),
    (layer_norm, {"x": "*bf16", "weight": "*fp32", "bias": "*fp32", "out": "*bf16", "mean_out": "*fp32",
                  "columns": "i32", "epsilon": "fp32"}, {"BLOCK": 256}, ["x", "weight", "bias", "out"],
     {"num_warps": 2}),
    (matmul, {"a": "*bf16", "b": "*bf16", "c": "*fp32", "m": "i32", "n": "i32", "k": "i32"},
     {"M": 32, "N": 64, "K": 32}, ["a", "b", "c", "n", "k"], {"num_warps": 4, "num_stages": 3}),
    (topk, {"x": "*fp32", "out": "*fp32", "columns": "i32"}, {"BLOCK": 512, "WANTED": 16}, ["x", "out"],
     {"num_warps": 4}),
]
BEYOND = ("wgmma", "tcgen05", "cp.async.bulk", "mbarrier", "tensormap")


def compile_one(kernel, types, constants, aligned, options, capability):
    names = kernel.arg_names
    signature = {name: types.get(name, "constexpr") for name in names}
    source = ASTSource(fn=kernel, signature=signature, constexprs={(names.index(n),): v for n, v in constants.items()},
                       attrs={(names.index(n),): ALIGNED for n in aligned})
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def main():
    folder = pathlib.Path(__file__).parent / "testdata"
    folder.mkdir(exist_ok=True)
    for kernel, *rest in KERNELS:
        for capability in (90, 100):
            compiled = compile_one(kernel, *rest, capability)
            ptx, data = compiled.asm["ptx"], compiled.metadata
            beyond = [word for word in BEYOND if word in ptx]
            if beyond:
                raise SystemExit(f"{data.name} for sm_{capability} uses {beyond}")
            head = (f"// Made by Triton {triton.__version__} (MIT licence) from ../generate.py.\n"
                    f"// threads {32 * data.num_warps} shared {data.shared}\n")
            code = ptx.split("\t.section\t.debug")[0]  # the debugger's tables come last and are long
            code = re.sub(r'(\.file\s+\d+ )"[^"]*/', r'\1"', code)  # names without this machine's folders
            (folder / f"{data.name}_sm{capability}.ptx").write_text(head + code)
            print(f"{data.name} sm_{capability}: {len(code)} bytes, {32 * data.num_warps} threads, {data.shared} shared")


if __name__ == "__main__":
    main()
