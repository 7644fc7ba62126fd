#!/bin/sh
# Runs the programs of docs/examples and looks at what they print and write.
# usage: test_examples.sh TOP FOLDER_OF_PROGRAMS SANITIZER
set -u
top=$1 programs=$2 sanitizer=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# check WHAT COMMAND...: counts whether the command succeeds
check()
{
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not so: $what"
    fi
}

# prints PROGRAM TEXT: the program ends well and prints exactly that
prints()
{
    "$programs/$1" >"$work/printed" 2>&1 && [ "$(cat "$work/printed")" = "$2" ] || { cat "$work/printed"; false; }
}

# runs STATUS COMMAND...: ends with that status; its output is in $work/printed
runs()
{
    wanted=$1
    shift
    "$@" >"$work/printed" 2>&1
    status=$?
    [ "$status" -eq "$wanted" ] || { echo "exit status $status"; tail -n 20 "$work/printed"; false; }
}

says() { grep -qF -- "$1" "$work/printed" || { tail -n 20 "$work/printed"; false; }; }
ends_well() { tail -n 1 "$work/printed" | awk -v least="$1" '/^test accuracy: [01]\.[0-9][0-9][0-9][0-9]$/ && $3 >= least { good = 1 } END { exit !good }' || { tail "$work/printed"; false; }; }
figure() { tail -n 1 "$work/printed" | awk "{ good = $1 } END { exit !good }" || { tail "$work/printed"; false; }; }
differs() { ! cmp -s "$1" "$2"; }

# The quickstart with stand-ins for what it calls: results go below build/, so that git sees none, or where they are asked for.
mkdir -p clone/docs clone/build/docs/examples stand-ins
cp "$top/docs/quickstart.sh" clone/docs/
: >clone/build/build.ninja
for program in meson ninja apt-get sudo; do printf '#!/bin/sh\n' >"stand-ins/$program"; done
printf '#!/bin/sh\necho "install ok installed"\n' >stand-ins/dpkg-query
printf '#!/bin/sh\necho "given: $*"\n' >clone/build/docs/examples/train
chmod +x stand-ins/* clone/build/docs/examples/train
check "the quickstart runs" runs 0 env PATH="$work/stand-ins:$PATH" sh clone/docs/quickstart.sh --epochs 1 --out there
check "the quickstart writes below build/" says "given: --out $work/clone/build/results --epochs 1 --out there"

check "run.sh lists the programs" runs 0 sh "$top/docs/examples/run.sh"
check "run.sh has a line for each" [ "$(wc -l <"$work/printed")" -eq \
    "$(ls "$top"/docs/examples/*.c "$top"/docs/examples/xor.* | grep -vc /example.c)" ]
check "run.sh tells what they are" says "pinn                 A network that solves a differential equation"
check "run.sh lists what is in C++" says "xor                  cotan in C++"
check "run.sh lists what is in Python" says "xor.py               cotan in Python"
check "run.sh knows no other" runs 2 sh "$top/docs/examples/run.sh" nothing
check "run.sh says so" says "there is no program 'nothing'"

mkdir -p blocked/reinforce.csv
check "a log that cannot be written ends in an error" runs 1 "$programs/reinforce" --quick --out blocked
check "which is said" says "reinforce: blocked/reinforce.csv: Is a directory"

# ---- all of them: --quick, and the same bits whatever the threads ----
quick() { runs 0 env COTAN_BUILD="$programs/../.." sh "$top/docs/examples/run.sh" --quick "$@"; }
figures() { sed 's/^\(.\{20\}\) *[0-9]* s/\1/' "$work/printed" >"$1"; }
if [ "$sanitizer" = none ]; then
    check "all run briefly, on one thread" quick --threads 1 --out "$work/by-one"
    figures one-figures
    check "all run briefly, on three threads" quick --threads 3 --out "$work/by-three"
    figures three-figures
    check "each tells a figure" [ "$(grep -c ' s  .' "$work/printed")" -eq "$(sh "$top/docs/examples/run.sh" | wc -l)" ]
    check "the same figures" diff one-figures three-figures
    # of those that take longer when they are not brief
    quickly() { grep "^$1 " one-figures | sed "s/^.\{20\} *//" >"$work/printed"; figure "$2"; }
    check "autoencoder is better than PCA" quickly autoencoder '$8 + 0 < 0.08 && $10 > 0.09'
    check "initialisation decides what is learnt" quickly initialisation '$5 + 0 > 2.2 && $8 + 0 < 0.5 && $12 + 0 > 2.2 && $15 < 0.6'
    check "optimizers all learn" quickly optimizers '$NF > 0.85'
    check "schedules help" quickly schedules '$NF < 0.6 * ($6 + 0)'
    check "batch norm helps" quickly regularisation '$7 + 0 > 1.5 && $NF < 1'
    check "capsules read digits" quickly capsule '$NF > 0.93'
    check "shortcuts help deep networks" quickly degradation '$10 + 0 < $6 + 0 && $6 + 0 > $4 + 0'
    check "saliency: most images are misread after a small change" quickly saliency '$3 + 0 > 0.7 && $4 + 0 > 0.5 && $13 + 0 < 24'
    check "transfer: what was learnt on clothes helps" quickly transfer '$6 + 0 > $9 + 0.02 && $6 + 0 > 0.9'
    check "segmentation finds digits and their boxes" quickly segmentation '$2 > 0.1 && $10 > 0.6'
    check "500 layers learn if they begin orthogonal" quickly very_deep '$7 + 0 > 0.2 && $9 < 0.15'
    check "LeNet-5 learns, on a tenth of the images" quickly train '$3 > 0.7'
    check "small_cnn learns" quickly small_cnn '$NF > 0.9'
    check "gates remember what a plain network forgets" quickly adding '$4 + 0 > 0.1 && $6 + 0 < 0.05 && $8 + 0 < 0.02'
    check "seq2seq writes whole words and dates" quickly seq2seq '$5 > 0.9 && $9 > 0.9'
    check "gpt has learnt more than how frequent characters are" quickly gpt '$3 < 4.25'
    check "gan makes digits, of all kinds" quickly gan '$3 + 0 > 0.7 && $4 > 8 && $9 + 0 > 0.9'
    check "search finds numbers that work, finer ones better" quickly search '$3 + 0 > 0.9 && $NF < $(NF - 2) + 0'
    check "something is written by them" [ "$(ls by-one | wc -l)" -ge 15 ]
    check "the same bits in every file" diff -r by-one by-three
