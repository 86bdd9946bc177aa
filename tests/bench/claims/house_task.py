"""A second task that has nothing to do with the first: wishes into house commands, generated here."""
import random

from work import write_rows

ROOMS = ["kitchen", "hall", "bedroom", "garage", "bathroom", "office", "cellar", "garden"]
THINGS = {"lamp": ["on", "off", "dim"], "heater": ["on", "off", "set"], "blind": ["open", "close"], "radio": ["on", "off", "set"],
          "fan": ["on", "off"], "door": ["lock", "open"]}
HOURS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
WORDS = {"on": "turn the {t} in the {r} on", "off": "switch off the {r} {t}", "dim": "dim the {t} in the {r} to {v}",
         "set": "set the {r} {t} to {v}", "open": "open the {t} in the {r}", "close": "close the {r} {t}", "lock": "lock the {r} {t}"}
PARTS = {"train": 600, "validation": 80, "test": 200}


def house_row(rng):
    """A wish and the command it means: thing, room, action, value or -, time or -."""
    thing = rng.choice(sorted(THINGS))
    action, room = rng.choice(THINGS[thing]), rng.choice(ROOMS)
    value = str(rng.randrange(1, 10) * 10) if action in ("dim", "set") else "-"
    text, time = WORDS[action].format(t=thing, r=room, v=value), "-"
    if rng.random() < 0.6:
        hour, half = rng.randrange(12), rng.random() < 0.5
        text += f" at half past {HOURS[hour]}" if half else f" at {HOURS[hour]} o'clock"
        time = f"{hour + 1:02d}:{'30' if half else '00'}"
    text = rng.choice(["Please {}.", "Could you {}?", "I would like you to {}.", "{}, please.", "Do {} for me."]).format(text)
    return {"messages": [{"role": "user", "content": "Turn this wish into a house command.\n\n" + text[0].upper() + text[1:]},
                         {"role": "assistant", "content": f"{thing}|{room}|{action}|{value}|{time}"}]}


def house_files(work):
    """Files of rows by name, no wish twice."""
    rng, rows = random.Random(11), {}
    while len(rows) < sum(PARTS.values()):
        row = house_row(rng)
        rows.setdefault(row["messages"][0]["content"], row)
    rest, paths = list(rows.values()), {}
    for name, count in PARTS.items():
        paths[name], part, rest = work.path("house", name + ".jsonl"), rest[:count], rest[count:]
        write_rows(paths[name], part)
    return paths


def exact(texts, rows):
    return [float(text.strip() == row["messages"][-1]["content"]) for text, row in zip(texts, rows)]
