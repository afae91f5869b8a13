"""What people add around a request and get wrong in it: politeness, preambles, casing, typos, punctuation."""

# ruff: noqa: E501, SIM905 - tables of phrases
# fmt: off

from __future__ import annotations

import random
import re

from weftwork.models.grammar.manner import NEUTRAL
from weftwork.models.grammar.phrase import CLOSE, OPEN, gerund
from weftwork.models.grammar.slots import Slots
from weftwork.models.grammar.words import ONES, TENS

MACROS = {
    "please": "[please|please|please|pls|plz|kindly]",
    "hey": "[hey|hi|hello|yo|ok|okay|so|alright|right|well|hey there|hi there|good morning|listen|um|uh|oh|hmm|weft|dear wallet|hey wallet|hi wallet|ok wallet|assistant|hey assistant|buddy|friend|dude|bro|now|quick one|quickly|hello there|and|first|for me]",
}

CONTEXT = (
    "[my|the|our|his|her] [boss|car|dog|cat|landlord|roof|laptop|team|neighbour|sister|brother|bank|broker|phone|fridge|train|kid|wife|"
    "husband|mother|friend|client|accountant|doctor|teacher|coach|bike|house|garden|portfolio|wallet|rent|invoice|bonus|paycheck|salary] "
    "[is late|broke down|came in|came through|called|is due|is here|needs it|is waiting|is angry|is happy|just arrived|got sick|told me so|"
    "looks good|looks bad|needs fixing|needs help|is getting old|is asking again|is on my back|won't wait|was right|is leaving|was great|"
    "paid me|cheered me up|went up|went down|is looking thin|got hacked|moved out|is visiting|wants it done]"
)
MOOD = (
    "[i'm|i am|we're|we are] [so |very |a bit |really |kind of |]"
    "[tired|late|busy|broke|rich|happy|worried|nervous|confident|done waiting|short on time|in a rush|feeling good|feeling lucky|fed up|bored|"
    "excited|cautious|greedy|travelling|at work|on the road|sure about this|not patient|old fashioned|in the mood]"
)
WORLD = (
    "[the market|the weather|this week|today|the chart|the news|inflation|the economy|christmas|the weekend|summer|tax season|the deadline] "
    "[is crazy|is nice|is here|is coming|looks awful|looks great|is turning|scares me|is killing me|was long|is near|is around the corner|"
    "makes me nervous|is what it is]"
)
TAIL = (
    "[,|,|.|.| -] [the price is whatever it is|make it so|you legend|the sooner the better|whatever it takes|trust me|"
    "that's an order|be quick about it|no drama|no tricks|easy as that|simple as that|full send|let's roll|let's ride|here we go|wish me luck|"
    "fingers crossed|i dare you|not a moment later|before lunch|before i change my mind|if you would|if you'd be so kind|"
    "when you're ready|at your convenience|like a good bot|as discussed|as per usual|the usual way|nothing fancy|the cheap way|do your thing|"
    "work your magic|over and out|hurry up|come on|go go go|now or never|life is short|"
    "i can't be bothered to do it myself|and we're done|then we're even|then we're square|i'll check later|i'll be back|see you|"
    "no more no less|not more|not less|to the cent|down to the last cent|i know what i'm doing|it's fine|it's all good]"
)
FILLERS = ["just", "like", "actually", "basically", "um", "uh", "really", "please", "kindly", "simply", "you know", "also", "then", "quickly", "sort of", "kind of", "well", "finally", "again", "only", "now", "indeed", "right"]
BEFORE = [
    "<please> {c}", "<please> {c}", "<please> {c}", "<please>, {c}", "can you {c}", "can you <please> {c}", "could you {c}", "could you <please> {c}", "would you {c}", "will you {c}", "can u {c}", "could we {c}", "can we {c}", "can i {c}", "could i {c}", "may i {c}", "i want to {c}", "i want to {c}", "i'd like to {c}", "i'd like to {c}", "i would like to {c}", "i wanna {c}", "wanna {c}", "i need to {c}", "i need to {c}", "need to {c}", "want to {c}", "i have to {c}", "gotta {c}", "i gotta {c}", "i must {c}", "let's {c}", "lets {c}", "let me {c}", "let us {c}", "go ahead and {c}", "just {c}", "now {c}", "i'm looking to {c}", "looking to {c}", "i'd love to {c}", "i wish to {c}",
    "help me {c}", "help me to {c}", "i need you to {c}", "i want you to {c}", "i'd like you to {c}", "would you mind {g}", "do you mind {g}", "i feel like {g}", "i am ready to {c}", "i'm ready to {c}", "ready to {c}", "time to {c}", "it's time to {c}", "it is time to {c}", "i've decided to {c}", "i decided to {c}", "we need to {c}", "we should {c}", "we want to {c}", "quickly {c}", "try to {c}", "make sure to {c}", "be sure to {c}", "my plan is to {c}", "the plan: {c}", "i'm going to {c}", "i am going to {c}", "gonna {c}", "i'm gonna {c}", "i'll {c}", "i will {c}", "im trying to {c}", "i'm trying to {c}", "please help me {c}", "i'd appreciate it if you could {c}", "it would be great if you could {c}", "be so kind as to {c}", "would you be so kind as to {c}", "would it be possible to {c}", "is it possible for you to {c}", "i hereby ask you to {c}", "your job: {c}", "task: {c}", "request: {c}", "todo: {c}", "do me a favor and {c}", "do me a favour and {c}", "please go ahead and {c}", "i think it's time to {c}", "i think i'll {c}", "i think i will {c}", "any chance you could {c}", "mind {g} for me", "how about you {c}", "why don't you {c}", "you should {c}", "get on with it and {c}", "you can {c}", "you may {c}", "start by {g}", "proceed to {c}", "instruction: {c}", "i'd be grateful if you would {c}", "i require you to {c}", "i'm asking you to {c}", "i'm hoping to {c}", "hoping to {c}", "trying to {c}", "i say we {c}", "let's go ahead and {c}", "the thing i want is to {c}", "all i want is to {c}", "what i want is to {c}", "what i need is to {c}", "i was hoping you could {c}", "i was hoping to {c}", "my intention is to {c}", "would you be able to {c}", "are you able to {c}", "is there a way you could {c}", "is there any way you can {c}", "it'd be nice if you could {c}", "you need to {c}", "i'd rather {c}", "i figure i'll {c}", "here's what i want: {c}", "next step: {c}", "i could use your help to {c}", "someone please {c}", "could somebody {c}", "could someone {c}", "can someone {c}", "pretty please {c}", "hurry and {c}", "let's just {c}", "i kindly ask you to {c}", "be a dear and {c}", "be a legend and {c}", "as a next step {c}", "i would appreciate {g}", "i'd appreciate you {g}", "i want to start {g}", "i need to get on with {g}", "please take care of {g}", "take care of {g}", "see about {g}", "get started on {g}", "it is my wish to {c}", "we'd like to {c}", "we would like to {c}", "the team wants to {c}", "my wife and i want to {c}", "i finally want to {c}", "i really want to {c}", "i really need to {c}", "i simply want to {c}", "i only want to {c}", "i just want to {c}", "i just need to {c}", "what i'd like is to {c}", "what i'd love is to {c}", "i'm all set to {c}", "it would help if you could {c}", "{c}",
]  # fmt: skip
PREAMBLE = [
    "<hey>, ", "<hey>, ", "<hey> ", "<hey>! ", "rent is due, so ", "payday! ", "it's payday, ", "i just got paid, so ", "the market looks shaky, ", "i'm bullish, ", "i'm bearish, ", "gas is cheap now, ", "gas is low so ", "i read the news: ", "i made up my mind. ", "i've thought about it. ", "after some thought, ", "no more waiting: ", "as discussed, ", "as agreed, ", "per our agreement, ", "like we said, ", "one thing: ", "quick request: ", "not sure how this works but ", "i'm new to this, ", "sorry to bother you, but ", "before i forget, ", "while you're at it, ", "when you get a chance, ", "when you have a moment, ", "if you can, ", "if possible, ", "if you don't mind, ", "today ", "ok here goes: ", "this is urgent. ", "urgent: ", "no rush, but ", "for my taxes, ", "i'm in a hurry, ", "feeling lucky today. ", "i don't need it right now, so ", "things are getting risky. ", "prices look good. ", "my friend convinced me. ", "thanks for the help earlier. ", "hope you're well. ", "you know what? ", "screw it, ", "yolo, ", "lfg, ", "ok so ", "alright so ", "so basically ", "well then, ", "i changed my mind about waiting, ", "let's get going: ", "it's my turn, ", "my boss approved it, ", "for the record, ", "as usual, ", "as always, ", "like last time, ", "same deal as before: ", "i'm going on vacation, so ", "we're short on time, ", "the bills are in. ", "i've got a feeling about this one. ", "i need cash for the weekend. ", "new month, new me. ", "my accountant says it's fine. ", "time is money. ", "finally, ", "honestly, ", "to be safe, ", "just in case, ", "from my wallet, ", "from my main account, ", "using my wallet, ", "on mainnet, ", "on base, ",
]  # fmt: skip
AFTER = [
    " please", " please", ", please", ", please", " pls", " plz", ", thanks", ", thanks", " thanks", ", thank you", " thx", ", ty", " for me", " for me please", ", would you", ", ok", ", okay", " asap", " right away", " right now", " now", " immediately", " quickly", " today", ", cheers", ", much appreciated", ", thanks a lot", ", if you can", ", if possible", ", will you", ", can you", " if you don't mind", ", that's all", " lol", ", bro", ", mate", ", buddy", ", dude", ", my friend", ", man", ", chief", " real quick", " when you can", " as soon as possible", ", it's urgent", ", no questions asked", ", thanks in advance", ". thanks", ". thanks!", ". thank you", ". that's it", ". please hurry", ". go", ". do it now", ". cheers", ", asap please", " and let me know when it's done", " and confirm", " and tell me when done", ". let me know when it's done", " from my wallet", " from my main account", " from my account", " on my behalf", ", i'm in a hurry", ". i trust you", ". appreciate it", " kindly", " straight away", " without delay", ", no rush", ". no rush", " and that's it", " because i need the cash", " because i said so", " before it crashes", " before it's too late", " since gas is cheap", " since i'm bullish", " so i can sleep at night", " so i can pay rent", " while it's still possible", " before the weekend", " as i promised", " to be on the safe side", ", it's about time", ", i've waited long enough", ", i insist", ", i mean it", ", don't ask why", ", i'm serious", ". this is important", ". i'm sure", ". i'm not kidding", ". make it happen", ". make it so", ". chop chop", ", make it quick", ", can't wait", ", what do you say", ", deal", ". got it", ". understood", ", you know the drill", ", like we talked about", ". that would be great", ". that would be all", " - thanks", ". regards, Sam", ". - J", ". best, Maria", " gtc", ", good till cancelled", ". you're the best", ". have a nice day", ". talk soon", ". same as last time", ", nothing else", ", only that", " and nothing more", " again", " once more", " tho", " fam", " ya", ", k", " haha", " ;)", " :)", " 🙏", " 🚀", " 😂", " lfg",
]  # fmt: skip
_SHORT = [("please", "pls"), ("you", "u"), ("and", "&"), ("with", "w/"), ("want to", "wanna"), ("going to", "gonna"), ("thanks", "thx"),
          ("because", "cuz"), ("okay", "ok"), ("at", "@"), ("are", "r"), ("your", "ur"), ("tomorrow", "tmrw"), ("per", "/")]  # fmt: skip
