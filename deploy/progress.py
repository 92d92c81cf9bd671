"""Progress bars for everything that takes longer than a second."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[float, float], None]
"""Called with what is done so far and what there is to do in total."""


@contextlib.contextmanager
def bar(console: Console, title: str, total: float | None = None) -> Iterator[Advance]:
    """A bar that stays on the screen when it is full; with a total of None it only shows that time passes."""
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done, all_of_it: progress.update(task, completed=done, total=all_of_it)
        state = progress.tasks[0]
        full = max(state.completed, state.total or 0.0, 1.0)
        progress.update(task, completed=full, total=full)
