# pragma version ~=0.4.3
"""
@title EIP-712 domain
@license Apache-2.0
@notice The domain (name, version, chain id, this contract) that a contract's typed signatures are bound to. The
        separator is computed once and again only if the chain id has changed since.
"""

event EIP712DomainChanged:
    pass


DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)

_NAME: immutable(String[32])
_VERSION: immutable(String[8])
_CHAIN: immutable(uint256)
_SEPARATOR: immutable(bytes32)


@deploy
def __init__(name: String[32], version: String[8]):
    _NAME = name
    _VERSION = version
    _CHAIN = chain.id
    _SEPARATOR = keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(name), keccak256(version), chain.id, self)
    )


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice The EIP-712 domain separator on the chain as it is now.
    """
    return self._separator()


@external
@view
def eip712Domain() -> (
    bytes1, String[32], String[8], uint256, address, bytes32, DynArray[uint256, 1]
):
    """
    @notice The fields of the domain, as EIP-5267 lays them out.
    """
    return (convert(b"\x0f", bytes1), _NAME, _VERSION, chain.id, self, empty(bytes32), [])


@internal
@view
def _separator() -> bytes32:
    if chain.id == _CHAIN:
        return _SEPARATOR

    return keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(_NAME), keccak256(_VERSION), chain.id, self)
    )


@internal
@view
def _digest(struct_hash: bytes32) -> bytes32:
    """
    @dev The 32 bytes that a signer of `struct_hash` signs.
    """
    return keccak256(concat(b"\x19\x01", self._separator(), struct_hash))
