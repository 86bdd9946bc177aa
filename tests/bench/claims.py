#!/usr/bin/env python3
"""The claims of the field on the starter model and the sample task, measured with attune-cli alone.

    python3 tests/bench/claims.py CLI RESOURCES OUT [--seeds 1 2 3] [--epochs N] [--second-epochs N] [--threads N]

1. LoRA with at most 2 % trained parameters against full fine-tuning: share of exact fields on the sample's test rows.
2. A second task (wishes into house commands, generated here) after the first, with each protection against forgetting: what was gained of
   the second task, what was lost of the general data and of the first task.

Finished runs in OUT are kept: the script continues where it was stopped. Prints tables in Markdown, writes OUT/results.json and
OUT/forgetting.svg. Python's own library only.
"""
import argparse
import json
import math
import os
import random
import subprocess
import sys

# Of the first task: name, method, its settings, learning rate, factor of the epochs. Each method has a rate that suits it.
FIRST = [("full", "full", {}, 0.001, 1), ("LoRA r 3", "lora", {"r": 3, "alpha": 6}, 0.008, 2)]
SECOND_RATE = {"full": 0.001, "lora": 0.004, "progressive": 0.001}
# method, its settings, protection, its settings, factor of the learning rate
SECOND = {
    "full": ("full", {}, "none", {}, 1),
    "full, replay 15 %": ("full", {}, "replay", {"share": 0.15}, 1),
    "LoRA": ("lora", {"r": 3, "alpha": 6}, "none", {}, 1),
    "LoRA, replay 15 %": ("lora", {"r": 3, "alpha": 6}, "replay", {"share": 0.15}, 1),
    "full, memory 20 %": ("full", {}, "memory", {"share": 0.2}, 1),
    "full, EWC": ("full", {}, "ewc", {"strength": 1000}, 1),
    "full, L2-SP": ("full", {}, "l2_sp", {"strength": 0.01}, 1),
    "full, a tenth of the rate": ("full", {}, "none", {}, 1 / 10),
    "progressive blocks": ("progressive", {"new_blocks": 2}, "none", {}, 1),
    "full, a third of the rate": ("full", {}, "none", {}, 1 / 3),
}
ROOMS = ["kitchen", "hall", "bedroom", "garage", "bathroom", "office", "cellar", "garden"]
THINGS = {"lamp": ["on", "off", "dim"], "heater": ["on", "off", "set"], "blind": ["open", "close"], "radio": ["on", "off", "set"],
          "fan": ["on", "off"], "door": ["lock", "open"]}
HOURS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def house_row(rng):
    """A wish and the command it means: thing, room, action, value or -, time or -."""
    thing = rng.choice(sorted(THINGS))
    action, room = rng.choice(THINGS[thing]), rng.choice(ROOMS)
    value = str(rng.randrange(1, 10) * 10) if action in ("dim", "set") else "-"
    words = {"on": "turn the {t} in the {r} on", "off": "switch off the {r} {t}", "dim": "dim the {t} in the {r} to {v}",
             "set": "set the {r} {t} to {v}", "open": "open the {t} in the {r}", "close": "close the {r} {t}", "lock": "lock the {r} {t}"}
    text = words[action].format(t=thing, r=room, v=value)
    time = "-"
    if rng.random() < 0.6:
        hour = rng.randrange(12)
        half = rng.random() < 0.5
        text += f" at half past {HOURS[hour]}" if half else f" at {HOURS[hour]} o'clock"
        time = f"{hour + 1:02d}:{'30' if half else '00'}"
    text = rng.choice(["Please {}.", "Could you {}?", "I would like you to {}.", "{}, please.", "Do {} for me."]).format(text)
    text = text[0].upper() + text[1:]
    return {"messages": [{"role": "user", "content": "Turn this wish into a house command.\n\n" + text},
                         {"role": "assistant", "content": f"{thing}|{room}|{action}|{value}|{time}"}]}


