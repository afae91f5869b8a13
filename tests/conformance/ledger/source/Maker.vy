# pragma version ~=0.4.3
"""
@title A contract that makes, calls and delegates: nested frames, create, transient storage, precompiles.
"""

interface Coin:
    def move(to: address, amount: uint256) -> bool: nonpayable
    def plain_refusal(): nonpayable

locked: transient(uint256)
made: public(address)
seen: public(uint256)

@external
def make(original: address) -> address:
    self.made = create_minimal_proxy_to(original)
    return self.made

@external
def make_at(original: address, salt: bytes32) -> address:
    self.made = create_minimal_proxy_to(original, salt=salt)
    return self.made

@external
def copy(original: address) -> address:
    self.made = create_copy_of(original)
    return self.made

@external
def move(coin: address, to: address, amount: uint256) -> bool:
    return extcall Coin(coin).move(to, amount)

@external
def try_move(coin: address, to: address, amount: uint256) -> bool:
    ok: bool = raw_call(coin, abi_encode(to, amount, method_id=method_id("move(address,uint256)")), revert_on_failure=False)
    self.seen += 1
    return ok

@external
@nonreentrant
def guarded(times: uint256) -> uint256:
    self.locked = times
    for i: uint256 in range(times, bound=64):
        self.seen += self.locked
    return self.seen

@external
def recover(digest: bytes32, v: uint256, r: bytes32, s: bytes32) -> address:
    found: address = ecrecover(digest, v, r, s)
    self.made = found
    return found

@external
def hashes(body: Bytes[512]) -> bytes32:
    return keccak256(concat(sha256(body), keccak256(body)))

@external
@payable
def forward(to: address):
    raw_call(to, b"", value=msg.value)

@external
def write_and_clear(count: uint256):
    for i: uint256 in range(count, bound=32):
        self.seen = i + 1
    self.seen = 0
