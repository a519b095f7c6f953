"""The types of the wire are those of the server at hand."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .server import Server

ROOT = Path(__file__).parent.parent


def test_the_generated_types_are_current(shared: Server) -> None:
    wanted = re.search(r"datamodel-code-generator==([\d.]+)", (ROOT / "pyproject.toml").read_text())
    assert wanted is not None
    try:
        installed = importlib.metadata.version("datamodel-code-generator")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("datamodel-code-generator is not installed")
    if installed != wanted[1]:
        pytest.skip(f"datamodel-code-generator is {installed}; {wanted[1]} made the file")
    made = subprocess.run(
        [ROOT / "generate", shared.url],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert made.stdout == (ROOT / "src/heartline/wire.py").read_text(), (
        f"run: ./generate {shared.url} > src/heartline/wire.py"
    )
