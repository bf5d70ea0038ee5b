"""What pyproject.toml cannot say: which files make up the wheel. All metadata is there."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class BuildWithReferenceConfig(build_py):
    """Put the reference config.toml beside the modules, so that `fbsyncd init` can write it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file("config.toml", str(Path(self.build_lib, "fbsyncd", "config.toml")))


setup(
    packages=[
        *find_packages(include=["fbsyncd", "fbsyncd.*"]),
        "fbsyncd.web",
        "fbsyncd.schema",
        "fbsyncd.systemd",
    ],
    package_dir={"fbsyncd": "fbsyncd", "fbsyncd.schema": "schema", "fbsyncd.systemd": "systemd"},
    package_data={
        "fbsyncd": ["py.typed"],
        "fbsyncd.web": ["*", "*/*"],
        "fbsyncd.schema": ["*/*.sql"],
        "fbsyncd.systemd": ["*.service"],
    },
    include_package_data=False,
    # Beside bin/, where man and the shells look for what belongs to the programs there.
    data_files=[
        ("share/man/man1", ["docs/man/fbsyncd.1"]),
        ("share/bash-completion/completions", ["completions/fbsyncd.bash"]),
        ("share/zsh/site-functions", ["completions/_fbsyncd"]),
        ("share/fish/vendor_completions.d", ["completions/fbsyncd.fish"]),
    ],
    cmdclass={"build_py": BuildWithReferenceConfig},
)
