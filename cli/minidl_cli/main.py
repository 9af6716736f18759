"""The edges of the `minidl` process: signals, errors, exit codes, standard output.

Nothing slow is imported before `main` listens to signals: Ctrl-C never shows a traceback.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

INTERNAL_ERROR = 70  # EX_SOFTWARE: the program's own mistake, not the user's
CLOSED_PIPE = 141  # 128 + SIGPIPE, as a shell says it of `cat long | head -1`
ALLOCATIONS = 20_000  # between two collections of garbage: Python's 700 take a fifth of an import


def main() -> None:
    """Run the command; every error that is ours becomes a message and an exit code."""
    _open_streams()
    gc.set_threshold(ALLOCATIONS)
    atexit.register(gc.freeze)  # at its end Python would look through all that torch is made of
    _hear_signals(_leave)
    # matplotlib fails on a backend that it doesn't know, and on settings that ask for LaTeX.
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    os.environ.pop("SOURCE_DATE_EPOCH", None)  # and NumPy on a date that is no number
    with _warnings_shown():
        code = _run()
    # Python puts the system's own handlers back while it shuts down: a second Ctrl-C would kill it.
    _hear_signals(signal.SIG_IGN)
    sys.exit(code)


def _open_streams() -> None:
    """Streams that are closed (`>&-`) lead nowhere; the next file would take their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _run() -> int:
    from minidl.errors import MinidlError
    from minidl.signals import Stopped

    code = 0
    try:
        try:
            from minidl_cli.app import app
            from minidl_cli.output import write_any_character

            write_any_character()
            app()
        except SystemExit as end:
            # typer takes a closed pipe for a failure of its own and ends with 1.
            if isinstance(end.__context__, BrokenPipeError):
                raise end.__context__ from None
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if sys.stdout is not None:
            sys.stdout.flush()
    except MinidlError as error:
        _report(error)
        return error.exit_code
    except BrokenPipeError:
        _discard_stdout()
        return CLOSED_PIPE
    except Stopped as stopped:
        _print_error(f"stopped at once, {stopped}")
        return stopped.exit_code
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        _print_error(f"{error.filename or 'standard output'}: {error.strerror or error}")
        _discard_stdout()
        return 1
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        if _is_out_of_memory(error):
            _print_error("out of memory: choose a smaller network or batch, or less data")
            return 1
        _print_error(
            f"unexpected {type(error).__name__}: {error}\n"
            "This is a mistake in minidl; `--debug` after the command shows where."
        )
        return INTERNAL_ERROR
    return code


def _is_out_of_memory(error: Exception) -> bool:
    """Whether it is Python's error, torch's of a GPU, or its bare RuntimeError of the CPU."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def _hear_signals(handler: Any) -> None:
    """A signal ends the program with one line; while it trains, `signals.orderly_end` does."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # What is ignored stays so: nohup and a shell's background jobs ask for that.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _leave(number: int, frame: Any) -> None:
    # Not by an exception: modules that are being imported turn it into others.
    if abandon := getattr(sys.modules.get("minidl.store.files"), "abandon", None):
        abandon()
    with contextlib.suppress(OSError):
        os.write(2, f"minidl: stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
    """A warning is one line on stderr, like an error."""
    import warnings

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        _print_error(f"warning: {message}")

    before: Any = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def _report(error: Exception) -> None:
    from minidl.errors import CheckError, ConfigError, DataError

    if "--debug" in sys.argv:
        import traceback

        traceback.print_exc()
    if isinstance(error, ConfigError | CheckError | DataError):
        for problem in error.problems:
            _print_error(str(problem))
    else:
        _print_error(str(error))


def _print_error(text: str) -> None:
    from minidl_cli.output import say

    say(f"minidl: {text}")


def _discard_stdout() -> None:
    """The interpreter would complain once more when it closes stdout."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
