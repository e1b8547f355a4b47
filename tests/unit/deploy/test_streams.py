"""A stream has the pictures of the file, is opened again where it breaks off, and drops rather than fall behind."""

import contextlib
import io
import socket
import subprocess
import sys
import threading
import tracemalloc
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest

from ukdlib.deploy import streams
from ukdlib.deploy.description import read_description
from ukdlib.deploy.engines import Engine
from ukdlib.deploy.model import Model, load
from ukdlib.deploy.prediction import moments, over_time
from ukdlib.deploy.streams import Stream, is_stream
from ukdlib.videos.containers import VideoError
from ukdlib.videos.decoding import Film, Reading
from ukdlib.videos.pixels import frame_of

RATE = 15


def transport_stream(seconds, seed, size=(32, 48)):
    """Bytes of an MPEG transport stream, which can be read as it comes."""
    rng, file = np.random.default_rng(seed), io.BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options={"crf": "12", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        base = rng.integers(5, 60, (*size, 3)).astype(np.uint8)
        for number in range(round(seconds * RATE)):
            container.mux(stream.encode(frame_of(np.roll(base, number, axis=1))))
        container.mux(stream.encode())
    return file.getvalue()


@contextlib.contextmanager
def serving(*answers, sized=False):
    """An address that answers with these bytes, one for each connection, and then with nothing but errors."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            """The next answer, of no stated length, as a live stream has none."""
            if not left:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            if sized:
                self.send_header("Content-Length", str(len(left[0])))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(left.pop(0))

        def log_message(self, *_):
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/night.ts"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def files(tmp_path):
    """Two transport streams: (bytes, pictures as read from a file) of each."""
    found = []
    for seed in (0, 1):
        content = transport_stream(2, seed)
        path = tmp_path / f"{seed}.ts"
        path.write_bytes(content)
        found.append((content, np.stack(list(Film(str(path), Reading(RATE))))))
    return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(streams, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(streams, "PATIENCE", 1.0)


def pictures_of(stream):
    """All pictures until it fails for good, and the reason."""
    found = []
    try:
        for picture in stream:
            found.append(picture)
    except VideoError as error:
        return np.stack(found), str(error)
    return np.stack(found), ""


def test_it_is_opened_again_and_has_the_pictures_of_the_files(files):
    (first, expected), (second, others) = files
    with serving(first, second) as address:
        stream = Stream(address, Reading(RATE), every=True, attempts=1)
        found, reason = pictures_of(stream)
    assert np.array_equal(found, np.concatenate([expected, others]))
    assert stream.report.reopened >= 1 and stream.report.dropped == 0
    assert "cannot be opened" in reason


def test_a_recording_with_a_known_size_is_read_once(tmp_path):
    """A container that was written live states no duration; it has an end nevertheless."""
    path = tmp_path / "live.mkv"
    with av.open(str(path), "w", format="matroska", options={"live": "1"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for number in range(20):
            container.mux(stream.encode(frame_of(np.full((32, 48, 3), 10 + number, np.uint8))))
        container.mux(stream.encode())
    stream = Stream(f"file://{path}", Reading(RATE), attempts=3)
    assert len(list(stream)) == 20 and stream.report.reopened == 0
    with serving(path.read_bytes(), sized=True) as address:
        stream = Stream(address, Reading(RATE), attempts=3)
        assert len(list(stream)) == 20 and stream.report.reopened == 0


def test_a_camera_that_returns_with_another_resolution_goes_on():
    with serving(transport_stream(1, 0), transport_stream(1, 1, (64, 96))) as address:
        found, _ = pictures_of(Stream(address, Reading(RATE), every=True, attempts=1))
    assert found.shape == (30, 32, 48, 3)


def pictures_of_a_slow_user(stream):
    """How many a user gets who takes one, and the others when all have come, however the threads take turns."""
    buffer, taken = stream._buffer, threading.Event()
    put = buffer.put

    def put_and_wait(item):
        if buffer.count == 5:
            assert taken.wait(60)
        return put(item)

    buffer.put = put_and_wait
    pictures = iter(stream)
    next(pictures)
    taken.set()
    with buffer._changed:
        assert buffer._changed.wait_for(lambda: buffer.closed, 60)
    count = 1
    with contextlib.suppress(VideoError):
        for _ in pictures:
            count += 1
    return count


def test_without_a_rate_dropped_pictures_do_not_shorten_the_time(tmp_path):
    with serving(transport_stream(4, 0)) as address:
        stream = Stream(address, Reading(None), attempts=0)
        assert pictures_of_a_slow_user(stream) == 4 * RATE
    assert stream.report.dropped > 0 and stream.fps == RATE


def test_windows_and_answers_are_those_of_the_file(files, packaged, tmp_path):
    (content, _), _ = files
    model = load(packaged, "torch")
    expected = list(over_time(model, str(tmp_path / "0.ts"), 0.4))
    with serving(content) as address:
        stream = Stream(address, Reading(model.description.reading["fps"]), every=True, attempts=0)
        found = []
        with contextlib.suppress(VideoError):
            for moment in moments(model, lambda: stream, lambda: stream.fps, 0.4, together=1):
                found.append(moment)
    steady = [
        each for each in expected if abs(each.end - each.start - expected[0].end + expected[0].start) < 1e-9
    ]
    assert len(found) >= len(expected) - 1  # the last one, which ends with the file, is none of a stream
    for one, other in zip(found, steady, strict=False):
        assert (one.start, one.end) == (other.start, other.end)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_who_is_slow_misses_the_oldest_pictures_but_not_the_time(tmp_path):
    content = transport_stream(4, 0)
    (tmp_path / "a.ts").write_bytes(content)
    count = len(list(Film(str(tmp_path / "a.ts"), Reading(RATE))))
    with serving(content) as address:
        stream = Stream(address, Reading(RATE), attempts=0)
        assert pictures_of_a_slow_user(stream) == count  # the picture before the gap stands for those missing
    assert 0 < stream.report.dropped <= count - 2 * RATE


def test_nothing_is_dropped_if_every_picture_is_wanted_however_slow(files):
    (content, expected), _ = files
    with serving(content) as address:
        stream = Stream(address, Reading(RATE), every=True, attempts=0)
        pictures = iter(stream)
        first = next(pictures)
        with stream._buffer._changed:
            stream._buffer._changed.wait_for(lambda: len(stream._buffer._items) >= 20, 60)
        found = [first]
        with contextlib.suppress(VideoError):
            found += pictures
    assert np.array_equal(np.stack(found), expected) and stream.report.dropped == 0


def test_a_pipe_is_read_to_its_end(files, packaged):
    (content, _), _ = files
    code = "import sys; from ukdlib.deploy.command import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "predict", str(packaged), "-", "--engine", "onnx", "--hop", "0.4"]
    done = subprocess.run(command, input=content, capture_output=True)
    assert done.returncode == 0 and done.stdout.count(b"\n") >= 4, done.stderr.decode()
    assert b"0 pictures dropped, opened again 0 times" in done.stderr


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("987", "there is no camera 987: /dev/video987 does not exist"),
        ("/dev/video987", "there is no camera 987: /dev/video987 does not exist"),
        ("http://127.0.0.1:9/x.ts", "it cannot be opened"),
        ("nonsense://a", "it cannot be opened"),
    ],
)
def test_what_is_not_there_is_reported_at_once(source, reason):
    with pytest.raises(VideoError, match=reason):
        next(iter(Stream(source, Reading())))


def test_an_address_that_does_not_answer_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(VideoError, match="it cannot be opened"):
            next(iter(Stream(f"http://127.0.0.1:{server.getsockname()[1]}/a.ts", Reading())))


def test_what_is_a_stream(tmp_path, monkeypatch):
    assert all(map(is_stream, ["0", "12", "-", "rtsp://a/b", "http://a"]))
    assert not any(map(is_stream, ["a.mp4", "-a.mp4", "0.mp4", "./0", "²"]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").mkdir()
    assert not is_stream("0") and is_stream("1")


def test_who_stops_listening_ends_the_receiver(files):
    (content, _), _ = files
    with serving(content) as address:
        pictures = iter(Stream(address, Reading(RATE), every=True, attempts=0))
        next(pictures)
        pictures.close()
        for thread in threading.enumerate():
            if thread.daemon and thread.name.startswith("Thread") and "_receive" in thread.name:
                thread.join(30)
                assert not thread.is_alive()


@pytest.mark.slow
def test_memory_is_that_of_a_window_over_an_hour(packaged):
    """15 small pictures a second."""
    description = read_description(packaged)
    model = Model(
        description, Engine("none", "cpu", "0", lambda windows: np.zeros((len(windows), 3, 3), np.float32))
    )
    peaks = []
    picture = np.full((18, 24, 3), 3000, np.uint16)

    def pictures():
        for number in range(3600 * RATE):
            if number in (60 * RATE, 3600 * RATE - 1):
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
            yield picture + np.uint16(number % 100)

    tracemalloc.start()
    count = sum(1 for _ in moments(model, pictures, lambda: float(RATE), 0.5, together=1))
    tracemalloc.stop()
    assert count > 6700 and peaks[1] < 1.1 * peaks[0]
