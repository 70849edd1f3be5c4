"""Golden values for agreement statistics, from scikit-learn, krippendorff, NumPy and Pillow.

    python -P generate.py > golden.json

(-P keeps this folder off the import path: the file bears the name of a standard module.)
Made with Python 3.11.7, NumPy 2.4.6, scikit-learn 1.9.1, krippendorff 0.9.0, Pillow 13.0.0.
Needs: pip install numpy scikit-learn krippendorff pillow
The data are random with a fixed seed; a second run gives the same bytes.

Structure. Values are full doubles; null means "undefined". SUMMARY is
  [n, undefined, mean, population std, sample std]: n values went in, `undefined` were left out;
  null where there is nothing to compute (no value; one value for the sample std).
SCORES is [f1, sensitivity, specificity].

labels: one entry per data set
  name, images (how many), raters (names, not in sorted order: "r10" sorts before "r2"),
  classes (["0", "1"] for a yes/no label, else six letters),
  judgements {rater: text}: one character per image, "-" where the rater did not see it,
  one_vs_rest: one entry per positive class ("1", or four of the six):
    positive
    pairs: [reference, prediction, [tp, fp, fn, tn], SCORES zero, SCORES nan] for every ordered pair
      of raters who share images, on the shared images. "zero": 0/0 = 0. "nan": 0/0 is undefined.
      F1 is 0/0 only when tp + fp + fn = 0. Yes/no sets only: the six-class set keeps the summaries.
    ordered, unordered: {zero: {f1: SUMMARY, sensitivity, specificity}, nan: {...}} over those
      pairs; unordered takes each pair once, the reference is the rater whose name sorts first.
    consensus_of_labels: reference on an image = the class that more than half of the *other*
      raters who judged it gave (over all classes), then this class against the rest
    consensus_of_yes_no: every judgement is first turned into "this class: yes / no", then the
      strict majority of the other raters. For a yes/no label the two are the same thing, and
      only consensus_of_labels is given. Both hold:
        raters: [rater, images used, ties (no strict majority), images with no other rater,
                 SCORES zero, SCORES nan]; a rater with no usable image has null for both
        summary {zero: {f1: SUMMARY, ...}, nan: {...}} over the raters with usable images
  alpha: Krippendorff's alpha, nominal, on all images
  bootstrap (some sets): resamples [[image index, ...], ...], an image drawn twice counts twice;
    f1 {positive: {values, interval}}: mean over ordered pairs of F1 with 0/0 = 0, the pairs that
    share no image in a resample left out; alpha {values, interval}. interval: [low, high] at
    95 %, numpy.quantile (linear) at 0.025 and 0.975 over the defined values.

masks: one entry per set
  name, raters, sizes [[height, width], ...] per image,
  masks {rater: [text, ...]}: per image, row by row, 0 / 1,
  small {rater: [text, ...]}: the same masks after a nearest-neighbour resize to 5 rows x 7 columns,
  full, resized: scores at both sizes
    pairs: [image, reference, other, SCORES] for ordered pairs; both masks empty: left out;
      sensitivity null when the reference is empty, specificity null when the reference is full
    summary {f1: SUMMARY, ...} over those
    consensus: [image, rater, pixels of the consensus, SCORES]: reference = the pixels that more
      than half of the other raters marked; same rules
    consensus_summary {f1: SUMMARY, ...} over those
"""

import json
import sys
import warnings
from importlib.metadata import version

import krippendorff
import numpy as np
import PIL
import sklearn
from PIL import Image
from sklearn.metrics import confusion_matrix, f1_score, recall_score

SEED = 20210
NAMES = ["f1", "sensitivity", "specificity"]
warnings.filterwarnings("ignore", category=RuntimeWarning)   # alpha: 0 / 0 on uniform data


def number(x):
    """A plain float, None when undefined."""
    return None if x is None or not np.isfinite(x) else float(x)


def summary(values):
    kept = np.array([v for v in values if v is not None], dtype=float)
    n = len(kept)
    return [n, len(values) - n, number(kept.mean()) if n else None,
            number(kept.std()) if n else None, number(kept.std(ddof=1)) if n > 1 else None]


def summaries(rows):
    return {name: summary([row[k] for row in rows]) for k, name in enumerate(NAMES)}


def label_scores(reference, predicted, zero_division):
    """F1, sensitivity, specificity of 0 / 1 arrays by scikit-learn."""
    options = {"average": None, "zero_division": zero_division}
    return [number(f1_score(reference, predicted, labels=[1], **options)[0]),
            number(recall_score(reference, predicted, labels=[1], **options)[0]),
            number(recall_score(reference, predicted, labels=[0], **options)[0])]


def both_rules(reference, predicted):
    return label_scores(reference, predicted, 0), label_scores(reference, predicted, np.nan)


# ---------------------------------------------------------------- labels
# A data set is an integer array votes[rater, image]; -1 = not seen.

def make_votes(rng, images, raters, chances, error, seen):
    truth = np.searchsorted(np.cumsum(chances)[:-1], rng.random(images), side="right")
    guess = np.searchsorted(np.cumsum(chances)[:-1], rng.random((raters, images)), side="right")
    votes = np.where(rng.random((raters, images)) < error, guess, truth)
    return np.where(rng.random((raters, images)) < seen, votes, -1)


