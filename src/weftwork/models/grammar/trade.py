"""Sentences that trade: swap, limit order, stop loss, copy trader."""

# ruff: noqa: E501 - tables of phrases
# fmt: off

from __future__ import annotations

from weftwork.models.grammar import manner
from weftwork.models.grammar import words as w
from weftwork.models.grammar.phrase import protect
from weftwork.models.grammar.slots import Slots

Line = tuple[str, str, dict[str, str]]

MACROS = {
    "swap": "[swap|swap|swap|swap|convert|convert|exchange|trade|trade|change|turn|flip|rotate|switch|sell|move]",
    "into": "[for|for|to|to|into|into]",
    "sellverb": "[sell|sell|sell|dump|offload|unload|get rid of|liquidate|cash out|ditch|market sell|shed|part with|dispose of|let go of|exit|close out|fire-sale]",
    "buyverb": "[buy|buy|buy|get|get me|grab|grab me|purchase|pick up|buy me|acquire|scoop up|snag|market buy|bag|load up on|obtain|score|cop]",
    "market": "[|||||||| at market| now| right now| at the market price| asap| immediately| at the current price| at the going rate| instantly| today| on the dex]",
    "rises": "[hits|reaches|gets to|touches|climbs to|goes to|rises to|goes up to|goes above|breaks|pumps to|is at|trades at|gets above|goes over|breaks above|crosses|tops|moons to|runs up to]",
    "falls": "[hits|reaches|drops to|falls to|dips to|gets to|goes down to|goes below|is at|drops below|touches|falls below|dips below|comes down to|sinks to|trades at|gets below|gets down to|crashes to|retraces to|pulls back to|slides to|is under]",
    "breaks": "[drops to|falls to|dips to|goes below|drops below|touches|falls below|dips below|sinks to|trades below|gets below|crashes to|slips under|breaks|breaks below|loses|goes under|tanks to|falls under|slides to|dumps to|tumbles to|cracks|falls through|slips below|plunges to]",
    "when": "[if|when|once|as soon as|the moment|in case|whenever|only if|only when|the second|if ever]",
}  # fmt: skip

SLIP_END = [
    "with [a |][max|maximum|max.|] slippage [of |at |set to |]{p}", "with {p} slippage", "with [at most|no more than|less than|under|up to|max|a max of|maximum|] {p} slippage", ", no more than {p} slippage", ", max slippage {p}", ", slippage {p}", ", slippage [max|under|below|at most|no more than|capped at|tolerance|limit] {p}", ", {p} slippage [max|tops|tolerance|at most|]",
    "at {p} slippage", "[and |]keep [the |]slippage [under|below|within|at or below|to|beneath] {p}", ", don't [let|allow] [the |]slippage [exceed|go over|go above|to go past] {p}".replace("[let|allow]", "let"), "slippage tolerance {p}", "with a slippage [tolerance|limit|cap] of {p}", "[and |]tolerate [up to |at most |]{p} slippage", ", i [can|could|will] [accept|live with|tolerate|take|stomach] [up to |at most |no more than ]{p} [of |]slippage",
    "without losing more than {p} [to|on|in] slippage", ", don't [let me|make me] lose more than {p} [to|on|in] slippage", "but [don't let me lose|i won't lose|no losing] more than {p} [to|on|in] slippage", ", tolerance {p}", ", {p} tolerance", ", slip no more than {p}", ", max {p} slip", "and cap [the |]slippage at {p}", ", limit slippage to {p}", ", allow [for |up to |at most |]{p} slippage", ", [i'm ok with|i'm fine with|okay with|fine with] {p} slippage", ", as long as [the |]slippage [stays|is|remains] [under|below|within] {p}", ", only if [the |]slippage is [under|below|less than] {p}", "[using|setting] {p} slippage", ", slippage should [not exceed|stay under|be at most|be no more than] {p}",
    ". [slippage|max slippage|slippage tolerance|slippage cap|slippage limit][:| is|] {p}", ". keep slippage under {p}[ please|]", ". slippage no [more|higher|greater] than {p}", ", and no worse than {p} slippage", "- {p} slippage max", "({p} slippage)", "(max slippage {p})", "(slippage {p})", ", price impact under {p}".replace("price impact", "slippage"), "with slippage no [more|higher] than {p}", ", not more than {p} [slippage|slip]", ", {p} max slippage", ", accept {p} slippage", ", slippage not to exceed {p}", ", slippage ≤ {p}", ", slippage <= {p}",
]  # fmt: skip
SLIP_FRONT = ["with [max |at most |no more than |a maximum of |]{p} slippage", "keeping slippage [under|below|at] {p}", "at {p} [max |]slippage", "with slippage [capped at|limited to|under|below|set to] {p}", "max slippage {p}", "slippage {p}", "allowing {p} slippage", "with a slippage tolerance of {p}", "without going over {p} slippage"]  # fmt: skip

