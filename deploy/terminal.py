"""Keeps Ctrl-C for the supervisor alone when it runs below another program of the same terminal, such as make."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def own_foreground() -> Iterator[None]:
    """Be the terminal's foreground process group for as long as the block runs.

    A terminal sends Ctrl-C to every process of its foreground group. make would die of it at once and report a
    failure while we still stop in order; in a group of our own only we hear it, and make sees our exit code.
    Does nothing without a terminal, in the background, and where we lead the group already.
    """
    terminal = _terminal()
    before = os.getpgrp()
    if terminal is None or before == os.getpid() or os.tcgetpgrp(terminal) != before:
        yield
        return
    # A process of another group that changes the terminal gets SIGTTOU. Ctrl-Z would stop us but not make, which
    # leaves the terminal to nobody.
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)}
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the terminal may be gone, and so may the group
            os.tcsetpgrp(terminal, before)
            os.setpgid(0, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def silence() -> None:
    """Send what is printed from now on to nowhere: writing to a terminal that was closed fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        # Not isatty: a closed terminal no longer answers that it is one.
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _terminal() -> int | None:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return descriptor if os.isatty(descriptor) else None
