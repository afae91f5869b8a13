# pragma version ~=0.4.3
"""
@title Till
@license Apache-2.0
@notice Tokens in and out of a contract that holds money for many. What a token will not deliver (a blocked account) is
        kept for its owner to pull, so that one account never holds up a call that pays others.
"""

interface Token:
    def transferFrom(owner: address, receiver: address, amount: uint256) -> bool: nonpayable
    def balanceOf(account: address) -> uint256: view


owed: public(HashMap[address, HashMap[address, uint256]])


event Kept:
    token: indexed(address)
    account: indexed(address)
    amount: uint256


@external
@nonreentrant
def pull(token: address, account: address) -> uint256:
    """
    @notice Try again to deliver what a token refused to deliver to `account`; anyone may.
    """
    amount: uint256 = self.owed[token][account]
    self.owed[token][account] = 0

    self._send(token, account, amount)
    return amount - self.owed[token][account]


@internal
def _receive(token: address, account: address, amount: uint256):
    """
    @dev Take exactly `amount` from an account that approved it.
    """
    before: uint256 = staticcall Token(token).balanceOf(self)
    assert extcall Token(token).transferFrom(
        account, self, amount, default_return_value=True
    ), "till: token refuses"
    assert staticcall Token(token).balanceOf(self) == before + amount, "till: token keeps a part"


@internal
def _send(token: address, account: address, amount: uint256):
    """
    @dev Deliver, or keep for the account to pull.
    """
    if amount == 0:
        return

    done: bool = False
    answer: Bytes[32] = b""
    done, answer = raw_call(
        token,
        abi_encode(account, amount, method_id=method_id("transfer(address,uint256)")),
        max_outsize=32,
        revert_on_failure=False,
    )
    if not done or (len(answer) != 0 and convert(answer, uint256) == 0):
        self.owed[token][account] += amount
        log Kept(token=token, account=account, amount=amount)
