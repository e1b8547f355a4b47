"""Downloaded weights: complete and with the stated hash, or not kept at all."""

import hashlib
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ukdlib.pretrained import download
from ukdlib.pretrained.download import address_of, fetch


@pytest.fixture
def served(tmp_path):
    path = tmp_path / "there" / "weights.pth"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_of_the_stated_hash_is_kept(served, tmp_path, digits):
    target = tmp_path / "results/weights/mine"
    fetch(served.as_uri(), hashlib.sha256(b"weights").hexdigest()[:digits], target, "weights.mine")
    assert target.read_bytes() == b"weights" and [p.name for p in target.parent.iterdir()] == ["mine"]


def test_other_bytes_are_deleted(served, tmp_path):
    target = tmp_path / "mine"
    with pytest.raises(
        ValueError, match=r"weights\.mine: file://.* has the sha256 [0-9a-f]{64}, not 00000000"
    ):
        fetch(served.as_uri(), "00000000", target, "weights.mine")
    assert not list(tmp_path.glob("mine*"))


def test_without_a_network_the_manual_way_is_named(tmp_path):
    with pytest.raises(
        OSError, match=r"weights\.mine: http.* cannot be downloaded: .* set `file:` to its path"
    ):
        fetch("http://127.0.0.1:9/w.pth", "00000000", tmp_path / "mine", "weights.mine")
    assert not list(tmp_path.iterdir())


def test_the_hash_may_be_in_the_file_name():
    url = "https://example.org/slowfast_r50_4x16x1_kinetics400-rgb_20220901-701b0f6f.pth"
    assert address_of("weights.a", {"url": url}) == (url, "701b0f6f")
    assert address_of("weights.a", {"url": url, "sha256": "ab" * 32}) == (url, "ab" * 32)


def test_names_that_the_libraries_publish():
    url, digits = address_of("weights.a", {"enum": "R3D_18_Weights.KINETICS400_V1"})
    assert url.startswith("https://") and url.endswith("/models/r3d_18-b3b3357e.pth") and digits == "b3b3357e"
    stated = {"enum": "pytorchvideo/slowfast_r50", "sha256": "12345678"}
    assert address_of("weights.a", stated)[0].endswith("kinetics/SLOWFAST_8x8_R50.pyth")


@pytest.mark.parametrize(
    "entry, message",
    [
        ({"enum": "pytorchvideo/slowfast_r50"}, r"weights\.a lacks 'sha256'"),
        (
            {"enum": "pytorchvideo/slowfast"},
            r"weights\.a\.enum is 'pytorchvideo/slowfast'; known: .*'slowfast_r50'",
        ),
        ({"enum": "R3D_Weights"}, r"known: .*'R3D_18_Weights.KINETICS400_V1'"),
        ({"url": "https://example.org/MVIT_B_32x3_f294077834.pyth"}, "without it the file cannot be checked"),
    ],
)
def test_refusals(entry, message):
    with pytest.raises(ValueError, match=message):
        address_of("weights.a", entry)


@pytest.fixture
def server():
    """URL of a server on this machine whose answers are faulty."""

    class Faulty(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            if "broken" in self.path:
                self.send_header("Content-Length", "1000")
            elif "chunked" in self.path:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nabc" if "chunked" in self.path else b"abc")
            if "endless" in self.path:
                with suppress(ConnectionError):
                    while True:
                        self.wfile.write(bytes(1 << 16))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "message"),
    [("broken", "cannot be downloaded"), ("chunked", "cannot be downloaded"), ("endless", "is longer than")],
)
def test_faulty_answers_leave_nothing_and_show_no_secret(path, message, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LARGEST", 10**6)
    url = f"{server}/{path}?token=secret"
    with pytest.raises((OSError, ValueError), match=message) as caught:
        fetch(url, "00000000", tmp_path / "mine", "weights.mine")
    assert "secret" not in str(caught.value) and not list(tmp_path.iterdir())


def test_user_and_password_are_not_shown(tmp_path):
    with pytest.raises(OSError) as caught:
        fetch(
            "http://user:secret@127.0.0.1:9/w.pth?key=secret", "00000000", tmp_path / "mine", "weights.mine"
        )
    assert "secret" not in str(caught.value) and "http://127.0.0.1:9/w.pth" in str(caught.value)
    with pytest.raises(ValueError) as lacking:
        address_of("weights.a", {"url": "https://user:secret@example.org/w.pth"})
    assert "secret" not in str(lacking.value)
