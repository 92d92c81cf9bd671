"""Runs a command that cannot outlive the process that asked for it.

    python -I -S leash.py PARENT_PID SIGNAL MAPPED_UID -- COMMAND [ARGUMENT...]

The kernel sends SIGNAL to COMMAND when the parent dies, even by `kill -9`. The command keeps this process's
id, so the parent stays its direct parent. MAPPED_UID other than -1 makes COMMAND see itself as that user in a
user namespace of its own: PostgreSQL refuses to run as root, and this needs neither a second account nor
folders that are open to it.

A small program rather than `preexec_fn`: Python code between fork and exec can deadlock in a parent with
threads. It uses nothing but the standard library; `-I -S` keeps its start at a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
EXIT_CANNOT_START = 125


def main(argv: list[str]) -> int:
    """Bind this process to its parent and become COMMAND; returns an exit code only when that fails."""
    parent, signal_number, mapped_uid = (int(text) for text in argv[1:4])
    command = argv[5:]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if mapped_uid >= 0:
            _enter_user_namespace(libc, mapped_uid)
        # The kernel forgets the death signal whenever credentials change: set it after the namespace.
        _checked(libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")
        if os.getppid() != parent:
            return EXIT_CANNOT_START
        os.execvp(command[0], command)  # noqa: S606 - the command of our own supervisor
    except OSError as problem:
        sys.stderr.write(f"cannot start {command[0]}: {problem}\n")
    return EXIT_CANNOT_START


def _enter_user_namespace(libc: ctypes.CDLL, mapped_uid: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _checked(libc.unshare(CLONE_NEWUSER), "a user namespace (start as a normal user instead of root)")
    for name, text in (
        ("setgroups", "deny"),
        ("gid_map", f"{mapped_uid} {gid} 1"),
        ("uid_map", f"{mapped_uid} {uid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
