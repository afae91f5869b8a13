"""Gas of stakes, subnets, weights, epochs and policies: an epoch from stake to paid claim."""

from __future__ import annotations

from typing import Any

from harness.world import COMMIT, FAR, KEY, SALT, TEMPO, UNBONDING, WAD, World, as_tuple

from weftwork.spec.commit import commit_sampling
from weftwork.spec.merkle import Claim, ClaimKind, merkle_proof
from weftwork.spec.subnet import SUBNET_PRESETS


def run(meter: Any) -> None:
    """Every call of the five contracts and the three policies."""
    run_stakes_and_subnets(meter)
    run_epoch(meter)
    run_policies(meter)


def run_stakes_and_subnets(meter: Any) -> None:
    """Stake and subnets with a plain account in the place of ``Epochs``."""
    world = World()
    vm, token, identity = world.vm, world.token, world.identity
    founder, alice, epochs = world.founder, vm.account("alice"), vm.account("epochs")
    stakes = vm.deploy("Stakes", token, identity, UNBONDING, 50, sender=founder)
    subnets = vm.deploy("Subnets", token, identity, stakes, 300, 10 * WAD, 100, sender=founder)
    weights = vm.deploy("Weights", subnets, sender=founder)
    meter.deployed(stakes, subnets, weights)
    meter.call("", stakes.bind, subnets, epochs, sender=founder)
    meter.call("", subnets.bind, weights, epochs, sender=founder)
    for account in (founder, alice):
        token.transfer(account, 1_000 * WAD, sender=founder)
        for contract in (stakes, subnets):
            token.approve(contract, 2**256 - 1, sender=account)
    words = SUBNET_PRESETS["local"].words
    meter.call("", subnets.create_subnet, TEMPO, COMMIT, words, FAR, FAR, sender=founder)
    agent = identity.register(sender=alice)
    meter.call("", subnets.register, 1, agent, FAR, FAR, sender=alice)
    run_stakes(meter, stakes, alice, agent, epochs, token, founder)
    meter.call("", subnets.note_pay, 1, agent, 0, WAD, sender=epochs)
    meter.call("", subnets.change_params, 1, words, sender=founder)
    by_name = {"subnet": 1, "agent": agent, "account": alice, "arg0": 1}
    meter.views(stakes, by_name, {})
    meter.views(subnets, by_name, {})
    meter.call("", subnets.deregister, 1, agent, sender=alice)
    vm.mine(100)
    subnets.change_owner(1, alice, sender=founder)
    meter.call("", subnets.change_owner, 1, founder, sender=alice)
    meter.call("", subnets.announce_end, 1, sender=founder)
    meter.call("", subnets.dissolve, 1, sender=founder)


