"""A second task after the first: what was gained of it, and what was lost of the first and of the general data, with each protection.

It begins with the starter model that was tuned on the sample task with 15 % of general data, so that there is something to lose. Every
method is tried with the same learning rates (seed 1) and takes the one with the lowest validation loss on the second task, as somebody would
who looks at that task alone. Protections are added at that rate; a lower rate is a protection too.
"""
from house_task import exact, house_files
from intervals import bootstrap, mean_of, rate, signed
from lora_and_full import TEST_SEED
from picture import write_scatter
from sample_task import field_scores, fresh_rows
from work import facts_of, rows_of

METHODS = {"full": {"id": "full"}, "LoRA": {"id": "lora", "r": 16, "alpha": 32}, "new blocks": {"id": "progressive", "new_blocks": 2}}
RATES = (0.0002, 0.0005, 0.001)
NONE, REPLAY, MEMORY = {"id": "none"}, {"id": "replay", "share": 0.15}, {"id": "memory", "share": 0.2}
# name: method, protection, rate (None: the method's chosen one)
VARIANTS = {
    **{f"full, rate {r:g}": ("full", NONE, r) for r in RATES},
    "full, replay 15 %": ("full", REPLAY, None),
    f"full, replay 15 %, rate {RATES[0]:g}": ("full", REPLAY, RATES[0]),
    "full, memory 20 %": ("full", MEMORY, None),
    "full, EWC": ("full", {"id": "ewc"}, None),
    "full, L2-SP": ("full", {"id": "l2_sp"}, None),
    "new blocks": ("new blocks", NONE, None),
    **{f"LoRA, rate {r:g}": ("LoRA", NONE, r) for r in RATES},
    "LoRA, replay 15 %": ("LoRA", REPLAY, None),
    "LoRA, memory 20 %": ("LoRA", MEMORY, None),
    **{f"LoRA, null space, rate {r:g}": ("LoRA", {"id": "null_space"}, r) for r in (RATES[-1], 2 * RATES[-1])},
}
FIRST_ROWS = 100  # test rows of the first task that are asked again


def start_of(work):
    """The model that knows the first task, and the memory of its rows."""
    name = "second-start"
    run = work.train(name, work.recipe(work.base, work.sample("train"), work.sample("validation"), METHODS["full"],
                                       {"epochs": 6, "learning_rate": 0.0005, "seed": 1}, protection=REPLAY, general=True))
    return run + "/model"


def run_of(work, args, start, files, method, learning_rate, protection, seed):
    """The folder of the run, its model and its adapter, if it has one."""
    run = work.train(f"second-{method.replace(' ', '-')}-{learning_rate:g}-{protection['id']}-{seed}",
                     work.recipe(start, files["train"], files["validation"], METHODS[method],
                                 {"epochs": args.second_epochs, "learning_rate": learning_rate, "seed": seed, "eval_every": 76, "save_every": 1000},
                                 protection=protection, general=True))
    return run, *((start, run) if method == "LoRA" else (run + "/model", None))


def tried_rates(work, args, start, files):
    """What each method learned and lost with each rate (seed 1), and the rate each takes."""
    rows, first = rows_of(files["validation"]), rows_of(work.sample("validation"))[:FIRST_ROWS]
    items = [(method, learning_rate) for method in METHODS for learning_rate in RATES]

    def one(item):
        def look():
            run, model, adapter = run_of(work, args, start, files, *item, NONE, 1)
            return {**facts_of(run), "second": exact(work.answers(model, adapter, rows), rows), "first": field_scores(work.answers(model, adapter, first), first)}

        return work.known(f"second/choice/{item[0]}/{item[1]:g}", look)

    facts = dict(zip(items, work.each(one, items)))
    return facts, {method: min(RATES, key=lambda r: facts[method, r]["validation"]) for method in METHODS}


def measure(work, args):
    start, files = start_of(work), house_files(work)
    second, first = rows_of(files["test"]), fresh_rows(work, TEST_SEED, ("test",))[:FIRST_ROWS]
    before = work.known("second/before", lambda: {"second": exact(work.answers(start, None, second), second),
                                                  "first": field_scores(work.answers(start, None, first), first)})
    tried, chosen = tried_rates(work, args, start, files)

    def one(item):
        name, seed = item
        method, protection, learning_rate = VARIANTS[name]
        learning_rate = learning_rate or chosen[method]
        if protection["id"] == "memory":
            protection = {**protection, "file": first_memory(work)}

        def look():
            run, model, adapter = run_of(work, args, start, files, method, learning_rate, protection, seed)
            return {**facts_of(run), "second": exact(work.answers(model, adapter, second), second), "first": field_scores(work.answers(model, adapter, first), first)}

        return work.known(f"second/{name}/{learning_rate:g}/{seed}", look)

    items = [(name, seed) for seed in args.seeds for name in VARIANTS]
    found = dict(zip(items, work.each(one, items)))
    return before, chosen, tried, {name: [found[name, seed] for seed in args.seeds] for name in VARIANTS}


def first_memory(work):
    """A memory of the first task's rows, as a run with that protection leaves it: made by one step."""
    path = work.path("first-memory.jsonl")
    work.train("second-memory", work.recipe(work.base, work.sample("train"), None, METHODS["full"], {"max_steps": 1, "learning_rate": 1e-6, "seed": 1},
                                            protection={**MEMORY, "file": path}))
    return path


def lost(run):
    return run["general_after"] - run["general_before"]


def report(work, args):
    before, chosen, tried, results = measure(work, args)
    print("\n| second task, rates tried (seed 1) | validation loss | validation rows right | general loss, change | first task's fields |\n|---|---|---|---|---|")
    for (method, learning_rate), fact in tried.items():
        print(f"| {method}, {learning_rate:g}{' (chosen)' if chosen[method] == learning_rate else ''} | {fact['validation']:.4f} | "
              f"{100 * mean_of([fact['second']]):.1f} % | {lost(fact):+.3f} | {100 * mean_of([fact['first']]):.1f} % |")
    print(f"\nBefore: {rate([before['second']])} of the second task, {rate([before['first']])} of the first's fields, general loss "
          f"{next(iter(results.values()))[0]['general_before']:.3f}.\n")
    print("| second task with | second task, exact (95 %) | general loss, change (95 %) | each seed | first task's fields (95 %) |\n|---|---|---|---|---|")
    points = []
    for name, runs in results.items():
        table, changes = [run["second"] for run in runs], [lost(run) for run in runs]
        print(f"| {name} | {rate(table)} | {signed(changes)} | {', '.join(f'{change:+.3f}' for change in changes)} | {rate([run['first'] for run in runs])} |")
        points.append((name, changes, 100 * mean_of(table), [100 * v for v in bootstrap(lambda means: means[0], [table])]))
    write_scatter(work.path("forgetting.svg"), points)
