#!/usr/bin/env python3
"""Writes testdata/triton_*.ptx: what Triton makes of matrix products with tensor descriptors, for the simulator's tests.

Needs `pip install triton` (made with 3.9.0, MIT licence) and no GPU. They use tensor copies and mbarriers, on sm_90a
wgmma, on sm_100a tcgen05. A file's first lines say what a launch needs; `tensor map` lines are the boxes that the host
has to describe, slowest dimension first, one for each descriptor parameter in turn.

Triton 3.9.0 fails to specialise the warps of the persistent kernel for sm_90 (a verifier error of its own).
"""
import os
import pathlib
import re

os.environ["TRITON_DISABLE_LINE_INFO"] = "1"

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def device_maps(a_at, b_at, c_at, m, n, k, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """C = A B^T. The kernel makes its tensor maps itself, in global scratch memory."""
    a = tl.make_tensor_descriptor(a_at, [m, k], [k, 1], [M, K])
    b = tl.make_tensor_descriptor(b_at, [n, k], [k, 1], [N, K])
    c = tl.make_tensor_descriptor(c_at, [m, n], [n, 1], [M, N])
    row = tl.program_id(0) * M
    column = tl.program_id(1) * N
    total = tl.zeros((M, N), dtype=tl.float32)
    for start in range(0, k, K):
        total = tl.dot(a.load([row, start]), b.load([column, start]).T, total)
    c.store([row, column], total.to(c.dtype))


@triton.jit
def host_maps(a, b, c, k, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """C = A B^T with tensor maps of the host."""
    row = tl.program_id(0) * M
    column = tl.program_id(1) * N
    total = tl.zeros((M, N), dtype=tl.float32)
    for start in range(0, k, K):
        total = tl.dot(a.load([row, start]), b.load([column, start]).T, total)
    c.store([row, column], total.to(c.dtype))


@triton.jit
def persistent(a, b, c, m, n, k, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, SPECIALISE: tl.constexpr):
    """C = A B^T: every program takes tile after tile."""
    across = tl.cdiv(n, N)
    for tile in tl.range(tl.program_id(0), tl.cdiv(m, M) * across, tl.num_programs(0), warp_specialize=SPECIALISE):
        row = tile // across * M
        column = tile % across * N
        total = tl.zeros((M, N), dtype=tl.float32)
        for start in range(0, k, K):
            total = tl.dot(a.load([row, start]), b.load([column, start]).T, total)
        c.store([row, column], total.to(c.dtype))


@triton.jit
def scaled(a, b, a_scales, b_scales, c, k, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    """C = A B^T of MX fp8: a power of two for 32 elements along k. 128 rows' scales of 128 elements are 512 bytes:
    32 rows, of each of which come the scales of rows r, r + 32, r + 64, r + 96, four each."""
    row = tl.program_id(0) * M
    column = tl.program_id(1) * N
    total = tl.zeros((M, N), dtype=tl.float32)
    for start in range(0, k, K):
        left = a_scales.load([0, row // 128, start // 128, 0, 0])
        right = b_scales.load([0, column // 128, start // 128, 0, 0])
        left = left.reshape(M // 128, K // 128, 32, 4, 4).trans(0, 3, 2, 1, 4).reshape(M, K // 32)
        right = right.reshape(N // 128, K // 128, 32, 4, 4).trans(0, 3, 2, 1, 4).reshape(N, K // 32)
        total = tl.dot_scaled(a.load([row, start]), left, "e4m3", b.load([column, start]).T, right, "e4m3", total)
    c.store([row, column], total.to(c.dtype))


def maps(kind, out, m, n, k):
    box = lambda kind, *shape: f"tensordesc<{kind}[{', '.join(map(str, shape))}]>"
    return {"a": box(kind, m, k), "b": box(kind, n, k), "c": box(out, m, n)}


SIZES = {"m": "i32", "n": "i32", "k": "i32"}
POINTERS = lambda kind: {"a_at": f"*{kind}", "b_at": f"*{kind}", "c_at": "*bf16", **SIZES}
TILE, BYTE_TILE = {"M": 64, "N": 64, "K": 64}, {"M": 64, "N": 64, "K": 128}
SCALES = {name: "tensordesc<u8[1, 1, 1, 2, 256]>" for name in ("a_scales", "b_scales")}
KERNELS = [  # name, target, kernel, parameter types, constants, options
    ("device_maps_bf16_sm90", 90, device_maps, POINTERS("bf16"), TILE, {"num_stages": 3}),
    ("persistent_fp8_sm90", 90, persistent, {**maps("fp8e4nv", "bf16", 64, 64, 128), **SIZES},
     {**BYTE_TILE, "SPECIALISE": False}, {"num_stages": 3}),
    ("two_blocks_bf16_sm90", 90, host_maps, {**maps("bf16", "bf16", 128, 64, 64), "k": "i32"}, {**TILE, "M": 128},
     {"num_stages": 3, "num_ctas": 2}),
    ("device_maps_fp8_sm100", 100, device_maps, POINTERS("fp8e4nv"), {**BYTE_TILE, "M": 128},
     {"num_stages": 2}),
    ("persistent_bf16_sm100", 100, persistent, {**maps("bf16", "bf16", 128, 64, 64), **SIZES},
     {**TILE, "M": 128, "SPECIALISE": True}, {"num_stages": 3}),
    ("scaled_mxfp8_sm100", 100, scaled, {**maps("fp8e4nv", "bf16", 128, 128, 128), **SCALES, "k": "i32"},
     {"M": 128, "N": 128, "K": 128}, {"num_stages": 2}),
]


def compile_one(target, kernel, types, constants, options):
    names = kernel.arg_names
    signature = {name: types.get(name, "constexpr") for name in names}
    aligned = [name for name, kind in types.items() if kind.startswith("*") or "a_at" in types and name in SIZES]
    source = ASTSource(fn=kernel, signature=signature, constexprs={(names.index(n),): v for n, v in constants.items()},
                       attrs={(names.index(n),): [["tt.divisibility", 16]] for n in aligned})
    return triton.compile(source, target=GPUTarget("cuda", target, 32), options={"num_warps": 4, **options})


def main():
    folder = pathlib.Path(__file__).parent / "testdata"
    for name, *rest in KERNELS:
        compiled = compile_one(*rest)
        ptx, data = compiled.asm["ptx"], compiled.metadata
        threads = re.search(r"\.reqntid (\d+)", ptx)[1]
        boxes = "".join(f"// tensor map box {map['block_size']} swizzle {map['swizzle']} type {map['elem_type']}\n"
                        for map in data.tensordesc_meta)
        head = (f"// Made by Triton {triton.__version__} (MIT licence) from ../triton_kernels.py.\n"
                f"// threads {threads} shared {data.shared} cluster {data.num_ctas} scratch {data.global_scratch_size}\n"
                + boxes)
        code = re.sub(r"(?m)^\s*//.*\n", "", ptx.split("\t.section\t.debug")[0])
        (folder / f"triton_{name}.ptx").write_text(head + code)
        print(f"{name}: {len(code)} bytes, {threads} threads, {data.shared} shared")


if __name__ == "__main__":
    main()
