"""Sentences that move money or the right to move it: transfer, recurring payment, approve, revoke."""

# ruff: noqa: E501 - tables of phrases
# fmt: off

from __future__ import annotations

from weftwork.models.grammar import manner
from weftwork.models.grammar.slots import Slots

Line = tuple[str, str, dict[str, str]]
"""``(form, text, intent)``: form is ``verb`` (starts with a base verb) or ``full`` (a whole sentence)."""

MACROS = {
    "send": "[send|send|send|send|transfer|transfer|pay|pay|give|wire|shoot|move|forward|venmo|slide|ship|drop|remit|"
            "yeet|beam|hand|zap|sling|fire|push|throw|toss|chuck|tip|pass|deliver|donate|gift|sent|transmit|zelle|"
            "spot|fling|lob|kick|front]",
    "send_over": "[send|send|send|transfer|wire|shoot|move|forward|ship|yeet|beam|push|pass|slide|throw|fire|zap|hand|sling|"
                 "toss|remit|route|drop|pay|deliver|kick|fling|direct|dispatch|donate|gift|give|pay out|transmit]",
    "payverb": "[pay|pay|pay|pay|send|send|send|transfer|wire|give|tip|remit|shoot|slide|venmo|move|forward]",
    "over": "[|||||| over| across| along| out| off| straight| directly| right]",
    "because": "[for lunch|for dinner|for rent|for the tickets|for the pizza|for her birthday|for the groceries|for his work|"
               "for last night|for the concert|for gas|for the uber|for helping me move|as a thank you|as a gift|as a tip|"
               "for the invoice|as agreed|for the electricity bill|i owe them|to settle up|to cover drinks|for coffee|"
               "for the logo design|for the hotel|for the taxi|for my share|to pay back what i owe|as a birthday present|"
               "for the web hosting|for babysitting|for the wifi|as promised|as a deposit|for services rendered|for the repair]",
    "allowance": "[rent|allowance|pocket money|salary|subscription|wages|tuition|child support|membership|the lease|a retainer|"
                 "the gym|alimony|insurance|dues|her allowance|his wages|the rent|a donation]",
}  # fmt: skip

