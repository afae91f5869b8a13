# pragma version ~=0.4.3
"""
@title Take
@license Apache-2.0
@notice The part of rewards that an agent keeps for itself: lower at any time, higher once in a while.
"""

# Largest take of an agent from its stakers' rewards, bps.
MAX_TAKE: public(constant(uint256)) = 1_800

take_delay: public(immutable(uint256))

take: public(HashMap[uint256, uint256])
take_raised_at: public(HashMap[uint256, uint256])


event TakeChanged:
    agent: indexed(uint256)
    take: uint256


@deploy
def __init__(take_delay_blocks: uint256):
    take_delay = take_delay_blocks


@internal
def _set(agent: uint256, bps: uint256):
    assert bps <= MAX_TAKE, "stakes: take is too high"

    if bps > self.take[agent]:
        raised: uint256 = self.take_raised_at[agent]
        assert raised == 0 or block.number >= raised + take_delay, "stakes: take was raised too recently"
        self.take_raised_at[agent] = block.number
    self.take[agent] = bps

    log TakeChanged(agent=agent, take=bps)
