#!/usr/bin/env python3
"""Writes what the targets for expressions start from into fuzz/corpus: expressions of tests/data/cel-corpus, every sixth,
for `cel_eval` with attributes to read. Usage: fuzz/seeds.py"""

import json
import pathlib

here = pathlib.Path(__file__).parent
data = here.parent / "tests/data/cel-corpus"
attributes = json.loads((data / "request.json").read_text())["principal"]["attr"]
seeds = {name: here / "corpus" / name for name in ("cel_parse", "cel_check", "cel_eval")}
for folder in seeds.values():
    folder.mkdir(parents=True, exist_ok=True)

lines = [line for file in sorted(data.glob("*.ndjson")) for line in file.read_text().split("\n") if line]
for number, line in enumerate(lines[::6]):
    expression = json.loads(line)["expr"].replace("\n", " ")
    of_resource = expression.replace("P.attr", "R.attr").replace("P.id", "R.id")
    (seeds["cel_parse"] / str(number)).write_text(expression)
    (seeds["cel_check"] / str(number)).write_text(expression)
    (seeds["cel_eval"] / str(number)).write_text(f"{of_resource}\n{json.dumps(attributes, ensure_ascii=False)}")
print(f"{number + 1} seeds each for {', '.join(seeds)}")