TRANSFER_VERB = [
    "<send_over><over> {m} to {to}", "<send_over> {m}<over> to {to}", "<send> {to} {m}", "<send> {to} {m}",
    "<send_over> {m} to {to}", "<send_over> {m} to {to}", "<send_over> to {to} {m}", "<send_over> {to} the money i owe: {m}",
    "make a [payment|transfer|transaction] of {m} to {to}", "do a [payment|transfer] of {m} to {to}",
    "make a {m} [payment|transfer] to {to}", "do a {m} [payment|transfer] to {to}", "pay {to} {m}", "pay {m} to {to}",
    "get {m}<over> to {to}", "pay out {m} to {to}", "pay {to} back {m}", "pay {to} back the {m} [i owe|]",
    "reimburse {to} {m}", "reimburse {to} with {m}", "refund {to} {m}", "refund {m} to {to}", "repay {to} the {m} i owe [him|her|them]",
    "credit {to} with {m}", "credit {m} to {to}", "put {m} [in|into] {to}'s [wallet|account|pocket|hands]",
    "drop {m} [in|into] {to}'s [wallet|account]", "send {to} a [payment|transfer|gift|tip] of {m}", "tip {to} {m}",
    "withdraw {m} to {to}", "take {m} [from my wallet|from my account|from my balance|out of my wallet] and <send_over> it to {to}",
    "move {m} from my [wallet|account|balance] [in|]to {to}", "settle up with {to}, {m}", "pay back {m} to {to}", "pay back {to} {m}", "repay {to} {m}", "repay {m} to {to}", "give {m} back to {to}", "return {m} to {to}", "hit {to} with {m}",
    "hook {to} up with {m}", "donate {m} to {to}", "spot {to} {m}", "sort {to} out with {m}", "transfer to {to} [the amount of|the sum of|exactly|] {m}",
    "issue a payment to {to} for {m}", "initiate a transfer of {m} to {to}", "have {m} sent<over> to {to}", "let {to} have {m}",
    "give {to} {m} from my [wallet|account|balance]", "put through {m} to {to}", "squeeze {m} over to {to}", "clear my debt to {to}, {m}",
    "square up with {to}: {m}", "wire {to} {m}", "forward {m} on to {to}", "deposit {m} [in|into|to] {to}'s [wallet|account]",
    "contribute {m} to {to}", "top up {to} with {m}", "top {to} up with {m}", "fund {to} with {m}", "send {to} exactly {m}",
    "chip in {m} to {to}", "compensate {to} with {m}", "send off {m} to {to}", "process a payment to {to} of {m}", "cough up {m} for {to}",
]  # fmt: skip
TRANSFER_FULL = [
    "{to} [needs|should get|should receive|is owed|gets|has to get|must get] {m}[ from me|, please send it|. please pay|. send it|]",
    "i owe {to} {m}[, please pay|, pay up|, send it|. send it over please|. please settle it|, can you send it|, take care of it]",
    "[empty|clear] out {all0} [and|to] {to}".replace("[empty|clear] out {all0} [and|to] {to}", "{to} should be [sent|given|paid|wired] {m}"), "i['d like| want| would like] {to} to be [sent|given|paid|wired] {m}", "i['d like| want| would like] {to} [sent|given|paid] {m}", "please have {m} [delivered|sent|paid out|transferred] to {to}", "[could|can] [somebody|someone|you] get {m} to {to}", "{to} [ran out of money|needs money|needs help|is in need], [send|wire|slide] [over |]{m}[ to {to}|]", "[send|transfer|wire] {m}. [recipient|the recipient|it goes to|it's for|to][:| is|] {to}".replace("[:| is|]", "[:| is]").replace("it goes to[:| is]", "it goes to"), "the amount is {m} and [it goes to|the recipient is] {to}", "{m} to {to}", "{m} to {to} please", "{m} for {to}[, please|, thanks|. send it|]", "{m} [should|needs to|has to|must] [go|be sent|be transferred|be paid|move] to {to}",
    "{m} -> {to}", "{m} => {to}", "i['d| would] like {to} to [have|get|receive] {m}", "i want {to} to [have|get|receive] {m}",
    "please see [to it|] that {to} [gets|receives] {m}", "make sure {to} [gets|receives] {m}", "make sure {m} [gets|goes] to {to}",
    "[transfer|send|payment|pay]: {m} to {to}", "[payment|transfer] of {m} to {to}[ please|]", "{to} is waiting for {m}, [send it|please send it|get it over there]",
    "[send|transfer|pay] {to}. [the amount is|amount:|make it|it's|that'd be] {m}", "a [payment|transfer] to {to} please, {m}",
    "recipient {to}, amount {m}[, transfer|, send|, send it|]", "to {to}: {m}[, send it|]", "can {to} [get|have] {m} from [me|my wallet]",
    "to {to}, [send|transfer|pay|wire] {m}", "my debt to {to} is {m}, [please pay it|pay it off|clear it|send it]", "send money to {to}, {m} [to be exact|in total|]",
    "{to} sent me an invoice for {m}[, pay it|. please pay it|, please settle it]", "{to} paid for [lunch|dinner|the cab|the taxi|the tickets|the hotel|gas|drinks|the movie|groceries|me|us|the ride|parking], [it was|that was|my share was|my part is|i owe] {m}, [send it over|pay it back|send it back|get that back to [him|her|them]|reimburse [him|her|them]|settle up]", "[my|our] [bill|debt|share|tab|balance] with {to} [is|was|comes to|stands at] {m}[, pay it|, settle it|, send it|. send it over]", "{to} is [short|broke|in trouble|low on cash|struggling] this [week|month], [send|transfer|wire|give] [him|her|them] {m}", "{to} [sold me|fixed|repaired|painted|cleaned] [a bike|the roof|my car|the house|my laptop|the door] for {m}, [pay [him|her|them]|send it|please pay]", "i need {m} [to go|to be sent|transferred|moved|delivered|over] to {to}", "have {m} [sent|delivered|transferred|wired|moved] to {to}", "get {m} [sent|delivered|transferred|wired|moved|over] to {to}", "{m} has to [reach|get to|land with|arrive at] {to}", "{to} [would like|could use|is asking for|asked for] {m}, [send it|please send it|give it to them]", "my [payment|contribution|donation|gift] to {to} [is|should be|will be] {m}", "{to} lent me {m}, [pay it back|send it back|return it please]",
    "i promised {to} {m}[, send it|, so send it over|. please transfer it]", "would like to [send|transfer|wire] {m} to {to}", "let {to} have {m} [from me|]",
    "[need|want|gotta|wanna] [to |][send|pay|transfer] {to} {m}", "[need|want] {m} [sent|moved|transferred|wired] to {to}",
    "{to} {m} please", "send {to} some {t0}, {m}", "here's {to}'s address, send {m} there", "the [bill|invoice|tab|damage] from {to} [is|comes to|was] {m}[, pay it|, please pay|, settle it]",
    "i lost a bet to {to}, [send|pay] [him|her|them] {m}", "it's {to}'s birthday, [send|give] [him|her|them] {m}", "{to} covered dinner, [send|pay] [him|her|them|back] {m}",
    "[send|transfer|forward] the following to {to}: {m}", "{to} asked [me|] for {m}, [send it|please send it|go ahead and send it|pay up]",
]  # fmt: skip


