"""Learning from rewards that rules give (GRPO) raises the reward of answers to prompts that nobody has trained on.

The reward is the share of the record's four fields that are right. It is measured on fresh rows, before and after, on answers drawn at
temperature 1, as they are practised, and on the likeliest answer.
"""
from intervals import bootstrap, mean_of, percent
from lora_and_full import TEST_SEED
from sample_task import field_scores, fresh_rows
from start_model import ALL, halves, start_model
from work import events

STEPS = 100
KINDS = {"GRPO, LoRA r 16, rate 0.001": ({"id": "lora"}, {"id": "grpo", "json_fields_weight": 1, "max_completion_length": 64, "eval_prompts": 150}, 0.001)}


def scores_of(work, model, run, tests, seed):
    return {"drawn": field_scores(work.answers(model, run, tests, 1, seed), tests, ALL),
            "likeliest": field_scores(work.answers(model, run, tests), tests, ALL)}


def measure(work, args):
    start, (_, prompts) = start_model(work), halves(work)
    tests = fresh_rows(work, TEST_SEED, ("test", "validation"))

    def one(item):
        kind, seed = item
        method, objective, rate = KINDS[kind]
        run = work.train(f"practice-{list(KINDS).index(kind)}-{seed}", work.recipe(
            start, prompts, work.sample("validation"), method,
            {"max_steps": STEPS, "epochs": 1000, "batch_size": 8, "learning_rate": rate, "seed": seed, "eval_every": 25, "save_every": 1000}, objective))
        steps = [event["metrics"]["reward"] for event in events(run, "step")]
        return work.known(f"practice/{kind}/{seed}", lambda: {
            **scores_of(work, start, run, tests, 100 + seed), "first_steps": sum(steps[:20]) / 20, "last_steps": sum(steps[-20:]) / 20})

    items = [(kind, seed) for kind in KINDS for seed in args.seeds]
    found = dict(zip(items, work.each(one, items)))
    before = [work.known(f"practice/before/{seed}", lambda seed=seed: scores_of(work, start, None, tests, 100 + seed)) for seed in args.seeds]
    return before, {kind: [found[kind, seed] for seed in args.seeds] for kind in KINDS}


def report(work, args):
    before, results = measure(work, args)
    print(f"\n| reward on {len(before[0]['drawn'])} fresh rows | before | after {STEPS} steps | gain (95 %) | of the practised answers, first and last 20 steps |"
          "\n|---|---|---|---|---|")
    for kind, runs in results.items():
        for way in ("drawn", "likeliest"):
            old, new = [run[way] for run in before], [run[way] for run in runs]
            gains = [[b - a for a, b in zip(*pair)] for pair in zip(old, new)]
            low, high = bootstrap(lambda means: means[0], [gains])
            practised = ", ".join(f"{run['first_steps']:.3f} to {run['last_steps']:.3f}" for run in runs) if way == "drawn" else ""
            print(f"| {kind}, {'answers drawn at temperature 1' if way == 'drawn' else 'likeliest answers'} | {percent(mean_of(old))} | {percent(mean_of(new))} | "
                  f"{100 * mean_of(gains):+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) | {practised} |")
