"""Where the published data sets are, from which the real pack was made."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
REAL = REPOSITORY / "demo" / "real"
SOURCE = Path(os.environ.get("MARKETWIN_SOURCE_DATA", REPOSITORY.parent / "shared" / "data"))
