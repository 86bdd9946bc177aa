"""The claims of the field on the starter model and the sample task, measured with attune-cli alone.

    python3 tests/bench/claims CLI RESOURCES OUT [first] [practice] [preference] [second] [--seeds 1 2 3] [--jobs N] [--threads N]

first       LoRA with at most 2 % of the parameters against full fine-tuning
practice    learning from rewards (GRPO, PPO) raises the reward on prompts nobody has seen
preference  DPO against PPO with a reward model, from the same pairs: how often each is preferred, and what it cost
second      a second task after the first, with each protection against forgetting: OUT/forgetting.svg

Finished runs in OUT are kept: the driver continues where it was stopped. Prints tables in Markdown. Python's own library only.
"""
import argparse
import importlib
import sys

sys.dont_write_bytecode = True

from work import Work  # noqa: E402

PARTS = {"first": "lora_and_full", "practice": "practice", "preference": "preference", "second": "second_task"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cli")
    parser.add_argument("resources")
    parser.add_argument("out")
    parser.add_argument("parts", nargs="*", help="all by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=20, help="of the first task")
    parser.add_argument("--second-epochs", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--threads", type=int, default=1, help="of each run; 0 takes all")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    work = Work(args.cli, args.resources, args.out, args.threads, args.jobs)
    for part in args.parts or PARTS:
        importlib.import_module(PARTS[part]).report(work, args)


main()