SWAP_VERB = [
    "<swap> {m} <into> {b}", "<swap> {m} <into> {b}", "<swap> {m} <into> {b}", "<swap> {m} <into> [some |]{b}", "[buy|get|grab|purchase] {b} with {m}", "[buy|get|pick up|grab|purchase] [me |some |]{b} [for|using|worth] {c}", "sell {m} [for|to get|and buy|into|in exchange for|and get me|and get] {b}", "put {m} into {b}", "use {m} to [buy|get|purchase] [some |]{b}", "spend {m} on {b}", "trade [in |]{m} for {b}",
    "turn {m} into {b}", "make [a |]{b} [out of|from] {m}", "go from {m} to {b}", "rotate [out of |]{m} into {b}", "ape {m} into {b}", "ape into {b} with {m}", "throw {m} [at|into] {b}", "dump {m} [for|into] {b}", "take {m} and [buy|get|convert it to|turn it into|swap it for|make it] {b}", "convert {m} [over |]to {b}", "flip {m} [for|to|into] {b}", "switch {m} [over |]to {b}", "give me {b} for {m}", "get [me |]{b} in exchange for {m}",
    "exchange {m} against {b}", "do a swap of {m} [for|to|into] {b}", "make a swap: {m} [to|for|into] {b}", "perform a trade of {m} for {b}", "execute a swap from {m} to {b}", "yolo {m} into {b}", "buy {c} [worth |]of {b}", "get [me |]{c} [worth |]of {b}", "buy {c} in {b}", "invest {m} in {b}", "pick up {c} of {b}", "grab {c} worth of {b}", "move {m} into {b}", "redeem {m} for {b}", "buy into {b} with {m}", "unload {m} for {b}", "bail out of {m} into {b}", "get out of {m} and into {b}", "cash {m} out [to|into] {b}", "cash out {m} [to|into] {b}",
    "route {m} [into|to] {b}", "barter {m} for {b}", "offload {m} for {b}", "replace {m} with {b}", "part with {m} for {b}", "place a market order to <swap2> {m} for {b}", "stick {m} in {b}", "pour {m} into {b}", "plow {m} into {b}", "swap out {m} for {b}", "swap {m} with {b}", "exit {m} to {b}", "sell off {m} for {b}", "buy up {b} with {m}", "make it {b} instead of {m}",
]  # fmt: skip
SWAP_FULL = [
    "{m} to {b}[ please|]", "{m} for {b}[ please|]", "{m} into {b}[ please|]", "{m} -> {b}", "{m} => {b}", "{m} {b} swap", "i have {m}, [make it|turn it into|i'd like it in|swap it for|convert it to|change it to|i want it in] {b}", "i[ have|'ve got] {m} [and|but] [want|need|would rather have|'d rather hold] {b}[, swap it|, please swap|. swap it|. please convert|, make the trade]", "[swap|trade|exchange|convert]: {m} [to|for|into|->] {b}", "{m} [should|needs to|has to|must] become {b}", "i[ want|'d like|'d love| need] {b} for {m}", "i[ want|'d like| need] {m} [in|as|converted to|swapped for|exchanged for|turned into|changed to] {b}",
    "i[ want|'d like| need] {m} [swapped|traded|converted|exchanged|changed|turned|moved] [for|to|into] {b}", "have {m} [swapped|traded|converted|exchanged] [for|to|into] {b}", "get {m} [swapped|traded|converted|exchanged] [for|to|into] {b}", "i've got {m}[.|,|;] [i want|i'd like|give me|get me|make it] {b}[ instead|]", "i['m| am] [sick|tired] of {m}, [give me|get me|swap it for|make it|turn it into] {b}", "i[ want| need|'d like] some {b}, [use|spend|put|pay with|take] {m}[ on it| for it|]", "{m} [should|must|ought to|has to|needs to] be {b}[ instead|]", "[have|got|holding]: {m}. [want|need]: {b}", "i like {b}, [put|throw|spend] {m} [on it|into it|at it]", "{b} looks [good|cheap|strong|interesting], [put|throw|spend|invest] {m} [on it|into it|in it|at it]", "i believe in {b}, [put|throw|move] {m} [into it|in]", "[we're|i'm] moving {m} [in|]to {b}", "{m} would be better as {b}", "make {m} [into |]{b}", "[need|want] {b}, [have|got|paying with|paying in] {m}", "i'd take {b} for {m}", "{m} [out|goes out], {b} [in|comes in]", "sell: {m}. buy: {b}", "[less|trade] {m}, more {b}".replace("[less|trade] {m}, more {b}", "out with {m}, in with {b}"), "{m} [is|are] no use to me, [get|give] me {b} [instead|for it]", "i['d| would] rather [have|hold] {b} than {m}[, swap it|, make the switch|, please convert|. trade them]", "from {m} to {b}[ please|]", "[sell|take] {m}. [buy|get] {b} [with it|with the proceeds|instead]", "{b} please, [for|using|paying with|with] {m}", "here's {m}, [buy|get] [me |]{b}", "[let's|let us] [trade|swap|turn] {m} [for|into] {b}", "{m}, swap [it |them |]to {b}", "{m} -> {b} [swap|trade|please|now]", "a swap of {m} [to|for|into] {b}", "[need|want|gotta] [to |]swap {m} [to|for] {b}", "for {m}, [buy|get] [me |]{b}", "with {m} [buy|get|purchase|pick up] [me |some |]{b}", "using {m}[,|] [buy|get] [me |]{b}",
]  # fmt: skip
EXACT_VERB = [
    "<buyverb> {r} [with|using|for|paying with|paid with|paying in|out of|from|funded by] [my |some |]{s}", "<buyverb> {r} [with|using|for] [my |some |]{s}", "<swap2> [my |some |enough |]{s} [for|into|to get] [exactly |]{r}", "[get|buy] [me |]exactly {r} [with|for|using] {s}", "use [my |some |enough |]{s} to [buy|get|purchase] [exactly |]{r}", "sell [enough|some|as much] {s} [to get|to buy|for|as needed to get] [exactly |]{r}", "spend [some |]{s} [to get|on|to buy] [exactly |]{r}", "pay [in |with ]{s} for {r}", "swap {s} for exactly {r}", "swap into {r} [from|using] {s}", "convert [enough |some |]{s} [to get|into] [exactly |]{r}",
]  # fmt: skip
EXACT_FULL = [
    "i [want|need|'d like] [exactly |]{r}, [pay with|using|use|paid in|pay in|take it from|paying with] [my |]{s}", "[exactly |]{r} [please |]for [my |]{s}", "i need {r}[.|,] [sell|use] [some |]{s} [for it|for that|to get it]", "i [need|want] [precisely|exactly|just] {r}, [take|use|spend] [whatever|as much|however much] {s} [is needed|is required|it takes|that takes|you need]", "{r}, whatever it costs in {s}", "with my {s}, <buyverb> {r}", "using {s}, <buyverb> {r}", "from my {s}, <buyverb> {r}", "{r} paid [with|in] {s}",
]  # fmt: skip
BARE_BUY = ["<buyverb> {r}", "<buyverb> {r}<market>", "[place|make|do] a [market buy|market order|buy order] for {r}<market>".replace("|market order|buy order", ""), "add {r} to my [bag|stack|portfolio|holdings|wallet]", "stack {r}", "get [me |]{r}", "i['d like| want| need] to <buyverb0> {r}"]  # fmt: skip
BARE_SELL = ["<sellverb> {m}<market>", "<sellverb> {m}", "<sellverb> {m}", "sell off {m}<market>", "bail out of {m}<market>", "get out of {m}<market>", "dump {m}<market>", "take {m} off my hands", "close {m} at market", "get me out of {m}<market>"]  # fmt: skip


