"""Burn and mint on chain: what customers burn, what nodes earn, what the cap and a halted feed allow."""

from __future__ import annotations

import pytest
from harness.minting import CAPPED, GRACE, PRICE, RESERVED, ROOM, RULES, WEEK, WORK, MintingWorld, to_words
from harness.tokens import WAD
from harness.vm import ZERO_ADDRESS

from weftwork.spec.job import REVIEW_WINDOW


@pytest.fixture(scope="module")
def built():
    return MintingWorld()


@pytest.fixture
def world(built):
    built.vm.restore(built.point)
    return built


def test_a_purchase_burns_all_but_the_fee_and_records_its_price(world):
    payer, supply = world.customers[0], world.token.totalSupply()
    assert world.credits.buy(100 * WAD, sender=payer) == 400 * WAD
    burnt = world.vm.event("Burnt").args
    assert (burnt.paid, burnt.fee, burnt.retired, burnt.destroyed) == (
        100 * WAD,
        5 * WAD,
        19 * WAD,
        76 * WAD,
    )
    assert burnt.price == PRICE
    assert world.token.totalSupply() == supply - 76 * WAD
    assert world.credits.owed(world.operator) == 5 * WAD
    world.credits.pull(world.operator)
    assert world.token.balanceOf(world.operator) == 5 * WAD


def test_credits_are_given_to_nodes_and_to_nobody_twice(world):
    payer = world.customers[0]
    world.credits.buy(WAD, sender=payer)
    world.credits.award(world.nodes[0], 4 * WAD, sender=payer)
    with world.vm.reverts("credits: not that many credits"):
        world.credits.award(world.nodes[0], 1, sender=payer)
    with world.vm.reverts("credits: node is zero"):
        world.credits.award(ZERO_ADDRESS, 0, sender=payer)
    assert world.credits.weight_of(0, 0, world.nodes[0]) == 4 * WAD


def test_a_completed_job_burns_and_credits_its_node_in_the_same_call(world):
    supply = world.token.totalSupply()
    job = world.order(100 * WAD)
    world.deliver(job)
    assert world.credits.is_collected(job)
    assert world.token.totalSupply() == supply - 76 * WAD
    assert world.credits.weight_of(0, 0, world.nodes[0]) == 400 * WAD
    with world.vm.reverts("credits: job is collected"):
        world.credits.collect(job)


def test_a_halted_feed_delays_the_burn_and_never_the_completion(world):
    job = world.order(100 * WAD)
    world.credits.submit(job, WORK, sender=world.nodes[0])
    with world.vm.reverts("credits: job is not completed"):
        world.credits.collect(job)
    world.vm.set_time(world.vm.time + 11 * WEEK)
    world.review.complete_silent(job)
    assert not world.credits.is_collected(job)
    for call in (world.credits.collect, lambda _: world.credits.buy(1, sender=world.customers[0])):
        with world.vm.reverts("prices: feed is stale"):
            call(job)
    world.say_price(2 * WAD)
    world.credits.collect(job)
    assert world.credits.weight_of(11, 0, world.nodes[0]) == 200 * WAD


def test_a_rejected_job_burns_nothing(world):
    payer, supply = world.customers[0], world.token.totalSupply()
    before = world.token.balanceOf(payer)
    job = world.order(100 * WAD)
    world.credits.submit(job, WORK, sender=world.nodes[0])
    world.review.disapprove(job, WORK, sender=payer)
    assert (world.token.balanceOf(payer), world.token.totalSupply()) == (before, supply)
    with world.vm.reverts("credits: job is not completed"):
        world.credits.collect(job)


def test_only_the_client_names_the_node_for_good_and_only_the_node_submits(world):
    job = world.order(WAD)
    with world.vm.reverts("credits: caller is not the client"):
        world.credits.assign(job, world.nodes[1], sender=world.nodes[1])
    with world.vm.reverts("credits: node is named"):
        world.credits.assign(job, world.nodes[1], sender=world.customers[0])
    with world.vm.reverts("credits: caller is not the node"):
        world.credits.submit(job, WORK, sender=world.nodes[1])
    world.credits.submit(job, WORK, sender=world.nodes[0])


