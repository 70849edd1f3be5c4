# Makes, in the current folder, what the commands of README and book speak of. $ROOT is the project,
# `dermx` is on the path.

# The study's layout with painted photos, in place of the real ones.
dermx synth --quiet --out datasets/synthetic --images 12 --train-images 36
cp -R datasets/synthetic/train datasets/train
cp -R "$ROOT/datasets/published" datasets/published
if [ -n "${DERMX_DATA:-}" ]; then
    ln -s "$(realpath "$DERMX_DATA")" datasets/dermx
else
    cp -R datasets/synthetic/dermx datasets/dermx
fi

# Somebody's photos of three classes, nine of them with masks of two raters: as they come (`marked`), and
# described by a dataset.toml (`animals/test`).
fixture=$ROOT/crates/formats/tests/fixture
mkdir -p animals/train marked/masks
cp -R "$fixture/images/." marked/
cp -R "$fixture/masks/alice" "$fixture/masks/bob" marked/masks/
cp -R marked animals/test
dermx dataset init --quiet animals/test
animal() { # four photos of a class of the painted ones
    mkdir "animals/train/$2"
    for photo in $(ls datasets/train/"$1"/* | head -n 4); do cp "$photo" "animals/train/$2"; done
}
animal acne cat
animal psoriasis_no_pustular dog
animal wart bird
cp -R marked/cat photos

# Somebody's heat maps and predictions of them.
cp -R "$fixture/maps" my-maps
cat >my-predictions.csv <<'EOF'
image_id,predicted
cat/001,cat
cat/a.1,cat
cat/indoors/002,cat
dog/001,dog
dog/003,cat
dog/old/b.2,dog
bird/001,bird
bird/004,bird
bird/no 7,dog
EOF

# A finished run, smaller than any that is printed.
cat >animals.toml <<'EOF'
[data]
train = "animals/train"
test = "animals/test"
[model]
architecture = "resnet18"
[input]
size = [64, 64]
[run]
epochs = 1
EOF
dermx train --quiet --config animals.toml
rm animals.toml
