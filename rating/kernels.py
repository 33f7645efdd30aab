"""Kernels: loops that carry state along rows, on integer arrays, compiled by numba."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from model.compiled import compiled

if TYPE_CHECKING:
    pass

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

# Squares of two such numbers add up inside int64.
APPARENT_MAX = 2**31 - 1

# Base of the limbs in which prices of slots, and sums of them, are kept.
LIMB = 10**8
# Energy of a slot that is priced: times a limb, with what is carried, it stays below 2^63.
PRICED_ENERGY_MAX = 9 * 10**10

# Below this, twice a remainder cannot leave int64.
APPORTION_MAX = 2**61


@compiled
def share_kernel(part: int, amount: int, whole: int) -> tuple[int, int]:
    """Return quotient and remainder of part x amount / whole without leaving int64.

    int64 scalars, 0 <= part <= whole, 0 <= amount <= whole, 0 < whole < 2^61. The product may need 122 bits, so it
    is built bit by bit, from the highest bit of `amount` down.
    """
    quotient = 0
    rest = 0
    for bit in range(60, -1, -1):
        quotient *= 2
        rest *= 2
        if rest >= whole:
            quotient += 1
            rest -= whole
        if (amount >> bit) & 1:
            rest += part
            if rest >= whole:
                quotient += 1
                rest -= whole
    return quotient, rest


@compiled
def apportion_kernel(
    use: Int64s, use_start: Int64s, tier: Int64s, tier_start: Int64s, out_start: Int64s, out_quantity: Int64s
) -> None:
    """Share tier quantities over periods by use, so that rows and columns add up.

    All arrays are int64. Group g has the periods use[use_start[g] : use_start[g + 1]] and, filling from the lowest
    tier up, the tier quantities tier[tier_start[g] : tier_start[g + 1]]; both add up to the same total. Its cells
    begin at out_start[g], tier after tier, the periods of a tier in their order.

    A tier is shared in proportion to what each period has left, by largest remainder; on equal remainders the
    earlier period gets the unit. A share never exceeds what is left, and the last tier takes exactly the rest.
    """
    for group in range(len(use_start) - 1):
        first, last = use_start[group], use_start[group + 1]
        count = last - first
        left = use[first:last].copy()
        rests = np.zeros(count, dtype=np.int64)
        total = left.sum()
        cell = out_start[group]
        for step in range(tier_start[group], tier_start[group + 1]):
            amount = tier[step]
            given = 0
            for period in range(count):
                share, rest = (0, 0) if amount == 0 else share_kernel(left[period], amount, total)
                out_quantity[cell + period] = share
                rests[period] = rest
                given += share
            for _ in range(amount - given):
                best = 0
                for period in range(1, count):
                    if rests[period] > rests[best]:
                        best = period
                out_quantity[cell + best] += 1
                rests[best] = -1
            for period in range(count):
                left[period] -= out_quantity[cell + period]
            total -= amount
            cell += count


def apportion(use: Int64s, use_start: Int64s, tier: Int64s, tier_start: Int64s) -> Int64s:
    """Return the cells of `apportion_kernel`, after checking what it trusts.

    Raises:
        AssertionError: lengths, types, order or bounds are not as the kernel needs them.
    """
    for array in (use, use_start, tier, tier_start):
        assert array.dtype == np.int64, f"the kernel takes int64, found {array.dtype}"
    assert len(use_start) == len(tier_start), "use and tiers must have the same groups"
    assert use_start[-1] == len(use), "the last group of uses must end at the last use"
    assert tier_start[-1] == len(tier), "the last group of tiers must end at the last tier"
    assert not len(use) or (use.min() >= 0 and use.max() < APPORTION_MAX), "a use is negative or above the bound"
    assert not len(tier) or tier.min() >= 0, "a tier quantity is negative"
    totals = np.add.reduceat(use, use_start[:-1]) if len(use) else np.zeros(0, dtype=np.int64)
    tier_totals = np.add.reduceat(tier, tier_start[:-1]) if len(tier) else np.zeros(0, dtype=np.int64)
    assert np.array_equal(totals, tier_totals), "tiers must add up to the use of their group"
    assert not len(totals) or totals.max() < APPORTION_MAX, "a total is above the bound"
    cells = np.diff(use_start) * np.diff(tier_start)
    out_start = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(cells)])
    out_quantity = np.zeros(out_start[-1], dtype=np.int64)
    apportion_kernel(use, use_start, tier, tier_start, out_start, out_quantity)
    return out_quantity


@compiled
def apparent_kernel(first: Int64s, second: Int64s, out_apparent: Int64s) -> None:
    """Fill the square root of first^2 + second^2, rounded half up to a whole number.

    All arrays are int64 of one length, in any order; magnitudes are below 2^31, so that the sum of squares stays
    below 2^63. The float root is a first guess only; whole numbers correct it.
    """
    for place in range(len(first)):
        square = first[place] * first[place] + second[place] * second[place]
        root = int(math.sqrt(square))
        while root * root > square:
            root -= 1
        while (root + 1) * (root + 1) <= square:
            root += 1
        out_apparent[place] = root + 1 if square > root * root + root else root


def apparent_energy(first: Int64s, second: Int64s) -> Int64s:
    """Return the roots of `apparent_kernel` for arrays of any one shape and any magnitude."""
    assert first.shape == second.shape, f"slots must have one shape, found {first.shape} and {second.shape}"
    assert first.dtype == second.dtype == np.int64, f"the kernel takes int64, found {first.dtype}, {second.dtype}"
    flat, other = first.ravel(), second.ravel()
    is_large = np.maximum(np.abs(flat), np.abs(other)) > APPARENT_MAX
    found = np.zeros(len(flat), dtype=np.int64)
    apparent_kernel(np.where(is_large, 0, flat), np.where(is_large, 0, other), found)
    for place in np.flatnonzero(is_large).tolist():
        # No meter counts this much in a slot; a wrong reading must still not stop everyone else.
        square = int(flat[place]) ** 2 + int(other[place]) ** 2
        root = math.isqrt(square)
        found[place] = root + 1 if square > root * root + root else root
    return found.reshape(first.shape)


@compiled
def price_slots_kernel(energy: Int64s, price_row: Int64s, limbs: Int64s, period: Int64s, out_limbs: Int64s) -> None:
    """Add energy x price over the slots of each period, without leaving int64.

    All arrays are int64. energy: day, slot. price_row: day, the place of its prices in `limbs`. limbs: place, slot,
    and the 4 limbs of a price, base 10^8, lowest first; the highest carries the sign, the others are not negative.
    period: slot. out_limbs: day, period, and the limbs of the sum, zero at first.
    Bounds: |energy| <= 9 x 10^10, so that a limb of a product and what is carried to it stay below 2^63.
    """
    for row in range(energy.shape[0]):
        place = price_row[row]
        for slot in range(energy.shape[1]):
            carry = 0
            for limb in range(4):
                total = out_limbs[row, period[slot], limb] + energy[row, slot] * limbs[place, slot, limb] + carry
                carry = 0
                if limb < 3:
                    carry = total // LIMB
                    total -= carry * LIMB
                out_limbs[row, period[slot], limb] = total


def price_slots(energy: Int64s, price_row: Int64s, limbs: Int64s, period: Int64s, periods: int) -> Int64s:
    """Return the limbs of `price_slots_kernel`, after checking what it trusts."""
    for array in (energy, price_row, limbs, period):
        assert array.dtype == np.int64, f"the kernel takes int64, found {array.dtype}"
    rows, slots = energy.shape
    assert price_row.shape == (rows,), "each day needs one price row"
    assert period.shape == (slots,), "each slot needs one period"
    assert not rows or (limbs.shape[1] >= slots and limbs.shape[2] == 4), "prices must cover all slots, in 4 limbs"
    assert not rows or (price_row.min() >= 0 and price_row.max() < len(limbs)), "a price row is not there"
    assert not slots or (period.min() >= 0 and period.max() < periods), "a period is not there"
    assert not rows or np.abs(energy).max() <= PRICED_ENERGY_MAX, "an energy is above the bound"
    low, high = limbs[:, :, :3], limbs[:, :, 3]
    assert not rows or (low.min() >= 0 and low.max() < LIMB and np.abs(high).max() < 2 * LIMB), "a limb is no limb"
    out_limbs = np.zeros((rows, periods, 4), dtype=np.int64)
    price_slots_kernel(energy, price_row, limbs, period, out_limbs)
    return out_limbs


@compiled
def fill_tiers_kernel(
    energy: Int64s, period: Int64s, row_start: Int64s, upper: Int64s, upper_start: Int64s, out_quantity: Int64s
) -> None:
    """Fill the tiers of each group slot by slot, in the order of its rows.

    All arrays are int64. Group g has the days energy[row_start[g] : row_start[g + 1]] (day, slot; not negative), in
    the order of time, and the upper edges upper[upper_start[g] : upper_start[g + 1]], ascending, of all tiers but the
    last. period: day, slot; below zero where a slot does not count. out_quantity: group, tier, period; zero at first.
    """
    for group in range(len(row_start) - 1):
        first_edge, edges = upper_start[group], upper_start[group + 1] - upper_start[group]
        filled = 0
        tier = 0
        for row in range(row_start[group], row_start[group + 1]):
            for slot in range(energy.shape[1]):
                if period[row, slot] < 0:
                    continue
                rest = energy[row, slot]
                while rest > 0:
                    part = rest
                    if tier < edges:
                        room = upper[first_edge + tier] - filled
                        if room <= 0:
                            tier += 1
                            continue
                        part = min(rest, room)
                    out_quantity[group, tier, period[row, slot]] += part
                    filled += part
                    rest -= part


def fill_tiers(energy: Int64s, period: Int64s, row_start: Int64s, upper: Int64s, upper_start: Int64s) -> Int64s:
    """Return the cells of `fill_tiers_kernel` (group, tier, period), after checking what it trusts.

    Raises:
        AssertionError: lengths, types, order or bounds are not as the kernel needs them.
    """
    for array in (energy, period, row_start, upper, upper_start):
        assert array.dtype == np.int64, f"the kernel takes int64, found {array.dtype}"
    assert energy.shape == period.shape, "each slot needs a period"
    assert len(row_start) == len(upper_start), "days and edges must have the same groups"
    assert row_start[-1] == len(energy), "the last group of days must end at the last day"
    assert upper_start[-1] == len(upper), "the last group of edges must end at the last edge"
    assert not energy.size or energy.min() >= 0, "an energy is negative"
    assert not energy.size or float(energy.max()) * energy.size < APPORTION_MAX, "a sum is above the bound"
    within = np.ones(len(upper), dtype=np.bool_)
    within[upper_start[:-1][np.diff(upper_start) > 0]] = False
    assert (np.diff(upper)[within[1:]] >= 0).all(), "edges must ascend"
    tiers = int(np.diff(upper_start).max(initial=0)) + 1
    periods = int(period.max(initial=-1)) + 1
    out_quantity = np.zeros((len(row_start) - 1, tiers, periods), dtype=np.int64)
    fill_tiers_kernel(energy, period, row_start, upper, upper_start, out_quantity)
    return out_quantity
