"""The version of this package; it follows that of the server."""

__version__ = "0.1.0"
