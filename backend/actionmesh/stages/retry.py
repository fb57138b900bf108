"""A stage that runs out of memory is done once more, under a smaller memory plan."""

import logging
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from ..failures import is_out_of_memory
from ..progress import Progress
from ..weights.store import ModelStore

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def once_more_with_less(stage: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorates a stage that takes a `store`, and a `progress` if it has steps.

    What the stages before have found is kept, for it is in main memory. That the memory ran out is told by a step of its own.

    Raises:
        the same as the stage: also when memory runs out and the job was lightened before, or has the smallest plan.
    """
    parameters = signature(stage)

    @wraps(stage)
    def lightened(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        given = parameters.bind(*arguments, **named).arguments
        store: ModelStore = given["store"]
        try:
            return stage(*arguments, **named)
        except Exception as error:
            if not is_out_of_memory(error) or not store.can_lighten:
                raise
        store.lighten()  # not before the error is gone, and with it all that the stage held
        log.warning("Memory ran out; going on with the plan for %s GB.", store.plan.name)
        tell(given.get("progress"), f"Memory ran out: going on as on a card of {store.plan.name} GB")
        return stage(*arguments, **named)

    return lightened


def tell(progress: Progress | None, text: str) -> None:
    """Shows a text where stages are shown."""
    if progress is not None:
        progress.start(text, 1)()
