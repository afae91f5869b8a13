"""Sentences that buy work: GPU time, storage, renders, answers, training, data, agents."""

# ruff: noqa: E501 - tables of phrases
# fmt: off

from __future__ import annotations

from weftwork.models.grammar import words as w
from weftwork.models.grammar.phrase import protect
from weftwork.models.grammar.slots import Slots

Line = tuple[str, str, dict[str, str]]

MACROS = {
    "rent": "[rent|rent|rent me|get|get me|buy|lease|hire|book|reserve|order|spin up|grab|provision|find me|line up|secure|i need]",
    "buyw": "[buy|buy|buy me|get|get me|order|purchase|book|i need|i want|pay for|grab|find me|procure]",
}
GPUS = ["h100", "h200", "a100", "b200", "l40s", "l4", "t4", "v100", "a6000", "a10", "a40", "4090", "3090", "5090", "rtx-4090", "rtx-3090", "mi300x", "p100", "gh200", "rtx-5090", "k80", "2080ti", "a10g"]
MODELS = ["llama-3", "llama-70b", "mistral", "mixtral", "qwen", "gemma", "deepseek-r1", "phi-4", "gpt-oss", "claude", "gpt-4o", "whisper", "sdxl", "flux", "falcon", "yi", "kimi", "glm", "command-r", "llama", "qwen-72b", "deepseek", "codestral", "starcoder", "olmo", "granite", "hermes", "nous-hermes", "zephyr", "vicuna"]
TOPICS = """
chest x-ray|medical|satellite|traffic|weather|stock price|tweet|news|legal|genome|speech|street view|retail|handwriting|recipe
crop|bird song|product review|ecg|mri|football|chess game|climate|drone|radar|energy usage|job listing|court ruling|poetry|chat log
""".replace("\n", "|").strip("|").split("|")
JOBS = """
research|trading|customer support|coding|booking|translation|shopping|writing|scheduling|travel|monitoring|bookkeeping|marketing
data entry|moderation|tutoring|sales|legal|accounting|testing|summarising|planning|recruiting|outreach
""".replace("\n", "|").strip("|").split("|")


def _count(s: Slots, singular: str, plural: str, scale: str = "count", one: float = 0.25) -> tuple[str, str]:
    if s.chance(one):
        article = "an" if singular.strip("\x01\x02")[0].lower() in "aeioh" and not singular.startswith(("hour", "h2")) else "a"
        return s.x("[{a}|{a}|one|a single] ", a=article) + " " + singular, "1"
    v = w.value(s.rng, scale)
    if v == 1:
        return "one " + singular, "1"
    text = w.written(v, s.rng, 0.3)
    return f"{text} {plural}", w.plain(v)


def _price(s: Slots, out: dict[str, str], per: list[str], total: float = 0.5) -> str:
    cash, amount, code = s.fiat("price" if s.chance(0.25) else "cash") if s.chance(0.7) else _token_price(s)
    out["max_price"], out["quote"] = amount, code
    if s.chance(total) or not per:
        return s.x(
            "[ for {c}| for {c}| for {c} [max|tops|at most|or less|total|in total]| for [at most|up to|no more than|under|less than|a maximum of|max] {c}|, budget {c}|, [max|maximum|at most|no more than|up to|under] {c}"
            "| with a budget of {c}|, spend [up to|at most|no more than] {c}|. budget is {c}|. my budget is {c}|, i'll pay [up to |at most |]{c}|, don't spend more than {c}|, my limit is {c}|, cap [it|the price|the cost] at {c}|, total cost under {c}|, paying [up to |no more than |at most |]{c}|, {c} max|, {c} tops| within {c}| and pay [at most |up to |no more than |]{c}|, willing to pay {c}|, price limit {c}]",
            c=cash,
        )
    unit = s.pick(per)
    out["per"] = unit
    return s.x(
        "[ at {c} {p}| at {c} {p}| for {c} {p}| at [most|up to|max|under|no more than|less than|below] {c} {p}|, [max|maximum|at most|no more than|up to|under] {c} {p}| for [at most|up to|no more than|under|less than|max] {c} {p}|, i'll pay [up to |at most |]{c} {p}|, paying [up to |no more than |at most |]{c} {p}|. max {c} {p}|, {c} {p} max|, {c} {p} tops|, willing to pay {c} {p}|, cap it at {c} {p}]",
        c=cash, p=s.x("[per {u}|per {u}|{a} {u}|an {u}|each {u}|/{u}|/ {u}]" if unit == "hour" else "[per {u}|per {u}|a {u}|a {u}|each {u}|/{u}|/ {u}]", u=unit, a="an"),
    )  # fmt: skip