def ordered_pairs(raters):
    return [(a, b) for a in range(len(raters)) for b in range(len(raters)) if a != b]


def pair_rows(votes, raters, positive):
    rows = []
    for a, b in ordered_pairs(raters):
        shared = (votes[a] >= 0) & (votes[b] >= 0)
        if shared.any():
            x, y = votes[a, shared] == positive, votes[b, shared] == positive
            tn, fp, fn, tp = (int(n) for n in confusion_matrix(x, y, labels=[False, True]).ravel())
            rows.append([raters[a], raters[b], [tp, fp, fn, tn], *both_rules(x * 1, y * 1)])
    return rows


def pair_summaries(rows):
    return {"zero": summaries([r[3] for r in rows]), "nan": summaries([r[4] for r in rows])}


def consensus(votes, raters, positive):
    """votes may be classes or already 0 / 1 with positive = 1."""
    rows = []
    for r, name in enumerate(raters):
        reference, predicted, ties, alone = [], [], 0, 0
        for i in np.flatnonzero(votes[r] >= 0):
            others = np.delete(votes[:, i], r)
            others = others[others >= 0]
            if len(others) == 0:
                alone += 1
                continue
            values, counts = np.unique(others, return_counts=True)
            if 2 * counts.max() <= len(others):
                ties += 1
                continue
            reference.append(int(values[counts.argmax()] == positive))
            predicted.append(int(votes[r, i] == positive))
        scores = both_rules(reference, predicted) if reference else (None, None)
        rows.append([name, len(reference), ties, alone, *scores])
    used = [r for r in rows if r[1]]
    return {"raters": rows, "summary": {"zero": summaries([r[4] for r in used]),
                                        "nan": summaries([r[5] for r in used])}}