def _buy(s: Slots, avoid: str) -> tuple[str, str]:
    return s.token(avoid=avoid)


THAT_SELL = [
    "{ctx}, [sell|dump|offload|get rid of|cash out|unload] {part} of it", "{ctx}. [sell|dump|offload|get rid of|cash out|unload] {part} of it", "{ctx}, [swap|change|turn|convert|trade|exchange|move] {part} of it [for|to|into] {b}", "{ctx}. [swap|change|turn|convert|trade|exchange|move] {part} of it [for|to|into] {b}", "{ctx} so [swap|change|turn|convert] {part} of it [for|to|into] {b}",
]
THAT = "[i'm sick of|i'm tired of|i'm done with|i've had enough of|i have too much|i hold a lot of|i'm sitting on a pile of|i don't like|i don't trust|i don't want|i'm over|i've lost faith in|i still have|i own] [holding |my |]{t}|{t} [is up|is down|is dead|looks weak|scares me|has had its run|is a scam|went nowhere|is boring me]|i have some {t}"


def _that(s: Slots) -> Line:
    """The token is named first, and the order speaks of ``it``."""
    t, symbol = s.token()
    part, amount = s.rng.choice([("all", "all"), ("every bit", "all"), ("half", "50%"), ("a quarter", "25%"), ("", ""), ("the lot", "all"), ("all", "all")])
    if not part:
        part, amount = s.percent()
        amount += "%"
    pattern = s.rng.choice(THAT_SELL)
    b, buy = s.token(avoid=symbol)
    text = s.x(pattern, ctx=s.x(s._one_of(THAT), t=t), part=part, b=b)
    out = {"intent": "swap", "amount": amount, "sell": symbol}
    if "{b}" in pattern:
        out["buy"] = buy
    return "full", text, out


def _slip(s: Slots, text: str, out: dict[str, str], p: float = 0.42) -> tuple[str, dict[str, str]]:
    if not s.chance(p):
        return text, out
    written, digits = s.percent()
    out["max_slippage"] = digits
    if s.chance(0.16):
        return s.x(s.pick(SLIP_FRONT), p=written) + "\x03" + text, out
    clause = s.x(s.pick(SLIP_END), p=written)
    return text + ("" if clause[0] in ",." else " ") + clause, out


def _order(out: dict[str, str], *keys: str) -> dict[str, str]:
    return {k: out[k] for k in keys if k in out}


SWAP_KEYS = ("intent", "amount", "receive", "sell", "valued_in", "buy", "max_slippage")


for _name in ("SWAP_VERB", "SWAP_FULL", "BARE_SELL", "BARE_BUY", "EXACT_VERB", "EXACT_FULL"):
    globals()[_name].extend(getattr(manner, _name))


def swap(s: Slots) -> Line:
    """Exchange now: an exact amount sold, or an exact amount bought."""
    if s.chance(0.04):
        form, text, out = _that(s)
        text, out = _slip(s, text, out, 0.15)
        return form, text, _order(out, *SWAP_KEYS)
    pick = s.rng.random()
    if pick < 0.16:
        r, obj = s.money("token", parts=False, worth=0)
        sold = obj["token"]
        text_s, sell = (s.token(avoid=sold) if s.chance(0.85) else _cash(s))
        form = "verb" if s.chance(0.75) else "full"
        text = s.x(s.pick(EXACT_VERB if form == "verb" else EXACT_FULL), r=r, s=text_s)
        out = {"intent": "swap", "receive": obj["amount"], "sell": sell, "buy": sold}
    elif pick < 0.24:
        r, obj = s.money("token", parts=False, worth=0)
        form, pattern = "verb", s.pick(BARE_BUY)
        form = "full" if pattern.startswith("i[") else "verb"
        text = s.x(pattern, r=r)
        out = {"intent": "swap", "receive": obj["amount"], "buy": obj["token"]}
    elif pick < 0.34:
        m, obj = s.money("token", worth=0.12)
        form, text = "verb", s.x(s.pick(BARE_SELL), m=m)
        out = {"intent": "swap", "amount": obj["amount"], "sell": obj["token"], **_worth(obj)}
    else:
        form = "verb" if s.chance(0.74) else "full"
        pattern = s.pick(SWAP_VERB if form == "verb" else SWAP_FULL)
        if "{c}" in pattern:
            m, obj = s.money("fiat") if s.chance(0.7) else s.money("token", parts=False, worth=0, pool=w.STABLE)
        else:
            m, obj = s.money(worth=0.08)
        b, buy = _buy(s, obj["token"]) if s.chance(0.92) or obj["token"] in w.FIAT else _cash(s)
        if buy not in w.TOKENS and buy not in w.FIAT and not any(verb in pattern for verb in ("swap", "buy", "exchange", "trade")):
            b = protect(buy)  # in lower case it could be a person's name
        text = s.x(pattern, m=m, c=m, b=b)
        out = {"intent": "swap", "amount": obj["amount"], "sell": obj["token"], **_worth(obj), "buy": buy}
        if s.chance(0.08) and form == "verb":
            text += s.x(" <market>")
    text, out = _slip(s, text, out)
    return form, text, _order(out, *SWAP_KEYS)