def write_house(folder):
    rng, seen, rows = random.Random(11), set(), []
    while len(rows) < 600:
        row = house_row(rng)
        key = row["messages"][0]["content"]
        if key not in seen:
            seen.add(key)
            rows.append(row)
    os.makedirs(folder, exist_ok=True)
    for name, part in (("train", rows[:400]), ("validation", rows[400:450]), ("test", rows[450:])):
        with open(os.path.join(folder, name + ".jsonl"), "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in part)


def train(args, name, recipe):
    folder = os.path.join(args.out, name)
    if not os.path.exists(os.path.join(folder, "finished")):
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "wanted.yaml")
        with open(path, "w") as file:
            json.dump(recipe, file, indent=1)
        done = subprocess.run([args.cli, "train", path, "--out", os.path.join(folder, "run"), "--no-cache", "--resume"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{name}: {done.stderr[-2000:]}")
        open(os.path.join(folder, "finished"), "w").close()
    return os.path.join(folder, "run")


def answers(args, model, run, rows):
    name = os.path.join(args.out, "prompts.jsonl")
    with open(name, "w") as file:
        file.writelines(json.dumps({"messages": row["messages"][:-1]}) + "\n" for row in rows)
    command = [args.cli, "generate", "--model", model, "--max-tokens", "96", "--temperature", "0", name]
    if run:
        command[4:4] = ["--adapter", run]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return [json.loads(line)["completion"] for line in done.stdout.splitlines()]


def rows_of(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def sample_score(texts, rows):
    """Exact fields of category, urgency and product: [right, all]."""
    right = 0
    for text, row in zip(texts, rows):
        wanted = json.loads(row["messages"][-1]["content"])
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        right += sum(isinstance(found, dict) and found.get(key) == wanted[key] for key in ("category", "urgency", "product"))
    return [right, 3 * len(rows)]


def exact_score(texts, rows):
    return [sum(text.strip() == row["messages"][-1]["content"] for text, row in zip(texts, rows)), len(rows)]


def facts_of(run):
    """General loss before and at the step whose weights are used, trained parameters, seconds."""
    general, used, trained, seconds = {}, None, None, 0.0
    for event in rows_of(os.path.join(run, "metrics.jsonl")):
        if event["type"] == "eval" and event["name"] == "general":
            general[event["step"]] = event["loss"]
        elif event["type"] == "step":
            seconds += event["seconds"]
        elif event["type"] == "state":
            words = event["what"].split()
            if event["what"].startswith("Training "):
                trained = int(words[1])
            if "weights of step" in event["what"]:
                used = int(words[words.index("step") + 1])
    return {"general_before": general[0], "general_after": general[used], "trained": trained, "seconds": seconds, "used": used}


def wilson(right, total, z=1.959964):
    p, d = right / total, 1 + z * z / total
    centre, half = (p + z * z / (2 * total)) / d, z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / d
    return centre - half, centre + half


def pooled(pairs):
    right, total = sum(p[0] for p in pairs), sum(p[1] for p in pairs)
    low, high = wilson(right, total)
    return f"{100 * right / total:.1f} % ({100 * low:.1f} - {100 * high:.1f})"


def spread(values):
    """Mean and its 95 % t-interval over the seeds."""
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return f"{mean:.3f}"
    t = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}.get(n, 2.2)
    half = t * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return f"{mean:+.3f} ± {half:.3f}"


def recipe(args, seed, model, data, method, params, rate, epochs, protection, settings, measure=0):
    return {"name": "claim", "model": model,
            "data": {"train": f"{data}/train.jsonl", "validation": f"{data}/validation.jsonl", "general": args.general},
            "method": {"id": method, **params}, "protection": {"id": protection, **settings},
            "training": {"epochs": epochs, "batch_size": 16, "learning_rate": rate, "seed": seed, "sample_max_tokens": 0, "threads": args.threads,
                         **({"eval_every": measure} if measure else {})}}


def first_task(args, results):
    sample = os.path.join(args.resources, "sample_project")
    test = rows_of(os.path.join(sample, "test.jsonl"))
    base = os.path.join(args.resources, "starter_model")
    for seed in args.seeds:
        for name, method, params, rate, factor in FIRST:
            key = f"first/{name}/{seed}"
            # The full run leaves its rows in a memory of its own, for the second task.
            memory = ("memory", {"file": f"memory-{seed}.jsonl"}) if name == "full" else ("none", {})
            run = train(args, f"first-{method}-{seed}", recipe(args, seed, base, sample, method, params, rate, factor * args.epochs, *memory))
            if key not in results:
                results[key] = {**facts_of(run), "score": sample_score(answers(args, base, run, test), test)}
                save(args, results)
            print(key, results[key], flush=True)


def second_task(args, results):
    house = os.path.join(args.out, "house")
    write_house(house)
    tests = rows_of(os.path.join(house, "test.jsonl"))
    sample = os.path.join(args.resources, "sample_project")
    first = rows_of(os.path.join(sample, "test.jsonl"))[: args.first_rows]
    for seed in args.seeds:
        source = os.path.join(args.out, f"first-full-{seed}", "run")
        model = os.path.join(source, "model")
        key = f"second/before/{seed}"
        if key not in results:
            results[key] = {"score": exact_score(answers(args, model, None, tests), tests), "first": sample_score(answers(args, model, None, first), first)}
            save(args, results)
        for name, (method, params, protection, settings, factor) in SECOND.items():
            if args.variants and name not in args.variants:
                continue
            key = f"second/{name}/{seed}"
            if protection == "memory":
                settings = {**settings, "file": os.path.join(args.out, f"first-full-{seed}", f"memory-{seed}.jsonl")}
            rate = SECOND_RATE[method] * factor
            run = train(args, f"second-{list(SECOND).index(name)}-{seed}",
                        recipe(args, seed, model, house, method, params, rate, args.second_epochs, protection, settings, 1_000_000)) # measured before the first and after the last step
            if key not in results:
                results[key] = {**facts_of(run), "score": exact_score(answers(args, model, run, tests), tests),
                                "first": sample_score(answers(args, model, run, first), first)}
                save(args, results)
            print(key, results[key], flush=True)


def save(args, results):
    with open(os.path.join(args.out, "results.json"), "w") as file:
        json.dump(results, file, indent=1)


def of(results, prefix):
    return [value for key, value in results.items() if key.startswith(prefix + "/")]


def report(args, results):
    print("\n| method | trained parameters | exact fields, pooled (95 %) | general loss |\n|---|---|---|---|")
    rates = {}
    for name in ("full", "LoRA r 3"):
        runs = of(results, "first/" + name)
        if runs:
            rates[name] = sum(r["score"][0] for r in runs) / sum(r["score"][1] for r in runs)
            print(f"| {name} | {runs[0]['trained']:,} | {pooled([r['score'] for r in runs])} | {spread([r['general_after'] - r['general_before'] for r in runs])} |")
    if len(rates) == 2:
        print(f"\nLoRA reaches {100 * rates['LoRA r 3'] / rates['full']:.1f} % of full fine-tuning's score.")
    before = of(results, "second/before")
    if not before:
        return
    print(f"\nBefore the second task: {pooled([r['score'] for r in before])} of it, {pooled([r['first'] for r in before])} of the first.\n")
    print("| second task with | second task, exact | general loss, change | first task kept |\n|---|---|---|---|")
    points = []
    for name in SECOND:
        runs = of(results, "second/" + name)
        if runs:
            lost = [r["general_after"] - r["general_before"] for r in runs]
            print(f"| {name} | {pooled([r['score'] for r in runs])} | {spread(lost)} | {pooled([r['first'] for r in runs])} |")
            gained = [100 * r["score"][0] / r["score"][1] for r in runs]
            points.append((name, sum(lost) / len(lost), sum(gained) / len(gained)))
    write_svg(os.path.join(args.out, "forgetting.svg"), points)


def write_svg(path, points):
    """Each protection one point: general loss lost (to the right is worse), second task gained (up is better)."""
    width, height, left, right, top, bottom = 760, 420, 60, 170, 36, 56
    step = 0.5 if max(p[1] for p in points) - min(p[1] for p in points) > 1.5 else 0.1
    low, high = (math.floor(min(0, *(p[1] for p in points)) / step) * step, math.ceil(max(p[1] for p in points) / step) * step)
    most = 10 * math.ceil(max(p[2] for p in points) / 10 + 0.01)
    x = lambda v: left + (v - low) / (high - low) * (width - left - right)
    y = lambda v: height - bottom - v / most * (height - bottom - top)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<path d="M{left} {top}V{height - bottom}H{width - 20}" fill="none" stroke="#888"/>',
           f'<path d="M{x(0):.1f} {top}V{height - bottom}" stroke="#ccc" stroke-dasharray="3 3"/>',
           f'<text x="{left}" y="{height - 12}">change of the loss on general data, nats a token (left is better)</text>',
           f'<text x="8" y="18">second task, % exact (up is better)</text>']
    for i in range(int(most / 10) + 1):
        out.append(f'<text x="{left - 8}" y="{y(10 * i) + 4:.1f}" text-anchor="end">{10 * i}</text>')
    for i in range(round((high - low) / step) + 1):
        value = low + i * step
        out.append(f'<text x="{x(value):.1f}" y="{height - bottom + 18}" text-anchor="middle">{value:+.1f}</text>')
    placed = []
    for name, lost, gained in sorted(points, key=lambda p: p[2]):
        px, py = x(lost), y(gained)
        ty = py - 6 if py > height - bottom - 12 else py + 4
        while any(abs(ty - b) < 14 and px < a + 7 * n + 8 and a < px + 7 * len(name) + 8 for a, b, n in placed):
            ty -= 14
        placed.append((px, ty, len(name)))
        out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="#2f6fdb"/><text x="{px + 8:.1f}" y="{ty:.1f}">{name}</text>')
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cli")
    parser.add_argument("resources")
    parser.add_argument("out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--second-epochs", type=float, default=4)
    parser.add_argument("--first-rows", type=int, default=60, help="test rows of the first task that are asked again")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--variants", nargs="+", help="only these of the second task")
    parser.add_argument("--only", choices=["first", "second", "report"])
    args = parser.parse_args()
    args.cli, args.resources, args.out = (os.path.abspath(p) for p in (args.cli, args.resources, args.out))
    args.general = os.path.join(args.resources, "sample_project", "general")
    os.makedirs(args.out, exist_ok=True)
    results = {}
    if os.path.exists(os.path.join(args.out, "results.json")):
        with open(os.path.join(args.out, "results.json")) as file:
            results = json.load(file)
    if args.only in (None, "first"):
        first_task(args, results)
    if args.only in (None, "second"):
        second_task(args, results)
    report(args, results)


main()
