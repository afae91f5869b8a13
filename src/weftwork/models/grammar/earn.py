"""Sentences that put money to work and hire work: stake, unstake, lend, borrow, repay, buy work."""

# ruff: noqa: E501 - tables of phrases
# fmt: off

from __future__ import annotations

from weftwork.models.grammar import manner
from weftwork.models.grammar import words as w
from weftwork.models.grammar.phrase import protect
from weftwork.models.grammar.slots import Slots

Line = tuple[str, str, dict[str, str]]

MACROS = {
    "withv": "[with|with|on|through|via|in|using|at|to]",
    "validator": "[|||validator |the validator |the pool |pool |the |operator |node ]",
}

STAKE = [
    "stake {m}", "stake {m}", "stake {m}", "put {m} [into|in] staking", "put {m} up for staking", "[lock|lock up] {m} [in|for|into] staking", "delegate {m}", "bond {m}", "[lock up|lock] {m} to earn [staking rewards|rewards|staking yield]", "start staking {m}", "add {m} to my stake", "increase my stake by {m}", "use {m} for staking", "commit {m} to staking", "move {m} into staking", "earn staking [rewards|yield|income] on {m}", "put {m} to work in staking", "restake {m}", "put up {m} as stake", "deposit {m} for staking", "get {m} staked", "have {m} staked", "make {m} earn staking rewards", "put {m} in the staking [pool|contract]", "send {m} to [the |]staking [pool|contract|]", "top up my stake with {m}",
]  # fmt: skip
STAKE_FULL = ["{m} [isn't|is not|aren't|is] doing [anything|nothing], [stake it|stake them|stake it all]", "i[ want|'d like] {m} to [earn|start earning|collect] staking [rewards|yield]", "have {m} staked", "{m} [should|must|could] be staked", "let {m} earn staking [rewards|yield]", "i[ want|'d like] to be staking {m}", "i[ want|'d like| would like| need] {m} [staked|to be staked]", "stake: {m}", "{m} [should be|goes|needs to be|go] [staked|into staking]".replace("goes|", "").replace("|go]", "]"), "{m} into staking[ please|]", "staking: {m}", "{m} [is|are] just sitting there, stake it", "[need|want|gotta] [to |]stake {m}", "stake it all, {a}", "i've got {m} idle, [stake it|put it in staking|please stake it]", "{m} to stake"]  # fmt: skip
STAKE_VENUE = [" with the validator {v}", " on the validator {v}", " <withv> <validator>{v}", " <withv> {v}", " with <validator>{v}", ", [use|using|validator|via|through] {v}"]  # fmt: skip
FOR = [" for {d}", " for {d}", " for {d}", ", {d}", " for a [term|period] of {d}", ", lock it for {d}", ", locked for {d}", " over {d}", " and leave it [there |]for {d}", " and lock it [up |]for {d}"]

UNSTAKE = [
    "unstake {m}", "unstake {m}", "unstake {m}", "withdraw {m} from [staking|my stake|the stake|the staking pool]", "take {m} out of staking", "pull {m} out of staking", "unbond {m}", "undelegate {m}", "un-stake {m}", "stop staking {m}", "[release|free up|free] {m} from staking", "remove {m} from [my stake|staking|the staking contract]", "get {m} back from staking", "reduce my stake by {m}", "unlock {m} from staking", "bring {m} back from staking", "redeem {m} from [staking|my stake]", "cut my stake by {m}", "retrieve {m} from staking", "withdraw {m} of my staked {x}", "end staking on {m}", "lower my stake by {m}", "move {m} out of staking", "withdraw {m} that i staked", "withdraw my staked {m0}", "unstake my {m0}", "exit {m} from staking", "get {m} unstaked", "take back {m} from my stake", "cash out {m} from staking", "pull {m} from my stake",
]  # fmt: skip
UNSTAKE_FULL = ["{m} should be unstaked", "have {m} unstaked", "i need [liquidity|cash|funds][.|,|;] [unstake|unbond|undelegate] {m}", "staking isn't worth it[ anymore|][,|.] [unstake|unbond] {m}", "no more staking for {m}", "i[ want|'d like] to stop staking {m}", "i[ want|'d like| would like| need] {m} [unstaked|out of staking|back from staking|to be unstaked]", "unstake: {m}", "{m} out of staking[ please|]", "[need|want|gotta] [to |]unstake {m}", "{m} should [leave|come out of] staking", "i need my {m0} back from staking", "i don't want {m} staked [anymore|any more|any longer]", "i'm done staking {m}[, pull it|, unstake it|, take it out|]", "i staked {m}, [unstake it|take it back out|undo that|pull it out]"]  # fmt: skip
UNSTAKE_VENUE = [" from {v}", " from {v}", " from <validator>{v}", " [at|with] <validator>{v}", " out of {v}", ", [it's|they're] [at|with|on] {v}"]  # fmt: skip

