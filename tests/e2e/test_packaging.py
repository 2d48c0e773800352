"""The set-up scripts, the lock and the metadata: what must hold before anything else can run."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / name for name in ("packaging/run", "packaging/test", "packaging/lock", ".ci/run")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DIRECT = [
    Requirement(text)
    for text in (
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    )
]
LOCK = (ROOT / "packaging" / "requirements.lock").read_text("utf-8")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)(?: ; (.+))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_every_direct_dependency_has_a_lower_bound(requirement: Requirement) -> None:
    assert any(bound.operator in (">=", "==", "~=") for bound in requirement.specifier)


def test_the_program_asks_for_nothing_that_it_does_not_import() -> None:
    modules = {"pyside6-essentials": "PySide6", "ruamel-yaml": "ruamel.yaml"}
    program = "\n".join(path.read_text("utf-8") for path in (ROOT / "app").rglob("*.py"))
    unused = []
    for text in PROJECT["project"]["dependencies"]:
        name = canonicalize_name(Requirement(text).name)
        module = re.escape(modules.get(name, name.replace("-", "_")))
        if not re.search(rf"^\s*(?:import|from) {module}\b|find_spec\(\"{module}\"\)", program, re.MULTILINE):
            unused.append(name)
    assert unused == []


def test_the_lock_holds_pins_and_hashes_and_nothing_else() -> None:
    strange = [line for line in LOCK.splitlines() if not PIN.match(line) and not HASH.match(line)]
    assert strange == []


def pins(name: str, python: str) -> list[str]:
    found = []
    for line in LOCK.splitlines():
        pin = PIN.match(line)
        if pin is None or canonicalize_name(pin[1]) != canonicalize_name(name):
            continue
        requirement = Requirement(f"{pin[1]}=={pin[2]}" + (f" ; {pin[3]}" if pin[3] else ""))
        environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found.append(pin[2])
    return found


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_the_lock_pins_every_direct_dependency_once_within_its_bounds(requirement: Requirement, python: str) -> None:
    if requirement.marker is not None and not requirement.marker.evaluate({"python_version": python}):
        return
    found = pins(requirement.name, python)
    assert len(found) == 1
    assert requirement.specifier.contains(found[0])


def test_qt_stays_below_the_release_that_aborts_where_none_is_mortal() -> None:
    (version,) = pins("PySide6-Essentials", "3.11")
    assert tuple(map(int, version.split(".")[:2])) < (6, 12)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run_and_are_sound_bash(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


def test_the_readme_points_at_files_that_are_there() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    local = [first or second for first, second in targets if "://" not in (first or second)]
    assert [target for target in local if not (ROOT / target).exists()] == []
    assert "packaging/run" in text
    assert "packaging/test" in text


class Machine:
    """A pretended machine: its own `PATH` with stand-ins for the commands that `prepare` asks."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "apt.log"
        for tool in ("awk", "cat", "dirname", "mktemp", "rm", "tail"):
            found = subprocess.run(["which", tool], check=True, capture_output=True, text=True).stdout.strip()
            (self.bin / tool).symlink_to(found)
        self.command("uname", "echo Linux")
        self.command("python3", "exit 0")

    def command(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/bash\n{body}\n")
        file.chmod(0o755)

    def debian(self, user: int, installed: str) -> None:
        self.command("id", f"echo {user}")
        self.command("apt-get", f'echo "$@" >> {self.log}')
        self.command("dpkg-query", f"cat <<'END'\n{installed}\nEND")

    def prepare(self) -> subprocess.CompletedProcess[str]:
        script = f'set -euo pipefail; source "{ROOT}/packaging/prepare"; system_ready python3'
        return subprocess.run(
            ["/bin/bash", "-c", script], env={"PATH": str(self.bin)}, capture_output=True, text=True, check=False
        )

    def asked(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def system_packages() -> list[str]:
    text = (ROOT / "packaging" / "prepare").read_text("utf-8")
    block = re.search(r"^system_packages=\((.*?)^\)", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    return block[1].split()


def listed(packages: list[str]) -> str:
    return "\n".join(f"installed {name}, " for name in packages)


def test_nothing_is_said_or_installed_where_everything_is_there(machine: Machine) -> None:
    machine.debian(0, listed(system_packages()))
    done = machine.prepare()
    assert (done.returncode, done.stdout, done.stderr, machine.asked()) == (0, "", "", "")


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    machine.debian(0, listed([name for name in system_packages() if name not in ("libegl1", "fonts-inter")]))
    done = machine.prepare()
    assert done.returncode == 0
    assert "libegl1 fonts-inter" in done.stderr
    assert machine.asked().splitlines() == ["update", "install -y --no-install-recommends libegl1 fonts-inter"]


def test_a_package_that_was_removed_again_counts_as_missing(machine: Machine) -> None:
    machine.debian(0, listed(system_packages()[1:]) + f"\nconfig-files {system_packages()[0]}, ")
    machine.prepare()
    assert machine.asked().splitlines()[-1] == f"install -y --no-install-recommends {system_packages()[0]}"


def test_a_renamed_package_that_provides_the_old_name_is_enough(machine: Machine) -> None:
    rest = [name for name in system_packages() if name != "libglib2.0-0"]
    machine.debian(0, listed(rest) + "\ninstalled libglib2.0-0t64, libglib2.0-0 (= 2.84.0-1), libglib2.0-0-x (= 1)")
    done = machine.prepare()
    assert (done.returncode, machine.asked()) == (0, "")


def test_without_root_the_packages_are_named_and_nothing_is_installed(machine: Machine) -> None:
    machine.debian(1000, listed(system_packages()[2:]))
    done = machine.prepare()
    assert done.returncode == 1
    assert f"sudo apt-get install --no-install-recommends {' '.join(system_packages()[:2])}\n" in done.stderr
    assert machine.asked() == ""


def test_a_failing_installation_stops_with_its_last_words(machine: Machine) -> None:
    machine.debian(0, "")
    machine.command("apt-get", "echo no space left; exit 100")
    done = machine.prepare()
    assert done.returncode == 1
    assert "no space left" in done.stderr


def test_elsewhere_the_missing_libraries_are_named(machine: Machine) -> None:
    machine.command("python3", '[ "$1" != - ] || echo libGL.so.1')
    done = machine.prepare()
    assert done.returncode == 1
    assert "Missing libraries: libGL.so.1" in done.stderr
    assert "README.md" in done.stderr