TRANSFER_VERB += manner.TRANSFER_VERB
TRANSFER_FULL += manner.TRANSFER_FULL


def transfer(s: Slots) -> Line:
    """One payment, once."""
    m, obj = s.money()
    to, who = s.someone()
    if s.chance(0.05):
        when, day = s.day()
        text = s.x(s.rng.choice(manner.TRANSFER_DAY), m=m, to=to, on=when, d=s_strip(when))
        return "full", text, {"intent": "transfer", **obj, "to": who, "on": day}
    form = "verb" if s.chance(0.68) else "full"
    pattern = s.pick(TRANSFER_VERB if form == "verb" else TRANSFER_FULL)
    if s.chance(0.12):
        form, pattern = "full", s.rng.choice(manner.TRANSFER_WHY)
    if to.startswith(("address", "wallet", "this")) and ("'s" in pattern or pattern.startswith(("{to}", "[need"))):
        pattern = "<send_over><over> {m} to {to}"
    text = s.x(pattern, m=m, to=to, t0=s.x("[money|cash|crypto|funds]"))
    if s.chance(0.13) and form == "verb":
        text += " " + s.x("<because>")
    out = {"intent": "transfer", **obj, "to": who}
    if s.chance(0.2):
        when, day = s.day()
        out["on"] = day
        if s.chance(0.3) and form == "verb":
            return "verb", f"{when}\x03{text}", out
        if form == "verb":
            text = f"{text}{s.x('[|,]')} {when}"
        else:
            text = f"{when}{s.x('[|,|:]')} {text}" if s.chance(0.5) else f"{text}, {when}"
    return form, text, out


