"""
Make .venv or bring it up to date; nothing is done if it is ready. What `make .venv/ready` runs.

    python3 envs/make_venv.py [NAME]

NAME: the interpreter that runs this, if somebody chose it (`make PYTHON=NAME`). One that nobody chose gives way to
the .venv that is there, whatever supported Python made it, and then to a supported Python beside it.

A Python that is too old must be able to read this file to be refused by it, before anything is downloaded: only the
standard library, and nothing that Python 2.7 does not know.
"""

import hashlib
import io
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
READY = os.path.join(VENV, "ready")
PYTHON = os.path.join(VENV, "bin", "python")
PACKAGES = ["--no-compile", "--constraint", "constraints.txt", "--editable", ".[dev]"]


def main(chosen=None):
    """Do what is lacking: everything, the packages, or nothing."""
    made = read_ready()
    why = fault(made, version_of(PYTHON), chosen and sys.version_info[:2])
    if why:
        python = find_python(chosen)
        make_room(why)
        run([python, "-m", "venv", "--clear", VENV])
    if why or made[2] != wanted():
        run([PYTHON, "-m", "pip", "install", "--quiet"] + PACKAGES)
        compile_packages()
        write_ready()


def fault(made, version, asked):
    """
    Why the .venv that is there cannot be kept, or None.

    made: the lines of .venv/ready; version: that its interpreter says now, None if it does not run; asked: the version
    that it must have, None for any that is supported.
    """
    if made is None:
        return "it is not finished"
    if made[1] != VENV:
        return "it was made in " + made[1]
    if version is None:
        return "its interpreter is gone"
    if said(version) != made[0]:
        return "it was made with Python " + made[0] + " and runs " + said(version)
    if version[:2] not in supported() or asked not in (None, version[:2]):
        return "it has Python " + made[0]
    return None


def make_room(why):
    """Refuse to clear what only has the name of a .venv, or is another checkout's."""
    if (os.path.isdir(VENV) and not os.listdir(VENV)) or not os.path.lexists(VENV):
        return
    if os.path.islink(VENV):
        sys.exit("{} is a link, and {}; remove the link".format(VENV, why))
    if not os.path.exists(os.path.join(VENV, "pyvenv.cfg")):
        sys.exit("{} is no virtual environment; move it away".format(VENV))
    sys.stderr.write("Recreating .venv: " + why + "\n")


def compile_packages():
    """
    What pip would do, on all cores, without the packages' own tests but with the library of this checkout.

    Not left to the first import, which keeps nothing where PYTHONDONTWRITEBYTECODE is set, as in many containers, and
    which leaves half a file for all that come after it if it fills the disk.
    """
    all_cores = [PYTHON, "-m", "compileall", "-qq", "-j", "0", "-x", "site-packages/.*/tests?/"]
    places = [os.path.join(VENV, "lib"), os.path.join(ROOT, "ukdlib")]
    subprocess.call(all_cores + places)  # its code does not count: some files are for other Pythons


def find_python(chosen):
    """This interpreter, or if nobody chose it one beside it; the process ends if none of them is supported."""
    this = getattr(sys, "_base_executable", sys.executable)  # not the .venv's own, which may be cleared
    names = ["python" + said(version) for version in reversed(supported())]
    for python in [this] + ([] if chosen else names):
        if (version_of(python) or ())[:2] in supported():
            return python
    known = [said(version) for version in supported()]
    other = ([name for name in names if version_of(name)] + names)[0]
    sys.exit(
        "ukd needs Python {} or {}; {} is {} (choose another: make PYTHON={} demo)".format(
            ", ".join(known[:-1]), known[-1], chosen or "python3", sys.version.split()[0], other
        )
    )


def supported():
    """The minor versions that pyproject.toml allows, oldest first."""
    with io.open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        first, end = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', file.read(), re.M).groups()
    return [(3, minor) for minor in range(int(first), int(end))]


def version_of(python):
    """(3, 11, 7), or None if there is no such program or it does not run."""
    try:
        asked = subprocess.Popen(
            [python, "-c", "import sys; print('%d %d %d' % sys.version_info[:3])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError:
        return None
    words = asked.communicate()[0].split()
    return None if asked.returncode else tuple(int(word) for word in words)


def said(version):
    """3.11 of (3, 11, 7)."""
    return "%d.%d" % version[:2]


def wanted():
    """Changes with what is to be installed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with io.open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read_ready():
    """Version, place and `wanted` of the .venv when it was finished; None if it never was."""
    try:
        with io.open(READY, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (IOError, UnicodeDecodeError):
        return None
    return lines if len(lines) == 3 else None


def write_ready():
    """The last thing that is done to a .venv."""
    lines = [said(version_of(PYTHON)), VENV, wanted(), ""]
    with io.open(READY, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def run(command):
    """Run it in the checkout; what it complains of is for the user to read."""
    code = subprocess.call(command, cwd=ROOT)
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
