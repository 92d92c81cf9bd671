"""How several processes share the tests: by file, or each process would build the fixtures of every file."""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

# One house serves them all, and takes longer to build than any file of them to run.
TOGETHER = PurePosixPath("tests/gateway")


class ByFile(LoadScopeScheduling):
    """Gives out whole files. (Groups by mark are lost: xdist 3.8 names them where pytest 9 no longer looks.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        return str(TOGETHER if TOGETHER in file.parents else file)
