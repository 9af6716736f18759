"""Where the stacks of a sweep run."""

from minidl.executors.base import THREADS, Executor, Job, Update, run_job
from minidl.executors.processes import ProcessExecutor

__all__ = ["THREADS", "Executor", "Job", "ProcessExecutor", "Update", "run_job"]
