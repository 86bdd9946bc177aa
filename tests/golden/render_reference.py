#!/usr/bin/env python3
"""Renders chat templates with Jinja2 in the environment of transformers' apply_chat_template: {"source", "variables"} lines on standard
input, {"text"} or {"error"} lines out. With --cases FILE it fills the "text" and "error" of that file's cases instead. strftime_now is 2025-07-10."""
import datetime
import json
import sys

import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda form: datetime.datetime(2025, 7, 10).strftime(form)


def rendered(source, variables):
    try:
        return {"text": environment.from_string(source).render(**variables)}
    except Exception as error:  # whatever a template can raise
        return {"error": type(error).__name__ + ": " + str(error)[:200]}


if len(sys.argv) == 3 and sys.argv[1] == "--cases":
    with open(sys.argv[2]) as file:
        golden = json.load(file)
    cases = [{"source": case["source"], **rendered(case["source"], golden["variables"])} for case in golden["cases"]]
    with open(sys.argv[2], "w") as file:
        file.write('{"variables": ' + json.dumps(golden["variables"], ensure_ascii=False) + ',\n "cases": [\n  ')
        file.write(",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]}\n")
else:
    for line in sys.stdin:
        row = json.loads(line)
        print(json.dumps(rendered(row["source"], row["variables"])))