def _worth(obj: dict[str, str]) -> dict[str, str]:
    return {"valued_in": obj["valued_in"]} if "valued_in" in obj else {}


def _cash(s: Slots) -> tuple[str, str]:
    code = s.pick(["USD", "USD", "USD", "USD", "EUR", "GBP"])
    return s.pick([n for n in w.FIAT[code][2] if n != "dollar"]), code


LIMIT_BUY = [
    "<buyverb> {r} <when> {it} <falls> {q}", "<buyverb> {r} [at|@] {q}[| or better| or lower| or less| or below| each| apiece| a piece| max]", "<buyverb> {r} for {q} [each|apiece|a piece|a coin|per coin]", "<buyverb> {r} at a [price|limit|limit price] of {q}", "[set|place|put in|create|open|make|submit|enter|leave] a [limit order|limit buy|buy limit|limit buy order|buy limit order] [for|of] {r} at {q}", "[set|place|put in|create|open|enter] a [limit order|limit] to buy {r} [at|when {it} <falls>|if {it} <falls>] {q}",
    "limit buy {r} [at|@] {q}", "bid {q} [each |apiece |]for {r}", "buy {r} if you can get [it|them] [at|for] {q}[| or less| or better]", "buy {r} [only|but only] [at|under|below|if the price is below|if it's under|if the price is under] {q}", "buy {r}, limit {q}", "buy {r} limit {q}", "buy {r} once the price [is|gets] [under|below|down to] {q}", "wait for {q} and buy {r}", "wait until {it} <falls> {q}[,| and| and then|, then] buy {r}", "put in a bid for {r} at {q}", "put [in |]an order to buy {r} at {q}",
    "leave a bid for {r} at {q}", "buy the dip: {r} at {q}", "buy {r} for no more than {q} [each|apiece|per {it}|a coin]", "pay [at most|no more than|up to] {q} [each|apiece|per coin] for {r}", "queue [up |]a buy [of|for] {r} at {q}", "accumulate {r} at {q}", "get {r} on a limit of {q}", "snipe {r} at {q}",
]  # fmt: skip
LIMIT_BUY_FULL = [
    "<when2> {it} <falls> {q}[,| then|] <buyverb> [me |]{r}", "<when2> {it} <falls> {q}[,| then|] <buyverb> {r}", "<when2> {t2} <falls> {q}[,| then|] <buyverb> {r}", "i['d| would] [buy|take|pay for] {r} at {q}[, no more| each|, not a cent more|, not more|]", "i['d| would|'ll] pay {q} [each|apiece|a piece|per coin|a coin] for {r}", "only [buy|get] {r} [at|under|below] {q}", "should {it} [ever |][drop|fall|dip|go|sink] [to|below|under] {q}[,|] [buy|get|grab] {r}", "limit [order|buy]: {r} [at|@] {q}", "buy limit[:|,|] {r} [at|@] {q}", "i[ want|'d like| wanna] {r} but [only |not until it's |only if it's ][at|under|below] {q}", "i[ want|'d like| wanna] to buy {r} at {q}[, not more|, no higher|]", "my [bid|limit] is {q} for {r}", "at {q}[,|] <buyverb> {r}", "[limit |]buy order, {r}, [price |at |]{q}",
]  # fmt: skip
LIMIT_SPEND = [
    "<buyverb2> {c} [worth |]of {b} <when> it <falls> {q}", "<buyverb2> {c} [worth |]of {b} at {q}", "put {m} into {b} <when> it <falls> {q}", "<swap2> {m} [for|into] {b} <when> {b} <falls> {q}", "spend {m} on {b} at {q}", "[set|place|put in|create] a limit order to [buy {c} of {b}|spend {m} on {b}|<swap2> {m} for {b}] at {q}", "use {m} to buy {b} [at|when it <falls>|if it <falls>|once it <falls>] {q}", "buy {b} with {m} [at|when it <falls>|if it <falls>|as soon as it <falls>] {q}", "invest {m} in {b} [if|when|once] it <falls> {q}",
]  # fmt: skip
LIMIT_SPEND_FULL = ["<when2> {b} <falls> {q}[,| then|] [buy {c} [worth |]of it|put {m} in|put {m} into it|spend {m} on it|throw {m} at it|buy {c} worth|<swap2> {m} for it|buy some with {m}|buy it with {m}]", "<when2> {b} <falls> {q}[,| then|] [put {m} into|spend {m} on|buy {c} of] {b}"]  # fmt: skip
LIMIT_SELL = [
    "<sellverb> {m} <when> {it} <rises> {q}", "<sellverb> {m} <when> {it} <rises> {q}", "<sellverb> {m} [at|@] {q}[| or better| or higher| or more| or above| each| apiece| a piece| minimum]", "<sellverb> {m} for {q} [each|apiece|a piece|a coin|per coin]", "sell {m} at a [price|limit|limit price] of {q}", "[set|place|put in|create|open|make|submit|enter|leave] a [limit order|limit sell|sell limit|limit sell order|sell limit order] [for|of|on] {m} at {q}", "[set|place|put in|create|open] a [limit order|limit] to sell {m} [at|when {it} <rises>|if {it} <rises>] {q}", "limit sell {m} [at|@] {q}",
    "take profit on {m} at {q}", "take profits on {m} <when> {it} <rises> {q}", "[set|place|put] a take[ |-]profit [on|for] {m} at {q}", "ask {q} for {m}", "sell {m} if you can get {q}[| each| or more]", "sell {m} [only |but only ][at|above|over|if it's above|if the price is above] {q}", "sell {m}, limit {q}", "wait for {q} and sell {m}", "wait until {it} <rises> {q}[,| and| and then|, then] <sellverb> {m}", "offer {m} at {q}", "list {m} for sale at {q}", "put {m} up for sale at {q}", "sell {m} for [no less than|at least|not less than|a minimum of] {q} [each|apiece|per {it}|a coin]",
    "cash out {m} <when> {it} <rises> {q}", "put [in |]an order to sell {m} at {q}", "exit {m} at {q} or higher", "queue [up |]a sell [of|for] {m} at {q}", "unload {m} into strength at {q}", "sell {m} into [{b} |]at {q}".replace("[{b} |]", ""),
]  # fmt: skip
LIMIT_SELL_FULL = [
    "<when2> {it} <rises> {q}[,| then|] <sellverb> {m}", "should {it} [ever |][rise|climb|jump|go up|get up] [to|above|over|past] {q}[,|] [sell|dump|offload] {m}", "i want {q} for {m}[, list it|, sell it at that|]", "only sell {m} [at|above|over|for] {q}", "<when2> {it} <rises> {q}[,| then|] let go of {m}", "<when2> {it} <rises> {q}[,| then|] [sell|dump|cash out|offload] {m}", "limit [order|sell]: {m} [at|@] {q}", "limit sell[:|,|] {m} [at|@] {q}", "i[ want|'d like| wanna] to sell {m} at {q}[, not less|, no lower|]", "i'll [sell|part with|let go of] {m} [at|for] {q}[, set it up|, place the order|, not a cent less]", "my ask is {q} for {m}", "at {q}[,|] <sellverb> {m}", "sell order, {m}, [price |at |]{q}", "take profit: {m} [at|@] {q}",
]  # fmt: skip
LIMIT_SWAP = ["<swap2> {m} [for|into|to] {b} <when> {x} <rises> {q}", "<swap2> {m} [for|into|to] {b} at {q}[| or better]", "[set|place|create] a limit order to <swap2> {m} [for|into] {b} at {q}", "sell {m} for {b} at {q}", "sell {m} for {b} <when> {x} <rises> {q}"]  # fmt: skip
LIMIT_KEYS = ("intent", "amount", "receive", "sell", "valued_in", "buy", "price", "quote", "until", "for")


