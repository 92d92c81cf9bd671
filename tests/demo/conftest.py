"""The published data sets are not part of the repository: where they are absent, the run says so."""

import pytest

from tests.demo.published import SOURCE

collect_ignore = [] if SOURCE.is_dir() else ["test_rebuild.py"]


def pytest_report_header(config: pytest.Config) -> str:
    state = (
        "found" if SOURCE.is_dir() else "absent, so the pack is checked but not rebuilt (tests/demo/test_rebuild.py)"
    )
    return f"published data sets: {state}"
