"""Words that a wallet knows: currencies, tokens, times, and the words of requests that name nothing."""

# ruff: noqa: E501, SIM905 - tables of words

from __future__ import annotations

from typing import Final

CURRENCIES: Final[dict[str, str]] = {
    "dollar": "USD", "dollars": "USD", "buck": "USD", "bucks": "USD", "usd": "USD", "buckaroos": "USD",
    "dollas": "USD", "smackers": "USD", "cent": "USD", "cents": "USD", "grand": "USD", "large": "USD", "$": "USD",
    "euro": "EUR", "euros": "EUR", "€": "EUR", "pound": "GBP", "pounds": "GBP", "quid": "GBP", "£": "GBP",
    "yen": "JPY", "¥": "JPY", "franc": "CHF", "francs": "CHF", "rupee": "INR", "rupees": "INR", "₹": "INR",
    "real": "BRL", "reais": "BRL", "peso": "MXN", "pesos": "MXN", "yuan": "CNY", "renminbi": "CNY", "won": "KRW",
    "₩": "KRW", "sterling": "GBP",
}  # fmt: skip
GLUED: Final = (
    "dollar",
    "buck",
    "euro",
    "pound",
    "quid",
    "cents",
    "franc",
    "rupee",
    "peso",
    "yuan",
    "grand",
)
PREFIXED: Final = {"c$": "CAD", "a$": "AUD", "r$": "BRL", "mx$": "MXN", "cn¥": "CNY", "us$": "USD"}
PAIRS: Final = {
    "canadian dollar": "CAD", "canadian dollars": "CAD", "australian dollar": "AUD", "australian dollars": "AUD",
    "aussie dollar": "AUD", "aussie dollars": "AUD", "usd coin": "USDC", "wrapped ether": "WETH",
    "wrapped eth": "WETH", "wrapped bitcoin": "WBTC", "wrapped btc": "WBTC", "staked ether": "STETH",
    "shiba inu": "SHIB", "curve token": "CRV", "curve tokens": "CRV",
}  # fmt: skip
SYMBOLS: Final[dict[str, str]] = {
    "ether": "ETH", "ethers": "ETH", "ethereum": "ETH", "bitcoin": "BTC", "bitcoins": "BTC", "tether": "USDT",
    "solana": "SOL", "chainlink": "LINK", "polygon": "MATIC", "avalanche": "AVAX", "dogecoin": "DOGE",
    "shiba": "SHIB", "cardano": "ADA", "polkadot": "DOT", "ripple": "XRP", "litecoin": "LTC", "arbitrum": "ARB",
    "cosmos": "ATOM", "bittensor": "TAO", "akash": "AKT", "maker": "MKR", "filecoin": "FIL", "monero": "XMR",
    "toncoin": "TON", "optimism": "OP", "uniswap": "UNI", "compound": "COMP", "near": "NEAR", "op": "OP",
    "link": "LINK", "dot": "DOT", "comp": "COMP", "ton": "TON", "sol": "SOL", "pol": "POL", "one": "ONE",
}  # fmt: skip
STOP: Final = frozenset(
    """
    a about above after again all also am an and another any anymore are as at be because been before below but by
    could did do does doing done down each either else every everything few for from get gets getting
    gimme give go goes going gonna gotta had half has have he her here hers him his how i i'd i'll i'm i've if in
    into is it its it's just least less let let's like me mine more most much must my myself need needs
    next no nor not now of off ok okay on once only onto or our ours out over own per percent please
    pls put same send sent several she should since so some soon such than thanks that that's the their them then
    there these they thing this those though through till to today tomorrow tonight too toward towards under until
    up upon us use using via want wants was we we'd we'll well were what when where whether which while who whom
    whose why with within worth would yes yet you your yours
    im id ill ive dont cant wont its thats whats lets didnt doesnt isnt arent shouldnt couldnt wouldnt youre theyre
    """.split()
)
DAYS: Final = {
    "monday": "mon", "tuesday": "tue tues", "wednesday": "wed weds", "thursday": "thu thur thurs", "friday": "fri",
    "saturday": "sat", "sunday": "sun",
}  # fmt: skip
MONTHS: Final = (
    "january february march april may june july august september october november december".split()
)
UNITS: Final = {
    "minute": "min mins", "hour": "h hr hrs", "day": "d", "week": "wk wks", "month": "mo mos", "year": "yr yrs",
}  # fmt: skip
TIMES: Final[dict[str, tuple[str, str]]] = {
    **{form: ("weekday", day) for day, short in DAYS.items() for form in (day, day + "s", *short.split(), day[:3] + "s")},
    **{form: ("month", name) for name in MONTHS for form in (name, name[:3])},
    "sept": ("month", "september"),
    **{form: ("unit", unit) for unit, short in UNITS.items() for form in (unit, unit + "s", *short.split())},
    "today": ("day", "today"), "tonight": ("day", "today"), "evening": ("day", "today"), "tomorrow": ("day", "tomorrow"),
    "tmrw": ("day", "tomorrow"), "tmr": ("day", "tomorrow"), "fortnight": ("weeks", "2"), "fortnightly": ("weeks", "2"),
    "biweekly": ("weeks", "2"), "quarter": ("months", "3"), "quarterly": ("months", "3"), "other": ("second", ""),
    "second": ("second", ""), "alternate": ("second", ""), "hourly": ("each", "hour"), "daily": ("each", "day"),
    "nightly": ("each", "day"), "morning": ("each", "day"), "mornings": ("each", "day"), "night": ("each", "day"),
    "nights": ("each", "day"), "evenings": ("each", "day"), "afternoon": ("each", "day"), "weekly": ("each", "week"),
    "monthly": ("each", "month"), "yearly": ("each", "year"), "annually": ("each", "year"), "annual": ("each", "year"),
    "annum": ("each", "year"), "weekday": ("each", "weekday"), "weekdays": ("each", "weekday"),
    "workday": ("each", "weekday"), "workdays": ("each", "weekday"), "working": ("each", "weekday"),
    "business": ("each", "weekday"), "everyone": ("all", ""), "everything": ("all", ""),
    "every": ("all", ""), "entire": ("all", ""), "whole": ("all", ""), "full": ("all", ""), "remaining": ("all", ""),
    "whatever": ("all", ""), "anything": ("all", ""), "nobody": ("all", ""), "unlimited": ("unlimited", ""),
}  # fmt: skip
ALL: Final = frozenset(
    "all my max lot rest bit mine our i it 100 any nothing no free zero 0 completely fully entirely complete shut close closed end finish out off".split()
)
COMMON: Final = frozenset(
    """
    accept access account accumulate acquire actually add afternoon ago ahead allocate allocation allow allowance allowances
    allowing already always amount anything apiece appreciate apr apy approval approvals approve approved apy around arrange
    asap ask automate automatic automatically available away back bag bags bail balance basically basis been begin beginning
    below beneath best better bid bonded book borrow borrowed borrowing bot bought bring budget bunch buy buying cap capped
    cancel cannot can't cash change charge cheap check clear close coin coins collateral collect come coming complete
    completely contract contracts convert converted copy copying could couldn't cover create credit currency current
    currently cut daily dca deal debt decided default definitely delegate delegated delete deposit didn't different dip dips
    directly dispose doesn't doing don't dont down drawdown drop drops due dump during earn earning easy end ending enough
    entire entirely even ever everybody exact exactly exchange exchanged execute exit expire expires expiring extra falls
    fast fee fees fill final finally find fine finish fixed fold follow following forever forward free  fully fund
    funds funny future gas gave getting given gives giving good got grab grant great gross happens happy hasn't having help
    hereby   high higher highest hire hit hits hold holding holdings hour hourly hours however immediately important
    income increase indeed inference initiate inside instead interest invest invested isn't issue job keep keeping kindly
    know later lease leave lend lending lent lets level leverage limit limits lock locked long look looking looks lose loses
    losing loss losses lots low lower lowest make makes making many market match maximum maybe mean meaning means meant
    might minimum minute minutes mint money monthly month months morning move moved moves moving near need needed never
    next nice night none nope noon normal nothing number obviously offer offload often once ones open order orders ordinary
    otherwise outstanding over overall owe owed own paid part pass pay payable payee paying payment payments pays percent
    percentage period permission permissions permit pick place plain please pledge plus point points pool portfolio
    position positions possible post price prices pretty proceed proceeds profit profits promise promised properly protect
    protocol provide pull purchase push quantity quick quickly quote raise rate rates rather reach reached reaches ready
    really rebalance receive received receiver recipient recurring redeem reduce refund regular reimburse release remain
    remaining remit remove rent renting repay repaying repayment repeat repeating request reserve restake return returned
    revoke revoked revoking reward rewards right rises risk sale schedule scheduled secure secured security sell selling
    sends sent set setting settle settlement shall share shares short should shouldn't sign simple simply slip slippage
    small sold somebody someone something sometimes soon spare spend spender spending spent stack stake staked staking
    standing start started starting starts stash stay still stop stop-loss stopping stops stoploss straight strike sum
    sums supply sure swap swapped swapping take taken takes taking target tell term terms than thank there's thing things
    think throw time times tip together token tokens took top tops total totally trade traded trader trades trading
    trailing transaction transfer transferred transfers transferring trigger trigger truly trust try trying turn turning
    twice unapprove unbond undelegate undo unit units unless unlimited unlock unstake unstaked unstaking upon usage used
    using usual usually valid value venue versus wait waiting wallet want wanted wants watch week weekly weeks weren't
    whatever whenever whole will willing wire wish withdraw withdrawing  won't worth would wouldn't year yearly
    years yesterday yield yields zero
    """.split()
)
"""Words of requests that are no name and no symbol when they stand alone."""