for _name in ("LIMIT_BUY", "LIMIT_BUY_FULL", "LIMIT_SELL", "LIMIT_SELL_FULL"):
    globals()[_name].extend(getattr(manner, _name))


def limit_order(s: Slots) -> Line:
    """Buy or sell at a price or better."""
    pick = s.rng.random()
    q, price = s.quote()
    form = "verb" if s.chance(0.68) else "full"
    head = {"intent": "limit_order"}
    if pick < 0.36:
        r, obj = s.money("token", parts=False, worth=0)
        it = s.x("[it|it|it|the price|the price|its price|{t}|{t}|{t}]", t=_spoken(s, obj["token"]))
        text = s.x(s.pick(LIMIT_BUY if form == "verb" else LIMIT_BUY_FULL), r=r, q=q, it=it, t2=_spoken(s, obj["token"]))
        out = {**head, "receive": obj["amount"], "buy": obj["token"], **price}
    elif pick < 0.56:
        m, obj = s.money("fiat") if s.chance(0.55) else s.money("token", worth=0, pool=w.STABLE)
        b, buy = s.token(avoid=obj["token"])
        if obj["amount"] == "all" or obj["amount"].endswith("%"):
            text = s.x("<swap2> {m} [for|into] {b} <when> {b} <falls> {q}", m=m, b=b, q=q)
            form = "verb"
        else:
            text = s.x(s.pick(LIMIT_SPEND if form == "verb" else LIMIT_SPEND_FULL), m=m, c=m, b=b, q=q)
        out = {**head, "amount": obj["amount"], "sell": obj["token"], "buy": buy, **price}
    elif pick < 0.92:
        m, obj = s.money("token", worth=0.05)
        it = s.x("[it|it|it|the price|the price|its price|{t}|{t}|{t}]", t=_spoken(s, obj["token"]))
        text = s.x(s.pick(LIMIT_SELL if form == "verb" else LIMIT_SELL_FULL), m=m, q=q, it=it)
        out = {**head, "amount": obj["amount"], "sell": obj["token"], **_worth(obj), **price}
    else:
        m, obj = s.money("token", worth=0)
        b, buy = s.token(avoid=obj["token"])
        text = s.x(s.pick(LIMIT_SWAP), m=m, q=q, b=b, x=_spoken(s, obj["token"]))
        form = "verb"
        out = {**head, "amount": obj["amount"], "sell": obj["token"], "buy": buy, **price}
    tail = s.rng.random()
    clause = ""
    if tail < 0.12:
        word, day = s.until_day()
        out["until"] = day
        clause = s.x("[good until|valid until|good till|until|till|expiring|expires|valid through|good through|expiring on|keep it open until|keep it open till|up to|up until|order ends|the order stands until|keep trying until|leave it in the book until|scrap the order on|take the order down on|valid to|working until|order dies] {d}", d=word)
    elif tail < 0.24:
        word, span = s.duration("days days hours weeks months")
        out["for"] = span
        clause = s.x("[good for|valid for|for the next|for|open for|keep it open for|leave it up for|lasting|expires in|expiring in|expire it after|over the next|during the next|keep trying for|the order stands for|leave it in the book for|scrap the order after|take the order down after|working for|within the next] {d}", d=word).replace("the next a", "the next")
    if clause and form == "verb" and s.chance(0.12) and clause.startswith(("until", "till", "for", "over", "during", "within")):
        text = clause + "\x03" + text
    elif clause:
        text += s.x("[|,|,|.|;] ") + clause
    return form, text, _order(out, *LIMIT_KEYS)