def _token_price(s: Slots) -> tuple[str, str, str]:
    m, obj = s.money("token", parts=False, worth=0)
    return m, obj["amount"], obj["token"]


def choose_model(s: Slots, pool: list[str]) -> tuple[str, str]:
    name = s.pick(pool) if s.chance(0.8) else (w.synth(s.rng, 2) + s.pick(["", "-7b", "-70b", "-2", "-13b", "x"]))
    name = name.upper() if s.style == "normal" and pool is GPUS and s.chance(0.45) else name
    name = name.capitalize() if s.style == "normal" and pool is MODELS and s.chance(0.3) else name
    name = s.cased(name)
    return protect(name), name


def _gpu(s: Slots) -> Line:
    out = {"intent": "buy_work", "work": "gpu"}
    model = ""
    if s.chance(0.6):
        model, name = choose_model(s, GPUS)
        out["model"] = name
    hours = s.chance(0.28)
    kind = s.x("[gpu|gpu|graphics card|card]") if not model else model + s.x("[|| gpu| card]")
    plural = kind + "s" if not (model and kind == model and s.chance(0.4)) else kind
    if hours:
        gap = s.pick([" ", "-", " "])
        text, out["quantity"] = _count(s, f"{model or 'gpu'}{gap}hour", f"{model or 'gpu'}{gap}hours", one=0.06)
        if s.chance(0.3):
            n, out["quantity"] = s.number("count")
            text = s.x("{n} hours of {g}[| time| compute]" if out["quantity"] != "1" else "{n} hour of {g} time", n=n, g=model or "gpu")
        out["unit"] = "hours"
        text = s.x("<buyw> {t}", t=text)
        text += _price(s, out, ["hour"], 0.6) if s.chance(0.6) else ""
        return "verb", text, out
    text, out["quantity"] = _count(s, kind, plural, "small" if s.chance(0.7) else "count", 0.35)
    out["unit"] = "gpus"
    if model and s.chance(0.08) and out["quantity"] != "1":
        text = protect(out["quantity"] + "x") + " " + model
    text = s.x("<rent> {t}", t=text)
    if s.chance(0.6):
        d, out["for"] = s.duration("hours hours hours days days weeks months minutes")
        text += s.x(" [for|for|for|for the next|over] {d}", d=d).replace("next a", "next")
    if s.chance(0.55):
        text += _price(s, out, ["hour", "hour", "hour", "day", "gpu"], 0.4)
    return "verb", text, out


def _simple(s: Slots, work: str, unit: str, things: list[tuple[str, str]], verbs: str, per: list[str], scale: str = "count",
            one: float = 0.05, pool: list[str] | None = None, model_form: str = "", span: float = 0.0) -> Line:  # fmt: skip
    out = {"intent": "buy_work", "work": work}
    singular, plural = s.pick(things)
    topic = ""
    if "{topic}" in singular + plural:
        topic = s.cased(s.pick(TOPICS))
    text, out["quantity"] = _count(s, s.x(singular, topic=topic), s.x(plural, topic=topic), scale, one)
    out["unit"] = unit
    if pool is not None and s.chance(0.5):
        model, out["model"] = choose_model(s, pool)
        text += " " + s.x(model_form, m=model)
    text = s.x(verbs, t=text)
    if s.chance(span):
        d, out["for"] = s.duration("days weeks months months hours years")
        text += " for " + d
    if s.chance(0.55):
        text += _price(s, out, per)
    return "verb", text, out