fi

# A search whose table has an invented first row, four rows more, and half of one
check "search runs" runs 0 "$programs/search" --quick --out searched
cp searched/search.csv whole.csv
check "search that had ended runs" runs 0 "$programs/search" --quick --out searched
check "search that had ended changes nothing" cmp searched/search.csv whole.csv
sed -e '2s/[^,]*$/0.001/' -e 6q whole.csv >searched/search.csv && printf '0.1,32,0' >>searched/search.csv
check "search goes on" runs 0 "$programs/search" --quick --jobs 1 --out searched
check "search keeps the rows that it has" [ "$(sed -n 2p searched/search.csv | sed 's/.*,//')" = 0.001 ]
check "search trains the others" [ "$(wc -l <searched/search.csv)" -eq "$(wc -l <whole.csv)" ]
check "search gets the same for them" [ "$(sed -n 7,10p searched/search.csv)" = "$(sed -n 7,10p whole.csv)" ]

check "circuit prints the lecture notes' numbers" prints circuit "f     = 0.7311
df/dw = (-0.1966, -0.3932, 0.1966)
df/dx = (0.3932, -0.5898)"
check "ten_lines finds the line" prints ten_lines "y = 2.000 x + 1.000"

check "deep_cnn runs" runs 0 "$programs/deep_cnn"
check "deep_cnn tells its layers" says "12 (linear)              [1,10]                          330"
check "deep_cnn knows digits that it has not seen" ends_well 0.95
check "vae runs" runs 0 "$programs/vae"
check "vae draws digits" [ "$(head -c 4 vae.png | tail -c 3)" = PNG ]
check "vae's bound is as good as it gets" figure '$6 > 20 && $6 < 27'
check "logistic_regression runs" runs 0 "$programs/logistic_regression"
check "logistic_regression tells the cells apart" ends_well 0.96
check "logistic_regression's area under the curve" awk '/^area/ { exit !($5 > 0.99) }' "$work/printed"
check "logistic_regression draws" grep -q "false alarms" roc.svg
check "mlp runs" runs 0 "$programs/mlp"
check "mlp knows digits that it has not seen" ends_well 0.97
check "inference reads its weights" runs 0 "$programs/inference"
check "inference is right" figure '$1 >= 9 && $2 == "of"'
check "inference reads an image" runs 0 "$programs/inference" --image digit-7.npy
check "inference tells it" says "digit: 7"
head -c 140 digit-7.npy >short.npy
check "inference with an image cut short" runs 1 "$programs/inference" --image short.npy
check "inference says so" says "npy_load: short.npy: truncated in the elements"
check "inference without weights" runs 1 "$programs/inference" --out empty
check "inference says what is not there" says "empty/mlp.safetensors: cannot open"
check "perceptron runs" runs 0 "$programs/perceptron"
check "perceptron keeps to its bound" figure '$6 + 0 > 20 && $6 + 0 < 300 && $6 + 0 < $9'
check "perceptron says what is not separable" says "XOR: 4000 mistakes in 1000 rounds, and none without: if a plane tells these apart, then by a margin below 0.0e+00"
check "linear_regression runs" runs 0 "$programs/linear_regression"
check "linear_regression is the same both ways" figure '$5 == "by" && $6 < 1e-9'
check "linear_regression's L1 leaves out a weight" awk '/L1/ { good = $6 > 0.4 && $7 < 0.001 && $7 > -0.001 } END { exit !good }' "$work/printed"
check "softmax_regression runs" runs 0 "$programs/softmax_regression"
check "softmax_regression's losses" figure '$5 + 0 > 0.94 && $7 > 0.93'
check "decision_boundary runs" runs 0 "$programs/decision_boundary"
check "decision_boundary: only hidden units tell XOR" figure '$4 + 0 < 0.8 && $8 > 0.98'
check "decision_boundary's picture" [ "$(head -c 4 decision_boundary.png | tail -c 3)" = PNG ]
check "normalisation runs" runs 0 "$programs/normalisation"
check "normalisation helps" figure '$3 < 0.92 && $7 > 0.96 && $9 > 0.96'
check "gcn runs" runs 0 "$programs/gcn"
check "gcn finds the two sides" figure '$1 >= 32 && $3 == 34'
check "reinforce runs" runs 0 "$programs/reinforce"
check "reinforce finds the shortest way" figure '$6 + 0 == 8'
check "pinn runs" runs 0 "$programs/pinn"
check "pinn has found the sine" figure '$1 == "largest" && $3 < 1e-3'
check "maml runs" runs 0 "$programs/maml"
check "maml learns from one step" figure '$6 > 2 && $8 < 1.2'
check "custom_op's gradient is right" runs 0 "$programs/custom_op"
check "custom_op says so" says PASS
lines=$(awk '/---- the check/ { on = 0 } on && NF && !/^\/\*/ { n++ } /---- the operation ----/ { on = 1 } END { print n }' \
    "$top/docs/examples/custom_op.c")