MACROS.update(manner.MACROS)
RECURRING_VERB = [
    "<payverb> {to} {m} {e}", "<payverb> {to} {m} {e}", "<payverb> {m} to {to} {e}", "<payverb> {m} to {to} {e}", "<send_over> {m} to {to} {e}", "<send_over> {m} {e} to {to}",
    "set up a [recurring|standing|repeating|scheduled|regular|automatic] [payment|transfer|order] of {m} to {to} {e}",
    "set up a [recurring|repeating|regular] {m} [payment|transfer] to {to} {e}", "set up a [recurring|automatic] [payment|transfer] to {to}, {m} {e}",
    "schedule {m} to {to} {e}", "schedule a [payment|transfer] of {m} to {to} {e}", "automate [a payment of|paying|sending] {m} to {to} {e}",
    "auto-pay {to} {m} {e}", "autopay {to} {m} {e}", "start [paying|sending] {to} {m} {e}", "start a subscription: {m} to {to} {e}",
    "subscribe to {to} for {m} {e}", "put {to} on [payroll|a subscription|a stipend], {m} {e}", "put {to} down for {m} {e}", "create a standing order to {to}, {m} {e}",
    "create a [recurring|repeating] [payment|transfer] of {m} {e} to {to}", "keep [sending|paying] {to} {m} {e}", "have {m} [go|sent|paid] to {to} {e}", "make sure {to} gets {m} {e}",
    "give {to} [an allowance|a stipend|a salary|a retainer] of {m} {e}", "repeat a payment of {m} to {to} {e}", "pay {to} <allowance> of {m} {e}", "drip {m} to {to} {e}",
    "stream {m} to {to} {e}", "add a standing order for {to}: {m} {e}", "arrange for {to} to [get|receive] {m} {e}", "arrange {m} {e} for {to}", "book a repeating transfer of {m} to {to} {e}",
]  # fmt: skip
RECURRING_FULL = [
    "{E}, <payverb> {to} {m}", "{E}, <payverb> {m} to {to}", "{E} <payverb> {to} {m}", "{E} <payverb> {m} to {to}", "{E} i [want|need|have] to <payverb> {to} {m}",
    "{to} [gets|should get|receives|is to receive|should receive] {m} {e}", "{m} to {to} {e}[| please]", "{m} {e} to {to}", "{E}, {m} [goes|should go|needs to go] to {to}",
    "{E}: {m} to {to}", "i['d like| want| would like] {to} to [get|receive] {m} {e}", "[recurring|standing order|recurring payment|recurring transfer|scheduled payment]: {m} to {to}, {e}", "i owe {to} {m} {e}[, automate it|, set it up|, please schedule it|, make it automatic]",
    "{to} [bills|invoices] me {m} {e}[, pay it|, automate it|, set it up|. set up the payments]", "the subscription to {to} is {m} {e}, [pay it|automate it|keep it paid]", "{to} costs [me |]{m} {e}[, pay it automatically|, automate it|, set that up|]", "i [pay|give|send] {to} {m} {e}, [automate it|make it automatic|set it up|take over]", "i['d like| want] a [standing order|recurring payment|recurring transfer]: {m} to {to} {e}", "i['d like| want|'d love] {m} to [go|be sent|be paid] to {to} {e}", "have {m} [sent|paid|transferred] to {to} {e}", "{to}, {m}, {e}", "{e}, {to}, {m}", "my <allowance> is {m} {e}, pay it to {to}", "rent is {m} {e}, send it to {to}", "[please |]make it automatic: {m} to {to} {e}", "let's do {m} to {to}, {e}", "{to} charges [me|] {m} {e}, [set that up|automate it|pay it automatically|please set up the payments]",
    "{E} {to} [gets|should get|needs] {m}[ from me|]", "{E} [should see|have] {m} [go|sent|paid] to {to}", "pay {to} {e}. the amount is {m}", "send {to} money {e}, {m} each time", "{m} {e}, to {to}, on repeat", "recurring: {to}, {m}, {e}", "{e} payment of {m} to {to}", "<payverb> {to} {e}, {m} [each time|a pop|every time|each]",
]  # fmt: skip


RECURRING_VERB += manner.RECURRING_VERB
RECURRING_FULL += manner.RECURRING_FULL


