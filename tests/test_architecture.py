"""The import rules: which part of minidl may know which, and what the core is written with."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STANDARD = sys.stdlib_module_names
HEAVY = ("torch", "numpy", "pandas", "matplotlib", "sklearn", "pydantic", "rich.progress")

# What each folder knows besides the standard library, what lies in it and what everyone may use: in
# the order in which a config passes through them, so that none knows a later one.
EVERYONE = ("errors", "host", "plural", "probabilities", "scores", "seeds", "signals")
FOLDERS = {
    "minidl/store": ("torch", "numpy", "safetensors"),
    "minidl/spec": ("yaml", "pydantic", "pydantic_core", "minidl.store"),
    "minidl/nn": ("torch",),
    "minidl/optim": ("torch", "numpy", "minidl.nn.parameter", "minidl.nn.module"),
    "minidl/engine": ("torch", "numpy"),
    "minidl/data": (
        *("torch", "numpy", "pandas", "pyarrow", "sklearn", "safetensors", "PIL"),
        *("minidl.store.files", "minidl.store.system", "minidl.store.folders", "minidl.spec"),
    ),
    "minidl/train": (
        *("torch", "numpy", "minidl.nn", "minidl.optim", "minidl.engine"),
        *("minidl.data.batches", "minidl.data.encoding"),
    ),
    "minidl/build": (
        *("torch", "numpy", "safetensors", "minidl.spec", "minidl.store", "minidl.nn"),
        *("minidl.optim", "minidl.data", "minidl.train", "minidl.reference"),
    ),
    "minidl/reference": ("torch", "minidl.nn", "minidl.optim"),
    "minidl/report": (
        *("numpy", "scipy", "matplotlib", "PIL", "pandas", "jinja2"),
        *("plotly", "mlflow", "sqlalchemy", "tensorboardX", "sklearn"),
        *("minidl.spec", "minidl.store", "minidl.build.function"),
    ),
    "minidl/verify": (
        *("torch", "numpy", "minidl.spec", "minidl.nn", "minidl.data", "minidl.engine"),
        *("minidl.train", "minidl.build", "minidl.reference", "minidl.report.tables.sheet"),
    ),
    "minidl/bench": (
        *("torch", "minidl.spec", "minidl.nn", "minidl.engine", "minidl.train", "minidl.build"),
        *("minidl.reference", "minidl.report.tables", "minidl.report.members"),
    ),
    "minidl/explain": (
        *("torch", "numpy", "minidl.spec", "minidl.nn", "minidl.optim", "minidl.engine"),
        *("minidl.train", "minidl.build", "minidl.verify.differences"),
        *("minidl.report.tables.sheet", "minidl.report.tables.escape"),
    ),
    "minidl/runs": (
        *("torch", "numpy", "pandas", "minidl.spec", "minidl.store", "minidl.nn", "minidl.data"),
        *("minidl.build", "minidl.train", "minidl.report.figures.plots", "minidl.__version__"),
    ),
    "minidl/sweep": (
        *(
            "torch",
            "joblib",
            "optuna",
            "distributed",
            "minidl.spec",
            "minidl.store",
            "minidl.nn",
            "minidl.engine",
        ),
        *("minidl.data", "minidl.train", "minidl.build", "minidl.runs"),
    ),
    "minidl/why": (
        *("numpy", "sklearn", "minidl.spec", "minidl.store", "minidl.nn", "minidl.data"),
        *("minidl.build", "minidl.train", "minidl.report.members", "minidl.report.tables"),
    ),
    "minidl/web": ("starlette", "uvicorn", "minidl.store.system"),
    "minidl/watch": (
        *("numpy", "starlette", "minidl.store", "minidl.web"),
        *("minidl.report.html", "minidl.report.members"),
    ),
    "minidl/play": (
        *("torch", "numpy", "starlette", "minidl.spec", "minidl.web"),
        *("minidl.nn", "minidl.data", "minidl.build", "minidl.train", "minidl.explain"),
        *("minidl.runs.replay", "minidl.report.figures.style"),
        *("minidl.store.files", "minidl.store.folders"),
    ),
    "minidl/again": (
        *("torch", "numpy", "minidl.data", "minidl.build", "minidl.train", "minidl.runs.replay"),
        *("minidl.sweep.kinds", "minidl.report.tables.sheet", "minidl.play.plane"),
    ),
    "minidl/api": (
        *("numpy", "pandas", "rich", "minidl.spec", "minidl.store", "minidl.nn", "minidl.data"),
        *("minidl.train.stopping", "minidl.runs", "minidl.report.members", "minidl.sweep"),
        "minidl.report.tables.table",
    ),
    "minidl/estimators": (
        *("torch", "numpy", "sklearn", "joblib", "minidl.nn", "minidl.optim", "minidl.engine"),
        *("minidl.data.batches", "minidl.data.encoding", "minidl.train"),
    ),
    "minidl/export": (
        *(
            "torch",
            "numpy",
            "safetensors",
            "minidl.store.files",
            "minidl.store.system",
            "minidl.nn",
            "minidl.data",
        ),
        *("minidl.reference", "minidl.runs"),
    ),
}
# These know less than their folders.
FILES = {
    **{f"minidl/{name}.py": () for name in EVERYONE},
    "minidl/probabilities.py": ("numpy",),
    "minidl/seeds.py": ("torch", "numpy"),
    "minidl/nn/parameter.py": ("torch",),
    "minidl/train/weights.py": ("torch", "minidl.nn"),
    "minidl/report/members": ("numpy", "scipy", "sklearn", "minidl.spec", "minidl.store"),
    "minidl/report/tables": (
        *("numpy", "pandas", "minidl.spec", "minidl.store", "minidl.report.members"),
    ),
    "minidl/report/html": (
        *("numpy", "jinja2", "plotly", "minidl.store"),
        *("minidl.report.tables", "minidl.report.members"),
    ),
    "minidl/report/trackers": (
        *(
            "mlflow",
            "sqlalchemy",
            "tensorboardX",
            "minidl.spec.paths",
            "minidl.store",
            "minidl.report.members",
        ),
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


def test_all_folders_are_spoken_of_and_little_lies_beside_them() -> None:
    folders = {f"minidl/{path.parent.name}" for path in (ROOT / "minidl").glob("*/__init__.py")}
    assert folders == set(FOLDERS)
    modules = {path.stem for path in (ROOT / "minidl").glob("*.py")} - {"__main__"}
    assert modules == {"__init__", *EVERYONE}
    assert len(modules) <= 8


@pytest.mark.parametrize("part", [*FOLDERS, *FILES])
def test_a_part_knows_only_what_it_builds_on(part: str) -> None:
    own = part.removesuffix(".py").replace("/", ".")
    everyone = [f"minidl.{name}" for name in EVERYONE]
    allowed = [own, *everyone, *{**FOLDERS, **FILES}[part]]
    for file in files(part):
        for module in imports(file):
            known = module.split(".")[0] in STANDARD or any(
                within(module, package) for package in allowed
            )
            assert known, f"{file.relative_to(ROOT)} imports {module}"


def test_every_folder_says_what_lives_there() -> None:
    for file in (ROOT / "minidl").rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(file.read_text())) or ""
        assert len(text) > 80, f"{file.relative_to(ROOT)}: what lives here, and where to start?"


def _edges() -> dict[str, set[str]]:
    """Each module of minidl and its command line, and the modules that it imports."""
    paths = {
        ".".join(file.relative_to(above).with_suffix("").parts).removesuffix(".__init__"): file
        for above, part in ((ROOT, "minidl"), (ROOT / "cli", "cli/minidl_cli"))
        for file in files(part)
        if file.name != "__main__.py"  # which is the command
    }
    return {
        module: {
            name if name in paths else name.rpartition(".")[0]
            for name in imports(file)
            if name.startswith("minidl")
        }
        - {module}
        for module, file in paths.items()
    }


def test_no_file_and_no_folder_imports_in_a_circle() -> None:
    edges = _edges()
    packages = {module.rpartition(".")[0] for module in edges}

    def folder(module: str) -> str:
        # What a package's own file imports it hands on: nobody is above or below it for that.
        return f"{module}.__init__" if module in packages else module.rpartition(".")[0]

    of_folders: dict[str, set[str]] = {}
    for module, imported in edges.items():
        known = of_folders.setdefault(folder(module), set())
        known |= {folder(name) for name in imported} - {folder(module)}
    for graph in (edges, of_folders):
        TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_the_training_loop_knows_no_files() -> None:
    for name in ("trainer", "lanes", "programs", "stop", "watch"):
        part = f"minidl/train/{name}.py"
        assert not {"pathlib", "os", "io"} & {
            module.split(".")[0] for module in imports(files(part)[0])
        }


# Calls that reach the disk: through store/system.py alone, where tests can fail each of them.
# The cache of compiled code is no part of any run, and what fails there is made again elsewhere;
# what the kernel says of processes lies on no disk.
PAST_IT = (
    *("minidl/store/files.py", "minidl/store/owner.py"),
    *("minidl/engine/compiler.py", "minidl/engine/libraries.py", "minidl/engine/processor.py"),
)
DISK = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "rmdir", "unlink", "touch"),
    *("iterdir", "glob", "rglob", "walk", "scandir", "listdir", "exists", "is_file", "is_dir"),
    *("is_symlink", "stat", "lstat", "rename", "renames", "fsync", "truncate", "rmtree"),
}


def test_every_touch_of_the_disk_goes_through_one_module() -> None:
    for file in [*files("minidl"), *files("cli")]:
        if str(file.relative_to(ROOT)) in PAST_IT:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                owner, _, name = called.rpartition(".")
                place = f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
                assert called not in ("open", "os.open", "io.open") or "devnull" in place, place
                assert owner in ("", "files", "system") or name not in DISK, place


def test_the_library_never_imports_its_command_line() -> None:
    for file in files("minidl"):
        if file.name != "__main__.py":
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
        ("minidl.store.run_folder", ("torch", "numpy", "pandas", "matplotlib", "sklearn")),
    ],
)
def test_importing_it_loads_nothing_slow(module: str, without: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(without) & set(done.stdout.split())