def test_a_job_of_another_provider_or_judge_is_not_taken(world):
    client, until = world.customers[0], world.vm.time + WEEK
    other = world.jobs.createJob(world.nodes[0], world.review, until, "", world.credits, sender=client)
    with world.vm.reverts("credits: provider is another"):
        world.credits.assign(other, world.nodes[0], sender=client)
    ours = world.jobs.createJob(world.credits, world.review, until, "", sender=client)
    with world.vm.reverts("credits: node is zero"):
        world.credits.assign(ours, ZERO_ADDRESS, sender=client)
    for node in world.nodes:
        world.credits.assign(ours, node, sender=client)
    alone = world.jobs.createJob(world.credits, client, until, "", sender=client)
    with world.vm.reverts("credits: evaluator is another"):
        world.credits.assign(alone, world.nodes[0], sender=client)
    world.jobs.setBudget(other, WAD, sender=client)
    world.jobs.fund(other, WAD, sender=client)
    world.jobs.submit(other, WORK, sender=world.nodes[0])
    world.review.approve(other, WORK, sender=client)
    assert world.token.balanceOf(world.nodes[0]) == WAD
    with world.vm.reverts("credits: provider is another"):
        world.credits.collect(other)
    with world.vm.reverts("credits: caller is not jobs"):
        world.credits.afterAction(other, b"\x00" * 4, b"", sender=client)


def test_a_submission_that_leaves_no_time_for_review_is_refused(world):
    job = world.order(WAD)
    world.vm.set_time(world.vm.time + WEEK)
    with world.vm.reverts("credits: job expires before its review is over"):
        world.credits.submit(job, WORK, sender=world.nodes[0])
    world.vm.set_time(world.vm.time - 1)
    world.credits.submit(job, WORK, sender=world.nodes[0])
    assert REVIEW_WINDOW < WEEK