def recurring_payment(s: Slots) -> Line:
    """The same payment again and again."""
    m, obj = s.money(parts=s.chance(0.12))
    to, who = s.someone()
    e, when = s.every()
    bare = e.startswith(("a ", "an ", "per "))
    form = "verb" if s.chance(0.66) or bare else "full"
    pattern = s.pick(RECURRING_VERB if form == "verb" else RECURRING_FULL)
    if bare and ("{E}" in pattern or not pattern.endswith("{m} {e}")):
        pattern = "<payverb> {to} {m} {e}"
    if to.startswith(("address", "wallet", "this")) and pattern.startswith("{to}"):
        pattern = "<payverb> {m} to {to} {e}"
    text = s.x(pattern, m=m, to=to, e=e, E=e)
    out = {"intent": "recurring_payment", **obj, "to": who, **when}
    if s.chance(0.05):
        text += s.x(" [for <allowance>|<because>|as <allowance>]")
    front = s.chance(0.2)
    clauses = []
    if s.chance(0.13):
        word, day = s.day()
        out["start"] = day
        clauses.append(s.x("[starting|beginning|from|starting from|commencing|effective|as of|starting on|with the first payment|first payment|start|begin|start it|the first one] {d}", d=s_strip(word)))
    tail = s.rng.random()
    if tail < 0.07:
        word, day = s.until_day()
        out["until"] = day
        clauses.append(s.x("[until|till|through|up to|'til|ending|stopping|up until|end it|last payment|stop it|to end on|finishing] {d}", d=word))
    elif tail < 0.19:
        word, span = s.duration("weeks months months years days")
        out["for"] = span
        clauses.append(s.x("[for|for|for|for the next|over the next|for the coming|for a period of|for a total of|during the next|lasting|over] {d}", d=word).replace("next a ", "next ").replace("coming a ", "coming "))
    elif tail < 0.27:
        n, digits = s.number("small", 0.4)
        if digits not in ("1",) and "dozen" not in n and "couple" not in n:
            out["times"] = digits
            front = False
            clauses.append(s.x("[{n} times|{n} times in total|for {n} payments|{n} payments in all|stop after {n} payments|{n} times and then stop|{n} instalments|a total of {n} times|{n} payments|{n} payments total|{n} times altogether|make it {n} payments|just {n} times|only {n} times|over {n} payments|in {n} instalments|end after {n} payments|until {n} payments are made|{n} payments and done|{n}x]", n=n))
    s.rng.shuffle(clauses)
    for clause in clauses:
        if front and form == "verb" and "\x03" not in text:
            text = f"{clause}\x03{text}"
        else:
            text += s.x("[|,|,|.] ") + clause
    return form, text, out


def s_strip(text: str) -> str:
    """A day without its ``on``."""
    return text.removeprefix("on ")