_TIGHT = frozenset(
    "a an and half quarter quarters tenth fifth fourth point hundred thousand million billion grand dozen couple of k m "
    "percent per cent pct basis points bps cents other second next minute minutes hour hours day days week weeks month "
    "months year years january february march april may june july august september october november december the "
    "first third sixth seventh eighth ninth last right large".split() + ONES + TENS
)
_KEYS = {
    "a": "qsz", "b": "vgn", "c": "xvd", "d": "sfe", "e": "wrd", "f": "dgr", "g": "fht", "h": "gjy", "i": "uok", "j": "hku",
    "k": "jli", "l": "kop", "m": "nj", "n": "bmh", "o": "ipl", "p": "ol", "q": "wa", "r": "etf", "s": "adw", "t": "ryg",
    "u": "yij", "v": "cbf", "w": "qes", "x": "zcs", "y": "tuh", "z": "xa",
}  # fmt: skip


def typo(word: str, rng: random.Random) -> str:
    """One slip of the fingers in a word of four letters or more."""
    i = rng.randrange(len(word) - 1)
    pick = rng.random()
    if pick < 0.35:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if pick < 0.65:
        return word[: i + 1] + word[i + 2 :]
    if pick < 0.82:
        return word[:i] + word[i] + word[i:]
    near = _KEYS.get(word[i].lower())
    return word[:i] + rng.choice(near) + word[i + 1 :] if near else word


