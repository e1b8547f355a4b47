"""The video, brightened, with what was found written into it: the class, its probability, a strip of all classes."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from ukdlib.artifacts.sealing import beside
from ukdlib.deploy.model import Model
from ukdlib.deploy.outputs.shown import Shown
from ukdlib.deploy.prediction import Answer, film_of
from ukdlib.frames.brightening import bright, gamma_for
from ukdlib.videos.pixels import frame_of

WIDEST = 1920  # pixels of the long side
SMALLEST, LARGEST = (
    360,
    720,
)  # pixels of the short side: small videos are enlarged to be read, large ones reduced
LINE = 0.045  # height of a line of text, as share of the picture's


def render(path: Path, model: Model, answer: Answer, shown: Shown) -> None:
    """Write an H.264 mp4 file of the answer's source at the model's rate; the file appears whole."""
    film = film_of(model, answer.source, steady=True)
    with beside(path) as part, av.open(str(part), "w", format="mp4") as container:
        stream = None
        for number, picture in enumerate(_bright(film)):
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(film.fps).limit_denominator(1001))
                stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
            frame = written(picture, _at(answer, number / film.fps), shown)
            container.mux(stream.encode(frame_of(frame)))
        if stream is not None:
            container.mux(stream.encode())


def _bright(film: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Each picture as uint8 of even height and width."""
    gamma = None
    for picture in film:
        gamma = gamma or gamma_for(picture)
        seen = bright(picture, gamma, LARGEST)
        scale = min(max(SMALLEST / min(seen.shape[:2]), 1.0), WIDEST / max(seen.shape[:2]))
        height, width = (max(2, 2 * round(scale * side / 2)) for side in seen.shape[:2])
        yield cv2.resize(seen, (width, height), interpolation=cv2.INTER_LINEAR)


def _at(answer: Answer, seconds: float) -> np.ndarray:
    """The probabilities (C,) of the moment whose middle is nearest."""
    middles = np.array([(moment.start + moment.end) / 2 for moment in answer.moments])
    return answer.moments[int(np.abs(middles - seconds).argmin())].probabilities


def written(picture: np.ndarray, probabilities: np.ndarray, shown: Shown) -> np.ndarray:
    """The picture (H, W, 3) with the class on top and, at the left edge below, a bar for each class."""
    height, width = picture.shape[:2]
    line = max(10, round(LINE * height))
    room = min(line, round((height - 2.6 * line) / (len(shown.classes) + 1)))  # of a class
    canvas = Image.fromarray(picture).convert("RGBA")
    veil = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(veil)
    label = shown.label(probabilities)
    text = f"{label} {probabilities.max():.0%}" if label else "unsure"
    draw.rectangle((0, 0, width, 2 * line), fill=(0, 0, 0, 150))
    draw.text((line // 2, line), text, font=_font(round(1.3 * line)), anchor="lm", fill="white")
    if room >= 6:
        _draw_bars(draw, (height, width), room, probabilities, shown.classes)
    return np.asarray(Image.alpha_composite(canvas, veil).convert("RGB"))


def _draw_bars(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    room: int,
    probabilities: np.ndarray,
    classes: Sequence[str],
) -> None:
    height, width = size
    top, long = height - room * len(classes) - room // 2, round(0.3 * width)
    draw.rectangle((0, top - room // 2, long, height), fill=(0, 0, 0, 130))
    for number, (name, share) in enumerate(zip(classes, probabilities, strict=True)):
        y = top + number * room
        best = number == int(probabilities.argmax())
        fill = (242, 170, 60, 235) if best else (120, 150, 180, 200)
        draw.rectangle((0, y + 1, max(1, round(long * float(share))), y + room - 2), fill=fill)
        draw.text((room // 3, y + room / 2), name, font=_font(round(0.75 * room)), anchor="lm", fill="white")


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's own, the same everywhere."""
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), max(size, 6))
