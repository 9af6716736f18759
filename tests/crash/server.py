"""Runs minidl commands in children forked from a warm process, and lets the disk fail under them.

A process of its own takes seconds to import torch; a fork of one that has takes milliseconds.
`Server` is what tests use; run as a script this file is the warm process. Requests and answers are
JSON, a line each.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, eq=False)
class Ended:
    """How a command ended: `code` is negative for a signal, as in subprocess."""

    pid: int
    code: int
    out: str
    err: str
    seconds: float  # from the last signal on
    operations: Sequence[str] = ()  # on the disk, with names of files; none if it was killed
    epochs: Sequence[int] = ()  # those that it trained, to their ends


class Server:
    """The warm process, seen from a test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def run(self, *arguments: object, **fault: Any) -> Ended:
        """One command: `minidl *arguments`.

        A fault is `kill_at=n` (at its n-th operation on the disk; a write is done by half),
        `fail_at=n, errno=e, lasting=bool` (that one fails, or all from there on), or
        `signals=[number, …], after=seconds`, or `signal_at=n, signals=[number]`. `stdout=path`
        sends what it prints elsewhere, `planted=name` gives it one of the faults in `faults.py`.

        A file system that can less: `never={name: errno}` and `at_first={name: errno}` are the
        operations that always fail, or each time when they are first tried ("" are all of them),
        and `short=True` takes half of each write.
        """
        return self.race([arguments], **fault)[0]

    def race(self, commands: Sequence[Sequence[object]], **fault: Any) -> list[Ended]:
        """Several commands at once, all with the same fault."""
        assert self._process.stdin
        assert self._process.stdout
        lists = [[str(argument) for argument in command] for command in commands]
        print(json.dumps({"commands": lists, **fault}), file=self._process.stdin, flush=True)
        return [Ended(**answer) for answer in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        self._process.communicate()


def serve() -> None:
    """Answer requests until there are no more."""
    from kept_programs import keep_programs

    with keep_programs({}):
        warm_up()
        gc.freeze()  # a collection in a child would copy all that it looks at
        for line in sys.stdin:
            request = json.loads(line)
            with tempfile.TemporaryDirectory() as scratch:
                answers = _carry_out(request, Path(scratch))
            print(json.dumps(answers), flush=True)


def warm_up() -> None:
    """Load all that a training loads, train once, and compile what most tests train."""
    import minidl_cli.app
    import minidl_cli.progress
    import minidl_cli.sweep_progress
    import typer.main
    from crash.helpers import GRID, TRAINING
    from trainings import SMALL

    import minidl.report.figures.plots
    from minidl.runs import member
    from minidl.runs.execute import execute, resume
    from minidl.spec import load_spec, load_sweep
    from minidl.store.run_folder import RunFolder
    from minidl.sweep.folder import SweepFolder
    from minidl.sweep.plan import plan
    from minidl.sweep.run import run

    def draw_run(folder: RunFolder) -> list[Path]:
        """One figure that takes no time."""
        return [folder.write_plot("loss", b"a figure")]

    minidl.report.figures.plots.draw_run = draw_run
    member.ROWS_SECONDS = 1e9  # as many operations however fast the machine is
    minidl_cli.app.app = typer.main.get_command(minidl_cli.app.app)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        config, runs = Path(folder) / "small.yaml", Path(folder) / "runs"
        config.write_text(SMALL)
        path = execute(load_spec(config, TRAINING), runs_dir=runs).run.folder.path
        record = RunFolder(path).read_record()
        record.status = "interrupted"
        RunFolder(path).write_record(record)
        resume(path)
        swept = load_sweep(config, [*TRAINING, *GRID])
        run(plan(swept, SweepFolder.create(runs, swept), jobs=1))


def _carry_out(request: dict[str, Any], scratch: Path) -> list[dict[str, Any]]:
    gate, start = os.pipe()
    children = []
    for place, command in enumerate(request["commands"]):
        pid = os.fork()
        if not pid:
            os.close(start)
            os.read(gate, 1)  # until all are there
            _child(command, request, scratch / str(place))
        children.append(pid)
    os.close(gate)
    os.close(start)
    if "after" in request:
        for number in request["signals"]:
            time.sleep(request["after"])
            with contextlib.suppress(ProcessLookupError):
                os.kill(children[0], number)
    answers = []
    signalled = time.perf_counter()
    for place, pid in enumerate(children):
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        seconds = time.perf_counter() - signalled
        said: dict[str, Any] = {name: _read(scratch / f"{place}.{name}") for name in SAID}
        said["epochs"] = [int(number) for number in said["epochs"].split()]
        said["operations"] = said["operations"].splitlines()
        answers.append({"pid": pid, "code": code, "seconds": seconds, **said})
    return answers


SAID = ("out", "err", "operations", "epochs")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _child(command: list[str], request: dict[str, Any], files_at: Path) -> None:
    from minidl_cli.main import _leave, main

    from minidl.store import system

    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _leave)  # as `main` begins: a signal may come before it does
    out = request.get("stdout", f"{files_at}.out")
    for number, path in ((1, out), (2, f"{files_at}.err")):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.argv = ["minidl", *command]
    counter = Counter(request)
    system.disk = counter
    _note_epochs(f"{files_at}.epochs")
    if "planted" in request:
        from crash.faults import FAULTS

        FAULTS[request["planted"]]()
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 99
    sys.stderr.flush()
    sys.stdout.flush()  # as the interpreter does when it ends
    Path(f"{files_at}.operations").write_text("\n".join(counter.log))
    os._exit(code)