def _each_free(text: str, change: object) -> str:
    """Apply ``change`` to the unprotected stretches of a text."""
    parts = re.split(f"({OPEN}[^{CLOSE}]*{CLOSE})", text)
    return "".join(p if p.startswith(OPEN) else change(p) for p in parts)  # type: ignore[operator]


def _scatter(match: re.Match[str], rng: random.Random, often: float) -> str:
    """A word that means nothing, now and then; never inside a number or a length of time."""
    if match[1] in _TIGHT or match[2] in _TIGHT or rng.random() >= often:
        return ""
    return rng.choice(NEUTRAL) + " "


def _glue(match: re.Match[str]) -> str:
    return match[0] if match[1] in _TIGHT or match[2] in _TIGHT else match[1]


def wrap(s: Slots, form: str, text: str) -> str:
    """A request in the words of a person: verb forms get a lead, all may get a preamble and a closing."""
    front = ""
    if "\x03" in text:
        front, text = text.split("\x03", 1)
    if form == "verb" and s.chance(0.45):
        pattern = s.rng.choice(BEFORE)
        if "{g}" in pattern and (text.startswith(OPEN) or not text[0].isalpha()):
            pattern = "please {c}"
        text = s.x(pattern, c=text, g=gerund(text) if "{g}" in pattern else "")
    if front:
        text = f"{front}{s.rng.choice([', ', ', ', ' '])}{text}"
    if s.chance(0.1):
        text = s.x(s.rng.choice(PREAMBLE)) + " " + text
    elif s.chance(0.07):
        said = s.x(s.rng.choice([CONTEXT, CONTEXT, MOOD, WORLD]))
        text = said + s.rng.choice([". ", ". ", ", so ", " so ", ", ", " and ", "! ", "; ", " - ", "... "]) + text
    if s.chance(0.13):
        text += s.rng.choice(AFTER)
    elif s.chance(0.06):
        text += s.x(TAIL) if s.chance(0.6) else s.rng.choice([", ", ". ", " because ", " since ", " - ", " as "]) + s.x(s.rng.choice([CONTEXT, MOOD, WORLD]))
    return text


