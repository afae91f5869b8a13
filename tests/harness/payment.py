"""A world of payment channels on the test EVM: payers with deposits, receivers, vouchers signed by hand."""

from __future__ import annotations

from typing import Any

from harness.tokens import WAD, deploy_token, domain_of
from harness.vm import ZERO_ADDRESS, Account, Contract, Vm
from weftwork.spec.subnet import SUBNET_PRESETS, SubnetParams

VOUCHER = {"Voucher": [("bytes32", "channel"), ("uint256", "cumulative"), ("bytes32", "receipt")]}
RECEIPT = b"\x5e" * 32
DELAY = 20
START = 10_000 * WAD

SUBNET, BURNING = 1, 2
"""The two subnets there are: one shares fees with validators and burns, one only burns."""
SPLITS = {0: (0, 0), SUBNET: (1_000, 500), BURNING: (0, 333)}
"""What of a fee goes to validators and what is burnt, in bps, by subnet; 0 is no subnet."""


class PaymentWorld:
    """Two payers, two receivers, a stranger; the account ``epochs`` collects the pots."""

    def __init__(self) -> None:
        vm = self.vm = Vm()
        self.owner, self.epochs, self.stranger = map(vm.account, ("owner", "epochs", "stranger"))
        self.payers = [vm.account("payer0"), vm.account("payer1")]
        self.receivers = [vm.account("miner0"), vm.account("miner1")]
        self.session = vm.account("session")
        self.token: Contract = deploy_token(vm, self.owner, [self.owner, *self.payers, self.stranger], START)
        self.subnets: Contract = self._found_subnets()
        self.channels: Contract = vm.deploy("Channels", self.token, self.subnets, DELAY, sender=self.owner)
        self.channels.bind(self.epochs, sender=self.owner)
        for account in (*self.payers, self.stranger):
            self.token.approve(self.channels, 2**256 - 1, sender=account)
        self._kept: dict[Any, bytes] = {}
        self.point = vm.snapshot()

    def _found_subnets(self) -> Contract:
        """The real contract of subnets, with the subnets of :data:`SPLITS`."""
        identity = self.vm.deploy("IdentityRegistry", sender=self.owner)
        stakes = self.vm.deploy("Stakes", self.token, identity, 200, 50, sender=self.owner)
        terms = (self.token, identity, stakes, 300, 10 * WAD, 100)
        subnets: Contract = self.vm.deploy("Subnets", *terms, sender=self.owner)
        self.token.approve(subnets, 2**256 - 1, sender=self.owner)
        for subnet in (SUBNET, BURNING):
            words = self.params(*SPLITS[subnet]).words
            assert subnets.create_subnet(20, 10, words, 2**127, 2**127, sender=self.owner) == subnet
        return subnets

    def params(self, validators_bps: int, burn_bps: int) -> SubnetParams:
        """Parameters of a subnet with that split of fees."""
        return SUBNET_PRESETS["local"].replace(validators_fee_bps=validators_bps, burn_fee_bps=burn_bps)

    def change_split(self, subnet: int, validators_bps: int, burn_bps: int) -> None:
        """Change the split, and go to the first block in which it holds."""
        words = self.params(validators_bps, burn_bps).words
        epoch = self.subnets.change_params(subnet, words, sender=self.owner)
        self.vm.mine(self.subnets.first_block(subnet, epoch) - self.vm.block)

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