APPROVE_VERB = [
    "approve {sp} [for|to spend|to use|spending|to move|to take] {m}", "approve {m} for {sp}", "approve {m} [to be spent|spending|usage] by {sp}", "let {sp} [spend|use|move|take|pull|access|draw|touch] {a}{m}",
    "allow {sp} to [spend|use|move|take|pull|access|withdraw|draw] {a}{m}", "permit {sp} to [spend|use|move|pull] {a}{m}", "give {sp} [permission|approval|the right|authorization|the ok|access|authority] to [spend|use|move|pull] {a}{m}",
    "give {sp} [an allowance|a spending limit|a spending cap|an approval] of {m}", "grant {sp} [an allowance|a spending limit|a spending allowance] of {m}", "grant {sp} [access to|permission to spend|permission to use|approval for|the right to spend] {a}{m}",
    "authorize {sp} to [spend|use|move|pull|charge|debit] {a}{m}", "authorise {sp} [for|to spend] {a}{m}", "authorize {sp} for {a}{m}", "set {sp}'s allowance to {m}", "set [an|the] allowance of {m} for {sp}", "set a spending [cap|limit] of {m} for {sp}",
    "set up an approval for {sp}, {m}", "enable {sp} to [spend|use|move] {a}{m}", "sign an approval [of|for] {m} [to|for] {sp}", "okay {sp} for {m}", "ok {sp} to [spend|use] {a}{m}", "greenlight {sp} for {a}{m}", "whitelist {sp} for {a}{m}", "raise {sp}'s allowance to {m}",
    "increase the allowance of {sp} to {m}", "cap {sp} at {m}", "limit {sp}'s [allowance|spending|approval] to {m}", "unlock {m} for {sp}", "make {m} spendable by {sp}", "delegate [spending|the spending] of {a}{m} to {sp}", "clear {sp} to [spend|use] {a}{m}",
]  # fmt: skip
APPROVE_FULL = [
    "{sp} [can|may|is allowed to|is free to|should be able to|is permitted to|has my permission to|gets to] [spend|use|move|take|pull] {a}{m}", "[approval|allowance|approve|permission]: {m} for {sp}", "[approval|allowance] of {m} [for|to] {sp}[ please|]", "i [want|need|'d like] {sp} to be [able|allowed] to [spend|use|move] {a}{m}",
    "i [trust|approve of] {sp} with {a}{m}, [approve it|set the allowance]", "{sp} needs [to spend|to use|to move|to take] {a}{m}[, so approve it|, so approve that|, approve it|. approve it|, let it]", "it's [ok|okay|fine|alright] for {sp} [to spend|to use|to take|to move|to pull] {a}{m}", "i [permit|allow|let|authorize|authorise] {sp} to [spend|use|move|take|pull] {a}{m}", "i [hereby |]approve {sp} [for|to spend] {a}{m}", "{sp} should [have|get] [an allowance of|access to|permission for] {a}{m}", "{sp} needs [an allowance|approval|permission] [of|for] {m}[, approve it|, sign it|, please approve]", "{sp} wants [to spend|to use|approval for] {a}{m}[, approve it|, that's fine, approve|, let it|, allow it|. go ahead and approve]", "i'm fine with {sp} [spending|using|taking] {a}{m}[, approve it|, sign off on it|]",
    "[|please ]sign off on {sp} [spending|using] {a}{m}", "{m} allowance for {sp}", "spender {sp}, amount {m}, approve", "[give the|the] ok for {sp} to spend {a}{m}",
]  # fmt: skip
UNLIMITED_VERB = [
    "approve {sp} [to spend|for|to use] unlimited {t}", "give {sp} [unlimited|infinite|an unlimited|max] {t} [approval|allowance|spending]", "let {sp} [spend|use|move|take] [unlimited|as much {t} as it [wants|likes|needs]|any amount of|infinite] {t2}", "allow {sp} to [spend|use|move] [any amount of|unlimited|as much as it wants of my|an unlimited amount of] {t}",
    "grant {sp} [unlimited|infinite|uncapped|limitless] [access to|spending of|allowance on] [my |]{t}", "approve {sp} for [my |]{t} [with no limit|without limit|without a limit|with no cap|without any cap|unlimited|infinitely|no limit]", "set {sp}'s {t} allowance to [unlimited|infinite|infinity|max|the max|the maximum]", "approve unlimited {t} for {sp}", "approve infinite {t} [to|for] {sp}",
    "authorize {sp} to [spend|move|use] [my |]{t} [without limits|with no upper limit|with no limit|without a cap|freely and without limit]", "give {sp} a blank check on my {t}", "remove the cap on {sp}'s {t} allowance", "max out the {t} approval for {sp}", "sign an [infinite|unlimited] {t} approval for {sp}",
]  # fmt: skip
OPEN_APPROVE = ["approve {sp} [for|to spend|to use] [my |]{t}", "let {sp} [spend|use|access] my {t}", "allow {sp} to [spend|use|move] my {t}", "give {sp} [access to|permission to use|permission to spend] my {t}", "authorize {sp} to [use|spend] my {t}", "approve {t} for {sp}", "enable {t} [on|for] {sp}"]  # fmt: skip


APPROVE_VERB += manner.APPROVE_VERB
APPROVE_FULL += manner.APPROVE_FULL


