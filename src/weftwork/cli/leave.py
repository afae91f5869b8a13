"""``weft leave``: the way back of ``weft join``: what a role staked, locked and is owed comes home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from weftwork.ledger import Ledger
    from weftwork.network.dues import Step
    from weftwork.network.leave import Left

app = typer.Typer()
Name = Annotated[
    str | None,
    typer.Argument(help="Which role, by its home's name (joined-miner); the only one that joined if absent."),
]


@app.command()
def leave(
    name: Name = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="The ledger that it joined, if that has moved.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Send there at the end what is free by then.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and do none of it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Take a role that joined out of the network: vouchers, pay and deposits, stake and collateral come home.

    Stake and collateral unbond first: run it again when they have, it goes on where it was.
    """
    from weftwork.cli.screen import progress, reporting
    from weftwork.errors import Refused
    from weftwork.network.find import open_joined
    from weftwork.network.home import Home, find_joined
    from weftwork.network.leave import leave_home, read_block_seconds

    with reporting(as_json):
        address = _read_address(to)
        home = find_joined(name)
        if home.is_running:
            raise Refused(
                f"{home.path.name} is running",
                value=home.runner,
                hint=f"weft down {home.path.name}, then again",
            )
        home.hold()
        try:
            home.facts = Home.open(home.path, create=True).facts
            with open_joined(home, ledger) as (chain, contracts):
                with progress(f"{home.path.name} leaves"):
                    left = leave_home(home, chain, contracts, to=address, dry=dry_run)
                pace = read_block_seconds(chain)
                _show(home, chain, left, pace, _repeat(name, ledger, to), dry_run, as_json)
        finally:
            home.release()


def _read_address(text: str | None) -> str | None:
    """The address that a person typed, in its checksummed spelling; raises BadInput."""
    from weftwork.errors import BadInput
    from weftwork.ledger.hash import address_bytes, checksum
    from weftwork.records import NO_ADDRESS

    if text is None:
        return None
    known = checksum(address_bytes(text))
    digits = text[2:]
    if known == NO_ADDRESS or (digits not in (digits.lower(), digits.upper()) and text != known):
        raise BadInput(
            f"{text} is no address that anybody owns",
            value=text,
            hint="its capitals are a checksum: copy it whole, or write all of it small",
        )
    return known


def _repeat(name: str | None, ledger: str | None, to: str | None) -> str:
    """The same command, to type again."""
    words = ["weft leave", name or ""]
    words += [f"--ledger {ledger}" if ledger else "", f"--to {to}" if to else ""]
    return " ".join(word for word in words if word)


def _show(
    home: Any, chain: Ledger, left: list[Left], pace: float, again: str, dry_run: bool, as_json: bool
) -> None:
    from weftwork.cli.screen import print_json, print_next, print_table
    from weftwork.network.leave import is_over

    now = chain.block_number()
    steps = [step for one in left for step in one.steps]
    until = max((step.until for step in steps), default=0)
    over = is_over(steps)
    if dry_run:
        step, when = again, "to do it"
    elif over:
        step, when = "weft status", ""
    else:
        step, when = again, f"after block {until}{_about(until - now, pace)}" if until else "later"
    if as_json:
        print_json(
            {
                "home": str(home.path),
                "block": now,
                "dry_run": dry_run,
                "over": over,
                "accounts": [
                    {
                        "name": one.name,
                        "account": one.account,
                        "steps": [_to_json(step, now, pace) for step in one.steps],
                    }
                    for one in left
                ],
                "next": {"command": step, "after_block": until or None},
            }
        )
        return
    rows = [
        (one.name, step.subnet or "", step.what, _amount(step), _state(step, now, pace))
        for one in left
        for step in one.steps
    ]
    rows += [(one.name, "", "all", "", "nothing is left here") for one in left if not one.steps]
    print_table(("role", "subnet", "what", "amount", "state"), rows, right=(1, 3))
    print_next(f"{step}   {when}".rstrip())


def _to_json(step: Step, now: int, pace: float) -> dict[str, Any]:
    return {
        "what": step.what,
        "state": str(step.state),
        "amount": step.amount,
        "coin": step.coin,
        "decimals": step.decimals,
        "subnet": step.subnet,
        "agent": step.agent,
        "until_block": step.until or None,
        "seconds": round((step.until - now) * pace) if step.until and pace else None,
        "note": step.note,
        "planned": step.planned,
    }


def _amount(step: Step) -> str:
    if not step.amount:
        return ""
    whole, rest = divmod(step.amount, 10**step.decimals)
    cut = f"{rest:0{step.decimals}d}"[:6].rstrip("0") if step.decimals else ""
    return f"{whole:,}{'.' + cut if cut else ''} {step.coin}".rstrip()


def _state(step: Step, now: int, pace: float) -> str:
    """A step's state in words, with the block that it waits for and about when that comes."""
    from weftwork.network.dues import State

    told = str(step.state)
    if step.planned:
        told = {
            State.UNBONDING: "would unbond",
            State.WAITS: "would wait",
            State.TAKEN: "would be taken",
            State.SENT: "would be sent",
            State.GIVEN_UP: "would be given up",
        }[step.state]
    if step.until:
        told += f" until block {step.until}{_about(step.until - now, pace)}"
    return f"{told}; {step.note}" if step.note else told


def _about(blocks: int, pace: float) -> str:
    """``", about 3 h"``: how long so many blocks take; nothing where no pace is known."""
    seconds = blocks * pace
    if seconds <= 0:
        return ""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f", about {seconds / length:.0f} {unit}"
    return f", about {max(1, round(seconds))} s"