check "custom_op's operation has $lines lines, at most 25" [ "$lines" -gt 5 -a "$lines" -le 25 ]

check "char_lstm runs" runs 0 "$programs/char_lstm" --data "$top/LICENSE" --begin "Permission is "
check "char_lstm has learnt its text" says "Permission is hereby granted, free of charge, to any person"
check "char_lstm's bits per character" grep -q '^epoch 25/25  bits per character 0\.[0-5]' "$work/printed"
check "char_lstm tells its figure" figure '$2 == "bits" && $1 < 0.6'
check "char_lstm without a text" runs 1 "$programs/char_lstm" --data nowhere
check "char_lstm says so" says "dataset: nowhere: cannot open: No such file"
check "char_lstm names the package" says "char_lstm: nowhere: No such file or directory; Debian's package base-files has it"
check "gpt without a text" runs 1 "$programs/gpt" --quick --data nowhere
check "gpt names the package" says "gpt: nowhere/MPL-2.0: No such file or directory; Debian's package base-files has it"
check "xor, in C++, runs" runs 0 "$programs/xor"
check "xor, in C++, learns" says "loss below 0.01: yes"
if [ "$sanitizer" = none ]; then
    check "xor, in Python, runs" runs 0 python3 "$top/docs/examples/xor.py" "$programs/../../libcotan.so"
    check "xor, in Python, learns" says "loss below 0.1: yes"