LEND = [
    "lend {m}", "lend {m}", "lend out {m}", "lend {m} out", "supply {m}", "supply {m} to earn [interest|yield]", "earn interest on {m}", "put {m} [in|into|up for|out for|on] lending", "deposit {m} to earn [interest|yield|apy]", "loan out {m}", "put {m} to work [in|on] lending", "park {m} [in a lending pool|in lending|where it earns interest|to earn interest|in a money market]", "provide {m} [to|as] [a lender|lenders|lending]".replace("[to|as] [a lender|lenders|lending]", "to the lending pool"), "offer {m} [for lending|to borrowers|as a loan|for loan]", "make {m} available [to borrowers|for lending]", "start lending {m}", "get [yield|interest] on {m} by lending it", "let borrowers [use|have] {m}", "deposit {m} in[to|] the lending [pool|market]", "lend my {m0}", "let {m} earn interest", "move {m} into lending",
]  # fmt: skip
LEND_AT = [
    "deposit {m} [in|into|to|on] {v}", "supply {m} to {v}", "lend {m} [on|to|via|through|at|with|using] {v}", "lend out {m} [on|via|through|with] {v}", "put {m} [in|into|on] {v} to earn [interest|yield]", "supply {v} with {m}", "park {m} [in|on|at] {v}", "deposit {m} [in|into|on] {v} [to earn|for] [interest|yield]", "earn [interest|yield] on {m} [with|at|through|on] {v}", "provide {m} to {v}", "use {v} to lend [out |]{m}", "add {m} to my {v} [supply|deposit|lending position]", "put {m} [in|into] {v}", "lend {m} out [on|over at|via] {v}",
]  # fmt: skip
LEND_FULL = ["find [borrowers|a borrower] for {m}", "have {m} [lent out|supplied|earning interest]", "{m} [is|are] [collecting dust|doing nothing|not being used], [lend it|lend it out|supply it]", "make {m} [work|earn] for me, lend it[ out|]", "i['d be|'m] happy to lend [out |]{m}", "i[ want|'d like| would like] to be a lender with {m}", "i[ want|'d like] {m} [lent out|to earn interest|earning interest|out on loan|in lending]", "lend: {m}", "{m} for lending[ please|]", "[need|want] [to |]lend [out |]{m}", "{m} [is|are] sitting idle, lend it [out|]", "i've got {m} [spare|idle|to spare], lend it out", "{m} should [earn interest|be earning interest|be lent out]", "let's lend {m}"]  # fmt: skip
RATE_MIN = [" [at|for] [a |]{p}[| or better| or more| or higher| minimum| at least]", " [at|for] [at least|a minimum of|no less than|min] {p}", ", [at least|minimum|no less than] {p} [apy|apr|interest|yield]", " at {p} [apy|apr|interest|a year|yield|annual]", ", {p} [apy|apr|interest]", " if [the rate is|it pays|i get|apy is] [at least|above|over] {p}"]  # fmt: skip
RATE_MAX = [" at {p}[| or less| or lower| or better| max| tops| interest| apr| apy| a year]", " [at|for] [at most|no more than|up to|max|a maximum of|under|below|less than] {p}[| interest| apr| apy| a year]", ", [max|no more than|at most|under] {p} [apr|interest|apy|rate]", ", interest [no more than|at most|under|below|max] {p}", " with interest [under|below|of at most|no higher than] {p}", ", rate [max|capped at|under|no higher than] {p}", " if the rate is [under|below|less than] {p}", " paying [at most |no more than |]{p} interest"]  # fmt: skip

