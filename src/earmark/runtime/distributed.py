"""Many machines by Ray (https://docs.ray.io, extra `ray`): an actor an engine, recordings as its tasks.

This process lists, deals out and writes, as with one machine; the actors read, score and decide, so every machine must
see the recordings under the same paths. An actor that dies is replaced, and its recordings are done again, in halves,
until what it dies of is alone: that is a failure. Scheduling is Ray's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from earmark.errors import ConfigError, EarmarkError, MissingExtraError, ModelError
from earmark.runtime.bulk import Decided, Suspects, Task, Work, decide_all
from earmark.runtime.tagger import Tagger

PIECE = 16  # recordings that are sent at once
AHEAD = 2  # pieces with an actor
MOST_DEATHS = 20  # one after the other, without a result between them
AUTO = "auto"


class _Engine:
    """The actor: a model, opened once, that decides pieces of the work."""

    def __init__(self, open_tagger: Callable[[], Tagger], work: Work) -> None:
        self.tagger, self.work = open_tagger(), work

    def decide(self, tasks: list[Task]) -> list[tuple[Task, Decided]]:
        return list(decide_all(self.tagger, self.work, tasks))


class RayBackend:
    """A backend on a Ray cluster: at `address`, or "auto": the one this machine belongs to, else one of its own.

    `actors` defaults to one a GPU of the cluster where it has any, else one a CPU. `MissingExtraError` without Ray.
    """

    def __init__(
        self, open_tagger: Callable[[], Tagger], work: Work, address: str = AUTO, actors: int | None = None
    ) -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtraError("ray", "ray", "working on a cluster (--ray)") from None
        self.ray: Any = ray
        self.open_tagger, self.work, self.actors = open_tagger, work, actors
        if not ray.is_initialized():
            _connect(ray, address)

    def __call__(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Decided]]:
        """The tasks with what was decided, as they get done."""
        resources = self.ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        count = self.actors or gpus or max(1, int(resources.get("CPU", 1)))
        remote = self.ray.remote(_Engine).options(num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=0)

        def actor() -> Any:
            return remote.remote(self.open_tagger, self.work)

        actors = [actor() for _ in range(count)]
        try:
            yield from self._deal(actors, actor, iter(tasks))
        finally:
            for each in actors:
                self.ray.kill(each)

    def _deal(
        self, actors: list[Any], replacement: Callable[[], Any], tasks: Iterator[Task]
    ) -> Iterator[tuple[Task, Decided]]:
        suspects = Suspects("actors died while they worked on it")
        running: dict[Any, tuple[int, list[Task]]] = {}  # by what Ray calls the piece
        still_born = 0  # deaths without a result between them
        while True:
            for place, actor in enumerate(actors):
                while sum(at == place for at, _ in running.values()) < AHEAD:
                    piece = suspects.groups.popleft() if suspects.groups else list(islice(tasks, PIECE))
                    if not piece:
                        break
                    running[actor.decide.remote(piece)] = place, piece
            if not running:
                return
            [ready], _ = self.ray.wait(list(running), num_returns=1)
            place, piece = running[ready]
            try:
                results = self.ray.get(ready)
            except self.ray.exceptions.RayActorError as error:
                still_born += 1
                if still_born > MOST_DEATHS:
                    raise ModelError("actors die as soon as they begin; is there memory for so many?") from error
                actors[place] = replacement()
                for each in [each for each, (at, _) in running.items() if at == place]:
                    yield from suspects.add(running.pop(each)[1])
            except self.ray.exceptions.RayTaskError as error:
                cause = error.cause
                if isinstance(cause, EarmarkError):
                    raise cause from None
                raise ModelError(f"an actor failed: {type(cause).__name__}: {cause}") from error
            else:
                still_born = 0
                del running[ready]
                yield from results


def _connect(ray: Any, address: str) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        ray.init(address=address, **options)
    except ConnectionError as error:
        if address != AUTO:
            raise ConfigError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
        ray.init(**options)  # one of its own, on this machine
