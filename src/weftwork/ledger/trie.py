"""The Merkle Patricia trie over a store of nodes (Yellow Paper, D): read one key, write many keys at once.

In memory a node is ``b""`` (nothing), a 32-byte reference, or a list: two items (leaf or extension, its path
in hex-prefix form) or seventeen (branch). Changed nodes stay lists until ``update`` hashes them, once each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from weftwork.ledger import rlp
from weftwork.ledger.hash import keccak

BLANK_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")

Node = Any
Path = bytes
_FROM_HEX = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_TO_HEX = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")


class NodeStore(Protocol):
    """Where nodes are kept: decoded nodes by hash, which nobody may change in place."""

    def load(self, key: bytes) -> Node:
        """The decoded node of this hash."""

    def save(self, key: bytes, encoded: bytes, node: Node) -> None:
        """Keep a new node."""


def nibbles(key: bytes) -> Path:
    """The key's half bytes, high half first, each in a byte of its own."""
    return key.hex().encode().translate(_FROM_HEX)


def pack(path: Path, *, leaf: bool) -> bytes:
    """Hex-prefix form of a path."""
    flag = 2 if leaf else 0
    whole = bytes((flag + 1,)) + path if len(path) % 2 else bytes((flag, 0)) + path
    return bytes.fromhex(whole.translate(_TO_HEX).decode())


def unpack(packed: bytes) -> tuple[Path, bool]:
    """The path of a hex-prefix form, and whether it belongs to a leaf."""
    path = nibbles(packed)
    return path[2 - path[0] % 2 :], path[0] >= 2


def get(store: NodeStore, root: bytes, key: bytes) -> bytes:
    """The value under ``key``, or empty bytes."""
    if root == BLANK_ROOT:
        return b""
    node: Node = root
    path = nibbles(key)
    at = 0
    while True:
        if isinstance(node, bytes):
            if not node:
                return b""
            node = store.load(node)
        if len(node) == 17:
            if at == len(path):
                return bytes(node[16])
            node = node[path[at]]
            at += 1
            continue
        part, leaf = unpack(node[0])
        if leaf:
            return bytes(node[1]) if path[at:] == part else b""
        if path[at : at + len(part)] != part:
            return b""
        at += len(part)
        node = node[1]


def update(store: NodeStore, root: bytes, items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write all items (an empty value deletes) and return the new root; only final nodes are stored."""
    node: Node = b"" if root == BLANK_ROOT else root
    for key, value in items:
        path = nibbles(key)
        node = _insert(store, node, path, value) if value else _delete(store, node, path)
    if isinstance(node, bytes):
        return node if node else BLANK_ROOT
    encoded = _encode(store, node)
    digest = keccak(encoded)
    store.save(digest, encoded, node)
    return digest


def root_of(items: Sequence[bytes]) -> bytes:
    """The root of the trie of a block's list: RLP of the index to item."""
    return update(_Nowhere(), BLANK_ROOT, ((rlp.encode_int(i), item) for i, item in enumerate(items)))


class _Nowhere:
    def load(self, key: bytes) -> Node:
        raise KeyError(key)

    def save(self, key: bytes, encoded: bytes, node: Node) -> None:
        return None


def _encode(store: NodeStore, node: list[Node]) -> bytes:
    """RLP of a node; children that are lists are stored or, if short, kept inside; ``node`` becomes final."""
    parts = []
    for i, child in enumerate(node):
        if isinstance(child, bytes):
            parts.append(rlp.encode_bytes(child))
            continue
        encoded = _encode(store, child)
        if len(encoded) < 32:
            parts.append(encoded)
        else:
            digest = keccak(encoded)
            store.save(digest, encoded, child)
            node[i] = digest
            parts.append(b"\xa0" + digest)
    return rlp.join(parts)


def _open(store: NodeStore, node: Node) -> list[Node]:
    """The node as a list that may be changed."""
    return _thaw(store.load(node)) if isinstance(node, bytes) else node


def _thaw(node: list[Node]) -> list[Node]:
    return [child if isinstance(child, bytes) else _thaw(child) for child in node]


def _insert(store: NodeStore, node: Node, path: Path, value: bytes) -> Node:
    if node == b"":
        return [pack(path, leaf=True), value]
    node = _open(store, node)
    if len(node) == 17:
        if path:
            node[path[0]] = _insert(store, node[path[0]], path[1:], value)
        else:
            node[16] = value
        return node
    part, leaf = unpack(node[0])
    if leaf and part == path:
        return [node[0], value]
    same = 0
    while same < len(part) and same < len(path) and part[same] == path[same]:
        same += 1
    if not leaf and same == len(part):
        return [node[0], _insert(store, node[1], path[same:], value)]
    branch: list[Node] = [b""] * 17
    rest = part[same:]
    if leaf:
        if rest:
            branch[rest[0]] = [pack(rest[1:], leaf=True), node[1]]
        else:
            branch[16] = node[1]
    else:
        branch[rest[0]] = [pack(rest[1:], leaf=False), node[1]] if len(rest) > 1 else node[1]
    tail = path[same:]
    if tail:
        branch[tail[0]] = [pack(tail[1:], leaf=True), value]
    else:
        branch[16] = value
    return [pack(path[:same], leaf=False), branch] if same else branch


def _delete(store: NodeStore, node: Node, path: Path) -> Node:
    if node == b"":
        return b""
    opened = _open(store, node)
    if len(opened) == 17:
        if path:
            child = opened[path[0]]
            new = _delete(store, child, path[1:])
            if new is child:
                return node
            opened[path[0]] = new
        elif opened[16] == b"":
            return node
        else:
            opened[16] = b""
        return _shrink(store, opened)
    part, leaf = unpack(opened[0])
    if leaf:
        return b"" if part == path else node
    if path[: len(part)] != part:
        return node
    new = _delete(store, opened[1], path[len(part) :])
    return node if new is opened[1] else _extend(store, part, new)


def _shrink(store: NodeStore, branch: list[Node]) -> Node:
    """A branch with fewer than two children becomes a leaf or an extension."""
    left = [i for i, child in enumerate(branch) if child != b""]
    if len(left) > 1:
        return branch
    if left[0] == 16:
        return [pack(b"", leaf=True), branch[16]]
    return _extend(store, bytes((left[0],)), branch[left[0]])


def _extend(store: NodeStore, path: Path, child: Node) -> Node:
    """A path in front of a node, merged with the node's own path where it has one."""
    if child == b"":
        return b""
    opened = _open(store, child)
    if len(opened) == 17:
        return [pack(path, leaf=False), child]
    part, leaf = unpack(opened[0])
    return [pack(path + part, leaf=leaf), opened[1]]
