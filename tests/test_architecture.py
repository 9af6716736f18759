"""The import rules: which part of minidl may know which, and what the core is written with."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STANDARD = sys.stdlib_module_names
HEAVY = ("torch", "numpy", "pandas", "matplotlib", "sklearn", "pydantic", "rich.progress")

# What the files of a part may import besides the standard library and the part itself.
ALLOWED = {
    "minidl/errors.py": (),
    "minidl/scores.py": (),
    "minidl/probabilities.py": ("numpy",),
    "minidl/plural.py": (),
    "minidl/nn": ("torch", "minidl.errors"),
    "minidl/optim": (
        *("torch", "minidl.errors", "minidl.scores"),
        *("minidl.host", "minidl.nn.parameter", "minidl.nn.module"),
    ),
    "minidl/host.py": (),
    "minidl/engine": ("torch", "numpy", "minidl.errors", "minidl.host"),
    "minidl/spec": (
        *("yaml", "pydantic", "pydantic_core"),
        *("minidl.errors", "minidl.files", "minidl.folders", "minidl.names"),
    ),
    "minidl/data": (
        *("torch", "numpy", "pandas", "sklearn", "safetensors", "PIL"),
        *("minidl.errors", "minidl.plural", "minidl.seeds", "minidl.files", "minidl.folders"),
        "minidl.spec",
    ),
    "minidl/train.py": (
        *("torch", "minidl.data.batches", "minidl.evaluation", "minidl.lanes"),
        *("minidl.nn", "minidl.optim", "minidl.weights"),
    ),
    "minidl/lanes.py": ("torch", "numpy", "minidl.engine", "minidl.errors", "minidl.evaluation"),
    "minidl/weights.py": ("torch", "minidl.nn"),
    "minidl/reference": ("torch", "minidl.nn", "minidl.optim"),
    "minidl/verify": (
        *("torch", "minidl.errors", "minidl.nn", "minidl.spec", "minidl.data", "minidl.build"),
        *("minidl.execute", "minidl.plural", "minidl.reference", "minidl.report.sheet"),
        *("numpy", "minidl.engine", "minidl.host", "minidl.lanes", "minidl.train"),
    ),
    "minidl/bench": (
        *("torch", "minidl.nn", "minidl.spec", "minidl.build", "minidl.engine", "minidl.threads"),
        *("minidl.execute", "minidl.evaluation", "minidl.reference", "minidl.scores"),
        *("minidl.report.sheet", "minidl.report.groups", "minidl.report.measures"),
        "minidl.report.numbers",
    ),
    "minidl/report": (
        *("numpy", "scipy.special", "matplotlib", "pandas", "jinja2"),
        *(
            "minidl.errors",
            "minidl.files",
            "minidl.find",
            "minidl.folders",
            "minidl.names",
            "minidl.plural",
            "minidl.records",
            "minidl.runs",
            "minidl.spec",
        ),
        *("minidl.scores", "minidl.probabilities"),
        "minidl.build.function",
    ),
}
# Where minidl is compared with PyTorch's own networks.
COMPARISONS = ("reference", "verify", "bench")
# The core computes with arithmetic, elementary functions and rearrangement alone.
FORBIDDEN_IN_THE_CORE = {
    *("autograd", "requires_grad", "requires_grad_", "enable_grad", "functional", "optim"),
    *("softmax", "log_softmax", "softplus", "gelu", "silu", "relu", "leaky_relu", "dropout"),
    *("layer_norm", "batch_norm", "group_norm", "conv1d", "conv2d", "linear", "mse_loss"),
}


def files(part: str) -> list[Path]:
    path = ROOT / part
    return [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it; types alone don't count."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_knows_only_what_it_builds_on(part: str) -> None:
    own = part.removesuffix(".py").replace("/", ".")
    for file in files(part):
        for module in imports(file):
            known = module.split(".")[0] in STANDARD or any(
                within(module, package) for package in (own, *ALLOWED[part])
            )
            assert known, f"{file.relative_to(ROOT)} imports {module}"


def test_the_training_loop_knows_no_files() -> None:
    for part in ("minidl/train.py", "minidl/lanes.py"):
        assert not {"pathlib", "os", "io"} & {
            name.split(".")[0] for name in imports(files(part)[0])
        }


# Calls that reach the disk: through minidl/files.py alone, where tests can fail each of them. The
# cache of compiled code is no part of any run, and what fails there is made again elsewhere.
DISK = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "rmdir", "unlink", "touch"),
    *("iterdir", "glob", "rglob", "walk", "scandir", "listdir", "exists", "is_file", "is_dir"),
    *("is_symlink", "stat", "lstat", "rename", "renames", "fsync", "truncate", "rmtree"),
}


def test_every_touch_of_the_disk_goes_through_one_module() -> None:
    for file in [*files("minidl"), *files("cli")]:
        if file in (ROOT / "minidl/files.py", ROOT / "minidl/engine/compiler.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                owner, _, name = called.rpartition(".")
                place = f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
                assert called not in ("open", "os.open", "io.open") or "devnull" in place, place
                assert owner in ("", "files") or name not in DISK, place


def test_the_library_never_imports_its_command_line() -> None:
    for file in files("minidl"):
        assert not any(within(module, "minidl_cli") for module in imports(file)), file


def test_the_core_is_written_by_hand() -> None:
    for file in [*files("minidl/nn"), *files("minidl/optim")]:
        for module in imports(file):
            parts = module.split(".")
            from_torch = parts[0] == "torch"
            assert not (from_torch and {"nn", *FORBIDDEN_IN_THE_CORE} & set(parts)), (file, module)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                name = f"{ast.unparse(node)} in {file.relative_to(ROOT)}"
                assert node.attr not in FORBIDDEN_IN_THE_CORE, name
                assert not node.attr.endswith("_backward"), name
                assert not ast.unparse(node).startswith("torch.nn"), name


def test_pytorchs_own_networks_serve_only_to_compare() -> None:
    theirs = ("torch.nn", "torch.optim", "torch.autograd")
    for file in files("minidl"):
        if file.relative_to(ROOT / "minidl").parts[0] in COMPARISONS:
            continue
        names = {
            ast.unparse(n)
            for n in ast.walk(ast.parse(file.read_text()))
            if isinstance(n, ast.Attribute)
        }
        for name in (*imports(file), *names):
            assert not any(within(name, package) for package in theirs), (file, name)


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("minidl_cli.main", HEAVY),
        ("minidl.spec", ("torch", "numpy", "pandas", "matplotlib", "sklearn")),
        ("minidl.runs", ("torch", "numpy", "pandas", "matplotlib", "sklearn")),
    ],
)
def test_importing_it_loads_nothing_slow(module: str, without: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(without) & set(done.stdout.split())
