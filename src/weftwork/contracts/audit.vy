# pragma version ~=0.4.3
"""
@title Audited attributes
@license Apache-2.0
@notice What a provider says of itself, and what auditors signed of it in the validation registry (ERC-8004): an answer
        of 100 whose response hash is the attribute, keccak("key=value"). Another answer takes it back.
"""

interface Identity:
    def ownerOf(agent: uint256) -> address: view
    def getAgentWallet(agent: uint256) -> address: view
    def isAuthorizedOrOwner(spender: address, agent: uint256) -> bool: view


interface Validation:
    def getValidationStatus(request: bytes32) -> (address, uint256, uint8, bytes32, String[64], uint256): view


# Most attributes that a group asks for.
MAX_ATTRIBUTES: constant(uint256) = 8
# Most auditors of each kind, all-of and any-of, that a group names.
MAX_AUDITORS: constant(uint256) = 4
# Most proofs with one bid: each all-of auditor and one any-of auditor, for each attribute.
MAX_PROOFS: constant(uint256) = 40
SIGNED: constant(uint8) = 100

identity: public(immutable(address))
validation: public(immutable(address))


declared: public(HashMap[uint256, HashMap[bytes32, bool]])


event Declared:
    agent: indexed(uint256)
    attribute: indexed(bytes32)
    holds: bool


@deploy
def __init__(identity_: address, validation_: address):
    identity = identity_
    validation = validation_


@external
def declare(agent: uint256, attributes: DynArray[bytes32, MAX_ATTRIBUTES], holds: bool):
    """
    @notice Say which attributes, as keccak("key=value"), the caller's provider has, or no longer has.
    """
    self._check_agent(agent)

    for attribute: bytes32 in attributes:
        self.declared[agent][attribute] = holds
        log Declared(agent=agent, attribute=attribute, holds=holds)


@internal
@view
def _check(
    agent: uint256,
    attributes: DynArray[bytes32, MAX_ATTRIBUTES],
    all_of: DynArray[address, MAX_AUDITORS],
    any_of: DynArray[address, MAX_AUDITORS],
    proofs: DynArray[bytes32, MAX_PROOFS],
):
    """
    @dev Each all-of auditor and one any-of auditor signed every attribute: `proofs` are the validation requests, by
         auditor in the order given, then by attribute. Without auditors, the provider's own word counts.
    """
    if len(all_of) == 0 and len(any_of) == 0:
        for attribute: bytes32 in attributes:
            assert self.declared[agent][attribute], "market: attribute is not declared"
        return

    count: uint256 = len(attributes)
    wanted: uint256 = count * (len(all_of) + convert(len(any_of) != 0, uint256))
    assert len(proofs) == wanted, "market: attribute is not audited"
    chosen: address = empty(address)
    for i: uint256 in range(wanted, bound=MAX_PROOFS):
        auditor: address = empty(address)
        of: uint256 = 0
        response: uint8 = 0
        signed: bytes32 = empty(bytes32)
        tag: String[64] = ""
        at: uint256 = 0
        auditor, of, response, signed, tag, at = staticcall Validation(validation).getValidationStatus(proofs[i])
        assert (
            of == agent and response == SIGNED and signed == attributes[i % count]
        ), "market: attribute is not audited"
        if i < count * len(all_of):
            assert auditor == all_of[i // count], "market: attribute is not audited"
        elif chosen == empty(address):
            assert auditor in any_of, "market: attribute is not audited"
            chosen = auditor
        else:
            assert auditor == chosen, "market: attribute is not audited"


@internal
@view
def _check_agent(agent: uint256):
    assert (
        staticcall Identity(identity).getAgentWallet(agent) == msg.sender
        or staticcall Identity(identity).isAuthorizedOrOwner(msg.sender, agent)
    ), "market: caller does not hold the agent"


@internal
@view
def _payee(agent: uint256) -> address:
    """
    @dev The agent's wallet; its owner where it has none.
    """
    wallet: address = staticcall Identity(identity).getAgentWallet(agent)
    if wallet == empty(address):
        return staticcall Identity(identity).ownerOf(agent)

    return wallet
