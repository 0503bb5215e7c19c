"""A certificate authority of the test's own, and what it has signed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_QUICK = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")  # RSA keys take seconds to find


class Authority:
    """A folder with ``ca.pem``; ``issue`` adds NAME.pem and NAME.key."""

    def __init__(self, folder: Path, name: str = "test authority", *, days: int = 2) -> None:
        if shutil.which("openssl") is None:
            pytest.fail("this test needs openssl: apt-get install openssl")
        folder.mkdir()
        self.folder = folder
        self.ca = folder / "ca.pem"
        _openssl(
            "req", "-x509", "-newkey", *_QUICK, "-nodes", "-days", str(days), "-subj", f"/CN={name}",
            "-keyout", folder / "ca.key", "-out", self.ca,
        )  # fmt: skip

    def issue(self, name: str, subject: str, *, days: int = 2) -> Path:
        """A certificate for the host or client ``subject``; below 0 ``days`` it has expired already."""
        request, certificate = self.folder / f"{name}.csr", self.folder / f"{name}.pem"
        names = self.folder / f"{name}.ext"
        names.write_text(f"subjectAltName=DNS:{subject}\n")
        _openssl(
            "req", "-newkey", *_QUICK, "-nodes", "-subj", f"/CN={subject}",
            "-keyout", self.key(name), "-out", request,
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
            "-days", str(days), "-extfile", names, "-out", certificate,
        )  # fmt: skip
        return certificate

    def key(self, name: str) -> Path:
        """The key of what was issued under ``name``."""
        return self.folder / f"{name}.key"


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
