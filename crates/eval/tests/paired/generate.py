"""Writes golden.json: paired tests by SciPy and statsmodels.

    pip install scipy==1.17.1 statsmodels==0.15.0 numpy==2.4.6
    python generate.py

Up to 50 differences the signed-rank test is exact, above it is the normal approximation. SciPy gets
differences rounded to 12 digits, so that what is left of rounding is a zero or a tie.
"""

import json
import pathlib

import numpy as np
from scipy.stats import permutation_test, rankdata, wilcoxon
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests


def signed_rank_by_enumeration(values):
    """The two-sided p over all signs of the ranks; the sums' distribution is a convolution."""
    values = values[values != 0]
    doubled = np.rint(2 * rankdata(np.abs(values))).astype(int)
    chance = np.ones(1)
    for rank in doubled:
        step = np.zeros(rank + 1)
        step[[0, rank]] = 0.5
        chance = np.convolve(chance, step)
    smaller = min(doubled[values > 0].sum(), doubled[values < 0].sum())
    return smaller / 2, min(1.0, 2 * chance[: smaller + 1].sum())


def wilcoxon_cases(rng):
    for n in [1, 2, 5, 6, 12, 30, 50, 51, 80, 300]:
        for levels in [None, 8]:
            # With levels there are ties and zeros.
            for shift in [0.0, 0.3]:
                values = rng.normal(shift, 1, n)
                if levels is not None:
                    values = np.round(values * levels / 4) / levels
                if not np.any(values):
                    continue
                if levels is not None and 13 < np.count_nonzero(values) <= 50:
                    # SciPy enumerates ties up to 13 differences only.
                    statistic, p = signed_rank_by_enumeration(values)
                else:
                    found = wilcoxon(values, zero_method="wilcox", correction=False, method="auto")
                    statistic, p = found.statistic, found.pvalue
                yield {"differences": values.tolist(), "statistic": float(statistic), "p": float(p)}


def share_cases(rng):
    """Differences of shares of five seeds, whose last bits are rounding: zeros and ties."""
    for n in [12, 90, 200]:
        one, other = rng.binomial(5, rng.random(n)) / 5, rng.binomial(5, rng.random(n)) / 5
        values = np.where(rng.random(n) < 0.3, (0.1 + 0.2) - 0.3, (1 - one) - (1 - other))
        rounded = np.round(values, 12)
        if np.count_nonzero(rounded) <= 50:
            statistic, p = signed_rank_by_enumeration(rounded)
        else:
            found = wilcoxon(rounded, zero_method="wilcox", correction=False, method="asymptotic")
            statistic, p = found.statistic, found.pvalue
        yield {"differences": values.tolist(), "statistic": float(statistic), "p": float(p)}


def permutation_cases(rng):
    for n in [2, 4, 9, 15]:
        for numbers in [(1, 2), (1, 5), (2, 5)]:
            chance = rng.random(n)
            one, other = (rng.binomial(number, chance) for number in numbers)
            values = one * numbers[1] - other * numbers[0]
            if not values.any():
                continue
            found = permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf)
            yield {"differences": values.tolist(), "p": float(found.pvalue)}


def mcnemar_cases(rng):
    pairs = [(0, 0), (0, 1), (1, 1), (0, 12), (3, 9), (20, 20), (40, 61), (150, 230)]
    for b, c in pairs:
        table = [[int(rng.integers(0, 90)), b], [c, int(rng.integers(0, 90))]]
        p = 1.0 if b + c == 0 else float(mcnemar(table, exact=True).pvalue)
        yield {"only_first": b, "only_second": c, "p": p}


def holm_cases(rng):
    for n in [1, 2, 5, 18]:
        p = rng.random(n) ** 3
        if n == 18:
            p[3] = p[7]
        yield {"p": p.tolist(), "adjusted": multipletests(p, method="holm")[1].tolist()}


def main():
    rng = np.random.default_rng(11)
    golden = {
        "wilcoxon": list(wilcoxon_cases(rng)),
        "mcnemar": list(mcnemar_cases(rng)),
        "holm": list(holm_cases(rng)),
        "shares": list(share_cases(rng)),
        "permutation": list(permutation_cases(rng)),
    }
    text = json.dumps(golden, separators=(",", ":")).replace("{", "\n{")
    pathlib.Path(__file__).with_name("golden.json").write_text(text.lstrip() + "\n")


if __name__ == "__main__":
    main()
