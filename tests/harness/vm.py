"""An EVM for contract tests: deploy, call, mine, go back. No blocks are committed.

::

    vm = Vm()
    alice, bob = vm.account("alice"), vm.account("bob")
    token = vm.deploy("Token", ..., sender=alice)
    token.transfer(bob, 5, sender=alice)           # the decoded return value; Reverted if it reverts
    assert vm.event("Transfer").args.value == 5    # of the last transaction
    with vm.reverts("token: balance is too low"): ...
    point = vm.snapshot(); vm.mine(10); vm.restore(point)

Addresses are lower-case hex everywhere; accounts and contracts can be given wherever an address is wanted; a
struct is given as a tuple or a dict and comes back as a named tuple.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import coincurve
import pytest
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_HASH32
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.cancun.transaction_context import CancunTransactionContext
from eth.vm.message import Message
from eth_abi.codec import ABICodec
from eth_abi.decoding import ContextFramesBytesIO
from eth_abi.registry import registry
from eth_utils import keccak

from harness.state import PlainState, hash_block
from weftwork.contracts import Artifact, load_artifact

CODEC = ABICodec(registry)
GAS_LIMIT = 30_000_000
ZERO_ADDRESS = "0x" + "00" * 20
COINBASE = b"\xc0" * 20
ROOT = Path(__file__).resolve().parents[2]


class Reverted(Exception):
    """A call reverted: ``reason`` is its error string (or the VM's own error), ``data`` the raw data."""

    def __init__(self, reason: str, data: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data


@dataclass(frozen=True)
class Account:
    """A key with its address; ``name`` is only for reading."""

    name: str
    key: bytes

    @cached_property
    def address(self) -> str:
        public = coincurve.PrivateKey(self.key).public_key.format(compressed=False)
        return "0x" + keccak(public[1:])[-20:].hex()

    def sign(self, digest: bytes) -> bytes:
        """Sign a 32-byte digest: 65 bytes r ++ s ++ v with v 27 or 28 and low s."""
        raw = coincurve.PrivateKey(self.key).sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([raw[64] + 27])

    def sign_typed(
        self, domain: dict[str, Any], types: dict[str, list[tuple[str, str]]], message: dict[str, Any]
    ) -> bytes:
        """Sign EIP-712 typed data; ``types`` maps a name to its (type, field) pairs."""
        return self.sign(hash_typed(domain, types, message))

    def __repr__(self) -> str:
        return f"<{self.name} {self.address}>"


def hash_typed(
    domain: dict[str, Any], types: dict[str, list[tuple[str, str]]], message: dict[str, Any]
) -> bytes:
    """The EIP-712 digest as eth-account computes it: the check on the contracts' own."""
    from eth_account.messages import encode_typed_data

    fields = {name: [{"type": kind, "name": field} for kind, field in pairs] for name, pairs in types.items()}
    signable = encode_typed_data(domain, fields, _plain(message))
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def _plain(value: Any) -> Any:
    """``value`` with every account or contract in it replaced by its address."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return address_of(value) if hasattr(value, "address") else value


def address_of(value: Any) -> str:
    """The lower-case address of an account, a contract, raw bytes, or an address."""
    value = getattr(value, "address", value)
    return "0x" + value.hex() if isinstance(value, bytes) else value.lower()


def _type_of(item: dict[str, Any]) -> str:
    """The canonical type of an ABI item, with structs spelled out."""
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    return "(" + ",".join(_type_of(part) for part in item["components"]) + ")" + item["type"][5:]


def _reader(item: dict[str, Any]) -> Callable[[Any], Any] | None:
    """What turns a given Python value into one that the codec takes; None where it takes it as it is."""
    kind = item["type"]
    if kind.endswith("]"):
        inner = _reader({**item, "type": kind[: kind.rindex("[")]})
        return None if inner is None else lambda values: [inner(value) for value in values]
    if kind == "address":
        return address_of
    if kind.startswith("tuple"):
        parts = [(part["name"], _reader(part)) for part in item["components"]]

        def read(value: Any) -> tuple[Any, ...]:
            given = [value[name] for name, _ in parts] if isinstance(value, dict) else value
            return tuple(r(v) if r else v for v, (_, r) in zip(given, parts, strict=True))

        return read
    return None


@cache
def _record(fields: tuple[str, ...]) -> Any:
    return namedtuple("Struct", fields, rename=True)


def _writer(item: dict[str, Any]) -> Callable[[Any], Any] | None:
    """What turns a decoded value into the one returned: structs become named tuples, arrays lists."""
    kind = item["type"]
    if kind.endswith("]"):
        inner = _writer({**item, "type": kind[: kind.rindex("[")]})
        return list if inner is None else lambda values: [inner(value) for value in values]
    if kind.startswith("tuple"):
        make = _record(tuple(part["name"] for part in item["components"]))
        parts = [_writer(part) for part in item["components"]]
        return lambda value: make(*(w(v) if w else v for v, w in zip(value, parts, strict=True)))
    return None


class Coder:
    """Encodes and decodes one list of ABI items."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items
        self.types = [_type_of(item) for item in items]
        self._encode = registry_encoder(*self.types)
        self._decode = registry_decoder(*self.types)
        self._readers = [_reader(item) for item in items]
        self._writers = [_writer(item) for item in items]

    def encode(self, values: tuple[Any, ...]) -> bytes:
        given = [r(v) if r else v for v, r in zip(values, self._readers, strict=True)]
        return self._encode(given)

    def decode(self, data: bytes) -> list[Any]:
        values = self._decode(ContextFramesBytesIO(data))
        return [w(v) if w else v for v, w in zip(values, self._writers, strict=True)]


@cache
def registry_encoder(*types: str) -> Any:
    return registry.get_tuple_encoder(*types)


@cache
def registry_decoder(*types: str) -> Any:
    return registry.get_tuple_decoder(*types)


@dataclass(frozen=True)
class Event:
    """One decoded log: ``args`` is a named tuple (an indexed string or array is its hash)."""

    name: str
    address: str
    args: Any


class EventCoder:
    """Decodes the logs of one event of an ABI."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.name = item["name"]
        self.signature = f"{self.name}({','.join(_type_of(part) for part in item['inputs'])})"
        self.topic = keccak(text=self.signature)
        self.inputs = item["inputs"]
        self._make = _record(tuple(part["name"] for part in self.inputs))
        self._data = Coder([part for part in self.inputs if not part["indexed"]])

    def decode(self, address: bytes, topics: tuple[int, ...], data: bytes) -> Event:
        plain = iter(self._data.decode(data))
        words = iter(topic.to_bytes(32, "big") for topic in topics[1:])
        values = []
        for part in self.inputs:
            if not part["indexed"]:
                values.append(next(plain))
            elif part["type"] in ("string", "bytes") or part["type"].endswith(("]", "tuple")):
                values.append(next(words))
            else:
                values.append(registry_decoder(part["type"])(ContextFramesBytesIO(next(words)))[0])
        return Event(self.name, "0x" + address.hex(), self._make(*values))


class Function:
    """One function of a deployed contract, default arguments included: calling it sends a transaction."""

    def __init__(self, contract: Contract, overloads: list[dict[str, Any]]) -> None:
        self.contract = contract
        self.name = overloads[0]["name"]
        self.is_view = overloads[0]["stateMutability"] in ("view", "pure")
        self._forms = {len(item["inputs"]): _form(item) for item in overloads}

    def signature(self, count: int) -> str:
        """The canonical signature of the form that takes ``count`` arguments."""
        return f"{self.name}({','.join(self._forms[count][1].types)})"

    def calldata(self, *args: Any) -> bytes:
        """The call's data: selector and encoded arguments."""
        try:
            selector, inputs, _ = self._forms[len(args)]
        except KeyError:
            raise TypeError(f"takes {sorted(self._forms)} arguments, {len(args)} given") from None
        return selector + inputs.encode(args)

    def __call__(self, *args: Any, sender: Any = None, value: int = 0) -> Any:
        vm = self.contract.vm
        kept = vm.gas_used, vm.logs
        output = vm.transact(self.contract.address, self.calldata(*args), sender, value)
        if self.is_view:
            vm.gas_used, vm.logs = kept
        return self._result(len(args), output)

    def call(self, *args: Any, sender: Any = None, value: int = 0) -> Any:
        """What the call would return now; nothing changes."""
        vm = self.contract.vm
        point = vm.snapshot()
        try:
            return self(*args, sender=sender, value=value)
        finally:
            vm.restore(point)

    def _result(self, count: int, output: bytes) -> Any:
        values = self._forms[count][2].decode(output)
        return None if not values else values[0] if len(values) == 1 else tuple(values)


def _form(item: dict[str, Any]) -> tuple[bytes, Coder, Coder]:
    inputs, outputs = Coder(item["inputs"]), Coder(item.get("outputs", []))
    return keccak(text=f"{item['name']}({','.join(inputs.types)})")[:4], inputs, outputs


@cache
def _events_of(artifact: Artifact) -> dict[bytes, EventCoder]:
    coders = [EventCoder(item) for item in artifact.abi if item["type"] == "event"]
    return {coder.topic: coder for coder in coders}


class Contract:
    """A deployed contract; its functions are attributes."""

    def __init__(self, vm: Vm, address: str, artifact: Artifact) -> None:
        self.vm = vm
        self.address = address
        self.artifact = artifact
        self.deploy_gas = 0
        """The gas of the transaction that deployed it here."""

    def __getattr__(self, name: str) -> Function:
        forms = [item for item in self.artifact.abi if item["type"] == "function" and item["name"] == name]
        if not forms:
            raise AttributeError(f"{self.artifact.name} has no function {name}")
        function = Function(self, forms)
        self.__dict__[name] = function
        return function

    def at(self, address: Any) -> Contract:
        """The same interface at another address."""
        return Contract(self.vm, address_of(address), self.artifact)

    def __repr__(self) -> str:
        return f"<{self.artifact.name} {self.address}>"


@cache
def compile_artifact(source: str | Path) -> Artifact:
    """Compile source text, or a file, for a test; it may import our contracts and what pip installed."""
    if str(ROOT / "tools") not in sys.path:
        sys.path.append(str(ROOT / "tools"))
    import snekmate
    from compile_contracts import compile_source

    name = source.stem if isinstance(source, Path) else "Given"
    fields = compile_source(source, name, [Path(next(iter(snekmate.__path__))).parent])
    return Artifact(
        **{**fields, "abi": tuple(fields["abi"]), "bytecode": bytes.fromhex(fields["bytecode"][2:])}
    )


class Vm:
    """One EVM (Cancun): state, a block number and a time that the test moves."""

    def __init__(self, chain_id: int = 31337, block: int = 1_000, time: int = 1_800_000_000) -> None:
        self.chain_id = chain_id
        self.block = block
        self.time = time
        self.block_time = 12
        self.gas_used = 0
        self.logs: tuple[tuple[bytes, tuple[int, ...], bytes], ...] = ()
        """The raw logs of the last transaction (views are none): address, topics, data."""
        self._names: dict[str, Account] = {}
        self._contracts: dict[str, Contract] = {}
        self._state = PlainState(None, self._context(), ZERO_HASH32)
        self._state.accounts.begin()
        self.accounts = [self.account(f"account{i}") for i in range(10)]

    def _context(self) -> ExecutionContext:
        return ExecutionContext(
            coinbase=COINBASE,
            timestamp=self.time,
            block_number=self.block,
            difficulty=0,
            mix_hash=hash_block(self.block - 1),
            gas_limit=GAS_LIMIT,
            prev_hashes=(),
            chain_id=self.chain_id,
            base_fee_per_gas=0,
            excess_blob_gas=0,
        )

    def account(self, name: str) -> Account:
        """The account of that name: the same key every time, with plenty of ether."""
        if name not in self._names:
            account = self._names[name] = Account(name, keccak(text=f"weftwork test account {name}"))
            self.set_balance(account, 10**24)
        return self._names[name]

    # blocks
    def mine(self, blocks: int = 1) -> None:
        """Let ``blocks`` blocks pass, and their time."""
        self.set_block(self.block + blocks, self.time + blocks * self.block_time)

    def set_block(self, block: int, time: int | None = None) -> None:
        """Go to block number ``block`` (and ``time``, in unix seconds)."""
        self.block, self.time = block, self.time if time is None else time
        self._state.execution_context = self._context()

    def set_time(self, time: int) -> None:
        """Set the time of the current block, unix seconds."""
        self.set_block(self.block, time)

    def block_hash(self, number: int) -> bytes:
        """The hash of block ``number`` as a contract sees it; zero if it is not among the last 256."""
        return self._state.get_ancestor_hash(number) or ZERO_HASH32

    # state
    def snapshot(self) -> Any:
        """A point to :meth:`restore`, as often as wanted, until an earlier one is restored."""
        return self._state.snapshot(), self.block, self.time

    def restore(self, point: Any) -> None:
        """Go back to ``point``: state, block and time."""
        undo, block, time = point
        self._state.revert(undo)
        self.set_block(block, time)

    def balance(self, account: Any) -> int:
        """The ether of an account, in wei."""
        return self._state.get_balance(bytes.fromhex(address_of(account)[2:]))

    def set_balance(self, account: Any, wei: int) -> None:
        self._state.set_balance(bytes.fromhex(address_of(account)[2:]), wei)

    def code(self, account: Any) -> bytes:
        """The deployed code at an address."""
        return self._state.get_code(bytes.fromhex(address_of(account)[2:]))

    # transactions
    def deploy(self, what: str | Path | Artifact, *args: Any, sender: Any = None, value: int = 0) -> Contract:
        """Deploy an artifact (by name or given), a source file, or source text with a newline in it."""
        if isinstance(what, str):
            what = compile_artifact(what) if "\n" in what else load_artifact(what)
        elif isinstance(what, Path):
            what = compile_artifact(what)
        inputs = next((item["inputs"] for item in what.abi if item["type"] == "constructor"), [])
        creator = bytes.fromhex(address_of(sender or self.accounts[0])[2:])
        nonce = self._state.get_nonce(creator)
        self.transact(None, what.bytecode + Coder(inputs).encode(args), sender, value)
        contract = Contract(self, "0x" + create_address(creator, nonce).hex(), what)
        contract.deploy_gas = self.gas_used
        self._contracts[contract.address] = contract
        return contract

    def transact(self, to: str | None, data: bytes, sender: Any = None, value: int = 0) -> bytes:
        """Run one transaction (``to`` None creates a contract); return its output or raise ``Reverted``."""
        state = self._state
        origin = bytes.fromhex(address_of(sender or self.accounts[0])[2:])
        intrinsic = 21_000 + 16 * len(data) - 12 * data.count(0)
        state.accounts.begin()
        if to is None:
            intrinsic += 32_000
            target, created = CREATE_CONTRACT_ADDRESS, create_address(origin, state.get_nonce(origin))
            code, payload = data, b""
        else:
            target, created = bytes.fromhex(to[2:]), None
            code, payload = state.get_code(target), data
        state.increment_nonce(origin)
        state.mark_address_warm(origin)
        state.mark_address_warm(created or target)
        message = Message(GAS_LIMIT - intrinsic, target, origin, value, payload, code, create_address=created)
        context = CancunTransactionContext(gas_price=0, origin=origin)
        apply = (
            state.computation_class.apply_create_message if created else state.computation_class.apply_message
        )
        computation = apply(state, message, context)
        spent = GAS_LIMIT - computation.get_gas_remaining()
        self.gas_used = spent - min(computation.get_gas_refund(), spent // 5)
        self.logs = computation.get_log_entries()
        if computation.is_error:
            output = computation.output
            raise Reverted(_reason(output, computation.error), output)
        return computation.output

    @contextmanager
    def reverts(self, reason: str | None = None) -> Iterator[None]:
        """Pass if the block reverts, with exactly ``reason`` where one is given."""
        with pytest.raises(Reverted) as caught:
            yield
        if reason is not None:
            assert caught.value.reason == reason

    # events
    @property
    def events(self) -> list[Event]:
        """The decoded events of the last transaction, of all contracts deployed here."""
        found = []
        for address, topics, data in self.logs:
            contract = self._contracts.get("0x" + address.hex())
            coder = topics and contract and _events_of(contract.artifact).get(topics[0].to_bytes(32, "big"))
            if coder:
                found.append(coder.decode(address, topics, data))
        return found

    def event(self, name: str) -> Event:
        """The one event of that name in the last transaction."""
        found = [event for event in self.events if event.name == name]
        assert len(found) == 1, f"{len(found)} events named {name} in {[event.name for event in self.events]}"
        return found[0]


def create_address(creator: bytes, nonce: int) -> bytes:
    """The address of the contract that ``creator`` creates at ``nonce``."""
    import rlp

    return keccak(rlp.encode([creator, nonce]))[-20:]


def _reason(data: bytes, error: Exception) -> str:
    if data[:4] == bytes.fromhex("08c379a0"):
        return str(CODEC.decode(["string"], data[4:])[0])
    if data[:4] == bytes.fromhex("4e487b71"):
        return f"panic 0x{int.from_bytes(data[4:36], 'big'):02x}"
    return f"revert 0x{data.hex()}" if data else type(error).__name__.lower()