BORROW = [
    "borrow {m}", "borrow {m}", "borrow {m}", "borrow me {m}", "take out a loan of {m}", "take a loan of {m}", "take a {m} loan", "take out a {m} loan", "get [me |]a loan of {m}", "get a {m} loan", "open a loan [for|of] {m}", "draw {m}", "lend me {m}", "loan me {m}", "take out {m} [on loan|on credit|as a loan]", "get {m} [on loan|on credit|on margin]", "draw down {m}", "open a borrow [position |]of {m}", "mint a loan of {m}", "raise {m} [by borrowing|with a loan|in debt]", "take on {m} of debt", "arrange a loan of {m}", "leverage up: borrow {m}", "request a loan of {m}",
]  # fmt: skip
BORROW_FULL = ["i could use [a loan of {m}|a {m} loan]", "i['d like| want] to [be lent|be loaned|get] {m} [on credit|as a loan|on loan]", "i['m| am] borrowing {m}", "i['m| am] short [by |]{m}, borrow it", "a {m} loan[ please|]", "i[ want|'d like| would like| need] [a loan of {m}|a {m} loan|to borrow {m}|to take out {m} as a loan]", "[loan|borrow]: {m}", "i need to borrow {m}", "a loan of {m}[ please|]", "[need|want|gotta] [to |]borrow {m}"]  # fmt: skip
AGAINST = [
    " against [my |]{c}", " against {c}", " against {c} [as collateral|of collateral|collateral]", " with {c} as collateral", " using {c} as collateral", ", {c} as collateral", ", collateral {c}", " backed by {c}", " secured by {c}", " on {c} [of |]collateral", ", putting up {c}", ", [post|put up|use|pledge|lock] {c} as [the |]collateral", " pledging {c}", " by locking up {c}", " on the back of {c}", ". [collateral|collateral is|use as collateral|collateral:] {c}", " collateralized by {c}", " collateralised with {c}", " secured with {c}",
]  # fmt: skip
BORROW_FRONT = ["against {c}, borrow {m}", "using {c} as collateral, borrow {m}", "use {c} as collateral [to|and] borrow {m}", "put up {c} [and|to] borrow {m}", "post {c} [and|to] borrow {m}", "take a loan against {c} of {m}", "with {c} as collateral[,|] [borrow|get me|give me] {m}", "pledge {c} [and|to] [borrow|draw|get a loan of] {m}", "lock [up |]{c} [and|to] borrow {m}", "deposit {c} as collateral and borrow {m}"]  # fmt: skip

REPAY = [
    "repay {m}", "repay {m} of my [loan|debt|borrow]", "pay back {m}", "pay back {m} of [my|the] [loan|debt|borrowing]", "pay {m} [off|back] on my [loan|debt]", "pay off {m} of my [loan|debt]", "pay down {m} of my [loan|debt]", "pay down my [loan|debt] by {m}", "reduce my [loan|debt] by {m}", "put {m} toward[s|] my [loan|debt]", "settle {m} of my [loan|debt]", "return {m} of [my|the] loan", "return the {m} i borrowed", "repay the {m} i borrowed", "pay back the {m} i borrowed", "make a [loan payment|loan repayment|repayment] of {m}", "clear {m} of [my|the] [loan|debt]", "knock {m} off my [loan|debt]", "use {m} to [repay|pay down|pay back] my [loan|debt]", "give back {m} of [my|the] loan",
    "chip {m} off my [loan|debt]", "lower my [debt|loan] by {m}", "apply {m} to my [loan|debt]", "pay {m} toward[s|] my [loan|debt]", "pay {m} back to the lending pool", "deleverage by {m}", "close out {m} of debt", "take {m} off my [loan|debt]",
]  # fmt: skip
REPAY_ALL = [
    "[kill|kill off|end|finish|erase|eliminate] my [whole |entire |]{t} [debt|loan]", "pay back the whole {t} loan", "i want to be free of my {t} [debt|loan]", "no more {t} debt, [repay|pay] it [all|off]",
    "repay my [|entire |whole |full |outstanding |]{t} [loan|debt|borrow]", "repay all [|of ]my {t} [loan|debt|borrowing|loans]", "pay off my {t} [loan|debt]", "pay off my [entire|whole|full|outstanding] {t} [loan|debt]", "pay back [all|everything] i borrowed in {t}", "pay back all the {t} i [borrowed|owe]", "clear my {t} [debt|loan]", "close [|out ]my {t} [loan|debt|position]".replace("|position", ""), "settle my {t} [loan|debt] in full", "repay [|all ]the {t} i [owe|borrowed]", "pay my {t} [loan|debt] [back|off]", "wipe out my {t} [debt|loan]", "get rid of my {t} [debt|loan]", "return all the {t} i borrowed", "pay off everything i owe in {t}", "zero out my {t} [loan|debt]", "extinguish my {t} debt", "finish off my {t} loan", "repay the whole {t} loan", "repay the full {t} debt",
]  # fmt: skip
REPAY_VENUE = [" [to|on|at|with] {v}", " to {v}", " on {v}", " at {v}", ", [it's|that's] [on|at|with] {v}", " over at {v}"]
REPAY_FULL = ["[send|put|throw] {m} [toward|towards|at|against] [my loan|my debt|what i borrowed|what i owe]", "[close|settle|finish] the loan[,|] i took [out |], pay {m}".replace("[close|settle|finish] the loan[,|] i took [out |], pay {m}", "i'm [able|ready] to [repay|pay back] {m}[ of my loan| of that loan| of my debt|]"), "my [debt|loan] [should|must] shrink by {m}", "pay back {m} of what i [borrowed|owe]", "[i'm|i am] finally able to pay back {m} of [that|the|my] loan", "i can [finally |]pay back {m}[ of my loan| of what i borrowed|]", "{m} of [my|the] loan should be [repaid|paid back|paid off]", "i['m| am] [repaying|paying back] {m}[ of my loan|]", "bring my [loan|debt] down by {m}", "shave {m} off my [loan|debt]", "give [them|the lender|the pool] back {m}", "send {m} to my [loan|debt]", "[repayment|repay|loan repayment]: {m}", "i[ want|'d like| would like| need] to [repay|pay back] {m}[ of my loan| on my loan|]", "{m} [toward|towards] my [loan|debt][ please|]", "[need|want|gotta] [to |]repay {m}", "{m} off my [loan|debt][ please|]", "my loan should go down by {m}"]  # fmt: skip


