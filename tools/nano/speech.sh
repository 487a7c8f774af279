#!/bin/sh
# speech.sh FOLDER: about 21 hours of training speech from the trained voices, one shard after another.
out=$1
here=$(dirname "$0")
mkdir -p "$out"
shard() { name=$1; shift; [ -s "$out/$name.jsonl" ] || "${PYTHON:-python3}" "$here/synthesise.py" "$out/$name" "$@"; }
natural="--engine flite --voice slt --voice awb"
diphone="--engine festival --voice ked_diphone --voice cmu_us_slt_arctic_hts --voice kal_diphone"

shard espeak0 --engine espeak --hours 6 --seed 1
shard espeak1 --engine espeak --hours 6 --seed 5
shard slt0 --engine flite --voice slt --hours 1 --seed 2
shard slt1 --engine flite --voice slt --hours 1 --seed 6
shard awb0 --engine flite --voice awb --hours 1 --seed 3
shard awb1 --engine flite --voice awb --hours 1 --seed 7
shard kal0 --engine flite --voice kal16 --hours 0.7 --seed 4
shard ked0 --engine festival --voice ked_diphone --hours 1 --seed 21
shard hts0 --engine festival --voice cmu_us_slt_arctic_hts --hours 1 --seed 22
shard kald0 --engine festival --voice kal_diphone --hours 0.5 --seed 23
shard world0 $natural --convert 1 --hours 1 --seed 11
shard world1 $diphone --convert 1 --hours 0.7 --seed 24
