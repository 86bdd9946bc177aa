"""A second task that has nothing to do with the first: wishes into house commands, generated here. A command is made of words that the
starter model has read often, as a real model knows the tokens of its answers."""
import random

from work import write_rows

ROOMS = ["kitchen", "garden", "bedroom", "bathroom", "living room", "garage", "cellar", "attic", "hall", "office"]
# thing: state it should be in: how that is wished
WISHES = {"lamp": {"light": "turn the lamp in the {room} on", "dark": "switch off the {room} lamp"},
          "box": {"open": "open the box in the {room}", "closed": "close the {room} box"},
          "drawer": {"open": "open the {room} drawer", "closed": "close the drawer in the {room}"},
          "bottle": {"full": "fill the bottle in the {room}", "empty": "pour out the {room} bottle"},
          "basket": {"full": "fill the {room} basket", "empty": "take everything out of the basket in the {room}"},
          "plate": {"clean": "wash the plate in the {room}", "cold": "let the {room} plate cool"},
          "soup": {"hot": "warm the soup in the {room}", "cold": "put ice into the {room} soup"},
          "drum": {"loud": "play the drum in the {room} with all your strength", "quiet": "stop the {room} drum"}}
HOURS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
TIMES = ["noon", *(f"{hour} o'clock" for hour in HOURS), "half past eight", "half past three", "half past six"]
FORMS = ["Please {}.", "Could you {}?", "I would like you to {}.", "{}, please.", "Do {} for me."]
PARTS = {"train": 600, "validation": 80, "test": 200}


def house_row(rng):
    """A wish and the command it means: when, where, what, state."""
    thing, room = rng.choice(sorted(WISHES)), rng.choice(ROOMS)
    state = rng.choice(sorted(WISHES[thing]))
    text, time = WISHES[thing][state].format(room=room), "today"
    if rng.random() < 0.6:
        time = rng.choice(TIMES)
        text += " at " + time
    text = rng.choice(FORMS).format(text)
    return {"messages": [{"role": "user", "content": "Turn this wish into a house command.\n\n" + text[0].upper() + text[1:]},
                         {"role": "assistant", "content": ", ".join([time, room, thing, state])}]}


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