def _spoken(s: Slots, symbol: str) -> str:
    """The token once more, as the sentence's style writes it."""
    names = [symbol, symbol, symbol.lower(), *w.TOKENS.get(symbol, [])]
    return protect(s.cased(s.pick(names)))


STOP_AT = [
    "stop [me |]out [of |]{m} at {q}", "stop out {m} at {q}", "stop me out of {m} [at|if it <breaks>|when it <breaks>] {q}", "[set|place|put|put in|add|create|open|enter|attach] a stop[ |-|][loss|loss|loss order|order|] [on|for] {m} at {q}", "[set|place|put|put in|add|create] a [stop|stop loss|stop-loss|sl] [at|of] {q} [on|for] {m}", "stop[ |-]loss {m} at {q}", "<sellverb> {m} if it <breaks> {q}", "<sellverb> {m} if {it} <breaks> {q}", "<sellverb> {m} [when|once|as soon as|the moment|the second|the minute|in case|if] {it} <breaks> {q}",
    "protect {m} [at|below|with a stop at|with a stop loss at|from falling below|from dropping under|against a drop below|against a fall below] {q}", "cut my losses on {m} at {q}", "cut {m} at {q}", "get me out of {m} if {it} <breaks> {q}", "bail [out of|on] {m} if {it} <breaks> {q}", "dump {m} if {it} <breaks> {q}", "set {q} as [my|the] stop [loss |][on|for] {m}", "exit {m} if {it} <breaks> {q}", "close {m} if {it} <breaks> {q}", "have a stop [loss |]at {q} on {m}", "sell {m} on a [break|drop|move|close|fall] below {q}", "trigger a sale of {m} at {q} [on the way down|if it falls that far]",
    "don't let {m} [fall|drop|go|sink|slip] below {q} without selling", "sell {m} before it goes [below|under] {q}", "liquidate {m} if {it} <breaks> {q}", "put a floor under {m} at {q}", "put a floor of {q} under {m}", "place a stop sell [order |]for {m} at {q}", "hedge {m} with a stop [loss |]at {q}", "limit my losses on {m}, stop at {q}", "safeguard {m} with a stop at {q}", "run a stop [loss |]at {q} on {m}", "unload {m} should {it} [fall|drop|sink] [below|under|to] {q}",
]  # fmt: skip
STOP_FULL = [
    "<when2> {it} <breaks> {q}[,| then|] <sellverb> {m}", "<when2> {it} <breaks> {q}[,| then|] [sell|dump|get me out of|bail out of|exit|stop me out of|liquidate] {m}", "should {it} [ever |][fall|drop|sink|dip|crash] [to|below|under] {q}[,|] [sell|dump|liquidate] {m}", "should {it} [ever |]go [below|under] {q}[,|] [sell|dump|liquidate] {m}", "i want [out|to get out] of {m} [below|under] {q}", "[guard|protect|save] {m}[:|,] sell [it |]if {it} <breaks> {q}", "{m} [gets|is|are|must be|should be] sold [if|when|once] {it} <breaks> {q}", "a stop [loss |]at {q} [for|on] {m}[, please| please|]", "stop[ |-|][loss|loss|]: {m} [at|@] {q}", "stop loss [at|of|@] {q} [for|on] {m}", "stop[ |-]loss, {m}, {q}", "my stop on {m} is {q}[, set it|, please place it|]", "{m}: stop [loss |]at {q}", "i[ want|'d like| need] a stop[ |-]loss [on|for] {m} at {q}", "i[ want|'d like| need] [out|to be out] of {m} if {it} <breaks> {q}", "i[ want|'d like| need] {m} [sold|gone|dumped|liquidated] if {it} <breaks> {q}",
    "{m} [should|must|has to] be sold if {it} <breaks> {q}", "i'm out of {m} below {q}[, set the stop|, place the stop|, set a stop loss]", "can't [afford|stomach] {it} going below {q}, [sell|dump] {m} if it [does|gets there]", "sl {q} on {m}", "{m} sl {q}", "if things go south and {it} <breaks> {q}, sell {m}", "in case of a crash below {q}[,|] sell {m}",
]  # fmt: skip
STOP_DROP = [
    "<sellverb> {m} if {it} [drops|falls|goes down|dips|loses|declines|sinks|tanks|crashes|tumbles|slides|slips] [by |more than |by more than |another |]{p}", "[set|place|put|add] a {p} stop[ |-|][loss|loss|] on {m}", "[set|place|put|add] a stop[ |-][loss|loss|order] [on|for] {m} {p} [below|under] [the current price|market|where it is now|here|the price now|today's price]", "cut {m} if it loses {p}", "stop me out of {m} [at|after] a {p} [loss|drop|drawdown|decline|fall]", "protect {m} against a {p} [drop|fall|crash|drawdown|decline]", "get me out of {m} if {it} [drops|falls|is down|goes down] {p}",
    "sell {m} [after|on] a {p} [drop|fall|decline|dip]", "stop loss {m} at [-|minus ]{p}", "bail on {m} if i'm down {p}", "exit {m} if it's down [by |more than |]{p}", "limit my loss on {m} to {p}", "cut my losses on {m} at {p}", "cap [the|my] [loss|losses|downside] on {m} at {p}",
]  # fmt: skip
STOP_DROP_FULL = ["<when2> {it} [drops|falls|dips|is down|goes down|loses|tanks] [by |more than |]{p}[,| then|] [sell|dump|exit|get me out of|liquidate] {m}", "stop[ |-]loss: {m}, {p} [drop|down|below market|loss]", "i don't want to lose more than {p} on {m}[, set a stop|, place a stop loss|, put a stop in]", "i[ want|'d like] a {p} stop[ |-]loss on {m}"]  # fmt: skip
STOP_TRAIL = [
    "[set|place|put|add|create|use|open] a {p} trailing stop [loss |order |][on|for] {m}", "[set|place|put|add|use] a trailing stop[ |-][loss|order|] of {p} [on|for] {m}", "[set|place|put|add] a trailing stop[ |-][loss|order|] [on|for] {m} [at|of|with] {p}", "trail {m} [by|with a stop of|with a stop|at] {p}", "trail a stop {p} [below|behind|under] {m}", "trailing stop {m} {p}", "sell {m} if {it} [drops|falls] {p} from [its|the] [high|peak|top|highest point|maximum]", "follow {m} [up |]with a {p} trailing stop", "protect {m} with a {p} trailing stop", "keep a stop {p} [behind|below] {m} as it [climbs|rises|goes up]", "let {m} run with a {p} trailing stop",
]  # fmt: skip
STOP_KEYS = ("intent", "amount", "token", "valued_in", "price", "drop", "trail", "quote", "buy")


