"""Runs of attune-cli in one folder: what is finished there is kept, so that a driver goes on where it was stopped."""
import concurrent.futures
import json
import os
import subprocess
import sys
import threading


class Work:
    def __init__(self, cli, resources, out, threads, jobs):
        self.cli, self.resources, self.out = (os.path.abspath(p) for p in (cli, resources, out))
        self.threads, self.jobs = threads, jobs
        self.general = os.path.join(self.resources, "sample_project", "general")
        self.base = os.path.join(self.resources, "starter_model")
        os.makedirs(self.out, exist_ok=True)
        self._file, self._lock = os.path.join(self.out, "results.json"), threading.Lock()
        self.results = {}
        if os.path.exists(self._file):
            with open(self._file) as file:
                self.results = json.load(file)

    def path(self, *parts):
        return os.path.join(self.out, *parts)

    def sample(self, name):
        return os.path.join(self.resources, "sample_project", name + ".jsonl")

    def known(self, key, measure):
        """The result of that name; measured where it is not there yet."""
        if key not in self.results:
            value = measure()
            with self._lock:
                self.results[key] = value
                with open(self._file + ".new", "w") as file:
                    json.dump(self.results, file, indent=1, sort_keys=True)
                os.replace(self._file + ".new", self._file)
            print(key, value, flush=True)
        return self.results[key]

    def each(self, function, items):
        """function(item) of all items, so many at once as were asked for; the results in the items' order."""
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(function, items))

    def run(self, *arguments):
        done = subprocess.run([self.cli, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, **({"OMP_NUM_THREADS": str(self.threads)} if self.threads else {})})
        if done.returncode:
            sys.exit(f"attune-cli {' '.join(arguments[:3])}: {done.stderr[-2000:]}")
        return done.stdout

    def recipe(self, model, train, validation, method, training, objective=None, protection=None, general=False):
        return {"name": "claim", "model": model,
                "data": {"train": train, **({"validation": validation} if validation else {}), **({"general": self.general} if general else {})},
                "method": method, "objective": objective or {"id": "sft"}, "protection": protection or {"id": "none"},
                "training": {"batch_size": 16, "sample_max_tokens": 0, "threads": self.threads, **training}}

    def train(self, name, recipe):
        """The folder of the finished run."""
        folder = self.path(name)
        if not os.path.exists(os.path.join(folder, "finished")):
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, "wanted.yaml")
            with open(path, "w") as file:
                json.dump(recipe, file, indent=1)
            self.run("train", path, "--out", os.path.join(folder, "run"), "--no-cache", "--resume")
            open(os.path.join(folder, "finished"), "w").close()
        return os.path.join(folder, "run")

    def answers(self, model, run, rows, temperature=0, seed=0, name="answers", most=96):
        """What the model says to each row's messages but the last."""
        path = self.path(f"prompts-{threading.get_ident()}.jsonl")
        write_rows(path, [{"messages": row["messages"][:-1]} for row in rows])
        text = self.run("generate", "--model", model, *(["--adapter", run] if run else []), "--max-tokens", str(most),
                        "--temperature", str(temperature), "--seed", str(seed), path)
        os.remove(path)
        return [json.loads(line)["completion"] for line in text.splitlines()]


def rows_of(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def write_rows(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def events(run, kind):
    return [event for event in rows_of(os.path.join(run, "metrics.jsonl")) if event["type"] == kind]


def facts_of(run):
    """What a run says of itself: validation loss of the weights that are used and their step, trained parameters, tokens learned from,
    and, where it was measured, the loss on general data before and with those weights."""
    facts, used = {}, None
    for event in events(run, "state"):
        words = event["what"].split()
        if event["what"].startswith("Training "):
            facts["trained"] = int(words[1])
        if "weights of step" in event["what"]:
            used = int(words[words.index("step") + 1])
    facts["step"] = used
    for event in events(run, "eval"):
        if event["name"] == "validation" and event["step"] == used:
            facts["validation"], facts["validation_metrics"] = event["loss"], event.get("metrics", {})
        for name, step in (("general_before", 0), ("general_after", used)):
            if event["name"] == "general" and event["step"] == step:
                facts[name] = event["loss"]
    steps = events(run, "step")
    facts["steps"], facts["tokens"] = len(steps), sum(event["tokens"] for event in steps)
    return facts
