"""A scene read from disk: its files are found, none outside its folder is, and nothing of it is run."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from harness.stage import BALL, MESH, write_scene

from weftwork.compute.render.asset import AssetStore, digest_asset
from weftwork.compute.render.error import BadAsset, BadScene
from weftwork.compute.render.scene import Scene, read_scene


def shape(value: str) -> str:
    """The ball's scene with a mesh named ``value``."""
    return BALL.replace(
        "</scene>", f'<shape type="ply"><string name="filename" value="{value}"/></shape></scene>'
    )


def test_a_scene_is_read_with_its_size_samples_and_frames(tmp_path: Path) -> None:
    scene, contents = read_scene(write_scene(tmp_path))
    assert (scene.kind, scene.width, scene.height, scene.spp, scene.frames) == ("mitsuba-xml", 80, 48, 4, 3)
    assert scene.assets == {"scene.xml": digest_asset(BALL.encode())}
    assert contents == {digest_asset(BALL.encode()): BALL.encode()}


def test_numbers_given_by_hand_come_before_those_of_the_file(tmp_path: Path) -> None:
    scene, _ = read_scene(write_scene(tmp_path), width=160, height=90, spp=9, frames=2)
    assert (scene.width, scene.height, scene.spp, scene.frames) == (160, 90, 9, 2)


def test_a_scene_travels_as_json_and_keeps_its_digest(tmp_path: Path) -> None:
    scene, _ = read_scene(write_scene(tmp_path))
    again = Scene.from_json(scene.to_json())
    assert again == scene
    assert again.digest == scene.digest
    assert dataclasses.replace(scene, spp=5).digest != scene.digest


def test_files_that_a_scene_names_are_collected(tmp_path: Path) -> None:
    path = write_scene(tmp_path, shape("mesh.ply"), mesh__ply=MESH)
    scene, contents = read_scene(path)
    assert set(scene.assets) == {"scene.xml", "mesh.ply"}
    assert contents[scene.assets["mesh.ply"]] == MESH.encode()


def test_files_named_by_frame_are_collected_for_every_frame(tmp_path: Path) -> None:
    meshes = {f"mesh{n}__ply": MESH for n in (1, 2, 3)}
    scene, _ = read_scene(write_scene(tmp_path, shape("mesh$frame.ply"), **meshes))
    assert set(scene.assets) == {"scene.xml", "mesh1.ply", "mesh2.ply", "mesh3.ply"}


def test_included_scenes_are_read_with_what_they_name(tmp_path: Path) -> None:
    inner = '<scene version="3.0.0"><shape type="ply"><string name="filename" value="m.ply"/></shape></scene>'
    text = BALL.replace("</scene>", '<include filename="inner.xml"/></scene>')
    scene, _ = read_scene(write_scene(tmp_path, text, inner__xml=inner, m__ply=MESH))
    assert set(scene.assets) == {"scene.xml", "inner.xml", "m.ply"}


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret.ply", "a/../../secret.ply", "", ".", "a//b.ply", "./m.ply", "a\\b"]
)
def test_a_file_outside_the_scenes_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.ply").write_text(MESH)
    with pytest.raises(BadAsset):
        read_scene(write_scene(tmp_path / "in", shape(name)))


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(MESH)
    path = write_scene(tmp_path / "in", shape("mesh.ply"))
    os.symlink(tmp_path / "secret", tmp_path / "in" / "mesh.ply")
    with pytest.raises(BadAsset, match="own folder"):
        read_scene(path)


def test_a_hidden_path_in_any_other_text_is_refused(tmp_path: Path) -> None:
    text = BALL.replace("</scene>", '<shape type="x"><string name="y" value="/etc/passwd"/></shape></scene>')
    with pytest.raises(BadAsset):
        read_scene(write_scene(tmp_path, text))


def test_a_missing_or_empty_file_is_named(tmp_path: Path) -> None:
    path = write_scene(tmp_path, shape("mesh.ply"))
    with pytest.raises(BadAsset, match="no such file") as caught:
        read_scene(path)
    assert caught.value.value == "mesh.ply"
    (tmp_path / "mesh.ply").write_bytes(b"")
    with pytest.raises(BadAsset, match="1 to"):
        read_scene(path)


