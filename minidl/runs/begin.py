"""A run begins, or goes on: its spec with nothing left open, its record, its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from minidl.build import Experiment
from minidl.data import Dataset, remarks
from minidl.data.source import digest_of
from minidl.runs.boundary import plane_of
from minidl.runs.member import MemberRun
from minidl.runs.record import now, provenance
from minidl.runs.restart import Restart
from minidl.spec import ArraysData, CsvData, Spec, dump
from minidl.spec.init import FromInit
from minidl.store import files
from minidl.store.run_folder import RunFolder
from minidl.store.run_record import RunRecord
from minidl.train.stopping import Observer


@dataclass(frozen=True)
class Beginning:
    """What a run begins with; `text` is the spec as config.yaml has it."""

    spec: Spec
    text: str
    data: Dataset
    experiment: Experiment

    @classmethod
    def of(cls, spec: Spec, data: Dataset, experiment: Experiment, folder: Path) -> Beginning:
        """With nothing left open in the spec: the device, and the files' hashes.

        folder: the run's, or another one beside it, from which the config's paths start.
        """
        spec = pinned(spec, {**data.source_hashes, **experiment.source_hashes})
        spec = spec.model_copy(update={"device": str(experiment.device)})
        return cls(spec, dump(spec, folder), data, experiment)

    def record(self, engine: str, command: Sequence[str] = ()) -> RunRecord:
        """run.json as the run begins; `engine` describes what trains it."""
        data, encoding = self.data, self.experiment.encoding
        return replace(
            provenance(self.experiment.device, engine),
            name=self.spec.name,
            status="running",
            command=command,
            seed=self.spec.seed,
            config_sha256=hashlib.sha256(self.text.encode()).hexdigest(),
            task=data.task,
            class_names=data.class_names,
            feature_names=data.feature_names,
            target_names=data.target_names,
            input_shape=data.input_shape,
            outputs=encoding.outputs,
            output_shape=encoding.output_shape,
            decision=encoding.decision(),
            preprocessing=data.preprocessing.to_dict() if data.preprocessing else None,
            target_scale=asdict(data.target_scale) if data.target_scale else None,
            input_range=_range(data),
            baseline=data.baseline() or {},
            remarks=[
                *(remarks(data) if data.source_hashes else ()),
                *filter(None, [self.spec.optimism()]),
            ],
            plane=plane_of(data) if self.spec.training.record else {},
            parameters=self.experiment.trainer.optimizer.flat.size,
            weights="last",
            started=now(),
        )

    def run(
        self,
        path: Path,
        record: RunRecord,
        restart: Restart | None = None,
        *,
        observers: Sequence[Observer] = (),
        until: int | None = None,
        overwrite: bool = False,
        tidy: bool = True,
    ) -> MemberRun:
        """The run: in a new folder (see RunFolder.create_at), or from where `restart` found it.

        until: see MemberRun.
        """
        if restart is None:
            folder = RunFolder.create_at(
                path, config_text=self.text, record=record, overwrite=overwrite, tidy=tidy
            )
        else:
            folder = RunFolder(path)
            folder.write_record(record)
        run = MemberRun(
            *(self.spec, self.data, self.experiment, folder, record),
            observers=observers,
            until=until,
        )
        if restart is not None:
            run.go_on(restart)
        return run

    def renew_config(self, folder: RunFolder) -> None:
        """What another version wrote, or what is damaged, becomes what a new run would have."""
        config = self.text.encode()
        try:
            same = files.read(folder.config_path) == config
        except OSError:
            same = False
        if not same:
            files.write_atomic(folder.config_path, config)


def _range(data: Dataset) -> Sequence[float]:
    """The least and the largest value of images; empty for anything else."""
    if len(data.input_shape) != 3:
        return ()
    return float(data.train.inputs.min()), float(data.train.inputs.max())


def pinned(spec: Spec, hashes: Mapping[str, str]) -> Spec:
    """The spec with the SHA-256 of its files, by their paths: others are refused then."""
    data, model, init = spec.data, spec.model, spec.model.init
    if isinstance(data, CsvData | ArraysData):
        changes = {data.hash_key(key): digest_of(path, hashes) for key, path in data.files.items()}
        spec = spec.model_copy(update={"data": data.model_copy(update=changes)})
    if isinstance(init, FromInit):
        init = init.model_copy(update={"sha256": hashes[str(init.path)]})
        spec = spec.model_copy(update={"model": model.model_copy(update={"init": init})})
    return spec
