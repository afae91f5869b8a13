# pragma version ~=0.4.3
"""
@title Weftwork network token
@license Apache-2.0
@notice ERC-20 with a cap on all that is ever minted, permit (ERC-2612), transfer with authorisation (ERC-3009) and
        votes by delegation with history (ERC-5805).
@custom:halt Nobody can pause transfers, freeze an account or take its tokens. The owner can only change who mints,
             and each change waits `minter_delay` blocks. Without minters or owner, holders keep everything that they
             have, and transfers, permits and votes go on.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

import authorization
import eip712
import ownable
import signature
import votes

implements: IERC20
implements: IERC20Detailed

initializes: eip712
initializes: authorization[eip712 := eip712]
initializes: ownable
initializes: votes

exports: (
    authorization.authorizationState,
    authorization.cancelAuthorization,
    authorization.TRANSFER_WITH_AUTHORIZATION_TYPEHASH,
    authorization.RECEIVE_WITH_AUTHORIZATION_TYPEHASH,
    authorization.CANCEL_AUTHORIZATION_TYPEHASH,
    eip712.DOMAIN_SEPARATOR,
    eip712.eip712Domain,
    ownable.owner,
    ownable.pending_owner,
    ownable.propose_owner,
    ownable.accept_owner,
    ownable.renounce_owner,
    votes.delegates,
    votes.getVotes,
    votes.getPastVotes,
    votes.getPastTotalSupply,
    votes.clock,
    votes.CLOCK_MODE,
)


name: public(constant(String[8])) = "Weftwork"
symbol: public(constant(String[4])) = "WEFT"
version: public(constant(String[1])) = "1"
decimals: public(constant(uint8)) = 18
CAP: public(constant(uint256)) = 21_000_000 * 10**18
# Most first allocations.
MAX_ALLOCATIONS: constant(uint256) = 64

PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
DELEGATION_TYPEHASH: constant(bytes32) = keccak256(
    "Delegation(address delegatee,uint256 nonce,uint256 expiry)"
)

minter_delay: public(immutable(uint256))


struct Allocation:
    account: address
    amount: uint256


struct Minter:
    allowed: bool
    next: bool
    since: uint64


balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)
minted: public(uint256)
nonces: public(HashMap[address, uint256])
minters: public(HashMap[address, Minter])


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256


event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256


event MinterScheduled:
    account: indexed(address)
    allowed: bool
    since: uint256


@deploy
def __init__(owner: address, delay: uint256, allocations: DynArray[Allocation, MAX_ALLOCATIONS]):
    """
    @notice `owner` may name minters, each after `delay` blocks; `allocations` are minted now, under the same cap.
    """
    ownable.__init__(owner)
    eip712.__init__("Weftwork", "1")
    minter_delay = delay

    for allocation: Allocation in allocations:
        self._mint(allocation.account, allocation.amount)


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._transfer(msg.sender, receiver, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@external
def transferFrom(owner: address, receiver: address, amount: uint256) -> bool:
    self._spend(owner, amount)
    self._transfer(owner, receiver, amount)
    return True


@external
def burn(amount: uint256):
    """
    @notice Destroy `amount` of the caller's tokens. What was minted counts against the cap for ever.
    """
    self._burn(msg.sender, amount)


@external
def burn_from(owner: address, amount: uint256):
    """
    @notice Destroy `amount` of `owner`'s tokens, out of the caller's allowance.
    """
    self._spend(owner, amount)
    self._burn(owner, amount)


@external
def mint(receiver: address, amount: uint256):
    """
    @notice Create `amount` for `receiver`; only a minter, and never beyond the cap.
    """
    assert self._is_minter(msg.sender), "token: caller is not a minter"

    self._mint(receiver, amount)


@external
def set_minter(account: address, allowed: bool):
    """
    @notice Let `account` mint, or no longer, from `minter_delay` blocks on.
    """
    ownable._check_owner()

    since: uint256 = block.number + minter_delay
    self.minters[account] = Minter(
        allowed=self._is_minter(account), next=allowed, since=convert(since, uint64)
    )

    log MinterScheduled(account=account, allowed=allowed, since=since)


@external
@view
def is_minter(account: address) -> bool:
    """
    @notice Whether `account` may mint in this block.
    """
    return self._is_minter(account)


@external
def permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    """
    @notice Approve `spender` by `owner`'s signature (ERC-2612).
    """
    assert block.timestamp <= deadline, "token: permit has expired"

    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = unsafe_add(nonce, 1)
    digest: bytes32 = eip712._digest(
        keccak256(abi_encode(PERMIT_TYPEHASH, owner, spender, amount, nonce, deadline))
    )
    assert owner != empty(address) and signature._recover_parts(
        digest, v, r, s
    ) == owner, "token: signature is not the owner's"

    self._approve(owner, spender, amount)


@external
def transferWithAuthorization(
    owner: address,
    receiver: address,
    amount: uint256,
    validAfter: uint256,
    validBefore: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice Transfer by `owner`'s signature, once for each of its nonces (ERC-3009); anyone may submit.
    """
    authorization._authorize(
        authorization.TRANSFER_WITH_AUTHORIZATION_TYPEHASH,
        owner,
        receiver,
        amount,
        validAfter,
        validBefore,
        nonce,
        v,
        r,
        s,
    )
    self._transfer(owner, receiver, amount)


