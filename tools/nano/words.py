"""The words the nano model knows, and sentences of them.

A sentence belongs to the training set or to the evaluation set by its hash
alone (`is_held_out`), so the two sets cannot meet whoever draws them.
"""
import hashlib
import random

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = "first second third fourth fifth last next".split()
SPELLING = ("alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa "
            "quebec romeo sierra tango uniform victor whiskey yankee zulu").split()
COLOURS = "red orange yellow green blue purple pink brown black white gray silver gold dark light bright".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
MONTHS = ("january february march april may june july august september october november december").split()
TIMES = ("today tomorrow yesterday morning afternoon evening night tonight now later soon again always never noon "
         "midnight hour hours minute minutes seconds week month year clock").split()
ROOMS = "kitchen bedroom bathroom garage garden office".split()
DEVICES = "light lights lamp music radio television heater fan alarm timer camera computer screen phone".split()
NOUNS = ("door window volume temperature message email weather news coffee tea water bread milk apple banana orange "
         "book paper pen key keys car bus train house room table chair box bag shoe hat shirt coat dog cat bird fish "
         "horse tree flower river mountain sun moon star rain snow wind mother father brother sister friend boy girl "
         "man woman child people school hospital market street road city country world fellow americans speech text "
         "system test voice word words letter number name question answer time money food dinner lunch breakfast "
         "hand head eye heart").split() + ROOMS + DEVICES
VERBS = ("turn switch set open close start stop play pause call send read write tell show give take bring find go "
         "come wait help make put ask look listen walk run eat drink sleep buy sell need want like love know think "
         "see hear say").split()
AUXILIARIES = "can could will would should do does is are was am have has had".split()
ADJECTIVES = ("big small long short old new young good bad hot cold warm cool fast slow high low happy sad easy hard "
              "full empty left right ready loud quiet").split()
PLACES = "in on under over at with from by".split()
OTHERS = ("the a an and or not to of off up down for my your his her our their this that these those it i you he she "
          "we they me him them us what where when who why how here there all some many very more less please thank "
          "thanks yes no hello goodbye okay sorry welcome so but if out hundred thousand million degrees percent "
          "times front back louder quieter plus minus equals point").split()
WORDS = sorted({*DIGITS, *TEENS, *TENS, *ORDINALS, *SPELLING, *COLOURS, *DAYS, *MONTHS, *TIMES, *NOUNS, *VERBS,
                *AUXILIARIES, *ADJECTIVES, *PLACES, *OTHERS})

COUNTABLE = sorted(set(NOUNS) - set("people money food water lights keys americans text rain snow music news milk "
                                    "bread coffee tea".split()))
QUALITIES = sorted(set(ADJECTIVES + COLOURS) - {"left", "right"})
OWNERS = "the my your his her our their this that".split()

