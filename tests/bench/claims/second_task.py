"""A second task after the first: what was gained of it, and what was lost of the first and of the general data, with each protection.

It begins with the starter model that was tuned on the sample task with 15 % of general data, so that there is something to lose. Plain
training and LoRA take the gentlest learning rate of a few (seed 1) that gets nearly as many validation rows of the second task right as the
method's best: the same rule for both. (Their losses do not compare: LoRA cannot make the tokens that the starter hardly knows likely.)
Protections are added at those rates.
"""
from house_task import exact, house_files
from intervals import bootstrap, mean_of, rate, signed
from lora_and_full import TEST_SEED
from picture import write_scatter
from sample_task import field_scores, fresh_rows
from work import facts_of, rows_of

FULL, LORA = {"id": "full"}, {"id": "lora", "r": 16, "alpha": 32}
RATES = {"full": (FULL, (0.0005, 0.0002)), "LoRA": (LORA, (0.002, 0.001))}
NEAR = 0.05  # of the validation rows fewer than the best
# name: whose rate and method, protection
VARIANTS = {
    "full": ("full", {"id": "none"}),
    "LoRA": ("LoRA", {"id": "none"}),
    "full, replay 15 %": ("full", {"id": "replay", "share": 0.15}),
    "LoRA, replay 15 %": ("LoRA", {"id": "replay", "share": 0.15}),
    "full, memory 20 %": ("full", {"id": "memory", "share": 0.2}),
    "full, EWC": ("full", {"id": "ewc", "strength": 1000}),
    "full, L2-SP": ("full", {"id": "l2_sp", "strength": 0.1}),
}
FIRST_ROWS = 100  # test rows of the first task that are asked again


def start_of(work):
    """The model that knows the first task, and the memory of its rows."""
    name = "second-start"
    run = work.train(name, work.recipe(work.base, work.sample("train"), work.sample("validation"), FULL, {"epochs": 6, "learning_rate": 0.0005, "seed": 1},
                                       protection={"id": "replay", "share": 0.15}, general=True))
    return run + "/model"


def run_of(work, args, start, files, method, learning_rate, protection, name, seed):
    return work.train(name, work.recipe(start, files["train"], files["validation"], method,
                                        {"epochs": args.second_epochs, "learning_rate": learning_rate, "seed": seed, "eval_every": 76, "save_every": 1000},
                                        protection=protection, general=True))


def chosen_rates(work, args, start, files):
    rows = rows_of(files["validation"])
    items = [(method, learning_rate) for method, (_, rates) in RATES.items() for learning_rate in rates]

    def one(item):
        method, learning_rate = item

        def look():
            run = run_of(work, args, start, files, RATES[method][0], learning_rate, {"id": "none"}, f"second-{method}-{learning_rate:g}-none-1", 1)
            model, adapter = (run + "/model", None) if method == "full" else (start, run)
            right = exact(work.answers(model, adapter, rows), rows)
            return {**facts_of(run), "right": sum(right) / len(right)}

        return work.known(f"second/choice/{method}/{learning_rate:g}", look)

    facts = dict(zip(items, work.each(one, items)))
    chosen = {}
    for method, (_, rates) in RATES.items():
        best = max(facts[method, r]["right"] for r in rates)
        chosen[method] = min(r for r in rates if facts[method, r]["right"] >= best - NEAR)
    return chosen, facts


def measure(work, args):
    start, files = start_of(work), house_files(work)
    second, first = rows_of(files["test"]), fresh_rows(work, TEST_SEED, ("test",))[:FIRST_ROWS]
    before = work.known("second/before", lambda: {"second": exact(work.answers(start, None, second), second),
                                                  "first": field_scores(work.answers(start, None, first), first)})
    chosen, choice = chosen_rates(work, args, start, files)

    def one(item):
        name, seed = item
        of, protection = VARIANTS[name]
        if protection["id"] == "memory":
            protection = {**protection, "file": first_memory(work)}

        def look():
            run = run_of(work, args, start, files, RATES[of][0], chosen[of], protection, f"second-{of}-{chosen[of]:g}-{protection['id']}-{seed}", seed)
            model, adapter = (run + "/model", None) if of == "full" else (start, run)
            return {**facts_of(run), "second": exact(work.answers(model, adapter, second), second), "first": field_scores(work.answers(model, adapter, first), first)}

        return work.known(f"second/{name}/{chosen[of]:g}/{seed}", look)

    items = [(name, seed) for name in VARIANTS for seed in args.seeds]
    found = dict(zip(items, work.each(one, items)))
    return before, chosen, choice, {name: [found[name, seed] for seed in args.seeds] for name in VARIANTS}


def first_memory(work):
    """A memory of the first task's rows, as a run with that protection leaves it: made by one step."""
    path = work.path("first-memory.jsonl")
    work.train("second-memory", work.recipe(work.base, work.sample("train"), None, FULL, {"max_steps": 1, "learning_rate": 1e-6, "seed": 1},
                                            protection={"id": "memory", "share": 0.2, "file": path}))
    return path


def report(work, args):
    before, chosen, choice, results = measure(work, args)
    print("\n| second task, rates tried (seed 1) | validation rows right | validation loss | change of the general loss |\n|---|---|---|---|")
    for (method, learning_rate), fact in choice.items():
        print(f"| {method}, {learning_rate:g}{' (chosen)' if chosen[method] == learning_rate else ''} | {100 * fact['right']:.1f} % | {fact['validation']:.4f} | {fact['general_after'] - fact['general_before']:+.3f} |")
    print(f"\nBefore: {rate([before['second']])} of the second task, {rate([before['first']])} of the first's fields, general loss "
          f"{results['full'][0]['general_before']:.3f}.\n")
    print("| second task with | second task, exact (95 %) | general loss, change (95 %) | first task's fields (95 %) |\n|---|---|---|---|")
    points = []
    for name, runs in results.items():
        lost = [run["general_after"] - run["general_before"] for run in runs]
        table = [run["second"] for run in runs]
        print(f"| {name} | {rate(table)} | {signed(lost)} | {rate([run['first'] for run in runs])} |")
        points.append((name, lost, 100 * mean_of(table), [100 * v for v in bootstrap(lambda means: means[0], [table])]))
    write_scatter(work.path("forgetting.svg"), points)
