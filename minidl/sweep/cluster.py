"""A Dask cluster: connected to, or started here; and whether its workers give the same results."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from minidl.errors import RunError
from minidl.sweep.processes import deaf_to_the_terminal

PACKAGES = ("minidl", "torch", "numpy")  # which must be the same everywhere
CONNECT_SECONDS = 10


class Cluster:
    """A Dask cluster to which this process is connected."""

    def __init__(self, client: Any) -> None:
        self.client = client

    @property
    def threads(self) -> int:
        """How many tasks it carries out at a time, at present. Raises RunError if it is gone."""
        with self.asked():
            found: dict[str, int] = self.client.nthreads()
        return sum(found.values())

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """Around what the scheduler is asked: RunError where it is gone."""
        try:
            if self.client.status != "running":
                raise OSError
            yield
        except OSError as error:
            message = "the cluster's scheduler is gone: the same command goes on with another"
            raise RunError(message) from error


@contextlib.contextmanager
def connected(address: str, say: Callable[[str], None]) -> Iterator[Cluster]:
    """`tcp://host:8786`, or `local:4`: a cluster of so many processes here, until the end.

    `say` is told what is unsafe. Raises RunError where nobody answers, and where a worker has
    other versions.
    """
    kind, _, count = address.partition(":")
    good = _is_count(count) if kind == "local" else kind in ("tcp", "tls") and _has_port(address)
    if not good:
        raise RunError(f"--cluster {address}: expected tcp://HOST:PORT, tls://HOST:PORT or local:N")
    with contextlib.ExitStack() as stack:
        where: Any = address
        dask = _dask()
        if kind == "local":
            with deaf_to_the_terminal():
                where = stack.enter_context(_local(dask, int(count)))
        try:
            client = stack.enter_context(dask.Client(where, timeout=CONNECT_SECONDS))
        except (OSError, ValueError) as error:
            message = f"no scheduler of Dask answers within {CONNECT_SECONDS} seconds"
            raise RunError(f"--cluster {address}: {message}") from error
        listens = client.scheduler_info()["address"]  # which may be more than its name here
        if listens.startswith("tcp:") and not _is_loopback(listens):
            say(
                f"{listens}: has no TLS, so that anyone in its network can run code there"
                " (docs/cluster.md)"
            )
        _check_versions(client.get_versions(packages=[*PACKAGES])["workers"])
        yield Cluster(client)


def _dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        message = 'needs the package distributed: pip install "minidl[cluster]"'
        raise RunError(f"--cluster {message}") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what concerns the user we say
    return distributed


def _local(dask: Any, count: int) -> Any:
    """Without a dashboard; but Dask serves how it is doing, by default to the whole network."""
    return dask.LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        silence_logs=logging.CRITICAL,
    )


def _is_count(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= 1000


def _has_port(address: str) -> bool:
    """Whether it is `tcp://HOST:PORT` and nothing more."""
    with contextlib.suppress(ValueError):  # no number, or beyond 65535
        parts = urlsplit(address)
        return bool(parts.hostname and parts.port) and not parts.path.strip("/") + parts.query
    return False


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _check_versions(workers: dict[str, Any]) -> None:
    """Raises RunError, which names a worker with other versions than this process."""
    here = versions()
    for worker, found in workers.items():
        if other := other_version(here, found["packages"]):
            raise RunError(f"the worker {worker} has {other}: its results would be others")


def versions() -> dict[str, str]:
    """Those of the packages that results depend on."""
    return {name: metadata.version(name) for name in PACKAGES}


def other_version(here: dict[str, str], there: dict[str, str | None]) -> str:
    """`torch 2.11.0, and here is 2.13.0`; empty where all are the same."""
    for name, version in here.items():
        # torch's own names the build, too: 2.13.0+cpu
        if (there.get(name) or "no").partition("+")[0] != version.partition("+")[0]:
            return f"{name} {there.get(name) or '(none)'}, and here is {version}"
    return ""
