# pragma version ~=0.4.3
"""
@title Price of the token
@license Apache-2.0
@notice Dollars for one token (18 decimals): the median of what feeders reported lately, without outliers, or no price
        at all. Mirror of `spec/price.py`.
@custom:halt Nobody can pause it or set a price alone. It halts by itself where too few reports are fresh or near each
             other, and goes on when they are. The owner changes feeders and rules, each change after `delay` blocks.
             It holds no tokens; what is priced by it waits while it is halted.
"""

import ownable

initializes: ownable

exports: (
    ownable.owner,
    ownable.pending_owner,
    ownable.propose_owner,
    ownable.accept_owner,
    ownable.renounce_owner,
)


BPS: constant(uint256) = 10_000
# Most feeders of a price.
MAX_FEEDERS: constant(uint256) = 15
# Largest price that is taken, dollars with 18 decimals.
MAX_PRICE: constant(uint256) = 2**128 - 1
STALE: constant(uint256) = 1
WILD: constant(uint256) = 2

delay: public(immutable(uint256))


struct Report:
    price: uint256
    at: uint256


struct Rules:
    quorum: uint256
    max_age: uint256
    outlier_bps: uint256


feeders: DynArray[address, MAX_FEEDERS]
rules: public(Rules)
report_of: public(HashMap[address, Report])
next_feeders: DynArray[address, MAX_FEEDERS]
next_rules: public(Rules)
change_at: public(uint256)


event Reported:
    feeder: indexed(address)
    price: uint256


event ChangeScheduled:
    feeders: DynArray[address, MAX_FEEDERS]
    rules: Rules
    at: uint256


event Changed:
    feeders: DynArray[address, MAX_FEEDERS]
    rules: Rules


@deploy
def __init__(owner: address, change_delay: uint256, first: DynArray[address, MAX_FEEDERS], first_rules: Rules):
    """
    @notice `first_rules`: how many reports make a price, how many seconds each is good for, how many bps it may lie
            from the median.
    """
    self._check(first, first_rules)

    ownable.__init__(owner)
    delay = change_delay
    self.feeders = first
    self.rules = first_rules

    log Changed(feeders=first, rules=first_rules)


@external
def report(price_: uint256):
    """
    @notice Say what a token costs now; only a feeder.
    """
    assert msg.sender in self.feeders, "prices: caller is not a feeder"
    assert price_ != 0 and price_ <= MAX_PRICE, "prices: price is out of range"

    self.report_of[msg.sender] = Report(price=price_, at=block.timestamp)

    log Reported(feeder=msg.sender, price=price_)


@external
def schedule_change(feeders_: DynArray[address, MAX_FEEDERS], rules_: Rules):
    """
    @notice Name the feeders and rules that may hold from `delay` blocks on; replaces what was scheduled before.
    """
    ownable._check_owner()
    self._check(feeders_, rules_)

    self.next_feeders = feeders_
    self.next_rules = rules_
    self.change_at = block.number + delay

    log ChangeScheduled(feeders=feeders_, rules=rules_, at=block.number + delay)


@external
def change():
    """
    @notice Put the scheduled feeders and rules into force; anyone, once it is time.
    """
    assert self.change_at != 0 and block.number >= self.change_at, "prices: no change is due"

    self.change_at = 0
    self.feeders = self.next_feeders
    self.rules = self.next_rules

    log Changed(feeders=self.feeders, rules=self.rules)


@external
@view
def price() -> uint256:
    """
    @notice Dollars for one token; reverts where there is no price.
    """
    found: uint256 = 0
    code: uint256 = 0
    found, code = self._find()
    assert code != STALE, "prices: feed is stale"
    assert code != WILD, "prices: feeders disagree"
    return found


@external
@view
def peek() -> (uint256, uint256):
    """
    @notice The price, and 0; or zero, and why there is none: 1 too few fresh reports, 2 too few near each other.
    """
    return self._find()


@external
@view
def list_feeders() -> DynArray[address, MAX_FEEDERS]:
    """
    @notice Who feeds the price now.
    """
    return self.feeders


@internal
@view
def _find() -> (uint256, uint256):
    rules: Rules = self.rules
    fresh: DynArray[uint256, MAX_FEEDERS] = []
    for feeder: address in self.feeders:
        said: Report = self.report_of[feeder]
        if said.price != 0 and block.timestamp <= said.at + rules.max_age:
            fresh.append(said.price)
    if len(fresh) < rules.quorum:
        return 0, STALE

    fresh = self._sort(fresh)
    center: uint256 = self._middle(fresh)
    near: DynArray[uint256, MAX_FEEDERS] = []
    for one: uint256 in fresh:
        distance: uint256 = max(one, center) - min(one, center)
        if distance * BPS <= center * rules.outlier_bps:
            near.append(one)
    if len(near) < rules.quorum:
        return 0, WILD

    return self._middle(near), 0


@internal
@pure
def _sort(given: DynArray[uint256, MAX_FEEDERS]) -> DynArray[uint256, MAX_FEEDERS]:
    sorted: DynArray[uint256, MAX_FEEDERS] = given
    for i: uint256 in range(1, len(given), bound=MAX_FEEDERS):
        moving: uint256 = sorted[i]
        place: uint256 = i
        for _: uint256 in range(MAX_FEEDERS):
            if place == 0 or sorted[place - 1] <= moving:
                break

            sorted[place] = sorted[place - 1]
            place -= 1
        sorted[place] = moving
    return sorted


@internal
@pure
def _middle(sorted: DynArray[uint256, MAX_FEEDERS]) -> uint256:
    """
    @dev The median of sorted prices; of an even number the mean of the middle two, rounded down.
    """
    middle: uint256 = len(sorted) // 2
    if len(sorted) % 2 == 1:
        return sorted[middle]

    return (sorted[middle - 1] + sorted[middle]) // 2


@internal
@pure
def _check(feeders_: DynArray[address, MAX_FEEDERS], rules_: Rules):
    assert rules_.quorum != 0 and rules_.quorum <= len(feeders_), "prices: quorum is 1 to the number of feeders"
    assert rules_.max_age != 0 and rules_.max_age <= 2**64, "prices: age is out of range"
    assert rules_.outlier_bps != 0 and rules_.outlier_bps <= BPS, "prices: tolerance is 1 to 10000 bps"

    for i: uint256 in range(len(feeders_), bound=MAX_FEEDERS):
        for k: uint256 in range(i, bound=MAX_FEEDERS):
            assert feeders_[k] != feeders_[i], "prices: feeder is named twice"