for _name in ("STOP_AT", "STOP_FULL", "STOP_DROP", "STOP_DROP_FULL", "STOP_TRAIL"):
    globals()[_name].extend(getattr(manner, _name))


def stop_loss(s: Slots) -> Line:
    """Sell when the price has fallen so far."""
    if s.chance(0.24):
        t, symbol = s.token()
        m, obj = t, {"token": symbol}
    elif s.chance(0.35):
        t, symbol = s.token()
        m, obj = s.x("my {t}[||| bag| position| stack| holdings| bags]", t=t), {"amount": "all", "token": symbol}
    else:
        m, obj = s.money("token", worth=0.02)
    symbol = obj["token"]
    it = s.x("[it|it|it|the price|the price|the market|its price|{t}|{t}|{t}]", t=_spoken(s, symbol))
    out = {"intent": "stop_loss", **obj}
    pick = s.rng.random()
    form = "verb" if s.chance(0.7) else "full"
    if pick < 0.72:
        q, price = s.quote()
        out.update(price)
        text = s.x(s.pick(STOP_AT if form == "verb" else STOP_FULL), m=m, q=q, it=it)
    else:
        p, digits = s.percent()
        if "slip" in p or "bp" in p or "basis" in p:
            p = digits + "%"
        if pick < 0.87:
            out["drop"] = digits
            text = s.x(s.pick(STOP_DROP if form == "verb" else STOP_DROP_FULL), m=m, p=p, it=it)
        else:
            out["trail"] = digits
            form, text = "verb", s.x(s.pick(STOP_TRAIL), m=m, p=p, it=it)
    if s.chance(0.09):
        b, buy = s.token(w.STABLE, avoid=symbol) if s.chance(0.8) else _cash(s)
        out["buy"] = buy
        text += s.x("[|,] [into|to|and move into|and go to|, converting to|and swap it for|and convert to|, proceeds in|and put it in|and hold] {b}", b=b)
    return form, text, _order(out, *STOP_KEYS)


