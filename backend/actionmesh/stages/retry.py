"""Repeating a stage that runs out of memory, once, under a smaller memory plan."""

import logging
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from ..failures import is_out_of_memory
from ..progress import Progress
from ..protocol import Stage
from ..weights.store import ModelStore

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def once_more_with_less(stage: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a stage that takes a `store`, and a `progress` if it has steps, to run once more if memory runs out.

    Results of earlier stages are kept, because they are in main memory. A step of its own reports that memory ran
    out.

    Raises:
        the same as the stage, including out-of-memory errors if the job was lightened before or has the smallest
            plan.
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
        store.lighten()  # only after the error is gone, and with it all that the stage held
        log.warning("Memory ran out; continuing with the plan for %s GB.", store.plan.name)
        tell(given.get("progress"), store.plan.name)
        return stage(*arguments, **named)

    return lightened


def tell(progress: Progress | None, plan: str) -> None:
    """Report that the job goes on with a smaller memory plan."""
    if progress is not None:
        progress.start(Stage.LESS_MEMORY, 1, plan)()