def _agent(s: Slots) -> Line:
    out = {"intent": "buy_work", "work": "agent"}
    job = s.pick(JOBS)
    kind = s.pick([("agent", "agents"), ("ai agent", "ai agents"), (job + " agent", job + " agents"), ("bot", "bots"), (job + " bot", job + " bots")])
    text, out["quantity"] = _count(s, *kind, "small", 0.75)
    out["unit"] = "agents"
    text = s.x("[hire|hire|rent|employ|book|get|get me|find me|engage|recruit|i need|contract] {t}", t=text)
    if s.chance(0.3):
        text += s.x(" to [watch my portfolio|book my flights|research the market|answer my emails|do my taxes|write a report|monitor prices|plan a trip|clean up my inbox|translate a manual|review my code|summarise the news|handle support tickets|find cheap flights|run my shop]")
    if s.chance(0.4):
        d, out["for"] = s.duration("hours days weeks months")
        text += " for " + d
    if s.chance(0.5):
        text += _price(s, out, ["hour", "day", "month", "agent", "week"])
    return "verb", text, out


KEYS = ("intent", "work", "quantity", "unit", "model", "for", "max_price", "quote", "per")


def _by_model(s: Slots) -> Line:
    """Work named by its verb: train a model for so long, make so many images."""
    model, name = choose_model(s, MODELS)
    kind = s.rng.randrange(4)
    if kind == 0:
        unit = s.pick(["hours", "epochs", "steps"])
        n, digits = s.number("count")
        text = s.x("[train|fine-tune|finetune|fine tune|retrain] {m} for {n} {u}", m=model, n=n, u=unit if digits != "1" else unit[:-1])
        out = {"intent": "buy_work", "work": "training", "quantity": digits, "unit": unit, "model": name}
    elif kind == 1:
        n, digits = s.number("count")
        text = s.x("[generate|make|create|make me|generate me|draw|order|buy] {n} [images|pictures|pics|images] [with|using|from] {m}", m=model, n=n)
        out = {"intent": "buy_work", "work": "inference", "quantity": digits, "unit": "images", "model": name}
    elif kind == 2:
        n, digits = s.number("count")
        text = s.x("[query|call|prompt|run] {m} {n} times", m=model, n=n) if digits != "1" else s.x("[query|call|prompt] {m} once", m=model)
        out = {"intent": "buy_work", "work": "inference", "quantity": digits, "unit": "requests", "model": name}
    else:
        n, digits = s.number("count")
        thing = s.x("[my animation|my scene|my movie|my short film|an animation|the trailer|my video|the intro|a clip]")
        text = s.x("render {t}[, {n} frames| of {n} frames|, all {n} frames|, it has {n} frames| ({n} frames)][| in {m}| with {m}]", t=thing, n=n, m=(tool := protect(s.cased(s.pick(["blender", "cycles", "octane", "mitsuba"])))))
        out = {"intent": "buy_work", "work": "render", "quantity": digits, "unit": "frames"}
        if tool in text:
            out["model"] = tool.strip("\x01\x02")
        if digits == "1":
            text = text.replace("frames", "frame")
    if s.chance(0.5):
        text += _price(s, out, [], 1.0)
    return "verb", text, out


