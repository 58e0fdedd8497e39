# SPDX-License-Identifier: Apache-2.0
"""Makes the SDK drivers ready in build/interop: packages at pinned versions, one compiled program each.

Each maker is quick when nothing changed (a stamp of its sources stands beside what it made) and asks no registry then.
`tools/setup.sh interop` brings the toolchains themselves.
"""
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "build" / "interop"


class Missing(Exception):
    """A driver that could not be made, with what to do about it."""


def run(arguments, cwd, seconds=600):
    try:
        done = subprocess.run([str(word) for word in arguments], cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{arguments[0]}: {error}; tools/setup.sh interop installs the toolchains") from error
    if done.returncode:
        raise Missing(f"{' '.join(map(str, arguments))} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def made(folder, sources, make):
    """Calls make(folder) unless the stamp says that it was done with these very sources."""
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    stamp = folder / "stamp"
    if not stamp.exists() or stamp.read_text(encoding="ascii") != digest.hexdigest():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        stamp.write_text(digest.hexdigest(), encoding="ascii")
    return folder


def node_packages(name):
    """Node's program, once tests/node has this package."""
    if not (ROOT / "tests" / "node" / "node_modules" / name).is_dir():
        run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], ROOT / "tests" / "node")
    return "node"


def node():
    return [node_packages("alipay-sdk"), HERE / "node" / "driver.mjs"]


def go():
    sources = [HERE / "go" / name for name in ("driver.go", "go.mod", "go.sum")]
    folder = made(OUT / "go", sources, lambda out: run(["go", "build", "-mod=readonly", "-o", out / "driver", "."], HERE / "go"))
    return [folder / "driver"]


def jvm(folder, program):
    """Maven resolves, javac compiles: one plugin instead of five, and nothing that a warm folder asks Maven for."""
    sources = [HERE / folder / "pom.xml", HERE / folder / f"{program}.java"]
    libraries = made(OUT / f"{folder}-lib", sources[:1], lambda out: run(
        ["mvn", "-q", "-B", "-C", "-f", sources[0], "dependency:copy-dependencies", f"-DoutputDirectory={out}"], HERE / folder))
    path = f"{libraries}/*"
    classes = made(OUT / folder, sources, lambda out: run(["javac", "-encoding", "UTF-8", "-d", out, "-cp", path, sources[1]], HERE / folder))
    return ["java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", f"{classes}:{path}", program]


def java():
    return jvm("java", "Driver")


def java_v3():
    return jvm("java-v3", "DriverV3")


def python():
    def make(out):
        run([sys.executable, "-m", "venv", out], HERE)
        install = [out / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
        run([*install, "-r", HERE / "python" / "build.txt"], HERE)
        run([*install, "--no-build-isolation", "-r", HERE / "python" / "requirements.txt"], HERE)
    sources = [HERE / "python" / "requirements.txt", HERE / "python" / "build.txt"]
    folder = made(OUT / f"python-{sys.version_info[0]}.{sys.version_info[1]}", sources, make)
    return [folder / "bin" / "python", HERE / "python" / "driver.py"]


def environment(name):
    """The programs of a virtual environment that has what NAME/requirements.txt pins, from wheels only."""
    requirements = HERE / name / "requirements.txt"

    def make(out):
        run([sys.executable, "-m", "venv", out], HERE)
        run([out / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r", requirements], HERE)
    return made(OUT / f"{name}-{sys.version_info[0]}.{sys.version_info[1]}", [requirements], make) / "bin"


def schemathesis():
    """The program that makes requests of the contract."""
    return environment("schemathesis") / "schemathesis"


def merchant_python():
    """A Python with what a merchant's server would have."""
    return environment("merchant") / "python"


MAKERS = {"node": node, "go": go, "java": java, "java-v3": java_v3, "python": python}


def versions():
    """(SDK, package and version) as the pinned files say."""
    def found(pattern, *path):
        return re.search(pattern, HERE.joinpath(*path).read_text(encoding="utf-8")).group(1)
    return {
        "node": "alipay-sdk " + found(r'"alipay-sdk": "([^"]+)"', "..", "node", "package.json"),
        "go": "smartwalle/alipay " + found(r"alipay/v3 (\S+)", "go", "go.mod"),
        "java": "alipay-sdk-java " + found(r"alipay-sdk-java</artifactId>\s*<version>([^<]+)", "java", "pom.xml") +
                "; for v3 alipay-sdk-java-v3 " + found(r"alipay-sdk-java-v3</artifactId>\s*<version>([^<]+)", "java-v3", "pom.xml"),
        "python": "python-alipay-sdk " + found(r"python-alipay-sdk==(\S+)", "python", "requirements.txt"),
    }
