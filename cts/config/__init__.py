"""Configuration: from TOML and ``--set`` to checked attrs classes, with every problem told at once.

``toml_source`` reads, ``strict_hooks`` decides on each value, ``structuring`` makes objects and flat lists of problems,
``tables`` says what there is and which combinations cannot work.
"""

from cts.config.endpoint_text import parse_endpoint
from cts.config.structuring import structure_options
from cts.config.tables import Config, load_config, structure_config
from cts.config.toml_source import parse_toml

__all__ = ["Config", "load_config", "parse_endpoint", "parse_toml", "structure_config", "structure_options"]
