# ruff: noqa: E501 - tables of phrases
# fmt: off
"""Requests as notes: a key word and the slots in any order, as people fill a form or write a memo."""

from __future__ import annotations

from collections.abc import Callable

from weftwork.models.grammar.phrase import protect
from weftwork.models.grammar.slots import Slots

Line = tuple[str, str, dict[str, str]]
HEADS = {
    "transfer": "[transfer|payment|pay|send|pay out|wire|one-off payment]",
    "swap": "[swap|trade|exchange|convert|market order|conversion]",
    "stake": "[stake|staking|delegate|delegation]",
    "unstake": "[unstake|unstaking|undelegate|unbond|withdraw stake]",
    "lend": "[lend|lending|supply|lend out]",
    "borrow": "[borrow|loan|borrowing|new loan]",
    "repay": "[repay|repayment|loan repayment|pay back loan|debt repayment]",
    "approve": "[approve|approval|allowance|spending approval|permission to spend]",
    "revoke": "[revoke|revoke approval|revocation|remove approval|cancel allowance]",
    "stop_loss": "[stop loss|stop-loss|stop|sl|stop order]",
    "recurring_payment": "[recurring payment|standing order|recurring transfer|subscription|repeat payment|scheduled payment|regular payment]",
    "copy_trader": "[copy|copy trade|copy trading|copy trader|mirror|mirror trading]",
}
LABELS = {
    "to": "[to {v}|to {v}|to: {v}|recipient {v}|recipient: {v}|for {v}|payee {v}|receiver: {v}|{v}]",
    "venue": "[at {v}|on {v}|with {v}|via {v}|{v}|venue {v}|protocol: {v}]",
    "spender": "[for {v}|spender {v}|spender: {v}|{v}|to {v}|app {v}]",
    "trader": "[{v}|{v}|trader {v}|trader: {v}|wallet {v}]",
    "max_slippage": "[slippage {v}%|max slippage {v}%|slippage: {v}%|{v}% slippage|slippage {v}|max {v}% slippage|slippage max {v} percent]",
    "min_rate": "[min {v}%|minimum rate {v}%|at least {v}%|rate >= {v}%|min apy {v}%]",
    "max_rate": "[max {v}%|max rate {v}%|at most {v}% interest|rate <= {v}%|apr under {v}%]",
    "drop": "[at -{v}%|{v}% below market|if it drops {v}%|{v}% drop|{v} percent down]",
    "trail": "[trailing {v}%|trail {v}%|{v}% trailing|trailing by {v} percent]",
    "max_loss": "[max loss {v}%|stop at -{v}%|max drawdown {v}%|loss limit {v}%]",
    "for": "[for {v}|{v}|duration {v}|term {v}|period: {v}]",
}


def brief(s: Slots, make: Callable[[Slots], Line]) -> Line:
    """The same request as a note; raises ValueError if its intent has no such form."""
    _, _, out = make(s)
    if out["intent"] not in HEADS or "valued_in" in out or "start" in out or "until" in out:
        raise ValueError(out["intent"])
    out = dict(out)
    parts = _parts(s, out)
    if s.chance(0.45):
        s.rng.shuffle(parts)
    joint = s.rng.choice([", ", ", ", ", ", " ", " / ", "; ", " - ", " | ", ". "])
    head = s.x(HEADS[out["intent"]])
    text = head + s.rng.choice([": ", " ", ", ", " - ", ". ", " "]) + joint.join(parts)
    if s.chance(0.08):
        text = joint.join(parts) + s.rng.choice([", ", " - ", " "]) + head
    return "full", text, out


def _sum(s: Slots, amount: str, token: str) -> str:
    code = protect(s.cased(token))
    if amount == "all":
        return s.x("[all my {t}|all {t}|entire {t} balance|everything in {t}|100% of my {t}|max {t}]", t=code)
    if amount == "unlimited":
        return s.x("[unlimited {t}|{t} unlimited|infinite {t}|{t}, no limit|no limit on {t}]", t=code)
    if amount.endswith("%"):
        return s.x("{n} [of my |of |]{t}", n=protect(amount), t=code)
    return s.x("[{n} {t}|{n} {t}|{n} {t}|{t} {n}|amount {n} {t}|amount: {n} {t}]", n=protect(amount), t=code)


def _parts(s: Slots, out: dict[str, str]) -> list[str]:
    parts = []
    kind = out["intent"]
    if kind == "swap":
        buy = protect(s.cased(out["buy"])) if "buy" in out else ""
        if "sell" not in out or not buy:
            raise ValueError(kind)
        sell = protect(s.cased(out["sell"]))
        if "receive" in out:
            parts.append(s.x("[buy|get|receive] {r} [with|using|from] {s}", r=_sum(s, out["receive"], out["buy"]), s=sell))
        else:
            parts.append(s.x("{m} [to|for|into|->|=>|to] {b}", m=_sum(s, out["amount"], out["sell"]), b=buy))
    elif "token" in out and "amount" in out:
        parts.append(_sum(s, out["amount"], out["token"]))
    elif "token" in out:
        parts.append(protect(s.cased(out["token"])))
    elif "amount" in out:
        parts.append(s.x("[{n} of my portfolio|{n} of portfolio]", n=protect(out["amount"])))
    if "price" in out:
        q = protect(out["price"]) + (" " + protect(s.cased(out["quote"])) if "quote" in out else "")
        parts.append(s.x("[at {q}|at {q}|@ {q}|price {q}|price: {q}|trigger {q}|level {q}]", q=q))
    if "collateral" in out:
        c = protect(s.cased(out["collateral"]))
        c = protect(out["collateral_amount"]) + " " + c if out.get("collateral_amount", "x")[-1].isdigit() else c
        if out.get("collateral_amount", "1")[-1].isdigit() is False:
            raise ValueError(kind)
        parts.append(s.x("[collateral {c}|collateral: {c}|against {c}|{c} as collateral|{c} collateral|secured by {c}]", c=c))
    if "every" in out:
        parts.append(_schedule(s, out))
    if "max_per_trade" in out:
        parts.append(s.x("[max {c} per trade|{c} per trade|cap {c} per trade|per trade limit {c}]", c=protect(out["max_per_trade"]) + " " + protect(s.cased(out["cap_token"]))))
    if "times" in out:
        parts.append(s.x("[{n} times|{n}x|{n} payments|times: {n}]", n=protect(out["times"])))
    if kind == "stop_loss" and "buy" in out:
        parts.append(s.x("[into {b}|to {b}|proceeds in {b}]", b=protect(s.cased(out["buy"]))))
    if kind == "transfer" and "on" in out:
        raise ValueError(kind)
    for slot, label in LABELS.items():
        if slot in out:
            value = "everyone" if slot == "spender" and out[slot] == "all" else protect(out[slot])
            parts.append(s.x(label, v=value))
    return parts


def _schedule(s: Slots, out: dict[str, str]) -> str:
    every, on = out["every"], out.get("on", "")
    if every == "week" and on:
        return s.x("[every {d}|weekly, {d}|weekly on {d}|{d}s|each {d}|schedule: {d}s]", d=on)
    if every == "month" and on.isdigit():
        return s.x("[monthly, day {d}|monthly on day {d}|every month on day {d}|day {d} of each month|on day {d} every month]", d=protect(on))
    if on:
        raise ValueError(every)
    plain = {"week": "weekly", "month": "monthly", "day": "daily", "hour": "hourly", "year": "yearly"}
    return s.x("[{p}|{p}|every {e}|schedule: {p}|interval: {p}]", p=plain.get(every, "every " + every), e=every)