def _note_epochs(path: str) -> None:
    """Note each epoch as soon as it is trained, so that a kill finds it noted."""
    from minidl.train.trainer import Trainer

    handle, steps_done = os.open(path, os.O_WRONLY | os.O_CREAT), Trainer.steps_done

    def noted(trainer: Trainer, seconds: float) -> None:
        steps_done(trainer, seconds)
        os.write(handle, f"{trainer.finished}\n".encode())

    Trainer.steps_done = noted  # type: ignore[assignment, method-assign]


class Counter:
    """Stands in for `system.disk`: counts operations, and lets one fail."""

    def __init__(self, request: dict[str, Any]) -> None:
        from minidl.store import system

        self.done = 0
        self.lock = threading.RLock()  # a handler of signals may use the disk too
        self.log: list[str] = []
        self.kill_at, self.fail_at = request.get("kill_at"), request.get("fail_at")
        self.signal_at, self.signals = request.get("signal_at"), request.get("signals", [])
        self.errno, self.lasting = request.get("errno", 0), request.get("lasting", False)
        self.never, self.at_first = request.get("never", {}), request.get("at_first", {})
        self.short = request.get("short", False)
        self.failed: set[int] = set()  # threads whose last operation did, at first
        self.disk = system.disk

    def __call__(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return self.disk(self._alone, operation, *arguments, **options)

    def _alone(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        with self.lock:  # files are forced in threads
            self._less(operation.__name__)
            if self.short and operation is os.write:
                handle, content = arguments
                arguments = handle, content[: (len(content) + 1) // 2]
            return self._carry_out(operation, *arguments, **options)

    def _less(self, name: str) -> None:
        """What the file system can't do."""
        thread = threading.get_ident()
        if name in self.never:
            raise OSError(self.never[name], os.strerror(self.never[name]))
        number = self.at_first.get(name, self.at_first.get(""))
        if number and thread not in self.failed:
            self.failed.add(thread)
            raise OSError(number, os.strerror(number))
        self.failed.discard(thread)

    def _carry_out(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self.done += 1
        self.log.append(_in_words(operation, arguments))
        if self.done == self.kill_at:
            if operation is os.write:
                handle, content = arguments
                os.write(handle, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        if self.done == self.signal_at:
            signal.raise_signal(self.signals[0])
        if self.fail_at and (
            self.done >= self.fail_at if self.lasting else self.done == self.fail_at
        ):
            raise OSError(self.errno, os.strerror(self.errno))
        if operation is os.fsync:
            return None  # what a kill leaves behind doesn't depend on it, and it is slow
        return operation(*arguments, **options)


def _in_words(operation: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """`replace last.safetensors`, say: the last path is the one that matters."""
    paths = [one for one in arguments if isinstance(one, str | os.PathLike)]
    if isinstance(owner := getattr(operation, "__self__", None), os.PathLike):
        paths = [owner]
    return " ".join([operation.__name__, *(Path(one).name for one in paths[-1:])])


def delays(count: int, longest: float, seed: int = 0) -> list[float]:
    """Random moments."""
    generator = random.Random(seed)
    return [generator.uniform(0, longest) for _ in range(count)]


if __name__ == "__main__":
    serve()
