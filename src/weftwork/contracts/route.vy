# pragma version ~=0.4.3
"""
@title Routes of payments
@license Apache-2.0
@notice An immutable list of (account, bps) that shares a payment; what the legs leave, rounding included, is the
        receiver's. A leg of the zero address is burnt. Its id is the hash of its legs, so equal routes are one. Here
        lie the balances that payments are shared into.
"""

# Most legs of a route.
MAX_LEGS: constant(uint256) = 16
BPS: constant(uint256) = 10_000


struct Leg:
    account: address
    bps: uint256


# Each leg in one slot: the account in the lower 160 bits, its bps above.
_legs: HashMap[bytes32, DynArray[uint256, MAX_LEGS]]
balance_of: public(HashMap[address, uint256])
to_burn: public(uint256)


event RouteCreated:
    route: indexed(bytes32)
    legs: DynArray[Leg, MAX_LEGS]


@external
def create_route(legs: DynArray[Leg, MAX_LEGS]) -> bytes32:
    """
    @notice Make a route of 1 to 16 legs of 1 to 10,000 bps, 10,000 in all at most; returns its id. Creating it again
            changes nothing.
    """
    return self._create(legs)


@external
@view
def legs_of(route: bytes32) -> DynArray[Leg, MAX_LEGS]:
    """
    @notice The legs of a route; none if it is unknown.
    """
    legs: DynArray[Leg, MAX_LEGS] = []
    for packed: uint256 in self._legs[route]:
        legs.append(Leg(account=self._account(packed), bps=packed >> 160))

    return legs


@internal
def _create(legs: DynArray[Leg, MAX_LEGS]) -> bytes32:
    assert len(legs) != 0, "channels: route has no legs"

    route: bytes32 = keccak256(abi_encode(legs))
    if len(self._legs[route]) != 0:
        return route

    total: uint256 = 0
    for leg: Leg in legs:
        assert leg.bps != 0 and leg.bps <= BPS, "channels: leg is out of range"

        total += leg.bps
        self._legs[route].append((leg.bps << 160) | convert(leg.account, uint256))

    assert total <= BPS, "channels: route gives more than all"

    log RouteCreated(route=route, legs=legs)
    return route


@internal
def _share(route: bytes32, receiver: address, amount: uint256) -> uint256:
    """
    @dev Share `amount` into the balances; each leg is rounded down. Returns what is to be burnt.
    """
    burnt: uint256 = 0
    rest: uint256 = amount
    if route != empty(bytes32):
        for packed: uint256 in self._legs[route]:
            part: uint256 = amount * (packed >> 160) // BPS
            account: address = self._account(packed)
            rest -= part
            if account == empty(address):
                burnt += part
            else:
                self.balance_of[account] += part

    if burnt != 0:
        self.to_burn += burnt

    if rest != 0:
        self.balance_of[receiver] += rest

    return burnt


@internal
def _take(account: address) -> uint256:
    """
    @dev Empty a balance and return what it held.
    """
    amount: uint256 = self.balance_of[account]
    if amount != 0:
        self.balance_of[account] = 0

    return amount


@internal
@pure
def _account(packed: uint256) -> address:
    return convert(convert(packed & convert(max_value(uint160), uint256), uint160), address)