BOMB = '<!DOCTYPE scene [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + BALL


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "1 to"),
        ("<scene", "not XML"),
        ("<image/>", "begins with <image>"),
        (BOMB, "document type"),
        ('<scene version="3.0.0"></scene>', "no <sensor>"),
        (BALL.replace("</scene>", '<path value="x"/></scene>'), "relative path"),
        (BALL.replace('type="sphere"', 'type="../../scene/evil"'), "plugin by a path"),
        (BALL.replace('"80"', '"wide"'), "whole number"),
        (BALL.replace('"80"', '"0"'), "width"),
        (BALL.replace('"80"', '"-4"'), "width"),
        (BALL.replace('value="3"', 'value="3000000"'), "frames"),
        (BALL.replace("</scene>", '<include filename="scene.xml"/></scene>'), "deeper"),
        (BALL.replace("</scene>", "<bsdf>" * 5000 + "</bsdf>" * 5000 + "</scene>"), "nests"),
        (BALL.replace("</scene>", " " * 4_200_000 + "</scene>"), "bytes"),
        (
            BALL.replace('value="3"', 'value="9999"').replace(
                "</scene>", '<shape type="ply" filename="m$frame.ply"/></scene>'
            ),
            "at most",
        ),
    ],
)
def test_a_broken_scene_is_refused_with_a_sentence(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises((BadScene, BadAsset), match=word):
        read_scene(write_scene(tmp_path, text))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScene, match=r"\.xml, \.py or \.blend"):
        read_scene(write_scene(tmp_path, "x", "scene.obj"))


def test_a_python_scene_is_read_for_its_constants_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"""
WIDTH = 320
HEIGHT = 200
FRAMES = 12
SPP = 2 ** 5
ASSETS = ["mesh.ply"]
open({str(mark)!r}, "w")
def make_scene(frame):
    return {{}}
"""
    scene, _ = read_scene(write_scene(tmp_path, text, "scene.py", mesh__ply=MESH))
    assert (scene.kind, scene.width, scene.height, scene.frames) == ("mitsuba-python", 320, 200, 12)
    assert scene.spp == 16, "a constant is a plain number; what would have to be computed is left"
    assert set(scene.assets) == {"scene.py", "mesh.ply"}
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("def make_scene(frame:", "not Python"),
        ("x = 1", "make_scene"),
        ("ASSETS = 3\ndef make_scene(frame): pass", "ASSETS"),
        ("WIDTH = 'wide'\ndef make_scene(frame): pass", "width"),
        ("x = " + "(" * 500 + ")" * 500 + "\ndef make_scene(frame): pass", "not Python"),
    ],
)
def test_a_broken_python_scene_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(BadScene, match=word):
        read_scene(write_scene(tmp_path, text, "scene.py"))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "povray"},
        {"entry": "other.xml"},
        {"assets": []},
        {"assets": {"scene.xml": "00"}},
        {"assets": {"../scene.xml": "00" * 32}, "entry": "../scene.xml"},
        {"assets": {"scene.xml": 7}},
        {"width": 0},
        {"width": True},
        {"spp": 10**9},
        {"frames": "3"},
        {"more": 1},
    ],
)
def test_a_scene_from_the_wire_is_checked(tmp_path: Path, change: dict[str, object]) -> None:
    scene, _ = read_scene(write_scene(tmp_path))
    with pytest.raises((BadScene, BadAsset)):
        Scene.from_json(scene.to_json() | change)


def test_a_store_keeps_a_content_once_and_says_what_is_missing(tmp_path: Path) -> None:
    uploader = AssetStore(tmp_path)
    digest = uploader.put(b"mesh")
    assert uploader.put(b"mesh") == digest
    other = digest_asset(b"other")
    assert uploader.missing([digest, other, other]) == [other]
    assert AssetStore(tmp_path).get(digest) == b"mesh"


def test_a_store_refuses_a_content_under_a_wrong_digest(tmp_path: Path) -> None:
    with pytest.raises(BadAsset, match="digest"):
        AssetStore(tmp_path).put(b"mesh", digest_asset(b"other"))
    with pytest.raises(BadAsset, match="not in the store"):
        AssetStore(tmp_path).get(digest_asset(b"other"))
    with pytest.raises(BadAsset):
        AssetStore(tmp_path).path("../../etc/passwd")


@pytest.mark.parametrize("broken", [b"", b"Mesh", b"mes"])
def test_a_content_that_broke_on_disk_is_found_and_may_be_uploaded_again(
    tmp_path: Path, broken: bytes
) -> None:
    store = AssetStore(tmp_path)
    digest = store.put(b"mesh")
    store.path(digest).write_bytes(broken)
    with pytest.raises(BadAsset, match="broken"):
        store.get(digest)
    assert store.missing([digest]) == [digest]
    store.put(b"mesh", digest)
    assert store.get(digest) == b"mesh"
