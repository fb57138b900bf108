"""A visible fake of the client, for very many jobs: no process, and each job is done before it is asked twice."""

from blender_addon.process.backend_locator import protocol
from blender_addon.process.client import Answered
from tests.bpy.waving_worker import write_wave


class InstantClient:
    """Answers with the results of the waving worker."""

    python, log, pid, alive, host = "none", None, 0, True, ""

    def __init__(self, *_arguments):
        self._ids, self._answers = 0, []
        self.request(protocol.Initialize())

    def request(self, params):
        self._ids += 1
        if isinstance(params, protocol.Initialize):
            self._answers.append(Answered(self._ids, params, protocol.Initialized(protocol.VERSION, {}, (), ())))
        elif isinstance(params, protocol.Animate):
            write_wave(params)
            self._answers.append(
                Answered(self._ids, params, protocol.Animated(params.out, 5, 5, 4, 0.2, 0, {}, 0.1, 1))
            )
        return self._ids

    def poll(self):
        answers, self._answers = self._answers, []
        return answers

    def stop(self, *_arguments, **_options):
        self._answers = []

    kill = stop
