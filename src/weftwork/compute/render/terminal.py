"""A picture in a terminal: two pixels a character in full colour, or shades of text without colours."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

import numpy as np

from weftwork.compute.render.picture import to_srgb
from weftwork.compute.render.preview import resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weftwork.compute.render.frame import Frame

    Picture = NDArray[np.float32]

_SHADES = " .:-=+*#%@"
_EMPTY = (24, 24, 28)


def draw_picture(
    picture: Picture, columns: int, *, colour: bool = True, covered: NDArray[np.bool_] | None = None
) -> list[str]:
    """The lines of text that show a picture [height, width, 3] in ``columns`` characters at most.

    With ``colour`` a character shows two pixels, one above the other; without, one shade. What ``covered``
    [height, width] says has not come yet is a dark field, or a dot.
    """
    height, width, _ = picture.shape
    columns = max(1, min(columns, width))
    rows = max(2, min(height, round(columns * height / width)) // 2 * 2)
    seen = np.ones((height, width), bool) if covered is None else covered
    if height < rows:
        picture, seen = np.repeat(picture, rows, axis=0), np.repeat(seen, rows, axis=0)
    shown = to_srgb(resample(np.nan_to_num(picture).clip(0, 4), columns, rows))
    there = resample(np.repeat(seen[:, :, None], 3, axis=2).astype(np.float32), columns, rows)[:, :, 0] > 0.5
    if not colour:
        grey = shown.astype(float) @ np.array([0.2126, 0.7152, 0.0722])
        grey = grey.reshape(-1, 2, columns).mean(axis=1)
        both = np.asarray(np.all(there.reshape(-1, 2, columns), axis=1))
        return [
            "".join(
                _SHADES[round(value * (len(_SHADES) - 1) / 255)] if here else "·"
                for value, here in zip(line, known, strict=True)
            ).rstrip()
            for line, known in zip(grey, both, strict=True)
        ]
    shown = np.where(there[:, :, None], shown, np.array(_EMPTY, np.uint8))
    lines = []
    for upper, lower in zip(shown[0::2].tolist(), shown[1::2].tolist(), strict=True):
        cells, before = [], ""
        for (r, g, b), (s, h, c) in zip(upper, lower, strict=True):
            style = f"\x1b[38;2;{r};{g};{b};48;2;{s};{h};{c}m"
            cells.append("▀" if style == before else style + "▀")
            before = style
        lines.append("".join(cells) + "\x1b[0m")
    return lines


def has_colours(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """True for a terminal that shows colours where ``NO_COLOR`` is not set."""
    environ = os.environ if environ is None else environ
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "") != "dumb"


class LivePicture:
    """A frame that grows in place on a terminal as its tiles come; on anything else it shows nothing."""

    def __init__(self, stream: TextIO | None = None, columns: int | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.columns = columns or min(96, shutil.get_terminal_size((80, 24)).columns - 1)
        self._number, self._lines = -1, 0

    def show(self, frame: Frame) -> None:
        """Draws ``frame`` over what was drawn of it before; another frame begins below."""
        if not self.stream.isatty() or os.environ.get("TERM") == "dumb":
            return
        highest = max(2, shutil.get_terminal_size((80, 24)).lines - 3) * 2
        columns = min(self.columns, max(1, highest * frame.width // frame.height))
        colour = has_colours(self.stream)
        lines = draw_picture(frame.picture, columns, colour=colour, covered=frame.covered)
        up = f"\x1b[{self._lines}F" if self._lines and self._number == frame.number else ""
        self.stream.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self.stream.flush()
        self._number, self._lines = frame.number, len(lines)
