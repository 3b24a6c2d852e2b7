"""Loops in further styles that people publish, by name."""

import styles_generators
import styles_habits
import styles_layers
import styles_networks
from style_registry import STYLES

__all__ = ["STYLES", "styles_generators", "styles_habits", "styles_layers", "styles_networks"]
