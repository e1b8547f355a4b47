"""A machine on which Triton cannot compile is told what it lacks, and what to do."""

import sysconfig

import pytest

from ukdlib.flow import triton_needs
from ukdlib.flow.triton_needs import explained, missing


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """A machine that lacks nothing; a test takes one thing away."""
    (tmp_path / "bin").mkdir()
    for name in ("bin/gcc", "Python.h"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path))
    monkeypatch.setattr(triton_needs.importlib.util, "find_spec", lambda name: name)
    return tmp_path


def test_nothing_is_missing_where_all_is_there(whole):
    assert missing() == []


def test_each_need_is_named_with_its_remedy(whole, monkeypatch):
    (whole / "bin/gcc").unlink()
    (whole / "Python.h").unlink()
    (whole / "file").touch()
    monkeypatch.setenv("TRITON_CACHE_DIR", str(whole / "file/cache"))
    monkeypatch.setattr(triton_needs.importlib.util, "find_spec", lambda name: None)
    package, compiler, headers, cache = missing()
    assert package.startswith("the package triton is not installed")
    assert compiler == "no C compiler: install gcc, or name one in CC"
    assert headers.startswith(f"no Python.h in {whole}: install Python's headers")
    assert (
        cache
        == f"{whole}/file/cache cannot be written (Not a directory): name another folder in TRITON_CACHE_DIR"
    )


def test_a_compiler_that_cc_names_must_exist(whole, monkeypatch):
    monkeypatch.setenv("CC", "gcc-0")
    assert missing() == ["CC names 'gcc-0', which is no program"]


def test_without_the_cache_named_it_is_in_the_home(whole, monkeypatch):
    monkeypatch.delenv("TRITON_CACHE_DIR")
    monkeypatch.delenv("TRITON_HOME", raising=False)
    monkeypatch.setenv("HOME", str(whole / "Python.h"))
    assert [each.partition(" cannot")[0] for each in missing()] == [f"{whole}/Python.h/.triton/cache"]


def test_a_failure_says_what_is_missing_and_else_what_triton_said(whole):
    with (
        pytest.raises(
            RuntimeError, match=r"GPU: OSError: ptxas died\. Or set another backend, such as numba"
        ),
        explained(),
    ):
        raise OSError("ptxas died")
    (whole / "bin/gcc").unlink()
    with pytest.raises(RuntimeError, match="GPU: no C compiler: install gcc"), explained():
        raise RuntimeError("Failed to find C compiler.")
