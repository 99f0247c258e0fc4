"""Decode brain recordings: from raw data to pictures, with an honest score beside them."""

__version__ = "0.1.0"
