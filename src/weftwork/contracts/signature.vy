# pragma version ~=0.4.3
"""
@title Signature checks
@license Apache-2.0
@notice secp256k1 signatures with low s only, so that each signature has exactly one form, and contract signatures
        by ERC-1271. A bad signature gives the zero address or False, never a revert: the caller names the error.
"""

# Half of the order of secp256k1: a larger s is the second form of the same signature.
MAX_S: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)
ERC1271_MAGIC: constant(bytes4) = 0x1626ba7e
# Longest signature given to a contract that checks its own, bytes.
MAX_SIGNATURE: constant(uint256) = 1024


@internal
@pure
def _recover_parts(digest: bytes32, v: uint8, r: bytes32, s: bytes32) -> address:
    """
    @dev The signer of `digest`, or zero. Only v of 27 or 28 and low s are taken.
    """
    if convert(s, uint256) > MAX_S:
        return empty(address)

    if v != 27 and v != 28:
        return empty(address)

    return ecrecover(digest, v, r, s)


@internal
@pure
def _recover(digest: bytes32, signature: Bytes[65]) -> address:
    """
    @dev The signer of `digest` from 65 bytes r ++ s ++ v, or zero.
    """
    if len(signature) != 65:
        return empty(address)

    r: bytes32 = extract32(signature, 0)
    s: bytes32 = extract32(signature, 32)
    v: uint8 = convert(slice(signature, 64, 1), uint8)
    return self._recover_parts(digest, v, r, s)


@internal
@view
def _is_signed(signer: address, digest: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @dev Whether `signer` signed `digest` with its key, or says by ERC-1271 that it did.
    """
    if signer == empty(address):
        return False

    if len(signature) == 65:
        if self._recover(digest, slice(signature, 0, 65)) == signer:
            return True

    if not signer.is_contract:
        return False

    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=ERC1271_MAGIC),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and extract32(answer, 0) == convert(ERC1271_MAGIC, bytes32)
