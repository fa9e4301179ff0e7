#!/usr/bin/env python3
"""Writes evaluator/sim/testdata/matrix_vectors.txt: number formats and matrix products that the simulator's tests
are held against, computed by numpy and ml_dtypes, which this project did not write.

Needs Python 3.10 or later with `pip install numpy ml_dtypes` (the file checked in was written with ml_dtypes 0.6.0).
Run from the repository's root: tools/matrix-vectors.py > evaluator/sim/testdata/matrix_vectors.txt

Lines of the file:
  values TYPE V0 V1 ...              the f32 bits of every code of the type, in order (NaN: 7fffffff)
  product TYPE_A TYPE_B K            a 16 x K times K x 8 product, followed by lines
    a CODES / b CODES                row by row, two hex digits each
    sum BITS / size BITS             f64 bits of the exact sum and of the sum of magnitudes, 16 x 8
"""
import numpy as np
import ml_dtypes as ml

TYPES = {
    "e4m3": (ml.float8_e4m3fn, 8), "e5m2": (ml.float8_e5m2, 8), "e3m2": (ml.float6_e3m2fn, 6),
    "e2m3": (ml.float6_e2m3fn, 6), "e2m1": (ml.float4_e2m1fn, 4), "ue8m0": (ml.float8_e8m0fnu, 8),
}
PRODUCTS = [("e4m3", "e4m3", 32), ("e4m3", "e5m2", 32), ("e5m2", "e5m2", 32), ("e3m2", "e2m3", 32),
            ("e2m1", "e2m1", 64), ("bf16", "bf16", 16), ("f16", "f16", 16)]


def decode(name, codes):
    if name == "bf16":
        return codes.astype(np.uint16).view(ml.bfloat16).astype(np.float64)
    if name == "f16":
        return codes.astype(np.uint16).view(np.float16).astype(np.float64)
    return codes.astype(np.uint8).view(TYPES[name][0]).astype(np.float64)


def draw(random, name, shape):
    """Codes of finite numbers; those of 16 bits between 2^-7 and 2^8 in magnitude."""
    if name in ("bf16", "f16"):
        values = random.standard_normal(shape) * 2.0 ** random.integers(-5, 5, shape)
        kind = ml.bfloat16 if name == "bf16" else np.float16
        return values.astype(kind).view(np.uint16)
    codes = random.integers(0, 1 << TYPES[name][1], shape)
    while True:
        bad = ~np.isfinite(decode(name, codes))
        if not bad.any():
            return codes
        codes[bad] = random.integers(0, 1 << TYPES[name][1], int(bad.sum()))


def hexes(array, digits):
    return " ".join(f"{int(x):0{digits}x}" for x in array.reshape(-1))


def main():
    for name, (_, bits) in TYPES.items():
        values = decode(name, np.arange(1 << bits)).astype(np.float32)
        out = values.view(np.uint32).copy()
        out[np.isnan(values)] = 0x7FFFFFFF
        print("values", name, hexes(out, 8))
    random = np.random.default_rng(20)
    for a, b, k in PRODUCTS:
        ca, cb = draw(random, a, (16, k)), draw(random, b, (k, 8))
        va, vb = decode(a, ca), decode(b, cb)
        digits = 4 if a in ("bf16", "f16") else 2
        print("product", a, b, k)
        print("a", hexes(ca, digits))
        print("b", hexes(cb, digits))
        print("sum", hexes((va @ vb).view(np.uint64), 16))
        print("size", hexes((np.abs(va) @ np.abs(vb)).view(np.uint64), 16))


if __name__ == "__main__":
    main()