def run_stakes(
    meter: Any, stakes: Any, alice: Any, agent: int, epochs: Any, token: Any, founder: Any
) -> None:
    """A pool from its first staker to its slashing."""
    vm = stakes.vm
    meter.call("first of a pool", stakes.stake, 1, agent, 100 * WAD, sender=alice)
    meter.call("next of a pool", stakes.stake, 1, agent, 10 * WAD, sender=founder)
    meter.call("", stakes.set_take, agent, 1_000, sender=alice)
    meter.call("", stakes.lock_collateral, 1, agent, 10 * WAD, sender=alice)
    token.transfer(stakes, WAD, sender=founder)
    meter.call("", stakes.reward, 1, agent, WAD, sender=epochs)
    meter.call("", stakes.unstake, 1, agent, stakes.shares_of(1, agent, alice) // 2, sender=alice)
    meter.call("", stakes.slash_collateral, 1, agent, WAD, 5_000, sender=epochs)
    meter.call("", stakes.slash, 1, agent, 1_000, alice, founder, sender=epochs)
    vm.mine(UNBONDING)
    meter.call("", stakes.withdraw_unbonded, 1, agent, sender=alice)
    meter.call("asked for", stakes.release_collateral, 1, agent, sender=alice)
    vm.mine(UNBONDING)
    meter.call("paid", stakes.release_collateral, 1, agent, sender=alice)


def run_epoch(meter: Any) -> None:
    """Three validators judge 16 miners; the epoch is sealed, closed with three signatures, and claimed."""
    world = World()
    weights, epochs, subnet = world.weights, world.epochs, world.subnet
    meter.deployed(world.weights, world.epochs, world.policy)
    judges = [world.join(name, 60 * WAD) for name in ("alice", "bob", "cara")]
    miners = [world.join(f"miner{i}") for i in range(16)]
    for judge in judges:
        meter.call("", weights.enter, subnet, judge.uid, sender=judge.account)
    now = world.next_epoch()
    row = {miner.uid: 100 for miner in miners}
    for judge in judges:
        uids, values = list(row), list(row.values())
        sealed = world.commitment(judge.uid, uids, values)
        meter.call("", weights.commit_weights, subnet, judge.uid, sealed, sender=judge.account)
        next_key = commit_sampling(KEY)
        meter.call("", weights.commit_sampling, subnet, judge.uid, next_key, sender=judge.account)
    world.open_reveals()
    for judge in judges:
        given = (subnet, judge.uid, list(row), list(row.values()), 0, KEY, SALT)
        meter.call("of 16 weights", weights.reveal_weights, *given, sender=judge.account)
    world.next_epoch()
    meter.call("nothing staked", epochs.seal, subnet, 0)
    meter.call("", epochs.seal, subnet, now)
    claims = [Claim(i, ClaimKind.PAY, one.agent, one.address, WAD // 2) for i, one in enumerate(miners)]
    claims += [Claim(16 + i, ClaimKind.STAKE, one.agent, one.address, WAD) for i, one in enumerate(judges)]
    closing = world.closing(now, claims)
    other = world.closing(now, claims[:1])
    votes = world.vote(closing, *judges)
    meter.call("three signatures", epochs.close, as_tuple(closing), votes)
    leaves = world.leaves(now, claims)

    def leaf(place: int) -> tuple[Any, ...]:
        claim = claims[place]
        proof = merkle_proof(leaves, place)
        return (claim.index, int(claim.kind), claim.agent, claim.account, claim.amount, proof)

    meter.call("first of an epoch", epochs.claim, subnet, now, leaf(0))
    meter.call("next of an epoch", epochs.claim, subnet, now, leaf(1))
    meter.call("to a stake pool", epochs.claim, subnet, now, leaf(16))
    meter.call("14 miners", epochs.claim_many, subnet, now, [leaf(i) for i in range(2, 16)])
    both = (world.vote(closing, judges[0])[0][1], world.vote(other, judges[0])[0][1])
    given = (judges[0].uid, as_tuple(closing), both[0], as_tuple(other), both[1])
    meter.call("", epochs.report_equivocation, *given)
    meter.call("", weights.leave, subnet, judges[1].uid, sender=judges[1].account)
    meter.call("", weights.drop_seat, subnet, judges[2].uid, sender=world.subnets)
    meter.call("", weights.drop_seat, subnet, judges[2].uid, sender=world.subnets)
    by_name = {"subnet": subnet, "epoch": now, "arg0": subnet, "arg1": now}
    meter.views(weights, by_name, {})
    meter.views(epochs, by_name, {"hash_closing": (as_tuple(closing),)})
    world.next_epoch()
    epochs.seal(subnet, now + 1)
    for _ in range(world.params.stall_epochs + 1):
        world.next_epoch()
    meter.call("", epochs.skip, subnet, now + 1)
    meter.call("thousands without voters", epochs.seal, subnet, pass_epochs(world, 5_000))


def pass_epochs(world: World, count: int) -> int:
    """Let many epochs go by in which nobody judges; the last that has ended."""
    world.vm.mine(count * TEMPO)
    return world.epoch - 1


def run_policies(meter: Any) -> None:
    """What the emission policies add to sealing an epoch."""
    world = World()
    world.join("alice", 60 * WAD)
    epochs = world.vm.account("epochs")
    equal, stake, usage = (world._policy(name) for name in ("EqualPolicy", "StakePolicy", "UsagePolicy"))
    meter.deployed(equal, stake, usage)
    meter.call("", usage.bind, epochs)
    for policy in (equal, stake, usage):
        meter.call("", policy.allot, world.subnet, 20 * WAD, sender=epochs)
        meter.views(policy, {"arg0": world.subnet}, {})
