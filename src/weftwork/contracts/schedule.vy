# pragma version ~=0.4.3
"""
@title Schedule of an emission
@license Apache-2.0
@notice Launch years by rate, then each year a fixed part of what is left; a year's epochs add up to it. What burning
        changes is not in here. Mirror of `spec/bme.py`.
"""

BPS: constant(uint256) = 10_000
PERMILLE: constant(uint256) = 1_000
# Most launch years of a schedule.
MAX_LAUNCH: constant(uint256) = 8


struct Schedule:
    supply: uint256
    launch: DynArray[uint256, MAX_LAUNCH]
    damping: uint256
    epochs: uint256


_schedule: Schedule
next_epoch: public(uint256)
yearly: public(uint256)
scheduled: public(uint256)


@deploy
def __init__(given: Schedule):
    """
    @notice `launch` in bps of `supply`, `damping` in permille, `epochs` of a year.
    """
    assert given.supply <= 2**128 and given.epochs != 0, "credits: schedule is out of range"
    assert given.damping != 0 and given.damping < PERMILLE, "credits: damping is 1 to 999"

    total: uint256 = 0
    for rate: uint256 in given.launch:
        assert rate <= BPS, "credits: launch mints over the supply"
        total += rate
    assert total <= BPS, "credits: launch mints over the supply"
    self._schedule = given


@external
@view
def terms() -> Schedule:
    """
    @notice The schedule, which never changes.
    """
    return self._schedule


@internal
def _advance() -> uint256:
    """
    @dev Go past the next epoch; what it mints.
    """
    epochs: uint256 = self._schedule.epochs
    place: uint256 = self.next_epoch % epochs
    if place == 0:
        self.yearly = self._year_emission(self.next_epoch // epochs)
        self.scheduled += self.yearly
    self.next_epoch += 1
    return self.yearly * (place + 1) // epochs - self.yearly * place // epochs


@internal
@view
def _year_emission(year: uint256) -> uint256:
    left: uint256 = self._schedule.supply - self.scheduled
    if year < len(self._schedule.launch):
        return min(self._schedule.supply * self._schedule.launch[year] // BPS, left)

    return left * (PERMILLE - self._schedule.damping) // PERMILLE