def test_an_epoch_is_shared_by_work_readiness_and_spending_to_the_last_unit(world):
    world.deliver(world.order(30 * WAD, node=0), node=0)
    world.deliver(world.order(10 * WAD, customer=1, node=1), node=1)
    world.credits.report_ready(0, world.nodes, [3, 1], sender=world.checker)
    world.pass_epoch()
    assert world.credits.settle() == 0
    settled = world.vm.event("Settled").args
    assert settled.minted == 400_000 * WAD // 2 // 3
    assert settled.jobs == settled.minted * 3_000 // 10_000
    assert settled.requesters == 40 * WAD * 3_000 // 10_000
    for kind, accounts, pool in (
        (0, world.nodes, settled.jobs),
        (1, world.nodes, settled.availability),
        (2, world.customers, settled.requesters),
    ):
        paid = [world.credits.claim(0, kind, one) for one in accounts]
        assert paid == [pool * 3 // 4, pool - pool * 3 // 4]
        assert world.credits.pool_left(0, kind) == 0
        with world.vm.reverts("credits: nothing to claim"):
            world.credits.claim(0, kind, accounts[0])
    for account in (world.operator, world.reserve, world.stakers):
        world.credits.pull(account)
    held = sum(world.credits.carried()) + world.credits.retired()
    assert world.token.balanceOf(world.credits) == held


def test_an_epoch_is_settled_in_order_and_after_its_grace(world):
    world.vm.set_time(world.start + WEEK + GRACE - 1)
    with world.vm.reverts("credits: epoch is not over"):
        world.credits.settle()
    with world.vm.reverts("credits: epoch is not settled"):
        world.credits.claim(0, 0, world.nodes[0])
    world.vm.set_time(world.vm.time + 1)
    assert world.credits.settle() == 0
    with world.vm.reverts("credits: epoch is not over"):
        world.credits.settle()


def test_what_is_burnt_does_not_change_what_is_minted(world):
    point = world.vm.snapshot()
    world.pass_epoch()
    world.credits.settle()
    quiet = world.credits.minted()
    world.vm.restore(point)
    world.credits.buy(500_000 * WAD, sender=world.customers[0])
    world.pass_epoch()
    world.credits.settle()
    assert world.credits.minted() == quiet > 0


def test_the_cap_and_what_another_minter_reserved_are_respected_and_recycling_follows(world):
    world.credits.buy(1_000_000 * WAD, sender=world.customers[0])
    for _ in range(7):
        world.pass_epoch()
        world.credits.settle()
    assert world.credits.minted() == ROOM - RESERVED
    assert world.token.CAP() - world.token.minted() == RESERVED
    settled = world.vm.event("Settled").args
    assert settled.minted == 0
    assert settled.recycled == (ROOM - RESERVED) * 300 // 10_000 // 3
    assert world.credits.retired() == 190_000 * WAD - settled.recycled


def test_without_the_right_to_mint_epochs_go_on_with_what_there_is(world):
    world.token.set_minter(world.credits, False, sender=world.owner)
    world.vm.mine()
    world.pass_epoch()
    assert world.credits.settle() == 0
    assert world.vm.event("Settled").args.minted == 0
    world.token.set_minter(world.credits, True, sender=world.owner)
    world.pass_epoch()
    world.credits.settle()
    assert world.vm.event("Settled").args.minted > 0


def test_only_the_checker_says_who_stood_ready_and_once_a_node(world):
    node = world.nodes[0]
    report, checker = world.credits.report_ready, world.checker
    with world.vm.reverts("credits: caller is not the checker"):
        report(0, [node], [1], sender=node)
    for epoch in (1, 2**200):
        with world.vm.reverts("credits: epoch is not open"):
            report(epoch, [node], [1], sender=checker)
    with world.vm.reverts("credits: not one weight for each node"):
        report(0, [node], [], sender=checker)
    for weight in (0, 2**64 + 1):
        with world.vm.reverts("credits: weight is out of range"):
            report(0, [node], [weight], sender=checker)
    with world.vm.reverts("credits: node is reported"):
        report(0, [node, node], [1, 1], sender=checker)
    world.pass_epoch()
    report(0, [node], [1], sender=checker)
    world.credits.settle()
    with world.vm.reverts("credits: epoch is not open"):
        report(0, [world.nodes[1]], [1], sender=checker)


def test_a_cap_of_a_pool_holds_and_the_rest_is_carried_over():
    world = MintingWorld(CAPPED, staked=False)
    world.credits.buy(WAD, sender=world.customers[0])
    world.credits.award(world.nodes[0], WAD, sender=world.customers[0])
    world.pass_epoch()
    world.credits.settle()
    settled = world.vm.event("Settled").args
    assert settled.jobs == 1_500 * WAD
    assert settled.requesters == WAD
    assert settled.liquidity == 0
    assert world.credits.carried().jobs == settled.minted * 2_107 // 10_000 - 1_500 * WAD


@pytest.mark.parametrize(
    ("rules", "schedule", "says"),
    [
        ({0: 9_000}, {}, "credits: shares are over the whole"),
        ({4: 10_000}, {}, "credits: share is over the whole"),
        ({5: 10_001}, {}, "credits: share is over the whole"),
        ({6: 10_001}, {}, "credits: share is over the whole"),
        ({9: 10_001}, {}, "credits: share is over the whole"),
        ({10: 10_001}, {}, "credits: share is over the whole"),
        ({}, {0: 2**128 + 1}, "credits: schedule is out of range"),
        ({}, {1: [10_000, 1]}, "credits: launch mints over the supply"),
        ({}, {1: [2**256 - 1]}, "credits: launch mints over the supply"),
        ({}, {2: 1_000}, "credits: damping is 1 to 999"),
        ({}, {3: 0}, "credits: schedule is out of range"),
    ],
)
def test_parameters_that_give_away_more_than_there_is_do_not_deploy(world, rules, schedule, says):
    words, terms = map(list, to_words(RULES))
    for place, value in rules.items():
        words[place] = value
    for place, value in schedule.items():
        terms[place] = value
    with world.vm.reverts(says):
        world.vm.deploy("Credits", (ZERO_ADDRESS,) * 9, words, terms, WEEK, GRACE)
    with world.vm.reverts("credits: epoch has no length"):
        world.vm.deploy("Credits", (ZERO_ADDRESS,) * 9, *to_words(RULES), 0, GRACE)
