"""What is written can be read again: PNG by its own rules, EXR by Mitsuba; previews and terminals."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from harness.stage import needs_mitsuba

from weftwork.compute.render.frame import Frame
from weftwork.compute.render.picture import encode_exr, encode_png, to_srgb, write_frame
from weftwork.compute.render.preview import make_preview, resample, shrink
from weftwork.compute.render.terminal import LivePicture, draw_picture, has_colours
from weftwork.errors import BadInput


def painting(width: int, height: int) -> np.ndarray:
    """A colourful picture [height, width, 3], linear."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.dstack([columns / width, rows / height, np.full_like(rows, 0.25)]).astype(np.float32)


def decode_png(content: bytes) -> np.ndarray:
    """The pixels of a PNG written with filter 2, as the standard says."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, chunks = 8, {}
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        name, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        (crc,) = struct.unpack_from(">I", content, place + 8 + length)
        assert crc == zlib.crc32(name + data)
        chunks[name], place = data, place + 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, colour) == (8, 2)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert set(rows[:, 0]) == {2}
    return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (40, 33)])
def test_a_png_holds_the_pixels(width: int, height: int) -> None:
    pixels = to_srgb(painting(width, height))
    assert np.array_equal(decode_png(encode_png(pixels)), pixels)


def test_linear_light_becomes_srgb() -> None:
    linear = np.array([[[0, 0.0031308, 0.2140411], [1, 7, -1], [np.nan, np.inf, 0.5]]], np.float32)
    assert to_srgb(linear).tolist() == [[[0, 10, 127], [255, 255, 0], [0, 255, 188]]]


def test_a_png_of_anything_but_8_bit_rgb_is_refused() -> None:
    with pytest.raises(BadInput):
        encode_png(np.zeros((4, 4, 4), np.uint8))


@needs_mitsuba
@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (40, 33), (64, 32)])
def test_an_exr_is_read_by_mitsuba_to_the_bit(width: int, height: int, tmp_path: Path) -> None:
    import mitsuba

    mitsuba.set_variant("scalar_rgb")
    for number, picture in enumerate((painting(width, height), np.zeros((height, width, 3), np.float32)), 1):
        _, place = write_frame(picture, tmp_path, number)
        assert np.array_equal(np.array(mitsuba.Bitmap(str(place))), picture)
    picture = np.random.default_rng(1).random((height, width, 3), dtype=np.float32)
    place.write_bytes(encode_exr(picture))
    assert np.array_equal(np.array(mitsuba.Bitmap(str(place))), picture)


def test_a_frame_is_written_whole_under_its_number(tmp_path: Path) -> None:
    paths = write_frame(painting(8, 8), tmp_path / "out", 12)
    assert [path.name for path in paths] == ["frame-0012.png", "frame-0012.exr"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frame-0012.exr", "frame-0012.png"]


def test_means_over_areas_keep_the_light() -> None:
    picture = painting(37, 23)
    small = shrink(picture, 10)
    assert small.shape == (6, 10, 3)
    assert resample(picture, 1, 1)[0, 0] == pytest.approx(picture.mean(axis=(0, 1)), rel=1e-4)
    assert shrink(picture, 100) is picture


def test_a_preview_is_smaller_and_marked_in_every_part() -> None:
    picture = painting(1200, 800)
    preview = make_preview(picture)
    assert preview.shape == (320, 480, 3)
    changed = (preview != to_srgb(shrink(picture, 480))).any(axis=2)
    for y in range(0, 320, 80):
        for x in range(0, 480, 80):
            assert 0.02 < changed[y : y + 80, x : x + 80].mean() < 0.6, (
                "a part without a mark, or nothing else"
            )


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 200), (64, 64)])
def test_a_preview_of_any_shape_is_made(width: int, height: int) -> None:
    assert make_preview(painting(width, height)).shape == (height, width, 3)


def test_a_terminal_with_colours_shows_two_pixels_a_character() -> None:
    lines = draw_picture(painting(60, 30), 20)
    assert len(lines) == 5
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert plain == ["▀" * 20] * 5
    assert all(line.endswith("\x1b[0m") for line in lines)


def test_a_terminal_without_colours_shows_shades_and_what_is_missing() -> None:
    covered = np.zeros((30, 60), bool)
    covered[:, :30] = True
    lines = draw_picture(np.ones((30, 60, 3), np.float32), 20, colour=False, covered=covered)
    assert lines == ["@" * 10 + "·" * 10] * 5


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (200, 1), (3, 2)])
def test_a_picture_of_any_shape_is_drawn(width: int, height: int) -> None:
    for colour in (True, False):
        assert draw_picture(painting(width, height), 80, colour=colour)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_no_color_is_honoured() -> None:
    assert has_colours(Terminal(), {"TERM": "xterm"})
    assert not has_colours(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"})
    assert not has_colours(Terminal(), {"TERM": "dumb"})
    assert not has_colours(io.StringIO(), {"TERM": "xterm"})


def test_a_growing_picture_is_drawn_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LINES", "50")
    terminal = Terminal()
    live = LivePicture(terminal, 20)
    frame = Frame(1, 40, 20, 20)
    live.show(frame)
    rows = terminal.getvalue().count("\n")
    assert "\x1b[38" not in terminal.getvalue()
    frame.put(frame.tiles[0], np.ones((20, 20, 3), "<f4").tobytes())
    live.show(frame)
    assert f"\x1b[{rows}F" in terminal.getvalue()
    assert "@" in terminal.getvalue()
    quiet = io.StringIO()
    LivePicture(quiet, 20).show(frame)
    assert quiet.getvalue() == ""
