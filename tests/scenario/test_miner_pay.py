"""A miner is paid for its work on the ledger, and one that serves garbage soon has none."""

from __future__ import annotations

from typing import Any

from harness.desk import Requester, chat
from harness.judges import WiseEngine, add_validator, stop_validator

from weftwork.models.channel import ChannelPurse
from weftwork.models.gateway.app import Setting
from weftwork.models.gateway.route import Policy
from weftwork.network.devnet import Devnet
from weftwork.network.enrol import open_channel
from weftwork.network.rogue import LazyEngine
from weftwork.units import WAD
from weftwork.wire.client import Client


async def hire(net: Devnet, name: str, miner: Any, deposit: int) -> Requester:
    """A requester with a channel on the ledger to ``miner``, that speaks to it directly."""
    site = net.site(name, deposit)
    open_channel(net.ledger, net.contracts, site.account, miner.site.account.address, deposit)
    client = Client(local=True, timeout=10)
    domains = net.contracts.domains
    requester = Requester(site.account, miner.site.account.address, client, site.now, domains)
    requester.url = miner.url
    return requester


async def test_vouchers_of_many_answers_are_redeemed_in_one_transaction() -> None:
    async with Devnet() as net:
        miner = await net.add_miner("mia", WiseEngine())
        payer = await hire(net, "pat", miner, 5 * WAD)
        before = net.coins([miner.site.account.address])
        block = net.ledger.block_number()
        for i in range(20):
            assert (await payer.ask(f"stake {i + 1} ETH")).status == 200
        assert net.ledger.block_number() == block, "no answer waits for the ledger"
        voucher = payer.purse.voucher()
        assert voucher is not None
        assert (await payer.post("/v1/voucher", [voucher.to_json()])).status == 200
        owed = payer.purse.due
        assert await miner.miner.book.redeem() == owed
        assert net.ledger.block_number() == block + 2, "one claim for all, one pull"
        assert net.coins([miner.site.account.address]) - before == owed
        assert await miner.miner.book.redeem() == 0, "claimed once"
        await payer.client.close()


async def test_withdrawal_of_a_payer_is_answered_by_a_claim_before_it_can_happen() -> None:
    async with Devnet() as net:
        miner = await net.add_miner("mia", WiseEngine())
        payer = await hire(net, "pat", miner, 5 * WAD)
        for _ in range(3):
            await payer.ask("stake 1 ETH")
        voucher = payer.purse.voucher()
        assert voucher is not None
        await payer.post("/v1/voucher", [voucher.to_json()])
        channels = net.contracts.at(net.ledger, "channels")
        channels.send(payer.account, "request_withdraw", miner.site.account.address, 5 * WAD)
        assert await miner.miner.book.guard() == payer.purse.due
        refused = await payer.ask("one more on a channel that is leaving")
        assert (refused.status, refused.body["error"]["code"]) == (402, "refused.overdrawn")
        await payer.client.close()


async def test_gateway_that_vanishes_with_deposits_leaves_its_miners_what_it_signed() -> None:
    async with Devnet() as net:
        miner = await net.add_miner("mia", WiseEngine())
        payer = await hire(net, "gone", miner, WAD)
        await payer.ask("stake 1 ETH")
        await payer.ask("stake 2 ETH")
        signed = payer.purse.signed
        await payer.client.close()
        assert signed > 0
        assert await miner.miner.book.redeem() == signed
        assert miner.miner.book.totals()["due"] > signed, "lost: what was served on credit after the voucher"


async def test_miner_that_takes_the_voucher_and_serves_garbage_is_judged_and_left_alone() -> None:
    setting = Setting(policy=Policy(explore=0.2, hedge=False))
    async with Devnet(tempo=400, commit_blocks=300) as net:
        good = await net.add_miner("good", WiseEngine(), model="weft-intent")
        fraud = await net.add_miner("fraud", LazyEngine(lambda body: "lorem ipsum"), model="weft-intent")
        gateways = [await net.add_gateway(name, setting=setting) for name in ("north", "south")]
        judge = await add_validator(net, "ada", gateways)
        net.end_epoch(net.epoch)
        epoch = judge.ballot.phase().epoch
        await judge.probe(24)
        assert good.place is not None
        assert fraud.place is not None
        assert judge.standing.table() == {good.place.uid: 1_000_000, fraud.place.uid: 0}
        assert judge.weights() == {good.place.uid: 65_535}
        await judge.commit()
        net.open_reveals(epoch)
        await judge.reveal()
        net.end_epoch(epoch)
        await judge.close()
        await net.rediscover()
        served = {name: role.miner.app.metrics.value("miner_answers") for name, role in net.miners.items()}
        await judge.probe(60)
        more = {
            name: role.miner.app.metrics.value("miner_answers") - served[name]
            for name, role in net.miners.items()
        }
        assert more["good"] >= 50
        assert more["fraud"] <= 10, "exploration alone still reaches it"
        await stop_validator(judge)


async def test_order_signed_for_another_network_is_refused() -> None:
    async with Devnet() as net:
        miner = await net.add_miner("mia", WiseEngine())
        payer = await hire(net, "pat", miner, WAD)
        payer.domains = type(payer.domains)(
            1, payer.domains.identity, payer.domains.channels, payer.domains.epochs
        )
        payer.purse = ChannelPurse(payer.account, miner.site.account.address, payer.domains.of("voucher"))
        reply = await payer.post("/v1/work", payer.order(chat("x")))
        assert reply.body["error"]["code"] == "input.signature"
        await payer.client.close()
