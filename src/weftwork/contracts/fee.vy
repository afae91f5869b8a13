# pragma version ~=0.4.3
"""
@title Fees
@license Apache-2.0
@notice Currencies that are listed, what the network takes of a provider's income in each, and whom it goes to: the
        providers' incentive pool, the holders who locked up, and the community pool, which has the rest. Mirror of
        `spec/take.py`.
"""

import ownable
import till

uses: ownable
uses: till


BPS: constant(uint256) = 10_000
# Largest take of a provider's income, bps.
MAX_TAKE: constant(uint256) = 3_000


struct Currency:
    listed: bool
    take: uint256
    min_deposit: uint256


struct Income:
    providers: address
    community: address
    holders: address
    providers_bps: uint256
    holders_bps: uint256


currencies: public(HashMap[address, Currency])
income: public(Income)
pots: public(HashMap[address, uint256])


event CurrencyChanged:
    token: indexed(address)
    listed: bool
    take: uint256
    min_deposit: uint256


event IncomeChanged:
    providers: address
    community: address
    holders: address
    providers_bps: uint256
    holders_bps: uint256


event Swept:
    token: indexed(address)
    providers: uint256
    community: uint256
    holders: uint256


@deploy
def __init__(income: Income):
    self._set_income(income)


@external
def set_currency(token: address, listed: bool, take: uint256, min_deposit: uint256):
    """
    @notice List a currency or take it off for new deployments, at a take in bps. Running leases keep their take.
    """
    ownable._check_owner()
    assert take <= MAX_TAKE, "take: rate is too high"

    self.currencies[token] = Currency(listed=listed, take=take, min_deposit=min_deposit)

    log CurrencyChanged(token=token, listed=listed, take=take, min_deposit=min_deposit)


@external
def set_income(income: Income):
    """
    @notice Change who gets the income and in what parts; what is already in the pots goes by the new parts.
    """
    ownable._check_owner()

    self._set_income(income)


@external
@nonreentrant
def sweep(token: address) -> uint256:
    """
    @notice Send a currency's income on; anyone may. Returns the amount.
    """
    amount: uint256 = self.pots[token]
    self.pots[token] = 0
    income: Income = self.income
    providers: uint256 = amount * income.providers_bps // BPS
    holders: uint256 = amount * income.holders_bps // BPS
    community: uint256 = amount - providers - holders

    log Swept(token=token, providers=providers, community=community, holders=holders)

    till._send(token, income.providers, providers)
    till._send(token, income.community, community)
    till._send(token, income.holders, holders)
    return amount


@internal
def _set_income(income: Income):
    assert (
        income.providers_bps <= BPS and income.holders_bps <= BPS - income.providers_bps
    ), "take: split is over the whole"

    self.income = income

    log IncomeChanged(
        providers=income.providers,
        community=income.community,
        holders=income.holders,
        providers_bps=income.providers_bps,
        holders_bps=income.holders_bps,
    )


@internal
def _charge(token: address, amount: uint256, rate: uint256) -> uint256:
    """
    @dev Put the fee aside; what is left of `amount`.
    """
    fee: uint256 = amount * rate // BPS
    if fee != 0:
        self.pots[token] += fee
    return amount - fee
