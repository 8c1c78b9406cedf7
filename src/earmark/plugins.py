"""Front-ends, encoders and poolings from outside the package.

Your own module, with its options beside it, joins the built-in ones under its own `kind`:

    from earmark import plugins

    class LoudestOptions(plugins.PoolingOptions):
        kind: str = "loudest"
        share: float = 0.2  # of the frames, the loudest

    @plugins.pooling(LoudestOptions)
    class Loudest(nn.Module):
        def __init__(self, options, channels, classes): ...
        def forward(self, embeddings, lengths=None): return Pooled(clip, frames, weights)

A recipe then says `pooling: {kind: loudest, share: 0.1}`. The code is found in a file that is named (`--plugin my.py`
after any verb, `plugins.load_file` in Python), or in an installed package with an entry point of the group
`earmark.plugins`. What a model directory needs is written into its config.json; nothing is run that was not named or
installed. The protocols to follow are `earmark.features.contract`, `earmark.encoders.contract` and
`earmark.pooling.contract`; `docs/guides/plugins.md` has an example of each.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from earmark.errors import ConfigError
from earmark.options import Options

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Room = Literal["features", "encoder", "pooling"]
GROUP = "earmark.plugins"  # of entry points
BUILT_IN, PLUGIN = "built-in", "plugin"
Module = TypeVar("Module", bound=type)


class PluginOptions(Options):
    """Base of the options of all plugins: the `kind` by which a recipe names one, and where it came from."""

    room: ClassVar[Room]
    kind: str
    plugin: str = ""  # the file or module that registered it; filled in, so that a saved model records what it needs

    @model_validator(mode="wrap")
    @classmethod
    def _registered(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Options of the class that was registered under the kind."""
        if not isinstance(data, Mapping) or "room" not in vars(cls):  # an instance, or a class registered
            return handler(data)
        found = _find(cls.room, data.get("kind"))
        if found is None:
            raise ValueError(missing(cls.room, data))
        return found.options.model_validate({**data, "plugin": found.origin})  # type: ignore[return-value]


class FrontEndOptions(PluginOptions):
    """Base of the options of a front-end."""

    room: ClassVar[Room] = "features"
    rate: int = Field(32_000, gt=0)  # Hz of the waveforms it takes
    fill: int | None = Field(None, gt=0)  # frames to which shorter clips are filled with zeros, as content


class EncoderOptions(PluginOptions):
    """Base of the options of an encoder."""

    room: ClassVar[Room] = "encoder"


class PoolingOptions(PluginOptions):
    """Base of the options of a pooling."""

    room: ClassVar[Room] = "pooling"


@dataclass(frozen=True)
class Registered:
    """A plugin: its options, its module, and the file or module it came from."""

    options: type[PluginOptions]
    module: type
    origin: str


_REGISTRY: dict[tuple[Room, str], Registered] = {}  # filled by decorators, when files and packages are imported


def front_end(options: type[FrontEndOptions]) -> Callable[[Module], Module]:
    """Register a front-end, built as `module(options)`. `ConfigError` where its kind is taken."""
    return _register("features", options)


def encoder(options: type[EncoderOptions]) -> Callable[[Module], Module]:
    """Register an encoder, built as `module(options, bands)`. `ConfigError` where its kind is taken."""
    return _register("encoder", options)


def pooling(options: type[PoolingOptions]) -> Callable[[Module], Module]:
    """Register a pooling, built as `module(options, channels, classes)`. `ConfigError` where its kind is taken."""
    return _register("pooling", options)


def _register(room: Room, options: type[PluginOptions]) -> Callable[[Module], Module]:
    kind = options.model_fields["kind"].default
    if not isinstance(kind, str) or not kind:
        raise ConfigError(f"{options.__name__}: a plugin's options need a default `kind`, the name recipes use")

    def register(module: Module) -> Module:
        origin = _origin(module)
        known = _REGISTRY.get((room, kind))
        if known is not None and known.origin != origin:
            raise ConfigError(f"{room} kind {kind!r} is registered twice: by {known.origin} and by {origin}")
        _REGISTRY[room, kind] = Registered(options, module, origin)
        return module

    return register


def _origin(module: type) -> str:
    """The file a plugin was loaded from by name, else its module."""
    home = sys.modules.get(module.__module__)
    return str(getattr(home, "__earmark_plugin__", module.__module__))


def load_file(path: Path) -> None:
    """Run a Python file that registers plugins; once, however often it is named. `ConfigError` where it cannot."""
    name = f"earmark_plugin_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path.resolve()):
        return
    if not path.is_file():
        raise ConfigError(f"--plugin {path}: no such file; expected a Python file that registers plugins")
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ConfigError(f"--plugin {path}: not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    vars(module)["__earmark_plugin__"] = path.name
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ConfigError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"--plugin {path}: {type(error).__name__}: {error}") from error


def where(room: Room, data: Any) -> str:
    """Whether options name a built-in kind or a plugin: the tag by which pydantic chooses."""
    if isinstance(data, PluginOptions):
        return PLUGIN
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str):
        return BUILT_IN
    return PLUGIN if _find(room, kind) is not None or data.get("plugin") else BUILT_IN


def module_of(options: object) -> type | None:
    """The module that a plugin's options describe; None for built-in options."""
    if not isinstance(options, PluginOptions):
        return None
    return _REGISTRY[options.room, options.kind].module


def missing(room: Room, data: Mapping[str, Any]) -> str:
    """What is missing for options that name a plugin which nobody has loaded."""
    return (
        f"{room} kind {data.get('kind')!r} is a plugin of {data.get('plugin') or 'some other package'}, which is not "
        "loaded: name its file with --plugin FILE, or install its package"
    )


def _find(room: Room, kind: Any) -> Registered | None:
    """A registered plugin; installed packages are asked once it is needed."""
    if not isinstance(kind, str):
        return None
    if (room, kind) not in _REGISTRY:
        for entry in _installed(tuple((place, _changed(place)) for place in sys.path)):
            if entry.value.partition(":")[0] not in sys.modules:
                entry.load()
    return _REGISTRY.get((room, kind))


@lru_cache(maxsize=1)
def _installed(places: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """Entry points of the packages in these folders as they are now: to read them all takes milliseconds."""
    import importlib.metadata  # costs more memory than all of this package's own code

    return tuple(importlib.metadata.entry_points(group=GROUP))


def _changed(place: str) -> int:
    """When a folder of `sys.path` was last changed, in nanoseconds; -1 where there is none."""
    try:
        return os.stat(place or ".").st_mtime_ns
    except OSError:
        return -1
