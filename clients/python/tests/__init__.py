"""Tests of the Python SDK, most of them against the real server."""
