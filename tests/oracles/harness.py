"""Cases on disk, the C++ program that runs them, and a reason to skip."""
import json
import pathlib
import subprocess
import sys
import tempfile

SKIP = 77  # ctest's SKIP_RETURN_CODE
try:
    import ml_dtypes
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}; `make oracle-check` installs what is needed into the build folder")
    sys.exit(SKIP)

DTYPES = {"bfloat16": ml_dtypes.bfloat16, "float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float32": np.float32,
          "int32": np.int32, "int64": np.int64, "int8": np.int8}


def definition_of(program_home, op_type, name, changed_axes, new_name=None):
    """A definition of configs/trace with other constants."""
    path = pathlib.Path(program_home) / "configs/trace/definitions" / op_type / f"{name}.json"
    definition = json.loads(path.read_text())
    definition["name"] = new_name or name
    for axis, value in changed_axes.items():
        assert definition["axes"][axis]["type"] == "const", axis
        definition["axes"][axis]["value"] = value
    return definition


def all_axes(definition, axes):
    constants = {k: v["value"] for k, v in definition["axes"].items() if v["type"] == "const"}
    return {**constants, **axes}


def shape_of(definition, axes, name):
    tensor = definition["inputs"].get(name) or definition["outputs"][name]
    return [all_axes(definition, axes)[axis] for axis in tensor["shape"]]


def rounded(definition, name, values):
    """Values as the definition's dtype has them."""
    return np.asarray(values).astype(DTYPES[definition["inputs"][name]["dtype"]])


def run_oracle(program, family, definition, axes, tensors, scalars):
    """Outputs of the C++ oracle: float64 arrays by name, 'NAME.ranks' and 'undecided' flat."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        case = {"family": family, "definition": definition, "axes": axes, "scalars": scalars}
        (folder / "case.json").write_text(json.dumps(case))
        for name, values in tensors.items():
            assert list(values.shape) == shape_of(definition, axes, name), (name, values.shape)
            (folder / f"{name}.bin").write_bytes(np.ascontiguousarray(values).tobytes())
        done = subprocess.run([program, "case", str(folder)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        outputs = {path.name[:-4]: np.fromfile(path, np.float64) for path in folder.glob("*.f64")}
    for name in definition["outputs"]:
        outputs[name] = outputs[name].reshape(shape_of(definition, axes, name))
    return outputs


def expect_close(what, actual, expected, tolerance):
    """Within tolerance of |expected| plus the root mean square; infinities where they belong."""
    finite = np.isfinite(expected)
    assert np.array_equal(actual[~finite], expected[~finite]), f"{what}: infinities differ"
    if not finite.any():
        return
    actual, expected = actual[finite], expected[finite]
    allowed = tolerance * (np.abs(expected) + np.sqrt(np.mean(expected**2)))
    worst = np.argmax(np.abs(actual - expected) - allowed)
    assert np.all(np.abs(actual - expected) <= allowed), f"{what}: {actual[worst]} is not {expected[worst]}"
