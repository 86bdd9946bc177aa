#!/bin/sh
# Makes the starter model from nothing: corpus, tokenizer, random weights, pre-training.
#   sh tools/starter/make_starter_model.sh <build folder> <work folder>
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
build=$1
work=$2
mkdir -p "$work"
"$build/tools/attune-make-starter" corpus --seed 1 --tokens 9000000 --out "$work/corpus"
"$build/tools/attune-make-starter" tokenizer --corpus "$work/corpus" --out "$work/model"
[ -e "$work/model/model.safetensors" ] || "$build/app/attune-cli" model init "$work/model" --seed 1
cp "$root/resources/starter_model/recipe.yaml" "$work/recipe.yaml"
"$build/app/attune-cli" train "$work/recipe.yaml" --out "$work/run" --resume
echo "The starter model is in $work/run/model"
