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
import math
import shlex
import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from minidl.errors import ConfigError, DamagedError, DamageWarning, RunError
from minidl.plural import plural
from minidl.scores import is_of_a_part
from minidl.spec import Member, Sweep, dump, load_sweep
from minidl.spec.sweep import count_members
from minidl.store import files, folders, system
from minidl.store.locks import is_locked
from minidl.store.names import check_name
from minidl.store.records import spreadsheet_safe
from minidl.store.run_folder import SWEEP, RunFolder, is_run, is_sweep, resume_command
from minidl.store.run_record import RunRecord
from minidl.sweep.written import as_yaml, damage, differences, files_of_run, files_of_sweep

_RESULTS, _ERROR = "results.csv", "error.txt"


class SweepFolder:
    """One sweep on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, dict[str, Any]] = {}  # of results.csv, by member

    @classmethod
    def create(
        cls,
        runs_dir: Path,
        sweep: Sweep,
        name: str | None = None,
        files_read: Mapping[str, str] | None = None,
    ) -> SweepFolder:
        """The sweep's folder, new or there already; `files_read` has each data file's SHA-256.

        An existing one must hold the same sweep, or one with fewer members, on the same data:
        RunError says what differs otherwise. A damaged sweep.yaml is made anew, with a warning:
        which members there are their folders say, and their configs on which data.
        """
        folder = cls(cls.place(runs_dir, sweep, name))
        folders.refuse_link(folder.path)
        if system.stat_of(folder.path) is not None:
            folders.refuse_links(folder.path)
            if not files.is_file(folder.path / SWEEP):
                raise RunError(
                    f"{folder.path}: exists already and isn't a sweep's folder "
                    "(choose another --name)"
                )
            folder.refuse_another(sweep)
            folder.refuse_other_files(files_read or {})
            if folder.damage:
                message = f"{folder.config_path}: {folder.damage}: it is made anew"
                warnings.warn(message, DamageWarning, stacklevel=2)
        text = as_yaml(sweep, files_read or {}, folder.path)
        if system.stat_of(folder.path) is None:
            folders.new(folder.path, {SWEEP: text.encode()})
        else:
            files.write_atomic(folder.path / SWEEP, text.encode())
        return folder

    @staticmethod
    def place(runs_dir: Path, sweep: Sweep, name: str | None = None) -> Path:
        """Where a sweep's folder lies. Raises RunError where the name is unsafe."""
        check_name(name or sweep.name)
        return runs_dir / (name or sweep.name)

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """An existing one."""
        if not is_sweep(path):
            raise RunError(f"{path}: not a sweep's folder: it holds no {SWEEP}")
        folders.refuse_links(path)
        return cls(path)

    @property
    def config_path(self) -> Path:
        return self.path / SWEEP

    @property
    def damage(self) -> str:
        """What is wrong with sweep.yaml: "is empty", say; nothing where it is whole."""
        return damage(self.config_path)

    def damage_note(self) -> str:
        """The same, with the way out."""
        if not (wrong := self.damage):
            return ""
        command = "minidl sweep CONFIG …"
        for run in self._begun():
            with contextlib.suppress(RunError):
                words = list(run.read_record().command)
                if words[:2] == command.split()[:2]:
                    command = shlex.join(words)
                    break
        return f"{self.config_path}: {wrong}; the sweep's own command repairs it: `{command}`"

    def refuse_damage(self) -> None:
        """DamagedError if sweep.yaml isn't whole: what is left of it may be another sweep."""
        if note := self.damage_note():
            raise DamagedError(note)

    def load(self, watch: Callable[[int, int], None] = lambda read, count: None) -> Sweep:
        """The sweep that sweep.yaml describes (see load_sweep)."""
        return load_sweep(self.config_path, watch=watch, runs_dir=self.path.parent)

    def _begun(self) -> list[RunFolder]:
        """The runs that are there; those with a dot in front were being made at a kill."""
        inside = [path for path in files.entries(self.path) if not path.name.startswith(".")]
        return [RunFolder(path) for path in inside if is_run(path)]

    def run(self, member: Member) -> RunFolder:
        """The member's own folder, which may not be there yet."""
        return RunFolder(self.path / member.name)

    def status(self, member: Member) -> str:
        """How a member stands: "missing" where it has not begun."""
        run = self.run(member)
        return run.status if is_run(run.path) else "missing"

    def unbegun(self) -> tuple[int, int]:
        """How many members have not begun, of how many; (0, 0) where that can't be said."""
        if self.damage:
            return 0, 0
        begun = {run.path.name for run in self._begun()}
        try:
            # Whether all are there is known much sooner than which they are.
            if len(begun) >= count_members(self.config_path):
                return 0, len(begun)
            sweep = self.load()
        except ConfigError:  # of another version, say: its runs can be read all the same
            return 0, 0
        names = {member.name for member in sweep.members}
        if sweep.proposes:
            # A small space may have fewer points than there are trials: those come twice.
            total = count_members(self.config_path)
            known = sweep.space is not None and math.isinf(sweep.space.size)
            return (total - len(begun), total) if known else (0, 0)
        return len(names - begun), len(names)

    def unbegun_note(self) -> str:
        """`5 of 12 runs have not begun`, and how they would; empty where all have.

        Where that can't be said for a damaged sweep.yaml, how to repair it.
        """
        if note := self.damage_note():
            return note
        missing, total = self.unbegun()
        if not missing:
            return ""
        verb = "has" if missing == 1 else "have"
        go_on = "" if is_locked(self.path) else f": `{resume_command(self.path)}` goes on"
        return f"{self.path}: {missing:,} of {plural(total, 'run')} {verb} not begun{go_on}"

    def clear_away(self) -> None:
        """Delete what killed processes left half-written. Nobody may be writing there now."""
        folders.remove_temporaries(self.path)

    # Failures.

    def write_error(self, member: Member, text: str) -> None:
        """Note that a member failed, and why; its folder may not be there yet."""
        run = self.run(member)
        record = RunRecord(name=member.spec.name)
        with contextlib.suppress(RunError):
            record = run.read_record()
        record.status, record.reason = "failed", "".join(text.strip().splitlines()[-1:])
        if is_run(run.path):
            run.write_record(record)
        else:  # at once, since what a kill leaves behind must be a run, to be tried again
            config = dump(member.spec, run.path)
            RunFolder.create_at(
                run.path, config_text=config, record=record, overwrite=True, tidy=False
            )
        files.write_atomic(run.path / _ERROR, text.encode("utf-8", "replace"))

    def write_interrupted(self, member: Member) -> None:
        """Note that a member's process was ended before it could say so itself."""
        run = self.run(member)
        if run.status == "running":
            run.write_record(replace(run.read_record(), status="interrupted"))

    def forget_error(self, member: Member) -> None:
        """A member that failed is tried again."""
        files.remove(self.path / member.name / _ERROR)

    def write_results(
        self, members: Iterable[Member], changed: Container[str] | None = None
    ) -> Counter[str]:
        """results.csv, from the members' own records; read again are only those that `changed`.

        Returns how many there are of each status.
        """
        members = list(members)
        for member in members:
            if changed is None or member.name in changed:
                self._rows[member.name] = self._row(member)
        rows = [self._rows[member.name] for member in members]
        columns = dict.fromkeys(key for row in rows for key in row)
        content = io.StringIO()
        writer = csv.DictWriter(content, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        files.write_atomic(self.path / _RESULTS, content.getvalue().encode())
        return Counter(row["status"] for row in rows)

    def _row(self, member: Member) -> dict[str, Any]:
        run = self.run(member)
        record = RunRecord(status="missing")
        if files.is_file(run.record_path):
            try:
                record = run.read_record()
            except DamagedError:
                record = RunRecord(status="broken")
        best = record.best
        return {
            "member": member.name,
            "status": record.status or "missing",
            **member.values,
            "epochs": record.epochs,
            **record.final,
            "best_epoch": best.get("epoch"),
            **{f"best_{k}": v for k, v in best.items() if is_of_a_part(k)},
            "train_seconds": record.train_seconds,
        }

    def refuse_other_files(self, files_read: Mapping[str, str]) -> None:
        """RunError if a data file isn't the one that the sweep began with."""
        if self.damage:
            before = [files_of_run(run.config_path) for run in self._begun()]
        else:
            before = [files_of_sweep(self.config_path, files_read)]
        for path, digest in files_read.items():
            if any(one.get(path, digest) != digest for one in before):
                raise RunError(
                    f"{path}: has changed since the sweep in {self.path} began: its SHA-256 "
                    "differs. Bring the file back, or give this sweep another --name"
                )

    def refuse_another(self, sweep: Sweep) -> None:
        """RunError if the folder has runs that aren't members of this sweep."""
        held = {run.path.name for run in self._begun()}
        changed = [] if self.damage else differences(self.config_path, sweep)
        if sweep.proposes:  # which runs it has follows from their results
            own = held if _is_larger(changed) else set()
        else:
            own = {member.name for member in sweep.members}
            held |= {member.name for member in self.load().members} if changed else set()
        if gone := held - own:
            raise RunError(
                f"{self.path}: holds another sweep, with {plural(len(gone), 'run')} that this one "
                "lacks. Give this one another --name, or remove the folder. What differs:\n"
                + "\n".join(changed or sorted(gone))
            )


def _is_larger(changed: Sequence[str]) -> bool:
    """Whether nothing of a search is other than before, unless it has more trials."""
    trials = "  sweep.search.trials: "
    others = [one for one in changed if not one.startswith(trials)]
    counts = [one.removeprefix(trials).split(" → ") for one in changed if one.startswith(trials)]
    return not others and all(int(before) < int(after) for before, after in counts)


def _cell(value: Any) -> Any:
    """Numbers stay exact, text harmless."""
    return repr(value) if isinstance(value, float) else spreadsheet_safe(value)