def alpha(votes):
    data = np.where(votes >= 0, votes, np.nan)
    try:
        return number(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"))
    except ValueError:          # one value only, or no image with two raters
        return None


def mean_pair_f1(votes, raters, positive):
    values = []
    for a, b in ordered_pairs(raters):
        shared = (votes[a] >= 0) & (votes[b] >= 0)
        if shared.any():
            x, y = votes[a, shared] == positive, votes[b, shared] == positive
            both, either = np.sum(x & y), np.sum(x) + np.sum(y)
            values.append(2 * both / either if either else 0.0)
    return number(np.mean(values)) if values else None


def with_interval(values):
    kept = [v for v in values if v is not None]
    return {"values": values, "interval": [float(q) for q in np.quantile(kept, [0.025, 0.975])]}


def label_set(rng, name, votes, raters, classes, bootstrap_classes=()):
    images = votes.shape[1]
    entry = {"name": name, "images": images, "raters": raters, "classes": classes,
             "judgements": {r: "".join("-" if v < 0 else classes[v] for v in row)
                            for r, row in zip(raters, votes)},
             "one_vs_rest": []}
    for positive in [1] if len(classes) == 2 else [0, 2, 4, 5]:
        rows = pair_rows(votes, raters, positive)
        part = {"positive": classes[positive]}
        if len(classes) == 2:
            part["pairs"] = rows
        part["ordered"] = pair_summaries(rows)
        part["unordered"] = pair_summaries([r for r in rows if r[0] < r[1]])
        part["consensus_of_labels"] = consensus(votes, raters, positive)
        if len(classes) > 2:
            yes_no = np.where(votes < 0, -1, votes == positive)
            part["consensus_of_yes_no"] = consensus(yes_no, raters, 1)
        # The shortcut of the bootstrap gives scikit-learn's mean.
        mean = part["ordered"]["zero"]["f1"][2]
        assert mean is None or abs(mean - mean_pair_f1(votes, raters, positive)) < 1e-12
        entry["one_vs_rest"].append(part)
    entry["alpha"] = alpha(votes)
    if bootstrap_classes:
        resamples = rng.integers(0, images, size=(50, images))
        for s in resamples[:5]:
            rows = pair_rows(votes[:, s], raters, bootstrap_classes[0])
            ours = mean_pair_f1(votes[:, s], raters, bootstrap_classes[0])
            assert abs(ours - pair_summaries(rows)["zero"]["f1"][2]) < 1e-12
        entry["bootstrap"] = {
            "resamples": resamples.tolist(),
            "f1": {classes[c]: with_interval([mean_pair_f1(votes[:, s], raters, c)
                                              for s in resamples]) for c in bootstrap_classes},
            "alpha": with_interval([alpha(votes[:, s]) for s in resamples])}
    return entry


def label_sets(rng):
    yes_no = ["0", "1"]
    four, five = ["r2", "r10", "r1", "r3"], ["ann", "eve", "Bob", "dan", "cy"]
    sets = [label_set(rng, "common", make_votes(rng, 40, 5, [0.5, 0.5], 0.3, 0.6), five, yes_no),
            label_set(rng, "uncommon", make_votes(rng, 24, 4, [0.8, 0.2], 0.25, 0.7), four, yes_no,
                      [1])]
    rare = make_votes(rng, 20, 5, [0.94, 0.06], 0.3, 0.6)
    sets.append(label_set(rng, "rare", rare, five, yes_no, [1]))
    apart = make_votes(rng, 12, 4, [0.75, 0.25], 0.6, 0.6)
    apart[0, 6:], apart[1, :6] = -1, -1          # the first two raters share no image
    apart[1:, 0], apart[0, 0] = -1, 1            # an image with one rater only
    sets.append(label_set(rng, "apart", apart, four, yes_no, [1]))
    sets.append(label_set(rng, "never", np.zeros((4, 12), int), four, yes_no))
    chances = [0.3, 0.25, 0.18, 0.13, 0.08, 0.06]
    six = make_votes(rng, 30, 5, chances, 0.35, 0.6)
    sets.append(label_set(rng, "six", six, five, list("ABCDEF"), [0, 4]))
    return sets


# ---------------------------------------------------------------- masks

def blob(rng, height, width):
    """Runs of pixels on neighbouring rows."""
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(rng.integers(1, 3)):
        top, rows = rng.integers(0, height), rng.integers(2, height)
        left, length = rng.integers(0, width), rng.integers(2, width)
        for y in range(top, min(height, top + rows)):
            left = int(np.clip(left + rng.integers(-1, 2), 0, width - 1))
            mask[y, left:left + length] = True
    return mask


def outline(rng, lesion):
    """One rater's version: the lesion a little off, with a blob of his own, or nothing."""
    fate = rng.random()
    if fate < 0.2:
        return np.zeros_like(lesion)
    mask = np.roll(lesion, rng.integers(-2, 3, size=2), axis=(0, 1))
    return mask | blob(rng, *lesion.shape) if fate > 0.6 else mask


def mask_scores(reference, other):
    """Dice, sensitivity, specificity; None when both masks are empty."""
    s, a = reference.ravel(), other.ravel()
    if not s.any() and not a.any():
        return None
    both = np.sum(s & a)
    scores = [float(2 * both / (s.sum() + a.sum())),
              float(both / s.sum()) if s.any() else None,
              float(np.sum(~s & ~a) / np.sum(~s)) if not s.all() else None]
    library = label_scores(s * 1, a * 1, np.nan)
    for ours, theirs in zip(scores, library):
        assert (ours is None) == (theirs is None) and (ours is None or abs(ours - theirs) < 1e-12)
    return scores


def shrink(mask):
    small = Image.fromarray(mask.astype(np.uint8)).resize((7, 5), Image.Resampling.NEAREST)
    small = np.asarray(small) > 0
    # The same by integers: source index = floor((i + 1/2) * old / new).
    rows = (2 * np.arange(5) + 1) * mask.shape[0] // 10
    columns = (2 * np.arange(7) + 1) * mask.shape[1] // 14
    assert (small == mask[np.ix_(rows, columns)]).all()
    return small


def scored(masks, raters):
    """masks[rater][image]"""
    pairs, agreed = [], []
    for i in range(len(masks[0])):
        for a, b in ordered_pairs(raters):
            scores = mask_scores(masks[a][i], masks[b][i])
            if scores:
                pairs.append([i, raters[a], raters[b], scores])
        for r, name in enumerate(raters):
            others = np.array([m[i] for k, m in enumerate(masks) if k != r])
            majority = 2 * others.sum(axis=0) > len(others)
            scores = mask_scores(majority, masks[r][i])
            if scores:
                agreed.append([i, name, int(majority.sum()), scores])
    return {"pairs": pairs, "summary": summaries([p[3] for p in pairs]),
            "consensus": agreed, "consensus_summary": summaries([c[3] for c in agreed])}


def text(mask):
    return "".join("1" if v else "0" for v in mask.ravel())


def mask_set(rng, name, raters, sizes):
    lesions = [blob(rng, *size) for size in sizes]
    masks = [[outline(rng, lesion) for lesion in lesions] for _ in raters]
    for m in masks:
        m[-1][:] = False                          # the last image: nobody outlined anything
    masks[0][-2][:] = True                        # the one before: a full mask
    small = [[shrink(m) for m in rater] for rater in masks]
    return {"name": name, "raters": raters, "sizes": sizes,
            "masks": {r: [text(m) for m in rater] for r, rater in zip(raters, masks)},
            "small": {r: [text(m) for m in rater] for r, rater in zip(raters, small)},
            "full": scored(masks, raters), "resized": scored(small, raters)}


def main():
    rng = np.random.default_rng(SEED)
    golden = {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__,
                     "scikit-learn": sklearn.__version__, "krippendorff": version("krippendorff"),
                     "pillow": PIL.__version__},
        "seed": SEED,
        "labels": label_sets(rng),
        "masks": [mask_set(rng, "three", ["m1", "m2", "m3"], [[12, 17]] * 6),
                  mask_set(rng, "four", ["m1", "m2", "m3", "m4"], [[9, 23], [13, 7], [8, 11]])],
    }
    print(json.dumps(golden, separators=(",", ":"), allow_nan=False))


main()