@external
def receiveWithAuthorization(
    owner: address,
    receiver: address,
    amount: uint256,
    validAfter: uint256,
    validBefore: uint256,
    nonce: bytes32,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice As `transferWithAuthorization`, and only the receiver may submit, so nobody can come in between.
    """
    assert receiver == msg.sender, "token: caller is not the receiver"

    authorization._authorize(
        authorization.RECEIVE_WITH_AUTHORIZATION_TYPEHASH,
        owner,
        receiver,
        amount,
        validAfter,
        validBefore,
        nonce,
        v,
        r,
        s,
    )
    self._transfer(owner, receiver, amount)


@external
def delegate(delegatee: address):
    """
    @notice Let `delegatee` vote with the caller's balance; oneself to vote, zero for nobody.
    """
    votes._delegate(msg.sender, delegatee, self.balanceOf[msg.sender])


@external
def delegateBySig(
    delegatee: address, nonce: uint256, expiry: uint256, v: uint8, r: bytes32, s: bytes32
):
    """
    @notice Delegate by signature; the signer is the one whom the signature gives (ERC-5805).
    """
    assert block.timestamp <= expiry, "token: delegation has expired"

    digest: bytes32 = eip712._digest(
        keccak256(abi_encode(DELEGATION_TYPEHASH, delegatee, nonce, expiry))
    )
    signer: address = signature._recover_parts(digest, v, r, s)
    assert signer != empty(address), "token: signature is not the owner's"
    assert nonce == self.nonces[signer], "token: nonce is not the next one"

    self.nonces[signer] = unsafe_add(nonce, 1)
    votes._delegate(signer, delegatee, self.balanceOf[signer])


@internal
def _transfer(owner: address, receiver: address, amount: uint256):
    assert receiver != empty(address), "token: receiver is zero"
    assert self.balanceOf[owner] >= amount, "token: balance is too low"

    self.balanceOf[owner] = unsafe_sub(self.balanceOf[owner], amount)
    self.balanceOf[receiver] = unsafe_add(self.balanceOf[receiver], amount)
    votes._move(owner, receiver, amount)

    log Transfer(sender=owner, receiver=receiver, value=amount)


@internal
def _mint(receiver: address, amount: uint256):
    assert receiver != empty(address), "token: receiver is zero"
    assert amount <= CAP - self.minted, "token: cap is reached"

    self.minted += amount
    self.totalSupply += amount
    self.balanceOf[receiver] += amount
    votes._set_supply(self.totalSupply)
    votes._move(empty(address), receiver, amount)

    log Transfer(sender=empty(address), receiver=receiver, value=amount)


@internal
def _burn(owner: address, amount: uint256):
    assert self.balanceOf[owner] >= amount, "token: balance is too low"

    self.balanceOf[owner] = unsafe_sub(self.balanceOf[owner], amount)
    self.totalSupply -= amount
    votes._set_supply(self.totalSupply)
    votes._move(owner, empty(address), amount)

    log Transfer(sender=owner, receiver=empty(address), value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    assert spender != empty(address), "token: spender is zero"

    self.allowance[owner][spender] = amount

    log Approval(owner=owner, spender=spender, value=amount)


@internal
def _spend(owner: address, amount: uint256):
    """
    @dev Take `amount` from the caller's allowance; the largest allowance never shrinks.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "token: allowance is too low"

        self.allowance[owner][msg.sender] = unsafe_sub(allowed, amount)


@internal
@view
def _is_minter(account: address) -> bool:
    minter: Minter = self.minters[account]
    if convert(minter.since, uint256) <= block.number:
        return minter.next

    return minter.allowed