def approve(s: Slots) -> Line:
    """Let a contract spend."""
    sp, who = s.spender()
    pick = s.rng.random()
    out = {"intent": "approve"}
    if pick < 0.2:
        t, symbol = s.token()
        pattern = s.pick(UNLIMITED_VERB)
        text = s.x(pattern, sp=sp, t=t, t2=t)
        if "as much" in text and text.endswith(t) and text.count(t) > 1:
            text = text[: -len(t)].strip()
        return "verb", text, {**out, "amount": "unlimited", "token": symbol, "spender": who}
    if pick < 0.3:
        t, symbol = s.token()
        return "verb", s.x(s.pick(OPEN_APPROVE), sp=sp, t=t), {**out, "token": symbol, "spender": who}
    while True:
        m, obj = s.money("any" if s.chance(0.3) else "token", worth=0.02, parts=s.chance(0.3))
        if not (m.startswith(("my ", "all")) and obj["amount"] == "all" and not m.startswith("all")):
            break
    a = s.x("[|||up to |up to |at most |no more than |a maximum of |max |only |just |]")
    form = "verb" if s.chance(0.75) else "full"
    return form, s.x(s.pick(APPROVE_VERB if form == "verb" else APPROVE_FULL), sp=sp, m=m, a=a), {**out, **obj, "spender": who}


