"""Values of the intent generator: numbers, money, tokens, names, days and durations, each with its canonical form."""

# ruff: noqa: E501 - tables of phrases
# fmt: off

from __future__ import annotations

import random
from decimal import Decimal

from weftwork.models.grammar.phrase import protect
from weftwork.models.lexicon import COMMON as ORDINARY
from weftwork.models.lexicon import STOP

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["_", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

# symbol -> spoken names; the symbol itself is always one of them
TOKENS: dict[str, list[str]] = {
    "ETH": ["ether", "ethereum", "Ethereum", "Ether", "ethers"],
    "BTC": ["bitcoin", "Bitcoin", "bitcoins"],
    "USDC": ["usd coin", "USD Coin"],
    "USDT": ["tether", "Tether"],
    "DAI": ["Dai"],
    "WETH": ["wrapped ether", "wrapped eth", "wETH"],
    "WBTC": ["wrapped bitcoin", "wrapped btc", "wBTC"],
    "STETH": ["stETH", "staked ether"],
    "SOL": ["solana", "Solana"],
    "LINK": ["chainlink", "Chainlink"],
    "UNI": [],
    "AAVE": [],
    "MATIC": [],
    "POL": [],
    "AVAX": ["avalanche", "Avalanche"],
    "DOGE": ["dogecoin", "Dogecoin"],
    "SHIB": ["shiba inu", "shiba"],
    "PEPE": ["Pepe"],
    "ADA": ["cardano", "Cardano"],
    "DOT": ["polkadot", "Polkadot"],
    "XRP": ["ripple", "Ripple"],
    "LTC": ["litecoin", "Litecoin"],
    "ARB": ["arbitrum"],
    "OP": [],
    "ATOM": ["cosmos"],
    "NEAR": [],
    "TAO": ["bittensor"],
    "AKT": ["akash"],
    "RNDR": [],
    "FET": [],
    "WEFT": ["weft"],
    "MKR": ["maker"],
    "CRV": ["curve tokens"],
    "COMP": [],
    "LDO": [],
    "RPL": [],
    "GRT": [],
    "FIL": ["filecoin"],
    "XMR": ["monero"],
    "BNB": [],
    "TON": ["toncoin"],
    "FRAX": ["frax"],
    "PYUSD": [],
    "EURC": [],
    "RETH": ["rETH"],
    "CBETH": ["cbETH"],
}
COMMON = ["ETH", "ETH", "ETH", "USDC", "USDC", "USDC", "BTC", "BTC", "DAI", "USDT", "SOL", "WETH", "WBTC", "LINK"]
STABLE = ["USDC", "USDC", "USDC", "USDT", "DAI"]
STAKED = ["ETH", "ETH", "ETH", "SOL", "TAO", "ATOM", "WEFT", "WEFT", "AVAX", "DOT", "ADA", "MATIC"]

FIAT: dict[str, tuple[str, list[str], list[str]]] = {
    # code -> sign, singular names, plural names
    "USD": ("$", ["dollar", "buck", "usd", "USD"], ["dollars", "dollars", "dollars", "bucks", "bucks", "usd", "USD",
                                                     "US dollars", "dollar", "buckaroos", "dollas", "smackers"]),
    "EUR": ("€", ["euro", "EUR"], ["euros", "euros", "euro", "eur", "EUR"]),
    "GBP": ("£", ["pound", "GBP"], ["pounds", "quid", "gbp", "GBP", "pounds sterling"]),
    "JPY": ("¥", ["yen"], ["yen", "JPY"]),
    "CHF": ("CHF ", ["franc"], ["francs", "swiss francs", "CHF"]),
    "CAD": ("C$", ["canadian dollar"], ["canadian dollars", "CAD", "cad"]),
    "AUD": ("A$", ["australian dollar"], ["australian dollars", "aussie dollars", "AUD"]),
    "INR": ("₹", ["rupee"], ["rupees", "INR", "indian rupees"]),
    "BRL": ("R$", ["real"], ["reais", "BRL", "brazilian reais"]),
    "MXN": ("MX$", ["peso"], ["pesos", "mexican pesos", "MXN"]),
    "CNY": ("CN¥", ["yuan"], ["yuan", "CNY", "renminbi"]),
    "KRW": ("₩", ["won"], ["won", "korean won", "KRW"]),
}  # fmt: skip

FIRST = ["rita", "bob", "alice", "carol", "dave", "mallory", "trent", "peggy", "maria", "juan", "pedro", "lucia", "mateo", "sofia", "diego", "carmen", "pablo", "elena", "marta", "ivan", "olga", "dmitri", "natasha", "sergei", "anya", "boris", "yuki", "hiro", "kenji", "sakura", "aiko", "haruto", "mei", "wei", "ling", "jun", "xiu", "chen", "li", "ming", "hui", "fang", "priya", "arjun", "rahul", "anita", "deepak", "sanjay", "kavya", "rohan", "meera", "vikram", "amir", "layla", "omar", "fatima", "hassan", "yusuf", "zainab", "ali", "noor", "samir", "aisha", "tariq", "kwame", "ama", "kofi", "efua", "chidi", "ngozi", "emeka", "amara", "tunde", "folake", "zuri", "jabari", "nia", "malik", "oluwaseun", "thandi", "sipho", "john", "mary", "james", "patricia", "robert", "jennifer", "michael", "linda", "william", "elizabeth", "david", "barbara", "richard", "susan", "joseph", "jessica", "thomas", "sarah", "charles", "karen", "christopher", "lisa", "daniel", "nancy", "matthew", "betty", "anthony", "sandra", "mark", "ashley", "donald", "emily", "steven", "donna", "paul", "kimberly", "andrew", "michelle", "joshua", "kenneth", "amanda", "kevin", "melissa", "brian", "deborah", "george", "stephanie", "edward", "laura", "ronald", "rebecca", "tim", "jason", "sharon", "jeff", "cynthia", "ryan", "kathleen", "jacob", "amy", "gary", "shirley", "nick", "angela", "eric", "anna", "jon", "brenda", "stephen", "pam", "larry", "emma", "justin", "nicole", "scott", "helen", "brandon", "sam", "ben", "samantha", "greg", "katherine", "frank", "christine", "alex", "debra", "ray", "rachel", "pat", "catherine", "jack", "janet", "dennis", "ruth", "jerry", "heather", "tyler", "diane", "aaron", "olivia", "jose", "julia", "adam", "joyce", "henry", "victoria", "nathan", "kelly", "doug", "joan", "zach", "evelyn", "peter", "lauren", "kyle", "judith", "walter", "christina", "ethan", "andrea", "jeremy", "megan", "harold", "cheryl", "keith", "jacqueline", "christian", "hannah", "roger", "martha", "noah", "gloria", "gerald", "teresa", "carl", "ann", "terry", "sara", "sean", "madison", "austin", "arthur", "kathryn", "noel", "lawrence", "jordan", "jesse", "jean", "dylan", "bryan", "joe", "gabriel", "bruce", "billy", "bea", "sal", "gus", "moe", "ike", "liv", "una", "ada", "ida", "otto", "hugo", "felix", "oscar", "leo", "max", "finn", "lars", "sven", "ingrid", "astrid", "bjorn", "freya", "nils", "greta", "klaus", "heidi", "jurgen", "uwe", "anke", "pierre", "claire", "luc", "amelie", "jacques", "chloe", "antoine", "manon", "giulia", "marco", "luca", "chiara", "paolo", "francesca", "matteo", "bianca", "joao", "ana", "tiago", "ines", "rui", "beatriz", "thiago", "larissa", "bruno", "camila", "zeynep", "mehmet", "ayse", "emre", "elif", "can", "deniz", "ahmet", "leila", "dariush", "shirin", "reza", "parisa", "minh", "linh", "tuan", "thao", "nguyen", "bao", "somchai", "malee", "siti", "budi", "dewi", "putu", "aroha", "tane", "moana", "hemi", "kiri", "niamh", "siobhan", "aoife", "cian", "declan", "fiona", "ewan", "isla", "rhys", "gwen", "bronwyn", "owen", "zoe", "eleni", "nikos", "yannis", "sofia", "kostas", "zofia", "piotr", "kasia", "marek", "jana", "pavel", "eszter", "laszlo", "andrei", "ioana", "mihai", "vesna", "goran", "mira", "luka", "petra", "tomas", "eva", "katya", "misha", "lena", "vera", "zara", "theo", "iris", "nora", "ruby"]
LAST = ["lopez", "garcia", "smith", "jones", "patel", "singh", "kim", "park", "nguyen", "tanaka", "sato", "muller", "schmidt", "rossi", "silva", "santos", "ivanov", "kowalski", "okafor", "mensah", "diallo", "haddad", "cohen", "levy", "murphy", "kelly", "brown", "wilson", "taylor", "clark", "lewis", "young", "king", "wright", "hill", "green", "baker"]
ACCENTED = ["José", "Zoë", "François", "Chloé", "André", "Renée", "Siân", "Jürgen", "Björn", "Søren", "Åsa", "Łukasz", "Małgorzata", "Ömer", "Şeyma", "Çağla", "Ángel", "Íñigo", "Núria", "Ñusta", "Dvořák", "Jiří", "Žofie", "Élodie", "Gaël", "Noël", "Thérèse", "Müller", "Günther", "Ünal", "Đorđe", "Ștefan", "Bálint", "Göran", "Kärt", "Mäkinen", "Ólafur", "Þóra"]
COMPANY = """
netflix|spotify|the red cross|acme corp|the electric company|con edison|verizon|comcast|the water company|unicef|wikipedia
state farm|the insurance company|amazon|github|the tax office|the university|the hospital|doctors without borders|city hall
green valley farm|joe's diner|blue bottle|the bookshop|the coffee shop|the bakery|the butcher|planet fitness|the phone company
hello fresh|the new york times|the internet provider|the school|the kindergarten|the charity|the animal shelter|hetzner
""".replace("\n", "|").strip("|").split("|")
ROLES = """
landlord|mom|mum|dad|sister|brother|boss|roommate|flatmate|gym|cleaner|savings account|savings wallet|cold wallet
hardware wallet|ledger|plumber|dentist|accountant|babysitter|tutor|treasury|payroll|dao|nanny|gardener|lawyer|wife
husband|daughter|son|grandma|grandpa|cousin|uncle|aunt|neighbor|neighbour|band|church|charity|dog walker|designer
contractor|therapist|hairdresser|personal trainer|vault|other wallet|main wallet|trading account|burner|co-op
piano teacher|milkman|web host|developer|editor|translator|intern|assistant|ex|partner|team wallet|multisig|safe
""".replace("\n", "|").strip("|").split("|")
DEFI = ["uniswap", "aave", "compound", "lido", "curve", "1inch", "opensea", "balancer", "sushiswap", "pancakeswap", "yearn", "maker", "morpho", "spark", "gmx", "dydx", "stargate", "metamask", "rainbow", "zapper", "paraswap", "cowswap", "blur", "raydium", "jupiter", "orca", "eigenlayer", "rocketpool", "frax", "convex", "pendle", "ethena", "seaport", "permit2", "across", "hop", "lifi", "socket", "kyberswap", "velodrome", "aerodrome", "traderjoe", "quickswap", "venus", "radiant", "euler", "fluid"]
STAKING = ["lido", "rocketpool", "eigenlayer", "jito", "marinade", "stader", "swell", "ankr", "figment", "chorus", "everstake", "p2p", "etherfi", "kiln"]
VENUES = ["rocket pool", "chorus one", "stake wise", "ether fi", "aave v3", "compound v3", "north node", "block daemon", "moon well", "just lend", "iron bank", "blue stake", "green pool", "deep node", "prime lend"]
LENDING = ["aave", "compound", "morpho", "spark", "euler", "venus", "radiant", "maker", "fluid", "silo", "benqi", "kamino", "solend", "notional"]
HANDLES = ["degen", "whale", "ape", "moon", "chad", "wizard", "alpha", "king", "lord", "trader", "bull", "bear", "pepe", "frog", "ninja", "shark", "fox", "wolf", "cobie", "gainz", "sats", "hodl", "sniper", "oracle", "punk", "anon", "kitty", "hawk", "tiger", "zen", "dragon", "master", "queen", "flip", "turbo", "giga", "laser", "vault", "block", "defi", "yield"]

_CONS = ["b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "x", "z", "ch", "sh", "th", "br", "dr", "gr", "kr", "tr", "bl", "cl", "fl", "gl", "pl", "st", "sk", "sp", "qu", "ph"]
_VOWS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ai", "ea", "ou", "ie", "oo", "y", "ia"]
_ENDS = ["n", "r", "l", "s", "t", "x", "k", "m", "nd", "rt", "ck", "ll", "ss", "ng", "th", "z"]


_TAKEN = {"all", "any", "are", "buy", "can", "coin", "coins", "could", "day", "did", "does", "done", "for", "from", "had", "half", "has", "have", "her", "here", "him", "his", "how", "lend", "loan", "max", "min", "mine", "more", "most", "new", "not", "now", "one", "our", "out", "own", "pay", "per", "sell", "send", "shall", "she", "six", "some", "stake", "swap", "ten", "than", "that", "the", "them", "then", "there", "they", "this", "those", "too", "two", "what", "when", "who", "why", "with", "yes", "you"}  # fmt: skip


def synth(rng: random.Random, syllables: int = 0) -> str:
    """A pronounceable name that is probably new."""
    out = ""
    for _ in range(syllables or rng.choice((1, 2, 2, 2, 3, 3, 4))):
        if rng.random() < 0.85 or not out:
            out += rng.choice(_CONS)
        out += rng.choice(_VOWS)
        if rng.random() < 0.3:
            out += rng.choice(_ENDS)
    if len(out) < 3 or out in _TAKEN:
        out += rng.choice(_VOWS) + rng.choice(_ENDS)
    return out


def address(rng: random.Random) -> str:
    """A hexadecimal address: mostly the full 40 digits, sometimes a short one."""
    size = 40 if rng.random() < 0.78 else rng.randint(3, 14)
    style = rng.random()
    body = "".join(rng.choice("0123456789abcdef") for _ in range(size))
    if style < 0.35:
        body = "".join(c.upper() if rng.random() < 0.5 else c for c in body)
    elif style < 0.42:
        body = body.upper()
    elif style < 0.47:
        body = rng.choice(["dead", "beef", "cafe", "babe", "f00d", "feed", "c0ffee"]) + body[: max(1, size - 4)]
        body = body[:size]
    return "0x" + body


def handle(rng: random.Random) -> str:
    """An account name such as ``degen_wolf42``."""
    pick = rng.random()
    if pick < 0.35:
        name = rng.choice(HANDLES) + rng.choice(["", "_", ""]) + rng.choice(HANDLES)
    elif pick < 0.6:
        name = rng.choice(HANDLES) + rng.choice(["", "_"]) + rng.choice(FIRST)
    elif pick < 0.8:
        name = synth(rng) + rng.choice(["", "_", ""]) + rng.choice(HANDLES)
    else:
        name = synth(rng)
    if rng.random() < 0.35:
        name += str(rng.randint(1, 999))
    return name.capitalize() if rng.random() < 0.15 else name


def ens(rng: random.Random) -> str:
    """A domain name of a wallet."""
    base = rng.choice(FIRST) if rng.random() < 0.35 else (synth(rng) if rng.random() < 0.6 else handle(rng))
    base = base.replace("_", "-").lower()
    if rng.random() < 0.15:
        base += "-" + rng.choice(FIRST)
    if rng.random() < 0.12:
        base = rng.choice(["pay", "wallet", "vault", "dao", "main"]) + "." + base
    tail = rng.choice(["eth"] * 14 + ["base.eth", "cb.id", "lens", "sol", "xyz", "crypto", "weft"])
    return f"{base}.{tail}"


def person(rng: random.Random, lower: bool = False) -> str:
    """A name as people write it: lower case half of the time."""
    pick = rng.random()
    if pick < 0.025:
        name = rng.choice(ACCENTED)
        return name.lower() if lower or rng.random() < 0.3 else name
    if pick < 0.05:
        title = rng.choice(["Dr.", "Mr.", "Mrs.", "Ms.", "Prof.", "Dr", "Mr", "Mrs", "Aunt", "Uncle", "Grandma", "Coach", "Sir"])
        name = f"{title} {(rng.choice(LAST) if rng.random() < 0.5 else synth(rng, 2)).capitalize()}"
        return name.lower() if rng.random() < 0.3 else name
    if pick < 0.06:
        return f"{rng.choice('ABCDEFGHJKLMNPRST')}. {synth(rng, 2).capitalize()}"
    if pick < 0.075:
        base = rng.choice(["O'", "D'", "Mc", "Mac", "Van ", "De ", "Al-"]) + synth(rng, 2).capitalize()
        return base.lower() if rng.random() < 0.3 else base
    if pick < 0.09:
        base = rng.choice(FIRST).capitalize() + "-" + rng.choice(FIRST).capitalize()
        return base.lower() if rng.random() < 0.3 else base
    name = rng.choice(FIRST) if pick < 0.45 else synth(rng)
    name = name if lower or rng.random() < 0.42 else name.capitalize()
    if rng.random() < 0.07:
        last = rng.choice(LAST) if rng.random() < 0.5 else synth(rng, 2)
        name += " " + (last.capitalize() if name[0].isupper() else last)
    return name


def ticker(rng: random.Random, pool: list[str] | None = None) -> tuple[str, str]:
    """``(as written, symbol)`` of a token, sometimes one that never existed."""
    pick = rng.random()
    if pool is not None and pick < 0.84:
        symbol = rng.choice(pool)
    elif pick < 0.62:
        symbol = rng.choice(COMMON)
    elif pick < 0.91:
        symbol = rng.choice(list(TOKENS))
    else:
        return _unseen(rng)
    style = rng.random()
    if style < 0.5:
        return symbol, symbol
    if style < 0.80:
        return symbol.lower(), symbol
    if style < 0.83:
        return symbol.capitalize(), symbol
    if style < 0.86:
        return "$" + (symbol if rng.random() < 0.7 else symbol.lower()), symbol
    names = TOKENS[symbol]
    return (rng.choice(names) if names else symbol), symbol


def _unseen(rng: random.Random) -> tuple[str, str]:
    symbol = "WHY"
    while symbol.lower() in STOP or symbol.lower() in ORDINARY:
        if rng.random() < 0.5:
            symbol = "".join(
                rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.choice((3, 3, 4, 4, 5)))
            )
        else:
            symbol = synth(rng, 2)[:6].upper()
    style = rng.random()
    if style < 0.6:
        return symbol, symbol
    if style < 0.85:
        return symbol.lower(), symbol
    if style < 0.9:
        return symbol.capitalize(), symbol
    return "$" + symbol, symbol


def plain(value: Decimal) -> str:
    """Plain digits: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def spell(n: int, rng: random.Random) -> str:
    """A whole number in words, with the usual variants."""
    if n < 20:
        return ONES[n]
    if n < 100:
        ten, one = divmod(n, 10)
        return TENS[ten] + (rng.choice(["-", " ", "-"]) + ONES[one] if one else "")
    if n < 1000:
        hundred, rest = divmod(n, 100)
        head = ("a" if hundred == 1 and rng.random() < 0.5 else ONES[hundred]) + " hundred"
        return head + (rng.choice([" and ", " "]) + spell(rest, rng) if rest else "")
    if n < 10000 and n % 100 == 0 and n % 1000 and rng.random() < 0.4:
        return spell(n // 100, rng) + " hundred"
    for size, word in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if n >= size:
            top, rest = divmod(n, size)
            head = ("a" if top == 1 and rng.random() < 0.5 else spell(top, rng)) + " " + word
            joint = rng.choice([" and ", " ", ", "]) if rest < 100 else rng.choice([" ", ", "])
            return head + (joint + spell(rest, rng) if rest else "")
    raise ValueError(n)


def value(rng: random.Random, scale: str) -> Decimal:
    """A number that fits the scale: ``token``, ``cash``, ``price``, ``count``, ``small`` or ``percent``."""
    pick = rng.random()
    if scale == "percent":
        if pick < 0.45:
            return Decimal(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50]))
        if pick < 0.95:
            return Decimal(rng.choice(["0.5", "0.1", "0.3", "1.5", "2.5", "0.25", "0.75", "0.05", "0.2", "0.8", "3.5"]))
        return Decimal(rng.randint(1, 9999)) / 100
    if scale == "count":
        return Decimal(rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 50, 64, 100, rng.randint(1, 99),
                                   rng.randint(1, 999), rng.randint(1, 99) * 10, rng.randint(1, 99) * 100]))  # fmt: skip
    if scale == "small":
        return Decimal(rng.choice([1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15, 20, 24, 30, 45, 60, 90]))
    if scale == "price":
        if pick < 0.35:
            return Decimal(rng.randint(10, 99) * 100)
        if pick < 0.5:
            return Decimal(rng.randint(1, 200) * 1000)
        if pick < 0.65:
            return Decimal(rng.randint(100, 9999))
        if pick < 0.75:
            return Decimal(rng.randint(1, 500))
        if pick < 0.87:
            return Decimal(rng.randint(1, 99999)) / 100
        if pick < 0.93:
            return Decimal(rng.randint(1, 9999)) / 10000
        return Decimal(rng.randint(10000, 150000))
    if scale == "cash":
        if pick < 0.3:
            return Decimal(rng.randint(1, 100))
        if pick < 0.5:
            return Decimal(rng.choice([50, 100, 150, 200, 250, 300, 400, 500, 600, 750, 800, 1000, 1200, 1500, 2000, 2500,
                                       3000, 5000, 7500, 10000, 20000, 25000, 50000, 100000]))  # fmt: skip
        if pick < 0.65:
            return Decimal(rng.randint(100, 9999))
        if pick < 0.78:
            return Decimal(rng.randint(100, 99999)) / 100
        if pick < 0.86:
            return Decimal(rng.randint(1, 99)) + Decimal("0.5")
        if pick < 0.93:
            return Decimal(rng.randint(1, 99) * 100)
        return Decimal(rng.choice([rng.randint(10, 999) * 1000, rng.randint(1, 99) * 100000, rng.randint(1, 9) * 10**6,
                                   rng.randint(10000, 9999999)]))  # fmt: skip
    if pick < 0.3:
        return Decimal(rng.randint(1, 50))
    if pick < 0.45:
        return Decimal(rng.randint(1, 999)) / 100
    if pick < 0.55:
        return Decimal(rng.randint(1, 9)) / 10
    if pick < 0.65:
        return Decimal(rng.randint(1, 20)) + Decimal("0.5")
    if pick < 0.75:
        return Decimal(rng.randint(1, 9999)) / 10 ** rng.choice((3, 4, 5))
    if pick < 0.85:
        return Decimal(rng.choice([10, 20, 25, 32, 40, 50, 60, 75, 100, 150, 200, 250, 300, 500, 1000, 2000, 5000]))
    if pick < 0.95:
        return Decimal(rng.randint(51, 9999))
    return Decimal(rng.choice([rng.randint(1, 99) * 1000, rng.randint(1, 99) * 10**6, rng.randint(1000, 999999)]))


def written(v: Decimal, rng: random.Random, words: float = 0.16) -> str:
    """A number as someone may type or say it; digits are protected from typos."""
    text = plain(v)
    whole = v == v.to_integral_value()
    forms: list[str] = []
    if rng.random() < words:
        if whole:
            n = int(v)
            if n <= 20 or (n < 100 and rng.random() < 0.8) or (n < 10000 and len(str(n).rstrip("0")) <= 3):
                forms += [spell(n, rng)] * 3
                if 100 <= n < 200 and forms[-1].startswith("a hundred") and rng.random() < 0.2:
                    forms += [forms[-1][2:]]
            elif n >= 1000 and len(str(n).rstrip("0")) <= 3:
                forms += [spell(n, rng)] * 2
            elif n < 10000 and rng.random() < 0.1:
                forms += [spell(n, rng)]
            if n == 2:
                forms += ["a couple", "a couple of"]
            if n in (200, 2000):
                unit = "hundred" if n == 200 else "thousand"
                forms += [f"a couple {unit}", f"a couple of {unit}", f"couple {unit}"]
            if n % 12 == 0 and 0 < n // 12 <= 10:
                forms += ["a dozen" if n == 12 else spell(n // 12, rng) + " dozen"]
            if n % 500 == 0 and n % 1000 and n < 100000:
                k = n // 1000
                half = rng.choice(["k", "grand", "thousand", "thousand"])
                forms += [f"{spell(k, rng)} and a half {half}" if k else "half a thousand"]
            if n % 500_000 == 0 and n % 10**6 and n > 10**6:
                forms += [f"{spell(n // 10**6, rng)} and a half million"]
            if n % 1000 == 0 and n < 100_000:
                forms += [spell(n // 1000, rng) + rng.choice([" k", " thousand", " grand", "k"])]
        else:
            i, frac = int(v), text.split(".")[1]
            if frac == "5":
                forms += [f"{spell(i, rng)} and a half"] * 2 if i else []
                if 0 < i < 100:
                    forms += [f"{i} and a half", f"{i} 1/2"]
                if i == 1:
                    forms += ["one and a half", "1 and a half"]
            if frac == "25" and 0 < i < 20:
                forms += [f"{spell(i, rng)} and a quarter"]
            if frac == "75" and 0 < i < 20:
                forms += [f"{spell(i, rng)} and three quarters"]
            if (len(frac) == 1 or frac in ("25", "75") or rng.random() < 0.15) and len(frac) <= 2 and i < 100:
                tail = " ".join(ONES[int(c)] for c in frac)
                if len(frac) == 2 and frac[0] != "0" and rng.random() < 0.4:
                    tail = spell(int(frac), rng)
                forms += [f"{spell(i, rng)} point {tail}"] * 2
                if not i:
                    forms += [f"point {tail}", f"nought point {tail}"]
    if forms:
        return rng.choice(forms)
    forms = [text] * 6
    if v >= 1000:
        if whole:
            forms += [f"{int(v):,}"] * 4
        else:
            head, frac = text.split(".")
            forms += [f"{int(head):,}.{frac}"] * 3
    if whole and v >= 1000 and v % 100 == 0 and v < 1_000_000:
        k = plain(v / 1000)
        forms += [k + "k"] * 4 + [k + "K", k + " k", k + " thousand", k + " thousand", k + " grand"]
    if whole and v >= 1_000_000 and v % 100_000 == 0:
        m = plain(v / 1_000_000)
        forms += [m + "m", m + "M", m + " million", m + " million", m + " mil", m + "mm"]
    if not whole:
        if v < 1:
            forms += [text[1:]] * 2
        if text in ("0.5", "0.25", "0.75"):
            forms += [{"0.5": "1/2", "0.25": "1/4", "0.75": "3/4"}[text]]
        if len(text.split(".")[1]) == 1:
            forms += [text + "0"] * 2
    elif rng.random() < 0.05:
        forms += [text + ".00", text + ".0"]
    return protect(rng.choice(forms))
