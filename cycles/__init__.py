"""A billing cycle: plan, partitions, run, review, approval, publish, and the working of a bill."""

import model as model  # first: it says how pandera is loaded, also in a process that computes one task
