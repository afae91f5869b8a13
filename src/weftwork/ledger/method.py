"""The table of JSON-RPC methods: the chain, accounts, blocks and logs, execution, and development."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weftwork import __version__
from weftwork.errors import InsufficientFunds, Reverted, RpcError
from weftwork.ledger import param, view
from weftwork.ledger.block import Header, hex_of, next_base_fee
from weftwork.ledger.engine import Outcome, needed_gas
from weftwork.ledger.hash import keccak
from weftwork.ledger.node import Node
from weftwork.ledger.param import LogFilter, Params
from weftwork.ledger.revert import reason_of
from weftwork.ledger.transaction import Transaction

if TYPE_CHECKING:
    from weftwork.ledger.rpc import Rpc

MAX_FILTERS = 1024
MAX_MINED = 100_000
MAX_TIME = 2**40

Method = Callable[["Rpc", Params], Any]
METHODS: dict[str, Method] = {}
DEV_METHODS: dict[str, Method] = {}


def method(name: str, *, dev: bool = False) -> Callable[[Method], Method]:
    """Enter a function into the table of methods."""

    def enter(function: Method) -> Method:
        (DEV_METHODS if dev else METHODS)[name] = function
        return function

    return enter


# the chain


@method("eth_chainId")
def _(rpc: Rpc, params: Params) -> str:
    return hex(rpc.node.chain_id)


@method("net_version")
def _(rpc: Rpc, params: Params) -> str:
    return str(rpc.node.chain_id)


@method("net_listening")
def _(rpc: Rpc, params: Params) -> bool:
    return True


@method("web3_clientVersion")
def _(rpc: Rpc, params: Params) -> str:
    return f"weftwork/{__version__}"


@method("web3_sha3")
def _(rpc: Rpc, params: Params) -> str:
    return hex_of(keccak(param.data(params[0])))


@method("eth_syncing")
def _(rpc: Rpc, params: Params) -> bool:
    return False


@method("eth_accounts")
def _(rpc: Rpc, params: Params) -> list[str]:
    return []


@method("eth_blockNumber")
def _(rpc: Rpc, params: Params) -> str:
    return hex(rpc.node.head.number)


@method("eth_gasPrice")
def _(rpc: Rpc, params: Params) -> str:
    return hex(next_base_fee(rpc.node.head))


@method("eth_maxPriorityFeePerGas")
def _(rpc: Rpc, params: Params) -> str:
    return "0x0"


@method("eth_feeHistory")
def _(rpc: Rpc, params: Params) -> dict[str, Any]:
    newest = param.header(rpc.node, params[1])
    count = max(1, min(param.quantity(params[0], "blockCount"), 1024, newest.number + 1))
    headers = [rpc.node.header(number) for number in range(newest.number - count + 1, newest.number + 1)]
    out: dict[str, Any] = {
        "oldestBlock": hex(newest.number - count + 1),
        "baseFeePerGas": [hex(h.base_fee) for h in headers if h] + [hex(next_base_fee(newest))],
        "gasUsedRatio": [h.gas_used / h.gas_limit for h in headers if h],
        "baseFeePerBlobGas": ["0x1"] * (count + 1),
        "blobGasUsedRatio": [0.0] * count,
    }
    if len(params) > 2 and params[2] is not None:
        out["reward"] = [["0x0"] * len(params[2]) for _ in range(count)]
    return out


# accounts


@method("eth_getBalance")
def _(rpc: Rpc, params: Params) -> str:
    world = rpc.node.world_at(param.header(rpc.node, _at(params, 1)))
    return hex(world.get_balance(param.address(params[0])))


@method("eth_getCode")
def _(rpc: Rpc, params: Params) -> str:
    world = rpc.node.world_at(param.header(rpc.node, _at(params, 1)))
    return hex_of(world.get_code(param.address(params[0])))


@method("eth_getStorageAt")
def _(rpc: Rpc, params: Params) -> str:
    world = rpc.node.world_at(param.header(rpc.node, _at(params, 2)))
    value = world.get_storage(param.address(params[0]), param.quantity(params[1], "slot"))
    return hex_of(value.to_bytes(32, "big"))


@method("eth_getTransactionCount")
def _(rpc: Rpc, params: Params) -> str:
    address = param.address(params[0])
    tag = _at(params, 1)
    if tag == "pending":
        return hex(rpc.node.pending_nonce(address))
    return hex(rpc.node.world_at(param.header(rpc.node, tag)).get_nonce(address))


def _at(params: Params, place: int) -> Any:
    return params[place] if len(params) > place else "latest"


# blocks, transactions, logs


def _block(rpc: Rpc, tag: Any, full: Any) -> Any:
    try:
        header = param.header(rpc.node, tag)
    except RpcError as error:
        if error.rpc_code == param.INVALID_PARAMS:
            raise
        return None
    return view.block(rpc.node, header, full=bool(full))


@method("eth_getBlockByNumber")
def _(rpc: Rpc, params: Params) -> Any:
    return _block(rpc, params[0], len(params) > 1 and params[1])


@method("eth_getBlockByHash")
def _(rpc: Rpc, params: Params) -> Any:
    return _block(rpc, {"blockHash": params[0]}, len(params) > 1 and params[1])


@method("eth_getBlockReceipts")
def _(rpc: Rpc, params: Params) -> Any:
    tag = params[0]
    by_hash = isinstance(tag, str) and len(tag) == 66
    return view.receipts(rpc.node, param.header(rpc.node, {"blockHash": tag} if by_hash else tag))


@method("eth_getTransactionByBlockNumberAndIndex")
def _(rpc: Rpc, params: Params) -> Any:
    return _placed(rpc, params[0], params[1])


@method("eth_getTransactionByBlockHashAndIndex")
def _(rpc: Rpc, params: Params) -> Any:
    return _placed(rpc, {"blockHash": params[0]}, params[1])


def _placed(rpc: Rpc, tag: Any, place: Any) -> Any:
    block = _block(rpc, tag, True)
    place = param.quantity(place, "index")
    return block["transactions"][place] if block and place < len(block["transactions"]) else None


@method("eth_getBlockTransactionCountByHash")
def _(rpc: Rpc, params: Params) -> str:
    return hex(len(rpc.node.transactions(param.header(rpc.node, {"blockHash": params[0]}).number)))


@method("eth_getBlockTransactionCountByNumber")
def _(rpc: Rpc, params: Params) -> str:
    return hex(len(rpc.node.transactions(param.header(rpc.node, params[0]).number)))


@method("eth_getTransactionByHash")
def _(rpc: Rpc, params: Params) -> Any:
    return view.transaction_of(rpc.node, param.data(params[0], "hash", 32))


@method("eth_getTransactionReceipt")
def _(rpc: Rpc, params: Params) -> Any:
    return view.receipt_of(rpc.node, param.data(params[0], "hash", 32))


@method("eth_getLogs")
def _(rpc: Rpc, params: Params) -> Any:
    return view.logs(rpc.node, param.log_filter(rpc.node, params[0]))


def _install(rpc: Rpc, wanted: LogFilter | None) -> str:
    while len(rpc.filters) >= MAX_FILTERS:
        del rpc.filters[next(iter(rpc.filters))]
    rpc.last_filter += 1
    rpc.filters[rpc.last_filter] = (wanted, rpc.node.head.number)
    return hex(rpc.last_filter)


def _filter(rpc: Rpc, key: Any) -> tuple[int, LogFilter | None, int]:
    number = param.quantity(key, "filter")
    if number not in rpc.filters:
        raise RpcError(-32000, "filter not found", value=key)
    return number, *rpc.filters[number]


@method("eth_newFilter")
def _(rpc: Rpc, params: Params) -> str:
    return _install(rpc, param.log_filter(rpc.node, params[0]))


@method("eth_newBlockFilter")
def _(rpc: Rpc, params: Params) -> str:
    return _install(rpc, None)


@method("eth_uninstallFilter")
def _(rpc: Rpc, params: Params) -> bool:
    return rpc.filters.pop(param.quantity(params[0], "filter"), None) is not None


@method("eth_getFilterChanges")
def _(rpc: Rpc, params: Params) -> list[Any]:
    number, wanted, seen = _filter(rpc, params[0])
    seen = min(seen, rpc.node.head.number)
    rpc.filters[number] = (wanted, rpc.node.head.number)
    if wanted is not None:
        return view.logs(rpc.node, wanted, after=seen)
    headers = (rpc.node.header(n) for n in range(seen + 1, rpc.node.head.number + 1))
    return [hex_of(header.hash) for header in headers if header]


@method("eth_getFilterLogs")
def _(rpc: Rpc, params: Params) -> list[Any]:
    _, wanted, _ = _filter(rpc, params[0])
    if wanted is None:
        raise RpcError(-32000, "this filter is none of logs", value=params[0])
    return view.logs(rpc.node, wanted)


# execution


@method("eth_sendRawTransaction")
def _(rpc: Rpc, params: Params) -> str:
    return hex_of(rpc.node.submit(param.data(params[0], "transaction")))


@method("eth_call")
def _(rpc: Rpc, params: Params) -> str:
    if len(params) > 2 and params[2]:
        raise param.invalid("state overrides are not supported")
    tag = _at(params, 1)
    header = param.header(rpc.node, tag)
    tx = param.call(rpc.node, params[0], gas=header.gas_limit)
    return hex_of(_succeed(rpc.node.call(tx, header, pending=tag == "pending")).output)


def _succeed(outcome: Outcome) -> Outcome:
    if outcome.success:
        return outcome
    if outcome.error == "revert":
        raise Reverted(reason_of(outcome.output), hex_of(outcome.output))
    raise RpcError(-32000, outcome.error)


@method("eth_estimateGas")
def _(rpc: Rpc, params: Params) -> str:
    header = param.header(rpc.node, _at(params, 1))
    tx = param.call(rpc.node, params[0], gas=header.gas_limit)
    if tx.max_fee_per_gas:
        left = rpc.node.world_at(header).get_balance(tx.sender) - tx.value
        if left < 0:
            raise InsufficientFunds("insufficient funds for transfer", value=left + tx.value)
        tx = tx.copy(gas=min(tx.gas, left // tx.max_fee_per_gas))
    return hex(estimate(rpc.node, tx, header))


def estimate(node: Node, tx: Transaction, header: Header) -> int:
    """The least gas, within 1 %, with which the transaction succeeds in the next block; raises Reverted."""

    def attempt(gas: int) -> Outcome:
        return node.call(tx.copy(gas=gas), header, pending=header.hash == node.head.hash)

    floor = needed_gas(tx)
    if tx.gas < floor:
        raise RpcError(-32000, f"gas required exceeds allowance ({tx.gas})", value=tx.gas)
    first = attempt(tx.gas)
    _succeed(first)
    if first.gas_peak == floor and not tx.data:
        return floor
    low, high = first.gas_used - 1, tx.gas
    # A store needs 2,300 gas left over (EIP-2200), and a call passes on at most 63/64 (EIP-150).
    for guess in (first.gas_peak, first.gas_peak + 2_300, (first.gas_peak + 2_300) * 64 // 63):
        if low < guess < high:
            if attempt(guess).success:
                high = guess
                break
            low = guess
    while low + 1 < high and (high - low) * 100 > high and high != first.gas_peak:
        middle = (low + high) // 2
        if attempt(middle).success:
            high = middle
        else:
            low = middle
    return high


# development


@method("evm_snapshot", dev=True)
def _(rpc: Rpc, params: Params) -> str:
    return hex(rpc.node.snapshot())


@method("evm_revert", dev=True)
def _(rpc: Rpc, params: Params) -> bool:
    return rpc.node.revert(param.quantity(params[0], "snapshot"))


@method("evm_increaseTime", dev=True)
def _(rpc: Rpc, params: Params) -> int:
    return rpc.node.increase_time(param.quantity(params[0], "seconds", MAX_TIME))


@method("evm_setNextBlockTimestamp", dev=True)
def _(rpc: Rpc, params: Params) -> None:
    rpc.node.set_next_time(param.quantity(params[0], "timestamp", MAX_TIME))


@method("evm_setAutomine", dev=True)
def _(rpc: Rpc, params: Params) -> bool:
    rpc.node.automine = bool(params[0])
    return True


@method("evm_mine", dev=True)
def _(rpc: Rpc, params: Params) -> str:
    count, at = 1, None
    if params and isinstance(params[0], dict):
        count = param.quantity(params[0].get("blocks", 1), "blocks")
        at = params[0].get("timestamp")
    elif params and params[0] is not None:
        at = params[0]
    if not 1 <= count <= MAX_MINED:
        raise param.invalid(f"blocks must be 1 to {MAX_MINED}", count)
    rpc.node.mine(count, None if at is None else param.quantity(at, "timestamp", MAX_TIME))
    return "0x0"
