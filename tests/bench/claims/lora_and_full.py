"""LoRA with at most 2 % of the parameters reaches at least 95 % of full fine-tuning's score.

Both methods have the same budget of epochs, are measured on validation after each, stop when that has not fallen for three epochs, and keep
the best weights. Settings are chosen by the validation loss of one run each (seed 1); then the chosen ones are trained with every seed and
scored on fresh test rows.
"""
from intervals import bootstrap, mean_of, percent, rate
from sample_task import field_scores, fresh_rows
from work import facts_of

# method: setting: method's parameters, learning rate
SETTINGS = {
    "full": {f"rate {r:g}": ({"id": "full"}, r) for r in (0.0005, 0.001)},
    "LoRA": {"r 3, rate 0.008": ({"id": "lora", "r": 3, "alpha": 6}, 0.008)},
}
TEST_SEED = 2026


def run_of(work, method, setting, seed, epochs):
    params, learning_rate = SETTINGS[method][setting]
    steps = -(-900 // 16)
    return work.train(f"first-{epochs}-{method}-{list(SETTINGS[method]).index(setting)}-{seed}", work.recipe(
        work.base, work.sample("train"), work.sample("validation"), params,
        {"epochs": epochs, "learning_rate": learning_rate, "seed": seed, "eval_every": steps, "save_every": 100 * steps,
         "early_stopping_patience": 3}))


def measure(work, args):
    pairs = [(method, setting) for method in SETTINGS for setting in SETTINGS[method]]
    facts = work.each(lambda p: work.known(f"first/choice/{args.epochs}/{p[0]}/{p[1]}", lambda: facts_of(run_of(work, *p, 1, args.epochs))), pairs)
    chosen = {}
    for (method, setting), fact in zip(pairs, facts):
        if method not in chosen or fact["validation"] < chosen[method][1]:
            chosen[method] = (setting, fact["validation"])
    tests = fresh_rows(work, TEST_SEED, ("test", "validation"))

    def score(item):
        method, seed = item
        run = run_of(work, method, chosen[method][0], seed, args.epochs)
        model, adapter = (run + "/model", None) if method == "full" else (work.base, run)
        return work.known(f"first/{args.epochs}/{method}/{chosen[method][0]}/{seed}",
                          lambda: {**facts_of(run), "scores": field_scores(work.answers(model, adapter, tests), tests)})

    results = work.each(score, [(method, seed) for seed in args.seeds for method in SETTINGS])
    return chosen, {method: results[i::len(SETTINGS)] for i, method in enumerate(SETTINGS)}, facts, pairs


def report(work, args):
    chosen, results, facts, pairs = measure(work, args)
    print("\n| settings tried (seed 1) | validation loss of the best epoch |\n|---|---|")
    for (method, setting), fact in zip(pairs, facts):
        print(f"| {method}, {setting}{' (chosen)' if chosen[method][0] == setting else ''} | {fact['validation']:.4f} (step {fact['step']}) |")
    total = results["full"][0]["trained"]
    tables = {method: [run["scores"] for run in runs] for method, runs in results.items()}
    print(f"\n| method | trained parameters | right fields of {len(tables['full'][0])} fresh rows (95 %) | each seed |\n|---|---|---|---|")
    for method, runs in results.items():
        print(f"| {method}, {chosen[method][0]} | {runs[0]['trained']:,} ({100 * runs[0]['trained'] / total:.2f} %) | {rate(tables[method])} | "
              f"{', '.join(percent(sum(run['scores']) / len(run['scores'])) for run in runs)} |")
    both = [tables["LoRA"], tables["full"]]
    print(f"\nLoRA's score is {percent(mean_of(both[0]) / mean_of(both[1]), bootstrap(lambda means: means[0] / means[1], both))} of full fine-tuning's.")
