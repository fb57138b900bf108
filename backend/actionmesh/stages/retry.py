"""Repeating a stage that runs out of memory, once, under a smaller memory plan."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from ..failures import is_out_of_memory
from ..protocol import Stage
from .run import Run

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
StageFunction = Callable[Concatenate[Run, Arguments], Result]


def once_more_with_less(stage: StageFunction[Arguments, Result]) -> StageFunction[Arguments, Result]:
    """Decorate a stage to run once more if memory runs out.

    Results of earlier stages are kept, because they are in main memory. Progress reports it as
    `Stage.LESS_MEMORY`.

    Raises:
        the same as the stage, including out-of-memory errors if the job was lightened before or has the smallest
            plan.
    """

    @wraps(stage)
    def lightened(run: Run, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        try:
            return stage(run, *arguments, **named)
        except Exception as error:
            if not is_out_of_memory(error) or not run.runtime.can_lighten:
                raise
        run.networks.lighten()  # only after the error is gone, and with it all that the stage held
        plan = run.runtime.plan.name
        log.warning("Memory ran out; continuing with the plan for %s GB.", plan)
        run.progress.start(Stage.LESS_MEMORY, 1, plan)()
        return stage(run, *arguments, **named)

    return lightened
