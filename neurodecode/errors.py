"""What can go wrong, in words for the person who can mend it.

Every error of this package says what was found, where, what was expected and what to do. The
command line prints the message alone and exits with code 2; anything else that is raised is a
defect of ours and keeps its traceback.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DataError",
    "DataWarning",
    "LeakageError",
    "MissingWeights",
    "NeurodecodeError",
    "NotIdentifiable",
    "OutputError",
]


class NeurodecodeError(Exception):
    """Base of all errors that a user can mend."""


class ConfigError(NeurodecodeError):
    """A key, value or name in a YAML file or on the command line is wrong."""


class DataError(NeurodecodeError):
    """A file or array is missing, damaged or not of the shape it claims."""


class LeakageError(NeurodecodeError):
    """What a decoder would be tested on is also in what it would be trained on."""


class MissingWeights(NeurodecodeError):
    """Weights of a network are not where the study says; tells what to download and how."""


class NotIdentifiable(NeurodecodeError):
    """What is asked for cannot be told from these data, by any method (too few people a level)."""


class OutputError(NeurodecodeError):
    """Results cannot be written (full disk, no permission)."""


class DataWarning(UserWarning):
    """Something was dropped or masked; the message counts what."""