fi

check "gradcheck_new_op goes from wrong to right" runs 0 "$programs/gradcheck_new_op"
check "gradcheck_new_op says so" says "first: FAIL, second: PASS"
check "gradcheck_new_op names the line" says "culprit: operation 'swish', node 1 of the forward pass, gradient of input 1, called at"
check "gradcheck_curve draws" runs 0 "$programs/gradcheck_curve"
check "gradcheck_curve's pictures" [ -s gradcheck_curve.svg -a -s gradcheck_mistake.svg ]

# ---- train: options ----
train=$programs/train
check "--help" runs 0 "$train" --help
check "--help lists the options" says "--epochs N"
while read -r option value words; do
    # shellcheck disable=SC2086 # an option without a value is one word
    check "$option $value is refused" runs 2 "$train" $option $value
    check "$option $value: a clear message" says "$words"
done <<'ROWS'
--epochs 0 --epochs 0: must be a whole number
--epochs 1.5 must be a whole number
--batch -3 --batch -3: must be
--batch 9999999999999999999 must be
--lr nan --lr nan: must be a number above 0
--lr 0 must be a number above 0
--seed x --seed x: must be
--seed -1 --seed -1: must be
--threads 0 --threads 0: must be a whole number from 1 to 256
--threads 257 must be
--wrong 1 unrecognized option
one two unexpected argument one
--out /proc/nowhere --out /proc/nowhere:
ROWS

# ---- train: the digits ----
digits() { runs 0 "$train" --data "$work/absent" "$@"; }
check "the digits are learnt" digits --threads 1 --out one
check "the missing data set is named" says "Fashion-MNIST is not in $work/absent"
check "the gradient check comes first" says "gradient check of the loss"
check "0.95 on the held-out fifth" ends_well 0.95
check "plain lines without a terminal" [ "$(grep -c '^epoch ' printed)" -eq 30 ]
for file in digits.safetensors digits-loss.svg digits-graph.dot; do
    check "$file is written" [ -s "one/$file" ]
done
check "another number of threads" digits --threads 2 --out two
for file in digits.safetensors digits-loss.svg digits-graph.dot; do
    check "the same $file from the same seed" cmp "one/$file" "two/$file"
done
check "a profile" digits --threads 1 --epochs 1 --profile --out timed
for words in "profile: " "by operation" "conv2d backward" "by region" "  conv1 " "time line:  timed/profile.json"; do
    check "a profile has: $words" says "$words"
done
check "the time line is JSON" python3 -c 'import json, sys; sys.exit(len(json.load(open("timed/profile.json"))["traceEvents"]) < 500)'
check "another seed" digits --seed 1 --epochs 1 --batch 100 --out three
check "another model from another seed" differs one/digits.safetensors three/digits.safetensors
if command -v script >/dev/null; then
    check "a terminal" runs 0 script -qec "$train --data $work/absent --epochs 2 --out one" /dev/null
    check "a live line" says "$(printf '\repoch 1/2 [..........')"
fi

# ---- train: Fashion-MNIST ----
data=/usr/share/datasets/fashion-mnist
if [ -d "$data" ]; then
    mkdir damaged && cp "$data"/*.gz damaged/ && head -c 100000 "$data/train-images-idx3-ubyte.gz" >damaged/train-images-idx3-ubyte.gz
    check "a damaged file is refused" runs 1 "$train" --data damaged
    check "a damaged file is named" says "damaged/train-images-idx3-ubyte.gz"
    check "no model of a run that failed" [ ! -e lenet5.safetensors ]
    rm -r damaged
else
    echo "Fashion-MNIST is not installed: skipped"
fi

echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
