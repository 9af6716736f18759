"""Members trained by a lease: a process finds these by their module, which isn't a test's."""

from __future__ import annotations

import contextlib
from pathlib import Path

from minidl.nn.threads import use_threads
from minidl.store.leases import Fenced, Lease
from minidl.sweep import remote
from minidl.sweep.processes import Job


def take_and_train(job: Job, path: Path) -> None:
    """Until another takes the lease."""
    lease = Lease(path)
    with contextlib.suppress(Fenced), lease.fencing(), use_threads(1):
        train_by(lease, job)


def train_by(lease: Lease, job: Job) -> None:
    remote._train(job, lease, lambda news: None)
