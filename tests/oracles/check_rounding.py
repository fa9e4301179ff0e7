"""bf16 and e4m3 conversions against ml_dtypes: every bit pattern, every midpoint and its neighbours, random floats.
usage: check_rounding.py RUN_ORACLE HOME"""
import pathlib
import subprocess
import sys
import tempfile

from harness import ml_dtypes, np

PROGRAM = sys.argv[1]
LARGEST_E4M3 = np.float32(448)


def convert(command, dtype, values, result_type):
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder) / "in", pathlib.Path(folder) / "out"
        values.tofile(source)
        subprocess.run([PROGRAM, command, dtype, str(source), str(target)], check=True)
        return np.fromfile(target, result_type)


def same(what, actual, expected):
    wrong = np.flatnonzero(~((actual == expected) | (np.isnan(actual) & np.isnan(expected))))
    assert len(wrong) == 0, f"{what}: {len(wrong)} differ, the first gives {actual[wrong[0]]}, not {expected[wrong[0]]}"
    assert np.array_equal(np.signbit(actual), np.signbit(expected)), f"{what}: signs of zero or NaN"


def interesting(decoded):
    """Values between neighbours: the middle, one step to either side; both signs; and the extremes."""
    finite = np.unique(decoded[np.isfinite(decoded)].astype(np.float64))
    middles = ((finite[:-1] + finite[1:]) / 2).astype(np.float32)
    steps = [middles, np.nextafter(middles, np.float32(np.inf)), np.nextafter(middles, np.float32(-np.inf)),
             finite.astype(np.float32)]
    tiny = np.arange(1, 70000, dtype=np.uint32).view(np.float32)
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 448, 463.99997, 464, 464.00003, 480, 3.3895314e38, 3.4028235e38],
                     np.float32)
    return np.concatenate([*steps, tiny, edges, -edges])


def random_floats(count):
    random = np.random.default_rng(7)
    any_bits = random.integers(0, 2**32, count // 2, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([any_bits, (random.standard_normal(count // 2) * 100).astype(np.float32)])


def check(dtype, numpy_type, code_type, expected_of):
    codes = np.arange(256 ** np.dtype(code_type).itemsize, dtype=np.uint32).astype(code_type)
    decoded = convert("decode", dtype, codes, np.float32)
    same(f"{dtype} decode", decoded, codes.view(numpy_type).astype(np.float32))
    values = np.concatenate([interesting(decoded), random_floats(10_000_000)])
    encoded = convert("encode", dtype, values, code_type).view(numpy_type).astype(np.float32)
    same(f"{dtype} encode", encoded, expected_of(values))
    print(f"{dtype}: {len(codes)} patterns and {len(values)} floats agree")


def e4m3_of(values):
    """ml_dtypes gives NaN beyond the largest value; cvt.satfinite, and so we, give the largest."""
    return np.clip(values, -LARGEST_E4M3, LARGEST_E4M3).astype(ml_dtypes.float8_e4m3fn).astype(np.float32)


with np.errstate(all="ignore"):
    check("bfloat16", ml_dtypes.bfloat16, np.uint16, lambda v: v.astype(ml_dtypes.bfloat16).astype(np.float32))
    check("float8_e4m3fn", ml_dtypes.float8_e4m3fn, np.uint8, e4m3_of)