for _name in ("STAKE", "STAKE_FULL", "UNSTAKE", "UNSTAKE_FULL", "LEND", "LEND_AT", "LEND_FULL", "BORROW", "BORROW_FULL", "AGAINST", "BORROW_FRONT", "REPAY", "REPAY_ALL", "REPAY_FULL"):
    globals()[_name].extend(getattr(manner, _name))


def _order(out: dict[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    return {k: out[k] for k in keys if k in out}


def _text(s: Slots, verb: list[str], full: list[str], p: float, **slots: str) -> tuple[str, str]:
    form = "verb" if s.chance(p) else "full"
    return form, s.x(s.pick(verb if form == "verb" else full), **slots)


def _amount(s: Slots, pool: list[str]) -> tuple[str, str, str, dict[str, str]]:
    m, obj = s.money("token" if s.chance(0.93) else "fiat", pool=pool if s.chance(0.6) else None)
    bare = m[3:] if m.startswith("my ") else m
    return m, bare, m.split()[-1], obj


def stake(s: Slots) -> Line:
    """Lock tokens for rewards."""
    m, _, _, obj = _amount(s, w.STAKED)
    t, symbol = s.token(w.STAKED)
    form, text = _text(s, STAKE, STAKE_FULL, 0.8, m=m, a=s.x("all my {t}", t=t))
    if text.startswith("stake it all"):
        obj = {"amount": "all", "token": symbol}
    out = {"intent": "stake", **obj}
    clauses = []
    if s.chance(0.14) and not text.startswith("stake it all"):
        v, out["venue"] = s.venue(w.STAKING)
        form, text = "verb", s.x(s.pick(manner.STAKE_AT), m=m, v=v)
    elif s.chance(0.4):
        v, name = s.venue(w.STAKING)
        if s.chance(0.12):
            name = w.address(s.rng)
            v = protect(name)
        out["venue"] = name
        clauses.append(s.phrase.expand("~" + s.pick(STAKE_VENUE), {"v": v})[1:])
    if s.chance(0.2):
        d, span = s.duration()
        out["for"] = span
        clauses.append(s.phrase.expand("~" + s.pick(FOR), {"d": d})[1:])
    s.rng.shuffle(clauses)
    return form, text + "".join(clauses), _order(out, ("intent", "amount", "token", "valued_in", "venue", "for"))


def unstake(s: Slots) -> Line:
    """Take tokens out of staking."""
    m, bare, _, obj = _amount(s, w.STAKED)
    pattern_slots = {"m": m, "m0": bare, "x": s.x("[tokens|coins|funds]")}
    if s.chance(0.85) or not (m.startswith("my ") or obj["amount"][0].isdigit()):
        verbs = [p for p in UNSTAKE if "{m0}" not in p]
        full = [p for p in UNSTAKE_FULL if "{m0}" not in p]
    else:
        verbs, full = UNSTAKE, UNSTAKE_FULL
    if obj["amount"] == "all" or obj["amount"].endswith("%"):
        verbs = [p for p in verbs if "by {m}" not in p and "{x}" not in p and "{m0}" not in p]
        full = [p for p in full if "{m0}" not in p]
    if "m0" in str(verbs) and ("worth" in bare or "$" in bare or not bare.strip()):
        verbs = [p for p in verbs if "{m0}" not in p]
    form, text = _text(s, verbs, full, 0.82, **pattern_slots)
    out = {"intent": "unstake", **obj}
    if s.chance(0.14):
        v, out["venue"] = s.venue(w.STAKING)
        return "verb", s.x(s.pick(manner.UNSTAKE_AT), m=m, v=v), _order(out, ("intent", "amount", "token", "valued_in", "venue"))
    if s.chance(0.12):
        v, name = s.venue(w.STAKING, known=True)
        out["venue"] = name
        text = s.x("[take|pull|get|withdraw|remove|move|bring] {m} [out of|back from|from|off] {v}", m=m, v=v)
        return "verb", text, _order(out, ("intent", "amount", "token", "valued_in", "venue"))
    if s.chance(0.35):
        v, name = s.venue(w.STAKING)
        out["venue"] = name
        clause = s.pick(UNSTAKE_VENUE)
        if "staking" in text or "stake" in text.split("unstake")[0]:
            clause = s.pick([" [at|with|on] {v}", ", [it's|they're] [at|with|on] {v}", " [at|with] <validator>{v}"])
        text += s.phrase.expand("~" + clause, {"v": v})[1:]
    return form, text, _order(out, ("intent", "amount", "token", "valued_in", "venue"))


def _rate(s: Slots) -> tuple[str, str]:
    while True:
        p, digits = s.percent()
        if "bp" not in p and "basis" not in p:
            return p, digits


def lend(s: Slots) -> Line:
    """Supply tokens for interest."""
    m, bare, _, obj = _amount(s, [*w.STABLE, "ETH", "WBTC", "WETH"])
    out = {"intent": "lend", **obj}
    if s.chance(0.5):
        pattern = s.pick(LEND_AT)
        said = any(word in pattern for word in ("lend", "supply", "interest", "yield"))
        v, name = s.venue(w.LENDING, known=not said)
        out["venue"] = name
        form, text = "verb", s.x(pattern, m=m, v=v)
        if s.chance(0.2):
            v, out["venue"] = s.venue(w.LENDING)
            form, text = "full", s.x(s.pick(manner.LEND_TO), m=m, v=v)
    else:
        verbs = LEND if m.startswith("my ") else [p for p in LEND if "{m0}" not in p]
        form, text = _text(s, verbs, LEND_FULL, 0.8, m=m, m0=bare)
    if s.chance(0.22):
        p, digits = _rate(s)
        out["min_rate"] = digits
        text += s.phrase.expand("~" + s.pick(RATE_MIN), {"p": p})[1:]
    if s.chance(0.2):
        d, span = s.duration()
        out["for"] = span
        text += s.phrase.expand("~" + s.pick(FOR), {"d": d})[1:]
    return form, text, _order(out, ("intent", "amount", "token", "valued_in", "venue", "min_rate", "for"))


def _borrow(s: Slots, m: str, out: dict[str, str]) -> tuple[str, str]:
    if s.chance(0.16):
        v, out["venue"] = s.venue(w.LENDING)
        return "verb", s.x(s.pick(manner.BORROW_AT), m=m, v=v)
    return _text(s, BORROW, BORROW_FULL, 0.85, m=m)


def borrow(s: Slots) -> Line:
    """Take a loan, usually against collateral."""
    m, obj = s.money("token" if s.chance(0.8) else "fiat", parts=False, pool=w.STABLE if s.chance(0.6) else None, worth=0.03)
    out = {"intent": "borrow", **obj}
    pick = s.rng.random()
    if pick < 0.62:
        if s.chance(0.45):
            t, symbol = s.token(avoid=obj["token"])
            c = s.x("[my |my |]{t}[||| bag| stack| holdings| position]", t=t)
            out["collateral"] = symbol
        else:
            c, put = s.money("token", parts=s.chance(0.25), worth=0, avoid=obj["token"])
            if put["amount"] == "all" and m.startswith("my"):
                put = {"token": put["token"]}
            out["collateral"] = put["token"]
            if "amount" in put and not (put["amount"] == "all" and c.startswith("my ")):
                out["collateral_amount"] = put["amount"]
        if s.chance(0.2):
            form, text = "verb", s.x(s.pick(BORROW_FRONT), c=c, m=m)
            form = "full" if text.startswith(("against", "using", "with")) else "verb"
        else:
            form, text = _borrow(s, m, out)
            clause = s.phrase.expand("~" + s.pick(AGAINST), {"c": c})[1:]
            text += clause.replace("my my", "my").replace("my all", "all")
    else:
        form, text = _borrow(s, m, out)
    if s.chance(0.3) and "venue" not in out:
        v, name = s.venue(w.LENDING)
        out["venue"] = name
        text += s.phrase.expand("~" + s.pick([" [from|on|at|via|through|with] {v}", " from {v}", " on {v}", ", use {v}"]), {"v": v})[1:]
    if s.chance(0.15):
        p, digits = _rate(s)
        out["max_rate"] = digits
        text += s.phrase.expand("~" + s.pick(RATE_MAX), {"p": p})[1:]
    if s.chance(0.13):
        d, span = s.duration()
        out["for"] = span
        text += s.phrase.expand("~" + s.pick([" for {d}", " for {d}", " for {d}", ", {d}", " over {d}", ", to be repaid in {d}", " for a term of {d}"]), {"d": d})[1:]
    keys = ("intent", "amount", "token", "valued_in", "collateral_amount", "collateral", "venue", "max_rate", "for")
    return form, text.replace("my my", "my"), _order(out, keys)


def repay(s: Slots) -> Line:
    """Pay a loan back."""
    if s.chance(0.28):
        t, symbol = s.token([*w.STABLE, "ETH"])
        form, text = "verb", s.x(s.pick(REPAY_ALL), t=t)
        out = {"intent": "repay", "amount": "all", "token": symbol}
        if s.chance(0.25):
            v, out["venue"] = s.venue(w.LENDING)
            return form, s.x(s.pick(manner.REPAY_ALL_AT), t=t, v=v), _order(out, ("intent", "amount", "token", "venue"))
    else:
        m, obj = s.money("token" if s.chance(0.8) else "fiat", parts=False, pool=[*w.STABLE, "ETH"])
        if s.chance(0.1):
            t, symbol = s.token([*w.STABLE, "ETH"])
            n, digits = (s.pick([("half", "50"), ("a quarter", "25"), ("half", "50")]) if s.chance(0.6) else ("", ""))
            if not n:
                p, digits = _rate(s)
                n = p
            m, obj = s.x("{n} of my {t} [loan|debt]", n=n, t=t), {"amount": digits + "%", "token": symbol}
            form, text = "verb", s.x("[repay|pay back|pay off|pay down|clear|settle] {m}", m=m)
        else:
            form, text = _text(s, REPAY, REPAY_FULL, 0.85, m=m)
        out = {"intent": "repay", **obj}
        if s.chance(0.2) and not obj["amount"].endswith("%"):
            v, out["venue"] = s.venue(w.LENDING)
            return "verb", s.x(s.pick(manner.REPAY_AT), m=m, v=v), _order(out, ("intent", "amount", "token", "valued_in", "venue"))
    if s.chance(0.42) or text in ("repay", "pay back") or (text.startswith("pay back") and "loan" not in text and "debt" not in text and "borrow" not in text and "owe" not in text):
        said = any(word in text for word in ("loan", "debt", "borrow", "owe", "repayment", "lend"))
        v, name = s.venue(w.LENDING, known=not said)
        out["venue"] = name
        text += s.phrase.expand("~" + s.pick(REPAY_VENUE), {"v": v})[1:]
    return form, text, _order(out, ("intent", "amount", "token", "valued_in", "venue"))
