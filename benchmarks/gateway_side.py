"""The servers of the gateway benchmark, each a process of its own: the bare mock, the signing miner, our
gateway.

python benchmarks/gateway_side.py mock PORT
python benchmarks/gateway_side.py miner PORT FOLDER
python benchmarks/gateway_side.py gateway PORT FOLDER MINER_URL [late]
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from weftwork.ledger.key import Account
from weftwork.models.channel import ChannelBook, ChannelPurse, ChannelView
from weftwork.records import Domains
from weftwork.store import Store
from weftwork.wire.server import run

KEY = "wk-benchmark-benchmark-benchmark"
WORDS = " ".join(["transfer"] * 20)
DOMAINS = Domains(31337, "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20)
DEPOSIT = 10**30


class Bank:
    """Stands for the ledger, which is never on the hot path: a channel for each pair, nothing is redeemed."""

    def view(self, payer: str, receiver: str) -> ChannelView:
        return ChannelView(payer, receiver, deposited=DEPOSIT)

    def claim_many(self, claims: object) -> None:
        """Leaves the vouchers where they are."""

    def pull(self, receiver: str) -> None:
        """Nothing was claimed."""


def serve_miner(port: int, folder: str) -> None:
    """A miner whose echo engine gives the canned answer; it signs receipts and keeps its books on disk."""
    from weftwork.models.engine.echo import EchoEngine
    from weftwork.models.job import Terms
    from weftwork.models.miner import Miner
    from weftwork.wire.running import tune_process

    def make() -> object:
        store, account = Store(Path(folder) / "miner.db"), Account.create("miner")
        book = ChannelBook(account.address, DOMAINS.of("voucher"), store, Bank())
        engine, terms = EchoEngine("echo", lambda body: WORDS), Terms(concurrency=256)
        miner = Miner(account, engine, DOMAINS, store, book, subnet=1, terms=terms)

        async def totals(request: object) -> object:
            return {**{k: str(v) for k, v in book.totals().items()}, "receipts": store.count("receipt")}

        miner.app.get("/totals")(totals)
        tune_process()
        return miner.app

    run(make, port=port)  # type: ignore[arg-type]


def serve_gateway(port: int, folder: str, miner_url: str, name: str = "ours") -> None:
    """Our gateway as it ships: keys, routing, receipts checked, vouchers signed, no answer before its receipt
    is on disk; ``late``: records follow within a tenth of a second."""
    from weftwork.models.gateway.app import Gateway, Setting
    from weftwork.models.gateway.directory import Seat
    from weftwork.wire.running import tune_process

    def make() -> object:
        late = name == "late"
        store = Store(Path(folder) / "gateway.db", linger=0.1 if late else 0.02)
        account = Account.create(f"gateway {name}")
        gateway = Gateway(account, DOMAINS, store, local=True, setting=Setting(durable=not late))
        gateway.keys.create("benchmark", None, KEY)
        wallet = Account.create("miner").address
        purse = ChannelPurse(account, wallet, DOMAINS.of("voucher"), store, deposit=DEPOSIT)
        gateway.update([Seat(wallet, 1, 0, miner_url, "echo", 10**12, 10**12, purse=purse)])
        tune_process()
        return gateway.app

    run(make, port=port)  # type: ignore[arg-type]


class Mock(asyncio.Protocol):
    """Answers each request with the canned completion, or with 20 chunks if the body asks for a stream."""

    transport: asyncio.Transport
    whole: bytes
    pieces: list[bytes]

    def __init__(self) -> None:
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.held += data
        while True:
            head, gap, rest = self.held.partition(b"\r\n\r\n")
            if not gap:
                return
            size = 0
            for line in head.lower().split(b"\r\n")[1:]:
                if line.startswith(b"content-length:"):
                    size = int(line[15:])
            if len(rest) < size:
                return
            body, self.held = rest[:size], rest[size:]
            if b'"stream":true' in body or b'"stream": true' in body:
                for piece in self.pieces:
                    self.transport.write(piece)
            else:
                self.transport.write(self.whole)


def serve_mock(port: int) -> None:
    """The bare upstream of the peers."""
    said = {"role": "assistant", "content": WORDS}
    answer = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "echo",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60},
    }  # fmt: skip
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    Mock.whole = head.encode() + body
    chunks = []
    for number, word in enumerate([*WORDS.split(" "), None]):
        delta = {} if word is None else {"content": ("" if number == 0 else " ") + word}
        finish = "stop" if word is None else None
        chunks.append(
            {
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "echo",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }
        )  # fmt: skip
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]
    framed = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    Mock.pieces = [start + framed[0], *framed[1:-1], framed[-1] + b"0\r\n\r\n"]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Mock, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    import uvloop

    uvloop.run(main())


if __name__ == "__main__":
    role, number, *rest = sys.argv[1:]
    {"mock": serve_mock, "miner": serve_miner, "gateway": serve_gateway}[role](int(number), *rest)