REVOKE_VERB = [
    "revoke {sp}", "revoke {sp}'s [access|approval|allowance|permission|permissions|rights|spending rights]", "revoke {sp}'s [access|approval|allowance|permission] [to|for|on] [my |]{t}", "revoke the [approval|allowance|permission] [i gave|i granted|given to|granted to|for|of] {sp}", "revoke [the |my |]{t} [approval|allowance|permission] [for|from|of|i gave] {sp}",
    "remove {sp}'s [access|approval|allowance|permission]", "remove {sp}'s [access|approval|allowance|permission] [to|for|on] [my |]{t}", "cancel {sp}'s [approval|allowance|permission|access|spending rights]", "cancel [the |my |]{t} [approval|allowance] [for|of] {sp}", "take away {sp}'s [access|permission|right] to [spend |use |]my {t}", "take away {sp}'s [access|permission|allowance|approval]",
    "stop {sp} from [spending|using|touching|moving|accessing|taking] [my|any more of my|any of my] {t}", "don't let {sp} [spend|touch|use|move|access] my {t} [anymore|any more|any longer]", "cut off {sp}", "cut off {sp}'s [access|access to my {t}|allowance]", "cut {sp} off from my {t}", "withdraw [my |the |]{t} approval [from|for] {sp}", "withdraw {sp}'s permission[| to spend my {t}| to use my {t}]",
    "kill {sp}'s [access|allowance|approval|{t} allowance|{t} approval]", "kill the {t} approval for {sp}", "set {sp}'s [|{t} ]allowance [back |]to [zero|0|nothing]", "zero out [the |]{t} [allowance|approval] for {sp}", "zero out {sp}'s [allowance|approval|{t} allowance]", "unapprove {sp}[| for {t}| on my {t}]", "disapprove {sp}", "block {sp} from [spending|using|accessing] [my |]{t}", "undo the [|{t} ]approval for {sp}",
    "rescind {sp}'s [access|permission|approval|{t} allowance]", "drop the [|{t} ]approval [for|i gave] {sp}", "delete {sp}'s [|{t} ][approval|allowance|permission]", "clear {sp}'s [|{t} ][approval|allowance]", "end {sp}'s [|{t} ][access|allowance|approval]", "disconnect {sp} from my {t}", "reset the [|{t} ]allowance of {sp} to zero", "pull {sp}'s [|{t} ][permission|permissions|access|approval]", "terminate {sp}'s [|{t} ][approval|allowance|access]",
    "make sure {sp} can't [spend|touch|use|move] my {t} [anymore|any more|again|any longer]", "nuke {sp}'s [|{t} ][approval|allowance]", "un-approve {sp}", "shut {sp} out of my {t}", "deauthorize {sp}[| for {t}]", "kick {sp} out of my {t}", "strip {sp} of its [|{t} ][allowance|approval|permission|rights]", "lock {sp} out of my {t}",
]  # fmt: skip
REVOKE_FULL = [
    "{sp} [should not|shouldn't|must not|may not|can't|cannot|is not allowed to|is no longer allowed to|should no longer] [be able to |]{v} my {t}[ anymore| any more| any longer|]", "i [no longer|don't] trust {sp}, [revoke it|revoke its access|cut it off|remove its approval|take away its allowance|revoke everything it can touch]", "i don't want {sp} [to be able to spend|spending|touching|to touch|to have access to|using] my {t} [anymore|any more|any longer]",
    "i['m| am] not using {sp} [anymore|any more|these days], [revoke it|remove its approval|revoke its access|take its permission away|cut it off]", "i stopped using {sp}, [revoke it|remove its approval|cancel its allowance]", "{sp} looks [shady|fishy|risky|suspicious|hacked], [revoke it|pull its approval|cut it off|remove its access]", "[stop|cancel|end|remove] everything {sp} can [spend|do|touch]", "{sp} [must|should] lose [its|the] [approval|allowance|access|permission][| to spend my {t}| on my {t}]", "i want {sp}'s [approval|allowance|access|permission] [gone|removed|revoked|cancelled|cleared]", "i want {sp} [cut off|revoked|gone|out of my wallet]", "no more access for {sp}", "{sp} got hacked, revoke [it|its approval|its access|my approval]", "[revoke|revocation]: {sp}[|, {t}]", "no more {t} [spending|allowance|access] for {sp}", "i['m| am] done with {sp}, [revoke it|revoke its allowance|remove its access|take back its permissions]", "{sp} is no longer [trusted|welcome|needed], [revoke|revoke its approval|remove its allowance]", "{sp} still has [an allowance|access|approval], [revoke it|remove it|get rid of it|kill it]", "{sp} still has [|a |an ]{t} allowance, [revoke it|remove it|get rid of it]",
    "i gave {sp} [permission|approval|access] to spend my {t}, [take it back|undo that|revoke it|cancel that]", "take back the [permission|approval|allowance] i gave [to |]{sp}[| for {t}| on my {t}]", "{sp}'s [allowance|approval|access] [needs to go|must go|should be revoked|has to be removed]",
]  # fmt: skip
REVOKE_ALL = [
    "revoke [all|every] [|token |of my |open |existing ][approvals|allowances|permissions]", "revoke everything", "remove all [|token |spending ][approvals|allowances|permissions]", "cancel all my [|token ][approvals|allowances]", "cut off every [contract|app|dapp|spender]", "clear all [|my ][approvals|allowances]", "wipe [all|every one of] my [approvals|allowances]", "reset all my allowances to zero",
    "kill all [my |][approvals|allowances]", "take away everyone's spending rights", "revoke every [approval|allowance|permission] [i ever gave|i have|on my wallet|]", "revoke all [approvals|allowances] [on|for] [my |]{t}", "remove every {t} [approval|allowance]", "nobody should be able to spend my {t} [anymore|any more], revoke all [approvals|of them]", "stop everyone from spending my {t}", "zero out every allowance[ on {t}|]",
]  # fmt: skip


REVOKE_VERB += manner.REVOKE_VERB
REVOKE_FULL += manner.REVOKE_FULL


def revoke(s: Slots) -> Line:
    """Take the right to spend back."""
    t, symbol = s.token()
    if s.chance(0.1):
        text = s.x(s.pick(REVOKE_ALL), t=t)
        out = {"intent": "revoke", "spender": "all"}
        return "verb", text, {**out, **({"token": symbol} if t in text else {})}
    sp, who = s.spender()
    form = "verb" if s.chance(0.78) else "full"
    v = s.x("[spend|use|touch|move|access|take|pull]")
    text = s.x(s.pick(REVOKE_VERB if form == "verb" else REVOKE_FULL), sp=sp, t=t, v=v)
    return form, text, {"intent": "revoke", "spender": who, **({"token": symbol} if t in text else {})}
