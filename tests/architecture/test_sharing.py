"""However many processes run the tests, a file is run by one of them, and the gateway's files by the same."""

from __future__ import annotations

from types import SimpleNamespace

from xdist.remote import Producer

from tests.conftest import pytest_xdist_make_scheduler

TESTS = [
    f"tests/{file}::test_{name}[{case}]"
    for file in ("ingest/test_book.py", "gateway/test_map.py", "ingest/test_door.py", "gateway/test_auth.py")
    for name in ("one", "two")
    for case in ("a::b", "c@d/e")
]


class Worker:
    """A process that is told which tests to run, by their places in the list, and when there are no more."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, places: list[int]) -> None:
        self.given += places

    def shutdown(self) -> None:
        self.shutting_down = True


def test_a_file_is_given_to_one_process_and_the_gateway_is_not_divided() -> None:
    options = {"dist": "loadfile", "tx": ["2*popen"]}
    config = SimpleNamespace(getvalue=options.get, option=SimpleNamespace(loadscopereorder=True))
    shared = pytest_xdist_make_scheduler(config, Producer("tests", enabled=False))
    workers = [Worker("one"), Worker("two")]
    for worker in workers:
        shared.add_node(worker)
        shared.add_node_collection(worker, TESTS)
    shared.schedule()
    for worker in workers * len(TESTS):
        done = sum(test for tests in shared.assigned_work[worker].values() for test in tests.values())
        if done < len(worker.given):
            shared.mark_test_complete(worker, worker.given[done])

    files = [{TESTS[place].split("::")[0] for place in worker.given} for worker in workers]

    assert sorted(place for worker in workers for place in worker.given) == list(range(len(TESTS)))
    assert sorted(files, key=len) == [
        {"tests/gateway/test_auth.py", "tests/gateway/test_map.py"},
        {"tests/ingest/test_book.py", "tests/ingest/test_door.py"},
    ]
