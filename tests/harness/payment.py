"""A world of payment channels on the test EVM: payers with deposits, receivers, vouchers signed by hand."""

from __future__ import annotations

from typing import Any

from harness.tokens import WAD, deploy_token, domain_of
from harness.vm import ZERO_ADDRESS, Account, Contract, Vm

VOUCHER = {"Voucher": [("bytes32", "channel"), ("uint256", "cumulative"), ("bytes32", "receipt")]}
RECEIPT = b"\x5e" * 32
DELAY = 20
START = 10_000 * WAD

SUBNETS = """
# pragma version ~=0.4.3
splits: HashMap[uint256, uint256[2]]
@external
def set_split(subnet: uint256, validators_bps: uint256, burn_bps: uint256):
    self.splits[subnet] = [validators_bps, burn_bps]
@external
@view
def fee_split(subnet: uint256) -> (uint256, uint256):
    return self.splits[subnet][0], self.splits[subnet][1]
"""
"""The one view of ``Subnets`` that channels call, with a split that a test sets in any block."""


class PaymentWorld:
    """Two payers, two receivers, a stranger; the account ``epochs`` collects the pots."""

    def __init__(self) -> None:
        vm = self.vm = Vm()
        self.owner, self.epochs, self.stranger = map(vm.account, ("owner", "epochs", "stranger"))
        self.payers = [vm.account("payer0"), vm.account("payer1")]
        self.receivers = [vm.account("miner0"), vm.account("miner1")]
        self.session = vm.account("session")
        self.token: Contract = deploy_token(vm, self.owner, [*self.payers, self.stranger], START)
        self.subnets: Contract = vm.deploy(SUBNETS)
        self.channels: Contract = vm.deploy("Channels", self.token, self.subnets, DELAY, sender=self.owner)
        self.channels.bind(self.epochs, sender=self.owner)
        for account in (*self.payers, self.stranger):
            self.token.approve(self.channels, 2**256 - 1, sender=account)
        self.subnets.set_split(7, 1_000, 500)
        self._kept: dict[Any, bytes] = {}
        self.point = vm.snapshot()

    def sign(
        self,
        signer: Account,
        payer: Account,
        receiver: Account,
        cumulative: int,
        receipt: bytes = RECEIPT,
        **domain: Any,
    ) -> bytes:
        """A voucher of the channel from ``payer`` to ``receiver``, signed by ``signer``."""
        key = (signer, payer, receiver, cumulative, receipt, tuple(domain.items()))
        if key not in self._kept:
            message = {
                "channel": self.channels.channel_id(payer, receiver),
                "cumulative": cumulative,
                "receipt": receipt,
            }
            fields = {**domain_of(self.channels), **domain}
            self._kept[key] = signer.sign_typed(fields, VOUCHER, message)
        return self._kept[key]

    def open(
        self, payer: int = 0, receiver: int = 0, amount: int = 100, subnet: int = 0, **given: Any
    ) -> None:
        """Open a channel between the two of that number."""
        signer = given.get("signer", ZERO_ADDRESS)
        self.channels.open(self.receivers[receiver], subnet, signer, amount, sender=self.payers[payer])

    def claim(self, cumulative: int, payer: int = 0, receiver: int = 0, signer: Any = None) -> int:
        """A stranger submits a good voucher (signed by the payer, or by ``signer``)."""
        one, other = self.payers[payer], self.receivers[receiver]
        signature = self.sign(signer or one, one, other, cumulative)
        paid: int = self.channels.claim(one, other, cumulative, RECEIPT, signature, sender=self.stranger)
        return paid

    def held(self) -> int:
        """The tokens that the contract holds."""
        return int(self.token.balanceOf(self.channels))
