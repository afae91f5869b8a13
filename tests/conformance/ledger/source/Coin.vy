# pragma version ~=0.4.3
"""
@title A small token with everything that a ledger must get right: events, maps, reasons, refunds, structs.
"""

event Moved:
    sender: indexed(address)
    to: indexed(address)
    amount: uint256

event Noted:
    label: indexed(String[32])
    mark: indexed(bytes32)
    body: Bytes[256]

struct Holding:
    owner: address
    amount: uint256

balances: public(HashMap[address, uint256])
last: public(uint256)
notes: public(DynArray[Bytes[256], 64])

@deploy
def __init__(supply: uint256):
    self.balances[msg.sender] = supply

@external
def move(to: address, amount: uint256) -> bool:
    assert self.balances[msg.sender] >= amount, "coin: not enough"
    self.balances[msg.sender] -= amount
    self.balances[to] += amount
    log Moved(sender=msg.sender, to=to, amount=amount)
    return True

@external
def note(label: String[32], mark: bytes32, body: Bytes[256]):
    self.notes.append(body)
    log Noted(label=label, mark=mark, body=body)

@external
def clear():
    for note: Bytes[256] in self.notes:
        self.last += len(note)
    self.notes = []
    self.last = 0

@external
@payable
def pay() -> uint256:
    return msg.value

@external
def burn_all_gas():
    raise UNREACHABLE

@external
def plain_refusal():
    raise

@external
def overflow(a: uint256) -> uint256:
    return a * max_value(uint256)

@external
@view
def holding(owner: address) -> Holding:
    return Holding(owner=owner, amount=self.balances[owner])

@external
@view
def holdings(owners: DynArray[address, 8]) -> DynArray[Holding, 8]:
    out: DynArray[Holding, 8] = []
    for owner: address in owners:
        out.append(Holding(owner=owner, amount=self.balances[owner]))
    return out

@external
@view
def surroundings() -> (uint256, uint256, uint256, address, uint256):
    return block.number, block.timestamp, chain.id, msg.sender, block.gaslimit

@external
@view
def parent() -> bytes32:
    return blockhash(block.number - 1)