# A template is text with {slots}; `number` is made by a function, the rest are word lists.
SLOTS = {
    "digit": DIGITS, "small": DIGITS[1:] + TEENS, "tens": TENS, "ordinal": ORDINALS[:5], "spell": SPELLING,
    "day": DAYS, "month": MONTHS, "room": ROOMS, "device": DEVICES, "noun": NOUNS, "thing": COUNTABLE,
    "quality": QUALITIES, "owner": OWNERS, "verb": VERBS, "place": PLACES, "any": WORDS, "time": TIMES[:13],
    "colour": COLOURS, "ask": "what where when who why how".split(), "be": "is are was".split(),
    "who": "i you we they".split(), "whom": "me him her them us".split(),
    "feel": "want need like love see have know hear".split(),
    "aux": "can could will would should do".split(), "pass": "send read write call tell give bring show".split(),
    "move": "go come walk run look turn".split(), "to": "left right up down back here there".split(),
    "switch": ["turn on", "turn off", "switch on", "switch off"], "unit": ["minutes", "seconds", "hours"],
    "amount": ["temperature", "volume", "alarm", "timer", "heater"], "kin": "mother father brother sister".split(),
    "greet": ["hello", "goodbye", "thank you", "yes please", "no thanks", "good morning", "good night",
              "good evening", "okay", "sorry", "welcome"],
    "is": ["today is", "tomorrow is", "yesterday was", "it is", "this is", "that was"],
    "end": ["", "", "please", "now", "again", "later", "tonight"], "measure": ["", "degrees", "percent"],
    "part": ["", "morning", "afternoon", "evening", "night"], "join": ["and", "but", "or", "so", "if"],
}
TEMPLATES = [
    "{number}", "{number} plus {small} equals {number}", "{number} minus {small} equals {number}",
    "{number} times {small} equals {number}", "{spell} {spell} {digit} {digit}", "{spell} {spell} {spell} {digit}",
    "{spell} {digit} {digit} {spell}", "{digit} {digit} {digit} {digit} {digit}", "{digit} {digit} {digit}",
    "{switch} the {room} {device} {end}", "{switch} the {device} {end}", "please {switch} {owner} {device}",
    "set the {amount} to {number} {measure} {end}", "set a timer for {number} {unit}",
    "set an alarm for {number} {unit}", "open the {room} door {end}", "close {owner} {room} window {end}",
    "{day} {month} {number}", "{is} {day} {part}", "{is} the {ordinal} of {month}", "it is {small} in the morning",
    "call me at {small} {tens} {time}", "wait for {number} {unit}", "{owner} {quality} {thing} is {quality}",
    "{owner} {thing} is not very {quality}", "{who} {feel} the {quality} {noun}", "{who} {feel} some more {noun}",
    "he was a {quality} {thing}", "she has had {owner} {noun}", "it is very {quality} {time}",
    "{ask} {be} {owner} {noun}", "{ask} {be} the {quality} {noun}", "{aux} {who} {verb} {owner} {noun} {end}",
    "{aux} {who} {verb} {whom} {time}", "{greet} {owner} {noun}", "{greet} my friend", "{greet} {kin}",
    "{pass} {whom} {owner} {noun} {end}", "{pass} {whom} a {quality} {thing}", "the {noun} {place} the {noun}",
    "{owner} {thing} {place} {owner} {thing}", "{move} {to}", "{move} to the {noun} {end}", "{move} {to} and {move} {to}",
    "this is a {quality} {thing}", "this is a test of the {noun}", "there are {number} {noun}",
    "{who} are {place} the {noun}", "how many {noun} {aux} {who} {verb}", "all {noun} are {quality} and {quality}",
]


def number(r: random.Random) -> str:
    """A spoken number, most of them small."""
    digit = lambda: r.choice(DIGITS[1:])
    two = r.choice(TENS) + (" " + digit() if r.random() < .8 else "")
    kind = r.random()
    if kind < .35:
        return r.choice(DIGITS + TEENS)
    if kind < .6:
        return two
    if kind < .8:
        return f"{digit()} hundred{' and' if r.random() < .4 else ''} {two}"
    if kind < .92:
        return f"{r.choice(DIGITS[1:] + TEENS)} {'thousand' if r.random() < .8 else 'million'}" + \
               (f" {digit()} hundred" if r.random() < .5 else "")
    return f"{digit()} point {r.choice(DIGITS)}"


def clause(r: random.Random) -> str:
    """One filled template."""
    words = []
    for part in r.choice(TEMPLATES).split():
        if part == "{number}":
            words.append(number(r))
        elif part.startswith("{"):
            words.append(r.choice(SLOTS[part[1:-1]]))
        else:
            words.append(part)
    return " ".join(" ".join(words).split())


def draw(r: random.Random) -> str:
    """A sentence: words at random (so that no grammar helps), one clause, or two."""
    kind = r.random()
    if kind < .5:
        return " ".join(r.choice(WORDS) for _ in range(r.randint(1, 7)))
    if kind < .8:
        return clause(r)
    return f"{clause(r)} {r.choice(SLOTS['join'] + [''])} {clause(r)}".replace("  ", " ")


def is_held_out(sentence: str) -> bool:
    """True for the twentieth part of all sentences, which only the evaluation may use."""
    return hashlib.blake2b(sentence.encode(), digest_size=4).digest()[0] % 20 == 0


def training_sentence(r: random.Random) -> str:
    while True:
        sentence = draw(r)
        if not is_held_out(sentence):
            return sentence


def evaluation_sentence(r: random.Random) -> str:
    """A held-out sentence of four words or more."""
    while True:
        sentence = draw(r)
        if is_held_out(sentence) and len(sentence.split()) >= 4:
            return sentence
