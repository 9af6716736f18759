"""SweepFolder: the only code that knows what lies in a sweep's folder.

runs/<name>/
  sweep.yaml     the config, its `sweep:` block as it was run, its `report:` block
  results.csv    one row per member: status, values of the swept keys, final and best metrics
  <member>/      a run folder each, plots excepted; error.txt where it failed
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from minidl import files
from minidl.errors import ConfigError, Problem, RunError
from minidl.names import check_name
from minidl.records import spreadsheet_safe
from minidl.restart import Restart
from minidl.runs import RunFolder, is_run, refuse_links
from minidl.spec import Member, Sweep
from minidl.spec.dump import to_yaml
from minidl.spec.loader import load, read_text
from minidl.spec.nodes import Place, plain

_SWEEP, _RESULTS, _ERROR = "sweep.yaml", "results.csv", "error.txt"


class SweepFolder:
    """One sweep on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, runs_dir: Path, sweep: Sweep, name: str | None = None) -> SweepFolder:
        """The sweep's folder, new or there already.

        An existing one must hold the same sweep, or one with fewer members: RunError says what
        differs otherwise.
        """
        name = name or sweep.name
        check_name(name)
        folder = cls(runs_dir / name)
        text = _as_yaml({**sweep.base, "sweep": sweep.block}, sweep.report)
        if folder.path.is_symlink():
            raise RunError(
                f"{folder.path}: is a symbolic link: a sweep is never written through one"
            )
        if folder.path.exists():
            refuse_links(folder.path)
            if not (folder.path / _SWEEP).is_file():
                raise RunError(f"{folder.path}: exists already and isn't a sweep's folder")
            folder._refuse_another(sweep, text)
        else:
            files.make_folder(folder.path, new=True)
        files.write_atomic(folder.path / _SWEEP, text.encode())
        return folder

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """An existing one."""
        if not is_sweep(path):
            raise RunError(f"{path}: not a sweep's folder: it holds no {_SWEEP}")
        refuse_links(path)
        return cls(path)

    @property
    def config_path(self) -> Path:
        return self.path / _SWEEP

    def run(self, member: Member) -> RunFolder:
        """The member's own folder, which may not be there yet."""
        return RunFolder(self.path / member.name)

    def status(self, member: Member) -> str:
        """How a member stands: "missing" where it has not begun."""
        run = self.run(member)
        return run.status if is_run(run.path) else "missing"

    def finished(self, member: Member) -> int:
        """The epoch from which a member can go on; 0 without a sound checkpoint."""
        return Restart.find(self.run(member)).epoch

    def write_error(self, member: Member, text: str) -> None:
        """Note that a member failed, and why; its folder may not be there yet."""
        run = self.run(member)
        if not run.path.is_dir():
            files.make_folder(run.path)
        files.write_atomic(run.path / _ERROR, text.encode("utf-8", "replace"))
        record: dict[str, Any] = {"name": member.spec.name}
        with contextlib.suppress(RunError):
            record = run.read_record()
        reason = text.strip().splitlines()[-1:]
        run.write_record({**record, "status": "failed", "reason": "".join(reason)})

    def forget_error(self, member: Member) -> None:
        """A member that failed is tried again."""
        (self.path / member.name / _ERROR).unlink(missing_ok=True)

    def write_results(self, members: Iterable[Member]) -> None:
        """results.csv, from the members' own records."""
        rows = [self._row(member) for member in members]
        columns = dict.fromkeys(key for row in rows for key in row)
        content = io.StringIO()
        writer = csv.DictWriter(content, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        files.write_atomic(self.path / _RESULTS, content.getvalue().encode())

    def _row(self, member: Member) -> dict[str, Any]:
        run = self.run(member)
        record: Mapping[str, Any] = {}
        if run.record_path.exists():
            try:
                record = run.read_record()
            except RunError:
                record = {"status": "broken"}
        best = record.get("best") or {}
        return {
            "member": member.name,
            "status": record.get("status", "missing"),
            **member.values,
            "epochs": record.get("epochs"),
            **(record.get("final") or {}),
            "best_epoch": best.get("epoch"),
            **{f"best_{k}": v for k, v in best.items() if k.startswith(("train_", "test_"))},
            "train_seconds": record.get("train_seconds"),
        }

    def _known_members(self) -> set[str]:
        try:
            with (self.path / _RESULTS).open(encoding="utf-8", newline="") as file:
                return {row.get("member") or "" for row in csv.DictReader(file)}
        except FileNotFoundError:
            return set()
        except (ValueError, csv.Error) as error:
            raise RunError(f"{self.path / _RESULTS}: is damaged: {error}") from error

    def _refuse_another(self, sweep: Sweep, text: str) -> None:
        gone = self._known_members() - {member.name for member in sweep.members}
        if not gone:
            return
        before = _flat(_read_yaml(read_text(self.config_path), str(self.config_path)))
        now = _flat(_read_yaml(text, "now"))
        changed = [
            f"  {key}: {before.get(key, '(not given)')} → {now.get(key, '(not given)')}"
            for key in dict.fromkeys([*before, *now])
            if before.get(key) != now.get(key)
        ]
        raise RunError(
            f"{self.path}: holds another sweep; {len(gone)} of its runs are not in this one. "
            "Give this one another --name, or remove the folder. What differs:\n"
            + "\n".join(changed)
        )


def is_sweep(path: Path) -> bool:
    """Whether a folder holds a sweep."""
    return (path / _SWEEP).is_file()


def _as_yaml(config: dict[str, Any], report: Any) -> str:
    if report is not None:
        config = {**config, "report": report}
    return to_yaml(_plain(config))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _read_yaml(text: str, file: str) -> Any:
    problems: list[Problem] = []
    node = load(text, Place(file), problems)
    if problems:
        raise ConfigError(problems)
    return plain(node) if node is not None else None


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Nested mappings by dotted keys."""
    if isinstance(value, dict) and value:
        inner = [_flat(v, f"{key}.{k}" if key else str(k)) for k, v in value.items()]
        return {k: v for part in inner for k, v in part.items()}
    return {key: value}


def _cell(value: Any) -> Any:
    """Numbers stay exact, text harmless."""
    return repr(value) if isinstance(value, float) else spreadsheet_safe(value)
