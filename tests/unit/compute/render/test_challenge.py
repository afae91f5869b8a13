"""A speed is believed after the work was seen: who renders less, or something else, has none."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from harness.stage import needs_mitsuba, needs_sandbox

from weftwork.compute.render.challenge import (
    REFERENCE_RATE,
    Challenge,
    answer_challenge,
    choose_tiles,
    count_micro_obh,
    issue_challenge,
    judge_answer,
    make_challenge,
    measure_speed,
    next_challenge,
    reference_scene,
    reference_store,
)
from weftwork.compute.render.worker import RenderWorker
from weftwork.errors import BadInput, BadUnit
from weftwork.units import Digest


def test_each_challenge_has_a_seed_of_its_own_and_asks_for_the_whole_scene() -> None:
    one, two = (issue_challenge(random.Random(seed), 4) for seed in (1, 2))
    assert one.seed != two.seed
    scene, _ = reference_scene()
    assert one.samples == 4 * scene.width * scene.height
    assert one.seed_of(one.tiles[0]) != two.seed_of(two.tiles[0])
    assert Challenge.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    "data",
    [None, {}, {"seed": "0x00", "spp": 4}, {"seed": "0x" + "00" * 32, "spp": 0}, {"seed": 5, "spp": 4}],
)
def test_what_is_no_challenge_is_refused(data: object) -> None:
    with pytest.raises((BadInput, BadUnit)):
        Challenge.from_json(data)


def test_the_reference_machine_has_100_ob() -> None:
    challenge = make_challenge(Digest(bytes(32)), 64)
    seconds = challenge.samples / REFERENCE_RATE
    assert measure_speed(challenge, seconds) == pytest.approx(100_000, abs=1)
    assert measure_speed(challenge, seconds / 2) == pytest.approx(200_000, abs=2)
    assert count_micro_obh(100_000, 3_600_000_000) == 100_000_000, "100 OB for an hour is 100 OBh"


def test_times_between_challenges_are_exponential() -> None:
    rng = random.Random(5)
    gaps = [next_challenge(100.0, 60.0, rng) - 100.0 for _ in range(4000)]
    assert sum(gaps) / len(gaps) == pytest.approx(60, rel=0.05)
    late = [gap - 60 for gap in gaps if gap > 60]
    assert sum(late) / len(late) == pytest.approx(60, rel=0.1), "having waited says nothing"


@needs_mitsuba
@needs_sandbox
async def test_an_honest_answer_has_a_speed_and_a_lazy_one_has_none(tmp_path: Path) -> None:
    scene, _ = reference_scene()
    store = reference_store(tmp_path)
    challenge = issue_challenge(random.Random(3), 2)
    async with RenderWorker(scene, store) as provider, RenderWorker(scene, store) as challenger:
        answer = await answer_challenge(provider, challenge)
        chosen = choose_tiles(challenge, 3, random.Random(8))
        shown = {result.tile: result for result in answer if result.tile in chosen}
        digests = [result.digest for result in answer]

        found = await judge_answer(challenge, digests, shown, chosen, 0.5, challenger)
        assert found.milli_ob == measure_speed(challenge, 0.5)
        assert found.checked == chosen

        short = await judge_answer(challenge, digests[1:], shown, chosen, 0.5, challenger)
        assert (short.milli_ob, "digests" in short.why) == (0, True)

        hidden = {tile: shown[tile] for tile in chosen[1:]}
        assert (await judge_answer(challenge, digests, hidden, chosen, 0.5, challenger)).milli_ob == 0

        lazy = await provider.render(chosen[0], challenge.seed_of(chosen[0]), 1)
        swapped = await judge_answer(challenge, digests, shown | {chosen[0]: lazy}, chosen, 0.5, challenger)
        assert "not shown as it was answered" in swapped.why

        place = challenge.tiles.index(chosen[0])
        admitted = [*digests[:place], lazy.digest, *digests[place + 1 :]]
        for build in (lazy.build, "another build"):
            caught = await judge_answer(
                challenge, admitted, shown | {chosen[0]: replace(lazy, build=build)}, chosen, 0.5, challenger
            )
            assert caught.milli_ob == 0
            assert "mean square" in caught.why