def buy_work(s: Slots) -> Line:
    """Hire machines, models, data or agents."""
    pick = s.rng.random()
    if s.chance(0.09):
        form, text, out = _by_model(s)
    elif pick < 0.34:
        form, text, out = _gpu(s)
    elif pick < 0.46:
        form, text, out = _simple(s, "render", "frames", [("frame", "frames"), ("frame", "frames"), ("frame of animation", "frames of animation"), ("frame of my scene", "frames of my scene")],
                                  "[render {t}|render {t}|render {t}|render me {t}|have {t} rendered|get {t} rendered|order a render of {t}|buy a render of {t}|pay for rendering {t}|pay someone to render {t}|i need {t} rendered|outsource the rendering of {t}|buy rendering for {t}]", ["frame"], pool=["blender", "cycles", "eevee", "octane", "redshift", "mitsuba", "arnold"], model_form="[in|with|using] {m}")  # fmt: skip
    elif pick < 0.60:
        scale = "count" if s.chance(0.5) else "cash"
        if s.chance(0.55):
            form, text, out = _simple(s, "inference", "tokens", [("token", "tokens"), ("token of inference", "tokens of inference"), ("inference token", "inference tokens"), ("output token", "output tokens")], "<buyw> {t}", ["token", "million"], "cash", 0.0, MODELS, "[from|of|on|with] {m}")
        else:
            form, text, out = _simple(s, "inference", "requests", [("request", "requests"), ("inference request", "inference requests"), ("model call", "model calls"), ("query", "queries"), ("api call", "api calls"), ("completion", "completions"), ("prompt", "prompts"), ("answer", "answers"), ("inference", "inferences")], "<buyw> {t}", ["request"], scale, 0.0, MODELS, "[from|to|on|with] {m}")
    elif pick < 0.68:
        unit = s.pick(["gb", "gb", "tb", "tb", "mb"])
        long = {"gb": ["gb", "GB", "gigabytes", "gigs"], "tb": ["tb", "TB", "terabytes"], "mb": ["mb", "megabytes"]}[unit]
        name = s.pick(long)
        form, text, out = _simple(s, "storage", unit, [(f"{name.rstrip('s')} of [storage|disk|disk space|storage space]", f"{name} of [storage|disk|disk space|storage space]")], "[rent|buy|get|get me|lease|reserve|i need|book|order] {t}", [unit, "month"], "count", 0.1, span=0.5)
    elif pick < 0.75:
        form, text, out = _simple(s, "cpu", "cpus", [("cpu", "cpus"), ("cpu core", "cpu cores"), ("vcpu", "vcpus"), ("core", "cores"), ("cpu", "cpus"), ("processor", "processors")], "<rent> {t}", ["hour", "day", "cpu"], "small", 0.1, span=0.65)
    elif pick < 0.83:
        unit, things = s.pick([("hours", [("hour of [training|training time|fine-tuning|model training]", "hours of [training|training time|fine-tuning|model training]"), ("training hour", "training hours")]), ("epochs", [("epoch of [training|fine-tuning]", "epochs of [training|fine-tuning]"), ("training epoch", "training epochs")]), ("steps", [("training step", "training steps"), ("step of [training|fine-tuning]", "steps of [training|fine-tuning]")])])
        form, text, out = _simple(s, "training", unit, things, "<buyw> {t}", [unit[:-1]], "count", 0.08, MODELS, "[for|of|on] {m}")
    elif pick < 0.92:
        unit, things = s.pick([("rows", [("row of {topic} data", "rows of {topic} data"), ("row of {topic} data", "rows of {topic} data")]), ("records", [("{topic} record", "{topic} records")]), ("images", [("{topic} image", "{topic} images"), ("labeled {topic} image", "labeled {topic} images"), ("labelled image", "labelled images")]), ("samples", [("{topic} sample", "{topic} samples"), ("training sample", "training samples")]), ("datasets", [("{topic} dataset", "{topic} datasets"), ("dataset of {topic} data", "datasets of {topic} data"), ("{topic} data set", "{topic} data sets")])])
        verbs = "<buyw> {t}" if unit == "datasets" else "<buyw> [{t}|{t}|a dataset [of|with] {t}|a data set of {t}]"
        form, text, out = _simple(s, "dataset", unit, things, verbs, [unit[:-1]], "small" if unit == "datasets" else "count", 0.8 if unit == "datasets" else 0.0)
    else:
        form, text, out = _agent(s)
    form = "full" if text.startswith(("i need", "i want")) else form
    return form, " ".join(text.split()).replace(" ,", ","), {k: out[k] for k in KEYS if k in out}