def finish(s: Slots, text: str, question: bool = False) -> str:
    """Casing, typos and punctuation; takes the sentinels away."""
    rng = s.rng
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(rf" ({CLOSE}?[,.;!?:](?!\d))", r"\1", text)
    text = text.replace(",,", ",").replace(".,", ",")
    if s.chance(0.04):
        old, new = rng.choice(_SHORT)
        text = _each_free(text, lambda p: re.sub(rf"\b{old}\b", new, p))
    if s.chance(0.07):
        text = _each_free(text, lambda p: re.sub(r" (?=[a-z])", lambda _: f" {rng.choice(FILLERS)} ", p, count=1) if s.chance(0.4) else p)
    if s.chance(0.04):
        often = rng.choice([0.04, 0.08, 0.15])
        text = _each_free(text, lambda p: re.sub(r"([a-z]+) (?=([a-z]+))", lambda m: m[0] + _scatter(m, rng, often), p))
    if s.chance(0.06):
        text = _each_free(text, lambda p: re.sub(r"\b(?:the|of|it|is|are|to|for) ", lambda m: "" if rng.random() < 0.3 else m[0], p))
    rate = 0.0 if s.chance(0.89) else rng.choice([0.04, 0.08, 0.12])
    if rate:

        def slip(part: str) -> str:
            return re.sub(r"[A-Za-z]{4,}", lambda m: typo(m[0], rng) if rng.random() < rate else m[0], part)

        text = _each_free(text, slip)
        if s.chance(0.06):
            text = _each_free(text, lambda p: re.sub(r"([a-z]{2,}) (?=([a-z]{2,}))", _glue, p, count=1))
    if s.chance(0.3):
        text = _each_free(text, lambda p: p[:1] + p[1:].replace("'", ""))  # not behind a name: it ends there
    if s.chance(0.1):
        text = _each_free(text, lambda p: p.replace(",", ""))
    elif s.chance(0.05):
        mark = rng.choice([" —", " –", ";", "...", ":", " /"])
        text = _each_free(text, lambda p: p.replace(",", mark, 1))
    elif s.chance(0.06):
        text = _each_free(text, lambda p: p.replace(",", " -") if s.chance(0.4) else p.replace(",", "."))
    if s.style == "lower":
        text = _each_free(text, str.lower)
    elif s.style == "upper":
        text = _each_free(text, str.upper)
    else:
        if s.chance(0.75) and not text.startswith(OPEN):
            text = text[0].upper() + text[1:]
        if s.chance(0.8):
            text = _each_free(text, lambda p: re.sub(r"\bi\b", "I", p))
        if s.chance(0.5):
            text = _each_free(text, lambda p: re.sub(r"([.!?] )([a-z])", lambda m: m[1] + m[2].upper(), p))
    pick = rng.random()
    if text[-1:] not in ".?!)":
        asks = question or re.match(r"(?i)(can|could|would|will|may|do|is|any|how|why|should)\b", text)
        if asks:
            text += "?" if pick < 0.55 else "" if pick < 0.9 else "."
        else:
            text += "" if pick < 0.52 else "." if pick < 0.9 else "!" if pick < 0.96 else "..." if pick < 0.975 else "!!"
    text = text.replace(OPEN, "").replace(CLOSE, "")
    text = re.sub(r"\s+", " ", text).strip()
    if s.chance(0.01):
        text = text.replace(" ", "  ", 1)
    return text
