"""Who renders what: tiers, fairness, refusals and deaths, each as one sentence."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from weftwork.compute.render.dispatch import Dispatcher, Host, Job, Size, Tier
from weftwork.errors import BadConfig, NotFound

CORE = Size(1_000, 1)


def host(name: str, cores: int = 1, **options: object) -> Host:
    return Host(name, Size(cores * 1_000, cores), **options)  # type: ignore[arg-type]


def job(name: str, pieces: int, owner: str = "anna", tier: Tier = Tier.ECONOMY, **options: object) -> Job:
    return Job(name, owner, tier, CORE, tuple(range(pieces)), **options)  # type: ignore[arg-type]


def test_priority_work_goes_before_economy_work_that_came_first() -> None:
    farm = Dispatcher([host("h", 3)], [job("cheap", 9), job("dear", 2, "bert", Tier.PRIORITY)])
    assert [one.job for one in farm.book(0.0)] == ["dear", "dear", "cheap"]


def test_trusted_work_is_for_partners_only() -> None:
    farm = Dispatcher([host("h", 4), host("partner", 1, trusted=True)], [job("film", 3, tier=Tier.TRUSTED)])
    assert [one.host for one in farm.book(0.0)] == ["partner"]


def test_host_below_the_tiers_reputation_gets_none_of_it() -> None:
    farm = Dispatcher(
        [host("h", 4, reputation=499_999)], [job("dear", 1, tier=Tier.PRIORITY), job("cheap", 1)]
    )
    assert [one.job for one in farm.book(0.0)] == ["cheap"]
    farm.grade("h", 500_000)
    assert [one.job for one in farm.book(1.0)] == ["dear"]


def test_better_host_is_asked_first_and_equal_hosts_take_turns() -> None:
    hosts = [host("poor", 2, reputation=300_000), host("a", 4), host("b", 4)]
    farm = Dispatcher(hosts, [job("film", 4)])
    assert Counter(one.host for one in farm.book(0.0)) == {"a": 2, "b": 2}


def test_owner_with_ten_jobs_gets_no_more_than_owner_with_one() -> None:
    jobs = [job(f"many{n}", 10) for n in range(10)] + [job("single", 10, "bert")]
    farm = Dispatcher([host("h", 10)], jobs)
    booked = Counter(one.job == "single" for one in farm.book(0.0))
    assert booked == {True: 5, False: 5}
    assert max(Counter(one.job for one in farm.running if one.job != "single").values()) == 1


def test_caps_of_job_and_of_owner_hold_across_rounds() -> None:
    farm = Dispatcher([host("h", 9)], [job("a", 9, cap=2), job("b", 9)], owner_caps={"anna": 5_000})
    assert Counter(one.job for one in farm.book(0.0)) == {"a": 2, "b": 3}
    assert farm.book(1.0) == []
    farm.done(farm.running[0])
    assert len(farm.book(2.0)) == 1


def test_rejected_frame_never_comes_back_to_the_host_that_spoiled_it() -> None:
    farm = Dispatcher([host("cheat", 4)], [job("film", 1)])
    (first,) = farm.book(0.0)
    assert farm.done(first)
    assert farm.reject(first)
    assert farm.book(1.0) == []
    assert farm.stranded("film") == [0]
    farm.join(host("honest"))
    assert [one.host for one in farm.book(2.0)] == ["honest"]
    assert farm.stranded("film") == []


def test_frame_that_everyone_spoils_is_given_up_and_the_others_go_on() -> None:
    farm = Dispatcher([host("a"), host("b")], [job("film", 2, tries=1)])
    first, second = farm.book(0.0)
    farm.reject(first)
    farm.done(second)
    assert farm.book(1.0) == []
    assert farm.progress("film").given_up == 1


def test_frames_of_a_dead_host_go_first_to_the_next() -> None:
    farm = Dispatcher([host("a"), host("b")], [job("film", 5)])
    booked = {one.host: one.piece for one in farm.book(0.0)}
    farm.lost("a")
    farm.done(farm.running[0])
    assert [one.piece for one in farm.book(1.0)] == [booked["a"]]


def test_answer_that_comes_after_its_time_is_void_and_another_host_is_paid() -> None:
    farm = Dispatcher([host("slow"), host("quick")], [job("film", 1, limit=10.0)])
    (late,) = farm.book(0.0)
    assert farm.expire(9.9) == []
    assert farm.expire(10.0) == [late]
    (again,) = farm.book(10.0)
    assert {late.host, again.host} == {"slow", "quick"}
    assert not farm.done(late)
    assert farm.done(again)


def test_host_that_comes_back_is_a_new_host() -> None:
    farm = Dispatcher([host("a")], [job("film", 2)])
    farm.book(0.0)
    farm.lost("a")
    farm.join(host("a"))
    assert [one.piece for one in farm.book(1.0)] == [0]


def test_same_chance_places_alike() -> None:
    def place(seed: int) -> list[str]:
        hosts = [host(f"h{n}") for n in range(20)]
        farm = Dispatcher(hosts, [job("film", 10)], chance=random.Random(seed))
        return [one.host for one in farm.book(0.0)]

    assert place(1) == place(1) != place(2)


def test_what_cannot_be_is_refused_by_name() -> None:
    farm = Dispatcher([host("a")], [job("film", 1)])
    with pytest.raises(BadConfig, match="in a farm once"):
        farm.join(host("a"))
    with pytest.raises(BadConfig, match="in a farm once"):
        farm.add(job("film", 1))
    with pytest.raises(BadConfig, match="named once"):
        farm.add(Job("twice", "anna", Tier.ECONOMY, CORE, (1, 1)))
    with pytest.raises(BadConfig, match="some of a core"):
        farm.add(Job("nothing", "anna", Tier.ECONOMY, Size(0, 0), (1,)))
    with pytest.raises(NotFound):
        farm.progress("unknown")