COPY_VERB = [
    "[copy|copy|mirror|follow|shadow|track|clone|replicate|ape|imitate|mimic|duplicate|copytrade|copy-trade|copy trade|tail] {w}", "[copy|mirror|follow|shadow|replicate|clone|duplicate|mimic|imitate] {w}'s [trades|positions|moves|portfolio|trading|strategy|wallet|every move|every trade|buys and sells|swaps]", "[copy|mirror|follow] [the trader |the wallet |trader |wallet |]{w}", "[start|begin] [copying|following|mirroring|copy-trading|copy trading|shadowing|tailing] {w}", "do whatever {w} does", "trade like {w}", "make the same trades as {w}", "buy and sell whatever {w} [buys and sells|does|trades]",
    "copy every trade [of|by|from|made by] {w}", "mirror every move [of|by|from] {w}", "let {w} trade for me", "set up copy[ |-]trading [for|of|with|on] {w}", "piggyback on {w}", "ride along with {w}", "match {w} trade for trade", "put me on {w}'s trades", "auto-copy {w}", "buy what {w} buys", "ape whatever {w} apes", "replicate the [trades|portfolio|positions] of {w}", "have my [wallet|account] [copy|mirror|follow] {w}", "sync my [trades|portfolio] with {w}",
]  # fmt: skip
COPY_WITH = [
    "with {m}", "with {m}", "using {m}", "using {m}", "with a [budget|total|balance|allocation] of {m}", "putting in {m}", ", allocate {m}", ", budget {m}", ", {m} [total|max|budget|in total|allocation]", "for {m}", ", put {m} [on it|behind it|in|behind them|into it]", "and allocate {m}[ to it|]", ", use {m}", "[up to|with up to|with at most|with no more than|with a maximum of] {m}", "on {m}", "and [commit|give it|give them|put in|use|spend up to] {m}", ". [use|allocate|put in|budget:|allocation:|start with] {m}",
]  # fmt: skip
COPY_FULL = [
    "{m} [should|to] [follow|copy|mirror] {w}", "allocate {m} to [copying|following|mirroring|copy trading|shadowing] {w}", "put {m} [into|behind|on] [copying|following|mirroring] {w}", "use {m} to [copy|mirror|follow|shadow|replicate] {w}[|'s trades]", "give {w} {m} to copy-trade with".replace("copy-trade with", "copy trade with"), "invest {m} in [copying|following|mirroring] {w}[|'s trades]", "set aside {m} [for|to] [copying|copy] {w}".replace("[for|to] [copying|copy]", "to copy"), "with {m}, [copy|mirror|follow] {w}[|'s trades]", "back {w}'s trades with {m}", "commit {m} to [copying|mirroring] {w}", "dedicate {m} to [copying|following|mirroring] {w}",
]  # fmt: skip
COPY_CAP = [
    ", [max|at most|no more than|up to|maximum|not more than|capped at|limit] {c} [per|a|each|on each|on any one|for each|in each|on any|on a single] trade", ", {c} [max |tops |limit |cap |][per|a|each] trade", "[and |]with {c} [per|a] trade", "[and |]never [risk|spend|put|use] more than {c} [on a|per|in a|on any|on one|on a single] trade", "[and |]cap [each|every] trade at {c}", "[and |]limit [each|every] [trade|position] to {c}", ". [max|no more than|at most] {c} [per|a] trade", "[and |]keep [each|every] trade [under|below|to at most|within] {c}", "with a [cap|limit|maximum] of {c} [per|a|on each] trade", ", each trade [max|at most|no more than|under|capped at] {c}", "[and |]risk [at most |no more than |up to |]{c} [per|a] trade",
]  # fmt: skip
COPY_STOP = [
    "[and |]stop if i'm down [more than |]{p}", "[and |]stop if i lose [more than |]{p}", "[and |]stop [after|at] a {p} [loss|drawdown]", ", [bail|quit|stop|pull out|get out|exit] if [it|the account|the portfolio|the balance] [loses|drops|is down|falls] [more than |]{p}", ", max [loss|drawdown] {p}", "with a max [loss|drawdown] of {p}", "with a {p} [max loss|loss limit|drawdown limit|stop]", ". stop [at|after] {p} loss", "[and |]cut it [off |]at [a |]{p} [loss|drawdown|down]", ", {p} max drawdown", ", stop copying if [i'm down|i lose|it loses] {p}",
]  # fmt: skip


COPY_VERB += manner.COPY_VERB
COPY_FULL += manner.COPY_FULL


def copy_trader(s: Slots) -> Line:
    """Do what another account does."""
    word, who = s.trader()
    out = {"intent": "copy_trader", "trader": who}
    form = "verb"
    if s.chance(0.72):
        if s.chance(0.22):
            p, digits = s.percent()
            while "bp" in p or "basis" in p or "." in digits:
                p, digits = s.percent()
            m = s.x("{p} of [my |the |][portfolio|wallet|balance|funds|account|capital|money|holdings|bankroll]", p=p)
            obj = {"amount": digits + "%"}
        elif s.chance(0.08):
            m = s.x("half [of |][my |][portfolio|wallet|balance|funds|account|capital|money|bankroll]")
            obj = {"amount": "50%"}
        else:
            m, obj = s.money(parts=s.chance(0.3), worth=0.02)
            if obj["amount"] == "all" and m.startswith("my"):
                m = "all " + m
        if s.chance(0.22):
            pattern = s.pick(COPY_FULL)
            form = "full" if pattern.startswith(("{", "i[", "when", "what", "with", "for", "copy trading")) else "verb"
            text = s.x(pattern, w=word, m=m)
        else:
            clause = s.x(s.pick(COPY_WITH), m=m)
            text = s.x(s.pick(COPY_VERB), w=word)
            text += ("" if clause[0] in ",." else " ") + clause
        out.update(obj)
    else:
        text = s.x(s.pick(COPY_VERB), w=word)
    if s.chance(0.3):
        n, obj = s.money("fiat" if s.chance(0.5) else "token", parts=False, worth=0)
        out["max_per_trade"] = obj["amount"]
        out["cap_token"] = obj["token"]
        clause = s.x(s.pick(COPY_CAP), c=n)
        text += ("" if clause[0] in ",." else " ") + clause
    if s.chance(0.17):
        p, digits = s.percent()
        if "bp" not in p and "basis" not in p:
            out["max_loss"] = digits
            clause = s.x(s.pick(COPY_STOP), p=p)
            text += ("" if clause[0] in ",." else " ") + clause
    keys = ("intent", "trader", "amount", "token", "valued_in", "max_per_trade", "cap_token", "max_loss")
    return form, text, _order(out, *keys)


MACROS["swap2"] = "[swap|trade|convert|exchange|sell]"
MACROS["buyverb2"] = "[buy|get|get me|grab|purchase|pick up]"
MACROS["buyverb0"] = "[buy|get|purchase|grab|pick up]"
MACROS["when2"] = "[if|when|once|as soon as|the moment|the second|in case|if ever|the minute|whenever]"
